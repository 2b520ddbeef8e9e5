//! The trait that binds an engine's types together. A backend supplies
//! mechanism; what a user sees of limits, errors, poisoning and modes is this
//! crate's, and the same for all.

use std::fmt;
use std::future::Future;

use crate::abi::{ComponentNamedList, Lift, Lower, WasmList};
use crate::config::{Config, Support};
use crate::error::Result;
use crate::future::HostFuture;
use crate::policy::StoreData;
use crate::resource::{Resource, ResourceAny, ResourceType};
use crate::types::{Extern, FuncType};
use crate::val::Val;

/// Exclusive access to a store, as a host function gets it from its backend: a
/// named type around [`Backend::Context`], so that futures can borrow from it.
pub struct HostContext<'a, B: Backend>(pub B::Context<'a>);

impl<B: Backend> fmt::Debug for HostContext<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostContext")
            .field("backend", &B::NAME)
            .finish_non_exhaustive()
    }
}

/// A component engine, as this crate drives it.
///
/// Implemented once per engine, on a type without values. The associated types
/// are the engine's own; this crate wraps them in [`Engine`](crate::Engine),
/// [`Component`](crate::Component), [`Store`](crate::Store) and the others and
/// adds the policy. None of them knows the type of a store's data: a store owns
/// a [`StoreData`], in which the data is.
///
/// # What an implementation does
///
/// - It compiles only what it is given: validation and the limits on size and
///   complexity come before [`Backend::compile`].
/// - It asks the [`StoreData`] before memories and tables get or change a size
///   ([`StoreData::grow_memory`], [`StoreData::grow_table`]), and enforces the
///   counts in [`StoreData::limits`].
/// - With [`Interruption::Deadline`](crate::Interruption) or `Fuel`, a running
///   guest asks [`StoreData::interrupted`] soon after each
///   [`Backend::interrupt`] and stops with the error that it gives.
/// - It refuses a [`ResourceAny`] of another store with `WrongStore`, before the
///   guest is entered.
/// - Its errors are this crate's, with the kinds that [`ErrorKind`] describes.
///   An [`Error`] that a host function returned comes back as it was.
/// - It never unwinds a Rust panic through wasm: this crate catches the panics
///   of host functions before the backend sees them, unless the backend says
///   that it does so itself ([`Backend::RESUMES_HOST_PANICS`]).
///
/// # What it need not do
///
/// Calls from the host arrive only when the store is not poisoned, the mode is
/// right, the function belongs to the store and its instance is not on the
/// stack. A call whose future is dropped poisons the store.
///
/// [`ErrorKind`]: crate::ErrorKind
/// [`Error`]: crate::Error
pub trait Backend: Sized + fmt::Debug + Send + Sync + 'static {
    /// The name, as in Cargo features and on the command line.
    const NAME: &'static str;

    /// Whether the engine itself carries a panic of a host function to the
    /// caller: it catches it before it would unwind through wasm, and resumes
    /// it from the call. Else this crate does, for a few nanoseconds per call
    /// of a host function.
    const RESUMES_HOST_PANICS: bool = false;

    /// An engine: cheap to clone, shared by threads.
    type Engine: Clone + Send + Sync + 'static;
    /// A compiled component: cheap to clone, shared by threads.
    type Component: Clone + Send + Sync + 'static;
    /// Host definitions by name.
    type Linker: Send + Sync + 'static;
    /// A component with its imports resolved.
    type InstancePre: Clone + Send + Sync + 'static;
    /// A store; it owns its [`StoreData`].
    type Store: Send + 'static;
    /// Exclusive access to a store, also from within a host function.
    type Context<'a>: Send;
    /// An instance in a store.
    type Instance: Clone + Send + Sync + 'static;
    /// An exported function of an instance.
    type Func: Clone + Send + Sync + 'static;
    /// An exported function whose type was checked. It does not know the types
    /// that it was checked against, so that it is `Send` and `Sync` whatever
    /// they are; whoever calls it vouches for them.
    type TypedFunc: Clone + Send + Sync + 'static;
    /// A core module that an instance exports, to be linked to another.
    type Module: Clone + Send + Sync + 'static;

    /// What the engine can do; for a backend that is several, what the one can
    /// do that [`Backend::new_engine`] makes.
    fn support() -> Support;

    /// What this engine can do.
    fn support_of(_engine: &Self::Engine) -> Support {
        Self::support()
    }

    /// The name of this engine's backend: another than [`Backend::NAME`] only for
    /// a backend that is several.
    fn name_of(_engine: &Self::Engine) -> &'static str {
        Self::NAME
    }

    /// Makes an engine. `config` passed [`Config::check`].
    ///
    /// # Errors
    ///
    /// `Unsupported` for an option that only shows here, `Engine` for a failure
    /// of the engine.
    fn new_engine(config: &Config) -> Result<Self::Engine>;

    /// Has every guest that runs on the engine look at
    /// [`StoreData::interrupted`] soon. Called by one thread, once per tick.
    fn interrupt(engine: &Self::Engine);

    /// Compiles a valid component.
    ///
    /// # Errors
    ///
    /// `Unsupported` with the feature's name for what the engine cannot run,
    /// `Engine` for a failure of the compiler.
    fn compile(engine: &Self::Engine, wasm: &[u8]) -> Result<Self::Component>;

    /// The compiled code as bytes.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the engine has no artifacts.
    fn serialize(component: &Self::Component) -> Result<Vec<u8>>;

    /// Loads what [`Backend::serialize`] gave, with the same engine version and
    /// configuration.
    ///
    /// # Errors
    ///
    /// `Artifact` if the engine refuses the bytes.
    ///
    /// # Safety
    ///
    /// The bytes are machine code that will be run: they must come from
    /// [`Backend::serialize`], unchanged.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    unsafe fn deserialize(engine: &Self::Engine, bytes: &[u8]) -> Result<Self::Component>;

    /// The component's imports, in an order in which resource types come before
    /// whatever mentions them. Each imported resource type has an identity of its
    /// own, the same wherever it is mentioned.
    fn imports(component: &Self::Component) -> Vec<Extern>;

    /// The component's exports.
    fn exports(component: &Self::Component) -> Vec<Extern>;

    /// An empty linker.
    fn new_linker(engine: &Self::Engine) -> Self::Linker;

    /// Lets later definitions replace earlier ones of the same name.
    fn allow_shadowing(linker: &mut Self::Linker, allow: bool);

    /// Defines the instance at `path`, unless it is there.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken by something else, or malformed.
    fn define_instance(linker: &mut Self::Linker, path: &[String]) -> Result<()>;

    /// Defines a host function with typed parameters and result, in the
    /// instance at `path` (the root if it is empty).
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    fn func_wrap<P, R, F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> Result<R> + Send + Sync + 'static;

    /// As [`Backend::func_wrap`], for an asynchronous function.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    fn func_wrap_async<P, R, F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> HostFuture<'a, R> + Send + Sync + 'static;

    /// Defines what [`Backend::func_wrap_async`] has just defined once more, for
    /// instances in stores that are not watched ([`StoreData::is_watched`]):
    /// `func` is the same function without what only the others need. For
    /// backends that gain from it; by default it does nothing.
    ///
    /// # Errors
    ///
    /// As [`Backend::func_wrap_async`].
    fn func_wrap_unwatched<P, R, F>(
        _linker: &mut Self::Linker,
        _path: &[String],
        _name: &str,
        _func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> HostFuture<'a, R>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Ok(())
    }

    /// Defines a host function whose values are known at run time. It is called
    /// with the parameters and with one placeholder per result.
    ///
    /// It fits every import: its type is not known here. Where it is, as for a
    /// function of another instance, this crate has checked it before
    /// [`Backend::instantiate_pre`].
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    fn func_new<F>(linker: &mut Self::Linker, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, &[Val], &mut [Val]) -> Result<()>
            + Send
            + Sync
            + 'static;

    /// As [`Backend::func_new`], for an asynchronous function.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    fn func_new_async<F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
            + Send
            + Sync
            + 'static;

    /// Defines a resource type with its destructor: one of the host's, or one
    /// that [`Backend::get_resource`] gave. The latter's definitions are used with
    /// instances of the same store only.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    fn resource<F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> Result<()> + Send + Sync + 'static;

    /// As [`Backend::resource`], with an asynchronous destructor.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed.
    fn resource_async<F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static;

    /// Defines a core module.
    ///
    /// # Errors
    ///
    /// `Link` if the name is taken or malformed, `Unsupported` if the engine
    /// cannot.
    fn module(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        module: &Self::Module,
    ) -> Result<()>;

    /// Resolves a component's imports and checks their types. No guest code
    /// runs. Typed host functions and functions of other instances have been
    /// compared with [`Backend::imports`] before; missing definitions, other
    /// kinds, resource types that differ and core modules have not.
    ///
    /// # Errors
    ///
    /// `Link` for an import that is missing or has another type.
    fn instantiate_pre(
        linker: &Self::Linker,
        component: &Self::Component,
    ) -> Result<Self::InstancePre>;

    /// Makes a store and gives it the fuel in [`StoreData::limits`], if it is
    /// metered.
    ///
    /// # Errors
    ///
    /// `Unsupported` for a limit that the engine cannot enforce.
    fn new_store(engine: &Self::Engine, data: StoreData) -> Result<Self::Store>;

    /// The store's data.
    fn store_data(store: &Self::Store) -> &StoreData;

    /// The store's data.
    fn store_data_mut(store: &mut Self::Store) -> &mut StoreData;

    /// Ends the store and gives its data back.
    fn into_store_data(store: Self::Store) -> StoreData;

    /// Access to a store.
    fn context(store: &mut Self::Store) -> Self::Context<'_>;

    /// The same access for a shorter time.
    fn reborrow<'a>(cx: &'a mut Self::Context<'_>) -> Self::Context<'a>;

    /// The store's data.
    fn data<'a>(cx: &'a Self::Context<'_>) -> &'a StoreData;

    /// The store's data.
    fn data_mut<'a>(cx: &'a mut Self::Context<'_>) -> &'a mut StoreData;

    /// Fuel that is left, where it is metered.
    fn fuel(cx: &mut Self::Context<'_>) -> Option<u64>;

    /// Sets the fuel.
    ///
    /// # Errors
    ///
    /// `Unsupported` where it is not metered.
    fn set_fuel(cx: &mut Self::Context<'_>, fuel: u64) -> Result<()>;

    /// Instantiates a component and runs its start functions.
    ///
    /// # Errors
    ///
    /// Traps, limits and host errors, as [`ErrorKind`](crate::ErrorKind) has them.
    fn instantiate(cx: Self::Context<'_>, pre: &Self::InstancePre) -> Result<Self::Instance>;

    /// As [`Backend::instantiate`], suspending at asynchronous host functions.
    fn instantiate_async<'a>(
        cx: Self::Context<'a>,
        pre: &'a Self::InstancePre,
    ) -> impl Future<Output = Result<Self::Instance>> + Send + 'a;

    /// What the backend's handles call the instance, for a backend that knows
    /// whose resource a [`ResourceAny`] is. Without it, such a resource can be
    /// dropped while its instance is on the stack, which the Canonical ABI
    /// forbids.
    fn instance_number(instance: &Self::Instance) -> Option<u32> {
        let _ = instance;
        None
    }

    /// The exported function at `path`: names of instances, then its own.
    fn get_func(
        cx: &mut Self::Context<'_>,
        instance: &Self::Instance,
        path: &[&str],
    ) -> Option<Self::Func>;

    /// The exported resource type at `path`.
    fn get_resource(
        cx: &mut Self::Context<'_>,
        instance: &Self::Instance,
        path: &[&str],
    ) -> Option<ResourceType>;

    /// The exported core module at `path`.
    fn get_module(
        cx: &mut Self::Context<'_>,
        instance: &Self::Instance,
        path: &[&str],
    ) -> Option<Self::Module>;

    /// The function's type, with resource types as [`Backend::get_resource`] has
    /// them.
    fn func_type(cx: &Self::Context<'_>, func: &Self::Func) -> FuncType;

    /// Checks a function's type against Rust types.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` saying what differs.
    fn typed<P, R>(cx: &Self::Context<'_>, func: &Self::Func) -> Result<Self::TypedFunc>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift;

    /// Calls a function with typed values, `post-return` included.
    ///
    /// # Errors
    ///
    /// `WrongStore` for a resource of another store, before the guest is entered;
    /// traps, limits and host errors, as [`ErrorKind`](crate::ErrorKind) has them.
    ///
    /// # Safety
    ///
    /// `func` came from [`Backend::typed`] with the same `P` and `R`, up to
    /// lifetimes, and belongs to this store.
    #[allow(
        unsafe_code,
        reason = "checked types are vouched for, not checked again"
    )]
    unsafe fn call_typed<P, R>(
        cx: Self::Context<'_>,
        func: &Self::TypedFunc,
        params: P,
    ) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift;

    /// As [`Backend::call_typed`], suspending at asynchronous host functions.
    ///
    /// # Safety
    ///
    /// As [`Backend::call_typed`].
    #[allow(
        unsafe_code,
        reason = "checked types are vouched for, not checked again"
    )]
    unsafe fn call_typed_async<'a, P, R>(
        cx: Self::Context<'a>,
        func: &'a Self::TypedFunc,
        params: P,
    ) -> impl Future<Output = Result<R>> + Send + 'a
    where
        P: ComponentNamedList + Lower + Send + Sync + 'a,
        R: ComponentNamedList + Lift + Send + Sync + 'static;

    /// Calls a function with values that are known at run time. `results` is
    /// cleared and gets the results, one or none.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for values that do not fit, and `WrongStore` for a resource
    /// of another store, before the guest is entered; traps, limits and host
    /// errors.
    fn call(
        cx: Self::Context<'_>,
        func: &Self::Func,
        params: &[Val],
        results: &mut Vec<Val>,
    ) -> Result<()>;

    /// As [`Backend::call`], suspending at asynchronous host functions.
    fn call_async<'a>(
        cx: Self::Context<'a>,
        func: &'a Self::Func,
        params: &'a [Val],
        results: &'a mut Vec<Val>,
    ) -> impl Future<Output = Result<()>> + Send + 'a;

    /// The bytes of a list of [`Number`](crate::abi::Number)s in a guest's memory.
    ///
    /// # Errors
    ///
    /// `WrongStore` for a list of another store, `TypeMismatch` for one of another
    /// backend.
    fn list_bytes<'a, T: Lift>(
        cx: &'a mut Self::Context<'_>,
        list: &WasmList<T>,
    ) -> Result<&'a [u8]>;

    /// Reads an element, at an index that the list has, of a list of anything but
    /// numbers in a guest's memory.
    ///
    /// # Errors
    ///
    /// As [`Backend::list_bytes`]; a trap for an element that breaks the canonical
    /// ABI, and `HostAllocationLimit`.
    fn list_get<T: Lift>(cx: &mut Self::Context<'_>, list: &WasmList<T>, index: usize)
    -> Result<T>;

    /// As [`Backend::list_get`], for all elements; what they make the host allocate
    /// is counted for all of them together.
    ///
    /// # Errors
    ///
    /// As [`Backend::list_bytes`]; for each element those of [`Backend::list_get`].
    fn list_iter<'a, 'c: 'a, T: Lift + 'a>(
        cx: &'a mut Self::Context<'c>,
        list: &'a WasmList<T>,
    ) -> Result<impl Iterator<Item = Result<T>> + 'a>;

    /// Drops a handle and runs its destructor.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for a handle that is gone, `WrongStore` for one of another
    /// store; traps, limits and host errors.
    fn resource_drop(cx: Self::Context<'_>, resource: ResourceAny) -> Result<()>;

    /// As [`Backend::resource_drop`], suspending at asynchronous host functions.
    fn resource_drop_async<'a>(
        cx: Self::Context<'a>,
        resource: &'a ResourceAny,
    ) -> impl Future<Output = Result<()>> + Send + 'a;

    /// Ends a resource whose handle another instance dropped: runs the destructor
    /// that `ty` has in `instance`, which exports it, with the representation.
    /// Nothing happens if there is none.
    ///
    /// # Errors
    ///
    /// Traps, limits and host errors.
    fn resource_end(
        cx: Self::Context<'_>,
        instance: &Self::Instance,
        ty: ResourceType,
        rep: u32,
    ) -> Result<()>;

    /// As [`Backend::resource_end`], suspending at asynchronous host functions.
    fn resource_end_async<'a>(
        cx: Self::Context<'a>,
        instance: &'a Self::Instance,
        ty: ResourceType,
        rep: u32,
    ) -> impl Future<Output = Result<()>> + Send + 'a;

    /// Puts a resource of the host's into the store's table, so that dynamic
    /// calls can pass it.
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for an owned resource that was already passed on.
    fn resource_to_any<T: 'static>(
        cx: &mut Self::Context<'_>,
        resource: Resource<T>,
    ) -> Result<ResourceAny>;

    /// The reverse of [`Backend::resource_to_any`].
    ///
    /// # Errors
    ///
    /// `TypeMismatch` for a resource of another type, or one that is gone;
    /// `WrongStore` for one of another store.
    fn resource_from_any<T: 'static>(
        cx: &mut Self::Context<'_>,
        resource: ResourceAny,
    ) -> Result<Resource<T>>;
}
