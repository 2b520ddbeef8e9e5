//! The components that are measured.

/// `guests/greet`: strings, records, lists.
pub(crate) const GREET: &[u8] = include_bytes!("../../guests/prebuilt/greet.wasm");

/// Adds two numbers, and calls its import as often as it is told.
pub(crate) const CALLS_MODULE: &str = r#"
    (import "" "f" (func $f (param i32) (result i32)))
    (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1)))
    (func (export "repeat") (param i32) (result i32)
        (local $sum i32)
        (loop $again
            (local.set $sum (i32.add (local.get $sum) (call $f (local.get 0))))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get $sum))"#;

/// The component around [`CALLS_MODULE`].
pub(crate) fn calls() -> String {
    format!(
        r#"(component
    (import "f" (func $f (param "a" u32) (result u32)))
    (core func $f (canon lower (func $f)))
    (core module $m {CALLS_MODULE})
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $i "add")))
    (func (export "repeat") (param "times" u32) (result u32)
        (canon lift (core func $i "repeat"))))"#
    )
}

/// Passes a list of so many bytes to its import as often as it is told.
pub(crate) fn lists(size: usize) -> String {
    let pages = size.div_ceil(1 << 16);
    format!(
        r#"(component
    (import "f" (func $f (param "bytes" (list u8)) (result u32)))
    (core module $memory (memory (export "memory") {pages}))
    (core instance $memory (instantiate $memory))
    (core func $f (canon lower (func $f) (memory $memory "memory")))
    (core module $m
        (import "" "f" (func $f (param i32 i32) (result i32)))
        (func (export "repeat") (param i32) (result i32)
            (local $sum i32)
            (loop $again
                (local.set $sum (i32.add (local.get $sum)
                    (call $f (i32.const 0) (i32.const {size}))))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get $sum)))
    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
    (func (export "repeat") (param "times" u32) (result u32)
        (canon lift (core func $i "repeat"))))"#
    )
}

/// One page of memory and no imports.
pub(crate) const PAGE_MODULE: &str = r#"
    (memory (export "memory") 1)
    (func (export "f"))"#;

/// The component around [`PAGE_MODULE`].
pub(crate) fn page() -> String {
    format!(
        r#"(component
            (core module $m {PAGE_MODULE})
            (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))"#
    )
}

/// A core module that gives back what it gets: pairs of a pointer and a length,
/// and the fields of a record. `cabi_realloc` takes the next free bytes, and
/// `post` frees all of them.
pub(crate) const ECHO_MODULE: &str = r#"
    (memory (export "memory") 64)
    (global $next (mut i32) (i32.const 1024))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        (local.set $at
            (i32.and
                (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get 2))))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    (func (export "post") (param i32) (global.set $next (i32.const 1024)))
    (func (export "echo") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16))
    (func (export "echo-record") (param i32 i32 i32 i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.store8 (i32.const 24) (local.get 2))
        (i32.store (i32.const 28) (local.get 3))
        (i32.store (i32.const 32) (local.get 4))
        (i32.const 16))"#;

/// The component around [`ECHO_MODULE`].
pub(crate) fn echo() -> String {
    let lift = |name: &str, ty: &str, core: &str| {
        format!(
            r#"(func (export "{name}") (param "a" {ty}) (result {ty})
                (canon lift (core func $i "{core}") (memory $i "memory")
                    (realloc (func $i "cabi_realloc")) (post-return (func $i "post"))))"#
        )
    };
    format!(
        r#"(component
            (core module $m {ECHO_MODULE})
            (core instance $i (instantiate $m))
            (type $record (record
                (field "name" string) (field "age" u8) (field "tags" (list string))))
            (export $person "person" (type $record))
            {} {} {} {})"#,
        lift("string", "string", "echo"),
        lift("bytes", "(list u8)", "echo"),
        lift("words", "(list u64)", "echo"),
        lift("record", "$person", "echo-record"),
    )
}
