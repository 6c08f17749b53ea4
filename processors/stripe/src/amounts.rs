//! How Stripe writes amounts: whole numbers of its own minor units, which are not always ISO 4217's.
//! <https://docs.stripe.com/currencies#zero-decimal>

use processor_sdk::{AmountScale, Currencies, Currency, CurrencyLimit, Fault, Json, Money};

/// Currencies without decimals, at Stripe.
const WHOLE: [Currency; 14] = [
    Currency::BIF,
    Currency::CLP,
    Currency::DJF,
    Currency::GNF,
    Currency::JPY,
    Currency::KMF,
    Currency::KRW,
    Currency::PYG,
    Currency::RWF,
    Currency::VND,
    Currency::VUV,
    Currency::XAF,
    Currency::XOF,
    Currency::XPF,
];
/// ISO 4217 gives these no decimals; Stripe writes them with two, which must be zeros.
const WRITTEN_WITH_TWO: [Currency; 2] = [Currency::ISK, Currency::UGX];
/// ISO 4217 gives it two decimals, Stripe none.
const WRITTEN_WITHOUT: [Currency; 1] = [Currency::MGA];
/// Three decimals, of which the last must be a zero.
const THREE: [Currency; 5] = [Currency::BHD, Currency::JOD, Currency::KWD, Currency::OMR, Currency::TND];

const SCALE: AmountScale =
    AmountScale::iso().with(&WRITTEN_WITH_TWO, 2).with(&WRITTEN_WITHOUT, 0).multiple_of(&THREE, 10);

/// The amount as it is sent.
pub(crate) fn to_stripe(field: &str, amount: Money) -> Result<String, Fault> {
    match SCALE.to_processor_minor(amount) {
        Ok(minor) => Ok(minor.to_string()),
        Err(error) => Err(Fault::cannot_ask(field, &format!("cannot be sent to Stripe: {error}"))),
    }
}

/// Reads an amount in the currency of another field.
pub(crate) fn from_stripe(object: &Json, pointer: &str, currency: Currency) -> Result<Money, Fault> {
    SCALE
        .from_processor_minor(object.integer(pointer)?, currency)
        .map_err(|_| Fault::unreadable(&format!("expected an amount in Stripe's units at {pointer}")))
}

/// What Stripe can be asked to take. Which of them an account may use is between it and Stripe, which says
/// no when the page is opened.
pub(crate) fn currencies() -> Currencies {
    Currencies::Listed(Currency::all().filter_map(limit).collect())
}

fn limit(currency: Currency) -> Option<CurrencyLimit> {
    let multiple_of = if THREE.contains(&currency) {
        Some(10)
    } else if WRITTEN_WITHOUT.contains(&currency) {
        Some(100)
    } else if WHOLE.contains(&currency) || WRITTEN_WITH_TWO.contains(&currency) || currency.exponent() == 2 {
        None
    } else {
        // Not in Stripe's lists of currencies without decimals or with three.
        return None;
    };
    Some(CurrencyLimit { currency, minimum: None, maximum: None, multiple_of })
}
