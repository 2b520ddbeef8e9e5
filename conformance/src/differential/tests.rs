//! Backends that are wrong on purpose are found, and what shows it is small.

use std::collections::BTreeMap;

use enginebay::{ErrorKind, Interruption, TrapCode, Val};

use super::case::{Batch, Case, Input, Outcome, Ran, Runs, VALUE, check, runners};
use super::guest::Echo;
use super::handles::{Call, Step, visit};
use super::image::{Encoding, Image, size};
use super::{Differential, Random, generate, handles};

/// A backend, and what it makes of an outcome.
struct Mutant(Box<dyn Runs>, fn(&Case, Outcome) -> Outcome);

impl Runs for Mutant {
    fn name(&self) -> &'static str {
        "mutant"
    }

    fn run(&self, component: &[u8], batch: &Batch) -> Vec<Ran> {
        let all = self.0.run(component, batch).into_iter();
        let both = batch.cases.iter().zip(all);
        both.map(|((_, case), Ran { outcome, fuel })| Ran {
            outcome: self.1(case, outcome),
            fuel,
        })
        .collect()
    }

    fn run_handles(
        &self,
        component: &[u8],
        functions: &[handles::Function],
        batch: &handles::Batch,
    ) -> Vec<handles::Trace> {
        self.0.run_handles(component, functions, batch)
    }
}

/// A backend that does something else with handles.
struct HandleMutant(Box<dyn Runs>, fn(&mut Call));

impl Runs for HandleMutant {
    fn name(&self) -> &'static str {
        "mutant"
    }

    fn run(&self, component: &[u8], batch: &Batch) -> Vec<Ran> {
        self.0.run(component, batch)
    }

    fn run_handles(
        &self,
        component: &[u8],
        functions: &[handles::Function],
        batch: &handles::Batch,
    ) -> Vec<handles::Trace> {
        let mut batch = batch.clone();
        for step in batch.programs.iter_mut().flatten() {
            if let Step::Call(call) = step {
                self.1(call);
            }
        }
        self.0.run_handles(component, functions, &batch)
    }
}

/// The failures of a backend that is compared with a mutant of itself about
/// handles.
fn handle_failures(mutation: fn(&mut Call)) -> Vec<String> {
    // That which compiles fastest.
    let backend = || {
        let mut runners = runners(Interruption::None).unwrap();
        let index = runners.iter().position(|runner| runner.name() == "wasmi");
        runners.swap_remove(index.unwrap_or(0))
    };
    let pair =
        || -> Vec<Box<dyn Runs>> { vec![backend(), Box::new(HandleMutant(backend(), mutation))] };
    let differential = Differential {
        engines: [pair(), pair()],
        seed: 1,
    };
    differential.handles(1).unwrap().failures
}

/// How many steps a failure shows.
fn steps(failure: &str) -> usize {
    let names = ["Make", "Drop", "Rep", "Take", "Pass", "Give", "Send"];
    let step = |line: &&str| names.iter().any(|name| line.trim().starts_with(name));
    failure.lines().filter(step).count()
}

/// A backend that counts one unit too much.
struct FuelMutant(Box<dyn Runs>);

impl Runs for FuelMutant {
    fn name(&self) -> &'static str {
        "mutant"
    }

    fn run(&self, component: &[u8], batch: &Batch) -> Vec<Ran> {
        let all = self.0.run(component, batch).into_iter();
        all.map(|Ran { outcome, fuel }| Ran {
            outcome,
            fuel: fuel.map(|left| left - 1),
        })
        .collect()
    }

    fn run_handles(
        &self,
        component: &[u8],
        functions: &[handles::Function],
        batch: &handles::Batch,
    ) -> Vec<handles::Trace> {
        self.0.run_handles(component, functions, batch)
    }
}

#[test]
fn a_count_that_is_off_by_one_is_found() {
    let backend = || runners(Interruption::Fuel).unwrap().pop().unwrap();
    let mut differential = Differential {
        engines: [Vec::new(), vec![backend(), Box::new(FuelMutant(backend()))]],
        seed: 1,
    };
    let failures = differential.next_batch().unwrap().failures;
    let first = failures.first().unwrap();
    assert!(first.contains("fuel is left"), "{first}");
}

/// The failures of a backend that is compared with a mutant of itself.
fn failures(mutation: fn(&Case, Outcome) -> Outcome, batches: u64) -> Vec<String> {
    let backend = || runners(Interruption::None).unwrap().pop().unwrap();
    let pair = || -> Vec<Box<dyn Runs>> { vec![backend(), Box::new(Mutant(backend(), mutation))] };
    let mut differential = Differential {
        engines: [pair(), pair()],
        seed: 1,
    };
    let reports = (0..batches).map(|_| differential.next_batch().unwrap());
    reports.flat_map(|report| report.failures).collect()
}

/// Turns every `true` into `false`.
fn falsify(value: Val) -> Val {
    let boxed = |value: Option<Box<Val>>| value.map(|value| Box::new(falsify(*value)));
    match value {
        Val::Bool(_) => Val::Bool(false),
        Val::List(values) => Val::List(values.into_iter().map(falsify).collect()),
        Val::Tuple(values) => Val::Tuple(values.into_iter().map(falsify).collect()),
        Val::Record(fields) => {
            let fields = fields.into_iter();
            Val::Record(fields.map(|(name, v)| (name, falsify(v))).collect())
        }
        Val::Option(value) => Val::Option(boxed(value)),
        Val::Variant(name, value) => Val::Variant(name, boxed(value)),
        other => other,
    }
}

