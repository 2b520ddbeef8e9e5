//! Names and offsets of metered modules lead back to the module as it was.

use std::collections::BTreeMap;

use wasmtime_environ::wasmparser::{KnownCustom, Name, Operator};

use super::*;

const WAT: &str = r#"(module $name
    (import "host" "log" (func $log (param i32) (result i32)))
    (import "host" "five" (global $five i32))
    (memory 1)
    (global $g (mut i32) (i32.add (global.get $five) (i32.const 1)))
    (func $first (param $x i32) (param $y i64) (result i32) (local $z i32)
        (global.set $g (call $log (local.get $x)))
        (loop $l (br_if $l (i32.lt_u (call $second (i32.const 300)) (global.get $five))))
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 129))
        (block $b (br_if $b (local.get $x)) (br_if 1 (i32.const 1) (local.get $x)) drop)
        (i32.div_u (i32.const 1) (local.get $x)))
    (func $second (param $w i32) (result i32)
        (memory.fill (i32.const 0) (i32.const 0) (i32.sub (i32.const 0) (local.get $w)))
        (return_call $log (local.get $w)))
    (func $start (drop (call $first (i32.const 0) (i64.const 1))))
    (start $start)
    (export "first" (func $first)))"#;

/// The operators of each body, with the offset of each.
fn operators(wasm: &[u8]) -> Vec<Vec<(usize, String)>> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            let all = body.get_operators_reader().unwrap();
            let all = all.into_iter_with_offsets().map(Result::unwrap);
            bodies.push(all.map(|(it, at)| (at, kind(&it))).collect());
        }
    }
    bodies
}

/// An operator without its operands, some of which the pass changes.
fn kind(operator: &Operator<'_>) -> String {
    let text = format!("{operator:?}");
    text.split([' ', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn each_operator_leads_back_to_where_it_was() {
    let wasm = wat::parse_str(WAT).unwrap();
    let metered = meter(&wasm, SLICED, features()).unwrap();
    let before = operators(&wasm);
    let after = operators(&metered.wasm);
    assert_eq!(after.len(), before.len() + 1, "and a start-up function");
    for (before, after) in before.iter().zip(&after) {
        // Everything leads to an operator of this function, in order but for what
        // follows a loop and stops the guest in it, and each of them is reached by
        // one of its own kind, which comes last.
        let before: BTreeMap<_, _> = before.iter().cloned().collect();
        let mut reached: BTreeMap<usize, String> = BTreeMap::new();
        let mut last = 0;
        for (at, kind) in after {
            let original = metered.offsets.offset(*at).unwrap();
            if original < last {
                assert!(
                    ["Br", "End", "LocalGet", "I32Const", "GlobalSet", "Call"].contains(&&**kind),
                    "{kind}"
                );
                assert!(before.contains_key(&original), "{at:#x}");
                continue;
            }
            last = original;
            reached.insert(original, kind.clone());
        }
        assert_eq!(reached, before);
    }
    for (at, _) in &after[before.len()] {
        assert_eq!(metered.offsets.offset(*at), None, "{at:#x}");
    }
}

#[test]
fn a_loop_is_stopped_at_its_first_operator() {
    let wat = r#"(module (func (loop (nop) (br_if 0 (i32.const 1)))))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let (begin, nop) = (operators(&wasm)[0][0].0, operators(&wasm)[0][1].0);
    for mode in [SLICED, Mode::Flag] {
        let metered = meter(&wasm, mode, features()).unwrap();
        let all = &operators(&metered.wasm)[0];
        let calls = all.iter().filter(|(_, kind)| kind == "Call");
        let places: Vec<_> = calls.map(|(at, _)| metered.offsets.offset(*at)).collect();
        assert_eq!(
            places.len(),
            2,
            "where the function begins, and in the loop"
        );
        assert!(places.contains(&Some(begin)), "{mode:?}: {places:x?}");
        assert!(places.contains(&Some(nop)), "{mode:?}: {places:x?}");
    }
}

#[test]
fn a_trap_of_an_engine_leads_back_to_its_operator() {
    let wasm = wat::parse_str(WAT).unwrap();
    let metered = meter(&wasm, SLICED, features()).unwrap();
    let native = on_wasmtime::frames(&wasm, false);
    let ours: Vec<_> = on_wasmtime::frames(&metered.wasm, true)
        .into_iter()
        .filter_map(|(name, func, offset)| {
            Some((
                name,
                metered.offsets.function(func)?,
                metered.offsets.offset(offset),
            ))
        })
        .collect();
    let native: Vec<_> = native
        .into_iter()
        .map(|(name, func, offset)| (name, func, Some(offset)))
        .collect();
    assert_eq!(ours, native);
    let names: Vec<_> = ours.iter().map(|(name, ..)| name.as_deref()).collect();
    assert_eq!(names, [Some("second"), Some("first"), Some("start")]);
}

#[test]
fn names_stay_with_what_they_name() {
    let wasm = wat::parse_str(WAT).unwrap();
    let all = meter(&wasm, SLICED, features()).unwrap();
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(&all.wasm) {
        let Payload::CustomSection(section) = payload.unwrap() else {
            continue;
        };
        let KnownCustom::Name(names) = section.as_known() else {
            panic!("{}", section.name())
        };
        for name in names {
            match name.unwrap() {
                Name::Module { name, .. } => {
                    let (label, name) = crate::meter::Label::take(name).unwrap();
                    assert_eq!(label, all.label);
                    found.push(name.unwrap().to_owned());
                }
                Name::Function(names) => {
                    for name in names {
                        let name = name.unwrap();
                        found.push(format!("func {} {}", name.index, name.name));
                    }
                }
                Name::Local(all) => {
                    for names in all {
                        let names = names.unwrap();
                        for name in names.names {
                            let name = name.unwrap();
                            found.push(format!(
                                "local {} {} {}",
                                names.index, name.index, name.name
                            ));
                        }
                    }
                }
                Name::Global(names) => {
                    for name in names {
                        let name = name.unwrap();
                        found.push(format!("global {} {}", name.index, name.name));
                    }
                }
                _ => panic!("a name that the module did not have"),
            }
        }
    }
    assert_eq!(
        found,
        [
            "name",
            "func 0 log",
            "func 2 first",
            "func 3 second",
            "func 4 start",
            "local 2 0 x",
            "local 2 1 y",
            "local 2 2 z",
            "local 3 0 w",
            "global 0 five",
            "global 2 g",
        ]
    );
}
