//! The backend is chosen when the program runs.
//!
//! ```
//! use enginebay::any::{self, Component, Linker, Store};
//! use enginebay::Config;
//!
//! # let name = enginebay::BACKENDS[0];
//! let engine = any::engine(name, &Config::new())?;
//! assert_eq!(engine.backend(), name);
//! let component = Component::new(&engine, r#"(component
//!     (core module $m (func (export "seven") (result i32) i32.const 7))
//!     (core instance $i (instantiate $m))
//!     (func (export "seven") (result u32) (canon lift (core func $i "seven"))))"#)?;
//! let mut store = Store::new(&engine, ())?;
//! let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
//! let seven = instance.get_typed_func::<(), (u32,)>(&mut store, "seven")?;
//! assert_eq!(seven.call(&mut store, ())?, (7,));
//! # Ok::<(), enginebay::Error>(())
//! ```
//!
//! [`Any`] is a [`Backend`] like the others, so everything that
//! is generic over one takes it: `Engine`, `Store` and the others here are the
//! generic types with it. Its own types are enums with a variant for each backend
//! that is on, made from the same list as the modules of the backends. A call
//! costs a comparison or two more than on the backend itself.
//!
//! What belongs to two engines does not mix, whether these are of one backend or
//! of two: the errors are the same.

mod choice;

use std::fmt;

use enginebay_core::{
    Backend, ComponentNamedList, Config, Error, ErrorKind, Extern, FuncType, HostContext,
    HostFuture, Lift, Lower, Resource, ResourceAny, ResourceType, Result, StoreData, Support, Val,
    WasmList,
};

#[doc(hidden)]
pub use choice::with_default;
pub use choice::{Choice, engine};

aliases!(Any);

/// Whichever backend an engine was made with. See the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Any;

/// Objects of two backends: enginebay's core finds out before that their engines
/// differ.
#[cold]
fn mixed() -> Error {
    Error::new(
        ErrorKind::InvalidConfig,
        "these belong to engines of different backends",
    )
}

macro_rules! define {
    ($d:tt $($feature:literal, $name:ident, $backend:ident;)*) => {
        /// Runs the same code for a value, whichever backend `B` it is of.
        macro_rules! of {
            ($d value:ident: $d enum:ident, $d body:expr) => {
                match $d value {
                    $(#[cfg(feature = $feature)]
                    $d enum::$backend($d value) => {
                        type B = crate::$name::$backend;
                        $d body
                    })*
                }
            };
        }

        /// As `of!`, and makes the code's result one of ours.
        macro_rules! wrap {
            ($d value:ident: $d enum:ident => $d result:ident, $d body:expr) => {
                match $d value {
                    $(#[cfg(feature = $feature)]
                    $d enum::$backend($d value) => {
                        type B = crate::$name::$backend;
                        $d result::$backend($d body)
                    })*
                }
            };
        }

        /// Runs the same code for two values of one backend `B`; `W` makes its result
        /// one of ours.
        macro_rules! both {
            (
                $d a:ident: $d one:ident, $d b:ident: $d two:ident => $d result:ident,
                $d body:expr, $d otherwise:expr
            ) => {
                match ($d a, $d b) {
                    $(#[cfg(feature = $feature)]
                    ($d one::$backend($d a), $d two::$backend($d b)) => {
                        type B = crate::$name::$backend;
                        #[allow(unused_imports, reason = "not all code gives one of ours")]
                        use $d result::$backend as W;
                        $d body
                    })*
                    #[allow(unreachable_patterns, reason = "if one backend is on")]
                    _ => $d otherwise,
                }
            };
        }

        /// Defines something in a linker. `C` makes the context that a function of
        /// the host's gets one of ours.
        macro_rules! link {
            ($d linker:ident, $d body:expr) => {
                match $d linker {
                    $(#[cfg(feature = $feature)]
                    AnyLinker::$backend($d linker) => {
                        type B = crate::$name::$backend;
                        use AnyContext::$backend as C;
                        $d body
                    })*
                }
            };
        }

        values! {
            $d
            $($feature, $name, $backend;)*
            AnyEngine, Engine, "engine", [derive(Clone)];
            AnyComponent, Component, "compiled component", [derive(Clone)];
            AnyLinker, Linker, "linker", [];
            AnyInstancePre, InstancePre, "component with its imports resolved", [derive(Clone)];
            AnyStore, Store, "store", [];
            AnyInstance, Instance, "instance", [derive(Clone)];
            AnyFunc, Func, "exported function", [derive(Clone)];
            AnyTypedFunc, TypedFunc, "exported function whose type was checked", [derive(Clone)];
            AnyModule, Module, "core module", [derive(Clone)];
        }

        /// Access to a store of any backend.
        #[non_exhaustive]
        pub enum AnyContext<'a> {
            $(
                #[cfg(feature = $feature)]
                #[doc = concat!("Of `", $feature, "`.")]
                $backend(<crate::$name::$backend as Backend>::Context<'a>),
            )*
        }
    };
}

