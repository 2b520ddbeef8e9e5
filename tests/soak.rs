//! What is dropped is given back: after a tenth of many stores, instances, traps,
//! resources and compiled components, a process grows no more, on any backend.
//!
//! The test binary has one test and so a process of its own: what other tests
//! allocate would disturb it. It runs a part of the way; `ENGINEBAY_SOAK=full`
//! runs all of it, 100,000 of each and 1,000 components per backend. Linux tells
//! what a process holds, so it runs there.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};
use std::{env, fs, thread};

use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{Backend, Config, ErrorKind, TrapCode, Val};

/// How far the full way goes.
const OBJECTS: usize = 100_000;
const COMPONENTS: usize = 1_000;
/// The parts of it that a plain `cargo test` goes.
const PART: usize = 50;
const COMPONENTS_PART: usize = 5;

/// What a process may grow by behind the first tenth.
const MAX_GROWTH: i64 = 2 << 20;
/// And the mappings it may have more: the kernel splits and joins neighbours, and
/// allocators take regions, a few at a time. A mapping kept for each object would
/// be at least 80.
const MAX_MAPPINGS: i64 = 8;

/// Has a memory, a table, a function that computes, one that traps, and a
/// resource with a destructor.
const GUEST: &str = r#"(component
    (core module $dtor
        (global $dropped (export "dropped") (mut i32) (i32.const 0))
        (func (export "drop") (param i32)
            (global.set $dropped (i32.add (global.get $dropped) (i32.const 1)))))
    (core instance $d (instantiate $dtor))
    (type $r (resource (rep i32) (dtor (func $d "drop"))))
    (export $r' "r" (type $r))
    (core func $new (canon resource.new $r))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "dropped" (global $dropped (mut i32)))
        (memory (export "memory") 1)
        (table 16 funcref)
        (func (export "answer") (param i32) (result i32)
            (i32.store (i32.const 64) (local.get 0))
            (i32.add (i32.load (i32.const 64)) (i32.const 1)))
        (func (export "trap") unreachable)
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "dropped") (result i32) (global.get $dropped)))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new))
        (export "dropped" (global $d "dropped"))))))
    (func (export "answer") (param "n" u32) (result u32) (canon lift (core func $i "answer")))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "make") (param "n" u32) (result (own $r')) (canon lift (core func $i "make")))
    (func (export "dropped") (result u32) (canon lift (core func $i "dropped"))))"#;

/// Bytes in memory, and mappings, of this process.
fn held() -> (i64, i64) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: i64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    (pages * 4096, maps.lines().count() as i64)
}

/// Does something many times, and adds to `grown` what that left behind since the
/// first `warm` times.
///
/// Mappings are counted as the kernel has them, and it makes one of two that
/// touch: their number goes up and down by a few while nothing is kept. So what
/// counts is the fewest of the last tenth, against the most of the first.
fn soak(
    name: String,
    warm: usize,
    count: usize,
    grown: &mut Vec<String>,
    mut once: impl FnMut(usize),
) {
    let start = Instant::now();
    let mut bytes = held().0;
    let (mut most, mut fewest) = (0, i64::MAX);
    for i in 0..count {
        once(i);
        if i + 1 == warm {
            bytes = held().0;
        }
        if i < warm && i % (warm / 20).max(1) == 0 {
            most = most.max(held().1);
        }
        let left = count - 1 - i;
        if left < count / 10 && left.is_multiple_of((count / 200).max(1)) {
            fewest = fewest.min(held().1);
        }
    }
    let resident = held().0;
    let (bytes, maps) = (resident - bytes, fewest - most);
    let line = format!(
        "{name}: {count} in {:.1} s: resident {} KiB and {bytes:+} bytes, mappings {fewest} and \
         {maps:+}",
        start.elapsed().as_secs_f64(),
        resident >> 10,
    );
    println!("{line}");
    if bytes >= MAX_GROWTH || maps > MAX_MAPPINGS {
        grown.push(line);
    }
}

