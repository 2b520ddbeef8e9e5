//! Stores: what a component's instances live in, with the embedder's data, the
//! limits and what was used of them. The store is the unit of failure: a trap
//! or a limit poisons it and nothing else.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::call::{IDLE, Mode, Owner, SHUT};
use crate::config::Interruption;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Resource, Result};
use crate::interrupt::{CancelHandle, Ticker};
use crate::limits::{Limits, Usage};

/// A call of a host function, as a [`Guard`] sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostCall<'a> {
    /// The interface's name, as it was defined in the linker; empty for
    /// functions at the root. Names of nested instances are joined by `/`.
    pub interface: &'a str,
    /// The function's name; `[resource-drop]name` for a destructor.
    pub function: &'a str,
}

/// Decides whether a guest may call a host function, before each call of one
/// that was defined through a [`Linker`](crate::Linker).
///
/// Any `Fn(&HostCall) -> Result<()>` is one. An error stops the guest like an
/// error of the function itself.
pub trait Guard: Send + Sync {
    /// Allows the call, or says why not.
    ///
    /// # Errors
    ///
    /// Usually `Denied`.
    fn check(&self, call: &HostCall<'_>) -> Result<()>;
}

impl<F: Fn(&HostCall<'_>) -> Result<()> + Send + Sync> Guard for F {
    fn check(&self, call: &HostCall<'_>) -> Result<()> {
        self(call)
    }
}

/// What a store holds besides the engine's own state: the embedder's data, and
/// the policy. Backends keep it and ask it.
pub struct StoreData {
    pub(crate) user: Box<dyn Any + Send>,
    pub(crate) policy: Policy,
}

/// The policy's state. All fields are of the store, those in `call` of the
/// outermost call from the host that runs now, or ran last.
pub(crate) struct Policy {
    /// What opens the fast way into the store: the key of a call (see
    /// [`Owner::key`](crate::call::Owner)) that need not be looked at any closer.
    /// [`SHUT`] while a call runs, after a failure, and where calls are timed or
    /// metered.
    pub(crate) gate: u64,
    /// What [`Policy::gate`] is between calls.
    pub(crate) open: u64,
    /// Counts calls from the host.
    pub(crate) sequence: u64,
    /// Whether host functions have to be looked at: there is a guard or a ticker.
    pub(crate) watched: bool,
    pub(crate) id: u64,
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
    pub(crate) interruption: Interruption,
    pub(crate) ticker: Option<Arc<Ticker>>,
    pub(crate) cancel: CancelHandle,
    pub(crate) guard: Option<Arc<dyn Guard>>,
    pub(crate) poison: Option<Box<ErrorKind>>,
    /// The instance that was entered last; [`IDLE`] outside of calls.
    pub(crate) current: u32,
    /// Instances below it on the stack, outermost first.
    pub(crate) below: Vec<u32>,
    pub(crate) next_instance: u32,
    pub(crate) memory: u64,
    pub(crate) memory_peak: u64,
    pub(crate) table_elements: u64,
    /// The size that a memory or table grew to, until it has.
    pending: Pending,
    /// Fuel that was last set, and what was consumed before that.
    pub(crate) fuel_set: u64,
    pub(crate) fuel_before: u64,
    pub(crate) growth_refused: u64,
    pub(crate) host_calls: u64,
    pub(crate) time: Duration,
    pub(crate) call: CallState,
}

/// Which growth was allowed last, to take it back: how much, and the peaks
/// before it.
#[derive(Clone, Copy)]
enum Pending {
    Nothing,
    Memory {
        bytes: u64,
        peak: u64,
        call_peak: u64,
    },
    Table {
        elements: u64,
    },
}

#[derive(Default)]
pub(crate) struct CallState {
    pub(crate) started: Option<Instant>,
    pub(crate) deadline: Option<Instant>,
    /// Growths of memories and tables, if there were any.
    growth: Growth,
    /// The store's count when the call started.
    pub(crate) host_calls: u64,
    pub(crate) fuel: Option<u64>,
    pub(crate) time: Option<Duration>,
}

/// What grew in one call; of an older call if the sequence is another.
#[derive(Clone, Copy, Default)]
pub(crate) struct Growth {
    sequence: u64,
    pub(crate) memory_peak: u64,
    pub(crate) refused: u64,
    /// Total bytes that the last refused growth of a memory asked for.
    pub(crate) refused_memory: Option<u64>,
}

impl StoreData {
    fn new<T: Send + 'static>(data: T, mode: Mode, policy: StoreOptions) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let open = if policy.ticker.is_none() {
            Owner::key(id, mode)
        } else {
            SHUT
        };
        StoreData {
            user: Box::new(data),
            policy: Policy {
                gate: open,
                open,
                sequence: 0,
                watched: policy.ticker.is_some() || policy.guard.is_some(),
                id,
                mode,
                fuel_set: policy.limits.fuel.unwrap_or(u64::MAX),
                limits: policy.limits,
                interruption: policy.interruption,
                ticker: policy.ticker,
                cancel: CancelHandle::default(),
                guard: policy.guard,
                poison: None,
                current: IDLE,
                below: Vec::new(),
                next_instance: 0,
                memory: 0,
                memory_peak: 0,
                table_elements: 0,
                pending: Pending::Nothing,
                fuel_before: 0,
                growth_refused: 0,
                host_calls: 0,
                time: Duration::ZERO,
                call: CallState::default(),
            },
        }
    }

    /// The store's limits.
    pub fn limits(&self) -> &Limits {
        &self.policy.limits
    }

    /// How the engine's guests can be stopped.
    pub fn interruption(&self) -> Interruption {
        self.policy.interruption
    }

    /// Whether asynchronous host functions may suspend the guest.
    pub fn is_async(&self) -> bool {
        self.policy.mode == Mode::Async
    }

    /// The embedder's data, if it has this type.
    #[inline]
    pub fn user<T: 'static>(&self) -> Option<&T> {
        self.user.downcast_ref()
    }

    /// The embedder's data, if it has this type.
    #[inline]
    pub fn user_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.user.downcast_mut()
    }

    /// Asks for a memory to be made with, or grown to, `desired` bytes from
    /// `current`. If this says no, `memory.grow` gives -1, and an instantiation
    /// fails with [`StoreData::memory_refused`].
    pub fn grow_memory(&mut self, current: u64, desired: u64) -> bool {
        let policy = &mut self.policy;
        let requested = policy
            .memory
            .saturating_add(desired.saturating_sub(current));
        if requested > policy.limits.memory {
            policy.growth_refused += 1;
            let growth = policy.growth();
            growth.refused += 1;
            growth.refused_memory = Some(requested);
            return false;
        }
        let call_peak = policy.growth().memory_peak;
        policy.pending = Pending::Memory {
            bytes: requested - policy.memory,
            peak: policy.memory_peak,
            call_peak,
        };
        policy.memory = requested;
        policy.memory_peak = policy.memory_peak.max(requested);
        policy.growth().memory_peak = call_peak.max(requested);
        true
    }

    /// Asks for a table to be made with, or grown to, `desired` elements from
    /// `current`, as [`StoreData::grow_memory`] does.
    pub fn grow_table(&mut self, current: u64, desired: u64) -> bool {
        let policy = &mut self.policy;
        let requested = policy
            .table_elements
            .saturating_add(desired.saturating_sub(current));
        if requested > policy.limits.table_elements {
            policy.growth_refused += 1;
            policy.growth().refused += 1;
            return false;
        }
        policy.pending = Pending::Table {
            elements: requested - policy.table_elements,
        };
        policy.table_elements = requested;
        true
    }

    /// Takes the last growth back: it was allowed and the engine could not do it.
    pub fn growth_failed(&mut self) {
        match std::mem::replace(&mut self.policy.pending, Pending::Nothing) {
            Pending::Nothing => {}
            Pending::Memory {
                bytes,
                peak,
                call_peak,
            } => {
                self.policy.memory -= bytes;
                self.policy.memory_peak = peak;
                self.policy.growth().memory_peak = call_peak;
            }
            Pending::Table { elements } => self.policy.table_elements -= elements,
        }
    }

    /// The error of an instantiation that [`StoreData::grow_memory`] refused.
    pub fn memory_refused(&self) -> Error {
        let policy = &self.policy;
        Error::of(ErrorKind::MemoryLimit {
            limit: policy.limits.memory,
            requested: policy
                .growth_in_call()
                .refused_memory
                .unwrap_or(policy.limits.memory),
        })
    }

    /// The error of a counted limit.
    pub fn resource_refused(&self, what: Resource) -> Error {
        let limits = &self.policy.limits;
        let limit = match what {
            Resource::TableElements => limits.table_elements,
            Resource::Instances => limits.instances,
            Resource::Memories => limits.memories,
            Resource::Tables => limits.tables,
            Resource::Handles => limits.handles,
        };
        Error::of(ErrorKind::ResourceLimit { what, limit })
    }

    /// The error of a guest that made the host allocate too much.
    pub fn host_bytes_refused(&self) -> Error {
        Error::of(ErrorKind::HostAllocationLimit {
            limit: self.policy.limits.host_bytes,
        })
    }

    /// Why the guest has to stop now, if it has to: its deadline has passed, or
    /// it was cancelled.
    pub fn interrupted(&self) -> Option<Error> {
        self.policy.interrupted_at(Instant::now)
    }
}

