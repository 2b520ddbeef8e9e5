//! Memories and tables within limits, stacks, and what is freed.

mod common;

use common::{Fixture, config, engine, store};
use enginebay_core::{CountedResource, ErrorKind, Limits, TrapCode};
use enginebay_layer::{CoreEngine, CoreExtern};
use enginebay_wasmer::WasmerCore as E;

const PAGE: u64 = 1 << 16;
const REFUSED: u64 = 0xffff_ffff;

fn sizes(it: &Fixture) -> (u64, u64) {
    E::store_data(&it.store).store_data().sizes()
}

fn refused(it: &Fixture) -> u64 {
    E::store_data(&it.store).store_data().growth_refused()
}

#[test]
fn growth_of_memories_is_counted_and_refused() {
    let mut it = Fixture::limited(Limits::new().memory(5 * PAGE));
    let instance = it.instance(
        r#"(module (memory $a 1 3) (memory $b (export "b") 1)
            (func (export "a") (param i32) (result i32) (memory.grow $a (local.get 0)))
            (func (export "b-grow") (param i32) (result i32) (memory.grow $b (local.get 0))))"#,
    );
    let mut grow = |name, pages| it.call(&instance, name, "i:i", &[pages]).unwrap()[0];
    assert_eq!(grow("a", 1), 1);
    // Its own maximum is no limit of the store.
    assert_eq!(grow("a", 2), REFUSED);
    assert_eq!(grow("b-grow", 2), 1);
    assert_eq!(grow("b-grow", 1), REFUSED);
    // No memory can be as large.
    assert_eq!(grow("b-grow", 0xffff_ffff), REFUSED);
    assert_eq!(grow("b-grow", 0), 3);
    assert_eq!(sizes(&it), (5 * PAGE, 0));
    assert_eq!(refused(&it), 1);
}

#[test]
fn initial_memories_are_counted_and_refused() {
    let mut it = Fixture::limited(Limits::new().memory(2 * PAGE));
    it.instance("(module (memory 1))");
    let error = it.instantiate("(module (memory 2))", &[]).unwrap_err();
    assert_eq!(
        *error.kind(),
        ErrorKind::MemoryLimit {
            limit: 2 * PAGE,
            requested: 3 * PAGE,
        }
    );
    assert_eq!(sizes(&it).0, PAGE);
}

#[test]
fn an_imported_memory_is_counted_once_and_grows_within_the_limit() {
    let mut it = Fixture::limited(Limits::new().memory(3 * PAGE));
    let base = it.instance(r#"(module (memory (export "m") 1))"#);
    let memory = it.export(&base, "m");
    let instance = it
        .instantiate(
            r#"(module (import "" "m" (memory 1))
                (func (export "f") (param i32) (result i32) (memory.grow (local.get 0))))"#,
            &[memory],
        )
        .unwrap();
    assert_eq!(sizes(&it).0, PAGE);
    assert_eq!(it.call(&instance, "f", "i:i", &[2]).unwrap(), [1]);
    assert_eq!(it.call(&instance, "f", "i:i", &[1]).unwrap(), [REFUSED]);
    assert_eq!(sizes(&it).0, 3 * PAGE);
}

#[test]
fn growth_of_tables_is_counted_and_refused() {
    let mut it = Fixture::limited(Limits::new().table_elements(20));
    let base = it.instance(r#"(module (table (export "t") 5 externref))"#);
    let table = it.export(&base, "t");
    assert!(matches!(table, CoreExtern::Table(_)));
    let instance = it
        .instantiate(
            r#"(module (import "" "t" (table $t 5 externref))
                (table $own 5 8 funcref) (func $f) (elem declare func $f)
                (func (export "imported") (param i32) (result i32)
                    (table.grow $t (ref.null extern) (local.get 0)))
                (func (export "own") (param i32) (result i32)
                    (table.grow $own (ref.func $f) (local.get 0)))
                (func (export "call") (param i32) (call_indirect $own (local.get 0))))"#,
            &[table],
        )
        .unwrap();
    assert_eq!(sizes(&it).1, 10);
    let mut grow = |name, elements| it.call(&instance, name, "i:i", &[elements]).unwrap()[0];
    assert_eq!(grow("imported", 4), 5);
    assert_eq!(grow("own", 4), REFUSED);
    assert_eq!(grow("own", 3), 5);
    assert_eq!(grow("imported", 4), REFUSED);
    assert_eq!(grow("imported", 3), 9);
    assert_eq!(grow("imported", 1 << 30), REFUSED);
    assert_eq!(grow("imported", 0xffff_ffff), REFUSED);
    assert_eq!(sizes(&it).1, 20);
    assert_eq!(refused(&it), 2);
    // What the table grew by is what it was given.
    it.call(&instance, "call", "i:", &[7]).unwrap();
    let error = it.call(&instance, "call", "i:", &[1]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::IndirectCallToNull));
}

