//! The fuzzer: the same bytes on all backends, under limits.
//!
//! The differential test beside it gives well-made guests well-made and broken values.
//! Here nothing is well made: bytes that are hardly components, real components with
//! something changed in them, and generated ones whose code does whatever it does. Each
//! is loaded, instantiated and called on every backend with little memory, few tables
//! and handles, little fuel. What is compared is all that a host can see: the kind of
//! error of a component that is refused, the types of one that is not, results to the
//! bit, traps, limits, what the host's functions got, and after each step fuel to the
//! unit, memory, tables and refused growths.
//!
//! Backends may differ in two things only, and each is held as narrow as it can be:
//!
//! - a backend takes no part in an input that needs a feature which its `Support` does
//!   not have; any other `Unsupported` is a difference ([`oracle`]);
//! - where the guest's stack is used up on one of them, that step and what follows it is
//!   not compared ([`trace::compare`]). Guests have so much stack that it is fuel that
//!   runs out in nearly all recursions.
//!
//! A panic, an error of the kind `Engine`, a guest that its fuel does not stop, an end of
//! the process and a hang are findings too; for the last two, inputs run in a process of
//! their own ([`watch`]). What is found is made smaller ([`shrink`]) and printed as a
//! script.
//!
//! All of it follows from one number per input.

mod corpus;
mod generate;
mod input;
mod operators;
mod oracle;
mod report;
mod run;
mod shrink;
mod trace;
mod tree;
mod watch;

use std::fmt::Write;

use enginebay::Error;

pub use corpus::Corpus;
pub use report::{FuzzCounts, FuzzReport};
pub use watch::{Worker, fuzz_worker, this_program};

use input::Input;
use run::{Fault, Here, Runs};
use shrink::Small;
use watch::Watched;

/// Makes and runs inputs, one by one.
///
/// ```
/// use enginebay_conformance::{Corpus, Fuzz};
///
/// # fn main() -> enginebay::Result<()> {
/// // Guests have 8 MiB of stack.
/// # let run = || -> enginebay::Result<()> {
/// let mut fuzz = Fuzz::new(1, Corpus::new())?;
/// let report = fuzz.next_input()?;
/// assert!(report.findings.is_empty(), "{}", report.findings.join("\n"));
/// # Ok(()) };
/// # std::thread::scope(|scope| std::thread::Builder::new().stack_size(32 << 20)
/// #     .spawn_scoped(scope, run).unwrap().join().unwrap())
/// # }
/// ```
pub struct Fuzz {
    corpus: Corpus,
    runner: Box<dyn Runs>,
    seed: u64,
}

impl Fuzz {
    /// Runs inputs in this process, on a thread that needs 16 MiB of stack for guests
    /// besides its own. An input of which an engine dies ends it.
    ///
    /// # Errors
    ///
    /// What an engine says when it is made.
    pub fn new(seed: u64, corpus: Corpus) -> Result<Self, Error> {
        Ok(Fuzz {
            corpus,
            runner: Box::new(Here::new()?),
            seed,
        })
    }

    /// Runs inputs in a process that `worker` starts, which runs [`fuzz_worker`] on its
    /// standard input and output.
    ///
    /// # Errors
    ///
    /// `Io` if the process cannot be started.
    pub fn watched(seed: u64, corpus: Corpus, worker: Worker) -> Result<Self, Error> {
        Ok(Fuzz {
            corpus,
            runner: Box::new(Watched::new(worker)?),
            seed,
        })
    }

    /// The seed of the next input; each one's is the one before plus one.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Makes the next input and runs it on every backend.
    ///
    /// # Errors
    ///
    /// If nothing can be run: no process can be started in the place of one that ended.
    pub fn next_input(&mut self) -> Result<FuzzReport, Error> {
        let seed = self.seed;
        self.seed = self.seed.wrapping_add(1);
        let input = Input::make(seed, &self.corpus);
        let ran = self.runner.run(&input.wasm, seed, None)?;
        let mut report = FuzzReport::of(input.kind.name(), ran.figures);
        if let Some((fault, text)) = ran.fault {
            let small = shrink::shrink(&mut *self.runner, &input, seed, fault, &text);
            report.findings.push(describe(seed, &input, fault, &small));
        }
        Ok(report)
    }
}

/// A finding as text.
fn describe(seed: u64, input: &Input, fault: Fault, small: &Small) -> String {
    let mut text = format!("seed {seed}: {}", input.kind.name());
    if let Some(from) = &input.from {
        let _ = write!(text, ", from {from}");
    }
    let _ = writeln!(text, ": {}:\n  {}", fault.name(), small.text);
    if let Some(calls) = &small.calls {
        let _ = writeln!(text, "  calls: {calls:?}");
    }
    match &small.tree {
        Some(tree) => text.push_str(&tree.lines()),
        None => {
            text.push_str("(component binary \"");
            for byte in &small.wasm {
                let _ = write!(text, "\\{byte:02x}");
            }
            text.push_str("\")");
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
