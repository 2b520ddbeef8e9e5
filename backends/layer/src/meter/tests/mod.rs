//! Metered modules count what Wasmtime counts: each program runs on Wasmtime with
//! its own fuel, and metered on engines that count nothing, with much fuel and
//! then with any less, in slices of several sizes.

mod components;
mod flag;
mod in_parts;
mod on_wasmer;
mod on_wasmi;
mod on_wasmtime;
mod places;
mod programs;
mod random;

use std::ops::AddAssign;
use std::sync::OnceLock;

use wasmtime_environ::wasmparser::{ExternalKind, Parser, Payload, Validator, WasmFeatures};
use wasmtime_environ::{ModuleEnvironment, ModuleTypesBuilder, StaticModuleIndex, Tunables};

use super::{Gauge, Metered, Mode};

/// A step of a program, or how it ended.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    /// A host function was called.
    Host {
        left: u64,
    },
    /// A call, or the instantiation, gave these bits.
    Done {
        results: Vec<u64>,
        left: u64,
    },
    Trap {
        code: String,
        left: u64,
    },
}

/// What a host function gives: the same on all engines.
fn host_result(params: &[u64]) -> u64 {
    params
        .iter()
        .fold(7u64, |sum, param| sum.wrapping_mul(31).wrapping_add(*param))
        & 0xff
}

/// What a function gets for its `index`th parameter: what an allocator may make
/// sense of.
fn argument(index: usize) -> u64 {
    [0, 16, 8, 64][index % 4]
}

/// How much fuel there is, and how much of it at once.
#[derive(Clone, Copy, Debug)]
struct Fuel {
    fuel: u64,
    slice: u64,
}

/// What the host of a metered module keeps.
struct Host<G> {
    gauge: Gauge,
    slice: u64,
    counter: Option<G>,
    events: Vec<Event>,
}

/// An engine that runs metered modules.
trait Engine {
    type Module;
    const NAME: &'static str;
    fn compile(wasm: &[u8]) -> Self::Module;
    /// Instantiates the module, then calls these exports, with [`argument`]s, until
    /// one fails.
    fn run(module: &Self::Module, calls: &[String], fuel: Fuel) -> Vec<Event>;
}

fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MEMORY64
}

/// Meters a core module.
fn meter(wasm: &[u8], mode: Mode, features: WasmFeatures) -> enginebay_core::Result<Metered> {
    let tunables = Tunables::default_host();
    let mut validator = Validator::new_with_features(features);
    let mut types = ModuleTypesBuilder::new(&validator);
    let mut module = ModuleEnvironment::new(
        &tunables,
        &mut validator,
        &mut types,
        StaticModuleIndex::from_u32(0),
    )
    .translate(Parser::new(0), wasm)
    .unwrap();
    super::finalize(&mut module, &tunables, &mut types);
    super::meter(&module, mode)
}

/// The same, and a look at the result.
fn metered(wasm: &[u8], mode: Mode) -> Vec<u8> {
    let metered = meter(wasm, mode, features()).unwrap().wasm;
    assert_valid(&metered);
    metered
}

fn assert_valid(metered: &[u8]) {
    Validator::new_with_features(features())
        .validate_all(metered)
        .unwrap();
}

/// How often two runs were compared.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    runs: usize,
    traps: usize,
    exhausted: usize,
}

impl Counts {
    fn add(&mut self, events: &[Event]) {
        self.runs += 1;
        if let Some(Event::Trap { code, .. }) = events.last() {
            self.traps += 1;
            self.exhausted += usize::from(code == "OutOfFuel");
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.traps += other.traps;
        self.exhausted += other.exhausted;
    }
}

/// How many random programs are asked for: as many as `ENGINEBAY_RANDOM` says.
fn programs_asked_for() -> u64 {
    let count = std::env::var("ENGINEBAY_RANDOM").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(1_000)
}

/// How a program is run.
#[derive(Clone, Copy)]
struct Plan {
    /// Enough fuel for the program, but not so much that an endless loop takes
    /// long.
    much: u64,
    /// With how many amounts of less, about.
    sweep: u64,
    /// How far around the amount that is enough every amount is tried.
    around: u64,
    slices: &'static [u64],
}

/// All of the fuel at once, and less.
const SLICES: &[u64] = &[u64::MAX, 1, 100, 10_000];

/// The functions that a module exports, in order.
fn exports(wasm: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ExportSection(exports) = payload.unwrap() {
            let all = exports.into_iter().map(Result::unwrap);
            let funcs = all.filter(|export| export.kind == ExternalKind::Func);
            names.extend(funcs.map(|export| export.name.to_owned()));
        }
    }
    names
}

