//! To which servers a guest may send requests: an allow-list of names, empty by
//! default, that is asked before a name is looked up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use enginebay_core::{Error, ErrorKind};
use http::Uri;
use http::uri::Scheme;

/// Servers, as requests name them: a host or several, and one port or any.
///
/// As text:
///
/// - `example.com`, `127.0.0.1`, `[::1]`: this host;
/// - `*.example.com`: each name that ends so, such as `a.example.com` and
///   `a.b.example.com`, but neither `example.com` nor `badexample.com`;
/// - `*`: every host;
/// - each of them with a port behind it, `example.com:8080`, or with `:*`, which
///   is the same as none: every port.
///
/// Names are compared in lower case and without a dot at the end; names with
/// other letters than ASCII are in their `xn--` form. IP addresses are compared
/// with IP addresses alone: a name that stands for an address is not that
/// address here.
///
/// ```
/// use enginebay_wasi::http::HostPattern;
///
/// let api: HostPattern = "*.example.com:443".parse()?;
/// assert!(api.matches("api.example.com", 443));
/// assert!(!api.matches("api.example.com", 80));
/// assert!(!api.matches("example.com", 443));
/// # Ok::<(), enginebay_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPattern {
    host: HostPart,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum HostPart {
    Any,
    /// A name that ends with a dot and this.
    Below(String),
    Just(Host),
}

/// A host that a request can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Host {
    Name(String),
    Ip(IpAddr),
}

impl HostPattern {
    /// Every host, by every port.
    pub const ANY: HostPattern = HostPattern {
        host: HostPart::Any,
        port: None,
    };

    /// Whether this is one of the servers. The host is as in a request's
    /// authority: IPv6 addresses in brackets.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        Host::parse(host).is_some_and(|host| self.has(&host, port))
    }

    fn has(&self, host: &Host, port: u16) -> bool {
        let host = match (&self.host, host) {
            (HostPart::Any, _) => true,
            (HostPart::Below(end), Host::Name(name)) => name
                .strip_suffix(end.as_str())
                .is_some_and(|start| start.ends_with('.')),
            (HostPart::Below(_), Host::Ip(_)) => false,
            (HostPart::Just(just), host) => just == host,
        };
        host && self.port.is_none_or(|it| it == port)
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let ip: IpAddr = match text.strip_prefix('[') {
            Some(v6) => v6.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into(),
            None => match text.parse::<Ipv4Addr>() {
                Ok(v4) => v4.into(),
                Err(_) => return Some(Host::Name(name(text)?)),
            },
        };
        Some(Host::Ip(ip.to_canonical()))
    }
}

/// A name of DNS, in the form in which names are compared.
fn name(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    // Resolvers take `127.1`, `2130706433` and `0x7f.1` for addresses.
    let last = name.rsplit('.').next()?;
    let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    (name.len() <= 253 && name.split('.').all(is_label) && !is_number).then_some(name)
}

/// A host and the port behind it, if there is one.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let host = match text.find(']') {
        Some(end) => end + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(host);
    if rest.is_empty() {
        return Some((host, None));
    }
    Some((host, Some(rest.strip_prefix(':')?)))
}

/// A port in decimal digits, without a sign.
fn port(text: &str) -> Option<u16> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl FromStr for HostPattern {
    type Err = Error;

    /// # Errors
    ///
    /// `InvalidConfig` for text that is not a host and a port.
    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (host, after) = split(text)?;
            let host = match host.strip_prefix("*.") {
                _ if host == "*" => HostPart::Any,
                Some(end) => HostPart::Below(name(end)?),
                None => HostPart::Just(Host::parse(host)?),
            };
            let port = match after {
                None | Some("*") => None,
                Some(text) => Some(port(text).filter(|port| *port != 0)?),
            };
            Some(HostPattern { host, port })
        };
        parse().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "`{text}` is not a host, with or without a port, such as `example.com`, \
                     `*.example.com:443` or `[::1]:8080`"
                ),
            )
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostPart::Any => f.write_str("*")?,
            HostPart::Below(end) => write!(f, "*.{end}")?,
            HostPart::Just(Host::Name(name)) => f.write_str(name)?,
            HostPart::Just(Host::Ip(IpAddr::V4(ip))) => write!(f, "{ip}")?,
            HostPart::Just(Host::Ip(IpAddr::V6(ip))) => write!(f, "[{ip}]")?,
        }
        match self.port {
            None => Ok(()),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Denied,
    /// The URI names no server, or in a way of which it is not sure that a
    /// resolver reads it as the check does.
    Invalid,
}

