//! The stories alone, while the areas are being written.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at the first thing that is not as expected"
)]
#![allow(dead_code, clippy::allow_attributes, reason = "one area uses a part of the support only")]

#[path = "stories/mod.rs"]
mod stories;
#[path = "support/mod.rs"]
mod support;
