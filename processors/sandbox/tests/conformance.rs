//! The laws that every adapter keeps, over what Sandbox Pay's documentation says it answers.

use std::path::Path;

use processor_sandbox::Sandbox;
use processor_sdk::Settings;
use processor_sdk::conformance::{Fixture, Subject, check_all};

#[test]
fn keeps_the_laws() {
    let fixtures = Fixture::read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).unwrap();
    // The webhook secret is the one of the documentation's known answer.
    let secrets = [("api_key", "sk_test_of_conformance"), ("webhook_secret", "whsec_example")];
    let settings = Settings::from([("base_url", "http://127.0.0.1:4010".into())]);
    let report = check_all(&Subject::new(&Sandbox, fixtures, secrets, settings).unwrap());
    assert!(report.is_clean(), "{report}");
}
