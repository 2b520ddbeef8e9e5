//! The path under which a user's crate knows the traits' crate.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Ident, Path};

/// The path to the hidden module with what expansions refer to: in the crate
/// that the user named, else in `enginebay` or, for crates that depend on that
/// alone, in `enginebay-core`.
pub(crate) fn root(explicit: Option<&Path>) -> TokenStream {
    if let Some(path) = explicit {
        return quote!(#path::__private);
    }
    let name = dependency("enginebay")
        .or_else(|| dependency("enginebay-core"))
        // Without a manifest, as in builds without Cargo, the usual name is the
        // best guess; if it is wrong, the compiler says that it is not there.
        .unwrap_or_else(|| "enginebay".into());
    let name = Ident::new(&name, Span::call_site());
    quote!(::#name::__private)
}

/// The path to `enginebay` itself.
#[cfg(feature = "bindgen")]
pub(crate) fn facade() -> TokenStream {
    let name = dependency("enginebay").unwrap_or_else(|| "enginebay".into());
    let name = Ident::new(&name, Span::call_site());
    quote!(::#name)
}

fn dependency(package: &str) -> Option<String> {
    match crate_name(package).ok()? {
        FoundCrate::Name(name) => Some(name),
        // The package's tests, examples and documentation, for which it is a
        // crate of its own name.
        FoundCrate::Itself => Some(package.replace('-', "_")),
    }
}
