//! What is wrong with a pattern.

use std::error::Error;
use std::fmt;

/// What a pattern is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PatternKind {
    /// Paths.
    Path,
    /// Hosts.
    Host,
    /// Hosts with ports.
    Endpoint,
    /// Namespaces of the storage.
    Namespace,
    /// Components' names.
    Component,
    /// Topics.
    Topic,
    /// Programs.
    Command,
}

impl PatternKind {
    /// What it is called: `path pattern`.
    pub const fn name(self) -> &'static str {
        match self {
            PatternKind::Path => "path pattern",
            PatternKind::Host => "host pattern",
            PatternKind::Endpoint => "endpoint",
            PatternKind::Namespace => "namespace pattern",
            PatternKind::Component => "component pattern",
            PatternKind::Topic => "topic pattern",
            PatternKind::Command => "command pattern",
        }
    }

    /// How one is written.
    const fn example(self) -> &'static str {
        match self {
            PatternKind::Path => "`/data/**` or `/logs/*.txt`",
            PatternKind::Host => "`example.com`, `*.example.com`, `127.0.0.1` or `*`",
            PatternKind::Endpoint => "`example.com:443`, `*.example.com:8000-8100` or `[::1]:*`",
            PatternKind::Namespace => "`app:cache` or `app:*`",
            PatternKind::Component => "`my-component` or `*`",
            PatternKind::Topic => "`events.created`, `events.*` or `events.**`",
            PatternKind::Command => "`/usr/bin/git` or `git-*`",
        }
    }
}

impl fmt::Display for PatternKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no pattern. Its text says what was found and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// There is no text.
    Empty {
        /// What it was to be a pattern of.
        kind: PatternKind,
    },
    /// The text is longer than [`MAX_PATTERN`](super::MAX_PATTERN).
    TooLong {
        /// What it was to be a pattern of.
        kind: PatternKind,
        /// Bytes that it has.
        length: usize,
        /// Bytes that it may have.
        limit: usize,
    },
    /// A character that must not be there.
    Character {
        /// What it was to be a pattern of.
        kind: PatternKind,
        /// The character.
        character: char,
        /// Where it is: bytes from the beginning.
        at: usize,
        /// What may be there, or what to write instead.
        allowed: &'static str,
    },
    /// The text has not the form that it should have.
    Malformed {
        /// What it was to be a pattern of.
        kind: PatternKind,
        /// The text.
        text: String,
        /// What is wrong, and what to write instead.
        reason: &'static str,
    },
    /// Braces stand for more than [`MAX_ALTERNATIVES`](super::MAX_ALTERNATIVES) patterns.
    TooManyAlternatives {
        /// How many they may stand for.
        limit: usize,
    },
    /// What it compiles to is larger than [`MAX_AUTOMATON`](super::MAX_AUTOMATON).
    TooComplex {
        /// What it was to be a pattern of.
        kind: PatternKind,
        /// The text.
        text: String,
        /// Bytes that it may have.
        limit: usize,
    },
}

impl PatternError {
    pub(super) fn malformed(kind: PatternKind, text: &str, reason: &'static str) -> Self {
        PatternError::Malformed {
            kind,
            text: text.to_owned(),
            reason,
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Texts are escaped: what is wrong with one may be what a terminal would obey.
        match self {
            PatternError::Empty { kind } => {
                write!(f, "the {kind} is empty: write {}", kind.example())
            }
            PatternError::TooLong {
                kind,
                length,
                limit,
            } => write!(
                f,
                "the {kind} has {length} bytes, and {limit} is the most: write a shorter one, with wildcards"
            ),
            PatternError::Character {
                kind,
                character,
                at,
                allowed,
            } => write!(
                f,
                "the {kind} has {character:?} at byte {at}, which is not allowed there: {allowed}"
            ),
            PatternError::Malformed { kind, text, reason } => {
                write!(f, "{text:?} is no {kind}: {reason}")
            }
            PatternError::TooManyAlternatives { limit } => write!(
                f,
                "the braces stand for more than {limit} patterns: write several patterns, or wildcards"
            ),
            PatternError::TooComplex { kind, text, limit } => write!(
                f,
                "the {kind} {text:?} needs more than {limit} bytes when it is compiled: \
                 write several patterns with fewer wildcards"
            ),
        }
    }
}

impl Error for PatternError {}

/// Refuses what no pattern may be: empty, too long, with control characters.
pub(super) fn check(kind: PatternKind, text: &str) -> Result<(), PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty { kind });
    }
    let (length, limit) = (text.len(), super::MAX_PATTERN);
    if length > limit {
        return Err(PatternError::TooLong {
            kind,
            length,
            limit,
        });
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, character)) => Err(PatternError::Character {
            kind,
            character,
            at,
            allowed: "control characters never are",
        }),
        None => Ok(()),
    }
}
