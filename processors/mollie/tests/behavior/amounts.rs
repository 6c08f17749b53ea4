//! Golden amounts of every currency: what goes over the wire, and what is refused before anything does.
//!
//! Source: Mollie's documentation, "Multicurrency" (docs.mollie.com).

use processor_mollie::Mollie;
use processor_sdk::{Adapter, Call, CaptureMode, Currencies, Currency, Fault, Money, Reply};
use serde_json::json;

use crate::support::*;

/// Ten of a currency's major units and one of its smallest, as Mollie writes it. Written down by hand, not
/// computed.
const TEN_AND_ONE: [(&str, &str); 2] = [
    ("11", "ISK JPY"),
    // HUF and TWD keep their decimals here, unlike at others.
    (
        "10.01",
        "AED AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS MXN MYR NOK NZD PHP PLN RON SEK SGD THB TWD USD ZAR",
    ),
];

fn opening(minor: i64, currency: Currency) -> Call {
    Call { amount: Money::new(minor, currency).unwrap(), ..open(json!({})) }
}

#[test]
fn every_currency_is_written_as_mollie_writes_it() {
    let Currencies::Listed(listed) = Mollie.descriptor().currencies else { panic!("a list") };
    let mut golden = 0;
    for (expected, codes) in TEN_AND_ONE {
        for code in codes.split(' ') {
            golden += 1;
            let currency = Currency::parse(code).unwrap();
            assert!(listed.iter().any(|limit| limit.currency == currency), "{code} is not listed");
            let minor = 10 * 10_i64.pow(u32::from(currency.exponent())) + 1;
            let body = opened_for(minor, currency);
            assert_eq!(body, json!({"currency": code, "value": expected}), "{code}");
            // And back again: what Mollie says it is for is what was asked.
            let heard = fetched(payment("paid", json!({"amount": body}))).amount;
            assert_eq!(heard, Some(Money::new(minor, currency).unwrap()), "{code}");
        }
    }
    assert_eq!(golden, listed.len(), "every listed currency has a golden amount");
}

fn opened_for(minor: i64, currency: Currency) -> serde_json::Value {
    opened(opening(minor, currency))["amount"].clone()
}

#[test]
fn an_amount_is_a_text_with_all_its_decimals() {
    for (minor, code, expected) in [
        (1000, "EUR", "10.00"),
        (1010, "EUR", "10.10"),
        (1, "EUR", "0.01"),
        (100_000_000, "EUR", "1000000.00"),
        (1000, "JPY", "1000"),
        (1999, "HUF", "19.99"),
        (1999, "TWD", "19.99"),
        (9_007_199_254_740_991, "EUR", "90071992547409.91"),
    ] {
        let amount = opened_for(minor, Currency::parse(code).unwrap());
        assert_eq!(amount, json!({"currency": code, "value": expected}));
    }
}

#[test]
fn a_currency_that_mollie_does_not_take_is_refused_before_anything_is_sent() {
    for code in ["KWD", "INR", "CNY", "TRY", "KRW", "RUB"] {
        let call = opening(1000, Currency::parse(code).unwrap());
        match reply(call, vec![]) {
            Reply::Fault(Fault::CannotAsk { field, .. }) => assert_eq!(field, "amount", "{code}"),
            other => panic!("{code}: {other:?}"),
        }
    }
    let kuwait = json!({"amount": {"amount": 1000, "currency": "KWD"}});
    let reply = reply(refund_order("refund", kuwait), vec![]);
    assert!(matches!(reply, Reply::Fault(Fault::CannotAsk { field, .. }) if field == "operation.amount"));
}

#[test]
fn what_is_no_amount_is_not_read_as_one() {
    for amount in [
        json!({"currency": "EUR", "value": 12.34}),
        json!({"currency": "EUR", "value": 1234}),
        json!({"currency": "EUR", "value": "12.345"}),
        json!({"currency": "EUR", "value": "12,34"}),
        json!({"currency": "EUR", "value": "1.2e1"}),
        json!({"currency": "EUR", "value": ""}),
        json!({"currency": "JPY", "value": "12.34"}),
        json!({"currency": "euros", "value": "12.34"}),
        json!("12.34"),
        json!(null),
    ] {
        let reply = reply(fetch_payment(), vec![ok(payment("paid", json!({"amount": amount})))]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{amount}: {reply:?}");
    }
}

#[test]
fn captures_and_refunds_are_written_like_checkouts() {
    let (requests, _) = perform(capture(1000), vec![response(201, &capture_object("pending", json!({})))]);
    assert_eq!(body(&requests[0])["amount"], json!({"currency": "EUR", "value": "10.00"}));
    let yen = json!({"amount": {"amount": 1000, "currency": "JPY"}});
    let refund = refund_object("pending", json!({"amount": {"currency": "JPY", "value": "1000"}}));
    let (requests, _) = perform(refund_order("refund", yen), vec![response(201, &refund)]);
    assert_eq!(body(&requests[0])["amount"], json!({"currency": "JPY", "value": "1000"}));
}

#[test]
fn totals_are_those_that_mollie_states() {
    let eur = |minor| Some(Money::new(minor, Currency::EUR).unwrap());
    let taken = capture_object("succeeded", json!({"amount": {"currency": "EUR", "value": "5.00"}}));
    let pending = capture_object("pending", json!({"id": "cpt_2", "metadata": {"hub_capture": "cap2"}}));
    let captures = json!([taken, pending]);
    for (status, stated, captures, expected) in [
        // Of an automatic payment there is no total of captures.
        ("paid", json!(null), json!([]), None),
        ("paid", json!({"currency": "EUR", "value": "5.00"}), captures.clone(), eur(500)),
        ("authorized", json!({"currency": "EUR", "value": "5.00"}), captures.clone(), eur(500)),
        // Where it is not stated, an authorized payment's captures are all there is.
        ("authorized", json!(null), captures, eur(500)),
        ("authorized", json!(null), json!([]), eur(0)),
    ] {
        let payment = changed(
            with_history(status, json!([]), json!([]), captures),
            json!({"amountCaptured": stated, "amountRefunded": {"currency": "EUR", "value": "0.00"}}),
        );
        // Under automatic capture the captures are not ours to count.
        let automatic = Call { capture: CaptureMode::Automatic, ..fetch_payment() };
        let stated_only = expected.filter(|_| !stated.is_null());
        assert_eq!(facts(automatic, vec![ok(payment.clone())]).captured, stated_only, "{status} {stated}");
        let facts = fetched(payment);
        assert_eq!((facts.captured, facts.refunded), (expected, None), "{status} {stated}");
        assert_eq!(facts.authorized, (status == "authorized").then(|| eur(1234)).flatten());
    }
}
