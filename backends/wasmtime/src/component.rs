//! Compiling components, and storing what was compiled.

use enginebay_core::{Error, ErrorKind, Result};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiles what the core has validated; what Wasmtime still refuses, it does
/// not support.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Component> {
    Component::from_binary(engine, wasm).map_err(|error| {
        Error::unsupported(format!("Wasmtime cannot compile the component: {error:#}"))
            .with_source(error)
    })
}

pub(crate) fn serialize(component: &Component) -> Result<Vec<u8>> {
    component.serialize().map_err(|error| {
        Error::new(
            ErrorKind::Engine,
            format!("Wasmtime cannot serialize: {error:#}"),
        )
        .with_source(error)
    })
}

/// # Safety
///
/// The bytes come from [`serialize`], unchanged.
#[allow(unsafe_code, reason = "artifacts are machine code")]
pub(crate) unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Component> {
    // SAFETY: the caller promises the same.
    unsafe { Component::deserialize(engine, bytes) }.map_err(|error| {
        Error::new(
            ErrorKind::Artifact,
            format!("Wasmtime refuses the artifact: {error:#}"),
        )
        .with_source(error)
    })
}
