//! What a store may use, and what it has used.

use std::time::Duration;

use crate::config::Interruption;
use crate::error::{Error, ErrorKind, Result};

/// What a store may use. Every field has a safe default; none is unlimited
/// unless it says so.
///
/// ```
/// use enginebay_core::Limits;
/// use std::time::Duration;
/// let limits = Limits::new().memory(64 << 20).deadline(Duration::from_millis(500));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Limits {
    /// Bytes of all linear memories, initial sizes included. Default: 256 MiB,
    /// enough for language runtimes and far from what hurts a server.
    pub memory: u64,
    /// Elements of all tables. Default: 1,000,000, of 8 to 16 bytes each;
    /// large programs have 10,000 to 100,000.
    pub table_elements: u64,
    /// Core instances, adapters between components included. Default: 1,000.
    pub instances: u64,
    /// Linear memories. Default: 100; each may reserve 4 GiB of addresses.
    pub memories: u64,
    /// Tables. Default: 1,000.
    pub tables: u64,
    /// Live handles to resources, of guests and host. Default: 100,000.
    pub handles: u64,
    /// Bytes that the guest may make the host allocate in one crossing of the
    /// boundary, for arguments of host functions and for results. Default:
    /// 128 MiB.
    pub host_bytes: u64,
    /// Fuel to start with; `None` leaves it to the deadline. Default: `None`.
    /// Needs [`Interruption::Fuel`].
    pub fuel: Option<u64>,
    /// Wall time for each call from the host, instantiation included. Default:
    /// 30 s: long for a call and short for an attack. `None` is no deadline.
    /// Needs [`Interruption::Deadline`] or [`Interruption::Fuel`].
    pub deadline: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new()
    }
}

impl Limits {
    /// The defaults.
    pub const fn new() -> Self {
        Limits {
            memory: 256 << 20,
            table_elements: 1_000_000,
            instances: 1_000,
            memories: 100,
            tables: 1_000,
            handles: 100_000,
            host_bytes: 128 << 20,
            fuel: None,
            deadline: Some(Duration::from_secs(30)),
        }
    }

    /// The defaults, less what an engine with this interruption cannot enforce:
    /// no deadline with [`Interruption::None`] and [`Interruption::FuelOnly`].
    pub const fn for_interruption(interruption: Interruption) -> Self {
        let mut limits = Limits::new();
        if !interruption.has_deadline() {
            limits.deadline = None;
        }
        limits
    }

    /// Sets the bytes of all linear memories.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the elements of all tables.
    #[must_use]
    pub fn table_elements(mut self, elements: u64) -> Self {
        self.table_elements = elements;
        self
    }

    /// Sets the number of core instances.
    #[must_use]
    pub fn instances(mut self, count: u64) -> Self {
        self.instances = count;
        self
    }

    /// Sets the number of linear memories.
    #[must_use]
    pub fn memories(mut self, count: u64) -> Self {
        self.memories = count;
        self
    }

    /// Sets the number of tables.
    #[must_use]
    pub fn tables(mut self, count: u64) -> Self {
        self.tables = count;
        self
    }

    /// Sets the number of live resource handles.
    #[must_use]
    pub fn handles(mut self, count: u64) -> Self {
        self.handles = count;
        self
    }

    /// Sets the bytes that a guest may make the host allocate at a time.
    #[must_use]
    pub fn host_bytes(mut self, bytes: u64) -> Self {
        self.host_bytes = bytes;
        self
    }

    /// Sets the fuel.
    #[must_use]
    pub fn fuel(mut self, fuel: impl Into<Option<u64>>) -> Self {
        self.fuel = fuel.into();
        self
    }

    /// Sets the wall time of each call; `None` is no deadline.
    #[must_use]
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Refuses what an engine with this interruption cannot enforce.
    pub(crate) fn check(&self, interruption: Interruption) -> Result<()> {
        let refuse = |field: &'static str, needs: &'static str| {
            Err(Error::unsupported(format!(
                "limits.{field} cannot be enforced: the engine's interruption is {interruption}, \
                 it needs {needs}"
            )))
        };
        if self.fuel.is_some() && !interruption.has_fuel() {
            return refuse("fuel", "fuel or fuel-only");
        }
        if self.deadline.is_some() && !interruption.has_deadline() {
            return refuse("deadline", "deadline or fuel");
        }
        if self.deadline == Some(Duration::ZERO) {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "limits.deadline is zero: no call could run",
            ));
        }
        Ok(())
    }
}

/// What a store, or one call, has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Usage {
    /// Bytes of all linear memories now.
    pub memory: u64,
    /// The most that [`Usage::memory`] has been.
    pub memory_peak: u64,
    /// Elements of all tables now.
    pub table_elements: u64,
    /// Growths of memories and tables that a limit refused.
    pub growth_refused: u64,
    /// Fuel consumed, where it is metered.
    pub fuel: Option<u64>,
    /// Calls of host functions.
    pub host_calls: u64,
    /// Wall time in calls from the host, where the engine looks at time: not
    /// with [`Interruption::None`].
    pub time: Option<Duration>,
}
