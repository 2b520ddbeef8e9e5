//! From a guest's path to a directory that is open and a name in it.
//!
//! A path is walked name by name. Each directory is opened from the one before it, by
//! its name, without following a link; where a link is found, its target is walked in its
//! place. So the path that is checked is the path that was walked, and what is done next
//! is done to a name in a directory that is held open: a link that appears there in the
//! meantime is not followed, and the walk begins again. Two directories are open at a
//! time, however deep the path is.

use std::io;
use std::path::Component;
use std::sync::Arc;

use cap_fs_ext::DirExt;
use cap_std::fs::{Dir, Metadata};

use super::mount::{Access, join};
use super::{Allow, FileError, Filesystem, name};
use crate::capability::FilesystemAction;
use crate::pattern::{MAX_PATH, is_normal};

/// The most links that lead from a path to what it names.
const MAX_LINKS: u32 = 40;

/// The most directories that are opened for one path.
const MAX_STEPS: u32 = 8192;

/// How often a walk is begun again because what it found was replaced by a link.
const MAX_ATTEMPTS: u32 = 32;

/// What becomes of a link that is the last name of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// Its target is meant.
    Followed,
    /// It is meant itself.
    Kept,
}

/// Where a path leads.
pub(super) struct Place {
    /// The guest's path of it, without links, apart from the last name if that is kept.
    pub(super) path: String,
    /// Which mount it is in.
    pub(super) mount: usize,
    /// What may be done in the mount.
    pub(super) access: Access,
    /// The directory that has it.
    pub(super) dir: Arc<Dir>,
    /// Its name there; without one it is the directory. If the last name is kept, that is
    /// so only for the root of a mount.
    pub(super) name: Option<String>,
    /// What was found; nothing was without it. It is no link unless links are kept.
    pub(super) found: Option<Metadata>,
}

impl Place {
    /// Its directory and name, for what can be created or removed.
    pub(super) fn entry(&self, named: &str) -> Result<(&Dir, &str), FileError> {
        if self.access == Access::ReadOnly {
            return Err(FileError::read_only(named));
        }
        match &self.name {
            Some(name) => Ok((&self.dir, name)),
            None => Err(FileError::PermissionDenied {
                path: named.to_owned(),
                reason: "something is mounted there".to_owned(),
            }),
        }
    }

    /// What was found, or that nothing was.
    pub(super) fn found(&self, named: &str) -> Result<&Metadata, FileError> {
        self.found.as_ref().ok_or_else(|| FileError::NotFound {
            path: named.to_owned(),
        })
    }

    /// Opens the directory that it is.
    pub(super) fn open_directory(&self, named: &str) -> Result<Arc<Dir>, FileError> {
        let Some(name) = &self.name else {
            return Ok(self.dir.clone());
        };
        if !self.found(named)?.is_dir() {
            return Err(FileError::NotADirectory {
                path: named.to_owned(),
            });
        }
        match self.dir.open_dir_nofollow(name) {
            Ok(dir) => Ok(Arc::new(dir)),
            Err(error) => Err(FileError::from_io(named, &error)),
        }
    }

    /// Whether a link has come to where there was none.
    fn is_link_now(&self) -> bool {
        let name = self.name.as_ref();
        let now = name.map(|name| self.dir.symlink_metadata(name));
        matches!(now, Some(Ok(now)) if now.is_symlink())
    }
}

impl Filesystem {
    /// Does something to where a path leads. If that is elsewhere than the path says,
    /// the actions have to be allowed there.
    pub(super) fn at<T>(
        &self,
        path: &str,
        last: Last,
        actions: &[FilesystemAction],
        allow: &dyn Allow,
        mut operation: impl FnMut(&Place) -> Result<T, FileError>,
    ) -> Result<T, FileError> {
        let mut attempt = 1;
        loop {
            let place = self.place(path, last, actions, allow)?;
            let done = operation(&place);
            let raced = matches!(
                done,
                Err(FileError::TooManySymlinks { .. }
                    | FileError::NotADirectory { .. }
                    | FileError::NotAFile { .. }
                    | FileError::NotFound { .. })
            ) && last == Last::Followed
                && place.is_link_now();
            if !raced || attempt == MAX_ATTEMPTS {
                return done;
            }
            attempt += 1;
        }
    }

