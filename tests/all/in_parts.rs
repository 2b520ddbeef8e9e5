//! Large fills and copies are made in parts where guests can be stopped. What they
//! do, how they trap and where, is as if they were not.

use crate::common::engine;
use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{Backend, ErrorKind, Frame, Interruption, TrapCode};

crate::common::on_each_backend_and_any! {
    results_and_traps_are_the_same
    artifacts_know_where_their_functions_were
}

/// Operations on two memories of 50 pages, between 3 and 4 MiB.
const OPERATIONS: &[(&str, Option<TrapCode>)] = &[
    (
        "(memory.fill (i32.const 7) (i32.const 0xab) (local.get $n))",
        None,
    ),
    (
        "(memory.fill $b (i32.const 655555) (i32.const 1) (local.get $n))",
        None,
    ),
    // The source and what is written overlap, and lie to either side.
    (
        "(memory.copy (i32.const 3) (i32.const 11) (local.get $n))",
        None,
    ),
    (
        "(memory.copy (i32.const 11) (i32.const 3) (local.get $n))",
        None,
    ),
    (
        "(memory.copy (i32.const 600001) (i32.const 0) (local.get $n))",
        None,
    ),
    (
        "(memory.copy (i32.const 0) (i32.const 600001) (local.get $n))",
        None,
    ),
    (
        "(memory.copy $b $a (i32.const 600001) (i32.const 0) (local.get $n))",
        None,
    ),
    (
        "(memory.copy (i32.const 5) (i32.const 5) (local.get $n))",
        None,
    ),
    // To the last byte, and one more.
    (
        "(memory.fill (i32.const 676799) (i32.const 1) (local.get $n))",
        None,
    ),
    (
        "(memory.fill (i32.const 676800) (i32.const 1) (local.get $n))",
        OUT_OF_BOUNDS,
    ),
    (
        "(memory.copy (i32.const 676800) (i32.const 0) (local.get $n))",
        OUT_OF_BOUNDS,
    ),
    (
        "(memory.copy (i32.const 0) (i32.const 676800) (local.get $n))",
        OUT_OF_BOUNDS,
    ),
    (
        "(memory.fill (i32.const -2) (i32.const 1) (local.get $n))",
        OUT_OF_BOUNDS,
    ),
    (
        "(memory.copy (i32.const 0) (i32.const -2) (local.get $n))",
        OUT_OF_BOUNDS,
    ),
    (
        "(memory.copy (i32.const -2) (i32.const 0) (local.get $n))",
        OUT_OF_BOUNDS,
    ),
    (
        "(memory.fill (i32.const 1) (i32.const 1) (i32.const -1))",
        OUT_OF_BOUNDS,
    ),
    (
        "(memory.init $data (i32.const 9) (i32.const 3) (i32.const 1200000))",
        None,
    ),
    (
        "(memory.init $data (i32.const 9) (i32.const 3) (i32.const 1200003))",
        OUT_OF_BOUNDS,
    ),
    (
        "(data.drop $data) (memory.init $data (i32.const 0) (i32.const 0) (i32.const 1100000))",
        OUT_OF_BOUNDS,
    ),
];

const OUT_OF_BOUNDS: Option<TrapCode> = Some(TrapCode::MemoryOutOfBounds);

/// A component that does it with a length of 2,600,001 and gives a sum of what the
/// memories are then.
fn component(operation: &str) -> String {
    let data = "data".repeat(300_001);
    format!(
        r#"(component
            (core module $m
                (memory $a 50)
                (memory $b 50)
                (data $data "{data}.")
                (func $prepare (local $i i32)
                    (loop $again
                        (i32.store (local.get $i)
                            (i32.mul (local.get $i) (i32.const 0x9e3779b1)))
                        (br_if $again
                            (i32.lt_u
                                (local.tee $i (i32.add (local.get $i) (i32.const 4)))
                                (i32.const 3276800)))))
                (func $sum (result i64) (local $i i32) (local $sum i64)
                    (loop $again
                        (local.set $sum
                            (i64.add
                                (i64.mul (local.get $sum) (i64.const 31))
                                (i64.add
                                    (i64.load $a (local.get $i))
                                    (i64.load $b (local.get $i)))))
                        (br_if $again
                            (i32.lt_u
                                (local.tee $i (i32.add (local.get $i) (i32.const 8)))
                                (i32.const 3276800))))
                    (local.get $sum))
                (func $operate (param $n i32) {operation})
                (func (export "run") (result i64)
                    (call $prepare)
                    (call $operate (i32.const 2600001))
                    (call $sum)))
            (core instance $i (instantiate $m))
            (func (export "run") (result u64) (canon lift (core func $i "run"))))"#
    )
}

/// The sum, or how the guest trapped and where.
fn run<B: Backend>(component: &Component<B>) -> Result<u64, (ErrorKind, Vec<Frame>)> {
    let engine = component.engine();
    let mut store = Store::new(engine, ()).unwrap();
    let instance = Linker::new(engine)
        .instantiate(&mut store, component)
        .unwrap();
    let run = instance
        .get_typed_func::<(), (u64,)>(&mut store, "run")
        .unwrap();
    match run.call(&mut store, ()) {
        Ok((sum,)) => Ok(sum),
        Err(error) => Err((error.kind().clone(), error.frames().to_vec())),
    }
}

fn results_and_traps_are_the_same<B: Backend>() {
    let engines = [
        Interruption::None,
        Interruption::Deadline,
        Interruption::Fuel,
    ];
    let [plain, deadline, fuel] = engines.map(engine::<B>);
    for (operation, trap) in OPERATIONS {
        let text = component(operation);
        let of = |engine: &Engine<B>| run(&Component::new(engine, &text).unwrap());
        let expected = of(&plain);
        match (&expected, trap) {
            (Ok(_), None) => {}
            (Err((kind, _)), Some(code)) => assert_eq!(*kind, ErrorKind::Trap(*code)),
            _ => panic!("{operation}: {expected:?}"),
        }
        assert_eq!(of(&deadline), expected, "{operation}");
        assert_eq!(of(&fuel), expected, "{operation}");
    }
}

fn artifacts_know_where_their_functions_were<B: Backend>() {
    let engine = engine::<B>(Interruption::Deadline);
    if !engine.support().artifacts {
        return;
    }
    let (operation, _) = OPERATIONS.iter().find(|(_, trap)| trap.is_some()).unwrap();
    let component = Component::new(&engine, component(operation)).unwrap();
    let bytes = component.serialize().unwrap();
    // SAFETY: they come from `serialize`.
    let read = unsafe { Component::deserialize(&engine, bytes) }.unwrap();
    let (_, frames) = run(&component).unwrap_err();
    assert_eq!(!frames.is_empty(), engine.support().backtraces);
    assert_eq!(run(&read).unwrap_err().1, frames);
}
