//! Engines: our options as Wasmtime's, and Wasmtime's own where they do not
//! change what a component sees.

use std::collections::BTreeMap;
use std::ops::Deref;

use enginebay_core::mutant::{self, Mutant};
use enginebay_core::{Config, Error, ErrorKind, Feature, Features, Interruption, Result, Support};

use wasmtime::OperatorCost;

use crate::Wasmtime;

// Wasmtime and the translator that we depend on ourselves are one version: if
// Cargo ever resolved two, these would be two types.
const _: fn(
    wasmtime::component::__internal::InterfaceType,
) -> wasmtime_environ::component::InterfaceType = |ty| ty;

/// What Wasmtime can do, as it is built here.
pub fn support() -> Support {
    let mut support = Support::new("wasmtime", wasmtime_environ::VERSION);
    support.native = true;
    support.jit = true;
    support.deadline = true;
    support.fuel = true;
    support.deterministic = true;
    support.artifacts = true;
    support.backtraces = true;
    // Exceptions would need the engine's garbage collector, which is not built.
    support.features = Feature::ALL
        .iter()
        .copied()
        .collect::<Features>()
        .with(Feature::Exceptions, false);
    support
}

/// Wasmtime's engine, and what we add to it.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    /// How large fills and copies are made in parts, if guests may be stopped in time.
    pub(crate) in_parts: Option<InParts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InParts {
    /// By functions that are called.
    Calls,
    /// In their place, with [`prices`], as Wasmtime counts fuel.
    Inline,
}

/// Wasmtime's own engine.
impl Deref for Engine {
    type Target = wasmtime::Engine;

