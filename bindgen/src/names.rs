//! Rust names for what WIT names.

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, Span};
use wit_parser::{PackageId, Resolve};

/// Names that nothing can have, and those of generic parameters.
const KEYWORDS: &[&str] = &[
    "B", "H", "Self", "T", "abstract", "as", "async", "await", "become", "box", "break", "const",
    "continue", "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for",
    "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override",
    "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try",
    "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
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

/// The name of a type or a case.
pub(crate) fn camel(name: &str) -> Ident {
    ident(name.to_upper_camel_case())
}

/// The name of a flag.
pub(crate) fn shouting(name: &str) -> Ident {
    ident(name.to_snake_case().to_uppercase())
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