#[test]
fn initial_tables_are_counted_and_refused() {
    let mut it = Fixture::limited(Limits::new().table_elements(20));
    it.instance("(module (table 10 4294967295 funcref))");
    let error = it
        .instantiate("(module (table 11 funcref))", &[])
        .unwrap_err();
    assert_eq!(
        *error.kind(),
        ErrorKind::ResourceLimit {
            what: CountedResource::TableElements,
            limit: 20,
        }
    );
    assert_eq!(sizes(&it).1, 10);
}

#[test]
fn a_hostile_growth_of_a_table_does_not_end_the_process_where_no_limit_stops_it() {
    let mut it = Fixture::limited(Limits::new().table_elements(u64::MAX));
    let instance = it.instance(
        r#"(module (table 0 funcref)
            (func (export "f") (param i32) (result i32)
                (table.grow (ref.null func) (local.get 0))))"#,
    );
    // 32 GiB: no machine that runs this gives them, and none is touched.
    let result = it.call(&instance, "f", "i:i", &[0xffff_ffff]).unwrap();
    assert_eq!(result, [REFUSED]);
    assert_eq!(sizes(&it).1, 0);
    assert_eq!(it.call(&instance, "f", "i:i", &[3]).unwrap(), [0]);
}

#[test]
fn growth_works_with_the_stack_almost_full() {
    // Recursion to every depth, with growth at the end of it.
    let mut it = Fixture::limited(Limits::new().memory(1 << 30));
    let instance = it.instance(
        r#"(module (memory 1) (table 1 funcref)
            (func $f (export "f") (param i32)
                (drop (memory.grow (i32.const 0)))
                (drop (table.grow (ref.null func) (i32.const 0)))
                (call $f (i32.add (local.get 0) (i32.const 1)))))"#,
    );
    for _ in 0..3 {
        let error = it.call(&instance, "f", "i:", &[0]).unwrap_err();
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
    }
}

/// Bodies that trap in a function of Wasmer's, not in compiled code.
const LATE_TRAPS: &[&str] = &[
    "(drop (table.get $t (i32.const 9)))",
    "(drop (table.get $u (i32.const 9)))",
    "unreachable",
    "(memory.fill (i32.const 65536) (i32.const 0) (i32.const 1))",
];

#[test]
fn traps_with_the_stack_almost_full_hold_nobody_up() {
    // Wasmer takes a backtrace under locks of the whole process. Where they stay
    // locked, the next trap waits for ever, on its thread or on another.
    fn within_a_minute<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
        let (send, receive) = std::sync::mpsc::channel();
        std::thread::spawn(move || send.send(f()));
        match receive.recv_timeout(std::time::Duration::from_secs(60)) {
            Ok(value) => value,
            Err(error) => {
                // A panic would take such a lock itself.
                eprintln!("a trap with the stack almost full holds others up: {error}");
                std::process::abort()
            }
        }
    }
    for body in LATE_TRAPS {
        within_a_minute(|| traps_at_every_depth(body));
        let code = within_a_minute(|| {
            let mut it = Fixture::new();
            let instance = it.instance(r#"(module (func (export "f") unreachable))"#);
            it.fails(&instance, "f").trap_code()
        });
        assert_eq!(code, Some(TrapCode::Unreachable), "{body}");
    }
}