/// An enum for each kind of thing.
macro_rules! values {
    ($d:tt $($feature:literal, $name:ident, $backend:ident;)*) => {};
    (
        $d:tt $($feature:literal, $name:ident, $backend:ident;)*
        $any:ident, $of:ident, $what:literal, [$($attribute:meta)?]; $($rest:tt)*
    ) => {
        #[doc = concat!("The ", $what, " of any backend.")]
        $(#[$attribute])?
        #[allow(clippy::large_enum_variant, reason = "a store is made once and used often")]
        #[non_exhaustive]
        pub enum $any {
            $(
                #[cfg(feature = $feature)]
                #[doc = concat!("Of `", $feature, "`.")]
                $backend(<crate::$name::$backend as Backend>::$of),
            )*
        }

        impl fmt::Debug for $any {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(
                        #[cfg(feature = $feature)]
                        $any::$backend(_) => {
                            f.write_str(concat!(stringify!($any), "(", $feature, ")"))
                        }
                    )*
                }
            }
        }

        values! { $d $($feature, $name, $backend;)* $($rest)* }
    };
}

with_backends!($ define);

impl fmt::Debug for AnyContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyContext")
    }
}

impl Backend for Any {
    const NAME: &'static str = "any";

    type Engine = AnyEngine;
    type Component = AnyComponent;
    type Linker = AnyLinker;
    type InstancePre = AnyInstancePre;
    type Store = AnyStore;
    type Context<'a> = AnyContext<'a>;
    type Instance = AnyInstance;
    type Func = AnyFunc;
    type TypedFunc = AnyTypedFunc;
    type Module = AnyModule;

    fn support() -> Support {
        let support = choice::chosen().support();
        // A backend that is off makes no engine.
        support.unwrap_or_else(crate::DefaultBackend::support)
    }

    fn support_of(engine: &AnyEngine) -> Support {
        of!(engine: AnyEngine, B::support_of(engine))
    }

