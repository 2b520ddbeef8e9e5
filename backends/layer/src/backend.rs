//! The layer as a backend of the core.

use std::sync::Arc;

use enginebay_core::abi::ListReader;
use enginebay_core::{
    Backend, ComponentNamedList, Config, Error, ErrorKind, Extern, Feature, Features, FuncType,
    HostContext, HostFuture, Lift, Lower, Resource, ResourceAny, ResourceType, Result, StoreData,
    Support, TrapCode, Val, WasmList,
};
use wasmtime_environ::collections::TryString;
use wasmtime_environ::component::{ComponentExternData, ExportIndex};
use wasmtime_environ::component::{Export as Item, NameMap};

use crate::Layer;
use crate::coroutine;
use crate::engine::CoreEngine;
use crate::func::{self, Export};
use crate::host::{dynamic, dynamic_async, typed, typed_async};
use crate::instance::{self, destroy, instantiate};
use crate::linker::{Definition, HostResource, Linker, Pre};
use crate::meters::{self, Meters};
use crate::program::{Program, Source, parse};
use crate::rewrite::Rewrite;
use crate::store::{Data, Origin};
use crate::threads;
use crate::types::Types;

/// An engine, with what the layer has to know of its configuration. Each store
/// has a clone.
pub struct Engine<E: CoreEngine>(Arc<Shared<E>>);

struct Shared<E: CoreEngine> {
    inner: E::Engine,
    features: Features,
    max_stack: usize,
    rewrite: Rewrite,
    /// How much guests consume between two looks at the time.
    slice: u64,
}

impl<E: CoreEngine> Engine<E> {
    /// The core engine.
    pub fn inner(&self) -> &E::Engine {
        &self.0.inner
    }
}

impl<E: CoreEngine> Clone for Engine<E> {
    fn clone(&self) -> Self {
        Engine(self.0.clone())
    }
}

/// A compiled component.
pub struct Component<E: CoreEngine>(Arc<Program<E>>);

impl<E: CoreEngine> Clone for Component<E> {
    fn clone(&self) -> Self {
        Component(self.0.clone())
    }
}

/// A component with its imports resolved.
pub struct InstancePre<E: CoreEngine>(Arc<Pre<E>>);

impl<E: CoreEngine> Clone for InstancePre<E> {
    fn clone(&self) -> Self {
        InstancePre(self.0.clone())
    }
}

/// A function that an instance exports.
pub struct Func<E: CoreEngine>(Arc<Export<E>>);

impl<E: CoreEngine> Clone for Func<E> {
    fn clone(&self) -> Self {
        Func(self.0.clone())
    }
}

/// A core module that an instance exports.
pub struct Module<E: CoreEngine>(Arc<crate::program::Module<E>>);

impl<E: CoreEngine> Clone for Module<E> {
    fn clone(&self) -> Self {
        Module(self.0.clone())
    }
}

/// What a component exports, by name.
fn exports<E: CoreEngine>(
    program: &Program<E>,
    types: &Types<'_>,
    names: &NameMap<TryString, (ExportIndex, ComponentExternData)>,
) -> Vec<Extern> {
    use enginebay_core::ExternType;
    let component = &program.component;
    names
        .raw_iter()
        .map(|(name, (index, _))| Extern {
            name: name.to_string(),
            ty: match &component.export_items[*index] {
                Item::LiftedFunction { ty, .. } => ExternType::Func(types.func(*ty)),
                Item::ModuleStatic { .. } | Item::ModuleImport { .. } => ExternType::CoreModule,
                Item::Instance { exports: inner, .. } => {
                    ExternType::Instance(exports(program, types, inner))
                }
                Item::Type(ty) => types.item(ty),
            },
        })
        .collect()
}

