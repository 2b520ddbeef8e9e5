//! The differential test, for less than a minute: generated types, values,
//! broken images of values and programs about handles on every backend.
//!
//! `ENGINEBAY_SEED` sets the first seed, `ENGINEBAY_BATCHES` how many batches of
//! some hundred cases run. `enginebay conformance --random` runs for hours.

use std::env;

use enginebay_conformance::{Differential, DifferentialReport};

const BATCHES: u64 = 5;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: {text:?} is no number")),
    )
}

#[test]
fn generated_values_and_traps_are_the_same_on_every_backend() {
    let seed = number("ENGINEBAY_SEED").unwrap_or(1);
    let mut differential = Differential::new(seed).unwrap();
    let mut report = DifferentialReport::default();
    for _ in 0..number("ENGINEBAY_BATCHES").unwrap_or(BATCHES) {
        report.add(differential.next_batch().unwrap());
    }
    println!(
        "from seed {seed}: {} cases: {:#?}",
        report.cases, report.ends
    );
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    // Values, and traps of several kinds, are among them.
    assert!(report.values() > report.cases / 4, "{:?}", report.ends);
    assert!(report.ends.len() > 5, "{:?}", report.ends);
}
