//! Links that guests make and read.

use std::path::Component;

use cap_fs_ext::DirExt;

use super::mount::join;
use super::resolve::{Last, Place};
use super::{Access, Allow, FileError, Filesystem, name};
use crate::capability::FilesystemAction::{Read, Write};
use crate::pattern::{MAX_PATH, normalise};

impl Filesystem {
    /// Makes a link. Its target need not be there, and is checked when it is used, not
    /// now.
    ///
    /// The target is a guest's path in the same mount, or begins with a name or `..` and
    /// is then from the directory that has the link. It may have `..` only at its
    /// beginning, and no more than there are directories. On the host, the link is
    /// relative: it leads to the same file there, and never out of the mount.
    ///
    /// # Errors
    ///
    /// [`FileError::InvalidArgument`] for another target, [`FileError::AlreadyExists`] if
    /// there is something at `link`.
    pub fn create_symlink(
        &self,
        target: &str,
        link: &str,
        allow: &dyn Allow,
    ) -> Result<(), FileError> {
        self.at(link, Last::Kept, &[Write], allow, |place| {
            if place.found.is_some() {
                return Err(FileError::AlreadyExists {
                    path: link.to_owned(),
                });
            }
            let (dir, name) = place.entry(link)?;
            let target = self.target(target, place)?;
            let made = if cfg!(windows) && self.leads_to_directory(&target, place) {
                DirExt::symlink_dir(dir, &target, name)
            } else {
                DirExt::symlink_file(dir, &target, name)
            };
            made.map_err(|error| FileError::from_io(link, &error))
        })
    }

    /// Where a link leads to, as a guest's path. Its target need not be there, and may
    /// have links itself.
    ///
    /// # Errors
    ///
    /// [`FileError::InvalidArgument`] if there is something else than a link,
    /// [`FileError::PermissionDenied`] if it leads out of the mount,
    /// [`FileError::InvalidPath`] if it leads to what no path can say.
    pub fn read_symlink(&self, path: &str, allow: &dyn Allow) -> Result<String, FileError> {
        let place = self.place(path, Last::Kept, &[Read], allow)?;
        let not_a_link = || FileError::InvalidArgument {
            reason: format!("{path:?} is not a link"),
        };
        if !place.found(path)?.is_symlink() {
            return Err(not_a_link());
        }
        let name = place.name.as_ref().ok_or_else(not_a_link)?;
        let target = place.dir.read_link_contents(name);
        let target = target.map_err(|error| FileError::from_io(path, &error))?;
        let mut names = self.above(&place);
        let mut leading = true;
        for component in target.components() {
            let out = match component {
                Component::Prefix(_) | Component::RootDir => true,
                Component::CurDir => false,
                Component::ParentDir if leading => names.pop().is_none(),
                Component::ParentDir => {
                    return Err(FileError::invalid_path(
                        path,
                        "it leads to a target that has `..` after a name; ask for the \
                         canonical path",
                    ));
                }
                Component::Normal(name) => {
                    leading = false;
                    match name.to_str() {
                        Some(name) if name::can_be_given(name) => names.push(name),
                        _ => {
                            return Err(FileError::invalid_path(
                                path,
                                "it leads to a name that no path can have",
                            ));
                        }
                    }
                    false
                }
            };
            if out {
                return Err(FileError::PermissionDenied {
                    path: path.to_owned(),
                    reason: "the link leads out of what is mounted".to_owned(),
                });
            }
        }
        Ok(join(&self.mounts()[place.mount].point, &names.join("/")))
    }

    /// The names from the root of a place's mount to its directory.
    fn above<'a>(&self, place: &'a Place) -> Vec<&'a str> {
        let rest = self.mounts()[place.mount].rest(&place.path);
        let names = rest.unwrap_or_default().split('/');
        let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        names.pop();
        names
    }

    /// The relative target of a link at a place.
    fn target(&self, target: &str, place: &Place) -> Result<String, FileError> {
        let above = self.above(place);
        if target.starts_with('/') {
            let normal = normalise(target).map_err(|error| invalid(target, &error.to_string()))?;
            if self.mount_of(&normal) != Some(place.mount) {
                return Err(invalid(target, "it is in another mount than the link"));
            }
            let rest = self.mounts()[place.mount].rest(&normal).unwrap_or_default();
            let names: Vec<&str> = rest.split('/').filter(|name| !name.is_empty()).collect();
            if let Some(reason) = names.iter().copied().find_map(name::refusal) {
                return Err(invalid(target, reason));
            }
            let shared = above.iter().zip(&names).take_while(|(a, b)| a == b).count();
            let up = std::iter::repeat_n("..", above.len() - shared);
            let parts: Vec<&str> = up.chain(names[shared..].iter().copied()).collect();
            return Ok(if parts.is_empty() {
                ".".to_owned()
            } else {
                parts.join("/")
            });
        }
        if target.is_empty() || target.len() > MAX_PATH {
            return Err(invalid(target, "it has 1 to 4096 bytes"));
        }
        if target.contains(['\0', '\\']) {
            return Err(invalid(target, "it has no NUL and no backslash"));
        }
        let mut left = above.len();
        let mut leading = true;
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." if !leading => {
                    return Err(invalid(target, "it has `..` only at its beginning"));
                }
                ".." => {
                    left = left
                        .checked_sub(1)
                        .ok_or_else(|| invalid(target, "it would lead out of the mount"))?;
                }
                name => {
                    leading = false;
                    if let Some(reason) = name::refusal(name) {
                        return Err(invalid(target, reason));
                    }
                }
            }
        }
        Ok(target.to_owned())
    }

    /// Whether a link's target is a directory now, which Windows wants to know.
    fn leads_to_directory(&self, target: &str, place: &Place) -> bool {
        let mut names = self.above(place);
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    names.pop();
                }
                name => names.push(name),
            }
        }
        debug_assert_eq!(place.access, Access::ReadWrite);
        let path = join(&self.mounts()[place.mount].point, &names.join("/"));
        let nothing = |_, _: &str| true;
        let found = self.place(&path, Last::Followed, &[], &nothing);
        found.is_ok_and(|place| place.found.is_some_and(|found| found.is_dir()))
    }
}

fn invalid(target: &str, reason: &str) -> FileError {
    FileError::InvalidArgument {
        reason: match FileError::invalid_path(target, reason) {
            FileError::InvalidPath { path, reason } => {
                format!("the target {path:?} cannot be used: {reason}")
            }
            other => other.to_string(),
        },
    }
}
