//! Hosts with ports.

use std::fmt;
use std::str::FromStr;

use super::error::{self, PatternError, PatternKind};
use super::{HostPattern, text_pattern};

/// Ports from one to another, both included. Port 0 is never one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// All ports: 1 to 65535.
    pub const ALL: Ports = Ports {
        first: 1,
        last: u16::MAX,
    };

    /// From `first` to `last`; `None` if there are none, or if 0 would be one.
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        match first != 0 && first <= last {
            true => Some(Ports { first, last }),
            false => None,
        }
    }

    /// The first port.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Whether a port is one of them.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

/// As `443`, `8000-8100` or `*`.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Ports::ALL => f.write_str("*"),
            Ports { first, last } if first == last => write!(f, "{first}"),
            Ports { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl FromStr for Ports {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Ports::ALL);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let ports = match (port(first), port(last)) {
            (Some(first), Some(last)) => Ports::new(first, last),
            _ => None,
        };
        ports.ok_or_else(|| {
            PatternError::malformed(
                PatternKind::Endpoint,
                text,
                "ports are 1 to 65535: write `443`, `8000-8100` with the smaller first, or `*`",
            )
        })
    }
}

/// Digits alone: no sign, no zero before others.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// A pattern of hosts and their ports: `*.example.com:443`, `example.com:8000-8100`,
/// `[::1]:80`, `localhost:*`. The ports must be said, and an IPv6 address has brackets.
///
/// ```
/// use enginebay_host::pattern::Endpoint;
/// let endpoint = Endpoint::new("*.example.com:443").unwrap();
/// assert!(endpoint.matches("www.example.com", 443));
/// assert!(!endpoint.matches("www.example.com", 80));
/// ```
#[derive(Clone)]
pub struct Endpoint {
    text: String,
    host: HostPattern,
    ports: Ports,
}

text_pattern!(
    Endpoint,
    "A host and its ports: `example.com:443`, `*.example.com:8000-8100`, `[::1]:80`, `localhost:*`.",
    "*.example.com:443"
);

impl Endpoint {
    /// The endpoint that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let kind = PatternKind::Endpoint;
        error::check(kind, text)?;
        let malformed = |reason| PatternError::malformed(kind, text, reason);
        if text.contains('/') {
            return Err(malformed(
                "it has neither a scheme nor a path: write `example.com:443`",
            ));
        }
        let missing = "the port is missing: write `example.com:443`, or `example.com:*` for all";
        let (host, ports) = text.rsplit_once(':').ok_or_else(|| malformed(missing))?;
        if text.ends_with(']') {
            return Err(malformed(missing));
        }
        if host.contains(':') && !host.starts_with('[') {
            return Err(malformed(
                "an IPv6 address has brackets before its port: write `[::1]:80`",
            ));
        }
        Ok(Self::from_parts(HostPattern::new(host)?, ports.parse()?))
    }

    /// An endpoint of its parts.
    pub fn from_parts(host: HostPattern, ports: Ports) -> Self {
        let text = match host.address() {
            Some(address) if address.is_ipv6() => format!("[{host}]:{ports}"),
            _ => format!("{host}:{ports}"),
        };
        Endpoint { text, host, ports }
    }

    /// The hosts.
    pub fn host(&self) -> &HostPattern {
        &self.host
    }

    /// The ports.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Whether a host's port matches; see [`HostPattern::matches`].
    pub fn matches(&self, host: &str, port: u16) -> bool {
        self.ports.contains(port) && self.host.matches(host)
    }
}
