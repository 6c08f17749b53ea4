//! Who the adapter says it is: what the operator sets, where secrets go, what is never kept.

use processor_authorizenet::AuthorizeNet;
use processor_sdk::{Adapter, CaptureMode, HostRule, OperationKind, SettingKind, SignedDeliveries};
use serde_json::json;

use crate::support::{body, capture, error, open, perform};

#[test]
fn the_currency_has_to_be_said() {
    let descriptor = AuthorizeNet.descriptor();
    let check = |given: serde_json::Value| descriptor.check_settings(&serde_json::from_value(given).unwrap());
    let checked = check(json!({"currency": "CAD"})).unwrap();
    assert_eq!(checked.optional_text("signature_key_encoding"), Some("text"));
    for wrong in [
        json!({}),
        json!({"currency": "JPY"}),
        json!({"currency": "usd"}),
        json!({"currency": "USD", "signature_key_encoding": "base64"}),
        json!({"currency": "USD", "base_url": "api.authorize.net"}),
        json!({"currency": "USD", "token": "t"}),
    ] {
        assert!(check(wrong.clone()).is_err(), "{wrong}");
    }
    let choices = descriptor.settings.iter().filter(|field| matches!(field.kind, SettingKind::Choice { .. }));
    assert_eq!(choices.count(), 2);
}

#[test]
fn secrets_go_to_the_api_or_nowhere() {
    let descriptor = AuthorizeNet.descriptor();
    let api = [
        HostRule::Exactly("apitest.authorize.net".to_owned()),
        HostRule::Exactly("api.authorize.net".to_owned()),
        HostRule::Setting("base_url".to_owned()),
    ];
    let secrets: Vec<_> = descriptor
        .secrets
        .iter()
        .map(|secret| (secret.name.as_str(), secret.required, secret.several, secret.hosts.as_slice()))
        .collect();
    // Two signature keys may be in force while one replaces the other.
    assert_eq!(
        secrets,
        [
            ("api_login_id", true, false, api.as_slice()),
            ("transaction_key", true, false, api.as_slice()),
            ("signature_key", true, true, &[]),
        ]
    );
    assert_eq!(descriptor.hosts, api);
}

#[test]
fn what_is_never_kept() {
    let names = AuthorizeNet.descriptor().never_store;
    for name in
        ["token", "merchantAuthentication", "cardNumber", "accountNumber", "customer", "billTo", "url"]
    {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

#[test]
fn what_it_can_do() {
    let descriptor = AuthorizeNet.descriptor();
    for (kind, is_supported) in [
        (OperationKind::OpenCheckout, true),
        (OperationKind::CompleteCheckout, false),
        (OperationKind::ExpireCheckout, false),
        (OperationKind::Capture, true),
        (OperationKind::Void, true),
        (OperationKind::Refund, true),
        (OperationKind::FetchPayment, true),
        (OperationKind::FetchRefund, true),
        (OperationKind::FetchDispute, true),
    ] {
        assert_eq!(descriptor.capabilities.supports(kind), is_supported, "{kind:?}");
    }
    assert!(!descriptor.capabilities.multiple_captures, "one capture releases the rest");
    assert_eq!(descriptor.deliveries, SignedDeliveries::WholeBody);
    assert_eq!((descriptor.acknowledgement.status, descriptor.acknowledgement.body.as_str()), (200, ""));
    // "Not there" counts once nobody can be paying at the page any more.
    assert_eq!(descriptor.idempotency.absent_after_s, 20 * 60);
}

/// No time, no randomness: the key of a call changes nothing, for there is none to send.
#[test]
fn the_same_call_makes_the_same_bytes() {
    for call in [open(json!({})), capture(700)] {
        let other =
            processor_sdk::Call { key: "key2".to_owned(), capture: CaptureMode::Automatic, ..call.clone() };
        let sent = [call, other].map(|call| {
            let (requests, _) = perform(call, vec![error("E00053")]);
            body(&requests[0]).to_string()
        });
        assert_eq!(sent[0], sent[1]);
    }
}
