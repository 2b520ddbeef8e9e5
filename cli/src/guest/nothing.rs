//! A program without WASI: components that import something cannot be run, and
//! commands cannot either.

use clap::Args;
use enginebay::generic::{Instance, Linker, Store};
use enginebay::{Backend, Error};

use crate::args::RunArgs;
use crate::failure::Failure;

/// What to do about a component that imports something else.
pub(crate) const LINK_ADVICE: &str = "nothing is offered to components: this program was built \
     without the Cargo feature `wasi`";

/// More examples of what can be run.
pub(crate) const EXAMPLES: &str = "";

/// There is nothing to grant.
#[derive(Args, Clone, Debug)]
pub(crate) struct GrantArgs {}

/// What a store has for its guest.
#[derive(Debug)]
pub(crate) struct Guest;

/// What a guest wrote: nothing, as it has nothing to write to.
#[derive(Debug)]
pub(crate) struct Output;

/// Where what a guest writes is kept.
pub(crate) fn output() -> Output {
    Output
}

impl Output {
    pub(crate) fn contents(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// Makes what a store has for its guest.
pub(crate) fn guest(_: &RunArgs, _: Option<&Output>, _: bool) -> Result<Guest, Failure> {
    Ok(Guest)
}

/// Offers what there is.
pub(crate) fn offer<B: Backend>(_: &mut Linker<B, Guest>) -> Result<(), Error> {
    Ok(())
}

/// Runs an instance as a command.
pub(crate) fn run_command<B: Backend>(
    _: &mut Store<B, Guest>,
    _: &Instance<B>,
) -> Result<u8, Error> {
    Err(Error::unsupported("commands need WASI").with_context("Cargo feature", "wasi"))
}

/// Guests cannot exit.
pub(crate) fn exit_code(_: &Error) -> Option<u8> {
    None
}
