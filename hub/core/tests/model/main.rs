//! The core against a second opinion: random lives of payments, and after each command a small independent model
//! says whether what the core made of it is right.
//!
//! `processor` owns the truth, `heard` puts together what the hub was told of it, `opinion` works out by the rules
//! what must follow, `cart` believes nothing but events, and `verdict` compares. After the storm comes a calm, at
//! whose end the core and the truth must agree, or the difference must be shown.
//!
//! A life comes from one seed. `PROOF_ROUNDS` says how many lives, `PROOF_SEED` from which seed on, and to the file
//! that `PROOF_FIGURES` names a run that held adds one line of JSON.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests fail by panicking"
)]

mod calm;
mod cart;
mod habits;
mod heard;
mod life;
mod opinion;
#[cfg(feature = "planted-bugs")]
mod planted;
mod processor;
mod proof;
mod script;
mod steps;
mod verdict;
mod worker;
