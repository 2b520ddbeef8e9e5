//! Removing directories.

use cap_fs_ext::DirExt;
use cap_std::fs::Dir;

use super::directory::Tree;
use super::mount::join;
use super::resolve::{Last, Place};
use super::{Allow, FileError, FileType, Filesystem, MAX_DEPTH};
use crate::capability::FilesystemAction::Delete;

impl Filesystem {
    /// Removes a directory and all that is in it, each of which has to be allowed. Links
    /// are removed, and what they lead to stays. When it fails or is interrupted, what
    /// was removed before is gone.
    ///
    /// # Errors
    ///
    /// [`FileError::Denied`] for something in it, [`FileError::DirectoryNotEmpty`] if it
    /// has a name that no guest can give, [`FileError::NotADirectory`] also for a link to
    /// one, [`FileError::PermissionDenied`] if something is mounted there or below,
    /// [`FileError::ResourceExhausted`] if there is more than the
    /// [`Limits`](super::Limits) allow, [`FileError::Interrupted`].
    pub fn remove_directory_recursive(
        &self,
        path: &str,
        allow: &dyn Allow,
    ) -> Result<(), FileError> {
        self.at(path, Last::Kept, &[Delete], allow, |place| {
            let (dir, name) = self.removable(place, path)?;
            let opened = dir.open_dir_nofollow(name);
            let opened = opened.map_err(|error| FileError::from_io(path, &error))?;
            let mut tree = Tree::new(self, path, allow);
            empty(&mut tree, &opened, &place.path, 0)?;
            drop(opened);
            let removed = dir.remove_dir(name);
            removed.map_err(|error| FileError::from_io(path, &error))
        })
    }

    /// The directory and name of a directory that can be removed.
    pub(super) fn removable<'a>(
        &self,
        place: &'a Place,
        named: &str,
    ) -> Result<(&'a Dir, &'a str), FileError> {
        if !place.found(named)?.is_dir() {
            return Err(FileError::NotADirectory {
                path: named.to_owned(),
            });
        }
        let inside = format!("{}/", place.path);
        let mut mounts = self.mounts().iter();
        if mounts.any(|mount| mount.point.starts_with(&inside)) {
            return Err(FileError::PermissionDenied {
                path: named.to_owned(),
                reason: "something is mounted below it".to_owned(),
            });
        }
        place.entry(named)
    }
}

/// Removes what is in a directory.
fn empty(tree: &mut Tree<'_>, dir: &Dir, path: &str, depth: u32) -> Result<(), FileError> {
    if depth > MAX_DEPTH {
        return Err(tree.too_deep());
    }
    for (name, file_type) in tree.entries(dir, path)? {
        let inside = join(path, &name);
        if tree.allow.interrupted() {
            return Err(FileError::Interrupted);
        }
        if !tree.allow.allows(Delete, &inside) {
            return Err(FileError::Denied {
                action: Delete,
                path: inside,
            });
        }
        let failed = |error| FileError::from_io(&inside, &error);
        if file_type == FileType::Directory {
            // If it is a link by now, it is not followed, and that is an error.
            let opened = dir.open_dir_nofollow(&name).map_err(failed)?;
            empty(tree, &opened, &inside, depth + 1)?;
            drop(opened);
            dir.remove_dir(&name).map_err(failed)?;
        } else {
            dir.remove_file_or_symlink(&name).map_err(failed)?;
        }
    }
    Ok(())
}
