//! Mistakes that other projects made with Adyen, each with the test that keeps us from making it.

use processor_adyen::Adyen;
use processor_sdk::{
    Adapter, AfterUnknown, Fault, ItemKind, ItemState, KeyCarrier, LookUp, ReferenceKind, Reply, Says,
    SignedDeliveries, Word,
};
use serde_json::json;

use crate::support::*;

/// "Received" was taken for done; refunds that the bank refused later were shown as paid out.
#[test]
fn pitfall_received_is_not_done() {
    for (call, kind) in
        [(capture(500), ItemKind::Capture), (refund(json!({})), ItemKind::Refund), (void(), ItemKind::Void)]
    {
        let facts = facts(call, vec![ok(modification(json!({})))]);
        assert_eq!((only(&facts).kind, only(&facts).state), (kind, ItemState::Pending));
        assert_eq!((facts.word.clone(), facts.captured, facts.refunded), (None, None, None));
    }
}

/// There is no look-up that tells of captures or refunds: the same key, then the webhook, then a person.
#[test]
fn pitfall_modifications_cannot_be_looked_up() {
    let descriptor = Adyen.descriptor();
    assert_eq!(descriptor.capabilities.fetch_refund, LookUp::None);
    assert_eq!(descriptor.capabilities.fetch_dispute, LookUp::None);
    assert_eq!(descriptor.idempotency.after_unknown, AfterUnknown::SameKey);
    assert_eq!(descriptor.idempotency.retention_s, 7 * 24 * 3_600);
    assert_eq!(descriptor.idempotency.carrier, KeyCarrier::Header { name: "Idempotency-Key".to_owned() });
    // What the page says is no word on them either.
    let heard = facts(call(json!({"kind": "fetch_payment"})), vec![ok(link("completed", json!({})))]);
    assert_eq!((heard.items.len(), heard.captured, heard.refunded), (0, None, None));
}

/// A webhook was read for its event code alone, so that a refused refund counted as done.
#[test]
fn pitfall_success_is_part_of_the_event() {
    for (code, reference, kind) in [
        ("REFUND", "att1-re1", ItemKind::Refund),
        ("CAPTURE", "att1-cap1", ItemKind::Capture),
        ("CANCELLATION", "att1", ItemKind::Void),
    ] {
        for (success, state) in [("true", ItemState::Succeeded), ("false", ItemState::Failed)] {
            let facts = said(done(code, success, reference));
            assert_eq!((only(&facts).kind, only(&facts).state), (kind, state), "{code} {success}");
            assert_eq!(facts.word.is_some(), code == "CANCELLATION" && success == "true");
        }
    }
    assert_eq!(said(item(AUTHORIZATION, "false", json!({}))).word, None);
}

/// A modification has a `pspReference` of its own; it was looked for among payments, and not found.
#[test]
fn pitfall_a_modification_is_found_by_the_payment_and_by_our_own_ids() {
    let notification = notification(done("REFUND", "true", "att1-re1"));
    assert_eq!(notification.echo.as_deref(), Some(ECHO));
    let id = |kind: ReferenceKind| notification.references.iter().find(|known| known.kind == kind);
    assert_eq!(id(ReferenceKind::Payment).map(|known| known.id.as_str()), Some(PAYMENT));
    assert_eq!(id(ReferenceKind::Refund).map(|known| known.id.as_str()), Some(MODIFICATION));
    let Says::Facts(facts) = notification.says else { panic!() };
    assert_eq!(only(&facts).echo.as_deref(), Some("re1"));
    // The reference that comes back is the one that was sent.
    let body = sent(refund(json!({})), modification(json!({})));
    assert_eq!(body["reference"], "att1-re1");
}

