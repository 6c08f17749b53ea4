//! Mistakes that other projects made with Square, each with the test that keeps us from making it.

use processor_sdk::conformance::{End, Host, Secrets, run_through};
use processor_sdk::{
    Adapter, AfterUnknown, Answer, Channel, Delivery, Fault, ItemState, Part, Question, Reference,
    ReferenceKind, Reply, Says, Step, Word,
};
use processor_square::Square;
use serde_json::{Value, json};

use crate::support::*;

/// The parts that a delivery's signature is checked over.
fn covered(delivery: Delivery) -> Vec<Part> {
    let secrets: Secrets = [("signature_key".to_owned(), "key".to_owned())].into();
    let host = Host { secrets: &secrets, recorded: None };
    let course = run_through(&Square, &Question::Delivery(delivery), &host, &mut |_, _| None);
    assert!(matches!(course.end, End::Reply(Reply::Fault(Fault::Forged { .. }))), "{}", course.end);
    match &course.transcript[0].step {
        Step::Verify(check) => check.over.clone(),
        other => panic!("{other:?}"),
    }
}

/// The address was taken from the request, and behind a proxy, or without its slash at the end, nothing was
/// ever right: what is checked is the address as it was registered, which no header can change.
#[test]
fn pitfall_the_registered_address_is_what_is_signed() {
    let event = payment_event(payment("COMPLETED", json!({}))).to_string();
    let registered = vec![Part::DeliveryUrl, Part::DeliveryBody];
    let signature = json!(["x-square-hmacsha256-signature", "c2lnbmF0dXJl"]);
    for headers in [
        json!([signature]),
        json!([signature, ["host", "inside.example:8080"]]),
        json!([signature, ["x-forwarded-host", "outside.example"], ["x-forwarded-proto", "http"]]),
        json!([signature, ["forwarded", "host=outside.example;proto=https"]]),
    ] {
        assert_eq!(covered(delivery(headers, &event)), registered);
    }
}

/// The body was parsed and written anew before it was checked, and `<` came out as something else: it is the
/// body's own bytes that count. (The known answers hold one with such characters.)
#[test]
fn pitfall_the_body_is_checked_as_it_came() {
    let headers = || json!([["x-square-hmacsha256-signature", "c2lnbmF0dXJl"]]);
    for body in [r#"{ "a" : "<b>" }"#, r#"{"a":"\u003cb\u003e"}"#, "not JSON at all"] {
        assert!(covered(delivery(headers(), body)).contains(&Part::DeliveryBody));
    }
}

/// A redirect at the top of the body was ignored, and shoppers stayed on Square's page.
#[test]
fn pitfall_the_redirect_stands_among_the_options() {
    let request = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    let link = body(&request);
    assert_eq!(link["checkout_options"]["redirect_url"], "https://hub.example/return/t");
    assert_eq!((link.get("redirect_url"), link["order"].get("redirect_url")), (None, None));
}

/// Taxes, discounts, tips and shipping changed the total, and nobody compared it.
#[test]
fn pitfall_nothing_changes_the_total_unseen() {
    let request = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    let link = body(&request);
    for pointer in [
        "/checkout_options/allow_tipping",
        "/checkout_options/ask_for_shipping_address",
        "/checkout_options/enable_coupon",
        "/checkout_options/enable_loyalty",
        "/order/pricing_options/auto_apply_discounts",
        "/order/pricing_options/auto_apply_taxes",
    ] {
        assert_eq!(link.pointer(pointer), Some(&json!(false)), "{pointer}");
    }
    for name in ["taxes", "discounts", "service_charges", "fulfillments"] {
        assert_eq!(link["order"].get(name), None, "{name}");
    }
    // Where it happens all the same, Square's own total is what is said, for the hub to compare.
    let dearer = json!({"total_money": money(1334)});
    let said = facts(open(json!({})), vec![made(order("DRAFT", dearer.clone()))]);
    assert_eq!(said.amount.unwrap().minor(), 1334);
    let paid = payment("COMPLETED", dearer.clone());
    let order = changed(order_of("OPEN", &[&paid]), dearer);
    let said = facts(fetch_payment(), vec![one("order", order), one("payment", paid.clone())]);
    assert_eq!((said.amount.unwrap().minor(), said.captured.unwrap().minor()), (1334, 1334));
    assert_eq!(notified(&payment_event(paid)).says, Says::Changed);
}

