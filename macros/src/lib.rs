//! The macros of `enginebay`: derives of `ComponentType`, `Lower` and `Lift`
//! for records, variants and enums, and `flags!`. Use them through `enginebay`,
//! which re-exports them next to the traits.
//!
//! An expansion refers to the traits' crate by the path that the user's crate
//! knows it by, and to nothing of the user's. Wasmtime's own traits are
//! implemented in a part that `__private::if_wasmtime!` drops where that engine
//! is not built in; see the `engine` module.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

#[cfg(feature = "bindgen")]
mod bindgen;
mod engine;
mod flags;
mod input;
mod name;
mod neutral;
mod path;

/// Derives `ComponentType`: the component type that a Rust type stands for.
///
/// - A struct with named fields is a `record`.
/// - An enum whose cases have no payload is an `enum`.
/// - Any other enum, with at most one unnamed payload for each case, is a
///   `variant`.
///
/// `#[component(record)]`, `#[component(variant)]` and `#[component(enum)]` say
/// the same explicitly, and make a `variant` of an enum without payloads.
///
/// A field or case has the kebab-case form of its Rust name unless
/// `#[component(name = "...")]` gives it another. Names and their order must be
/// those of the component.
///
/// Types may be generic: each type parameter must be a component type itself.
/// `#[component(crate = path)]` names the path to `enginebay` where it is not a
/// dependency of the crate.
#[proc_macro_derive(ComponentType, attributes(component))]
pub fn derive_component_type(input: TokenStream) -> TokenStream {
    derive(input, neutral::component_type, engine::component_type)
}

/// Derives `Lower`: values can be passed into a component. Needs
/// `ComponentType`, whose attributes it shares.
#[proc_macro_derive(Lower, attributes(component))]
pub fn derive_lower(input: TokenStream) -> TokenStream {
    derive(input, neutral::lower, engine::lower)
}

/// Derives `Lift`: values can be received from a component. Needs
/// `ComponentType`, whose attributes it shares. A lifted value is owned, so the
/// type has no lifetime parameters.
#[proc_macro_derive(Lift, attributes(component))]
pub fn derive_lift(input: TokenStream) -> TokenStream {
    derive(input, neutral::lift, engine::lift)
}

type Expand = fn(&input::Input) -> syn::Result<proc_macro2::TokenStream>;

fn derive(input: TokenStream, neutral: Expand, engine: Expand) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input, neutral, engine)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

fn expand(
    input: DeriveInput,
    neutral: Expand,
    engine: Expand,
) -> syn::Result<proc_macro2::TokenStream> {
    let input = input::Input::parse(input)?;
    let mut tokens = neutral(&input)?;
    tokens.extend(engine::guarded(&input.root, engine(&input)?));
    Ok(tokens)
}

/// Defines a `flags` type: a set of names, one bit each. The input is the
/// type's name, with its documentation and visibility, and in braces a
/// `const NAME;` for each name.
///
/// The result is a `Copy` struct with a constant for each name, `empty`, `all`,
/// `contains`, `intersects`, `union`, `insert`, `remove`, `is_empty`, `bits`
/// and `from_bits_truncate`, the operators `|`, `&`, `^`, `-` and `!`, and
/// `ComponentType`, `Lower` and `Lift`. A name is the kebab-case form of the
/// constant unless `#[component(name = "...")]` gives another;
/// `#[component(crate = path)]` before the type's name is as for the derives.
/// Bits without a name are dropped when flags are lifted.
#[proc_macro]
pub fn flags(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as flags::Flags);
    flags::expand(&input).into()
}

/// Bindings for a WIT world, from the host's side: the module's content. They are
/// generic over the backend, so that the same code serves all of them.
///
/// ```text
/// bindgen!();                 // the world of the package in the folder `wit`
/// bindgen!("greeter");        // one of its worlds
/// bindgen!({
///     path: "../wit",         // another folder, or a file
///     world: "ns:pkg/greeter",
///     async: ["ns:pkg/clock#sleep"],
/// });
/// ```
///
/// | option | value | default |
/// |---|---|---|
/// | `path` | a folder with a package and its `deps/`, or a file, from the package's folder | `"wit"`, unless there is `inline` |
/// | `inline` | WIT as a text, which may use packages of `path` | |
/// | `world` | a world's name, `world` or `ns:pkg/world@version` | the only one |
/// | `with` | `{ "ns:pkg/interface": path, "ns:pkg/interface/resource": path }`: types that are there | `{}` |
/// | `async` | `true`, `false`, or the imported functions that are asynchronous: `["ns:pkg/interface#function"]` | `false` |
/// | `trappable_imports` | whether imported functions give an `enginebay::Result` | `false` |
/// | `views` | the imported functions whose lists are read where they are, in the guest's memory: `["ns:pkg/interface#function"]` | `[]` |
/// | `additional_derives` | `[path, ...]`: what types derive besides | `[]` |
/// | `features` | `["name", ...]`: features of `@unstable` items that are on | `[]` |
/// | `crate` | the path to `enginebay` | by the manifest |
///
/// For each interface that the world imports there is a module with a trait `Host`, which
/// the embedder implements, and with a trait for each of its resources; the world's
/// struct has `add_to_linker` for all of them, and a method `call_...` for each function
/// that the world exports, with an asynchronous one beside it. Interfaces that are
/// exported are in the module `exports`.
///
/// WIT that does not resolve, options that name nothing in it, and types without a Rust
/// form are compile errors, the first with the place in the WIT.
#[cfg(feature = "bindgen")]
#[proc_macro]
pub fn bindgen(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as bindgen::Input);
    bindgen::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Expands to nothing: what a derive was shown is not to be defined. Part of
/// the expansion of the derives; see the `engine` module.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn erase(_: TokenStream, _: TokenStream) -> TokenStream {
    TokenStream::new()
}

#[cfg(test)]
mod tests;
