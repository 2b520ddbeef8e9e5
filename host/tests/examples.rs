//! The manifests of the examples ask for what their components call, and no more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use enginebay_host::contract::FUNCTIONS;
use enginebay_host::manifest::Manifest;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Resolve, WorldId, WorldItem};

/// Grants: the operation, what to, and whether it is required.
type Grants = &'static [(&'static str, &'static str, bool)];

const EXAMPLES: &[(&str, Grants)] = &[
    (
        "counter/counter",
        &[
            ("storage.read", "counter:data", true),
            ("storage.write", "counter:data", true),
            ("storage.delete", "counter:data", true),
        ],
    ),
    ("denied/denied", &[("storage.read", "denied:notes", false)]),
    (
        "files/file-processor",
        &[
            ("filesystem.read", "/data/*", true),
            ("filesystem.write", "/data/out", true),
            ("filesystem.write", "/data/out/*.count", true),
            ("filesystem.list", "/data/out", true),
        ],
    ),
    (
        "talk/answerer",
        &[("messaging.subscribe", "events.*", true)],
    ),
    (
        "talk/asker",
        &[
            ("messaging.request", "answerer", true),
            ("messaging.publish", "events.greeting", true),
        ],
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/components")
}

fn manifest(name: &str) -> Manifest {
    Manifest::from_file(folder().join(name).join(Manifest::FILE))
        .unwrap_or_else(|error| panic!("{error}"))
}

fn component(name: &str) -> (Resolve, WorldId) {
    let file = manifest(name).component.file;
    let bytes = fs::read(folder().join(name).join(file.as_str())).expect("it can be read");
    match decode(&bytes).expect("it is a component") {
        DecodedWasm::Component(resolve, world) => (resolve, world),
        DecodedWasm::WitPackage(..) => panic!("{name} is no component"),
    }
}

/// The interfaces that a component imports, with the functions of each.
fn imports(resolve: &Resolve, world: WorldId) -> Vec<(String, Vec<String>)> {
    let items = resolve.worlds[world].imports.values();
    let interfaces = items.map(|item| match item {
        WorldItem::Interface { id, .. } => {
            let functions = resolve.interfaces[*id].functions.keys().cloned();
            let name = resolve.id_of(*id).expect("it has a name");
            (name, functions.collect())
        }
        other => panic!("no interface: {other:?}"),
    });
    interfaces.collect()
}

/// The operations that the functions which a component imports require.
fn required(name: &str) -> BTreeSet<String> {
    let (resolve, world) = component(name);
    let mut required = BTreeSet::new();
    for (interface, functions) in imports(&resolve, world) {
        let known = FUNCTIONS.iter().filter(|it| it.interface == interface);
        for function in known.filter(|it| functions.iter().any(|name| name == it.name)) {
            let operations = function.requires.iter().map(|it| it.operation.to_string());
            required.extend(operations);
        }
    }
    required
}

fn granted(name: &str) -> BTreeSet<String> {
    let grants = manifest(name).grants().into_iter();
    grants.map(|grant| grant.operation.to_string()).collect()
}

#[test]
fn each_folder_is_one_of_the_examples() {
    let mut found = Vec::new();
    for group in fs::read_dir(folder()).expect("the folder is there") {
        let group = group.expect("it can be read").path();
        if !group.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&group).expect("it can be read") {
            let entry = entry.expect("it can be read").path();
            if entry.join(Manifest::FILE).is_file() {
                let name = entry.strip_prefix(folder()).expect("it is below");
                found.push(name.to_str().expect("a name").replace('\\', "/"));
            }
        }
    }
    found.sort();
    let listed: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, listed);
}

#[test]
fn each_is_called_as_its_folder_is() {
    for (name, _) in EXAMPLES {
        let folder = name.rsplit('/').next();
        let manifest = manifest(name);
        assert_eq!(folder, Some(manifest.component.name.as_str()));
    }
}

#[test]
fn each_asks_for_what_is_listed_here() {
    for (name, expected) in EXAMPLES {
        let grants = manifest(name).grants();
        let grants: Vec<_> = grants
            .iter()
            .map(|grant| {
                let operation = grant.operation.to_string();
                (operation, grant.pattern.to_string(), grant.required)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(operation, pattern, required)| {
                (operation.to_owned(), pattern.to_owned(), required)
            })
            .collect();
        assert_eq!(grants, expected, "{name}");
    }
}

#[test]
fn each_is_granted_what_it_calls() {
    for (name, _) in EXAMPLES.iter().filter(|(name, _)| *name != "denied/denied") {
        assert_eq!(granted(name), required(name), "{name}");
    }
}

#[test]
fn the_one_that_is_denied_calls_more() {
    let tries = required("denied/denied");
    let expected = [
        "filesystem.read",
        "messaging.publish",
        "messaging.send",
        "storage.read",
    ];
    assert!(tries.iter().eq(expected), "{tries:?}");
}

#[test]
fn each_needs_the_contract_and_wasi_alone_and_names_the_packages() {
    for (name, _) in EXAMPLES {
        let (resolve, world) = component(name);
        let mut packages = BTreeSet::new();
        for (interface, functions) in imports(&resolve, world) {
            let package = interface.split('/').next().unwrap_or_default();
            if package.starts_with("wasi:") {
                continue;
            }
            assert!(package.starts_with("enginebay:"), "{name}: {interface}");
            // Interfaces of types alone come with those that use them.
            if !functions.is_empty() {
                packages.insert(package.to_owned());
            }
        }
        let dependencies = manifest(name).dependencies;
        let named: BTreeSet<_> = dependencies.keys().map(|it| it.as_str().into()).collect();
        assert_eq!(packages, named, "{name}");
    }
}
