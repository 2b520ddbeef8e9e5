//! The differential test: generated types and values go through guests, directly
//! and through composed components with other string encodings, and so do images
//! of values with something broken in them. What comes back is what went in, and
//! all backends agree on every value and on every trap. So they do on what becomes
//! of handles to resources ([`handles`]).
//!
//! All of it follows from one seed. A case that fails is made smaller until
//! nothing can be left out.

mod case;
mod generate;
mod guest;
mod handles;
mod image;

mod shrink;

use std::collections::BTreeMap;
use std::fmt::Write;

use enginebay::{Error, Interruption};

pub(crate) use case::bits;
pub(crate) use generate::value_within;

use crate::random::Random;
use case::{Batch, Case, Checked, Input, Runs, Wrong, check, image as image_of, runners};
use guest::{BASE, Echo, IMAGE, MEMORY};
use image::{Encoding, flat, size};

/// Functions of one component: to compile takes more time than to run.
const FUNCTIONS: usize = 12;
/// Values for each.
const VALUES: usize = 8;
/// Broken images of each value.
const BROKEN: usize = 3;
/// Failures of a batch that are made smaller.
const SHOWN: usize = 3;
/// How many smaller cases are tried.
const SHRINKS: usize = 400;

/// Makes and runs cases, batch by batch.
///
/// ```
/// use enginebay_conformance::Differential;
///
/// # fn main() -> enginebay::Result<()> {
/// let mut differential = Differential::new(1)?;
/// let batch = differential.next_batch()?;
/// assert!(batch.cases > 0);
/// assert!(batch.failures.is_empty(), "{}", batch.failures.join("\n"));
/// # Ok(())
/// # }
/// ```
pub struct Differential {
    /// Engines without interruption, and with fuel.
    engines: [Vec<Box<dyn Runs>>; 2],
    seed: u64,
}

/// What came of batches.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DifferentialReport {
    /// How many cases ran, on every backend.
    pub cases: usize,
    /// How many of them ended in which way: with a value, or by which trap.
    pub ends: BTreeMap<String, usize>,
    /// What failed, made as small as possible, with the seed that makes its batch
    /// the first one of a [`Differential`].
    pub failures: Vec<String>,
}

impl DifferentialReport {
    /// Adds another batch.
    pub fn add(&mut self, batch: DifferentialReport) {
        self.cases += batch.cases;
        for (end, count) in batch.ends {
            *self.ends.entry(end).or_insert(0) += count;
        }
        self.failures.extend(batch.failures);
    }

    /// How many cases ended with a value.
    pub fn values(&self) -> usize {
        self.ends.get(case::VALUE).copied().unwrap_or(0)
    }
}

impl Differential {
    /// With an engine of each backend.
    ///
    /// # Errors
    ///
    /// What an engine says when it is made.
    pub fn new(seed: u64) -> Result<Self, Error> {
        let engines = [runners(Interruption::None)?, runners(Interruption::Fuel)?];
        Ok(Differential { engines, seed })
    }

    /// The engines for a seed: fuel is metered, and compared, for odd ones.
    fn runners(&self, seed: u64) -> &[Box<dyn Runs>] {
        &self.engines[usize::from(seed % 2 == 1)]
    }

    /// The seed of the next batch; each one's is the one before plus one.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Makes the next batch of cases and runs it on every backend.
    ///
    /// # Errors
    ///
    /// `InvalidComponent` if a guest could not be made, which is a fault of the
    /// generator.
    pub fn next_batch(&mut self) -> Result<DifferentialReport, Error> {
        let seed = self.seed;
        self.seed = self.seed.wrapping_add(1);
        let batch = generate(seed);
        let Checked { wrong, ends } = check(self.runners(seed), &batch)?;
        // The same fault shows in many cases; a few of them are enough.
        let shown = wrong.iter().take(SHOWN);
        let mut failures: Vec<_> = shown
            .map(|wrong| self.minimise(seed, &batch, wrong))
            .collect();
        if let Some(more) = wrong.len().checked_sub(SHOWN + 1) {
            failures.push(format!("seed {seed}: and {} more", more + 1));
        }
        let mut report = DifferentialReport {
            cases: batch.cases.len(),
            ends,
            failures,
        };
        report.add(self.handles(seed)?);
        Ok(report)
    }

    /// The programs about handles that belong to a seed.
    fn handles(&self, seed: u64) -> Result<DifferentialReport, Error> {
        let batch = handles::generate(seed);
        let (ends, wrong) = handles::check(self.runners(seed), &batch)?;
        let mut report = DifferentialReport {
            cases: batch.programs.len(),
            ..DifferentialReport::default()
        };
        for end in ends {
            *report.ends.entry(end).or_insert(0) += 1;
        }
        for index in wrong.iter().take(SHOWN) {
            let failure = handles::minimise(self.runners(seed), seed, &batch, *index)?;
            report.failures.push(failure);
        }
        if let Some(more) = wrong.len().checked_sub(SHOWN + 1) {
            let more = format!("seed {seed}: handles: and {} more", more + 1);
            report.failures.push(more);
        }
        Ok(report)
    }

