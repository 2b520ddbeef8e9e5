//! What is in directories.

use std::io;
use std::sync::Arc;

use cap_fs_ext::DirExt;
use cap_std::fs::Dir;

use super::mount::join;
use super::resolve::Last;
use super::{Allow, FileError, FileType, Filesystem, MAX_DEPTH, name};
use crate::capability::FilesystemAction::List;
use crate::pattern::{MAX_PATH, PathPattern};

/// What a directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The path, from the directory that was asked for.
    pub path: String,
    /// What it is.
    pub file_type: FileType,
}

/// What is looked for in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// A pattern of paths, from the directory on, as `**/*.txt`; all of them without one.
    /// It is that of a [`PathPattern`] without the slash at its beginning.
    pub pattern: Option<String>,
    /// What it is; anything without one.
    pub file_type: Option<FileType>,
    /// How many directories deep; 0 is what is in the directory itself.
    pub max_depth: u32,
}

impl Filesystem {
    /// What is in a directory, by name.
    ///
    /// # Errors
    ///
    /// [`FileError::ResourceExhausted`] if that is more than the [`Limits`](super::Limits)
    /// allow, [`FileError::Interrupted`].
    pub fn list_directory(
        &self,
        path: &str,
        allow: &dyn Allow,
    ) -> Result<Vec<DirectoryEntry>, FileError> {
        self.at(path, Last::Followed, &[List], allow, |place| {
            let dir = place.open_directory(path)?;
            let mut tree = Tree::new(self, path, allow);
            tree.visits_left = self.limits().max_entries;
            let entries = tree.entries(&dir, &place.path)?;
            let mut found = Found::new(self);
            for (name, file_type) in entries {
                found.push(name, file_type)?;
            }
            Ok(found.entries)
        })
    }

    /// What is in a directory and in those that are in it, by path. Directories that may
    /// not be listed are named, and not entered; neither are links.
    ///
    /// # Errors
    ///
    /// [`FileError::InvalidArgument`] for what is no pattern,
    /// [`FileError::ResourceExhausted`] if there is more than the
    /// [`Limits`](super::Limits) allow or it is deeper than [`MAX_DEPTH`],
    /// [`FileError::Interrupted`].
    pub fn find(
        &self,
        path: &str,
        query: &Query,
        allow: &dyn Allow,
    ) -> Result<Vec<DirectoryEntry>, FileError> {
        let pattern = query.pattern.as_deref().map(relative_pattern).transpose()?;
        self.at(path, Last::Followed, &[List], allow, |place| {
            let dir = place.open_directory(path)?;
            let mut found = Found::new(self);
            let mut tree = Tree::new(self, path, allow);
            let mut each = |_: &Dir, _: &str, relative: &str, file_type: FileType| {
                let wanted = query.file_type.is_none_or(|wanted| wanted == file_type)
                    && pattern
                        .as_ref()
                        .is_none_or(|pattern| pattern.matches(&format!("/{relative}")));
                if wanted {
                    found.push(relative.to_owned(), file_type)?;
                }
                Ok(())
            };
            tree.visit(dir, &place.path, "", query.max_depth, 0, &mut each)?;
            let mut entries = found.entries;
            entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
            Ok(entries)
        })
    }

    /// Bytes of all files in a directory and in those that are in it and may be listed.
    /// A file with two names there counts twice.
    ///
    /// # Errors
    ///
    /// [`FileError::ResourceExhausted`] if there is more than the
    /// [`Limits`](super::Limits) allow or it is deeper than [`MAX_DEPTH`],
    /// [`FileError::Interrupted`].
    pub fn directory_size(&self, path: &str, allow: &dyn Allow) -> Result<u64, FileError> {
        self.at(path, Last::Followed, &[List], allow, |place| {
            let dir = place.open_directory(path)?;
            let mut size = 0_u64;
            let mut each = |dir: &Dir, name: &str, _: &str, file_type: FileType| {
                if file_type == FileType::Regular {
                    match dir.symlink_metadata(name) {
                        Ok(found) if found.is_file() => size = size.saturating_add(found.len()),
                        Err(error) if error.kind() != io::ErrorKind::NotFound => {
                            return Err(FileError::from_io(path, &error));
                        }
                        // It went away, or became another.
                        _ => {}
                    }
                }
                Ok(())
            };
            let mut tree = Tree::new(self, path, allow);
            tree.visit(dir, &place.path, "", u32::MAX, 0, &mut each)?;
            Ok(size)
        })
    }
}

/// A pattern of paths from a directory on.
fn relative_pattern(text: &str) -> Result<PathPattern, FileError> {
    let invalid = |reason: String| FileError::InvalidArgument {
        reason: format!("that is no pattern of what is in a directory: {reason}"),
    };
    if text.is_empty() {
        return Err(invalid("it is empty; leave it out to find all".to_owned()));
    }
    PathPattern::new(&format!("/{text}")).map_err(|error| invalid(error.to_string()))
}

