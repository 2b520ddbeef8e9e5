//! Names of components. There is one syntax of them, which is that of names in WIT and of
//! packages in registries: words of lower case letters and digits with hyphens between.
//! Manifests, the broker of messages and the patterns of permissions all take it from
//! here.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// The most bytes of a name.
pub(crate) const MAX_NAME: usize = 64;

/// What to write, for messages.
pub(crate) const RULE: &str = "write up to 64 lower case letters, digits and hyphens, a letter \
                               first, no `--` and no hyphen at the end, as \"my-component\"";

/// A component's name: up to 64 lower case letters, digits and hyphens; a letter first,
/// no two hyphens together and none at the end.
///
/// ```
/// use enginebay_host::ComponentName;
///
/// let name: ComponentName = "image-resizer-2".parse()?;
/// assert_eq!(name.as_str(), "image-resizer-2");
/// assert!("Image_Resizer".parse::<ComponentName>().is_err());
/// # Ok::<(), enginebay_host::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ComponentName(String);

impl ComponentName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ComponentName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match problem(text) {
            None => Ok(ComponentName(text.to_owned())),
            Some(reason) => Err(NameError {
                name: clip(text),
                reason,
            }),
        }
    }
}

impl fmt::Display for ComponentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for ComponentName {
    fn schema_name() -> Cow<'static, str> {
        "ComponentName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
            "maxLength": MAX_NAME,
            "examples": ["my-component"],
        })
    }
}

/// Why a text is no name of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    name: String,
    reason: &'static str,
}

impl NameError {
    /// The text, as much of it as says what it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong with it, as a phrase.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NameError { name, reason } = self;
        write!(f, "{name:?} is no component name: {reason}; {RULE}")
    }
}

impl std::error::Error for NameError {}

/// What is wrong with a name.
pub(crate) fn problem(name: &str) -> Option<&'static str> {
    let letter = |byte: u8| byte.is_ascii_lowercase();
    let allowed = |byte: u8| letter(byte) || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() {
        Some("it is empty")
    } else if name.len() > MAX_NAME {
        Some("it is too long")
    } else if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some("it has a capital letter")
    } else if !name.bytes().all(allowed) {
        Some("it has a character that is not allowed")
    } else if !name.bytes().next().is_some_and(letter) {
        Some("it does not begin with a letter")
    } else if name.split('-').any(str::is_empty) {
        Some("a hyphen is not between two words")
    } else {
        None
    }
}

/// The first part of a text that somebody else chose the length of.
fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_hyphens_between() {
        let longest = "a".repeat(MAX_NAME);
        for right in ["a", "a1", "my-component", "a-1-b", "v2-0", &*longest] {
            assert_eq!(right.parse::<ComponentName>().unwrap().as_str(), right);
        }
        let longer = "a".repeat(MAX_NAME + 1);
        for (wrong, reason) in [
            ("", "it is empty"),
            (&*longer, "it is too long"),
            ("Adder", "it has a capital letter"),
            ("my_component", "it has a character that is not allowed"),
            ("a.b", "it has a character that is not allowed"),
            ("a b", "it has a character that is not allowed"),
            ("a\0", "it has a character that is not allowed"),
            ("\u{e9}", "it has a character that is not allowed"),
            ("*", "it has a character that is not allowed"),
            ("1a", "it does not begin with a letter"),
            ("-a", "it does not begin with a letter"),
            ("a-", "a hyphen is not between two words"),
            ("a--b", "a hyphen is not between two words"),
        ] {
            let error = wrong.parse::<ComponentName>().unwrap_err();
            assert_eq!(error.reason(), reason, "{wrong:?}");
            assert!(error.to_string().ends_with(RULE), "{error}");
        }
    }

    #[test]
    fn errors_show_no_more_of_a_name_than_needed() {
        let error = "\u{1b}x".repeat(10_000).parse::<ComponentName>();
        let text = error.unwrap_err().to_string();
        assert!(text.len() < 600 && !text.contains('\u{1b}'), "{text}");
    }
}
