//! The counters of one component.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;

use super::{QuotaExceeded, QuotaKind, Quotas};
use crate::permission::clock::Clock;
use crate::permission::lock;

/// Counts what one component uses. Shared by all of its instances; no count is lost
/// however many threads charge it.
pub struct Meter {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    quotas: Quotas,
    counters: [Counter; QuotaKind::ALL.len()],
}

#[derive(Clone, Copy, Default)]
struct Counter {
    /// The window that `used` belongs to, counted from the clock's start.
    window: u64,
    used: u64,
}

impl Meter {
    /// Counters at 0.
    pub fn new(quotas: Quotas, clock: Arc<dyn Clock>) -> Self {
        let counters = [Counter::default(); QuotaKind::ALL.len()];
        Meter {
            clock,
            state: Mutex::new(State { quotas, counters }),
        }
    }

    /// The limits.
    pub fn quotas(&self) -> Quotas {
        self.lock().0.quotas
    }

    /// Counts `amount` more, or nothing at all.
    ///
    /// # Errors
    /// What is left is less than `amount`.
    pub fn charge(&self, kind: QuotaKind, amount: u64) -> Result<(), QuotaExceeded> {
        let (mut state, elapsed) = self.lock();
        let limit = state.quotas.limit(kind);
        let counter = state.counter(kind, elapsed);
        match counter.used.checked_add(amount).filter(|sum| *sum <= limit) {
            Some(sum) => {
                counter.used = sum;
                Ok(())
            }
            None => {
                let used = counter.used;
                let resets_in = resets_in(kind, counter.window, elapsed);
                Err(QuotaExceeded {
                    kind,
                    limit,
                    used,
                    requested: amount,
                    resets_in,
                })
            }
        }
    }

    /// Gives back what was charged and did not happen. Not below 0, and not into a window
    /// that has ended.
    pub fn release(&self, kind: QuotaKind, amount: u64) {
        let (mut state, elapsed) = self.lock();
        let counter = state.counter(kind, elapsed);
        counter.used = counter.used.saturating_sub(amount);
    }

    /// Changes the limits; what is used stays used, also if it is more than the limit.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.lock().0.quotas = quotas;
    }

    /// The limits, and what is used now.
    pub fn report(&self) -> QuotaReport {
        let (mut state, elapsed) = self.lock();
        QuotaReport(QuotaKind::ALL.map(|kind| {
            let limit = state.quotas.limit(kind);
            let counter = *state.counter(kind, elapsed);
            let resets_in = resets_in(kind, counter.window, elapsed);
            QuotaUsage {
                kind,
                limit,
                used: counter.used,
                resets_in,
            }
        }))
    }

    /// The state, and a time that was read while it is locked, so that times are in the
    /// order of the charges.
    fn lock(&self) -> (MutexGuard<'_, State>, Duration) {
        let state = lock(&self.state);
        let elapsed = self.clock.elapsed();
        (state, elapsed)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.report()).finish()
    }
}

impl State {
    /// The counter of that kind, begun anew if its window has ended. A clock that went
    /// back opens no new window.
    fn counter(&mut self, kind: QuotaKind, elapsed: Duration) -> &mut Counter {
        let counter = &mut self.counters[kind as usize];
        let window = window_at(kind, elapsed);
        if window > counter.window {
            *counter = Counter { window, used: 0 };
        }
        counter
    }
}

fn window_at(kind: QuotaKind, elapsed: Duration) -> u64 {
    elapsed.as_secs() / kind.window().as_secs()
}

fn resets_in(kind: QuotaKind, window: u64, elapsed: Duration) -> Duration {
    let length = kind.window().as_secs();
    let end = Duration::from_secs(length.saturating_mul(window.saturating_add(1)));
    end.saturating_sub(elapsed)
}

/// What a component has used, by kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaReport([QuotaUsage; QuotaKind::ALL.len()]);

/// What a component has used of one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaUsage {
    /// Of what.
    pub kind: QuotaKind,
    /// The limit.
    pub limit: u64,
    /// What is used, in the window that the clock is in.
    pub used: u64,
    /// When the count starts again.
    pub resets_in: Duration,
}

impl QuotaReport {
    /// All kinds.
    pub fn iter(&self) -> impl Iterator<Item = &QuotaUsage> {
        self.0.iter()
    }

    /// What is used of that kind.
    pub fn used(&self, kind: QuotaKind) -> u64 {
        self.0[kind as usize].used
    }
}
