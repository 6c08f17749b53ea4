//! The laws that every adapter keeps, over one fixture for each kind of page.

use std::path::Path;

use plugin_sepa_credit_transfer::SepaCreditTransfer;
use processor_sdk::conformance::{Subject, check_all};

#[test]
fn keeps_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let report = check_all(&Subject::of_folder(&SepaCreditTransfer, &folder).unwrap());
    assert!(report.is_clean(), "{report}");
}