/// Traps with little stack left, and with a little more, and so on.
fn traps_at_every_depth(body: &str) {
    let mut it = Fixture::new();
    let base = it.instance(r#"(module (table (export "t") 1 externref))"#);
    let table = it.export(&base, "t");
    let wat = format!(
        r#"(module (import "" "t" (table $u 1 externref)) (memory 1)
            (table $t 1 externref)
            (func $f (export "f") (param i32)
                (if (i32.eqz (local.get 0)) (then {body}))
                (call $f (i32.sub (local.get 0) (i32.const 1)))))"#
    );
    let instance = it.instantiate(&wat, &[table]).unwrap();
    let mut overflows = |depth| {
        let error = it.call(&instance, "f", "i:", &[depth]).unwrap_err();
        error.trap_code() == Some(TrapCode::StackOverflow)
    };
    let (mut fits, mut most) = (0, 1 << 20);
    while fits + 1 < most {
        let middle = (fits + most) / 2;
        if overflows(middle) {
            most = middle;
        } else {
            fits = middle;
        }
    }
    assert!(fits > 1000, "{fits}");
    // Into the reserve, to its end and beyond.
    for depth in (fits - 300..fits + 6000).step_by(97) {
        overflows(depth);
    }
}

#[test]
fn the_stack_is_as_large_as_the_configuration_says() {
    let depth = |bytes: usize| {
        // Wasmer reuses stacks that are large enough: a thread of its own has
        // none, and what other tests leave behind is at least the default.
        let mut config = config();
        config.max_stack(bytes);
        let mut it = Fixture::configured(&config, Limits::new());
        let instance = it.instance(
            r#"(module (global $n (export "n") (mut i32) (i32.const 0))
                (func $f (export "f")
                    (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $f))
                (func (export "n-get") (result i32) (global.get $n)))"#,
        );
        let error = it.fails(&instance, "f");
        assert_eq!(error.trap_code(), Some(TrapCode::StackOverflow));
        it.call(&instance, "n-get", ":i", &[]).unwrap()[0]
    };
    let (small, large) = (depth(512 << 10), depth(16 << 20));
    assert!(large > 8 * small.min(large / 16), "{small} and {large}");
    assert!(large > 16 * 10_000, "{large}");
}

#[test]
fn hundreds_of_memories_fit_in_a_process() {
    let engine = engine();
    let unit = E::new_unit(&engine).unwrap();
    let wasm = wat::parse_str(r#"(module (memory (export "m") 1) (memory 0))"#).unwrap();
    let module = E::compile(&unit, &wasm).unwrap();
    let stores: Vec<_> = (0..500)
        .map(|_| {
            let mut store = store(&engine, Limits::new());
            let mut cx = E::context(&mut store);
            let realm = E::realm(&mut cx, &unit).unwrap();
            E::instantiate(&mut cx, realm, &module, &[]).unwrap();
            store
        })
        .collect();
    assert_eq!(stores.len(), 500);
}

/// Mappings of this process.
#[cfg(target_os = "linux")]
fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps")
        .unwrap()
        .lines()
        .count()
}

#[test]
#[cfg(target_os = "linux")]
fn components_that_are_gone_leave_no_mappings_behind() {
    let wasm = wat::parse_str(
        r#"(module (memory (export "m") 1) (table 3 funcref)
            (func (export "f") (result i32) (memory.grow (i32.const 1))))"#,
    )
    .unwrap();
    let engine = engine();
    let round = || {
        let unit = E::new_unit(&engine).unwrap();
        let module = E::compile(&unit, &wasm).unwrap();
        let mut store = store(&engine, Limits::new());
        let mut cx = E::context(&mut store);
        let realm = E::realm(&mut cx, &unit).unwrap();
        let instance = E::instantiate(&mut cx, realm, &module, &[]).unwrap();
        // The store keeps the code.
        drop((unit, module));
        let result = common::call(&mut cx, &instance, "f", ":i", &[]).unwrap();
        assert_eq!(result, [1]);
    };
    for _ in 0..50 {
        round();
    }
    let before = mappings();
    for _ in 0..1000 {
        round();
    }
    // Other tests run meanwhile: 1,000 components would be thousands.
    let after = mappings();
    assert!(after < before + 300, "{before} then {after}");
}
