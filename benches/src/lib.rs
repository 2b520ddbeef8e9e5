//! What is measured, for criterion and for the report alike: pairs of the same
//! work through enginebay and through the engine's own API, on the same
//! component, in one process.
#![forbid(unsafe_code)]

mod guests;
mod work;

use std::time::{Duration, Instant};

pub use work::pairs;

/// Does something `n` times.
pub type Work = Box<dyn FnMut(u64)>;

/// The same work twice: what is measured, and what it is measured against.
pub struct Pair {
    /// What is done, and with what.
    pub name: String,
    /// How many operations one iteration counts for.
    pub operations: u64,
    /// Through enginebay.
    pub ours: Work,
    /// Through the engine's own API, or through enginebay configured otherwise.
    pub theirs: Work,
    /// What `theirs` is.
    pub against: &'static str,
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
    /// How many samples of each side.
    pub samples: usize,
    /// How long one sample takes.
    pub sample: Duration,
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
    let _warm = time(&mut pair.theirs, n);
    let per_operation = 1e9 / (n * pair.operations) as f64;
    let (mut ours, mut theirs, mut ratios) = (vec![], vec![], vec![]);
    for i in 0..effort.samples {
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
