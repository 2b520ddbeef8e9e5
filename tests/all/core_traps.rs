//! Every instruction of core wasm that can trap, and every way in which it can, on
//! every backend: loads, stores, arithmetic, conversions, bulk operations, indirect
//! calls, and the segments of a module that is instantiated. `traps.rs` has those
//! of the canonical ABI.

use std::fmt::Write;

use crate::common::{engine, lift_all, on_each_backend};
use enginebay::generic::{Component, Linker, Store};
use enginebay::{Backend, Error, ErrorKind, Feature, Interruption, TrapCode};

on_each_backend! {
    accesses_outside_of_a_memory_trap
    arithmetic_without_a_result_traps
    conversions_without_a_result_trap
    bulk_operations_check_their_bounds_first
    indirect_calls_that_lead_nowhere_trap
    vectors_outside_of_a_memory_trap
    tail_calls_trap_alike
    segments_that_do_not_fit_trap
}

/// Exports by name, with their bodies and what they trap with.
type Cases = Vec<(String, String, TrapCode)>;

/// Runs each case in a store of its own, and `check` after it where something is
/// said of what it leaves behind.
fn traps<B: Backend>(items: &str, cases: &Cases) {
    let mut module = items.to_owned();
    for (name, body, _) in cases {
        let _ = writeln!(module, "(func (export \"{name}\") {body})");
    }
    module += "(func (export \"fine\"))";
    let mut names: Vec<_> = cases.iter().map(|(name, ..)| name.as_str()).collect();
    names.push("fine");
    let text = lift_all(&module, &names);
    let wasm = enginebay::to_binary(text.as_bytes()).unwrap();
    for interruption in [Interruption::None, Interruption::Fuel] {
        let engine = engine::<B>(interruption);
        let component = Component::new(&engine, &*wasm).unwrap();
        let pre = Linker::<B, ()>::new(&engine)
            .instantiate_pre(&component)
            .unwrap();
        let mut good = Store::new(&engine, ()).unwrap();
        let fine = pre.instantiate(&mut good).unwrap();
        let fine = fine.get_typed_func::<(), ()>(&mut good, "fine").unwrap();
        for (name, body, code) in cases {
            let mut store = Store::new(&engine, ()).unwrap();
            let instance = pre.instantiate(&mut store).unwrap();
            let run = instance.get_typed_func::<(), ()>(&mut store, name).unwrap();
            let Err(error) = run.call(&mut store, ()) else {
                panic!("{name} does not trap: {body}")
            };
            assert_eq!(error.trap_code(), Some(*code), "{name}: {body}\n{error:?}");
            assert_eq!(store.poisoned(), Some(&ErrorKind::Trap(*code)), "{name}");
            fine.call(&mut good, ()).unwrap();
        }
    }
}

fn accesses_outside_of_a_memory_trap<B: Backend>() {
    let accesses: [(&str, i32, &[&str]); 9] = [
        ("i32", 4, &["load", "store"]),
        ("i64", 8, &["load", "store"]),
        ("f32", 4, &["load", "store"]),
        ("f64", 8, &["load", "store"]),
        ("i32", 1, &["load8_s", "load8_u", "store8"]),
        ("i32", 2, &["load16_s", "load16_u", "store16"]),
        ("i64", 1, &["load8_s", "load8_u", "store8"]),
        ("i64", 2, &["load16_s", "load16_u", "store16"]),
        ("i64", 4, &["load32_s", "load32_u", "store32"]),
    ];
    let mut cases = Cases::new();
    for (ty, size, ops) in accesses {
        for op in ops {
            // The first that is outside, by the address and by the offset, and the
            // last that can be said.
            for (at, offset) in [(65537 - size, 0), (1, 65536 - size), (-1, 0), (-1, -1)] {
                let (at, offset) = (at as u32, offset as u32);
                let access = format!("{ty}.{op} offset={offset} (i32.const {at})");
                let body = match op.starts_with("load") {
                    true => format!("(drop ({access}))"),
                    false => format!("({access} ({ty}.const 1))"),
                };
                let name = format!("x{}", cases.len());
                cases.push((name, body, TrapCode::MemoryOutOfBounds));
            }
        }
    }
    traps::<B>("(memory 1)", &cases);
}

