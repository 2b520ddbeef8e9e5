//! How much one call may look at.

/// How many directories deep the contents of one are looked at.
pub const MAX_DEPTH: u32 = 64;

/// How much one call may look at. What goes beyond it is
/// [`FileError::ResourceExhausted`](super::FileError::ResourceExhausted).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) max_entries: usize,
    pub(super) max_visited: usize,
    pub(super) max_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_entries: 10_000,
            max_visited: 100_000,
            max_bytes: 4 << 20,
        }
    }
}

impl Limits {
    /// 10,000 entries, 100,000 visited, 4 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// The most entries of a directory that is listed, of what is found, and of a list of
    /// paths.
    #[must_use]
    pub fn max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// The most entries that are looked at to find, measure or remove what is in a
    /// directory.
    #[must_use]
    pub fn max_visited(mut self, entries: usize) -> Self {
        self.max_visited = entries;
        self
    }

    /// The most bytes of all paths that are listed or found.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }
}
