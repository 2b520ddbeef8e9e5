//! Bindings for WIT that others published: WASI's, and what the engines' own generators
//! are tested with. That this file compiles is most of the test.

use std::fs;
use std::path::Path;

use enginebay_bindgen::{Options, Wit};
use wit_parser::Resolve;

include!(concat!(env!("OUT_DIR"), "/published.rs"));

#[test]
fn worlds_of_wasi_have_bindings() {
    for world in [
        "wasi:cli/command",
        "wasi:cli/imports, async",
        "wasi:http/proxy",
        "wasi:config/imports",
        "wasi:keyvalue/watch-service",
        "wasi:messaging/messaging-request-reply, async",
    ] {
        assert!(MADE.contains(&world), "{world} is not in {MADE:#?}");
    }
}

/// Why a world has no bindings: what is asynchronous in WIT has no form in Rust so far,
/// and some worlds are none of any component.
const REASONS: [&str; 3] = [
    "there are no bindings for the asynchronous function",
    "there are no bindings for values of the type",
    "has no fields, and no component has such values",
];

fn is_reason(error: &str) -> bool {
    REASONS.iter().any(|reason| error.contains(reason))
}

#[test]
fn what_is_refused_has_a_reason() {
    for (world, error) in REFUSED {
        assert!(is_reason(error), "{world}: {error}");
    }
    assert!(MADE.len() > 2 * REFUSED.len(), "{REFUSED:#?}");
}

/// What the parser is tested with either has bindings or is refused with a reason; what
/// is generated is Rust.
#[test]
fn whatever_resolves_is_generated_or_refused() {
    let mut worlds = 0;
    let mut entries: Vec<_> = fs::read_dir(env!("WIT_PARSER_TESTS"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        for world in worlds_of(&path) {
            let options = Options::new(Wit::Path(path.clone())).world(format!("%{world}"));
            match options.generate() {
                Ok(bindings) => {
                    worlds += 1;
                    if let Err(error) = syn::parse_file(&bindings.to_string()) {
                        panic!("{path:?}, {world}: {error}\n{bindings}");
                    }
                }
                Err(error) => {
                    let error = error.to_string();
                    assert!(is_reason(&error), "{path:?}: {error}");
                }
            }
        }
    }
    assert!(worlds > 50, "only {worlds}");
}

/// The worlds of a package, if it is one.
fn worlds_of(path: &Path) -> Vec<String> {
    let is_wit = path.is_dir() || path.extension().is_some_and(|it| it == "wit");
    let mut resolve = Resolve::default();
    match is_wit.then(|| resolve.push_path(path)) {
        Some(Ok((package, _))) => resolve.packages[package].worlds.keys().cloned().collect(),
        _ => Vec::new(),
    }
}
