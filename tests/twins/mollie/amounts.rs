//! Amounts as Mollie writes them: a text with exactly the decimals of its currency, never a number.
//!
//! Source: docs.mollie.com, "Multicurrency" and "Common data types".

use serde_json::{Value, json};

/// Currencies that have no decimals.
const WITHOUT_DECIMALS: [&str; 2] = ["ISK", "JPY"];
/// Those with two.
const WITH_TWO: [&str; 26] = [
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "MXN", "MYR",
    "NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD", "THB", "TWD", "USD", "ZAR",
];

/// What is wrong with an amount: the field below it, and in words.
pub(super) type Wrong = (&'static str, &'static str);

/// Decimals of a currency that can be paid in.
fn decimals(currency: &str) -> Option<usize> {
    match currency {
        known if WITH_TWO.contains(&known) => Some(2),
        known if WITHOUT_DECIMALS.contains(&known) => Some(0),
        _ => None,
    }
}

/// An amount of a request, in the currency's own smallest unit.
///
/// # Errors
/// It is not as published.
pub(super) fn read(amount: &Value) -> Result<(i64, String), Wrong> {
    let fields = amount.as_object().ok_or(("", "The amount is not an object"))?;
    if fields.keys().any(|name| name != "currency" && name != "value") {
        return Err(("", "The amount has fields that are not known"));
    }
    let currency = amount["currency"].as_str().ok_or((".currency", "The currency is missing"))?;
    let decimals = decimals(currency).ok_or((".currency", "The currency is not supported"))?;
    let value = amount["value"].as_str().ok_or((".value", "The value is not a text"))?;
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let has_point = value.contains('.');
    if whole.is_empty() || !is_number(whole) || !is_number(part) {
        return Err((".value", "The value is not a decimal number"));
    }
    if part.len() != decimals || has_point != (decimals > 0) {
        return Err((".value", "The value has the wrong number of decimals for its currency"));
    }
    let minor = format!("{whole}{part}").parse().map_err(|_| (".value", "The value is too large"))?;
    Ok((minor, currency.to_owned()))
}

/// An amount of an answer.
pub(super) fn shown(minor: i64, currency: &str) -> Value {
    let decimals = decimals(currency).expect("a currency of an amount that was read");
    let (sign, digits) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs().to_string());
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    let point = if part.is_empty() { "" } else { "." };
    json!({ "currency": currency, "value": format!("{sign}{whole}{point}{part}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_texts_with_the_decimals_of_their_currency() {
        let rows = [
            ("EUR", json!("19.99"), Ok(1999)),
            ("EUR", json!("0.05"), Ok(5)),
            ("JPY", json!("1000"), Ok(1000)),
            ("HUF", json!("10.00"), Ok(1000)),
            ("EUR", json!(19.99), Err(".value")),
            ("EUR", json!(1999), Err(".value")),
            ("EUR", json!("1999"), Err(".value")),
            ("EUR", json!("19.9"), Err(".value")),
            ("EUR", json!("19.990"), Err(".value")),
            ("EUR", json!("19,99"), Err(".value")),
            ("EUR", json!("-1.00"), Err(".value")),
            ("EUR", json!(".99"), Err(".value")),
            ("EUR", Value::Null, Err(".value")),
            ("JPY", json!("1000.00"), Err(".value")),
            ("JPY", json!("1000."), Err(".value")),
            ("eur", json!("19.99"), Err(".currency")),
            ("KRW", json!("1000"), Err(".currency")),
        ];
        for (currency, value, expected) in rows {
            let amount = json!({ "currency": currency, "value": value });
            let seen = read(&amount).map(|(minor, _)| minor).map_err(|(field, _)| field);
            assert_eq!(seen, expected, "{amount}");
            if let Ok(minor) = expected {
                assert_eq!(shown(minor, currency), amount);
            }
        }
        assert_eq!(shown(-5, "EUR")["value"], "-0.05");
        assert!(read(&json!({ "currency": "EUR", "value": "1.00", "cents": 100 })).is_err());
    }
}
