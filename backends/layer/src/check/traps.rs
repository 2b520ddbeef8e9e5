//! Every trap of the core specification that can be provoked without threads,
//! garbage collection or exceptions.

use std::sync::OnceLock;

use enginebay_core::TrapCode;

use super::*;

/// Bodies of a function without parameters and results, in a module with a
/// memory of one page, and a table of three elements of which the first is a
/// function of type `$wanted` and the second one of another type.
const TRAPS: &[(TrapCode, &str)] = &[
    (TrapCode::Unreachable, "unreachable"),
    (
        TrapCode::MemoryOutOfBounds,
        "(drop (i32.load (i32.const 65533)))",
    ),
    (
        TrapCode::MemoryOutOfBounds,
        "(i64.store offset=4294967295 (i32.const -1) (i64.const 0))",
    ),
    (
        TrapCode::MemoryOutOfBounds,
        "(memory.fill (i32.const 65535) (i32.const 0) (i32.const 2))",
    ),
    (
        TrapCode::MemoryOutOfBounds,
        "(memory.copy (i32.const 0) (i32.const 65535) (i32.const 2))",
    ),
    (
        TrapCode::MemoryOutOfBounds,
        "(memory.init $data (i32.const 0) (i32.const 1) (i32.const 4))",
    ),
    (
        TrapCode::TableOutOfBounds,
        "(drop (table.get $t (i32.const 3)))",
    ),
    (
        TrapCode::TableOutOfBounds,
        "(table.set $t (i32.const -1) (ref.null func))",
    ),
    (
        TrapCode::TableOutOfBounds,
        "(table.fill $t (i32.const 2) (ref.null func) (i32.const 2))",
    ),
    (
        TrapCode::TableOutOfBounds,
        "(table.copy $t $t (i32.const 0) (i32.const 2) (i32.const 2))",
    ),
    (
        TrapCode::TableOutOfBounds,
        "(table.init $t $elem (i32.const 0) (i32.const 0) (i32.const 2))",
    ),
    (
        TrapCode::TableOutOfBounds,
        "(call_indirect $t (type $wanted) (i32.const 3))",
    ),
    (
        TrapCode::IndirectCallToNull,
        "(call_indirect $t (type $wanted) (i32.const 2))",
    ),
    (
        TrapCode::BadSignature,
        "(call_indirect $t (type $wanted) (i32.const 1))",
    ),
    (
        TrapCode::IntegerDivisionByZero,
        "(drop (i32.div_u (i32.const 1) (global.get $zero32)))",
    ),
    (
        TrapCode::IntegerDivisionByZero,
        "(drop (i64.rem_s (i64.const 1) (global.get $zero64)))",
    ),
    (
        TrapCode::IntegerOverflow,
        "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero32) (i32.const 1))))",
    ),
    (
        TrapCode::IntegerOverflow,
        "(drop (i64.div_s (i64.const 0x8000000000000000)
            (i64.sub (global.get $zero64) (i64.const 1))))",
    ),
    (
        TrapCode::IntegerOverflow,
        "(drop (i32.trunc_f32_s (f32.mul (global.get $one) (f32.const 1e10))))",
    ),
    (
        TrapCode::BadConversionToInteger,
        "(drop (i64.trunc_f32_u (f32.mul (global.get $one) (f32.const nan))))",
    ),
];

