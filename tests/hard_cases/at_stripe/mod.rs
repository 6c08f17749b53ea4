//! The hard cases at Stripe's twin, through the real `payhub serve`.

mod deliveries;

mod money;

mod races;

/// What the cart is told, in the order in which it may come.
const CREATED: &str = "payment_intent.created";
const RESERVED: &str = "payment_intent.requires_capture";
const SUCCEEDED: &str = "payment_intent.succeeded";
const PAID: &str = "order.paid";
const REFUND: &str = "refund.created";
const REFUNDED: &str = "refund.succeeded";
