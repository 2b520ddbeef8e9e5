//! What a backend makes of an input, step by step, and where two of them differ.

use std::fmt;
use std::time::Duration;

use enginebay::{ErrorKind, TrapCode, Usage, Val};

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// With these values: floats as their bits, handles as their numbers in the order
    /// in which they were given.
    Values(Vec<Val>),
    /// With an error of this kind, and whether it says that a growth was refused.
    Error(ErrorKind, bool),
    /// With some text: the types of a component.
    Text(String),
}

impl End {
    /// In one word, for the figures.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            End::Values(_) | End::Text(_) => "value",
            End::Error(ErrorKind::Trap(code), _) => code.description(),
            End::Error(kind, _) => kind.name(),
        }
    }

    fn is_kind(&self, fits: impl Fn(&ErrorKind) -> bool) -> bool {
        match self {
            End::Error(ErrorKind::Poisoned { by }, _) => fits(by),
            End::Error(kind, _) => fits(kind),
            _ => false,
        }
    }

    /// Whether the guest's stack was used up: how deep that is, each engine decides.
    pub(crate) fn overflowed(&self) -> bool {
        self.is_kind(|kind| *kind == ErrorKind::Trap(TrapCode::StackOverflow))
    }

    /// Whether the time was over: nothing that is generated should take that long.
    pub(crate) fn late(&self) -> bool {
        self.is_kind(|kind| matches!(kind, ErrorKind::DeadlineExceeded { .. }))
    }
}

/// An error's kind without what the clock says.
pub(crate) fn timeless(kind: &ErrorKind) -> ErrorKind {
    match kind {
        ErrorKind::DeadlineExceeded { .. } => ErrorKind::DeadlineExceeded {
            elapsed: Duration::ZERO,
        },
        ErrorKind::Poisoned { by } => ErrorKind::Poisoned {
            by: Box::new(timeless(by)),
        },
        kind => kind.clone(),
    }
}

/// What a store has used, without the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) fuel: Option<u64>,
    memory: u64,
    memory_peak: u64,
    table_elements: u64,
    growth_refused: u64,
    host_calls: u64,
    /// A number made of all arguments that the host's functions got.
    pub(crate) host: u64,
}

impl Used {
    pub(crate) fn new(usage: &Usage, host: u64) -> Self {
        Used {
            fuel: usage.fuel,
            memory: usage.memory,
            memory_peak: usage.memory_peak,
            table_elements: usage.table_elements,
            growth_refused: usage.growth_refused,
            host_calls: usage.host_calls,
            host,
        }
    }
}

/// One step: a component is loaded, an instance made, a function called.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) what: String,
    pub(crate) end: End,
    /// What the store has used by then.
    pub(crate) used: Used,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { what, end, used } = self;
        write!(f, "{what}: ")?;
        match end {
            End::Values(values) => write!(f, "{values:?}")?,
            End::Error(kind, false) => write!(f, "{kind:?}")?,
            End::Error(kind, true) => write!(f, "{kind:?}, a growth was refused")?,
            End::Text(text) => f.write_str(text)?,
        }
        write!(f, " {used:?}")
    }
}

/// What one backend made of an input.
pub(crate) type Trace = Vec<Step>;

/// What comes of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Same,
    /// The same up to a step in which somebody's stack was used up.
    Overflow,
    /// Different from this step on.
    Differs(usize),
}

/// Compares two traces. With `fuel` false the code was compiled in different ways, of
/// which one does not meter.
///
/// Stack is the one thing of which a guest gets more on one engine than on another.
/// The step in which one of the two has used it up, and what comes after, is not
/// compared: the one that went on has done more. Everything before is.
pub(crate) fn compare(a: &[Step], b: &[Step], fuel: bool) -> Verdict {
    for (index, (one, other)) in a.iter().zip(b).enumerate() {
        if one.end.overflowed() || other.end.overflowed() {
            return Verdict::Overflow;
        }
        let mut other = other.clone();
        if !fuel {
            other.used.fuel = one.used.fuel;
        }
        if *one != other {
            return Verdict::Differs(index);
        }
    }
    match a.len() == b.len() {
        true => Verdict::Same,
        false => Verdict::Differs(a.len().min(b.len())),
    }
}
