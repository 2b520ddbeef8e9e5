//! Backends that are wrong on purpose are found, and what shows it is small.

use enginebay::{ErrorKind, TrapCode, Val};

use super::case::{Batch, Case, Input, Outcome, Runs, check, runners};
use super::guest::Echo;
use super::image::{Encoding, Image, size};
use super::{Differential, Random, generate};

/// A backend, and what it makes of an outcome.
struct Mutant(Box<dyn Runs>, fn(&Case, Outcome) -> Outcome);

impl Runs for Mutant {
    fn name(&self) -> &'static str {
        "mutant"
    }

    fn run(&self, component: &[u8], batch: &Batch) -> Vec<Outcome> {
        let outcomes = self.0.run(component, batch).into_iter();
        let both = batch.cases.iter().zip(outcomes);
        both.map(|((_, case), outcome)| self.1(case, outcome))
            .collect()
    }
}

/// The failures of a backend that is compared with a mutant of itself.
fn failures(mutation: fn(&Case, Outcome) -> Outcome, batches: u64) -> Vec<String> {
    let real = runners().unwrap().pop().unwrap();
    let other = runners().unwrap().pop().unwrap();
    let runners: Vec<Box<dyn Runs>> = vec![real, Box::new(Mutant(other, mutation))];
    let mut differential = Differential { runners, seed: 1 };
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
    let checked = check(&runners().unwrap(), &batch).unwrap();
    assert_eq!(checked.wrong.len(), 1);
    assert!(checked.shown().is_none());
}
