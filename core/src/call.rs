//! One call, from both sides: what happens before the guest is entered and
//! after it is left, and around each host function. All of the policy that a
//! backend need not know is here.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::{CancelHandle, Deadline};
use crate::mutant::{self, Mutant};
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

/// A gate that a call went through and that it has not left: with the instance that it
/// entered, and above all keys.
const ENTERED: u64 = 1 << 63;

impl Owner {
    /// Store and mode of a call in one number, which is never [`SHUT`]: stores
    /// are counted from 1.
    #[inline]
    pub(crate) const fn key(store: u64, mode: Mode) -> u64 {
        store << 1 | matches!(mode, Mode::Async) as u64
    }
}

/// Stands for no instance: a destructor of the host's, or of an instance that the
/// handle does not tell.
pub(crate) const NO_INSTANCE: u32 = u32::MAX;

/// No instance is on the stack.
pub(crate) const IDLE: u32 = u32::MAX - 1;
const _: () = assert!(IDLE != NO_INSTANCE, "a call of no instance is a call");

/// A call from the host, from before the guest is entered until after it is
/// left. If it is dropped in between, because a future was dropped or an engine
/// panicked, the store is poisoned.
pub(crate) struct Call<'a, B: Backend> {
    cx: B::Context<'a>,
    /// How many calls are below it on the stack.
    depth: usize,
    finished: bool,
}

impl<'a, B: Backend> Call<'a, B> {
    #[inline]
    pub(crate) fn begin(mut cx: B::Context<'a>, mode: Mode, owner: Owner) -> Result<Self> {
        let policy = &mut B::data_mut(&mut cx).policy;
        let depth = if policy.gate == Owner::key(owner.store, mode) {
            policy.gate = ENTERED | u64::from(owner.instance);
            policy.call.host_calls = policy.host_calls;
            0
        } else {
            Self::begin_slowly(&mut cx, mode, owner, false)?
        };
        Ok(Call {
            cx,
            depth,
            finished: false,
        })
    }

    /// As [`Call::begin`], for a destructor whose instance is known by now: if
    /// the host dropped the handle, the call below may be just this one's.
    pub(crate) fn begin_end(mut cx: B::Context<'a>, mode: Mode, owner: Owner) -> Result<Self> {
        let depth = Self::begin_slowly(&mut cx, mode, owner, true)?;
        Ok(Call {
            cx,
            depth,
            finished: false,
        })
    }

    /// Everything that a call can need before it: other calls on the stack,
    /// time, fuel, and reasons to refuse it. Gives the number of calls below.
    #[inline(never)]
    fn begin_slowly(
        cx: &mut B::Context<'a>,
        mode: Mode,
        owner: Owner,
        ends: bool,
    ) -> Result<usize> {
        let policy = &mut B::data_mut(cx).policy;
        policy.may_enter(mode, owner, ends)?;
        policy.close();
        if !policy.has_call() {
            policy.start();
        } else {
            let site = policy.site.take();
            policy.below.push((policy.current, site));
        }
        policy.current = owner.instance;
        let depth = policy.below.len();
        if depth == 0 && policy.interruption.has_fuel() {
            let fuel = B::fuel(cx);
            B::data_mut(cx).policy.call.fuel = fuel;
        }
        Ok(depth)
    }

