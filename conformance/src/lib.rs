//! Runs WebAssembly scripts (`.wast`) against any backend: the official
//! Component Model suite, the cases of this crate, or files that it has never
//! seen.
//!
//! A [`Script`] is parsed once and run on as many backends as there are; what
//! comes of each directive is an [`Outcome`]. What a script needs besides the
//! defaults, such as limits, stands in its first lines ([`Header`]). The cases of
//! this crate are in the library: [`Suite::embedded`].
#![forbid(unsafe_code)]

mod adapt;
mod annotation;
mod differential;
mod executor;
mod fuzz;
mod header;
mod matrix;
mod outcome;
mod random;
mod runner;
mod script;
mod suite;
mod traps;
mod value;

pub use differential::{Differential, DifferentialReport};
pub use fuzz::{Corpus, Fuzz, FuzzCounts, FuzzReport, Worker, fuzz_worker, this_program};
pub use header::Header;
pub use matrix::{BackendInfo, Matrix, Section};
pub use outcome::{Count, FileReport, Outcome, StepReport};
pub use runner::Runner;
pub use script::{Script, ScriptError};
pub use suite::{Case, CaseReport, Counts, Expectations, Suite, TIMING, Unsupported, find_scripts};
pub use traps::{TRAPS, codes};
