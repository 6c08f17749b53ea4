//! How BTCPay Server writes amounts: decimal texts in major units, for coins with far more decimals than money.
//!
//! Source: the published OpenAPI description of the Greenfield API (`InvoiceData`, `PayoutData`).
//!
//! Invariant: a price is read and written exactly or refused. What coins came to at an invoice's rate hardly
//! ever is a whole number of minor units: the rest of one is dropped, never added.

use processor_sdk::{AmountScale, Currency, Fault, Json, Money};

/// A price has the decimals that ISO 4217 gives its currency.
const SCALE: AmountScale = AmountScale::iso();

/// A price as BTCPay wants it.
///
/// # Errors
/// [`Fault::CannotAsk`] when the amount cannot be written.
pub(crate) fn write(amount: Money, field: &str) -> Result<String, Fault> {
    SCALE
        .to_processor_decimal(amount)
        .map_err(|error| Fault::cannot_ask(field, &format!("cannot be written for BTCPay: {error}")))
}

/// The price at a pointer.
///
/// # Errors
/// [`Fault::Unreadable`] when there is none, or none that the currency can hold.
pub(crate) fn read(object: &Json, pointer: &str, currency: Currency) -> Result<Money, Fault> {
    decimal(object.text(pointer)?, pointer, currency)
}

/// What coins came to: whole minor units, and whether a part of one was dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) whole: Money,
    has_rest: bool,
}

impl Counted {
    /// What coins came to at a pointer.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when there is no such amount.
    pub(crate) fn read(object: &Json, pointer: &str, currency: Currency) -> Result<Self, Fault> {
        let text = object.text(pointer)?;
        let expected = || Fault::unreadable(&format!("expected an amount of at least 0 at {pointer}"));
        let (major, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let decimals = usize::from(currency.exponent());
        let (kept, rest) = fraction.split_at_checked(decimals).unwrap_or((fraction, ""));
        let is_plain = !fraction.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        if !is_plain || major.starts_with('-') {
            return Err(expected());
        }
        let whole = if kept.is_empty() { major.to_owned() } else { format!("{major}.{kept}") };
        let has_rest = rest.bytes().any(|byte| byte != b'0');
        Ok(Self { whole: decimal(&whole, pointer, currency)?, has_rest })
    }

    /// The price where less than a minor unit is missing: no coin is that fine at every rate. Else what came.
    pub(crate) fn towards(self, price: Money) -> Money {
        let next = self.up();
        if next == price { next } else { self.whole }
    }

    /// With the part of a minor unit counted as a whole one.
    pub(crate) fn up(self) -> Money {
        let one = Money::new(i64::from(self.has_rest), self.whole.currency());
        one.and_then(|one| self.whole.checked_add(one)).unwrap_or(self.whole)
    }
}

fn decimal(text: &str, pointer: &str, currency: Currency) -> Result<Money, Fault> {
    SCALE
        .from_processor_decimal(text, currency)
        .map_err(|_| Fault::unreadable(&format!("expected an amount in {currency} at {pointer}")))
}
