//! Engines: our options as wasmi's, one wasmi engine per component, and what it
//! compiles.

use std::fmt;
use std::sync::{Arc, OnceLock};

use enginebay_core::{
    Config, Error, ErrorKind, Feature, Features, Interruption, Result, Support, refused_features,
};
use enginebay_layer::contain;
use wasm_encoder::reencode;
use wasmi::CustomFuelCosts;

use crate::growth::{self, Growth};
use crate::initial::Initial;
use crate::large::{self, Beginning};
use crate::{select, start, unroll};

/// What wasmi can do, as it is built here.
pub(crate) fn support() -> Support {
    let mut support = Support::new("wasmi", "2.0.0");
    // wasmi's Cargo feature `deterministic` is on: NaNs are canonical always,
    // which costs a branch that no measurement shows.
    support.deterministic = true;
    // By wasmi's own fuel, which is not the layer's.
    support.deadline = true;
    support.features = Feature::ALL
        .iter()
        .copied()
        .filter(|feature| has(*feature))
        .collect();
    support
}

fn has(feature: Feature) -> bool {
    match feature {
        Feature::Simd
        | Feature::RelaxedSimd
        | Feature::MultiMemory
        | Feature::TailCall
        | Feature::ExtendedConst
        | Feature::Memory64 => true,
        Feature::Exceptions => false,
        // What the engine has not, the layer might bring, and a feature that is
        // new is not known to work.
        _ => false,
    }
}

/// Options that every component's own engine is made with.
#[derive(Clone)]
pub struct Engine(Arc<Options>);

struct Options {
    config: wasmi::Config,
    features: Features,
    max_stack: usize,
    /// Whether wasmi's own fuel stops guests.
    stops: bool,
    /// Whether guests are stopped in some way.
    is_timed: bool,
}

/// A call in wasmi takes a frame of 24 bytes besides its values. Counted as this
/// much of the stack, the shortest recursion goes about as deep as it would in
/// machine code.
const BYTES_PER_FRAME: usize = 32;

impl Engine {
    /// wasmi keeps the guest's stack on the heap and has two limits for it:
    /// `max_stack` is the most that its values may take, and sets how many calls
    /// there may be.
    ///
    /// Functions are translated when they are first called, as wasmi does unless
    /// told otherwise: that is what makes large components start at once.
    /// Validation is not put off.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        if !keeps_to_the_heap() {
            return Err(Error::new(
                ErrorKind::Engine,
                "wasmi was compiled so that each instruction of a guest takes some of the \
                 thread's stack: compile it without debug assertions, or with `opt-level = 1`",
            ));
        }
        let features = config.get_features();
        let max_stack = config.get_max_stack();
        let interruption = config.get_interruption(&support());
        let stops = interruption == Interruption::Deadline;
        let mut options = wasmi::Config::default();
        options
            .wasm_simd(features.contains(Feature::Simd))
            .wasm_relaxed_simd(features.contains(Feature::RelaxedSimd))
            .wasm_multi_memory(features.contains(Feature::MultiMemory))
            .wasm_tail_call(features.contains(Feature::TailCall))
            .wasm_extended_const(features.contains(Feature::ExtendedConst))
            .wasm_memory64(features.contains(Feature::Memory64))
            .ignore_custom_sections(true)
            .set_max_stack_height(max_stack)
            .set_max_recursion_depth(max_stack / BYTES_PER_FRAME)
            .consume_fuel(stops)
            // A guest that runs out of fuel while a function is translated cannot go
            // on.
            .fuel_cost(CustomFuelCosts {
                bytes_copied_per_fuel: 64,
                fuel_per_bytes_translated: 0,
                fuel_per_bytes_validated: 0,
            });
        Ok(Engine(Arc::new(Options {
            config: options,
            features: features.iter().filter(|feature| has(*feature)).collect(),
            max_stack,
            stops,
            is_timed: interruption.has_deadline(),
        })))
    }

    pub(crate) fn max_stack(&self) -> usize {
        self.0.max_stack
    }
}

/// An engine for one component. A wasmi engine keeps each function that it ever
/// translated or was given to translate, and the types of all of them.
#[derive(Clone)]
pub struct Unit(Arc<UnitInner>);

struct UnitInner {
    engine: wasmi::Engine,
    features: Features,
    stops: bool,
    is_timed: bool,
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unit")
            .field("features", &self.0.features)
            .finish_non_exhaustive()
    }
}

impl Unit {
    pub(crate) fn new(options: &Engine) -> Self {
        Unit(Arc::new(UnitInner {
            engine: wasmi::Engine::new(&options.0.config),
            features: options.0.features,
            stops: options.0.stops,
            is_timed: options.0.is_timed,
        }))
    }

    /// Whether guests can be stopped: by fuel of wasmi's, which they run out of.
    pub(crate) fn stops(&self) -> bool {
        self.0.stops
    }

    /// wasmi's own engine.
    pub fn engine(&self) -> &wasmi::Engine {
        &self.0.engine
    }

