//! Golden amounts of every currency: what goes over the wire, and what is refused before anything does.
//!
//! Source: PayPal's documentation, "Currency codes" (developer.paypal.com/api/rest/reference/currency-codes).

use processor_paypal::PayPal;
use processor_sdk::{Adapter, Ask, Call, Currencies, Currency, Fault, Money, Question, Reply};
use serde_json::{Value, json};

use crate::support::*;

/// What ten of a currency's major units are for PayPal. Written down by hand, not computed.
const TEN_OF: [(&str, &str); 2] = [
    ("10", "HUF JPY TWD"),
    ("10.00", "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD"),
];

fn opening(minor: i64, currency: Currency) -> Call {
    Call { amount: Money::new(minor, currency).unwrap(), ..open(json!({})) }
}

/// The amount that is sent, or the reason why nothing is.
fn sent(minor: i64, currency: Currency) -> Result<Value, Fault> {
    let ask = Ask::new(Question::Call(opening(minor, currency)));
    if let Reply::Fault(fault) = processor_sdk::run(&PayPal, &ask) {
        return Err(fault);
    }
    let (requests, _) = perform(opening(minor, currency), vec![response(429, &json!({}))]);
    let amount = &body(&requests[0])["purchase_units"][0]["amount"];
    assert_eq!(amount["currency_code"], currency.code());
    // A number would be refused.
    assert!(amount["value"].is_string(), "{amount}");
    Ok(amount["value"].clone())
}

fn listed() -> Vec<processor_sdk::CurrencyLimit> {
    let Currencies::Listed(listed) = PayPal.descriptor().currencies else { panic!("a list") };
    listed
}

#[test]
fn every_currency_is_written_as_paypal_counts_it() {
    let mut golden = 0;
    for (expected, codes) in TEN_OF {
        for code in codes.split_whitespace() {
            golden += 1;
            let currency = Currency::parse(code).unwrap();
            assert!(listed().iter().any(|limit| limit.currency == currency), "{code} is not listed");
            let ten = Money::new(10 * 10_i64.pow(u32::from(currency.exponent())), currency).unwrap();
            assert_eq!(sent(ten.minor(), currency), Ok(json!(expected)), "{code}");
            // And back again: what PayPal says the order is for is what was asked.
            let mut said = order("PAYER_ACTION_REQUIRED", json!({}));
            said["purchase_units"][0]["amount"] = json!({"currency_code": code, "value": expected});
            assert_eq!(fetched(said).amount, Some(ten), "{code}");
        }
    }
    assert_eq!(golden, listed().len(), "every listed currency has a golden amount");
}

#[test]
fn amounts_that_paypal_cannot_write_are_refused_before_anything_is_sent() {
    for (minor, code, expected) in [
        (1, "EUR", Some("0.01")),
        (100, "EUR", Some("1.00")),
        (1999, "USD", Some("19.99")),
        (500, "JPY", Some("500")),
        (120_000, "HUF", Some("1200")),
        (100, "TWD", Some("1")),
        (9_007_199_254_740_991, "USD", Some("90071992547409.91")),
        // Half a forint is one in ISO 4217, not at PayPal.
        (120_050, "HUF", None),
        (1, "HUF", None),
        (150, "TWD", None),
        // Not taken at all.
        (1000, "KWD", None),
        (1000, "INR", None),
        (1000, "ISK", None),
        (1000, "TRY", None),
    ] {
        let currency = Currency::parse(code).unwrap();
        match (sent(minor, currency), expected) {
            (Ok(sent), Some(expected)) => assert_eq!(sent, expected, "{minor} {code}"),
            (Err(Fault::CannotAsk { field, .. }), None) => assert_eq!(field, "amount", "{minor} {code}"),
            (other, _) => panic!("{minor} {code}: {other:?}"),
        }
    }
}

#[test]
fn routing_knows_which_amounts_can_be_written() {
    for limit in listed() {
        let step = matches!(limit.currency.code(), "HUF" | "TWD").then_some(100);
        assert_eq!(limit.multiple_of, step, "{}", limit.currency);
        assert!(sent(step.unwrap_or(1), limit.currency).is_ok(), "{}", limit.currency);
    }
}

