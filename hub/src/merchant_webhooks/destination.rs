//! Where the hub may connect when a merchant names the address.
//!
//! A webhook URL is written by somebody outside and fetched by a server inside: without a guard it can be
//! pointed at the hub's own network or at a cloud's metadata service. So the URL is checked when it is
//! registered and again before each delivery, and the addresses behind its name are checked at the moment of
//! connecting. A name that was harmless at registration and resolves to something else later gains nothing.
//!
//! Invariant: no connection is made to an address of [`FORBIDDEN`] unless the operator's configuration names
//! it. Nothing a merchant sends can widen the policy.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use hub_core::planted::Bug;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::network::Network;
use crate::planted::planted;

const URL_BYTES_MAX: usize = 2048;
/// How many of a name's addresses are considered; honest names have a handful.
const ADDRESSES_MAX: usize = 16;
const PORTS: [u16; 2] = [443, 8443];

/// Why the hub does not connect to a URL. The texts name the fix and repeat nothing of the URL but its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    #[error("the URL is longer than {URL_BYTES_MAX} bytes; use a shorter one")]
    TooLong,
    #[error("the URL cannot be read; write it like https://shop.example/webhooks")]
    NotAUrl,
    #[error("the URL must begin with https://")]
    Scheme,
    #[error("the URL must begin with https://; plain http is only for hosts that the operator lists")]
    PlainHttp,
    #[error("the URL must not contain a user name or password; deliveries are proven by their signature")]
    Credentials,
    #[error("the URL must not contain a fragment; remove the part from # on")]
    Fragment,
    #[error(
        "port {port} is not allowed; use https on port 443 or 8443, or ask the operator to list the host"
    )]
    Port { port: u16 },
    #[error("the URL names this machine itself; use a host name that is reachable from the internet")]
    LocalName,
    #[error("the URL leads to {range}; use a host that is reachable from the internet")]
    ForbiddenAddress { range: &'static str },
}

/// One row of the table of addresses that are not on the public internet.
struct ForbiddenRange {
    network: Network,
    name: &'static str,
}

const fn v4(octets: [u8; 4], prefix_bits: u32, name: &'static str) -> ForbiddenRange {
    let [a, b, c, d] = octets;
    ForbiddenRange { network: Network { base: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix_bits }, name }
}

/// Takes the upper 64 bits, in which all IPv6 ranges but two differ.
const fn v6(upper: u64, prefix_bits: u32, name: &'static str) -> ForbiddenRange {
    v6_full((upper as u128) << 64, prefix_bits, name)
}

const fn v6_full(bits: u128, prefix_bits: u32, name: &'static str) -> ForbiddenRange {
    ForbiddenRange { network: Network { base: IpAddr::V6(Ipv6Addr::from_bits(bits)), prefix_bits }, name }
}

