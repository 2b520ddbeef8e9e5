//! Programs: components that export `wasi:cli/run`, and how they end.

use std::fmt;
use std::process::ExitCode;

use enginebay_core::{AsContextMut, Backend, Error, Instance, Result, TypedFunc};

/// The exported function; an export of any version 0.2.x is found by it.
const RUN: &str = "wasi:cli/run@0.2.0#run";

/// The status that a program ended with: 0 for success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExitStatus(u8);

impl ExitStatus {
    /// The status as a number.
    pub fn code(self) -> u8 {
        self.0
    }

    /// Whether the program succeeded.
    pub fn success(self) -> bool {
        self.0 == 0
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        status.0.into()
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

/// A guest called `wasi:cli/exit`. It is the source of the error, of the kind
/// `Host`, that ends the guest's call; [`exit_code`] finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exit {
    /// The status. `exit` knows only success and failure, which are 0 and 1;
    /// `exit-with-code` has them all.
    pub code: u8,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the guest ended with exit status {}", self.code)
    }
}

impl std::error::Error for Exit {}

/// The status that a guest ended with, if the call failed because the guest
/// called `wasi:cli/exit`.
pub fn exit_code(error: &Error) -> Option<u8> {
    error.downcast_ref::<Exit>().map(|exit| exit.code)
}

type Run<B> = TypedFunc<B, (), (Result<(), ()>,)>;

fn status(result: Result<(Result<(), ()>,)>) -> Result<ExitStatus> {
    match result {
        Ok((Ok(()),)) => Ok(ExitStatus(0)),
        Ok((Err(()),)) => Ok(ExitStatus(1)),
        Err(error) => exit_code(&error).map(ExitStatus).ok_or(error),
    }
}

/// Runs a program: calls `wasi:cli/run`, whichever version 0.2.x the component
/// exports, and gives the status that the program returned or exited with. A
/// program runs once in an instance; a program that exits poisons its store, as
/// each call does that ends before its time.
///
/// # Errors
///
/// - `NotFound` if the component exports no `wasi:cli/run`.
/// - As [`TypedFunc::call`], for a program that did not end by itself.
pub fn run<B: Backend>(
    mut store: impl AsContextMut<Backend = B>,
    instance: &Instance<B>,
) -> Result<ExitStatus> {
    let run: Run<B> = instance.get_typed_func(&mut store, RUN)?;
    status(run.call(&mut store, ()))
}

/// As [`run`], in an asynchronous store.
///
/// # Errors
///
/// As [`run`].
pub async fn run_async<B: Backend>(
    mut store: impl AsContextMut<Backend = B> + Send,
    instance: &Instance<B>,
) -> Result<ExitStatus> {
    let run: Run<B> = instance.get_typed_func(&mut store, RUN)?;
    status(run.call_async(&mut store, ()).await)
}
