//! Paths: how a guest's are made one form, and the patterns that match that form.

use std::error::Error;
use std::fmt;

use super::automaton::Automaton;
use super::error::{self, PatternError, PatternKind};
use super::{glob, text_pattern};

/// The most bytes that a path may have.
pub const MAX_PATH: usize = 4096;

/// A pattern of absolute paths.
///
/// # Syntax
///
/// - A pattern is absolute, with `/` between its segments. All but what follows stands
///   for itself.
/// - `*` is any number of characters within a segment, also none, and `?` is one. Neither
///   is ever a `/`. A dot at the beginning of a name is a character like all others.
/// - `**` is a segment of its own. At the end it is everything below: `/data/**` matches
///   `/data/a` and `/data/a/b`, and **not** `/data` itself, as for gitignore. Elsewhere it
///   is any number of segments, also none: `/a/**/b` matches `/a/b` and `/a/x/y/b`.
/// - `[abc]`, `[a-z]` and `[!a-z]` are one character of these, or none of these, and
///   never a `/`. A character that is a wildcard elsewhere is itself in a class: `[*]`.
/// - `{a,b}` stands for both: braces are expanded first, as in a shell, so they may hold
///   wildcards and slashes. `/{data,data/**}` is `/data` and everything below. What comes
///   out must be patterns, in which no two `*` came together; there may be
///   [`MAX_ALTERNATIVES`](super::MAX_ALTERNATIVES).
///
/// Refused are `.` and `..`, empty segments, a slash at the end, backslashes, control
/// characters, texts of more than [`MAX_PATTERN`](super::MAX_PATTERN) bytes, and patterns
/// that compile to more than [`MAX_AUTOMATON`](super::MAX_AUTOMATON).
///
/// Characters are Unicode's, compared as they are: upper and lower case are not the same,
/// and neither are two ways to compose a letter. See [`normalise`].
///
/// ```
/// use enginebay_host::pattern::PathPattern;
/// let pattern = PathPattern::new("/data/**/*.{txt,csv}").unwrap();
/// assert!(pattern.matches("/data/a.txt"));
/// assert!(pattern.matches("/data/2024/may/b.csv"));
/// assert!(!pattern.matches("/data/../etc/b.csv"));
/// ```
#[derive(Clone)]
pub struct PathPattern {
    text: String,
    matcher: Matcher,
}

#[derive(Clone)]
enum Matcher {
    /// The text itself.
    Exact,
    /// Everything below: the text up to `**`, which ends in a slash.
    Below,
    Automaton(Automaton),
}

text_pattern!(
    PathPattern,
    "Absolute paths: `*` and `?` within a segment, `**` across segments (at the end: everything below, not the folder itself), `[a-z]`, `{a,b}`.",
    "/data/**"
);

impl PathPattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text: see the syntax above.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        error::check(PatternKind::Path, text)?;
        if let Some(at) = text.find('\\') {
            return Err(PatternError::Character {
                kind: PatternKind::Path,
                character: '\\',
                at,
                allowed: "write `/` between segments, and a wildcard that is meant as itself in brackets, as `[*]`",
            });
        }
        let patterns = glob::expand(text)?;
        let mut expression = String::new();
        for pattern in &patterns {
            if !expression.is_empty() {
                expression.push('|');
            }
            glob::translate(pattern, &mut expression)?;
        }
        let matcher = match text.strip_suffix("**") {
            _ if text.contains('{') => None,
            None if !glob::is_wild(text) => Some(Matcher::Exact),
            Some(above) if !glob::is_wild(above) => Some(Matcher::Below),
            _ => None,
        };
        let matcher = match matcher {
            Some(matcher) => matcher,
            None => Automaton::new(&expression)
                .map(Matcher::Automaton)
                .ok_or_else(|| PatternError::TooComplex {
                    kind: PatternKind::Path,
                    text: text.to_owned(),
                    limit: super::MAX_AUTOMATON,
                })?,
        };
        Ok(PathPattern {
            text: text.to_owned(),
            matcher,
        })
    }

    /// Whether a path matches. One that is not as [`normalise`] gives them matches
    /// nothing.
    pub fn matches(&self, path: &str) -> bool {
        if !is_normal(path) {
            return false;
        }
        match &self.matcher {
            Matcher::Exact => path == self.text,
            Matcher::Below => {
                let above = &self.text[..self.text.len() - "**".len()];
                path.len() > above.len() && path.starts_with(above)
            }
            Matcher::Automaton(automaton) => automaton.matches(path),
        }
    }

    /// Whether the pattern has no wildcards, so that it is the one path that matches.
    pub fn is_exact(&self) -> bool {
        matches!(self.matcher, Matcher::Exact)
    }

    /// The folder below which everything matches and nothing else does, if the pattern is
    /// that: `/data` for `/data/**`, `/` for `/**`.
    pub fn below(&self) -> Option<&str> {
        match self.matcher {
            Matcher::Below => match self.text.strip_suffix("/**") {
                Some("") => Some("/"),
                above => above,
            },
            _ => None,
        }
    }
}

