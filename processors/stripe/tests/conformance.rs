//! The laws that every adapter keeps, over what Stripe's documentation says it answers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use processor_sdk::conformance::{Subject, check_all};
use processor_stripe::Stripe;

#[test]
fn keeps_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let report = check_all(&Subject::of_folder(&Stripe, &folder).unwrap());
    assert!(report.is_clean(), "{report}");
}
