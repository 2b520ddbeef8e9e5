//! Traps of the core specification, and what Wasmer lacks, by name.

mod common;

use common::{Fixture, config, engine};
use enginebay_core::{Config, ErrorKind, Feature, Limits, TrapCode};
use enginebay_layer::CoreEngine;
use enginebay_wasmer::WasmerCore as E;

#[test]
fn every_trap_has_its_code_and_place() {
    let cases: &[(&str, &str, TrapCode)] = &[
        ("unreachable", "unreachable", TrapCode::Unreachable),
        (
            "a load out of bounds",
            "(drop (i32.load (i32.const 65536)))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "a store far out of bounds",
            "(i64.store offset=0xffffffff (i32.const -1) (i64.const 0))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "an offset within the guard",
            "(drop (i32.load offset=0x1000000 (i32.const -1)))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "an offset at the end of the guard",
            "(drop (i64.load offset=0x1fffffc (i32.const -1)))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "memory.fill",
            "(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "memory.copy",
            "(memory.copy (i32.const 0) (i32.const 1) (i32.const 65536))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "memory.init",
            "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 9))",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "table.get",
            "(drop (table.get $t (i32.const 3)))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "table.set",
            "(table.set $t (i32.const 3) (ref.null func))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "table.init",
            "(table.init $t $e (i32.const 2) (i32.const 0) (i32.const 2))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "table.copy",
            "(table.copy (i32.const 1) (i32.const 0) (i32.const 3))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "table.fill",
            "(table.fill $t (i32.const 3) (ref.null func) (i32.const 1))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "call_indirect beyond the table",
            "(call_indirect (i32.const 3))",
            TrapCode::TableOutOfBounds,
        ),
        (
            "call_indirect of null",
            "(call_indirect (i32.const 2))",
            TrapCode::IndirectCallToNull,
        ),
        (
            "call_indirect of another type",
            "(call_indirect (param i64) (i64.const 0) (i32.const 0))",
            TrapCode::BadSignature,
        ),
        (
            "overflow of a division",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
            TrapCode::IntegerOverflow,
        ),
        (
            "overflow of a conversion",
            "(drop (i32.trunc_f64_s (f64.const 1e10)))",
            TrapCode::IntegerOverflow,
        ),
        (
            "division by zero",
            "(drop (i64.rem_u (i64.const 1) (i64.const 0)))",
            TrapCode::IntegerDivisionByZero,
        ),
        (
            "conversion of NaN",
            "(drop (i32.trunc_f32_s (f32.const nan)))",
            TrapCode::BadConversionToInteger,
        ),
        ("endless recursion", "(call $f)", TrapCode::StackOverflow),
    ];
    let mut it = Fixture::new();
    for (what, body, code) in cases {
        let instance = it.instance(&format!(
            r#"(module $module (memory 1) (table $t 3 funcref) (data $d "x")
                (func $nop) (elem (i32.const 0) $nop) (elem $e func $nop $nop $nop)
                (func $f (export "f") {body})
                (func $outer (export "outer") (call $f)))"#
        ));
        for name in ["f", "outer"] {
            let error = it.fails(&instance, name);
            assert_eq!(error.trap_code(), Some(*code), "{what}: {error:?}");
            if *code == TrapCode::StackOverflow {
                // Wasmer takes no backtrace with the stack gone.
                continue;
            }
            let frame = &error.frames()[0];
            assert_eq!(frame.module.as_deref(), Some("module"), "{what}");
            assert_eq!(frame.function.as_deref(), Some("f"), "{what}");
            assert_eq!(frame.function_index, 1, "{what}");
            assert!(frame.offset.is_some_and(|at| at > 0), "{what}");
            let callers = usize::from(name == "outer");
            assert_eq!(error.frames().len(), 1 + callers, "{what}: {error:?}");
        }
    }
}

#[test]
fn traps_of_segments_stop_an_instantiation() {
    let mut it = Fixture::new();
    for (wat, code) in [
        (
            r#"(module (memory 1) (data (i32.const 65536) "x"))"#,
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))",
            TrapCode::TableOutOfBounds,
        ),
    ] {
        let error = it.instantiate(wat, &[]).unwrap_err();
        assert_eq!(error.trap_code(), Some(code), "{wat}");
    }
}

