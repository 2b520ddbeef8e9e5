//! The engine of the how-to guide "Add an engine" does what an engine must, and
//! runs components.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "a crate of its own would be public"
)]

mod engine;

use enginebay_core::{Caller, Component, Config, Engine, ErrorKind, Linker, Store, TrapCode};
use enginebay_layer::Layer;

/// The backend that the layer makes of the engine.
type Backend = Layer<engine::Example>;

/// A component in two parts: one calls the host, the other calls it.
const SHOUT: &str = r#"(component
    (import "loud" (func $loud (param "text" string) (result string)))
    (component $inner
        (import "loud" (func $loud (param "text" string) (result string)))
        (core module $memory
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                global.get $next
                (global.set $next (i32.add (global.get $next) (local.get 3)))))
        (core instance $memory (instantiate $memory))
        (core func $loud (canon lower (func $loud)
            (memory $memory "memory") (realloc (func $memory "realloc"))))
        (core module $m
            (import "host" "loud" (func $loud (param i32 i32 i32)))
            (func (export "shout") (param i32 i32) (result i32)
                (call $loud (local.get 0) (local.get 1) (i32.const 16))
                i32.const 16)
            (func (export "fail") unreachable))
        (core instance $m (instantiate $m
            (with "host" (instance (export "loud" (func $loud))))))
        (func (export "shout") (param "text" string) (result string)
            (canon lift (core func $m "shout")
                (memory $memory "memory") (realloc (func $memory "realloc"))))
        (func (export "fail") (canon lift (core func $m "fail"))))
    (instance $inner (instantiate $inner (with "loud" (func $loud))))
    (export "shout" (func $inner "shout"))
    (export "fail" (func $inner "fail")))"#;

#[test]
fn components_run_on_the_engine() {
    let engine = Engine::<Backend>::new(&Config::new()).unwrap();
    let component = Component::new(&engine, SHOUT).unwrap();
    let mut linker = Linker::new(&engine);
    linker
        .root()
        .func_wrap(
            "loud",
            |mut caller: Caller<'_, Backend, u32>, (text,): (String,)| {
                *caller.data_mut() += 1;
                Ok((text.to_uppercase(),))
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, 0).unwrap();
    let instance = linker.instantiate(&mut store, &component).unwrap();

    let shout = instance
        .get_typed_func::<(&str,), (String,)>(&mut store, "shout")
        .unwrap();
    assert_eq!(
        shout.call(&mut store, ("hello",)).unwrap(),
        ("HELLO".to_owned(),)
    );
    assert_eq!(*store.data(), 1);

    let fail = instance
        .get_typed_func::<(), ()>(&mut store, "fail")
        .unwrap();
    let error = fail.call(&mut store, ()).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::Unreachable));
    let error = shout.call(&mut store, ("hello",)).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Poisoned { .. }),
        "{error:?}"
    );
}
