//! The real `payhub serve` at Stripe's twin: what an operator sets up in under fifteen lines, a cart, a
//! shopper, and whatever Stripe, banks and networks do.
//!
//! Stories that are numbered among the hard cases stand in `tests/hard_cases`.

pub(crate) mod world;

mod payments;

mod afterwards;

mod lost_answers;

mod lost_answers_in_fast_time;

mod webhooks;

mod setup;

mod live;
