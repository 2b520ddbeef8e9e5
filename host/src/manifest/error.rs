//! What is wrong with a manifest, and where.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A place in a text: both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Position {
    /// The position behind a text.
    pub(super) fn behind(before: &str) -> Self {
        let line = before.rsplit('\n').next().unwrap_or(before);
        Position {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// The text is not TOML or not JSON.
    Syntax,
    /// A key that manifests do not have.
    UnknownKey,
    /// A key is there twice.
    DuplicateKey,
    /// A section or a key is missing.
    Missing,
    /// A value of another type.
    WrongType,
    /// A value that is not of the form that it should have.
    Invalid,
    /// A number, size or time that is less or more than is allowed.
    OutOfRange,
    /// More of something than is allowed.
    TooMany,
}

/// One thing that is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// Where; unknown in JSON that is well-formed.
    pub position: Option<Position>,
    /// The key with its sections, such as `resources.memory`; empty for the text as a
    /// whole.
    pub key: String,
    /// What is wrong and what is allowed, in one line.
    pub message: String,
    /// What to write, as lines of TOML.
    pub example: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "{position}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.message)?;
        if let Some(example) = &self.example {
            for line in example.lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}

/// A manifest could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file could not be read.
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has more bytes than a manifest may have.
    TooLarge {
        /// The file, if it is one.
        path: Option<PathBuf>,
        /// How many it may have.
        limit: usize,
    },
    /// It is not UTF-8.
    Encoding {
        /// The file, if it is one.
        path: Option<PathBuf>,
        /// Where the first byte is that is not.
        position: Position,
    },
    /// What it says is no manifest.
    Invalid {
        /// The file, if it is one.
        path: Option<PathBuf>,
        /// What is wrong, in the order of the text: at least one, and up to 50.
        problems: Vec<Problem>,
    },
}

/// The most problems that are told.
pub(super) const MAX_PROBLEMS: usize = 50;

impl ManifestError {
    /// What is wrong with the text; nothing if it could not be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            ManifestError::Invalid { problems, .. } => problems,
            _ => &[],
        }
    }

    pub(super) fn invalid(mut problems: Vec<Problem>) -> Self {
        // What came when there were enough has no position.
        problems.truncate(MAX_PROBLEMS);
        problems.sort_by_key(|problem| problem.position);
        ManifestError::Invalid {
            path: None,
            problems,
        }
    }

    pub(super) fn syntax(position: Option<Position>, message: String) -> Self {
        ManifestError::invalid(vec![Problem {
            kind: ProblemKind::Syntax,
            position,
            key: String::new(),
            message,
            example: None,
        }])
    }

    /// Bytes that are UTF-8, before one that is not.
    pub(super) fn encoding(before: &[u8]) -> Self {
        ManifestError::Encoding {
            path: None,
            position: Position::behind(&String::from_utf8_lossy(before)),
        }
    }

    pub(super) fn in_file(mut self, file: &Path) -> Self {
        match &mut self {
            ManifestError::Io { .. } => {}
            ManifestError::TooLarge { path, .. }
            | ManifestError::Encoding { path, .. }
            | ManifestError::Invalid { path, .. } => *path = Some(file.to_owned()),
        }
        self
    }
}

/// One line for each problem, and its example below.
impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = |path: &Option<PathBuf>| match path {
            Some(path) => format!("{}: ", path.display()),
            None => String::new(),
        };
        match self {
            ManifestError::Io { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            ManifestError::TooLarge { path, limit } => {
                let file = file(path);
                write!(f, "{file}the manifest has more than {limit} bytes")
            }
            ManifestError::Encoding { path, position } => {
                let file = file(path);
                write!(
                    f,
                    "{file}{position}: the manifest is not UTF-8: save it as that"
                )
            }
            ManifestError::Invalid { path, problems } => {
                let file = file(path);
                for (at, problem) in problems.iter().enumerate() {
                    let line = if at > 0 { "\n" } else { "" };
                    write!(f, "{line}{file}{problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl Error for ManifestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ManifestError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
