//! Files and directories of the host: the service behind the contract's `ext-filesystem`.
//!
//! A [`Filesystem`] is a tree of guests' paths. Nothing is in it but what is mounted.
//! It has a method for each function of the WIT, by the same name. They wait for the disk
//! on the calling thread; call them where a thread may wait.
//!
//! ```
//! use enginebay_host::filesystem::{Access, FileError, Filesystem, OpenFlags};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let files = Filesystem::builder()
//!     .mount("/data", directory.path(), Access::ReadWrite)
//!     .build()?;
//! // What was granted to the component that calls.
//! let allow = |_action, path: &str| path.starts_with("/data/");
//!
//! let file = files.open_write("/data/a", OpenFlags::new().create(true), &allow)?;
//! file.write(b"hello")?;
//! let file = files.open_read("/data/a", &allow)?;
//! assert_eq!(file.read(100)?.data, b"hello");
//! assert!(matches!(
//!     files.open_read("/etc/passwd", &allow),
//!     Err(FileError::NotFound { .. })
//! ));
//! # Ok(())
//! # }
//! ```
//!
//! # Paths
//!
//! A guest's path is absolute and as [`normalise`](crate::pattern::normalise) gives it;
//! any other is [`FileError::InvalidPath`]. Of several mounts, the one whose path is the
//! longest has it; one that is below another hides what that has there. A directory is
//! there if the host has it: `/` is [`FileError::NotFound`] unless something is mounted at
//! it, and a mount is listed in the one above if there is a directory of its name.
//!
//! Names that no guest can give are not there: those that are not UTF-8, that have a
//! backslash, and on Windows those that mean another file or a device. They are left out
//! of what is listed and found, cannot be reached, and keep their directory from being
//! removed. Case and Unicode are those of the host's file system, as for
//! [`PathPattern`](crate::pattern::PathPattern).
//!
//! # Permissions
//!
//! The caller has checked the paths that it names. Where a link leads elsewhere, and for
//! what is in a directory, the methods ask [`Allow`]: with the path without links, before
//! anything is done there, also if nothing is there. If the answer is no, that is
//! [`FileError::Denied`].
//!
//! A link cannot lead out of its mount: an absolute target, and more `..` than there are
//! directories, are [`FileError::PermissionDenied`]. A hard link is a file like others:
//! whoever makes one where a guest may read gives the file to it.
//!
//! # Races
//!
//! Other programs and other components may change the directories at any time. A path is
//! walked by handles that are held open, without following links but by walking their
//! targets, and what is done is done to a name in the last of them, which is not
//! followed either; a file that was opened is looked at again. A link that is put
//! somewhere between check and use is thus never used without being checked itself. What
//! is not seen is that another program moves a directory while it is walked: then its old
//! path is what was checked. Guests cannot move directories.
//!
//! # Kinds of files
//!
//! Only regular files are opened. Devices, pipes and sockets can be seen and removed, and
//! are otherwise [`FileError::NotAFile`]; to find out never waits.

mod allow;
mod directory;
mod error;
mod file;
mod limits;
mod link;
mod metadata;
mod mount;
mod name;
mod open;
mod path;
mod remove;
mod resolve;

use std::fmt;
use std::sync::Arc;

use mount::Mount;

pub use allow::Allow;
pub use directory::{DirectoryEntry, Query};
pub use error::FileError;
pub use file::{Chunk, File, MAX_CHUNK};
pub use limits::{Limits, MAX_DEPTH};
pub use metadata::{FileMetadata, FileType};
pub use mount::{Access, FilesystemBuilder, MountError};
pub use open::OpenFlags;

/// What guests have of the host's files. Clones are the same.
///
/// # Errors
///
/// All methods that take a path: [`FileError::InvalidPath`], [`FileError::NotFound`],
/// [`FileError::NotADirectory`], [`FileError::TooManySymlinks`],
/// [`FileError::NameTooLong`] for the path, [`FileError::Denied`] for where it leads,
/// [`FileError::PermissionDenied`] and [`FileError::Io`] from the host's system. Those
/// that change something: [`FileError::PermissionDenied`] in a mount that is read-only.
#[derive(Clone)]
pub struct Filesystem {
    inner: Arc<Inner>,
}

struct Inner {
    /// The longest paths come first.
    mounts: Vec<Mount>,
    limits: Limits,
}

impl Filesystem {
    /// One to mount directories in.
    pub fn builder() -> FilesystemBuilder {
        FilesystemBuilder::default()
    }

    /// One without files.
    pub fn empty() -> Self {
        Filesystem::new(Vec::new(), Limits::new())
    }

    fn new(mounts: Vec<Mount>, limits: Limits) -> Self {
        Filesystem {
            inner: Arc::new(Inner { mounts, limits }),
        }
    }

    fn mounts(&self) -> &[Mount] {
        &self.inner.mounts
    }

    /// How much one call may look at.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }
}

/// The guests' paths of the mounts, and what may be done there.
impl fmt::Debug for Filesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mounts = self.mounts().iter();
        f.debug_map()
            .entries(mounts.map(|mount| (&mount.point, mount.access)))
            .finish()
    }
}
