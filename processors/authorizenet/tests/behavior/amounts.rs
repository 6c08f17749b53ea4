//! Golden amounts of every currency: what goes over the wire, and what is refused before anything does.

use processor_authorizenet::AuthorizeNet;
use processor_sdk::{Adapter, Ask, Call, Currencies, Currency, Fault, Money, Question, Reply};
use serde_json::{Value, json};

use crate::support::*;

/// Currencies that an account can have, and what 1234.56 of each is. Written down by hand, not computed.
const GOLDEN: [(&str, &str); 11] = [
    ("AUD", "1234.56"),
    ("CAD", "1234.56"),
    ("CHF", "1234.56"),
    ("DKK", "1234.56"),
    ("EUR", "1234.56"),
    ("GBP", "1234.56"),
    ("NOK", "1234.56"),
    ("NZD", "1234.56"),
    ("PLN", "1234.56"),
    ("SEK", "1234.56"),
    ("USD", "1234.56"),
];

fn in_account(call: Call, currency: &str) -> Call {
    let mut call = call;
    call.settings.0.insert("currency".to_owned(), json!(currency));
    call
}

fn opening(minor: i64, currency: &str, account: &str) -> Call {
    let amount = Money::new(minor, Currency::parse(currency).unwrap()).unwrap();
    in_account(Call { amount, ..open(json!({})) }, account)
}

/// The amount and currency that are sent, or the reason why nothing is.
fn sent(call: Call) -> Result<(Value, Value), Fault> {
    if let Reply::Fault(fault) = processor_sdk::run(&AuthorizeNet, &Ask::new(Question::Call(call.clone()))) {
        return Err(fault);
    }
    let (requests, _) = perform(call, vec![error("E00053")]);
    let payment = &body(&requests[0])["getHostedPaymentPageRequest"]["transactionRequest"];
    Ok((payment["amount"].clone(), payment["currencyCode"].clone()))
}

#[test]
fn every_currency_is_written_with_two_decimals() {
    let Currencies::Listed(listed) = AuthorizeNet.descriptor().currencies else { panic!("a list") };
    for (code, expected) in GOLDEN {
        let currency = Currency::parse(code).unwrap();
        assert!(listed.iter().any(|limit| limit.currency == currency), "{code} is not listed");
        assert_eq!(sent(opening(123_456, code, code)), Ok((json!(expected), json!(code))), "{code}");
        // And back again: what is said to be taken is in the account's currency.
        let paid = payment("settledSuccessfully", json!({"authAmount": 1234.56, "settleAmount": 1234.56}));
        let heard = facts(in_account(fetch_payment(), code), vec![paid]);
        assert_eq!(heard.captured, Some(Money::new(123_456, currency).unwrap()), "{code}");
    }
    assert_eq!(GOLDEN.len(), listed.len(), "every listed currency has a golden amount");
}

#[test]
fn amounts_that_are_sent() {
    for (minor, expected) in
        [(1, "0.01"), (10, "0.10"), (100, "1.00"), (1234, "12.34"), (99_999_999, "999999.99")]
    {
        assert_eq!(sent(opening(minor, "USD", "USD")).unwrap().0, json!(expected));
    }
}

#[test]
fn an_amount_in_another_currency_than_the_accounts_is_refused_before_anything_is_sent() {
    for (currency, account) in [("EUR", "USD"), ("USD", "CAD"), ("JPY", "USD")] {
        let Err(Fault::CannotAsk { field, reason }) = sent(opening(1234, currency, account)) else {
            panic!()
        };
        assert_eq!(field, "amount");
        assert!(reason.contains("settings.currency"), "{reason}");
    }
    let Err(Fault::CannotAsk { field, .. }) = sent(opening(1234, "JPY", "JPY")) else { panic!() };
    assert_eq!(field, "settings.currency");
}

#[test]
fn amounts_that_are_read() {
    let taken = |amount: Value| {
        let paid = payment("settledSuccessfully", json!({"settleAmount": amount}));
        match reply(fetch_payment(), vec![paid]) {
            Reply::Answer(processor_sdk::Answer::Said { facts, .. }) => {
                facts.captured.map(|money| money.minor())
            }
            Reply::Fault(Fault::Unreadable { .. }) => None,
            other => panic!("{other:?}"),
        }
    };
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (amount, expected) in [
        (number("12.34"), Some(1234)),
        (number("12.340"), Some(1234)),
        (number("12"), Some(1200)),
        (number("0.1"), Some(10)),
        (number("5.0"), Some(500)),
        // The floating point number nearest to it prints the same.
        (number("1.15"), Some(115)),
        (number("9999999999999.99"), Some(999_999_999_999_999)),
        (json!("12.34"), Some(1234)),
        // Finer than a cent, more digits than a double keeps, less than nothing, nothing, or no number.
        (number("12.345"), None),
        (number("12345678901234.56"), None),
        (number("99999999999999.99"), None),
        (number("1e30"), None),
        (number("-12.34"), None),
        (number("0"), None),
        (json!("12,34"), None),
        (json!("twelve"), None),
        (json!(""), None),
        (json!(null), None),
        (json!({"amount": 12.34}), None),
    ] {
        assert_eq!(taken(amount.clone()), expected, "{amount}");
    }
}
