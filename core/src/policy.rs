//! What a store holds besides the engine's own state: the embedder's data, the
//! limits and what was used of them, and what a guest may do. Backends keep it
//! and ask it; calls change it.

use std::any::{Any, TypeId};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::call::{IDLE, Mode, Owner, SHUT, Site};
use crate::config::Interruption;
use crate::error::{Error, ErrorKind, Resource, Result};
use crate::interrupt::{self, CancelHandle, Deadline, Ticker};
use crate::limits::Limits;
use crate::mutant::{self, Mutant};

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
///
/// One allocation, and a pointer to it: on the way into an engine's store it is
/// moved several times.
pub struct StoreData(Box<Contents<dyn Any + Send>>);

/// What [`StoreData`] points to.
#[doc(hidden)]
pub struct Contents<T: ?Sized> {
    pub(crate) policy: Policy,
    /// What the embedder's data is.
    user_type: TypeId,
    /// An `Option` of the embedder's data, so that it can be taken out.
    user: T,
}

impl Deref for StoreData {
    type Target = Contents<dyn Any + Send>;

    #[inline]
    fn deref(&self) -> &Contents<dyn Any + Send> {
        &self.0
    }
}

impl DerefMut for StoreData {
    #[inline]
    fn deref_mut(&mut self) -> &mut Contents<dyn Any + Send> {
        &mut self.0
    }
}

/// The policy's state. All fields are of the store, those in `call` of the
/// outermost call from the host that runs now, or ran last.
pub(crate) struct Policy {
    /// What opens the fast way into the store: the key of a call (see
    /// [`Owner::key`](crate::call::Owner)) that need not be looked at any closer.
    /// While a call that came by it runs, the instance that it entered. [`SHUT`]
    /// while others run, after a growth or a failure, and where calls are timed or
    /// metered.
    pub(crate) gate: u64,
    /// What [`Policy::gate`] will be after the call.
    pub(crate) open: u64,
    /// What it is after a call that grew nothing.
    pub(crate) key: u64,
    /// Whether host functions have to be looked at: there is a guard or a ticker.
    pub(crate) watched: bool,
    pub(crate) id: u64,
    /// Tells the store's engine from others.
    pub(crate) engine: usize,
    pub(crate) mode: Mode,
    pub(crate) limits: Limits,
    pub(crate) interruption: Interruption,
    /// Whether what a guest sees must not depend on the machine.
    deterministic: bool,
    pub(crate) ticker: Option<Arc<Ticker>>,
    /// Where there is a ticker.
    pub(crate) cancel: Option<CancelHandle>,
    pub(crate) guard: Option<Arc<dyn Guard>>,
    pub(crate) poison: Option<Box<ErrorKind>>,
    /// The instance that was entered last, if not through the gate; [`IDLE`] outside
    /// of calls.
    pub(crate) current: u32,
    /// The asynchronous host function that was started last in this call.
    pub(crate) site: Option<Arc<Site>>,
    /// Calls below on the stack, outermost first: the instance, and the host
    /// function that called on.
    pub(crate) below: Vec<(u32, Option<Arc<Site>>)>,
    pub(crate) next_instance: u32,
    /// What the backend calls instances that it numbers in another way: its
    /// number, and ours.
    pub(crate) numbers: Vec<(u32, u32)>,
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
    pub(crate) deadline: Option<Deadline>,
    /// Growths of memories and tables, if there were any.
    pub(crate) growth: Option<Growth>,
    /// The store's count when the call started.
    pub(crate) host_calls: u64,
    pub(crate) fuel: Option<u64>,
    pub(crate) time: Option<Duration>,
}

/// What grew in one call.
#[derive(Clone, Copy, Default)]
pub(crate) struct Growth {
    pub(crate) memory_peak: u64,
    pub(crate) refused: u64,
    /// Total bytes that the last refused growth of a memory asked for.
    pub(crate) refused_memory: Option<u64>,
}