impl fmt::Debug for StoreData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreData")
            .field("mode", &self.policy.mode)
            .field("limits", &self.policy.limits)
            .field("poison", &self.policy.poison)
            .finish_non_exhaustive()
    }
}

impl Policy {
    /// What grew in the call that runs or ran last.
    pub(crate) fn growth_in_call(&self) -> Growth {
        if self.call.growth.sequence == self.sequence {
            return self.call.growth;
        }
        Growth {
            sequence: self.sequence,
            memory_peak: self.memory,
            ..Growth::default()
        }
    }

    fn growth(&mut self) -> &mut Growth {
        self.call.growth = self.growth_in_call();
        &mut self.call.growth
    }

    pub(crate) fn interrupted_at(&self, now: impl FnOnce() -> Instant) -> Option<Error> {
        // In the same instant a deadline comes before a cancellation.
        if let (Some(deadline), Some(started)) = (self.call.deadline, self.call.started) {
            let now = now();
            if now >= deadline {
                let elapsed = now.duration_since(started);
                return Some(Error::of(ErrorKind::DeadlineExceeded { elapsed }));
            }
        }
        self.cancel
            .is_cancelled()
            .then(|| Error::of(ErrorKind::Cancelled))
    }

    /// As [`StoreData::interrupted`], at most a tick late and cheap.
    #[inline]
    pub(crate) fn interrupted_coarse(&self) -> Option<Error> {
        match &self.ticker {
            None => None,
            Some(ticker) => self.interrupted_at(|| ticker.last_tick()),
        }
    }

