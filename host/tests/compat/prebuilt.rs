//! Components that real tools made.

use std::fs;
use std::path::Path;

use enginebay_host::compat::{Offer, Problem};

fn prebuilt() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/prebuilt");
    let mut components = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_some_and(|it| it == "wasm") {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            components.push((name, fs::read(&path).expect("it can be read")));
        }
    }
    assert!(components.len() >= 5, "the guests are there");
    components
}

#[test]
fn each_import_is_told_and_when_it_is_offered_the_component_fits() {
    for (name, component) in prebuilt() {
        let mut offer = Offer::new();
        let Err(unfit) = offer.check(&component) else {
            // It imports nothing.
            continue;
        };
        assert_eq!(unfit.omitted, 0);
        for problem in &unfit.problems {
            let Problem::Unknown { name: import, .. } = problem else {
                panic!("{name}: {problem}");
            };
            offer
                .foreign(import)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let fit = offer
            .check(&component)
            .unwrap_or_else(|unfit| panic!("{name}: {unfit}"));
        assert_eq!(fit.imports.len(), unfit.problems.len());
        assert!(
            fit.imports
                .iter()
                .all(|it| it.foreign && it.required.is_some()),
            "{name}"
        );
    }
}

#[test]
fn wasi_is_offered_in_one_line() {
    let mut offer = Offer::new();
    offer.foreign("wasi:*/*@0.2.12").expect("a name");
    let (_, command) = prebuilt()
        .into_iter()
        .find(|(name, _)| name == "wasi-command.wasm")
        .expect("it is there");
    let fit = offer
        .check(&command)
        .unwrap_or_else(|unfit| panic!("{unfit}"));
    assert!(!fit.imports.is_empty());
    let mut offer = Offer::new();
    offer.foreign("wasi:*/*@0.3.0").expect("a name");
    let unfit = offer.check(&command).unwrap_err();
    assert_eq!(unfit.problems.len(), fit.imports.len());
    assert!(
        unfit
            .problems
            .iter()
            .all(|it| matches!(it, Problem::Version { .. })),
        "{unfit}"
    );
}
