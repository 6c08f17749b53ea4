//! Entry of the tests with real processes.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests stop at the first surprise and say what they saw"
)]

#[path = "acceptance/mod.rs"]
mod acceptance;
#[path = "crash/mod.rs"]
mod crash;
#[path = "processes/mod.rs"]
mod processes;