    fn name_of(engine: &AnyEngine) -> &'static str {
        of!(engine: AnyEngine, B::name_of(engine))
    }

    fn new_engine(config: &Config) -> Result<AnyEngine> {
        choice::chosen().inner(config)
    }

    fn interrupt(engine: &AnyEngine) {
        of!(engine: AnyEngine, B::interrupt(engine))
    }

    fn compile(engine: &AnyEngine, wasm: &[u8]) -> Result<AnyComponent> {
        Ok(wrap!(engine: AnyEngine => AnyComponent, B::compile(engine, wasm)?))
    }

    fn serialize(component: &AnyComponent) -> Result<Vec<u8>> {
        of!(component: AnyComponent, B::serialize(component))
    }

    #[allow(unsafe_code, reason = "artifacts are machine code")]
    unsafe fn deserialize(engine: &AnyEngine, bytes: &[u8]) -> Result<AnyComponent> {
        Ok(wrap!(engine: AnyEngine => AnyComponent, {
            // SAFETY: the caller's promise is the same, and an artifact names the
            // backend that made it.
            unsafe { B::deserialize(engine, bytes) }?
        }))
    }

    fn imports(component: &AnyComponent) -> Vec<Extern> {
        of!(component: AnyComponent, B::imports(component))
    }

    fn exports(component: &AnyComponent) -> Vec<Extern> {
        of!(component: AnyComponent, B::exports(component))
    }

    fn new_linker(engine: &AnyEngine) -> AnyLinker {
        wrap!(engine: AnyEngine => AnyLinker, B::new_linker(engine))
    }

    fn allow_shadowing(linker: &mut AnyLinker, allow: bool) {
        of!(linker: AnyLinker, B::allow_shadowing(linker, allow))
    }

    fn define_instance(linker: &mut AnyLinker, path: &[String]) -> Result<()> {
        of!(linker: AnyLinker, B::define_instance(linker, path))
    }

    fn func_wrap<P, R, F>(
        linker: &mut AnyLinker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> Result<R> + Send + Sync + 'static,
    {
        link!(linker, {
            B::func_wrap(
                linker,
                path,
                name,
                move |cx: HostContext<'_, B>, params: P| func(HostContext(C(cx.0)), params),
            )
        })
    }

    fn func_wrap_async<P, R, F>(
        linker: &mut AnyLinker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        link!(linker, {
            B::func_wrap_async(
                linker,
                path,
                name,
                move |cx: HostContext<'_, B>, params: P| func(HostContext(C(cx.0)), params),
            )
        })
    }

    fn func_wrap_unwatched<P, R, F>(
        linker: &mut AnyLinker,
        path: &[String],
        name: &str,
        func: F,
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
        link!(linker, {
            B::func_wrap_unwatched(
                linker,
                path,
                name,
                move |cx: HostContext<'_, B>, params: P| func(HostContext(C(cx.0)), params),
            )
        })
    }

    fn func_new<F>(linker: &mut AnyLinker, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, &[Val], &mut [Val]) -> Result<()>
            + Send
            + Sync
            + 'static,
    {
        link!(linker, {
            B::func_new(
                linker,
                path,
                name,
                move |cx: HostContext<'_, B>, params: &[Val], results: &mut [Val]| {
                    func(HostContext(C(cx.0)), params, results)
                },
            )
        })
    }

    fn func_new_async<F>(linker: &mut AnyLinker, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
            + Send
            + Sync
            + 'static,
    {
        link!(linker, {
            B::func_new_async(
                linker,
                path,
                name,
                move |cx: HostContext<'_, B>, params: Vec<Val>, results: usize| {
                    func(HostContext(C(cx.0)), params, results)
                },
            )
        })
    }

    fn resource<F>(
        linker: &mut AnyLinker,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> Result<()> + Send + Sync + 'static,
    {
        link!(linker, {
            B::resource(
                linker,
                path,
                name,
                ty,
                move |cx: HostContext<'_, B>, rep: u32| destructor(HostContext(C(cx.0)), rep),
            )
        })
    }

    fn resource_async<F>(
        linker: &mut AnyLinker,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static,
    {
        link!(linker, {
            B::resource_async(
                linker,
                path,
                name,
                ty,
                move |cx: HostContext<'_, B>, rep: u32| destructor(HostContext(C(cx.0)), rep),
            )
        })
    }

    fn module(
        linker: &mut AnyLinker,
        path: &[String],
        name: &str,
        module: &AnyModule,
    ) -> Result<()> {
        both!(linker: AnyLinker, module: AnyModule => AnyFunc, {
            B::module(linker, path, name, module)
        }, Err(mixed()))
    }

    fn instantiate_pre(linker: &AnyLinker, component: &AnyComponent) -> Result<AnyInstancePre> {
        both!(linker: AnyLinker, component: AnyComponent => AnyInstancePre, B::instantiate_pre(linker, component).map(W),
            Err(mixed())
        )
    }

    fn new_store(engine: &AnyEngine, data: StoreData) -> Result<AnyStore> {
        Ok(wrap!(engine: AnyEngine => AnyStore, B::new_store(engine, data)?))
    }

    #[inline]
    fn store_data(store: &AnyStore) -> &StoreData {
        of!(store: AnyStore, B::store_data(store))
    }

    #[inline]
    fn store_data_mut(store: &mut AnyStore) -> &mut StoreData {
        of!(store: AnyStore, B::store_data_mut(store))
    }

    fn into_store_data(store: AnyStore) -> StoreData {
        of!(store: AnyStore, B::into_store_data(store))
    }

    #[inline]
    fn context(store: &mut AnyStore) -> AnyContext<'_> {
        wrap!(store: AnyStore => AnyContext, B::context(store))
    }

    #[inline]
    fn reborrow<'a>(cx: &'a mut AnyContext<'_>) -> AnyContext<'a> {
        wrap!(cx: AnyContext => AnyContext, B::reborrow(cx))
    }

    #[inline]
    fn data<'a>(cx: &'a AnyContext<'_>) -> &'a StoreData {
        of!(cx: AnyContext, B::data(cx))
    }

    #[inline]
    fn data_mut<'a>(cx: &'a mut AnyContext<'_>) -> &'a mut StoreData {
        of!(cx: AnyContext, B::data_mut(cx))
    }

    fn fuel(cx: &mut AnyContext<'_>) -> Option<u64> {
        of!(cx: AnyContext, B::fuel(cx))
    }

    fn set_fuel(cx: &mut AnyContext<'_>, fuel: u64) -> Result<()> {
        of!(cx: AnyContext, B::set_fuel(cx, fuel))
    }

    fn instantiate(cx: AnyContext<'_>, pre: &AnyInstancePre) -> Result<AnyInstance> {
        both!(cx: AnyContext, pre: AnyInstancePre => AnyInstance, B::instantiate(cx, pre).map(W),
            Err(mixed())
        )
    }

    async fn instantiate_async<'a>(
        cx: AnyContext<'a>,
        pre: &'a AnyInstancePre,
    ) -> Result<AnyInstance> {
        both!(cx: AnyContext, pre: AnyInstancePre => AnyInstance, B::instantiate_async(cx, pre).await.map(W),
            Err(mixed())
        )
    }

    fn get_func(cx: &mut AnyContext<'_>, instance: &AnyInstance, path: &[&str]) -> Option<AnyFunc> {
        both!(cx: AnyContext, instance: AnyInstance => AnyFunc, B::get_func(cx, instance, path).map(W),
            None
        )
    }

    fn get_resource(
        cx: &mut AnyContext<'_>,
        instance: &AnyInstance,
        path: &[&str],
    ) -> Option<ResourceType> {
        both!(cx: AnyContext, instance: AnyInstance => AnyFunc, B::get_resource(cx, instance, path),
            None
        )
    }

    fn get_module(
        cx: &mut AnyContext<'_>,
        instance: &AnyInstance,
        path: &[&str],
    ) -> Option<AnyModule> {
        both!(cx: AnyContext, instance: AnyInstance => AnyModule, B::get_module(cx, instance, path).map(W),
            None
        )
    }

    fn func_type(cx: &AnyContext<'_>, func: &AnyFunc) -> FuncType {
        both!(cx: AnyContext, func: AnyFunc => AnyFunc, B::func_type(cx, func),
            // The core asks for functions of this store only.
            FuncType::new(Vec::new(), None)
        )
    }

    fn typed<P, R>(cx: &AnyContext<'_>, func: &AnyFunc) -> Result<AnyTypedFunc>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        both!(cx: AnyContext, func: AnyFunc => AnyTypedFunc, B::typed::<P, R>(cx, func).map(W),
            Err(mixed())
        )
    }

    #[inline]
    #[allow(unsafe_code, reason = "the types were checked by `typed`")]
    unsafe fn call_typed<P, R>(cx: AnyContext<'_>, func: &AnyTypedFunc, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        both!(cx: AnyContext, func: AnyTypedFunc => AnyFunc, // SAFETY: the caller's promise is the same.
            unsafe { B::call_typed(cx, func, params) },
            Err(mixed())
        )
    }

    #[allow(unsafe_code, reason = "the types were checked by `typed`")]
    async unsafe fn call_typed_async<'a, P, R>(
        cx: AnyContext<'a>,
        func: &'a AnyTypedFunc,
        params: P,
    ) -> Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'a,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        both!(cx: AnyContext, func: AnyTypedFunc => AnyFunc, // SAFETY: the caller's promise is the same.
            unsafe { B::call_typed_async(cx, func, params) }.await,
            Err(mixed())
        )
    }

    fn call(
        cx: AnyContext<'_>,
        func: &AnyFunc,
        params: &[Val],
        results: &mut Vec<Val>,
    ) -> Result<()> {
        both!(cx: AnyContext, func: AnyFunc => AnyFunc, B::call(cx, func, params, results),
            Err(mixed())
        )
    }

    async fn call_async<'a>(
        cx: AnyContext<'a>,
        func: &'a AnyFunc,
        params: &'a [Val],
        results: &'a mut Vec<Val>,
    ) -> Result<()> {
        both!(cx: AnyContext, func: AnyFunc => AnyFunc, B::call_async(cx, func, params, results).await,
            Err(mixed())
        )
    }

    fn list_bytes<'a, T: Lift>(cx: &'a mut AnyContext<'_>, list: &WasmList<T>) -> Result<&'a [u8]> {
        of!(cx: AnyContext, B::list_bytes(cx, list))
    }

    fn list_get<T: Lift>(cx: &mut AnyContext<'_>, list: &WasmList<T>, index: usize) -> Result<T> {
        of!(cx: AnyContext, B::list_get(cx, list, index))
    }

    fn list_iter<'a, 'c: 'a, T: Lift + 'a>(
        cx: &'a mut AnyContext<'c>,
        list: &'a WasmList<T>,
    ) -> Result<impl Iterator<Item = Result<T>> + 'a> {
        type Elements<'a, T> = Box<dyn Iterator<Item = Result<T>> + 'a>;
        of!(cx: AnyContext, B::list_iter(cx, list).map(|it| -> Elements<'a, T> { Box::new(it) }))
    }

    fn resource_drop(cx: AnyContext<'_>, resource: ResourceAny) -> Result<()> {
        of!(cx: AnyContext, B::resource_drop(cx, resource))
    }

    async fn resource_drop_async<'a>(cx: AnyContext<'a>, resource: &'a ResourceAny) -> Result<()> {
        of!(cx: AnyContext, B::resource_drop_async(cx, resource).await)
    }

    fn resource_end(
        cx: AnyContext<'_>,
        instance: &AnyInstance,
        ty: ResourceType,
        rep: u32,
    ) -> Result<()> {
        both!(cx: AnyContext, instance: AnyInstance => AnyFunc, B::resource_end(cx, instance, ty, rep),
            Err(mixed())
        )
    }

    async fn resource_end_async<'a>(
        cx: AnyContext<'a>,
        instance: &'a AnyInstance,
        ty: ResourceType,
        rep: u32,
    ) -> Result<()> {
        both!(cx: AnyContext, instance: AnyInstance => AnyFunc, B::resource_end_async(cx, instance, ty, rep).await,
            Err(mixed())
        )
    }

    fn resource_to_any<T: 'static>(
        cx: &mut AnyContext<'_>,
        resource: Resource<T>,
    ) -> Result<ResourceAny> {
        of!(cx: AnyContext, B::resource_to_any(cx, resource))
    }

    fn resource_from_any<T: 'static>(
        cx: &mut AnyContext<'_>,
        resource: ResourceAny,
    ) -> Result<Resource<T>> {
        of!(cx: AnyContext, B::resource_from_any(cx, resource))
    }
}
