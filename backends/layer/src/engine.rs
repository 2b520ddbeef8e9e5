//! The trait that a core-wasm engine implements to run components.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use enginebay_core::{Config, Result, Support};

use crate::store::Data;

/// A numeric type of core wasm: all that crosses the boundary between a
/// component's core code and its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CoreType {
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
}

/// The type of a core function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Signature {
    /// Parameters: at most [`MAX_SLOTS`].
    pub params: Box<[CoreType]>,
    /// Results: at most [`MAX_SLOTS`].
    pub results: Box<[CoreType]>,
}

impl Signature {
    /// A function with these parameters and results.
    pub fn new(
        params: impl IntoIterator<Item = CoreType>,
        results: impl IntoIterator<Item = CoreType>,
    ) -> Self {
        Signature {
            params: params.into_iter().collect(),
            results: results.into_iter().collect(),
        }
    }

    /// How many slots a call needs: for parameters and results, which share
    /// them.
    pub fn slots(&self) -> usize {
        self.params.len().max(self.results.len())
    }
}

/// The most parameters or results that a [`Signature`] has: 16 flat values and
/// a return pointer (Canonical ABI, `MAX_FLAT_PARAMS`).
pub const MAX_SLOTS: usize = 17;

/// What a module exports that looks at a flag: a mutable global of type `i32`, for
/// [`CoreEngine::HAS_FLAGS`]. No module of a component has an export of this name: the
/// core refuses it.
pub const FLAG: &str = "\0enginebay:flag";

/// What an engine made of a host function for all stores
/// ([`CoreEngine::shared_func`]).
pub type SharedFunc = OnceLock<Box<dyn Any + Send + Sync>>;

/// Something that a core instance exports, or that a core module imports.
pub enum CoreExtern<E: CoreEngine> {
    /// A function.
    Func(E::Func),
    /// A linear memory.
    Memory(E::Memory),
    /// A table.
    Table(E::Table),
    /// A global.
    Global(E::Global),
    /// A tag of exceptions.
    Tag(E::Tag),
}

impl<E: CoreEngine> Clone for CoreExtern<E> {
    fn clone(&self) -> Self {
        match self {
            CoreExtern::Func(it) => CoreExtern::Func(it.clone()),
            CoreExtern::Memory(it) => CoreExtern::Memory(it.clone()),
            CoreExtern::Table(it) => CoreExtern::Table(it.clone()),
            CoreExtern::Global(it) => CoreExtern::Global(it.clone()),
            CoreExtern::Tag(it) => CoreExtern::Tag(it.clone()),
        }
    }
}

impl<E: CoreEngine> fmt::Debug for CoreExtern<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CoreExtern::Func(_) => "Func",
            CoreExtern::Memory(_) => "Memory",
            CoreExtern::Table(_) => "Table",
            CoreExtern::Global(_) => "Global",
            CoreExtern::Tag(_) => "Tag",
        })
    }
}

