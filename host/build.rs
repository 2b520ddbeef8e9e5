//! Reads the contract in `wit/`, refuses one that is not complete, and generates its
//! bindings and the table of what each function requires.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use enginebay_bindgen::contract::{Contract, Interface, Requires};
use enginebay_bindgen::{Async, Check, Options, Wit};

/// Functions that answer at once. All others of the interfaces that do something outside of
/// the host's memory may have to wait.
const IMMEDIATE: &[&str] = &[
    "enginebay:core/host-services#get-component",
    "enginebay:core/host-services#list-components",
    "enginebay:core/host-services#log",
    "enginebay:core/host-services#monotonic-now",
    "enginebay:core/host-services#now",
    "enginebay:core/permissions#check",
    "enginebay:core/permissions#grants",
    "enginebay:messaging/messages#[method]subscription.pattern",
    "enginebay:messaging/messages#cancel-request",
    "enginebay:messaging/messages#publish",
    "enginebay:messaging/messages#send-request",
    "enginebay:messaging/messages#subscribe",
];

fn main() {
    if let Err(error) = run() {
        for line in error.to_string().lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // A link to the folder of the repository, or the folder itself in a package.
    let folder = manifest.join("wit").canonicalize().or_else(|_| {
        // Where links are not checked out as such.
        manifest.join("../wit").canonicalize()
    })?;
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=build.rs");
    let contract = Contract::read(&folder)?;
    fs::write(out.join("bindings.rs"), bindings(&folder, &contract)?)?;
    fs::write(out.join("functions.rs"), functions(&contract)?)?;
    fs::write(out.join("wit.rs"), sources(&folder, &contract)?)?;
    Ok(())
}

/// A function as options name it, without the version.
fn option_name(interface: &Interface, function: &Requires) -> String {
    let name = interface.name();
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    format!("{name}#{}", function.name())
}

/// The functions that components import.
fn imported(contract: &Contract) -> impl Iterator<Item = (&Interface, &Requires)> {
    let interfaces = contract.interfaces().iter();
    let functions = interfaces.flat_map(|it| it.functions().iter().map(move |func| (it, func)));
    functions.filter(|(_, function)| !function.is_exported())
}

fn bindings(folder: &Path, contract: &Contract) -> Result<String, Box<dyn Error>> {
    let waits = imported(contract).map(|(interface, func)| option_name(interface, func));
    let waits = waits.filter(|name| !IMMEDIATE.contains(&&**name));
    let mut options = Options::new(Wit::Path(folder.to_path_buf()))
        .world("full")
        .root("crate::contract::enginebay")
        .trappable_imports(true)
        .asynchronous(Async::Only(waits.collect()))
        .blocking("crate::contract::blocking::wait")
        .boxed(true)
        .check_bound("crate::contract::enforce::Enforce");
    if env::var_os("CARGO_FEATURE_PROBE").is_some() {
        options = options.stub(
            "crate::contract::probe::Probe",
            "crate::contract::probe::reached",
        );
    }
    for (interface, function) in imported(contract) {
        for requirement in function.requirements() {
            let (family, action) = (requirement.family(), requirement.action());
            let with_port = match requirement.arguments().len() {
                1 => "",
                _ => "_port",
            };
            let path = format!("crate::contract::enforce::{family}_{action}{with_port}");
            let mut check = Check::new(path, "denied");
            for argument in requirement.arguments() {
                check = check.argument(argument);
            }
            options = options.check(option_name(interface, function), check);
        }
    }
    Ok(options.generate()?.to_string())
}

/// The table of all functions.
fn functions(contract: &Contract) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("&[\n");
    for interface in contract.interfaces() {
        for function in interface.functions() {
            let requires = function.requirements().iter().map(|requirement| {
                let family = camel(requirement.family());
                let action = camel(requirement.action());
                let arguments = requirement.arguments();
                format!(
                    "Requirement {{ operation: Operation::{family}({family}Action::{action}), \
                     arguments: &{arguments:?} }}"
                )
            });
            let requires: Vec<_> = requires.collect();
            writeln!(
                text,
                "    Function {{ interface: {:?}, name: {:?}, exported: {}, requires: &[{}] }},",
                interface.name(),
                function.name(),
                function.is_exported(),
                requires.join(", ")
            )?;
        }
    }
    text.push_str("]\n");
    Ok(text)
}

/// The name of a family or an action in Rust.
fn camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// The files, by their path in the folder.
fn sources(folder: &Path, contract: &Contract) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("&[\n");
    for file in contract.files() {
        let name = file.strip_prefix(folder)?;
        let name: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
        writeln!(text, "    ({:?}, include_str!({file:?})),", name.join("/"))?;
    }
    text.push_str("]\n");
    Ok(text)
}
