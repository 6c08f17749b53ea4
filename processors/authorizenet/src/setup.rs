//! What an operator does at Authorize.Net, as `payhub processors show authorizenet` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 5] = [
    "Begin with a sandbox account, and keep test mode off in it and in the live account: in test mode nothing \
     happens.",
    "In the Merchant Interface, under Account, Settings, API Credentials & Keys, take the API Login ID, and \
     make a Transaction Key and a Signature Key.",
    "Under Account, Settings, Transaction Details API, enable that API. Without it every look-up is refused.",
    "Under Account, Settings, Webhooks, add an endpoint with the webhook address and the events below, and \
     make it active. Look at its state now and then: Authorize.Net switches one off that fails for too long.",
    "To go live, do the same with the live account, for a connector of its own.",
];

/// The events to subscribe to.
pub(crate) const EVENTS: [&str; 9] = [
    "net.authorize.payment.authorization.created",
    "net.authorize.payment.authcapture.created",
    "net.authorize.payment.capture.created",
    "net.authorize.payment.priorAuthCapture.created",
    "net.authorize.payment.refund.created",
    "net.authorize.payment.void.created",
    "net.authorize.payment.fraud.held",
    "net.authorize.payment.fraud.approved",
    "net.authorize.payment.fraud.declined",
];
