//! How Stripe writes amounts: whole numbers with decimals of its own for each currency.
//!
//! Source: Stripe's documentation, "Supported currencies" (docs.stripe.com/currencies): zero-decimal
//! currencies, three-decimal currencies and special cases.
//!
//! Invariant: an amount is written exactly or refused before anything is sent. Nothing is rounded.

use processor_sdk::{AmountScale, Currencies, Currency, CurrencyLimit, Fault, Json, Money};

/// Written without decimals. Only MGA differs from ISO 4217 here.
const ZERO_DECIMALS: [Currency; 15] = [
    Currency::BIF,
    Currency::CLP,
    Currency::DJF,
    Currency::GNF,
    Currency::JPY,
    Currency::KMF,
    Currency::KRW,
    Currency::MGA,
    Currency::PYG,
    Currency::RWF,
    Currency::VND,
    Currency::VUV,
    Currency::XAF,
    Currency::XOF,
    Currency::XPF,
];

/// Lost their decimals in ISO 4217, and are written with two of them for old times' sake: always `00`.
const KEPT_DECIMALS: [Currency; 2] = [Currency::ISK, Currency::UGX];

/// Written with three decimals of which the last must be 0.
const THREE_DECIMALS: [Currency; 5] =
    [Currency::BHD, Currency::JOD, Currency::KWD, Currency::OMR, Currency::TND];

/// How Stripe writes amounts of charges. (HUF and TWD lose their decimals in payouts only.)
pub(crate) const SCALE: AmountScale = AmountScale::iso()
    .with(&ZERO_DECIMALS, 0)
    .with(&KEPT_DECIMALS, 2)
    .with(&THREE_DECIMALS, 3)
    .multiple_of(&THREE_DECIMALS, 10);

/// Codes of the currencies that Stripe presents prices in, as far as they are active in ISO 4217. Which of
/// them an account can charge depends on its country and on the payment method.
const PRESENTED: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN \
    BZD CAD CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD \
    MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB \
    RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST \
    XAF XCD XCG XOF XPF YER ZAR ZMW";

fn is_presented(currency: Currency) -> bool {
    PRESENTED.split(' ').any(|code| code == currency.code())
}

/// The currencies that Stripe takes. Its smallest and largest amounts depend on the account's own currency,
/// so that only Stripe can know them.
pub(crate) fn currencies() -> Currencies {
    let limit =
        |currency| CurrencyLimit { currency, minimum: None, maximum: None, multiple_of: step(currency) };
    Currencies::Listed(Currency::all().filter(|currency| is_presented(*currency)).map(limit).collect())
}

/// What an amount must be a multiple of, in ISO minor units, where Stripe cannot write every amount.
fn step(currency: Currency) -> Option<i64> {
    if THREE_DECIMALS.contains(&currency) {
        return Some(10);
    }
    let dropped = currency.exponent().checked_sub(SCALE.exponent(currency)).filter(|dropped| *dropped > 0)?;
    10_i64.checked_pow(u32::from(dropped))
}

/// An amount as Stripe wants it.
///
/// # Errors
/// [`Fault::CannotAsk`] when Stripe does not take the currency or cannot write the amount.
pub(crate) fn write(amount: Money, field: &str) -> Result<String, Fault> {
    if !is_presented(amount.currency()) {
        return Err(Fault::cannot_ask(field, "is in a currency that Stripe does not take"));
    }
    match SCALE.to_processor_minor(amount) {
        Ok(minor) => Ok(minor.to_string()),
        Err(error) => Err(Fault::cannot_ask(field, &format!("cannot be written for Stripe: {error}"))),
    }
}

/// The amount at a pointer.
///
/// # Errors
/// [`Fault::Unreadable`] when there is none, or none that the currency can hold.
pub(crate) fn read(object: &Json, pointer: &str, currency: Currency) -> Result<Money, Fault> {
    SCALE
        .from_processor_minor(object.integer(pointer)?, currency)
        .map_err(|_| Fault::unreadable(&format!("expected an amount in minor units at {pointer}")))
}