/// From the IANA special-purpose registries, and what clouds put elsewhere. The first match names the range.
/// IPv4 addresses mapped into IPv6 are looked up as IPv4.
const FORBIDDEN: [ForbiddenRange; 36] = [
    v4([0, 0, 0, 0], 8, "an address of \"this network\""),
    v4([10, 0, 0, 0], 8, "a private network"),
    v4([100, 64, 0, 0], 10, "a carrier's shared address space"),
    v4([127, 0, 0, 0], 8, "a loopback address"),
    v4([168, 63, 129, 16], 32, "a cloud platform's internal address"),
    v4([169, 254, 0, 0], 16, "a link-local address, where clouds keep their metadata"),
    v4([172, 16, 0, 0], 12, "a private network"),
    v4([192, 0, 0, 0], 24, "an address for protocol assignments"),
    v4([192, 0, 2, 0], 24, "an address for documentation"),
    v4([192, 31, 196, 0], 24, "an anycast address of the name system"),
    v4([192, 52, 193, 0], 24, "an address for multicast relays"),
    v4([192, 88, 99, 0], 24, "a 6to4 relay"),
    v4([192, 168, 0, 0], 16, "a private network"),
    v4([192, 175, 48, 0], 24, "an anycast address of the name system"),
    v4([198, 18, 0, 0], 15, "an address for benchmarks"),
    v4([198, 51, 100, 0], 24, "an address for documentation"),
    v4([203, 0, 113, 0], 24, "an address for documentation"),
    v4([224, 0, 0, 0], 4, "a multicast address"),
    v4([240, 0, 0, 0], 4, "a reserved or broadcast address"),
    v6_full(1, 128, "a loopback address"),
    v6_full(0, 128, "the unspecified address"),
    v6_full(0, 96, "an IPv4 address embedded in IPv6"),
    v6(0x0064_ff9b_0000_0000, 96, "an IPv4 address translated by NAT64"),
    v6(0x0064_ff9b_0001_0000, 48, "an IPv4 address translated by NAT64"),
    v6(0x0100_0000_0000_0000, 63, "an address for discarded traffic"),
    v6(0x2001_0000_0000_0000, 32, "a Teredo tunnel"),
    v6(0x2001_0000_0000_0000, 23, "an address for protocol assignments"),
    v6(0x2001_0db8_0000_0000, 32, "an address for documentation"),
    v6(0x2002_0000_0000_0000, 16, "an IPv4 address tunneled by 6to4"),
    v6(0x2620_004f_8000_0000, 48, "an anycast address of the name system"),
    v6(0x3fff_0000_0000_0000, 20, "an address for documentation"),
    v6(0x5f00_0000_0000_0000, 16, "a segment-routing address"),
    v6(0xfc00_0000_0000_0000, 7, "a private network"),
    v6(0xfe80_0000_0000_0000, 10, "a link-local address"),
    v6(0xfec0_0000_0000_0000, 10, "a private network"),
    v6(0xff00_0000_0000_0000, 8, "a multicast address"),
];

/// The only part of IPv6 that is given out for the public internet so far.
const GLOBAL_UNICAST: Network = v6(0x2000_0000_0000_0000, 3, "").network;
const NOT_GLOBAL_UNICAST: &str = "an IPv6 address outside the public internet";

fn forbidden_range(address: IpAddr) -> Option<&'static str> {
    let row = FORBIDDEN.iter().find(|row| row.network.contains(address));
    let outside = address.is_ipv6() && !GLOBAL_UNICAST.contains(address);
    row.map(|row| row.name).or_else(|| outside.then_some(NOT_GLOBAL_UNICAST))
}

/// An exception in the operator's configuration: `10.1.0.0/16`, `10.1.2.3:8080`, `[fd00::7]:8080`,
/// `hooks.internal` or `hooks.internal:8443`. Without a port it holds for every port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    target: Target,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Network(Network),
    Name(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a network such as 10.1.0.0/16, or a host with or without a port such as hooks.internal:8443"
)]
pub struct AllowanceError;

impl FromStr for Allowance {
    type Err = AllowanceError;

    fn from_str(text: &str) -> Result<Self, AllowanceError> {
        if let Ok(network) = text.parse() {
            return Ok(Self { target: Target::Network(network), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| AllowanceError)?)),
            None => (text, None),
        };
        let target = match Host::parse(host).map_err(|_| AllowanceError)? {
            Host::Ipv4(address) => Target::Network(Network::single(address.into())),
            Host::Ipv6(address) => Target::Network(Network::single(address.into())),
            // Nobody should believe that a pattern was understood.
            Host::Domain(name) if name.contains('*') => return Err(AllowanceError),
            Host::Domain(name) => Target::Name(without_final_dot(&name).to_owned()),
        };
        Ok(Self { target, port })
    }
}

impl Allowance {
    fn covers(&self, host: &Target, port: u16) -> bool {
        self.covers_host(host) && self.port.is_none_or(|allowed| allowed == port)
    }

    fn covers_host(&self, host: &Target) -> bool {
        match (&self.target, host) {
            // A host is a network of one address, so its base is the address.
            (Target::Network(network), Target::Network(host)) => network.contains(host.base),
            (Target::Name(name), Target::Name(host)) => name == host,
            (Target::Network(_), Target::Name(_)) | (Target::Name(_), Target::Network(_)) => false,
        }
    }
}

