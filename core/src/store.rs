//! Stores: what a component's instances live in, with the embedder's data. The
//! store is the unit of failure: a trap or a limit poisons it and nothing else.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::call::{Mode, abandon};
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::interrupt::CancelHandle;
use crate::limits::{Limits, Usage};
use crate::mutant::{self, Mutant};
use crate::policy::{Guard, StoreData, StoreOptions};

/// Makes a [`Store`] with limits and a guard.
///
/// ```
/// # use enginebay_core::{Backend, Engine, Limits, Result, Store};
/// # fn example<B: Backend>(engine: &Engine<B>) -> Result<()> {
/// let limits = Limits::new().memory(64 << 20);
/// let store = Store::builder(engine).limits(limits).build(String::from("data"))?;
/// # Ok(())
/// # }
/// ```
pub struct StoreBuilder<B: Backend, T: 'static> {
    engine: Engine<B>,
    limits: Option<Limits>,
    guard: Option<Arc<dyn Guard>>,
    _marker: PhantomData<fn(T)>,
}

impl<B: Backend, T: Send + 'static> StoreBuilder<B, T> {
    /// What the store may use. Without this, [`Engine::default_limits`].
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Asked before every host function. Without this, all are allowed.
    #[must_use]
    pub fn guard(mut self, guard: impl Guard + 'static) -> Self {
        self.guard = Some(Arc::new(guard));
        self
    }

    /// A synchronous store.
    ///
    /// # Errors
    ///
    /// `Unsupported`, naming the limit, for what the engine cannot enforce.
    #[inline]
    pub fn build(self, data: T) -> Result<Store<B, T>> {
        self.build_mode(data, Mode::Sync)
    }

    /// An asynchronous store: its calls are the `_async` ones, and asynchronous
    /// host functions suspend the guest.
    ///
    /// # Errors
    ///
    /// As [`StoreBuilder::build`].
    #[inline]
    pub fn build_async(self, data: T) -> Result<Store<B, T>> {
        self.build_mode(data, Mode::Async)
    }

    #[inline]
    fn build_mode(self, data: T, mode: Mode) -> Result<Store<B, T>> {
        let interruption = self.engine.interruption();
        let limits = self.limits.unwrap_or_else(|| self.engine.default_limits());
        limits
            .check(interruption)
            .map_err(|error| error.with_context("backend", self.engine.backend()))?;
        let options = StoreOptions {
            engine: self.engine.identity(),
            limits,
            interruption,
            deterministic: self.engine.config().get_deterministic(),
            ticker: self.engine.ticker().cloned(),
            guard: self.guard,
        };
        let inner = B::new_store(self.engine.inner(), StoreData::new(data, mode, options))?;
        Ok(Store {
            inner,
            engine: self.engine,
            _marker: PhantomData,
        })
    }
}

impl<B: Backend, T> fmt::Debug for StoreBuilder<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Where instances live, with the embedder's data `T`.
///
/// A store is synchronous or asynchronous from the start. Any trap, limit or
/// host error of a call poisons it: later calls give `Poisoned` and touch
/// nothing. Other stores go on.
pub struct Store<B: Backend, T: 'static> {
    inner: B::Store,
    engine: Engine<B>,
    _marker: PhantomData<T>,
}

