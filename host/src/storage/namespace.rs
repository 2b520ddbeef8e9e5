//! What a component sees of a storage.

use std::fmt;
use std::sync::Arc;

use super::apply::{Change, Outcome, Write};
use super::error::StorageError;
use super::limits::{MAX_BATCH_BYTES, MAX_BATCH_OPERATIONS, MAX_VALUE_BYTES, StorageLimits};
use super::name::{check_key, check_namespace};
use super::operation::{Operation, Page, Query, StorageUsage};
use super::{Storage, read};
use crate::block::wait;

/// A namespace of a [`Storage`], with the limits for what is written through this
/// value. Clones are the same namespace.
///
/// The methods wait for the disk on the calling thread; each has one beside it that
/// ends in `_async` and works on any executor. An asynchronous write is queued when its
/// future is first polled, and is then made even if the future is dropped.
///
/// # Errors
///
/// All methods: [`StorageError::InvalidKey`] for a key that is empty or too long, and
/// if the database fails [`StorageError::Io`], [`StorageError::DiskFull`],
/// [`StorageError::Corrupted`] or [`StorageError::Unavailable`].
#[derive(Clone)]
pub struct Namespace {
    storage: Storage,
    name: Arc<str>,
    limits: StorageLimits,
}

impl Namespace {
    pub(super) fn new(
        storage: Storage,
        name: &str,
        limits: StorageLimits,
    ) -> Result<Self, StorageError> {
        check_namespace(name)?;
        Ok(Namespace {
            storage,
            name: name.into(),
            limits,
        })
    }

    /// The name, `owner:name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The limits for what is written.
    pub fn limits(&self) -> &StorageLimits {
        &self.limits
    }