    fn deref(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

impl Engine {
    fn of(inner: wasmtime::Engine, config: &Config) -> Self {
        let interruption = config.get_interruption(&support());
        Engine {
            inner,
            in_parts: match interruption {
                Interruption::Deadline => Some(InParts::Calls),
                Interruption::Fuel => Some(InParts::Inline),
                Interruption::None | Interruption::FuelOnly => None,
            },
        }
    }
}

pub(crate) fn new(config: &Config) -> Result<Engine> {
    let mut options = self::config(config);
    if mutant::active(Mutant::FuelPriceChanged) {
        let mut prices = prices(config.get_interruption(&support()));
        prices.I32Add = 2;
        options.operator_cost(prices);
    }
    Ok(Engine::of(make(&options)?, config))
}

pub(crate) fn make(config: &wasmtime::Config) -> Result<wasmtime::Engine> {
    wasmtime::Engine::new(config).map_err(|error| {
        Error::new(
            ErrorKind::Engine,
            format!("Wasmtime refused its configuration: {error:#}"),
        )
        .with_source(error)
    })
}

/// Wasmtime's configuration that has the meaning of ours: where to start for
/// [`engine_from`].
pub fn config(config: &Config) -> wasmtime::Config {
    let interruption = config.get_interruption(&support());
    let mut engine = config_with(config, interruption);
    if interruption == Interruption::Fuel {
        // What components consist of is decided before Wasmtime sees them.
        engine
            .wasm_simd(true)
            .wasm_wide_arithmetic(true)
            .operator_cost(prices(interruption));
    }
    engine
}

/// Wasmtime's prices; where large fills and copies are made in parts, what these
/// consist of is free, and is paid for where a guest has it.
fn prices(interruption: Interruption) -> OperatorCost {
    let mut prices = OperatorCost::new();
    macro_rules! free {
        ($($name:ident)*) => {
            $(prices.$name = 0;)*
        };
    }
    if interruption == Interruption::Fuel {
        enginebay_core::free_operators!(free);
    }
    prices
}

pub(crate) fn config_with(config: &Config, interruption: Interruption) -> wasmtime::Config {
    let features = config.get_features();
    let stack = config.get_max_stack();
    let component_async = features.contains(Feature::ComponentAsync);

    let mut engine = wasmtime::Config::new();
    engine
        .wasm_simd(features.contains(Feature::Simd))
        .wasm_relaxed_simd(features.contains(Feature::RelaxedSimd))
        .wasm_multi_memory(features.contains(Feature::MultiMemory))
        .wasm_tail_call(features.contains(Feature::TailCall))
        .wasm_extended_const(features.contains(Feature::ExtendedConst))
        .wasm_memory64(features.contains(Feature::Memory64))
        // Off unless asked for: it makes every call several times as dear.
        .concurrency_support(component_async)
        .wasm_component_model_async(component_async)
        .wasm_component_model_async_stackful(component_async)
        .wasm_component_model_more_async_builtins(component_async)
        .wasm_component_model_threading(features.contains(Feature::ComponentThreads))
        .wasm_component_model_error_context(features.contains(Feature::ErrorContext))
        .wasm_component_model_fixed_length_lists(features.contains(Feature::FixedLengthLists))
        .wasm_component_model_map(features.contains(Feature::Maps))
        .wasm_component_model_implements(features.contains(Feature::Implements))
        .consume_fuel(interruption.has_fuel())
        .epoch_interruption(interruption.has_deadline())
        .max_wasm_stack(stack)
        // What host functions get on top of the guest's stack in async calls.
        .async_stack_size(stack + (1536 << 10))
        .cranelift_nan_canonicalization(
            config.get_deterministic() && !mutant::active(Mutant::NanNotCanonical),
        );
    engine
}

/// An engine with a configuration of Wasmtime's own: for pooling, profilers,
/// compiler flags and whatever else is special to it.
///
/// `engine` is best made by [`config`] and then changed. Options that change
/// what a component sees or how it is limited must be as [`config`] sets them:
/// the features of wasm and of components, fuel, epochs, concurrency support
/// and the treatment of NaNs. Backtraces cannot be turned off.
///
/// ```
/// use enginebay_core::Config;
/// let config = Config::new();
/// let mut engine = enginebay_wasmtime::config(&config);
/// engine.memory_reservation(1 << 30);
/// let engine = enginebay_wasmtime::engine_from(&engine, &config)?;
/// # Ok::<(), enginebay_core::Error>(())
/// ```
///
/// # Errors
///
/// `Unsupported`, naming the option, for one that differs; `Engine` if Wasmtime
/// refuses the configuration; and whatever [`Engine::new`](enginebay_core::Engine::new) gives.
pub fn engine_from(
    engine: &wasmtime::Config,
    config: &Config,
) -> Result<enginebay_core::Engine<Wasmtime>> {
    config.check("wasmtime", &support())?;
    let wanted = settings(&self::config(config));
    let given = settings(engine);
    for key in wanted.keys().chain(given.keys()) {
        let (wanted, given) = (wanted.get(key), given.get(key));
        if decides_what_guests_see(key) && wanted != given {
            let show =
                |value: Option<&String>| value.map_or("the default", |value| value).to_owned();
            return Err(Error::unsupported(format!(
                "Wasmtime's option `{key}` must stay as enginebay's configuration sets it, {}, \
                 and is {}",
                show(wanted),
                show(given)
            )));
        }
    }
    let engine = make(engine)?;
    // Its debug output does not have this one.
    if engine.get_wasm_backtrace_max_frames() == 0 {
        return Err(Error::unsupported(
            "Wasmtime's option `wasm_backtrace_max_frames` must not be `None`: errors would have \
             no backtraces, by which failures in a guest are told from others",
        ));
    }
    let engine = Engine::of(engine, config);
    enginebay_core::Engine::from_parts(engine, config.clone())
}

/// Options that all backends must agree on.
fn decides_what_guests_see(key: &str) -> bool {
    key.starts_with("wasm_")
        || matches!(
            key,
            "consume_fuel"
                | "epoch_interruption"
                | "concurrency_support"
                | "relaxed_simd_deterministic"
                | "operator_cost"
                | "enable_nan_canonicalization"
        )
}

/// Wasmtime's options by name. Its `Config` can be written and not read, but
/// for its debug output.
fn settings(config: &wasmtime::Config) -> BTreeMap<String, String> {
    let text = format!("{config:?}");
    let pair = |part: &str| {
        let (key, value) = part.trim().split_once(": ")?;
        Some((
            key.trim_matches('"').to_owned(),
            value.trim_matches('"').to_owned(),
        ))
    };
    text.split([',', '{', '}']).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(
        change: impl FnOnce(&mut wasmtime::Config),
    ) -> Result<enginebay_core::Engine<Wasmtime>> {
        let config = Config::new();
        let mut engine = self::config(&config);
        change(&mut engine);
        engine_from(&engine, &config)
    }

    #[test]
    fn options_that_guests_do_not_see_are_free() {
        changed(|_| {}).unwrap();
        changed(|c| {
            c.memory_reservation(1 << 30).parallel_compilation(false);
        })
        .unwrap();
    }

    #[test]
    fn each_option_that_equality_needs_is_refused_by_name() {
        type Change = fn(&mut wasmtime::Config) -> &mut wasmtime::Config;
        let cases: [(&str, Change); 12] = [
            ("wasm_cm_map", |c| c.wasm_component_model_map(true)),
            ("wasm_cm_fixed_length_lists", |c| {
                c.wasm_component_model_fixed_length_lists(true)
            }),
            ("wasm_simd", |c| c.wasm_simd(false)),
            ("wasm_memory64", |c| c.wasm_memory64(true)),
            ("wasm_multi_memory", |c| c.wasm_multi_memory(false)),
            ("wasm_relaxed_simd", |c| c.wasm_relaxed_simd(false)),
            ("consume_fuel", |c| c.consume_fuel(true)),
            ("epoch_interruption", |c| c.epoch_interruption(false)),
            ("concurrency_support", |c| c.concurrency_support(true)),
            ("enable_nan_canonicalization", |c| {
                c.cranelift_nan_canonicalization(true)
            }),
            ("wasm_backtrace_max_frames", |c| {
                c.wasm_backtrace_max_frames(None)
            }),
            ("relaxed_simd_deterministic", |c| {
                c.relaxed_simd_deterministic(true)
            }),
        ];
        for (option, change) in cases {
            let Err(error) = changed(|c| _ = change(c)) else {
                panic!("{option} was accepted")
            };
            assert_eq!(*error.kind(), ErrorKind::Unsupported, "{option}");
            assert!(error.message().contains(option), "{option}: {error}");
        }
    }
}
