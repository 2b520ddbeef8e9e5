//! Time and cancellation: one ticker thread per engine, which parks while no
//! call runs, and a flag per store that any thread can set.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};
use crate::mutant::{self, Mutant};

/// How many idle ticks pass before the ticker parks: often enough parked to
/// cost nothing, seldom enough that bursts of calls do not wake it each time.
const IDLE_TICKS: u32 = 20;

/// Calls an engine's interrupt at a steady pace while calls run, and wakes
/// futures whose time has come.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    /// Nothing where there are no threads: then whoever wants to know the time
    /// asks the clock, and nobody is woken.
    thread: Option<Thread>,
}

struct Shared {
    /// Calls that run now.
    active: AtomicUsize,
    /// The ticker is parked or about to park.
    parked: AtomicBool,
    stop: AtomicBool,
    /// When the ticker was started, and nanoseconds from then to its last tick.
    start: Instant,
    elapsed: AtomicU64,
    /// Nanoseconds that the clock was put forward by, in tests.
    forward: AtomicU64,
    next_timer: AtomicU64,
    timers: Mutex<BTreeMap<(Instant, u64), Waker>>,
}

impl Shared {
    fn timers(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), Waker>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Instant {
        Instant::now() + Duration::from_nanos(self.forward.load(Ordering::Relaxed))
    }

    fn run(&self, interrupt: &dyn Fn(), tick: Duration) {
        let mut idle = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let now = self.now();
            let elapsed = now.duration_since(self.start).as_nanos() as u64;
            self.elapsed.fetch_max(elapsed, Ordering::Relaxed);
            let due: Vec<Waker> = {
                let mut timers = self.timers();
                let later = timers.split_off(&(now, u64::MAX));
                std::mem::replace(&mut *timers, later)
                    .into_values()
                    .collect()
            };
            for waker in due {
                // A waker is its executor's code: its panic must not end the
                // thread that every deadline depends on.
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
            let runs = self.active.load(Ordering::SeqCst) > 0;
            if runs {
                interrupt();
            }
            if runs || !self.timers().is_empty() {
                idle = 0;
            } else {
                idle += 1;
            }
            if idle < IDLE_TICKS {
                thread::sleep(tick);
                continue;
            }
            // Whoever starts a call either sees `parked`, or is seen here.
            self.parked.store(true, Ordering::SeqCst);
            let quiet = self.active.load(Ordering::SeqCst) == 0 && self.timers().is_empty();
            if quiet && !self.stop.load(Ordering::SeqCst) {
                thread::park();
            }
            self.parked.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

impl Ticker {
    /// Starts the thread. It ends, within a tick, when the ticker is dropped.
    pub(crate) fn start(
        tick: Duration,
        interrupt: impl Fn() + Send + 'static,
    ) -> std::io::Result<Ticker> {
        let shared = Arc::new(Shared {
            active: AtomicUsize::new(0),
            parked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            start: Instant::now(),
            elapsed: AtomicU64::new(0),
            forward: AtomicU64::new(0),
            next_timer: AtomicU64::new(0),
            timers: Mutex::default(),
        });
        if cfg!(target_family = "wasm") {
            return Ok(Ticker {
                shared,
                thread: None,
            });
        }
        let thread = thread::Builder::new()
            .name("enginebay-ticker".into())
            .spawn({
                let shared = shared.clone();
                move || shared.run(&interrupt, tick)
            })?;
        Ok(Ticker {
            shared,
            thread: Some(thread.thread().clone()),
        })
    }

    fn unpark(&self) {
        if self.shared.parked.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.unpark();
        }
    }

    /// A call from the host starts.
    pub(crate) fn enter(&self) {
        self.shared.active.fetch_add(1, Ordering::SeqCst);
        self.unpark();
    }

    /// A call from the host ends.
    pub(crate) fn exit(&self) {
        self.shared.active.fetch_sub(1, Ordering::SeqCst);
    }

    /// The time.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.shared.now()
    }

    /// Puts the clock forward, and has the next tick see it.
    pub(crate) fn put_forward(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.shared.forward.fetch_add(nanos, Ordering::SeqCst);
        // What is asked for at once must not be told an older time.
        let elapsed = self.now().duration_since(self.shared.start);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.shared.elapsed.fetch_max(nanos, Ordering::SeqCst);
        self.unpark();
    }

    /// The time of the last tick: cheap to read, and at most a tick late while
    /// calls run.
    pub(crate) fn last_tick(&self) -> Instant {
        if self.thread.is_none() {
            return self.now();
        }
        self.shared.start + Duration::from_nanos(self.shared.elapsed.load(Ordering::Relaxed))
    }

    /// Wakes `waker` at `at`; gives what [`Ticker::forget`] takes.
    pub(crate) fn wake_at(&self, at: Instant, waker: Waker) -> (Instant, u64) {
        let key = (at, self.shared.next_timer.fetch_add(1, Ordering::Relaxed));
        self.shared.timers().insert(key, waker);
        self.unpark();
        key
    }

    /// Drops a timer that has not fired.
    pub(crate) fn forget(&self, key: (Instant, u64)) {
        // Dropped without the lock: it may be a task's last reference.
        let waker = self.shared.timers().remove(&key);
        drop(waker);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

/// When a call has to end.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    /// When the call started.
    pub(crate) started: Instant,
    /// When it has to have ended.
    pub(crate) at: Instant,
}

/// Why a guest has to stop, if it has to. In the same instant a deadline comes
/// before a cancellation.
#[inline]
pub(crate) fn reason(
    deadline: Option<Deadline>,
    cancel: Option<&CancelHandle>,
    now: impl FnOnce() -> Instant,
) -> Option<Error> {
    if let Some(Deadline { started, at }) = deadline {
        let now = now();
        if now >= at {
            let elapsed = now.duration_since(started);
            let error = Error::of(ErrorKind::DeadlineExceeded { elapsed });
            let limit = at.duration_since(started);
            return Some(error.with_context("limit", format_args!("{limit:?}")));
        }
    }
    cancel
        .is_some_and(CancelHandle::is_cancelled)
        .then(|| Error::of(ErrorKind::Cancelled))
}

/// Stops whatever runs in a store, from any thread.
///
/// Sticky: every later call of the store ends with `Cancelled` too, until
/// [`CancelHandle::reset`], which does not heal a store that was poisoned by it.
#[derive(Clone, Default)]
pub struct CancelHandle(Arc<Cancel>);

#[derive(Default)]
struct Cancel {
    flag: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl CancelHandle {
    /// Asks for the store's guest to be stopped; returns at once. The guest
    /// stops within the engine's tick.
    pub fn cancel(&self) {
        self.0.flag.store(true, Ordering::SeqCst);
        // Woken without the lock: an executor may poll, and so register, at once.
        let waker = self.waker().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the request back, for calls that come later.
    pub fn reset(&self) {
        self.0.flag.store(false, Ordering::SeqCst);
    }

    /// Whether [`CancelHandle::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.flag.load(Ordering::Relaxed) && !mutant::active(Mutant::CancellationIgnored)
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `waker` woken when the flag is set.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut slot = self.waker();
        if slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return;
        }
        // The old one is dropped without the lock: it may be a task's last
        // reference.
        let old = slot.replace(waker.clone());
        drop(slot);
        drop(old);
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelHandle({})", self.is_cancelled())
    }
}