#[test]
fn offsets_are_those_of_the_module_behind_a_start_function_too() {
    let module = |start: &str| {
        let wat = format!(r#"(module (func) {start} (func (export "f") nop unreachable))"#);
        wat::parse_str(wat).unwrap()
    };
    let offset = |wasm: &[u8]| {
        let mut it = Fixture::new();
        let module = E::compile(&it.unit, wasm).unwrap();
        let realm = it.realm;
        let instance = E::instantiate(&mut it.cx(), realm, &module, &[]).unwrap();
        it.fails(&instance, "f").frames()[0].offset.unwrap()
    };
    let (with, without) = (module("(start 0)"), module(""));
    let longer = (with.len() - without.len()) as u64;
    assert_eq!(offset(&with), offset(&without) + longer);
    assert_eq!(with[offset(&with) as usize], 0, "`unreachable` is 0");
}

#[test]
fn names_are_left_out_where_there_are_none() {
    let mut it = Fixture::new();
    let instance = it.instance(r#"(module (func (export "f") unreachable))"#);
    let error = it.fails(&instance, "f");
    assert_eq!(error.frames()[0].module, None);
    assert_eq!(error.frames()[0].function, None);
}

#[test]
fn a_feature_that_is_missing_is_refused_by_name() {
    // The defaults ask for tail calls, which not every engine has.
    let engine = E::new_engine(&Config::new()).unwrap();
    let unit = E::new_unit(&engine).unwrap();
    let compile = |wat: &str| E::compile(&unit, &wat::parse_str(wat).unwrap());
    let lacks = |feature| !E::support().features.contains(feature);
    let modules = [
        (Feature::TailCall, "(module (func $f (return_call $f)))"),
        (Feature::Simd, "(module (func (param v128)))"),
        (
            Feature::RelaxedSimd,
            "(module (func (param v128 v128) (result v128)
                (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))",
        ),
        (Feature::MultiMemory, "(module (memory 1) (memory 1))"),
        (
            Feature::ExtendedConst,
            "(module (global i32 (i32.add (i32.const 1) (i32.const 1))))",
        ),
    ];
    assert!(lacks(Feature::TailCall));
    for (feature, wat) in modules {
        match compile(wat) {
            Ok(_) => assert!(!lacks(feature), "{feature}"),
            Err(error) => {
                assert!(lacks(feature), "{feature}: {error:?}");
                assert_eq!(*error.kind(), ErrorKind::Unsupported);
                assert!(error.message().contains(feature.name()), "{error}");
            }
        }
    }
    // A failed module does not spoil the next.
    compile("(module)").unwrap();
    let config = config();
    for feature in [Feature::Memory64, Feature::Exceptions] {
        let mut config = config.clone();
        config.feature(feature, true);
        let error = config.check(E::NAME, &E::support()).unwrap_err();
        assert!(error.message().contains(feature.name()), "{error}");
    }
}

#[test]
fn what_is_not_valid_is_the_engine_s_error() {
    let unit = E::new_unit(&engine()).unwrap();
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\xff"] {
        let error = E::compile(&unit, bytes).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Engine, "{error}");
    }
}

#[test]
fn deterministic_engines_make_nans_canonical() {
    let mut config = config();
    config
        .feature(Feature::RelaxedSimd, false)
        .deterministic(true);
    config.check(E::NAME, &E::support()).unwrap();
    let mut it = Fixture::configured(&config, Limits::new());
    let instance = it.instance(
        r#"(module (func (export "add") (param f32 f32) (result f32)
            (f32.add (local.get 0) (local.get 1))))"#,
    );
    let result = it.call(&instance, "add", "ff:f", &[0xff81_2345, 0x3f80_0000]);
    assert_eq!(result.unwrap(), [0x7fc0_0000]);
}

#[test]
#[allow(unsafe_code, reason = "artifacts are machine code")]
fn artifacts_are_loaded_into_another_unit() {
    let engine = engine();
    let unit = E::new_unit(&engine).unwrap();
    let wasm = wat::parse_str(
        r#"(module $m (global $n (mut i32) (i32.const 0)) (memory 1)
            (func $start (global.set $n (i32.const 6))) (start $start)
            (func $f (export "f") (param i32) (result i32)
                (i32.div_u (global.get $n) (local.get 0))))"#,
    )
    .unwrap();
    let module = E::compile(&unit, &wasm).unwrap();
    let bytes = E::serialize(&module).unwrap().unwrap();
    drop((module, unit));

    let mut it = Fixture::new();
    // SAFETY: they are what `serialize` gave.
    let module = unsafe { E::deserialize(&it.unit, &bytes) }.unwrap();
    let realm = it.realm;
    let instance = E::instantiate(&mut it.cx(), realm, &module, &[]).unwrap();
    assert_eq!(it.call(&instance, "f", "i:i", &[3]).unwrap(), [2]);
    let error = it.call(&instance, "f", "i:i", &[0]).unwrap_err();
    assert_eq!(error.trap_code(), Some(TrapCode::IntegerDivisionByZero));
    assert_eq!(error.frames()[0].function.as_deref(), Some("f"));

    for bytes in [&bytes[..bytes.len() / 2], b"", b"nonsense"] {
        // SAFETY: they are refused before any of it runs.
        let error = unsafe { E::deserialize(&it.unit, bytes) }.unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Artifact, "{error}");
    }
}
