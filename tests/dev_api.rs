//! The API's tests alone, while the areas are being written.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends at the first thing that is not as expected"
)]
#![allow(dead_code, clippy::allow_attributes, reason = "one area uses a part of the support only")]

#[path = "api/mod.rs"]
mod api;
#[path = "support/mod.rs"]
mod support;
