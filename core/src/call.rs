//! One call, from both sides: what happens before the guest is entered and
//! after it is left, and around each host function. All of the policy that a
//! backend need not know is here.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::backend::Backend;
use crate::config::Interruption;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::{CancelHandle, Ticker};
use crate::store::{CallState, HostCall, Policy, StoreData};
use crate::trap::TrapCode;

/// Whether a store may suspend its guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Sync,
    Async,
}

/// What a call enters: an instance of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) store: u64,
    pub(crate) instance: u32,
}

/// Stands for no instance: a destructor of whichever instance made a resource.
pub(crate) const NO_INSTANCE: u32 = u32::MAX;

/// A call from the host, from before the guest is entered until after it is
/// left. If it is dropped in between, because a future was dropped or an engine
/// panicked, the store is poisoned.
pub(crate) struct Call<'a, B: Backend> {
    cx: B::Context<'a>,
    finished: bool,
}

impl<'a, B: Backend> Call<'a, B> {
    #[inline]
    pub(crate) fn begin(mut cx: B::Context<'a>, mode: Mode, owner: Owner) -> Result<Self> {
        let policy = &mut B::data_mut(&mut cx).policy;
        policy.may_enter(mode, owner)?;
        let outermost = policy.entered.is_empty();
        if outermost {
            policy.start();
        }
        policy.entered.push(owner.instance);
        if outermost && policy.interruption == Interruption::Fuel {
            let fuel = B::fuel(&cx);
            B::data_mut(&mut cx).policy.call.fuel = fuel;
        }
        Ok(Call {
            cx,
            finished: false,
        })
    }

    #[inline]
    pub(crate) fn cx(&mut self) -> B::Context<'_> {
        B::reborrow(&mut self.cx)
    }

    #[inline]
    pub(crate) fn finish<R>(mut self, result: Result<R>) -> Result<R> {
        self.finished = true;
        self.leave();
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(self.failed(error)),
        }
    }

    #[inline]
    fn leave(&mut self) {
        let metered = B::data(&self.cx).policy.interruption == Interruption::Fuel;
        let fuel = if metered { B::fuel(&self.cx) } else { None };
        let policy = &mut B::data_mut(&mut self.cx).policy;
        policy.entered.pop();
        if policy.entered.is_empty() {
            policy.stop();
            if let (Some(left), Some(before)) = (fuel, &mut policy.call.fuel) {
                *before = before.saturating_sub(left);
            }
        }
    }

    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        let fuel = B::fuel(&self.cx);
        let policy = &mut B::data_mut(&mut self.cx).policy;
        let error = policy.explain(error, fuel);
        if error.kind().poisons() && policy.poison.is_none() {
            policy.poison = Some(Box::new(error.kind().clone()));
        }
        if let Some(panic) = policy.panic.take() {
            resume_unwind(panic);
        }
        error
    }
}

impl<B: Backend> Drop for Call<'_, B> {
    fn drop(&mut self) {
        if !self.finished {
            self.leave();
            let policy = &mut B::data_mut(&mut self.cx).policy;
            policy
                .poison
                .get_or_insert_with(|| Box::new(ErrorKind::Cancelled));
        }
    }
}

impl Policy {
    #[inline]
    fn may_enter(&self, mode: Mode, owner: Owner) -> Result<()> {
        if owner.store != self.id {
            return Err(Error::new(
                ErrorKind::WrongStore,
                "this belongs to another store",
            ));
        }
        self.check_mode(mode)?;
        if let Some(by) = &self.poison {
            return Err(Error::of(ErrorKind::Poisoned { by: by.clone() }));
        }
        if owner.instance != NO_INSTANCE && self.entered.contains(&owner.instance) {
            return Err(Error::trap(TrapCode::CannotEnterComponent));
        }
        if self.cancel.is_cancelled() {
            return Err(Error::of(ErrorKind::Cancelled));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn check_mode(&self, mode: Mode) -> Result<()> {
        if self.mode == mode {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::WrongMode,
            match mode {
                Mode::Sync => "a synchronous call on an asynchronous store: use the `_async` call",
                Mode::Async => {
                    "an asynchronous call on a synchronous store: make the store with \
                                `new_async` or `build_async`"
                }
            },
        ))
    }

    #[inline]
    fn start(&mut self) {
        self.call = CallState {
            memory_peak: self.memory,
            ..CallState::default()
        };
        if let Some(ticker) = &self.ticker {
            let now = Instant::now();
            self.call.started = Some(now);
            self.call.deadline = self
                .limits
                .deadline
                .and_then(|limit| now.checked_add(limit));
            ticker.enter();
        }
    }

    #[inline]
    fn stop(&mut self) {
        if let (Some(ticker), Some(started)) = (&self.ticker, self.call.started) {
            ticker.exit();
            let time = started.elapsed();
            self.call.time = Some(time);
            self.call.deadline = None;
            self.time += time;
        }
    }

    /// Gives an error the kind that the policy knows better than the engine.
    fn explain(&self, error: Error, fuel_left: Option<u64>) -> Error {
        match *error.kind() {
            ErrorKind::Trap(code) => match self.call.refused_memory {
                Some(requested) if code == TrapCode::Unreachable => {
                    error.with_kind(ErrorKind::MemoryLimit {
                        limit: self.limits.memory,
                        requested,
                    })
                }
                _ if self.call.growth_refused > 0 => {
                    let refused = self.call.growth_refused;
                    error.with_context("growth_refused", refused)
                }
                _ => error,
            },
            ErrorKind::OutOfFuel { .. } => {
                let consumed = self.fuel_consumed(fuel_left.unwrap_or(0)) - self.fuel_before;
                error.with_kind(ErrorKind::OutOfFuel { consumed })
            }
            _ => error,
        }
    }
}

/// Where a host function is defined; what its errors and the guard say.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) interface: String,
    pub(crate) function: String,
}

