//! Whose a delivery is, and what becomes of several items in one.

use processor_sdk::{Channel, Delivery, Fault, Headers, Reply, Says};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn events_that_are_not_ours() {
    for (what, item) in [
        ("another account", item(AUTHORIZATION, "true", json!({"merchantAccountCode": "HubOtherECOM"}))),
        (
            "another account's refund",
            changed(
                done("REFUND", "true", "att1-re1"),
                json!({
            "merchantAccountCode": "HubTestECOM2"}),
            ),
        ),
        ("a shop's reference", item(AUTHORIZATION, "true", json!({"merchantReference": "Shop_42"}))),
        ("no reference", item(AUTHORIZATION, "true", json!({"merchantReference": ""}))),
        (
            "a longer reference",
            item(
                AUTHORIZATION,
                "true",
                json!({
            "merchantReference": "0123456789abcdefghijk"}),
            ),
        ),
        ("a colon", item(AUTHORIZATION, "true", json!({"merchantReference": "pay:42\\a"}))),
        ("a colon in an id", item(AUTHORIZATION, "true", json!({"pspReference": "NC6H:T9CR"}))),
    ] {
        let notification = notification(item);
        assert!(matches!(notification.says, Says::Ignored { .. }), "{what}: {notification:?}");
        // Answered and remembered all the same: a queue waits behind what is not acknowledged.
        assert!(notification.event_id.is_some() && notification.proof.is_some(), "{what}");
    }
}

/// What somebody typed into the Customer Area stands where our own ids would.
#[test]
fn what_others_did_to_a_payment_of_ours() {
    for (reference, echo, transfer) in [
        ("RMA 42", None, None),
        ("Refund-1", None, None),
        ("a-b-c", None, None),
        ("", None, None),
        ("att1", Some("att1"), None),
        ("att1-re1", Some("att1"), Some("re1")),
    ] {
        let notification = notification(done("REFUND", "true", reference));
        assert_eq!(notification.echo.as_deref(), echo, "{reference}");
        assert!(notification.references.iter().any(|known| known.id == PAYMENT), "{reference}");
        let Says::Facts(facts) = notification.says else { panic!("{reference}") };
        assert_eq!(only(&facts).echo.as_deref(), transfer, "{reference}");
    }
    // With a colon inside, the same signature would hold for other texts: shown to a person, and no more.
    let unclear = received(delivery(&[signed(done("REFUND", "true", "RMA:42"))]));
    assert!(matches!(unclear, Reply::Fault(Fault::Unreadable { .. })), "{unclear:?}");
}

/// One signature holds for every way to split its text. Whichever way is sent, it never speaks of our payment.
#[test]
fn a_text_split_in_another_way_proves_nothing() {
    // Another system of the same account let its customer choose this reference; Adyen signed what is below.
    let theirs = item(
        "CAPTURE",
        "true",
        json!({"pspReference": "P", "originalReference": "O",
        "merchantReference": "HubTestECOM:att1"}),
    );
    let bent = item(
        "CAPTURE",
        "true",
        json!({"pspReference": "P:O", "originalReference": ACCOUNT,
        "merchantAccountCode": ACCOUNT, "merchantReference": "att1"}),
    );
    assert_eq!(signed_text(&theirs), signed_text(&bent), "the same bytes are signed");
    for item in [theirs, bent] {
        let reply = received(delivery(&[signed(item)]));
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
    }
}

#[test]
fn each_item_is_verified_by_itself() {
    let good = || signed(done("REFUND", "true", "att1-re1"));
    let paid = || item(AUTHORIZATION, "true", json!({}));
    let other_key = HMAC_KEY.replace('0', "1");
    let unsigned = paid();
    let forged = with_signature(paid(), &signature(&paid(), &other_key));
    let borrowed = with_signature(paid(), good()["additionalData"]["hmacSignature"].as_str().unwrap());
    for (what, bad) in [("unsigned", unsigned), ("forged", forged), ("another's signature", borrowed)] {
        for items in [[good(), bad.clone()], [bad.clone(), good()]] {
            let is_bad = |item: &Value| *item == bad;
            let Reply::Notifications(said) = received(delivery(&items)) else { panic!("{what}") };
            for (item, notification) in items.iter().zip(&said) {
                if is_bad(item) {
                    // Nothing is believed of it, its id least of all; but it is a reason to ask.
                    assert_eq!((&notification.says, notification.proof), (&Says::Changed, None), "{what}");
                    assert_eq!(notification.event_id, None, "{what}");
                } else {
                    assert!(matches!(notification.says, Says::Facts(_)), "{what}: {notification:?}");
                    assert!(notification.proof.is_some(), "{what}");
                }
            }
        }
        let alone = received(delivery(&[bad]));
        assert!(matches!(alone, Reply::Fault(Fault::Forged { .. })), "{what}: {alone:?}");
    }
}

