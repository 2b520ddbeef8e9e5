//! The flag stops a guest that would go on, and changes nothing else.

use wasmtime::{Caller, Engine, Extern, ExternType, Func, Global, GlobalType, Instance, Module};
use wasmtime::{Mutability, Store, Trap, Val, ValType};

use wasmtime_environ::wasmparser::Operator;

use super::*;
use crate::meter::{FLAG, MODULE, SLOW};

const WAT: &str = r#"(module
    (import "host" "set" (func $set))
    (memory 1)
    (global $started (mut i32) (i32.const 0))
    (func $start (global.set $started (i32.const 7)))
    (start $start)
    (func $empty)
    (func (export "nothing") (result i32) (call $empty) (global.get $started))
    (func (export "loop") (call $set) (loop (br 0)))
    (func $recurse (param i64) (call $recurse (local.get 0)))
    (func (export "recursion") (call $set) (call $recurse (i64.const 1)))
    (func (export "fill") (call $set)
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 5)) unreachable)
    (func (export "straight_code") (result i32) (call $set) (i32.const 3)))"#;

/// What a call gives, and how often the host was asked.
fn run(name: &str) -> (Result<Vec<u64>, Trap>, u32) {
    let wasm = wat::parse_str(WAT).unwrap();
    let metered = meter(&wasm, Mode::Flag, features()).unwrap().wasm;
    assert_valid(&metered);
    let module = Module::new(&Engine::default(), &metered).unwrap();
    let mut store = Store::new(module.engine(), 0);
    let ty = GlobalType::new(ValType::I32, Mutability::Var);
    let flag = Global::new(&mut store, ty, Val::I32(0)).unwrap();
    let slow = Func::wrap(&mut store, |mut caller: Caller<'_, u32>| {
        *caller.data_mut() += 1;
        Err::<(), _>(Trap::Interrupt.into())
    });
    let set = Func::wrap(&mut store, move |mut caller: Caller<'_, u32>| {
        flag.set(&mut caller, Val::I32(1))
    });
    let imports: Vec<Extern> = module
        .imports()
        .map(|it| match (it.module(), it.name()) {
            (MODULE, FLAG) => flag.into(),
            (MODULE, SLOW) => slow.into(),
            _ => set.into(),
        })
        .collect();
    let instance = Instance::new(&mut store, &module, &imports).unwrap();
    let func = instance.get_func(&mut store, name).unwrap();
    let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
    let result = match func.call(&mut store, &[], &mut results) {
        Ok(()) => Ok(results.iter().map(on_wasmtime::bits).collect()),
        Err(error) => Err(error.downcast().unwrap()),
    };
    (result, store.into_data())
}

#[test]
fn a_flag_that_is_not_set_changes_nothing() {
    assert_eq!(run("nothing"), (Ok(vec![7]), 0), "the start function ran");
}

#[test]
fn a_flag_stops_loops_and_calls_and_bulk_operations() {
    for name in ["loop", "recursion", "fill"] {
        assert_eq!(run(name), (Err(Trap::Interrupt), 1), "{name}");
    }
}

#[test]
fn a_flag_does_not_stop_straight_code() {
    assert_eq!(run("straight_code"), (Ok(vec![3]), 0));
}

#[test]
fn what_cannot_be_counted_can_be_stopped() {
    let wat = r#"(module (tag $t)
        (func
            (block $caught
                (try_table (catch_all $caught) (throw $t))
                unreachable)
            (loop (br 0))))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let features = features() | WasmFeatures::EXCEPTIONS;
    let metered = meter(&wasm, Mode::Flag, features).unwrap().wasm;
    Validator::new_with_features(features)
        .validate_all(&metered)
        .unwrap();
    let mut looks = 0;
    for payload in Parser::new(0).parse_all(&metered) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let operators = body.get_operators_reader().unwrap().into_iter();
            let calls = operators.filter(|it| matches!(it, Ok(Operator::Call { .. })));
            looks += calls.count();
        }
    }
    assert_eq!(
        looks, 2,
        "on entry, and in the loop that an exception leads to"
    );
}

#[test]
fn offsets_lead_back_without_a_counter_too() {
    let wasm = wat::parse_str(WAT).unwrap();
    let metered = meter(&wasm, Mode::Flag, features()).unwrap();
    let module = Module::new(&Engine::default(), &metered.wasm).unwrap();
    let start = wasm
        .windows(4)
        .position(|bytes| bytes == [0x41, 7, 0x24, 0]);
    let moved = metered
        .wasm
        .windows(4)
        .position(|bytes| bytes == [0x41, 7, 0x24, 1]);
    assert!(start.is_some() && moved.is_some());
    assert_eq!(metered.offsets.offset(moved.unwrap()), start);
    let own = module.imports().filter(|it| it.module() != MODULE);
    let expected = [("host", "set")];
    assert!(own.map(|it| (it.module(), it.name())).eq(expected));
    assert!(matches!(
        module.imports().nth(1).unwrap().ty(),
        ExternType::Global(_)
    ));
}
