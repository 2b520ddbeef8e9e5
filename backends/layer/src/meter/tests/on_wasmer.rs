//! Wasmer, which does not count.

use wasmer::sys::{Cranelift, EngineBuilder, Features, vm};
use wasmer::{
    AsStoreMut, Extern, ExternType, Function, FunctionEnv, FunctionEnvMut, FunctionType, Global,
    Imports, Instance, InstantiationError, LinkError, Memory, Module, RuntimeError, Store, Table,
    Type, Value,
};

use super::*;
use crate::meter::{COUNTER, MODULE, SLOW};

pub(super) struct Wasmer;

type Data = Host<Global>;

/// The fuel is used up.
#[derive(Debug)]
struct OutOfFuel;

impl std::fmt::Display for OutOfFuel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OutOfFuel")
    }
}

impl std::error::Error for OutOfFuel {}

fn bits(value: &Value) -> u64 {
    match value {
        Value::I32(value) => *value as u32 as u64,
        Value::I64(value) => *value as u64,
        Value::F32(value) => u64::from(value.to_bits()),
        Value::F64(value) => value.to_bits(),
        Value::V128(value) => *value as u64,
        Value::FuncRef(value) => u64::from(value.is_some()),
        _ => 0,
    }
}

fn value(ty: Type, bits: u64) -> Value {
    match ty {
        Type::I32 => Value::I32(bits as i32),
        Type::I64 => Value::I64(bits as i64),
        Type::F32 => Value::F32(f32::from_bits(bits as u32)),
        Type::F64 => Value::F64(f64::from_bits(bits)),
        Type::FuncRef => Value::FuncRef(None),
        other => panic!("no program needs a value of {other}"),
    }
}

/// By Wasmtime's names.
fn trap(error: &RuntimeError, left: u64) -> Event {
    use vm::TrapCode as Code;
    let code = match error.clone().to_trap() {
        Some(Code::HeapAccessOutOfBounds) => "MemoryOutOfBounds".to_owned(),
        Some(Code::TableAccessOutOfBounds) => "TableOutOfBounds".to_owned(),
        Some(code) => format!("{code:?}"),
        None => error.message(),
    };
    Event::Trap { code, left }
}

fn read(counter: &Global, store: &mut impl AsStoreMut) -> i64 {
    match counter.get(store) {
        Value::I64(counter) => counter,
        other => panic!("{other:?}"),
    }
}

fn count(env: &mut FunctionEnvMut<'_, Data>) -> (Global, i64) {
    let counter = env.data().counter.clone().unwrap();
    let now = read(&counter, env);
    (counter, now)
}

fn slow(mut env: FunctionEnvMut<'_, Data>, copy: i64) -> Result<i64, RuntimeError> {
    let (counter, now) = count(&mut env);
    if env.data().gauge.is_exhausted(copy) {
        counter.set(&mut env, Value::I64(copy))?;
        return Err(RuntimeError::user(Box::new(OutOfFuel)));
    }
    let slice = env.data().slice;
    let (copy, now) = env.data_mut().gauge.next(slice, copy, now);
    counter.set(&mut env, Value::I64(now))?;
    Ok(copy)
}

fn import(store: &mut Store, env: &FunctionEnv<Data>, ty: &ExternType) -> Extern {
    match ty {
        ExternType::Function(ty) => {
            let result = ty.results().first().copied();
            let called = move |mut env: FunctionEnvMut<'_, Data>, params: &[Value]| {
                let (_, now) = count(&mut env);
                let left = env.data().gauge.left(now);
                env.data_mut().events.push(Event::Host { left });
                let params: Vec<_> = params.iter().map(bits).collect();
                Ok(result
                    .map(|ty| value(ty, host_result(&params)))
                    .into_iter()
                    .collect())
            };
            Function::new_with_env(store, env, ty.clone(), called).into()
        }
        ExternType::Global(ty) => {
            let value = value(ty.ty, 5);
            match ty.mutability.is_mutable() {
                true => Global::new_mut(store, value).into(),
                false => Global::new(store, value).into(),
            }
        }
        ExternType::Memory(ty) => Memory::new(store, *ty).unwrap().into(),
        ExternType::Table(ty) => Table::new(store, *ty, Value::FuncRef(None)).unwrap().into(),
        ExternType::Tag(_) => panic!("no program imports a tag"),
    }
}

impl super::Engine for Wasmer {
    type Module = (wasmer::Engine, Module);
    const NAME: &'static str = "wasmer";

    fn compile(wasm: &[u8]) -> Self::Module {
        let mut features = Features::default();
        features.multi_memory(true).extended_const(true);
        let engine = EngineBuilder::new(Cranelift::new()).set_features(Some(features));
        let engine = wasmer::Engine::from(engine.engine());
        let module = Module::new(&engine, wasm).unwrap();
        (engine, module)
    }

    fn run((engine, module): &Self::Module, calls: &[String], fuel: Fuel) -> Vec<Event> {
        let mut store = Store::new(engine.clone());
        let (gauge, begin) = Gauge::new(fuel.fuel, fuel.slice);
        let counter = Global::new_mut(&mut store, Value::I64(begin));
        let host = Host {
            gauge,
            slice: fuel.slice,
            counter: Some(counter.clone()),
            events: Vec::new(),
        };
        let env = FunctionEnv::new(&mut store, host);
        let mut imports = Imports::new();
        for it in module.imports() {
            let item = match (it.module(), it.name()) {
                (MODULE, COUNTER) => counter.clone().into(),
                (MODULE, SLOW) => Function::new_typed_with_env(&mut store, &env, slow).into(),
                _ => import(&mut store, &env, it.ty()),
            };
            imports.define(it.module(), it.name(), item);
        }
        let instance = Instance::new(&mut store, module, &imports);
        let left = read(&counter, &mut store);
        let left = env.as_ref(&store).gauge.left(left);
        let instance = match instance {
            Ok(instance) => instance,
            Err(
                InstantiationError::Start(error) | InstantiationError::Link(LinkError::Trap(error)),
            ) => {
                let events = &mut env.as_mut(&mut store).events;
                events.push(trap(&error, left));
                return std::mem::take(events);
            }
            Err(error) => panic!("{error}"),
        };
        let results = Vec::new();
        env.as_mut(&mut store)
            .events
            .push(Event::Done { results, left });
        for name in calls {
            let func = instance.exports.get_function(name).unwrap();
            let ty: FunctionType = func.ty(&store);
            let params = ty.params().iter().enumerate();
            let params: Vec<_> = params.map(|(at, ty)| value(*ty, argument(at))).collect();
            let result = func.call(&mut store, &params);
            let left = read(&counter, &mut store);
            let left = env.as_ref(&store).gauge.left(left);
            let event = match &result {
                Ok(results) => {
                    let results = results.iter().map(bits).collect();
                    Event::Done { results, left }
                }
                Err(error) => trap(error, left),
            };
            env.as_mut(&mut store).events.push(event);
            if result.is_err() {
                break;
            }
        }
        std::mem::take(&mut env.as_mut(&mut store).events)
    }
}
