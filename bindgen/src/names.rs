//! Rust names for what WIT names.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};
use wit_parser::{PackageId, Resolve};

/// Names that no type can have: those of generic parameters, and one that Wasmtime's
/// derives take for the standard library's.
const TYPES: &[&str] = &["B", "H", "Option", "T"];

/// Names that nothing can have.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A name with `_` behind it if Rust has it for itself.
fn ident(name: String) -> Ident {
    match KEYWORDS.contains(&&*name) {
        true => Ident::new(&format!("{name}_"), Span::call_site()),
        false => Ident::new(&name, Span::call_site()),
    }
}

/// The name of a function, a parameter, a field or a module.
pub(crate) fn snake(name: &str) -> Ident {
    ident(name.to_snake_case())
}

/// The same as a part of a name, which can be any word.
pub(crate) fn part(name: &str) -> String {
    name.to_snake_case()
}

/// The name of a type as a part of a name.
pub(crate) fn camel_part(name: &str) -> String {
    name.to_upper_camel_case()
}

/// The name of a type.
pub(crate) fn camel(name: &str) -> Ident {
    let name = name.to_upper_camel_case();
    match TYPES.contains(&&*name) {
        true => Ident::new(&format!("{name}_"), Span::call_site()),
        false => ident(name),
    }
}

/// The name of a case.
pub(crate) fn case(name: &str) -> Ident {
    ident(name.to_upper_camel_case())
}

/// The name of a flag.
pub(crate) fn shouting(name: &str) -> Ident {
    // Nothing that Rust has for itself is in capitals.
    Ident::new(&name.to_snake_case().to_uppercase(), Span::call_site())
}

/// The name of a package's module; with its version if there is another.
pub(crate) fn package(resolve: &Resolve, id: PackageId) -> Ident {
    let name = &resolve.packages[id].name;
    let is_same = |(other, package): (PackageId, &wit_parser::Package)| {
        other != id && package.name.namespace == name.namespace && package.name.name == name.name
    };
    match &name.version {
        Some(version) if resolve.packages.iter().any(is_same) => {
            let version = version.to_string();
            let version = version.replace(|it: char| !it.is_ascii_alphanumeric(), "_");
            ident(format!("{}{version}", name.name.to_snake_case()))
        }
        _ => snake(&name.name),
    }
}
