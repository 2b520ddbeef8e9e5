//! The thread that writes. Waiting for the disk takes a commit's time, so all the
//! writes that come during one commit are made in the next one together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::apply::{Failure, Outcome, Tables, Write};
use super::engine::Engine;
use super::error::StorageError;

/// KiB of writes that wait, at most. Whoever writes more waits before.
const MAX_PENDING_KIB: u64 = 64 << 10;
/// Writes in one commit, at most.
const MAX_GROUP: usize = 1_024;
/// Bytes in one commit after which no more writes join it.
const MAX_GROUP_BYTES: u64 = 8 << 20;

/// A write that waits.
struct Request {
    write: Write,
    reply: oneshot::Sender<Result<Outcome, StorageError>>,
    /// Its room in the queue.
    _room: OwnedSemaphorePermit,
}

enum Message {
    Write(Request),
    /// A reader found the database closed by a failure.
    Reopen,
}

/// The queue before the thread.
pub(super) struct Writer {
    queue: Option<UnboundedSender<Message>>,
    room: Arc<Semaphore>,
    /// Whether a [`Message::Reopen`] is in the queue: one is enough.
    reopening: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(engine: Arc<Engine>) -> Result<Self, StorageError> {
        let (queue, requests) = unbounded_channel();
        let reopening = Arc::new(AtomicBool::new(false));
        let asked = reopening.clone();
        let thread = std::thread::Builder::new()
            .name("enginebay-writes".to_owned())
            .spawn(move || serve(&engine, requests, &asked))
            .map_err(|error| StorageError::io("start the storage's thread", &error))?;
        Ok(Writer {
            queue: Some(queue),
            room: Arc::new(Semaphore::new(MAX_PENDING_KIB as usize)),
            reopening,
            thread: Some(thread),
        })
    }

    /// Writes, and waits until it is on disk.
    pub(super) async fn submit(&self, write: Write) -> Result<Outcome, StorageError> {
        let kib = write.bytes().div_ceil(1_024).saturating_add(1);
        // The cast is of at most `MAX_PENDING_KIB`.
        let kib = kib.min(MAX_PENDING_KIB) as u32;
        let room = self.room.clone().acquire_many_owned(kib).await;
        let _room = room.map_err(|_| ended())?;
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue
            .send(Message::Write(Request {
                write,
                reply,
                _room,
            }))
            .map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Has the database opened again, if it is closed and that is due.
    pub(super) fn reopen(&self) {
        if let Some(queue) = &self.queue
            && !self.reopening.swap(true, Ordering::Relaxed)
        {
            let _ = queue.send(Message::Reopen);
        }
    }
}

impl Drop for Writer {
    /// Waits until what was submitted is on disk, and the file is free.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ended() -> StorageError {
    StorageError::Unavailable {
        reason: "its thread has ended".to_owned(),
    }
}

/// Makes the writes, until there is nobody left who could ask for one.
fn serve(engine: &Engine, mut requests: UnboundedReceiver<Message>, reopening: &AtomicBool) {
    while let Some(first) = requests.blocking_recv() {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut reopen = false;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Write(request) => {
                    bytes += request.write.bytes();
                    group.push(request);
                }
                Message::Reopen => reopen = true,
            }
            if group.len() == MAX_GROUP || bytes >= MAX_GROUP_BYTES {
                break;
            }
            next = requests.try_recv().ok();
        }
        if reopen {
            reopening.store(false, Ordering::Relaxed);
            engine.reopen();
        }
        if !group.is_empty() {
            write_group(engine, group);
        }
    }
}

/// Makes the writes in one commit and answers them.
fn write_group(engine: &Engine, group: Vec<Request>) {
    let mut attempted = attempt(engine, &group);
    if let Err(Attempt::Before(StorageError::Unavailable { .. })) = attempted {
        engine.reopen();
        attempted = attempt(engine, &group);
    }
    match attempted {
        Ok(results) => {
            for (request, result) in group.into_iter().zip(results) {
                answer(request, result);
            }
        }
        Err(Attempt::Before(error)) if group.len() > 1 && !error.closes() => {
            // What one of them ran into is not the others' fault.
            tracing::warn!(%error, "writes are made one by one");
            for request in group {
                let result = match attempt(engine, std::slice::from_ref(&request)) {
                    Ok(mut results) => results.pop().unwrap_or_else(|| Err(ended())),
                    Err(failed) => Err(failed.into_error()),
                };
                answer(request, result);
            }
        }
        Err(failed) => {
            let error = failed.into_error();
            if error.closes() {
                engine.reopen();
            }
            for request in group {
                answer(request, Err(error.clone()));
            }
        }
    }
}

/// Answers, if anybody still waits.
fn answer(request: Request, result: Result<Outcome, StorageError>) {
    let _ = request.reply.send(result);
}

/// Where a commit failed.
enum Attempt {
    /// Before it was tried: nothing was written.
    Before(StorageError),
    /// In it: it may have been made.
    Commit(StorageError),
}

impl Attempt {
    fn into_error(self) -> StorageError {
        match self {
            Attempt::Before(error) | Attempt::Commit(error) => error,
        }
    }
}

/// Makes the writes in one commit; those that are refused leave no trace in it.
fn attempt(
    engine: &Engine,
    group: &[Request],
) -> Result<Vec<Result<Outcome, StorageError>>, Attempt> {
    let mut committing = false;
    let result = engine.with(|database| {
        let mut txn = database.begin_write()?;
        txn.set_two_phase_commit(engine.options().two_phase_commit);
        let mut results = Vec::with_capacity(group.len());
        let mut tables = Tables::open(&txn)?;
        for request in group {
            results.push(match tables.apply(&request.write) {
                Ok(outcome) => Ok(outcome),
                Err(Failure::Refused(error)) => Err(error),
                Err(Failure::Broken(error)) => return Err(error),
            });
        }
        let changed = tables.changed;
        drop(tables);
        if changed {
            committing = true;
            txn.commit()?;
        }
        Ok(results)
    });
    result.map_err(|error| {
        if committing {
            Attempt::Commit(error)
        } else {
            Attempt::Before(error)
        }
    })
}
