//! The core modules of real components, and the adapters between composed ones.
//! Each runs by itself: what it imports is the test's.

use std::time::Instant;

use wasmtime_environ::ScopeVec;
use wasmtime_environ::component::{ComponentTypesBuilder, Translator};

use super::*;

/// A core module of a component.
struct Part {
    wasm: Vec<u8>,
    metered: Vec<u8>,
    is_adapter: bool,
}

/// Translates and meters as the layer does.
fn parts(component: &[u8]) -> Vec<Part> {
    let mut tunables = Tunables::default_host();
    tunables.concurrency_support = false;
    tunables.debug_adapter_modules = false;
    tunables.parse_wasm_debuginfo = false;
    let features = features() | WasmFeatures::COMPONENT_MODEL;
    let mut validator = Validator::new_with_features(features);
    let mut types = ComponentTypesBuilder::new(&validator);
    let scope = ScopeVec::new();
    let (_, mut modules) = Translator::new(&tunables, &mut validator, &mut types, &scope)
        .translate(component)
        .unwrap();
    let own = component.as_ptr_range();
    let mut parts = Vec::new();
    for (_, module) in &mut modules {
        crate::meter::finalize(module, &tunables, types.module_types_builder_mut());
        let begin = Instant::now();
        let metered = crate::meter::meter(module, SLICED).unwrap();
        println!(
            "{} bytes became {} in {:?}",
            module.wasm.len(),
            metered.wasm.len(),
            begin.elapsed()
        );
        assert_valid(&metered.wasm);
        parts.push(Part {
            wasm: module.wasm.to_vec(),
            metered: metered.wasm,
            is_adapter: !own.contains(&module.wasm.as_ptr()),
        });
    }
    parts
}

const PLAN: Plan = Plan {
    much: 50_000,
    sweep: 4,
    around: 1,
    slices: SLICES,
};

fn check(name: &str, component: &[u8]) -> Counts {
    let mut counts = Counts::default();
    let mut adapters = 0;
    for (index, part) in parts(component).iter().enumerate() {
        adapters += usize::from(part.is_adapter);
        if part.is_adapter {
            in_parts::assert_not_free(&part.wasm);
        }
        let compiled = Compiled::new(&part.wasm, &part.metered);
        // Each export of its own, so that a trap of one does not hide the rest.
        for export in exports(&part.wasm) {
            let name = format!("{name}, module {index}, {export}");
            counts += compiled.compare(&name, &[export], PLAN);
        }
    }
    println!("{name}: {adapters} adapters, {counts:?}");
    counts
}

fn prebuilt(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guests/prebuilt/");
    std::fs::read(format!("{folder}{name}.wasm")).unwrap()
}

#[test]
fn modules_of_real_guests() {
    for name in ["greet", "greet-host"] {
        let counts = check(name, &prebuilt(name));
        assert!(counts.runs > 100, "{name}: {counts:?}");
    }
}

#[test]
fn modules_of_a_wasi_program() {
    let counts = check("wasi-command", &prebuilt("wasi-command"));
    assert!(counts.runs > 100, "{counts:?}");
}

#[test]
fn adapters() {
    let inner = |encoding: &str| {
        format!(
            r#"(component
                (type $color (enum "red" "green"))
                (type $rec' (record (field "name" string) (field "all" (list u32))
                    (field "some" (option f64))))
                (export $rec "rec" (type $rec'))
                (core module $m
                    (memory (export "memory") 2)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                    (func (export "say") (param i32 i32) (result i32) (i32.const 256))
                    (func (export "sum") (param i32 i32 i32 i32 i32 f64) (result i64) (i64.const 3))
                    (func (export "post") (param i32)))
                (core instance $i (instantiate $m))
                (func (export "say") (param "x" string) (result string)
                    (canon lift (core func $i "say") (memory $i "memory")
                        (realloc (func $i "realloc")) (post-return (func $i "post"))
                        string-encoding={encoding}))
                (func (export "sum") (param "x" $rec) (result u64)
                    (canon lift (core func $i "sum") (memory $i "memory")
                        (realloc (func $i "realloc")) string-encoding={encoding})))"#
        )
    };
    for (from, to) in [
        ("utf8", "utf16"),
        ("utf8", "utf8"),
        ("latin1+utf16", "utf8"),
    ] {
        let wat = format!(
            r#"(component
                (component $a {})
                (instance $x (instantiate $a))
                (component $b
                    (import "x" (instance $x
                        (type $rec' (record (field "name" string) (field "all" (list u32))
                            (field "some" (option f64))))
                        (export "rec" (type $rec (eq $rec')))
                        (export "say" (func (param "x" string) (result string)))
                        (export "sum" (func (param "x" $rec) (result u64)))))
                    (core module $libc
                        (memory (export "memory") 2)
                        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                            (i32.const 2048)))
                    (core instance $libc (instantiate $libc))
                    (core func $say (canon lower (func $x "say") (memory $libc "memory")
                        (realloc (func $libc "realloc")) string-encoding={from}))
                    (core func $sum (canon lower (func $x "sum") (memory $libc "memory")
                        (realloc (func $libc "realloc")) string-encoding={from}))
                    (core module $m
                        (import "x" "say" (func $say (param i32 i32 i32)))
                        (import "x" "sum" (func $sum (param i32 i32 i32 i32 i32 f64) (result i64)))
                        (func (export "run") (result i64)
                            (call $say (i32.const 0) (i32.const 3) (i32.const 64))
                            (call $sum (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 3)
                                (i32.const 1) (f64.const 2))))
                    (core instance $m (instantiate $m (with "x" (instance
                        (export "say" (func $say)) (export "sum" (func $sum))))))
                    (func (export "run") (result u64) (canon lift (core func $m "run"))))
                (instance $y (instantiate $b (with "x" (instance $x))))
                (export "run" (func $y "run")))"#,
            inner(to)
                .strip_prefix("(component")
                .unwrap()
                .strip_suffix(')')
                .unwrap()
        );
        let component = wat::parse_str(&wat).unwrap();
        assert!(parts(&component).iter().any(|part| part.is_adapter));
        let counts = check(&format!("{from} to {to}"), &component);
        assert!(counts.runs > 50, "{counts:?}");
    }
}
