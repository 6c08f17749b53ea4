//! Functions that take any bytes, hand them to a part of the hub that reads what strangers write, and hold it to
//! its promises.
//!
//! A target is a plain function: it panics where a promise is broken, and does nothing where an input is merely
//! refused. The short form (`short.rs`) runs each over its corpus and a fixed number of mutations; the long form
//! (`fuzz.rs`, started by `tests/fuzz/run`) lets libFuzzer search, led by what an input makes the hub execute.
//!
//! Invariant: a target is a function of its input alone. It reads no clock and no randomness, and what it builds
//! is built anew for each input, so that a file brings a finding back.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken promise is told by a panic")]

pub mod corpus;
pub mod mutate;

mod answers;
mod card_numbers;
mod configs;
mod deliveries;
mod destinations;
mod guest_seeds;
mod guests;
mod money;
mod plugin_files;
mod promises;
mod redaction;
mod requests;
mod short_texts;
mod world;

/// One part of the hub and what it is fed with.
pub struct Target {
    /// What it is called on the command line; also the folder of its corpus.
    pub name: &'static str,
    /// Feeds one input.
    pub run: fn(&[u8]),
    /// Inputs that are made of what the tree has anyway, such as the fixtures of an adapter.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target { name, run, seeds }
}

/// A target whose corpus is all in its folder.
const fn plain(name: &'static str, run: fn(&[u8])) -> Target {
    target(name, run, Vec::new)
}

/// Every target. The numbers are those of [`world::ADAPTERS`].
pub const TARGETS: [Target; 28] = [
    target("delivery_adyen", deliveries::run::<0>, deliveries::seeds::<0>),
    target("delivery_authorizenet", deliveries::run::<1>, deliveries::seeds::<1>),
    target("delivery_btcpay", deliveries::run::<2>, deliveries::seeds::<2>),
    target("delivery_mollie", deliveries::run::<3>, deliveries::seeds::<3>),
    target("delivery_paypal", deliveries::run::<4>, deliveries::seeds::<4>),
    target("delivery_sandbox", deliveries::run::<5>, deliveries::seeds::<5>),
    target("delivery_sepa_credit_transfer", deliveries::run::<6>, deliveries::seeds::<6>),
    target("delivery_square", deliveries::run::<7>, deliveries::seeds::<7>),
    target("delivery_stripe", deliveries::run::<8>, deliveries::seeds::<8>),
    target("answer_adyen", answers::run::<0>, answers::seeds::<0>),
    target("answer_authorizenet", answers::run::<1>, answers::seeds::<1>),
    target("answer_btcpay", answers::run::<2>, answers::seeds::<2>),
    target("answer_mollie", answers::run::<3>, answers::seeds::<3>),
    target("answer_paypal", answers::run::<4>, answers::seeds::<4>),
    target("answer_sandbox", answers::run::<5>, answers::seeds::<5>),
    target("answer_sepa_credit_transfer", answers::run::<6>, answers::seeds::<6>),
    target("answer_square", answers::run::<7>, answers::seeds::<7>),
    target("answer_stripe", answers::run::<8>, answers::seeds::<8>),
    plain("money", money::run),
    plain("config", configs::run),
    target("guest", guests::run, guest_seeds::seeds),
    target("plugin_file", plugin_files::run, plugin_files::seeds),
    plain("request", requests::run),
    plain("query", requests::run_query),
    plain("card_number", card_numbers::run),
    plain("destination", destinations::run),
    plain("redactor", redaction::run),
    plain("short_text", short_texts::run),
];

/// The target of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
