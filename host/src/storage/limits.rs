//! What may be stored, and how the storage is kept: the numbers.

use std::fmt;

use crate::pattern::namespace;

/// Bytes of a key in UTF-8, at most.
pub const MAX_KEY_BYTES: usize = 1_024;
/// Bytes of each part of a namespace, `owner` and `name`, at most.
pub const MAX_NAMESPACE_PART_BYTES: usize = namespace::MAX_PART;
/// Bytes of a value, whatever the limits say.
pub const MAX_VALUE_BYTES: usize = 16 << 20;
/// Operations of a batch, at most.
pub const MAX_BATCH_OPERATIONS: usize = 10_000;
/// Bytes of all keys and values of a batch, at most.
pub const MAX_BATCH_BYTES: u64 = 32 << 20;
/// Items of a page, at most.
pub const MAX_PAGE_ITEMS: usize = 1_000;
/// Bytes of keys and values after which a page ends.
pub const MAX_PAGE_BYTES: usize = 1 << 20;

/// What may be stored in a namespace. Used are the bytes of keys, in UTF-8, and of
/// values; what the database needs besides is not counted.
///
/// A limit that is lowered below what is used deletes nothing: writes that use more
/// are refused, and writes that use less succeed.
///
/// ```
/// use enginebay_host::storage::StorageLimits;
/// let limits = StorageLimits::new().max_bytes(4 << 20).max_keys(1_000);
/// assert_eq!(limits.max_value, 1 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageLimits {
    /// Bytes of the namespace. Default: 100,000,000.
    pub max_bytes: u64,
    /// Bytes of all the namespaces of the owner: of what has the same text before the
    /// `:`. Default: 100,000,000.
    pub max_owner_bytes: u64,
    /// Keys of the namespace. Default: 1,000,000.
    pub max_keys: u64,
    /// Bytes of one value. Default: 1 MiB; never above [`MAX_VALUE_BYTES`].
    pub max_value: u64,
}

impl StorageLimits {
    /// The defaults.
    pub const fn new() -> Self {
        StorageLimits {
            max_bytes: 100_000_000,
            max_owner_bytes: 100_000_000,
            max_keys: 1_000_000,
            max_value: 1 << 20,
        }
    }

    /// Sets the bytes of the namespace.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the bytes of all the namespaces of the owner.
    pub const fn max_owner_bytes(mut self, bytes: u64) -> Self {
        self.max_owner_bytes = bytes;
        self
    }

    /// Sets the keys of the namespace.
    pub const fn max_keys(mut self, keys: u64) -> Self {
        self.max_keys = keys;
        self
    }

    /// Sets the bytes of one value.
    pub const fn max_value(mut self, bytes: u64) -> Self {
        self.max_value = bytes;
        self
    }
}

impl Default for StorageLimits {
    fn default() -> Self {
        StorageLimits::new()
    }
}

/// Which of the [`StorageLimits`] a write would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quota {
    /// [`StorageLimits::max_bytes`].
    NamespaceBytes,
    /// [`StorageLimits::max_owner_bytes`].
    OwnerBytes,
    /// [`StorageLimits::max_keys`].
    NamespaceKeys,
}

impl Quota {
    /// The field of [`StorageLimits`].
    pub(super) const fn limit_name(self) -> &'static str {
        match self {
            Quota::NamespaceBytes => "max_bytes",
            Quota::OwnerBytes => "max_owner_bytes",
            Quota::NamespaceKeys => "max_keys",
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quota::NamespaceBytes => "bytes in the namespace",
            Quota::OwnerBytes => "bytes in the owner's namespaces",
            Quota::NamespaceKeys => "keys in the namespace",
        })
    }
}

/// How a storage is opened and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageOptions {
    /// Bytes of memory for pages of the file. Default: 32 MiB.
    pub cache_bytes: usize,
    /// Whether opening compares the checksum of every page. It reads the whole file,
    /// about 1 ms for each MiB. Without, a file that something else has changed may
    /// give wrong values, and only a file that was not closed properly is compared.
    /// Default: true.
    pub verify_on_open: bool,
    /// Whether a commit waits for the disk twice, and so does not rest on checksums
    /// when power fails within it. The checksums are not cryptographic: only who
    /// chooses the values, controls in what order the disk writes, and cuts the power
    /// could make use of that. Writes take twice as long. Default: false.
    pub two_phase_commit: bool,
}

impl StorageOptions {
    /// The defaults.
    pub const fn new() -> Self {
        StorageOptions {
            cache_bytes: 32 << 20,
            verify_on_open: true,
            two_phase_commit: false,
        }
    }

    /// Sets the bytes of memory for pages.
    pub const fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Sets whether opening compares all checksums.
    pub const fn verify_on_open(mut self, verify: bool) -> Self {
        self.verify_on_open = verify;
        self
    }

    /// Sets whether a commit waits for the disk twice.
    pub const fn two_phase_commit(mut self, twice: bool) -> Self {
        self.two_phase_commit = twice;
        self
    }
}

impl Default for StorageOptions {
    fn default() -> Self {
        StorageOptions::new()
    }
}
