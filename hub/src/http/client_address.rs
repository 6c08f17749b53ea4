//! Who is at the other end, when proxies stand in between.
//!
//! A connection's own peer cannot be invented; a header can. So `X-Forwarded-For` is read only when the peer
//! is a proxy that the operator trusts, and then from the right: each proxy appended the address that it saw,
//! and what stands left of the first address that is no trusted proxy was written by a stranger. `Forwarded`
//! (RFC 7239) is not read: a proxy that writes one of the two passes the other on as it came, and believing
//! both would be believing the stranger.
//!
//! Invariant: without a trusted peer, headers change nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};

use crate::network::Network;

/// Most proxies in a row that are looked through.
const HOPS_MAX: usize = 16;
/// Bits of an IPv6 address that are one customer's: what providers give out is at least this large.
const IPV6_CUSTOMER_BITS: u32 = 64;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Reads it from a request.
    pub fn of(extensions: &Extensions, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        // A request that came by no connection is nobody's in particular; they share one allowance.
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        Self(behind_proxies(peer, headers, trusted))
    }

    /// The addresses that count as one caller: an IPv6 customer has 2⁶⁴ of them.
    pub fn caller(self) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - IPV6_CUSTOMER_BITS))).into()
            }
        }
    }
}

fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let mut address = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops.take(HOPS_MAX) {
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
        // What cannot be read was not written by a proxy that can be trusted to say more.
        let Some(before) = std::str::from_utf8(hop).ok().and_then(read_hop) else { break };
        address = before;
    }
    address
}

/// An address, with or without a port.
fn read_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::from);
    address.ok().or_else(bare).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn from_the_right_past_trusted_proxies() {
        let long = format!("6.6.6.6{}", ", 10.0.0.1".repeat(HOPS_MAX));
        // Peer, lines of the header, and who it is when 10.0.0.0/8 and fd00::/8 are trusted.
        let rows: &[(&str, &[&str], &str)] = &[
            ("203.0.113.7", &[], "203.0.113.7"),
            // A stranger's header says nothing.
            ("203.0.113.7", &["6.6.6.6"], "203.0.113.7"),
            ("203.0.113.7", &["10.0.0.1, 10.0.0.2"], "203.0.113.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.4"], "198.51.100.4"),
            // What the stranger sent along stands left of what the proxy saw.
            ("10.0.0.1", &["6.6.6.6, 198.51.100.4"], "198.51.100.4"),
            ("10.0.0.1", &["6.6.6.6", "198.51.100.4"], "198.51.100.4"),
            ("10.0.0.1", &["10.0.0.9, 198.51.100.4"], "198.51.100.4"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.4, 10.0.0.2"], "198.51.100.4"),
            ("10.0.0.1", &["6.6.6.6 ,198.51.100.4", "10.0.0.2,10.0.0.3"], "198.51.100.4"),
            // Everybody is trusted: the outermost.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Ports, brackets, and IPv4 in IPv6's clothes.
            ("10.0.0.1", &["198.51.100.4:1234"], "198.51.100.4"),
            ("10.0.0.1", &["[2001:db8::7]:1234"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.4"], "198.51.100.4"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            // What cannot be read ends it at the last one that is known.
            ("10.0.0.1", &["198.51.100.4, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.4, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.4,"], "10.0.0.1"),
            ("10.0.0.1", &["_hidden"], "10.0.0.1"),
            // No longer than a limit.
            ("10.0.0.1", &[&long], "10.0.0.1"),
        ];
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        for (peer, lines, expected) in rows {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            }
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
            let found = ClientAddress::of(&extensions, &headers, &trusted);
            assert_eq!(found.0, expected.parse::<IpAddr>().unwrap(), "{peer} {lines:?}");
            let distrusting = ClientAddress::of(&extensions, &headers, &[]);
            assert_eq!(distrusting.0, peer.parse::<IpAddr>().unwrap().to_canonical(), "{peer} {lines:?}");
        }
        let nobody = ClientAddress::of(&Extensions::new(), &HeaderMap::new(), &trusted);
        assert_eq!(nobody.0, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }

    #[test]
    fn an_ipv6_customer_is_one_caller() {
        let caller = |text: &str| ClientAddress(text.parse().unwrap()).caller().to_string();
        assert_eq!(caller("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(caller("198.51.100.4"), "198.51.100.4");
    }
}
