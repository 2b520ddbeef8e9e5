//! Stores: the objects of Wasmer's virtual machine and the layer's data behind
//! one address, and the handles to what is in them.
//!
//! Guests, host functions and growing memories all come back to that address.
//! Whoever reaches a store makes references from it that are as short as an
//! operation, to one part of it, and holds none while a guest runs.
#![allow(unsafe_code, reason = "parts of Wasmer's virtual machine")]

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::slice;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Error, ErrorKind, Interruption, Result};
use enginebay_layer::{CoreExtern, CoreType, Data, FLAG, Signature};
use wasmer::sys::vm::{
    InternalStoreHandle, LinearMemory, StoreId, StoreObjects, VMConfig, VMExtern, VMGlobal,
    VMGlobalDefinition, VMInstance, VMMemory, VMMemoryDefinition, VMTable, VMTag,
};
use wasmer::{GlobalType, InstantiationError, Mutability, Type};
use wasmer_types::ExportIndex;

use crate::engine::{Engine, Module, Unit, guarded};
use crate::flags::{self, OfStore};
use crate::func::{self, Func};
use crate::hooks::{self, RESERVE};
use crate::limits::StoreTunables;
use crate::{WasmerCore, trap};

/// Whether the instance has a flag that the layer put into its module. Whatever it is
/// that has the name, another thread writes to it.
fn own_flag(instance: &VMInstance) -> bool {
    let module = instance.module_ref();
    let Some(ExportIndex::Global(index)) = module.exports.get(FLAG) else {
        return false;
    };
    module.local_global_index(*index).is_some()
        && module.globals[*index] == GlobalType::new(Type::I32, Mutability::Var)
}

/// What a store is: at one address as long as it lives, because compiled code,
/// host functions and memories know it.
pub(crate) struct Inner {
    pub(crate) data: Data<WasmerCore>,
    /// Before the objects, among which the flags are.
    flags: OfStore,
    id: StoreId,
    /// Bytes of stack that a guest may use before it calls anything.
    max_stack: usize,
    /// Whether the machine had no room for a growth of a memory, until that was
    /// dealt with (`hooks.rs`).
    pub(crate) had_no_room: bool,
    config: VMConfig,
    objects: StoreObjects,
    /// Instances that were begun, also those whose start function trapped: other
    /// instances' tables may refer to their functions.
    instances: Vec<Instantiated>,
    /// Engines of the components that are used; they own the code.
    units: Vec<Unit>,
    /// Their indices by [`Unit::address`].
    realms: HashMap<usize, u32>,
}

struct Instantiated {
    instance: VMInstance,
    /// Exports that were asked for. Wasmer makes a new function each time.
    exports: HashMap<Box<str>, CoreExtern<WasmerCore>>,
}

/// A store.
pub struct Store {
    inner: NonNull<Inner>,
}

// SAFETY: a store owns all that it points to, and nothing else points there: the
// engines and modules are `Send` and `Sync`, the closures of host functions and
// the data are `Send`, memories and tables are plain memory, and the pointers
// between these stay inside the store. Wasmer's state of threads (stacks, the
// handlers of traps, `CURRENT`) refers to a store only while a guest of it runs,
// and that takes a borrow of the store, so that it cannot move to another thread
// meanwhile.
unsafe impl Send for Store {}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(engine: &Engine, data: Data<WasmerCore>) -> Self {
        let objects = StoreObjects::default();
        let inner = Box::new(Inner {
            data,
            flags: OfStore::new(engine.flags()),
            id: objects.id(),
            max_stack: engine.max_stack(),
            had_no_room: false,
            config: VMConfig {
                wasm_stack_size: Some(engine.max_stack().saturating_add(RESERVE)),
            },
            objects,
            instances: Vec::new(),
            units: Vec::new(),
            realms: HashMap::new(),
        });
        Store {
            inner: NonNull::from(Box::leak(inner)),
        }
    }

    #[inline]
    pub(crate) fn data(&self) -> &Data<WasmerCore> {
        // SAFETY: the store is borrowed, so that nobody has exclusive access.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    #[inline]
    pub(crate) fn data_mut(&mut self) -> &mut Data<WasmerCore> {
        // SAFETY: the store is borrowed exclusively, and no guest runs.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    #[inline]
    pub(crate) fn context(&mut self) -> Context<'_> {
        Context {
            inner: self.inner,
            _store: PhantomData,
        }
    }

    pub(crate) fn into_data(self) -> Data<WasmerCore> {
        let store = ManuallyDrop::new(self);
        // SAFETY: `new` made it of a box, and the store ends here, without its
        // destructor.
        let inner = unsafe { Box::from_raw(store.inner.as_ptr()) };
        inner.data
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: `new` made it of a box, and the store ends here.
        drop(unsafe { Box::from_raw(self.inner.as_ptr()) });
    }
}

