//! How much a component may use of what it was granted, counted by the host. A guest
//! cannot reach the counters.

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
    /// Bytes that are stored. They are used until they are released.
    StorageBytes,
    /// Bytes sent and received, in a day.
    NetworkBytes,
    /// Requests and connections, in a minute.
    NetworkRequests,
    /// Messages sent and published, in a minute.
    Messages,
}

impl QuotaKind {
    /// All of them.
    pub const ALL: [QuotaKind; 4] = [
        QuotaKind::StorageBytes,
        QuotaKind::NetworkBytes,
        QuotaKind::NetworkRequests,
        QuotaKind::Messages,
    ];

    /// The name, as in `storage-bytes`.
    pub const fn name(self) -> &'static str {
        match self {
            QuotaKind::StorageBytes => "storage-bytes",
            QuotaKind::NetworkBytes => "network-bytes",
            QuotaKind::NetworkRequests => "network-requests",
            QuotaKind::Messages => "messages",
        }
    }

    /// After how long the count starts again at 0; `None` where it never does. Windows
    /// follow each other without a gap from the [`Clock`](super::Clock)'s start on, the
    /// same for all components.
    pub const fn window(self) -> Option<Duration> {
        match self {
            QuotaKind::StorageBytes => None,
            QuotaKind::NetworkBytes => Some(DAY),
            QuotaKind::NetworkRequests | QuotaKind::Messages => Some(MINUTE),
        }
    }

    /// What the limit is, in words: `bytes per day`.
    const fn unit(self) -> &'static str {
        match self {
            QuotaKind::StorageBytes => "bytes",
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
    /// Bytes in the storage: keys and values. 100 MB (100,000,000) by default.
    pub storage_bytes: u64,
    /// Bytes over the network in a day. 1 GB (1,000,000,000) by default.
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
    /// The limit of that kind.
    pub const fn limit(&self, kind: QuotaKind) -> u64 {
        match kind {
            QuotaKind::StorageBytes => self.storage_bytes,
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
    /// When the count starts again; `None` where only releasing helps.
    pub resets_in: Option<Duration>,
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
             for; ",
            kind.unit()
        )?;
        match resets_in {
            Some(wait) => write!(f, "it starts again in {} s", wait.as_secs_f64().ceil()),
            None => write!(f, "remove something, or raise the quota"),
        }
    }
}

impl std::error::Error for QuotaExceeded {}
