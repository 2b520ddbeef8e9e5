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

use std::any::Any;
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
    /// The caller's: the guest waits for this.
    Caller(Waiting),
    /// The caller's: the guest has come to its end.
    Done,
}

/// A host function's future, in the guest thread's frame.
struct Waiting(NonNull<dyn Wait>);

// SAFETY: what it points to is `Send`, and is used by one thread at a time: the
// guest's thread sleeps while the caller has it.
unsafe impl Send for Waiting {}

trait Wait: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Drops the future, on the caller's thread.
    fn cancel(&mut self);
}

struct HostCall<'a, R> {
    future: Option<Started<'a, R>>,
    result: Option<Result<R>>,
}

impl<R: Send + 'static> Wait for HostCall<'_, R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(());
        };
        match Pin::new(future).poll(cx) {
            Poll::Ready(result) => {
                self.result = Some(result);
                self.future = None;
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn cancel(&mut self) {
        self.future = None;
    }
}

struct State {
    turn: Turn,
    /// The call was dropped: the guest has to leave.
    cancelled: bool,
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

    /// Sleeps until it is the caller's turn.
    fn until_caller(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while matches!(state.turn, Turn::Guest) {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state
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
    /// Waits for a host function: its future is polled by the caller.
    pub(crate) fn wait<R: Send + 'static>(&self, future: HostFuture<'_, R>) -> Result<R> {
        let mut waiting = HostCall {
            future: Some(future.into_future()),
            result: None,
        };
        let pointer: NonNull<dyn Wait + '_> = NonNull::from(&mut waiting);
        // SAFETY: only the lifetime changes. The caller uses the pointer while
        // it is its turn, and this function does not return before it is the
        // guest's turn again; if that never happens, the frame stays for ever.
        let pointer: NonNull<dyn Wait> = unsafe { std::mem::transmute(pointer) };
        let shared = &*self.0;
        let state = shared.lock();
        if !state.cancelled {
            shared.pass(state, Turn::Caller(Waiting(pointer)));
            let mut state = shared.lock();
            while !matches!(state.turn, Turn::Guest) {
                state = shared
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        let cancelled = || Err(Error::of(ErrorKind::Cancelled));
        waiting.result.take().unwrap_or_else(cancelled)
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
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            turn: Turn::Guest,
            cancelled: false,
        }),
        changed: Condvar::new(),
    });
    let outcome: Arc<Mutex<Option<Outcome<R>>>> = Arc::default();
    let job = {
        let (shared, outcome) = (shared.clone(), outcome.clone());
        move || {
            let result = catch_unwind(AssertUnwindSafe(|| {
                let own = Coroutine(shared.clone());
                let outer = E::data_mut(&mut cx).coroutine.replace(own);
                let result = work(&mut cx);
                E::data_mut(&mut cx).coroutine = outer;
                result
            }));
            drop(cx);
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            drop(outcome);
            let state = shared.lock();
            shared.pass(state, Turn::Done);
        }
    };
    Running {
        shared,
        outcome,
        job: Some(Box::new(job)),
        started: false,
    }
    .await
}

/// A call on another thread, from the caller's side.
struct Running<'a, R> {
    shared: Arc<Shared>,
    outcome: Arc<Mutex<Option<Outcome<R>>>>,
    job: Option<Box<dyn FnOnce() + Send + 'a>>,
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
        threads::spawn(job).map_err(|error| {
            Error::new(
                ErrorKind::Engine,
                format!("a thread for an asynchronous call cannot be started: {error}"),
            )
            .with_source(error)
        })?;
        self.started = true;
        Ok(())
    }

    fn take(&self) -> Option<Outcome<R>> {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        outcome.take()
    }
}

impl<R> Future for Running<'_, R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.start()?;
        let shared = self.shared.clone();
        loop {
            let state = shared.until_caller();
            let Turn::Caller(Waiting(mut waiting)) = state.turn else {
                drop(state);
                self.started = false;
                return match self.take() {
                    Some(Ok(result)) => Poll::Ready(result),
                    Some(Err(panic)) => resume(panic),
                    None => panic!("a call was polled after it had ended"),
                };
            };
            drop(state);
            // SAFETY: it is the caller's turn: the guest's thread sleeps in the
            // frame that this points to, and gets the turn below or in `drop`.
            if unsafe { waiting.as_mut() }.poll(cx).is_pending() {
                return Poll::Pending;
            }
            shared.pass(shared.lock(), Turn::Guest);
        }
    }
}

fn resume(panic: Box<dyn Any + Send>) -> ! {
    resume_unwind(panic)
}

impl<R> Drop for Running<'_, R> {
    fn drop(&mut self) {
        if !self.started {
            return;
        }
        let shared = self.shared.clone();
        loop {
            let mut state = shared.until_caller();
            state.cancelled = true;
            let Turn::Caller(Waiting(mut waiting)) = state.turn else {
                return;
            };
            drop(state);
            // SAFETY: as in `poll`.
            unsafe { waiting.as_mut() }.cancel();
            shared.pass(shared.lock(), Turn::Guest);
        }
    }
}
