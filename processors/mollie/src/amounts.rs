//! How Mollie writes amounts: an object of a currency and a text with exactly the currency's decimals.
//!
//! Source: Mollie's documentation, "Multicurrency" (docs.mollie.com): no decimals for ISK and JPY, two for all
//! others, HUF and TWD included. Those are the decimals of ISO 4217.
//!
//! Invariant: an amount is written exactly or refused before anything is sent. Nothing is rounded.

use processor_sdk::{AmountScale, Currencies, Currency, CurrencyLimit, Fault, Json, Money};
use serde_json::{Value, json};

const SCALE: AmountScale = AmountScale::iso();

/// Codes of the currencies that Mollie takes, as far as they are active in ISO 4217. Which of them can be paid
/// depends on the payment methods that are switched on.
const TAKEN: &str = "AED AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS ISK JPY MXN MYR NOK NZD PHP PLN RON SEK SGD \
    THB TWD USD ZAR";

fn is_taken(currency: Currency) -> bool {
    TAKEN.split(' ').any(|code| code == currency.code())
}

/// The currencies that Mollie takes. Smallest and largest amounts are those of each payment method.
pub(crate) fn currencies() -> Currencies {
    let limit = |currency| CurrencyLimit { currency, minimum: None, maximum: None, multiple_of: None };
    Currencies::Listed(Currency::all().filter(|currency| is_taken(*currency)).map(limit).collect())
}

/// An amount as Mollie wants it.
///
/// # Errors
/// [`Fault::CannotAsk`] when Mollie does not take the currency or the amount cannot be written.
pub(crate) fn write(amount: Money, field: &str) -> Result<Value, Fault> {
    if !is_taken(amount.currency()) {
        return Err(Fault::cannot_ask(field, "is in a currency that Mollie does not take"));
    }
    match SCALE.to_processor_decimal(amount) {
        Ok(value) => Ok(json!({"currency": amount.currency().code(), "value": value})),
        Err(error) => Err(Fault::cannot_ask(field, &format!("cannot be written for Mollie: {error}"))),
    }
}

/// The amount at a pointer.
///
/// # Errors
/// [`Fault::Unreadable`] when there is none, or none that the currency can hold.
pub(crate) fn read(object: &Json, pointer: &str) -> Result<Money, Fault> {
    let currency = object.currency(&format!("{pointer}/currency"))?;
    let value = object.text(&format!("{pointer}/value"))?;
    SCALE
        .from_processor_decimal(value, currency)
        .map_err(|_| Fault::unreadable(&format!("expected a decimal amount at {pointer}/value")))
}

/// The amount at a pointer where Mollie states one.
///
/// # Errors
/// [`Fault::Unreadable`] when there is something that is no amount.
pub(crate) fn optional(object: &Json, pointer: &str) -> Result<Option<Money>, Fault> {
    object.at(pointer).map(|_| read(object, pointer)).transpose()
}
