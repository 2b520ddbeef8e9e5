//! Guests that go as deep as they can, by every way down.

use std::fmt::Write;

use enginebay::generic::{Caller, Component, Instance, Linker, Store, TypedFunc};
use enginebay::{Backend, Interruption, Result, TrapCode};

use crate::common::places::World;
use crate::common::{Fixture, engine, lift_all};
use crate::report;

const ALL: [Interruption; 3] = [
    Interruption::None,
    Interruption::Deadline,
    Interruption::Fuel,
];

fn overflows<B: Backend>(name: &str, module: &str) {
    let text = lift_all(module, &["run"]);
    for interruption in ALL {
        // More than once: what an overflow leaves behind must not add up.
        for _ in 0..3 {
            let mut f = Fixture::<B>::with(&text, interruption, |limits| limits).unwrap();
            let error = f.run("run").unwrap_err();
            let code = Some(TrapCode::StackOverflow);
            assert_eq!(error.trap_code(), code, "{name}, {interruption}: {error:?}");
        }
    }
    report(name, "overflows");
}

pub(crate) fn stacks_are_exhausted<B: Backend>() {
    for interruption in ALL {
        World::<B>::new(interruption, "(call $deep)").everywhere(
            |limits| limits,
            |_| None,
            |place, error, _, _| {
                let code = Some(TrapCode::StackOverflow);
                assert_eq!(error.trap_code(), code, "{place:?}: {error:?}");
                report(&format!("{place:?} {interruption}"), "overflows");
            },
        );
    }
    overflows::<B>(
        "by a table",
        "(table funcref (elem $run))
        (func $run (export \"run\")
            (call_indirect (i32.const 0)) (call_indirect (i32.const 0)))",
    );
    overflows::<B>(
        "by two functions",
        "(memory 1)
        (func $other (param i32 i64 f64) (result f64)
            (call $run)
            (f64.add (f64.load (i32.const 8)) (local.get 2)))
        (func $run (export \"run\")
            (f64.store (i32.const 8)
                (call $other (i32.const 1) (i64.const 2) (f64.load (i32.const 16)))))",
    );
    // Whatever an engine does on the guest's stack, at every distance from its end.
    overflows::<B>(
        "by what engines do themselves",
        "(memory 1 2) (table $t 2 10 funcref) (elem declare func $run)
        (func $run (export \"run\")
            (drop (memory.grow (i32.const 0)))
            (drop (table.grow $t (ref.func $run) (i32.const 0)))
            (table.fill $t (i32.const 0) (ref.func $run) (i32.const 2))
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 300))
            (memory.copy (i32.const 0) (i32.const 8) (i32.const 300))
            (call $run)
            (drop (table.get $t (i32.const 1)))
            (call $run))",
    );
}

/// A function with many values that live across its calls.
fn large_frame(values: usize) -> String {
    let mut text = format!(
        "(memory 1) (func $run (export \"run\") (local {})\n",
        "i64 ".repeat(values)
    );
    for i in 0..values {
        let _ = writeln!(
            text,
            "(local.set {i} (i64.load (i32.const {})))",
            i * 8 % 4096
        );
    }
    text += "(call $run)\n";
    for i in 0..values {
        let _ = writeln!(
            text,
            "(i64.store (i32.const {}) (local.get {i}))",
            i * 8 % 4096
        );
    }
    text += ")";
    text
}

pub(crate) fn frames_are_large<B: Backend>() {
    for values in [600, 6_000] {
        overflows::<B>(&format!("{values} values"), &large_frame(values));
    }
    // As many parameters as there may be.
    let (ty, gets) = (
        "i64 ".repeat(1000),
        "(i64.load (i32.const 8)) ".repeat(1000),
    );
    let module = format!(
        "(memory 1)
        (func $many (param {ty}) (call $run) (i64.store (i32.const 8) (local.get 999)))
        (func $run (export \"run\") (call $many {gets}))"
    );
    overflows::<B>("1000 parameters", &module);
}

/// Goes down by itself as often as it is told, and then calls the host.
const DOWN: &str = r#"(component
    (import "f" (func $f))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f))
        (global $depth (mut i32) (i32.const 0))
        (func $down (param i32)
            (if (local.get 0)
                (then (call $down (i32.sub (local.get 0) (i32.const 1))))
                (else (call $f)))
            (global.set $depth (local.get 0)))
        (func (export "run") (param i32) (call $down (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "run") (param "depth" u32) (canon lift (core func $i "run"))))"#;

type Run<B> = TypedFunc<B, (u32,), ()>;

fn down<B: Backend, T: Send + 'static>(instance: &Instance<B>, store: &mut Store<B, T>) -> Run<B> {
    instance.get_typed_func(store, "run").unwrap()
}

struct Chain<B: Backend> {
    next: Vec<Run<B>>,
    depth: u32,
}

fn chained<B: Backend>(mut caller: Caller<'_, B, Chain<B>>) -> Result<()> {
    let depth = caller.data().depth;
    match caller.data_mut().next.pop() {
        Some(next) => next.call(&mut caller, (depth,)),
        None => Ok(()),
    }
}

/// Instances of a store that call each other through the host, and each of them
/// goes down by itself before it does.
fn nested<B: Backend>(interruption: Interruption, instances: usize, depth: u32) -> Result<()> {
    let mut linker = Linker::<B, Chain<B>>::new(&engine(interruption));
    linker
        .root()
        .func_wrap("f", |caller, ()| chained(caller))
        .unwrap();
    let component = Component::new(linker.engine(), DOWN).unwrap();
    let next = Vec::new();
    let mut store = Store::new(linker.engine(), Chain { next, depth }).unwrap();
    for _ in 0..instances {
        let instance = linker.instantiate(&mut store, &component)?;
        let run = down(&instance, &mut store);
        store.data_mut().next.push(run);
    }
    let first = store.data_mut().next.pop().unwrap();
    first.call(&mut store, (depth,))
}

pub(crate) fn calls_are_nested_through_the_host<B: Backend>() {
    for interruption in ALL {
        // Each ends well or in an overflow, by how much an engine's frames take.
        for (instances, depth) in [
            (5, 10),
            (900, 0),
            (900, 10),
            (100, 500),
            (20, 4_000),
            (3, 1 << 30),
        ] {
            let name = format!("{instances} instances, {depth} calls each, {interruption}");
            match nested::<B>(interruption, instances, depth) {
                Ok(()) => assert!(depth <= 4_000, "{name}"),
                Err(error) => {
                    let code = Some(TrapCode::StackOverflow);
                    assert_eq!(error.trap_code(), code, "{name}: {error:?}");
                    assert!(
                        instances * (depth as usize + 10) > 5_000,
                        "{name}: {error:?}"
                    );
                }
            }
            report(&name, "survived");
        }
    }
}