/// Exclusive access to a store, also from within a host function.
pub struct Context<'a> {
    inner: NonNull<Inner>,
    _store: PhantomData<&'a mut Inner>,
}

// SAFETY: it is a `&mut Store` in all but name, and `Store` is `Send`. Within a
// host function too: the guest that called it waits on its own thread, with no
// reference into the store, until the host function returns, which it cannot
// while the borrow of its context is used elsewhere.
unsafe impl Send for Context<'_> {}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// # Safety
    ///
    /// The store is alive, and the caller has exclusive access to it for as long
    /// as the context is used.
    #[inline]
    pub(crate) unsafe fn from_inner(inner: NonNull<Inner>) -> Self {
        Context {
            inner,
            _store: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn reborrow(&mut self) -> Context<'_> {
        Context {
            inner: self.inner,
            _store: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn inner(&self) -> NonNull<Inner> {
        self.inner
    }

    #[inline]
    pub(crate) fn id(&self) -> StoreId {
        // SAFETY: the store is alive, and its name never changes.
        unsafe { (*self.inner.as_ptr()).id }
    }

    #[inline]
    pub(crate) fn data(&self) -> &Data<WasmerCore> {
        // SAFETY: the store is borrowed, so that nobody has exclusive access.
        unsafe { &(*self.inner.as_ptr()).data }
    }

    #[inline]
    pub(crate) fn data_mut(&mut self) -> &mut Data<WasmerCore> {
        // SAFETY: the store is borrowed exclusively, and guests of it wait.
        unsafe { &mut (*self.inner.as_ptr()).data }
    }

    pub(crate) fn objects(&mut self) -> &mut StoreObjects {
        // SAFETY: as in `data_mut`.
        unsafe { &mut (*self.inner.as_ptr()).objects }
    }

    fn instances(&mut self) -> &mut Vec<Instantiated> {
        // SAFETY: as in `data_mut`.
        unsafe { &mut (*self.inner.as_ptr()).instances }
    }

    fn units(&mut self) -> &mut Vec<Unit> {
        // SAFETY: as in `data_mut`.
        unsafe { &mut (*self.inner.as_ptr()).units }
    }

    /// Handles of another store would be pointers to anywhere here.
    #[inline]
    pub(crate) fn check(&self, store: StoreId) {
        assert!(store == self.id(), "a handle is used with another store");
    }

    #[inline]
    pub(crate) fn check_realm(&self, realm: Realm) {
        self.check(realm.store);
    }

    pub(crate) fn realm(&mut self, unit: &Unit) -> Realm {
        let store = self.id();
        let next = self.units().len() as u32;
        // SAFETY: as in `data_mut`.
        let realms = unsafe { &mut (*self.inner.as_ptr()).realms };
        let index = *realms.entry(unit.address()).or_insert(next);
        if index == next {
            self.units().push(unit.clone());
        }
        Realm { store, index }
    }

    pub(crate) fn instantiate(
        &mut self,
        realm: Realm,
        module: &Module,
        imports: &[CoreExtern<WasmerCore>],
    ) -> Result<Instance> {
        self.check_realm(realm);
        if self.units()[realm.index as usize].address() != module.unit().address() {
            return Err(misused("a module is instantiated in another's place"));
        }
        let imports = imports
            .iter()
            .map(|import| self.import(realm, import))
            .collect::<Result<Vec<_>>>()?;
        let artifact = module.artifact()?;
        let tunables = StoreTunables::new(self.inner);
        // SAFETY: the imports are of this store, whose objects stay where they
        // are, and the module's code is owned by one of its units. No guest code
        // runs here.
        let made = guarded("makes an instance", || unsafe {
            let made = artifact.instantiate(&tunables, &imports, self.objects());
            made.map_err(|error| trap::instantiation(InstantiationError::from(error)))
        })?;
        let mut instance = made.map_err(|error| tunables.refusal().unwrap_or(error))?;
        hooks::install(&instance);
        // SAFETY: the instance was just made by this artifact. What runs here
        // copies its segments: its module has no start function for Wasmer.
        let finished = guarded("initializes an instance", || unsafe {
            let config = VMConfig {
                wasm_stack_size: None,
            };
            let finished = artifact.finish_instantiation(&config, None, &mut instance);
            finished.map_err(|error| trap::instantiation(InstantiationError::from(error)))
        });
        let start = module.start();
        let start = start.map(|index| match instance.lookup_by_declaration(index) {
            VMExtern::Function(handle) => Func { realm, handle },
            _ => unreachable!("a function's index is looked up"),
        });
        let instances = self.instances();
        let index = instances.len() as u32;
        instances.push(Instantiated {
            instance,
            exports: HashMap::new(),
        });
        let instance = &mut instances[index as usize].instance;
        if own_flag(instance)
            && let Some(VMExtern::Global(flag)) = instance.lookup(FLAG)
            && self.data().store_data().interruption() == Interruption::Deadline
        {
            let flag = flag.get(self.objects()).vmglobal();
            // SAFETY: the store is borrowed exclusively, and guests of it wait. The
            // global is an `i32` of the instance's own, which lives until the store
            // ends.
            unsafe { (*self.inner.as_ptr()).flags.add(flag) };
        }
        finished??;
        if let Some(start) = start
            && !mutant::active(Mutant::WasmerStartNotRun)
        {
            let callee = func::callee(self, &start, &Signature::default())?;
            func::call(self, &callee, &mut [])?;
        }
        Ok(Instance { realm, index })
    }

    /// An import as Wasmer has it.
    fn import(&self, realm: Realm, import: &CoreExtern<WasmerCore>) -> Result<VMExtern> {
        let (of, import) = match import {
            CoreExtern::Func(it) => (it.realm, VMExtern::Function(it.handle)),
            CoreExtern::Memory(it) => (it.realm, VMExtern::Memory(it.handle)),
            CoreExtern::Table(it) => (it.realm, VMExtern::Table(it.handle)),
            CoreExtern::Global(it) => (it.realm, VMExtern::Global(it.handle)),
            CoreExtern::Tag(it) => (it.realm, VMExtern::Tag(it.handle)),
        };
        self.check_realm(of);
        // Types of functions are told apart by a hash that is unique in a unit.
        if of != realm {
            return Err(misused("an import belongs to another component"));
        }
        Ok(import)
    }

    pub(crate) fn export(
        &mut self,
        instance: &Instance,
        name: &str,
    ) -> Option<CoreExtern<WasmerCore>> {
        let realm = instance.realm;
        self.check_realm(realm);
        let it = self.instances().get_mut(instance.index as usize)?;
        if let Some(export) = it.exports.get(name) {
            return Some(export.clone());
        }
        let export = match it.instance.lookup(name)? {
            VMExtern::Function(handle) => CoreExtern::Func(Func { realm, handle }),
            VMExtern::Table(handle) => CoreExtern::Table(Table { realm, handle }),
            VMExtern::Tag(handle) => CoreExtern::Tag(Tag { realm, handle }),
            VMExtern::Memory(handle) => CoreExtern::Memory(Memory {
                realm,
                handle,
                definition: handle.get(self.objects()).vmmemory(),
            }),
            VMExtern::Global(handle) => CoreExtern::Global(Global {
                realm,
                handle,
                definition: handle.get(self.objects()).vmglobal(),
            }),
        };
        let it = self.instances().get_mut(instance.index as usize)?;
        it.exports.insert(name.into(), export.clone());
        Some(export)
    }

    #[inline]
    pub(crate) fn memory(&mut self, memory: &Memory) -> &mut [u8] {
        self.check_realm(memory.realm);
        // SAFETY: the memory is of this store and lives as long as that does.
        // Nobody else reaches its bytes while the store is borrowed: guests of it
        // wait, and memories are not shared.
        unsafe {
            let definition = memory.definition.as_ref();
            slice::from_raw_parts_mut(definition.base, definition.current_length)
        }
    }

    pub(crate) fn new_global(&mut self, realm: Realm, ty: CoreType, value: u64) -> Global {
        self.check_realm(realm);
        let ty = match ty {
            CoreType::I64 => Type::I64,
            _ => Type::I32,
        };
        let global = VMGlobal::new(GlobalType::new(ty, Mutability::Var));
        let definition = global.vmglobal();
        let global = Global {
            realm,
            handle: InternalStoreHandle::new(self.objects(), global),
            definition,
        };
        self.set_global(&global, value);
        global
    }

    #[inline]
    pub(crate) fn global(&mut self, global: &Global) -> u64 {
        self.check_realm(global.realm);
        // SAFETY: the global is of this store and lives as long as that does, and
        // guests wait. All of its bytes are initialized, and the upper half of an
        // `i32` is as `set_global` left it.
        unsafe { (*global.definition.as_ptr()).val.u64 }
    }

    #[inline]
    pub(crate) fn set_global(&mut self, global: &Global, value: u64) {
        self.check_realm(global.realm);
        // SAFETY: as in `global`.
        unsafe { flags::set(global.definition, value) };
    }
}

fn misused(text: &'static str) -> Error {
    Error::new(ErrorKind::Engine, text)
}

/// The place in a store where the instances of one component live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Realm {
    store: StoreId,
    index: u32,
}

impl Realm {
    #[inline]
    pub(crate) fn store(self) -> StoreId {
        self.store
    }
}

/// An instance of a module.
#[derive(Clone, Debug)]
pub struct Instance {
    realm: Realm,
    index: u32,
}

/// A linear memory.
#[derive(Clone, Debug)]
pub struct Memory {
    realm: Realm,
    handle: InternalStoreHandle<VMMemory>,
    definition: NonNull<VMMemoryDefinition>,
}

// SAFETY: the pointer is used by `Context::memory` only, which has exclusive
// access to a store and checks that it is the one that the memory is in.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    realm: Realm,
    handle: InternalStoreHandle<VMTable>,
}