fn arithmetic_without_a_result_traps<B: Backend>() {
    let mut cases = Cases::new();
    for (ty, least) in [("i32", "0x80000000"), ("i64", "0x8000000000000000")] {
        for op in ["div_s", "div_u", "rem_s", "rem_u"] {
            for value in ["0", "1", least] {
                cases.push((
                    format!("x{}", cases.len()),
                    format!("(drop ({ty}.{op} ({ty}.const {value}) ({ty}.load (i32.const 8))))"),
                    TrapCode::IntegerDivisionByZero,
                ));
            }
        }
        for divisor in [
            format!("({ty}.const -1)"),
            format!("({ty}.load (i32.const 16))"),
        ] {
            cases.push((
                format!("x{}", cases.len()),
                format!("(drop ({ty}.div_s ({ty}.const {least}) {divisor}))"),
                TrapCode::IntegerOverflow,
            ));
        }
    }
    let items = r#"(memory 1) (data (i32.const 16) "\ff\ff\ff\ff\ff\ff\ff\ff")"#;
    traps::<B>(items, &cases);
}

fn conversions_without_a_result_trap<B: Backend>() {
    let mut cases = Cases::new();
    // The values next to what still fits are taken from the core specification.
    let beyond = [
        ("i32.trunc_f32_s", "f32", ["2147483648", "-2147483904"]),
        ("i32.trunc_f32_u", "f32", ["4294967296", "-1"]),
        ("i32.trunc_f64_s", "f64", ["2147483648", "-2147483649"]),
        ("i32.trunc_f64_u", "f64", ["4294967296", "-1"]),
        (
            "i64.trunc_f32_s",
            "f32",
            ["9223372036854775808", "-9223373136366403584"],
        ),
        ("i64.trunc_f32_u", "f32", ["18446744073709551616", "-1"]),
        (
            "i64.trunc_f64_s",
            "f64",
            ["9223372036854775808", "-9223372036854777856"],
        ),
        ("i64.trunc_f64_u", "f64", ["18446744073709551616", "-1"]),
    ];
    for (op, from, values) in beyond {
        let mut case = |value: &str, code| {
            let name = format!("x{}", cases.len());
            cases.push((name, format!("(drop ({op} ({from}.const {value})))"), code));
        };
        for value in values.into_iter().chain(["inf", "-inf"]) {
            case(value, TrapCode::IntegerOverflow);
        }
        for value in ["nan", "-nan", "nan:0x200000"] {
            case(value, TrapCode::BadConversionToInteger);
        }
    }
    traps::<B>("", &cases);
}

