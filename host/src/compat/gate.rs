//! What `@since`, `@unstable` and `@deprecated` say of an item, and what its docs say
//! to use instead.

use semver::Version;
use wit_parser::{Docs, Stability};

/// The gates of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gate {
    pub(super) since: Option<Version>,
    pub(super) unstable: Option<String>,
    pub(super) deprecated: Option<Version>,
}

impl Gate {
    pub(super) fn new(stability: &Stability) -> Self {
        match stability {
            Stability::Unknown => Gate::default(),
            Stability::Unstable {
                feature,
                deprecated,
            } => Gate {
                since: None,
                unstable: Some(feature.clone()),
                deprecated: deprecated.clone(),
            },
            Stability::Stable { since, deprecated } => Gate {
                since: Some(since.clone()),
                unstable: None,
                deprecated: deprecated.clone(),
            },
        }
    }
}

/// What the docs name as the replacement: they have a line that is ``Use `name`
/// instead.``, and nothing else.
pub(super) fn replacement(docs: &Docs) -> Option<String> {
    let lines = docs.contents.as_deref()?.lines();
    let mut names = lines.filter_map(|line| {
        let name = line.trim().strip_prefix("Use `")?;
        let name = name.strip_suffix("` instead.")?;
        (!name.is_empty() && !name.contains('`')).then(|| name.to_owned())
    });
    names.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_replacement_is_a_line_of_its_own() {
        let replacement = |text: &str| {
            replacement(&Docs {
                contents: Some(text.to_owned()),
            })
        };
        assert_eq!(replacement("Use `b` instead."), Some("b".to_owned()));
        assert_eq!(
            replacement("Opens a file.\n\n  Use `a:b/c.open` instead.\nMore."),
            Some("a:b/c.open".to_owned())
        );
        assert_eq!(replacement("You may use `b` instead."), None);
        assert_eq!(replacement("Use `b` or `c` instead."), None);
        assert_eq!(replacement("Use `` instead."), None);
        assert_eq!(replacement("Use `b` instead"), None);
    }
}
