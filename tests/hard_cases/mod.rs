//! The hard cases: what must stay true when money and networks meet, one number each.
//!
//! Every test is named `hc_NN_…` after its case, and its doc begins with the case in plain words. What the
//! product does not do yet of a case stands there as well, so that the list of cases is the truth about it:
//! `cargo run -q -p hub-tests --bin hard-cases` prints it.
//!
//! Each runs on a file and, by `on_a_server`, on PostgreSQL. What begins with `on_a_file()` or opens a store of its
//! own is about files alone; `hard-cases` says which.

mod common;

mod at_stripe;

mod lives;

mod create_and_commit;

mod kills;

mod webhooks;

mod trust;

mod shopper;

mod late_and_twice;

mod capture_and_cancel;

mod refunds;

mod disputes;

mod money;

mod plugin_versions;

mod routing;

mod retired_connectors;

mod operations;

mod merchants_endpoints;

mod privacy;

mod on_a_server;

use hub_tests::catalog;

#[test]
fn every_hard_case_has_a_test() {
    let (entries, mistakes) = catalog::read().unwrap();
    assert_eq!(mistakes, Vec::<String>::new(), "these are no tests of a case");
    assert_eq!(catalog::untested(&entries), Vec::<u32>::new(), "numbers without a test");
}
