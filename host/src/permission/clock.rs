//! Time, as quotas and the audit see it: a trait, so that tests move it by hand.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// Gives the time.
pub trait Clock: Send + Sync {
    /// How long it is since a start that never changes. It does not go back.
    fn elapsed(&self) -> Duration;

    /// The time of day, for the audit.
    fn now(&self) -> SystemTime;
}

/// The machine's clocks; `elapsed` counts from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        SystemClock {
            start: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that stands still until it is moved, for tests. It starts at 0, and at the
/// Unix epoch.
#[derive(Debug, Default)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock at 0.
    pub fn new() -> Self {
        ManualClock::default()
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = super::lock(&self.elapsed);
        *elapsed = elapsed.saturating_add(by);
    }
}

impl Clock for ManualClock {
    fn elapsed(&self) -> Duration {
        *super::lock(&self.elapsed)
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }
}