    /// Where a path leads; see [`Filesystem::at`].
    pub(super) fn place(
        &self,
        path: &str,
        last: Last,
        actions: &[FilesystemAction],
        allow: &dyn Allow,
    ) -> Result<Place, FileError> {
        let mut walk = Walk::new(self, path)?;
        let found = walk.run(last);
        let reached = match &found {
            Ok(place) => place.path.clone(),
            Err(_) => walk.headed_for(),
        };
        // Also where nothing is: of what is not allowed, nobody learns whether it is
        // there.
        if reached != path {
            for &action in actions {
                if !allow.allows(action, &reached) {
                    return Err(FileError::Denied {
                        action,
                        path: reached,
                    });
                }
            }
            if reached.len() > MAX_PATH {
                return Err(FileError::NameTooLong {
                    path: path.to_owned(),
                });
            }
        }
        found
    }

    /// The mount that a normalised path is in: the longest of those that it begins with.
    pub(super) fn mount_of(&self, path: &str) -> Option<usize> {
        let mut mounts = self.mounts().iter();
        mounts.position(|mount| mount.rest(path).is_some())
    }

    /// The mount that is at a name in a directory.
    fn mount_in(&self, directory: &str, name: &str) -> Option<usize> {
        let at = |point: &str| {
            let rest = match directory {
                "/" => Some(point),
                _ => point.strip_prefix(directory),
            };
            rest.and_then(|rest| rest.strip_prefix('/')) == Some(name)
        };
        self.mounts().iter().position(|mount| at(&mount.point))
    }

    /// The mount that is at a path.
    pub(super) fn mount_at(&self, path: &str) -> Option<usize> {
        self.mounts().iter().position(|mount| mount.point == path)
    }
}

/// What is still to be walked.
#[derive(Debug)]
enum Part {
    Name(String),
    /// `..`, which only links have.
    Up,
}

/// A walk along a path.
struct Walk<'a> {
    filesystem: &'a Filesystem,
    /// What the guest named; errors say this.
    named: &'a str,
    mount: usize,
    /// The guest's path of the directory.
    here: String,
    /// How many names of it come after the mount.
    depth: usize,
    dir: Arc<Dir>,
    /// What comes next is last.
    todo: Vec<Part>,
    links: u32,
    steps: u32,
}

impl<'a> Walk<'a> {
    fn new(filesystem: &'a Filesystem, named: &'a str) -> Result<Self, FileError> {
        if !is_normal(named) {
            return Err(FileError::invalid_path(
                named,
                "a path is absolute and normalised: no `..`, no empty name, no backslash, no \
                 NUL, at most 4096 bytes",
            ));
        }
        let names = named.split('/').filter(|name| !name.is_empty());
        if let Some(reason) = names.clone().find_map(name::refusal) {
            return Err(FileError::invalid_path(named, reason));
        }
        let Some(mount) = filesystem.mount_of(named) else {
            return Err(FileError::NotFound {
                path: named.to_owned(),
            });
        };
        let root = &filesystem.mounts()[mount];
        let rest = root.rest(named).unwrap_or_default();
        let names = rest.split('/').filter(|name| !name.is_empty());
        Ok(Walk {
            filesystem,
            named,
            mount,
            here: root.point.clone(),
            depth: 0,
            dir: root.dir.clone(),
            todo: names
                .rev()
                .map(|name| Part::Name(name.to_owned()))
                .collect(),
            links: 0,
            steps: 0,
        })
    }

    /// Where the walk would end if there were no more links.
    fn headed_for(&self) -> String {
        let root = &self.filesystem.mounts()[self.mount];
        let done = root.rest(&self.here).unwrap_or_default();
        let mut names: Vec<&str> = done.split('/').filter(|name| !name.is_empty()).collect();
        for part in self.todo.iter().rev() {
            match part {
                Part::Name(name) => names.push(name),
                Part::Up => {
                    names.pop();
                }
            }
        }
        join(&root.point, &names.join("/"))
    }

    /// Goes to the root of a mount.
    fn go_to(&mut self, mount: usize) {
        let root = &self.filesystem.mounts()[mount];
        self.mount = mount;
        self.here.clone_from(&root.point);
        self.depth = 0;
        self.dir = root.dir.clone();
    }

