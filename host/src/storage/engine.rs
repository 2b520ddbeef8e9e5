//! The database under a storage: how its file is made and opened, what its tables
//! are, and how it is opened again after a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use redb::{
    Builder, Database, ReadTransaction, ReadableDatabase, TableDefinition,
    backends::InMemoryBackend,
};

use super::create::create_file;
use super::error::StorageError;
use super::limits::StorageOptions;

/// Values by the namespace's number and the key.
pub(super) const DATA: TableDefinition<'_, (u64, &str), &[u8]> = TableDefinition::new("data");
/// What is used: number, keys and bytes by the namespace's name. A namespace is here
/// while it has keys. The sums of an owner are here under the owner's name, which has
/// no `:`, with 0 for a number.
pub(super) const COUNTERS: TableDefinition<'_, &str, (u64, u64, u64)> =
    TableDefinition::new("counters");
/// Numbers of the storage as a whole, by name.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// In [`META`]: the format of these tables.
pub(super) const META_FORMAT: &str = "format";
/// In [`META`]: the number that the next new namespace gets.
pub(super) const META_NEXT: &str = "next namespace";

/// The format that this version reads and writes.
pub(super) const FORMAT: u64 = 1;

/// How long nothing tries to open a database again after a failure.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

/// Where a database is.
pub(super) enum Source {
    /// In memory.
    Memory,
    /// In a file.
    File(PathBuf),
    /// In what a test makes.
    #[cfg(test)]
    Backend(Box<OpenBackend>),
}

/// Opens a database of a test's.
#[cfg(test)]
type OpenBackend = dyn Fn(&Builder) -> Result<Database, redb::DatabaseError> + Send + Sync;

/// The database, or why there is none now.
enum Slot {
    Open(Database),
    Failed(StorageError),
}

/// A database that is opened again after failures.
pub(super) struct Engine {
    source: Source,
    options: StorageOptions,
    /// Held for reading during every operation, for writing only while opening again.
    slot: RwLock<Slot>,
    /// When a database was last opened again.
    reopened: Mutex<Option<Instant>>,
    reopen_interval: Duration,
}

impl Engine {
    /// Opens the database, and makes it if there is none.
    pub(super) fn open(source: Source, options: StorageOptions) -> Result<Self, StorageError> {
        let database = shielded(|| open_database(&source, &options, true))?;
        Ok(Engine {
            source,
            options,
            slot: RwLock::new(Slot::Open(database)),
            reopened: Mutex::new(None),
            reopen_interval: REOPEN_INTERVAL,
        })
    }

    /// Sets how long nothing tries again after a failure.
    #[cfg(test)]
    pub(super) fn reopen_interval(mut self, interval: Duration) -> Self {
        self.reopen_interval = interval;
        self
    }

    /// How commits are made.
    pub(super) fn options(&self) -> &StorageOptions {
        &self.options
    }

    fn slot(&self) -> RwLockReadGuard<'_, Slot> {
        self.slot.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the database.
    pub(super) fn with<R>(
        &self,
        work: impl FnOnce(&Database) -> Result<R, StorageError>,
    ) -> Result<R, StorageError> {
        match &*self.slot() {
            Slot::Open(database) => shielded(|| work(database)),
            Slot::Failed(error) => Err(StorageError::Unavailable {
                reason: error.to_string(),
            }),
        }
    }

