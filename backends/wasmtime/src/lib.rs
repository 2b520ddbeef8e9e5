//! The Wasmtime backend: Wasmtime's own component model behind
//! [`enginebay_core`]'s API.
//!
//! A typed call is Wasmtime's typed call: the policy around it costs a few
//! nanoseconds. What is special to Wasmtime (pooling, profilers, compiler flags)
//! is reached with [`config`] and [`engine_from`].

#![deny(unsafe_code)]

mod component;
#[cfg(feature = "layered")]
mod core;
mod destructor;
mod dynamic;
mod engine;
mod limits;
mod linker;
mod store;
mod trap;
mod types;
mod value;

use enginebay_core::{
    Backend, ComponentNamedList, Config, Error, Extern, FuncType, HostContext, HostFuture, Lift,
    Lower, Resource, ResourceAny, ResourceType, Result, StoreData, Support, TrapCode, Val,
    WasmList,
};
use wasmtime::component as wt;

#[cfg(feature = "layered")]
pub use self::core::{Callee, CoreState, Engine as LayeredEngine, WasmtimeCore, WasmtimeLayered};
pub use component::Component;
pub use engine::{Engine, config, engine_from, support};
pub use limits::State;
pub use linker::{InstancePre, Linker};
/// Wasmtime itself, in the version that the backend is built on.
pub use wasmtime;

/// The Wasmtime backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wasmtime;

impl Backend for Wasmtime {
    const NAME: &'static str = "wasmtime";
    const RESUMES_HOST_PANICS: bool = true;

    type Engine = Engine;
    type Component = Component;
    type Linker = Linker;
    type InstancePre = InstancePre;
    type Store = wasmtime::Store<State>;
    type Context<'a> = wasmtime::StoreContextMut<'a, State>;
    type Instance = wt::Instance;
    type Func = wt::Func;
    type TypedFunc = wt::Func;
    type Module = wasmtime::Module;

    fn support() -> Support {
        engine::support()
    }

    fn new_engine(config: &Config) -> Result<Self::Engine> {
        engine::new(config)
    }

    fn interrupt(engine: &Self::Engine) {
        engine.increment_epoch();
    }

    fn compile(engine: &Self::Engine, wasm: &[u8]) -> Result<Self::Component> {
        component::compile(engine, wasm)
    }

    fn serialize(component: &Self::Component) -> Result<Vec<u8>> {
        component::serialize(component)
    }

    #[allow(unsafe_code, reason = "artifacts are machine code")]
    unsafe fn deserialize(engine: &Self::Engine, bytes: &[u8]) -> Result<Self::Component> {
        // SAFETY: the caller promises that the bytes come from `serialize`.
        unsafe { component::deserialize(engine, bytes) }
    }

    fn imports(component: &Self::Component) -> Vec<Extern> {
        types::imports(component)
    }

    fn exports(component: &Self::Component) -> Vec<Extern> {
        types::exports(component)
    }

    fn new_linker(engine: &Self::Engine) -> Self::Linker {
        Linker::new(engine)
    }

    fn allow_shadowing(linker: &mut Self::Linker, allow: bool) {
        linker.allow_shadowing(allow);
    }

    fn define_instance(linker: &mut Self::Linker, path: &[String]) -> Result<()> {
        linker.define_instance(path)
    }

    fn func_wrap<P, R, F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> Result<R> + Send + Sync + 'static,
    {
        linker.func_wrap(path, name, func)
    }

