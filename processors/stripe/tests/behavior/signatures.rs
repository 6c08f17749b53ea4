//! Known answers for signatures, and everything that must not pass for one.
//!
//! The digests were computed with Stripe's own Python library, `stripe` 16.1.0; the secret and the first
//! body are those of its tests.

use processor_sdk::conformance::{End, Host, Secrets, run_through};
use processor_sdk::{Fault, Question, Reply, Timestamp};
use processor_stripe::Stripe;

use crate::support::delivery;

const SECRET: &str = "whsec_test_secret";
const DUMMY: &str = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
const DUMMY_V1: &str = "4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150";
const COMPLETED: &str = "{\"id\":\"evt_test_0001\",\"object\":\"event\",\"type\":\"checkout.session.completed\",\"created\":1760000000,\"data\":{\"object\":{\"id\":\"cs_test_abc\",\"object\":\"checkout.session\",\"client_reference_id\":\"pay_42\",\"payment_status\":\"paid\",\"status\":\"complete\",\"amount_total\":1999,\"currency\":\"usd\"}}}";
const COMPLETED_V1: &str = "07c2a124069fc53e29ae889fa98b1828de162acdc2109e0af3077dcf15149524";
const NO_V1: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Whether the signature passes. Neither body is a whole event, so that a pass ends as unreadable.
fn passes(secret: &str, header: &str, body: &str, received_at_s: i64) -> bool {
    let mut delivery = delivery(header, body);
    delivery.received_at = Timestamp::from_unix_seconds(received_at_s).unwrap();
    let secrets: Secrets = [("webhook_secret".to_owned(), secret.to_owned())].into();
    let host = Host { secrets: &secrets, recorded: None };
    match run_through(&Stripe, &Question::Delivery(delivery), &host, &mut |_, _| None).end {
        End::Reply(Reply::Fault(Fault::Unreadable { .. })) => true,
        End::Reply(Reply::Fault(Fault::Forged { .. })) => false,
        other => panic!("{other}"),
    }
}

#[test]
fn known_answers_pass() {
    for (header, body, received_at_s) in [
        (format!("t=1700000000,v1={DUMMY_V1}"), DUMMY, 1_700_000_000),
        (format!("t=1760000000,v1={COMPLETED_V1}"), COMPLETED, 1_760_000_000),
        // While a secret is being rolled there are several, and schemes that we do not know.
        (format!("t=1760000000,v1={NO_V1},v1={COMPLETED_V1},v0=abc"), COMPLETED, 1_760_000_000),
        (format!("t=1760000000,v1={COMPLETED_V1},v1=0000,v0=abc"), COMPLETED, 1_760_000_000),
        (format!("t=1760000000, v1={COMPLETED_V1}"), COMPLETED, 1_760_000_000),
        // The whole tolerance, to either side.
        (format!("t=1760000000,v1={COMPLETED_V1}"), COMPLETED, 1_760_000_300),
        (format!("t=1760000000,v1={COMPLETED_V1}"), COMPLETED, 1_759_999_700),
    ] {
        assert!(passes(SECRET, &header, body, received_at_s), "{header} at {received_at_s}");
    }
}

#[test]
fn forgeries_do_not_pass() {
    let whole = format!("t=1760000000,v1={COMPLETED_V1}");
    let cheaper = COMPLETED.replace("1999", "1998");
    for (why, secret, header, body, received_at_s) in [
        ("too old", SECRET, whole.as_str(), COMPLETED, 1_760_000_301),
        ("from the future", SECRET, &whole, COMPLETED, 1_759_999_699),
        ("only under v0", SECRET, &format!("t=1760000000,v0={COMPLETED_V1}"), COMPLETED, 1_760_000_000),
        ("one byte of the body", SECRET, &whole, &cheaper, 1_760_000_000),
        ("a rewritten time", SECRET, &format!("t=1760000001,v1={COMPLETED_V1}"), COMPLETED, 1_760_000_000),
        ("another endpoint's secret", "whsec_other", &whole, COMPLETED, 1_760_000_000),
        ("the secret without its prefix", "test_secret", &whole, COMPLETED, 1_760_000_000),
        ("no time", SECRET, &format!("v1={COMPLETED_V1}"), COMPLETED, 1_760_000_000),
        ("no number", SECRET, &format!("t=now,v1={COMPLETED_V1}"), COMPLETED, 1_760_000_000),
        ("no signature", SECRET, "t=1760000000", COMPLETED, 1_760_000_000),
        ("an empty signature", SECRET, "t=1760000000,v1=", COMPLETED, 1_760_000_000),
        ("an empty header", SECRET, "", COMPLETED, 1_760_000_000),
        (
            "not the bytes that were signed",
            SECRET,
            &format!("t=1700000000,v1={DUMMY_V1}"),
            "{\"id\":\"evt_test_webhook\",\"object\":\"event\"}",
            1_700_000_000,
        ),
    ] {
        assert!(!passes(secret, header, body, received_at_s), "{why}");
    }
}
