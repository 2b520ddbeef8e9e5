//! Which namespaces and keys there can be.

use super::error::StorageError;
use super::limits::MAX_KEY_BYTES;
use crate::pattern::namespace::problem_of_part;

/// Checks that a namespace is `owner:name`, as in the patterns that grant one.
pub(super) fn check_namespace(namespace: &str) -> Result<(), StorageError> {
    let invalid = |reason| StorageError::InvalidNamespace {
        namespace: namespace.chars().take(64).collect(),
        reason,
    };
    let Some((owner, name)) = namespace.split_once(':') else {
        return Err(invalid("has no `:`"));
    };
    match [owner, name].into_iter().find_map(problem_of_part) {
        Some(reason) => Err(invalid(reason)),
        None => Ok(()),
    }
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
