//! What is known about files.

use std::io;
use std::time::SystemTime;

use cap_fs_ext::{DirExt, MetadataExt, SystemTimeSpec};
use cap_std::fs::Metadata;

use super::resolve::Last;
use super::{Access, Allow, FileError, Filesystem};
use crate::capability::FilesystemAction::{Read, Write};

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileType {
    /// A file with contents.
    Regular,
    /// A directory.
    Directory,
    /// A link to another path.
    Symlink,
    /// A pipe, a socket, a device, or what the host's system has besides.
    Other,
}

impl From<cap_std::fs::FileType> for FileType {
    fn from(kind: cap_std::fs::FileType) -> Self {
        if kind.is_file() {
            FileType::Regular
        } else if kind.is_dir() {
            FileType::Directory
        } else if kind.is_symlink() {
            FileType::Symlink
        } else {
            FileType::Other
        }
    }
}

/// What is known about a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMetadata {
    /// What it is.
    pub file_type: FileType,
    /// Bytes; 0 for what is not a regular file.
    pub size: u64,
    /// Whether nobody may write to it.
    pub read_only: bool,
    /// When it was read, if the system knows.
    pub accessed: Option<SystemTime>,
    /// When it was changed, if the system knows.
    pub modified: Option<SystemTime>,
    /// When it was made, if the system knows.
    pub created: Option<SystemTime>,
}

impl From<&Metadata> for FileMetadata {
    fn from(metadata: &Metadata) -> Self {
        let time = |time: io::Result<cap_std::time::SystemTime>| {
            time.ok().map(cap_std::time::SystemTime::into_std)
        };
        FileMetadata {
            file_type: metadata.file_type().into(),
            size: if metadata.is_file() {
                metadata.len()
            } else {
                0
            },
            read_only: metadata.permissions().readonly(),
            accessed: time(metadata.accessed()),
            modified: time(metadata.modified()),
            created: time(metadata.created()),
        }
    }
}

/// Which file it is, whatever its name.
#[derive(PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    number: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Identity {
            device: metadata.dev(),
            number: metadata.ino(),
        }
    }
}

impl Filesystem {
    /// What is known about what is at a path. Links are followed.
    pub fn get_metadata(&self, path: &str, allow: &dyn Allow) -> Result<FileMetadata, FileError> {
        let place = self.place(path, Last::Followed, &[Read], allow)?;
        place.found(path).map(FileMetadata::from)
    }

    /// What is known about what is at each of the paths.
    ///
    /// # Errors
    ///
    /// [`FileError::ResourceExhausted`] for too many paths, [`FileError::Interrupted`].
    /// Others are those of one path.
    pub fn batch_metadata(
        &self,
        paths: &[String],
        allow: &dyn Allow,
    ) -> Result<Vec<Result<FileMetadata, FileError>>, FileError> {
        self.fits(paths)?;
        let mut all = Vec::with_capacity(paths.len());
        for path in paths {
            if allow.interrupted() {
                return Err(FileError::Interrupted);
            }
            all.push(self.get_metadata(path, allow));
        }
        Ok(all)
    }

    /// Whether there is something at all of the paths; so it is if there are none.
    ///
    /// # Errors
    ///
    /// As [`Filesystem::any_exist`].
    pub fn all_exist(&self, paths: &[String], allow: &dyn Allow) -> Result<bool, FileError> {
        Ok(!self.one_is(paths, false, allow)?)
    }

    /// Whether there is something at one of the paths.
    ///
    /// # Errors
    ///
    /// [`FileError::ResourceExhausted`] for too many paths, [`FileError::Interrupted`].
    /// After the first path that decides, no more are looked at.
    pub fn any_exist(&self, paths: &[String], allow: &dyn Allow) -> Result<bool, FileError> {
        self.one_is(paths, true, allow)
    }

    fn one_is(&self, paths: &[String], there: bool, allow: &dyn Allow) -> Result<bool, FileError> {
        self.fits(paths)?;
        for path in paths {
            if allow.interrupted() {
                return Err(FileError::Interrupted);
            }
            if self.exists(path, allow)? == there {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn fits(&self, paths: &[String]) -> Result<(), FileError> {
        let most = self.limits().max_entries;
        if paths.len() <= most {
            return Ok(());
        }
        Err(FileError::ResourceExhausted {
            reason: format!(
                "{} paths are asked for at once, and {most} are the most; ask in parts",
                paths.len()
            ),
        })
    }

    /// Whether two paths are those of one file. Links are followed; two names of one
    /// file, which are hard links, are the same.
    pub fn same_file(&self, a: &str, b: &str, allow: &dyn Allow) -> Result<bool, FileError> {
        let first = self.place(a, Last::Followed, &[Read], allow)?;
        let second = self.place(b, Last::Followed, &[Read], allow)?;
        Ok(Identity::of(first.found(a)?) == Identity::of(second.found(b)?))
    }

    /// Sets when a file or directory was read and changed. What is not given stays. Links
    /// are followed.
    ///
    /// # Errors
    ///
    /// [`FileError::InvalidArgument`] for a time that the host's system cannot keep.
    pub fn set_times(
        &self,
        path: &str,
        accessed: Option<SystemTime>,
        modified: Option<SystemTime>,
        allow: &dyn Allow,
    ) -> Result<(), FileError> {
        let spec = |time: Option<SystemTime>| {
            time.map(|time| SystemTimeSpec::from(cap_std::time::SystemTime::from_std(time)))
        };
        self.at(path, Last::Followed, &[Write], allow, |place| {
            if place.access == Access::ReadOnly {
                return Err(FileError::read_only(path));
            }
            place.found(path)?;
            let (accessed, modified) = (spec(accessed), spec(modified));
            let done = match &place.name {
                // Nothing is opened for it, and so no pipe waits for its other end.
                Some(name) => place.dir.set_symlink_times(name, accessed, modified),
                None => place.dir.set_times(".", accessed, modified),
            };
            done.map_err(|error| FileError::from_io(path, &error))
        })
    }
}
