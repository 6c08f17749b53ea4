//! How BTCPay Server counts: prices in money, coins in satoshis, and what coins come to at the rate of an invoice.
//!
//! Source: the OpenAPI description (amounts are decimal texts) and the public source (`PaymentPrompt.Calculate`: what
//! is due is rounded up to the coin's smallest unit, and what was paid is worth its coins at the invoice's rate).
//!
//! Invariant: nothing is rounded but what is due in coins, and nothing is a float. What coins come to has as many
//! decimals as it has: that they come to a whole number of cents is nothing that the documents promise.

/// Satoshis in a coin, and their decimals.
const SATOSHIS: i128 = 100_000_000;
const COIN_DECIMALS: usize = 8;

/// A currency that this store has a rate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Currency {
    pub(super) code: &'static str,
    decimals: usize,
    /// What a coin costs, in the currency's minor units. Odd, so that no sum comes out even.
    coin_minor: i64,
}

const CURRENCIES: [Currency; 3] = [
    Currency { code: "EUR", decimals: 2, coin_minor: 6_439_223 },
    Currency { code: "USD", decimals: 2, coin_minor: 7_011_107 },
    Currency { code: "JPY", decimals: 0, coin_minor: 10_512_347 },
];

/// The currency of a code. Codes are read in either case.
pub(super) fn currency(code: &str) -> Option<Currency> {
    CURRENCIES.into_iter().find(|known| known.code.eq_ignore_ascii_case(code))
}

impl Currency {
    /// What a text comes to, in minor units; none if it is no amount, or finer than the currency.
    pub(super) fn read(self, text: &str) -> Option<i64> {
        read(text, self.decimals)
    }

    pub(super) fn write(self, minor: i64) -> String {
        write(minor.into(), self.decimals)
    }

    /// What an amount costs in satoshis, rounded up.
    pub(super) fn satoshis(self, minor: i64) -> i64 {
        let whole = i128::from(minor) * SATOSHIS;
        let coin = i128::from(self.coin_minor);
        i64::try_from((whole + coin - 1) / coin).expect("fewer coins than there are")
    }

    /// What satoshis come to, in whole minor units.
    pub(super) fn minor(self, satoshis: i64) -> i64 {
        i64::try_from(self.exactly(satoshis) / SATOSHIS).expect("less than there is")
    }

    /// What satoshis come to, with every decimal.
    pub(super) fn worth(self, satoshis: i64) -> String {
        shortened(&write(self.exactly(satoshis), self.decimals + COIN_DECIMALS))
    }

    /// What a coin costs.
    pub(super) fn rate(self) -> String {
        self.write(self.coin_minor)
    }

    /// In parts of a minor unit.
    fn exactly(self, satoshis: i64) -> i128 {
        i128::from(satoshis) * i128::from(self.coin_minor)
    }
}

/// Satoshis, as coins.
pub(super) fn coins(satoshis: i64) -> String {
    write(satoshis.into(), COIN_DECIMALS)
}

/// A decimal text in units of its last allowed decimal; none if it is no plain number or finer.
pub(super) fn read(text: &str, decimals: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let part = if part.len() > decimals { part.trim_end_matches('0') } else { part };
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > decimals {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

fn write(units: i128, decimals: usize) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// Without zeros at the end that say nothing.
fn shortened(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reckoned with Python's `decimal`.
    #[test]
    fn prices_and_coins() {
        // (currency, minor units, as a price, satoshis, what those are worth)
        let rows = [
            ("EUR", 1_999, "19.99", 31_045, "19.9905678035"),
            ("EUR", 1, "0.01", 16, "0.0103027568"),
            ("EUR", 6_439_223, "64392.23", 100_000_000, "64392.23"),
            ("USD", 500, "5.00", 7_132, "5.0003215124"),
            ("JPY", 2_000, "2000", 19_026, "2000.07914022"),
        ];
        for (code, minor, price, satoshis, worth) in rows {
            let currency = currency(code).expect("a currency with a rate");
            assert_eq!(currency.write(minor), price);
            assert_eq!(currency.read(price), Some(minor));
            assert_eq!(currency.satoshis(minor), satoshis, "{price}");
            assert_eq!(currency.worth(satoshis), worth, "{price}");
            assert_eq!(currency.minor(satoshis), minor, "{price}");
            assert!(currency.minor(satoshis - 1) < minor, "{price}");
        }
        assert_eq!(
            (coins(31_045), coins(-7), coins(0)),
            ("0.00031045".into(), "-0.00000007".into(), "0.00000000".into())
        );
    }

    #[test]
    fn what_is_no_amount() {
        let euro = currency("eur").expect("a currency with a rate");
        for (text, minor) in [("5", 500), ("5.5", 550), ("5.50000000", 550), ("0", 0)] {
            assert_eq!(euro.read(text), Some(minor), "{text}");
        }
        for text in
            ["", ".", ".5", "-5", "+5", "5,00", "5.001", "5e2", " 5", "5.00 EUR", "99999999999999999999"]
        {
            assert_eq!(euro.read(text), None, "{text}");
        }
        assert_eq!(currency("XXX"), None);
    }
}