/// The order of a paid link stays open until somebody fulfils it, and projects waited for its completion.
#[test]
fn pitfall_an_open_order_can_be_paid() {
    let paid = payment("COMPLETED", json!({}));
    assert_eq!(word("OPEN", &[&paid]), Word::Paid);
    // And a completed one need not be.
    assert_eq!(word("COMPLETED", &[]), Word::Unknown("COMPLETED".to_owned()));
    assert!(matches!(notified(&payment_event(paid)).says, Says::Facts(_)));
}

/// The return carries the order's id in production and nothing in the sandbox; code that needed it failed in
/// one and believed it in the other. Ours needs none, and believes none.
#[test]
fn pitfall_the_return_brings_no_parameters_in_the_sandbox() {
    let order_id = || vec![("orderId".to_owned(), "another".to_owned())];
    for query in [vec![], order_id()] {
        let delivery = Delivery {
            channel: Channel::Return,
            query,
            echo: Some(ECHO.to_owned()),
            ..delivery(json!([]), "")
        };
        let (requests, reply) = carry(Question::Delivery(delivery), vec![]);
        let Reply::Notifications(said) = reply else { panic!("{reply:?}") };
        assert_eq!((requests.len(), &said[0].says, said[0].echo.as_deref()), (0, &Says::Changed, Some(ECHO)));
        assert_eq!((said[0].proof, said[0].references.len()), (None, 0));
    }
}

/// After a failed try the link was deleted without its order being canceled, and somebody paid later. The
/// order, and not the deletion, tells whether anybody still can.
#[test]
fn pitfall_a_deleted_link_can_still_be_paid_at() {
    let failed = failed_payment("CARD_DECLINED");
    let deleted = |answer: Value, order: Value, payments: Vec<Value>| {
        let mut responses = vec![ok(answer), one("order", order)];
        responses.extend(payments.into_iter().map(|payment| one("payment", payment)));
        facts(expire(), responses).word
    };
    let whole = json!({"id": LINK, "cancelled_order_id": ORDER});
    let gap = json!({"id": LINK});
    let canceled = order("CANCELED", json!({}));
    assert_eq!(deleted(whole.clone(), canceled.clone(), vec![]), Some(Word::Expired));
    assert_eq!(deleted(gap.clone(), canceled, vec![]), Some(Word::Expired));
    // Not canceled yet, whatever the deletion says: the hub goes on watching.
    for answer in [whole, gap.clone()] {
        let open = order_of("OPEN", &[&failed]);
        assert_eq!(deleted(answer, open, vec![failed.clone()]), Some(Word::Open));
    }
    let paid = payment("COMPLETED", json!({}));
    assert_eq!(deleted(gap, order_of("OPEN", &[&paid]), vec![paid.clone()]), Some(Word::Paid));
    // Late money is money, by look-up and by webhook.
    assert_eq!(word("CANCELED", &[&paid]), Word::Paid);
    let Says::Facts(late) = notified(&payment_event(paid)).says else { panic!("facts") };
    assert_eq!(late.word, Some(Word::Paid));
}

/// Who pays at a page whose link was deleted is not sent back: nothing of ours waits for the return.
#[test]
fn pitfall_a_deleted_link_sends_nobody_back() {
    let capabilities = Square.descriptor().capabilities;
    assert!(!capabilities.complete_checkout, "no step needs the shopper");
    let paid = payment("COMPLETED", json!({}));
    assert!(matches!(notified(&payment_event(paid.clone())).says, Says::Facts(_)));
    assert_eq!(word("OPEN", &[&paid]), Word::Paid);
}

/// A link can have keys of 192 characters, a refund only of 45: one long key for both failed at the refund.
#[test]
fn pitfall_a_refunds_key_is_short() {
    let key = "0123456789abcdefghijklmnopqrstuv";
    let call = processor_sdk::Call { key: key.to_owned(), ..refund_order("refund", json!({})) };
    let longest = call.key_with('b');
    let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&request)["idempotency_key"], key);
    assert!(longest.len() <= 45);
}

