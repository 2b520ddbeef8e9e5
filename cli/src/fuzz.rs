//! `enginebay conformance --fuzz`: inputs of all kinds on every backend, for as long as
//! it is told to, in a process that may die of them.

use std::io::{stdin, stdout};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use enginebay::{Error, ErrorKind};
use enginebay_conformance::{Corpus, Fuzz, FuzzCounts, FuzzReport, fuzz_worker, this_program};

use crate::differential::{PROGRESS, first_seed};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{clean, count, note, print, table};

/// The other side: runs what it is asked for on standard input.
pub(crate) fn worker() -> Result<Exit, Failure> {
    fuzz_worker(stdin().lock(), stdout().lock())?;
    Ok(Exit::SUCCESS)
}

/// Runs inputs until the time is over; without a time, until the program is stopped.
/// What is found is told at once.
pub(crate) fn fuzz(
    paths: &[PathBuf],
    seed: Option<u64>,
    time: Option<Duration>,
) -> Result<Exit, Failure> {
    let corpus = corpus(paths)?;
    let seed = first_seed(seed);
    note(&format!("the first seed is {seed}"));
    let program = this_program()
        .map_err(|error| Error::from(error).with_context("doing", "finding this program"))?;
    let worker = move || {
        let mut command = Command::new(&program);
        command.args(["conformance", "--fuzz-worker"]);
        command
    };
    let mut fuzz = Fuzz::watched(seed, corpus, Box::new(worker))?;
    let start = Instant::now();
    let mut told = start;
    let mut report = FuzzReport::default();
    loop {
        let one = fuzz.next_input()?;
        for finding in &one.findings {
            print(&format!("{}\n", clean(finding)))?;
        }
        report.add(one);
        if time.is_some_and(|time| start.elapsed() >= time) {
            break;
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            let total = report.total();
            note(&format!(
                "{} and {} in {} s, {}, next seed {}",
                count(total.inputs, "input"),
                count(total.calls, "call"),
                start.elapsed().as_secs(),
                count(report.findings.len() as u64, "finding"),
                fuzz.seed()
            ));
        }
    }
    print(&figures(&report))?;
    if report.findings.is_empty() {
        return Ok(Exit::SUCCESS);
    }
    Ok(Exit::SCRIPT)
}

/// What inputs are made of: the cases that this program has, and those of the paths.
fn corpus(paths: &[PathBuf]) -> Result<Corpus, Failure> {
    let mut corpus = Corpus::new();
    for path in paths {
        let added = corpus.add(path)?;
        if added == 0 {
            let text = format!("there is nothing to start from in {}", path.display());
            return Err(Error::new(ErrorKind::Io, text).into());
        }
    }
    Ok(corpus)
}

fn figures(report: &FuzzReport) -> String {
    let row = |name: &str, counts: &FuzzCounts| {
        let numbers = counts
            .all()
            .into_iter()
            .map(|(_, number)| number.to_string());
        std::iter::once(name.to_owned()).chain(numbers).collect()
    };
    let head = FuzzCounts::default().all();
    let head = head.into_iter().map(|(name, _)| name.to_owned());
    let mut rows: Vec<Vec<String>> = vec![std::iter::once("kind".to_owned()).chain(head).collect()];
    rows.extend(report.kinds.iter().map(|(kind, counts)| row(kind, counts)));
    rows.push(row("all", &report.total()));
    let mut text = table(&rows);
    let mut rows = vec![["steps".to_owned(), "ended with".to_owned()].to_vec()];
    for (end, count) in &report.ends {
        rows.push(vec![count.to_string(), end.clone()]);
    }
    text.push('\n');
    text.push_str(&table(&rows));
    text.push('\n');
    for (backend, inputs) in &report.lacking {
        let inputs = count(*inputs, "input");
        text.push_str(&format!(
            "{backend} took no part in {inputs}: it lacks a feature\n"
        ));
    }
    let overflows = count(report.overflows, "comparison");
    text.push_str(&format!("{overflows} ended where a stack was used up\n"));
    let late = count(report.late, "input");
    text.push_str(&format!("{late} took too long, and not when run again\n"));
    text.push_str(&count(report.findings.len() as u64, "finding"));
    text.push('\n');
    text
}