impl<B: Backend, T: Send + 'static> Store<B, T> {
    /// A synchronous store with [`Engine::default_limits`].
    ///
    /// # Errors
    ///
    /// `Engine` if the engine cannot make one.
    #[inline]
    pub fn new(engine: &Engine<B>, data: T) -> Result<Self> {
        Store::builder(engine).build(data)
    }

    /// An asynchronous store with [`Engine::default_limits`].
    ///
    /// # Errors
    ///
    /// `Engine` if the engine cannot make one.
    #[inline]
    pub fn new_async(engine: &Engine<B>, data: T) -> Result<Self> {
        Store::builder(engine).build_async(data)
    }

    /// A store with limits or a guard.
    #[inline]
    pub fn builder(engine: &Engine<B>) -> StoreBuilder<B, T> {
        StoreBuilder {
            engine: engine.clone(),
            limits: None,
            guard: None,
            _marker: PhantomData,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine<B> {
        &self.engine
    }

    /// The embedder's data.
    #[inline]
    pub fn data(&self) -> &T {
        user(B::store_data(&self.inner))
    }

    /// The embedder's data.
    #[inline]
    pub fn data_mut(&mut self) -> &mut T {
        user_mut(B::store_data_mut(&mut self.inner))
    }

    /// Ends the store and gives the embedder's data back.
    pub fn into_data(self) -> T {
        B::into_store_data(self.inner)
            .into_user()
            .expect(WRONG_DATA)
    }

    /// What the store has used since it was made, after failures too.
    pub fn usage(&mut self) -> Usage {
        let left = B::fuel(&mut B::context(&mut self.inner));
        let policy = &B::store_data(&self.inner).policy;
        Usage {
            memory: if mutant::active(Mutant::UsageOfMemoryWrong) {
                policy.table_elements
            } else {
                policy.memory
            },
            memory_peak: policy.memory_peak,
            table_elements: policy.table_elements,
            growth_refused: policy.growth_refused,
            fuel: left.map(|left| policy.fuel_consumed(left)),
            host_calls: policy.host_calls,
            time: policy.ticker.as_ref().map(|_| policy.time),
        }
    }

    /// What the last call from the host used, whether it succeeded or failed;
    /// an instantiation is a call.
    pub fn last_call_usage(&self) -> Usage {
        let policy = &B::store_data(&self.inner).policy;
        Usage {
            memory: policy.memory,
            memory_peak: policy.growth_in_call().memory_peak,
            table_elements: policy.table_elements,
            growth_refused: policy.growth_in_call().refused,
            fuel: policy.call.fuel,
            host_calls: policy.host_calls - policy.call.host_calls,
            time: policy.call.time,
        }
    }

    /// What the store may use.
    pub fn limits(&self) -> &Limits {
        B::store_data(&self.inner).limits()
    }

    /// Fuel that is left; `None` where it is not metered.
    pub fn fuel(&mut self) -> Option<u64> {
        B::fuel(&mut B::context(&mut self.inner))
    }

    /// Sets the fuel that is left.
    ///
    /// # Errors
    ///
    /// `Unsupported` unless the engine's interruption is
    /// [`Interruption::Fuel`](crate::Interruption).
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        let mut cx = B::context(&mut self.inner);
        let left = B::fuel(&mut cx).ok_or_else(|| {
            Error::unsupported("fuel cannot be set: the engine's interruption is not fuel")
                .with_context("backend", self.engine.backend())
        })?;
        B::set_fuel(&mut cx, fuel)?;
        let policy = &mut B::data_mut(&mut cx).policy;
        policy.fuel_before = policy.fuel_consumed(left);
        policy.fuel_set = fuel;
        Ok(())
    }

    /// Sets the deadline of calls that are made from now on, each from its beginning;
    /// `None` is no deadline.
    ///
    /// # Errors
    ///
    /// As for a store that is made with this limit: `Unsupported` if the engine's
    /// interruption is [`Interruption::None`](crate::Interruption), `InvalidConfig` for a
    /// deadline of zero.
    pub fn set_deadline(&mut self, deadline: Option<Duration>) -> Result<()> {
        let mut cx = B::context(&mut self.inner);
        let policy = &mut B::data_mut(&mut cx).policy;
        let limits = policy.limits.clone().deadline(deadline);
        limits.check(policy.interruption)?;
        policy.limits = limits;
        Ok(())
    }

    /// A handle that stops the store's guest from any thread.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the engine's interruption is
    /// [`Interruption::None`](crate::Interruption): nothing could be stopped; or
    /// `FuelOnly`.
    pub fn cancel_handle(&self) -> Result<CancelHandle> {
        match &B::store_data(&self.inner).policy.cancel {
            Some(cancel) => Ok(cancel.clone()),
            None => Err(Error::unsupported(format!(
                "cancellation cannot be enforced: the engine's interruption is {}",
                B::store_data(&self.inner).interruption()
            ))
            .with_context("backend", self.engine.backend())),
        }
    }

    /// What poisoned the store, if something did.
    pub fn poisoned(&self) -> Option<&ErrorKind> {
        let policy = &B::store_data(&self.inner).policy;
        match policy.poison.as_deref() {
            // A call borrows the store: one that has not ended was leaked.
            None if policy.has_call() => Some(&ErrorKind::Cancelled),
            by => by,
        }
    }

    /// The engine's own store, for what is special to it.
    #[doc(hidden)]
    pub fn inner_mut(&mut self) -> &mut B::Store {
        &mut self.inner
    }
}

