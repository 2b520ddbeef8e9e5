//! Guests that wait: an asynchronous host function suspends the guest, and the
//! caller's executor goes on.
//!
//! A core engine need not be able to suspend a guest. The guest runs on a
//! thread of its own, and the two threads take turns: `poll` hands the turn to
//! the guest and waits until the guest has finished or has come to an
//! asynchronous host function, whose future is then polled on the caller's
//! thread. Nothing runs while nobody polls. When the future of the call is
//! dropped, the host function that the guest waits for becomes an error, and the
//! drop waits until the guest has left. A call that is forgotten keeps its
//! thread, which never wakes up again.
#![allow(
    unsafe_code,
    reason = "what crosses between the two threads is borrowed"
)]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use enginebay_core::{Error, ErrorKind, HostFuture, Result, Started};

use crate::engine::CoreEngine;
use crate::threads;

/// Whose turn it is.
enum Turn {
    /// The guest's: it runs.
    Guest,
    /// The guest's: the host function that it waits for has finished.
    Resume,
    /// The guest's: the host function that it waits for calls a guest of the
    /// same store. That one runs on the same stack: engines measure a store's
    /// stack from its outermost call.
    Nested(Box<dyn FnOnce() + Send>),
    /// The caller's: the guest waits.
    Waiting(Waiting),
    /// The caller's: the call that was begun last has ended.
    Done,
}

/// A host function's future, in a frame of the guest's thread, and how many of
/// these there are.
#[derive(Clone, Copy)]
struct Waiting {
    future: NonNull<dyn Wait>,
    depth: usize,
}

// SAFETY: what it points to is `Send`, and is used by one thread at a time: the
// guest's thread sleeps while the caller has it.
unsafe impl Send for Waiting {}

trait Wait: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the future, on the caller's thread.
    fn cancel(&mut self);
}

/// A host function on its way.
enum HostCall<'a, R, S> {
    /// It is not started before it is polled: all of it runs where the caller
    /// polls, which may be in the context of a runtime.
    Starts(S),
    Runs(Started<'a, R>),
    Ends(Result<R>),
    Cancelled,
}

impl<'a, R, S> Wait for HostCall<'a, R, S>
where
    R: Send + 'static,
    S: FnOnce() -> HostFuture<'a, R> + Send,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self, HostCall::Starts(_))
            && let HostCall::Starts(start) = std::mem::replace(self, HostCall::Cancelled)
        {
            *self = HostCall::Runs(start().into_future());
        }
        let HostCall::Runs(future) = self else {
            return Poll::Ready(());
        };
        match Pin::new(future).poll(cx) {
            Poll::Ready(result) => {
                *self = HostCall::Ends(result);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn cancel(&mut self) {
        *self = HostCall::Cancelled;
    }
}

struct State {
    turn: Turn,
    /// How many host functions the guest waits for: more than one if they call
    /// guests that wait in turn.
    depth: usize,
    /// Calls deeper than this were dropped: they have to leave.
    cancelled: Option<usize>,
}

/// What the two threads share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the turn to the other thread.
    fn pass(&self, mut state: MutexGuard<'_, State>, turn: Turn) {
        state.turn = turn;
        drop(state);
        self.changed.notify_all();
    }

    fn sleep<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until it is the caller's turn; gives what the guest waits for, or
    /// nothing if the call has ended.
    fn until_caller(&self) -> Option<Waiting> {
        let mut state = self.lock();
        loop {
            match state.turn {
                Turn::Waiting(waiting) => return Some(waiting),
                Turn::Done => return None,
                Turn::Guest | Turn::Resume | Turn::Nested(_) => state = self.sleep(state),
            }
        }
    }
}

/// A call whose guest may wait, from the guest's side.
#[derive(Clone)]
pub(crate) struct Coroutine(Arc<Shared>);

/// The call that an asynchronous host function is part of.
///
/// # Errors
///
/// `WrongMode` if the call cannot wait; the core lets no such call begin.
pub(crate) fn current<E: CoreEngine>(cx: &E::Context<'_>) -> Result<Coroutine> {
    E::data(cx).coroutine.clone().ok_or_else(|| {
        Error::new(
            ErrorKind::WrongMode,
            "an asynchronous host function was called in a call that cannot wait",
        )
    })
}