impl Site {
    #[cold]
    fn name(&self, error: Error) -> Error {
        let error = error.through_guest();
        let error = if self.interface.is_empty() {
            error
        } else {
            error.with_context("interface", &self.interface)
        };
        error.with_context("function", &self.function)
    }

    /// Before the host's code runs.
    #[inline]
    pub(crate) fn enter(&self, data: &mut StoreData) -> Result<()> {
        let policy = &mut data.policy;
        policy.host_calls += 1;
        policy.call.host_calls += 1;
        if let Some(error) = policy.interrupted_coarse() {
            return Err(error);
        }
        match &policy.guard {
            None => Ok(()),
            Some(guard) => {
                let call = HostCall {
                    interface: &self.interface,
                    function: &self.function,
                };
                guard.check(&call).map_err(|error| self.name(error))
            }
        }
    }

    /// After the host's code ran, or panicked.
    #[inline]
    pub(crate) fn leave<R>(
        &self,
        data: &mut StoreData,
        result: Result<Result<R>, Box<dyn Any + Send>>,
    ) -> Result<R> {
        match result {
            Ok(Ok(value)) => match data.policy.interrupted_coarse() {
                None => Ok(value),
                Some(error) => Err(error),
            },
            Ok(Err(error)) => Err(self.name(error)),
            Err(panic) => {
                data.policy.panic = Some(panic);
                Err(self.name(Error::of(ErrorKind::HostPanic)))
            }
        }
    }
}

/// Runs a synchronous host function under the policy.
#[inline]
pub(crate) fn host_call<B: Backend, R>(
    mut cx: B::Context<'_>,
    site: &Site,
    func: impl FnOnce(B::Context<'_>) -> Result<R>,
) -> Result<R> {
    site.enter(B::data_mut(&mut cx))?;
    let result = catch_unwind(AssertUnwindSafe(|| func(B::reborrow(&mut cx))));
    site.leave(B::data_mut(&mut cx), result)
}

/// Polls a host function's future under the policy: a panic becomes an error,
/// and a deadline or a cancellation cuts it.
pub(crate) struct HostPoll<F> {
    future: F,
    interrupt: Option<Interrupt>,
}

pub(crate) struct Interrupt {
    ticker: Arc<Ticker>,
    cancel: CancelHandle,
    started: Option<Instant>,
    deadline: Option<Instant>,
    timer: Option<(Instant, u64)>,
}

impl<F> HostPoll<F> {
    pub(crate) fn new(future: F, interrupt: Option<Interrupt>) -> Self {
        HostPoll { future, interrupt }
    }
}

impl Interrupt {
    pub(crate) fn of(data: &StoreData) -> Option<Self> {
        let policy = &data.policy;
        policy.ticker.as_ref().map(|ticker| Interrupt {
            ticker: ticker.clone(),
            cancel: policy.cancel.clone(),
            started: policy.call.started,
            deadline: policy.call.deadline,
            timer: None,
        })
    }

    fn poll(&mut self, cx: &Context<'_>) -> Option<Error> {
        self.disarm();
        self.cancel.register(cx.waker());
        if let (Some(deadline), Some(started)) = (self.deadline, self.started) {
            let now = Instant::now();
            if now >= deadline {
                let elapsed = now.duration_since(started);
                return Some(Error::of(ErrorKind::DeadlineExceeded { elapsed }));
            }
            self.timer = Some(self.ticker.wake_at(deadline, cx.waker().clone()));
        }
        self.cancel
            .is_cancelled()
            .then(|| Error::of(ErrorKind::Cancelled))
    }

    fn disarm(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.ticker.forget(timer);
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl<F, R> Future for HostPoll<F>
where
    F: Future<Output = Result<R>> + Unpin,
{
    type Output = Result<Result<R>, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let future = Pin::new(&mut this.future);
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(panic) => Poll::Ready(Err(panic)),
            Ok(Poll::Pending) => match this.interrupt.as_mut().and_then(|i| i.poll(cx)) {
                Some(error) => Poll::Ready(Ok(Err(error))),
                None => Poll::Pending,
            },
        }
    }
}