    /// The smallest case that still fails, as text.
    fn minimise(&self, seed: u64, batch: &Batch, wrong: &Wrong) -> String {
        let (index, case) = &batch.cases[wrong.case];
        let mut found = (batch.echoes[*index].clone(), case.clone());
        let mut outcomes = wrong.outcomes.clone();
        let mut left = SHRINKS;
        'smaller: loop {
            for (echo, case) in shrink::smaller(&found.0, &found.1) {
                if left == 0 {
                    break 'smaller;
                }
                left -= 1;
                let attempt = Batch {
                    echoes: vec![echo],
                    encodings: batch.encodings,
                    cases: vec![(0, case)],
                };
                if let Ok(checked) = check(self.runners(seed), &attempt)
                    && let Some(wrong) = checked.shown()
                {
                    let Batch { echoes, cases, .. } = attempt;
                    let both = echoes.into_iter().zip(cases).next();
                    if let Some((echo, (_, case))) = both {
                        found = (echo, case);
                        outcomes = wrong.outcomes;
                        continue 'smaller;
                    }
                }
            }
            break;
        }
        describe(seed, batch, &found, &outcomes)
    }
}

fn describe(
    seed: u64,
    batch: &Batch,
    (echo, case): &(Echo, Case),
    outcomes: &[(&'static str, case::Outcome)],
) -> String {
    let (inner, outer) = batch.encodings;
    let mut text = format!(
        "seed {seed}: {}, strings {} inside and {} outside, parameters {}\n  type: {}\n",
        if case.outer {
            "through two components"
        } else {
            "through one component"
        },
        inner.name(),
        outer.name(),
        if echo.spilled() {
            "in memory"
        } else {
            "as core values"
        },
        echo.ty
    );
    let _ = match &case.input {
        Input::Echo(value) => writeln!(text, "  value: {value:?}"),
        Input::Image(bytes, value) => {
            writeln!(
                text,
                "  result at {BASE:#x}: {bytes:02x?}, made as {value:?}"
            )
        }
        Input::Send(bytes) => writeln!(text, "  argument at {BASE:#x}: {bytes:02x?}"),
    };
    for (name, outcome) in outcomes {
        let _ = writeln!(text, "  {name}: {outcome}");
    }
    text
}

/// All cases of a seed.
fn generate(seed: u64) -> Batch {
    let mut random = Random::new(seed);
    let encodings = (random.pick(&Encoding::ALL), random.pick(&Encoding::ALL));
    let mut batch = Batch {
        echoes: Vec::new(),
        encodings,
        cases: Vec::new(),
    };
    for index in 0..FUNCTIONS {
        let ty = loop {
            let ty = generate::ty(&mut random);
            // Larger ones are refused, by all alike: no test.
            if size(&ty) < 4096 && flat(&ty).len() < 500 {
                break ty;
            }
        };
        let pad = random.one_in(2);
        let echo = Echo { ty, pad };
        for _ in 0..VALUES {
            cases(&mut random, &echo, index, &mut batch);
        }
        batch.echoes.push(echo);
    }
    batch
}

/// A value both ways, its image, and what can be broken in that.
fn cases(random: &mut Random, echo: &Echo, index: usize, batch: &mut Batch) {
    let value = generate::value(random, &echo.ty);
    let mut add = |outer, input| batch.cases.push((index, Case { outer, input }));
    add(false, Input::Echo(value.clone()));
    add(true, Input::Echo(value.clone()));

    let (inner, outer) = batch.encodings;
    let whole = image_of(echo, &value, inner);
    if whole.len() > IMAGE {
        return;
    }
    let in_memory = flat(&echo.ty).len() > 1;
    if in_memory {
        add(false, Input::Image(whole.clone(), Some(value.clone())));
        add(true, Input::Image(whole.clone(), Some(value.clone())));
    }
    for _ in 0..BROKEN {
        let broken = match in_memory {
            true => corrupted(random, &whole, size(&echo.ty)),
            false => numbers(random, 1),
        };
        add(random.one_in(2), Input::Image(broken, None));
        let broken = match echo.spilled() {
            true => {
                let argument = image_of(echo, &value, outer);
                corrupted(random, &argument, size(&echo.ty))
            }
            false => numbers(random, flat(&echo.ty).len()),
        };
        add(true, Input::Send(broken));
    }
}

/// An address, or a length, that is likely to be wrong.
fn suspicious(random: &mut Random) -> u32 {
    match random.below(6) {
        0 => (MEMORY as u32)
            .wrapping_add(random.below(5) as u32)
            .wrapping_sub(2),
        1 => (BASE + random.below(16)) as u32,
        2 => u32::MAX - random.below(3) as u32,
        3 => (1 << 31) | random.below(4) as u32,
        4 => random.pick(&[0xd7ff, 0xd800, 0xdfff, 0xe000, 0x10_ffff, 0x11_0000]),
        _ => generate::number(random) as u32,
    }
}

/// Core values, 8 bytes each.
fn numbers(random: &mut Random, count: usize) -> Vec<u8> {
    let number = |random: &mut Random| match random.below(3) {
        0 => random.below(3) as u64,
        1 => u64::from(suspicious(random)),
        _ => generate::number(random),
    };
    (0..count)
        .flat_map(|_| number(random).to_le_bytes())
        .collect()
}

/// An image with up to three places changed, more often among the first bytes,
/// which are the value itself.
fn corrupted(random: &mut Random, image: &[u8], head: usize) -> Vec<u8> {
    let mut bytes = image.to_vec();
    for _ in 0..1 + random.below(3) {
        let end = if random.one_in(2) { head } else { bytes.len() };
        let at = random.below(end.max(1));
        if random.one_in(2) {
            let byte = random.pick(&[0, 1, 2, 0x7f, 0x80, 0xc0, 0xd8, 0xff]);
            bytes[at] = if random.one_in(2) {
                byte
            } else {
                bytes[at] ^ 1 << random.below(8)
            };
        } else {
            let at = at & !3;
            let word = suspicious(random).to_le_bytes();
            let end = bytes.len().min(at + 4);
            bytes[at..end].copy_from_slice(&word[..end - at]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests;