    #[inline]
    pub(crate) fn cx(&mut self) -> B::Context<'_> {
        B::reborrow(&mut self.cx)
    }

    #[inline]
    pub(crate) fn finish<R>(mut self, result: Result<R>) -> Result<R> {
        self.finished = true;
        // A value that is put together just before it is read again makes the
        // reader wait: so small ones stay in registers, and others are moved as a
        // whole.
        if const { size_of::<Result<R>>() <= 16 } {
            return match result {
                Ok(value) if !self.leave() => Ok(value),
                result => Err(self.finish_badly(result.err())),
            };
        }
        if result.is_ok() && !self.leave() {
            return result;
        }
        Err(self.finish_badly(result.err()))
    }

    /// Ends a call that failed, or one that left a call above it leaked and that
    /// has been left.
    #[cold]
    #[inline(never)]
    fn finish_badly(&mut self, error: Option<Error>) -> Error {
        let error = match error {
            Some(error) => {
                let error = self.name(error);
                self.leave();
                error
            }
            None => Error::of(ErrorKind::Cancelled),
        };
        self.failed(error)
    }

    /// Adds the name of the asynchronous host function that failed.
    #[cold]
    fn name(&self, mut error: Error) -> Error {
        match &B::data(&self.cx).policy.site {
            Some(site) if error.take_unnamed() => site.name(error),
            _ => error,
        }
    }

    /// Says whether a call above this one was leaked: then no engine has to be
    /// able to go on below it.
    #[inline]
    fn leave(&mut self) -> bool {
        let policy = &mut B::data_mut(&mut self.cx).policy;
        // With calls above it, which have been left or leaked, the gate is shut.
        if policy.gate >= ENTERED {
            policy.gate = policy.open;
            false
        } else {
            self.leave_slowly()
        }
    }

    #[inline(never)]
    fn leave_slowly(&mut self) -> bool {
        let policy = &mut B::data_mut(&mut self.cx).policy;
        let leaked = policy.below.len() > self.depth;
        if leaked {
            // Calls of a host function that this call's guest called: they are
            // above this one, so they ended or their futures were leaked.
            policy.below.truncate(self.depth);
            policy.poison(&ErrorKind::Cancelled);
        }
        match policy.below.pop() {
            Some((below, site)) => {
                policy.current = below;
                policy.site = site;
            }
            None => end::<B>(&mut self.cx),
        }
        leaked
    }

    #[cold]
    fn failed(&mut self, error: Error) -> Error {
        let fuel = B::fuel(&mut self.cx);
        let policy = &mut B::data_mut(&mut self.cx).policy;
        let error = policy.explain(error, fuel);
        if mutant::active(Mutant::UsageOfFailedCallLost) {
            policy.call.fuel = None;
        }
        if error.poisons() {
            policy.poison(error.kind());
        }
        if let Some(panic) = Panic::take(&error)
            && !mutant::active(Mutant::HostPanicCaught)
        {
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

/// The outermost call ends: its time and its fuel are counted.
fn end<B: Backend>(cx: &mut B::Context<'_>) {
    let metered = B::data(cx).policy.interruption.has_fuel();
    let fuel = if metered { B::fuel(cx) } else { None };
    let policy = &mut B::data_mut(cx).policy;
    policy.current = IDLE;
    policy.gate = policy.open;
    policy.stop();
    if let (Some(left), Some(before)) = (fuel, &mut policy.call.fuel) {
        *before = before.saturating_sub(left);
    }
}

/// Ends a call whose future was leaked, as if it had been dropped. Nobody else
/// does: what the future held is never run.
///
/// To be called with a context of a whole [`Store`](crate::Store) that has a
/// call: a call borrows its store until it ends, and lends it to host functions
/// as a context only.
#[cold]
#[inline(never)]
pub(crate) fn abandon<B: Backend>(cx: &mut B::Context<'_>) {
    let policy = &mut B::data_mut(cx).policy;
    policy.below.clear();
    policy.site = None;
    end::<B>(cx);
    B::data_mut(cx).policy.poison(&ErrorKind::Cancelled);
}

#[cold]
pub(crate) fn poisoned(by: &ErrorKind) -> Error {
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
    /// Whether a call is on the stack, or was leaked.
    #[inline]
    pub(crate) fn has_call(&self) -> bool {
        self.gate >= ENTERED || self.current != IDLE
    }

    /// Shuts the gate, also behind a call that went through it.
    fn close(&mut self) {
        if self.gate >= ENTERED {
            self.current = self.gate as u32;
        }
        self.gate = SHUT;
    }

    /// The call has grown something: the next has to clear that away.
    pub(crate) fn has_grown(&mut self) {
        self.open = SHUT;
        if self.gate < ENTERED {
            self.gate = SHUT;
        }
    }

    #[inline]
    fn may_enter(&self, mode: Mode, owner: Owner, ends: bool) -> Result<()> {
        if owner.store != self.id {
            return Err(wrong_store());
        }
        self.check_mode(mode)?;
        if let Some(by) = &self.poison {
            return Err(poisoned(by));
        }
        if self.has_call()
            && self.is_on_the_stack(owner.instance, ends)
            && !mutant::active(Mutant::ReentryAllowed)
        {
            return Err(Error::trap(TrapCode::CannotEnterComponent));
        }
        if self.cancel.as_ref().is_some_and(CancelHandle::is_cancelled) {
            return Err(Error::of(ErrorKind::Cancelled));
        }
        Ok(())
    }

    /// Whether the instance is on the stack, or may be: of a destructor that the
    /// host started it may not be known whose it is.
    /// `ends` is for that destructor itself.
    fn is_on_the_stack(&self, instance: u32, ends: bool) -> bool {
        let below = |other| self.below.iter().any(|(instance, _)| *instance == other);
        let current = if self.gate >= ENTERED {
            self.gate as u32
        } else {
            self.current
        };
        let on = |other| current == other || below(other);
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
        call.growth = None;
        self.open = self.key;
        call.host_calls = self.host_calls;
        if let Some(ticker) = &self.ticker {
            let now = ticker.now();
            call.started = Some(now);
            let mut limit = self.limits.deadline;
            if mutant::active(Mutant::DeadlineDoubled) {
                limit = limit.map(|limit| limit * 2);
            }
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
            let time = ticker.now().duration_since(started);
            self.call.time = Some(time);
            self.call.deadline = None;
            self.time += time;
        }
    }

    /// Shuts the store for good.
    fn poison(&mut self, by: &ErrorKind) {
        if mutant::active(Mutant::PoisonForgotten) {
            return;
        }
        self.key = SHUT;
        self.open = SHUT;
        self.close();
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
                Some(requested)
                    if code == TrapCode::Unreachable
                        && !mutant::active(Mutant::RefusedGrowthForgotten) =>
                {
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
                error
                    .with_kind(ErrorKind::OutOfFuel { consumed })
                    .with_context("limit", self.fuel_set)
            }
            _ => error,
        }
    }
}

impl Drop for Policy {
    /// A leaked call keeps the ticker busy no longer than its store lives.
    fn drop(&mut self) {
        if self.has_call() {
            self.stop();
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
            Ok(Ok(value)) => {
                if data.policy.watched {
                    Self::leave_watched(&data.policy)?;
                }
                Ok(value)
            }
            Ok(Err(_)) if mutant::active(Mutant::HostErrorLost) => {
                Err(self.name(Error::new(ErrorKind::Host, "a host function failed")))
            }
            Ok(Err(error)) => Err(self.name(error)),
            Err(panic) => Err(self.name(Panic::carry(panic))),
        }
    }

    /// Apart from [`Site::leave`], which is small enough without it to become
    /// part of each host function.
    #[inline(never)]
    fn leave_watched(policy: &Policy) -> Result<()> {
        match policy.interrupted_coarse() {
            None => Ok(()),
            Some(error) => Err(error),
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
pub(crate) struct Panic(Mutex<Option<Box<dyn Any + Send>>>);

impl Panic {
    #[cold]
    pub(crate) fn carry(panic: Box<dyn Any + Send>) -> Error {
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