    /// Tells units apart.
    pub(crate) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether a module was compiled here.
    pub(crate) fn owns(&self, module: &Module) -> bool {
        wasmi::Engine::same(self.engine(), module.inner.engine())
    }

    pub(crate) fn compile(&self, wasm: &[u8]) -> Result<Module> {
        contain("compiling a module", || {
            let chosen = select::rewrite(wasm);
            let now = chosen.as_deref().unwrap_or(wasm);
            let growing = growth::rewrite(now).map_err(not_rewritten)?;
            let (now, growths) = match &growing {
                Some(it) => (&*it.wasm, it.growths.as_slice()),
                None => (now, &[][..]),
            };
            // It comes after what the module needs, or is run in slices.
            let start = match self.stops() || growing.is_some() {
                true => start::export(now),
                false => None,
            };
            let now = start.as_deref().unwrap_or(now);
            let large = match self.0.is_timed {
                true => large::rewrite(now).map_err(not_rewritten)?,
                false => None,
            };
            let (now, memories) = match &large {
                Some(it) => (&*it.wasm, it.memories.clone()),
                None => (now, Arc::default()),
            };
            let unrolled = match self.stops() {
                true => unroll::rewrite(now),
                false => None,
            };
            let now = unrolled.as_deref().unwrap_or(now);
            match wasmi::Module::new(self.engine(), now) {
                Ok(inner) => Ok(Module {
                    inner,
                    has_start: start.is_some(),
                    growths: growths.into(),
                    memories,
                    initial: Initial::of(wasm).map(Arc::new),
                }),
                Err(error) => Err(self.refused(wasm, error)),
            }
        })
    }

    #[cold]
    fn refused(&self, wasm: &[u8], error: wasmi::Error) -> Error {
        if let wasmi::errors::ErrorKind::Wasm(_) = error.kind()
            && let Some(refused) = refused_features(wasm, self.0.features)
        {
            return refused.with_source(error);
        }
        let kind = match error.kind() {
            wasmi::errors::ErrorKind::Translation(_)
            | wasmi::errors::ErrorKind::ImplementationLimits(_) => ErrorKind::Unsupported,
            _ => ErrorKind::Engine,
        };
        Error::new(kind, format!("wasmi cannot compile a module: {error}")).with_source(error)
    }
}

#[cold]
fn not_rewritten(error: reencode::Error) -> Error {
    let text = format!("a module cannot be rewritten for wasmi: {error}");
    Error::new(ErrorKind::Engine, text).with_source(error)
}

/// Whether a guest can run for long without taking more of the thread's stack.
///
/// Optimized, wasmi's instructions end in calls of the next one and leave it to
/// LLVM to make jumps of them. Not every build does: with debug assertions they
/// stay calls, and a loop of a few thousand rounds ends the process. So a loop is
/// tried out, once.
fn keeps_to_the_heap() -> bool {
    static RESULT: OnceLock<bool> = OnceLock::new();
    *RESULT.get_or_init(|| match (stack_after(1), stack_after(100)) {
        (Some(short), Some(long)) => short.abs_diff(long) < 1024,
        _ => false,
    })
}

/// Imports a function and exports one, both named "", that counts its argument
/// down to zero and then calls the first.
const LOOP: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x08\x02\x60\0\0\x60\x01\x7f\0\
    \x02\x05\x01\0\0\0\0\
    \x03\x02\x01\x01\
    \x07\x04\x01\0\0\x01\
    \x0a\x12\x01\x10\0\
    \x03\x40\x20\0\x41\x01\x6b\x22\0\x0d\0\x0b\x10\0\x0b";

/// Where the thread's stack is after so many rounds of a loop.
fn stack_after(rounds: u32) -> Option<usize> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, LOOP).ok()?;
    let mut store = wasmi::Store::new(&engine, 0);
    let mark = wasmi::Func::wrap(&mut store, |mut caller: wasmi::Caller<'_, usize>| {
        let here = 0u8;
        *caller.data_mut() = (&raw const here).addr();
    });
    let instance = wasmi::Instance::new(&mut store, &module, &[mark.into()]).ok()?;
    let run = instance.get_typed_func::<u32, ()>(&store, "").ok()?;
    run.call(&mut store, rounds).ok()?;
    Some(store.into_data())
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("features", &self.0.features)
            .field("max_stack", &self.0.max_stack)
            .finish_non_exhaustive()
    }
}

/// A module that wasmi validated.
#[derive(Clone, Debug)]
pub struct Module {
    pub(crate) inner: wasmi::Module,
    /// Whether it has a start function that wasmi does not run.
    pub(crate) has_start: bool,
    /// What its instances have to be provided with.
    pub(crate) growths: Arc<[Growth]>,
    /// What its instances import besides what the component gives them.
    pub(crate) memories: Arc<[Beginning]>,
    /// What of its own may be refused before wasmi makes any of it.
    pub(crate) initial: Option<Arc<Initial>>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_the_one_that_is_built() {
        let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        let lock = std::fs::read_to_string(lock).unwrap();
        let version = super::support().version;
        let package = format!("name = \"wasmi\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&package), "{version}");
    }
}
