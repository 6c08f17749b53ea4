//! A known answer for signatures, and everything that must not pass for one.
//!
//! The scheme and the secret are those of BTCPay Server's own webhook test (`WebhooksTests.cs`); the digest was
//! computed for this body by the same formula.

use processor_btcpay::BtcPay;
use processor_sdk::conformance::{End, Host, Secrets, run_through};
use processor_sdk::{Adapter, Fault, HostRule, Question, Reply, SignedDeliveries};

use crate::support::delivery;

const SECRET: &str = "HelloWorld";
const BODY: &str = concat!(
    r#"{"deliveryId":"D1","webhookId":"W1","originalDeliveryId":"D1","isRedelivery":false,"#,
    r#""type":"InvoiceSettled","timestamp":1767323045,"storeId":"S1","invoiceId":"I1"}"#,
);
const HEADER: &str = "sha256=4d28b5529ba7c2b9205c86bf4db470af69843bfc81459da4b5009f5b7cacfc54";

fn passes(secret: &str, headers: &[(&str, &str)], body: &str) -> bool {
    let secrets: Secrets = [("webhook_secret".to_owned(), secret.to_owned())].into();
    let host = Host { secrets: &secrets, recorded: None };
    let question = Question::Delivery(delivery(headers, body));
    match run_through(&BtcPay, &question, &host, &mut |_, _| None).end {
        End::Reply(Reply::Notifications(_)) => true,
        End::Reply(Reply::Fault(Fault::Forged { .. })) => false,
        other => panic!("{other}"),
    }
}

#[test]
fn known_answers_pass() {
    assert_eq!(BODY.len(), 162);
    let wrong = format!("sha256={}", "0".repeat(64));
    for headers in [
        vec![("BTCPay-Sig", HEADER)],
        // Proxies write names of headers as they like.
        vec![("btcpay-sig", HEADER)],
        vec![("BTCPAY-SIG", HEADER)],
        vec![("content-type", "application/json"), ("Btcpay-Sig", HEADER)],
        vec![("BTCPay-Sig", wrong.as_str()), ("BTCPay-Sig", HEADER)],
    ] {
        assert!(passes(SECRET, &headers, BODY), "{headers:?}");
    }
}

#[test]
fn forgeries_do_not_pass() {
    let hex = HEADER.trim_start_matches("sha256=");
    let upper_scheme = format!("SHA256={hex}");
    let sha1 = format!("sha1={hex}");
    let cut = &HEADER[..HEADER.len() - 2];
    let other_invoice = BODY.replace("I1", "I2");
    let indented =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(BODY).unwrap()).unwrap();
    for (why, secret, header, body) in [
        ("another secret", "HelloWorld2", HEADER, BODY),
        ("another secret", "helloworld", HEADER, BODY),
        ("another invoice", SECRET, HEADER, other_invoice.as_str()),
        ("the same event, written anew", SECRET, HEADER, indented.as_str()),
        ("a line more", SECRET, HEADER, &format!("{BODY}\n")),
        ("no scheme", SECRET, hex, BODY),
        ("another scheme", SECRET, sha1.as_str(), BODY),
        ("the scheme in capitals", SECRET, upper_scheme.as_str(), BODY),
        ("half a digest", SECRET, cut, BODY),
        ("no digest", SECRET, "sha256=", BODY),
        ("blanks", SECRET, "sha256=  ", BODY),
        ("an empty header", SECRET, "", BODY),
    ] {
        assert!(!passes(secret, &[("BTCPay-Sig", header)], body), "{why}");
    }
    for headers in [vec![], vec![("BTCPay-Signature", HEADER)], vec![("X-Hub-Signature-256", HEADER)]] {
        assert!(!passes(SECRET, &headers, BODY), "{headers:?}");
    }
}

#[test]
fn a_secret_is_changed_while_the_old_one_still_counts() {
    let descriptor = BtcPay.descriptor();
    assert_eq!(descriptor.deliveries, SignedDeliveries::WholeBody);
    let [api_key, webhook_secret] = descriptor.secrets.as_slice() else { panic!("two secrets") };
    assert_eq!((webhook_secret.name.as_str(), webhook_secret.several), ("webhook_secret", true));
    assert!(webhook_secret.hosts.is_empty(), "it never leaves");
    assert_eq!(api_key.hosts, [HostRule::Setting("base_url".to_owned())], "and the key goes nowhere else");
}
