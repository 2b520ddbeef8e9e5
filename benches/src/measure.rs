//! How things are measured: in alternation, so that whatever else the machine
//! does hits all sides alike.

use std::time::{Duration, Instant};

use crate::{Pair, Quad, Work};

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

/// What it costs to be able to stop a guest. Times are those that one sample in
/// twenty is below, and ratios are of those: where a ratio is of four times, each
/// sample would have to be undisturbed four times over for a median of ratios.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredMeter {
    /// Nanoseconds of our guest that cannot be stopped.
    pub plain: f64,
    /// Nanoseconds of our guest that can.
    pub metered: f64,
    /// How many times as long our guest takes that can be stopped.
    pub ratio: f64,
    /// The same of Wasmtime's own.
    pub theirs: f64,
    /// How many times as much our ratio is as Wasmtime's.
    pub figure: f64,
    /// Half the distance between the quartiles of [`MeasuredMeter::figure`].
    pub spread: f64,
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

fn time(work: &mut Work, n: u64) -> f64 {
    let start = Instant::now();
    work(n);
    start.elapsed().as_secs_f64().max(1e-9)
}

/// How many iterations fill a sample.
fn calibrate(work: &mut Work, sample: Duration) -> u64 {
    let sample = sample.as_secs_f64();
    let mut n = 1;
    loop {
        let took = time(work, n);
        if took >= sample / 4.0 || n >= 1 << 30 {
            return ((sample / took * n as f64) as u64).max(1);
        }
        n *= 2;
    }
}

fn quantile(samples: &[f64], q: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * q).round() as usize]
}

fn median(samples: &[f64]) -> f64 {
    quantile(samples, 0.5)
}

/// Half the distance between the quartiles.
fn spread(samples: &[f64]) -> f64 {
    (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2.0
}

/// Seconds per iteration of each work, by samples. Which work begins changes from
/// sample to sample.
fn alternate<const N: usize>(mut works: [(&mut Work, u64); N], effort: Effort) -> [Vec<f64>; N] {
    let once: f64 = works.iter_mut().map(|(work, n)| time(work, *n)).sum();
    let fit = effort.total.as_secs_f64() / once;
    let samples = effort.samples.min((fit as usize).max(11));
    let mut seconds = [const { Vec::new() }; N];
    for sample in 0..samples {
        for turn in 0..N {
            let which = (sample + turn) % N;
            let (work, n) = &mut works[which];
            seconds[which].push(time(work, *n) / *n as f64);
        }
    }
    seconds
}

/// Sample by sample.
fn ratios(above: &[f64], below: &[f64]) -> Vec<f64> {
    above.iter().zip(below).map(|(a, b)| a / b).collect()
}

/// Measures a pair.
pub fn measure(pair: &mut Pair, effort: Effort) -> Measured {
    let n = calibrate(&mut pair.ours, effort.sample);
    let [ours, theirs] = alternate([(&mut pair.ours, n), (&mut pair.theirs, n)], effort);
    let ratios = ratios(&ours, &theirs);
    let per_operation = 1e9 / pair.operations as f64;
    Measured {
        ours: median(&ours) * per_operation,
        theirs: median(&theirs) * per_operation,
        ratio: median(&ratios),
        spread: spread(&ratios),
    }
}

/// Measures what it costs to be able to stop a guest.
pub fn measure_meter(quad: &mut Quad, effort: Effort) -> MeasuredMeter {
    let mut works = [
        &mut quad.metered,
        &mut quad.plain,
        &mut quad.their_metered,
        &mut quad.their_plain,
    ]
    .map(|work| (0, work));
    for (n, work) in &mut works {
        *n = calibrate(work, effort.sample);
    }
    let works = works.map(|(n, work)| (work, n));
    let [metered, plain, their_metered, their_plain] = alternate(works, effort);
    let ours = ratios(&metered, &plain);
    let theirs = ratios(&their_metered, &their_plain);
    let figures = ratios(&ours, &theirs);
    let [metered, plain, their_metered, their_plain] =
        [&metered, &plain, &their_metered, &their_plain].map(|it| quantile(it, 0.05));
    MeasuredMeter {
        plain: plain * 1e9,
        metered: metered * 1e9,
        ratio: metered / plain,
        theirs: their_metered / their_plain,
        figure: metered / plain / (their_metered / their_plain),
        spread: spread(&figures),
    }
}
