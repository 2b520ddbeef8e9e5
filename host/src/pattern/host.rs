//! Patterns of hosts: names and addresses.

use std::net::{IpAddr, Ipv6Addr};

use super::error::{self, PatternError, PatternKind};
use super::text_pattern;

/// The most bytes of a name, after RFC 1035.
const MAX_NAME: usize = 253;
/// The most bytes of a label.
const MAX_LABEL: usize = 63;

/// A pattern of hosts.
///
/// - `example.com` is that name. Upper case is the same as lower case, and a dot at the
///   end is the same as none; the pattern's text has neither.
/// - `*.example.com` is every name below, at any depth, and not `example.com` itself.
/// - `127.0.0.1` and `::1` are addresses, compared as addresses, so in any way to write
///   them; an IPv4 address in IPv6 (`::ffff:127.0.0.1`) is the IPv4 address. Brackets
///   around one of IPv6 may be left out.
/// - `*` is any name and any address.
///
/// A `*` anywhere else is refused, so are names that are not of letters, digits, hyphens
/// and underscores of ASCII (write `xn--...` for others: it is compared as it is), names
/// of more than 253 bytes, and those that end in a number and are no address: programs
/// differ on what `127.1` is.
///
/// A name is not looked up: `localhost` and `127.0.0.1` are two hosts here.
///
/// ```
/// use enginebay_host::pattern::HostPattern;
/// let pattern = HostPattern::new("*.example.com").unwrap();
/// assert!(pattern.matches("a.b.example.com"));
/// assert!(!pattern.matches("evilexample.com"));
/// assert!(!pattern.matches("example.com"));
/// ```
#[derive(Clone)]
pub struct HostPattern {
    text: String,
    matcher: Matcher,
}

#[derive(Clone, Copy)]
enum Matcher {
    Any,
    /// The text.
    Name,
    /// What ends in the text behind its star.
    Below,
    Address(IpAddr),
}

text_pattern!(
    HostPattern,
    "A host's name, all names below one (`*.example.com`), an IP address, or `*` for any host.",
    "*.example.com"
);

impl HostPattern {
    /// The pattern that a text is.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let kind = PatternKind::Host;
        error::check(kind, text)?;
        if text == "*" {
            return Ok(HostPattern {
                text: text.to_owned(),
                matcher: Matcher::Any,
            });
        }
        if let Some(address) = address(text) {
            return Ok(HostPattern {
                text: address.to_string(),
                matcher: Matcher::Address(address),
            });
        }
        let (name, matcher) = match text.strip_prefix("*.") {
            Some(name) => (name, Matcher::Below),
            None => (text, Matcher::Name),
        };
        if name.contains('*') {
            return Err(PatternError::malformed(
                kind,
                text,
                "`*` is the first label or the whole: write `*.example.com` or `*`",
            ));
        }
        if name.contains(':') {
            return Err(PatternError::malformed(
                kind,
                text,
                "a host has no port and no scheme: write the name alone, or an IPv6 address",
            ));
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        if !is_name(name) {
            return Err(PatternError::malformed(kind, text, name_rule(name)));
        }
        let name = name.to_ascii_lowercase();
        let text = match matcher {
            Matcher::Below => format!("*.{name}"),
            _ => name,
        };
        Ok(HostPattern { text, matcher })
    }

    /// Whether a host matches: a name, or an address, which may have brackets. What is
    /// neither matches nothing, not even `*`.
    pub fn matches(&self, host: &str) -> bool {
        match self.matcher {
            Matcher::Address(own) => address(host) == Some(own),
            Matcher::Any => address(host).is_some() || is_name(undotted(host)),
            Matcher::Name => undotted(host).eq_ignore_ascii_case(&self.text),
            Matcher::Below => {
                let host = undotted(host);
                // With the dot, so that the whole label matches.
                let below = &self.text.as_bytes()[1..];
                let at = host.len().checked_sub(below.len());
                let end = at.map(|at| &host.as_bytes()[at..]);
                end.is_some_and(|end| end.eq_ignore_ascii_case(below)) && is_name(host)
            }
        }
    }

    /// The address, if the pattern is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.matcher {
            Matcher::Address(address) => Some(address),
            _ => None,
        }
    }
}

fn undotted(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// The address that a text is. One of IPv6 may have brackets; one that stands for an
/// IPv4 address is that.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = match bracketed {
        Some(text) => text.parse::<Ipv6Addr>().map(IpAddr::from),
        None => text.parse::<IpAddr>(),
    };
    address.ok().map(|address| address.to_canonical())
}

/// Whether a text without a dot at its end is a name.
fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        let bytes = label.as_bytes();
        matches!(bytes.len(), 1..=MAX_LABEL)
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-')
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= MAX_NAME && name.split('.').all(label) && !ends_in_number(name)
}

/// Whether the last label is a number, decimal or hexadecimal: such a name is an IPv4
/// address to some, as in the URL standard.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let hex = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What a text that is no name should have been.
fn name_rule(name: &str) -> &'static str {
    if name.is_ascii() && ends_in_number(name) {
        "a name that ends in a number is an address, and this is none: write all four parts in decimal, as 127.0.0.1"
    } else if !name.is_ascii() {
        "names are of ASCII: write the form with `xn--`"
    } else {
        "labels are of letters, digits, `-` and `_`, up to 63 of them, without `-` at the ends; a name has up to 253 bytes"
    }
}