fn left(events: &[Event]) -> u64 {
    match events.last() {
        Some(Event::Done { left, .. } | Event::Trap { left, .. }) => *left,
        _ => panic!("no end: {events:?}"),
    }
}

/// A program, compiled for all engines.
struct Compiled {
    native: on_wasmtime::Native,
    wasmtime: <on_wasmtime::Wasmtime as Engine>::Module,
    wasmi: <on_wasmi::Wasmi as Engine>::Module,
    /// Wasmer has no tail calls, and no memories of 64 bits.
    wasmer: Option<<on_wasmer::Wasmer as Engine>::Module>,
}

impl Compiled {
    fn new(wasm: &[u8], metered: &[u8]) -> Self {
        let features = features() & !WasmFeatures::TAIL_CALL & !WasmFeatures::MEMORY64;
        let wasmer = Validator::new_with_features(features).validate_all(wasm);
        Compiled {
            native: on_wasmtime::Native::compile(wasm),
            wasmtime: on_wasmtime::Wasmtime::compile(metered),
            wasmi: on_wasmi::Wasmi::compile(metered),
            wasmer: wasmer.ok().map(|_| on_wasmer::Wasmer::compile(metered)),
        }
    }

    /// Compares on all engines.
    fn compare(&self, name: &str, calls: &[String], plan: Plan) -> Counts {
        let mut counts = Counts::default();
        self.compare_on::<on_wasmtime::Wasmtime>(&self.wasmtime, name, calls, plan, &mut counts);
        self.compare_on::<on_wasmi::Wasmi>(&self.wasmi, name, calls, plan, &mut counts);
        if let Some(wasmer) = &self.wasmer {
            self.compare_on::<on_wasmer::Wasmer>(wasmer, name, calls, plan, &mut counts);
        }
        counts
    }

    fn compare_on<E: Engine>(
        &self,
        module: &E::Module,
        name: &str,
        calls: &[String],
        plan: Plan,
        counts: &mut Counts,
    ) {
        let mut compare = |fuel: Fuel| {
            let wanted = self.native.run(calls, fuel.fuel);
            let found = E::run(module, calls, fuel);
            assert_eq!(found, wanted, "{name} on {}, {fuel:?}", E::NAME);
            counts.add(&wanted);
            left(&wanted)
        };
        let (fuel, slices) = (plan.much, plan.slices);
        let mut used = 0;
        for slice in slices.iter().copied() {
            used = fuel - compare(Fuel { fuel, slice });
        }
        let step = (used / plan.sweep).max(1);
        for (turn, fuel) in (0..used + 3).step_by(step as usize).enumerate() {
            let slice = slices[turn % slices.len()];
            compare(Fuel { fuel, slice });
        }
        // Where exhaustion turns into success.
        for fuel in used.saturating_sub(plan.around)..used + plan.around {
            for slice in slices.iter().copied() {
                compare(Fuel { fuel, slice });
            }
        }
    }
}

const SLICED: Mode = Mode::Fuel { slices: true };

/// Compares a core module.
fn compare(name: &str, wasm: &[u8], plan: Plan) -> Counts {
    // Nothing is counted then, but labels move.
    metered(wasm, Mode::Flag);
    let calls = exports(wasm);
    let whole = Plan {
        slices: &[u64::MAX],
        ..plan
    };
    let mode = Mode::Fuel { slices: false };
    Compiled::new(wasm, &metered(wasm, mode)).compare(name, &calls, whole);
    in_parts::compare(name, wasm, &calls, plan);
    Compiled::new(wasm, &metered(wasm, SLICED)).compare(name, &calls, plan)
}

#[test]
fn what_cannot_be_metered_is_refused_by_name() {
    let refusals = [
        (
            "(module (func (block (try_table (catch_all 0)))))",
            "exceptions",
        ),
        ("(module (tag $t) (func (throw $t)))", "exceptions"),
        (
            "(module (func (result i31ref) (ref.i31 (i32.const 1))))",
            "gc",
        ),
    ];
    for (wat, feature) in refusals {
        let wasm = wat::parse_str(wat).unwrap();
        let features = features() | WasmFeatures::WASM3;
        let Err(error) = meter(&wasm, SLICED, features) else {
            panic!("{wat} was metered");
        };
        assert_eq!(*error.kind(), enginebay_core::ErrorKind::Unsupported);
        assert!(error.message().contains(feature), "{error}");
    }
}
