//! Known answers for signatures, and everything that must not pass for one.
//!
//! The digests are those of Square's own Node.js library (`tests/integration/webhooks.test.ts` in
//! github.com/square/square-nodejs-sdk).

use processor_sdk::conformance::{End, Host, Secrets, run_through};
use processor_sdk::{Delivery, Fault, Question, Reply};
use processor_square::Square;
use serde_json::json;

use crate::support::delivery;

const KEY: &str = "Ibxx_5AKakO-3qeNVR61Dw";
const URL: &str = "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9";
const BODY: &str = r#"{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}"#;
const SIGNATURE: &str = "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=";

const SHORT_KEY: &str = "signature-key";
const SHORT_URL: &str = "https://webhook.site/webhooks";
const ANGLED: &str = r#"{"data":{"type":"webhooks","id":">id<"}}"#;
const ANGLED_SIGNATURE: &str = "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=";
const PLAIN: &str = r#"{"data":{"type":"webhooks","id":"fake_id"}}"#;
const PLAIN_SIGNATURE: &str = "W3FlCNk5IA3ZQ2LHTWoajvzfaDu/OwY2tNHIHC3IUOA=";

fn sent(url: &str, body: &str, header: &str, signature: &str) -> Delivery {
    Delivery { url: url.to_owned(), ..delivery(json!([[header, signature]]), body) }
}

/// Whether the signature passes. The test notification is ignored then; the short bodies are no events.
fn passes(key: &str, delivery: Delivery) -> bool {
    let secrets: Secrets = [("signature_key".to_owned(), key.to_owned())].into();
    let host = Host { secrets: &secrets, recorded: None };
    match run_through(&Square, &Question::Delivery(delivery), &host, &mut |_, _| None).end {
        End::Reply(Reply::Notifications(_) | Reply::Fault(Fault::Unreadable { .. })) => true,
        End::Reply(Reply::Fault(Fault::Forged { .. })) => false,
        other => panic!("{other}"),
    }
}

#[test]
fn known_answers_pass() {
    for (key, url, body, header, signature) in [
        (KEY, URL, BODY, "x-square-hmacsha256-signature", SIGNATURE),
        // Names of headers have no case.
        (KEY, URL, BODY, "X-Square-HmacSha256-Signature", SIGNATURE),
        (SHORT_KEY, SHORT_URL, ANGLED, "x-square-hmacsha256-signature", ANGLED_SIGNATURE),
        (SHORT_KEY, SHORT_URL, PLAIN, "x-square-hmacsha256-signature", PLAIN_SIGNATURE),
    ] {
        assert!(passes(key, sent(url, body, header, signature)), "{body}");
    }
}

#[test]
fn forgeries_do_not_pass() {
    let header = "x-square-hmacsha256-signature";
    let other_url = "https://webhook.site/79a4f3a-dcfa-49ee-bac5-9d0edad886b9";
    let body = |from: &str, to: &str| BODY.replace(from, to);
    for (why, key, delivery) in [
        // This one is in Square's own tests too.
        ("another address", KEY, sent(other_url, BODY, header, SIGNATURE)),
        ("a slash at the end", KEY, sent(&format!("{URL}/"), BODY, header, SIGNATURE)),
        ("a query", KEY, sent(&format!("{URL}?"), BODY, header, SIGNATURE)),
        ("another scheme", KEY, sent(&URL.replace("https", "http"), BODY, header, SIGNATURE)),
        ("a port", KEY, sent(&URL.replace(".site", ".site:443"), BODY, header, SIGNATURE)),
        ("one byte of the body", KEY, sent(URL, &body("ac3a", "ac3b"), header, SIGNATURE)),
        ("a space in the body", KEY, sent(URL, &body(",\"data\"", ", \"data\""), header, SIGNATURE)),
        (
            "the body written anew",
            SHORT_KEY,
            sent(
                SHORT_URL,
                &ANGLED.replace('>', "\\u003e").replace('<', "\\u003c"),
                header,
                ANGLED_SIGNATURE,
            ),
        ),
        ("another subscription's key", "Ibxx_5AKakO-3qeNVR61Dx", sent(URL, BODY, header, SIGNATURE)),
        ("another body's signature", SHORT_KEY, sent(SHORT_URL, PLAIN, header, ANGLED_SIGNATURE)),
        ("no signature", KEY, sent(URL, BODY, header, "")),
        ("no base64", KEY, sent(URL, BODY, header, "?")),
        ("in hexadecimal", KEY, sent(URL, BODY, header, &"0".repeat(64))),
        ("the obsolete header", KEY, sent(URL, BODY, "x-square-signature", SIGNATURE)),
        ("no header", KEY, Delivery { url: URL.to_owned(), ..delivery(json!([]), BODY) }),
    ] {
        assert!(!passes(key, delivery), "{why}");
    }
}
