//! Mistakes that other projects made with Mollie, each with the test that keeps us from making it.

use processor_mollie::Mollie;
use processor_sdk::{
    Adapter, AfterUnknown, Answer, Call, CaptureMode, Fault, Item, ItemKind, ItemState, Method, Reply, Says,
    SignedDeliveries, Word,
};
use serde_json::{Value, json};

use crate::support::*;

fn hint() -> processor_sdk::Notification {
    notified(delivery(&format!("id={PAYMENT}"), json!({})))
}

/// Anybody can post a form with an id in it, and orders were paid by it.
#[test]
fn pitfall_a_classic_call_is_only_a_hint() {
    let said = hint();
    assert_eq!((said.says, said.proof, said.event_id), (Says::Changed, None, None));
    assert_eq!(Mollie.descriptor().deliveries, SignedDeliveries::Unsigned);
    let lies = notified(delivery(&format!("id={PAYMENT}&status=paid&amount=12.34"), json!({})));
    assert_eq!(lies, hint());
}

/// The call and the shopper came back in the same second, and the order changed twice, with two mails.
#[test]
fn pitfall_the_call_and_the_return_move_nothing_by_themselves() {
    let returned = notified(delivery("", json!({"channel": "return", "echo": ECHO, "query": []})));
    assert_eq!((hint().says, returned.says), (Says::Changed, Says::Changed));
    assert_eq!((hint().echo, returned.echo), (Some(ECHO.to_owned()), Some(ECHO.to_owned())));
}

/// Calls look the same whatever happened. One about a refund was taken for the one about the payment, come twice.
#[test]
fn pitfall_the_same_call_again_is_news() {
    let call = |at: &str| notified(delivery(&format!("id={PAYMENT}"), json!({"received_at": at})));
    for said in [call("2023-11-14T22:20:01Z"), call("2023-11-14T22:20:01Z"), call("2023-12-24T00:00:00Z")] {
        // An event's id would be remembered for ever.
        assert_eq!((said.says, said.event_id), (Says::Changed, None));
    }
}

/// A payment of an earlier try expired, and the order that a later try had paid was canceled.
#[test]
fn pitfall_the_end_of_one_try_says_nothing_of_another() {
    let earlier = payment("expired", json!({"metadata": {"hub_attempt": "att0"}}));
    let said = reply(fetch_payment(), vec![ok(earlier.clone())]);
    assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
    // Nor is it found for the later one, or closed in its place.
    let lost = reply(unreferenced(fetch_payment()), vec![list("payments", &[earlier], None)]);
    assert_eq!(lost, Reply::Answer(Answer::Absent));
    let open = payment("open", json!({"isCancelable": true, "metadata": {"hub_attempt": "att0"}}));
    let said = reply(call(json!({"kind": "expire_checkout"})), vec![ok(open)]);
    assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
}

/// The call came before the answer that told the payment's id, and was dropped.
#[test]
fn pitfall_a_call_may_come_before_the_answer() {
    let body = opened(open(json!({})));
    assert_eq!(body["metadata"]["hub_attempt"], ECHO);
    let url = body["webhookUrl"].as_str().unwrap();
    let (_, query) = url.split_once('?').unwrap();
    let (name, value) = query.split_once('=').unwrap();
    let early = notified(delivery("id=tr_unheardof", json!({"url": url, "query": [[name, value]]})));
    assert_eq!(early.echo.as_deref(), Some(ECHO));
}

/// `paid` stays `paid` after refunds and chargebacks, and calls about them name the payment all the same.
#[test]
fn pitfall_paid_stays_paid_after_refunds_and_disputes() {
    let refunds = json!([
        refund_object("refunded", json!({})),
        refund_object("refunded", json!({"id": "re_2", "amount": eur("7.34"), "metadata": null})),
    ]);
    let facts = fetched(with_history("paid", refunds, json!([dispute_object(json!({}))]), json!([])));
    assert_eq!(facts.word, Some(Word::Paid));
    let items: Vec<_> = facts.items.iter().map(|item| (item.kind, item.state)).collect();
    let done = (ItemKind::Refund, ItemState::Succeeded);
    assert_eq!(items, [done, done, (ItemKind::Dispute, ItemState::Pending)]);
}

