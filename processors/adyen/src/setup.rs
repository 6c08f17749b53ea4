//! What an operator does at Adyen, as `payhub processors show adyen` tells it.
//! `README.md` beside this crate says more.

/// One step each, in order.
pub(crate) const STEPS: [&str; 4] = [
    "In the Customer Area (test) make a web service user under Developers, API credentials, with access to \
     your merchant account and the roles Checkout webservice role and Merchant PAL (or Checkout \
     modifications). Take its API key.",
    "Under Developers, Webhooks, add a Standard webhook for that merchant account: the webhook address, \
     method JSON, the events below. Generate an HMAC key (64 hexadecimal digits) and take it. Nothing but \
     this webhook tells that a payment is paid.",
    "In the merchant account's settings see that Capture delay is immediate.",
    "To go live, do the same in the live Customer Area, for a connector of its own. Its base_url has a prefix \
     of your own, under Developers, API URLs: https://PREFIX-checkout-live.adyenpayments.com/checkout/v72.",
];

/// The events to subscribe to.
pub(crate) const EVENTS: [&str; 18] = [
    "AUTHORISATION",
    "CAPTURE",
    "CAPTURE_FAILED",
    "CANCELLATION",
    "TECHNICAL_CANCEL",
    "EXPIRE",
    "OFFER_CLOSED",
    "REFUND",
    "REFUND_FAILED",
    "REFUNDED_REVERSED",
    "CANCEL_OR_REFUND",
    "REQUEST_FOR_INFORMATION",
    "NOTIFICATION_OF_CHARGEBACK",
    "CHARGEBACK",
    "CHARGEBACK_REVERSED",
    "SECOND_CHARGEBACK",
    "PREARBITRATION_WON",
    "PREARBITRATION_LOST",
];
