//! How the layer finds out which metered module a frame is of: engines give no
//! more than its name.

use std::hash::{DefaultHasher, Hash, Hasher};

/// What a metered module's name begins with: the same for the same module, in
/// every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(u64);

/// Stands before and after the number, and in no name that somebody chose.
const MARK: char = '\0';

impl Label {
    /// The label of a module, by what it was before it was metered.
    pub(crate) fn new(wasm: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        wasm.hash(&mut hasher);
        Label(hasher.finish())
    }

    /// The module's name with the label, or the label alone if it has none.
    pub(crate) fn put(self, name: Option<&str>) -> String {
        format!("{MARK}{:x}{MARK}{}", self.0, name.unwrap_or_default())
    }

    /// The label that a name begins with, and the module's own name.
    pub(crate) fn take(name: &str) -> Option<(Self, Option<&str>)> {
        let (number, name) = name.strip_prefix(MARK)?.split_once(MARK)?;
        let label = Label(u64::from_str_radix(number, 16).ok()?);
        Some((label, Some(name).filter(|name| !name.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let label = Label::new(b"some module");
        assert_ne!(label, Label::new(b"another"));
        for name in [None, Some("guest"), Some("\0odd\0")] {
            let put = label.put(name);
            assert_eq!(Label::take(&put), Some((label, name)));
        }
        for other in ["", "guest", "\0", "\0guest", "\0x\0guest"] {
            assert_eq!(Label::take(other), None, "{other:?}");
        }
    }
}
