//! Mistakes that other projects made with Stripe, each with the test that keeps us from making it.

use processor_sdk::{
    Adapter, AfterUnknown, Answer, Currency, Fault, ItemKind, ItemState, Money, Reply, Says, Word,
};
use processor_stripe::Stripe;
use serde_json::{Value, json};

use crate::support::*;

/// Orders were created and paid on the browser's return alone: the webhook came first, or nobody came back.
#[test]
fn pitfall_the_return_settles_nothing() {
    let delivery = processor_sdk::Delivery {
        channel: processor_sdk::Channel::Return,
        ..delivery(
            "t=1700000400,v1=aa",
            &event("checkout.session.completed", session("complete", "paid", json!({}))).to_string(),
        )
    };
    let (requests, reply) = carry(processor_sdk::Question::Delivery(delivery), vec![]);
    let Reply::Notifications(said) = reply else { panic!("{reply:?}") };
    assert_eq!((requests.len(), &said[0].says, said[0].proof), (0, &Says::Changed, None));
}

/// A capture after the capture was an error, and some gave the money back upon it.
#[test]
fn pitfall_captured_already_is_captured() {
    let refused = || refusal(400, "invalid_request_error", "payment_intent_unexpected_state");
    let capture_of = |echo: Option<&str>, amount: i64| {
        let metadata = echo.map_or(json!({}), |echo| json!({"hub_capture": echo}));
        facts(capture(1234), vec![refused(), ok(taken(amount, json!({"metadata": metadata})))])
    };
    let failure = failed(ItemKind::Capture, "cap1", "payment_intent_unexpected_state");
    for (echo, amount, is_done) in [
        (None, 1234, true),
        (Some("cap1"), 1234, true),
        // Another capture of ours, or another amount: this one failed, and what was taken is said.
        (Some("cap0"), 1234, false),
        (None, 700, false),
    ] {
        let facts = capture_of(echo, amount);
        assert_eq!(facts.word, Some(Word::Paid));
        assert_eq!(facts.captured, Some(Money::new(amount, Currency::EUR).unwrap()));
        assert_eq!(!facts.items.contains(&failure), is_done, "{echo:?} {amount}");
        assert!(facts.items.iter().all(|item| item.kind == ItemKind::Capture), "nothing is given back");
    }
    // Nothing was taken: refused, and still authorized.
    let facts =
        facts(capture(1234), vec![refusal(400, "invalid_request_error", "amount_too_large"), ok(reserved())]);
    assert_eq!(facts.word, Some(Word::Authorized));
    assert_eq!(facts.items, [failed(ItemKind::Capture, "cap1", "amount_too_large")]);
}

/// The same of a void.
#[test]
fn pitfall_voided_already_is_voided() {
    let void = || call(json!({"kind": "void"}));
    let refused = || refusal(400, "invalid_request_error", "payment_intent_unexpected_state");
    let voided = facts(void(), vec![refused(), ok(payment("canceled", json!({})))]);
    assert_eq!((voided.word, voided.items), (Some(Word::Voided), vec![]));
    let captured = facts(void(), vec![refused(), ok(taken(1234, json!({})))]);
    let failure = failed(ItemKind::Void, ECHO, "payment_intent_unexpected_state");
    assert_eq!(captured.word, Some(Word::Paid));
    assert!(captured.items.contains(&failure));
}

/// "Completed" was read as paid; bank debits are completed days before they are paid, or never are.
#[test]
fn pitfall_completed_is_not_paid() {
    let unpaid = session("complete", "unpaid", json!({"payment_intent": PAYMENT}));
    assert_eq!(notified(&event("checkout.session.completed", unpaid)).says, Says::Changed);
    let delayed = payment("processing", json!({}));
    let session = session("complete", "unpaid", json!({"payment_intent": delayed}));
    assert_eq!(fetched(session, vec![]).0, Some(Word::Pending));
}

/// A declined card was taken for the end; then the shopper paid with another one in the same session.
#[test]
fn pitfall_a_failed_try_is_not_the_end() {
    let error = json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"});
    let tried = payment("requires_payment_method", json!({"last_payment_error": error}));
    let Says::Facts(facts) = notified(&event("payment_intent.payment_failed", tried.clone())).says else {
        panic!("facts")
    };
    assert_eq!((facts.word, facts.decline.is_some()), (None, true));
    let open = session("open", "unpaid", json!({"payment_intent": tried}));
    let (_, reply) = perform(fetch_payment(), vec![ok(open)]);
    let Reply::Answer(Answer::Said { facts, door }) = reply else { panic!("{reply:?}") };
    assert_eq!((facts.word, door.is_some()), (Some(Word::Open), true));
}

/// A refund whose answer was lost could not be told from others, and was made twice.
#[test]
fn pitfall_a_lost_refund_is_found_by_our_echo() {
    let fetch = || refund_order("fetch_refund", json!({}));
    let other = refund("succeeded", json!({"id": "re_0", "metadata": {"hub_refund": "re0"}}));
    let of_dashboard = refund("succeeded", json!({"id": "re_9", "metadata": {}}));
    let absent = reply(fetch(), vec![list(&[other.clone(), of_dashboard.clone()])]);
    assert_eq!(absent, Reply::Answer(Answer::Absent));
    let found = facts(fetch(), vec![list(&[other, of_dashboard, refund("succeeded", json!({}))])]);
    assert_eq!((found.items.len(), found.items[0].echo.as_deref()), (1, Some("re1")));
    let profile = Stripe.descriptor().idempotency;
    assert_eq!((profile.after_unknown, profile.retention_s), (AfterUnknown::SameKey, 86_400));
    assert!(profile.replays_errors, "a stored 500 is repeated for ever");
}

