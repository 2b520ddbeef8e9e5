//! The hot path: one handle per instance, asked before each call of the host's code.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::audit::Outcome;
use super::cache::{Answer, Cache};
use super::component::Component;
use super::denial::{Denial, Reason};
use super::permissions::Shared;
use super::quota::{Meter, QuotaExceeded, QuotaKind};
use super::request::Request;
use super::rules::Rules;

/// Checks what an instance of a component asks for.
///
/// It remembers up to 64 answers, granted and denied, for targets of up to 256 bytes. A
/// change of the component's permissions, by any thread, makes it forget them all before
/// its next answer. A clone begins with nothing remembered.
pub struct Checker {
    shared: Arc<Shared>,
    component: Arc<Component>,
    known: Mutex<Known>,
}

struct Known {
    generation: u64,
    rules: Arc<Rules>,
    cache: Cache,
}

/// What a look at the cache gives.
enum Look {
    /// Granted, and nobody listens.
    Quiet,
    Known(Answer),
    /// To be decided by these rules, which are of that generation or newer.
    Unknown(u64, Arc<Rules>),
}

impl Checker {
    pub(super) fn new(shared: Arc<Shared>, component: Arc<Component>) -> Self {
        let generation = component.generation();
        let rules = component.rules();
        let known = Mutex::new(Known {
            generation,
            rules,
            cache: Cache::default(),
        });
        Checker {
            shared,
            component,
            known,
        }
    }

    /// The component's name.
    pub fn component(&self) -> &str {
        &self.component.name
    }

    /// Whether the component may do this now. `function` is the name in WIT of the
    /// function of the contract that is called, for the audit:
    /// `enginebay:storage/store#get`.
    ///
    /// # Errors
    /// It may not.
    pub fn check<'a>(&self, function: &str, request: impl Into<Request<'a>>) -> Result<(), Denial> {
        let request = request.into();
        let answer = match self.look(&request) {
            Look::Quiet => return Ok(()),
            Look::Known(answer) => answer,
            Look::Unknown(generation, rules) => {
                let (outcome, reason) = self.shared.decide(&rules, &request);
                let answer = match outcome {
                    Outcome::Granted => Answer::Granted(reason),
                    Outcome::Denied => {
                        Answer::Denied(Denial::new(self.component.name.clone(), &request, reason))
                    }
                };
                self.remember(generation, &request, &answer);
                answer
            }
        };
        let (result, outcome, reason) = match &answer {
            Answer::Granted(reason) => (Ok(()), Outcome::Granted, reason),
            Answer::Denied(denial) => (Err(denial.clone()), Outcome::Denied, denial.reason()),
        };
        let auditor = &self.shared.auditor;
        auditor.record(&self.component.name, function, &request, outcome, reason);
        result
    }

    /// What [`check`](Self::check) would decide and why, without an audit event.
    pub fn explain<'a>(&self, request: impl Into<Request<'a>>) -> (Outcome, Reason) {
        self.shared.decide(&self.component.rules(), &request.into())
    }

    /// Counts what a call uses that was checked. If there is not enough left, that is
    /// audited as a denial of `request`.
    ///
    /// # Errors
    /// Less is left than `amount`; then nothing is counted.
    pub fn charge<'a>(
        &self,
        function: &str,
        request: impl Into<Request<'a>>,
        kind: QuotaKind,
        amount: u64,
    ) -> Result<(), QuotaExceeded> {
        self.component
            .meter
            .charge(kind, amount)
            .inspect_err(|exceeded| {
                let reason = Reason::Quota(*exceeded);
                let (name, request) = (&self.component.name, request.into());
                self.shared
                    .auditor
                    .record(name, function, &request, Outcome::Denied, &reason);
            })
    }

    /// The component's counters.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.component.meter
    }

    fn look(&self, request: &Request<'_>) -> Look {
        // Before the rules: see `Component::replace`.
        let generation = self.component.generation();
        let mut known = match self.known.try_lock() {
            Ok(known) => known,
            Err(TryLockError::Poisoned(poison)) => poison.into_inner(),
            // Another thread has it: deciding anew is faster than to wait.
            Err(TryLockError::WouldBlock) => {
                return Look::Unknown(generation, self.component.rules());
            }
        };
        let known = &mut *known;
        if known.generation != generation {
            known.cache.clear();
            known.rules = self.component.rules();
            known.generation = generation;
        }
        match known.cache.get(request) {
            Some(Answer::Granted(reason))
                if !self.shared.auditor.hears(Outcome::Granted, reason) =>
            {
                Look::Quiet
            }
            Some(answer) => Look::Known(answer.clone()),
            None => Look::Unknown(generation, known.rules.clone()),
        }
    }

    fn remember(&self, generation: u64, request: &Request<'_>, answer: &Answer) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer of older rules must not be found under newer ones.
        if known.generation == generation {
            known.cache.insert(request, answer.clone());
        }
    }
}

impl Clone for Checker {
    fn clone(&self) -> Self {
        Checker::new(self.shared.clone(), self.component.clone())
    }
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker")
            .field("component", &self.component())
            .finish_non_exhaustive()
    }
}
