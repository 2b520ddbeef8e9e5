//! One call, from both sides: what happens before the guest is entered and
//! after it is left, and around each host function. All of the policy that a
//! backend need not know is here.

use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::backend::Backend;
use crate::config::Interruption;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::{self, CancelHandle, Deadline, Ticker};
use crate::policy::{HostCall, Policy, StoreData};
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

/// Opens no store.
pub(crate) const SHUT: u64 = 0;

impl Owner {
    /// Store and mode of a call in one number, which is never [`SHUT`]: stores
    /// are counted from 1.
    #[inline]
    pub(crate) const fn key(store: u64, mode: Mode) -> u64 {
        store << 1 | matches!(mode, Mode::Async) as u64
    }
}

/// Stands for no instance: a destructor of whichever instance made a resource.
pub(crate) const NO_INSTANCE: u32 = u32::MAX;

/// No instance is on the stack.
pub(crate) const IDLE: u32 = u32::MAX - 1;

/// A call from the host, from before the guest is entered until after it is
/// left. If it is dropped in between, because a future was dropped or an engine
/// panicked, the store is poisoned.
pub(crate) struct Call<'a, B: Backend> {
    cx: B::Context<'a>,
    /// It came through the store's open gate.
    fast: bool,
    finished: bool,
}

impl<'a, B: Backend> Call<'a, B> {
    #[inline]
    pub(crate) fn begin(mut cx: B::Context<'a>, mode: Mode, owner: Owner) -> Result<Self> {
        let policy = &mut B::data_mut(&mut cx).policy;
        let fast = policy.gate == Owner::key(owner.store, mode);
        if fast {
            policy.gate = SHUT;
            policy.current = owner.instance;
            policy.sequence += 1;
            policy.call.host_calls = policy.host_calls;
        } else {
            Self::begin_slowly(&mut cx, mode, owner, false)?;
        }
        Ok(Call {
            cx,
            fast,
            finished: false,
        })
    }

    /// As [`Call::begin`], for a destructor whose instance is known by now: if
    /// the host dropped the handle, the call below may be just this one's.
    pub(crate) fn begin_end(mut cx: B::Context<'a>, mode: Mode, owner: Owner) -> Result<Self> {
        Self::begin_slowly(&mut cx, mode, owner, true)?;
        Ok(Call {
            cx,
            fast: false,
            finished: false,
        })
    }

    /// Everything that a call can need before it: other calls on the stack,
    /// time, fuel, and reasons to refuse it.
    #[inline(never)]
    fn begin_slowly(cx: &mut B::Context<'a>, mode: Mode, owner: Owner, ends: bool) -> Result<()> {
        let policy = &mut B::data_mut(cx).policy;
        policy.may_enter(mode, owner, ends)?;
        if policy.current == IDLE {
            policy.start();
        } else {
            let site = policy.site.take();
            policy.below.push((policy.current, site));
        }
        policy.current = owner.instance;
        if policy.below.is_empty() && policy.interruption == Interruption::Fuel {
            let fuel = B::fuel(cx);
            B::data_mut(cx).policy.call.fuel = fuel;
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn cx(&mut self) -> B::Context<'_> {
        B::reborrow(&mut self.cx)
    }

    #[inline]
    pub(crate) fn finish<R>(mut self, result: Result<R>) -> Result<R> {
        self.finished = true;
        match result {
            Ok(value) => {
                self.leave();
                Ok(value)
            }
            Err(error) => {
                let error = self.name(error);
                self.leave();
                Err(self.failed(error))
            }
        }
    }

    /// Adds the name of the asynchronous host function that failed.
    #[cold]
    fn name(&self, mut error: Error) -> Error {
        match &B::data(&self.cx).policy.site {
            Some(site) if error.take_unnamed() => site.name(error),
            _ => error,
        }
    }

    #[inline]
    fn leave(&mut self) {
        if self.fast {
            let policy = &mut B::data_mut(&mut self.cx).policy;
            policy.current = IDLE;
            policy.gate = policy.open;
        } else {
            self.leave_slowly();
        }
    }

    #[inline(never)]
    fn leave_slowly(&mut self) {
        let metered = B::data(&self.cx).policy.interruption == Interruption::Fuel;
        let fuel = if metered { B::fuel(&self.cx) } else { None };
        let policy = &mut B::data_mut(&mut self.cx).policy;
        if let Some((below, site)) = policy.below.pop() {
            policy.current = below;
            policy.site = site;
            return;
        }
        policy.current = IDLE;
        policy.stop();
        if let (Some(left), Some(before)) = (fuel, &mut policy.call.fuel) {
            *before = before.saturating_sub(left);
        }
    }

    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        let fuel = B::fuel(&self.cx);
        let policy = &mut B::data_mut(&mut self.cx).policy;
        let error = policy.explain(error, fuel);
        if error.kind().poisons() {
            policy.poison(error.kind());
        }
        if let Some(panic) = Panic::take(&error) {
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
            let panicking = std::thread::panicking();
            policy.poison(if panicking {
                &ErrorKind::HostPanic
            } else {
                &ErrorKind::Cancelled
            });
        }
    }
}

