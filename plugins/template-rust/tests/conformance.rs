//! The laws that every adapter keeps, over the fixtures of this one, without a sandbox: the quick way to work.

use std::path::Path;

use acme::Acme;
use processor_sdk::conformance::{Subject, check_all};

#[test]
fn keeps_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let report = check_all(&Subject::of_folder(&Acme, &folder).unwrap());
    assert!(report.is_clean(), "{report}");
}