impl<E: CoreEngine> Layer<E> {
    fn load(engine: &Engine<E>, wasm: &[u8], source: &Source<'_>) -> Result<Component<E>> {
        // SAFETY: code in `source` comes from `deserialize`, whose caller
        // promises that it is this engine's.
        #[allow(unsafe_code, reason = "artifacts are machine code")]
        let program = unsafe {
            Program::new(
                engine.inner(),
                engine.0.features,
                engine.0.rewrite,
                wasm.into(),
                source,
            )
        }?;
        Ok(Component(Arc::new(program)))
    }

    fn suspends(cx: &E::Context<'_>) -> bool {
        E::data(cx).suspends
    }
}

/// A handle that cannot be used is a mistake of the host's, not of a guest's.
fn host_mistake(error: Error) -> Error {
    match error.trap_code() {
        Some(TrapCode::UnknownHandle) => Error::new(
            ErrorKind::TypeMismatch,
            "the resource was dropped or passed on already",
        ),
        Some(TrapCode::HandleTypeMismatch) => Error::new(
            ErrorKind::TypeMismatch,
            "the resource is of another type, or borrowed where an owned one is needed",
        ),
        _ => error,
    }
}

impl<E: CoreEngine> Backend for Layer<E> {
    const NAME: &'static str = E::NAME;

    type Engine = Engine<E>;
    type Component = Component<E>;
    type Linker = Linker<E>;
    type InstancePre = InstancePre<E>;
    type Store = E::Store;
    type Context<'a> = E::Context<'a>;
    type Instance = u32;
    type Func = Func<E>;
    type TypedFunc = Func<E>;
    type Module = Module<E>;

    fn support() -> Support {
        let mut support = E::support();
        support.native = false;
        // An engine that keeps no machine code compiles anew, from the same file.
        support.artifacts = true;
        // By the meter, if not by means of the engine's.
        support.deadline = true;
        support.fuel = true;
        // Components with asynchronous built-ins run, until they call one.
        for feature in [
            Feature::ComponentAsync,
            Feature::ComponentThreads,
            Feature::ErrorContext,
            Feature::FixedLengthLists,
            Feature::Maps,
            Feature::Implements,
        ] {
            support.features = support.features.with(feature, true);
        }
        support
    }

    fn new_engine(config: &Config) -> Result<Engine<E>> {
        Ok(Engine(Arc::new(Shared {
            inner: E::new_engine(config)?,
            features: config.get_features(),
            max_stack: config.get_max_stack(),
            rewrite: Rewrite::new::<E>(config.get_interruption(&Self::support())),
            slice: config.get_slice(),
        })))
    }

    fn interrupt(engine: &Engine<E>) {
        E::interrupt(engine.inner());
    }

    fn compile(engine: &Engine<E>, wasm: &[u8]) -> Result<Component<E>> {
        Self::load(engine, wasm, &Source::Compile)
    }

    fn serialize(component: &Component<E>) -> Result<Vec<u8>> {
        component.0.serialize()
    }

    #[allow(unsafe_code, reason = "artifacts are machine code")]
    unsafe fn deserialize(engine: &Engine<E>, bytes: &[u8]) -> Result<Component<E>> {
        let (wasm, codes) = parse(bytes)?;
        Self::load(engine, wasm, &Source::Artifact(codes))
    }

    fn imports(component: &Component<E>) -> Vec<Extern> {
        let program = &*component.0;
        let types = program.own_types();
        program
            .component
            .import_types
            .iter()
            .map(|(_, (name, item))| types.named(name, &item.ty))
            .collect()
    }

    fn exports(component: &Component<E>) -> Vec<Extern> {
        let program = &*component.0;
        exports(program, &program.own_types(), &program.component.exports)
    }

    fn new_linker(_: &Engine<E>) -> Linker<E> {
        Linker::new()
    }

    fn allow_shadowing(linker: &mut Linker<E>, allow: bool) {
        linker.allow_shadowing(allow);
    }

    fn define_instance(linker: &mut Linker<E>, path: &[String]) -> Result<()> {
        linker.define_instance(path)
    }

