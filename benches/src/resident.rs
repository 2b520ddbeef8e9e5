//! How much memory an instance keeps, by what the kernel says of the process.

use enginebay::generic::{Component, Instance, Linker, Store};
use enginebay::{Backend, Interruption};

use crate::work::engine;

/// How many instances are made.
const COUNT: usize = 1000;

/// A guest with one page, of which it has written to.
const GUEST: &str = r#"(component
    (core module $m
        (memory 1)
        (func (export "write") (i32.store (i32.const 0) (i32.const 1))))
    (core instance $i (instantiate $m))
    (func (export "write") (canon lift (core func $i "write"))))"#;

/// Bytes per store with one instance, of which it has written to one page; nothing
/// where the system does not tell. What the process has freed before would be used
/// again: this is for a process of its own.
pub fn resident(backend: &str, by: Interruption) -> Option<usize> {
    macro_rules! one {
        ($name:ident, $backend:ty) => {
            if backend == <$backend>::NAME {
                return bytes::<$backend>(by);
            }
        };
    }
    enginebay::for_each_backend!(one);
    None
}

/// Pages that the process has, by the second number of this file.
fn held() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    pages
        .split(' ')
        .nth(1)?
        .parse::<usize>()
        .ok()
        .map(|it| it * 4096)
}

fn bytes<B: Backend>(by: Interruption) -> Option<usize> {
    let engine = engine::<B>(by);
    let component = Component::new(&engine, GUEST).expect("the guest is valid");
    let pre = Linker::<B, ()>::new(&engine)
        .instantiate_pre(&component)
        .expect("there are no imports");
    let make = || -> (Store<B, ()>, Instance<B>) {
        let mut store = Store::new(&engine, ()).expect("the limits can be enforced");
        let instance = pre
            .instantiate(&mut store)
            .expect("the guest does not fail");
        let write = instance
            .get_typed_func::<(), ()>(&mut store, "write")
            .expect("the export is there");
        write.call(&mut store, ()).expect("the guest does not fail");
        (store, instance)
    };
    let first = make();
    let before = held()?;
    let stores: Vec<_> = (0..COUNT).map(|_| make()).collect();
    let after = held()?;
    drop((first, stores));
    Some(after.saturating_sub(before) / COUNT)
}
