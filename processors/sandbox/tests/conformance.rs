//! The laws that every adapter keeps, over what Sandbox Pay's documentation says it answers.

use std::path::Path;

use processor_sandbox::Sandbox;
use processor_sdk::conformance::{Subject, check_all};

#[test]
fn keeps_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let report = check_all(&Subject::of_folder(&Sandbox, &folder).unwrap());
    assert!(report.is_clean(), "{report}");
}
