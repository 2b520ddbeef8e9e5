//! What is measured, for criterion and for the report alike: pairs of the same
//! work through enginebay and through an engine's own API, on the same
//! component, in one process.
#![forbid(unsafe_code)]

mod any;
mod bindings;
mod guests;
mod host;
mod kernels;
mod layered;
mod lists;
mod measure;
mod metering;
mod raw;
mod resident;
mod work;

pub use measure::{Effort, Measured, MeasuredMeter, measure, measure_meter};
pub use metering::{Meter, Own, Quad, meters};
pub use resident::resident;

/// In place of a backend's name, where there is no engine.
pub const HOST: &str = "host";

/// How often the guest calls the host in one iteration.
const HOST_CALLS: u32 = 1000;

/// All that can be measured.
pub fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    work::list(&mut benches);
    layered::list(&mut benches);
    bindings::list(&mut benches);
    lists::list(&mut benches);
    any::list(&mut benches);
    host::list(&mut benches);
    benches
}

/// A pair that is made when it is its turn.
pub struct Bench {
    /// The backend that is measured, or [`HOST`].
    pub backend: &'static str,
    /// What is done, and with what.
    pub name: String,
    /// What the other side is.
    pub against: &'static str,
    /// What is wanted, if it is known.
    pub bar: Option<Bar>,
    /// Makes the pair.
    pub make: Box<dyn FnOnce() -> Pair>,
}

/// What is wanted of a pair: a ratio, or that our side takes no longer than some
/// nanoseconds more than the other one.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// Of ours to theirs.
    pub ratio: f64,
    /// Nanoseconds on top.
    pub more: f64,
    /// Whether one of the two is enough, and not needed on top of the other.
    pub either: bool,
}

impl Bar {
    const fn ratio(ratio: f64) -> Option<Bar> {
        Some(Bar {
            ratio,
            more: 0.0,
            either: false,
        })
    }

    /// So many nanoseconds, whatever the other side takes.
    const fn most(nanoseconds: f64) -> Option<Bar> {
        Some(Bar {
            ratio: 0.0,
            more: nanoseconds,
            either: false,
        })
    }

    /// The most nanoseconds per operation, if the other side takes `theirs`.
    pub fn limit(&self, theirs: f64) -> f64 {
        if self.either {
            (self.ratio * theirs).max(theirs + self.more)
        } else {
            self.ratio * theirs + self.more
        }
    }
}

/// Does something `n` times.
pub type Work = Box<dyn FnMut(u64)>;

/// The same work twice: what is measured, and what it is measured against.
pub struct Pair {
    /// How many operations one iteration counts for.
    pub operations: u64,
    /// Through enginebay.
    pub ours: Work,
    /// Through the engine's own API, or through enginebay configured otherwise.
    pub theirs: Work,
}

impl Pair {
    fn new((ours, theirs): (Work, Work)) -> Self {
        Pair {
            operations: 1,
            ours,
            theirs,
        }
    }

    fn of_host_calls(work: (Work, Work)) -> Self {
        Pair {
            operations: HOST_CALLS.into(),
            ..Pair::new(work)
        }
    }
}