    fn func_wrap<P, R, F>(
        linker: &mut Linker<E>,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> Result<R> + Send + Sync + 'static,
    {
        linker.define(path, name, Definition::Func(typed(func)))
    }

    fn func_wrap_async<P, R, F>(
        linker: &mut Linker<E>,
        path: &[String],
        name: &str,
        func: F,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lift + Send + Sync + 'static,
        R: ComponentNamedList + Lower + Send + Sync + 'static,
        F: for<'a> Fn(HostContext<'a, Self>, P) -> HostFuture<'a, R> + Send + Sync + 'static,
    {
        linker.define(path, name, Definition::Func(typed_async(func)))
    }

    fn func_new<F>(linker: &mut Linker<E>, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, &[Val], &mut [Val]) -> Result<()>
            + Send
            + Sync
            + 'static,
    {
        linker.define(path, name, Definition::Func(dynamic(func)))
    }

    fn func_new_async<F>(linker: &mut Linker<E>, path: &[String], name: &str, func: F) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, Vec<Val>, usize) -> HostFuture<'a, Vec<Val>>
            + Send
            + Sync
            + 'static,
    {
        linker.define(path, name, Definition::Func(dynamic_async(func)))
    }

    fn resource<F>(
        linker: &mut Linker<E>,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> Result<()> + Send + Sync + 'static,
    {
        let resource = HostResource {
            ty,
            destructor: Box::new(move |cx, rep| destructor(HostContext(cx), rep)),
            is_async: false,
        };
        linker.define(path, name, Definition::Resource(Arc::new(resource)))
    }

    fn resource_async<F>(
        linker: &mut Linker<E>,
        path: &[String],
        name: &str,
        ty: ResourceType,
        destructor: F,
    ) -> Result<()>
    where
        F: for<'a> Fn(HostContext<'a, Self>, u32) -> HostFuture<'a, ()> + Send + Sync + 'static,
    {
        let resource = HostResource {
            ty,
            destructor: Box::new(move |cx, rep| {
                let coroutine = coroutine::current::<E>(&cx)?;
                coroutine.wait(|| destructor(HostContext(cx), rep))
            }),
            is_async: true,
        };
        linker.define(path, name, Definition::Resource(Arc::new(resource)))
    }

    fn module(
        linker: &mut Linker<E>,
        path: &[String],
        name: &str,
        module: &Module<E>,
    ) -> Result<()> {
        linker.define(path, name, Definition::Module(module.0.clone()))
    }

    fn instantiate_pre(linker: &Linker<E>, component: &Component<E>) -> Result<InstancePre<E>> {
        Ok(InstancePre(Arc::new(linker.resolve(&component.0)?)))
    }

    fn new_store(engine: &Engine<E>, data: StoreData) -> Result<E::Store> {
        let fuel = data.limits().fuel;
        let mut data = Data::new(data);
        data.meters = engine
            .0
            .rewrite
            .metered
            .map(|mode| Meters::new(mode, fuel, engine.0.slice));
        data.stack = engine.0.max_stack.saturating_add(threads::FOR_THE_HOST);
        E::new_store(engine.inner(), data)
    }

    #[inline]
    fn store_data(store: &E::Store) -> &StoreData {
        E::store_data(store).store_data()
    }

    #[inline]
    fn store_data_mut(store: &mut E::Store) -> &mut StoreData {
        E::store_data_mut(store).store_data_mut()
    }

    fn into_store_data(store: E::Store) -> StoreData {
        E::into_data(store).into_store_data()
    }

