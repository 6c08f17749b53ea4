//! Where a merchant's webhook may be: what the policy lets through leads to the public internet by https.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use payhub::merchant_webhooks::destination::{Allowance, DestinationPolicy};
use payhub::network::Network;
use url::Host;

/// Feeds one input: an address as text, and as the 16 bytes of one.
pub(crate) fn run(input: &[u8]) {
    let strict = DestinationPolicy::strict();
    if let Ok(text) = std::str::from_utf8(input) {
        url_is_public(&strict, text);
        if let Ok(allowance) = text.parse::<Allowance>() {
            let listed = DestinationPolicy::new(vec![], vec![allowance], vec![443]);
            // What an operator lists opens what is listed, and never plain http.
            assert!(listed.check_url("http://shop.example/").is_err());
        }
        if let Ok(network) = text.parse::<Network>() {
            let [low, high] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            assert!(!(network.contains(low) && network.contains(high)), "a network of both families: {text}");
        }
    }
    if let Some(bytes) = input.first_chunk::<16>() {
        address_is_public(&strict, IpAddr::V6(Ipv6Addr::from(*bytes)));
    }
    if let Some(bytes) = input.first_chunk::<4>() {
        let address = Ipv4Addr::from(*bytes);
        address_is_public(&strict, IpAddr::V4(address));
        let mapped = IpAddr::V6(address.to_ipv6_mapped());
        assert_eq!(strict.check_addr(mapped), strict.check_addr(IpAddr::V4(address)), "{address} mapped");
    }
}

fn url_is_public(policy: &DestinationPolicy, text: &str) {
    let Ok(url) = policy.check_url(text) else { return };
    assert_eq!(url.scheme(), "https", "{url}");
    assert!(matches!(url.port_or_known_default(), Some(443 | 8443)), "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{url}");
    assert!(text.len() <= 2_048);
    match url.host() {
        Some(Host::Ipv4(address)) => assert!(is_public(IpAddr::V4(address)), "{url}"),
        Some(Host::Ipv6(address)) => assert!(is_public(IpAddr::V6(address)), "{url}"),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            assert!(!name.is_empty() && name != "localhost" && !name.ends_with(".localhost"), "{url}");
        }
        None => panic!("a URL without a host: {url}"),
    }
    assert_eq!(policy.check_url(url.as_str()), Ok(url.clone()), "{url} is another one when it is read again");
}

fn address_is_public(policy: &DestinationPolicy, address: IpAddr) {
    if policy.check_addr(address).is_ok() {
        assert!(is_public(address), "{address}");
    }
}

/// What the standard library knows of addresses; the policy's own table knows more.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || v4.is_unspecified())
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.to_ipv4().is_some())
        }
    }
}
