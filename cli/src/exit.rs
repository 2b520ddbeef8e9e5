//! The exit codes: one table, from which the help is made, and the code of each
//! kind of error.

use std::process::ExitCode;

use enginebay::ErrorKind;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    pub(crate) const SUCCESS: Exit = Exit(0);
    pub(crate) const GUEST: Exit = Exit(1);
    pub(crate) const USAGE: Exit = Exit(2);
    pub(crate) const COMPONENT: Exit = Exit(3);
    pub(crate) const TRAP: Exit = Exit(4);
    pub(crate) const LIMIT: Exit = Exit(5);
    pub(crate) const HOST: Exit = Exit(6);
    pub(crate) const SCRIPT: Exit = Exit(7);
    pub(crate) const COMPILER: Exit = Exit(8);

    /// The codes and what they mean.
    const TABLE: &'static [(Exit, &'static str)] = &[
        (Exit::SUCCESS, "success"),
        (
            Exit::GUEST,
            "`wasi:cli/run` failed; a code that the component exits with is passed on",
        ),
        (Exit::USAGE, "the command line makes no sense"),
        (
            Exit::COMPONENT,
            "the component is invalid, too large or not supported, an import or an
     export is missing, an artifact does not fit, or the arguments do not; a
     version of WIT is too low for what changed",
        ),
        (
            Exit::TRAP,
            "the component trapped; `serve`: all components have failed, or with
     --check one",
        ),
        (
            Exit::LIMIT,
            "a limit was reached (memory, fuel, time, ...), or Ctrl-C was pressed",
        ),
        (
            Exit::HOST,
            "a file could not be read or written, the host or the engine failed, or
     the backends differ",
        ),
        (
            Exit::SCRIPT,
            "`conformance`: a directive failed, a script could not be parsed, or something
     was found",
        ),
        (
            Exit::COMPILER,
            "compilation took too long or too much memory, or crashed the compiler",
        ),
    ];

    /// The table as a section of the help.
    pub(crate) fn help() -> String {
        let mut text = String::from("Exit codes:\n");
        for (exit, meaning) in Exit::TABLE {
            text.push_str(&format!("  {}  {meaning}\n", exit.0));
        }
        text
    }

    /// The code of a kind of error.
    pub(crate) fn of(kind: &ErrorKind) -> Exit {
        match kind {
            ErrorKind::InvalidConfig => Exit::USAGE,
            ErrorKind::InvalidComponent
            | ErrorKind::TooLarge
            | ErrorKind::Unsupported
            | ErrorKind::Artifact
            | ErrorKind::Link
            | ErrorKind::NotFound
            | ErrorKind::TypeMismatch => Exit::COMPONENT,
            ErrorKind::Trap(_) => Exit::TRAP,
            ErrorKind::Poisoned { by } => Exit::of(by),
            kind if kind.is_limit() => Exit::LIMIT,
            _ => Exit::HOST,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.0)
    }
}
