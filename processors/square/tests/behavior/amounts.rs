//! Golden amounts of every currency: what goes over the wire, and what is refused before anything does.
//!
//! Source: Square's documentation, "Working with monetary amounts": whole numbers in the smallest unit of
//! the currency as ISO 4217 has it.

use processor_sdk::{Adapter, Call, Currencies, Currency, Fault, Money, Reply};
use processor_square::Square;
use serde_json::{Value, json};

use crate::support::*;

/// What ten of a currency's major units are for Square. Written down by hand, not computed.
const TEN_OF: [(&str, i64); 6] =
    [("USD", 1000), ("CAD", 1000), ("GBP", 1000), ("EUR", 1000), ("AUD", 1000), ("JPY", 10)];

fn opening(minor: i64, code: &str) -> Call {
    Call { amount: Money::new(minor, Currency::parse(code).unwrap()).unwrap(), ..open(json!({})) }
}

fn price(call: Call) -> Value {
    let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
    body(&request)["order"]["line_items"][0]["base_price_money"].clone()
}

#[test]
fn every_currency_is_written_as_square_counts_it() {
    let Currencies::Listed(listed) = Square.descriptor().currencies else { panic!("a list") };
    for (code, ten) in TEN_OF {
        let currency = Currency::parse(code).unwrap();
        assert!(listed.iter().any(|limit| limit.currency == currency), "{code} is not listed");
        let minor = 10 * 10_i64.pow(u32::from(currency.exponent()));
        assert_eq!(price(opening(minor, code)), json!({"amount": ten, "currency": code}), "{code}");
        // And back again: what Square says the order is for is what was asked.
        let total = json!({"total_money": {"amount": ten, "currency": code}});
        let heard = facts(opening(minor, code), vec![made(order("DRAFT", total))]).amount;
        assert_eq!(heard, Some(Money::new(minor, currency).unwrap()), "{code}");
    }
    assert_eq!(TEN_OF.len(), listed.len(), "every listed currency has a golden amount");
    for limit in listed {
        assert_eq!((limit.minimum, limit.maximum, limit.multiple_of), (None, None, None));
    }
}

#[test]
fn amounts_that_square_cannot_take_are_refused_before_anything_is_sent() {
    for (minor, code, is_sent) in [
        (1, "USD", true),
        (1, "JPY", true),
        (9_007_199_254_740_991, "EUR", true),
        (0, "USD", false),
        (-5, "USD", false),
        (1000, "CHF", false),
        (1000, "KWD", false),
        (1000, "MXN", false),
    ] {
        if is_sent {
            assert_eq!(price(opening(minor, code)), json!({"amount": minor, "currency": code}));
            continue;
        }
        let reply = reply(opening(minor, code), vec![]);
        let Reply::Fault(Fault::CannotAsk { field, .. }) = reply else { panic!("{minor} {code}: {reply:?}") };
        assert_eq!(field, "amount", "{minor} {code}");
    }
}

#[test]
fn refunds_are_counted_like_checkouts() {
    let yen = |amount: i64| json!({"amount": amount, "currency": "JPY"});
    let call = refund_order("refund", json!({"amount": yen(500)}));
    let answer = one("refund", refund("COMPLETED", json!({"amount_money": yen(500)})));
    let (requests, _) = perform(call.clone(), vec![answer.clone()]);
    assert_eq!(body(&requests[0])["amount_money"], yen(500));
    let said = facts(call, vec![answer]).items.remove(0).amount;
    assert_eq!(said, Some(Money::new(500, Currency::JPY).unwrap()));
    let nothing = refund_order("refund", json!({"amount": yen(0)}));
    let reply = reply(nothing, vec![]);
    assert!(matches!(&reply, Reply::Fault(Fault::CannotAsk { field, .. }) if field == "operation.amount"));
}

#[test]
fn amounts_that_cannot_be_read_are_none() {
    for amount in [
        json!(null),
        json!({"amount": 12.5, "currency": "USD"}),
        json!({"amount": "1234", "currency": "USD"}),
        json!({"amount": 1234}),
        json!({"currency": "USD"}),
        json!({"amount": 1234, "currency": "UNKNOWN_CURRENCY"}),
        json!({"amount": 9_007_199_254_740_992_i64, "currency": "USD"}),
    ] {
        let order = order("DRAFT", json!({"total_money": amount}));
        let reply = reply(fetch_payment(), vec![one("order", order)]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{amount}: {reply:?}");
    }
    // Payments in another currency than their order's do not add up.
    let paid = payment("COMPLETED", json!({"total_money": {"amount": 1234, "currency": "CAD"}}));
    let responses = vec![one("order", order_of("OPEN", &[&paid])), one("payment", paid)];
    assert!(matches!(reply(fetch_payment(), responses), Reply::Fault(Fault::Unreadable { .. })));
}
