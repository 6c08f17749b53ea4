//! The laws that every adapter keeps, over what Stripe's documentation says it answers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use processor_sdk::Settings;
use processor_sdk::conformance::{Fixture, Subject, check_all};
use processor_stripe::Stripe;

#[test]
fn keeps_the_laws() {
    let fixtures = Fixture::read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).unwrap();
    // The webhook secret is the one of the tests of Stripe's own libraries.
    let secrets = [("api_key", "sk_test_of_conformance"), ("webhook_secret", "whsec_test_secret")];
    let report = check_all(&Subject::new(&Stripe, fixtures, secrets, Settings::default()).unwrap());
    assert!(report.is_clean(), "{report}");
}
