//! Waiting for a future on a thread, whatever the thread works for.
//!
//! A runtime's own way to wait panics on a thread that works for a runtime; a synchronous
//! host function that is called on such a thread must not.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use tokio::task::unconstrained;

/// Waits for a future, unless `interrupted` says why not to. The future is polled once
/// before that is asked.
pub(crate) fn block_on<T, E>(
    future: impl Future<Output = T>,
    interrupted: impl FnMut() -> Option<E>,
) -> Result<T, E> {
    // A task of the embedder's has a budget for its work between two waits. It would be
    // used up here, as this wait is none for the embedder's runtime.
    enginebay_core::block_on(unconstrained(future), interrupted)
}

/// Waits for a future, however long. The thread sleeps until it is woken.
pub(crate) fn wait<R>(future: impl Future<Output = R>) -> R {
    // See `block_on`.
    let mut future = pin!(unconstrained(future));
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut cx) {
            return result;
        }
        std::thread::park();
    }
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
