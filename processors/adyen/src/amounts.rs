//! How Adyen writes amounts: whole minor units, by a table of decimals of its own.
//!
//! Source: Adyen's documentation, "Currency codes" (docs.adyen.com/development-resources/currency-codes).
//!
//! Invariant: an amount is written exactly or refused before anything is sent. Nothing is rounded.

use processor_sdk::{AmountScale, Currencies, Currency, CurrencyLimit, Fault, Json, Money};
use serde_json::{Value, json};

/// Have no decimals in ISO 4217, and two at Adyen.
const TWO_DECIMALS: [Currency; 2] = [Currency::CLP, Currency::ISK];

/// Have two decimals in ISO 4217, and none at Adyen.
const NO_DECIMALS: [Currency; 2] = [Currency::CVE, Currency::IDR];

/// How Adyen writes amounts, in requests and webhooks alike.
pub(crate) const SCALE: AmountScale = AmountScale::iso().with(&TWO_DECIMALS, 2).with(&NO_DECIMALS, 0);

/// Codes of ISO 4217 that are units of account and funds, in which nothing is priced.
const NO_PRICES: [Currency; 10] = [
    Currency::BOV,
    Currency::CHE,
    Currency::CHW,
    Currency::CLF,
    Currency::COU,
    Currency::MXV,
    Currency::USN,
    Currency::UYI,
    Currency::UYW,
    Currency::XAD,
];

/// The currencies to offer. Which of them an account can charge depends on its contract and on the payment
/// method: Adyen refuses the others, and nothing has happened then.
pub(crate) fn currencies() -> Currencies {
    let limit =
        |currency| CurrencyLimit { currency, minimum: None, maximum: None, multiple_of: step(currency) };
    Currencies::Listed(Currency::all().filter(|currency| !NO_PRICES.contains(currency)).map(limit).collect())
}

/// What an amount must be a multiple of, in ISO minor units, where Adyen has fewer decimals.
fn step(currency: Currency) -> Option<i64> {
    let dropped = currency.exponent().checked_sub(SCALE.exponent(currency)).filter(|dropped| *dropped > 0)?;
    10_i64.checked_pow(u32::from(dropped))
}

/// An amount as Adyen wants it.
///
/// # Errors
/// [`Fault::CannotAsk`] when Adyen cannot write the amount.
pub(crate) fn write(amount: Money, field: &str) -> Result<Value, Fault> {
    if NO_PRICES.contains(&amount.currency()) {
        return Err(Fault::cannot_ask(field, "is in a currency that Adyen does not take"));
    }
    let minor = SCALE
        .to_processor_minor(amount)
        .map_err(|error| Fault::cannot_ask(field, &format!("cannot be written for Adyen: {error}")))?;
    Ok(json!({"currency": amount.currency().code(), "value": minor}))
}

/// The amount of an object of Adyen's.
///
/// # Errors
/// [`Fault::Unreadable`] when there is none, or none that the currency can hold.
pub(crate) fn read(object: &Json) -> Result<Money, Fault> {
    of_minor(object.integer("/amount/value")?, object.currency("/amount/currency")?)
}

/// The amount of an item, from the texts that its signature covers.
///
/// # Errors
/// As [`read`].
pub(crate) fn of_texts(value: &str, currency: &str) -> Result<Money, Fault> {
    let minor = value.parse().map_err(|_| Fault::unreadable("expected an integer at /amount/value"))?;
    let currency = Currency::parse(currency)
        .map_err(|_| Fault::unreadable("expected an ISO 4217 code at /amount/currency"))?;
    of_minor(minor, currency)
}

fn of_minor(minor: i64, currency: Currency) -> Result<Money, Fault> {
    SCALE
        .from_processor_minor(minor, currency)
        .ok()
        .filter(|amount| !amount.is_negative())
        .ok_or_else(|| Fault::unreadable("expected an amount in minor units at /amount/value"))
}