    #[inline]
    fn context(store: &mut E::Store) -> E::Context<'_> {
        E::context(store)
    }

    #[inline]
    fn reborrow<'a>(cx: &'a mut E::Context<'_>) -> E::Context<'a> {
        E::reborrow(cx)
    }

    #[inline]
    fn data<'a>(cx: &'a E::Context<'_>) -> &'a StoreData {
        E::data(cx).store_data()
    }

    #[inline]
    fn data_mut<'a>(cx: &'a mut E::Context<'_>) -> &'a mut StoreData {
        E::data_mut(cx).store_data_mut()
    }

    fn fuel(cx: &mut E::Context<'_>) -> Option<u64> {
        meters::fuel::<E>(cx)
    }

    fn set_fuel(cx: &mut E::Context<'_>, fuel: u64) -> Result<()> {
        meters::set_fuel::<E>(cx, fuel);
        Ok(())
    }

    fn instantiate(mut cx: E::Context<'_>, pre: &InstancePre<E>) -> Result<u32> {
        instantiate::<E>(&mut cx, &pre.0)
    }

    async fn instantiate_async<'a>(cx: E::Context<'a>, pre: &'a InstancePre<E>) -> Result<u32> {
        let suspends = pre.0.is_async || Self::suspends(&cx);
        let work = |cx: &mut E::Context<'_>| {
            // Not before there is a thread: without one, the store is as it was.
            E::data_mut(cx).suspends |= pre.0.is_async;
            instantiate::<E>(cx, &pre.0)
        };
        coroutine::run::<E, _>(cx, suspends, work).await
    }

    fn instance_number(instance: &u32) -> Option<u32> {
        Some(*instance)
    }

    fn get_func(cx: &mut E::Context<'_>, instance: &u32, path: &[&str]) -> Option<Func<E>> {
        func::get::<E>(cx, *instance, path).map(Func)
    }

    fn get_resource(
        cx: &mut E::Context<'_>,
        instance: &u32,
        path: &[&str],
    ) -> Option<ResourceType> {
        func::resource::<E>(cx, *instance, path)
    }

    fn get_module(cx: &mut E::Context<'_>, instance: &u32, path: &[&str]) -> Option<Module<E>> {
        func::module::<E>(cx, *instance, path).map(Module)
    }

    fn func_type(_: &E::Context<'_>, func: &Func<E>) -> FuncType {
        func.0.boundary.ty.clone()
    }

    fn typed<P, R>(_: &E::Context<'_>, func: &Func<E>) -> Result<Func<E>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        func.0.check::<P, R>()?;
        Ok(func.clone())
    }

    #[inline]
    #[allow(unsafe_code, reason = "the types were checked by `typed`")]
    unsafe fn call_typed<P, R>(mut cx: E::Context<'_>, func: &Func<E>, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        func.0.call_typed(&mut cx, &params)
    }

    #[allow(unsafe_code, reason = "the types were checked by `typed`")]
    async unsafe fn call_typed_async<'a, P, R>(
        cx: E::Context<'a>,
        func: &'a Func<E>,
        params: P,
    ) -> Result<R>
    where
        P: ComponentNamedList + Lower + Send + Sync + 'a,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let suspends = Self::suspends(&cx);
        coroutine::run::<E, _>(cx, suspends, move |cx| func.0.call_typed(cx, &params)).await
    }

    fn call(
        mut cx: E::Context<'_>,
        func: &Func<E>,
        params: &[Val],
        results: &mut Vec<Val>,
    ) -> Result<()> {
        results.clear();
        func.0.call(&mut cx, params, results)
    }

    async fn call_async<'a>(
        cx: E::Context<'a>,
        func: &'a Func<E>,
        params: &'a [Val],
        results: &'a mut Vec<Val>,
    ) -> Result<()> {
        results.clear();
        let suspends = Self::suspends(&cx);
        coroutine::run::<E, _>(cx, suspends, |cx| func.0.call(cx, params, results)).await
    }

    fn list_bytes<'a, T: Lift>(cx: &'a mut E::Context<'_>, list: &WasmList<T>) -> Result<&'a [u8]> {
        let place = list.place(E::data(cx).store_data().number())?;
        list.bytes_in(instance::memory_at::<E>(cx, place)?)
    }

    fn list_get<T: Lift>(cx: &mut E::Context<'_>, list: &WasmList<T>, index: usize) -> Result<T> {
        reader::<E, T>(cx, list)?.get(index)
    }

    fn list_iter<'a, 'c: 'a, T: Lift + 'a>(
        cx: &'a mut E::Context<'c>,
        list: &'a WasmList<T>,
    ) -> Result<impl Iterator<Item = Result<T>> + 'a> {
        reader::<E, T>(cx, list)
    }

    fn resource_drop(mut cx: E::Context<'_>, resource: ResourceAny) -> Result<()> {
        drop_resource::<E>(&mut cx, &resource)
    }

    async fn resource_drop_async<'a>(cx: E::Context<'a>, resource: &'a ResourceAny) -> Result<()> {
        let suspends = Self::suspends(&cx);
        coroutine::run::<E, _>(cx, suspends, |cx| drop_resource::<E>(cx, resource)).await
    }

    fn resource_end(
        mut cx: E::Context<'_>,
        instance: &u32,
        ty: ResourceType,
        rep: u32,
    ) -> Result<()> {
        end_resource::<E>(&mut cx, *instance, ty, rep)
    }

    async fn resource_end_async<'a>(
        cx: E::Context<'a>,
        instance: &'a u32,
        ty: ResourceType,
        rep: u32,
    ) -> Result<()> {
        let suspends = Self::suspends(&cx);
        let end = move |cx: &mut E::Context<'_>| end_resource::<E>(cx, *instance, ty, rep);
        coroutine::run::<E, _>(cx, suspends, end).await
    }

    fn resource_to_any<T: 'static>(
        cx: &mut E::Context<'_>,
        resource: Resource<T>,
    ) -> Result<ResourceAny> {
        let ty = ResourceType::host::<T>();
        let data = E::data_mut(cx);
        if resource.owned() {
            let rep = resource.spend()?;
            data.host_own(ty, rep, Origin::None)
        } else {
            data.host_borrow(ty, resource.rep())
        }
    }

    fn resource_from_any<T: 'static>(
        cx: &mut E::Context<'_>,
        resource: ResourceAny,
    ) -> Result<Resource<T>> {
        if resource.ty() != ResourceType::host::<T>() {
            return Err(host_mistake(Error::trap(TrapCode::HandleTypeMismatch)));
        }
        let data = E::data_mut(cx);
        if resource.owned() {
            data.host_take(&resource)
                .map(Resource::new_own)
                .map_err(host_mistake)
        } else {
            let rep = data.host_rep(&resource).map_err(host_mistake)?;
            data.host_drop(&resource).map_err(host_mistake)?;
            Ok(Resource::new_borrow(rep))
        }
    }
}

/// Reads a list's elements where they are.
fn reader<'a, E: CoreEngine, T: Lift>(
    cx: &'a mut E::Context<'_>,
    list: &WasmList<T>,
) -> Result<ListReader<'a, T>> {
    let data = E::data(cx).store_data();
    let (place, limit) = (list.place(data.number())?, data.limits().host_bytes);
    list.reader(place, instance::memory_at::<E>(cx, place)?, limit)
}

fn end_resource<E: CoreEngine>(
    cx: &mut E::Context<'_>,
    instance: u32,
    ty: ResourceType,
    rep: u32,
) -> Result<()> {
    let origin = E::data_mut(cx).instance(instance).origin_of(instance, ty);
    destroy(cx, &origin, rep)
}

fn drop_resource<E: CoreEngine>(cx: &mut E::Context<'_>, resource: &ResourceAny) -> Result<()> {
    let dropped = E::data_mut(cx).host_drop(resource).map_err(host_mistake)?;
    match dropped {
        Some((rep, origin)) => destroy(cx, &origin, rep),
        None => Ok(()),
    }
}
