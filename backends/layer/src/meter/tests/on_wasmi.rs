//! wasmi, which does not count.

use wasmi::{
    AsContextMut, Caller, Config, Engine, Extern, ExternType, F32, F64, Func, Global, Linker,
    Memory, Module, Mutability, Ref, Store, Table, TrapCode, Val, ValType,
};

use super::*;
use crate::meter::{COUNTER, MODULE, SLOW};

pub(super) struct Wasmi;

fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => *value as u32 as u64,
        Val::I64(value) => *value as u64,
        Val::F32(value) => u64::from(value.to_bits()),
        Val::F64(value) => value.to_bits(),
        Val::V128(value) => value.as_u128() as u64,
        Val::FuncRef(value) => u64::from(!value.is_null()),
        _ => 0,
    }
}

fn value(ty: ValType, bits: u64) -> Val {
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(F32::from_bits(bits as u32)),
        ValType::F64 => Val::F64(F64::from_bits(bits)),
        other => Val::default_for_ty(other),
    }
}

/// By Wasmtime's names.
fn trap(error: &wasmi::Error, left: u64) -> Event {
    let code = match error.as_trap_code() {
        Some(code) => format!("{code:?}"),
        None => match error.kind() {
            wasmi::errors::ErrorKind::Instantiation(
                wasmi::errors::InstantiationError::ElementSegmentDoesNotFit { .. },
            ) => "TableOutOfBounds".to_owned(),
            _ => error.to_string(),
        },
    };
    Event::Trap { code, left }
}

type Data = Host<Global>;

fn left(store: &Store<Data>) -> u64 {
    match store.data().counter.unwrap().get(store) {
        Val::I64(counter) => store.data().gauge.left(counter),
        other => panic!("{other:?}"),
    }
}

fn counter(caller: &Caller<'_, Data>) -> i64 {
    match caller.data().counter.unwrap().get(caller) {
        Val::I64(counter) => counter,
        other => panic!("{other:?}"),
    }
}

fn import(store: &mut Store<Data>, ty: &ExternType) -> Extern {
    match ty {
        ExternType::Func(ty) => {
            let result = ty.results().first().copied();
            Func::new(
                store,
                ty.clone(),
                move |mut caller: Caller<'_, Data>, params, results| {
                    let left = caller.data().gauge.left(counter(&caller));
                    caller.data_mut().events.push(Event::Host { left });
                    let params: Vec<_> = params.iter().map(bits).collect();
                    if let (Some(slot), Some(ty)) = (results.first_mut(), result) {
                        *slot = value(ty, host_result(&params));
                    }
                    Ok(())
                },
            )
            .into()
        }
        ExternType::Global(ty) => {
            let value = value(ty.content(), 5);
            Global::new(store, value, ty.mutability()).into()
        }
        ExternType::Memory(ty) => Memory::new(store, *ty).unwrap().into(),
        ExternType::Table(ty) => {
            let null = Ref::null(ty.element());
            Table::new(store, *ty, null).unwrap().into()
        }
    }
}

impl super::Engine for Wasmi {
    type Module = Module;
    const NAME: &'static str = "wasmi";

    fn compile(wasm: &[u8]) -> Module {
        let mut config = Config::default();
        config
            .wasm_multi_memory(true)
            .wasm_memory64(true)
            .wasm_tail_call(true)
            .wasm_extended_const(true)
            // Where a stack ends is not comparable.
            .set_max_recursion_depth(1 << 20)
            .set_max_stack_height(1 << 24);
        Module::new(&Engine::new(&config), wasm).unwrap()
    }

    fn run(module: &Module, calls: &[String], fuel: Fuel) -> Vec<Event> {
        let (gauge, begin) = Gauge::new(fuel.fuel, fuel.slice);
        let host = Host {
            gauge,
            slice: fuel.slice,
            counter: None,
            events: Vec::new(),
        };
        let mut store = Store::new(module.engine(), host);
        let global = Global::new(&mut store, Val::I64(begin), Mutability::Var);
        store.data_mut().counter = Some(global);
        let slow = Func::wrap(
            &mut store,
            move |mut caller: Caller<'_, Data>, copy: i64| {
                if caller.data().gauge.is_exhausted(copy) {
                    global.set(&mut caller, Val::I64(copy)).unwrap();
                    return Err(wasmi::Error::from(TrapCode::OutOfFuel));
                }
                let now = counter(&caller);
                let slice = caller.data().slice;
                let (copy, now) = caller.data_mut().gauge.next(slice, copy, now);
                global.set(&mut caller, Val::I64(now)).unwrap();
                Ok(copy)
            },
        );
        let mut linker = Linker::new(module.engine());
        for it in module.imports() {
            let item = match (it.module(), it.name()) {
                (MODULE, COUNTER) => global.into(),
                (MODULE, SLOW) => slow.into(),
                _ => import(&mut store, it.ty()),
            };
            linker.define(it.module(), it.name(), item).unwrap();
        }
        let instance = match linker.instantiate_and_start(store.as_context_mut(), module) {
            Ok(instance) => instance,
            Err(error) => {
                let event = trap(&error, left(&store));
                store.data_mut().events.push(event);
                return store.into_data().events;
            }
        };
        let event = Event::Done {
            results: Vec::new(),
            left: left(&store),
        };
        store.data_mut().events.push(event);
        for name in calls {
            let func = instance.get_func(&store, name).unwrap();
            let ty = func.ty(&store);
            let params = ty.params().iter().enumerate();
            let params: Vec<_> = params.map(|(at, ty)| value(*ty, argument(at))).collect();
            let mut results: Vec<_> = ty
                .results()
                .iter()
                .map(|ty| Val::default_for_ty(*ty))
                .collect();
            let result = func.call(store.as_context_mut(), &params, &mut results);
            let left = left(&store);
            let event = match &result {
                Ok(()) => {
                    let results = results.iter().map(bits).collect();
                    Event::Done { results, left }
                }
                Err(error) => trap(error, left),
            };
            store.data_mut().events.push(event);
            if result.is_err() {
                break;
            }
        }
        store.into_data().events
    }
}