/// Live addresses have the company's prefix and one more segment; without them everything is a 404.
#[test]
fn pitfall_live_addresses_are_others() {
    let live = "https://1797a841fbb37ca7-hub-checkout-live.adyenpayments.com";
    for (base_url, livemode, is_taken) in [
        ("https://checkout-test.adyen.com/v72", false, true),
        ("https://checkout-test.adyen.com/v71/", false, true),
        ("https://CHECKOUT-TEST.adyen.com/v72", false, true),
        ("https://checkout-test.adyen.com", false, false),
        ("https://checkout-test.adyen.com/v72", true, false),
        (&format!("{live}/checkout/v72"), true, true),
        (&format!("{live}:443/checkout/v72"), true, true),
        (&format!("{live}/v72"), true, false),
        (live, true, false),
        (&format!("{live}/checkout/v72"), false, false),
        // A stand-in for tests is at an address of its own.
        ("http://127.0.0.1:8080", false, true),
    ] {
        let mut call = with_setting(open(json!({})), "base_url", base_url);
        call.livemode = livemode;
        let ask = processor_sdk::Ask::new(processor_sdk::Question::Call(call));
        match processor_sdk::run(&Adyen, &ask) {
            Reply::Step(processor_sdk::Step::Send(request)) => {
                assert!(is_taken, "{base_url} {livemode}");
                assert_eq!(request.url, format!("{}/paymentLinks", base_url.trim_end_matches('/')));
            }
            Reply::Fault(Fault::CannotAsk { field, .. }) => {
                assert!(!is_taken, "{base_url} {livemode}");
                assert_eq!(field, "settings.base_url");
            }
            other => panic!("{base_url}: {other:?}"),
        }
    }
}

/// A link has no cancel URL and sends nobody back by itself: whoever waits for the return waits for ever.
#[test]
fn pitfall_a_link_neither_redirects_nor_cancels() {
    let body = sent(open(json!({})), link("active", json!({})));
    assert_eq!(body["returnUrl"], "https://hub.example/return/t");
    assert!(!body.to_string().contains("cancel=1"), "{body}");
    // A return brings nothing along, and what is so is found without one.
    let back = call(json!({"kind": "complete_checkout", "return_parameters": []}));
    let back = with_references(back, json!([{"kind": "session", "id": LINK}]));
    for call in [back, fetch_payment()] {
        let (requests, _) = perform(call, vec![ok(link("completed", json!({})))]);
        assert!(requests[0].url.ends_with(&format!("/paymentLinks/{LINK}")), "{}", requests[0].url);
    }
}

/// A link takes several tries. The first refusal ended the order, and then the shopper paid.
#[test]
fn pitfall_a_refused_try_ends_nothing() {
    for id in ["GK8QTPCQ8HXSKG91", "GK8QTPCQ8HXSKG92"] {
        let refused = notification(item(AUTHORIZATION, "false", json!({"pspReference": id})));
        let Says::Facts(facts) = refused.says else { panic!() };
        assert_eq!(facts.word, None, "the page is still open");
        assert!(facts.decline.is_some());
        // Its id is none of the payment's: a capture or refund must never go there.
        assert!(facts.references.is_empty() && refused.references.is_empty());
    }
    assert_eq!(said(item(AUTHORIZATION, "true", json!({}))).word, Some(Word::Authorized));
}

/// The key was taken for text instead of hexadecimal digits, and signatures were compared as texts.
#[test]
fn pitfall_the_key_is_hexadecimal_and_padding_is_free() {
    let paid = item(AUTHORIZATION, "true", json!({}));
    let padded = signature(&paid, HMAC_KEY);
    assert!(padded.ends_with('='), "{padded}");
    let passes = |signature: &str| {
        let reply = received(delivery(&[with_signature(paid.clone(), signature)]));
        matches!(reply, Reply::Notifications(_))
    };
    assert!(passes(&padded));
    assert!(passes(padded.trim_end_matches('=')), "the same bytes");
    // What a key taken as text would sign: 64 bytes instead of 32.
    let as_text: String = HMAC_KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!passes(&signature(&paid, &as_text)));
}

/// Four currencies have other decimals than ISO 4217 says: prices were off by a factor of a hundred.
#[test]
fn pitfall_four_currencies_have_decimals_of_their_own() {
    for (code, minor, value) in
        [("CLP", 1990, 199_000), ("ISK", 1990, 199_000), ("CVE", 199_000, 1990), ("IDR", 199_000, 1990)]
    {
        let order = json!({"kind": "refund", "echo": "re1", "amount": {"amount": minor, "currency": code},
            "refunded_before": {"amount": 0, "currency": code}});
        let said = json!({"amount": {"value": value, "currency": code}});
        let body = sent(call(order), modification(said.clone()));
        assert_eq!(body["amount"], json!({"currency": code, "value": value}));
        let amount = crate::support::said(item(AUTHORIZATION, "true", said)).authorized.unwrap();
        assert_eq!((amount.minor(), amount.currency().code()), (minor, code));
    }
}

