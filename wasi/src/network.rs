//! Which addresses a guest may use: an allow-list, empty by default, that is
//! asked for each address before the operating system is.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use enginebay_core::{Error, ErrorKind};
use wasmtime_wasi::sockets::SocketAddrUse;

/// Addresses: one IP address or any, and one port or any.
///
/// As text it is an address and a port, either of which can be `*`:
/// `127.0.0.1:80`, `[::1]:*`, `*:443`, `*:*`. Port 0 is any port.
///
/// ```
/// use enginebay_wasi::AddressPattern;
/// use std::net::{IpAddr, Ipv4Addr};
///
/// let https: AddressPattern = "*:443".parse()?;
/// assert_eq!(https, AddressPattern::new(None, 443));
/// assert!(https.matches(([192, 0, 2, 1], 443).into()));
/// assert!(!https.matches(([192, 0, 2, 1], 80).into()));
/// # Ok::<(), enginebay_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressPattern {
    ip: Option<IpAddr>,
    port: Option<u16>,
}

impl AddressPattern {
    /// Every address.
    pub const ANY: AddressPattern = AddressPattern {
        ip: None,
        port: None,
    };

    /// The addresses with this IP address, or any for `None`, and this port, or
    /// any for `None` and for 0. An IPv4 address that is written as an IPv6 one
    /// is the IPv4 address.
    pub fn new(ip: impl Into<Option<IpAddr>>, port: impl Into<Option<u16>>) -> Self {
        AddressPattern {
            ip: ip.into().map(|ip| ip.to_canonical()),
            port: port.into().filter(|port| *port != 0),
        }
    }

    /// Whether an address is one of these.
    pub fn matches(&self, address: SocketAddr) -> bool {
        self.ip.is_none_or(|ip| ip == address.ip().to_canonical())
            && self.port.is_none_or(|port| port == address.port())
    }
}

impl From<SocketAddr> for AddressPattern {
    fn from(address: SocketAddr) -> Self {
        AddressPattern::new(address.ip(), address.port())
    }
}

impl From<IpAddr> for AddressPattern {
    /// Any port of this IP address.
    fn from(ip: IpAddr) -> Self {
        AddressPattern::new(ip, None)
    }
}

impl FromStr for AddressPattern {
    type Err = Error;

    /// # Errors
    ///
    /// `InvalidConfig` for text that is not an address and a port.
    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (ip, port) = text.rsplit_once(':')?;
            let ip = match ip.strip_prefix('[') {
                Some(v6) => Some(IpAddr::V6(v6.strip_suffix(']')?.parse().ok()?)),
                None if ip == "*" => None,
                None => Some(IpAddr::V4(ip.parse().ok()?)),
            };
            let port = match port {
                "*" => None,
                port => Some(port.parse().ok()?),
            };
            Some(AddressPattern::new(ip, port))
        };
        parse().ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidConfig,
                format!(
                    "`{text}` is not an address and a port, such as `127.0.0.1:80`, `[::1]:*` or \
                     `*:443`"
                ),
            )
        })
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            None => f.write_str("*")?,
            Some(IpAddr::V4(ip)) => write!(f, "{ip}")?,
            Some(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
        }
        match self.port {
            None => f.write_str(":*"),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

/// What a guest may do with which addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) tcp_connect: Vec<AddressPattern>,
    pub(crate) tcp_listen: Vec<AddressPattern>,
    pub(crate) udp: Vec<AddressPattern>,
    pub(crate) udp_bind: Vec<AddressPattern>,
    pub(crate) name_lookup: bool,
}

impl Network {
    pub(crate) fn has_tcp(&self) -> bool {
        !self.tcp_connect.is_empty() || !self.tcp_listen.is_empty()
    }

    pub(crate) fn has_udp(&self) -> bool {
        !self.udp.is_empty() || !self.udp_bind.is_empty()
    }

