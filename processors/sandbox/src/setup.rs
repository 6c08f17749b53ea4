//! What an operator does at Sandbox Pay, as `payhub processors show sandbox` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 2] = [
    "Start it: cargo run -p sandbox-server -- --account name=shop,key=…,webhook_secret=…,webhook_url=…, where \
     webhook_url is the webhook address.",
    "Set base_url to where it listens, and list that host in plain_http_hosts. No real money moves, so there \
     is no live mode.",
];