    pub(crate) fn fuel_consumed(&self, left: u64) -> u64 {
        self.fuel_before + self.fuel_set.saturating_sub(left)
    }
}

struct StoreOptions {
    limits: Limits,
    interruption: Interruption,
    ticker: Option<Arc<Ticker>>,
    guard: Option<Arc<dyn Guard>>,
}

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
    pub fn build(self, data: T) -> Result<Store<B, T>> {
        self.build_mode(data, Mode::Sync)
    }

    /// An asynchronous store: its calls are the `_async` ones, and asynchronous
    /// host functions suspend the guest.
    ///
    /// # Errors
    ///
    /// As [`StoreBuilder::build`].
    pub fn build_async(self, data: T) -> Result<Store<B, T>> {
        self.build_mode(data, Mode::Async)
    }

    fn build_mode(self, data: T, mode: Mode) -> Result<Store<B, T>> {
        let interruption = self.engine.interruption();
        let limits = self.limits.unwrap_or_else(|| self.engine.default_limits());
        limits
            .check(interruption)
            .map_err(|error| error.with_context("backend", B::NAME))?;
        let options = StoreOptions {
            limits,
            interruption,
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
    pub fn new(engine: &Engine<B>, data: T) -> Result<Self> {
        Store::builder(engine).build(data)
    }

    /// An asynchronous store with [`Engine::default_limits`].
    ///
    /// # Errors
    ///
    /// `Engine` if the engine cannot make one.
    pub fn new_async(engine: &Engine<B>, data: T) -> Result<Self> {
        Store::builder(engine).build_async(data)
    }

    /// A store with limits or a guard.
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
        match B::into_store_data(self.inner).user.downcast() {
            Ok(data) => *data,
            Err(_) => unreachable!("{WRONG_DATA}"),
        }
    }

    /// What the store has used since it was made, after failures too.
    pub fn usage(&mut self) -> Usage {
        let left = B::fuel(&B::context(&mut self.inner));
        let policy = &B::store_data(&self.inner).policy;
        Usage {
            memory: policy.memory,
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
        B::fuel(&B::context(&mut self.inner))
    }

    /// Sets the fuel that is left.
    ///
    /// # Errors
    ///
    /// `Unsupported` unless the engine's interruption is
    /// [`Interruption::Fuel`](crate::Interruption).
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        let mut cx = B::context(&mut self.inner);
        let left = B::fuel(&cx).ok_or_else(|| {
            Error::unsupported("fuel cannot be set: the engine's interruption is not fuel")
                .with_context("backend", B::NAME)
        })?;
        B::set_fuel(&mut cx, fuel)?;
        let policy = &mut B::data_mut(&mut cx).policy;
        policy.fuel_before = policy.fuel_consumed(left);
        policy.fuel_set = fuel;
        Ok(())
    }

    /// A handle that stops the store's guest from any thread.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the engine's interruption is
    /// [`Interruption::None`](crate::Interruption): nothing could be stopped.
    pub fn cancel_handle(&self) -> Result<CancelHandle> {
        if self.engine.interruption() == Interruption::None {
            return Err(Error::unsupported(
                "cancellation cannot be enforced: the engine's interruption is none",
            )
            .with_context("backend", B::NAME));
        }
        Ok(B::store_data(&self.inner).policy.cancel.clone())
    }

    /// What poisoned the store, if something did.
    pub fn poisoned(&self) -> Option<&ErrorKind> {
        B::store_data(&self.inner).policy.poison.as_deref()
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
    pub fn fuel(&self) -> Option<u64> {
        B::fuel(&self.inner)
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
        StoreContextMut::new(B::context(&mut self.inner))
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
