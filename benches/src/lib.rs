//! What is measured, for criterion and for the report alike: pairs of the same
//! work through enginebay and through an engine's own API, on the same
//! component, in one process.
#![forbid(unsafe_code)]

mod any;
mod guests;
mod layered;
mod raw;
mod work;

use std::time::{Duration, Instant};

/// How often the guest calls the host in one iteration.
const HOST_CALLS: u32 = 1000;

/// All that can be measured.
pub fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    work::list(&mut benches);
    layered::list(&mut benches);
    any::list(&mut benches);
    benches
}

/// A pair that is made when it is its turn.
pub struct Bench {
    /// The backend that is measured.
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

/// Medians of a pair, per operation, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Median through enginebay.
    pub ours: f64,
    /// Median of what it is measured against.
    pub theirs: f64,
    /// Half the distance between the quartiles of the samples' ratios.
    pub spread: f64,
    /// Median of the samples' ratios, ours to theirs.
    pub ratio: f64,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many samples of each side, unless they take too long.
    pub samples: usize,
    /// How long one sample takes, unless one iteration takes longer. Shorter than
    /// what a scheduler gives to a thread at a time: then most samples see
    /// nothing of what else runs.
    pub sample: Duration,
    /// How long all samples may take together; there are at least eleven.
    pub total: Duration,
}

fn time(work: &mut Work, n: u64) -> Duration {
    let start = Instant::now();
    work(n);
    start.elapsed()
}

/// How many iterations fill a sample.
fn calibrate(work: &mut Work, sample: Duration) -> u64 {
    let mut n = 1;
    loop {
        let took = time(work, n);
        if took >= sample / 4 || n >= 1 << 30 {
            let wanted = sample.as_secs_f64() / took.as_secs_f64().max(1e-9) * n as f64;
            return (wanted as u64).max(1);
        }
        n *= 2;
    }
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

/// Measures a pair in alternation, so that whatever else the machine does hits
/// both sides alike.
pub fn measure(pair: &mut Pair, effort: Effort) -> Measured {
    let n = calibrate(&mut pair.ours, effort.sample);
    let both = time(&mut pair.theirs, n) + time(&mut pair.ours, n);
    let fit = effort.total.as_secs_f64() / both.as_secs_f64().max(1e-9);
    let samples = effort.samples.min((fit as usize).max(11));
    let per_operation = 1e9 / (n * pair.operations) as f64;
    let (mut ours, mut theirs, mut ratios) = (vec![], vec![], vec![]);
    for i in 0..samples {
        let (a, b) = if i % 2 == 0 {
            let a = time(&mut pair.ours, n);
            (a, time(&mut pair.theirs, n))
        } else {
            let b = time(&mut pair.theirs, n);
            (time(&mut pair.ours, n), b)
        };
        let (a, b) = (a.as_secs_f64(), b.as_secs_f64());
        ours.push(a * per_operation);
        theirs.push(b * per_operation);
        ratios.push(a / b);
    }
    for samples in [&mut ours, &mut theirs, &mut ratios] {
        samples.sort_by(f64::total_cmp);
    }
    Measured {
        ours: quantile(&ours, 0.5),
        theirs: quantile(&theirs, 0.5),
        ratio: quantile(&ratios, 0.5),
        spread: (quantile(&ratios, 0.75) - quantile(&ratios, 0.25)) / 2.0,
    }
}
