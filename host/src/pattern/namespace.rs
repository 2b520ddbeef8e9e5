//! Patterns of the storage's namespaces.

use super::error::{self, PatternError, PatternKind};
use super::text_pattern;

/// The most bytes of each part of a namespace.
pub(crate) const MAX_PART: usize = 128;

/// A pattern of namespaces of the storage, which are `owner:name`.
///
/// Both parts are of `a` to `z`, `0` to `9`, `-`, `_` and `.`, begin with a letter or a
/// digit, and have up to 128 characters. The name may be `*` as a whole, which is any
/// name of that owner. There is no other wildcard.
///
/// ```
/// use enginebay_host::pattern::NamespacePattern;
/// let all = NamespacePattern::new("app:*").unwrap();
/// assert!(all.matches("app:cache"));
/// assert!(!all.matches("apple:cache"));
/// ```
#[derive(Clone)]
pub struct NamespacePattern {
    text: String,
}

text_pattern!(
    NamespacePattern,
    "A namespace `owner:name`, or all of an owner: `owner:*`. Lower case letters, digits, `-`, `_` and `.`.",
    "app:*"
);

impl NamespacePattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let kind = PatternKind::Namespace;
        error::check(kind, text)?;
        let malformed = |reason| Err(PatternError::malformed(kind, text, reason));
        let Some((owner, name)) = text.split_once(':') else {
            return malformed("the owner is missing: write `owner:name` or `owner:*`");
        };
        if owner.contains('*') || (name.contains('*') && name != "*") {
            return malformed("`*` is the whole name or nothing of it: write `owner:*`");
        }
        if !is_part(owner) || !(name == "*" || is_part(name)) {
            return malformed(
                "owner and name are of a-z, 0-9, `-`, `_` and `.`, up to 128 of them, and begin with a letter or a digit: write `owner:name` or `owner:*`",
            );
        }
        Ok(NamespacePattern {
            text: text.to_owned(),
        })
    }

    /// Whether a namespace matches. What is no namespace matches nothing.
    pub fn matches(&self, namespace: &str) -> bool {
        match self.text.strip_suffix('*') {
            None => namespace == self.text,
            Some(owner) => namespace.strip_prefix(owner).is_some_and(is_part),
        }
    }
}

/// What is wrong with the owner or the name of a namespace.
pub(crate) fn problem_of_part(part: &str) -> Option<&'static str> {
    let first = part.bytes().next();
    if part.len() > MAX_PART {
        Some("is too long")
    } else if !first.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        Some("has a part that begins with no letter or digit")
    } else if !part
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
    {
        Some("has a character that is not allowed")
    } else {
        None
    }
}

fn is_part(part: &str) -> bool {
    problem_of_part(part).is_none()
}
