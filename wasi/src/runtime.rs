//! Where WASI's timers, sockets and files are served: one runtime of this
//! crate's own for the whole process. An embedder's runtime may lack what is
//! needed, may end before a store does, and in a synchronous call would wait
//! for the thread that waits for it; ours does not depend on the embedder.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::OnceLock;

use enginebay_core::{Error, Result};
use tokio::runtime::{Builder, EnterGuard, Runtime};

/// The runtime, started at the first use.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Builder::new_multi_thread()
            .worker_threads(cores.min(4))
            .thread_name("enginebay-wasi")
            .enable_all()
            .build()
            .map_err(|error| format!("the threads for WASI cannot be started: {error}"))
    });
    runtime
        .as_ref()
        .map_err(|message| Error::host(message.as_str()))
}

/// Makes the runtime the one that timers, sockets and tasks belong to which are
/// made by this thread.
pub(crate) fn enter() -> Result<EnterGuard<'static>> {
    Ok(runtime()?.enter())
}

/// Runs a future in the background.
#[cfg(feature = "http")]
pub(crate) fn spawn<R: Send + 'static>(
    future: impl Future<Output = R> + Send + 'static,
) -> Result<tokio::task::JoinHandle<R>> {
    Ok(runtime()?.spawn(future))
}

/// The future, with the runtime entered whenever it is polled.
pub(crate) async fn entered<R>(future: impl Future<Output = Result<R>> + Send) -> Result<R> {
    let runtime = runtime()?;
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _entered = runtime.enter();
        future.as_mut().poll(cx)
    })
    .await
}

/// Waits for a future on this thread, unless `interrupted` says why not to.
///
/// It does not use the runtime's own way to wait, which panics on a thread that
/// works for another runtime.
pub(crate) fn block_on<R>(
    future: impl Future<Output = Result<R>>,
    interrupted: impl FnMut() -> Option<Error>,
) -> Result<R> {
    let _entered = enter()?;
    // A task of the embedder's has a budget for its work between two waits. It
    // would be used up here, as this wait is none for the embedder's runtime.
    enginebay_core::block_on(tokio::task::unconstrained(future), interrupted)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use enginebay_core::ErrorKind;
    use std::time::{Duration, Instant};

    /// A wait that would never end is a failure.
    fn wait<R>(future: impl Future<Output = Result<R>>) -> Result<R> {
        let start = Instant::now();
        block_on(future, || {
            (start.elapsed() > Duration::from_secs(10)).then(|| Error::of(ErrorKind::Cancelled))
        })
    }

    fn sleep() -> Result<u32> {
        wait(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(1)
        })
    }

    #[test]
    fn waits_outside_of_a_runtime() {
        assert_eq!(sleep().unwrap(), 1);
    }

    #[test]
    fn waits_on_the_threads_of_other_runtimes() {
        // Neither has timers of its own.
        let single = Builder::new_current_thread().build().unwrap();
        assert_eq!(single.block_on(async { sleep() }).unwrap(), 1);
        let many = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let task = many.spawn(async { sleep() });
        assert_eq!(many.block_on(task).unwrap().unwrap(), 1);
    }

    #[test]
    fn the_budget_of_a_surrounding_task_does_not_matter() {
        let single = Builder::new_current_thread().build().unwrap();
        single.block_on(async {
            for _ in 0..1_000 {
                let _entered = enter().unwrap();
                let task = tokio::spawn(async { Ok(()) });
                wait(async { task.await.map_err(Error::host)? }).unwrap();
            }
        });
    }

    #[test]
    fn a_wait_is_interrupted() {
        let start = Instant::now();
        let error = block_on(std::future::pending::<Result<()>>(), || {
            (start.elapsed() > Duration::from_millis(30)).then(|| Error::of(ErrorKind::Cancelled))
        })
        .unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Cancelled);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_future_is_polled_without_a_runtime() {
        let future = entered(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(())
        });
        let waited = enginebay_core::block_on(future, || None::<Error>);
        assert!(waited.is_ok_and(|result| result.is_ok()));
    }
}
