//! What an operator does at Mollie, as `payhub processors show mollie` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 3] = [
    "In the dashboard under Developers, API keys, take the profile's test key (test_…). Under Settings, \
     Payment methods, of the profile switch on what you want to offer.",
    "There is no webhook to create and there are no events to choose: the hub tells Mollie with each payment \
     where to call. On a machine that Mollie cannot reach set webhooks to \"off\"; only for signed webhooks \
     set it to \"signed\" and create one, with its events payment.*, refund.*, chargeback.* and capture.*.",
    "To go live, do the same with the live key (live_…), for a connector of its own. The key alone decides \
     whether money moves.",
];
