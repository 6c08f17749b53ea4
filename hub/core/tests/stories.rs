//! Whole lives of payments, one table each. The language is described in `table`.

mod table;

#[path = "stories/checkout.rs"]
mod checkout;
#[path = "stories/failover.rs"]
mod failover;
#[path = "stories/capture.rs"]
mod capture;
#[path = "stories/cancel.rs"]
mod cancel;
#[path = "stories/refund.rs"]
mod refund;
#[path = "stories/dispute.rs"]
mod dispute;
#[path = "stories/quarantine.rs"]
mod quarantine;
#[path = "stories/look_up.rs"]
mod look_up;
