//! Runs one input on all oracles, under limits that are wide enough to get deep and
//! then under some that are not, and compares what they make of it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use enginebay::{Error, ErrorKind, Limits};

use super::oracle::{Loaded, Mode, Oracle, Plan, oracles};
use super::report::Figures;
use super::trace::{End, Step, Trace, Used, Verdict, compare, timeless};
use crate::random::Random;

/// What can be wrong with an input. When it is made smaller it stays the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Two backends differ.
    Differs,
    /// A panic came out of a backend.
    Panic,
    /// An error that says that an engine failed.
    Failed,
    /// A guest ran far longer than its fuel can last.
    Late,
    /// The process ended.
    Crash,
    /// The process gave no answer.
    Hang,
}

impl Fault {
    pub(crate) const ALL: [Fault; 6] = [
        Fault::Differs,
        Fault::Panic,
        Fault::Failed,
        Fault::Late,
        Fault::Crash,
        Fault::Hang,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Fault::Differs => "the backends differ",
            Fault::Panic => "panic",
            Fault::Failed => "an engine failed",
            Fault::Late => "the deadline was reached",
            Fault::Crash => "the process ended",
            Fault::Hang => "no answer",
        }
    }
}

/// What came of an input.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ran {
    pub(crate) figures: Figures,
    /// What is wrong, and how it shows.
    pub(crate) fault: Option<(Fault, String)>,
}

/// Something that runs inputs, here or elsewhere.
pub(crate) trait Runs {
    /// Runs a component; limits and arguments are made of `seed`. With `calls`, makes
    /// only the calls of these numbers. An error says that nothing can be run, whatever
    /// the input.
    fn run(&mut self, wasm: &[u8], seed: u64, calls: Option<&[usize]>) -> Result<Ran, Error>;
}

/// Makes the oracles that are compared in a mode.
pub(crate) type Make = fn(Mode) -> Result<Vec<Box<dyn Oracle>>, Error>;

/// Runs inputs in this process.
pub(crate) struct Here {
    modes: Vec<(Mode, Vec<Box<dyn Oracle>>)>,
    make: Make,
}

/// Why a run ends early.
type Found<T> = Result<T, (Fault, String)>;

/// What a store may use where that is not what is tested.
fn wide() -> Limits {
    let limits = Limits::new().memory(4 << 20).table_elements(10_000);
    let limits = limits.instances(100).memories(30).tables(30).handles(60);
    limits.host_bytes(1 << 20).fuel(FUEL)
}

/// Enough for a few milliseconds on the slowest backend.
const FUEL: u64 = 150_000;

/// Limits of which some are reached, and at most the fuel that is enough.
fn tight(random: &mut Random, enough: u64) -> Limits {
    let mut limits = wide();
    let fuel = match random.below(4) {
        0 => enough,
        1 => enough.saturating_sub(1),
        _ => random.next() % enough.max(1),
    };
    limits = limits.fuel(fuel.max(1));
    if random.one_in(2) {
        return limits;
    }
    limits.fuel = Some(FUEL);
    if random.one_in(3) {
        limits.memory = random.below(6) as u64 * 65_536 + random.pick(&[0, 0, 65_535]);
    }
    if random.one_in(3) {
        limits.table_elements = random.below(24) as u64;
    }
    if random.one_in(6) {
        limits.instances = random.below(4) as u64;
    }
    if random.one_in(6) {
        limits.memories = random.below(3) as u64;
    }
    if random.one_in(6) {
        limits.tables = random.below(3) as u64;
    }
    if random.one_in(3) {
        limits.handles = random.below(4) as u64;
    }
    if random.one_in(3) {
        limits.host_bytes = random.below(600) as u64;
    }
    limits
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("?").to_owned()
}

impl Here {
    /// With engines of every backend.
    pub(crate) fn new() -> Result<Self, Error> {
        Here::with(oracles)
    }

    /// With other oracles.
    pub(crate) fn with(make: Make) -> Result<Self, Error> {
        let modes = Mode::ALL.into_iter().map(|mode| Ok((mode, make(mode)?)));
        Ok(Here {
            modes: modes.collect::<Result<_, Error>>()?,
            make,
        })
    }

    fn oracles(&self, mode: Mode) -> &[Box<dyn Oracle>] {
        let found = self.modes.iter().find(|(of, _)| *of == mode);
        found.map_or(&[], |(_, oracles)| oracles)
    }
}

impl Runs for Here {
    fn run(&mut self, wasm: &[u8], seed: u64, calls: Option<&[usize]>) -> Result<Ran, Error> {
        let mut ran = Ran::default();
        for again in [false, true] {
            ran.figures = Figures::default();
            ran.figures.counts.inputs = 1;
            ran.figures.late = u64::from(again);
            let mut run = Run {
                here: self,
                figures: &mut ran.figures,
                wasm,
                seed,
                calls,
            };
            ran.fault = run.all().err();
            match &ran.fault {
                // The machine may have been busy with something else.
                Some((Fault::Late, _)) if !again => {}
                // What a panic leaves behind is not used again.
                Some((Fault::Panic, text)) => {
                    match Here::with(self.make) {
                        Ok(new) => *self = new,
                        Err(error) => {
                            ran.fault = Some((Fault::Failed, format!("{text}; then {error}")));
                        }
                    }
                    break;
                }
                _ => break,
            }
        }
        Ok(ran)
    }
}

/// One input on its way through the oracles.
struct Run<'a> {
    here: &'a Here,
    figures: &'a mut Figures,
    wasm: &'a [u8],
    seed: u64,
    calls: Option<&'a [usize]>,
}

/// An oracle with what it has loaded.
type Side<'a> = (&'static str, Box<dyn Loaded + 'a>);