/// A global.
#[derive(Clone, Debug)]
pub struct Global {
    realm: Realm,
    handle: InternalStoreHandle<VMGlobal>,
    definition: NonNull<VMGlobalDefinition>,
}

// SAFETY: the pointer is used by `Context::global` and `Context::set_global`
// only; see `Memory`.
unsafe impl Send for Global {}
// SAFETY: as above.
unsafe impl Sync for Global {}

/// A tag of exceptions.
#[derive(Clone, Debug)]
pub struct Tag {
    realm: Realm,
    handle: InternalStoreHandle<VMTag>,
}

thread_local! {
    /// The store whose guest was entered last on this thread, and has not
    /// returned.
    static CURRENT: Cell<Option<NonNull<Inner>>> = const { Cell::new(None) };
    /// Addresses below this are too close to the end of that guest's stack; 0
    /// before it has begun.
    static STACK_LIMIT: Cell<usize> = const { Cell::new(0) };
    /// Where this thread's own stack was when the outermost guest on it was
    /// entered; 0 outside of guests.
    static BASE: Cell<usize> = const { Cell::new(0) };
}

/// A guest on this thread: while this lives, its store is
/// [`Current::store`].
pub(crate) struct Current {
    store: NonNull<Inner>,
    previous: Option<NonNull<Inner>>,
    previous_limit: usize,
    previous_base: usize,
}

