//! What is in the contract, as data.

use crate::capability::{
    FilesystemAction, MessagingAction, NetworkAction, Operation, ProcessAction, StorageAction,
};

/// A function of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Function {
    /// Its interface: `enginebay:storage/store@1.0.0`.
    pub interface: &'static str,
    /// Its name in the component model: `get`, or `[method]file.read`.
    pub name: &'static str,
    /// Whether components offer it to a host, and not the other way round.
    pub exported: bool,
    /// What it requires, all of it.
    pub requires: &'static [Requirement],
}

/// A capability that a function requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Requirement {
    /// What is done.
    pub operation: Operation,
    /// The parameter that says to what, or a field of one (`options.command`); and for the
    /// network maybe the one that says the port.
    pub arguments: &'static [&'static str],
}

/// All functions of the contract, by interface.
pub const FUNCTIONS: &[Function] = include!(concat!(env!("OUT_DIR"), "/functions.rs"));

/// The WIT: each file's path in its folder, with `/`, and its text.
pub const WIT: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/wit.rs"));
