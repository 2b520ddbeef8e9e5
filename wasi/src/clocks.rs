//! Clocks on which a program's results depend in the same way each time: they
//! start at a given time and go forward by the same step at each reading, and to
//! where a guest waits for.

use std::collections::HashMap;
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

    /// As [`FixedClock::read`], without being a reading.
    fn elapsed(&self) -> u64 {
        self.elapsed.load(Ordering::Relaxed)
    }

    /// Goes forward to a time that the guest has waited for.
    fn go_to(&self, when: u64) {
        self.elapsed.fetch_max(when, Ordering::Relaxed);
    }
}

/// The timers of a context with fixed clocks, by their handles' entries in its
/// table: the instants that they are set to.
///
/// Time passes where the guest waits for it and nothing else, without a wait of
/// the host's; which of several timers are over does not depend on how fast the
/// machine is. A guest that waits for something else besides, waits for as long as
/// that takes, and a timer in between for the real time.
pub(crate) struct Timers {
    clock: FixedClock,
    set: HashMap<u32, u64>,
}

impl Timers {
    pub(crate) fn new(clock: FixedClock) -> Self {
        Timers {
            clock,
            set: HashMap::new(),
        }
    }

    /// A timer is over at an instant.
    pub(crate) fn set_instant(&mut self, timer: u32, when: u64) {
        self.set.insert(timer, when);
    }

    /// A timer is over after nanoseconds.
    pub(crate) fn set_duration(&mut self, timer: u32, duration: u64) {
        let when = self.clock.elapsed().saturating_add(duration);
        self.set.insert(timer, when);
    }

    /// There is no such timer any more, if it was one.
    pub(crate) fn forget(&mut self, timer: u32) {
        self.set.remove(&timer);
    }

    /// Looks whether this is over, if it is a timer. That is a reading of the
    /// clock: a guest that looks again and again gets there.
    pub(crate) fn is_over(&self, timer: u32) -> Option<bool> {
        let when = self.set.get(&timer)?;
        Some(self.clock.read() >= *when)
    }

    /// Waits until the first of these is over, and says which are then; nothing if
    /// they are not all timers.
    pub(crate) fn wait(&self, timers: &[u32]) -> Option<Vec<u32>> {
        let set: Option<Vec<u64>> = timers.iter().map(|it| self.set.get(it).copied()).collect();
        let set = set?;
        self.clock.go_to(*set.iter().min()?);
        let now = self.clock.elapsed();
        let over = (0..).zip(set).filter(|(_, when)| *when <= now);
        Some(over.map(|(index, _)| index).collect())
    }

    /// The real time of these has passed, of those that are timers.
    pub(crate) fn passed(&self, over: impl Iterator<Item = u32>) {
        let set = over.filter_map(|timer| self.set.get(&timer));
        if let Some(last) = set.max() {
            self.clock.go_to(*last);
        }
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
    fn time_passes_where_a_guest_waits_for_it() {
        let clock = FixedClock::new(Duration::ZERO, Duration::from_nanos(1));
        let mut timers = Timers::new(clock.clone());
        timers.set_duration(1, 300);
        timers.set_instant(2, 100);
        timers.set_instant(3, 100);
        assert_eq!(timers.is_over(1), Some(false));
        assert_eq!(timers.is_over(9), None);
        assert_eq!(timers.wait(&[1, 9]), None);
        assert_eq!(timers.wait(&[1, 2, 3]), Some(vec![1, 2]));
        assert_eq!(HostMonotonicClock::now(&clock), 100);
        timers.passed([1, 9].into_iter());
        assert_eq!(HostMonotonicClock::now(&clock), 300);
        // Time does not go back.
        assert_eq!(timers.wait(&[2]), Some(vec![0]));
        assert_eq!(HostMonotonicClock::now(&clock), 301);
        timers.forget(2);
        assert_eq!(timers.wait(&[2]), None);
    }

    #[test]
    fn a_guest_that_looks_at_a_timer_gets_there() {
        let clock = FixedClock::new(Duration::ZERO, Duration::from_nanos(10));
        let mut timers = Timers::new(clock);
        timers.set_duration(1, 35);
        let looks =
            std::iter::repeat_with(|| timers.is_over(1)).take_while(|it| *it == Some(false));
        assert_eq!(looks.count(), 4);
    }

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