/// A core-wasm engine, as the layer drives it: [`Layer<E>`](crate::Layer) is a
/// backend for each of them.
///
/// Implemented on a type without values. The associated types are the engine's
/// own; handles (`Instance`, `Func`, ...) are names for what lives in a store,
/// and are used with the store that they came from only.
///
/// # Values
///
/// Arguments and results are slots of 64 raw bits: an `i32` or `f32` is in the
/// lower half, and the upper half is zero. A call's results overwrite its
/// arguments from the first slot on.
///
/// # What an implementation does
///
/// - A store owns its [`Data`] and gives it out; the layer and the core keep all
///   of their state there.
/// - It asks the store's data before memories and tables get a size or change it
///   ([`Data::store_data`], [`StoreData::grow_memory`] and
///   [`StoreData::grow_table`]), initial sizes included, whatever their types
///   say, and takes a growth back that was allowed and that the type forbids
///   ([`StoreData::growth_undone`]) or for which there was no room
///   ([`StoreData::growth_failed`], whose error stops the guest). An
///   instantiation that was refused fails with [`StoreData::memory_refused`] or
///   [`StoreData::resource_refused`]. The layer counts instances, memories and
///   tables.
/// - With an interruption, a running guest asks [`StoreData::interrupted`] soon
///   after each [`CoreEngine::interrupt`] and stops with the error that it gives.
/// - Its errors are the core's: [`ErrorKind::Trap`] with a code for each trap of
///   the core specification and with the frames of a backtrace where the engine
///   has one. An [`Error`] that a host function returned comes back as it was,
///   with frames if it has none yet.
/// - A panic in the engine's compiler or while it instantiates becomes an error
///   ([`contain`](crate::contain)).
/// - Calls that are nested in each other through host functions end in a stack
///   overflow of the guest before they end the thread's stack.
///
/// Its crate's tests run the checks of `enginebay_layer::check`, all in one line
/// (Cargo feature `check`).
///
/// [`StoreData::grow_memory`]: enginebay_core::StoreData::grow_memory
/// [`StoreData::grow_table`]: enginebay_core::StoreData::grow_table
/// [`StoreData::growth_failed`]: enginebay_core::StoreData::growth_failed
/// [`StoreData::growth_undone`]: enginebay_core::StoreData::growth_undone
/// [`StoreData::memory_refused`]: enginebay_core::StoreData::memory_refused
/// [`StoreData::resource_refused`]: enginebay_core::StoreData::resource_refused
/// [`StoreData::interrupted`]: enginebay_core::StoreData::interrupted
/// [`ErrorKind::Trap`]: enginebay_core::ErrorKind::Trap
/// [`Error`]: enginebay_core::Error
pub trait CoreEngine: Sized + fmt::Debug + Send + Sync + 'static {
    /// The backend's name, as in Cargo features and on the command line.
    const NAME: &'static str;

    /// An engine: cheap to clone, shared by threads.
    type Engine: Clone + Send + Sync + 'static;
    /// Where the modules of one component are compiled: the engine, or an
    /// engine of the component's own where code is freed with its engine only.
    type Unit: Clone + Send + Sync + 'static;
    /// A compiled module: cheap to clone, shared by threads.
    type Module: Clone + Send + Sync + 'static;
    /// A store; it owns its [`Data`].
    type Store: Send + 'static;
    /// Exclusive access to a store, also from within a host function.
    type Context<'a>: Send;
    /// The place in a store where instances of one unit live: `()` where that
    /// is the store.
    type Realm: Copy + Eq + Send + Sync + 'static;
    /// An instance of a module.
    type Instance: Clone + Send + Sync + 'static;
    /// A function.
    type Func: Clone + Send + Sync + 'static;
    /// A function, ready to be called from the host.
    type Callee: Clone + Send + Sync + 'static;
    /// A linear memory.
    type Memory: Clone + Send + Sync + 'static;
    /// A table.
    type Table: Clone + Send + Sync + 'static;
    /// A global.
    type Global: Clone + Send + Sync + 'static;
    /// A tag of exceptions.
    type Tag: Clone + Send + Sync + 'static;

    /// What the engine can do. The layer adds what it brings itself.
    fn support() -> Support;

    /// Makes an engine. `config` passed [`Config::check`].
    ///
    /// # Errors
    ///
    /// `Unsupported` for an option that only shows here, `Engine` for a failure
    /// of the engine.
    fn new_engine(config: &Config) -> Result<Self::Engine>;

    /// Has every guest that runs on the engine look at
    /// [`StoreData::interrupted`](enginebay_core::StoreData::interrupted) soon.
    /// Called by one thread, once per tick. Never called unless
    /// [`CoreEngine::support`] has an interruption.
    fn interrupt(_engine: &Self::Engine) {}

    /// Whether [`CoreEngine::interrupt`] sets the global [`FLAG`] to 1 that
    /// instances of metered modules export, from the time before their start
    /// function runs until the store ends. The module itself sets it to 0. Where
    /// an engine cannot do that, and where it has no deadlines of its own either
    /// ([`Support::deadline`]), the layer counts fuel to see when time is up, which
    /// is dearer.
    const HAS_FLAGS: bool = false;

    /// Where to compile the modules of a component.
    ///
    /// # Errors
    ///
    /// `Engine` for a failure of the engine.
    fn new_unit(engine: &Self::Engine) -> Result<Self::Unit>;

    /// Compiles a module. The component that it belongs to is valid, by the
    /// features of the engine's configuration.
    ///
    /// # Errors
    ///
    /// `Unsupported` with the feature's name for what the engine cannot run,
    /// `Engine` for a failure of the compiler.
    fn compile(unit: &Self::Unit, wasm: &[u8]) -> Result<Self::Module>;

    /// A module of another unit for the use in this one: the code of a core
    /// module that a component imports. `wasm` is what it was compiled from.
    ///
    /// # Errors
    ///
    /// As [`CoreEngine::compile`].
    fn adopt(unit: &Self::Unit, module: &Self::Module, wasm: &[u8]) -> Result<Self::Module> {
        let _ = (unit, wasm);
        Ok(module.clone())
    }

    /// The compiled code as bytes; nothing if there is no point in keeping it,
    /// and the module is compiled anew instead.
    ///
    /// # Errors
    ///
    /// `Engine` for a failure of the engine.
    fn serialize(_module: &Self::Module) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// Loads what [`CoreEngine::serialize`] gave, with the same engine version
    /// and configuration.
    ///
    /// # Errors
    ///
    /// `Artifact` if the engine refuses the bytes.
    ///
    /// # Safety
    ///
    /// The bytes are machine code that will be run: they must come from
    /// [`CoreEngine::serialize`], unchanged.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    unsafe fn deserialize(_unit: &Self::Unit, _bytes: &[u8]) -> Result<Self::Module> {
        Err(enginebay_core::Error::unsupported(
            "this engine has no precompiled modules",
        ))
    }

    /// Makes a store.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a limit that the engine cannot enforce, `Engine` for a
    /// failure of the engine.
    fn new_store(engine: &Self::Engine, data: Data<Self>) -> Result<Self::Store>;

    /// The store's data.
    fn store_data(store: &Self::Store) -> &Data<Self>;

    /// The store's data.
    fn store_data_mut(store: &mut Self::Store) -> &mut Data<Self>;

    /// Ends the store and gives its data back.
    fn into_data(store: Self::Store) -> Data<Self>;

    /// Access to a store.
    fn context(store: &mut Self::Store) -> Self::Context<'_>;

    /// The same access for a shorter time.
    fn reborrow<'a>(cx: &'a mut Self::Context<'_>) -> Self::Context<'a>;

    /// The store's data.
    fn data<'a>(cx: &'a Self::Context<'_>) -> &'a Data<Self>;

    /// The store's data.
    fn data_mut<'a>(cx: &'a mut Self::Context<'_>) -> &'a mut Data<Self>;

    /// The place in the store for instances of a unit's modules.
    ///
    /// # Errors
    ///
    /// `Engine` for a failure of the engine.
    fn realm(cx: &mut Self::Context<'_>, unit: &Self::Unit) -> Result<Self::Realm>;

    /// Instantiates a module and runs its start function. `imports` are in the
    /// order of the module's import section, of the right types, and of the same
    /// realm.
    ///
    /// # Errors
    ///
    /// Traps of data and element segments and of the start function; limits.
    fn instantiate(
        cx: &mut Self::Context<'_>,
        realm: Self::Realm,
        module: &Self::Module,
        imports: &[CoreExtern<Self>],
    ) -> Result<Self::Instance>;

    /// What an instance exports under a name.
    fn export(
        cx: &mut Self::Context<'_>,
        instance: &Self::Instance,
        name: &str,
    ) -> Option<CoreExtern<Self>>;

    /// Makes a host function. `func` gets one slot per parameter or result,
    /// whichever is more ([`Signature::slots`]). The layer's do not panic.
    fn host_func<F>(
        cx: &mut Self::Context<'_>,
        realm: Self::Realm,
        ty: &Signature,
        func: F,
    ) -> Self::Func
    where
        F: for<'a> Fn(Self::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static;

    /// As [`CoreEngine::host_func`], for a function that many stores have, all of
    /// the same unit and type. What an engine can make once for all of them it
    /// keeps in `shared`, which has room for this function only; then `make` need
    /// not be called again. The store keeps what it uses of it.
    fn shared_func<F>(
        cx: &mut Self::Context<'_>,
        realm: Self::Realm,
        ty: &Signature,
        shared: &SharedFunc,
        make: impl FnOnce() -> F,
    ) -> Self::Func
    where
        F: for<'a> Fn(Self::Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        let _ = shared;
        Self::host_func(cx, realm, ty, make())
    }

    /// Gets a function ready for calls. `ty` is its type.
    ///
    /// # Errors
    ///
    /// `Engine` for a failure of the engine.
    fn callee(
        cx: &mut Self::Context<'_>,
        func: &Self::Func,
        ty: &Signature,
    ) -> Result<Self::Callee>;

    /// Calls a function: arguments are in the first slots, and results
    /// overwrite them. There are at least [`Signature::slots`] of them. This is
    /// the hot path: no allocation, no lock, no look at types.
    ///
    /// # Errors
    ///
    /// Traps, and the errors of host functions.
    fn call(cx: &mut Self::Context<'_>, callee: &Self::Callee, slots: &mut [u64]) -> Result<()>;

    /// A memory's bytes.
    fn memory<'a>(cx: &'a mut Self::Context<'_>, memory: &Self::Memory) -> &'a mut [u8];

    /// Makes a mutable global: an `i32` or an `i64`.
    fn new_global(
        cx: &mut Self::Context<'_>,
        realm: Self::Realm,
        ty: CoreType,
        value: u64,
    ) -> Self::Global;

    /// The value of a global that [`CoreEngine::new_global`] made.
    fn global(cx: &mut Self::Context<'_>, global: &Self::Global) -> u64;

    /// Sets a global that [`CoreEngine::new_global`] made, with the same type.
    fn set_global(cx: &mut Self::Context<'_>, global: &Self::Global, ty: CoreType, value: u64);
}
