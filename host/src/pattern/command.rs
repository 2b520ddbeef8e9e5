//! Patterns of programs that may be started.

use super::automaton::{ANY, Automaton, push_literal};
use super::error::{self, PatternError, PatternKind};
use super::{is_normal, text_pattern};

/// A pattern of programs: an absolute path, or a bare name that the host looks up.
///
/// `*` is any number of characters within a segment of the path or within the name; all
/// else stands for itself. A pattern with a path matches only programs that are named by
/// their path, and a bare name only those that are named bare: where the host finds a
/// bare name is the host's affair, not the pattern's.
///
/// Refused are relative paths (`bin/tool`, `./tool`), `.`, `..` and empty segments, `**`,
/// the characters `?`, `[`, `]`, `{`, `}` and `\`, which mean something in other patterns,
/// and control characters.
///
/// ```
/// use enginebay_host::pattern::CommandPattern;
/// assert!(CommandPattern::new("git-*").unwrap().matches("git-log"));
/// assert!(!CommandPattern::new("git").unwrap().matches("/tmp/git"));
/// assert!(CommandPattern::new("/usr/*/git").unwrap().matches("/usr/bin/git"));
/// ```
#[derive(Clone)]
pub struct CommandPattern {
    text: String,
    /// None if there is no wildcard.
    automaton: Option<Automaton>,
}

text_pattern!(
    CommandPattern,
    "A program: an absolute path or a bare name; `*` within a segment.",
    "/usr/bin/git"
);

impl CommandPattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let kind = PatternKind::Command;
        error::check(kind, text)?;
        let special = |c: &(usize, char)| matches!(c.1, '?' | '[' | ']' | '{' | '}' | '\\');
        if let Some((at, character)) = text.char_indices().find(special) {
            return Err(PatternError::Character {
                kind,
                character,
                at,
                allowed: "`*` is the only wildcard of a command",
            });
        }
        if text.contains("**") {
            return Err(PatternError::malformed(
                kind,
                text,
                "`**` is for paths of files: write `*` within a segment",
            ));
        }
        // A star stands for some name, so the text has the form of what it matches.
        if !is_command(text) {
            return Err(PatternError::malformed(
                kind,
                text,
                "write an absolute path without `.`, `..` and empty segments, or a bare name",
            ));
        }
        let mut expression = String::new();
        for character in text.chars() {
            match character {
                '*' => {
                    expression.push_str(ANY);
                    expression.push('*');
                }
                _ => push_literal(&mut expression, character),
            }
        }
        let automaton = match text.contains('*') {
            false => None,
            true => Some(
                Automaton::new(&expression).ok_or_else(|| PatternError::TooComplex {
                    kind,
                    text: text.to_owned(),
                    limit: super::MAX_AUTOMATON,
                })?,
            ),
        };
        Ok(CommandPattern {
            text: text.to_owned(),
            automaton,
        })
    }

    /// Whether a program matches. What is neither a bare name nor a path as
    /// [`normalise`](super::normalise) gives them matches nothing.
    pub fn matches(&self, command: &str) -> bool {
        is_command(command)
            && match &self.automaton {
                None => command == self.text,
                Some(automaton) => automaton.matches(command),
            }
    }
}

fn is_command(text: &str) -> bool {
    if text.starts_with('/') {
        return text.len() > 1 && is_normal(text);
    }
    let bare = !text.is_empty() && !text.contains(['/', '\\', '\0']);
    bare && text != "." && text != ".." && text.len() <= super::MAX_PATH
}
