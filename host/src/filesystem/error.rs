//! What can go wrong with a file, as one typed error.

use std::error::Error;
use std::fmt;
use std::io;

use crate::capability::FilesystemAction;

/// Why nothing was done to a file, unless the method says otherwise. The cases are those
/// of the contract's `file-error`, and [`FileError::Interrupted`].
///
/// Paths in it are the guest's. No text in it names a path of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// The path that was given leads, by a link or as a directory, to one that is not
    /// allowed. Whether there is something at that path is not said.
    Denied {
        /// What would have been done.
        action: FilesystemAction,
        /// To what: the path without links.
        path: String,
    },
    /// There is nothing of that name.
    NotFound {
        /// The path.
        path: String,
    },
    /// The host refuses it: its system, or since a mount is read-only, or since a link
    /// leads out of its mount.
    PermissionDenied {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// There is something of that name.
    AlreadyExists {
        /// The path.
        path: String,
    },
    /// The path cannot be used.
    InvalidPath {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// Another argument cannot be used.
    InvalidArgument {
        /// Which, and why.
        reason: String,
    },
    /// There is no room, too many files are open, or a limit is reached.
    ResourceExhausted {
        /// Of what.
        reason: String,
    },
    /// The directory is not empty.
    DirectoryNotEmpty {
        /// The path.
        path: String,
    },
    /// It is not a directory.
    NotADirectory {
        /// The path.
        path: String,
    },
    /// It is not a regular file.
    NotAFile {
        /// The path.
        path: String,
    },
    /// Links lead too far, or in a circle.
    TooManySymlinks {
        /// The path.
        path: String,
    },
    /// A name, or a path on the host, is longer than its system allows.
    NameTooLong {
        /// The path.
        path: String,
    },
    /// The file was not opened for this.
    WrongMode {
        /// The path.
        path: String,
        /// For what it would have to be open: `reading` or `writing`.
        needed: &'static str,
    },
    /// The host's system failed.
    Io {
        /// The path.
        path: String,
        /// The kind of the system's error.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// [`Allow::interrupted`](super::Allow::interrupted) said to stop. What was done
    /// before is done.
    Interrupted,
}

/// Numbers of Unix that [`io::ErrorKind`] has no stable name for.
#[cfg(unix)]
mod raw {
    /// `ELOOP`. On the BSDs, `EMLINK` says it too where links are not followed.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) const LOOP: &[i32] = &[40];
    #[cfg(any(target_os = "illumos", target_os = "solaris"))]
    pub(super) const LOOP: &[i32] = &[90];
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "illumos",
        target_os = "solaris"
    )))]
    pub(super) const LOOP: &[i32] = &[62];
    /// `EMFILE`, `ENFILE`.
    pub(super) const TOO_MANY_OPEN: &[i32] = &[24, 23];
    /// `ENXIO`: nobody is at the other end of a pipe, or it is a socket.
    pub(super) const NO_FILE: &[i32] = &[6];
    /// None: the kinds say it.
    pub(super) const INVALID_NAME: &[i32] = &[];
}

/// Codes of Windows, in the same way.
#[cfg(not(unix))]
mod raw {
    /// `ERROR_CANT_RESOLVE_FILENAME`, `ERROR_STOPPED_ON_SYMLINK`.
    pub(super) const LOOP: &[i32] = &[1921, 681];
    /// `ERROR_TOO_MANY_OPEN_FILES`.
    pub(super) const TOO_MANY_OPEN: &[i32] = &[4];
    /// None.
    pub(super) const NO_FILE: &[i32] = &[];
    /// `ERROR_INVALID_NAME`, which shares its kind with names that are too long.
    pub(super) const INVALID_NAME: &[i32] = &[123];
}