    /// Reads from one state of the database. Neither writers nor readers wait for it.
    pub(super) fn read<R>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<R, StorageError>,
    ) -> Result<R, StorageError> {
        self.with(|database| work(&database.begin_read()?))
    }

    /// One state of the database, for reading that takes its time.
    pub(super) fn snapshot(&self) -> Result<ReadTransaction, StorageError> {
        self.with(|database| Ok(database.begin_read()?))
    }

    /// Closes a database that failed and opens it again, if that is due.
    pub(super) fn reopen(&self) {
        if matches!(self.source, Source::Memory) {
            return;
        }
        {
            let mut reopened = self.reopened.lock().unwrap_or_else(PoisonError::into_inner);
            if reopened.is_some_and(|at| at.elapsed() < self.reopen_interval) {
                return;
            }
            *reopened = Some(Instant::now());
        }
        if self.read(|txn| Ok(txn.open_table(META)?)).is_ok() {
            return;
        }
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        let closed = Slot::Failed(StorageError::Unavailable {
            reason: "it is being opened again".to_owned(),
        });
        // Closed before it is opened, as there may be one at a time. Its error is the
        // one that led here.
        if let Slot::Open(database) = std::mem::replace(&mut *slot, closed) {
            let _ = shielded(|| Ok(database.close()));
        }
        *slot = match shielded(|| open_database(&self.source, &self.options, false)) {
            Ok(database) => {
                tracing::info!("the storage is open again after a failure");
                Slot::Open(database)
            }
            Err(error) => {
                tracing::error!(%error, "the storage cannot be opened again");
                Slot::Failed(error)
            }
        };
    }
}

/// Runs the database's code. It panics at some kinds of damage that it could not
/// foresee; the panic becomes an error.
pub(super) fn shielded<R>(
    work: impl FnOnce() -> Result<R, StorageError>,
) -> Result<R, StorageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(StorageError::Corrupted {
            reason: format!("the database gave up: {message}"),
        })
    })
}

fn builder(options: &StorageOptions) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder.set_check_integrity_on_open(options.verify_on_open);
    builder
}

fn open_database(
    source: &Source,
    options: &StorageOptions,
    create: bool,
) -> Result<Database, StorageError> {
    let path = match source {
        Source::Memory => {
            let database = builder(options).create_with_backend(InMemoryBackend::new());
            return initialised(database);
        }
        #[cfg(test)]
        Source::Backend(open) => return initialised(open(&builder(options))),
        Source::File(path) => path,
    };
    match std::fs::metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && create => {
            create_file(path, |path| {
                let database = builder(options)
                    .create(path)
                    .map_err(|error| opening(path, error))?;
                initialise(&database)?;
                database.close().map_err(|error| opening(path, error))
            })?;
        }
        Err(error) => return Err(StorageError::io("open the storage", &error)),
    }
    let database = builder(options)
        .open(path)
        .map_err(|error| opening(path, error))?;
    check_format(&database, path)?;
    Ok(database)
}

fn initialised(database: Result<Database, redb::DatabaseError>) -> Result<Database, StorageError> {
    let database = database.map_err(|error| opening(Path::new("memory"), error))?;
    initialise(&database)?;
    Ok(database)
}

/// Makes the tables, unless they are there.
fn initialise(database: &Database) -> Result<(), StorageError> {
    let txn = database.begin_write()?;
    {
        txn.open_table(DATA)?;
        txn.open_table(COUNTERS)?;
        txn.open_table(META)?.insert(META_FORMAT, FORMAT)?;
    }
    txn.commit()?;
    Ok(())
}

/// Checks that the file is ours, and of a format that we read.
fn check_format(database: &Database, path: &Path) -> Result<(), StorageError> {
    let foreign = |reason: String| StorageError::NotADatabase {
        path: path.to_owned(),
        reason,
    };
    let table = match database.begin_read()?.open_table(META) {
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(error) => return Err(foreign(error.to_string())),
        Ok(table) => table,
    };
    match table.get(META_FORMAT)?.map(|format| format.value()) {
        Some(FORMAT) => Ok(()),
        Some(found) => Err(StorageError::UnsupportedFormat {
            path: path.to_owned(),
            found,
        }),
        None => Err(foreign("it says no format".to_owned())),
    }
}

/// The error of opening the file, with its path.
fn opening(path: &Path, error: redb::DatabaseError) -> StorageError {
    let path = path.to_owned();
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen | redb::DatabaseError::LockProtocolMismatch => {
            StorageError::InUse { path }
        }
        redb::DatabaseError::UpgradeRequired(found) => StorageError::UnsupportedFormat {
            path,
            found: found.into(),
        },
        redb::DatabaseError::Storage(redb::StorageError::Io(error))
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            StorageError::NotADatabase {
                path,
                reason: error.to_string(),
            }
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) => {
            StorageError::io("open the storage", &error)
        }
        error => redb::Error::from(error).into(),
    }
}