/// How long a key is remembered is not published. A refund that was repeated under a forgotten key was made
/// twice: so the hub looks first, and a refusal is not believed before all refunds were looked at.
#[test]
fn pitfall_a_lost_refund_is_found_before_it_is_asked_again() {
    let profile = Square.descriptor().idempotency;
    assert_eq!((profile.after_unknown, profile.retention_s), (AfterUnknown::LookFirst, 3600));
    let ids = |ids: &[&str]| payment("COMPLETED", json!({"refund_ids": ids}));
    let of = |id: &str, reason: &str| one("refund", refund("PENDING", json!({"id": id, "reason": reason})));
    let fetch = || refund_order("fetch_refund", json!({}));
    // The newest first; others are not taken for it, whatever their amount.
    let others = vec![
        one("payment", ids(&["r1", "r2"])),
        of("r2", "hub_refund=re0"),
        of("r1", "Requested by customer"),
    ];
    assert_eq!(reply(fetch(), others), Reply::Answer(Answer::Absent));
    let found = vec![one("payment", ids(&["r1", "r2"])), of("r2", "Returned"), of("r1", "hub_refund=re1; x")];
    assert_eq!(facts(fetch(), found.clone()).items[0].echo.as_deref(), Some("re1"));
    // Refused because it was made before: the refund itself is the answer.
    for code in ["REFUND_ALREADY_PENDING", "REFUND_AMOUNT_INVALID"] {
        let mut responses = vec![refusal(400, "REFUND_ERROR", code)];
        responses.extend(found.clone());
        let items = facts(refund_order("refund", json!({})), responses).items;
        assert_eq!(
            (items.len(), items[0].state, items[0].id.as_deref()),
            (1, ItemState::Pending, Some("r1"))
        );
    }
    // Of whichever payment of the order, when that was paid in parts and another part counts as the one now.
    let mut parts = refund_order("fetch_refund", json!({"capture": "p2"}));
    for id in [PAYMENT, "p2"] {
        parts.references.insert(Reference::new(ReferenceKind::Payment, id));
    }
    let other = || one("payment", payment("COMPLETED", json!({"id": "p2"})));
    let responses = vec![other(), one("payment", ids(&["r1"])), of("r1", "hub_refund=re1")];
    assert_eq!(facts(parts, responses).items[0].id.as_deref(), Some("r1"));
    // And where the look fails, nothing is said.
    let blind = vec![refusal(400, "REFUND_ERROR", "REFUND_ALREADY_PENDING"), response(500, &json!({}))];
    assert!(matches!(reply(refund_order("refund", json!({})), blind), Reply::Fault(_)));
}

/// "Pending" was shown as refunded, and rejected days later.
#[test]
fn pitfall_a_refund_can_be_rejected_later() {
    for (status, expected) in [
        ("PENDING", ItemState::Pending),
        ("COMPLETED", ItemState::Succeeded),
        ("REJECTED", ItemState::Failed),
    ] {
        let event = event("refund.updated", json!({"refund": refund(status, json!({}))}));
        let Says::Facts(facts) = notified(&event).says else { panic!("facts") };
        assert_eq!((facts.items[0].state, facts.items[0].echo.as_deref()), (expected, Some("re1")));
    }
    // A payment's total may count what is only pending, so that it proves nothing.
    let paid = payment("COMPLETED", json!({"refunded_money": money(500), "refund_ids": [REFUND]}));
    let responses = vec![
        one("order", order_of("OPEN", &[&paid])),
        one("payment", paid),
        one("refund", refund("PENDING", json!({}))),
    ];
    let said = facts(fetch_payment(), responses);
    assert_eq!((said.refunded, said.items.last().unwrap().state), (None, ItemState::Pending));
}

