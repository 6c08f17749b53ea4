//! How PayPal writes amounts: decimal texts in major units, with decimals of its own for three currencies.
//!
//! Source: PayPal's documentation, "Currency codes" (developer.paypal.com/api/rest/reference/currency-codes).
//!
//! Invariant: an amount is written exactly or refused before anything is sent. Nothing is rounded.

use processor_sdk::{AmountScale, Currencies, Currency, CurrencyLimit, Fault, Json, Money};
use serde_json::{Value, json};

/// Written without decimals; with them PayPal refuses. ISO 4217 gives HUF and TWD two.
const WHOLE: [Currency; 3] = [Currency::HUF, Currency::JPY, Currency::TWD];

const SCALE: AmountScale = AmountScale::iso().with(&WHOLE, 0);

/// Codes of the currencies that PayPal takes. BRL, CNY and MYR only in accounts of their own countries, which
/// only PayPal knows.
const TAKEN: &str =
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD";

fn is_taken(currency: Currency) -> bool {
    TAKEN.split(' ').any(|code| code == currency.code())
}

/// The currencies that PayPal takes. Its limits depend on both accounts, so that only PayPal knows them.
pub(crate) fn currencies() -> Currencies {
    let limit =
        |currency| CurrencyLimit { currency, minimum: None, maximum: None, multiple_of: step(currency) };
    Currencies::Listed(Currency::all().filter(|currency| is_taken(*currency)).map(limit).collect())
}

/// What an amount must be a multiple of, in ISO minor units, where PayPal wants no decimals.
fn step(currency: Currency) -> Option<i64> {
    let dropped = currency.exponent().checked_sub(SCALE.exponent(currency)).filter(|dropped| *dropped > 0)?;
    10_i64.checked_pow(u32::from(dropped))
}

/// An amount as PayPal wants it: a text, for it refuses numbers.
///
/// # Errors
/// [`Fault::CannotAsk`] when PayPal does not take the currency or cannot write the amount.
pub(crate) fn write(amount: Money, field: &str) -> Result<Value, Fault> {
    if !is_taken(amount.currency()) {
        return Err(Fault::cannot_ask(field, "is in a currency that PayPal does not take"));
    }
    match SCALE.to_processor_decimal(amount) {
        Ok(value) => Ok(json!({"currency_code": amount.currency().code(), "value": value})),
        Err(error) => Err(Fault::cannot_ask(field, &format!("cannot be written for PayPal: {error}"))),
    }
}

/// The amount at a pointer.
///
/// # Errors
/// [`Fault::Unreadable`] when there is none, or none that the currency can hold.
pub(crate) fn read(object: &Json, pointer: &str) -> Result<Money, Fault> {
    let currency = object.currency(&format!("{pointer}/currency_code"))?;
    SCALE
        .from_processor_decimal(object.text(&format!("{pointer}/value"))?, currency)
        .map_err(|_| Fault::unreadable(&format!("expected an amount in major units at {pointer}")))
}

/// The amount at a pointer; there may be none.
pub(crate) fn read_optional(object: &Json, pointer: &str) -> Result<Option<Money>, Fault> {
    object.at(pointer).map(|_| read(object, pointer)).transpose()
}

/// Amounts of one currency added up; `None` where there is another one among them.
pub(crate) fn sum(currency: Currency, amounts: &[Money]) -> Option<Money> {
    amounts.iter().try_fold(Money::zero(currency), |total, amount| total.checked_add(*amount)).ok()
}
