//! Engines: our options as Wasmer's, one Wasmer engine per component, and what
//! it compiles.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{
    Config, Error, ErrorKind, Feature, Features, Result, Support, refused_features,
};
use wasmer::sys::{
    BaseTunables, CompilerConfig, EngineBuilder, FunctionMiddleware, ModuleMiddleware, Target, vm,
};
use wasmer::{CompileError, ExportIndex, LocalFunctionIndex, Pages, WASM_MAX_PAGES, WasmError};
use wasmer_types::{FunctionIndex, MiddlewareError, ModuleInfo};

/// Bytes behind the 4 GiB of a memory that nobody can use. Accesses with a
/// constant offset below this need no bounds check.
const GUARD: u64 = 32 << 20;

use crate::flags::Flags;

/// What Wasmer can do, as it is built here.
pub fn support() -> Support {
    let mut support = Support::new("wasmer", vm::VERSION);
    support.jit = true;
    support.deterministic = true;
    support.artifacts = true;
    support.backtraces = true;
    // Cranelift has exceptions too. But Wasmer unwinds them on the guest's stack,
    // under locks of the whole process: a guest that throws with its stack almost
    // full would leave them locked.
    let cranelift: &[Feature] = if cfg!(feature = "singlepass") {
        &[]
    } else {
        &[Feature::Simd, Feature::RelaxedSimd]
    };
    support.features = [Feature::MultiMemory, Feature::ExtendedConst]
        .iter()
        .chain(cranelift)
        .copied()
        .collect();
    support
}

/// Options that every component's own engine is made with.
#[derive(Clone)]
pub struct Engine(Arc<Options>);

struct Options {
    features: Features,
    deterministic: bool,
    max_stack: usize,
    target: Target,
    flags: Flags,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("features", &self.0.features)
            .field("deterministic", &self.0.deterministic)
            .field("max_stack", &self.0.max_stack)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// What stops the guests of all its stores.
    pub(crate) fn flags(&self) -> Flags {
        self.0.flags.clone()
    }

    pub(crate) fn new(config: &Config) -> Result<Self> {
        // Wasmer's handlers of signals, for the whole process, once.
        vm::init_traps();
        Ok(Engine(Arc::new(Options {
            features: config.get_features(),
            deterministic: config.get_deterministic(),
            max_stack: config.get_max_stack(),
            target: Target::default(),
            flags: Flags::default(),
        })))
    }

    pub(crate) fn max_stack(&self) -> usize {
        self.0.max_stack
    }
}

impl Options {
    /// The features that are on and that Wasmer has.
    fn has(&self, feature: Feature) -> bool {
        self.features.contains(feature) && support().features.contains(feature)
    }

    fn wasmer_features(&self) -> wasmer::sys::Features {
        let mut features = wasmer::sys::Features::none();
        features.reference_types = true;
        features.bulk_memory = true;
        features.multi_value = true;
        features.simd = self.has(Feature::Simd);
        features.relaxed_simd = self.has(Feature::RelaxedSimd);
        features.multi_memory = self.has(Feature::MultiMemory);
        features.extended_const = self.has(Feature::ExtendedConst);
        features
    }

    #[cfg(not(feature = "singlepass"))]
    fn compiler(&self) -> EngineBuilder {
        let mut compiler = wasmer::sys::Cranelift::new();
        compiler.canonicalize_nans(self.deterministic && !mutant::active(Mutant::NanNotCanonical));
        compiler.push_middleware(Arc::new(SharedTables));
        EngineBuilder::new(compiler)
    }

    #[cfg(feature = "singlepass")]
    fn compiler(&self) -> EngineBuilder {
        let mut compiler = wasmer::sys::Singlepass::new();
        compiler.canonicalize_nans(self.deterministic && !mutant::active(Mutant::NanNotCanonical));
        compiler.push_middleware(Arc::new(SharedTables));
        EngineBuilder::new(compiler)
    }
}

/// A maximum that no table declares for itself: [`SharedTables`] marks tables with
/// it.
pub(crate) const FIXED: u32 = u32::MAX - 1;

