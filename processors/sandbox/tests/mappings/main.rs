//! What Sandbox Pay's words, codes and events mean, row by row.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![expect(clippy::needless_pass_by_value, reason = "a `json!` argument reads better without a reference")]

mod deliveries;
mod operations;
mod support;
