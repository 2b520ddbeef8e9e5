//! Hosts and ports that are forbidden.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::pattern::{HostPattern, PatternError};

/// Finds the rule that a connection breaks. Rules are numbers here.
#[derive(Clone, Debug, Default)]
pub(super) struct HostIndex {
    names: Vec<(HostPattern, usize)>,
    networks: Vec<(Network, usize)>,
    ports: Vec<(u16, usize)>,
}

/// An address, and how many of its first bits count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    bits: u128,
    mask: u128,
    v4: bool,
}

impl HostIndex {
    pub(super) fn add_host(&mut self, pattern: &str, rule: usize) -> Result<(), PatternError> {
        let pattern = HostPattern::new(pattern)?;
        match pattern.address() {
            Some(address) => self.add_network(Network::new(address, 128), rule),
            None => self.names.push((pattern, rule)),
        }
        Ok(())
    }

    pub(super) fn add_network(&mut self, network: Network, rule: usize) {
        self.networks.push((network, rule));
    }

    pub(super) fn add_port(&mut self, port: u16, rule: usize) {
        self.ports.push((port, rule));
    }

    pub(super) fn find_host(&self, host: &str) -> Option<usize> {
        let by_address = parse(host).and_then(|it| self.find_address(it));
        by_address.or_else(|| {
            self.names
                .iter()
                .find(|(it, _)| it.matches(host))
                .map(|(_, rule)| *rule)
        })
    }

    pub(super) fn find_address(&self, address: IpAddr) -> Option<usize> {
        let (bits, v4) = bits(plain(address));
        let found = self
            .networks
            .iter()
            .find(|(it, _)| it.v4 == v4 && bits & it.mask == it.bits);
        found.map(|(_, rule)| *rule)
    }

    pub(super) fn find_port(&self, port: u16) -> Option<usize> {
        self.ports
            .iter()
            .find(|(it, _)| *it == port)
            .map(|(_, rule)| *rule)
    }
}

impl Network {
    /// `length` is at most the bits that the address has.
    pub(super) fn new(address: IpAddr, length: u8) -> Self {
        let (bits, v4) = bits(address.to_canonical());
        let width: u32 = if v4 { 32 } else { 128 };
        let rest = width.saturating_sub(u32::from(length));
        let mask = u128::MAX.checked_shl(rest).unwrap_or(0);
        Network {
            bits: bits & mask,
            mask,
            v4,
        }
    }
}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(it) => (u32::from(it).into(), true),
        IpAddr::V6(it) => (it.into(), false),
    }
}

fn parse(host: &str) -> Option<IpAddr> {
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}

/// The IPv4 address that an IPv6 one leads to: mapped (RFC 4291), compatible (the same,
/// deprecated), through NAT64 (RFC 6052) and 6to4 (RFC 3056).
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let bits = u128::from(v6);
    let low = Ipv4Addr::from(bits as u32);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => low.into(),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => low.into(),
        [0x2002, high, next, ..] => {
            Ipv4Addr::from((u32::from(high) << 16) | u32::from(next)).into()
        }
        _ => Ipv6Addr::from(bits).into(),
    }
}
