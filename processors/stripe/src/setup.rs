//! What an operator does at Stripe, as `payhub processors show stripe` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 3] = [
    "In the dashboard choose a sandbox (or test mode) first. Under Developers, API keys, take the secret key \
     (sk_test_…), or better a restricted key (rk_test_…) that may write Checkout Sessions, PaymentIntents, \
     and Charges and Refunds, and read Disputes.",
    "Under Developers, Webhooks, add an endpoint with the webhook address and the events below, and take its \
     signing secret (whsec_…).",
    "To go live, do the same with the dashboard in live mode, for a connector of its own: keys, endpoints and \
     signing secrets are others.",
];

/// The events to subscribe to.
pub(crate) const EVENTS: [&str; 17] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.amount_capturable_updated",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];
