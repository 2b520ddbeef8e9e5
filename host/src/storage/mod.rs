//! Values by key, in namespaces, on disk: the service behind the contract's storage.
//!
//! A [`Storage`] is one file with the values of all components. A [`Namespace`] of it,
//! `owner:name`, is what a component gets to see, with the [`StorageLimits`] that it
//! has there. Keys are texts of 1 to 1,024 bytes in UTF-8, in the order of these bytes;
//! values are bytes. No namespace sees the keys of another.
//!
//! ```
//! use enginebay_host::storage::{Operation, Query, Storage, StorageLimits};
//!
//! # fn main() -> Result<(), enginebay_host::storage::StorageError> {
//! let storage = Storage::in_memory()?;
//! let cart = storage.namespace("shop:cart", StorageLimits::new())?;
//! cart.set("anna/apples", b"3")?;
//! cart.batch(&[
//!     Operation::check("anna/apples", Some(b"3".to_vec())),
//!     Operation::set("anna/apples", b"2"),
//!     Operation::set("anna/pears", b"1"),
//! ])?;
//! let page = cart.scan(&Query::new().prefix("anna/"))?;
//! assert_eq!(page.items[0], ("anna/apples".to_owned(), b"2".to_vec()));
//! assert_eq!(cart.usage()?.keys, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Durability
//!
//! A write that has returned `Ok` is on disk: the file is synchronised (`fdatasync`)
//! before. It survives the end of the process at any moment, `kill -9` included, and
//! of the machine, as far as the disk keeps what it has acknowledged. A write is made
//! as a whole or not at all, with the counters of what is used. Of a write that has
//! not returned, or has returned [`StorageError::Io`] or [`StorageError::DiskFull`],
//! either is true.
//!
//! # Concurrency
//!
//! Writes happen one after the other, and in one order for all namespaces. Those that
//! come while the disk is busy are committed together: eight threads that write get
//! several times the throughput of one. Reads see the last commit before they began;
//! they do not wait for writes, nor writes for them.
//!
//! The methods wait on the calling thread. Those that end in `_async` do not, and work
//! on any executor: reads on a few threads that the process has for it, see
//! [`Storage::run_async`], writes on the storage's own thread.
//!
//! # Space
//!
//! The file does not shrink: space of what is deleted is used again. Usage counts keys
//! and values; the file needs about twice that, and more while it is small.

mod apply;
mod create;
mod engine;
mod error;
mod limits;
mod name;
mod namespace;
mod operation;
mod read;
mod transfer;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Engine, Source};
use writer::Writer;

pub use error::StorageError;
pub use limits::{
    MAX_BATCH_BYTES, MAX_BATCH_OPERATIONS, MAX_KEY_BYTES, MAX_NAMESPACE_PART_BYTES, MAX_PAGE_BYTES,
    MAX_PAGE_ITEMS, MAX_VALUE_BYTES, Quota, StorageLimits, StorageOptions,
};
pub use namespace::Namespace;
pub use operation::{NamespaceUsage, Operation, Page, Query, StorageUsage};

/// Values of all components, in one file or in memory. Clones are the same storage.
///
/// When the last clone, [`Namespace`]s included, is dropped, the drop waits until the
/// writes in progress are on disk; then the file can be opened again.
#[derive(Clone)]
pub struct Storage {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<Engine>,
    writer: Writer,
    path: Option<PathBuf>,
}

