//! Component names: the kebab-case form of Rust names, `name = "..."`, and the
//! check that a component can have such a name at all.

use std::collections::HashSet;

use syn::ext::IdentExt;
use syn::{Attribute, Error, Ident, LitStr, Result};

/// The kebab-case form of a Rust name, whichever case it has. A word ends at an
/// underscore, before an upper case letter that follows a lower case one, and
/// before the last of a run of upper case letters if a lower case one follows.
/// Digits belong to the word before them.
pub(crate) fn kebab(ident: &str) -> String {
    let mut name = String::new();
    for part in ident.split('_').filter(|part| !part.is_empty()) {
        let mut chars = part.chars().peekable();
        // The case of the last letter, if any of the part was seen.
        let mut upper = None;
        if !name.is_empty() {
            name.push('-');
        }
        while let Some(c) = chars.next() {
            if c.is_uppercase() {
                let ends_run = chars.peek().is_some_and(|next| next.is_lowercase());
                if upper == Some(false) || (upper == Some(true) && ends_run) {
                    name.push('-');
                }
                upper = Some(true);
            } else if c.is_lowercase() {
                upper = Some(false);
            }
            name.extend(c.to_lowercase());
        }
    }
    name
}

/// Whether a component can have this name: words of letters and digits, each in
/// one case, joined by `-`, of which the first starts with a letter.
fn is_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.split('-').all(|word| {
            let all =
                |letter: fn(&char) -> bool| word.chars().all(|c| c.is_ascii_digit() || letter(&c));
            !word.is_empty() && (all(char::is_ascii_lowercase) || all(char::is_ascii_uppercase))
        })
}

/// The names of one type's fields, cases or flags.
#[derive(Default)]
pub(crate) struct Names(HashSet<String>);

impl Names {
    /// The component name of `ident`, which has these attributes.
    pub(crate) fn add(&mut self, attrs: &[Attribute], ident: &Ident) -> Result<LitStr> {
        let name = match explicit(attrs)? {
            Some(name) if is_label(&name.value()) => name,
            Some(name) => {
                return Err(Error::new(
                    name.span(),
                    format!("`{}` is not a kebab-case name", name.value()),
                ));
            }
            None => {
                let name = kebab(&ident.unraw().to_string());
                if !is_label(&name) {
                    return Err(Error::new(
                        ident.span(),
                        format!(
                            "`{ident}` has no kebab-case form; give it a name with \
                             `#[component(name = \"...\")]`"
                        ),
                    ));
                }
                LitStr::new(&name, ident.span())
            }
        };
        // Components compare names without regard to case.
        if !self.0.insert(name.value().to_lowercase()) {
            return Err(Error::new(
                name.span(),
                format!("the name `{}` is used twice", name.value()),
            ));
        }
        Ok(name)
    }
}

fn explicit(attrs: &[Attribute]) -> Result<Option<LitStr>> {
    let mut name = None;
    for attr in attrs
        .iter()
        .filter(|attr| attr.path().is_ident("component"))
    {
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("unknown option: expected `name = \"...\"`"));
            }
            if name.is_some() {
                return Err(meta.error("the name is given twice"));
            }
            name = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_become_kebab_case() {
        for (ident, name) in [
            ("a", "a"),
            ("content_type", "content-type"),
            ("_private", "private"),
            ("NotFound", "not-found"),
            ("READ_WRITE", "read-write"),
            ("HTTPServer", "http-server"),
            ("XMLHttpRequest", "xml-http-request"),
            ("Ipv4Address", "ipv4-address"),
            ("Utf16Le", "utf16-le"),
            ("SHA256", "sha256"),
            ("a_1", "a-1"),
        ] {
            assert_eq!(kebab(ident), name);
        }
    }

    #[test]
    fn labels_are_those_of_components() {
        for name in ["a", "a-b", "HTTP-server", "a1-2b", "x-509"] {
            assert!(is_label(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "1a", "aB", "a_b", "ä", "a b"] {
            assert!(!is_label(name), "{name}");
        }
    }
}
