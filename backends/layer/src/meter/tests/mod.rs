//! Metered modules count what Wasmtime counts: each program runs on Wasmtime with
//! its own fuel, and metered on engines that count nothing, with much fuel and
//! then with any less, in slices of several sizes.

mod components;
mod on_wasmer;
mod on_wasmi;
mod on_wasmtime;
mod places;
mod programs;
mod random;

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
fn meter(wasm: &[u8]) -> enginebay_core::Result<Metered> {
    let tunables = Tunables::default_host();
    let mut validator = Validator::new_with_features(features());
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
    super::meter(&module, Mode::Fuel)
}

/// The same, and a look at the result.
fn metered(wasm: &[u8]) -> Vec<u8> {
    let metered = meter(wasm).unwrap().wasm;
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

/// How a program is run.
#[derive(Clone, Copy)]
struct Plan {
    /// Enough fuel for the program, but not so much that an endless loop takes
    /// long.
    much: u64,
    /// With how many amounts of less, about.
    sweep: u64,
}

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

/// Compares one program on one engine.
fn compare<E: Engine>(
    name: &str,
    wasm: &[u8],
    metered: &[u8],
    calls: &[String],
    plan: Plan,
    counts: &mut Counts,
) {
    let native = on_wasmtime::Native::compile(wasm);
    let module = E::compile(metered);
    let compare = |fuel: Fuel, counts: &mut Counts| {
        let (wanted, found) = (native.run(calls, fuel.fuel), E::run(&module, calls, fuel));
        assert_eq!(found, wanted, "{name} on {}, {fuel:?}", E::NAME);
        counts.add(&wanted);
        wanted
    };
    let slices = [u64::MAX, 1, 100, 10_000];
    let mut used = 0;
    for slice in slices {
        let fuel = Fuel {
            fuel: plan.much,
            slice,
        };
        used = plan.much - left(&compare(fuel, counts));
    }
    let step = (used / plan.sweep).max(1);
    for (turn, fuel) in (0..used + 3).step_by(step as usize).enumerate() {
        let slice = slices[turn % slices.len()];
        compare(Fuel { fuel, slice }, counts);
    }
    // Where exhaustion turns into success.
    for fuel in used.saturating_sub(3)..used + 3 {
        for slice in slices {
            compare(Fuel { fuel, slice }, counts);
        }
    }
}

/// Wasmer has no tail calls, and no memories of 64 bits.
fn runs_on_wasmer(wasm: &[u8]) -> bool {
    let features = features() & !WasmFeatures::TAIL_CALL & !WasmFeatures::MEMORY64;
    Validator::new_with_features(features)
        .validate_all(wasm)
        .is_ok()
}

/// Compares on all engines.
fn compare_all(name: &str, wasm: &[u8], plan: Plan) -> Counts {
    let mut counts = Counts::default();
    let (metered, calls) = (metered(wasm), exports(wasm));
    compare::<on_wasmtime::Wasmtime>(name, wasm, &metered, &calls, plan, &mut counts);
    compare::<on_wasmi::Wasmi>(name, wasm, &metered, &calls, plan, &mut counts);
    if runs_on_wasmer(wasm) {
        compare::<on_wasmer::Wasmer>(name, wasm, &metered, &calls, plan, &mut counts);
    }
    counts
}

#[test]
fn what_cannot_be_metered_is_refused_by_name() {
    let refusals: [(&str, &str); 1] = [(
        "(module (func (block (try_table (catch_all 0)))))",
        "exceptions",
    )];
    for (wat, feature) in refusals {
        let wasm = wat::parse_str(wat).unwrap();
        let tunables = Tunables::default_host();
        let mut validator = Validator::new_with_features(features() | WasmFeatures::EXCEPTIONS);
        let mut types = ModuleTypesBuilder::new(&validator);
        let index = StaticModuleIndex::from_u32(0);
        let mut module = ModuleEnvironment::new(&tunables, &mut validator, &mut types, index)
            .translate(Parser::new(0), &wasm)
            .unwrap();
        super::finalize(&mut module, &tunables, &mut types);
        let Err(error) = super::meter(&module, Mode::Fuel) else {
            panic!("{feature} was metered");
        };
        assert_eq!(*error.kind(), enginebay_core::ErrorKind::Unsupported);
        assert!(error.message().contains(feature), "{error}");
    }
}