/// Marks exported tables of functions whose size never changes. Wasmer keeps a
/// copy of such a table beside each instance that defines one, for faster calls,
/// and does not see it when another instance writes into the table. With another
/// maximum it does without the copy; the table gets its own maximum back when it
/// is made.
#[derive(Debug)]
struct SharedTables;

impl ModuleMiddleware for SharedTables {
    fn generate_function_middleware<'a>(
        &self,
        _: LocalFunctionIndex,
    ) -> Box<dyn FunctionMiddleware<'a> + 'a> {
        Box::new(Unchanged)
    }

    fn transform_module_info(&self, info: &mut ModuleInfo) -> Result<(), MiddlewareError> {
        for (index, table) in &mut info.tables {
            if table.maximum == Some(FIXED) {
                // No table gets that far.
                table.maximum = None;
            }
            let export = ExportIndex::Table(index);
            if table.is_fixed_funcref_table()
                && info.exports.values().any(|it| *it == export)
                && !mutant::active(Mutant::WasmerTablesCopied)
            {
                table.maximum = Some(FIXED);
                table.readonly = false;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Unchanged;

impl FunctionMiddleware<'_> for Unchanged {}

/// An engine for one component: it owns the code of the component's modules.
#[derive(Clone)]
pub struct Unit(Arc<UnitInner>);

struct UnitInner {
    engine: wasmer::Engine,
    options: Engine,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unit").field(&self.0.options).finish()
    }
}

impl Unit {
    pub(crate) fn new(options: &Engine) -> Result<Self> {
        let engine = guarded("makes an engine", || {
            let mut engine = options
                .0
                .compiler()
                .set_target(Some(options.0.target.clone()))
                .set_features(Some(options.0.wasmer_features()))
                .engine();
            // Only how memories are laid out is of interest here: stores make
            // them by tunables of their own.
            let mut tunables = BaseTunables::for_target(&options.0.target);
            if tunables.static_memory_bound == Pages(WASM_MAX_PAGES) {
                tunables.static_memory_offset_guard_size = GUARD;
            }
            engine.set_tunables(tunables);
            wasmer::Engine::from(engine)
        })?;
        Ok(Unit(Arc::new(UnitInner {
            engine,
            options: options.clone(),
        })))
    }

    /// Tells units apart.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

/// A compiled module.
#[derive(Clone)]
pub struct Module {
    module: wasmer::Module,
    /// The start function. Wasmer does not know of it: instances call it as any
    /// other function.
    start: Option<u32>,
    /// Owns the code.
    unit: Unit,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.module.name())
            .finish_non_exhaustive()
    }
}

/// A module without a start function, in artifacts: no function has this index.
const NO_START: u32 = u32::MAX;

impl Module {
    fn new(unit: &Unit, module: wasmer::Module, start: Option<u32>) -> Result<Self> {
        let functions = module.info().functions.len();
        if start.is_some_and(|start| start as usize >= functions) {
            return Err(Error::new(
                ErrorKind::Engine,
                "the module's start function does not exist",
            ));
        }
        Ok(Module {
            module,
            start,
            unit: unit.clone(),
        })
    }

    /// The start function.
    pub(crate) fn start(&self) -> Option<ExportIndex> {
        let index = self.start.map(FunctionIndex::from_u32);
        index.map(ExportIndex::Function)
    }

    pub(crate) fn compile(unit: &Unit, wasm: &[u8]) -> Result<Self> {
        let start = Start::find(wasm);
        let stripped = start.as_ref().map(|start| start.strip(wasm));
        let compiled = guarded("compiles a module", || {
            wasmer::Module::from_binary(&unit.0.engine, stripped.as_deref().unwrap_or(wasm))
        })?;
        match compiled {
            Ok(module) => Module::new(unit, module, start.map(|start| start.function)),
            Err(error) => Err(refused(&unit.0.options.0, wasm, error)),
        }
    }

    pub(crate) fn serialize(&self) -> Result<Vec<u8>> {
        let bytes = guarded("serializes a module", || self.module.serialize())?;
        let mut bytes = bytes.map(|bytes| bytes.to_vec()).map_err(|error| {
            Error::new(
                ErrorKind::Engine,
                format!("Wasmer cannot serialize: {error}"),
            )
            .with_source(error)
        })?;
        bytes.extend_from_slice(&self.start.unwrap_or(NO_START).to_le_bytes());
        Ok(bytes)
    }

    /// # Safety
    ///
    /// The bytes come from [`Module::serialize`], unchanged.
    #[allow(unsafe_code, reason = "artifacts are machine code")]
    pub(crate) unsafe fn deserialize(unit: &Unit, bytes: &[u8]) -> Result<Self> {
        let Some((code, start)) = bytes.split_last_chunk() else {
            return Err(Error::new(ErrorKind::Artifact, "the artifact is too short"));
        };
        let start = u32::from_le_bytes(*start);
        let loaded = guarded("loads a module", || {
            // SAFETY: the caller promises that these bytes are what Wasmer made.
            unsafe { wasmer::Module::deserialize(&unit.0.engine, code) }
        })?;
        match loaded {
            Ok(module) => Module::new(unit, module, Some(start).filter(|it| *it != NO_START)),
            Err(error) => Err(Error::new(
                ErrorKind::Artifact,
                format!("Wasmer refuses the artifact: {error}"),
            )
            .with_source(error)),
        }
    }

    pub(crate) fn unit(&self) -> &Unit {
        &self.unit
    }

    pub(crate) fn artifact(&self) -> Result<&wasmer::sys::Artifact> {
        self.module.sys_artifact().ok_or_else(|| {
            Error::new(
                ErrorKind::Engine,
                "Wasmer compiled the module for another runtime",
            )
        })
    }
}

/// Where a module has its start section.
struct Start {
    /// The section's first byte.
    section: usize,
    /// Its content, behind its size.
    content: Range<usize>,
    function: u32,
}

impl Start {
    const SECTION: u8 = 8;

    /// Nothing, if there is none or if the module is malformed.
    fn find(wasm: &[u8]) -> Option<Self> {
        let mut section = 8;
        loop {
            let (size, start) = leb128(wasm, section + 1)?;
            let end = start.checked_add(size as usize)?;
            let content = start..end;
            if *wasm.get(section)? == Start::SECTION {
                let (function, end) = leb128(wasm, start)?;
                return (end == content.end).then_some(Start {
                    section,
                    content,
                    function,
                });
            }
            section = end;
        }
    }

    /// The module with a custom section of the same size in its place, so that
    /// offsets into the module stay what they are.
    fn strip(&self, wasm: &[u8]) -> Vec<u8> {
        let mut wasm = wasm.to_vec();
        wasm[self.section] = 0;
        // All of it is the section's name: its length, and 0 to 4 letters.
        let name = &mut wasm[self.content.clone()];
        let length = name.len() - 1;
        name[0] = length as u8;
        name[1..].copy_from_slice(&b"start"[..length]);
        wasm
    }
}

/// An unsigned number of 32 bits in LEB128, and where it ends.
fn leb128(bytes: &[u8], mut at: usize) -> Option<(u32, usize)> {
    let mut value = 0_u32;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

/// Runs what may panic in Wasmer and runs no code of a guest or host.
pub(crate) fn guarded<T>(what: &str, f: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| panicked(what, &*payload))
}

/// The error of a panic in Wasmer.
#[cold]
pub(crate) fn panicked(what: &str, payload: &(dyn Any + Send)) -> Error {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::new(
        ErrorKind::Engine,
        format!("Wasmer panicked while it {what}: {text}"),
    )
}

/// Why a module was refused. Its component is valid by the configuration, so
/// that it is a feature, or a failure of the compiler.
fn refused(options: &Options, wasm: &[u8], error: CompileError) -> Error {
    let has = options.features.iter().filter(|it| options.has(*it));
    let unsupported = matches!(
        error,
        CompileError::UnsupportedFeature(_) | CompileError::Wasm(WasmError::Unsupported(_))
    );
    let result = if let Some(refused) = refused_features(wasm, has.collect()) {
        refused
    } else if unsupported {
        Error::unsupported(format!("Wasmer cannot compile the module: {error}"))
    } else {
        Error::new(
            ErrorKind::Engine,
            format!("Wasmer failed to compile the module: {error}"),
        )
    };
    result.with_source(error)
}
