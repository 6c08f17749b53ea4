//! Refunds: promises that the customer claims, and how far each claim is.

use processor_btcpay::BtcPay;
use processor_sdk::{Adapter, Answer, Call, Fault, Item, ItemKind, ItemState, Reply};
use serde_json::{Value, json};

use crate::support::*;

fn fetch(changes: Value) -> Call {
    refund_order("fetch_refund", changes)
}

fn absence() -> processor_sdk::HttpResponse {
    refusal(404, "invoice-not-found")
}

/// The state of a refund with these payouts.
fn state(pull_payment: Value, payouts: &[Value]) -> ItemState {
    let mut responses = vec![ok(pull_payment), ok(json!(payouts))];
    responses.extend(payouts.is_empty().then(absence));
    let facts = facts(fetch(json!({"id": PULL})), responses);
    assert_eq!(facts.word, None, "a refund says nothing about the payment");
    assert_eq!(facts.items.len(), 1);
    facts.items[0].state
}

#[test]
fn states_of_payouts() {
    for (payout_state, expected, when_archived) in [
        ("AwaitingApproval", ItemState::Pending, ItemState::Pending),
        ("AwaitingPayment", ItemState::Pending, ItemState::Pending),
        ("InProgress", ItemState::Pending, ItemState::Pending),
        ("Completed", ItemState::Succeeded, ItemState::Succeeded),
        ("Cancelled", ItemState::Pending, ItemState::Failed),
        ("Bounced", ItemState::Pending, ItemState::Pending),
        ("completed", ItemState::Pending, ItemState::Pending),
    ] {
        let payouts = [payout(payout_state, json!({}))];
        assert_eq!(state(pull(json!({})), &payouts), expected, "{payout_state}");
        assert_eq!(state(pull(json!({"archived": true})), &payouts), when_archived, "{payout_state}");
    }
    assert_eq!(state(pull(json!({})), &[]), ItemState::Pending);
    assert_eq!(state(pull(json!({"archived": true})), &[]), ItemState::Failed);
}

#[test]
fn a_refund_is_done_when_all_of_it_is_paid_out() {
    let done = |amount: &str| payout("Completed", json!({"originalAmount": amount}));
    for (payouts, archived, expected) in [
        (vec![done("2.00")], false, ItemState::Pending),
        (vec![done("2.00"), done("3.00")], false, ItemState::Succeeded),
        (vec![done("2.00"), done("2.00")], false, ItemState::Pending),
        // Less than a cent is missing, because no coin is that fine at every rate.
        (vec![done("4.9999")], false, ItemState::Succeeded),
        (vec![done("4.99")], false, ItemState::Pending),
        (vec![done("5.0000000001")], false, ItemState::Succeeded),
        // A part is gone and the rest cannot be claimed any more: neither done nor undone.
        (vec![done("2.00")], true, ItemState::Pending),
        (vec![done("2.00"), payout("Cancelled", json!({}))], true, ItemState::Pending),
    ] {
        let said = state(pull(json!({"archived": archived})), &payouts);
        assert_eq!(said, expected, "{payouts:?} {archived}");
    }
}

#[test]
fn a_refund_in_other_coins_than_promised_is_unreadable() {
    let other = payout("Completed", json!({"originalCurrency": "USD"}));
    let said = reply(fetch(json!({"id": PULL})), vec![ok(pull(json!({}))), ok(json!([other]))]);
    assert_eq!(said, Reply::Fault(Fault::unreadable("expected payouts in the refund's currency")));
}

#[test]
fn a_promise_is_asked_for_exactly() {
    for (changes, amount, description, payout_methods) in [
        (json!({}), "5.00", None, None),
        (json!({"reason": " broken lid "}), "5.00", Some("broken lid"), None),
        (json!({"reason": "  ", "amount": {"amount": 1234, "currency": "EUR"}}), "12.34", None, None),
        (json!({}), "5.00", None, Some("BTC-LN")),
    ] {
        let mut order = refund_order("refund", changes);
        if let Some(methods) = payout_methods {
            order = with_setting(order, "payout_methods", json!(methods));
        }
        let (requests, reply) = perform(order, vec![ok(pull(json!({"amount": amount})))]);
        assert_eq!(requests[0].url, format!("{API}/stores/S1/invoices/I1/refund"));
        let body = body(&requests[0]);
        assert_eq!(body["refundVariant"], "Custom");
        assert_eq!((&body["customAmount"], &body["customCurrency"]), (&json!(amount), &json!("EUR")));
        assert_eq!(body["name"], "Refund re1");
        assert_eq!(body.get("description"), description.map(|text| json!(text)).as_ref());
        assert_eq!(body.get("payoutMethods"), payout_methods.map(|method| json!([method])).as_ref());
        let Reply::Answer(Answer::Said { facts, door }) = reply else { panic!("{reply:?}") };
        assert_eq!((facts.items[0].state, door), (ItemState::Pending, None), "promised, and nothing sent");
    }
    let long = refund_order("refund", json!({"reason": "ü".repeat(900), "echo": "0123456789abcdefghij"}));
    let request = perform(long, vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&request)["description"].as_str().unwrap().chars().count(), 500);
    assert_eq!(body(&request)["name"], "Refund 0123456789abcdefghij", "the name is never cut");
}

