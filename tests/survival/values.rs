//! Lengths, sizes and numbers that no machine has room for.

use std::time::Duration;

use enginebay::generic::{Component, Instance, Linker, Store};
use enginebay::{Backend, CountedResource, Error, ErrorKind, Interruption, Limits, Val};

use crate::common::{Fixture, engine, lift_all};
use crate::report;

const POINTERS: [u32; 3] = [0, 8, 0xffff_fff8];
const LENGTHS: [u32; 8] = [
    0x1000_0000,
    0x1fff_ffff,
    0x2000_0000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fffe,
    0xffff_ffff,
];

const ENCODINGS: [&str; 3] = ["utf8", "utf16", "latin1+utf16"];

/// A component that passes a value on to another and to the host, and gets it
/// from the other and gives it to the host: it is wherever, and as long as, it is
/// told.
fn passes(ty: &str, [from, to]: [&str; 2]) -> String {
    let memory = r#"(memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))"#;
    format!(
        r#"(component
        (import "host" (func $host (param "v" {ty})))
        (component $callee
            (core module $m {memory}
                (func (export "take") (param i32 i32))
                (func (export "give") (param i32 i32) (result i32)
                    (i32.store (i32.const 16) (local.get 0))
                    (i32.store (i32.const 20) (local.get 1))
                    (i32.const 16)))
            (core instance $m (instantiate $m))
            (func (export "take") (param "v" {ty}) (canon lift (core func $m "take")
                (memory $m "memory") (realloc (func $m "realloc")) string-encoding={to}))
            (func (export "give") (param "at" u32) (param "len" u32) (result {ty})
                (canon lift (core func $m "give") (memory $m "memory") string-encoding={to})))
        (component $caller
            (import "host" (func $host (param "v" {ty})))
            (import "take" (func $take (param "v" {ty})))
            (import "give" (func $give (param "at" u32) (param "len" u32) (result {ty})))
            (core module $memory {memory})
            (core instance $memory (instantiate $memory))
            (core func $host (canon lower (func $host) (memory $memory "memory")
                string-encoding={from}))
            (core func $take (canon lower (func $take) (memory $memory "memory")
                string-encoding={from}))
            (core func $give (canon lower (func $give) (memory $memory "memory")
                (realloc (func $memory "realloc")) string-encoding={from}))
            (core module $m
                (import "" "host" (func $host (param i32 i32)))
                (import "" "take" (func $take (param i32 i32)))
                (import "" "give" (func $give (param i32 i32 i32)))
                (func (export "host") (param i32 i32) (call $host (local.get 0) (local.get 1)))
                (func (export "take") (param i32 i32) (call $take (local.get 0) (local.get 1)))
                (func (export "give") (param i32 i32)
                    (call $give (local.get 0) (local.get 1) (i32.const 16))))
            (core instance $m (instantiate $m (with "" (instance
                (export "host" (func $host))
                (export "take" (func $take))
                (export "give" (func $give))))))
            (func (export "to-host") (param "at" u32) (param "len" u32)
                (canon lift (core func $m "host")))
            (func (export "to-component") (param "at" u32) (param "len" u32)
                (canon lift (core func $m "take")))
            (func (export "from-component") (param "at" u32) (param "len" u32)
                (canon lift (core func $m "give"))))
        (instance $callee (instantiate $callee))
        (instance $caller (instantiate $caller (with "host" (func $host))
            (with "take" (func $callee "take")) (with "give" (func $callee "give"))))
        (export "to-host" (func $caller "to-host"))
        (export "to-component" (func $caller "to-component"))
        (export "from-component" (func $caller "from-component"))
        (export "result" (func $callee "give")))"#
    )
}

const WAYS: [&str; 4] = ["to-host", "to-component", "from-component", "result"];

fn call<B: Backend>(
    store: &mut Store<B, ()>,
    instance: &Instance<B>,
    way: &str,
    at: u32,
    len: u32,
) -> Result<Vec<Val>, Error> {
    let func = instance.get_func(&mut *store, way)?;
    func.call(store, &[Val::U32(at), Val::U32(len)])
}

