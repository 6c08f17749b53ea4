//! The laws that every adapter keeps, over what BTCPay Server's published description says it answers.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use processor_btcpay::BtcPay;
use processor_sdk::conformance::{Subject, check_all};

#[test]
fn keeps_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let report = check_all(&Subject::of_folder(&BtcPay, &folder).unwrap());
    assert!(report.is_clean(), "{report}");
}