    /// The value of a key.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        check_key(key)?;
        self.storage
            .read(|txn| read::value(txn, &self.name, key, <[u8]>::to_vec))
    }

    /// [`Namespace::get`] for tasks.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub async fn get_async(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let key = key.to_owned();
        self.run_async(move |namespace| namespace.get(&key)).await
    }

    /// Whether a key is there.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub fn exists(&self, key: &str) -> Result<bool, StorageError> {
        check_key(key)?;
        let found = self
            .storage
            .read(|txn| read::value(txn, &self.name, key, |_| ()))?;
        Ok(found.is_some())
    }

    /// [`Namespace::exists`] for tasks.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub async fn exists_async(&self, key: &str) -> Result<bool, StorageError> {
        let key = key.to_owned();
        self.run_async(move |namespace| namespace.exists(&key))
            .await
    }

    /// Keys, in byte order, a page at a time: as many as the query says, and fewer if
    /// they have more than [`MAX_PAGE_BYTES`](super::MAX_PAGE_BYTES).
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub fn list_keys(&self, query: &Query) -> Result<Page<String>, StorageError> {
        self.storage
            .read(|txn| read::page(txn, &self.name, query, |key, _| (key.to_owned(), key.len())))
    }

    /// [`Namespace::list_keys`] for tasks.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub async fn list_keys_async(&self, query: Query) -> Result<Page<String>, StorageError> {
        self.run_async(move |namespace| namespace.list_keys(&query))
            .await
    }

    /// Keys with their values, in byte order of the keys, a page at a time: as many as
    /// the query says, and fewer if they have
    /// [`MAX_PAGE_BYTES`](super::MAX_PAGE_BYTES) or more. A page that has a next one has
    /// at least one item, however long its value.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub fn scan(&self, query: &Query) -> Result<Page<(String, Vec<u8>)>, StorageError> {
        self.storage.read(|txn| {
            read::page(txn, &self.name, query, |key, value| {
                ((key.to_owned(), value.to_vec()), key.len() + value.len())
            })
        })
    }

    /// [`Namespace::scan`] for tasks.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub async fn scan_async(&self, query: Query) -> Result<Page<(String, Vec<u8>)>, StorageError> {
        self.run_async(move |namespace| namespace.scan(&query))
            .await
    }

    /// What is used: exact, as it is counted in the transactions that write.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub fn usage(&self) -> Result<StorageUsage, StorageError> {
        self.storage.read(|txn| read::usage(txn, &self.name))
    }

    /// [`Namespace::usage`] for tasks.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub async fn usage_async(&self) -> Result<StorageUsage, StorageError> {
        self.run_async(|namespace| namespace.usage()).await
    }

    /// Gives a key a value, whether or not it has one.
    ///
    /// # Errors
    ///
    /// [`StorageError::ValueTooLarge`] or [`StorageError::QuotaExceeded`] by the limits;
    /// see [`Namespace`] for the others.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        wait(self.set_async(key, value))
    }

    /// [`Namespace::set`] for tasks.
    ///
    /// # Errors
    ///
    /// As for [`Namespace::set`].
    pub async fn set_async(&self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        // Checked before it is copied.
        self.check(key, Some(value))?;
        self.write(vec![Operation::set(key, value)]).await?;
        Ok(())
    }

    /// Removes a key, and says whether it was there.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub fn delete(&self, key: &str) -> Result<bool, StorageError> {
        wait(self.delete_async(key))
    }

    /// [`Namespace::delete`] for tasks.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub async fn delete_async(&self, key: &str) -> Result<bool, StorageError> {
        self.check(key, None)?;
        let outcome = self.write(vec![Operation::delete(key)]).await?;
        Ok(outcome.removed > 0)
    }

    /// Gives a key a new value if it has the expected one, and says whether it did.
    /// `None` is the key that is not there: expected, it makes the key only if it is
    /// new; given, it removes the key.
    ///
    /// ```
    /// # use enginebay_host::storage::{Storage, StorageLimits};
    /// # fn main() -> Result<(), enginebay_host::storage::StorageError> {
    /// # let storage = Storage::in_memory()?;
    /// let visits = storage.namespace("shop:visits", StorageLimits::new())?;
    /// loop {
    ///     let old = visits.get("total")?;
    ///     let count: u64 = match &old {
    ///         Some(text) => String::from_utf8_lossy(text).parse().unwrap_or(0),
    ///         None => 0,
    ///     };
    ///     let new = (count + 1).to_string();
    ///     if visits.compare_and_set("total", old.as_deref(), Some(new.as_bytes()))? {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`Namespace::set`].
    pub fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StorageError> {
        wait(self.compare_and_set_async(key, expected, new))
    }

    /// [`Namespace::compare_and_set`] for tasks.
    ///
    /// # Errors
    ///
    /// As for [`Namespace::set`].
    pub async fn compare_and_set_async(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StorageError> {
        self.check(key, new)?;
        if expected.is_some_and(|value| value.len() > MAX_VALUE_BYTES) {
            // No key has such a value.
            return Ok(false);
        }
        let change = match new {
            Some(value) => Operation::set(key, value),
            None => Operation::delete(key),
        };
        let check = Operation::check(key, expected.map(<[u8]>::to_vec));
        match self.write(vec![check, change]).await {
            Ok(_) => Ok(true),
            Err(StorageError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes all the operations, in their order, or none: nobody sees a part of them,
    /// and nothing leaves a part of them. The limits are for what is there afterwards.
    ///
    /// # Errors
    ///
    /// [`StorageError::Conflict`] if an [`Operation::Check`] does not hold;
    /// [`StorageError::BatchTooLarge`] for more than
    /// [`MAX_BATCH_OPERATIONS`] operations or [`MAX_BATCH_BYTES`] bytes; as for
    /// [`Namespace::set`].
    pub fn batch(&self, operations: &[Operation]) -> Result<(), StorageError> {
        wait(self.batch_async(operations))
    }

    /// [`Namespace::batch`] for tasks.
    ///
    /// # Errors
    ///
    /// As for [`Namespace::batch`].
    pub async fn batch_async(&self, operations: &[Operation]) -> Result<(), StorageError> {
        let bytes = operations.iter().map(Operation::bytes).sum();
        if operations.len() > MAX_BATCH_OPERATIONS || bytes > MAX_BATCH_BYTES {
            return Err(StorageError::BatchTooLarge {
                operations: operations.len(),
                bytes,
            });
        }
        for operation in operations {
            let value = match operation {
                Operation::Set { value, .. } => Some(value.as_slice()),
                Operation::Delete { .. } | Operation::Check { .. } => None,
            };
            self.check(operation.key(), value)?;
        }
        self.write(operations.to_vec()).await?;
        Ok(())
    }

    /// Removes all keys, at once for all who look, and says how many there were. It
    /// takes as long as many single deletions without their commits, and other writes
    /// wait meanwhile.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub fn clear(&self) -> Result<u64, StorageError> {
        wait(self.clear_async())
    }

    /// [`Namespace::clear`] for tasks.
    ///
    /// # Errors
    ///
    /// See [`Namespace`].
    pub async fn clear_async(&self) -> Result<u64, StorageError> {
        Ok(self.submit(Change::Clear).await?.removed)
    }

    /// Checks a key and a new value of it.
    fn check(&self, key: &str, value: Option<&[u8]>) -> Result<(), StorageError> {
        check_key(key)?;
        let length = value.map_or(0, <[u8]>::len) as u64;
        let limit = self.limits.max_value.min(MAX_VALUE_BYTES as u64);
        if length > limit {
            return Err(StorageError::ValueTooLarge { limit, length });
        }
        Ok(())
    }

    async fn write(&self, operations: Vec<Operation>) -> Result<Outcome, StorageError> {
        self.submit(Change::Batch(operations)).await
    }

    async fn submit(&self, change: Change) -> Result<Outcome, StorageError> {
        let write = Write {
            namespace: self.name.clone(),
            limits: self.limits.clone(),
            change,
        };
        self.storage.inner.writer.submit(write).await
    }

    /// Reads on a thread that may wait.
    async fn run_async<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Namespace) -> Result<R, StorageError> + Send + 'static,
    ) -> Result<R, StorageError> {
        let (name, limits) = (self.name.clone(), self.limits.clone());
        self.storage
            .run_async(move |storage| {
                work(&Namespace {
                    storage: storage.clone(),
                    name,
                    limits,
                })
            })
            .await
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
