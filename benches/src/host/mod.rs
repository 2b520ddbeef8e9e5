//! The host contract's parts beside what a reader can compare them with: checks beside
//! a map, the storage beside its database, messages beside bare channels and direct
//! calls. Only what is done between real components has an engine in it.

mod checks;
mod components;
mod direct;
mod messages;
mod storage;

use crate::{Bar, Bench, HOST, Pair};

/// All pairs of the host.
pub(crate) fn list(to: &mut Vec<Bench>) {
    checks::list(to);
    messages::list(to);
    storage::list(to);
    components::list(to);
}

/// A pair without an engine.
fn add(
    to: &mut Vec<Bench>,
    name: impl Into<String>,
    against: &'static str,
    bar: Option<Bar>,
    make: impl FnOnce() -> Pair + 'static,
) {
    to.push(Bench {
        backend: HOST,
        name: name.into(),
        against,
        bar,
        make: Box::new(make),
    });
}
