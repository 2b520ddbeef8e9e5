//! Arguments for calls, and whether results are those that were expected.

use enginebay::Val;

use super::{Results, Step};
use crate::outcome::Outcome;
use crate::script::{Arg, Core, Expected};
use crate::value::{self, Nans};

pub(super) fn component_args(args: &[Arg]) -> Step<Vec<Val>> {
    let args = args.iter().map(|arg| match arg {
        Arg::Component(val) | Arg::Core(_, Some(val)) => Ok(val.clone()),
        Arg::Core(_, None) => Err(Outcome::fail("a core value for a component's function")),
        Arg::Lacking(what) => Err(Outcome::unsupported(what, "they cannot be passed")),
    });
    args.collect()
}

pub(super) fn core_args(args: &[Arg]) -> Step<Vec<Core>> {
    let args = args.iter().map(|arg| match arg {
        Arg::Core(core, _) => Ok(*core),
        Arg::Component(_) => Err(Outcome::fail("a component's value for a core function")),
        Arg::Lacking(what) => Err(Outcome::unsupported(what, "they cannot be passed")),
    });
    args.collect()
}

/// What is expected of a component's function.
fn component(expected: &Expected) -> Option<&Val> {
    match expected {
        Expected::Component(val) | Expected::Core(_, Some(val)) => Some(val),
        _ => None,
    }
}

pub(super) fn compare(expected: &[Expected], results: &Results, nans: Nans) -> Step<()> {
    for expected in expected {
        if let Expected::Lacking(what) = expected {
            return Err(Outcome::unsupported(what, "they cannot be compared"));
        }
    }
    match results {
        Results::Component(vals) => {
            let same = vals.len() == expected.len()
                && expected.iter().zip(vals).all(|(expected, val)| {
                    component(expected).is_some_and(|e| value::same(e, val, nans))
                });
            if same {
                return Ok(());
            }
            let wanted: Vec<_> = expected.iter().filter_map(component).cloned().collect();
            Err(Outcome::fail(format!(
                "expected {}, and it returned {}",
                value::show(&wanted),
                value::show(vals)
            )))
        }
        Results::Core(vals) => {
            let same = vals.len() == expected.len()
                && expected.iter().zip(vals).all(|(expected, val)| {
                    matches!(expected, Expected::Core(patterns, _) if value::fits(patterns, *val))
                });
            if same {
                return Ok(());
            }
            Err(Outcome::fail(format!(
                "expected {expected:x?}, and it returned {vals:x?}"
            )))
        }
    }
}
