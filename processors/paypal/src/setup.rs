//! What an operator does at PayPal, as `payhub processors show paypal` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 3] = [
    "In the developer dashboard, under Apps & Credentials, choose the sandbox first and create a REST app of \
     the type Merchant. Take its client ID and its secret. If the app has a list of features, switch on the \
     one for disputes.",
    "In the same app add a webhook with the webhook address and the events below. PayPal delivers to https on \
     port 443 only.",
    "To go live, do the same with the dashboard in live mode, for a connector of its own: apps, secrets and \
     webhooks are others.",
];

/// The events to subscribe to.
pub(crate) const EVENTS: [&str; 15] = [
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.ORDER.COMPLETED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    "PAYMENT.AUTHORIZATION.CREATED",
    "PAYMENT.AUTHORIZATION.VOIDED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.REFUND.PENDING",
    "PAYMENT.REFUND.FAILED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.UPDATED",
    "CUSTOMER.DISPUTE.RESOLVED",
];