pub(crate) fn lengths_are_near_their_limits<B: Backend>() {
    let engine = engine::<B>(Interruption::Deadline);
    let mut linker = Linker::<B, ()>::new(&engine);
    linker.root().func_new("host", |_, _, _| Ok(())).unwrap();
    let mut types = vec![
        ("(list u8)", ["utf8"; 2]),
        ("(list u64)", ["utf8"; 2]),
        ("(list (tuple u64 string))", ["utf16", "utf8"]),
        ("(list (list (list u16)))", ["utf8"; 2]),
    ];
    for from in ENCODINGS {
        types.extend(ENCODINGS.map(|to| ("string", [from, to])));
    }
    for (ty, encodings) in types {
        let component = Component::new(&engine, passes(ty, encodings)).unwrap();
        let pre = linker.instantiate_pre(&component).unwrap();
        for way in WAYS {
            let mut outcomes = Vec::new();
            for (at, len) in POINTERS.iter().flat_map(|at| LENGTHS.map(|len| (*at, len))) {
                let mut store = Store::new(&engine, ()).unwrap();
                let instance = pre.instantiate(&mut store).unwrap();
                let result = call(&mut store, &instance, way, at, len);
                let Err(error) = result else {
                    // The mark of UTF-16, and a length of one at most.
                    let fits = len & !1 == 0x8000_0000 && encodings.contains(&"latin1+utf16");
                    assert!(
                        fits,
                        "{ty} {encodings:?} {way} {at:#x} {len:#x}: {result:?}"
                    );
                    outcomes.push("fits".to_owned());
                    continue;
                };
                assert!(error.kind().is_trap(), "{ty} {way} {len:#x}: {error:?}");
                assert_eq!(store.poisoned(), Some(error.kind()));
                outcomes.push(format!("{:?}", error.trap_code().unwrap()));
            }
            outcomes.dedup();
            report(&format!("{ty} {encodings:?} {way}"), outcomes.join(" "));
        }
    }
}

/// Lists of a hundred thousand parts which are all the same megabyte.
const AMPLIFIES: &str = r#"(component
    (import "host" (func $host (param "v" (list string))))
    (component $callee
        (core module $m
            (memory (export "memory") 1000)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "take") (param i32 i32)))
        (core instance $m (instantiate $m))
        (func (export "take") (param "v" (list string)) (canon lift (core func $m "take")
            (memory $m "memory") (realloc (func $m "realloc")))))
    (component $caller
        (import "host" (func $host (param "v" (list string))))
        (import "take" (func $take (param "v" (list string))))
        (core module $memory (memory (export "memory") 100))
        (core instance $memory (instantiate $memory))
        (core func $host (canon lower (func $host) (memory $memory "memory")))
        (core func $take (canon lower (func $take) (memory $memory "memory")))
        (core module $m
            (import "" "memory" (memory 100))
            (import "" "host" (func $host (param i32 i32)))
            (import "" "take" (func $take (param i32 i32)))
            (func $list (local $at i32)
                (local.set $at (i32.const 2000000))
                (loop $again
                    (i32.store offset=4 (local.get $at) (i32.const 1000000))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (br_if $again (i32.lt_u (local.get $at) (i32.const 2800000)))))
            (func (export "to-host")
                (call $list) (call $host (i32.const 2000000) (i32.const 100000)))
            (func (export "to-component")
                (call $list) (call $take (i32.const 2000000) (i32.const 100000)))
            (func (export "result") (result i32)
                (call $list)
                (i32.store (i32.const 1000000) (i32.const 2000000))
                (i32.store (i32.const 1000004) (i32.const 100000))
                (i32.const 1000000)))
        (core instance $m (instantiate $m (with "" (instance
            (export "memory" (memory $memory "memory"))
            (export "host" (func $host))
            (export "take" (func $take))))))
        (func (export "to-host") (canon lift (core func $m "to-host")))
        (func (export "to-component") (canon lift (core func $m "to-component")))
        (func (export "result") (result (list string))
            (canon lift (core func $m "result") (memory $memory "memory"))))
    (instance $callee (instantiate $callee))
    (instance $caller (instantiate $caller (with "host" (func $host))
        (with "take" (func $callee "take"))))
    (export "to-host" (func $caller "to-host"))
    (export "to-component" (func $caller "to-component"))
    (export "result" (func $caller "result")))"#;

