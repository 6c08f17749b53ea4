//! What Stripe thinks of an amount before it opens a page for it.
//!
//! Source: docs.stripe.com/currencies, "Zero-decimal currencies", "Three-decimal currencies", "Special cases",
//! "Minimum and maximum charge amounts".

use super::refusal::Refusal;

/// The field of the one price that the hub sends.
const FIELD: &str = "line_items[0][price_data][unit_amount]";
/// Largest amount: eight digits.
const AMOUNT_MAX: i64 = 99_999_999;

/// Currencies in which the last digit of three must be a zero.
const THREE_DECIMALS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];
/// Currencies that are written with two decimals, which must be zeros.
const ZERO_DECIMALS_AS_TWO: [&str; 2] = ["isk", "ugx"];

/// Smallest amounts, in Stripe's minor units.
const MINIMA: [(&str, i64); 24] = [
    ("usd", 50),
    ("aed", 200),
    ("aud", 50),
    ("bgn", 100),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("czk", 1_500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("inr", 50),
    ("jpy", 50),
    ("mxn", 1_000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1_000),
];

/// That a page can be opened for this.
///
/// # Errors
/// What Stripe answers.
pub(super) fn check(currency: &str, amount: i64) -> Result<(), Refusal> {
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        let message = format!("Invalid currency: {currency}. Stripe writes currencies in lower case.");
        return Err(Refusal::invalid(message).param("line_items[0][price_data][currency]"));
    }
    if amount < 0 {
        let message = "Invalid non-negative integer";
        return Err(Refusal::invalid(message).code("parameter_invalid_integer").param(FIELD));
    }
    let step = if THREE_DECIMALS.contains(&currency) {
        10
    } else if ZERO_DECIMALS_AS_TWO.contains(&currency) {
        100
    } else {
        1
    };
    if amount % step != 0 {
        let message = format!("Invalid amount for {currency}: it must be a multiple of {step}");
        return Err(Refusal::invalid(message).code("invalid_amount").param(FIELD));
    }
    let minimum = MINIMA.iter().find(|(code, _)| *code == currency).map_or(1, |(_, minimum)| *minimum);
    if amount < minimum {
        let message = "The Checkout Session's total amount must convert to at least 50 cents.";
        return Err(Refusal::invalid(message).code("amount_too_small").param(FIELD));
    }
    if amount > AMOUNT_MAX {
        let message = "The Checkout Session's total amount must be no more than 8 digits.";
        return Err(Refusal::invalid(message).code("amount_too_large").param(FIELD));
    }
    Ok(())
}
