//! Golden amounts of every currency, and how coins are counted as money.
//!
//! Source: ISO 4217 for the decimals of a price; the published description of the Greenfield API for amounts,
//! which are decimal texts.

use processor_btcpay::BtcPay;
use processor_sdk::{Adapter, Call, Currencies, Currency, Fault, Money, Reply, Word};
use serde_json::json;

use crate::support::*;

/// What ten of a currency's major units are for BTCPay. Written down by hand, not computed; all others have two
/// decimals.
const TEN_OF: [(&str, &str); 3] = [
    ("10", "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
    ("10.000", "BHD IQD JOD KWD LYD OMR TND"),
    ("10.0000", "CLF UYW"),
];

fn golden(currency: Currency) -> &'static str {
    let has = |codes: &str| codes.split(' ').any(|code| code == currency.code());
    TEN_OF.iter().find(|(_, codes)| has(codes)).map_or("10.00", |(golden, _)| golden)
}

fn money(minor: i64, currency: Currency) -> Money {
    Money::new(minor, currency).unwrap()
}

#[test]
fn every_currency_is_written_with_its_own_decimals() {
    assert_eq!(BtcPay.descriptor().currencies, Currencies::All);
    let mut exceptions = 0;
    for currency in Currency::all() {
        let golden = golden(currency);
        exceptions += usize::from(golden != "10.00");
        let ten = money(10 * 10_i64.pow(u32::from(currency.exponent())), currency);
        let call = Call { amount: ten, ..open(json!({})) };
        let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
        let sent = body(&request);
        assert_eq!((&sent["amount"], &sent["currency"]), (&json!(golden), &json!(currency.code())));
        // And back again: what BTCPay says the invoice is for is what was asked.
        let said = invoice("New", "None", json!({"amount": golden, "currency": currency.code()}));
        assert_eq!(fetched(said, None).amount, Some(ten), "{currency}");
        // A refund is written in the same way.
        let order = json!({"amount": ten, "refunded_before": money(0, currency)});
        let request = perform(refund_order("refund", order), vec![response(429, &json!({}))]).0.remove(0);
        assert_eq!(body(&request)["customAmount"], golden, "{currency}");
    }
    assert_eq!(exceptions, 26, "every code in the table is a currency");
}

#[test]
fn prices_are_read_exactly_or_not_at_all() {
    let price = |amount: serde_json::Value, currency: &str| {
        let said = invoice("New", "None", json!({"amount": amount, "currency": currency}));
        match reply(fetch_payment(), vec![ok(said)]) {
            Reply::Answer(processor_sdk::Answer::Said { facts, .. }) => {
                facts.amount.map(|amount| amount.minor())
            }
            Reply::Fault(Fault::Unreadable { .. }) => None,
            other => panic!("{other:?}"),
        }
    };
    for (amount, currency, expected) in [
        (json!("12.34"), "EUR", Some(1234)),
        (json!("12.34000000"), "EUR", Some(1234)),
        (json!("12"), "EUR", Some(1200)),
        (json!("12.3"), "eur", Some(1230)),
        (json!("0.01"), "USD", Some(1)),
        (json!("500"), "JPY", Some(500)),
        (json!("500.0"), "JPY", Some(500)),
        (json!("1.234"), "KWD", Some(1234)),
        // Finer than the currency: not a price that we asked for.
        (json!("12.345"), "EUR", None),
        (json!("500.5"), "JPY", None),
        // A number of JSON has passed through floating point somewhere.
        (json!(12.34), "EUR", None),
        (json!(12), "EUR", None),
        (json!("1,234.00"), "EUR", None),
        (json!("1.2E1"), "EUR", None),
        (json!("12.34 EUR"), "EUR", None),
        (json!(null), "EUR", None),
        (json!(""), "EUR", None),
        // Priced in coins: by another shop of the store, for we ask for money.
        (json!("0.00019165"), "BTC", None),
        (json!("19165"), "SATS", None),
    ] {
        assert_eq!(price(amount.clone(), currency), expected, "{amount} {currency}");
    }
}

#[test]
fn what_coins_came_to_is_counted_in_whole_minor_units() {
    let counted = |paid: &str, currency: &str, amount: &str| {
        let changes = json!({"paidAmount": paid, "currency": currency, "amount": amount});
        let facts = fetched(invoice("Settled", "None", changes), None);
        assert_eq!(facts.word, Some(Word::Paid));
        facts.captured.unwrap().minor()
    };
    for (paid, currency, amount, expected) in [
        ("12.34", "EUR", "12.34", 1234),
        ("12.3400000000", "EUR", "12.34", 1234),
        // Less than a cent too much or too little: no coin is that fine at every rate.
        ("12.3400000001", "EUR", "12.34", 1234),
        ("12.349999999999999999", "EUR", "12.34", 1234),
        ("12.330000000000000001", "EUR", "12.34", 1234),
        ("12.3399", "EUR", "12.34", 1234),
        // A cent or more: it shows.
        ("12.33", "EUR", "12.34", 1233),
        ("12.3299999", "EUR", "12.34", 1232),
        ("12.35", "EUR", "12.34", 1235),
        ("12.3599999", "EUR", "12.34", 1235),
        ("499.6", "JPY", "500", 500),
        ("500.9", "JPY", "500", 500),
        ("498.9", "JPY", "500", 498),
        ("1.2339999", "KWD", "1.234", 1234),
        ("1.2329999", "KWD", "1.234", 1232),
        ("13", "EUR", "12.34", 1300),
        ("0.5", "EUR", "12.34", 50),
        // As long as the server's own numbers get.
        ("12.3403124500000000000000000000", "EUR", "12.34", 1234),
    ] {
        assert_eq!(counted(paid, currency, amount), expected, "{paid} {currency}");
    }
}

#[test]
fn what_is_no_amount_of_coins_is_unreadable() {
    for paid in
        ["", "-0.01", "-5", "5.", ".5", "5.00x", "5.0 0", "5.0é", "5.000é", "1E-8", "NaN", "5,00", "+5"]
    {
        let said = invoice("Settled", "None", json!({"paidAmount": paid}));
        let reply = reply(fetch_payment(), vec![ok(said)]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{paid:?}: {reply:?}");
    }
    let number = invoice("Settled", "None", json!({"paidAmount": 12.34}));
    assert!(matches!(reply(fetch_payment(), vec![ok(number)]), Reply::Fault(Fault::Unreadable { .. })));
}

/// A version that does not say what came says only that it was enough.
#[test]
fn without_a_counted_amount_none_is_made_up() {
    let old = |status: &str, additional: &str| without(invoice(status, additional, json!({})), "paidAmount");
    for (status, additional, payments, expected) in [
        ("New", "PaidPartial", None, Word::Open),
        ("Settled", "None", None, Word::Paid),
        ("Settled", "PaidOver", None, Word::Paid),
        ("Expired", "None", Some(&[] as &[&str]), Word::Expired),
        ("Expired", "PaidPartial", Some(&["Settled"]), Word::Pending),
        ("Expired", "PaidLate", Some(&["Settled"]), Word::Pending),
        ("Invalid", "None", Some(&["Settled"]), Word::Pending),
        ("Invalid", "None", Some(&["Processing"]), Word::Declined),
        ("Invalid", "Marked", Some(&[]), Word::Expired),
    ] {
        let facts = fetched(old(status, additional), payments);
        assert_eq!((facts.word, facts.captured), (Some(expected), None), "{status} {additional}");
    }
}
