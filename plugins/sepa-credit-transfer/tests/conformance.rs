//! The laws that every adapter keeps, over one fixture for each kind of page.

use std::path::Path;

use plugin_sepa_credit_transfer::SepaCreditTransfer;
use processor_sdk::Settings;
use processor_sdk::conformance::{Fixture, Subject, check_all};

#[test]
fn keeps_the_laws() {
    let fixtures = Fixture::read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).unwrap();
    let settings =
        Settings::from([("name", "Test Recipient".into()), ("iban", "DE02120300000000202051".into())]);
    let report = check_all(&Subject::new(&SepaCreditTransfer, fixtures, [], settings).unwrap());
    assert!(report.is_clean(), "{report}");
}
