//! Whether what is expected of a directive besides its results holds: of its
//! error, of what was used, of the store, and of the host's resources.

use std::time::Duration;

use enginebay::{Backend, Error, ErrorKind, Usage};

use super::{Run, Step};
use crate::annotation::{Annotation, ErrorIs, UsageIs};
use crate::header::Size;
use crate::outcome::Outcome;

/// Compares what was expected, if something was.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: Option<T>, actual: T) -> Step<()> {
    match expected {
        Some(expected) if expected != actual => Err(Outcome::fail(format!(
            "expected {what} {expected:?}, and it is {actual:?}"
        ))),
        _ => Ok(()),
    }
}

fn kebab(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

impl<B: Backend> Run<B> {
    /// The parts of an error.
    pub(super) fn check_error(&mut self, expected: &ErrorIs, error: &Error) -> Step<()> {
        let kind = error.kind();
        let text = |text: &Option<String>| text.clone();
        let number = |size: Option<Size>| size.map(|Size(number)| Some(number));
        same("error.kind", text(&expected.kind), kind.name().to_owned())?;
        let trap = error.trap_code().map(|code| kebab(&format!("{code:?}")));
        same("error.trap", expected.trap.clone().map(Some), trap)?;
        let (limit, requested, consumed, what) = match kind {
            ErrorKind::MemoryLimit { limit, requested } => {
                (Some(*limit), Some(*requested), None, None)
            }
            ErrorKind::ResourceLimit { what, limit } => {
                (Some(*limit), None, None, Some(what.to_string()))
            }
            ErrorKind::HostAllocationLimit { limit } => (Some(*limit), None, None, None),
            ErrorKind::OutOfFuel { consumed } => (None, None, Some(*consumed), None),
            _ => (None, None, None, None),
        };
        same("error.limit", number(expected.limit), limit)?;
        same("error.requested", number(expected.requested), requested)?;
        same("error.consumed", expected.consumed.map(Some), consumed)?;
        same("error.what", expected.what.clone().map(Some), what)?;
        for (key, value) in &expected.context {
            let what = format!("error.context.{key}");
            same(&what, Some(Some(value.as_str())), error.context_value(key))?;
        }
        if let Some(frames) = &expected.frames
            && B::support().backtraces
        {
            let actual = error.frames().iter();
            let actual = actual.map(|frame| frame.function.clone().unwrap_or("?".into()));
            same("error.frames", Some(frames.clone()), actual.collect())?;
        }
        self.check_time(expected, kind)
    }

    /// A deadline never comes too early, and not too late where that matters.
    fn check_time(&mut self, expected: &ErrorIs, kind: &ErrorKind) -> Step<()> {
        let late = match kind {
            ErrorKind::DeadlineExceeded { elapsed } => {
                let limits = self.world.last_store().map(|store| store.limits().clone());
                let Some(deadline) = limits.and_then(|limits| limits.deadline) else {
                    return Err(Outcome::fail("there was no deadline"));
                };
                if *elapsed < deadline || self.took < *elapsed {
                    return Err(Outcome::fail(format!(
                        "the deadline is {deadline:?}, the error says {elapsed:?}, and the call \
                         took {:?}",
                        self.took
                    )));
                }
                self.took - deadline
            }
            ErrorKind::Cancelled => {
                let cancelled = self.world.shared.lock().cancelled_at;
                cancelled.map_or(Duration::ZERO, |at| at.elapsed())
            }
            _ if expected.late_ms.is_some() => {
                return Err(Outcome::fail(
                    "only time and cancellation can come too late",
                ));
            }
            _ => return Ok(()),
        };
        match expected.late_ms {
            Some(ms) if late > Duration::from_millis(ms) => Err(Outcome::fail(format!(
                "it came {late:.1?} too late, and {ms} ms are allowed"
            ))),
            _ => Ok(()),
        }
    }

    /// What is to hold when a directive is done.
    pub(super) fn after(&mut self, annotation: &Annotation) -> Step<()> {
        let store = self.world.last_store();
        let used = store.map(|store| (store.usage(), store.last_call_usage()));
        let (whole, call) = match (used, annotation.says_of_store()) {
            (None, Some(key)) => {
                return Err(Outcome::fail(format!(
                    "annotation: `{key}` is about a store, and there is none"
                )));
            }
            (used, _) => used.unwrap_or_default(),
        };
        usage("usage", &annotation.usage, &whole)?;
        usage("call", &annotation.call, &call)?;
        if annotation.call.time_at_least_ms.is_some() && call.time > Some(self.took) {
            return Err(Outcome::fail(format!(
                "call.time is {:?}, and the call took {:?}",
                call.time, self.took
            )));
        }
        if let Some(expected) = &annotation.poisoned {
            let store = self.world.last_store();
            let by = store.and_then(|store| store.poisoned().map(ErrorKind::name));
            same("poisoned", Some(&**expected), by.unwrap_or("no"))?;
        }
        if annotation.drop_store {
            self.world.drop_last();
        }
        let mut ledger = self.world.shared.lock();
        if let Some(fault) = ledger.faults.pop() {
            return Err(Outcome::fail(fault));
        }
        let log = std::mem::take(&mut ledger.log);
        same("log", annotation.log.clone(), log)?;
        same("things.made", annotation.things.made, ledger.made)?;
        same("things.dropped", annotation.things.dropped, ledger.dropped)?;
        same("stores", annotation.stores, ledger.stores)?;
        same("waiting", annotation.waiting, ledger.waiting)
    }
}

fn usage(of: &str, expected: &UsageIs, actual: &Usage) -> Step<()> {
    let number = |size: Option<Size>| size.map(|Size(number)| number);
    let name = |name: &str| format!("{of}.{name}");
    same(&name("memory"), number(expected.memory), actual.memory)?;
    let peak = number(expected.memory_peak);
    same(&name("memory-peak"), peak, actual.memory_peak)?;
    let elements = expected.table_elements;
    same(&name("table-elements"), elements, actual.table_elements)?;
    let refused = expected.growth_refused;
    same(&name("growth-refused"), refused, actual.growth_refused)?;
    same(&name("fuel"), expected.fuel.map(Some), actual.fuel)?;
    same(&name("host-calls"), expected.host_calls, actual.host_calls)?;
    match expected.time_at_least_ms.map(Duration::from_millis) {
        Some(least) if actual.time.is_none_or(|time| time < least) => Err(Outcome::fail(format!(
            "expected {of}.time of {least:?} or more, and it is {:?}",
            actual.time
        ))),
        _ => Ok(()),
    }
}