impl<'a> Run<'a> {
    fn all(&mut self) -> Found<()> {
        let sides = self.load(Mode::Fuel)?;
        if sides.is_empty() {
            return Ok(());
        }
        self.figures.counts.valid = 1;
        let mut random = Random::new(self.seed ^ 0x5eed);
        let plan = self.plan(wide());
        let reference = self.compare(&sides, &plan, None)?;
        self.figures.count(&reference);

        let enough = reference.iter().filter_map(|step| step.used.fuel).max();
        let plan = self.plan(tight(&mut random, enough.unwrap_or(0)));
        let trace = self.compare(&sides, &plan, None)?;
        self.figures.count(&trace);
        drop(sides);

        // Compiled in another way it does the same, if it ends by itself.
        let plan = self.plan(wide());
        let ends = !reference.iter().any(|step| {
            matches!(step.end, End::Error(ErrorKind::OutOfFuel { .. }, _)) || step.end.overflowed()
        });
        let mode = match random.below(8) {
            0 | 1 => Mode::Sliced,
            2 if ends => Mode::Deadline,
            3 if ends => Mode::Free,
            _ => return Ok(()),
        };
        let sides = self.load(mode)?;
        self.compare(&sides, &plan, Some((&reference, mode)))?;
        Ok(())
    }

    fn plan(&self, limits: Limits) -> Plan {
        Plan {
            limits,
            seed: self.seed,
            calls: self.calls.map(<[usize]>::to_vec),
        }
    }

    /// Loads the input with each oracle. What comes of it is the same for all; if
    /// that is an error, there are none.
    fn load(&mut self, mode: Mode) -> Found<Vec<Side<'a>>> {
        let mut sides: Vec<Side<'a>> = Vec::new();
        let mut traces: Vec<(&'static str, Trace)> = Vec::new();
        for oracle in self.here.oracles(mode) {
            let loaded = catch_unwind(AssertUnwindSafe(|| oracle.setup(self.wasm)))
                .map_err(|panic| panicked(oracle.name(), "load", &*panic))?;
            let end = match loaded {
                None => {
                    let name = oracle.name().to_owned();
                    *self.figures.lacking.entry(name).or_insert(0) += 1;
                    continue;
                }
                Some(Ok(loaded)) => {
                    let types = loaded.types();
                    sides.push((oracle.name(), loaded));
                    End::Text(types)
                }
                Some(Err(error)) => End::Error(timeless(error.kind()), false),
            };
            let step = Step {
                what: "load".to_owned(),
                end,
                used: Used::default(),
            };
            check(oracle.name(), &step)?;
            traces.push((oracle.name(), vec![step]));
        }
        self.all_same(&traces, true)?;
        match traces.first() {
            Some((_, trace)) if matches!(trace[0].end, End::Text(_)) => Ok(sides),
            _ => Ok(Vec::new()),
        }
    }

    /// Runs a plan with each oracle; gives the first one's trace. All are to be like
    /// the reference, if there is one.
    fn compare(
        &mut self,
        sides: &[Side<'_>],
        plan: &Plan,
        reference: Option<(&Trace, Mode)>,
    ) -> Found<Trace> {
        let mut traces = Vec::new();
        if let Some((trace, _)) = reference {
            traces.push(("with fuel", trace.clone()));
        }
        for (name, loaded) in sides {
            let trace = catch_unwind(AssertUnwindSafe(|| loaded.run(plan)))
                .map_err(|panic| panicked(name, "run", &*panic))?;
            for step in &trace {
                check(name, step)?;
            }
            traces.push((name, trace));
        }
        let fuel = reference.is_none_or(|(_, mode)| mode.has_fuel());
        self.all_same(&traces, fuel)
            .map_err(|(fault, text)| (fault, format!("{text}\n  {:?}", plan.limits)))?;
        Ok(traces
            .into_iter()
            .next()
            .map(|(_, trace)| trace)
            .unwrap_or_default())
    }

    fn all_same(&mut self, traces: &[(&'static str, Trace)], fuel: bool) -> Found<()> {
        let Some(((first, reference), others)) = traces.split_first() else {
            return Ok(());
        };
        for (other, trace) in others {
            match compare(reference, trace, fuel) {
                Verdict::Same => {}
                Verdict::Overflow => self.figures.overflows += 1,
                Verdict::Differs(at) => {
                    return Err((
                        Fault::Differs,
                        difference(at, (first, reference), (other, trace)),
                    ));
                }
            }
        }
        Ok(())
    }
}

fn panicked(name: &str, doing: &str, panic: &(dyn Any + Send)) -> (Fault, String) {
    (Fault::Panic, format!("{name}: {doing}: {}", text(panic)))
}

/// What is wrong with a step, whatever other backends make of it.
fn check(name: &str, step: &Step) -> Found<()> {
    let failed = matches!(
        step.end,
        End::Error(ErrorKind::Engine | ErrorKind::Io | ErrorKind::HostPanic, _)
    );
    if failed {
        return Err((Fault::Failed, format!("{name}: {step}")));
    }
    if step.end.late() {
        return Err((Fault::Late, format!("{name}: {step}")));
    }
    Ok(())
}

fn difference(at: usize, one: (&str, &Trace), other: (&str, &Trace)) -> String {
    let side = |(name, trace): (&str, &Trace)| match trace.get(at) {
        Some(step) => format!("{name}: {step}"),
        None => format!("{name}: nothing more"),
    };
    let before = at.checked_sub(1).and_then(|before| one.1.get(before));
    let before = before.map_or(String::new(), |step| format!("\n  before it: {step}"));
    format!("{}\n  {}{before}", side(one), side(other))
}