impl Coroutine {
    /// Waits for a host function, which is started and polled by the caller.
    pub(crate) fn wait<'a, R: Send + 'static>(
        &self,
        start: impl FnOnce() -> HostFuture<'a, R> + Send,
    ) -> Result<R> {
        let mut call = HostCall::Starts(start);
        let pointer: NonNull<dyn Wait + '_> = NonNull::from(&mut call);
        // SAFETY: only the lifetime changes. The caller uses the pointer while
        // it is its turn, and this function does not return before the caller
        // says that it is done with it; if it never does, the frame stays for
        // ever.
        let future: NonNull<dyn Wait> = unsafe { std::mem::transmute(pointer) };
        self.sleep_until_resumed(future);
        match call {
            HostCall::Ends(result) => result,
            HostCall::Starts(_) | HostCall::Runs(_) | HostCall::Cancelled => {
                Err(Error::of(ErrorKind::Cancelled))
            }
        }
    }

    fn sleep_until_resumed(&self, future: NonNull<dyn Wait>) {
        let shared = &*self.0;
        let mut state = shared.lock();
        if state.cancelled.is_some_and(|depth| state.depth >= depth) {
            return;
        }
        state.depth += 1;
        let depth = state.depth;
        shared.pass(state, Turn::Waiting(Waiting { future, depth }));
        let mut state = shared.lock();
        loop {
            match std::mem::replace(&mut state.turn, Turn::Guest) {
                Turn::Resume => break,
                Turn::Nested(job) => {
                    drop(state);
                    job();
                    shared.pass(shared.lock(), Turn::Done);
                    state = shared.lock();
                }
                other => {
                    state.turn = other;
                    state = shared.sleep(state);
                }
            }
        }
        state.depth -= 1;
    }
}

type Outcome<R> = std::thread::Result<Result<R>>;

/// Runs `work` on a store, so that asynchronous host functions can suspend it.
/// A store without any does not need a thread.
pub(crate) async fn run<'a, E: CoreEngine, R: Send + 'a>(
    mut cx: E::Context<'a>,
    suspends: bool,
    work: impl FnOnce(&mut E::Context<'_>) -> Result<R> + Send + 'a,
) -> Result<R> {
    if !suspends {
        return work(&mut cx);
    }
    let stack = E::data(&cx).stack;
    let outer = E::data(&cx).coroutine.clone();
    let is_nested = outer.is_some();
    let Coroutine(shared) = outer.unwrap_or_else(|| {
        Coroutine(Arc::new(Shared {
            state: Mutex::new(State {
                turn: Turn::Guest,
                depth: 0,
                cancelled: None,
            }),
            changed: Condvar::new(),
        }))
    });
    let outcome: Arc<Mutex<Option<Outcome<R>>>> = Arc::default();
    let job = {
        let (own, outcome) = (Coroutine(shared.clone()), outcome.clone());
        move || {
            if !is_nested {
                E::data_mut(&mut cx).coroutine = Some(own);
            }
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut cx)));
            if !is_nested {
                E::data_mut(&mut cx).coroutine = None;
            }
            drop(cx);
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    };
    Running {
        shared,
        outcome,
        job: Some(Box::new(job)),
        stack,
        is_nested,
        outer: None,
        depth: 0,
        waiting: None,
        started: false,
    }
    .await
}

/// A call on another thread, from the caller's side.
struct Running<'a, R> {
    shared: Arc<Shared>,
    outcome: Arc<Mutex<Option<Outcome<R>>>>,
    job: Option<Box<dyn FnOnce() + Send + 'a>>,
    /// How much stack a thread for it needs.
    stack: usize,
    /// Whether a host function makes this call, for which its guest waits.
    is_nested: bool,
    /// What that guest waits for.
    outer: Option<Waiting>,
    /// How many host functions the guest waited for when the call began.
    depth: usize,
    /// What this call's guest waits for.
    waiting: Option<Waiting>,
    started: bool,
}