pub(crate) fn small_lists_are_of_large_parts<B: Backend>() {
    let engine = engine::<B>(Interruption::Deadline);
    let component = Component::new(&engine, AMPLIFIES).unwrap();
    let mut dynamic = Linker::<B, ()>::new(&engine);
    dynamic.root().func_new("host", |_, _, _| Ok(())).unwrap();
    let mut typed = Linker::<B, ()>::new(&engine);
    typed
        .root()
        .func_wrap("host", |_, (_,): (Vec<String>,)| Ok(()))
        .unwrap();
    for (kind, linker) in [("dynamic", dynamic), ("typed", typed)] {
        for way in ["to-host", "to-component", "result"] {
            // No value comes to the host there.
            if (kind, way) == ("typed", "to-component") {
                continue;
            }
            let limits = engine.default_limits();
            let limits = match way {
                "to-component" => limits.deadline(Duration::from_secs(1)),
                _ => limits,
            };
            let mut store = Store::<B, ()>::builder(&engine)
                .limits(limits)
                .build(())
                .unwrap();
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let error = if (kind, way) == ("typed", "result") {
                let func = instance
                    .get_typed_func::<(), (Vec<String>,)>(&mut store, way)
                    .unwrap();
                func.call(&mut store, ()).unwrap_err()
            } else {
                let func = instance.get_func(&mut store, way).unwrap();
                func.call(&mut store, &[]).unwrap_err()
            };
            match error.kind() {
                ErrorKind::HostAllocationLimit { limit } if way != "to-component" => {
                    assert_eq!(*limit, 128 << 20);
                }
                ErrorKind::DeadlineExceeded { .. } if way == "to-component" => {}
                _ => panic!("{kind} {way}: {error:?}"),
            }
            report(&format!("{kind} {way}"), "stopped");
        }
    }
}

fn refused<B: Backend>(module: &str) -> ErrorKind {
    let text = lift_all(module, &[]);
    let result = Fixture::<B>::with(text, Interruption::Deadline, |limits| limits);
    result.err().expect("it is too much").kind().clone()
}

pub(crate) fn memories_and_tables_are_huge<B: Backend>() {
    let limits = Limits::new();
    assert_eq!(
        refused::<B>("(memory 65536)"),
        ErrorKind::MemoryLimit {
            limit: limits.memory,
            requested: 1 << 32
        }
    );
    let counted = |what, limit| ErrorKind::ResourceLimit { what, limit };
    let elements = counted(CountedResource::TableElements, limits.table_elements);
    assert_eq!(refused::<B>("(table 10000000 funcref)"), elements);
    assert_eq!(refused::<B>(&"(table 100000 funcref)".repeat(11)), elements);
    assert_eq!(
        refused::<B>("(table 0xffffffff funcref)"),
        ErrorKind::TooLarge
    );
    let memory = refused::<B>("(memory 65536) (memory 65536)");
    assert_eq!(memory, ErrorKind::TooLarge);
    // No module may have more than a hundred of each, so it takes several.
    let module = format!("(core module $m {})", "(memory 1)".repeat(60));
    let text = format!(
        "(component {module} {})",
        "(core instance (instantiate $m))".repeat(2)
    );
    let Err(error) = Fixture::<B>::with(text, Interruption::Deadline, |limits| limits) else {
        panic!("120 memories are too many");
    };
    let memories = counted(CountedResource::Memories, limits.memories);
    assert_eq!(*error.kind(), memories);
    report("initial sizes", "refused");

    // None of the growths succeeds, or as far as it may.
    let module = r#"(memory 1) (table $t 1 funcref)
        (func $refused (param i32) (if (i32.ne (local.get 0) (i32.const -1)) (then unreachable)))
        (func (export "at-once")
            (call $refused (memory.grow (i32.const 65535)))
            (call $refused (memory.grow (i32.const 0x7fffffff)))
            (call $refused (memory.grow (i32.const -1)))
            (call $refused (table.grow $t (ref.null func) (i32.const 0x7fffffff)))
            (call $refused (table.grow $t (ref.null func) (i32.const 0x40000000)))
            (call $refused (table.grow $t (ref.null func) (i32.const -1)))
            (call $refused (table.grow $t (ref.null func) (i32.const -2))))
        (func (export "by-steps")
            (loop $again
                (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
            (loop $again (br_if $again (i32.ne
                (table.grow $t (ref.null func) (i32.const 999)) (i32.const -1))))
            (if (i32.ne (table.size $t) (i32.const 1000000)) (then unreachable))
            (if (i32.ne (memory.size) (i32.const 4081)) (then unreachable)))"#;
    let text = lift_all(module, &["at-once", "by-steps"]);
    for interruption in [
        Interruption::None,
        Interruption::Deadline,
        Interruption::Fuel,
    ] {
        let mut f = Fixture::<B>::with(&text, interruption, |limits| limits).unwrap();
        f.run("at-once").unwrap();
        f.run("by-steps").unwrap();
        let usage = f.store.usage();
        // The limits come first: what they refuse is counted, whatever the types forbid.
        assert_eq!(usage.growth_refused, 9);
        assert_eq!(
            (usage.memory, usage.table_elements),
            (4081 << 16, 1_000_000)
        );
        report(&format!("growths, {interruption}"), "refused");
    }
}