/// What merchants may register as a webhook URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationPolicy {
    allow_http: Vec<Allowance>,
    allow_private: Vec<Allowance>,
    ports: Vec<u16>,
}

impl DestinationPolicy {
    /// https on ports 443 and 8443 to the public internet; the policy for live merchants.
    pub fn strict() -> Self {
        Self::new(Vec::new(), Vec::new(), PORTS.to_vec())
    }

    /// The strict one, and this machine itself over plain http on any port, for trying out.
    pub fn demo() -> Self {
        let this_machine = || {
            let network = |base: IpAddr, prefix_bits| Target::Network(Network { base, prefix_bits });
            [
                network(Ipv4Addr::new(127, 0, 0, 0).into(), 8),
                network(Ipv6Addr::LOCALHOST.into(), 128),
                Target::Name("localhost".to_owned()),
            ]
            .map(|target| Allowance { target, port: None })
            .to_vec()
        };
        Self::new(this_machine(), this_machine(), PORTS.to_vec())
    }

    /// `allow_http` lists where plain http will do, `allow_private` whose forbidden addresses are allowed. A
    /// host in either may use the ports it is listed with; all others use `ports`.
    pub fn new(allow_http: Vec<Allowance>, allow_private: Vec<Allowance>, ports: Vec<u16>) -> Self {
        Self { allow_http, allow_private, ports }
    }