#[test]
fn a_wrong_value_is_found_and_made_small() {
    let failures = failures(
        |case, outcome| match (&case.input, outcome) {
            (Input::Echo(_), Outcome::Value(value)) => Outcome::Value(falsify(value)),
            (_, outcome) => outcome,
        },
        4,
    );
    let small = failures.iter().any(|text| {
        text.contains("\n  type: bool\n  value: Bool(true)\n")
            && text.contains("\n  mutant: Bool(false)\n")
    });
    assert!(small, "{}", failures.join("\n"));
}

#[test]
fn a_wrong_trap_is_found() {
    let failures = failures(
        |_, outcome| match outcome {
            Outcome::Error(ErrorKind::Trap(TrapCode::InvalidDiscriminant)) => {
                Outcome::Error(ErrorKind::Trap(TrapCode::InvalidChar))
            }
            outcome => outcome,
        },
        1,
    );
    let found = |text: &String| text.contains("\n  mutant: Trap(InvalidChar)\n");
    assert!(failures.iter().any(found), "{}", failures.join("\n"));
}

#[test]
fn what_the_generator_makes_is_of_its_type_and_the_same_again() {
    for seed in 0..500 {
        let ty = generate::ty(&mut Random::new(seed));
        assert_eq!(ty, generate::ty(&mut Random::new(seed)));
        let value = generate::value(&mut Random::new(seed), &ty);
        value.check(&ty).unwrap();
        for encoding in Encoding::ALL {
            assert!(Image::of(&ty, &value, 0, encoding).bytes.len() >= size(&ty));
        }
    }
}

#[test]
fn a_component_that_is_refused_is_a_failure() {
    let echo = Echo {
        // More than 32 flags are not valid.
        ty: enginebay::Type::flags([
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
            "r", "s", "t", "u", "v", "w", "x", "y", "z", "aa", "ab", "ac", "ad", "ae", "af", "ag",
        ]),
        pad: false,
    };
    let input = Input::Echo(Val::Flags(Vec::new()));
    let batch = Batch {
        echoes: vec![echo],
        encodings: (Encoding::Utf8, Encoding::Utf16),
        cases: vec![(
            0,
            Case {
                outer: false,
                input,
            },
        )],
    };
    let checked = check(&runners(Interruption::None).unwrap(), &batch).unwrap();
    assert_eq!(checked.wrong.len(), 1);
    assert!(checked.shown().is_none());
}

#[test]
fn a_borrowed_handle_that_is_not_given_back_is_found_and_made_small() {
    // What a component drops after its work are the handles that it was lent.
    let failures = handle_failures(|call| call.ops[0].after.clear());
    let held = TrapCode::BorrowStillHeld.description();
    let small = failures.iter().any(|text| {
        steps(text) == 1 && text.contains(&format!("mutant: {held}")) && text.len() < 1000
    });
    assert!(small, "{}", failures.join("\n"));
}

#[test]
fn handles_that_are_mixed_up_are_found_and_made_small() {
    let failures = handle_failures(|call| {
        let ty = &call.function.echo.ty;
        let mut all = Vec::new();
        let mut value = call.value.clone();
        let _ = visit(ty, &mut value, &mut |ty, value| {
            all.push((ty.clone(), value.clone()));
            Ok::<(), ()>(())
        });
        // Of the first two of one type, each for the other.
        let [(first, a), (second, b), ..] = &all[..] else {
            return;
        };
        if first != second {
            return;
        }
        let mut swapped = [b.clone(), a.clone()].into_iter();
        let _ = visit(ty, &mut call.value, &mut |_, value| {
            if let Some(other) = swapped.next() {
                *value = other;
            }
            Ok::<(), ()>(())
        });
    });
    let small = |text: &String| steps(text) <= 2 && text.len() < 2000;
    assert!(failures.iter().any(small), "{}", failures.join("\n"));
}

#[test]
fn programs_about_handles_are_the_same_again_and_end_in_many_ways() {
    let runners = runners(Interruption::None).unwrap();
    let mut ends = BTreeMap::new();
    for seed in 1..5 {
        let batch = handles::generate(seed);
        let again = handles::generate(seed);
        // As text, in which NaNs are equal.
        assert_eq!(
            format!("{:?}", batch.programs),
            format!("{:?}", again.programs)
        );
        let (all, _) = handles::check(&runners[..1], &batch).unwrap();
        for end in all {
            *ends.entry(end).or_insert(0) += 1;
        }
    }
    for code in [
        TrapCode::UnknownHandle,
        TrapCode::HandleTypeMismatch,
        TrapCode::HandleLent,
        TrapCode::BorrowStillHeld,
    ] {
        assert!(ends.contains_key(code.description()), "{ends:?}");
    }
    let whole: usize = ends.values().sum();
    assert!(ends[VALUE] > whole / 4, "{ends:?}");
}
