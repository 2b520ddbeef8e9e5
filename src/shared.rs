//! Code that depends on a backend, compiled once for all debug builds that use it:
//! without optimisation, what a crate has is not compiled again in those above it. It
//! is WASI with its own context, which takes half a minute otherwise, in each program.
#![allow(
    missing_docs,
    non_upper_case_globals,
    reason = "never used; named as the backends are"
)]

use enginebay_core::{Backend, Linker};
use enginebay_wasi::WasiCtx;

type Add<B> = fn(&mut Linker<B, WasiCtx>) -> enginebay_core::Result<()>;

macro_rules! shared {
    ($dollar:tt $($feature:literal, $name:ident, $backend:ident;)*) => {$(
        #[cfg(feature = $feature)]
        pub static $name: &[Add<crate::$name::$backend>] = &all();
    )*};
}

const fn all<B: Backend>() -> [Add<B>; if cfg!(feature = "wasi-http") { 4 } else { 2 }] {
    [
        enginebay_wasi::add_to_linker,
        enginebay_wasi::add_to_linker_async,
        #[cfg(feature = "wasi-http")]
        enginebay_wasi::http::add_to_linker,
        #[cfg(feature = "wasi-http")]
        enginebay_wasi::http::add_to_linker_async,
    ]
}

with_backends!($ shared);

pub static any: &[Add<crate::any::Any>] = &all();