impl<B: Backend, T: fmt::Debug + Send + 'static> fmt::Debug for Store<B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("backend", &B::NAME)
            .field("data", self.data())
            .finish_non_exhaustive()
    }
}

const WRONG_DATA: &str = "a store's data has the type that the store was made with";

#[inline]
fn user<T: 'static>(data: &StoreData) -> &T {
    data.user().expect(WRONG_DATA)
}

#[inline]
fn user_mut<T: 'static>(data: &mut StoreData) -> &mut T {
    data.user_mut().expect(WRONG_DATA)
}

/// Exclusive access to a store: what a host function gets as its caller, and
/// what [`AsContextMut`] gives.
pub struct StoreContextMut<'a, B: Backend, T: 'static> {
    inner: B::Context<'a>,
    _marker: PhantomData<fn() -> T>,
}

/// The store from within a host function: its data, and calls back into other
/// instances.
pub type Caller<'a, B, T> = StoreContextMut<'a, B, T>;

impl<'a, B: Backend, T: 'static> StoreContextMut<'a, B, T> {
    #[inline]
    pub(crate) fn new(inner: B::Context<'a>) -> Self {
        StoreContextMut {
            inner,
            _marker: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn into_inner(self) -> B::Context<'a> {
        self.inner
    }

    /// The embedder's data.
    #[inline]
    pub fn data(&self) -> &T {
        user(B::data(&self.inner))
    }

    /// The embedder's data.
    #[inline]
    pub fn data_mut(&mut self) -> &mut T {
        user_mut(B::data_mut(&mut self.inner))
    }

    /// Fuel that is left; `None` where it is not metered.
    pub fn fuel(&mut self) -> Option<u64> {
        B::fuel(&mut self.inner)
    }

    /// The engine's own context, for what is special to it.
    #[doc(hidden)]
    #[inline]
    pub fn inner_mut(&mut self) -> &mut B::Context<'a> {
        &mut self.inner
    }
}

impl<B: Backend, T> fmt::Debug for StoreContextMut<'_, B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreContextMut")
            .field("backend", &B::NAME)
            .finish_non_exhaustive()
    }
}

/// Whatever gives exclusive access to a store: the [`Store`] itself, a
/// [`Caller`], or a mutable reference to either.
pub trait AsContextMut {
    /// The store's backend.
    type Backend: Backend;
    /// The embedder's data.
    type Data: 'static;

    /// Access to the store.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Backend, Self::Data>;
}

impl<B: Backend, T: Send + 'static> AsContextMut for Store<B, T> {
    type Backend = B;
    type Data = T;

    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, B, T> {
        let mut inner = B::context(&mut self.inner);
        if B::data(&inner).policy.has_call() {
            abandon::<B>(&mut inner);
        }
        StoreContextMut::new(inner)
    }
}

impl<B: Backend, T: 'static> AsContextMut for StoreContextMut<'_, B, T> {
    type Backend = B;
    type Data = T;

    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, B, T> {
        StoreContextMut::new(B::reborrow(&mut self.inner))
    }
}

impl<S: AsContextMut + ?Sized> AsContextMut for &mut S {
    type Backend = S::Backend;
    type Data = S::Data;

    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, S::Backend, S::Data> {
        S::as_context_mut(self)
    }
}
