//! Waiting for a future on this thread, whatever the thread works for.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Waits for the future.
///
/// The runtime's own way to wait panics on a thread that works for a runtime; a
/// synchronous host function that is called on such a thread must not.
pub(super) fn block_on<R>(future: impl Future<Output = R>) -> R {
    // The budget of a task around this would be used up here, without a chance to
    // get a new one.
    let mut future = pin!(tokio::task::unconstrained(future));
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
