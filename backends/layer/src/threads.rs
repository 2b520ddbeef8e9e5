//! Threads for guests that wait. One that has nothing to do is kept for a
//! moment, for the next call.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// How long a thread without work is kept.
const KEPT: Duration = Duration::from_millis(50);

/// The stack of a thread: the largest that a guest may ask for, and room for
/// host functions.
const STACK: usize = 16 << 20;

/// Threads without work, by number.
static IDLE: Mutex<Vec<(u64, Sender<Job>)>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<(u64, Sender<Job>)>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a job on a thread that does nothing else meanwhile.
///
/// # Errors
///
/// If the system has no more threads, or none at all.
pub(crate) fn spawn(mut job: Job) -> io::Result<()> {
    loop {
        let Some((_, thread)) = idle().pop() else {
            break;
        };
        match thread.send(job) {
            Ok(()) => return Ok(()),
            // It has just ended.
            Err(unsent) => job = unsent.0,
        }
    }
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    thread::Builder::new()
        .name("enginebay-guest".into())
        .stack_size(STACK)
        .spawn(move || work(number, job))
        .map(drop)
}

fn work(number: u64, mut job: Job) {
    let (sender, receiver): (Sender<Job>, Receiver<Job>) = channel();
    loop {
        job();
        idle().push((number, sender.clone()));
        job = match receiver.recv_timeout(KEPT) {
            Ok(job) => job,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let mut threads = idle();
                match threads.iter().position(|(other, _)| *other == number) {
                    Some(at) => {
                        threads.remove(at);
                        return;
                    }
                    // Somebody has taken it and is about to send.
                    None => {
                        drop(threads);
                        match receiver.recv() {
                            Ok(job) => job,
                            Err(_) => return,
                        }
                    }
                }
            }
        };
    }
}
