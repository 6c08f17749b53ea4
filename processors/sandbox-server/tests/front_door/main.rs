//! Sandbox Pay as the outside world meets it: over HTTP, by webhooks, and through kills.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at the first thing that is not as expected"
)]

mod faults;
mod killed;
mod stories;
mod support;