/// Entries, as many as are allowed.
struct Found {
    entries: Vec<DirectoryEntry>,
    entries_left: usize,
    bytes_left: usize,
}

impl Found {
    fn new(filesystem: &Filesystem) -> Self {
        Found {
            entries: Vec::new(),
            entries_left: filesystem.limits().max_entries,
            bytes_left: filesystem.limits().max_bytes,
        }
    }

    fn push(&mut self, path: String, file_type: FileType) -> Result<(), FileError> {
        let entries = self.entries_left.checked_sub(1);
        let bytes = self.bytes_left.checked_sub(path.len());
        let (Some(entries), Some(bytes)) = (entries, bytes) else {
            return Err(FileError::ResourceExhausted {
                reason: format!(
                    "there are more entries than the {} that are given at once; ask for less",
                    self.entries.len()
                ),
            });
        };
        (self.entries_left, self.bytes_left) = (entries, bytes);
        self.entries.push(DirectoryEntry { path, file_type });
        Ok(())
    }
}

/// What is done to each entry: its directory, its name there, its path from where it
/// began, and what it is.
type Each<'a> = dyn FnMut(&Dir, &str, &str, FileType) -> Result<(), FileError> + 'a;

/// A way through a directory and those that are in it.
pub(super) struct Tree<'a> {
    filesystem: &'a Filesystem,
    /// What the guest named; errors say this.
    named: &'a str,
    pub(super) allow: &'a dyn Allow,
    visits_left: usize,
}

impl<'a> Tree<'a> {
    pub(super) fn new(filesystem: &'a Filesystem, named: &'a str, allow: &'a dyn Allow) -> Self {
        Tree {
            filesystem,
            named,
            allow,
            visits_left: filesystem.limits().max_visited,
        }
    }

    /// The names that a guest can give in a directory, in their order.
    pub(super) fn entries(
        &mut self,
        dir: &Dir,
        path: &str,
    ) -> Result<Vec<(String, FileType)>, FileError> {
        let failed = |error: io::Error| FileError::from_io(self.named, &error);
        let mut entries = Vec::new();
        for entry in dir.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.visits_left =
                self.visits_left
                    .checked_sub(1)
                    .ok_or_else(|| FileError::ResourceExhausted {
                        reason: "there is more in the directory than is looked at in one call; \
                                 name one that is in it"
                            .to_owned(),
                    })?;
            if self.allow.interrupted() {
                return Err(FileError::Interrupted);
            }
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let inside = join(path, &name);
            if !name::can_be_given(&name) || inside.len() > MAX_PATH {
                continue;
            }
            if self.filesystem.mount_at(&inside).is_some() {
                entries.push((name, FileType::Directory));
                continue;
            }
            let file_type = match entry.file_type().map(FileType::from) {
                // Some file systems do not say it there.
                Ok(FileType::Other) => match dir.symlink_metadata(&name) {
                    Ok(found) => found.file_type().into(),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(failed(error)),
                },
                Ok(known) => known,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            entries.push((name, file_type));
        }
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    fn visit(
        &mut self,
        dir: Arc<Dir>,
        path: &str,
        relative: &str,
        max_depth: u32,
        depth: u32,
        each: &mut Each<'_>,
    ) -> Result<(), FileError> {
        for (name, file_type) in self.entries(&dir, path)? {
            let inside = join(path, &name);
            let below = if relative.is_empty() {
                name.clone()
            } else {
                format!("{relative}/{name}")
            };
            each(&dir, &name, &below, file_type)?;
            if file_type != FileType::Directory
                || depth >= max_depth
                || !self.allow.allows(List, &inside)
            {
                continue;
            }
            if depth >= MAX_DEPTH {
                return Err(self.too_deep());
            }
            if let Some(next) = self.enter(&dir, &name, &inside)? {
                self.visit(next, &inside, &below, max_depth, depth + 1, each)?;
            }
        }
        Ok(())
    }

    /// Opens a directory in another, or what is mounted there. There is none if it is
    /// another thing by now, or if the host does not let it be listed.
    fn enter(&self, dir: &Dir, name: &str, path: &str) -> Result<Option<Arc<Dir>>, FileError> {
        if let Some(mount) = self.filesystem.mount_at(path) {
            return Ok(Some(self.filesystem.mounts()[mount].dir.clone()));
        }
        let opened = dir.open_dir_nofollow(name).and_then(|opened| {
            // It is opened to be gone through, which needs another right.
            opened.entries().map(|_| opened)
        });
        match opened {
            Ok(opened) => Ok(Some(Arc::new(opened))),
            Err(error) => match FileError::from_io(self.named, &error) {
                error @ (FileError::ResourceExhausted { .. } | FileError::Io { .. }) => Err(error),
                _ => Ok(None),
            },
        }
    }

    pub(super) fn too_deep(&self) -> FileError {
        FileError::ResourceExhausted {
            reason: format!(
                "there are directories deeper than {MAX_DEPTH} in {:?}; name one that is in it",
                self.named
            ),
        }
    }
}