#[cold]
fn poisoned(by: &ErrorKind) -> Error {
    Error::of(ErrorKind::Poisoned {
        by: Box::new(by.clone()),
    })
}

#[cold]
fn wrong_store() -> Error {
    Error::new(ErrorKind::WrongStore, "this belongs to another store")
}

#[cold]
fn wrong_mode(mode: Mode) -> Error {
    Error::new(
        ErrorKind::WrongMode,
        match mode {
            Mode::Sync => "a synchronous call on an asynchronous store: use the `_async` call",
            Mode::Async => {
                "an asynchronous call on a synchronous store: make the store with `new_async` or \
                 `build_async`"
            }
        },
    )
}

impl Policy {
    #[inline]
    fn may_enter(&self, mode: Mode, owner: Owner, ends: bool) -> Result<()> {
        if owner.store != self.id {
            return Err(wrong_store());
        }
        self.check_mode(mode)?;
        if let Some(by) = &self.poison {
            return Err(poisoned(by));
        }
        if self.current != IDLE && self.is_on_the_stack(owner.instance, ends) {
            return Err(Error::trap(TrapCode::CannotEnterComponent));
        }
        if self.ticker.is_some() && self.cancel.is_cancelled() {
            return Err(Error::of(ErrorKind::Cancelled));
        }
        Ok(())
    }

    /// Whether the instance is on the stack, or may be: of a destructor that the
    /// host started it is not known whose it is.
    /// `ends` is for that destructor itself.
    fn is_on_the_stack(&self, instance: u32, ends: bool) -> bool {
        let below = |other| self.below.iter().any(|(instance, _)| *instance == other);
        let on = |other| self.current == other || below(other);
        let unknown = if ends {
            below(NO_INSTANCE)
        } else {
            on(NO_INSTANCE)
        };
        instance != NO_INSTANCE && (on(instance) || unknown)
    }

    #[inline]
    pub(crate) fn check_mode(&self, mode: Mode) -> Result<()> {
        if self.mode == mode {
            Ok(())
        } else {
            Err(wrong_mode(mode))
        }
    }

