//! Values by key that outlive the component.

use crate::bindings::enginebay::storage::store;

pub use crate::bindings::enginebay::storage::store::{
    Change, Entry, KeyPage, Page, Quota, StorageError, Usage,
};

/// A namespace of the storage, by its name `owner:name`. What is granted is looked at by
/// each call: it costs nothing to have one.
///
/// # Errors
///
/// All methods: `Denied`, and what is with each operation in [`StorageError`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(String);

impl Namespace {
    /// The namespace of that name.
    pub fn new(name: impl Into<String>) -> Self {
        Namespace(name.into())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// A key's value, if there is one. Needs `storage.read`.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        store::get(&self.0, key)
    }

    /// Sets a key's value. Needs `storage.write`.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        store::set(&self.0, key, value)
    }

    /// Removes a key, and says whether it was there. Needs `storage.delete`.
    pub fn delete(&self, key: &str) -> Result<bool, StorageError> {
        store::delete(&self.0, key)
    }

    /// Whether a key is there. Needs `storage.read`.
    pub fn exists(&self, key: &str) -> Result<bool, StorageError> {
        store::exists(&self.0, key)
    }

    /// Sets a key's value, or removes it, if its value is the one that is expected; says
    /// whether it was. Needs `storage.read`, `storage.write` and `storage.delete`.
    pub fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<bool, StorageError> {
        store::compare_and_set(&self.0, key, expected, value)
    }

    /// Makes all of the changes in order, or none. Needs `storage.write` and
    /// `storage.delete`.
    pub fn batch(&self, changes: &[Change]) -> Result<(), StorageError> {
        store::batch(&self.0, changes)
    }

    /// Keys that begin with a prefix, after a key; at most `limit`. Needs `storage.list`.
    pub fn list_keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<KeyPage, StorageError> {
        store::list_keys(&self.0, prefix, after, limit)
    }

    /// Keys that begin with a prefix, after a key, with their values; at most `limit`.
    /// Needs `storage.list` and `storage.read`.
    pub fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page, StorageError> {
        store::scan(&self.0, prefix, after, limit)
    }

    /// How much is in it. Needs `storage.list`.
    pub fn usage(&self) -> Result<Usage, StorageError> {
        store::get_usage(&self.0)
    }

    /// Removes all that is in it. Needs `storage.delete`.
    pub fn clear(&self) -> Result<(), StorageError> {
        store::clear(&self.0)
    }
}
