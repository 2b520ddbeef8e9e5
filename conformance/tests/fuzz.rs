//! The fuzzer from fixed seeds, for about a minute: no difference between the backends,
//! no panic, no crash. Inputs run in a process of their own, which is this program once
//! more.
//!
//! `ENGINEBAY_SEED` sets the first seed, `ENGINEBAY_INPUTS` how many inputs there are.
//! `enginebay conformance --fuzz` runs for hours.

use std::env;
use std::io::{stdin, stdout};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;

use enginebay_conformance::{Corpus, Fuzz, FuzzReport, fuzz_worker, this_program};
use libtest_mimic::{Arguments, Failed, Trial};

const INPUTS: u64 = 500;
const SEED: u64 = 1;
/// Set for the process that runs inputs.
const WORKER: &str = "ENGINEBAY_FUZZ_WORKER";
/// For guests, and for whoever calls them.
const STACK: usize = 32 << 20;

fn number(name: &str) -> Result<Option<u64>, Failed> {
    match env::var(name) {
        Ok(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{name}: {text:?} is no number").into()),
        },
        Err(_) => Ok(None),
    }
}

/// The cases, and the guests and examples of this repository.
fn corpus() -> Result<Corpus, Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut corpus = Corpus::new();
    for folder in ["guests/prebuilt", "examples"] {
        if corpus.add(&root.join(folder))? == 0 {
            return Err(format!("there are no components in {folder}").into());
        }
    }
    Ok(corpus)
}

fn run(seed: u64, inputs: u64) -> Result<FuzzReport, Failed> {
    let program = this_program()?;
    let worker = move || {
        let mut command = Command::new(&program);
        command.env(WORKER, "1");
        command
    };
    let mut fuzz = Fuzz::watched(seed, corpus()?, Box::new(worker))?;
    let mut report = FuzzReport::default();
    for _ in 0..inputs {
        report.add(fuzz.next_input()?);
    }
    Ok(report)
}

fn all_backends_agree() -> Result<(), Failed> {
    let seed = number("ENGINEBAY_SEED")?.unwrap_or(SEED);
    let inputs = number("ENGINEBAY_INPUTS")?.unwrap_or(INPUTS);
    let report = run(seed, inputs)?;
    println!("from seed {seed}: {report:#?}");
    if !report.findings.is_empty() {
        return Err(report.findings.join("\n").into());
    }
    let total = report.total();
    // It gets deep.
    let deep = total.valid * 3 > total.inputs
        && total.calls > total.valid * 4
        && total.values * 4 > total.calls
        && total.traps * 20 > total.calls
        && total.out_of_fuel * 5 > total.valid
        && total.limits > 0
        && report.ends.len() > 12;
    match deep {
        true => Ok(()),
        false => Err(format!("too little was reached: {report:#?}").into()),
    }
}

/// Runs on a thread with much stack.
fn on_large_stack<R: Send + 'static>(run: fn() -> R) -> Result<R, String> {
    let thread = thread::Builder::new().stack_size(STACK);
    let thread = thread.spawn(run).map_err(|error| error.to_string())?;
    thread.join().map_err(|_| "it panicked".to_owned())
}

fn main() -> ExitCode {
    if env::var_os(WORKER).is_some() {
        let ended = on_large_stack(|| {
            fuzz_worker(stdin().lock(), stdout().lock()).map_err(|error| error.to_string())
        });
        return match ended {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(text)) | Err(text) => {
                eprintln!("error: {text}");
                ExitCode::FAILURE
            }
        };
    }
    let trials = vec![Trial::test("all_backends_agree", all_backends_agree)];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