    #[inline]
    fn start(&mut self) {
        let call = &mut self.call;
        self.sequence += 1;
        call.host_calls = self.host_calls;
        if let Some(ticker) = &self.ticker {
            let now = Instant::now();
            call.started = Some(now);
            let limit = self.limits.deadline;
            call.deadline = limit
                .and_then(|limit| now.checked_add(limit))
                .map(|at| Deadline { started: now, at });
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

    /// Shuts the store for good.
    fn poison(&mut self, by: &ErrorKind) {
        self.open = SHUT;
        self.gate = SHUT;
        self.poison.get_or_insert_with(|| Box::new(by.clone()));
    }

    /// Gives an error the kind that the policy knows better than the engine.
    fn explain(&self, error: Error, fuel_left: Option<u64>) -> Error {
        // What came through a host function was explained where it arose, maybe
        // in another store.
        if error.context_value("function").is_some() {
            return error;
        }
        match *error.kind() {
            ErrorKind::Trap(code) => match self.growth_in_call().refused_memory {
                Some(requested) if code == TrapCode::Unreachable => {
                    error.with_kind(ErrorKind::MemoryLimit {
                        limit: self.limits.memory,
                        requested,
                    })
                }
                _ => match self.growth_in_call().refused {
                    0 => error,
                    refused => error.with_context("growth_refused", refused),
                },
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
        if policy.watched {
            self.enter_watched(policy)
        } else {
            Ok(())
        }
    }

    #[inline(never)]
    fn enter_watched(&self, policy: &Policy) -> Result<()> {
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
                guard.check(&call)
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
            Ok(Ok(value)) if !data.policy.watched => Ok(value),
            Ok(Ok(value)) => match data.policy.interrupted_coarse() {
                None => Ok(value),
                Some(error) => Err(error),
            },
            Ok(Err(error)) => Err(self.name(error)),
            Err(panic) => Err(self.name(Panic::carry(panic))),
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
    // The guard is the embedder's code as well.
    let run = |cx: &mut B::Context<'_>| {
        site.enter(B::data_mut(cx))?;
        func(B::reborrow(cx))
    };
    let result = if B::RESUMES_HOST_PANICS {
        Ok(run(&mut cx))
    } else {
        catch_unwind(AssertUnwindSafe(|| run(&mut cx)))
    };
    site.leave(B::data_mut(&mut cx), result)
}

/// A host function's panic on its way to the caller, as an error's source.
struct Panic(Mutex<Option<Box<dyn Any + Send>>>);

impl Panic {
    #[cold]
    fn carry(panic: Box<dyn Any + Send>) -> Error {
        Error::of(ErrorKind::HostPanic).with_source(Panic(Mutex::new(Some(panic))))
    }

    fn take(error: &Error) -> Option<Box<dyn Any + Send>> {
        let Panic(payload) = error.downcast_ref()?;
        payload
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Panic")
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a panic that resumes in the caller")
    }
}

impl std::error::Error for Panic {}

/// The future of an asynchronous host function, in one allocation.
///
/// A host function makes it with [`HostFuture::new`]; a backend awaits it. While
/// it runs, a panic becomes an error, and a deadline or a cancellation cuts it.
pub struct HostFuture<'a, R>(Box<dyn Task<'a, R> + 'a>);

impl<'a, R: Send + 'static> HostFuture<'a, R> {
    /// The future of a host function's `async` block.
    #[inline]
    pub fn new(future: impl Future<Output = Result<R>> + Send + 'a) -> Self {
        HostFuture(Box::new(Running {
            future,
            interrupt: None,
            catch: false,
        }))
    }

    /// Starts a host function under the policy. Its code up to the first
    /// suspension runs when it is polled, what comes before its `async` block
    /// runs here.
    #[inline]
    pub(crate) fn start<B: Backend>(
        mut cx: B::Context<'a>,
        site: &Arc<Site>,
        func: impl FnOnce(B::Context<'a>) -> HostFuture<'a, R>,
    ) -> Self {
        let policy = &mut B::data_mut(&mut cx).policy;
        // The name is needed if the function fails. It is kept in the store, so
        // that a guest that calls the same function again costs no more than a
        // look.
        if !policy
            .site
            .as_ref()
            .is_some_and(|last| Arc::ptr_eq(last, site))
        {
            policy.site = Some(site.clone());
        }
        let interrupt = Interrupt::of(B::data(&cx));
        let start = || {
            site.enter(B::data_mut(&mut cx))?;
            Ok(func(cx))
        };
        let started = if B::RESUMES_HOST_PANICS {
            Ok(start())
        } else {
            catch_unwind(AssertUnwindSafe(start))
        };
        let mut future = match started {
            Ok(Ok(future)) => future,
            Ok(Err(error)) => Self::new(std::future::ready(Err(error))),
            Err(panic) => Self::new(std::future::ready(Err(Panic::carry(panic)))),
        };
        if interrupt.is_some() || !B::RESUMES_HOST_PANICS {
            future.0.arm(interrupt, !B::RESUMES_HOST_PANICS);
        }
        future
    }

    /// The same future with Wasmtime's errors, without another allocation.
    #[cfg(feature = "wasmtime")]
    #[doc(hidden)]
    #[inline]
    pub fn into_wasmtime(self) -> Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a> {
        self.0.into_wasmtime()
    }
}

impl<'a, R: 'static> IntoFuture for HostFuture<'a, R> {
    type Output = Result<R>;
    type IntoFuture = Started<'a, R>;

    fn into_future(self) -> Started<'a, R> {
        Started(Box::into_pin(self.0))
    }
}

impl<R> fmt::Debug for HostFuture<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostFuture")
    }
}

