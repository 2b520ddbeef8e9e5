//! What manifests may ask for.

use std::ops::RangeInclusive;
use std::time::Duration;

use enginebay_core::Limits;

/// What manifests may ask for of the machine. The embedder's: no manifest widens it.
///
/// By default memory is 512 KiB to 4 MiB and a call takes up to five minutes, fuel is what
/// a manifest wants, and of all else no more is given than the defaults of [`Limits`].
///
/// ```
/// use enginebay_host::manifest::ResourcePolicy;
/// let policy = ResourcePolicy::new().memory(64 << 10..=256 << 20);
/// assert_eq!(*policy.memory_range().end(), 256 << 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePolicy {
    least_memory: u64,
    most: Limits,
}

impl Default for ResourcePolicy {
    fn default() -> Self {
        ResourcePolicy::new()
    }
}

impl ResourcePolicy {
    /// The defaults.
    pub fn new() -> Self {
        let most = Limits::new().memory(4 << 20);
        ResourcePolicy {
            least_memory: 512 << 10,
            most: most.deadline(Duration::from_secs(300)),
        }
    }

    /// Sets the bytes of memory that manifests may ask for.
    #[must_use]
    pub fn memory(mut self, bytes: RangeInclusive<u64>) -> Self {
        self.least_memory = *bytes.start();
        self.most.memory = *bytes.end();
        self
    }

    /// Sets the most that manifests may ask for, of memory too. A deadline or fuel of
    /// `None` is no bound: then a manifest may also ask for no deadline.
    #[must_use]
    pub fn most(mut self, limits: Limits) -> Self {
        self.most = limits;
        self
    }

    /// The bytes of memory that manifests may ask for.
    pub fn memory_range(&self) -> RangeInclusive<u64> {
        self.least_memory..=self.most.memory
    }

    /// The most that manifests may ask for.
    pub fn limits(&self) -> &Limits {
        &self.most
    }
}
