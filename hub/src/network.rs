//! A block of IP addresses, as operators write it in the config.
//!
//! Invariant: an IPv4 address that is mapped into IPv6 is the IPv4 address. Whoever asks hands it over so
//! ([`IpAddr::to_canonical`]), and no network is made of mapped ones.

use std::net::IpAddr;
use std::str::FromStr;

/// A block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    pub(crate) base: IpAddr,
    pub(crate) prefix_bits: u32,
}

/// What is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a network such as 10.1.0.0/16, or one address")]
pub struct NetworkError;

impl Network {
    /// Whether a canonical address is one of these.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix_bits
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).leading_zeros() >= self.prefix_bits
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// One address.
    pub fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { base: address, prefix_bits: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let Some((base, prefix_bits)) = text.split_once('/') else {
            return text.parse().map(Self::single).map_err(|_| NetworkError);
        };
        let base: IpAddr = base.parse().map_err(|_| NetworkError)?;
        let prefix_bits: u32 = prefix_bits.parse().map_err(|_| NetworkError)?;
        if prefix_bits > Self::single(base).prefix_bits || base != base.to_canonical() {
            return Err(NetworkError);
        }
        Ok(Self { base, prefix_bits })
    }
}
