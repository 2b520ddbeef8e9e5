//! Threads for what waits for the disk: a few for the whole process, and a bounded
//! queue before them. Whoever waits for them may be a task of any executor.

use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::storage::StorageError;

/// Work that is queued or done, at most. More waits for its turn to be queued.
const MAX_JOBS: usize = 1_024;

/// The threads, and the room in their queue.
struct Pool {
    /// Only its threads for blocking work are used; nothing drives it.
    runtime: Runtime,
    room: Arc<Semaphore>,
}

fn pool() -> Result<&'static Pool, StorageError> {
    static POOL: OnceLock<Result<Pool, String>> = OnceLock::new();
    let pool = POOL.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(cores.clamp(2, 8))
            .thread_name("enginebay-files")
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Pool {
            runtime,
            room: Arc::new(Semaphore::new(MAX_JOBS)),
        })
    });
    pool.as_ref().map_err(|reason| StorageError::Unavailable {
        reason: format!("its threads cannot be started: {reason}"),
    })
}

/// Runs the work on a thread of the pool. It starts when the future is polled, and
/// goes on to its end when the future is dropped after that.
///
/// # Panics
///
/// If the work does.
pub(crate) async fn run<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, StorageError> {
    let pool = pool()?;
    let unavailable = || StorageError::Unavailable {
        reason: "its threads have ended".to_owned(),
    };
    let room = pool.room.clone().acquire_owned().await;
    let room = room.map_err(|_| unavailable())?;
    let task = pool.runtime.spawn_blocking(move || {
        let _room = room;
        work()
    });
    match task.await {
        Ok(result) => Ok(result),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(unavailable()),
    }
}
