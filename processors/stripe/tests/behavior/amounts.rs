//! Golden amounts of every currency: what goes over the wire, and what is refused before anything does.
//!
//! Source: Stripe's documentation, "Supported currencies" (docs.stripe.com/currencies).

use processor_sdk::{Adapter, Call, Currencies, Currency, Fault, Money, Reply};
use processor_stripe::Stripe;
use serde_json::json;

use crate::support::*;

/// What ten of a currency's major units are for Stripe. Written down by hand, not computed.
const TEN_OF: [(&str, &str); 4] = [
    ("10", "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"),
    // ISO 4217 gives these two no decimals; Stripe still wants them.
    ("1000", "ISK UGX"),
    ("10000", "BHD JOD KWD OMR TND"),
    (
        "1000",
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP \
         CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD \
         KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO \
         NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS \
         TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD XCG YER ZAR ZMW",
    ),
];

fn opening(minor: i64, currency: Currency) -> Call {
    Call { amount: Money::new(minor, currency).unwrap(), ..open(json!({})) }
}

/// The amount that is sent, or the reason why nothing is.
fn sent(minor: i64, currency: Currency) -> Result<String, Fault> {
    let throttled = || response(429, &json!({}));
    let ask = processor_sdk::Ask::new(processor_sdk::Question::Call(opening(minor, currency)));
    if let Reply::Fault(fault) = processor_sdk::run(&Stripe, &ask) {
        return Err(fault);
    }
    let (requests, _) = perform(opening(minor, currency), vec![throttled()]);
    let code = currency.code().to_lowercase();
    assert_eq!(field(&requests[0], "line_items[0][price_data][currency]"), Some(code.as_str()));
    Ok(field(&requests[0], "line_items[0][price_data][unit_amount]").unwrap().to_owned())
}

fn major_unit(currency: Currency) -> i64 {
    10_i64.pow(u32::from(currency.exponent()))
}

#[test]
fn every_currency_is_written_as_stripe_counts_it() {
    let Currencies::Listed(listed) = Stripe.descriptor().currencies else { panic!("a list") };
    let mut golden = 0;
    for (expected, codes) in TEN_OF {
        for code in codes.split_whitespace() {
            golden += 1;
            let currency = Currency::parse(code).unwrap();
            assert!(listed.iter().any(|limit| limit.currency == currency), "{code} is not listed");
            let ten = 10 * major_unit(currency);
            assert_eq!(sent(ten, currency).as_deref(), Ok(expected), "{code}");
            // And back again: what Stripe says it took is what was asked.
            let minor: i64 = expected.parse().unwrap();
            let said =
                session("open", "unpaid", json!({"amount_total": minor, "currency": code.to_lowercase()}));
            let heard = facts(fetch_payment(), vec![ok(said)]).amount;
            assert_eq!(heard, Some(Money::new(ten, currency).unwrap()), "{code}");
        }
    }
    assert_eq!(golden, listed.len(), "every listed currency has a golden amount");
}

#[test]
fn amounts_that_stripe_cannot_write_are_refused_before_anything_is_sent() {
    for (minor, code, expected) in [
        (1, "EUR", Some("1")),
        (1999, "USD", Some("1999")),
        (500, "JPY", Some("500")),
        (5, "ISK", Some("500")),
        (1, "UGX", Some("100")),
        // 19.99 forint and dollars are charged; only payouts lose the decimals.
        (1999, "HUF", Some("1999")),
        (1999, "TWD", Some("1999")),
        // An ariary has five iraimbilanja, which Stripe does not count.
        (500, "MGA", Some("5")),
        (550, "MGA", None),
        (5120, "KWD", Some("5120")),
        (5124, "KWD", None),
        (5129, "BHD", None),
        (10, "TND", Some("10")),
        (1, "OMR", None),
        (5005, "JOD", None),
        // Not taken at all: a third decimal for whom Stripe has no rule, and a fund's code.
        (1000, "IQD", None),
        (1000, "LYD", None),
        (1000, "CHW", None),
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
    let Currencies::Listed(listed) = Stripe.descriptor().currencies else { panic!("a list") };
    for limit in listed {
        let step = match limit.currency.code() {
            "BHD" | "JOD" | "KWD" | "OMR" | "TND" => Some(10),
            "MGA" => Some(100),
            _ => None,
        };
        assert_eq!(limit.multiple_of, step, "{}", limit.currency);
        assert!(sent(step.unwrap_or(1), limit.currency).is_ok(), "{}", limit.currency);
    }
}

#[test]
fn captures_and_refunds_are_counted_like_checkouts() {
    let isk = |amount: i64| Money::new(amount, Currency::ISK).unwrap();
    let taken = taken(500, json!({"amount": 700, "currency": "isk"}));
    let of_isk = |call: Call| Call { amount: isk(7), ..call };
    let order = json!({"kind": "capture", "echo": "cap1", "is_final": true,
        "amount": {"amount": 5, "currency": "ISK"}});
    let (requests, reply) = perform(of_isk(call(order)), vec![ok(taken)]);
    assert_eq!(field(&requests[0], "amount_to_capture"), Some("500"));
    let Reply::Answer(processor_sdk::Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!((facts.amount, facts.captured), (Some(isk(7)), Some(isk(5))));
    let order = json!({"amount": {"amount": 3, "currency": "ISK"}});
    let body = refund("succeeded", json!({"amount": 300, "currency": "isk"}));
    let (requests, _) = perform(of_isk(refund_order("refund", order)), vec![ok(body)]);
    assert_eq!(field(&requests[0], "amount"), Some("300"));
    // Half a króna cannot be: whatever Stripe means, it is not read as an amount.
    let body = refund("succeeded", json!({"amount": 350, "currency": "isk"}));
    let reply = reply_to_refund(body);
    assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
}

fn reply_to_refund(body: serde_json::Value) -> Reply {
    reply(refund_order("refund", json!({})), vec![ok(body)])
}
