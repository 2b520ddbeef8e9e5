//! What a run of the fuzzer has come to: how deep the inputs got, how they ended, and
//! what was found.

use std::collections::BTreeMap;

use super::trace::{End, Step};

/// How far the inputs of one kind got. A call counts once for all backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FuzzCounts {
    /// Inputs of this kind.
    pub inputs: u64,
    /// How many were loaded.
    pub valid: u64,
    /// Instances that were made of them; one input is run under several limits.
    pub instances: u64,
    /// Calls that were made.
    pub calls: u64,
    /// Steps that ended with a value.
    pub values: u64,
    /// Steps that ended with a trap.
    pub traps: u64,
    /// Steps that ended without fuel.
    pub out_of_fuel: u64,
    /// Steps that ended at another limit.
    pub limits: u64,
}

impl FuzzCounts {
    /// The numbers with what they count, in this order.
    pub fn all(&self) -> [(&'static str, u64); 8] {
        let mut counts = *self;
        counts.places().map(|(name, count)| (name, *count))
    }

    /// As [`FuzzCounts::all`], to be changed.
    pub(super) fn places(&mut self) -> [(&'static str, &mut u64); 8] {
        [
            ("inputs", &mut self.inputs),
            ("valid", &mut self.valid),
            ("instances", &mut self.instances),
            ("calls", &mut self.calls),
            ("values", &mut self.values),
            ("traps", &mut self.traps),
            ("out of fuel", &mut self.out_of_fuel),
            ("limits", &mut self.limits),
        ]
    }

    pub(super) fn add(&mut self, other: &FuzzCounts) {
        for ((_, count), (_, more)) in self.places().into_iter().zip(other.all()) {
            *count += more;
        }
    }
}

/// What the backends made of one input, counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) counts: FuzzCounts,
    pub(crate) ends: BTreeMap<String, u64>,
    /// Backends that took no part.
    pub(crate) lacking: BTreeMap<String, u64>,
    /// Comparisons that were cut where a stack was used up.
    pub(crate) overflows: u64,
    pub(crate) late: u64,
}

impl Figures {
    /// Counts the steps of a trace.
    pub(crate) fn count(&mut self, trace: &[Step]) {
        for step in trace {
            if let End::Text(_) = step.end {
                continue;
            }
            *self.ends.entry(step.end.name().to_owned()).or_insert(0) += 1;
            let counts = &mut self.counts;
            counts.instances += u64::from(step.what == "instantiate");
            counts.calls += u64::from(step.what.starts_with("call"));
            match &step.end {
                End::Values(_) | End::Text(_) => counts.values += 1,
                End::Error(kind, _) if kind.is_trap() => counts.traps += 1,
                End::Error(enginebay::ErrorKind::OutOfFuel { .. }, _) => counts.out_of_fuel += 1,
                End::Error(kind, _) if kind.is_limit() => counts.limits += 1,
                End::Error(..) => {}
            }
        }
    }
}

/// What came of inputs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FuzzReport {
    /// How far the inputs got, by their kind.
    pub kinds: BTreeMap<String, FuzzCounts>,
    /// How many steps ended in which way on the first backend.
    pub ends: BTreeMap<String, u64>,
    /// For how many inputs a backend took no part: it does not have a feature that
    /// the input needs, and says so in its `Support`.
    pub lacking: BTreeMap<String, u64>,
    /// In how many comparisons the guest's stack was used up somewhere, so that what
    /// came after was not compared.
    pub overflows: u64,
    /// How many inputs were run again because they took too long, and then did not.
    pub late: u64,
    /// What was found: each with how to repeat it, made as small as possible.
    pub findings: Vec<String>,
}

impl FuzzReport {
    /// Adds another report.
    pub fn add(&mut self, other: FuzzReport) {
        for (kind, counts) in other.kinds {
            self.kinds.entry(kind).or_default().add(&counts);
        }
        for (end, count) in other.ends {
            *self.ends.entry(end).or_insert(0) += count;
        }
        for (backend, count) in other.lacking {
            *self.lacking.entry(backend).or_insert(0) += count;
        }
        self.overflows += other.overflows;
        self.late += other.late;
        self.findings.extend(other.findings);
    }

    /// The sum of all kinds.
    pub fn total(&self) -> FuzzCounts {
        let mut total = FuzzCounts::default();
        for counts in self.kinds.values() {
            total.add(counts);
        }
        total
    }

    pub(crate) fn of(kind: &str, figures: Figures) -> Self {
        FuzzReport {
            kinds: [(kind.to_owned(), figures.counts)].into(),
            ends: figures.ends,
            lacking: figures.lacking,
            overflows: figures.overflows,
            late: figures.late,
            findings: Vec::new(),
        }
    }
}
