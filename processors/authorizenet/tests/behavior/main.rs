//! What Authorize.Net is asked and what its words mean, row by row, and every mistake that others made before.

#![allow(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::needless_pass_by_value, reason = "a `json!` argument reads better without a reference")]

mod amounts;
mod deliveries;
mod descriptor;
mod pitfalls;
mod requests;
mod searches;
mod signatures;
mod support;
mod words;
