//! Bindings for WIT that others published, and for what we wrote after their
//! documentation.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use enginebay_bindgen::{Async, Options, Wit};
use wit_parser::Resolve;

/// Folders of packages in the dependency tree, with whether each entry is a package of
/// its own.
const FOLDERS: [(&str, &str, bool); 3] = [
    ("wasmtime-wasi", "src/p2/wit", false),
    ("wasmtime-wasi-http", "wit", false),
    ("wasmtime-internal-component-macro", "tests/codegen", true),
];

/// Where the packages with these names were unpacked.
fn sources(names: &[&str]) -> Vec<PathBuf> {
    let cargo = env::var_os("CARGO").expect("Cargo sets it");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .output()
        .expect("Cargo runs");
    assert!(output.status.success(), "cargo metadata: {output:?}");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("Cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("a list");
    let path = |name: &&str| {
        let found = packages.iter().find(|package| package["name"] == **name);
        let manifest = found.and_then(|package| package["manifest_path"].as_str());
        let manifest = manifest.unwrap_or_else(|| panic!("{name} is not in the tree"));
        Path::new(manifest)
            .parent()
            .expect("a folder")
            .to_path_buf()
    };
    names.iter().map(path).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Writes bindings for each world, and a file that holds them all.
pub(crate) fn generate(out: &Path) {
    println!("cargo::rerun-if-changed=wit");
    let mut names: Vec<&str> = FOLDERS.iter().map(|(name, ..)| *name).collect();
    names.push("wit-parser");
    let mut sources = sources(&names);
    let parser = sources.pop().expect("the last one").join("tests/ui");
    println!("cargo::rustc-env=WIT_PARSER_TESTS={}", parser.display());
    let mut wits = Vec::new();
    for (source, (_, folder, many)) in sources.iter().zip(FOLDERS) {
        match many {
            true => wits.extend(entries(&source.join(folder))),
            false => wits.push(source.join(folder)),
        }
    }
    wits.extend(entries(Path::new("wit")));

    let (mut modules, mut made, mut refused) = (String::new(), String::new(), String::new());
    let mut count = 0;
    for wit in wits {
        let mut resolve = Resolve {
            all_features: true,
            ..Resolve::default()
        };
        let package = match resolve.push_path(&wit) {
            Ok((package, _)) => package,
            Err(error) => panic!("{}", resolve.render_error(&error)),
        };
        let features: Vec<String> = features(&wit);
        for (_, world) in &resolve.worlds {
            let name = &world.name;
            let id = world.package.expect("parsed worlds have one");
            let spec = match id == package {
                true => format!("%{name}"),
                false => resolve.packages[id].name.interface_id(name),
            };
            for asynchronous in [false, true] {
                let mut options = Options::new(Wit::Path(wit.clone())).world(&spec);
                for feature in &features {
                    options = options.feature(feature);
                }
                if asynchronous {
                    options = options.asynchronous(Async::All).trappable_imports(true);
                }
                let package = &resolve.packages[id].name;
                let mode = if asynchronous { ", async" } else { "" };
                let what = format!("{}:{}/{name}{mode}", package.namespace, package.name);
                match options.generate() {
                    Ok(bindings) => {
                        let file = format!("published{count}.rs");
                        fs::write(out.join(&file), bindings.to_string()).unwrap();
                        writeln!(
                            modules,
                            "#[allow(dead_code, unused_imports, unreachable_pub)]\n\
                             mod published{count} {{ \
                             include!(concat!(env!(\"OUT_DIR\"), \"/{file}\")); }}"
                        )
                        .unwrap();
                        writeln!(made, "{what:?},").unwrap();
                        count += 1;
                    }
                    Err(error) => {
                        writeln!(refused, "({what:?}, {:?}),", error.to_string()).unwrap()
                    }
                }
            }
        }
    }
    fs::write(
        out.join("published.rs"),
        format!(
            "{modules}\nconst MADE: &[&str] = &[{made}];\n\
             const REFUSED: &[(&str, &str)] = &[{refused}];\n"
        ),
    )
    .unwrap();
}

/// The features that a file asks for.
fn features(wit: &Path) -> Vec<String> {
    let files = match wit.is_dir() {
        true => entries(wit),
        false => vec![wit.to_path_buf()],
    };
    let texts = files.iter().filter(|file| file.is_file());
    let texts = texts.map(|file| fs::read_to_string(file).unwrap_or_default());
    let mut features = Vec::new();
    for text in texts {
        for rest in text.split("@unstable(feature = ").skip(1) {
            features.extend(
                rest.split([')', ','])
                    .next()
                    .map(|it| it.trim().to_string()),
            );
        }
    }
    features
}
