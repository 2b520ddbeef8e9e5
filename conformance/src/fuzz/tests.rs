//! Oracles that are wrong on purpose are found, and what shows it is small.

use enginebay::{Error, ErrorKind, TrapCode, Val};

use super::corpus::Corpus;
use super::oracle::{Loaded, Mode, Oracle, Plan, oracles};
use super::run::{Here, Make};
use super::trace::{End, Trace};
use super::{Fuzz, FuzzReport};

/// An oracle, and what it makes of a trace.
struct Mutant(Box<dyn Oracle>, fn(&mut Trace));

struct MutantLoaded<'a>(Box<dyn Loaded + 'a>, fn(&mut Trace));

impl Oracle for Mutant {
    fn name(&self) -> &'static str {
        "mutant"
    }

    fn setup(&self, wasm: &[u8]) -> Option<Result<Box<dyn Loaded + '_>, Error>> {
        let loaded = self.0.setup(wasm)?;
        Some(loaded.map(|loaded| Box::new(MutantLoaded(loaded, self.1)) as Box<dyn Loaded>))
    }
}

impl Loaded for MutantLoaded<'_> {
    fn types(&self) -> String {
        self.0.types()
    }

    fn run(&self, plan: &Plan) -> Trace {
        let mut trace = self.0.run(plan);
        self.1(&mut trace);
        trace
    }
}

/// That which compiles fastest.
fn one(mode: Mode) -> Result<Box<dyn Oracle>, Error> {
    let mut oracles = oracles(mode)?;
    let at = oracles.iter().position(|oracle| oracle.name() == "wasmi");
    Ok(oracles.swap_remove(at.unwrap_or(0)))
}

/// What is found when a backend is compared with a mutant of itself.
fn found(make: Make) -> FuzzReport {
    let run = move || {
        let mut fuzz = Fuzz {
            corpus: Corpus::new(),
            runner: Box::new(Here::with(make).unwrap()),
            seed: 1,
        };
        let mut report = FuzzReport::default();
        while report.findings.is_empty() && fuzz.seed() < 400 {
            report.add(fuzz.next_input().unwrap());
        }
        report
    };
    let thread = std::thread::Builder::new().stack_size(32 << 20);
    thread.spawn(run).unwrap().join().unwrap()
}

macro_rules! mutant {
    ($mutation:expr) => {
        found(|mode| {
            let mutant = Mutant(one(mode)?, $mutation);
            Ok(vec![one(mode)?, Box::new(mutant)])
        })
    };
}

#[test]
fn a_backend_is_like_itself() {
    let report = mutant!(|_| {});
    assert!(report.findings.is_empty(), "{}", report.findings.join("\n"));
    let total = report.total();
    assert!(total.values > 500 && total.traps > 100, "{total:?}");
    assert!(total.out_of_fuel > 20 && total.limits > 20, "{total:?}");
}

#[test]
fn a_wrong_bit_of_a_float_is_found_and_made_small() {
    let report = mutant!(|trace| {
        for step in trace {
            // Floats stand as their bits.
            if let End::Values(values) = &mut step.end
                && let [Val::U64(bits)] = &mut values[..]
                && *bits == 0x7ff8_0000_0000_0000
            {
                *bits |= 1 << 63;
            }
        }
    });
    let finding = report.findings.first().unwrap();
    assert!(finding.contains("the backends differ"), "{finding}");
    assert!(finding.lines().count() < 50, "{finding}");
}

#[test]
fn a_unit_of_fuel_too_much_is_found() {
    let report = mutant!(|trace| {
        for step in trace {
            step.used.fuel = step.used.fuel.map(|fuel| fuel + u64::from(fuel > 50));
        }
    });
    assert_eq!(report.findings.len(), 1);
}

#[test]
fn a_trap_that_is_another_one_is_found() {
    let report = mutant!(|trace| {
        for step in trace {
            if step.end == End::Error(ErrorKind::Trap(TrapCode::IntegerOverflow), false) {
                step.end = End::Error(ErrorKind::Trap(TrapCode::IntegerDivisionByZero), false);
            }
        }
    });
    let finding = report.findings.first().unwrap();
    assert!(finding.contains("IntegerOverflow"), "{finding}");
}

#[test]
fn a_limit_that_is_not_held_is_found() {
    let report = mutant!(|trace| {
        for step in trace {
            if let End::Error(ErrorKind::ResourceLimit { .. }, _) = step.end {
                step.end = End::Values(Vec::new());
            }
        }
    });
    assert_eq!(report.findings.len(), 1);
}

#[test]
fn a_panic_is_found() {
    let report = mutant!(|trace| assert!(trace.len() < 6, "six steps"));
    let finding = report.findings.first().unwrap();
    assert!(
        finding.contains("panic") && finding.contains("six steps"),
        "{finding}"
    );
}

#[test]
fn a_stack_that_is_used_up_excuses_nothing_before_it() {
    use super::trace::{Verdict, compare};
    let mut traces = mutant_trace();
    assert_eq!(compare(&traces.0, &traces.1, true), Verdict::Overflow);
    traces.1[0].end = End::Values(vec![Val::U32(1)]);
    assert_eq!(compare(&traces.0, &traces.1, true), Verdict::Differs(0));
}

/// Two traces of two steps, of which the second overflows the stack in one.
fn mutant_trace() -> (Trace, Trace) {
    use super::trace::{Step, Used};
    let step = |end| Step {
        what: "call".to_owned(),
        end,
        used: Used::default(),
    };
    let value = || step(End::Values(Vec::new()));
    let overflow = step(End::Error(ErrorKind::Trap(TrapCode::StackOverflow), false));
    (vec![value(), value(), value()], vec![value(), overflow])
}
