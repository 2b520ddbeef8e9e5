use wasmparser::Parser;

use super::*;
use crate::error::ErrorKind;

/// How many values the last function of a module passes, and how many places
/// times locals it has.
fn counted(module: &str) -> (u64, u64) {
    let wasm = wat::parse_str(module).unwrap();
    let count = |limits: &Complexity| {
        let mut module = Module::default();
        let mut last = Ok(());
        for payload in Parser::new(0).parse_all(&wasm) {
            let payload = payload.unwrap();
            module.see(&payload, &Complexity::default()).unwrap();
            if let Payload::CodeSectionEntry(body) = payload {
                last = module.count(&body, limits);
            }
        }
        last
    };
    let least = |set: fn(&mut Complexity, u64)| {
        let mut limits = Complexity::default();
        let mut allows = |limit| {
            set(&mut limits, limit);
            count(&limits).is_ok()
        };
        let (mut fits, mut below) = (1 << 40, 0);
        assert!(allows(fits));
        while below < fits {
            let middle = u64::midpoint(below, fits);
            if allows(middle) {
                fits = middle;
            } else {
                below = middle + 1;
            }
        }
        if fits > 0 {
            set(&mut limits, fits - 1);
            assert_eq!(*count(&limits).unwrap_err().kind(), ErrorKind::TooLarge);
        }
        fits
    };
    (
        least(|limits, limit| limits.values = limit),
        least(|limits, limit| limits.locals_in_blocks = limit),
    )
}

