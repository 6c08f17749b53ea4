//! Whole lives of payments, one table each. The language is described in `table`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests fail by panicking")]

mod table;

#[path = "stories/by_hand.rs"]
mod by_hand;
#[path = "stories/cancel.rs"]
mod cancel;
#[path = "stories/capture.rs"]
mod capture;
#[path = "stories/checkout.rs"]
mod checkout;
#[path = "stories/dispute.rs"]
mod dispute;
#[path = "stories/failover.rs"]
mod failover;
#[path = "stories/late_truth.rs"]
mod late_truth;
#[path = "stories/look_up.rs"]
mod look_up;
#[path = "stories/quarantine.rs"]
mod quarantine;
#[path = "stories/refund.rs"]
mod refund;
#[path = "stories/resolution.rs"]
mod resolution;
#[path = "stories/restored.rs"]
mod restored;
#[path = "stories/second_opinion.rs"]
mod second_opinion;
#[path = "stories/transfer.rs"]
mod transfer;
