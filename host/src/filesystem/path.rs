//! What is done to one path, or from one to another.

use std::io::{Read as _, Write as _};

use cap_fs_ext::DirExt;

use super::metadata::Identity;
use super::open::{OpenFlags, open_regular};
use super::resolve::Last;
use super::{Access, Allow, FileError, Filesystem, MAX_CHUNK};
use crate::capability::FilesystemAction::{Delete, Read, Write};

impl Filesystem {
    /// Removes a file, or a link; also a pipe, a socket or a device's node.
    ///
    /// # Errors
    ///
    /// [`FileError::NotAFile`] for a directory.
    pub fn delete_file(&self, path: &str, allow: &dyn Allow) -> Result<(), FileError> {
        self.at(path, Last::Kept, &[Delete], allow, |place| {
            if place.found(path)?.is_dir() {
                return Err(FileError::NotAFile {
                    path: path.to_owned(),
                });
            }
            let (dir, name) = place.entry(path)?;
            let removed = dir.remove_file_or_symlink(name);
            removed.map_err(|error| FileError::from_io(path, &error))
        })
    }

    /// Makes a directory, in one that is there.
    ///
    /// # Errors
    ///
    /// [`FileError::AlreadyExists`] if there is something, also a link.
    pub fn create_directory(&self, path: &str, allow: &dyn Allow) -> Result<(), FileError> {
        self.at(path, Last::Kept, &[Write], allow, |place| {
            if place.found.is_some() {
                return Err(FileError::AlreadyExists {
                    path: path.to_owned(),
                });
            }
            let (dir, name) = place.entry(path)?;
            let made = dir.create_dir(name);
            made.map_err(|error| FileError::from_io(path, &error))
        })
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    ///
    /// [`FileError::DirectoryNotEmpty`], [`FileError::NotADirectory`] also for a link to
    /// one, [`FileError::PermissionDenied`] if something is mounted there or below.
    pub fn remove_directory(&self, path: &str, allow: &dyn Allow) -> Result<(), FileError> {
        self.at(path, Last::Kept, &[Delete], allow, |place| {
            let (dir, name) = self.removable(place, path)?;
            let removed = dir.remove_dir(name);
            removed.map_err(|error| FileError::from_io(path, &error))
        })
    }

    /// Gives a file another path, in the same mount; a file or link that is there is
    /// replaced. Links and directories keep theirs: a link would lead elsewhere from
    /// another place.
    ///
    /// # Errors
    ///
    /// [`FileError::NotAFile`] if either path has something else than a file,
    /// [`FileError::InvalidArgument`] if the paths are in two mounts or on two disks.
    pub fn rename(&self, from: &str, to: &str, allow: &dyn Allow) -> Result<(), FileError> {
        let source = self.place(from, Last::Kept, &[Read, Delete], allow)?;
        let target = self.place(to, Last::Kept, &[Write], allow)?;
        if !source.found(from)?.is_file() {
            return Err(FileError::NotAFile {
                path: from.to_owned(),
            });
        }
        if target.found.as_ref().is_some_and(|found| found.is_dir()) {
            return Err(FileError::NotAFile {
                path: to.to_owned(),
            });
        }
        let (from_dir, from_name) = source.entry(from)?;
        let (to_dir, to_name) = target.entry(to)?;
        if source.mount != target.mount {
            return Err(FileError::InvalidArgument {
                reason: format!(
                    "{from:?} and {to:?} are in different mounts; copy the file and delete it"
                ),
            });
        }
        let renamed = from_dir.rename(from_name, to_dir, to_name);
        renamed.map_err(|error| FileError::from_io(from, &error))
    }

    /// Writes what is in a file to another, which is made if it is not there and loses
    /// what it had. Gives the number of bytes, which is at most the length when it
    /// begins. When it fails or is interrupted, some of it is written. The two may be in
    /// different mounts.
    ///
    /// # Errors
    ///
    /// [`FileError::NotAFile`] if either is not a regular file,
    /// [`FileError::InvalidArgument`] if they are the same,
    /// [`FileError::ResourceExhausted`] if there is no room, [`FileError::Interrupted`].
    pub fn copy(&self, from: &str, to: &str, allow: &dyn Allow) -> Result<u64, FileError> {
        let source = self.open_read(from, allow)?;
        let target = self.open_to_write(to, OpenFlags::new().create(true), false, allow)?;
        let metadata = source.done(source.inner().metadata())?;
        let over = target.done(target.inner().metadata())?;
        if Identity::of(&metadata) == Identity::of(&over) {
            return Err(FileError::InvalidArgument {
                reason: format!("{from:?} and {to:?} are the same file; name another to copy to"),
            });
        }
        target.done(target.inner().set_len(0))?;
        let mut left = metadata.len();
        let mut chunk = vec![0; left.min(u64::from(MAX_CHUNK)) as usize];
        while left > 0 {
            if allow.interrupted() {
                return Err(FileError::Interrupted);
            }
            let most = left.min(chunk.len() as u64) as usize;
            let got = match source.inner().read(&mut chunk[..most]) {
                Ok(0) => break,
                Ok(got) => got,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return source.done(Err(error)),
            };
            target.done(target.inner().write_all(&chunk[..got]))?;
            left -= got as u64;
        }
        Ok(metadata.len() - left)
    }

    /// Whether there is something at a path. Links are followed: there is nothing at one
    /// that leads nowhere.
    pub fn exists(&self, path: &str, allow: &dyn Allow) -> Result<bool, FileError> {
        match self.place(path, Last::Followed, &[Read], allow) {
            Ok(place) => Ok(place.found.is_some()),
            Err(FileError::NotFound { .. } | FileError::NotADirectory { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets whether nobody may write to a file. On Unix, the owner may again when it is
    /// taken back.
    ///
    /// # Errors
    ///
    /// [`FileError::NotAFile`] if it is not a regular file.
    pub fn set_read_only(
        &self,
        path: &str,
        read_only: bool,
        allow: &dyn Allow,
    ) -> Result<(), FileError> {
        self.at(path, Last::Followed, &[Write], allow, |place| {
            if place.access == Access::ReadOnly {
                return Err(FileError::read_only(path));
            }
            let file = open_regular(place, path, &for_attributes(), false)?.into_std();
            let done = file.metadata().and_then(|metadata| {
                file.set_permissions(with_read_only(metadata.permissions(), read_only))
            });
            done.map_err(|error| FileError::from_io(path, &error))
        })
    }

    /// The path without links of what is there.
    pub fn canonical_path(&self, path: &str, allow: &dyn Allow) -> Result<String, FileError> {
        let place = self.place(path, Last::Followed, &[Read], allow)?;
        place.found(path)?;
        Ok(place.path)
    }
}

#[cfg(not(windows))]
fn for_attributes() -> cap_std::fs::OpenOptions {
    super::open::for_reading()
}

/// On Windows, a file that is read-only cannot be opened for writing.
#[cfg(windows)]
fn for_attributes() -> cap_std::fs::OpenOptions {
    use cap_std::fs::OpenOptionsExt;
    const FILE_READ_ATTRIBUTES: u32 = 0x80;
    const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
    let mut options = super::open::for_reading();
    options.access_mode(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES);
    options
}

#[cfg(unix)]
fn with_read_only(permissions: std::fs::Permissions, read_only: bool) -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    const OWNER: u32 = 0o200;
    const ANYBODY: u32 = 0o222;
    let mode = permissions.mode();
    let mode = if read_only {
        mode & !ANYBODY
    } else {
        mode | OWNER
    };
    std::fs::Permissions::from_mode(mode)
}

#[cfg(not(unix))]
fn with_read_only(mut permissions: std::fs::Permissions, read_only: bool) -> std::fs::Permissions {
    permissions.set_readonly(read_only);
    permissions
}
