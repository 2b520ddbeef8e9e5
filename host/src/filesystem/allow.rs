//! What asks whether an operation may go on.

use crate::capability::FilesystemAction;

/// What a method of [`Filesystem`](super::Filesystem) asks before it touches a path that
/// its caller has not named: where a link leads, and what is in a directory.
///
/// Whoever calls the method has checked the paths that it names. A closure
/// `|action, path| ...` is one.
///
/// ```
/// use enginebay_host::capability::FilesystemAction;
/// use enginebay_host::filesystem::Allow;
/// let allow = |action, path: &str| action == FilesystemAction::Read && path == "/data/a";
/// assert!(allow.allows(FilesystemAction::Read, "/data/a"));
/// ```
pub trait Allow {
    /// Whether this may be done to a path, which is normalised and has no links.
    fn allows(&self, action: FilesystemAction, path: &str) -> bool;

    /// Whether to stop. It is asked between two pieces of a copy and two entries of a
    /// directory.
    fn interrupted(&self) -> bool {
        false
    }
}

impl<F: Fn(FilesystemAction, &str) -> bool> Allow for F {
    fn allows(&self, action: FilesystemAction, path: &str) -> bool {
        self(action, path)
    }
}
