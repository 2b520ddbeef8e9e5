//! The handle that a host has: who is registered, and every change of what they may do.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::audit::{Auditor, Outcome};
use super::builder::PermissionsBuilder;
use super::checker::Checker;
use super::clock::Clock;
use super::component::Component;
use super::denial::Reason;
use super::error::{PermissionError, RefusedGrant};
use super::forbidden::ForbiddenList;
use super::grant::Grant;
use super::lock;
use super::mode::{SecurityMode, TrustLevel};
use super::policy::{Decision, SecurityPolicy};
use super::quota::{Meter, Quotas};
use super::registry::{Judged, Judgement, Record, Registry};
use super::request::Request;
use super::review::{PendingReview, ReviewId, Verdict};
use super::rules::Rules;
use super::set::CapabilitySet;
use super::subject::Subject;
use crate::capability::Operation;

/// How many grants a component can ask for: 1024.
pub const MAX_GRANTS: usize = 1024;

/// Who may do what in one host. A clone is the same.
///
/// What the embedder does by hand ([`grant`](Self::grant), [`revoke`](Self::revoke), and
/// what it says of reviews) stands until it says otherwise: a reload renews only what the
/// manifest asks for. Each change holds at the very next check, in all threads, from when
/// the call that makes it has returned.
#[derive(Clone)]
pub struct Permissions(pub(super) Arc<Shared>);

/// What all clones and checkers share.
pub(super) struct Shared {
    pub(super) policy: Arc<dyn SecurityPolicy>,
    pub(super) forbidden: ForbiddenList,
    pub(super) auditor: Auditor,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) quotas: Quotas,
    pub(super) registry: Mutex<Registry>,
}

impl Permissions {
    /// In the mode strict, with the policy [`ManifestPolicy`](super::ManifestPolicy), the standard
    /// [`ForbiddenList`], the default [`Quotas`], and no sinks.
    pub fn new() -> Self {
        Permissions::builder().build()
    }

    /// To begin with other settings.
    pub fn builder() -> PermissionsBuilder {
        PermissionsBuilder::new()
    }

    /// Takes a component in, with what its manifest asks for. What is optional and not
    /// accepted is denied at the call.
    ///
    /// # Errors
    /// It requires what it does not get ([`Refused`](PermissionError::Refused), with all
    /// reasons; what needs review is [pending](Self::pending) from here on), asks for more
    /// than [`MAX_GRANTS`], or its name is taken. Then nothing is registered.
    pub fn register(
        &self,
        subject: Subject,
        grants: impl IntoIterator<Item = Grant>,
    ) -> Result<(), PermissionError> {
        self.admit(subject, grants, false)
    }

    /// Renews what a component is and what its manifest asks for. What it has used of its
    /// quotas stays used.
    ///
    /// # Errors
    /// As [`register`](Self::register), or it is not registered. Then what held before
    /// still holds.
    pub fn reload(
        &self,
        subject: Subject,
        grants: impl IntoIterator<Item = Grant>,
    ) -> Result<(), PermissionError> {
        self.admit(subject, grants, true)
    }

    /// Takes a component out. Its checkers deny everything from here on, also when another
    /// of that name is registered. What was said in reviews is remembered.
    ///
    /// # Errors
    /// It is not registered.
    pub fn unregister(&self, component: &str) -> Result<(), PermissionError> {
        lock(&self.0.registry).remove(component)
    }

    /// Gives a grant without asking the policy. `false` if the component had it.
    ///
    /// # Errors
    /// The component is not registered, or all of the grant is forbidden.
    pub fn grant(&self, component: &str, grant: Grant) -> Result<bool, PermissionError> {
        if let Some(rule) = self.0.forbidden.covers(&grant) {
            return Err(PermissionError::Forbidden {
                grant,
                reason: rule.reason.clone(),
            });
        }
        self.change(component, |record| {
            let had = record.component.rules().granted.contains(&grant);
            record
                .revoked
                .revoke(grant.operation, &grant.pattern.to_string());
            record.given.grant(grant);
            !had
        })
    }

    /// Takes the grant back whose pattern's text is `pattern`, whoever gave it. `false` if
    /// the component has no such grant. What it covered is denied in every mode, unless
    /// another grant covers it.
    ///
    /// # Errors
    /// The component is not registered.
    pub fn revoke(
        &self,
        component: &str,
        operation: Operation,
        pattern: &str,
    ) -> Result<bool, PermissionError> {
        self.change(component, |record| {
            let rules = record.component.rules();
            let Some(grant) = rules.granted.get(operation, pattern).cloned() else {
                return false;
            };
            record.given.revoke(operation, pattern);
            record.revoked.grant(grant);
            true
        })
    }

    /// Takes all grants of an operation back, and denies the operation in every mode until
    /// something of it is [granted](Self::grant) again. The number of grants that went.
    ///
    /// # Errors
    /// The component is not registered.
    pub fn revoke_operation(
        &self,
        component: &str,
        operation: Operation,
    ) -> Result<usize, PermissionError> {
        self.change(component, |record| record.revoke_operation(operation))
    }

