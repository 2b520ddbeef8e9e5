//! Many stores live at once, each with an instance that has written to its
//! memory, on every backend: they all go on, and take little.
//!
//! A part of them in every run; `ENGINEBAY_SOAK=full` makes 10,000 per backend,
//! and `ENGINEBAY_SOAK_BACKEND` picks one. The test has a process of its own, as
//! it looks at what the process holds.
#![cfg(target_os = "linux")]

use std::time::Instant;
use std::{env, fs};

use enginebay::generic::{Component, Engine, Linker, Store};
use enginebay::{Backend, Config};

const STORES: u32 = 10_000;
const PART: u32 = 300;

/// What the process may hold.
const MAX_RESIDENT: u64 = 1 << 30;

/// Has a memory, and adds to what is in it.
const GUEST: &str = r#"(component
    (core module $m
        (memory 1)
        (data (i32.const 8) "\07")
        (table 4 funcref)
        (elem (i32.const 0) $add)
        (func $add (export "add") (param i32) (result i32)
            (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0)))
            (i32.load (i32.const 8))))
    (core instance $i (instantiate $m))
    (func (export "add") (param "n" u32) (result u32) (canon lift (core func $i "add"))))"#;

/// Bytes in memory, and mappings, of this process.
fn held() -> (u64, usize) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    (pages * 4096, maps.lines().count())
}

fn live<B: Backend>(count: u32) {
    let engine = Engine::<B>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, GUEST).unwrap();
    let pre = Linker::<B, ()>::new(&engine)
        .instantiate_pre(&component)
        .unwrap();
    let (bytes, maps) = held();
    let start = Instant::now();
    let mut all = Vec::new();
    for i in 0..count {
        let mut store = Store::new(&engine, ()).unwrap();
        let instance = pre.instantiate(&mut store).unwrap();
        let add = instance
            .get_typed_func::<(u32,), (u32,)>(&mut store, "add")
            .unwrap();
        assert_eq!(add.call(&mut store, (i,)).unwrap(), (i + 7,));
        all.push((store, add));
    }
    let made = start.elapsed();
    let (now, now_maps) = held();
    let start = Instant::now();
    for (i, (store, add)) in all.iter_mut().enumerate() {
        let i = i as u32;
        assert_eq!(add.call(store, (1,)).unwrap(), (i + 8,));
    }
    println!(
        "{}: {count} stores, {:.1} us to make one and {:.1} us to call it again; resident {} MiB, \
         {} KiB each; mappings {now_maps}, {:.2} each",
        B::NAME,
        made.as_secs_f64() * 1e6 / f64::from(count),
        start.elapsed().as_secs_f64() * 1e6 / f64::from(count),
        now >> 20,
        (now.saturating_sub(bytes) >> 10) / u64::from(count),
        now_maps.saturating_sub(maps) as f64 / f64::from(count),
    );
    assert!(now < MAX_RESIDENT, "{} holds {now} bytes", B::NAME);
}

#[test]
fn stores_live_at_once() {
    let count = match env::var("ENGINEBAY_SOAK") {
        Ok(full) if full == "full" => STORES,
        _ => PART,
    };
    let only = env::var("ENGINEBAY_SOAK_BACKEND").ok();
    macro_rules! each {
        ($name:ident, $backend:ty) => {
            let name = <$backend as Backend>::NAME;
            if only.as_deref().is_none_or(|only| only == name) {
                live::<$backend>(count);
            }
        };
    }
    enginebay::for_each_backend!(each);
}
