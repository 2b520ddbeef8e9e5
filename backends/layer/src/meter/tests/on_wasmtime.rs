//! Wasmtime, with its own fuel and with ours.

use wasmtime::{
    AsContextMut, Caller, Config, Engine, Extern, ExternType, Func, Global, GlobalType, Instance,
    Memory, Module, Mutability, OperatorCost, Ref, Store, Table, Trap, Val, ValType,
};

use super::*;
use crate::meter::{COUNTER, MODULE, SLOW};

fn engine(fuel: bool) -> Engine {
    Engine::new(&config(fuel)).unwrap()
}

fn config(fuel: bool) -> Config {
    let mut config = Config::new();
    config
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .concurrency_support(false)
        .consume_fuel(fuel)
        .epoch_interruption(fuel);
    config
}

/// What is free in modules whose fills and copies are in parts.
fn prices() -> OperatorCost {
    let mut prices = OperatorCost::new();
    macro_rules! free {
        ($($name:ident)*) => {
            $(prices.$name = 0;)*
        };
    }
    enginebay_core::free_operators!(free);
    prices
}

pub(super) fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => *value as u32 as u64,
        Val::I64(value) => *value as u64,
        Val::F32(value) => u64::from(*value),
        Val::F64(value) => *value,
        Val::V128(value) => value.as_u128() as u64,
        Val::FuncRef(value) => u64::from(value.is_some()),
        _ => 0,
    }
}

fn value(ty: &ValType, bits: u64) -> Val {
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits),
        other => other.default_value().unwrap(),
    }
}

fn trap(error: &wasmtime::Error, left: u64) -> Event {
    let code = match error.downcast_ref::<Trap>() {
        Some(trap) => format!("{trap:?}"),
        None => error.root_cause().to_string(),
    };
    Event::Trap { code, left }
}

/// Something of the right type for an import of the program's own.
fn import<T: 'static>(
    mut store: &mut Store<T>,
    ty: &ExternType,
    called: fn(&mut Caller<'_, T>),
) -> Extern {
    match ty {
        ExternType::Func(ty) => {
            let result = ty.results().next();
            Func::new(
                &mut store,
                ty.clone(),
                move |mut caller, params, results| {
                    called(&mut caller);
                    let params: Vec<_> = params.iter().map(bits).collect();
                    if let (Some(slot), Some(ty)) = (results.first_mut(), &result) {
                        *slot = value(ty, host_result(&params));
                    }
                    Ok(())
                },
            )
            .into()
        }
        ExternType::Global(ty) => {
            let value = value(ty.content(), 5);
            Global::new(&mut store, ty.clone(), value).unwrap().into()
        }
        ExternType::Memory(ty) => Memory::new(&mut store, ty.clone()).unwrap().into(),
        ExternType::Table(ty) => {
            let null = Ref::null(ty.element().heap_type());
            Table::new(&mut store, ty.clone(), null).unwrap().into()
        }
        ExternType::Tag(_) => panic!("no program imports a tag"),
    }
}

/// Instantiates a module and calls its exports.
fn call_all<T>(
    store: &mut Store<T>,
    module: &Module,
    imports: &[Extern],
    calls: &[String],
    left: impl Fn(&mut Store<T>) -> u64,
    event: impl Fn(&mut Store<T>, Event),
) {
    let instance = match Instance::new(store.as_context_mut(), module, imports) {
        Ok(instance) => instance,
        Err(error) => {
            let left = left(store);
            return event(store, trap(&error, left));
        }
    };
    let done = left(store);
    event(
        store,
        Event::Done {
            results: Vec::new(),
            left: done,
        },
    );
    for name in calls {
        let func = instance.get_func(store.as_context_mut(), name).unwrap();
        let ty = func.ty(store.as_context_mut());
        let params: Vec<_> = ty.params().enumerate().collect();
        let params: Vec<_> = params
            .iter()
            .map(|(at, ty)| value(ty, argument(*at)))
            .collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        let result = func.call(store.as_context_mut(), &params, &mut results);
        let left = left(store);
        match result {
            Ok(()) => {
                let results = results.iter().map(bits).collect();
                event(store, Event::Done { results, left });
            }
            Err(error) => return event(store, trap(&error, left)),
        }
    }
}

/// A module that Wasmtime meters.
pub(super) struct Native(Module);