impl Storage {
    /// Opens the storage in a file, and makes the file if there is none. Its folder must
    /// exist.
    ///
    /// # Errors
    ///
    /// [`StorageError::InUse`] if the file is open here or in another process,
    /// [`StorageError::NotADatabase`], [`StorageError::UnsupportedFormat`] or
    /// [`StorageError::Corrupted`] if the file is not as it should be; then it is left
    /// as it is. [`StorageError::Io`] or [`StorageError::DiskFull`] if the system
    /// refuses.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        Storage::open_with(path, StorageOptions::new())
    }

    /// As [`Storage::open`], with other options than the default ones.
    ///
    /// # Errors
    ///
    /// As for [`Storage::open`].
    pub fn open_with(
        path: impl AsRef<Path>,
        options: StorageOptions,
    ) -> Result<Self, StorageError> {
        let path = path.as_ref().to_owned();
        let engine = Engine::open(Source::File(path.clone()), options)?;
        Storage::start(engine, Some(path))
    }

    /// A storage that is gone when it is dropped, for tests and for components whose
    /// values need not last. The limits still hold.
    ///
    /// # Errors
    ///
    /// [`StorageError::Io`] if no thread can be started.
    pub fn in_memory() -> Result<Self, StorageError> {
        Storage::start(Engine::open(Source::Memory, StorageOptions::new())?, None)
    }

    fn start(engine: Engine, path: Option<PathBuf>) -> Result<Self, StorageError> {
        let engine = Arc::new(engine);
        let writer = Writer::start(engine.clone())?;
        Ok(Storage {
            inner: Arc::new(Inner {
                engine,
                writer,
                path,
            }),
        })
    }

    /// The file; `None` in memory.
    pub fn path(&self) -> Option<&Path> {
        self.inner.path.as_deref()
    }

    /// A namespace, and what may be stored there. It need not exist: it begins with its
    /// first key, and ends with its last one.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidNamespace`] if the name is not `owner:name`.
    pub fn namespace(&self, name: &str, limits: StorageLimits) -> Result<Namespace, StorageError> {
        Namespace::new(self.clone(), name, limits)
    }

    /// The namespaces that have keys, in byte order of their names, after a name if one
    /// is given. At most `limit` of them, and never more than [`MAX_PAGE_ITEMS`].
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn namespaces(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<NamespaceUsage>, StorageError> {
        self.read(|txn| read::namespaces(txn, after, limit))
    }

    /// What all the namespaces of an owner use together: those with this text before
    /// their `:`.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn owner_usage(&self, owner: &str) -> Result<StorageUsage, StorageError> {
        if owner.contains(':') {
            return Ok(StorageUsage::default());
        }
        self.read(|txn| read::usage(txn, owner))
    }

    /// Runs work that waits for the disk on a thread that may wait. The future works on
    /// any executor. The process has a few such threads, and a queue of 1,024 before
    /// them; when that is full, the future waits for room.
    ///
    /// The work begins when the future is first polled. Once it is queued it is done,
    /// even if the future is dropped.
    ///
    /// ```
    /// # use enginebay_host::storage::{Query, Storage, StorageLimits};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let storage = Storage::in_memory()?;
    /// let copied = storage
    ///     .run_async(|storage| {
    ///         let from = storage.namespace("shop:cart", StorageLimits::new())?;
    ///         let to = storage.namespace("shop:copy", StorageLimits::new())?;
    ///         let page = from.scan(&Query::new())?;
    ///         page.items.iter().try_for_each(|(key, value)| to.set(key, value))?;
    ///         Ok(page.items.len())
    ///     })
    ///     .await?;
    /// assert_eq!(copied, 0);
    /// # Ok::<(), enginebay_host::storage::StorageError>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the work, and [`StorageError::Unavailable`] if no thread can be started.
    ///
    /// # Panics
    ///
    /// If the work does.
    pub fn run_async<R, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<R, StorageError>> + Send + use<R, F>
    where
        F: FnOnce(&Storage) -> Result<R, StorageError> + Send + 'static,
        R: Send + 'static,
    {
        let storage = self.clone();
        async move {
            // The clone ends before the answer is there: who then drops the last other
            // one finds the file closed.
            crate::pool::run(move || {
                let storage = storage;
                work(&storage)
            })
            .await?
        }
    }

    /// Reads from one state of the database.
    fn read<R>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<R, StorageError>,
    ) -> Result<R, StorageError> {
        let result = self.inner.engine.read(work);
        if result.as_ref().is_err_and(StorageError::closes) {
            self.inner.writer.reopen();
        }
        result
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}