/// Whether a request with this URI may be sent. The port is the scheme's where the
/// URI has none.
pub(crate) fn verdict(hosts: &[HostPattern], uri: &Uri) -> Verdict {
    let server = || {
        let (host, after) = split(uri.authority()?.as_str())?;
        let port = match after {
            Some(text) => port(text).filter(|port| *port != 0)?,
            None if uri.scheme() == Some(&Scheme::HTTPS) => 443,
            None => 80,
        };
        Some((Host::parse(host)?, port))
    };
    match server() {
        None => Verdict::Invalid,
        Some((host, port)) if hosts.iter().any(|it| it.has(&host, port)) => Verdict::Allowed,
        Some(_) => Verdict::Denied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_are_read_and_written_alike() {
        for text in [
            "*",
            "*:443",
            "example.com",
            "example.com:8080",
            "*.example.com",
            "*.example.com:443",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:80",
            "xn--bcher-kva.example",
        ] {
            assert_eq!(pattern(text).to_string(), text);
        }
        assert_eq!(pattern("Example.COM.:*"), pattern("example.com"));
        assert_eq!(pattern("[::ffff:1.2.3.4]"), pattern("1.2.3.4"));
        for text in [
            "",
            ":80",
            "*.",
            "**",
            "*.*",
            "a*.example.com",
            "*example.com",
            "a..b",
            ".example.com",
            "example.com:",
            "example.com:0",
            "example.com:+80",
            "example.com:65536",
            "example.com:80:80",
            "http://example.com",
            "example.com/path",
            "user@example.com",
            "::1",
            "[::1",
            "[::1]80",
            "[127.0.0.1]",
            "127.1",
            "0x7f.1",
            "*.0.0.1",
            "bücher.example",
        ] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::InvalidConfig, "{text}");
            assert!(error.message().contains(text));
        }
    }

    #[test]
    fn names_are_compared_without_case_and_last_dot() {
        let it = pattern("api.example.com");
        for host in ["api.example.com", "API.Example.com", "api.example.com."] {
            assert!(it.matches(host, 1), "{host}");
        }
        for host in [
            "example.com",
            "a.api.example.com",
            "api.example.co",
            "api.example.com..",
            "api.example.com%00",
            "1.2.3.4",
        ] {
            assert!(!it.matches(host, 1), "{host}");
        }
    }

    #[test]
    fn a_star_stands_for_whole_labels() {
        let it = pattern("*.example.com:443");
        assert!(it.matches("a.example.com", 443));
        assert!(it.matches("a.b.example.com.", 443));
        for host in [
            "example.com",
            "badexample.com",
            ".example.com",
            "a.example.org",
        ] {
            assert!(!it.matches(host, 443), "{host}");
        }
        assert!(!it.matches("a.example.com", 80));
        assert!(!pattern("*.com").matches("1.2.3.4", 443));
    }

    #[test]
    fn addresses_are_no_names() {
        assert!(pattern("127.0.0.1").matches("127.0.0.1", 80));
        assert!(pattern("127.0.0.1").matches("[::ffff:127.0.0.1]", 80));
        assert!(pattern("[::1]").matches("[0:0:0:0:0:0:0:1]", 80));
        for host in [
            "localhost",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "127.0.0.01",
        ] {
            assert!(!pattern("127.0.0.1").matches(host, 80), "{host}");
        }
        assert!(!pattern("localhost").matches("127.0.0.1", 80));
    }

    #[test]
    fn a_uri_is_allowed_by_host_and_port() {
        let allowed = |hosts: &[&str], uri: &str| {
            let hosts: Vec<_> = hosts.iter().map(|it| pattern(it)).collect();
            verdict(&hosts, &uri.parse().unwrap())
        };
        for (hosts, uri, expected) in [
            (&[][..], "http://example.com/", Verdict::Denied),
            (&["example.com"], "http://example.com/", Verdict::Allowed),
            (&["example.com:80"], "http://example.com/", Verdict::Allowed),
            (&["example.com:80"], "https://example.com/", Verdict::Denied),
            (
                &["example.com:443"],
                "https://EXAMPLE.com",
                Verdict::Allowed,
            ),
            (
                &["example.com:443"],
                "https://example.com:80/",
                Verdict::Denied,
            ),
            (&["a.com", "*:81"], "http://b.com:81/", Verdict::Allowed),
            (&["[::1]"], "http://[::1]:8080/", Verdict::Allowed),
            // Not the server that is in front of the `@`.
            (&["*"], "http://example.com@evil.com/", Verdict::Invalid),
            (&["*"], "http://example.com:80@evil.com/", Verdict::Invalid),
            (&["*"], "http://127.1/", Verdict::Invalid),
            (&["*"], "http://example.com:0/", Verdict::Invalid),
            (&["*"], "/path", Verdict::Invalid),
        ] {
            assert_eq!(allowed(hosts, uri), expected, "{hosts:?} {uri}");
        }
    }
}