/// Why a path that a guest gave is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// It is empty.
    Empty,
    /// It does not begin with `/`.
    Relative,
    /// It has a segment `..`.
    Parent,
    /// It has a NUL.
    Nul,
    /// It has a backslash.
    Backslash,
    /// It has more than [`MAX_PATH`] bytes.
    TooLong {
        /// Bytes that it has.
        length: usize,
    },
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Empty => f.write_str("the path is empty: give an absolute path"),
            PathError::Relative => f.write_str("the path is relative: begin it with `/`"),
            PathError::Parent => {
                f.write_str("the path has a segment `..`: give the path that it leads to")
            }
            PathError::Nul => f.write_str("the path has a NUL, which no file's name can have"),
            PathError::Backslash => {
                f.write_str("the path has a backslash: write `/` between segments")
            }
            PathError::TooLong { length } => {
                write!(f, "the path has {length} bytes, and {MAX_PATH} is the most")
            }
        }
    }
}

impl Error for PathError {}

/// The one form of a path that a guest gave: absolute, one `/` between segments, none at
/// the end, no `.`. What the path names is not looked at: the form depends on the text
/// alone.
///
/// `..` is refused, not resolved: what it leads to depends on symbolic links that only
/// the file system knows, so `/a/link/../b` need not be `/a/b`. A backslash is refused
/// because hosts differ on whether it separates segments, and a grant must mean the same
/// on all of them.
///
/// Nothing else is changed. Case is not folded and Unicode is not normalised: bytes are
/// compared, and a name that looks the same is another name. A file system that finds a
/// file by another name than its own gives no more by that: the other name matches the
/// patterns or it does not.
///
/// ```
/// use enginebay_host::pattern::{PathError, normalise};
/// assert_eq!(normalise("//data/./a/").unwrap(), "/data/a");
/// assert_eq!(normalise("/data/../etc"), Err(PathError::Parent));
/// ```
///
/// # Errors
///
/// The [`PathError`] that fits.
pub fn normalise(path: &str) -> Result<String, PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.len() > MAX_PATH {
        return Err(PathError::TooLong { length: path.len() });
    }
    for byte in path.bytes() {
        match byte {
            0 => return Err(PathError::Nul),
            b'\\' => return Err(PathError::Backslash),
            _ => {}
        }
    }
    if !path.starts_with('/') {
        return Err(PathError::Relative);
    }
    let mut normal = String::with_capacity(path.len());
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => return Err(PathError::Parent),
            _ => {
                normal.push('/');
                normal.push_str(segment);
            }
        }
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Ok(normal)
}

/// Whether a path is as [`normalise`] gives them.
pub fn is_normal(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    if path.len() > MAX_PATH {
        return false;
    }
    // By bytes: this is before each match.
    let mut length = 0;
    let mut dots = true;
    for byte in rest.bytes().chain([b'/']) {
        match byte {
            b'/' if length == 0 || (dots && length <= 2) => return false,
            b'/' => (length, dots) = (0, true),
            0 | b'\\' => return false,
            _ => {
                length += 1;
                dots &= byte == b'.';
            }
        }
    }
    true
}
