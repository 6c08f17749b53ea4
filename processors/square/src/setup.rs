//! What an operator does at Square, as `payhub processors show square` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 3] = [
    "In the Developer Console make an application, and on its page choose Sandbox first. Under Credentials \
     take the access token (EAAA…), and under Locations the id (L…) of the location that sells.",
    "Under Webhooks, Subscriptions, add a subscription with the webhook address, version 2025-08-20 and the \
     events below, and take its signature key. The signature covers the address: http for https, a port or a \
     slash at the end makes every delivery a forgery.",
    "To go live, do the same with the application's page at Production, for a connector of its own: token, \
     location and signature key are others.",
];

/// The events to subscribe to.
pub(crate) const EVENTS: [&str; 6] = [
    "payment.created",
    "payment.updated",
    "refund.created",
    "refund.updated",
    "dispute.created",
    "dispute.state.updated",
];
