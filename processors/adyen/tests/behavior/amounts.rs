//! Golden amounts of every currency: what goes over the wire, and what is refused before anything does.
//!
//! Source: Adyen's documentation, "Currency codes" (docs.adyen.com/development-resources/currency-codes).

use processor_adyen::Adyen;
use processor_sdk::{Adapter, Call, Currencies, Currency, Fault, Money, Question, Reply};
use serde_json::{Value, json};

use crate::support::*;

/// What ten of a currency's major units are for Adyen. Written down by hand, not computed.
const TEN_OF: [(i64, &str); 3] = [
    // ISO 4217 gives CVE and IDR two decimals.
    (10, "BIF CVE DJF GNF IDR JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (10_000, "BHD IQD JOD KWD LYD OMR TND"),
    (
        1_000,
        // ISO 4217 gives CLP and ISK none.
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP \
         CNY COP CRC CUP CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
         ILS INR IRR ISK JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
         MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG \
         SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES \
         WST XCD XCG YER ZAR ZMW ZWG",
    ),
];

fn opening(minor: i64, currency: Currency) -> Call {
    Call { amount: Money::new(minor, currency).unwrap(), ..open(json!({})) }
}

/// The amount that is sent, or the reason why nothing is.
fn written(minor: i64, currency: Currency) -> Result<i64, Fault> {
    let ask = processor_sdk::Ask::new(Question::Call(opening(minor, currency)));
    if let Reply::Fault(fault) = processor_sdk::run(&Adyen, &ask) {
        return Err(fault);
    }
    let (requests, _) = perform(opening(minor, currency), vec![response(429, &json!({}))]);
    let amount = body(&requests[0])["amount"].clone();
    assert_eq!(amount["currency"], currency.code());
    Ok(amount["value"].as_i64().unwrap())
}

fn major_unit(currency: Currency) -> i64 {
    10_i64.pow(u32::from(currency.exponent()))
}

fn of(value: i64, code: &str) -> Value {
    json!({"amount": {"value": value, "currency": code}})
}

#[test]
fn every_currency_is_written_as_adyen_counts_it() {
    let Currencies::Listed(listed) = Adyen.descriptor().currencies else { panic!("a list") };
    let mut golden = 0;
    for (expected, codes) in TEN_OF {
        for code in codes.split_whitespace() {
            golden += 1;
            let currency = Currency::parse(code).unwrap();
            assert!(listed.iter().any(|limit| limit.currency == currency), "{code} is not listed");
            let ten = Money::new(10 * major_unit(currency), currency).unwrap();
            assert_eq!(written(ten.minor(), currency), Ok(expected), "{code}");
            // And back again: what Adyen says it took is what was asked, by webhook and by answer.
            assert_eq!(said(item(AUTHORIZATION, "true", of(expected, code))).amount, Some(ten), "{code}");
            let heard = facts(fetch_payment(), vec![ok(link("active", of(expected, code)))]).amount;
            assert_eq!(heard, Some(ten), "{code}");
        }
    }
    assert_eq!(golden, listed.len(), "every listed currency has a golden amount");
}

#[test]
fn amounts_that_adyen_cannot_write_are_refused_before_anything_is_sent() {
    for (minor, code, expected) in [
        (1, "EUR", Some(1)),
        (1999, "USD", Some(1999)),
        (500, "JPY", Some(500)),
        (5, "ISK", Some(500)),
        (5, "CLP", Some(500)),
        (150_000, "IDR", Some(1_500)),
        (150_050, "IDR", None),
        (100, "CVE", Some(1)),
        (1, "CVE", None),
        (5124, "KWD", Some(5124)),
        (1, "MGA", Some(1)),
        // Nothing is priced in these.
        (1000, "CLF", None),
        (1000, "CHW", None),
    ] {
        let currency = Currency::parse(code).unwrap();
        match (written(minor, currency), expected) {
            (Ok(sent), Some(expected)) => assert_eq!(sent, expected, "{minor} {code}"),
            (Err(Fault::CannotAsk { field, .. }), None) => assert_eq!(field, "amount", "{minor} {code}"),
            (other, _) => panic!("{minor} {code}: {other:?}"),
        }
    }
}

#[test]
fn routing_knows_which_amounts_can_be_written() {
    let Currencies::Listed(listed) = Adyen.descriptor().currencies else { panic!("a list") };
    for limit in listed {
        let step = ["CVE", "IDR"].contains(&limit.currency.code()).then_some(100);
        assert_eq!(limit.multiple_of, step, "{}", limit.currency);
        assert!(written(step.unwrap_or(1), limit.currency).is_ok(), "{}", limit.currency);
    }
}

#[test]
fn captures_and_refunds_are_counted_like_checkouts() {
    let order = |kind: &str, echo: &str| {
        call(json!({"kind": kind, "echo": echo, "is_final": true,
            "amount": {"amount": 7, "currency": "ISK"}, "refunded_before": {"amount": 0, "currency": "ISK"}}))
    };
    for call in [order("capture", "cap1"), order("refund", "re1")] {
        let answer = modification(of(700, "ISK"));
        assert_eq!(sent(call.clone(), answer.clone())["amount"], json!({"currency": "ISK", "value": 700}));
        let heard = facts(call.clone(), vec![ok(answer)]);
        assert_eq!(only(&heard).amount, Some(Money::new(7, Currency::ISK).unwrap()));
        // Half a króna cannot be: whatever Adyen means, it is not read as an amount.
        let reply = reply(call, vec![ok(modification(of(750, "ISK")))]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
    }
}

#[test]
fn an_item_whose_amount_cannot_be_read_settles_nothing() {
    for amount in [
        json!({"value": 750, "currency": "ISK"}),
        json!({"value": -5, "currency": "EUR"}),
        json!({"value": 12.5, "currency": "EUR"}),
        json!({"value": 1234, "currency": "BTC"}),
        json!({"value": 1234}),
        json!({"currency": "EUR"}),
        json!({"value": 9_007_199_254_740_993_i64, "currency": "EUR"}),
    ] {
        for code in [AUTHORIZATION, "CAPTURE", "REFUND", "CANCELLATION", "CHARGEBACK"] {
            let item = signed(item(code, "true", json!({"amount": amount})));
            let reply = received(delivery(&[item]));
            assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{code} {amount}: {reply:?}");
        }
    }
}