/// The return carries no status; who came back with the payment still open has not finished.
#[test]
fn pitfall_back_with_an_open_payment_is_not_paid() {
    let (facts, door) = said(fetch_payment(), vec![ok(payment("open", json!({})))]);
    assert_eq!((facts.word, door.is_some()), (Some(Word::Open), true));
    // And nothing is promised in the address that Mollie would have to fill in.
    let body = opened(open(json!({})));
    assert_eq!(body["redirectUrl"], "https://hub.example/return/t");
    assert_eq!(body["cancelUrl"], "https://hub.example/return/t?cancel=1");
}

/// Orders of the old API have ids and words of their own.
#[test]
fn pitfall_orders_of_the_old_api_are_no_payments() {
    let call = notified(delivery("id=ord_kEn1PlbGa", json!({})));
    assert!(matches!(call.says, Says::Ignored { .. }), "{call:?}");
    let order = payment("paid", json!({"resource": "order", "id": "ord_kEn1PlbGa"}));
    let said = reply(fetch_payment(), vec![ok(order)]);
    assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
}

/// Ten euros went out as 10, as "10" and as 1000, and yen with two decimals.
#[test]
fn pitfall_an_amount_has_exactly_its_decimals() {
    let ten = |code: &str, minor| {
        let amount = serde_json::from_value(json!({"amount": minor, "currency": code})).unwrap();
        opened(Call { amount, ..open(json!({})) })["amount"]["value"].clone()
    };
    assert_eq!((ten("EUR", 1000), ten("JPY", 1000)), (json!("10.00"), json!("1000")));
}

/// Mollie remembers a key for an hour, not for a day: a later repeat made a second refund.
#[test]
fn pitfall_a_key_lives_for_an_hour() {
    let profile = Mollie.descriptor().idempotency;
    assert_eq!((profile.retention_s, profile.after_unknown), (3600, AfterUnknown::SameKey));
    assert!(profile.replays_errors);
}

/// The stored answer to a repeated request is as old as the first one.
#[test]
fn pitfall_a_replayed_answer_is_old_news() {
    let mut stored = response(201, &payment("open", json!({})));
    stored.headers.push("Idempotent-Replayed", "true");
    let now = ok(payment("expired", json!({})));
    let (facts, door) = said(open(json!({})), vec![stored, now]);
    assert_eq!((facts.word, door), (Some(Word::Expired), None));
}

/// Mollie refuses a refund that looks like the one before; that one may be the same, its answer lost.
#[test]
fn pitfall_a_duplicate_refund_may_be_ours() {
    let ours = || list("refunds", &[refund_object("pending", json!({}))], None);
    let another =
        || list("refunds", &[refund_object("pending", json!({"metadata": {"hub_refund": "re0"}}))], None);
    for status in [409, 422] {
        let found = facts(refund_order("refund", json!({})), vec![refusal(status, None), ours()]);
        assert_eq!(item(found).state, ItemState::Pending, "{status}");
    }
    // Of a refusal that is about somebody else's, 422 did nothing for certain and 409 did not.
    let refused = facts(refund_order("refund", json!({})), vec![refusal(422, Some("amount")), another()]);
    assert_eq!(refused.items, [failed(ItemKind::Refund, "re1", "amount")]);
    let doubt = reply(refund_order("refund", json!({})), vec![refusal(409, None), another()]);
    assert_eq!(doubt, Reply::Fault(Fault::Processor { status: 409 }));
}

/// The total of refunds counts those that are queued, so that it was believed too early.
#[test]
fn pitfall_a_total_of_refunds_is_not_believed() {
    let queued = with_history("paid", json!([refund_object("queued", json!({}))]), json!([]), json!([]));
    let facts = fetched(changed(queued, json!({"amountRefunded": eur("5.00")})));
    assert_eq!((facts.refunded, facts.items[0].state), (None, ItemState::Pending));
}