fn bulk_operations_check_their_bounds_first<B: Backend>() {
    let memory = [
        "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 1))",
        "(memory.fill (i32.const 65537) (i32.const 1) (i32.const 0))",
        "(memory.fill (i32.const 1) (i32.const 1) (i32.const -1))",
        "(memory.fill (i32.const 8) (i32.const 1) (i32.const 0x7fffffff))",
        "(memory.copy (i32.const 65536) (i32.const 0) (i32.const 1))",
        "(memory.copy (i32.const 0) (i32.const 65530) (i32.const 7))",
        "(memory.copy (i32.const 65537) (i32.const 0) (i32.const 0))",
        "(memory.copy (i32.const 0) (i32.const 0) (i32.const -1))",
        "(memory.copy $m $n (i32.const 0) (i32.const 131072) (i32.const 1))",
        "(memory.copy $n $m (i32.const 0) (i32.const 65536) (i32.const 1))",
        "(memory.init $data (i32.const 0) (i32.const 0) (i32.const 5))",
        "(memory.init $data (i32.const 65535) (i32.const 0) (i32.const 2))",
        "(memory.init $data (i32.const 0) (i32.const 5) (i32.const 0))",
        "(data.drop $data) (memory.init $data (i32.const 0) (i32.const 0) (i32.const 1))",
    ];
    let table = [
        "(drop (table.get $t (i32.const 3)))",
        "(drop (table.get $t (i32.const -1)))",
        "(table.set $t (i32.const 3) (ref.null func))",
        "(table.fill $t (i32.const 3) (ref.null func) (i32.const 1))",
        "(table.fill $t (i32.const 1) (ref.null func) (i32.const -1))",
        "(table.copy $t $u (i32.const 2) (i32.const 0) (i32.const 2))",
        "(table.copy $u $t (i32.const 0) (i32.const 4) (i32.const 0))",
        "(table.init $t $elem (i32.const 2) (i32.const 0) (i32.const 2))",
        "(table.init $t $elem (i32.const 0) (i32.const 1) (i32.const 2))",
        "(elem.drop $elem) (table.init $t $elem (i32.const 0) (i32.const 0) (i32.const 1))",
        "(table.init $t $declared (i32.const 0) (i32.const 0) (i32.const 1))",
    ];
    let named = |(i, body): (usize, &&str)| (format!("x{i}"), (*body).to_owned());
    let mut cases = Cases::new();
    for (name, body) in memory.iter().enumerate().map(named) {
        cases.push((format!("m{name}"), body, TrapCode::MemoryOutOfBounds));
    }
    for (name, body) in table.iter().enumerate().map(named) {
        cases.push((format!("t{name}"), body, TrapCode::TableOutOfBounds));
    }
    let items = r#"(memory $m 1) (memory $n 2) (data $data "abcd")
        (table $t 3 funcref) (table $u 7 funcref) (func $f)
        (elem $elem func $f $f) (elem $declared declare func $f)"#;
    traps::<B>(items, &cases);
}

fn indirect_calls_that_lead_nowhere_trap<B: Backend>() {
    let case = |name: &str, body: &str, code| (name.to_owned(), body.to_owned(), code);
    let cases = vec![
        case(
            "null",
            "(call_indirect $t (i32.const 2))",
            TrapCode::IndirectCallToNull,
        ),
        case(
            "end",
            "(call_indirect $t (i32.const 3))",
            TrapCode::TableOutOfBounds,
        ),
        case(
            "far",
            "(call_indirect $t (i32.const -1))",
            TrapCode::TableOutOfBounds,
        ),
        case(
            "parameter",
            "(call_indirect $t (param i32) (i32.const 1) (i32.const 0))",
            TrapCode::BadSignature,
        ),
        case(
            "result",
            "(drop (call_indirect $t (result i32) (i32.const 0)))",
            TrapCode::BadSignature,
        ),
        case(
            "other-result",
            "(drop (call_indirect $t (result i64) (i32.const 1)))",
            TrapCode::BadSignature,
        ),
        case(
            "other-table",
            "(call_indirect $u (i32.const 0))",
            TrapCode::IndirectCallToNull,
        ),
        case(
            "shrunk",
            "(table.fill $t (i32.const 0) (ref.null func) (i32.const 3)) \
             (call_indirect $t (i32.const 0))",
            TrapCode::IndirectCallToNull,
        ),
    ];
    let items = "(table $t 3 funcref) (table $u 1 10 funcref) (func $f) \
        (func $g (result i32) (i32.const 1)) (elem (table $t) (i32.const 0) func $f $g)";
    traps::<B>(items, &cases);
}

