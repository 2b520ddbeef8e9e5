//! Patterns of components' names.

use super::error::{self, PatternError, PatternKind};
use super::text_pattern;
use crate::name;

/// A pattern of components, by their names: one [name](crate::ComponentName), or `*`,
/// which is every component. There is no other wildcard.
///
/// ```
/// use enginebay_host::pattern::ComponentPattern;
/// let one = ComponentPattern::new("image-resizer").unwrap();
/// assert!(one.matches("image-resizer") && !one.matches("image-resizer-2"));
/// assert!(ComponentPattern::new("*").unwrap().matches("image-resizer"));
/// ```
#[derive(Clone)]
pub struct ComponentPattern {
    text: String,
}

text_pattern!(
    ComponentPattern,
    "A component's name, lower case letters and digits with hyphens between, or `*` for every component.",
    "my-component"
);

impl ComponentPattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let kind = PatternKind::Component;
        error::check(kind, text)?;
        let malformed = |reason| Err(PatternError::malformed(kind, text, reason));
        if text != "*" {
            if text.contains('*') {
                return malformed("`*` is the whole pattern or nothing of it: write `*` or a name");
            }
            if name::problem(text).is_some() {
                return malformed(name::RULE);
            }
        }
        Ok(ComponentPattern {
            text: text.to_owned(),
        })
    }

    /// Whether a name matches. What is no name matches nothing.
    pub fn matches(&self, name: &str) -> bool {
        match &*self.text {
            "*" => name::problem(name).is_none(),
            own => name == own,
        }
    }
}
