//! Components: compiled, inspected, and stored as artifacts.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::artifact;
use crate::backend::Backend;
use crate::config::{Config, Feature, Features};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::scan::{self, Scan};
use crate::types::Extern;

/// A compiled component. Cheap to clone; shared by threads.
pub struct Component<B: Backend> {
    inner: B::Component,
    engine: Engine<B>,
    scan: Scan,
    types: Arc<Types>,
}

pub(crate) struct Types {
    pub(crate) imports: Vec<Extern>,
    pub(crate) exports: Vec<Extern>,
}

impl<B: Backend> Component<B> {
    /// Compiles a component, from the binary or (with the `wat` feature) the
    /// text format.
    ///
    /// Size and complexity are checked against the engine's [`Config`] and the
    /// component is validated before anything is compiled.
    ///
    /// # Errors
    ///
    /// - `InvalidComponent` for anything but a valid component.
    /// - `TooLarge` for more than [`Config::complexity`] allows.
    /// - `Unsupported` for a feature that is off, or that the engine lacks.
    pub fn new(engine: &Engine<B>, bytes: impl AsRef<[u8]>) -> Result<Self> {
        let wasm = scan::to_binary(bytes.as_ref())?;
        let scan = scan::scan(&wasm, engine.config())?;
        let inner = B::compile(engine.inner(), &wasm)
            .map_err(|error| error.with_context("backend", engine.backend()))?;
        Ok(Self::from_parts(inner, engine, scan))
    }

    /// Compiles a component from a file.
    ///
    /// # Errors
    ///
    /// As [`Component::new`], and `Io`.
    pub fn from_file(engine: &Engine<B>, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        read(path)
            .and_then(|bytes| Self::new(engine, bytes))
            .map_err(|error| named(error, path))
    }

    pub(crate) fn types(&self) -> &Arc<Types> {
        &self.types
    }

    fn from_parts(inner: B::Component, engine: &Engine<B>, scan: Scan) -> Self {
        let types = Types {
            imports: B::imports(&inner),
            exports: B::exports(&inner),
        };
        Component {
            inner,
            engine: engine.clone(),
            scan,
            types: Arc::new(types),
        }
    }

    /// The compiled component as bytes, for [`Component::deserialize`].
    ///
    /// They begin with a header that holds the engine's name and version, the
    /// options that decide how code is compiled, and a hash of all of it.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the engine has no artifacts.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let code = B::serialize(&self.inner)?;
        let identity = self.engine.artifact_identity();
        Ok(artifact::write(&identity, self.scan, &code))
    }

    /// Loads what [`Component::serialize`] gave.
    ///
    /// The header is checked: the artifact must be undamaged and made by the
    /// same version of the same engine with the same options.
    ///
    /// # Errors
    ///
    /// `Artifact` with what differs.
    ///
    /// # Safety
    ///
    /// The bytes hold machine code that will be run. The hash detects damage
    /// and mix-ups; it is no protection from malice, because whoever can write
    /// the code can write the hash. Load only what you serialized yourself and
    /// kept where nobody else can write.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    pub unsafe fn deserialize(engine: &Engine<B>, bytes: impl AsRef<[u8]>) -> Result<Self> {
        let (scan, code) = artifact::read(bytes.as_ref(), &engine.artifact_identity())?;
        // SAFETY: the caller promises that the bytes come from `serialize`.
        let inner = unsafe { B::deserialize(engine.inner(), code) }?;
        Ok(Self::from_parts(inner, engine, scan))
    }

    /// As [`Component::deserialize`], from a file.
    ///
    /// # Errors
    ///
    /// As [`Component::deserialize`], and `Io`.
    ///
    /// # Safety
    ///
    /// As [`Component::deserialize`]; nobody else may write to the file.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    pub unsafe fn deserialize_file(engine: &Engine<B>, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read(path).map_err(|error| named(error, path))?;
        // SAFETY: the caller's promise is the same.
        unsafe { Self::deserialize(engine, bytes) }.map_err(|error| named(error, path))
    }

    /// The component's imports with their types.
    pub fn imports(&self) -> &[Extern] {
        &self.types.imports
    }

    /// The component's exports with their types.
    pub fn exports(&self) -> &[Extern] {
        &self.types.exports
    }

    /// The engine that compiled the component.
    pub fn engine(&self) -> &Engine<B> {
        &self.engine
    }

    /// The engine's own component, for what is special to it.
    pub fn inner(&self) -> &B::Component {
        &self.inner
    }

    pub(crate) fn uses_async(&self) -> bool {
        self.scan.uses_async
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(Error::from)
}

fn named(error: Error, path: &Path) -> Error {
    error.with_context("file", path.display())
}

/// Whether the bytes are an artifact of [`Component::serialize`], by their
/// first bytes.
pub fn is_artifact(bytes: &[u8]) -> bool {
    artifact::is_artifact(bytes)
}

/// The binary form of a component or module in the text format; bytes that are
/// not text are given back as they are.
///
/// # Errors
///
/// `InvalidComponent` for text that does not parse.
pub fn to_binary(bytes: &[u8]) -> Result<std::borrow::Cow<'_, [u8]>> {
    scan::to_binary(bytes)
}

/// Checks a component as [`Component::new`] does, without compiling it and so
/// without an engine.
///
/// # Errors
///
/// As [`Component::new`].
pub fn validate(bytes: impl AsRef<[u8]>, config: &Config) -> Result<()> {
    let wasm = scan::to_binary(bytes.as_ref())?;
    scan::scan(&wasm, config).map(drop)
}

/// The error of a core module that an engine without some features refused:
/// `Unsupported` with their names; nothing if they are not the reason.
#[doc(hidden)]
pub fn refused_features(module: &[u8], features: Features) -> Option<Error> {
    let names: Vec<_> = scan::missing(module, features)?
        .iter()
        .map(Feature::name)
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(Error::unsupported(format!(
        "the engine cannot run the component, which uses {}",
        names.join(", ")
    )))
}

/// The features that a component uses and is not valid without, those that are
/// on by default among them.
///
/// ```
/// use enginebay_core::{Features, needed_features};
/// let empty = b"\0asm\x0d\0\x01\0";
/// assert_eq!(needed_features(empty)?, Features::none());
/// # Ok::<(), enginebay_core::Error>(())
/// ```
///
/// # Errors
///
/// `InvalidComponent` for what is not valid with all features on either.
pub fn needed_features(bytes: impl AsRef<[u8]>) -> Result<Features> {
    scan::needed_features(&scan::to_binary(bytes.as_ref())?)
}

impl<B: Backend> Clone for Component<B> {
    fn clone(&self) -> Self {
        Component {
            inner: self.inner.clone(),
            engine: self.engine.clone(),
            scan: self.scan,
            types: self.types.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Component<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("backend", &B::NAME)
            .field("imports", &self.imports().len())
            .field("exports", &self.exports().len())
            .finish_non_exhaustive()
    }
}