    pub(crate) fn allows(&self, address: SocketAddr, operation: SocketAddrUse) -> bool {
        let any = |patterns: &[AddressPattern]| patterns.iter().any(|p| p.matches(address));
        // Whoever may connect or send needs a local address, which the system
        // chooses. Nobody can be reached there: to listen is asked for again,
        // and what is received is asked for by its sender.
        let chosen_by_system = address.ip().is_unspecified() && address.port() == 0;
        match operation {
            SocketAddrUse::TcpConnect => any(&self.tcp_connect),
            SocketAddrUse::TcpBind => {
                any(&self.tcp_listen) || (chosen_by_system && !self.tcp_connect.is_empty())
            }
            SocketAddrUse::TcpListen => any(&self.tcp_listen),
            // Only a socket that was allowed to listen comes here.
            SocketAddrUse::TcpAccept => !self.tcp_listen.is_empty(),
            SocketAddrUse::UdpBind => {
                any(&self.udp_bind) || (chosen_by_system && !self.udp.is_empty())
            }
            SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => any(&self.udp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn pattern(text: &str) -> AddressPattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_are_read_and_written_alike() {
        for text in ["*:*", "*:443", "127.0.0.1:*", "127.0.0.1:80", "[::1]:80"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        for text in ["", "*", "localhost:80", "::1:80", "1.2.3.4", "*:65536"] {
            let error = text.parse::<AddressPattern>().unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::InvalidConfig, "{text}");
            assert!(error.message().contains(text));
        }
    }

    #[test]
    fn a_pattern_matches_address_and_port() {
        assert!(pattern("*:80").matches(address("[::1]:80")));
        assert!(pattern("1.2.3.4:*").matches(address("1.2.3.4:5")));
        assert!(pattern("1.2.3.4:*").matches(address("[::ffff:1.2.3.4]:5")));
        assert!(pattern("[::ffff:1.2.3.4]:5").matches(address("1.2.3.4:5")));
        assert!(!pattern("1.2.3.4:*").matches(address("1.2.3.5:5")));
        assert!(!pattern("0.0.0.0:*").matches(address("1.2.3.4:5")));
        assert_eq!(
            AddressPattern::from(address("1.2.3.4:0")),
            pattern("1.2.3.4:*")
        );
    }

    #[test]
    fn nothing_is_allowed_by_default() {
        let network = Network::default();
        assert!(!network.has_tcp() && !network.has_udp() && !network.name_lookup);
        for operation in [
            SocketAddrUse::TcpBind,
            SocketAddrUse::TcpListen,
            SocketAddrUse::TcpAccept,
            SocketAddrUse::TcpConnect,
            SocketAddrUse::UdpBind,
            SocketAddrUse::UdpSend,
            SocketAddrUse::UdpReceive,
        ] {
            for address in ["0.0.0.0:0", "127.0.0.1:80", "[::]:0"].map(address) {
                assert!(
                    !network.allows(address, operation),
                    "{operation:?} {address}"
                );
            }
        }
    }

    #[test]
    fn to_connect_is_not_to_listen() {
        let network = Network {
            tcp_connect: vec![pattern("1.2.3.4:80")],
            ..Network::default()
        };
        let allows = |text, operation| network.allows(address(text), operation);
        assert!(allows("1.2.3.4:80", SocketAddrUse::TcpConnect));
        assert!(!allows("1.2.3.4:81", SocketAddrUse::TcpConnect));
        assert!(allows("0.0.0.0:0", SocketAddrUse::TcpBind));
        assert!(!allows("0.0.0.0:80", SocketAddrUse::TcpBind));
        assert!(!allows("1.2.3.4:80", SocketAddrUse::TcpBind));
        assert!(!allows("0.0.0.0:40000", SocketAddrUse::TcpListen));
        assert!(!allows("1.2.3.4:80", SocketAddrUse::UdpSend));
    }

    #[test]
    fn what_is_received_is_allowed_by_its_sender() {
        let network = Network {
            udp: vec![pattern("1.2.3.4:53")],
            udp_bind: vec![pattern("127.0.0.1:9")],
            ..Network::default()
        };
        let allows = |text, operation| network.allows(address(text), operation);
        assert!(allows("1.2.3.4:53", SocketAddrUse::UdpReceive));
        assert!(!allows("1.2.3.5:53", SocketAddrUse::UdpReceive));
        assert!(allows("127.0.0.1:9", SocketAddrUse::UdpBind));
        assert!(allows("0.0.0.0:0", SocketAddrUse::UdpBind));
        assert!(!allows("127.0.0.1:10", SocketAddrUse::UdpBind));
        assert!(!allows("1.2.3.4:53", SocketAddrUse::TcpConnect));
    }
}
