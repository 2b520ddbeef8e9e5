//! Which namespaces and keys there can be.

use super::error::StorageError;
use super::limits::{MAX_KEY_BYTES, MAX_NAMESPACE_BYTES};

/// Checks that a namespace is `owner:name`, where a name may go on with more parts
/// (`owner:name:part`), and gives the owner.
pub(super) fn check_namespace(namespace: &str) -> Result<&str, StorageError> {
    let invalid = |reason| StorageError::InvalidNamespace {
        namespace: namespace.chars().take(64).collect(),
        reason,
    };
    if namespace.len() > MAX_NAMESPACE_BYTES {
        return Err(invalid("has more than 256 bytes"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    if !namespace.chars().all(allowed) {
        return Err(invalid("has a character that is not allowed"));
    }
    let Some((owner, _)) = namespace.split_once(':') else {
        return Err(invalid("has no `:`"));
    };
    if namespace.split(':').any(str::is_empty) {
        return Err(invalid("has an empty part"));
    }
    Ok(owner)
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
    namespace.split(':').next().unwrap_or(namespace)
}