#[test]
fn captures_and_refunds_are_counted_like_orders() {
    let huf = |call: Call| Call { amount: Money::new(200_000, Currency::HUF).unwrap(), ..call };
    let forints = |value: &str| json!({"amount": {"currency_code": "HUF", "value": value}});
    let amount = json!({"amount": 120_000, "currency": "HUF"});
    let order = json!({"kind": "capture", "echo": "cap1", "amount": amount, "is_final": false});
    let taken = capture("COMPLETED", forints("1200"));
    let (requests, reply) = perform(huf(call(order)), vec![response(201, &taken)]);
    assert_eq!(body(&requests[0])["amount"], forints("1200")["amount"]);
    let Reply::Answer(processor_sdk::Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!(facts.items[0].amount, Some(Money::new(120_000, Currency::HUF).unwrap()));
    let given_back = refund("COMPLETED", forints("1200"));
    let call = refund_order("refund", json!({"amount": amount}));
    let (requests, _) = perform(huf(call), vec![response(201, &given_back)]);
    assert_eq!(body(&requests[0])["amount"], forints("1200")["amount"]);
    for (kind, name) in [("capture", "operation.amount"), ("refund", "operation.amount")] {
        let half = json!({"amount": 120_050, "currency": "HUF"});
        let order = json!({
            "kind": kind, "echo": "x1", "amount": half, "is_final": true,
            "refunded_before": {"amount": 0, "currency": "HUF"},
        });
        let ask = Ask::new(Question::Call(huf(crate::support::call(order))));
        let refused = processor_sdk::run(&PayPal, &ask);
        let Reply::Fault(Fault::CannotAsk { field, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(field, name, "{kind}");
    }
}

#[test]
fn what_is_no_amount_is_not_read_as_one() {
    for amount in [
        json!({"currency_code": "EUR", "value": 12.34}),
        json!({"currency_code": "EUR", "value": 1234}),
        json!({"currency_code": "EUR", "value": "12,34"}),
        json!({"currency_code": "EUR", "value": "1e3"}),
        json!({"currency_code": "EUR", "value": "12.345"}),
        json!({"currency_code": "EUR", "value": ""}),
        json!({"currency_code": "EURO", "value": "12.34"}),
        json!({"value": "12.34"}),
        json!({"currency_code": "EUR"}),
        json!("12.34"),
        json!(null),
    ] {
        let reply = reply(fetch_payment(), vec![ok(paid(capture("COMPLETED", json!({"amount": amount}))))]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{amount}: {reply:?}");
    }
}

#[test]
fn totals_are_what_the_order_lists() {
    let eur = |minor| Some(Money::new(minor, Currency::EUR).unwrap());
    let fee = |value: &str| json!({"paypal_fee": money(value), "gross_amount": money("1.00")});
    let two = |first: &str, second: &str| {
        json!([
            capture(first, json!({"amount": money("5.00"), "seller_receivable_breakdown": fee("0.50")})),
            capture(
                second,
                json!({
                    "id": "C2", "amount": money("7.34"), "seller_receivable_breakdown": fee("0.20")
                })
            ),
        ])
    };
    for (what, captures, refunds, captured, refunded, total_fee) in [
        ("two captures", two("COMPLETED", "COMPLETED"), json!([]), eur(1234), eur(0), eur(70)),
        ("one of two failed", two("COMPLETED", "DECLINED"), json!([]), eur(500), eur(0), eur(50)),
        ("one of two pending", two("COMPLETED", "PENDING"), json!([]), eur(500), eur(0), eur(50)),
        ("who knows what of the second", two("COMPLETED", "HELD"), json!([]), None, eur(0), eur(50)),
        ("none done", two("PENDING", "FAILED"), json!([]), eur(0), eur(0), None),
        (
            "a refund that is done, one on its way and one that failed",
            two("PARTIALLY_REFUNDED", "COMPLETED"),
            json!([
                refund("COMPLETED", json!({"amount": money("2.00")})),
                refund("PENDING", json!({"id": "R2"})),
                refund("FAILED", json!({"id": "R3"})),
            ]),
            eur(1234),
            eur(200),
            eur(70),
        ),
        // What the captures say of themselves counts where the refunds are not listed.
        ("given back unseen", two("REFUNDED", "COMPLETED"), json!([]), eur(1234), eur(500), eur(70)),
        ("a part, unseen", two("PARTIALLY_REFUNDED", "COMPLETED"), json!([]), eur(1234), None, eur(70)),
        ("a part beside a whole", two("PARTIALLY_REFUNDED", "REFUNDED"), json!([]), eur(1234), None, eur(70)),
    ] {
        let facts = fetched(order("COMPLETED", json!({"captures": captures, "refunds": refunds})));
        assert_eq!((facts.captured, facts.refunded, facts.fee), (captured, refunded, total_fee), "{what}");
    }
    // A currency that was not asked for adds up to nothing here; the items show it.
    let dollars = capture("COMPLETED", json!({"amount": {"currency_code": "USD", "value": "5.00"}}));
    let facts = fetched(order("COMPLETED", json!({"captures": [capture("COMPLETED", json!({})), dollars]})));
    assert_eq!(facts.captured, None);
    assert_eq!(facts.items[1].amount, Some(Money::new(500, Currency::USD).unwrap()));
}
