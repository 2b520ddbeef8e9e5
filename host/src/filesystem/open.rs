//! How files are opened.

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::OpenOptions;

use super::resolve::{Last, Place};
use super::{Access, Allow, File, FileError, Filesystem};
use crate::capability::FilesystemAction::{Read, Write};

/// How a file is opened that is to be written. Without any of it, it has to be there, and
/// is written from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenFlags {
    create: bool,
    create_new: bool,
    truncate: bool,
    append: bool,
}

impl OpenFlags {
    /// None of it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Make it, if it is not there.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Make it, and fail if it, or a link, is there.
    #[must_use]
    pub fn create_new(mut self, create_new: bool) -> Self {
        self.create_new = create_new;
        self
    }

    /// Remove what is in it.
    #[must_use]
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.truncate = truncate;
        self
    }

    /// Write at its end, wherever the position is.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }
}

/// For reading nothing but what is there.
pub(super) fn for_reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    options
}

impl Filesystem {
    /// Opens a file to read it.
    ///
    /// # Errors
    ///
    /// [`FileError::NotAFile`] if it is not a regular file.
    pub fn open_read(&self, path: &str, allow: &dyn Allow) -> Result<File, FileError> {
        self.at(path, Last::Followed, &[Read], allow, |place| {
            let file = open_regular(place, path, &for_reading(), false)?;
            Ok(File::new(file, path, &place.path, true, false))
        })
    }

    /// Opens a file to write to it.
    ///
    /// # Errors
    ///
    /// [`FileError::NotAFile`] if it is not a regular file, [`FileError::AlreadyExists`]
    /// if it has to be new.
    pub fn open_write(
        &self,
        path: &str,
        flags: OpenFlags,
        allow: &dyn Allow,
    ) -> Result<File, FileError> {
        self.open_to_write(path, flags, false, allow)
    }

    /// Opens a file to read it and to write to it.
    ///
    /// # Errors
    ///
    /// As [`Filesystem::open_write`].
    pub fn open_read_write(
        &self,
        path: &str,
        flags: OpenFlags,
        allow: &dyn Allow,
    ) -> Result<File, FileError> {
        self.open_to_write(path, flags, true, allow)
    }

    pub(super) fn open_to_write(
        &self,
        path: &str,
        flags: OpenFlags,
        read: bool,
        allow: &dyn Allow,
    ) -> Result<File, FileError> {
        let mut options = OpenOptions::new();
        options.read(read).write(true).append(flags.append);
        let create = flags.create || flags.create_new;
        if flags.create_new {
            options.create_new(true);
        } else {
            options.create(flags.create);
        }
        let last = if flags.create_new {
            Last::Kept
        } else {
            Last::Followed
        };
        let actions = if read { &[Read, Write][..] } else { &[Write] };
        self.at(path, last, actions, allow, |place| {
            if place.access == Access::ReadOnly {
                return Err(FileError::read_only(path));
            }
            if flags.create_new && place.found.is_some() {
                return Err(FileError::AlreadyExists {
                    path: path.to_owned(),
                });
            }
            let file = open_regular(place, path, &options, create)?;
            if flags.truncate {
                // Not while opening, when it is not yet known what is opened.
                let done = file.set_len(0);
                done.map_err(|error| FileError::from_io(path, &error))?;
            }
            Ok(File::new(file, path, &place.path, read, true))
        })
    }
}

/// Opens what is at a place, if it is a regular file or is made.
pub(super) fn open_regular(
    place: &Place,
    named: &str,
    options: &OpenOptions,
    create: bool,
) -> Result<cap_std::fs::File, FileError> {
    let not_a_file = || FileError::NotAFile {
        path: named.to_owned(),
    };
    let name = place.name.as_ref().ok_or_else(not_a_file)?;
    match &place.found {
        Some(found) if !found.is_file() => return Err(not_a_file()),
        None if !create => {
            return Err(FileError::NotFound {
                path: named.to_owned(),
            });
        }
        _ => {}
    }
    let mut options = options.clone();
    // What was found may have been replaced: by a link, or by a pipe, for whose other end
    // the system would wait.
    options.follow(FollowSymlinks::No).nonblock(true);
    let opened = place.dir.open_with(name, &options);
    let file = opened.map_err(|error| FileError::from_io(named, &error))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(file),
        Ok(_) => Err(not_a_file()),
        Err(error) => Err(FileError::from_io(named, &error)),
    }
}
