//! The futures of asynchronous host functions: how a host function gives one to
//! its engine, and what can cut it.
//!
//! A future that is ready at once costs little more than its allocation, so
//! everything else is paid for where it is needed: the box that a host function
//! makes is the one that Wasmtime polls, and what can cut a future is a second
//! one around it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::backend::Backend;
use crate::call::{Panic, Site};
use crate::error::{Error, Result};
use crate::interrupt::{self, CancelHandle, Deadline, Ticker};
use crate::policy::Policy;

/// The error that comes out of a box: Wasmtime's where that is on, so that it
/// can take the box as it is.
#[cfg(feature = "wasmtime")]
type Failure = wasmtime::Error;
#[cfg(not(feature = "wasmtime"))]
type Failure = Error;

type Boxed<'a, R> = Box<dyn Future<Output = Result<R, Failure>> + Send + 'a>;

#[cold]
#[cfg(feature = "wasmtime")]
fn failure(error: Error) -> Failure {
    wasmtime::Error::new(error)
}

#[cfg(not(feature = "wasmtime"))]
fn failure(error: Error) -> Failure {
    error
}

#[cold]
#[cfg(feature = "wasmtime")]
fn error(failure: Failure) -> Error {
    failure
        .downcast()
        .unwrap_or_else(|other| Error::host(other.into_boxed_dyn_error()))
}

#[cfg(not(feature = "wasmtime"))]
fn error(failure: Failure) -> Error {
    failure
}

/// The failure of a host function, whose name is to be added.
#[cold]
fn failed(error: Error) -> Failure {
    failure(error.through_guest().unnamed())
}

/// The future of an asynchronous host function, in one allocation.
///
/// A host function makes it with [`HostFuture::new`]; a backend awaits it. While
/// it runs, a panic becomes an error, and a deadline or a cancellation cuts it.
pub struct HostFuture<'a, R>(Boxed<'a, R>);

impl<'a, R: Send + 'static> HostFuture<'a, R> {
    /// The future of a host function's `async` block.
    #[inline]
    pub fn new(future: impl Future<Output = Result<R>> + Send + 'a) -> Self {
        HostFuture(Box::new(Own { future }))
    }

    /// Starts a host function under the policy. Its code up to the first
    /// suspension runs when it is polled, what comes before its `async` block
    /// runs here.
    pub(crate) fn start<B: Backend>(
        mut cx: B::Context<'a>,
        site: &Arc<Site>,
        func: impl FnOnce(B::Context<'a>) -> HostFuture<'a, R>,
    ) -> Self {
        let policy = &mut B::data_mut(&mut cx).policy;
        policy.start_at(site);
        let interrupt = Interrupt::of(policy);
        // The guard is the embedder's code as well.
        let start = || {
            site.enter(B::data_mut(&mut cx))?;
            Ok(func(cx))
        };
        let started = if B::RESUMES_HOST_PANICS {
            Ok(start())
        } else {
            catch_unwind(AssertUnwindSafe(start))
        };
        let HostFuture(future) = match started {
            Ok(Ok(future)) => future,
            Ok(Err(error)) => return Self::refused(error),
            Err(panic) => return Self::refused(Panic::carry(panic)),
        };
        match interrupt {
            None => HostFuture(future),
            Some(interrupt) => HostFuture(Box::new(Armed {
                future: Box::into_pin(future),
                interrupt,
            })),
        }
    }

    /// As [`HostFuture::start`], in a store that is not watched, on an engine
    /// that resumes panics.
    ///
    /// No other box than the host function's own comes out of here, so that
    /// Wasmtime's poll of it is no indirect call: a refusal by the guard has to
    /// be a future as well, and nobody can make one of the host function's type
    /// without calling it.
    #[inline]
    pub(crate) fn start_unwatched<B: Backend>(
        mut cx: B::Context<'a>,
        site: &Arc<Site>,
        func: impl FnOnce(B::Context<'a>) -> HostFuture<'a, R>,
    ) -> Self {
        let policy = &mut B::data_mut(&mut cx).policy;
        policy.start_at(site);
        policy.host_calls += 1;
        func(cx)
    }

    #[cold]
    fn refused(error: Error) -> Self {
        Self::new(std::future::ready(Err(error)))
    }

    /// The same future with Wasmtime's errors, which carries its panics itself.
    #[cfg(feature = "wasmtime")]
    #[doc(hidden)]
    #[inline]
    pub fn into_wasmtime(self) -> Box<dyn Future<Output = wasmtime::Result<R>> + Send + 'a> {
        self.0
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
pub struct Started<'a, R>(Pin<Boxed<'a, R>>);

impl<R> Future for Started<'_, R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(polled) => polled.map_err(error),
            Err(panic) => {
                let error = Panic::carry(panic).through_guest().unnamed();
                Poll::Ready(Err(error))
            }
        }
    }
}

impl<R> fmt::Debug for Started<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Started")
    }
}

pin_project_lite::pin_project! {
    /// A host function's own future.
    struct Own<F> {
        #[pin]
        future: F,
    }
}

impl<R, F: Future<Output = Result<R>>> Future for Own<F> {
    type Output = Result<R, Failure>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_err(failed)
    }
}

/// A host function's future, and what can cut it.
struct Armed<'a, R> {
    future: Pin<Boxed<'a, R>>,
    interrupt: Interrupt,
}

impl<R> Future for Armed<'_, R> {
    type Output = Result<R, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.future.as_mut().poll(cx) {
            Poll::Ready(Ok(value)) => Poll::Ready(match self.interrupt.seen() {
                None => Ok(value),
                Some(error) => Err(failure(error)),
            }),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => match self.interrupt.poll(cx) {
                None => Poll::Pending,
                Some(error) => Poll::Ready(Err(failed(error))),
            },
        }
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
    fn of(policy: &Policy) -> Option<Self> {
        Some(Interrupt {
            ticker: policy.ticker.clone()?,
            cancel: policy.cancel.clone()?,
            deadline: policy.call.deadline,
            timer: None,
        })
    }

    fn poll(&mut self, cx: &Context<'_>) -> Option<Error> {
        self.disarm();
        self.cancel.register(cx.waker());
        let now = || self.ticker.now();
        let reason = interrupt::reason(self.deadline, Some(&self.cancel), now);
        if reason.is_none() {
            let wake = |deadline: Deadline| self.ticker.wake_at(deadline.at, cx.waker().clone());
            self.timer = self.deadline.map(wake);
        }
        reason
    }

    /// As [`Interrupt::poll`], at most a tick late and without a timer.
    fn seen(&self) -> Option<Error> {
        interrupt::reason(self.deadline, Some(&self.cancel), || {
            self.ticker.last_tick()
        })
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