impl Native {
    pub(super) fn compile(wasm: &[u8]) -> Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        Native(Module::new(ENGINE.get_or_init(|| engine(true)), wasm).unwrap())
    }

    /// For one whose fills and copies are in parts.
    pub(super) fn compile_in_parts(wasm: &[u8]) -> Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        let engine = ENGINE.get_or_init(|| {
            let mut config = config(true);
            // Frames are larger: how deep a recursion may be is not compared.
            config
                .wasm_wide_arithmetic(true)
                .operator_cost(prices())
                .max_wasm_stack(1 << 20);
            Engine::new(&config).unwrap()
        });
        Native(Module::new(engine, wasm).unwrap())
    }

    pub(super) fn run(&self, calls: &[String], fuel: u64) -> Vec<Event> {
        let mut store = Store::new(self.0.engine(), Vec::new());
        store.set_fuel(fuel).unwrap();
        store.set_epoch_deadline(1 << 40);
        let imports: Vec<_> = self
            .0
            .imports()
            .map(|it| {
                import(&mut store, &it.ty(), |caller| {
                    let left = caller.get_fuel().unwrap();
                    caller.data_mut().push(Event::Host { left });
                })
            })
            .collect();
        call_all(
            &mut store,
            &self.0,
            &imports,
            calls,
            |store| store.get_fuel().unwrap(),
            |store, event| store.data_mut().push(event),
        );
        store.into_data()
    }
}

/// Wasmtime that does not count.
pub(super) struct Wasmtime;

fn left(store: &mut Store<Host<Global>>) -> u64 {
    let counter = store.data().counter.unwrap().get(&mut *store);
    store.data().gauge.left(counter.unwrap_i64())
}

impl super::Engine for Wasmtime {
    type Module = Module;
    const NAME: &'static str = "wasmtime";

    fn compile(wasm: &[u8]) -> Module {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        Module::new(ENGINE.get_or_init(|| engine(false)), wasm).unwrap()
    }

    fn run(module: &Module, calls: &[String], fuel: Fuel) -> Vec<Event> {
        let (gauge, counter) = Gauge::new(fuel.fuel, fuel.slice);
        let host = Host {
            gauge,
            slice: fuel.slice,
            counter: None,
            events: Vec::new(),
        };
        let mut store = Store::new(module.engine(), host);
        let ty = GlobalType::new(ValType::I64, Mutability::Var);
        let counter = Global::new(&mut store, ty, Val::I64(counter)).unwrap();
        store.data_mut().counter = Some(counter);
        let slow = Func::wrap(
            &mut store,
            |mut caller: Caller<'_, Host<Global>>, copy: i64| {
                let counter = caller.data().counter.unwrap();
                if caller.data().gauge.is_exhausted(copy) {
                    counter.set(&mut caller, Val::I64(copy))?;
                    return Err(Trap::OutOfFuel.into());
                }
                let now = counter.get(&mut caller).unwrap_i64();
                let slice = caller.data().slice;
                let (copy, now) = caller.data_mut().gauge.next(slice, copy, now);
                counter.set(&mut caller, Val::I64(now))?;
                Ok(copy)
            },
        );
        let imports: Vec<Extern> = module
            .imports()
            .map(|it| match (it.module(), it.name()) {
                (MODULE, COUNTER) => counter.into(),
                (MODULE, SLOW) => slow.into(),
                _ => import(&mut store, &it.ty(), |caller| {
                    let counter = caller.data().counter.unwrap().get(&mut *caller);
                    let left = caller.data().gauge.left(counter.unwrap_i64());
                    caller.data_mut().events.push(Event::Host { left });
                }),
            })
            .collect();
        call_all(&mut store, module, &imports, calls, left, |store, event| {
            store.data_mut().events.push(event);
        });
        store.into_data().events
    }
}

const FUEL: u64 = 50_000;

/// The frames of the trap in a module's start function: names, functions and
/// offsets.
pub(super) fn frames(wasm: &[u8], metered: bool) -> Vec<(Option<String>, u32, usize)> {
    let module = match metered {
        true => <Wasmtime as super::Engine>::compile(wasm),
        false => Native::compile(wasm).0,
    };
    let mut store = Store::new(module.engine(), ());
    if !metered {
        store.set_fuel(FUEL).unwrap();
        store.set_epoch_deadline(1 << 40);
    }
    let imports: Vec<Extern> = module
        .imports()
        .map(|it| match (it.name(), it.ty()) {
            (COUNTER, ExternType::Global(ty)) => {
                let counter = Val::I64(-(FUEL as i64));
                Global::new(&mut store, ty, counter).unwrap().into()
            }
            (_, ty) => import(&mut store, &ty, |_| ()),
        })
        .collect();
    let error = Instance::new(&mut store, &module, &imports).unwrap_err();
    let trace = error.downcast_ref::<wasmtime::WasmBacktrace>().unwrap();
    let frame = |frame: &wasmtime::FrameInfo| {
        (
            frame.func_name().map(str::to_owned),
            frame.func_index(),
            frame.module_offset().unwrap(),
        )
    };
    trace.frames().iter().map(frame).collect()
}