    fn func_wrap_async<P, R, F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        linker.func_wrap_async(path, name, func)
    }

    fn func_wrap_unwatched<P, R, F>(
        linker: &mut Self::Linker,
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
        linker.func_wrap_unwatched(path, name, func);
        Ok(())
    }

    fn func_new<F>(linker: &mut Self::Linker, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, &[Val], &mut [Val]) -> Result<()>
            + Send
            + Sync
            + 'static,
    {
        linker.func_new(path, name, func)
    }

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
            + 'static,
    {
        linker.func_new_async(path, name, func)
    }

    fn resource<F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> Result<()> + Send + Sync + 'static,
    {
        linker.resource(path, name, ty, destructor)
    }

    fn resource_async<F>(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static,
    {
        linker.resource_async(path, name, ty, destructor)
    }

    fn module(
        linker: &mut Self::Linker,
        path: &[String],
        name: &str,
        module: &Self::Module,
    ) -> Result<()> {
        linker.module(path, name, module)
    }

    fn instantiate_pre(
        linker: &Self::Linker,
        component: &Self::Component,
    ) -> Result<Self::InstancePre> {
        linker.instantiate_pre(component)
    }

    fn new_store(engine: &Self::Engine, data: StoreData) -> Result<Self::Store> {
        store::new(engine, data)
    }

    #[inline]
    fn store_data(store: &Self::Store) -> &StoreData {
        &store.data().data
    }

    #[inline]
    fn store_data_mut(store: &mut Self::Store) -> &mut StoreData {
        &mut store.data_mut().data
    }

    fn into_store_data(store: Self::Store) -> StoreData {
        store.into_data().data
    }

    #[inline]
    fn context(store: &mut Self::Store) -> Self::Context<'_> {
        wasmtime::AsContextMut::as_context_mut(store)
    }

    #[inline]
    fn reborrow<'a>(cx: &'a mut Self::Context<'_>) -> Self::Context<'a> {
        wasmtime::AsContextMut::as_context_mut(cx)
    }

    #[inline]
    fn data<'a>(cx: &'a Self::Context<'_>) -> &'a StoreData {
        &cx.data().data
    }

    #[inline]
    fn data_mut<'a>(cx: &'a mut Self::Context<'_>) -> &'a mut StoreData {
        &mut cx.data_mut().data
    }

    fn fuel(cx: &mut Self::Context<'_>) -> Option<u64> {
        store::fuel(cx)
    }

    fn set_fuel(cx: &mut Self::Context<'_>, fuel: u64) -> Result<()> {
        store::set_fuel(cx, fuel)
    }

    fn instantiate(mut cx: Self::Context<'_>, pre: &Self::InstancePre) -> Result<Self::Instance> {
        let result = pre.of(cx.data_mut()).instantiate(&mut cx);
        trap::finish(&cx, result)
    }

    async fn instantiate_async<'a>(
        mut cx: Self::Context<'a>,
        pre: &'a Self::InstancePre,
    ) -> Result<Self::Instance> {
        let result = pre.of(cx.data_mut()).instantiate_async(&mut cx).await;
        trap::finish(&cx, result)
    }

    fn instance_number(instance: &Self::Instance) -> Option<u32> {
        Some(enginebay_core::instance_number(instance))
    }

    fn get_func(
        cx: &mut Self::Context<'_>,
        instance: &Self::Instance,
        path: &[&str],
    ) -> Option<Self::Func> {
        let index = store::export(cx, instance, path)?;
        instance.get_func(cx, index)
    }

    fn get_resource(
        cx: &mut Self::Context<'_>,
        instance: &Self::Instance,
        path: &[&str],
    ) -> Option<ResourceType> {
        let index = store::export(cx, instance, path)?;
        instance
            .get_resource(cx, index)
            .map(ResourceType::from_wasmtime)
    }

    fn get_module(
        cx: &mut Self::Context<'_>,
        instance: &Self::Instance,
        path: &[&str],
    ) -> Option<Self::Module> {
        let index = store::export(cx, instance, path)?;
        instance.get_module(cx, index)
    }

    fn func_type(cx: &Self::Context<'_>, func: &Self::Func) -> FuncType {
        types::func(&func.ty(cx))
    }

    fn typed<P, R>(cx: &Self::Context<'_>, func: &Self::Func) -> Result<Self::TypedFunc>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        match func.typed::<P, R>(cx) {
            Ok(_) => Ok(*func),
            Err(error) => Err(trap::type_mismatch::<P, R>(
                &types::func(&func.ty(cx)),
                error,
            )),
        }
    }

    #[inline]
    #[allow(unsafe_code, reason = "the types were checked by `typed`")]
    unsafe fn call_typed<P, R>(
        mut cx: Self::Context<'_>,
        func: &Self::TypedFunc,
        params: P,
    ) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        store::check::<P>(func, &params)?;
        // SAFETY: the caller promises that `typed` checked these types.
        let func = unsafe { wt::TypedFunc::<P, R>::new_unchecked(*func) };
        match func.call(&mut cx, params) {
            Ok(results) => Ok(results),
            Err(error) => Err(trap::error(cx.data(), error)),
        }
    }

    #[allow(unsafe_code, reason = "the types were checked by `typed`")]
    async unsafe fn call_typed_async<'a, P, R>(
        mut cx: Self::Context<'a>,
        func: &'a Self::TypedFunc,
        params: P,
    ) -> Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'a,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        store::check::<P>(func, &params)?;
        // SAFETY: the caller promises that `typed` checked these types.
        let func = unsafe { wt::TypedFunc::<P, R>::new_unchecked(*func) };
        let result = func.call_async(&mut cx, params).await;
        trap::finish(&cx, result)
    }

    fn call(
        cx: Self::Context<'_>,
        func: &Self::Func,
        params: &[Val],
        results: &mut Vec<Val>,
    ) -> Result<()> {
        store::call(cx, func, params, results)
    }

    async fn call_async<'a>(
        cx: Self::Context<'a>,
        func: &'a Self::Func,
        params: &'a [Val],
        results: &'a mut Vec<Val>,
    ) -> Result<()> {
        store::call_async(cx, func, params, results).await
    }

    fn list_bytes<'a, T: Lift>(
        cx: &'a mut Self::Context<'_>,
        list: &WasmList<T>,
    ) -> Result<&'a [u8]> {
        let bytes = list.wasmtime_bytes(store::number(cx))?;
        Ok(bytes.as_le_slice(&*cx))
    }

    fn list_get<T: Lift>(
        cx: &mut Self::Context<'_>,
        list: &WasmList<T>,
        index: usize,
    ) -> Result<T> {
        let list = list.wasmtime_elements(store::number(cx))?;
        let element = list.get(&mut *cx, index).transpose();
        let element = trap::finish(cx, element)?;
        element.ok_or_else(|| Error::trap(TrapCode::ListOutOfBounds))
    }

    fn list_iter<'a, 'c: 'a, T: Lift + 'a>(
        cx: &'a mut Self::Context<'c>,
        list: &'a WasmList<T>,
    ) -> Result<impl Iterator<Item = Result<T>> + 'a> {
        let list = list.wasmtime_elements(store::number(cx))?;
        let limit = cx.data().data.limits().host_bytes;
        let refused = move |error| trap::element(limit, error);
        let elements = list.iter(cx).map_err(refused)?;
        Ok(elements.map(move |element| element.map_err(refused)))
    }

    fn resource_drop(mut cx: Self::Context<'_>, resource: ResourceAny) -> Result<()> {
        let resource = resource.to_wasmtime(store::number(&mut cx))?;
        let result = resource.resource_drop(&mut cx);
        trap::finish_handle(&cx, result)
    }

    async fn resource_drop_async<'a>(
        mut cx: Self::Context<'a>,
        resource: &'a ResourceAny,
    ) -> Result<()> {
        let resource = resource.to_wasmtime(store::number(&mut cx))?;
        let result = resource.resource_drop_async(&mut cx).await;
        trap::finish_handle(&cx, result)
    }

    fn resource_end(
        cx: Self::Context<'_>,
        instance: &Self::Instance,
        ty: ResourceType,
        rep: u32,
    ) -> Result<()> {
        destructor::run(cx, instance, ty, rep)
    }

    async fn resource_end_async<'a>(
        cx: Self::Context<'a>,
        instance: &'a Self::Instance,
        ty: ResourceType,
        rep: u32,
    ) -> Result<()> {
        destructor::run_async(cx, instance, ty, rep).await
    }

    fn resource_to_any<T: 'static>(
        cx: &mut Self::Context<'_>,
        resource: Resource<T>,
    ) -> Result<ResourceAny> {
        let result = resource.into_wasmtime().try_into_resource_any(&mut *cx);
        let any = trap::finish_handle(cx, result)?;
        Ok(ResourceAny::from_wasmtime(any, store::number(cx)))
    }

    fn resource_from_any<T: 'static>(
        cx: &mut Self::Context<'_>,
        resource: ResourceAny,
    ) -> Result<Resource<T>> {
        let resource = resource.to_wasmtime(store::number(cx))?;
        let result = resource.try_into_resource(&mut *cx);
        trap::finish_handle(cx, result).map(Resource::from_wasmtime)
    }
}
