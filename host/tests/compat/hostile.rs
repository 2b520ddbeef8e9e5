//! Bytes and WIT that are meant to do harm: an error, soon, and no panic.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use enginebay_host::compat::{Offer, Problem, Wit, WitError, compare};
use proptest::prelude::*;
use wasmparser::WasmFeatures;

use super::{component, offer, wit};

const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// A package with every kind of type.
const EVERYTHING: &str = "package a:b@1.0.0;
    interface i {
        record rec { a: u8, b: string, c: list<u8>, d: tuple<u8, char> }
        variant var { a, b(rec), c(option<rec>) }
        enum en { a, b }
        flags fl { a, b }
        resource res { constructor(a: u8); m: func() -> result<u8, en>; s: static func(); }
        f: func(a: rec, b: var, c: en, d: fl, e: borrow<res>) -> result<res, var>;
        g: func(a: list<u8, 4>, b: map<string, f32>, c: option<f64>) -> result;
    }
    world w { import i; export i; import h: func(a: s8, b: s64) -> bool; }";

fn message(component: &[u8]) -> String {
    let unfit = Offer::new()
        .check(component)
        .expect_err("it is no component");
    match &unfit.problems[..] {
        [Problem::NotAComponent { message }] => message.clone(),
        problems => panic!("{problems:?}"),
    }
}

#[test]
fn what_is_no_component_is_told() {
    for bytes in [
        &b""[..],
        b"\0",
        b"\0asm",
        b"\0asm\x01\0\0\0",
        b"\x7fELF",
        b"(module)",
        b"(component",
        b"\xff\xff\xff\xff",
        &[0; 4096],
    ] {
        assert!(!message(bytes).is_empty(), "{bytes:?}");
    }
    assert!(Offer::new().check(EMPTY).is_ok());
    assert!(Offer::new().check(b"(component)").is_ok());
}

#[test]
fn a_truncated_component_is_refused_wherever_it_ends() {
    let whole = component(&wit(EVERYTHING), "w");
    let offer = offer(&wit(EVERYTHING), "w");
    assert!(offer.check(&whole).is_ok());
    let mut valid = 0;
    for end in 0..whole.len() {
        let part = &whole[..end];
        if offer.check(part).is_ok() {
            // What is missing tells of the component only: who made it, its names.
            let mut validator = wasmparser::Validator::new_with_features(WasmFeatures::all());
            validator.validate_all(part).expect("what fits is valid");
            valid += 1;
        }
    }
    assert!(valid < 10, "{valid} of {}", whole.len());
}

#[test]
fn of_many_problems_the_first_are_kept() {
    let mut text = String::from("(component");
    for i in 0..500 {
        let _ = write!(text, "(import \"a:b/i{i}@1.0.0\" (instance))");
    }
    text.push(')');
    let unfit = Offer::new().check(text.as_bytes()).unwrap_err();
    assert_eq!((unfit.problems.len(), unfit.omitted), (100, 400));
    assert!(unfit.to_string().ends_with("\n  and 400 more\n"));
}

