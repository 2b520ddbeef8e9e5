//! What can go wrong with stored values, as one typed error.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::limits::{MAX_BATCH_BYTES, MAX_BATCH_OPERATIONS, Quota};

/// Why an operation on the storage failed. Unless a variant says otherwise, an
/// operation that failed changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageError {
    /// A namespace is not of the form `owner:name`.
    InvalidNamespace {
        /// What was given, cut off after 64 characters.
        namespace: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key is empty or too long.
    InvalidKey {
        /// Its length in bytes.
        length: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value is longer than the limits allow.
    ValueTooLarge {
        /// The longest that is allowed, in bytes.
        limit: u64,
        /// The value's length in bytes.
        length: u64,
    },
    /// A batch has too many operations, or too many bytes of keys and values.
    BatchTooLarge {
        /// How many operations it has.
        operations: usize,
        /// Bytes of all its keys and values.
        bytes: u64,
    },
    /// A write would use more than the limits allow.
    QuotaExceeded {
        /// Of what.
        quota: Quota,
        /// How much is allowed.
        limit: u64,
        /// How much is used now.
        used: u64,
        /// How much would be used after the write.
        requested: u64,
    },
    /// A key does not have the value that an [`Operation::Check`] expected.
    ///
    /// [`Operation::Check`]: super::Operation::Check
    Conflict {
        /// The key.
        key: String,
    },
    /// The file is open in this or another process.
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file was written by a version whose format this one does not read.
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// What is on disk is not what was written.
    Corrupted {
        /// What was found.
        reason: String,
    },
    /// There is no room on the disk. As for [`StorageError::Io`], a write may have
    /// been made.
    DiskFull {
        /// The system's words.
        reason: String,
    },
    /// The system refused to read or write. A write that failed so may have been
    /// made: read to find out. All that was acknowledged before is there.
    Io {
        /// What was tried.
        action: &'static str,
        /// The kind of the system's error.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// A line of an import is not a record. What the lines before it say may have
    /// been written.
    Import {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The storage cannot work now: an earlier failure has closed it, and opening it
    /// again failed or is not due yet.
    Unavailable {
        /// Why.
        reason: String,
    },
}

impl StorageError {
    /// An error of the system while doing `action`.
    pub(super) fn io(action: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => StorageError::DiskFull {
                reason: error.to_string(),
            },
            kind => StorageError::Io {
                action,
                kind,
                message: error.to_string(),
            },
        }
    }

    /// Whether the database has to be opened again to go on.
    pub(super) fn closes(&self) -> bool {
        matches!(
            self,
            StorageError::Io { .. }
                | StorageError::DiskFull { .. }
                | StorageError::Unavailable { .. }
        )
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::InvalidNamespace { namespace, reason } => write!(
                f,
                "the namespace {namespace:?} {reason}; a namespace is `owner:name`, such as \
                 `shop:cart`, and both are of a-z, 0-9, `-`, `_` and `.`, up to 128 of them, and \
                 begin with a letter or a digit"
            ),
            StorageError::InvalidKey { length, reason } => {
                write!(
                    f,
                    "a key of {length} bytes {reason}; keys have 1 to 1024 bytes"
                )
            }
            StorageError::ValueTooLarge { limit, length } => write!(
                f,
                "a value has {length} bytes, and {limit} are allowed; split it over several keys \
                 or raise `max_value`"
            ),
            StorageError::BatchTooLarge { operations, bytes } => write!(
                f,
                "a batch has {operations} operations of {bytes} bytes, and \
                 {MAX_BATCH_OPERATIONS} of {MAX_BATCH_BYTES} bytes are allowed; write it in parts"
            ),
            StorageError::QuotaExceeded {
                quota,
                limit,
                used,
                requested,
            } => write!(
                f,
                "the write needs {requested} {quota}, {used} are used and {limit} allowed; \
                 delete something or raise `{}`",
                quota.limit_name()
            ),
            StorageError::Conflict { key } => write!(
                f,
                "the key {key:?} does not have the value that the batch expects; read it and try \
                 again"
            ),
            StorageError::InUse { path } => write!(
                f,
                "{} is open in this or another process; a storage has one process, and one \
                 `Storage` that is cloned",
                path.display()
            ),
            StorageError::NotADatabase { path, reason } => write!(
                f,
                "{} holds no storage of enginebay ({reason}); give another path, or move the file \
                 away to start an empty one",
                path.display()
            ),
            StorageError::UnsupportedFormat { path, found } => write!(
                f,
                "{} has format {found}, which this version does not read; export it with the \
                 version that wrote it, and import that",
                path.display()
            ),
            StorageError::Corrupted { reason } => write!(
                f,
                "the storage is damaged ({reason}); restore the file from a copy or an export"
            ),
            StorageError::DiskFull { reason } => {
                write!(
                    f,
                    "the disk has no room for the storage ({reason}); make some"
                )
            }
            StorageError::Io {
                action, message, ..
            } => write!(f, "cannot {action}: {message}"),
            StorageError::Import { line, reason } => write!(
                f,
                "line {line} of the import {reason}; a line is \
                 {{\"namespace\":\"owner:name\",\"key\":\"...\",\"value\":\"base64\"}}"
            ),
            StorageError::Unavailable { reason } => write!(
                f,
                "the storage is closed after a failure ({reason}); it is opened again when it is \
                 used, at most once a second"
            ),
        }
    }
}

impl std::error::Error for StorageError {}

impl From<redb::Error> for StorageError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => StorageError::io("read or write the storage", &error),
            redb::Error::Corrupted(reason) => StorageError::Corrupted { reason },
            redb::Error::PreviousIo
            | redb::Error::DatabaseClosed
            | redb::Error::LockPoisoned(_)
            | redb::Error::TransactionPoisoned => StorageError::Unavailable {
                reason: error.to_string(),
            },
            error => StorageError::Corrupted {
                reason: error.to_string(),
            },
        }
    }
}

/// `?` on each of the database's errors.
macro_rules! from_database_errors {
    ($($name:ident)*) => {
        $(impl From<redb::$name> for StorageError {
            fn from(error: redb::$name) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

from_database_errors!(StorageError TableError TransactionError CommitError SetDurabilityError);
