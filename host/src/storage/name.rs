//! Which namespaces and keys there can be.

use super::error::StorageError;
use super::limits::{MAX_KEY_BYTES, MAX_NAMESPACE_PART_BYTES};

/// Checks that a namespace is `owner:name`, as in the patterns that grant one.
pub(super) fn check_namespace(namespace: &str) -> Result<(), StorageError> {
    let invalid = |reason| StorageError::InvalidNamespace {
        namespace: namespace.chars().take(64).collect(),
        reason,
    };
    let Some((owner, name)) = namespace.split_once(':') else {
        return Err(invalid("has no `:`"));
    };
    for part in [owner, name] {
        if part.len() > MAX_NAMESPACE_PART_BYTES {
            return Err(invalid("is too long"));
        }
        if !part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) {
            return Err(invalid("has a part that begins with no letter or digit"));
        }
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        if !part.chars().all(allowed) {
            return Err(invalid("has a character that is not allowed"));
        }
    }
    Ok(())
}

/// Checks a key's length. Every text is a key, and no two texts are the same key.
pub(super) fn check_key(key: &str) -> Result<(), StorageError> {
    let invalid = |reason| StorageError::InvalidKey {
        length: key.len(),
        reason,
    };
    match key.len() {
        0 => Err(invalid("is empty")),
        1..=MAX_KEY_BYTES => Ok(()),
        _ => Err(invalid("is too long")),
    }
}

/// The owner of a namespace that was checked.
pub(super) fn owner_of(namespace: &str) -> &str {
    namespace
        .split_once(':')
        .map_or(namespace, |(owner, _)| owner)
}
