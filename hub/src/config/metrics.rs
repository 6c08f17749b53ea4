//! `[metrics]`: where the hub shows how it is. It tells how much a shop sells, so it is never on the public
//! front, and on every network of the machine only when the operator says so in so many words.

use std::net::SocketAddr;

use super::section::Section;
use super::{Metrics, listen, required};

/// `public` is where everybody else is served, if that could be read.
pub(super) fn metrics(section: &mut Section<'_>, public: Option<SocketAddr>) -> Option<Metrics> {
    let value = section.optional("listen");
    let all_networks = required(section, "all_networks").and_then(|value| value.flag());
    section.finish(None);
    let all_networks = all_networks?;
    let Some(value) = value else { return Some(Metrics { listen: None, all_networks }) };
    let address = listen(&value)?;
    if public.is_some_and(|public| meet(public, address)) {
        value.wrong(
            "must not be where the API listens: metrics are for the operator alone",
            "write it like: listen = \"127.0.0.1:9464\"",
        );
        return None;
    }
    if address.ip().is_unspecified() && !all_networks {
        value.wrong(
            "opens the metrics to every network that this machine is in",
            "name one address, such as 127.0.0.1, or say that you mean it: all_networks = true",
        );
        return None;
    }
    Some(Metrics { listen: Some(address), all_networks })
}

/// Whether a request to one could arrive at the other.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let (one_ip, other_ip) = (one.ip().to_canonical(), other.ip().to_canonical());
    let same_port = one.port() == other.port() && one.port() != 0;
    same_port && (one_ip == other_ip || one_ip.is_unspecified() || other_ip.is_unspecified())
}