fn vectors_outside_of_a_memory_trap<B: Backend>() {
    if !B::support().features.contains(Feature::Simd) {
        return;
    }
    let loads = [
        ("v128.load", 16),
        ("v128.load8x8_s", 8),
        ("v128.load16x4_u", 8),
        ("v128.load32x2_s", 8),
        ("v128.load8_splat", 1),
        ("v128.load16_splat", 2),
        ("v128.load32_splat", 4),
        ("v128.load64_splat", 8),
        ("v128.load32_zero", 4),
        ("v128.load64_zero", 8),
    ];
    let vector = "(v128.const i64x2 0 0)";
    let mut cases = Cases::new();
    let mut case = |body| {
        let name = format!("x{}", cases.len());
        cases.push((name, body, TrapCode::MemoryOutOfBounds));
    };
    for (op, size) in loads {
        case(format!("(drop ({op} (i32.const {})))", 65537 - size));
        case(format!("(drop ({op} offset=0xffffffff (i32.const -1)))"));
    }
    case(format!("(v128.store (i32.const 65521) {vector})"));
    for (lane, size) in [("8", 1), ("16", 2), ("32", 4), ("64", 8)] {
        let at = 65537 - size;
        case(format!(
            "(drop (v128.load{lane}_lane 0 (i32.const {at}) {vector}))"
        ));
        case(format!(
            "(v128.store{lane}_lane 0 (i32.const {at}) {vector})"
        ));
    }
    traps::<B>("(memory 1)", &cases);
}

fn tail_calls_trap_alike<B: Backend>() {
    if !B::support().features.contains(Feature::TailCall) {
        return;
    }
    let case = |name: &str, body: &str, code| (name.to_owned(), body.to_owned(), code);
    let cases = vec![
        case(
            "null",
            "(return_call_indirect $t (i32.const 1))",
            TrapCode::IndirectCallToNull,
        ),
        case(
            "end",
            "(return_call_indirect $t (i32.const 2))",
            TrapCode::TableOutOfBounds,
        ),
        case("there", "(return_call $trap)", TrapCode::Unreachable),
        case(
            "there-by-the-table",
            "(return_call_indirect $t (i32.const 0))",
            TrapCode::Unreachable,
        ),
    ];
    let items = "(table $t 2 funcref) (func $trap unreachable) (elem (i32.const 0) $trap)";
    traps::<B>(items, &cases);
}

fn segments_that_do_not_fit_trap<B: Backend>() {
    let cases = [
        (
            "(memory 1) (data (i32.const 65536) \"a\")",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(memory 1) (data (i32.const 65533) \"abcd\")",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(memory 1) (data (i32.const 65537) \"\")",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(memory 1) (data (i32.const -1) \"a\")",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(memory 1) (data (i32.const 0) \"a\") (data (i32.const 70000) \"a\")",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(memory 1) (memory $n 0) (data (memory $n) (i32.const 0) \"a\")",
            TrapCode::MemoryOutOfBounds,
        ),
        (
            "(table 1 funcref) (func $f) (elem (i32.const 1) $f)",
            TrapCode::TableOutOfBounds,
        ),
        (
            "(table 1 funcref) (func $f) (elem (i32.const 0) $f $f)",
            TrapCode::TableOutOfBounds,
        ),
        (
            "(table 1 funcref) (func $f) (elem (i32.const -1) $f)",
            TrapCode::TableOutOfBounds,
        ),
        (
            "(table 1 funcref) (elem (i32.const 2) func)",
            TrapCode::TableOutOfBounds,
        ),
        (
            "(memory 1) (func $f (drop (i32.load (i32.const -1)))) (start $f)",
            TrapCode::MemoryOutOfBounds,
        ),
        ("(func $f unreachable) (start $f)", TrapCode::Unreachable),
    ];
    for interruption in [Interruption::None, Interruption::Fuel] {
        let engine = engine::<B>(interruption);
        for (module, code) in cases {
            let component = Component::new(&engine, lift_all(module, &[])).unwrap();
            let mut store = Store::<B, ()>::new(&engine, ()).unwrap();
            let linker = Linker::<B, ()>::new(&engine);
            let error: Error = linker.instantiate(&mut store, &component).unwrap_err();
            assert_eq!(error.trap_code(), Some(code), "{module}\n{error:?}");
            assert_eq!(store.poisoned(), Some(&ErrorKind::Trap(code)), "{module}");
        }
    }
}