    /// Takes everything back, as [`revoke_operation`](Self::revoke_operation) for each
    /// operation. The number of grants that went.
    ///
    /// # Errors
    /// The component is not registered.
    pub fn revoke_all(&self, component: &str) -> Result<usize, PermissionError> {
        self.change(component, |record| {
            Operation::all()
                .map(|operation| record.revoke_operation(operation))
                .sum()
        })
    }

    /// Forgets what was taken back of an operation: what the manifest asks for and the
    /// policy accepts holds again.
    ///
    /// # Errors
    /// The component is not registered.
    pub fn restore(&self, component: &str, operation: Operation) -> Result<(), PermissionError> {
        self.change(component, |record| {
            _ = record.revoked.revoke_operation(operation)
        })
    }

    /// Trusts a component more or less, and asks the policy again about what its manifest
    /// asks for. A component that loses what it requires goes on; its calls are denied.
    ///
    /// # Errors
    /// It is not registered.
    pub fn set_trust(&self, component: &str, trust: TrustLevel) -> Result<(), PermissionError> {
        self.change(component, |record| {
            record.subject = record.subject.clone().with_trust(trust);
        })?;
        self.judge_again(component);
        Ok(())
    }

    /// How far a component is trusted.
    ///
    /// # Errors
    /// It is not registered.
    pub fn trust(&self, component: &str) -> Result<TrustLevel, PermissionError> {
        Ok(self.component(component)?.rules().subject.trust())
    }

    /// Changes the mode, for all components, and asks the policy again.
    pub fn set_mode(&self, mode: SecurityMode) {
        let names = {
            let mut registry = lock(&self.0.registry);
            registry.mode = mode;
            registry.begin_round()
        };
        for name in names {
            self.judge_again(&name);
        }
    }

    /// The mode.
    pub fn mode(&self) -> SecurityMode {
        lock(&self.0.registry).mode
    }

    /// Asks the policy again about everything, and forgets what it said of calls: for a
    /// policy that has changed its mind.
    pub fn refresh(&self) {
        let names = lock(&self.0.registry).begin_round();
        for name in names {
            self.judge_again(&name);
        }
    }

    /// A handle for one instance.
    ///
    /// # Errors
    /// The component is not registered.
    pub fn checker(&self, component: &str) -> Result<Checker, PermissionError> {
        Ok(Checker::new(self.0.clone(), self.component(component)?))
    }

    /// The component's counters.
    ///
    /// # Errors
    /// It is not registered.
    pub fn meter(&self, component: &str) -> Result<Arc<Meter>, PermissionError> {
        Ok(self.component(component)?.meter.clone())
    }

    /// What a component is granted now.
    ///
    /// # Errors
    /// It is not registered.
    pub fn granted(&self, component: &str) -> Result<CapabilitySet, PermissionError> {
        Ok(self.component(component)?.rules().granted.clone())
    }

    /// What a component asked for and is denied, or what was taken back.
    ///
    /// # Errors
    /// It is not registered.
    pub fn refused(&self, component: &str) -> Result<Vec<RefusedGrant>, PermissionError> {
        let rules = self.component(component)?.rules();
        let refused = rules.refused.iter().map(|(grant, reason)| RefusedGrant {
            grant: grant.clone(),
            reason: reason.clone(),
        });
        Ok(refused.collect())
    }

    /// The names of all components that are registered, sorted.
    pub fn components(&self) -> Vec<Arc<str>> {
        let mut names = lock(&self.0.registry).names();
        names.sort_unstable();
        names
    }

    /// What waits for review, oldest first: also of components that were refused because
    /// of it, which can be registered when it is approved.
    pub fn pending(&self) -> Vec<PendingReview> {
        lock(&self.0.registry).reviews.pending()
    }

    /// Says yes to a review: for this component of this version, also after it was
    /// unregistered.
    ///
    /// # Errors
    /// No such review waits.
    pub fn approve(&self, id: ReviewId) -> Result<(), PermissionError> {
        self.decide_review(id, Verdict::Approved)
    }

    /// Says no to a review, as [`approve`](Self::approve) says yes.
    ///
    /// # Errors
    /// No such review waits.
    pub fn refuse(&self, id: ReviewId, reason: &str) -> Result<(), PermissionError> {
        self.decide_review(id, Verdict::Refused(reason.into()))
    }

    /// The rules that stand above all grants.
    pub fn forbidden(&self) -> &ForbiddenList {
        &self.0.forbidden
    }

    fn component(&self, name: &str) -> Result<Arc<Component>, PermissionError> {
        Ok(lock(&self.0.registry).get(name)?.component.clone())
    }

    fn decide_review(&self, id: ReviewId, verdict: Verdict) -> Result<(), PermissionError> {
        let mut registry = lock(&self.0.registry);
        let decided = registry.reviews.decide(id, verdict);
        let name = decided.ok_or(PermissionError::NoSuchReview { id })?;
        registry.rebuild(&name);
        Ok(())
    }