    /// Whether the hub may connect to `text`, as far as can be told without asking the name system.
    pub fn check_url(&self, text: &str) -> Result<Url, DestinationError> {
        if text.len() > URL_BYTES_MAX {
            return Err(DestinationError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| DestinationError::NotAUrl)?;
        let plain_http = match url.scheme() {
            "https" => false,
            "http" => true,
            _ => return Err(DestinationError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(DestinationError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(DestinationError::Fragment);
        }
        let host = target(&url)?;
        let port = url.port_or_known_default().ok_or(DestinationError::NotAUrl)?;
        let http_allowed = self.allow_http.iter().any(|allowance| allowance.covers(&host, port));
        if plain_http && !http_allowed {
            return Err(DestinationError::PlainHttp);
        }
        let private_allowed = self.allow_private.iter().any(|allowance| allowance.covers(&host, port));
        // The resolver sees names without ports, so a name listed with a port is held to it here.
        let listed = self.allow_private.iter().any(|allowance| allowance.covers_host(&host));
        let port_allowed = private_allowed || !listed && (http_allowed || self.ports.contains(&port));
        if !port_allowed && !planted(Bug::AllowInnerAddresses) {
            return Err(DestinationError::Port { port });
        }
        if !private_allowed && !planted(Bug::AllowInnerAddresses) {
            refuse_private_host(&host)?;
        }
        Ok(url)
    }

    /// Whether the hub may connect to `address`, whatever the port.
    pub fn check_addr(&self, address: IpAddr) -> Result<(), DestinationError> {
        let address = address.to_canonical();
        let host = Target::Network(Network::single(address));
        let allowed = |allowance: &Allowance| allowance.port.is_none() && allowance.covers_host(&host);
        if self.allow_private.iter().any(allowed) || planted(Bug::AllowInnerAddresses) {
            return Ok(());
        }
        refuse_private_host(&host)
    }

    /// Whether the hub may connect to `address` because `name` resolved to it.
    fn check_resolved(&self, name: &str, address: IpAddr) -> Result<(), DestinationError> {
        let name = Target::Name(without_final_dot(name).to_ascii_lowercase());
        if self.allow_private.iter().any(|allowance| allowance.covers_host(&name)) {
            return Ok(());
        }
        self.check_addr(address)
    }
}

/// The host of a URL. The URL parser has already turned decimal, octal, hexadecimal and full-width spellings
/// of IPv4 addresses into addresses.
fn target(url: &Url) -> Result<Target, DestinationError> {
    match url.host() {
        Some(Host::Ipv4(address)) => Ok(Target::Network(Network::single(address.into()))),
        Some(Host::Ipv6(address)) => Ok(Target::Network(Network::single(address.into()))),
        // Of two final dots only one can be left out: such a name leads nowhere, or to what it is without them.
        Some(Host::Domain(name)) if without_final_dot(name).is_empty() || name.ends_with("..") => {
            Err(DestinationError::NotAUrl)
        }
        Some(Host::Domain(name)) => Ok(Target::Name(without_final_dot(name).to_owned())),
        None => Err(DestinationError::NotAUrl),
    }
}

fn refuse_private_host(host: &Target) -> Result<(), DestinationError> {
    match host {
        Target::Network(network) => match forbidden_range(network.base) {
            Some(range) => Err(DestinationError::ForbiddenAddress { range }),
            None => Ok(()),
        },
        // The resolver would refuse these too, but only later and with a less helpful text.
        Target::Name(name) if name == "localhost" || name.ends_with(".localhost") => {
            Err(DestinationError::LocalName)
        }
        Target::Name(_) => Ok(()),
    }
}

/// `localhost.` is the same host as `localhost`.
fn without_final_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// Asks the name system.
#[async_trait]
pub trait Lookup: Send + Sync {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Resolves names for the HTTP client and keeps only the addresses that the policy allows. The client connects
/// to exactly these, so there is no second look-up that could answer differently.
#[derive(Clone)]
pub struct GuardedResolver {
    policy: Arc<DestinationPolicy>,
    lookup: Arc<dyn Lookup>,
}

impl GuardedResolver {
    pub fn new(policy: Arc<DestinationPolicy>, lookup: Arc<dyn Lookup>) -> Self {
        Self { policy, lookup }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { policy, lookup } = self.clone();
        Box::pin(async move {
            let mut allowed = Vec::new();
            let mut refused = None;
            for address in lookup.lookup(name.as_str()).await?.into_iter().take(ADDRESSES_MAX) {
                match policy.check_resolved(name.as_str(), address) {
                    Ok(()) => allowed.push(SocketAddr::new(address, 0)),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                Some(error) if allowed.is_empty() => Err(error.into()),
                Some(_) | None => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: DestinationError = DestinationError::ForbiddenAddress { range: "a loopback address" };
    const METADATA: DestinationError = DestinationError::ForbiddenAddress {
        range: "a link-local address, where clouds keep their metadata",
    };

    fn policy(allow_http: &[&str], allow_private: &[&str]) -> DestinationPolicy {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        DestinationPolicy::new(parse(allow_http), parse(allow_private), PORTS.to_vec())
    }

    fn check(policy: &DestinationPolicy, rows: &[(&str, Result<(), DestinationError>)]) {
        for (url, expected) in rows {
            assert_eq!(policy.check_url(url).map(drop), *expected, "{url}");
        }
    }

    #[test]
    fn what_the_strict_policy_says() {
        use DestinationError as E;
        let rows = [
            ("https://shop.example/hooks?shop=1", Ok(())),
            ("https://shop.example:443/", Ok(())),
            ("https://shop.example.:8443/", Ok(())),
            ("HTTPS://93.184.216.34/", Ok(())),
            ("https://[2606:2800:220:1::1]/", Ok(())),
            ("https://[::ffff:93.184.216.34]/", Ok(())),
            ("", Err(E::NotAUrl)),
            ("shop.example/hooks", Err(E::NotAUrl)),
            ("https://", Err(E::NotAUrl)),
            ("https://./", Err(E::NotAUrl)),
            ("https://shop.example:99999/", Err(E::NotAUrl)),
            ("ftp://shop.example/", Err(E::Scheme)),
            ("file:///etc/passwd", Err(E::Scheme)),
            ("gopher://127.0.0.1:25/", Err(E::Scheme)),
            ("http://shop.example/", Err(E::PlainHttp)),
            ("http://localhost:3000/", Err(E::PlainHttp)),
            ("https://user@shop.example/", Err(E::Credentials)),
            ("https://:word@shop.example/", Err(E::Credentials)),
            ("https://shop.example@127.0.0.1/", Err(E::Credentials)),
            ("https://shop.example/#", Err(E::Fragment)),
            ("https://shop.example:22/", Err(E::Port { port: 22 })),
            ("https://shop.example:80/", Err(E::Port { port: 80 })),
            ("https://localhost/", Err(E::LocalName)),
            ("https://localhost../", Err(E::NotAUrl)),
            ("https://LOCALHOST./", Err(E::LocalName)),
            ("https://api.localhost/", Err(E::LocalName)),
            ("https://\u{24db}ocalhost/", Err(E::LocalName)),
            ("https://127.0.0.1/", Err(LOOPBACK)),
            ("https://127.0.0.1./", Err(LOOPBACK)),
            ("https://127.1/", Err(LOOPBACK)),
            ("https://2130706433/", Err(LOOPBACK)),
            ("https://0177.0.0.1/", Err(LOOPBACK)),
            ("https://0x7f.0.0.1/", Err(LOOPBACK)),
            ("https://0x7f000001/", Err(LOOPBACK)),
            ("https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", Err(LOOPBACK)),
            ("https://%31%32%37.0.0.1/", Err(LOOPBACK)),
            ("https://[::1]/", Err(LOOPBACK)),
            ("https://[::ffff:127.0.0.1]/", Err(LOOPBACK)),
            ("https://[::ffff:7f00:1]/", Err(LOOPBACK)),
            ("https://169.254.169.254/latest/meta-data/", Err(METADATA)),
            ("https://[::ffff:169.254.169.254]/", Err(METADATA)),
        ];
        check(&DestinationPolicy::strict(), &rows);
        let long = format!("https://shop.example/{}", "a".repeat(URL_BYTES_MAX));
        check(&DestinationPolicy::strict(), &[(&long, Err(E::TooLong))]);
    }

    #[test]
    fn the_demo_also_reaches_this_machine() {
        use DestinationError as E;
        let rows = [
            ("http://localhost:3000/hook", Ok(())),
            ("http://localhost./", Ok(())),
            ("http://127.0.0.1:40123/hook", Ok(())),
            ("http://[::1]:9/", Ok(())),
            ("https://127.5.5.5:1234/", Ok(())),
            ("https://shop.example/", Ok(())),
            ("http://shop.example/", Err(E::PlainHttp)),
            ("http://10.0.0.1/", Err(E::PlainHttp)),
            ("https://api.localhost/", Err(E::LocalName)),
            ("https://169.254.169.254/", Err(METADATA)),
            ("https://shop.example:3000/", Err(E::Port { port: 3000 })),
        ];
        check(&DestinationPolicy::demo(), &rows);
    }

    #[test]
    fn allowances_hold_only_for_what_they_name() {
        use DestinationError as E;
        let private = E::ForbiddenAddress { range: "a private network" };
        let policy = policy(
            &["10.1.2.3:8080", "old.example"],
            &["10.1.2.3:8080", "10.9.0.0/16", "hooks.internal:8443"],
        );
        let rows = [
            ("http://10.1.2.3:8080/", Ok(())),
            ("https://10.1.2.3:8080/", Ok(())),
            ("https://10.1.2.3/", Err(E::Port { port: 443 })),
            ("https://10.1.2.4/", Err(private)),
            ("https://10.9.255.255:7000/", Ok(())),
            ("http://10.9.0.1/", Err(E::PlainHttp)),
            ("https://10.10.0.0/", Err(private)),
            ("https://hooks.internal:8443/", Ok(())),
            ("https://HOOKS.internal.:8443/", Ok(())),
            ("https://hooks.internal/", Err(E::Port { port: 443 })),
            ("http://old.example:81/", Ok(())),
            ("http://new.old.example/", Err(E::PlainHttp)),
        ];
        check(&policy, &rows);
        let addresses = [
            ("hooks.internal", "10.1.2.4", Ok(())),
            ("HOOKS.internal.", "10.1.2.4", Ok(())),
            ("shop.example", "10.9.1.1", Ok(())),
            // Allowed at one port only, and a resolved address has no port to hold it to.
            ("shop.example", "10.1.2.3", Err(private)),
            ("shop.example", "::ffff:10.1.2.3", Err(private)),
            ("old.example", "127.0.0.1", Err(LOOPBACK)),
        ];
        for (name, address, expected) in addresses {
            assert_eq!(policy.check_resolved(name, address.parse().unwrap()), expected, "{name} {address}");
        }
    }

    #[test]
    fn allowances_are_read_strictly() {
        for text in
            ["10.0.0.0/8", "::1/128", "fd00::/8", "10.1.2.3", "fd00::7", "[fd00::7]:80", "a.b", "a.b:1"]
        {
            assert!(text.parse::<Allowance>().is_ok(), "{text}");
        }
        for text in
            ",10.0.0.0/33,::/129,a.b/8,a.b:,a.b:99999,https://a.b,a b,*,*.a.b:1,::ffff:0:0/96".split(',')
        {
            assert!(text.parse::<Allowance>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_row_of_the_table_is_reached() {
        for row in &FORBIDDEN {
            let Network { base, prefix_bits } = row.network;
            let host_bits = u128::MAX.checked_shr(prefix_bits).unwrap_or(0);
            let last: IpAddr = match base {
                IpAddr::V4(base) => Ipv4Addr::from_bits(base.to_bits() | (host_bits >> 96) as u32).into(),
                IpAddr::V6(base) => Ipv6Addr::from_bits(base.to_bits() | host_bits).into(),
            };
            assert_eq!(forbidden_range(last), Some(row.name), "{last}");
            assert!(forbidden_range(base).is_some(), "{base}");
        }
    }

    #[test]
    fn ranges_end_where_they_should() {
        let public = "
            1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
            168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0
            192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2001:200::
            2001:db7:ffff:: 2001:db9:: 2003:: 2600::1 3ffe:ffff:: ::ffff:8.8.8.8
        ";
        for text in public.split_whitespace() {
            assert_eq!(DestinationPolicy::strict().check_addr(text.parse().unwrap()), Ok(()), "{text}");
        }
        let private = "
            0.0.0.0 100.100.100.200 255.255.255.255 :: ::7f00:1 64:ff9b::7f00:1 64:ff9b:1::a00:1
            2001::1 2002:7f00:1:: fd00:ec2::254 fe80::1 fec0::1 ff02::1 4000::1 ::ffff:10.0.0.1
        ";
        for text in private.split_whitespace() {
            assert!(DestinationPolicy::strict().check_addr(text.parse().unwrap()).is_err(), "{text}");
        }
    }

    #[test]
    fn errors_repeat_nothing_secret() {
        for url in ["https://name:hunter2@shop.example/", "http://h/hunter2", "https://10.0.0.1/hunter2"] {
            let error = DestinationPolicy::strict().check_url(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    struct Answers(Vec<IpAddr>);

    #[async_trait]
    impl Lookup for Answers {
        async fn lookup(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.clone())
        }
    }

    #[tokio::test]
    async fn the_resolver_keeps_only_public_addresses() {
        let rows = [
            ("93.184.216.34 2606:2800::1", Ok("93.184.216.34 2606:2800::1")),
            ("127.0.0.1 93.184.216.34 fd00::1", Ok("93.184.216.34")),
            ("127.0.0.1", Err(LOOPBACK)),
            ("::ffff:169.254.169.254", Err(METADATA)),
        ];
        let parse =
            |texts: &str| -> Vec<IpAddr> { texts.split(' ').map(|text| text.parse().unwrap()).collect() };
        for (answers, expected) in rows {
            let lookup = Arc::new(Answers(parse(answers)));
            let resolver = GuardedResolver::new(Arc::new(DestinationPolicy::strict()), lookup);
            let resolved = resolver.resolve("shop.example".parse().unwrap()).await;
            let resolved = resolved
                .map(|addresses| addresses.map(|address| address.ip()).collect::<Vec<_>>())
                .map_err(|error| *error.downcast::<DestinationError>().unwrap());
            assert_eq!(resolved, expected.map(parse), "{answers:?}");
        }
    }
}
