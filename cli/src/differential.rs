//! `enginebay conformance --random`: generated cases on every backend, for as long
//! as it is told to.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use enginebay_conformance::{Differential, DifferentialReport};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{clean, count, note, print, table};

/// How often there is a sign of life.
pub(crate) const PROGRESS: Duration = Duration::from_secs(30);

/// The seed that was asked for, or another one each time.
pub(crate) fn first_seed(seed: Option<u64>) -> u64 {
    seed.unwrap_or_else(|| {
        // A clock before 1970 will do as well.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.unwrap_or_default().as_millis() as u64
    })
}

/// Runs batches of cases until the time is over; without a time, until the
/// program is stopped. What fails is told at once.
pub(crate) fn differential(seed: Option<u64>, time: Option<Duration>) -> Result<Exit, Failure> {
    let seed = first_seed(seed);
    note(&format!("the first seed is {seed}"));
    let start = Instant::now();
    let mut told = start;
    let mut differential = Differential::new(seed)?;
    let mut report = DifferentialReport::default();
    loop {
        let batch = differential.next_batch()?;
        for failure in &batch.failures {
            print(&format!("{}\n", clean(failure)))?;
        }
        report.add(batch);
        if time.is_some_and(|time| start.elapsed() >= time) {
            break;
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            note(&format!(
                "{} in {} s, {}, next seed {}",
                count(report.cases as u64, "case"),
                start.elapsed().as_secs(),
                count(report.failures.len() as u64, "failure"),
                differential.seed()
            ));
        }
    }
    let mut rows = vec![["cases".to_owned(), "ended with".to_owned()].to_vec()];
    for (end, count) in &report.ends {
        rows.push(vec![count.to_string(), end.clone()]);
    }
    print(&table(&rows))?;
    if report.failures.is_empty() {
        return Ok(Exit::SUCCESS);
    }
    Ok(Exit::SCRIPT)
}