fn call<B: Backend>(
    store: &mut Store<B, ()>,
    instance: &enginebay::generic::Instance<B>,
    name: &str,
    params: &[Val],
) -> enginebay::Result<Vec<Val>> {
    let func = instance.get_func(&mut *store, name)?;
    func.call(&mut *store, params)
}

fn soak_backend<B: Backend>(objects: usize, components: usize, grown: &mut Vec<String>) {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let guest = enginebay::to_binary(GUEST.as_bytes()).unwrap().into_owned();
    let component = Component::new(&engine, &guest).unwrap();
    let pre = Linker::<B, ()>::new(&engine)
        .instantiate_pre(&component)
        .unwrap();

    // A thread that keeps the time starts with the first call and takes a moment
    // to have its stack and its heap.
    for _ in 0..10 {
        let mut store = Store::new(&engine, ()).unwrap();
        let instance = pre.instantiate(&mut store).unwrap();
        call(&mut store, &instance, "answer", &[Val::U32(0)]).unwrap();
        thread::sleep(Duration::from_millis(10));
    }

    soak(
        format!("{} stores", B::NAME),
        objects / 10,
        objects,
        grown,
        |_| {
            drop(Store::<B, ()>::new(&engine, ()).unwrap());
        },
    );
    soak(
        format!("{} instances", B::NAME),
        objects / 10,
        objects,
        grown,
        |i| {
            let mut store = Store::new(&engine, ()).unwrap();
            let instance = pre.instantiate(&mut store).unwrap();
            let n = i as u32;
            let answer = call(&mut store, &instance, "answer", &[Val::U32(n)]).unwrap();
            assert_eq!(answer, [Val::U32(n + 1)]);
        },
    );
    soak(
        format!("{} traps", B::NAME),
        objects / 10,
        objects,
        grown,
        |_| {
            let mut store = Store::new(&engine, ()).unwrap();
            let instance = pre.instantiate(&mut store).unwrap();
            let error = call(&mut store, &instance, "trap", &[]).unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Trap(TrapCode::Unreachable));
        },
    );

    let mut store = Store::new(&engine, ()).unwrap();
    let instance = pre.instantiate(&mut store).unwrap();
    soak(
        format!("{} resources", B::NAME),
        objects / 10,
        objects,
        grown,
        |i| {
            let made = call(&mut store, &instance, "make", &[Val::U32(i as u32)]).unwrap();
            let [Val::Resource(resource)] = made[..] else {
                panic!("{made:?}");
            };
            resource.resource_drop(&mut store).unwrap();
        },
    );
    let dropped = call(&mut store, &instance, "dropped", &[]).unwrap();
    assert_eq!(dropped, [Val::U32(objects as u32)]);

    soak(
        format!("{} components", B::NAME),
        COMPONENTS / 10,
        components,
        grown,
        |_| {
            let component = Component::new(&engine, &guest).unwrap();
            let mut store = Store::new(&engine, ()).unwrap();
            let linker = Linker::<B, ()>::new(&engine);
            let instance = linker.instantiate(&mut store, &component).unwrap();
            let answer = call(&mut store, &instance, "answer", &[Val::U32(1)]).unwrap();
            assert_eq!(answer, [Val::U32(2)]);
        },
    );
}

#[test]
fn nothing_is_left_behind() {
    let (part, components_part) = match env::var("ENGINEBAY_SOAK") {
        Ok(full) if full == "full" => (1, 1),
        _ => (PART, COMPONENTS_PART),
    };
    let only = env::var("ENGINEBAY_SOAK_BACKEND").ok();
    let mut grown = Vec::new();
    macro_rules! soak_each {
        ($name:ident, $backend:ty) => {
            if only
                .as_deref()
                .is_none_or(|only| only == <$backend as Backend>::NAME)
            {
                soak_backend::<$backend>(OBJECTS / part, COMPONENTS / components_part, &mut grown);
            }
        };
    }
    enginebay::for_each_backend!(soak_each);
    assert!(grown.is_empty(), "more is held:\n{}", grown.join("\n"));
}