    fn run(&mut self, last: Last) -> Result<Place, FileError> {
        while let Some(part) = self.todo.pop() {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Err(self.too_many_links());
            }
            let name = match part {
                Part::Up => {
                    self.up()?;
                    continue;
                }
                Part::Name(name) => name,
            };
            if let Some(mount) = self.filesystem.mount_in(&self.here, &name) {
                self.go_to(mount);
                continue;
            }
            if !self.todo.is_empty() {
                if let Err(error) = self.enter(&name) {
                    self.todo.push(Part::Name(name));
                    return Err(error);
                }
                continue;
            }
            let found = match self.dir.symlink_metadata(&name) {
                Ok(found) => Some(found),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => {
                    self.todo.push(Part::Name(name));
                    return Err(FileError::from_io(self.named, &error));
                }
            };
            if last == Last::Followed && found.as_ref().is_some_and(Metadata::is_symlink) {
                if let Err(error) = self.follow(&name) {
                    self.todo.push(Part::Name(name));
                    return Err(error);
                }
                continue;
            }
            let path = join(&self.here, &name);
            return Ok(self.arrived(path, Some(name), found));
        }
        let path = self.here.clone();
        let found = match self.dir.dir_metadata() {
            Ok(found) => found,
            Err(error) => return Err(FileError::from_io(self.named, &error)),
        };
        Ok(self.arrived(path, None, Some(found)))
    }

    fn arrived(&self, path: String, name: Option<String>, found: Option<Metadata>) -> Place {
        Place {
            path,
            mount: self.mount,
            access: self.filesystem.mounts()[self.mount].access,
            dir: self.dir.clone(),
            name,
            found,
        }
    }

    /// Goes into a directory, or where a link leads.
    fn enter(&mut self, name: &str) -> Result<(), FileError> {
        let error = match self.dir.open_dir_nofollow(name) {
            Ok(dir) => {
                self.dir = Arc::new(dir);
                if self.here != "/" {
                    self.here.push('/');
                }
                self.here.push_str(name);
                self.depth += 1;
                return Ok(());
            }
            Err(error) => error,
        };
        match self.dir.symlink_metadata(name) {
            Ok(found) if found.is_symlink() => self.follow(name),
            Ok(found) if !found.is_dir() => Err(FileError::NotADirectory {
                path: self.named.to_owned(),
            }),
            Ok(_) => match FileError::from_io(self.named, &error) {
                // It was a link a moment ago.
                FileError::NotADirectory { .. } | FileError::TooManySymlinks { .. } => {
                    self.todo.push(Part::Name(name.to_owned()));
                    Ok(())
                }
                error => Err(error),
            },
            Err(error) => Err(FileError::from_io(self.named, &error)),
        }
    }

    /// Walks from the root of the mount to the directory above. The directories on the
    /// way are opened anew: to keep them open would take as many as the path is deep.
    fn up(&mut self) -> Result<(), FileError> {
        let mut levels = 1;
        while matches!(self.todo.last(), Some(Part::Up)) {
            self.todo.pop();
            levels += 1;
        }
        let Some(left) = self.depth.checked_sub(levels) else {
            return Err(self.leads_out());
        };
        let root = &self.filesystem.mounts()[self.mount];
        let done = root.rest(&self.here).unwrap_or_default();
        let names: Vec<&str> = done.split('/').take(left).collect();
        let above = names.into_iter().rev();
        self.todo
            .extend(above.map(|name| Part::Name(name.to_owned())));
        self.go_to(self.mount);
        Ok(())
    }

    /// Puts a link's target in its place.
    fn follow(&mut self, name: &str) -> Result<(), FileError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(self.too_many_links());
        }
        let target = match self.dir.read_link_contents(name) {
            Ok(target) => target,
            // It is no link any more.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.todo.push(Part::Name(name.to_owned()));
                return Ok(());
            }
            Err(error) => return Err(FileError::from_io(self.named, &error)),
        };
        let mut parts = Vec::new();
        for component in target.components() {
            match component {
                Component::Prefix(_) | Component::RootDir => return Err(self.leads_out()),
                Component::CurDir => {}
                Component::ParentDir => parts.push(Part::Up),
                Component::Normal(name) => match name.to_str() {
                    Some(name) if name::can_be_given(name) => {
                        parts.push(Part::Name(name.to_owned()));
                    }
                    _ => {
                        return Err(FileError::PermissionDenied {
                            path: self.named.to_owned(),
                            reason: "a link leads to a name that no path can have".to_owned(),
                        });
                    }
                },
            }
        }
        self.todo.extend(parts.into_iter().rev());
        Ok(())
    }

    fn leads_out(&self) -> FileError {
        FileError::PermissionDenied {
            path: self.named.to_owned(),
            reason: "a link leads out of what is mounted".to_owned(),
        }
    }

    fn too_many_links(&self) -> FileError {
        FileError::TooManySymlinks {
            path: self.named.to_owned(),
        }
    }
}