    fn change<R>(
        &self,
        component: &str,
        change: impl FnOnce(&mut Record) -> R,
    ) -> Result<R, PermissionError> {
        lock(&self.0.registry).change(component, change)
    }

    fn admit(
        &self,
        subject: Subject,
        grants: impl IntoIterator<Item = Grant>,
        again: bool,
    ) -> Result<(), PermissionError> {
        let component = subject.shared_name();
        let mut asked = CapabilitySet::new();
        for grant in grants {
            asked.grant(grant);
            if asked.len() > MAX_GRANTS {
                return Err(PermissionError::TooManyGrants {
                    component,
                    limit: MAX_GRANTS,
                });
            }
        }
        let expected = |registry: &Registry| match (registry.get(&component), again) {
            (Ok(_), false) => Err(PermissionError::Registered {
                component: component.clone(),
            }),
            (Err(error), true) => Err(error),
            _ => Ok((registry.round, registry.mode)),
        };
        let (mut round, mut mode) = expected(&lock(&self.0.registry))?;
        // No lock is held while the policy is asked, so what it said may be out of date.
        loop {
            let judged = self.0.judge(&subject, asked.iter(), mode);
            let mut registry = lock(&self.0.registry);
            let now = expected(&registry)?;
            if now == (round, mode) {
                let new = || Meter::new(self.0.quotas, self.0.clock.clone());
                return registry.admit(subject, judged, new);
            }
            (round, mode) = now;
        }
    }

    /// Asks the policy again about what a component's manifest asks for, and once more if
    /// something has changed meanwhile.
    fn judge_again(&self, name: &str) {
        loop {
            let (subject, asked, epoch, round, mode) = {
                let registry = lock(&self.0.registry);
                let Ok(record) = registry.get(name) else {
                    return;
                };
                let asked: Vec<_> = record.judged.iter().map(|it| it.grant.clone()).collect();
                let subject = record.subject.clone();
                (subject, asked, record.epoch, registry.round, registry.mode)
            };
            let judged = self.0.judge(&subject, asked.iter(), mode);
            let mut registry = lock(&self.0.registry);
            let Ok(record) = registry.get(name) else {
                return;
            };
            if record.epoch == epoch && registry.round == round {
                // It is registered, so this cannot fail.
                let _ = registry.change(name, |record| record.judged = judged);
                return;
            }
        }
    }
}

impl Shared {
    /// What the forbidden list and the policy say of grants.
    fn judge<'a>(
        &self,
        subject: &Subject,
        asked: impl Iterator<Item = &'a Grant>,
        mode: SecurityMode,
    ) -> Vec<Judged> {
        let judged = asked.map(|grant| {
            let judgement = match self.forbidden.covers(grant) {
                Some(rule) => Judgement::Forbidden(rule.reason.clone()),
                None => Judgement::Policy(self.policy.review(subject, grant, mode)),
            };
            Judged {
                grant: grant.clone(),
                judgement,
            }
        });
        judged.collect()
    }

    /// Decides on a request, without any cache.
    pub(super) fn decide(&self, rules: &Rules, request: &Request<'_>) -> (Outcome, Reason) {
        if let Some(decided) = rules.judge(&self.forbidden, request) {
            return decided;
        }
        let capability = request.to_capability();
        let by_mode = rules.mode.beyond_grants(rules.subject.trust());
        let decision = self.policy.check(&rules.subject, &capability, rules.mode);
        match decision {
            Decision::Allow if by_mode == Decision::Allow => {
                (Outcome::Granted, Reason::Mode(rules.mode))
            }
            Decision::Allow => (Outcome::Granted, Reason::Policy),
            decision if decision == by_mode => (Outcome::Denied, Reason::NotGranted),
            Decision::Deny { reason } => (Outcome::Denied, Reason::Refused(reason.into())),
            Decision::NeedsReview { reason } => {
                self.review_call(&rules.subject, &Grant::exact(&capability), reason.into())
            }
        }
    }
}

impl Shared {
    /// Lists what a call asked for, unless somebody has just said what comes of it.
    fn review_call(&self, subject: &Subject, grant: &Grant, reason: Arc<str>) -> (Outcome, Reason) {
        let mut registry = lock(&self.registry);
        if registry.get(subject.name()).is_err() {
            return (Outcome::Denied, Reason::Unregistered);
        }
        match registry.reviews.verdict(subject, grant) {
            Some(Verdict::Approved) => (
                Outcome::Granted,
                Reason::Grant(grant.pattern.to_string().into()),
            ),
            Some(Verdict::Refused(reason)) => (Outcome::Denied, Reason::Refused(reason.clone())),
            None => (
                Outcome::Denied,
                registry.reviews.wait(subject, grant, reason),
            ),
        }
    }
}

impl Default for Permissions {
    fn default() -> Self {
        Permissions::new()
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permissions")
            .field("mode", &self.mode())
            .field("components", &self.components())
            .finish_non_exhaustive()
    }
}