impl<R> Unpin for Running<'_, R> {}

impl<R> Running<'_, R> {
    fn start(&mut self) -> Result<()> {
        let Some(job) = self.job.take() else {
            return Ok(());
        };
        // SAFETY: only the lifetime changes. The job uses what it borrows while
        // it is the guest's turn. It is the guest's turn only while `poll` or
        // `drop` of this future waits for it, within the borrow's lifetime; when
        // the future is forgotten, the guest never gets another turn. `drop`
        // waits for the job's end.
        let job: Box<dyn FnOnce() + Send + 'static> = unsafe { std::mem::transmute(job) };
        let shared = self.shared.clone();
        if self.is_nested {
            let state = shared.lock();
            match state.turn {
                Turn::Waiting(outer) => {
                    self.outer = Some(outer);
                    self.depth = state.depth;
                    shared.pass(state, Turn::Nested(job));
                }
                // A synchronous host function blocks until the call that it makes
                // has ended: this is the guest's thread. If a guest above it
                // waits, all of the stack does.
                Turn::Guest => {
                    drop(state);
                    job();
                    return Ok(());
                }
                Turn::Resume | Turn::Nested(_) | Turn::Done => return Err(abandoned()),
            }
        } else {
            let own = shared.clone();
            let whole = move || {
                job();
                own.pass(own.lock(), Turn::Done);
            };
            threads::spawn(self.stack, Box::new(whole)).map_err(|error| {
                Error::new(
                    ErrorKind::Engine,
                    format!("a thread for an asynchronous call cannot be started: {error}"),
                )
                .with_source(error)
                // The work was dropped with the thread: nothing of it is done.
                .not_entered()
            })?;
        }
        self.started = true;
        self.waiting = shared.until_caller();
        Ok(())
    }

    /// Lets the guest go on, if its frames are the uppermost of its stack: a
    /// call above it that was forgotten never leaves.
    fn resume(&mut self) -> bool {
        let Some(waiting) = self.waiting else {
            return true;
        };
        let shared = self.shared.clone();
        let state = shared.lock();
        if state.depth != waiting.depth {
            self.started = false;
            return false;
        }
        shared.pass(state, Turn::Resume);
        self.waiting = shared.until_caller();
        true
    }

    /// After the call's end: whoever made it waits again.
    fn end(&mut self) -> Option<Outcome<R>> {
        self.started = false;
        if let Some(outer) = self.outer.take() {
            self.shared.lock().turn = Turn::Waiting(outer);
        }
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.take()
    }
}

/// A call above this one was forgotten.
#[cold]
fn abandoned() -> Error {
    Error::of(ErrorKind::Cancelled)
}

impl<R> Future for Running<'_, R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.start()?;
        while let Some(mut waiting) = self.waiting {
            // SAFETY: it is the caller's turn: the guest's thread sleeps in the
            // frame that this points to until `resume`, or for ever.
            if unsafe { waiting.future.as_mut() }.poll(cx).is_pending() {
                return Poll::Pending;
            }
            if !self.resume() {
                return Poll::Ready(Err(abandoned()));
            }
        }
        match self.end() {
            Some(Ok(result)) => Poll::Ready(result),
            Some(Err(panic)) => resume_unwind(panic),
            None => panic!("a call was polled after it had ended"),
        }
    }
}

impl<R> Drop for Running<'_, R> {
    fn drop(&mut self) {
        if !self.started {
            return;
        }
        let before = self.shared.lock().cancelled.replace(self.depth);
        let mut panicked = None;
        let mut left = true;
        while let Some(mut waiting) = self.waiting {
            // The host's code may panic; the guest has to leave all the same.
            // SAFETY: as in `poll`.
            let cancel = || unsafe { waiting.future.as_mut() }.cancel();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(cancel)) {
                panicked.get_or_insert(panic);
            }
            if !self.resume() {
                left = false;
                break;
            }
        }
        if left {
            self.shared.lock().cancelled = before;
            self.end();
        }
        if let Some(panic) = panicked
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
