//! Tests of the documentation: each Rust block of the pages is a test of this
//! crate, and `tests/` checks links, tables and what else pages must keep to.
//! There is nothing in it for other crates.
#![forbid(unsafe_code)]

macro_rules! pages {
    ($($name:ident = $path:literal;)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!($path)]
            mod $name {}
        )*
    };
}

// A page with a Rust block that is not listed here fails `tests/pages.rs`.
pages! {
    readme = "../README.md";
    first_component = "src/tutorial/first-component.md";
    how_to_artifacts = "src/how-to/artifacts.md";
    how_to_async = "src/how-to/async.md";
    how_to_bindings = "src/how-to/bindings.md";
    how_to_choose = "src/how-to/choose-at-run-time.md";
    how_to_conformance = "src/how-to/conformance.md";
    how_to_errors = "src/how-to/errors.md";
    how_to_host = "src/how-to/host.md";
    how_to_host_functions = "src/how-to/host-functions.md";
    how_to_limits = "src/how-to/limits.md";
    how_to_link_components = "src/how-to/link-components.md";
    how_to_resources = "src/how-to/resources.md";
    how_to_wasi = "src/how-to/wasi.md";
    backend_trait = "src/reference/backend-trait.md";
    reference_determinism = "src/reference/determinism.md";
    reference_limits = "src/reference/limits.md";
}
