//! Engines and modules.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use enginebay_core::{
    Config, Error, ErrorKind, Feature, Features, Interruption, Result, Support, refused_features,
};
use enginebay_layer::{CoreType, Signature, contain};
use wasmtime::{FuncType, Module, ValType};

use crate::engine;

/// What Wasmtime's core wasm can do, as it is built here.
pub(super) fn support() -> Support {
    let mut support = engine::support();
    support.native = false;
    // The layer meters.
    support.fuel = false;
    support.features = support.features.with(Feature::ComponentAsync, false);
    support
}

/// Wasmtime's types of host functions. To make one it takes a lock that all of
/// the engine's compilations take, and these are made for each instance.
#[derive(Clone, Default)]
pub(super) struct FuncTypes(Arc<RwLock<HashMap<Signature, FuncType>>>);

impl FuncTypes {
    pub(super) fn get(&self, engine: &wasmtime::Engine, ty: &Signature) -> FuncType {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(ty) {
            return known.clone();
        }
        drop(known);
        let types = |types: &[CoreType]| {
            let one = |ty: &CoreType| match ty {
                CoreType::I32 => ValType::I32,
                CoreType::I64 => ValType::I64,
                CoreType::F32 => ValType::F32,
                CoreType::F64 => ValType::F64,
            };
            types.iter().map(one).collect::<Vec<_>>()
        };
        let made = FuncType::new(engine, types(&ty.params), types(&ty.results));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(ty.clone(), made.clone());
        made
    }
}

/// A Wasmtime engine, and the features that it was made with.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    types: FuncTypes,
    features: Features,
}

impl Engine {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let has = support().features;
        let features = config.get_features();
        // Epochs serve for deadlines; where fuel is metered, the layer looks at
        // the time as well.
        let interruption = match config.get_interruption(&support()) {
            Interruption::Deadline => Interruption::Deadline,
            Interruption::None | Interruption::Fuel | Interruption::FuelOnly => Interruption::None,
        };
        Ok(Engine {
            inner: engine::make(&engine::config_with(config, interruption))?,
            types: FuncTypes::default(),
            features: features.iter().filter(|it| has.contains(*it)).collect(),
        })
    }

    /// Wasmtime's own engine.
    pub fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }

    pub(super) fn types(&self) -> FuncTypes {
        self.types.clone()
    }

    pub(super) fn compile(&self, wasm: &[u8]) -> Result<Module> {
        contain("compiling a module", || {
            Module::from_binary(&self.inner, wasm).map_err(|error| self.refused(wasm, error))
        })
    }

    #[cold]
    fn refused(&self, wasm: &[u8], error: wasmtime::Error) -> Error {
        match refused_features(wasm, self.features) {
            Some(refused) => refused.with_source(error),
            None => Error::new(
                ErrorKind::Engine,
                format!("Wasmtime cannot compile a module: {error:#}"),
            )
            .with_source(error),
        }
    }

    /// # Safety
    ///
    /// The bytes come from [`serialize`], unchanged.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    pub(super) unsafe fn deserialize(&self, bytes: &[u8]) -> Result<Module> {
        // SAFETY: the caller promises the same.
        unsafe { Module::deserialize(&self.inner, bytes) }.map_err(|error| {
            Error::new(
                ErrorKind::Artifact,
                format!("Wasmtime refuses the artifact: {error:#}"),
            )
            .with_source(error)
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

pub(super) fn serialize(module: &Module) -> Result<Vec<u8>> {
    module.serialize().map_err(|error| {
        Error::new(
            ErrorKind::Engine,
            format!("Wasmtime cannot serialize: {error:#}"),
        )
        .with_source(error)
    })
}
