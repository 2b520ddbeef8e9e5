//! An engine for core wasm in one file: wasmi by its dynamic calls alone, without
//! what makes enginebay's own backend for it fast. The how-to guide "Add an
//! engine" shows it part by part, and a test of the documentation compares.

use std::sync::Arc;

use enginebay_core::{
    Config, CountedResource, Error, ErrorKind, Feature, Features, Result, StoreData, Support,
    TrapCode, refused_features,
};
use enginebay_layer::{CoreEngine, CoreExtern, CoreType, Data, Signature, contain};
use wasmi::errors::{ErrorKind as Kind, InstantiationError, MemoryError, TableError};
use wasmi::{AsContextMut, Extern, Mutability, ResourceLimiter, StoreContextMut, Val, ValType};
use wasmi_core::LimiterError;

/// The engine.
#[derive(Clone, Copy, Debug)]
pub struct Example;

/// What an engine of it is: the features that the configuration leaves on.
#[derive(Clone)]
pub struct Engine {
    inner: wasmi::Engine,
    features: Features,
}

/// What a store holds for the layer, and how deep calls are nested.
pub struct State {
    data: Data<Example>,
    depth: u32,
}

type Context<'a> = StoreContextMut<'a, State>;

fn features() -> Features {
    [
        Feature::MultiMemory,
        Feature::TailCall,
        Feature::ExtendedConst,
    ]
    .into_iter()
    .collect()
}

impl CoreEngine for Example {
    const NAME: &'static str = "example";

    type Engine = Engine;
    type Unit = Engine;
    type Module = wasmi::Module;
    type Store = wasmi::Store<State>;
    type Context<'a> = Context<'a>;
    type Realm = ();
    type Instance = wasmi::Instance;
    type Func = wasmi::Func;
    type Callee = (wasmi::Func, Arc<Signature>);
    type Memory = wasmi::Memory;
    type Table = wasmi::Table;
    type Global = wasmi::Global;
    type Tag = std::convert::Infallible;

    fn support() -> Support {
        let mut support = Support::new("example", "1.0.0");
        support.features = features();
        support
    }

    fn new_engine(config: &Config) -> Result<Engine> {
        let on = |feature| config.get_features().contains(feature);
        let mut inner = wasmi::Config::default();
        inner
            .wasm_multi_memory(on(Feature::MultiMemory))
            .wasm_tail_call(on(Feature::TailCall))
            .wasm_extended_const(on(Feature::ExtendedConst))
            .wasm_simd(false)
            .wasm_relaxed_simd(false)
            .wasm_memory64(false)
            .set_max_stack_height(config.get_max_stack())
            .set_max_recursion_depth(config.get_max_stack() / 32);
        Ok(Engine {
            inner: wasmi::Engine::new(&inner),
            features: features().iter().filter(|feature| on(*feature)).collect(),
        })
    }

    fn new_unit(engine: &Engine) -> Result<Engine> {
        Ok(engine.clone())
    }

    fn compile(engine: &Engine, wasm: &[u8]) -> Result<wasmi::Module> {
        contain("compiling a module", || {
            wasmi::Module::new(&engine.inner, wasm).map_err(|error| {
                refused_features(wasm, engine.features)
                    .unwrap_or_else(|| Error::new(ErrorKind::Engine, error.to_string()))
                    .with_source(error)
            })
        })
    }

    fn new_store(engine: &Engine, data: Data<Self>) -> Result<Self::Store> {
        let mut store = wasmi::Store::new(&engine.inner, State { data, depth: 0 });
        store.limiter(|state| state);
        Ok(store)
    }

    fn store_data(store: &Self::Store) -> &Data<Self> {
        &store.data().data
    }

    fn store_data_mut(store: &mut Self::Store) -> &mut Data<Self> {
        &mut store.data_mut().data
    }

    fn into_data(store: Self::Store) -> Data<Self> {
        store.into_data().data
    }