/// A failed try was taken for the end, and its payment for the one to refund.
#[test]
fn pitfall_a_failed_payment_is_neither_the_end_nor_the_payment() {
    let failed = changed(failed_payment("CARD_DECLINED"), json!({"id": "p0"}));
    let said = fetched("OPEN", &[&failed]);
    assert_eq!((said.word, said.decline.is_some()), (Some(Word::Open), true));
    assert!(said.references.iter().all(|reference| reference.id != "p0"));
    let Says::Facts(told) = notified(&payment_event(failed.clone())).says else { panic!("facts") };
    assert_eq!((told.word, told.decline.is_some()), (None, true));
    assert!(told.references.iter().all(|reference| reference.id != "p0"));
    let said = fetched("OPEN", &[&failed, &payment("COMPLETED", json!({}))]);
    assert_eq!((said.word, said.decline), (Some(Word::Paid), None));
    assert_eq!(said.items.len(), 1);
}

/// An order names every try, and after a few of them was refused to be read, though the last one was paid. Tries
/// that failed moved no money: however many there are, they hide nothing.
#[test]
fn pitfall_failed_payments_do_not_hide_the_one_that_is_paid() {
    let tender =
        |id: &str, status: &str| json!({"id": id, "type": "CARD", "card_details": {"status": status}});
    let failed = |number: usize| format!("failed{number}");
    for tries in [1, 2, 3, 8] {
        let mut tenders: Vec<_> = (0..tries).map(|number| tender(&failed(number), "FAILED")).collect();
        tenders.push(tender(PAYMENT, "CAPTURED"));
        let mut responses = vec![one("order", order("OPEN", json!({"tenders": tenders})))];
        // The last of the failed ones are read as long as there is room, for the reason.
        responses.extend((0..tries).skip(usize::saturating_sub(tries, 2)).map(|number| {
            one("payment", changed(failed_payment("CVV_FAILURE"), json!({"id": failed(number)})))
        }));
        responses.push(one("payment", payment("COMPLETED", json!({}))));
        let said = facts(fetch_payment(), responses);
        assert_eq!((said.word, said.items.len()), (Some(Word::Paid), 1), "after {tries} tries");
    }
}

/// Approved was taken for the end of it. Square completes such a payment by itself, or cancels it after days:
/// then the link is open again, and whoever had taken the money for reserved waited for ever.
#[test]
fn pitfall_an_approved_payment_is_not_money_yet() {
    let of = |status| payment(status, json!({}));
    for (status, expected) in [
        ("APPROVED", Word::Pending),
        ("COMPLETED", Word::Paid),
        ("CANCELED", Word::Open),
        ("FAILED", Word::Open),
    ] {
        assert_eq!(word("OPEN", &[&of(status)]), expected, "{status}");
    }
    let Says::Facts(told) = notified(&payment_event(of("APPROVED"))).says else { panic!("facts") };
    assert_eq!((told.word, told.captured, told.authorized), (Some(Word::Pending), None, None));
}

/// Headers were believed: only the address and the body are signed.
#[test]
fn pitfall_headers_beside_the_signature_count_for_nothing() {
    let event = payment_event(payment("COMPLETED", json!({})));
    let plain = carry(Question::Delivery(signed(&event)), vec![]).1;
    for (name, value) in [
        ("square-environment", "Production"),
        ("square-retry-number", "7"),
        ("square-retry-reason", "http_timeout"),
        ("square-initial-delivery-timestamp", "2001-01-01T00:00:00Z"),
        ("square-subscription-id", "another"),
    ] {
        let mut delivery = signed(&event);
        delivery.headers.push(name, value);
        assert_eq!(carry(Question::Delivery(delivery), vec![]).1, plain, "{name}");
    }
}

/// The application's default version answered, and fields had other names.
#[test]
fn pitfall_the_version_is_pinned() {
    let request = perform(fetch_payment(), vec![not_found()]).0.remove(0);
    assert!(request.headers.get("Square-Version").is_some());
}

/// Quantities are texts; a number was refused.
#[test]
fn pitfall_a_quantity_is_a_text() {
    let request = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&request)["order"]["line_items"][0]["quantity"], "1");
}

/// Two subscriptions of one address have two keys, and a rotated key ends at once: several are taken.
#[test]
fn pitfall_keys_rotate() {
    let secrets = Square.descriptor().secrets;
    let key = secrets.iter().find(|secret| secret.name == "signature_key").unwrap();
    assert!(key.several && key.required && key.hosts.is_empty());
}