/// A [`HostFuture`] that is awaited.
pub struct Started<'a, R>(Pin<Box<dyn Task<'a, R> + 'a>>);

impl<R> Future for Started<'_, R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll_task(cx)
    }
}

impl<R> fmt::Debug for Started<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Started")
    }
}

pin_project_lite::pin_project! {
    /// A host function's own future with what it runs under.
    struct Running<F> {
        #[pin]
        future: F,
        // Boxed, so that a future that nothing can cut is small.
        interrupt: Option<Box<Interrupt>>,
        // Whether its panics are caught here.
        catch: bool,
    }
}

/// [`Running`], whatever its future is.
trait Task<'a, R>: Send {
    fn arm(&mut self, interrupt: Option<Box<Interrupt>>, catch: bool);

    fn poll_task(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>>;

    #[cfg(feature = "wasmtime")]
    fn into_wasmtime(self: Box<Self>) -> Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a>;
}

impl<'a, R: 'static, F> Task<'a, R> for Running<F>
where
    F: Future<Output = Result<R>> + Send + 'a,
{
    fn arm(&mut self, interrupt: Option<Box<Interrupt>>, catch: bool) {
        self.interrupt = interrupt;
        self.catch = catch;
    }

    fn poll_task(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        self.poll_running(cx)
    }

    #[cfg(feature = "wasmtime")]
    fn into_wasmtime(self: Box<Self>) -> Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a> {
        self
    }
}

#[cfg(feature = "wasmtime")]
impl<R, F: Future<Output = Result<R>>> Future for Running<F> {
    type Output = wasmtime::Result<R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_running(cx).map_err(wasmtime::Error::new)
    }
}

impl<R, F: Future<Output = Result<R>>> Running<F> {
    #[inline]
    fn poll_running(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<R>> {
        let this = self.project();
        let polled = if *this.catch {
            catch_unwind(AssertUnwindSafe(|| this.future.poll(cx)))
        } else {
            Ok(this.future.poll(cx))
        };
        let result = match polled {
            Ok(Poll::Ready(result)) => result,
            Err(panic) => Err(Panic::carry(panic)),
            Ok(Poll::Pending) => match this.interrupt.as_mut().and_then(|i| i.poll(cx)) {
                Some(error) => Err(error),
                None => return Poll::Pending,
            },
        };
        Poll::Ready(match result {
            Ok(value) => match this.interrupt.as_ref().and_then(|i| i.seen()) {
                None => Ok(value),
                Some(error) => Err(error),
            },
            Err(error) => Err(error.through_guest().unnamed()),
        })
    }
}

/// What can cut a host function's future.
struct Interrupt {
    ticker: Arc<Ticker>,
    cancel: CancelHandle,
    deadline: Option<Deadline>,
    timer: Option<(Instant, u64)>,
}

impl Interrupt {
    #[inline]
    fn of(data: &StoreData) -> Option<Box<Self>> {
        let policy = &data.policy;
        policy.ticker.as_ref().map(|ticker| {
            Box::new(Interrupt {
                ticker: ticker.clone(),
                cancel: policy.cancel.clone(),
                deadline: policy.call.deadline,
                timer: None,
            })
        })
    }

    fn poll(&mut self, cx: &Context<'_>) -> Option<Error> {
        self.disarm();
        self.cancel.register(cx.waker());
        let reason = interrupt::reason(self.deadline, &self.cancel, Instant::now);
        if reason.is_none() {
            let wake = |deadline: Deadline| self.ticker.wake_at(deadline.at, cx.waker().clone());
            self.timer = self.deadline.map(wake);
        }
        reason
    }

    /// As [`Interrupt::poll`], at most a tick late and without a timer.
    fn seen(&self) -> Option<Error> {
        interrupt::reason(self.deadline, &self.cancel, || self.ticker.last_tick())
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