    fn context(store: &mut Self::Store) -> Context<'_> {
        store.as_context_mut()
    }

    fn reborrow<'a>(cx: &'a mut Context<'_>) -> Context<'a> {
        cx.as_context_mut()
    }

    fn data<'a>(cx: &'a Context<'_>) -> &'a Data<Self> {
        &cx.data().data
    }

    fn data_mut<'a>(cx: &'a mut Context<'_>) -> &'a mut Data<Self> {
        &mut cx.data_mut().data
    }

    fn realm(_: &mut Context<'_>, _: &Engine) -> Result<()> {
        Ok(())
    }

    fn instantiate(
        cx: &mut Context<'_>,
        (): (),
        module: &wasmi::Module,
        imports: &[CoreExtern<Self>],
    ) -> Result<wasmi::Instance> {
        let mut externs: Vec<Extern> = imports.iter().map(to_extern).collect();
        // wasmi wants them by kind.
        externs.sort_by_key(|item| match item {
            Extern::Func(_) => 0,
            Extern::Table(_) => 1,
            Extern::Memory(_) => 2,
            Extern::Global(_) => 3,
        });
        contain("instantiating a module", || {
            nested(cx, |cx| wasmi::Instance::new(cx, module, &externs))
        })
    }

    fn export(
        cx: &mut Context<'_>,
        instance: &wasmi::Instance,
        name: &str,
    ) -> Option<CoreExtern<Self>> {
        Some(match instance.get_export(&*cx, name)? {
            Extern::Func(it) => CoreExtern::Func(it),
            Extern::Memory(it) => CoreExtern::Memory(it),
            Extern::Table(it) => CoreExtern::Table(it),
            Extern::Global(it) => CoreExtern::Global(it),
        })
    }

    fn host_func<F>(cx: &mut Context<'_>, (): (), ty: &Signature, func: F) -> wasmi::Func
    where
        F: for<'a> Fn(Context<'a>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    {
        let types = |types: &[CoreType]| types.iter().map(val_type).collect::<Vec<_>>();
        let func_type = wasmi::FuncType::new(types(&ty.params), types(&ty.results));
        let ty = ty.clone();
        wasmi::Func::new(
            cx,
            func_type,
            move |mut caller: wasmi::Caller<'_, State>, params, results| {
                let mut slots = vec![0; ty.slots()];
                for (slot, param) in slots.iter_mut().zip(params) {
                    *slot = to_slot(param);
                }
                func(caller.as_context_mut(), &mut slots)
                    .map_err(|error| wasmi::Error::host(Failure(error)))?;
                for ((result, ty), slot) in results.iter_mut().zip(&ty.results).zip(slots) {
                    *result = to_val(ty, slot);
                }
                Ok(())
            },
        )
    }

    fn callee(_: &mut Context<'_>, func: &wasmi::Func, ty: &Signature) -> Result<Self::Callee> {
        Ok((*func, Arc::new(ty.clone())))
    }

    fn call(cx: &mut Context<'_>, (func, ty): &Self::Callee, slots: &mut [u64]) -> Result<()> {
        let params: Vec<Val> = ty
            .params
            .iter()
            .zip(&*slots)
            .map(|(ty, slot)| to_val(ty, *slot))
            .collect();
        let mut results = vec![Val::I32(0); ty.results.len()];
        nested(cx, |cx| func.call(cx, &params, &mut results))?;
        for (slot, result) in slots.iter_mut().zip(&results) {
            *slot = to_slot(result);
        }
        Ok(())
    }

    fn memory<'a>(cx: &'a mut Context<'_>, memory: &wasmi::Memory) -> &'a mut [u8] {
        memory.data_mut(cx)
    }

    fn new_global(cx: &mut Context<'_>, (): (), ty: CoreType, value: u64) -> wasmi::Global {
        wasmi::Global::new(cx, to_val(&ty, value), Mutability::Var)
    }

    fn global(cx: &mut Context<'_>, global: &wasmi::Global) -> u64 {
        to_slot(&global.get(cx))
    }

    fn set_global(cx: &mut Context<'_>, global: &wasmi::Global, ty: CoreType, value: u64) {
        let set = global.set(cx, to_val(&ty, value));
        debug_assert!(set.is_ok(), "a global of ours is mutable and of this type");
    }
}

fn to_extern(item: &CoreExtern<Example>) -> Extern {
    match item {
        CoreExtern::Func(it) => Extern::Func(*it),
        CoreExtern::Memory(it) => Extern::Memory(*it),
        CoreExtern::Table(it) => Extern::Table(*it),
        CoreExtern::Global(it) => Extern::Global(*it),
        CoreExtern::Tag(it) => match *it {},
    }
}

fn val_type(ty: &CoreType) -> ValType {
    match ty {
        CoreType::I32 => ValType::I32,
        CoreType::I64 => ValType::I64,
        CoreType::F32 => ValType::F32,
        CoreType::F64 => ValType::F64,
    }
}

/// A slot as a value: an `i32` or `f32` is in its lower half.
fn to_val(ty: &CoreType, slot: u64) -> Val {
    match ty {
        CoreType::I32 => Val::I32(slot as i32),
        CoreType::I64 => Val::I64(slot as i64),
        CoreType::F32 => Val::F32(wasmi::F32::from_bits(slot as u32)),
        CoreType::F64 => Val::F64(wasmi::F64::from_bits(slot)),
    }
}