#[test]
fn values_of_blocks_branches_and_calls_count() {
    let types = "(type $t (func (param i32 i64) (result f32)))
        (import \"\" \"f\" (func $f (type $t)))";
    for (body, values) in [
        ("nop", 0),
        ("block end", 0),
        ("block (result i32) i32.const 1 end drop", 1),
        (
            "i32.const 1 i64.const 2 block (type $t) unreachable end drop",
            3,
        ),
        (
            "i32.const 1 i64.const 2 loop (type $t) unreachable end drop",
            24,
        ),
        // A branch to a loop takes what the loop does, else what a block gives.
        ("i32.const 1 i64.const 2 loop (type $t) br 0 end drop", 26),
        ("block (result i32) i32.const 1 br 0 end drop", 2),
        (
            "block (result i32) i32.const 1 i32.const 0 br_table 0 0 0 end drop",
            4,
        ),
        ("i32.const 1 i64.const 2 call $f drop", 11),
        ("unreachable call $f call $f drop drop", 22),
        ("unreachable call_indirect (type $t) drop", 11),
        ("i32.const 1 table.get 0 drop", 8),
        ("unreachable memory.fill memory.grow drop", 16),
    ] {
        let (found, _) = counted(&format!(
            "(module {types} (memory 1) (table 1 funcref) (func {body}))"
        ));
        assert_eq!(found, values, "{body}");
    }
}

#[test]
fn blocks_that_catch_are_blocks() {
    let types = "(type $t (func (param i32 i64)))
        (import \"\" \"t\" (tag (param i32)))
        (tag $t (type $t))
        (func (param i32 i32 i32))";
    for (body, values, places) in [
        ("try_table end", 0, 1),
        ("try_table (result i32) i32.const 1 end drop", 1, 1),
        // A branch out of it takes what it gives, and one after it does not
        // take what is further out.
        ("try_table (result i32) i32.const 1 br 0 end drop", 2, 1),
        (
            "block (result i32) try_table end i32.const 1 br 0 end drop",
            2,
            2,
        ),
        (
            "block (result i32) try_table try_table end end i32.const 1
                i32.const 0 br_if 0 end drop",
            2,
            4,
        ),
        // Each clause is a branch, to a label outside.
        (
            "block (result i32 i64)
                try_table (result i32) (catch $t 0) (catch_all 1) i32.const 1 end
                unreachable
            end drop drop",
            5,
            4,
        ),
        ("i32.const 1 i64.const 2 throw $t", 2, 0),
        ("unreachable throw 0", 1, 0),
        // The older form.
        (
            "block (result i32)
                try throw $t catch $t drop drop catch_all end
                i32.const 1 br 0
            end drop",
            6,
            4,
        ),
        (
            "block (result i32) try delegate 0 i32.const 1 br 0 end drop",
            2,
            2,
        ),
    ] {
        let (found, product) = counted(&format!("(module {types} (func (local i32) {body}))"));
        assert_eq!((found, product), (values, places), "{body}");
    }
}

#[test]
fn what_ends_and_did_not_begin_is_malformed() {
    let mut module = Module::default();
    module.begin(0, false);
    assert!(module.operator(&Operator::End).is_some());
    assert!(module.operator(&Operator::End).is_none());
    let delegate = Operator::Delegate { relative_depth: 0 };
    assert!(module.operator(&delegate).is_none());
    // A body with one end more than it has blocks.
    let body = [0, 0x0b, 0x0b];
    let reader = wasmparser::BinaryReader::new(&body, 0);
    let body = FunctionBody::new(reader);
    let error = module.count(&body, &Complexity::default()).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::InvalidComponent);
}

#[test]
fn locals_count_once_for_each_place() {
    for (function, product) in [
        ("(func (local i32 i32))", 0),
        ("(func (local i32 i32) block end)", 2),
        ("(func (param i64) (local i32 i32) loop end block end)", 8),
        ("(func (param i32) local.get 0 if else end)", 2),
        ("(func (param i32) block local.get 0 br_if 0 end)", 2),
        ("(func (param i32) block local.get 0 br_table 0 0 0 end)", 4),
        ("(func block end)", 0),
        (
            "(table 1 funcref) (func (param i32) local.get 0 call_indirect)",
            4,
        ),
    ] {
        let (_, found) = counted(&format!("(module {function})"));
        assert_eq!(found, product, "{function}");
    }
}

#[test]
fn blocks_far_inside_of_others_count_again() {
    // The function's own label is the first.
    for (count, places) in [(999, 999), (1_000, 1_001), (2_000, 1_000 + 2 * 1_000 + 2)] {
        for begin in ["block ", "if ", "try_table "] {
            let function = format!(
                "(module (func (param i32) unreachable {} {}))",
                begin.repeat(count),
                "end ".repeat(count)
            );
            assert_eq!(counted(&function).1, places, "{count} of {begin}");
        }
    }
}

#[test]
fn loops_in_loops_count_again() {
    let product = |count: u64| {
        let function = format!(
            "(module (func {} {}))",
            "loop ".repeat(count as usize),
            "end ".repeat(count as usize)
        );
        counted(&function).1
    };
    // Each is as a local, too.
    assert_eq!(product(8), 8 * 8);
    assert_eq!(product(9), 9 * (8 + 2));
    assert_eq!(product(17), 17 * (8 + 2 * 8 + 3));
    let beside = format!("(module (func {}))", "loop end ".repeat(17));
    assert_eq!(counted(&beside).1, 17 * 17);
}

#[test]
fn locals_that_loops_use_count_by_pairs() {
    let uses = |locals: std::ops::Range<usize>| {
        let gets = locals.map(|it| format!("local.get {it} drop "));
        gets.collect::<String>()
    };
    let (few, some, all) = (uses(0..32), uses(16..64), uses(0..64));
    let square = |used: u64| used * used / 256;
    for (body, loops, squares) in [
        ("loop end".to_owned(), 1, 0),
        (format!("{all} loop end {all}"), 1, 0),
        (format!("loop {few} end"), 1, square(32)),
        (format!("loop {few} {few} {few} end"), 1, square(32)),
        (format!("loop {few} {some} end"), 1, square(64)),
        (
            format!("loop {few} end loop {all} end"),
            2,
            square(32) + square(64),
        ),
        // What a loop uses, those around it do.
        (format!("loop loop {few} end end"), 2, 2 * square(32)),
        (format!("loop {few} loop {few} end end"), 2, 2 * square(32)),
        (format!("loop loop {few} end {few} end"), 2, 2 * square(32)),
        (
            format!("loop {few} loop {some} end end"),
            2,
            square(64) + square(48),
        ),
        (
            format!("loop loop {few} end loop {some} end {few} end"),
            3,
            square(32) + square(48) + square(64),
        ),
        (
            format!("loop loop loop {few} end {some} end loop {all} end end"),
            4,
            square(32) + 3 * square(64),
        ),
    ] {
        // Another function's loops were before, with the same locals.
        let text = format!(
            "(module (func (local {i64s}) loop {all} end) (func (local {i64s}) {body}))",
            i64s = "i64 ".repeat(64)
        );
        let expected = loops * (64 + loops) + squares;
        assert_eq!(counted(&text).1, expected, "{body}");
    }
}

#[test]
fn locals_that_are_set_where_ways_part_count_as_values() {
    // Two blocks around, of which one is left by a branch.
    let sets = "i32.const 1 local.set 1 i32.const 1 local.set 2";
    let gets = "local.get 1 local.get 2 drop drop";
    for (body, locals) in [
        (sets.to_owned(), 0),
        (format!("block {sets} end {gets}"), 0),
        (format!("block br 0 {sets} end {gets}"), 2),
        (format!("block local.get 0 br_if 0 {sets} end {gets}"), 2),
        (
            format!("block local.get 0 br_table 0 0 {sets} end {gets}"),
            2,
        ),
        (
            format!("block br 0 local.get 0 local.tee 1 drop end {gets}"),
            1,
        ),
        (format!("block block br 1 {sets} end end {gets}"), 2),
        (
            format!("block block br 1 {sets} end br 0 {sets} end {gets}"),
            2,
        ),
        (
            format!("block block br 1 {sets} br 0 end {sets} end {gets}"),
            4,
        ),
        (format!("block {sets} end block br 0 end {gets}"), 0),
        (format!("local.get 0 if {sets} end {gets}"), 2),
        (format!("local.get 0 if {sets} else {sets} end {gets}"), 2),
        (format!("local.get 0 if else {sets} end {gets}"), 2),
        (format!("loop {sets} end {gets}"), 0),
        (format!("loop {sets} br 0 end {gets}"), 2),
        (
            format!("block try_table (catch_all 0) {sets} end end {gets}"),
            2,
        ),
        (format!("try {sets} catch_all {gets} end"), 2),
        // Behind the function, there are none.
        (format!("block {sets} local.get 0 br_if 1 end {gets}"), 0),
    ] {
        let text = format!("(module (func (param i32) (local i32 i32) {body}))");
        assert_eq!(counted(&text).0, MET * locals, "{body}");
    }
}

#[test]
fn locals_of_one_origin_are_no_values_where_ways_meet() {
    let (set, get) = ("i32.const 1 local.set 1", "local.get 1 drop");
    let choice = |inner: &str| format!("local.get 0 if {inner} end");
    for (body, is_one) in [
        (choice(set), true),
        (choice(&format!("{set} {get}")), true),
        (choice(&format!("{set} {} {get}", choice(get))), true),
        (choice(&format!("{set} {get} else {set} {get}")), true),
        (choice(&format!("{set} else {get}")), false),
        (format!("{} {get}", choice(set)), false),
        (choice(&format!("{set} {}", choice(set))), true),
        (choice(&format!("{set} {} {get}", choice(set))), false),
        (format!("{set} {} {get}", choice(set)), false),
        (format!("{get} {}", choice(set)), true),
        (
            format!("{set} {get} {}", choice(&format!("{set} {get}"))),
            true,
        ),
        (format!("loop {set} {get} br 0 end"), true),
        (format!("loop {set} {} br 0 end", choice(get)), true),
        (format!("loop {get} {set} br 0 end"), false),
        (format!("{set} loop {get} {set} br 0 end"), false),
        (format!("loop {} {get} br 0 end", choice(set)), false),
        (
            format!("loop {set} loop {get} {set} br 0 end br 0 end"),
            false,
        ),
        (
            format!("loop {} br 0 end", choice(&format!("{set} {get}"))),
            true,
        ),
        (format!("try {set} {get} catch_all {set} {get} end"), true),
        (format!("try {set} catch_all {get} end"), false),
    ] {
        let text = format!("(module (func (param i32) (local i32) {body}))");
        let (values, _) = counted(&text);
        assert_eq!(values == 0, is_one, "{body}: {values}");
    }
}

#[test]
fn locals_that_are_in_use_at_once_count_by_pairs() {
    let each = |locals: std::ops::Range<usize>, code: &dyn Fn(usize) -> String| {
        locals.map(code).collect::<String>()
    };
    let set = |i| format!("i32.const 1 local.set {i} ");
    let get = |i| format!("local.get {i} drop ");
    let tee = |i| format!("i32.const 1 local.tee {i} drop ");
    let square = |held: u64| held * held / 8;
    let all = 0..2_001;
    for (body, product) in [
        (String::new(), 0),
        (each(all.clone(), &|i| set(i) + &get(i)), square(1)),
        (
            each(all.clone(), &set) + &each(all.clone(), &get),
            square(2_001),
        ),
        (
            each(all.clone(), &tee) + &each(all.clone(), &tee),
            square(2_001),
        ),
        (
            each(0..100, &set) + &each(100..200, &set) + &each(0..100, &get),
            square(101),
        ),
        // In a loop, all is in use from its beginning to its end.
        (
            format!("loop {} end", each(0..256, &|i| set(i) + &get(i))),
            2_002 + 256 + square(256),
        ),
    ] {
        let text = format!("(module (func (local {}) {body}))", "i32 ".repeat(2_001));
        assert_eq!(counted(&text).1, product, "{body}");
    }
    // Of fewer locals, all may be.
    let body = each(0..2_000, &set) + &each(0..2_000, &get);
    let text = format!("(module (func (local {}) {body}))", "i32 ".repeat(2_000));
    assert_eq!(counted(&text).1, 0);
}

#[test]
fn locals_that_are_not_there_are_not_kept() {
    // `local.get 4294967295` in a loop.
    let body = [
        0, 0x03, 0x40, 0x20, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 0x0b, 0x0b,
    ];
    let body = FunctionBody::new(wasmparser::BinaryReader::new(&body, 0));
    let mut module = Module::default();
    module.count(&body, &Complexity::default()).unwrap();
    assert!(module.locals.is_empty());
}

#[test]
fn more_locals_than_engines_take_cannot_be_allowed() {
    let limits = Complexity {
        locals: u64::MAX,
        ..Complexity::default()
    };
    for (locals, fits) in [(48_999, true), (49_000, false)] {
        let text = format!(
            "(module (func (param i32) (local {})))",
            "i32 ".repeat(locals)
        );
        let wasm = wat::parse_str(text).unwrap();
        let mut module = Module::default();
        let result = Parser::new(0).parse_all(&wasm).try_for_each(|payload| {
            let payload = payload.unwrap();
            module.see(&payload, &limits)?;
            match payload {
                Payload::CodeSectionEntry(body) => module.count(&body, &limits),
                _ => Ok(()),
            }
        });
        assert_eq!(result.is_ok(), fits, "{locals}: {result:?}");
    }
}

#[test]
fn signatures_of_all_modules_count() {
    let text = r#"(component
        (core module
            (type (func (param f64))) (type (func (param i32 i64) (result f32)))
            (import "" "f" (func (type 1))))
        (core module (type (func (result f64)))
            (func (type 0) unreachable) (func (type 0) unreachable)))"#;
    let wasm = wat::parse_str(text).unwrap();
    let count = |signatures| {
        let limits = Complexity {
            signatures,
            ..Complexity::default()
        };
        let mut module = Module::default();
        Parser::new(0)
            .parse_all(&wasm)
            .try_for_each(|payload| module.see(&payload.unwrap(), &limits))
    };
    count(9 + 11 + 3 + 9 + 2).unwrap();
    let error = count(9 + 11 + 3 + 9 + 1).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TooLarge);
    assert_eq!(
        error.message(),
        "parameters and results of functions and types: 34, and 33 is allowed"
    );
}

