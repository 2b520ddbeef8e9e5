//! How much a component may use of what it was granted, counted by the host. A guest
//! cannot reach the counters. Counted here is what passes; what is stored is counted where
//! it is, by the storage, and outlives the host there.

mod meter;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use meter::{Meter, QuotaReport, QuotaUsage};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum QuotaKind {
    /// Bytes sent and received, in a day. Whoever implements `enginebay:ext-network`
    /// charges these and the next; this crate does not implement it.
    NetworkBytes,
    /// Requests and connections, in a minute.
    NetworkRequests,
    /// Messages sent and published, in a minute.
    Messages,
}

impl QuotaKind {
    /// All of them.
    pub const ALL: [QuotaKind; 3] = [
        QuotaKind::NetworkBytes,
        QuotaKind::NetworkRequests,
        QuotaKind::Messages,
    ];

    /// The name, as in `network-bytes`.
    pub const fn name(self) -> &'static str {
        match self {
            QuotaKind::NetworkBytes => "network-bytes",
            QuotaKind::NetworkRequests => "network-requests",
            QuotaKind::Messages => "messages",
        }
    }

    /// After how long the count starts again at 0. Windows follow each other without a
    /// gap from the [`Clock`](super::Clock)'s start on, the same for all components.
    pub const fn window(self) -> Duration {
        match self {
            QuotaKind::NetworkBytes => DAY,
            QuotaKind::NetworkRequests | QuotaKind::Messages => MINUTE,
        }
    }

    /// What the limit is, in words: `bytes per day`.
    const fn unit(self) -> &'static str {
        match self {
            QuotaKind::NetworkBytes => "bytes a day",
            QuotaKind::NetworkRequests => "requests a minute",
            QuotaKind::Messages => "messages a minute",
        }
    }
}

impl fmt::Display for QuotaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The limits of one component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Quotas {
    /// Bytes in the storage: keys and values. 100 MB (100,000,000) by default. It becomes
    /// a limit of the [storage](crate::storage::StorageLimits), which counts; a [`Meter`]
    /// does not.
    pub storage_bytes: u64,
    /// Bytes over the network in a day. 1 GB (1,000,000,000) by default. As the next, it
    /// takes effect where a host offers `enginebay:ext-network`.
    pub network_bytes_per_day: u64,
    /// Requests over the network in a minute. 1,000 by default.
    pub network_requests_per_minute: u64,
    /// Messages in a minute. 1,000 by default.
    pub messages_per_minute: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas {
            storage_bytes: 100_000_000,
            network_bytes_per_day: 1_000_000_000,
            network_requests_per_minute: 1_000,
            messages_per_minute: 1_000,
        }
    }
}

impl Quotas {
    /// The limit of what a [`Meter`] counts.
    pub const fn limit(&self, kind: QuotaKind) -> u64 {
        match kind {
            QuotaKind::NetworkBytes => self.network_bytes_per_day,
            QuotaKind::NetworkRequests => self.network_requests_per_minute,
            QuotaKind::Messages => self.messages_per_minute,
        }
    }
}

/// More was asked for than is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaExceeded {
    /// Of what.
    pub kind: QuotaKind,
    /// The limit.
    pub limit: u64,
    /// What was used before. Nothing of the request was added.
    pub used: u64,
    /// What was asked for.
    pub requested: u64,
    /// When the count starts again.
    pub resets_in: Duration,
}

impl fmt::Display for QuotaExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QuotaExceeded {
            kind,
            limit,
            used,
            requested,
            resets_in,
        } = self;
        write!(
            f,
            "the quota `{kind}` is {limit} {}: {used} are used, and {requested} more were asked \
             for; it starts again in {} s",
            kind.unit(),
            resets_in.as_secs_f64().ceil()
        )
    }
}

impl std::error::Error for QuotaExceeded {}
