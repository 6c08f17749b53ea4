//! The hub through its front door: what a cart, a shopper, a processor and an operator see of it.
//!
//! `support` and `processes` are the tools; every other folder is one area. One binary, because linking the
//! hub once is most of the time that a test run takes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test ends at the first thing that is not as expected and says what it saw"
)]

mod support;

mod stories;

mod api;

mod hard_cases;

mod processes;

mod reliability;

mod simulation;

mod twins;

mod crash;

mod storm;

mod races;

mod network;

mod power_loss;

mod planted_bugs;

mod upgrade;

mod soak;

mod operators;

mod plugins;

mod acceptance;

mod tidy;