impl Current {
    /// Nothing if calls are nested too deep in each other: guests have stacks of
    /// their own, but the host functions between them use the thread's, of which
    /// they may take as much as one guest may of its own.
    #[inline]
    pub(crate) fn enter(store: NonNull<Inner>) -> Option<Self> {
        let here = hooks::here();
        let base = BASE.get();
        if base == 0 {
            BASE.set(here);
        } else {
            // SAFETY: as in `config`.
            let max_stack = unsafe { (*store.as_ptr()).max_stack };
            if base.abs_diff(here) > max_stack {
                return None;
            }
        }
        Some(Current {
            store,
            previous: CURRENT.replace(Some(store)),
            previous_limit: STACK_LIMIT.replace(0),
            previous_base: base,
        })
    }

    pub(crate) fn store() -> Option<NonNull<Inner>> {
        CURRENT.get()
    }

    #[inline]
    pub(crate) fn config(&self) -> &VMConfig {
        // SAFETY: the store is alive while a guest of it is on the stack, and
        // this part of it never changes.
        unsafe { &(*self.store.as_ptr()).config }
    }

    /// The guest begins to run, on a stack of its own that is used up to this
    /// address.
    #[inline]
    pub(crate) fn begin(top: usize) {
        if let Some(store) = CURRENT.get() {
            // SAFETY: as in `config`.
            let max_stack = unsafe { (*store.as_ptr()).max_stack };
            STACK_LIMIT.set(top.saturating_sub(max_stack));
        }
    }

    #[inline]
    pub(crate) fn stack_limit() -> usize {
        STACK_LIMIT.get()
    }
}

impl Drop for Current {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.previous);
        STACK_LIMIT.set(self.previous_limit);
        BASE.set(self.previous_base);
    }
}