/// A success was final; banks send refunds back days later.
#[test]
fn pitfall_a_refund_can_fail_after_it_succeeded() {
    let failed = || refund_object("failed", json!({}));
    let of_payment = fetched(with_history("paid", json!([failed()]), json!([]), json!([])));
    let of_refund =
        facts(refund_order("fetch_refund", json!({"id": "re_1"})), vec![list("refunds", &[failed()], None)]);
    for facts in [of_payment, of_refund] {
        let item = item(facts);
        assert_eq!((item.state, item.echo.as_deref()), (ItemState::Failed, Some("re1")));
    }
}

/// A chargeback that was reversed went on counting.
#[test]
fn pitfall_a_reversed_dispute_is_won() {
    let reversed = dispute_object(json!({"reversedAt": "2023-12-14T22:14:20+00:00"}));
    assert_eq!(
        item(fetched(with_history("paid", json!([]), json!([reversed]), json!([])))).state,
        ItemState::Failed
    );
}

/// "Not found" is also what a key of another mode or profile hears, and paid orders were given up upon it.
#[test]
fn pitfall_not_found_may_be_the_wrong_key() {
    let said = reply(fetch_payment(), vec![refusal(404, None)]);
    assert_eq!(said, Reply::Fault(Fault::unreadable("unexpected HTTP status 404")));
}

/// A live key stood in the settings of a test connector, and real money moved.
#[test]
fn pitfall_a_key_of_the_other_mode_opens_nothing() {
    for (livemode, mode) in [(false, "live"), (true, "test")] {
        let call = Call { livemode, ..open(json!({})) };
        let said = reply(call, vec![response(201, &payment("open", json!({"mode": mode})))]);
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
    }
}

/// An API key belongs to a mode, and Mollie refuses to be told it again.
#[test]
fn pitfall_a_plain_key_is_not_told_its_mode() {
    let sent = [
        perform(open(json!({})), vec![response(201, &payment("open", json!({})))]).0,
        perform(void(), vec![response(202, &json!(null))]).0,
        perform(fetch_payment(), vec![ok(payment("open", json!({})))]).0,
    ];
    for request in sent.iter().flatten() {
        let said = serde_json::to_string(request).unwrap();
        assert!(!said.contains("testmode") && !said.contains("profileId"), "{said}");
    }
}

/// Most pages cannot be closed, and some that were thought closed were paid at.
#[test]
fn pitfall_a_page_that_cannot_be_closed_stays_open() {
    let expire = || call(json!({"kind": "expire_checkout"}));
    for (status, changes, expected) in [
        ("open", json!({}), Word::Open),
        ("open", json!({"isCancelable": null}), Word::Open),
        ("pending", json!({}), Word::Pending),
        ("paid", json!({"isCancelable": true}), Word::Paid),
    ] {
        let (requests, _) = perform(expire(), vec![ok(payment(status, changes.clone()))]);
        assert!(requests.iter().all(|request| request.method == Method::Get), "{status}");
        assert_eq!(facts(expire(), vec![ok(payment(status, changes))]).word, Some(expected));
    }
    // Paid between the look and the request: what is so is the answer.
    let cancelable = ok(payment("open", json!({"isCancelable": true})));
    let paid = facts(expire(), vec![cancelable, refusal(422, None), ok(payment("paid", json!({})))]);
    assert_eq!(paid.word, Some(Word::Paid));
}

/// To delete an authorized payment releases what the shopper has just reserved.
#[test]
fn pitfall_closing_a_page_releases_no_authorization() {
    let authorized = payment("authorized", json!({"isCancelable": true}));
    let (requests, _) = perform(call(json!({"kind": "expire_checkout"})), vec![ok(authorized)]);
    assert!(requests.iter().all(|request| request.method == Method::Get));
}

