//! Large fills and copies become calls, in a binary that is otherwise the same.

use std::collections::BTreeSet;

use enginebay_core::parts::{self, InParts, Offsets};
use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

/// Each operation, on memories with addresses of 32 and of 64 bits.
fn guest() -> String {
    let megabytes = "x".repeat(2 << 20);
    format!(
        r#"(module $guest
            (import "" "f" (func $f (param i32)))
            (memory $a 40)
            (memory $b 40)
            (memory $w i64 40)
            (data $large "{megabytes}")
            (data $small "abc")
            (func $one (export "one") (param i32 i32 i32)
                (memory.fill $a (local.get 0) (local.get 1) (local.get 2))
                (call $f (i32.const 1))
                (memory.copy $a $a (local.get 0) (local.get 1) (local.get 2))
                (memory.copy $b $a (local.get 0) (local.get 1) (local.get 2))
                (memory.fill $a (local.get 0) (local.get 1) (i32.const 1048576))
                (memory.fill $a (local.get 0) (local.get 1) (i32.const 1048577))
                (memory.init $a $large (local.get 0) (local.get 1) (local.get 2))
                (memory.init $a $small (local.get 0) (local.get 1) (local.get 2)))
            (func $none (param $p i32) (call $f (local.get $p)))
            (func $wide (param i64 i32 i64)
                (memory.fill $w (local.get 0) (local.get 1) (local.get 2))
                (memory.copy $w $w (local.get 0) (local.get 2) (local.get 2))
                (memory.copy $w $a (local.get 0) (local.get 1) (local.get 1))
                (memory.copy $a $w (local.get 1) (local.get 0) (local.get 1))
                (memory.init $w $large (local.get 0) (local.get 1) (local.get 1))))"#
    )
}

/// Operators with their offsets, and whether they are bulk operations.
type Body = Vec<(u64, String, bool)>;

/// The operators of all bodies.
fn operators(wasm: &[u8]) -> Vec<Body> {
    let mut all = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let mut reader = body.get_operators_reader().unwrap();
            let mut body = Vec::new();
            while !reader.eof() {
                let (operator, at) = reader.read_with_offset().unwrap();
                let is_bulk = matches!(
                    operator,
                    Operator::MemoryFill { .. }
                        | Operator::MemoryCopy { .. }
                        | Operator::MemoryInit { .. }
                );
                body.push((at as u64, format!("{operator:?}"), is_bulk));
            }
            all.push(body);
        }
    }
    all
}

/// Checks that all is as it was but for calls, and how many those are.
fn check(original: &[u8], new: &InParts) -> usize {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&new.wasm)
        .unwrap();
    let before = operators(original);
    let is_added = |body: &Body| new.offsets.original(body[0].0).is_none();
    let (added, after): (Vec<_>, Vec<_>) = operators(&new.wasm).into_iter().partition(is_added);
    let mut calls = BTreeSet::new();
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.len(), after.len());
        for ((was_at, was, is_bulk), (at, is, _)) in before.iter().zip(after) {
            assert_eq!(new.offsets.original(*at), Some(*was_at), "{was}");
            if was != is {
                assert!(is_bulk, "{was} became {is}");
                assert!(is.starts_with("Call "), "{was} became {is}");
                calls.insert(was);
            }
        }
    }
    for (at, operator, _) in added.iter().flatten() {
        assert_eq!(new.offsets.original(*at), None, "{operator} at {at}");
    }
    assert_eq!(added.len(), calls.len());
    let mut bytes = Vec::new();
    new.offsets.write(&mut bytes);
    let len = bytes.len();
    bytes.extend_from_slice(b"more");
    assert_eq!(Offsets::read(&bytes), Some((new.offsets.clone(), len)));
    for cut in 0..len {
        assert_eq!(Offsets::read(&bytes[..cut]), None);
    }
    calls.len()
}

#[test]
fn each_large_operation_is_a_call() {
    let wasm = wat::parse_str(guest()).unwrap();
    let new = parts::module(&wasm, &[], None).unwrap();
    // A fill of 1 MiB and data of three bytes are as they were.
    assert_eq!(check(&wasm, &new), 9);
    let look = [
        wasm_encoder::Instruction::I32Const(1),
        wasm_encoder::Instruction::Call(0),
    ];
    assert_eq!(check(&wasm, &parts::module(&wasm, &look, None).unwrap()), 9);
}

#[test]
fn modules_of_components_are_led_back_by_offsets_of_the_component() {
    let module = guest().replace("(module", "(core module");
    let plain = "(core module (func (param i32) (nop)))";
    let text = format!("(component {plain} (component {module} {plain}) {plain})");
    let wasm = wat::parse_str(text).unwrap();
    let new = parts::component(&wasm).unwrap();
    assert_eq!(check(&wasm, &new), 9);
}

#[test]
fn what_has_no_large_operation_stays() {
    for text in [
        "(module)",
        "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))))",
        "(module (memory 1) (func (drop (memory.grow (i32.const 0xfc0b)))))",
    ] {
        let wasm = wat::parse_str(text).unwrap();
        assert!(parts::module(&wasm, &[], None).is_none(), "{text}");
        let text = text.replace("(module", "(component (core module") + ")";
        let wasm = wat::parse_str(&text).unwrap();
        assert!(parts::component(&wasm).is_none(), "{text}");
    }
}

#[test]
fn a_module_gets_another_name_and_keeps_those_of_its_functions() {
    let wasm = wat::parse_str(guest()).unwrap();
    let name = |name: Option<&str>| format!("<{}>", name.unwrap());
    let new = parts::module(&wasm, &[], Some(&name)).unwrap();
    assert_eq!(check(&wasm, &new), 9);
    assert_eq!(names(&new.wasm), ["<guest>", "f", "none", "one", "wide"]);
}

/// The names of a module and its functions.
fn names(wasm: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CustomSection(section) = payload.unwrap() else {
            continue;
        };
        let wasmparser::KnownCustom::Name(names) = section.as_known() else {
            continue;
        };
        for name in names {
            match name.unwrap() {
                wasmparser::Name::Module { name, .. } => all.push(name.to_owned()),
                wasmparser::Name::Function(names) => {
                    all.extend(names.into_iter().map(|name| name.unwrap().name.to_owned()));
                }
                _ => {}
            }
        }
    }
    all[1..].sort();
    all
}
