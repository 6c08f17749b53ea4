//! How Square writes amounts: whole minor units as ISO 4217 counts them, beside the currency's code.
//!
//! Source: Square's documentation, "Working with monetary amounts" (developer.squareup.com), and the `Money`
//! object of its published API description.
//!
//! Invariant: an amount is written exactly or refused before anything is sent. Nothing is rounded.

use processor_sdk::{Currencies, Currency, CurrencyLimit, Fault, Json, Money};
use serde_json::{Value, json};

/// Currencies of the countries that Square has sellers in. A location takes exactly one of them.
const TAKEN: [Currency; 6] =
    [Currency::USD, Currency::CAD, Currency::GBP, Currency::EUR, Currency::AUD, Currency::JPY];

/// The currencies that Square takes. Its smallest and largest amounts depend on the seller.
pub(crate) fn currencies() -> Currencies {
    let limit = |currency| CurrencyLimit { currency, minimum: None, maximum: None, multiple_of: None };
    Currencies::Listed(TAKEN.map(limit).to_vec())
}

/// An amount as Square wants it.
///
/// # Errors
/// [`Fault::CannotAsk`] when Square does not take the currency, or when the amount is none.
pub(crate) fn write(amount: Money, field: &str) -> Result<Value, Fault> {
    if !TAKEN.contains(&amount.currency()) {
        return Err(Fault::cannot_ask(field, "is in a currency that Square does not take"));
    }
    if !amount.is_positive() {
        return Err(Fault::cannot_ask(field, "must be more than nothing"));
    }
    Ok(json!({"amount": amount.minor(), "currency": amount.currency().code()}))
}

/// The amount at a pointer.
///
/// # Errors
/// [`Fault::Unreadable`] when there is none, or none that can be held.
pub(crate) fn read(object: &Json, pointer: &str) -> Result<Money, Fault> {
    let currency = object.currency(&format!("{pointer}/currency"))?;
    object.minor_units(&format!("{pointer}/amount"), currency)
}

/// What several objects state at a pointer, together; nothing, in `currency`, where there are none.
///
/// # Errors
/// [`Fault::Unreadable`] when one does not state it, or in another currency.
pub(crate) fn sum<'o>(
    objects: impl IntoIterator<Item = &'o Json>,
    pointer: &str,
    currency: Currency,
) -> Result<Money, Fault> {
    let mut total = Money::zero(currency);
    for object in objects {
        total = total
            .checked_add(read(object, pointer)?)
            .map_err(|_| Fault::unreadable(&format!("expected amounts at {pointer} that can be added")))?;
    }
    Ok(total)
}