impl StoreData {
    pub(crate) fn new<T: Send + 'static>(data: T, mode: Mode, policy: StoreOptions) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let open = if policy.ticker.is_none() {
            Owner::key(id, mode)
        } else {
            SHUT
        };
        StoreData(Box::new(Contents {
            user_type: TypeId::of::<T>(),
            user: Some(data),
            policy: Policy {
                gate: open,
                open,
                key: open,
                watched: policy.ticker.is_some() || policy.guard.is_some(),
                id,
                engine: policy.engine,
                mode,
                fuel_set: policy.limits.fuel.unwrap_or(u64::MAX),
                limits: policy.limits,
                interruption: policy.interruption,
                deterministic: policy.deterministic,
                // Nobody can ask for it without a ticker.
                cancel: policy.ticker.as_ref().map(|_| CancelHandle::default()),
                ticker: policy.ticker,
                guard: policy.guard,
                poison: None,
                current: IDLE,
                site: None,
                below: Vec::new(),
                next_instance: 0,
                numbers: Vec::new(),
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
        }))
    }

    /// The data of a store without interruption, without a guard and without an
    /// engine: for tests of backends on their own.
    #[doc(hidden)]
    pub fn detached<T: Send + 'static>(data: T, limits: Limits) -> Self {
        let policy = StoreOptions {
            engine: 0,
            limits,
            interruption: Interruption::None,
            deterministic: false,
            ticker: None,
            guard: None,
        };
        StoreData::new(data, Mode::Sync, policy)
    }

    /// Growths that a limit refused.
    #[doc(hidden)]
    pub fn growth_refused(&self) -> u64 {
        self.policy.growth_refused
    }

    /// Bytes of all memories, and elements of all tables.
    #[doc(hidden)]
    pub fn sizes(&self) -> (u64, u64) {
        (self.policy.memory, self.policy.table_elements)
    }

    /// The store's number, which no other store of the process has.
    #[doc(hidden)]
    pub fn number(&self) -> u64 {
        self.policy.id
    }

    /// The store's limits.
    pub fn limits(&self) -> &Limits {
        &self.policy.limits
    }

    /// How the engine's guests can be stopped.
    pub fn interruption(&self) -> Interruption {
        self.policy.interruption
    }

    /// Whether calls of host functions have to be looked at: there is a guard,
    /// or time may run out. It does not change while the store lives.
    pub fn is_watched(&self) -> bool {
        self.policy.watched
    }

    /// Whether asynchronous host functions may suspend the guest.
    pub fn is_async(&self) -> bool {
        self.policy.mode == Mode::Async
    }

    /// The embedder's data, if it has this type.
    #[inline]
    #[allow(unsafe_code, reason = "a host function asks in each call")]
    pub fn user<T: 'static>(&self) -> Option<&T> {
        if self.0.user_type != TypeId::of::<T>() {
            return None;
        }
        let contents = (&raw const *self.0).cast::<Contents<Option<T>>>();
        // SAFETY: the type is that of the data, of which `new` made the box. `Any`
        // would find the same by a call through its table, and the place of the
        // data by another look there.
        let contents = unsafe { &*contents };
        contents.user.as_ref()
    }

    /// The embedder's data, if it has this type.
    #[inline]
    #[allow(unsafe_code, reason = "as in `user`")]
    pub fn user_mut<T: 'static>(&mut self) -> Option<&mut T> {
        if self.0.user_type != TypeId::of::<T>() {
            return None;
        }
        let contents = (&raw mut *self.0).cast::<Contents<Option<T>>>();
        // SAFETY: as in `user`.
        let contents = unsafe { &mut *contents };
        contents.user.as_mut()
    }

    /// Takes the embedder's data out, if it has this type.
    pub(crate) fn into_user<T: 'static>(mut self) -> Option<T> {
        self.0.user.downcast_mut::<Option<T>>()?.take()
    }

    /// Asks for a memory to be made with, or grown to, `desired` bytes from
    /// `current`. If this says no, `memory.grow` gives -1, and an instantiation
    /// fails with [`StoreData::memory_refused`].
    pub fn grow_memory(&mut self, current: u64, desired: u64) -> bool {
        let policy = &mut self.policy;
        let mut requested = policy
            .memory
            .saturating_add(desired.saturating_sub(current));
        if requested > policy.limits.memory && !mutant::active(Mutant::MemoryLimitIgnored) {
            policy.growth_refused += 1;
            let growth = policy.growth();
            growth.refused += 1;
            growth.refused_memory = Some(requested);
            return false;
        }
        if mutant::active(Mutant::GrowthMiscounted) && current > 0 {
            requested = requested.saturating_sub(1 << 16).max(policy.memory);
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
        if requested > policy.limits.table_elements && !mutant::active(Mutant::TableLimitIgnored) {
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

    /// Takes the last growth back: it was allowed, and the machine had no room for
    /// it. `memory.grow` and `table.grow` give -1 then, unless this fails.
    ///
    /// # Errors
    ///
    /// `Engine`, which stops the guest, where results must not depend on the
    /// machine ([`Config::deterministic`](crate::Config::deterministic)).
    pub fn growth_failed(&mut self) -> Result<()> {
        self.growth_undone();
        if self.policy.deterministic {
            return Err(Error::new(
                ErrorKind::Engine,
                "the machine has no room for a growth that the limits allow",
            ));
        }
        Ok(())
    }

    /// Takes the last growth back: it was allowed, and the type of the memory or
    /// table forbids it, or the instantiation that asked has failed.
    pub fn growth_undone(&mut self) {
        if mutant::active(Mutant::GrowthNotTakenBack) {
            return;
        }
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

    /// The error of a counted limit; of tables, that of an instantiation that
    /// [`StoreData::grow_table`] refused. If it did not, the machine has no room.
    pub fn resource_refused(&self, what: Resource) -> Error {
        if what == Resource::TableElements && self.policy.growth_in_call().refused == 0 {
            return Error::new(
                ErrorKind::Engine,
                "the machine has no room for a table that the limits allow",
            );
        }
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
        let ticker = self.policy.ticker.as_ref()?;
        self.policy.interrupted_at(|| ticker.now())
    }

    /// As [`StoreData::interrupted`], at most a tick late and cheap: for what
    /// takes many small steps without a guest that could be asked.
    #[inline]
    pub fn interrupted_lately(&self) -> Option<Error> {
        self.policy.interrupted_coarse()
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
        self.call.growth.unwrap_or(Growth {
            memory_peak: self.memory,
            ..Growth::default()
        })
    }

    /// An asynchronous host function starts. Its name is needed if it fails, and
    /// is kept here: a guest that calls the same function again costs no more
    /// than a look.
    #[inline]
    pub(crate) fn start_at(&mut self, site: &Arc<Site>) {
        let last = self.site.as_ref();
        if !last.is_some_and(|last| Arc::ptr_eq(last, site)) {
            self.site = Some(site.clone());
        }
    }

    fn growth(&mut self) -> &mut Growth {
        self.has_grown();
        let growth = self.growth_in_call();
        self.call.growth.insert(growth)
    }

    pub(crate) fn interrupted_at(&self, now: impl FnOnce() -> Instant) -> Option<Error> {
        interrupt::reason(self.call.deadline, self.cancel.as_ref(), now)
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

/// Whether the machine has room for a table of so many elements, for engines that
/// would fail in another way than by saying so. Small ones are not tried out.
#[doc(hidden)]
pub fn has_room_for_table(elements: u64) -> bool {
    const LARGE: u64 = 1 << 20;
    elements <= LARGE
        || usize::try_from(elements)
            .is_ok_and(|elements| Vec::<usize>::new().try_reserve_exact(elements).is_ok())
}

/// What a store is made with.
pub(crate) struct StoreOptions {
    pub(crate) engine: usize,
    pub(crate) limits: Limits,
    pub(crate) interruption: Interruption,
    pub(crate) deterministic: bool,
    pub(crate) ticker: Option<Arc<Ticker>>,
    pub(crate) guard: Option<Arc<dyn Guard>>,
}
