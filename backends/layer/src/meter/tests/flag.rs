//! The flag stops a guest that would go on, and changes nothing else.

use wasmtime::{Caller, Engine, Extern, ExternType, Func, Instance, Module, Store, Trap, Val};

use wasmtime_environ::wasmparser::Operator;

use super::*;
use crate::engine::FLAG;
use crate::meter::{MODULE, SLOW};

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
    (func (export "straight_code") (result i32) (call $set) (i32.const 3))
    (func (export "rounds") (result i32) (local $i i32)
        (call $set)
        (loop $again (result i32)
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (i32.const 5)))
            (local.get $i)))
    (func (export "labels") (result i32) (local $i i32)
        (loop $outer (result i32)
            (block $out
                (loop $inner
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $outer (i32.eq (local.get $i) (i32.const 3)))
                    (br_if $out (i32.eq (local.get $i) (i32.const 5)))
                    (br_table $inner $outer $out (i32.const 0))))
            (local.set $i (i32.add (local.get $i) (i32.const 10)))
            (drop (br_if 1 (i32.const 42) (i32.eq (local.get $i) (i32.const 15))))
            (local.get $i))))"#;

/// What a call gives, and how often the host was asked, which stops the guest.
fn run(name: &str) -> (Result<Vec<u64>, Trap>, u32) {
    run_with(name, true)
}

fn run_with(name: &str, stops: bool) -> (Result<Vec<u64>, Trap>, u32) {
    let wasm = wat::parse_str(WAT).unwrap();
    let metered = meter(&wasm, Mode::Flag, features()).unwrap().wasm;
    assert_valid(&metered);
    let module = Module::new(&Engine::default(), &metered).unwrap();
    let mut store = Store::new(module.engine(), 0);
    let slow = Func::wrap(&mut store, move |mut caller: Caller<'_, u32>| {
        *caller.data_mut() += 1;
        match stops {
            true => Err(wasmtime::Error::from(Trap::Interrupt)),
            false => Ok(()),
        }
    });
    let set = Func::wrap(&mut store, |mut caller: Caller<'_, u32>| {
        let flag = caller.get_export(FLAG).and_then(Extern::into_global);
        flag.unwrap().set(&mut caller, Val::I32(1))
    });
    let imports: Vec<Extern> = module
        .imports()
        .map(|it| match (it.module(), it.name()) {
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
fn branches_lead_to_where_they_did() {
    assert_eq!(run("labels"), (Ok(vec![42]), 0));
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
fn a_guest_that_is_not_stopped_goes_on_and_asks_no_more() {
    assert_eq!(run_with("rounds", false), (Ok(vec![5]), 1));
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
        .position(|bytes| bytes == [0x41, 7, 0x24, 0]);
    assert!(start.is_some() && moved.is_some());
    assert_eq!(metered.offsets.offset(moved.unwrap()), start);
    let imports = module.imports().map(|it| (it.module(), it.name()));
    assert!(imports.eq([("host", "set"), (MODULE, SLOW)]));
    assert!(matches!(
        module.get_export(FLAG).unwrap(),
        ExternType::Global(_)
    ));
}