/// A success was final; banks send refunds back days later.
#[test]
fn pitfall_a_refund_can_fail_after_it_succeeded() {
    for (kind, status, expected) in [
        ("refund.created", "succeeded", ItemState::Succeeded),
        ("refund.failed", "failed", ItemState::Failed),
    ] {
        let Says::Facts(facts) = notified(&event(kind, refund(status, json!({})))).says else {
            panic!("facts")
        };
        assert_eq!((facts.items[0].state, facts.items[0].echo.as_deref()), (expected, Some("re1")));
    }
}

/// A charge's total of refunds counts those that are pending, so that it was believed too early.
#[test]
fn pitfall_a_total_of_refunds_is_not_believed() {
    let charge = json!({"id": CHARGE, "object": "charge", "disputed": false, "amount_refunded": 500});
    let paid = taken(1234, json!({"latest_charge": charge}));
    let session = session("complete", "paid", json!({"payment_intent": paid}));
    let said = facts(fetch_payment(), vec![ok(session), list(&[refund("pending", json!({}))])]);
    assert_eq!(said.refunded, None);
    assert_eq!(said.items.last().map(|item| item.state), Some(ItemState::Pending));
}

/// A partial capture releases the rest, which Stripe writes down as a refund.
#[test]
fn pitfall_the_released_rest_is_no_refund() {
    let released = |changes: Value| {
        let release = json!({"id": "re_0", "amount": 234, "balance_transaction": null, "metadata": {}});
        refund("succeeded", changed(release, changes))
    };
    let refunds = |received: i64, refund: Value| {
        let paid = session("complete", "paid", json!({"payment_intent": taken(received, json!({}))}));
        let items = fetched(paid, vec![list(&[refund])]).1;
        items.into_iter().filter(|item| item.kind == ItemKind::Refund).count()
    };
    for (what, received, refund, expected) in [
        ("the release", 1000, released(json!({})), 0),
        ("all was captured", 1234, released(json!({})), 1),
        ("another amount", 1000, released(json!({"amount": 100})), 1),
        ("the balance moved", 1000, released(json!({"balance_transaction": "txn_1"})), 1),
        ("ours", 1000, released(json!({"metadata": {"hub_refund": "re1"}})), 1),
    ] {
        assert_eq!(refunds(received, refund), expected, "{what}");
    }
    assert_eq!(notified(&event("refund.created", released(json!({})))).says, Says::Changed);
}

/// The payment of an expired page is canceled too, and that was read as the end of an authorization.
#[test]
fn pitfall_a_canceled_payment_may_be_an_expired_page() {
    let canceled = payment("canceled", json!({}));
    assert_eq!(notified(&event("payment_intent.canceled", canceled.clone())).says, Says::Changed);
    for (status, expected) in [("expired", Word::Expired), ("complete", Word::Voided)] {
        let session = session(status, "unpaid", json!({"payment_intent": canceled}));
        assert_eq!(fetched(session, vec![]).0, Some(expected));
    }
}

/// The page was expired while the shopper paid, and the payment was taken for dead.
#[test]
fn pitfall_an_expiry_that_comes_too_late_asks() {
    let paid = session("complete", "paid", json!({"payment_intent": taken(1234, json!({}))}));
    let expire = call(json!({"kind": "expire_checkout"}));
    let refused = response(400, &json!({"error": {"type": "invalid_request_error", "message": "Why."}}));
    assert_eq!(facts(expire, vec![refused, ok(paid), list(&[])]).word, Some(Word::Paid));
}

/// A live key stood in the settings of a test connector, and real money moved.
#[test]
fn pitfall_a_key_of_the_other_mode_opens_nothing() {
    for livemode in [false, true] {
        let call = processor_sdk::Call { livemode, ..open(json!({})) };
        let answer = session("open", "unpaid", json!({"livemode": !livemode}));
        let said = reply(call, vec![ok(answer)]);
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
    }
}

/// Ugandan shillings and Icelandic krónur went out as zero-decimal currencies: a hundredth of the price.
#[test]
fn pitfall_shillings_and_kronur_keep_two_zeros() {
    for currency in [Currency::UGX, Currency::ISK] {
        let call = processor_sdk::Call { amount: Money::new(4000, currency).unwrap(), ..open(json!({})) };
        let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
        assert_eq!(field(&request, "line_items[0][price_data][unit_amount]"), Some("400000"), "{currency}");
    }
}

/// The shopper paid in a currency that was not asked for.
#[test]
fn pitfall_the_price_is_locked_to_its_currency() {
    let request = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(field(&request, "adaptive_pricing[enabled]"), Some("false"));
    // What was asked is what the session says, whatever the card was charged in.
    let charged = taken(1500, json!({"amount": 1500, "currency": "usd"}));
    let session = session("complete", "paid", json!({"payment_intent": charged}));
    let said = facts(fetch_payment(), vec![ok(session), list(&[])]);
    assert_eq!(said.amount, Some(Money::new(1234, Currency::EUR).unwrap()));
    assert_eq!(said.captured, Some(Money::new(1500, Currency::USD).unwrap()), "and the other one shows");
}

/// The account's own default version answered, and fields had other names.
#[test]
fn pitfall_the_version_is_pinned() {
    let request = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    assert!(request.headers.get("Stripe-Version").is_some());
}
