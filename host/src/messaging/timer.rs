//! Time, and waiting for it. The waits of this module must end on every executor and in
//! synchronous stores, which have none; so one thread of this crate's own wakes whoever
//! waits. It starts at the first wait. Tests take a clock that they move by hand.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::MessagingError;

/// The longest that the thread sleeps without looking.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// Where a [`Broker`](super::Broker) has the time from. Clones are the same clock.
#[derive(Clone)]
pub struct Clock(Arc<Shared>);

/// A clock that stands still until it is moved: for tests, which then need not sleep.
///
/// ```
/// use enginebay_host::messaging::ManualClock;
/// use std::time::Duration;
///
/// let manual = ManualClock::new();
/// manual.advance(Duration::from_secs(5));
/// assert_eq!(manual.clock().now(), Duration::from_secs(5));
/// ```
#[derive(Clone)]
pub struct ManualClock(Clock);

struct Shared {
    source: Source,
    timers: Mutex<Timers>,
    changed: Condvar,
}

enum Source {
    /// The machine's.
    System { start: Instant },
    /// Nanoseconds, as set by hand.
    Manual { now: AtomicU64 },
}

#[derive(Default)]
struct Timers {
    /// Who is to be woken, by when and number.
    waiting: BTreeMap<(Duration, u64), Waker>,
    /// The number of the next one.
    next: u64,
    thread: Thread,
}

#[derive(Default)]
enum Thread {
    #[default]
    NotStarted,
    /// It wakes whoever is due now.
    Busy,
    /// It looks again at that time.
    Until(Duration),
}

impl Clock {
    /// The machine's clock, which does not go backwards. All that ask share it and its
    /// thread.
    pub fn system() -> Clock {
        static SYSTEM: OnceLock<Clock> = OnceLock::new();
        SYSTEM
            .get_or_init(|| {
                Clock::of(Source::System {
                    start: Instant::now(),
                })
            })
            .clone()
    }

    fn of(source: Source) -> Clock {
        Clock(Arc::new(Shared {
            source,
            timers: Mutex::default(),
            changed: Condvar::new(),
        }))
    }

    /// The time since the clock was made.
    pub fn now(&self) -> Duration {
        match &self.0.source {
            Source::System { start } => start.elapsed(),
            Source::Manual { now } => Duration::from_nanos(now.load(Ordering::SeqCst)),
        }
    }

    /// The time of day. A manual clock's starts with the Unix epoch.
    pub fn time_of_day(&self) -> SystemTime {
        match &self.0.source {
            Source::System { .. } => SystemTime::now(),
            Source::Manual { .. } => UNIX_EPOCH + self.now(),
        }
    }

    /// How many waits are registered now: none when nobody waits.
    pub fn waits(&self) -> usize {
        self.timers().waiting.len()
    }

    /// A wait from now on.
    pub(crate) fn sleep(&self, time: Duration) -> Sleep {
        Sleep {
            deadline: self.now().saturating_add(time),
            clock: self.clone(),
            number: None,
        }
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        let timers = self.0.timers.lock();
        timers.unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that somebody looks at `deadline`.
    fn announce(&self, timers: &mut Timers, deadline: Duration) -> Result<(), MessagingError> {
        if let Source::Manual { .. } = self.0.source {
            return Ok(());
        }
        match timers.thread {
            Thread::NotStarted => {
                let clock = self.clone();
                std::thread::Builder::new()
                    .name("enginebay-timer".to_owned())
                    .spawn(move || clock.run())
                    .map_err(|error| MessagingError::NoTimer {
                        reason: error.to_string(),
                    })?;
                timers.thread = Thread::Busy;
            }
            Thread::Until(time) if deadline < time => self.0.changed.notify_one(),
            Thread::Until(_) | Thread::Busy => {}
        }
        Ok(())
    }

    /// The thread's work.
    fn run(&self) {
        let mut timers = self.timers();
        loop {
            let now = self.now();
            let due = timers.take_due(now);
            if !due.is_empty() {
                timers.thread = Thread::Busy;
                drop(timers);
                wake_all(due);
                timers = self.timers();
                continue;
            }
            let latest = now.saturating_add(LONGEST_SLEEP);
            let first = timers.waiting.keys().next();
            let until = first.map_or(latest, |(deadline, _)| latest.min(*deadline));
            timers.thread = Thread::Until(until);
            let (guard, _) = self
                .0
                .changed
                .wait_timeout(timers, until - now)
                .unwrap_or_else(PoisonError::into_inner);
            timers = guard;
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Clock::system()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

impl ManualClock {
    /// A clock that shows zero.
    pub fn new() -> ManualClock {
        ManualClock(Clock::of(Source::Manual {
            now: AtomicU64::new(0),
        }))
    }

    /// The clock, to be given to a [`Broker`](super::Broker).
    pub fn clock(&self) -> Clock {
        self.0.clone()
    }

    /// Moves the clock, and wakes whoever waits for the time up to there.
    pub fn advance(&self, time: Duration) {
        if let Source::Manual { now } = &self.0.0.source {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            // The time is set before the waits are looked at, and a wait looks at the
            // time after it is registered: none is missed.
            let _ = now.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
                Some(now.saturating_add(nanoseconds))
            });
        }
        let now = self.0.now();
        let due = self.0.timers().take_due(now);
        wake_all(due);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        ManualClock::new()
    }
}

impl std::fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ManualClock").field(&self.0.now()).finish()
    }
}

impl Timers {
    fn take_due(&mut self, now: Duration) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.push(entry.remove());
        }
        due
    }
}

/// A waker is the executor's code. If one panics, the others are woken all the same.
fn wake_all(wakers: Vec<Waker>) {
    for waker in wakers {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// A wait for a point in time. It is registered with the clock from the first poll that
/// finds it is not over, until it is over or dropped.
pub(crate) struct Sleep {
    clock: Clock,
    deadline: Duration,
    number: Option<u64>,
}

impl Sleep {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), MessagingError>> {
        if self.clock.now() >= self.deadline {
            self.forget();
            return Poll::Ready(Ok(()));
        }
        let mut timers = self.clock.timers();
        let number = *self.number.get_or_insert_with(|| {
            timers.next += 1;
            timers.next
        });
        match timers.waiting.get_mut(&(self.deadline, number)) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => {
                let waker = cx.waker().clone();
                timers.waiting.insert((self.deadline, number), waker);
                if let Err(error) = self.clock.announce(&mut timers, self.deadline) {
                    drop(timers);
                    self.forget();
                    return Poll::Ready(Err(error));
                }
            }
        }
        drop(timers);
        // A manual clock may have been moved since the time was asked for.
        if matches!(self.clock.0.source, Source::Manual { .. }) && self.clock.now() >= self.deadline
        {
            self.forget();
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    /// Ends the wait.
    pub(super) fn forget(&mut self) {
        if let Some(number) = self.number.take() {
            // The waker is the executor's code: it is dropped without the lock.
            let waker = self.clock.timers().waiting.remove(&(self.deadline, number));
            drop(waker);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}
