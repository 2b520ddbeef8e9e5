//! Waiting for a future on a thread, for synchronous stores.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How often a thread that waits looks whether it is to go on.
const TICK: Duration = Duration::from_millis(5);

/// Waits for a future on this thread, unless `interrupted` says why not to. The future
/// is polled once before that is asked.
#[doc(hidden)]
pub fn block_on<T, E>(
    future: impl Future<Output = T>,
    mut interrupted: impl FnMut() -> Option<E>,
) -> Result<T, E> {
    let mut future = pin!(future);
    if let Poll::Ready(result) = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        return Ok(result);
    }
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(signal.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
            return Ok(result);
        }
        loop {
            if let Some(error) = interrupted() {
                return Err(error);
            }
            if signal.wait() {
                break;
            }
        }
    }
}

/// Wakes a thread that waits for a future.
#[derive(Default)]
struct Signal {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    /// Waits for a wake-up, for at most a tick, and says whether there was one.
    fn wait(&self) -> bool {
        let woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut woken, _) = self
            .changed
            .wait_timeout_while(woken, TICK, |woken| !*woken)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *woken)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}