/// Metadata is much smaller than elsewhere, and one name too long refuses the whole checkout.
#[test]
fn pitfall_metadata_is_small() {
    let order = json!({"order_reference": "x".repeat(500), "description": "y".repeat(500)});
    let bodies = [
        sent(open(order.clone()), link("active", json!({}))),
        sent(open_session(order), new_session(json!({}))),
    ];
    for body in bodies {
        let metadata = body["metadata"].as_object().unwrap();
        assert!(metadata.len() <= 20);
        for (name, value) in metadata {
            assert!(name.len() <= 20 && value.as_str().unwrap().chars().count() <= 80, "{name}");
            assert_ne!(name, "checkout.linkId", "Adyen's own");
        }
    }
}

/// Facts were taken from the reason, the date and the additional data, which anybody on the way can write.
#[test]
fn pitfall_unsigned_fields_say_nothing() {
    let SignedDeliveries::Fields(declared) = Adyen.descriptor().deliveries else { panic!("fields") };
    assert_eq!(declared.len(), 8);
    for code in [AUTHORIZATION, "CAPTURE", "REFUND", "CANCELLATION", "CHARGEBACK"] {
        for success in ["true", "false"] {
            let plain = done(code, success, "att1-re1");
            let bent = changed(
                plain.clone(),
                json!({"reason": "05 : Do not honor", "eventDate": "2001-01-01T00:00:00Z", "paymentMethod": "x",
                    "operations": [], "additionalData": {"modification.action": "refund",
                    "originalMerchantReference": "att2", "paymentLinkId": "PL0", "disputeStatus": "Won"}}),
            );
            assert_eq!(notification(plain), notification(bent), "{code} {success}");
        }
    }
}

/// The same event comes again with another date and reason; taken as news it was booked twice.
#[test]
fn pitfall_duplicates_have_one_event_id() {
    let id = |item| notification(item).event_id.unwrap();
    let first = || done("REFUND", "true", "att1-re1");
    let again = changed(first(), json!({"eventDate": "2023-11-15T23:20:00+01:00", "reason": "again"}));
    assert_eq!(id(first()), id(again));
    for (what, other) in [
        ("outcome", changed(first(), json!({"success": "false"}))),
        ("event", changed(first(), json!({"eventCode": "REFUND_FAILED"}))),
        ("modification", changed(first(), json!({"pspReference": "993617894906488B"}))),
        ("amount", changed(first(), json!({"amount": {"value": 501, "currency": "EUR"}}))),
    ] {
        assert_ne!(id(first()), id(other), "{what}");
    }
}

/// One message that is not understood holds up all that are queued behind it, for up to 30 days.
#[test]
fn pitfall_what_is_signed_is_acknowledged_whatever_it_says() {
    let acknowledgement = Adyen.descriptor().acknowledgement;
    assert_eq!((acknowledgement.status, acknowledgement.body.as_str()), (202, "[accepted]"));
    for code in ["REPORT_AVAILABLE", "SOMETHING_NEW", ""] {
        let notification = notification(item(code, "true", json!({})));
        assert!(matches!(notification.says, Says::Ignored { .. }), "{code}: {notification:?}");
    }
}

/// Whether a "cancel or refund" canceled or refunded is not signed: guessing books money that never moved, and
/// passing over it loses money that did.
#[test]
fn pitfall_cancel_or_refund_is_not_guessed() {
    for action in ["cancel", "refund"] {
        let data = json!({"additionalData": {"modification.action": action}});
        let item = |reference| signed(changed(done("CANCEL_OR_REFUND", "true", reference), data.clone()));
        let ours = received(delivery(&[item("att1")]));
        assert!(matches!(ours, Reply::Fault(Fault::Unreadable { .. })), "{action}: {ours:?}");
        let Reply::Notifications(unknown) = received(delivery(&[item("RMA 42")])) else { panic!("{action}") };
        assert_eq!(unknown[0].says, Says::Changed, "{action}");
    }
}

/// A closed offer is one try that was abandoned; the link went on and was paid.
#[test]
fn pitfall_a_closed_offer_is_not_a_closed_page() {
    let closed = notification(item("OFFER_CLOSED", "true", json!({"pspReference": "GK8QTPCQ8HXSKG91"})));
    assert_eq!((closed.says, closed.echo.as_deref()), (Says::Changed, Some(ECHO)));
}
