//! How Authorize.Net writes amounts: decimal numbers in the one currency of the merchant's account.
//!
//! Requests and responses about money name no currency that could be relied on, so that the operator says it
//! once, in the setting `currency`.
//!
//! Source: the published schema (`AnetApiSchema.xsd`) and developer.authorize.net.
//!
//! Invariant: an amount is written and read exactly or refused. Nothing is rounded.

use processor_sdk::{AmountScale, Currencies, Currency, CurrencyLimit, Fault, Json, Money, Settings};
use serde_json::Value;

/// Currencies that an account can have. All of them have two decimals, here as in ISO 4217.
const CURRENCIES: [Currency; 11] = [
    Currency::AUD,
    Currency::CAD,
    Currency::CHF,
    Currency::DKK,
    Currency::EUR,
    Currency::GBP,
    Currency::NOK,
    Currency::NZD,
    Currency::PLN,
    Currency::SEK,
    Currency::USD,
];

const SCALE: AmountScale = AmountScale::iso();

/// Digits of the longest amount that is read. Up to here a JSON number means the same to every reader, also to
/// one that keeps numbers as doubles.
const DIGITS_MAX: usize = 15;

pub(crate) fn currencies() -> Currencies {
    let limit = |currency| CurrencyLimit { currency, minimum: None, maximum: None, multiple_of: None };
    Currencies::Listed(CURRENCIES.into_iter().map(limit).collect())
}

/// What the setting `currency` can be.
pub(crate) fn codes() -> Vec<String> {
    CURRENCIES.iter().map(|currency| currency.code().to_owned()).collect()
}

/// The currency of the merchant's account.
///
/// # Errors
/// [`Fault::CannotAsk`] when the setting names none.
pub(crate) fn of_account(settings: &Settings) -> Result<Currency, Fault> {
    let code = settings.text("currency")?;
    let known = CURRENCIES.into_iter().find(|currency| currency.code() == code);
    known.ok_or_else(|| Fault::cannot_ask("settings.currency", "must be the currency of the account"))
}

/// An amount as Authorize.Net wants it.
///
/// # Errors
/// [`Fault::CannotAsk`] when it is in another currency than the account's, or cannot be written.
pub(crate) fn write(amount: Money, settings: &Settings, field: &str) -> Result<String, Fault> {
    if amount.currency() != of_account(settings)? {
        return Err(Fault::cannot_ask(
            field,
            "is in another currency than the account's (settings.currency)",
        ));
    }
    SCALE
        .to_processor_decimal(amount)
        .map_err(|error| Fault::cannot_ask(field, &format!("cannot be written for Authorize.Net: {error}")))
}

/// The amount at a pointer, a JSON number or a text.
///
/// # Errors
/// [`Fault::Unreadable`] when there is none, or none that the currency can hold.
pub(crate) fn read(object: &Json, pointer: &str, currency: Currency) -> Result<Money, Fault> {
    let text = match object.at(pointer) {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        Some(_) | None => String::new(),
    };
    let is_exact = text.bytes().filter(u8::is_ascii_digit).count() <= DIGITS_MAX;
    let amount = SCALE.from_processor_decimal(&text, currency).ok();
    amount
        .filter(|amount| is_exact && !amount.is_negative())
        .ok_or_else(|| Fault::unreadable(&format!("expected an amount such as 19.99 at {pointer}")))
}
