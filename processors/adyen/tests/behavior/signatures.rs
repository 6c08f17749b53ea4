//! Known answers for signatures, and everything that must not pass for one.
//!
//! The first two are those of Adyen's own library for Node (`hmacValidator.spec.ts` in
//! Adyen/adyen-node-api-library), the third is the example in its documentation ("Verify HMAC signatures"), and the
//! fourth was computed with its library for Python (`Adyen` 16.0.0), which escapes nothing.

use processor_adyen::Adyen;
use processor_sdk::conformance::{End, Host, run_through};
use processor_sdk::{Adapter, Fault, Question, Reply};
use serde_json::{Value, json};

use crate::support::{AUTHORIZATION, changed, delivery, secrets, signed_text, with_signature};

const NODE_KEY: &str = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00";
const DOCS_KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";

fn item(texts: [&str; 4], value: i64, code: &str) -> Value {
    let [id, original, account, reference] = texts;
    json!({
        "pspReference": id, "originalReference": original, "merchantAccountCode": account,
        "merchantReference": reference, "amount": {"value": value, "currency": "EUR"}, "eventCode": code,
        "success": "true", "additionalData": {},
    })
}

fn node(code: &str) -> Value {
    item(["pspReference", "originalReference", "merchantAccount", "reference"], 1000, code)
}

fn docs() -> Value {
    item(["7914073381342284", "", "TestMerchant", "TestPayment-1407325143704"], 1130, AUTHORIZATION)
}

/// Whether an item passes under a key. Whatever it then says, a forgery is refused as one.
fn passes(key: &str, item: Value) -> bool {
    let (secrets, delivery) = (secrets(key), delivery(&[item]));
    let host = Host { secrets: &secrets, recorded: None };
    match run_through(&Adyen, &Question::Delivery(delivery), &host, &mut |_, _| None).end {
        End::Reply(Reply::Notifications(notifications)) => {
            assert!(notifications.iter().all(|notification| notification.proof.is_some()));
            true
        }
        // A signature that passed, over a text that could be split in two ways.
        End::Reply(Reply::Fault(Fault::Unreadable { .. })) => true,
        End::Reply(Reply::Fault(Fault::Forged { .. })) => false,
        other => panic!("{other}"),
    }
}

/// Key, item, signature.
fn known_answers() -> Vec<(&'static str, Value, &'static str)> {
    let escaped = item(["8815REFUND000001", "8815ORIG00000001", "HubTestECOM", "pay:42\\a"], 500, "REFUND");
    let mut absent = docs();
    absent.as_object_mut().unwrap().remove("originalReference");
    let coqc = "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=";
    vec![
        (NODE_KEY, node("REPORT_AVAILABLE"), "ZNBPtI+oDyyRrLyD1XirkKnQgIAlFc07Vj27TeHsDRE="),
        (NODE_KEY, node("EVENT"), "ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc="),
        (DOCS_KEY, docs(), coqc),
        (NODE_KEY, escaped, "JaeSnkSw3DNI41FWMkDywrAFu3tQkmQI2vj/xxGJEe8="),
        // What is missing is signed as nothing, and so is what is null.
        (DOCS_KEY, absent, coqc),
        (DOCS_KEY, changed(docs(), json!({"originalReference": null})), coqc),
        // The digits of a key may be written in either case.
        ("44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056", docs(), coqc),
    ]
}

#[test]
fn known_answers_pass() {
    for (key, item, signature) in known_answers() {
        assert!(passes(key, with_signature(item.clone(), signature)), "{}", signed_text(&item));
    }
}

#[test]
fn what_the_signature_does_not_cover_may_be_anything() {
    for changes in [
        json!({"reason": "another"}),
        json!({"eventDate": "1999-12-31T23:59:59Z"}),
        json!({"eventDate": 7}),
        json!({"paymentMethod": "ideal", "operations": ["REFUND"]}),
    ] {
        let (key, item, signature) = known_answers().remove(2);
        assert!(passes(key, with_signature(changed(item, changes.clone()), signature)), "{changes}");
    }
}

#[test]
fn forgeries_do_not_pass() {
    let (key, item, signature) = known_answers().remove(2);
    let with = |changes: Value| with_signature(changed(item.clone(), changes), signature);
    let shifted = json!({"pspReference": "7914073381342284:", "originalReference": "TestMerchant",
        "merchantAccountCode": "TestPayment-1407325143704", "merchantReference": "1130"});
    let rows = vec![
        ("another payment", key, with(json!({"pspReference": "7914073381342285"}))),
        ("another original", key, with(json!({"originalReference": "7914073381342284"}))),
        ("another account", key, with(json!({"merchantAccountCode": "TestMerchant2"}))),
        ("another reference", key, with(json!({"merchantReference": "TestPayment-1407325143705"}))),
        ("another amount", key, with(json!({"amount": {"value": 1131, "currency": "EUR"}}))),
        ("another currency", key, with(json!({"amount": {"value": 1130, "currency": "USD"}}))),
        ("another event", key, with(json!({"eventCode": "CAPTURE"}))),
        ("another outcome", key, with(json!({"success": "false"}))),
        ("no outcome", key, with(json!({"success": null}))),
        ("texts shifted by one", key, with(shifted)),
        ("another key", NODE_KEY, with(json!({}))),
        ("no signature", key, changed(item.clone(), json!({"additionalData": {}}))),
        ("no additional data", key, changed(item.clone(), json!({"additionalData": null}))),
        ("an empty signature", key, with_signature(item.clone(), "")),
        ("a signature that is no base64", key, with_signature(item.clone(), "coqCmt*")),
        ("a cut signature", key, with_signature(item.clone(), "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiB")),
        ("an empty key", "", with(json!({}))),
        ("a key that is not hexadecimal", "not a key", with(json!({}))),
    ];
    for (why, key, item) in rows {
        assert!(!passes(key, item), "{why}");
    }
}

#[test]
fn a_delivery_without_items_is_nobodys() {
    let reply = crate::support::received(delivery(&[]));
    assert!(matches!(reply, Reply::Fault(Fault::Forged { .. })), "{reply:?}");
}

/// What Adyen has queued may be signed with the key before for as long as 30 days.
#[test]
fn an_old_key_can_stay_beside_the_new_one() {
    for secret in Adyen.descriptor().secrets {
        let (several, is_sent) = (secret.name == "hmac_key", secret.name == "api_key");
        assert_eq!((secret.several, !secret.hosts.is_empty(), secret.required), (several, is_sent, true));
    }
}