/// The upper half of a slot is zero for `i32` and `f32`.
fn to_slot(val: &Val) -> u64 {
    match val {
        Val::I32(value) => u64::from(*value as u32),
        Val::I64(value) => *value as u64,
        Val::F32(value) => value.to_bits().into(),
        Val::F64(value) => value.to_bits(),
        Val::V128(_) | Val::FuncRef(_) | Val::ExternRef(_) => 0,
    }
}

/// Memories and tables ask the core before they grow.
impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let data = self.data.store_data_mut();
        Ok(data.grow_memory(current as u64, desired as u64))
    }

    fn memory_grow_failed(&mut self, _: &MemoryError) -> Result<(), LimiterError> {
        self.data.store_data_mut().growth_undone();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> Result<bool, LimiterError> {
        let data = self.data.store_data_mut();
        Ok(data.grow_table(current as u64, desired as u64))
    }

    fn table_grow_failed(&mut self, _: &TableError) -> Result<(), LimiterError> {
        self.data.store_data_mut().growth_undone();
        Ok(())
    }

    fn instances(&self) -> usize {
        usize::MAX
    }

    fn tables(&self) -> usize {
        usize::MAX
    }

    fn memories(&self) -> usize {
        usize::MAX
    }
}

/// How deep guest and host may call each other: each call takes some of the
/// thread's stack, which wasmi does not count.
const MAX_DEPTH: u32 = 100;

/// Runs the guest.
fn nested<R>(
    cx: &mut Context<'_>,
    run: impl FnOnce(&mut Context<'_>) -> Result<R, wasmi::Error>,
) -> Result<R> {
    if cx.data().depth == MAX_DEPTH {
        return Err(Error::trap(TrapCode::StackOverflow));
    }
    cx.data_mut().depth += 1;
    let result = run(cx);
    cx.data_mut().depth -= 1;
    result.map_err(|error| failure(cx.data().data.store_data(), error))
}

/// The error of a host function, on its way through the guest.
#[derive(Debug)]
struct Failure(Error);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl wasmi::errors::HostError for Failure {}

/// wasmi's error as the core's.
fn failure(data: &StoreData, error: wasmi::Error) -> Error {
    if error.downcast_ref::<Failure>().is_some() {
        return match error.downcast() {
            Some(Failure(ours)) => ours.through_guest(),
            None => Error::new(ErrorKind::Engine, "the error of a host function is lost"),
        };
    }
    let code = match error.kind() {
        Kind::Instantiation(InstantiationError::FailedToInstantiateMemory(
            MemoryError::ResourceLimiterDeniedAllocation,
        )) => return data.memory_refused(),
        Kind::Instantiation(InstantiationError::FailedToInstantiateTable(
            TableError::ResourceLimiterDeniedAllocation,
        )) => return data.resource_refused(CountedResource::TableElements),
        Kind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) => {
            Some(TrapCode::TableOutOfBounds)
        }
        kind => kind.as_trap_code().and_then(trap_code),
    };
    match code {
        Some(code) => Error::trap(code).with_source(error),
        None => Error::new(ErrorKind::Engine, error.to_string()).with_source(error),
    }
}

fn trap_code(code: wasmi::TrapCode) -> Option<TrapCode> {
    Some(match code {
        wasmi::TrapCode::UnreachableCodeReached => TrapCode::Unreachable,
        wasmi::TrapCode::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        wasmi::TrapCode::TableOutOfBounds => TrapCode::TableOutOfBounds,
        wasmi::TrapCode::IndirectCallToNull => TrapCode::IndirectCallToNull,
        wasmi::TrapCode::IntegerDivisionByZero => TrapCode::IntegerDivisionByZero,
        wasmi::TrapCode::IntegerOverflow => TrapCode::IntegerOverflow,
        wasmi::TrapCode::BadConversionToInteger => TrapCode::BadConversionToInteger,
        wasmi::TrapCode::StackOverflow => TrapCode::StackOverflow,
        wasmi::TrapCode::BadSignature => TrapCode::BadSignature,
        wasmi::TrapCode::OutOfFuel
        | wasmi::TrapCode::GrowthOperationLimited
        | wasmi::TrapCode::OutOfSystemMemory => return None,
    })
}

/// All that an engine must do, as tests.
mod checks {
    enginebay_layer::core_engine_tests!(crate::engine::Example);
}