/// A capture after the capture was an error, and some gave the money back upon it.
#[test]
fn pitfall_captured_already_is_captured() {
    let captured = |changes: Value| {
        with_history("paid", json!([]), json!([]), json!([capture_object("succeeded", changes)]))
    };
    for (changes, is_done) in [
        (json!({}), true),
        (json!({"metadata": null}), true),
        (json!({"status": "pending"}), true),
        // Another capture of ours, another amount, or one that failed: this one did not happen.
        (json!({"metadata": {"hub_capture": "cap0"}}), false),
        (json!({"amount": eur("7.00")}), false),
        (json!({"status": "failed", "metadata": null}), false),
    ] {
        let facts = facts(capture(1234), vec![refusal(422, Some("amount")), ok(captured(changes.clone()))]);
        assert_eq!(facts.word, Some(Word::Paid));
        let failure = failed(ItemKind::Capture, "cap1", "amount");
        assert_eq!(!facts.items.contains(&failure), is_done, "{changes}");
        // What is paid has nothing left to be captured; a reservation was shown for ever.
        let is_released = |item: &Item| item.kind == ItemKind::Void && item.state == ItemState::Succeeded;
        assert_eq!(!facts.items.iter().any(is_released), is_done, "{changes}");
    }
}

/// A capture that comes too late turns the payment `failed`: no declined card, but a reservation that is gone.
#[test]
fn pitfall_a_capture_after_its_time_releases_the_reservation() {
    let failed_payment = payment("failed", json!({"authorizedAt": "2023-11-14T22:14:20+00:00"}));
    let facts = facts(capture(1234), vec![refusal(422, None), ok(failed_payment)]);
    assert_eq!(facts.word, Some(Word::Voided));
    assert_eq!(facts.items, [failed(ItemKind::Capture, "cap1", "Unprocessable_Entity")]);
}

/// A capture is only taken on at first, and was booked as money.
#[test]
fn pitfall_a_capture_taken_on_is_not_done() {
    let facts = facts(capture(1234), vec![response(201, &capture_object("pending", json!({})))]);
    assert_eq!((facts.word.clone(), facts.captured), (None, None));
    assert_eq!(item(facts).state, ItemState::Pending);
}

/// A release is only taken on too: the bank may do it, or not.
#[test]
fn pitfall_a_release_taken_on_is_not_done() {
    let taken_on = facts(void(), vec![response(202, &json!(null))]);
    assert_eq!(taken_on.word.clone(), None);
    assert_eq!(item(taken_on).state, ItemState::Pending);
    for (status, is_done) in [("canceled", true), ("authorized", false), ("paid", false)] {
        let facts = facts(void(), vec![refusal(422, None), ok(payment(status, json!({})))]);
        let failure = failed(ItemKind::Void, ECHO, "Unprocessable_Entity");
        assert_eq!(!facts.items.contains(&failure), is_done, "{status}");
    }
}

/// Methods that cannot be authorized were offered for payments that were to be captured later.
#[test]
fn pitfall_manual_capture_offers_only_what_can_be_authorized() {
    let body = opened(Call { capture: CaptureMode::Manual, ..open(json!({})) });
    assert_eq!((&body["captureMode"], &body["method"]), (&json!("manual"), &json!(["creditcard"])));
}

/// Mollie wants a plain 200: anything else is called again, ten times in all.
#[test]
fn pitfall_a_call_is_answered_with_200() {
    let acknowledgement = Mollie.descriptor().acknowledgement;
    assert_eq!((acknowledgement.status, acknowledgement.body.as_str()), (200, ""));
}

/// The address that Mollie calls is secret, and Mollie gives it back with each payment.
#[test]
fn pitfall_the_webhooks_address_is_not_stored() {
    let never_store = Mollie.descriptor().never_store;
    for name in ["webhookUrl", "checkout", "details", "billingAddress", "shippingAddress"] {
        assert!(never_store.iter().any(|stored| stored == name), "{name}");
    }
}
