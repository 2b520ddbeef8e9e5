//! Compiling components, and storing what was compiled.

use std::ops::Deref;
use std::sync::Arc;

use enginebay_core::parts::{self, Offsets};
use enginebay_core::{Error, ErrorKind, Result};
use wasmtime::component as wt;

use crate::engine::{Engine, InParts};

/// A compiled component.
#[derive(Clone)]
pub struct Component {
    inner: wt::Component,
    /// If Wasmtime did not get the component as it is.
    pub(crate) changed: Option<Changed>,
}

impl Component {
    fn new(inner: wt::Component, offsets: Option<Offsets>) -> Self {
        let changed = offsets.map(|offsets| Changed {
            code: inner.image_range().start.addr(),
            offsets: Arc::new(offsets),
        });
        Component { inner, changed }
    }
}

/// Wasmtime's own component.
impl Deref for Component {
    type Target = wt::Component;

    fn deref(&self) -> &wt::Component {
        &self.inner
    }
}

/// How frames of a component are led back to what it was before it was changed.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// Where its code is.
    pub(crate) code: usize,
    pub(crate) offsets: Arc<Offsets>,
}

/// Compiles what the core has validated; what Wasmtime still refuses, it does
/// not support.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Component> {
    let changed = match engine.in_parts {
        Some(InParts::Calls) => parts::component(wasm),
        Some(InParts::Inline) => parts::inline::component(wasm, &enginebay_layer::known_lengths)?,
        None => None,
    };
    let wasm = changed.as_ref().map_or(wasm, |changed| &changed.wasm);
    let inner = wt::Component::from_binary(engine, wasm).map_err(|error| {
        Error::unsupported(format!("Wasmtime cannot compile the component: {error:#}"))
            .with_source(error)
    })?;
    Ok(Component::new(inner, changed.map(|it| it.offsets)))
}

/// How frames are led back, and then what Wasmtime gives.
pub(crate) fn serialize(component: &Component) -> Result<Vec<u8>> {
    let code = component.inner.serialize().map_err(|error| {
        Error::new(
            ErrorKind::Engine,
            format!("Wasmtime cannot serialize: {error:#}"),
        )
        .with_source(error)
    })?;
    let mut bytes = Vec::with_capacity(code.len() + 1);
    let none = Offsets::default();
    let changed = component.changed.as_ref();
    let offsets = changed.map_or(&none, |changed| &*changed.offsets);
    offsets.write(&mut bytes);
    bytes.extend_from_slice(&code);
    Ok(bytes)
}

/// # Safety
///
/// The bytes come from [`serialize`], unchanged.
#[allow(unsafe_code, reason = "artifacts are machine code")]
pub(crate) unsafe fn deserialize(engine: &Engine, bytes: &[u8]) -> Result<Component> {
    let Some((offsets, read)) = Offsets::read(bytes) else {
        let text = "the artifact does not begin with offsets";
        return Err(Error::new(ErrorKind::Artifact, text));
    };
    // SAFETY: the caller promises that these come from Wasmtime.
    let inner = unsafe { wt::Component::deserialize(engine, &bytes[read..]) }.map_err(|error| {
        Error::new(
            ErrorKind::Artifact,
            format!("Wasmtime refuses the artifact: {error:#}"),
        )
        .with_source(error)
    })?;
    let offsets = (offsets != Offsets::default()).then_some(offsets);
    Ok(Component::new(inner, offsets))
}