#[test]
fn each_module_begins_anew() {
    let text = r#"(component
        (core module (type (func (param i32 i32))) (func (type 0)))
        (core module (type (func)) (func (type 0) (local i64) block end)))"#;
    let wasm = wat::parse_str(text).unwrap();
    let limits = Complexity {
        locals_in_blocks: 1,
        ..Complexity::default()
    };
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(&wasm) {
        let payload = payload.unwrap();
        module.see(&payload, &Complexity::default()).unwrap();
        if let Payload::CodeSectionEntry(body) = payload {
            module.count(&body, &limits).unwrap();
        }
    }
}

#[test]
fn open_blocks_are_kept_up_to_what_is_allowed() {
    let text = format!(
        "(module (func {} {}))",
        "block ".repeat(10_000),
        "end ".repeat(10_000)
    );
    let wasm = wat::parse_str(text).unwrap();
    let limits = Complexity {
        blocks: 100,
        ..Complexity::default()
    };
    let mut module = Module::default();
    let mut last = Ok(());
    for payload in Parser::new(0).parse_all(&wasm) {
        let payload = payload.unwrap();
        module.see(&payload, &limits).unwrap();
        if let Payload::CodeSectionEntry(body) = payload {
            last = module.count(&body, &limits);
        }
    }
    assert_eq!(*last.unwrap_err().kind(), ErrorKind::TooLarge);
    // The function, and the one that was too many.
    assert_eq!(module.blocks.len(), 102);
}

#[test]
fn more_targets_than_engines_take_cannot_be_allowed() {
    let limits = Complexity {
        blocks: u64::MAX,
        values: u64::MAX,
        ..Complexity::default()
    };
    // Whether the code is reached or not.
    for before in ["", "unreachable"] {
        for (targets, fits) in [(65_520, true), (65_521, false)] {
            // One more is for all other numbers.
            let text = format!(
                "(module (func {before} i32.const 0 br_table 0 {}))",
                "0 ".repeat(targets)
            );
            let wasm = wat::parse_str(text).unwrap();
            let result = super::super::count(&wasm, &limits);
            assert_eq!(result.is_ok(), fits, "{targets}: {:?}", result.err());
        }
    }
}
