//! PayPal's amounts: decimal texts in major units, without decimals in three currencies.
//!
//! Source: developer.paypal.com, "Currency codes"; the pattern of `money.value` in the Payments description.

use serde_json::{Value, json};

/// What PayPal takes. The three last ones have no decimals, whatever ISO 4217 says of them.
const CURRENCIES: [&str; 24] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR", "NOK", "NZD",
    "PHP", "PLN", "SEK", "SGD", "THB", "USD", "HUF", "JPY", "TWD",
];
const WITHOUT_DECIMALS: usize = 3;

/// Money in the smallest unit that PayPal knows of its currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) minor: i64,
    pub(super) currency: String,
}

fn decimals(currency: &str) -> Option<usize> {
    let place = CURRENCIES.iter().position(|known| *known == currency)?;
    Some(if place < CURRENCIES.len() - WITHOUT_DECIMALS { 2 } else { 0 })
}

impl Amount {
    /// Reads an amount that is to be paid; else PayPal's name of what is wrong with it.
    pub(super) fn read(money: &Value) -> Result<Self, &'static str> {
        let (Some(currency), Some(value)) = (money["currency_code"].as_str(), money["value"].as_str()) else {
            return Err("MISSING_REQUIRED_PARAMETER");
        };
        let decimals = decimals(currency).ok_or("INVALID_CURRENCY_CODE")?;
        let (is_negative, digits) = value.strip_prefix('-').map_or((false, value), |digits| (true, digits));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let has_point = digits.contains('.');
        if !is_number(whole) || !is_number(part) || (has_point && part.is_empty()) || digits.is_empty() {
            return Err("INVALID_PARAMETER_SYNTAX");
        }
        if decimals == 0 && has_point {
            return Err("DECIMALS_NOT_SUPPORTED");
        }
        if part.len() > decimals {
            return Err("DECIMAL_PRECISION");
        }
        let minor: i64 =
            format!("{whole}{part:0<decimals$}").parse().map_err(|_| "INVALID_PARAMETER_SYNTAX")?;
        if is_negative || minor == 0 {
            return Err("CANNOT_BE_ZERO_OR_NEGATIVE");
        }
        Ok(Self { minor, currency: currency.to_owned() })
    }

    pub(super) fn of(&self, minor: i64) -> Self {
        Self { minor, currency: self.currency.clone() }
    }

    /// As PayPal writes it.
    pub(super) fn json(&self) -> Value {
        let decimals = decimals(&self.currency).expect("a currency that was taken");
        let value = if decimals == 0 {
            self.minor.to_string()
        } else {
            format!("{}.{:02}", self.minor / 100, self.minor % 100)
        };
        json!({ "currency_code": self.currency, "value": value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_texts_with_the_decimals_of_their_currency() {
        let rows = [
            ("EUR", "19.99", Ok((1999, "19.99"))),
            ("EUR", "19.9", Ok((1990, "19.90"))),
            ("EUR", ".5", Ok((50, "0.50"))),
            ("USD", "7", Ok((700, "7.00"))),
            ("JPY", "1999", Ok((1999, "1999"))),
            ("HUF", "1999.00", Err("DECIMALS_NOT_SUPPORTED")),
            ("EUR", "1.999", Err("DECIMAL_PRECISION")),
            ("EUR", "0.00", Err("CANNOT_BE_ZERO_OR_NEGATIVE")),
            ("EUR", "-1.00", Err("CANNOT_BE_ZERO_OR_NEGATIVE")),
            ("EUR", "1,99", Err("INVALID_PARAMETER_SYNTAX")),
            ("EUR", "1.", Err("INVALID_PARAMETER_SYNTAX")),
            ("EUR", "", Err("INVALID_PARAMETER_SYNTAX")),
            ("KWD", "1.000", Err("INVALID_CURRENCY_CODE")),
        ];
        for (currency, value, expected) in rows {
            let read = Amount::read(&json!({ "currency_code": currency, "value": value }));
            let shown = read.as_ref().map(|amount| (amount.minor, amount.json()["value"].clone()));
            let expected = expected.map(|(minor, text)| (minor, json!(text)));
            assert_eq!(shown.map_err(|issue| *issue), expected, "{currency} {value}");
        }
    }
}