#[test]
fn a_refused_refund_failed() {
    for (answer, reason) in [
        (response(422, &json!([{"path": "customAmount", "message": "Why."}])), "customAmount"),
        (refusal(400, "non-refundable"), "non-refundable"),
        (refusal(404, "invoice-not-found"), "invoice-not-found"),
    ] {
        let facts = facts(refund_order("refund", json!({})), vec![answer]);
        let failed = Item {
            kind: ItemKind::Refund,
            id: None,
            echo: Some("re1".to_owned()),
            state: ItemState::Failed,
            amount: None,
            reason: Some(reason.to_owned()),
            at: None,
        };
        assert_eq!((facts.items, facts.word), (vec![failed], None));
    }
    for (answer, fault) in [
        (refusal(500, "x"), Fault::Processor { status: 500 }),
        (refusal(409, "x"), Fault::Processor { status: 409 }),
        (refusal(403, "missing-permission"), Fault::Credentials { status: 403 }),
        (response(400, &json!({"title": "Bad Request"})), Fault::unreadable("unexpected HTTP status 400")),
        (response(404, &json!("Not Found")), Fault::unreadable("unexpected HTTP status 404")),
        (ok(json!({})), Fault::unreadable("expected a text at /currency")),
    ] {
        let said = reply(refund_order("refund", json!({})), vec![answer.clone()]);
        assert_eq!(said, Reply::Fault(fault), "{answer:?}");
    }
}

#[test]
fn a_lost_refund_is_found_by_its_name() {
    let named = |name: &str, id: &str| pull(json!({"name": name, "id": id}));
    let others = [named("Refund re", "P2"), named("Refund re11", "P3"), named("Refund I1", "P4")];
    let (requests, reply) = perform(fetch(json!({})), vec![ok(json!(others))]);
    assert_eq!(requests[0].url, format!("{API}/stores/S1/pull-payments?includeArchived=true"));
    assert_eq!(reply, Reply::Answer(Answer::Absent));
    let ours = [others[0].clone(), pull(json!({})), others[1].clone()];
    let payouts = ok(json!([payout("Completed", json!({}))]));
    let (requests, reply) = perform(fetch(json!({})), vec![ok(json!(ours)), payouts]);
    assert_eq!(requests[1].url, format!("{API}/pull-payments/P1/payouts"));
    let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
    let item = &facts.items[0];
    assert_eq!((item.id.as_deref(), item.echo.as_deref()), (Some(PULL), Some("re1")));
    assert_eq!(item.state, ItemState::Succeeded);
}

/// A repeat that arrived after all is a second promise: each shows, and only one carries our id.
#[test]
fn two_refunds_of_one_name_are_two_refunds() {
    let list = json!([pull(json!({})), pull(json!({"id": "P2"}))]);
    let payouts = || ok(json!([payout("AwaitingApproval", json!({}))]));
    let items = facts(fetch(json!({})), vec![ok(list), payouts(), payouts()]).items;
    let named: Vec<_> = items.iter().map(|item| (item.id.as_deref(), item.echo.as_deref())).collect();
    assert_eq!(named, [(Some("P1"), Some("re1")), (Some("P2"), None)]);
    let many: Vec<_> = (0..5).map(|number| pull(json!({"id": format!("P{number}")}))).collect();
    let said = reply(fetch(json!({})), vec![ok(json!(many))]);
    assert_eq!(said, Reply::Fault(Fault::unreadable("expected at most 4 refunds of one name")));
}

/// Whoever has the link to a refund's page can claim the refund.
#[test]
fn what_opens_pages_or_names_people_is_never_stored() {
    let never_store = BtcPay.descriptor().never_store;
    for name in ["viewLink", "checkoutLink", "redirectURL", "paymentLink", "destination", "buyerEmail"] {
        assert!(never_store.iter().any(|known| known == name), "{name}");
    }
    let facts = facts(refund_order("refund", json!({})), vec![ok(pull(json!({})))]);
    assert!(!serde_json::to_string(&facts).unwrap().contains("pull-payments"), "nor is it said");
}
