//! Directories of the host, and where guests find them.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::{Filesystem, Limits, name};
use crate::pattern::{PathError, normalise};

/// What may be done in a mount, whatever is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// What is there can be read and listed.
    ReadOnly,
    /// It can be changed, too.
    ReadWrite,
}

/// A directory of the host at a guest's path.
pub(super) struct Mount {
    /// Normalised.
    pub(super) point: String,
    pub(super) dir: Arc<Dir>,
    pub(super) access: Access,
}

impl Mount {
    /// What comes after the mount in a normalised path, with no slash before it; `None`
    /// if the path is not in the mount.
    pub(super) fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.point == "/" {
            return path.strip_prefix('/');
        }
        let rest = path.strip_prefix(self.point.as_str())?;
        if rest.is_empty() {
            return Some(rest);
        }
        rest.strip_prefix('/')
    }
}

/// The path of a name in a directory, or of a path that continues it.
pub(super) fn join(directory: &str, name: &str) -> String {
    match (directory, name) {
        (_, "") => directory.to_owned(),
        ("/", _) => format!("/{name}"),
        _ => format!("{directory}/{name}"),
    }
}

/// Says what a [`Filesystem`] has in it. What fails is said by
/// [`build`](FilesystemBuilder::build).
#[derive(Clone, Debug, Default)]
#[must_use = "it does nothing until it is built"]
pub struct FilesystemBuilder {
    mounts: Vec<(String, PathBuf, Access)>,
    limits: Limits,
}

impl FilesystemBuilder {
    /// Mounts a directory of the host at a guest's path, which is absolute. A link that
    /// the directory itself is, or is below, is followed now and never again.
    pub fn mount(
        mut self,
        point: impl Into<String>,
        directory: impl Into<PathBuf>,
        access: Access,
    ) -> Self {
        self.mounts.push((point.into(), directory.into(), access));
        self
    }

    /// Sets how much one call may look at.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Opens the directories.
    ///
    /// # Errors
    ///
    /// [`MountError`]: the guest's path cannot be used or is taken, or the host's
    /// directory cannot be opened.
    pub fn build(self) -> Result<Filesystem, MountError> {
        let mut mounts: Vec<Mount> = Vec::with_capacity(self.mounts.len());
        for (point, directory, access) in self.mounts {
            let normal = match normalise(&point) {
                Ok(normal) => normal,
                Err(reason) => return Err(MountError::InvalidPath { point, reason }),
            };
            if let Some(reason) = normal.split('/').find_map(name::refusal) {
                return Err(MountError::InvalidName { point, reason });
            }
            if mounts.iter().any(|mount| mount.point == normal) {
                return Err(MountError::Taken { point: normal });
            }
            let dir = open(&directory).map_err(|source| MountError::Open {
                point: normal.clone(),
                directory,
                source: Arc::new(source),
            })?;
            mounts.push(Mount {
                point: normal,
                dir: Arc::new(dir),
                access,
            });
        }
        // The longest first: the first that fits is the nearest.
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.point.len()));
        Ok(Filesystem::new(mounts, self.limits))
    }
}

fn open(directory: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(directory, ambient_authority())
}

/// Why a directory was not mounted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MountError {
    /// The guest's path cannot be used.
    InvalidPath {
        /// The path.
        point: String,
        /// What is wrong with it.
        reason: PathError,
    },
    /// A name in the guest's path cannot be used on this host.
    InvalidName {
        /// The path.
        point: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something is mounted there already.
    Taken {
        /// The path.
        point: String,
    },
    /// The host's directory could not be opened.
    Open {
        /// The guest's path.
        point: String,
        /// The host's path.
        directory: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MountError::InvalidPath { point, reason } => write!(
                f,
                "nothing can be mounted at {point:?}: {reason}; write an absolute path, such as \
                 /data"
            ),
            MountError::InvalidName { point, reason } => {
                write!(f, "nothing can be mounted at {point:?}: {reason}")
            }
            MountError::Taken { point } => write!(
                f,
                "something is mounted at {point:?} already; give each mount a path of its own"
            ),
            MountError::Open {
                point,
                directory,
                source,
            } => write!(
                f,
                "{} cannot be mounted at {point:?}: {source}; give a directory that is there",
                directory.display()
            ),
        }
    }
}

impl Error for MountError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            MountError::InvalidPath { reason, .. } => Some(reason),
            MountError::Open { source, .. } => Some(source.as_ref()),
            MountError::InvalidName { .. } | MountError::Taken { .. } => None,
        }
    }
}