impl FileError {
    /// What the system said while something was done to a path.
    pub fn from_io(path: &str, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let path = path.to_owned();
        let reason = error.to_string();
        if let Some(code) = error.raw_os_error() {
            if raw::LOOP.contains(&code) {
                return FileError::TooManySymlinks { path };
            }
            if raw::TOO_MANY_OPEN.contains(&code) {
                return FileError::ResourceExhausted { reason };
            }
            if raw::NO_FILE.contains(&code) {
                return FileError::NotAFile { path };
            }
            if raw::INVALID_NAME.contains(&code) {
                return FileError::InvalidPath { path, reason };
            }
        }
        match error.kind() {
            Kind::NotFound => FileError::NotFound { path },
            Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::ExecutableFileBusy
            | Kind::ResourceBusy => FileError::PermissionDenied { path, reason },
            Kind::AlreadyExists => FileError::AlreadyExists { path },
            Kind::DirectoryNotEmpty => FileError::DirectoryNotEmpty { path },
            Kind::NotADirectory => FileError::NotADirectory { path },
            Kind::IsADirectory => FileError::NotAFile { path },
            Kind::InvalidFilename => FileError::NameTooLong { path },
            Kind::InvalidInput | Kind::Unsupported => FileError::InvalidArgument { reason },
            Kind::CrossesDevices => FileError::InvalidArgument {
                reason: "the two paths are on different disks; copy the file and delete it"
                    .to_owned(),
            },
            Kind::StorageFull
            | Kind::QuotaExceeded
            | Kind::FileTooLarge
            | Kind::TooManyLinks
            | Kind::OutOfMemory => FileError::ResourceExhausted { reason },
            kind => FileError::Io {
                path,
                kind,
                message: reason,
            },
        }
    }

    /// A mount may not be written to.
    pub(super) fn read_only(path: &str) -> Self {
        FileError::PermissionDenied {
            path: path.to_owned(),
            reason: "it is mounted read-only".to_owned(),
        }
    }

    pub(super) fn invalid_path(path: &str, reason: impl Into<String>) -> Self {
        FileError::InvalidPath {
            path: shortened(path),
            reason: reason.into(),
        }
    }
}

/// What is shown of a path that is refused.
fn shortened(path: &str) -> String {
    const MOST: usize = 256;
    match path.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &path[..end]),
        None => path.to_owned(),
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Denied { action, path } => write!(
                f,
                "filesystem.{}({path}) is not granted, and what was named leads there; grant it \
                 too, or name another path",
                action.name()
            ),
            FileError::NotFound { path } => write!(f, "there is nothing at {path:?}"),
            FileError::PermissionDenied { path, reason } => {
                write!(f, "the host refuses access to {path:?}: {reason}")
            }
            FileError::AlreadyExists { path } => write!(
                f,
                "there is something at {path:?} already; delete it, or choose another name"
            ),
            FileError::InvalidPath { path, reason } => {
                write!(f, "the path {path:?} cannot be used: {reason}")
            }
            FileError::InvalidArgument { reason } => f.write_str(reason),
            FileError::ResourceExhausted { reason } => write!(f, "too much: {reason}"),
            FileError::DirectoryNotEmpty { path } => write!(
                f,
                "the directory {path:?} is not empty; remove what is in it first"
            ),
            FileError::NotADirectory { path } => {
                write!(f, "{path:?}, or what it is in, is not a directory")
            }
            FileError::NotAFile { path } => write!(
                f,
                "{path:?} is not a regular file; no other kind is read, written or renamed"
            ),
            FileError::TooManySymlinks { path } => {
                write!(f, "the links at {path:?} lead too far or in a circle")
            }
            FileError::NameTooLong { path } => write!(
                f,
                "a name of {:?} is longer than the host's system allows",
                shortened(path)
            ),
            FileError::WrongMode { path, needed } => {
                write!(f, "{path:?} is not open for {needed}; open it for that")
            }
            FileError::Io { path, message, .. } => {
                write!(f, "the host's system failed at {path:?}: {message}")
            }
            FileError::Interrupted => f.write_str("the operation was interrupted"),
        }
    }
}

impl Error for FileError {}
