//! The tidy tests alone, while the areas are being written.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends at the first thing that is not as expected"
)]

#[path = "tidy/mod.rs"]
mod tidy;