/// Each trap, with its code and not one that is alike.
pub fn every_trap_has_its_code<E: CoreEngine>() {
    for (code, body) in TRAPS {
        let text = format!(
            "(module
                (type $wanted (func))
                (type $other (func (result i32)))
                (memory 1)
                (table $t 3 funcref)
                (global $zero32 (mut i32) (i32.const 0))
                (global $zero64 (mut i64) (i64.const 0))
                (global $one (mut f32) (f32.const 1))
                (data $data \"1234\")
                (elem $elem funcref (ref.null func))
                (elem (table $t) (i32.const 0) func $f $g)
                (func $f (type $wanted))
                (func $g (type $other) i32.const 0)
                (func (export \"f\") {body}))"
        );
        let mut host = Host::<E>::new();
        let instance = host.instance(&text, &[]);
        let error = unwrap_err(host.call(&instance, "f", &Signature::default(), &[]));
        assert_eq!(error.trap_code(), Some(*code), "{body}: {error:?}");
    }
}

/// Segments that do not fit, and a start function that traps.
pub fn traps_of_segments_and_start_functions_have_their_codes<E: CoreEngine>() {
    let cases = [
        (
            TrapCode::MemoryOutOfBounds,
            "(module (memory 1) (data (i32.const 65535) \"12\"))",
        ),
        (
            TrapCode::TableOutOfBounds,
            "(module (table 1 funcref) (func $f) (elem (i32.const 1) func $f))",
        ),
        (
            TrapCode::Unreachable,
            "(module (func $f unreachable) (start $f))",
        ),
    ];
    for (code, text) in cases {
        let error = unwrap_err(Host::<E>::new().instantiate(text, &[]));
        assert_eq!(error.trap_code(), Some(code), "{text}: {error:?}");
    }
}

/// A guest that calls itself without end stops, with few values on the stack or
/// with many, and the engine goes on.
pub fn endless_recursion_is_a_stack_overflow<E: CoreEngine>() {
    let many = "(local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)";
    for locals in ["", many] {
        let mut host = Host::<E>::new();
        let text = format!(
            "(module (global $n (mut i32) (i32.const 0))
                (func $f (export \"f\") (result i32) {locals}
                    (global.set $n (i32.add (global.get $n) (i32.const 1)))
                    (i32.add (call $f) (i32.const 1)))
                (func (export \"depth\") (result i32) global.get $n))"
        );
        let instance = host.instance(&text, &[]);
        let error = unwrap_err(host.get(&instance, "f"));
        assert_eq!(
            error.trap_code(),
            Some(TrapCode::StackOverflow),
            "{error:?}"
        );
        let depth = host.get(&instance, "depth").unwrap();
        assert!(depth > 500, "a program may call {depth} deep");
    }
}

/// The smallest stack that the configuration allows is enough for a guest.
pub fn a_guest_runs_on_the_smallest_stack<E: CoreEngine>() {
    let mut config = config();
    config.max_stack(16 << 10);
    let mut host = Host::<E>::with(&config, limits());
    let text = "(module
        (func $sum (export \"sum\") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (local.get 0)
                    (call $sum (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0)))))";
    let instance = host.instance(text, &[]);
    let ty = signature([I32], [I32]);
    assert_eq!(host.call(&instance, "sum", &ty, &[20]).unwrap(), [210]);
    let error = unwrap_err(host.call(&instance, "sum", &ty, &[1_000_000]));
    assert_eq!(
        error.trap_code(),
        Some(TrapCode::StackOverflow),
        "{error:?}"
    );
}

/// A guest and a host function that call each other without end stop, before
/// the thread's own stack is spent.
pub fn endless_recursion_through_the_host_is_a_stack_overflow<E: CoreEngine>() {
    let mut host = Host::<E>::new();
    let func = std::sync::Arc::new(OnceLock::<E::Func>::new());
    let inner = std::sync::Arc::clone(&func);
    let ty = Signature::default();
    let again = ty.clone();
    let import = host.host_func(&ty, move |mut cx, _slots| {
        call::<E>(&mut cx, inner.get().unwrap(), &again, &[]).map(drop)
    });
    let instance = host.instance(CALLS_HOST, &[import]);
    assert!(func.set(host.func(&instance, "f")).is_ok());
    for _ in 0..2 {
        let error = unwrap_err(host.call(&instance, "f", &ty, &[]));
        assert_eq!(
            error.trap_code(),
            Some(TrapCode::StackOverflow),
            "{error:?}"
        );
    }
}

/// Traps, and errors of host functions, tell where the guest was, innermost
/// function first. For engines that have backtraces; not one of
/// [`core_engine_tests!`](crate::core_engine_tests).
pub fn errors_have_frames<E: CoreEngine>() {
    let text = "(module $named
        (import \"\" \"h\" (func $h))
        (func $inner unreachable)
        (func $outer (export \"trap\") call $inner)
        (func $caller (export \"host\") call $h))";
    let module = wasm(text);
    let mut host = Host::<E>::new();
    let import = host.host_func(&Signature::default(), |_cx, _slots| {
        Err(Error::host(std::fmt::Error))
    });
    let instance = host.instance(text, &[import]);
    for (export, functions) in [("trap", &["inner", "outer"][..]), ("host", &["caller"])] {
        let error = unwrap_err(host.call(&instance, export, &Signature::default(), &[]));
        let frames = error.frames();
        let names: Vec<_> = frames.iter().map(|it| it.function.as_deref()).collect();
        let wanted: Vec<_> = functions.iter().copied().map(Some).collect();
        assert_eq!(names, wanted, "{error:?}");
        for frame in frames {
            assert_eq!(frame.module.as_deref(), Some("named"));
            let offset = frame.offset.unwrap();
            assert!(offset > 8 && offset < module.len() as u64, "{error:?}");
        }
    }
}
