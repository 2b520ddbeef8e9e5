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

/// Room on a thread's stack besides what guests may use: as much as Rust gives
/// its threads, for host functions and the engine. It is reserved, and takes
/// memory as far as it is used.
pub(crate) const FOR_THE_HOST: usize = 2 << 20;

/// A thread without work.
struct Idle {
    number: u64,
    stack: usize,
    sender: Sender<Job>,
}

static IDLE: Mutex<Vec<Idle>> = Mutex::new(Vec::new());

fn idle() -> MutexGuard<'static, Vec<Idle>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread that was busy last, of those whose stack is large enough: its
/// stack is the likeliest to be in a cache.
fn take(stack: usize) -> Option<Sender<Job>> {
    let mut threads = idle();
    let at = threads.iter().rposition(|idle| idle.stack >= stack)?;
    Some(threads.remove(at).sender)
}

/// Runs a job on a thread that does nothing else meanwhile and has this much
/// stack.
///
/// # Errors
///
/// If the system has no more threads, or none at all.
pub(crate) fn spawn(stack: usize, mut job: Job) -> io::Result<()> {
    while let Some(thread) = take(stack) {
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
        .stack_size(stack)
        .spawn(move || work(number, stack, job))
        .map(drop)
}

fn work(number: u64, stack: usize, mut job: Job) {
    let (sender, receiver): (Sender<Job>, Receiver<Job>) = channel();
    loop {
        job();
        idle().push(Idle {
            number,
            stack,
            sender: sender.clone(),
        });
        job = match receiver.recv_timeout(KEPT) {
            Ok(job) => job,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let mut threads = idle();
                match threads.iter().position(|idle| idle.number == number) {
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