#[test]
fn long_names_are_shortened() {
    let name = "a".repeat(50_000);
    let text = format!(
        "(component
            (type $f (func (param \"{name}\" u8)))
            (import \"{name}\" (func (type $f)))
            (import \"x:y/i@1.0.0\" (instance (export \"{name}\" (func (type $f))))))"
    );
    let text = text.replace("(export", "(alias outer 1 $f (type $f)) (export");
    let host = wit("package x:y@1.0.0; interface i {} world w { import i; }");
    let unfit = offer(&host, "w").check(text.as_bytes()).unwrap_err();
    assert_eq!(unfit.problems.len(), 2);
    assert!(unfit.to_string().len() < 8_000);
}

#[test]
fn a_type_that_is_repeated_without_end_is_refused() {
    let mut fields = String::new();
    for i in 0..9_000 {
        let _ = write!(fields, "(field \"f{i}\" u8)");
    }
    let mut text = format!("(component (type $r (record {fields}))");
    for i in 0..400 {
        let _ = write!(
            text,
            "(import \"a:b/i{i}\" (instance
                (alias outer 1 $r (type $r)) (export \"t\" (type (eq $r)))))"
        );
    }
    text.push(')');
    assert!(message(text.as_bytes()).contains("type size exceeds the limit of 1000000"));
}

#[test]
fn types_that_share_their_parts_are_compared_once() {
    // A tree of 2^60 leaves, if it were walked.
    let mut types = String::from("record t0 { x: u8 }");
    for i in 1..=60 {
        let before = i - 1;
        let _ = write!(
            types,
            "record t{i} {{ x: option<t{before}>, y: list<t{before}> }}"
        );
    }
    // Types of another package are compared by what they consist of.
    let text = |leaf: &str| {
        let types = types.replace("x: u8", leaf);
        wit(&format!(
            "package a:b@1.0.0;
             interface i {{ use c:d/t@1.0.0.{{t60}}; f: func(a: t60); }}
             package c:d@1.0.0 {{ interface t {{ {types} }} }}"
        ))
    };
    let same = compare(&text("x: u8"), &text("x: u8")).expect("one package");
    assert_eq!(same.changes, []);
    let other = compare(&text("x: u8"), &text("x: u16")).expect("one package");
    assert_eq!(other.changes.len(), 2);
    assert!(other.to_string().len() < 4_000, "{other}");
}

#[test]
fn deep_types_are_refused() {
    let mut component = String::from("(component (type $t0 (list u8))");
    for i in 1..5_000 {
        let _ = write!(component, "(type $t{i} (list $t{before}))", before = i - 1);
    }
    component.push(')');
    assert!(!message(component.as_bytes()).is_empty());

    let nested = format!("{}u8{}", "list<".repeat(20_000), ">".repeat(20_000));
    let text = format!("package a:b@1.0.0; interface i {{ f: func(a: {nested}); }}");
    assert!(matches!(
        Wit::parse("i.wit", &text),
        Err(WitError::Invalid(_))
    ));

    let mut chain = String::from("record t0 { x: u8 }");
    for i in 1..5_000 {
        let _ = write!(chain, "record t{i} {{ x: t{before} }}", before = i - 1);
    }
    let deep = wit(&format!(
        "package a:b@1.0.0; interface i {{ {chain} }} world w {{ import i; }}"
    ));
    let world = deep.select(Some("w")).expect("it is there");
    let error = Offer::world(deep.resolve(), world).unwrap_err();
    assert!(matches!(error, WitError::Depth { .. }), "{error}");
    assert!(matches!(compare(&deep, &deep), Err(WitError::Depth { .. })));
}

#[test]
fn cycles_in_wit_are_refused() {
    for items in [
        "interface i { type a = b; type b = a; }",
        "interface i { record a { x: option<a> } }",
        "interface i { use j.{t}; } interface j { use i.{t}; }",
        "world w { include v; } world v { include w; }",
        "world w { include w; }",
    ] {
        let text = format!("package a:b@1.0.0; {items}");
        let error = Wit::parse("i.wit", &text).expect_err(items);
        assert!(matches!(error, WitError::Invalid(_)), "{error}");
    }
    let packages = "package a:b@1.0.0;
        package c:d@1.0.0 { interface i { use e:f/i@1.0.0.{t}; } }
        package e:f@1.0.0 { interface i { use c:d/i@1.0.0.{t}; } }";
    assert!(matches!(
        Wit::parse("i.wit", packages),
        Err(WitError::Invalid(_))
    ));
}

#[test]
fn much_wit_is_refused() {
    let text = format!("package a:b@1.0.0; // {}", "x".repeat(5 << 20));
    assert!(matches!(
        Wit::parse("i.wit", &text),
        Err(WitError::TooLarge)
    ));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("i.wit"), &text).expect("it can be written");
    assert!(matches!(Wit::read(folder.path()), Err(WitError::TooLarge)));
}

#[test]
fn a_dependency_that_is_no_package_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("deps")).expect("a folder");
    fs::write(folder.path().join("i.wit"), "package a:b@1.0.0;").expect("a file");
    for bytes in [
        &b"\0asm\x01\0\0\0"[..],
        EMPTY,
        b"\0asm\x0d\0\x01\0\xff",
        b"",
    ] {
        fs::write(folder.path().join("deps/d.wasm"), bytes).expect("a file");
        let error = Wit::read(folder.path()).expect_err("no package");
        assert!(matches!(error, WitError::Invalid(_)), "{error}");
    }
}

fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = bytes.len();
    let edit = (8..len, any::<u8>(), 0..3_u8);
    prop::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (at, byte, how) in edits {
            let at = at.min(bytes.len().saturating_sub(1));
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => {
                    bytes.remove(at);
                }
            }
        }
        bytes
    })
}

fn guest() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/prebuilt/pair.wasm");
    fs::read(path).expect("it is there")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_components_are_judged(bytes in mutated(component(&wit(EVERYTHING), "w"))) {
        let result = offer(&wit(EVERYTHING), "w").check(&bytes);
        match result {
            Ok(fit) => prop_assert!(!fit.to_string().is_empty()),
            Err(unfit) => prop_assert!(!unfit.problems.is_empty() && !unfit.to_string().is_empty()),
        }
    }

    #[test]
    fn mutated_wit_is_judged(bytes in mutated(EVERYTHING.as_bytes().to_vec())) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(mutated) = Wit::parse("i.wit", &text) {
            let _ = compare(&wit(EVERYTHING), &mutated);
            if let Ok(world) = mutated.select(None) {
                let _ = Offer::world(mutated.resolve(), world);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn mutated_guests_are_judged(bytes in mutated(guest())) {
        let _ = Offer::new().check(&bytes);
    }
}