#[test]
fn each_of_several_items_has_the_proof_of_its_own_check() {
    let said = notified(vec![
        item(AUTHORIZATION, "true", json!({})),
        done("CAPTURE", "true", "att1-cap1"),
        item("REPORT_AVAILABLE", "true", json!({})),
    ]);
    let proofs: Vec<_> = said.iter().map(|notification| notification.proof.unwrap().exchange()).collect();
    assert_eq!(proofs, [0, 1, 2]);
    assert!(matches!(said[0].says, Says::Facts(_)) && matches!(said[1].says, Says::Facts(_)));
    assert!(matches!(said[2].says, Says::Ignored { .. }));
}

/// An item that cannot be read is shown to the operator where it stands alone, and takes no other with it.
#[test]
fn an_unreadable_item_does_not_take_the_others_with_it() {
    let unreadable = || item("CAPTURE", "true", json!({"amount": {"value": 1234, "currency": "BTC"}}));
    let said = notified(vec![unreadable(), done("REFUND", "true", "att1-re1")]);
    assert_eq!((&said[0].says, said[0].proof), (&Says::Changed, None));
    assert!(matches!(said[1].says, Says::Facts(_)));
    let alone = received(delivery(&[signed(unreadable())]));
    assert!(matches!(alone, Reply::Fault(Fault::Unreadable { .. })), "{alone:?}");
}

#[test]
fn a_delivery_has_a_limit_of_items() {
    let items = |count: usize| vec![item("REPORT_AVAILABLE", "true", json!({})); count];
    assert_eq!(notified(items(16)).len(), 16);
    let reply = received(delivery(&items(17).into_iter().map(signed).collect::<Vec<_>>()));
    assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
}

#[test]
fn a_delivery_of_the_other_mode_is_neither_believed_nor_dropped() {
    let paid = || delivery(&[signed(item(AUTHORIZATION, "true", json!({})))]);
    let with_live = |from: &str, to: &str, livemode: bool| {
        let text = paid().body.as_text().unwrap().replace(from, to);
        Delivery { body: processor_sdk::Bytes::from(text), livemode, ..paid() }
    };
    let (absent, live) = (r#""live":"false","#, r#""live":"false""#);
    for (what, delivery, is_read) in [
        ("test at test", paid(), true),
        ("live at live", with_live(live, r#""live":"true""#, true), true),
        ("live at test", with_live(live, r#""live":"true""#, false), false),
        ("test at live", with_live("", "", true), false),
        ("no word", with_live(absent, "", false), false),
        ("not a text", with_live(live, r#""live":false"#, false), false),
    ] {
        match received(delivery) {
            Reply::Notifications(said) => assert!(is_read, "{what}: {said:?}"),
            Reply::Fault(Fault::Unreadable { .. }) => assert!(!is_read, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn half_an_item_says_nothing() {
    for pointer in ["pspReference", "amount", "eventCode", "success", "merchantAccountCode"] {
        let mut half = done("CAPTURE", "true", "att1-cap1");
        half.as_object_mut().unwrap().remove(pointer);
        match received(delivery(&[signed(half)])) {
            Reply::Fault(Fault::Unreadable { .. }) => {}
            Reply::Notifications(said) => {
                assert!(!matches!(said[0].says, Says::Facts(_)), "without {pointer}: {said:?}");
            }
            other => panic!("without {pointer}: {other:?}"),
        }
    }
}

/// A name and password for the endpoint may be set in the Customer Area; they prove nothing and change nothing.
#[test]
fn a_password_beside_the_signature_changes_nothing() {
    let paid = delivery(&[signed(item(AUTHORIZATION, "true", json!({})))]);
    let headers = Headers(vec![("Authorization".to_owned(), "Basic aHViOm1hZGUtdXA=".to_owned())]);
    assert_eq!(received(Delivery { headers: headers.clone(), ..paid.clone() }), received(paid));
    let unsigned = delivery(&[item(AUTHORIZATION, "true", json!({}))]);
    let reply = received(Delivery { headers, ..unsigned });
    assert!(matches!(reply, Reply::Fault(Fault::Forged { .. })), "{reply:?}");
}

#[test]
fn a_returning_browser_proves_nothing() {
    let delivery = Delivery {
        channel: Channel::Return,
        query: vec![("sessionResult".to_owned(), "X3Xt!made-up".to_owned())],
        echo: Some(ECHO.to_owned()),
        ..delivery(&[signed(item(AUTHORIZATION, "true", json!({})))])
    };
    let Reply::Notifications(said) = received(delivery) else { panic!() };
    assert_eq!((&said[0].says, said[0].proof, said[0].echo.as_deref()), (&Says::Changed, None, Some(ECHO)));
}

/// A blank account would take whatever is signed for its own.
#[test]
fn a_connector_without_an_account_hears_nothing() {
    let mut delivery = delivery(&[signed(item(AUTHORIZATION, "true", json!({"merchantAccountCode": ""})))]);
    delivery.settings.0.insert("merchant_account".to_owned(), json!(""));
    let reply = received(delivery);
    assert!(matches!(reply, Reply::Fault(Fault::CannotAsk { .. })), "{reply:?}");
}
