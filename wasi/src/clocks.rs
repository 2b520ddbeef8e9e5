//! Clocks that a program's results cannot depend on: they start at a given time
//! and go forward by the same step at each reading.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Both clocks of a context, which share their readings. Clones are the same
/// clock.
#[derive(Clone)]
pub(crate) struct FixedClock {
    /// Time since 1970.
    start: Duration,
    /// Nanoseconds.
    step: u64,
    elapsed: Arc<AtomicU64>,
}

impl FixedClock {
    pub(crate) fn new(start: Duration, step: Duration) -> Self {
        FixedClock {
            start,
            step: u64::try_from(step.as_nanos()).unwrap_or(u64::MAX),
            elapsed: Arc::default(),
        }
    }

    /// Nanoseconds since the start, before this reading. Goes round after 584
    /// years.
    fn read(&self) -> u64 {
        self.elapsed.fetch_add(self.step, Ordering::Relaxed)
    }
}

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.start.saturating_add(Duration::from_nanos(self.read()))
    }
}

impl HostMonotonicClock for FixedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_of_both_clocks_go_forward_together() {
        let clock = FixedClock::new(Duration::from_secs(100), Duration::from_nanos(10));
        let (wall, monotonic) = (clock.clone(), clock);
        assert_eq!(HostMonotonicClock::now(&monotonic), 0);
        assert_eq!(
            HostWallClock::now(&wall),
            Duration::from_secs(100) + Duration::from_nanos(10)
        );
        assert_eq!(HostMonotonicClock::now(&monotonic), 20);
    }
}
