//! What is asked of a namespace, and what comes back.

/// One step of a [`batch`](super::Namespace::batch).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Give a key a value, whether or not it has one.
    Set {
        /// The key: 1 to 1,024 bytes.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Remove a key, if it is there.
    Delete {
        /// The key: 1 to 1,024 bytes.
        key: String,
    },
    /// Do the batch only if a key has this value. All checks look at what is stored
    /// before the batch, wherever in it they stand.
    Check {
        /// The key: 1 to 1,024 bytes.
        key: String,
        /// The value that the key must have; `None`: it must not be there.
        expected: Option<Vec<u8>>,
    },
}

impl Operation {
    /// Gives a key a value.
    pub fn set(key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Operation::Set {
            key: key.into(),
            value: value.into(),
        }
    }

    /// Removes a key.
    pub fn delete(key: impl Into<String>) -> Self {
        Operation::Delete { key: key.into() }
    }

    /// Does the batch only if the key has this value, or is not there for `None`.
    pub fn check(key: impl Into<String>, expected: Option<Vec<u8>>) -> Self {
        Operation::Check {
            key: key.into(),
            expected,
        }
    }

    /// The key.
    pub fn key(&self) -> &str {
        match self {
            Operation::Set { key, .. }
            | Operation::Delete { key }
            | Operation::Check { key, .. } => key,
        }
    }

    /// Bytes of its key and value.
    pub(super) fn bytes(&self) -> u64 {
        let value = match self {
            Operation::Set { value, .. } => value.len(),
            Operation::Check {
                expected: Some(value),
                ..
            } => value.len(),
            _ => 0,
        };
        self.key().len() as u64 + value as u64
    }
}

/// Which keys, and how many. The default is all of them, from the first, a page at a
/// time.
///
/// ```
/// use enginebay_host::storage::Query;
/// let query = Query::new().prefix("user/").after("user/anna").limit(10);
/// assert_eq!(query.limit, 10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// What the keys begin with. Default: nothing, so all keys.
    pub prefix: String,
    /// Only keys after this one, which need not exist: the [`Page::next`] of the page
    /// before. Default: none.
    pub after: Option<String>,
    /// How many at most: 1 to [`MAX_PAGE_ITEMS`](super::MAX_PAGE_ITEMS), and what is
    /// outside counts as the nearest of them. Default: the most.
    pub limit: usize,
}

impl Query {
    /// All keys.
    pub const fn new() -> Self {
        Query {
            prefix: String::new(),
            after: None,
            limit: super::limits::MAX_PAGE_ITEMS,
        }
    }

    /// Sets what the keys begin with.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the key after which to begin.
    pub fn after(mut self, after: impl Into<String>) -> Self {
        self.after = Some(after.into());
        self
    }

    /// Sets how many at most.
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

impl Default for Query {
    fn default() -> Self {
        Query::new()
    }
}

/// A part of what was asked for, all of it from one state of the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in byte order of their keys.
    pub items: Vec<T>,
    /// Where to go on: the last key of this page, if there are more. Whoever goes on
    /// there gets every key that is there throughout exactly once; what is written
    /// meanwhile may be in a later page or not.
    pub next: Option<String>,
}

/// What is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageUsage {
    /// How many keys there are.
    pub keys: u64,
    /// Bytes of the keys, in UTF-8, and of their values.
    pub bytes: u64,
}

/// A namespace that has keys, and what it uses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamespaceUsage {
    /// Its name, `owner:name`.
    pub namespace: String,
    /// What it uses.
    pub usage: StorageUsage,
}
