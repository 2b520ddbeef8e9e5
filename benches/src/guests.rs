//! The components that are measured.

/// `guests/greet`: strings, records, lists.
pub(crate) const GREET: &[u8] = include_bytes!("../../guests/prebuilt/greet.wasm");

/// Adds two numbers, and calls its import as often as it is told.
pub(crate) const CALLS: &str = r#"(component
    (import "f" (func $f (param "a" u32) (result u32)))
    (core func $f (canon lower (func $f)))
    (core module $m
        (import "" "f" (func $f (param i32) (result i32)))
        (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1)))
        (func (export "repeat") (param i32) (result i32)
            (local $sum i32)
            (loop $again
                (local.set $sum (i32.add (local.get $sum) (call $f (local.get 0))))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $sum)))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $i "add")))
    (func (export "repeat") (param "times" u32) (result u32)
        (canon lift (core func $i "repeat"))))"#;

/// One page of memory and no imports.
pub(crate) const PAGE: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (func (export "f")))
    (core instance $i (instantiate $m))
    (func (export "f") (canon lift (core func $i "f"))))"#;
