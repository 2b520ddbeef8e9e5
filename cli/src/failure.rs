//! What ends the program early, and how it is told: one line that says what,
//! where and what to do, and with `--verbose` what is behind it.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io::Write as _;

use clap::builder::styling::{AnsiColor, Style};
use enginebay::{Error, ErrorKind};
use serde::Serialize;

use crate::exit::Exit;
use crate::guest::LINK_ADVICE;
use crate::output::clean;

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// An error of enginebay, what to do about it, and how the program ends.
    Error {
        error: Error,
        advice: String,
        exit: Exit,
    },
    /// Ctrl-C was pressed before a guest ran.
    #[cfg(not(target_family = "wasm"))]
    Interrupted,
    /// Nobody reads the output any more.
    Closed,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let advice = advice(error.kind());
        Failure::advised(error, advice)
    }
}

impl Failure {
    /// The error with advice that is better than that of its kind.
    pub(crate) fn advised(error: Error, advice: impl Into<String>) -> Self {
        Failure::Error {
            exit: Exit::of(error.kind()),
            error,
            advice: advice.into(),
        }
    }

    /// A file could not be read or written.
    pub(crate) fn io(what: &str, path: &std::path::Path, error: std::io::Error) -> Self {
        let message = format!("{what} {}: {error}", path.display());
        Error::new(ErrorKind::Io, message).with_source(error).into()
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Usage(_) => Exit::USAGE,
            Failure::Error { exit, .. } => *exit,
            #[cfg(not(target_family = "wasm"))]
            Failure::Interrupted => Exit(crate::cancel::INTERRUPTED),
            Failure::Closed => Exit::SUCCESS,
        }
    }

    /// Writes the failure to standard error.
    pub(crate) fn tell(&self, verbose: bool) {
        let mut text = String::new();
        match self {
            Failure::Usage(message) => line(&mut text, message, "see `enginebay --help`"),
            Failure::Error { error, advice, .. } => {
                let stack = !verbose && advice.is_empty() && !error.frames().is_empty();
                let advice = if stack {
                    "give -v for the stack"
                } else {
                    advice
                };
                line(&mut text, &error.to_string(), advice);
                if verbose {
                    chain(&mut text, error);
                }
            }
            #[cfg(not(target_family = "wasm"))]
            Failure::Interrupted => return,
            Failure::Closed => return,
        }
        // If standard error is gone there is nobody left to tell.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}

fn line(text: &mut String, message: &str, advice: &str) {
    let red: Style = AnsiColor::Red.on_default().bold();
    let _ = write!(text, "{red}error:{red:#} {}", clip(message));
    if !advice.is_empty() {
        let _ = write!(text, ": {}", clip(advice));
    }
    text.push('\n');
}

/// Text on one line, and not too much of it: names and types of components can
/// be of any length.
fn clip(text: &str) -> String {
    const MAX: usize = 2_000;
    let end = text.floor_char_boundary(MAX);
    let more = if end < text.len() { "..." } else { "" };
    clean(&text[..end]).replace('\n', " ") + more
}

/// What is behind an error: its kind, the guest's stack and the sources.
fn chain(text: &mut String, error: &Error) {
    let _ = writeln!(text, "  kind: {}", error.kind().name());
    for (i, frame) in error.frames().iter().enumerate() {
        let _ = writeln!(text, "  {i:>3}: {}", clean(&frame.to_string()));
    }
    let mut source = error.source();
    while let Some(error) = source {
        let message = clean(&error.to_string()).replace('\n', "\n    ");
        let _ = writeln!(text, "  caused by: {message}");
        source = error.source();
    }
}

/// What to do about an error of a kind.
fn advice(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unsupported => "see `enginebay backends` for what each backend can do",
        ErrorKind::Artifact => {
            "compile it again with `enginebay compile`, and run it with the same options"
        }
        ErrorKind::Link => LINK_ADVICE,
        ErrorKind::NotFound => "see `enginebay inspect` for what it exports",
        ErrorKind::MemoryLimit { .. } => "raise it with --memory",
        ErrorKind::OutOfFuel { .. } => "raise it with --fuel",
        ErrorKind::DeadlineExceeded { .. } => "raise it with --timeout",
        ErrorKind::Engine => "this is a defect of the engine or of enginebay, please report it",
        _ => "",
    }
}

/// An error in JSON.
#[derive(Serialize)]
pub(crate) struct ErrorReport {
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    context: serde_json::Map<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    backtrace: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    caused_by: Vec<String>,
}

impl ErrorReport {
    pub(crate) fn new(error: &Error) -> Self {
        let mut caused_by = Vec::new();
        let mut source = error.source();
        while let Some(error) = source {
            caused_by.push(error.to_string());
            source = error.source();
        }
        ErrorReport {
            kind: error.kind().name(),
            message: error.message().to_owned(),
            context: error
                .context()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
            backtrace: error.frames().iter().map(ToString::to_string).collect(),
            caused_by,
        }
    }
}
