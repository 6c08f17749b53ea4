//! Amounts of money, and the forms processors write them in.
//!
//! An amount is a whole number of a currency's minor units; nothing here rounds and nothing here is a
//! floating point number. A conversion is exact or it is refused, so a processor that cannot express an
//! amount says so before anything is sent.
//!
//! Invariant: the magnitude of a [`Money`] is at most [`MINOR_UNITS_MAX`], so every JSON reader, also one
//! that keeps numbers as doubles, reads the same amount.

use std::cmp::Ordering;
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::currency::{self, Currency};

/// The largest magnitude of an amount, in minor units: the largest whole number up to which every whole
/// number has a double of its own.
pub const MINOR_UNITS_MAX: i64 = (1 << 53) - 1;

/// The longest decimal text read as an amount, in bytes. 2^53 with four decimals needs 18.
const DECIMAL_BYTES_MAX: usize = 32;

/// Why an amount could not be made, combined or converted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The text is not an active ISO 4217 code.
    #[error("expected an ISO 4217 code such as EUR")]
    UnknownCurrency,
    /// Two amounts were combined or compared that are not in the same currency.
    #[error("the amounts are in different currencies, {left} and {right}")]
    CurrencyMismatch {
        /// The currency of the amount asked.
        left: Currency,
        /// The currency of the amount given.
        right: Currency,
    },
    /// The result is more than [`MINOR_UNITS_MAX`], or more than a processor's number can hold.
    #[error("the amount is too large")]
    Overflow,
    /// The amount cannot be written with that many decimals without rounding.
    #[error("the amount cannot be written in {currency} with {exponent} decimals")]
    NotRepresentable {
        /// The currency of the amount.
        currency: Currency,
        /// How many decimals there are to write it with.
        exponent: u8,
    },
    /// The processor takes only multiples, and the amount is none.
    #[error("the amount in {currency} is not a multiple of {multiple} of the processor's minor units")]
    NotAMultiple {
        /// The currency of the amount.
        currency: Currency,
        /// What the amount must be a multiple of, in the processor's minor units.
        multiple: i64,
    },
    /// The text is not a plain decimal number such as `19.99`.
    #[error("expected a decimal number such as 19.99")]
    NotANumber,
}

/// An amount in one currency. In JSON `{"amount": 1999, "currency": "EUR"}`, the amount in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "MoneyBody", try_from = "MoneyBody")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// The JSON form of [`Money`]. A field it does not know could change what the amount means, so it refuses.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoneyBody {
    amount: i64,
    currency: Currency,
}

impl Money {
    /// An amount of `minor` minor units; negative is allowed.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the magnitude is above [`MINOR_UNITS_MAX`].
    pub const fn new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor < -MINOR_UNITS_MAX || minor > MINOR_UNITS_MAX {
            return Err(MoneyError::Overflow);
        }
        Ok(Self { minor, currency })
    }

    /// Nothing, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The amount in minor units of the currency.
    #[must_use]
    pub const fn minor(&self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Whether the amount is nothing.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.minor == 0
    }

    /// Whether the amount is more than nothing.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.minor > 0
    }

    /// Whether the amount is less than nothing.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.minor < 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], or [`MoneyError::Overflow`] above [`MINOR_UNITS_MAX`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(&other)?;
        // Two magnitudes below 2^53 cannot overflow an i64.
        Self::new(self.minor + other.minor, self.currency)
    }

    /// The difference; it may be negative.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`], or [`MoneyError::Overflow`] above [`MINOR_UNITS_MAX`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(&other)?;
        Self::new(self.minor - other.minor, self.currency)
    }

    /// The same amount with the other sign.
    ///
    /// # Errors
    /// None today, because the range is symmetric; a `Result` like its siblings.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        Self::new(-self.minor, self.currency)
    }

    /// Which of two amounts is larger. There is no `Ord`, because amounts in different currencies have no
    /// order.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn compare(&self, other: &Self) -> Result<Ordering, MoneyError> {
        self.same_currency(other)?;
        Ok(self.minor.cmp(&other.minor))
    }

    /// The smaller of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn min(self, other: Self) -> Result<Self, MoneyError> {
        Ok(if self.compare(&other)?.is_le() { self } else { other })
    }

    /// The larger of two amounts.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`].
    pub fn max(self, other: Self) -> Result<Self, MoneyError> {
        Ok(if self.compare(&other)?.is_ge() { self } else { other })
    }

    /// The amount in major units, with as many decimals as ISO 4217 gives the currency: 1999 EUR is `19.99`.
    #[must_use]
    pub fn to_decimal(&self) -> Decimal {
        Decimal::new(self.minor, u32::from(self.currency.exponent()))
    }

    /// Reads an amount in major units. Exact: trailing zeros do not matter, and nothing is ever rounded.
    ///
    /// # Errors
    /// [`MoneyError::NotRepresentable`] when the number has more decimals than the currency, and
    /// [`MoneyError::Overflow`] above [`MINOR_UNITS_MAX`].
    pub fn from_decimal(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let exponent = currency.exponent();
        let amount = amount.normalize();
        let Some(missing_decimals) = u32::from(exponent).checked_sub(amount.scale()) else {
            return Err(MoneyError::NotRepresentable { currency, exponent });
        };
        // Whole numbers, because multiplying a Decimal rounds when it runs out of digits.
        let minor =
            10_i128.checked_pow(missing_decimals).and_then(|factor| amount.mantissa().checked_mul(factor));
        match minor.and_then(|minor| i64::try_from(minor).ok()) {
            Some(minor) => Self::new(minor, currency),
            None => Err(MoneyError::Overflow),
        }
    }

    fn same_currency(&self, other: &Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
    }
}

/// Major units and the code: `19.99 EUR`.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.to_decimal(), self.currency)
    }
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self { amount: money.minor, currency: money.currency }
    }
}

impl TryFrom<MoneyBody> for Money {
    type Error = MoneyError;

    fn try_from(body: MoneyBody) -> Result<Self, MoneyError> {
        Self::new(body.amount, body.currency)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "An amount in whole minor units of a currency.",
            "properties": {
                "amount": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": -MINOR_UNITS_MAX,
                    "maximum": MINOR_UNITS_MAX,
                },
                "currency": generator.subschema_for::<Currency>(),
            },
            "required": ["amount", "currency"],
            "additionalProperties": false,
        })
    }
}

/// How one processor writes amounts: the decimals it gives each currency, and which multiples it takes.
///
/// Most follow ISO 4217; the exceptions are the point. Write it as a constant beside the adapter:
///
/// ```
/// use processor_sdk::{AmountScale, Currency};
///
/// const SCALE: AmountScale = AmountScale::iso()
///     .with(&[Currency::ISK, Currency::UGX], 2)
///     .multiple_of(&[Currency::BHD, Currency::JOD, Currency::KWD, Currency::OMR, Currency::TND], 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmountScale {
    /// The processor's decimals, by [`Currency::index`].
    exponents: [u8; currency::COUNT],
    /// What an amount must be a multiple of, in the processor's minor units, by [`Currency::index`].
    multiples: [i64; currency::COUNT],
}

impl AmountScale {
    /// The decimals of ISO 4217 for every currency, and any amount.
    #[must_use]
    pub const fn iso() -> Self {
        let mut exponents = [0; currency::COUNT];
        let mut index = 0;
        while index < currency::COUNT {
            exponents[index] = currency::ALL[index].exponent();
            index += 1;
        }
        Self { exponents, multiples: [1; currency::COUNT] }
    }

    /// The same, but the processor writes these currencies with `exponent` decimals. An exponent that no
    /// number can hold makes every conversion of these currencies an error.
    #[must_use]
    pub const fn with(mut self, currencies: &[Currency], exponent: u8) -> Self {
        let mut index = 0;
        while index < currencies.len() {
            self.exponents[currencies[index].index()] = exponent;
            index += 1;
        }
        self
    }

    /// The same, but amounts sent in these currencies must be multiples of `multiple`, counted in the
    /// processor's minor units. What the processor reports is taken as it is. Zero takes no amount at all.
    #[must_use]
    pub const fn multiple_of(mut self, currencies: &[Currency], multiple: i64) -> Self {
        let mut index = 0;
        while index < currencies.len() {
            self.multiples[currencies[index].index()] = multiple;
            index += 1;
        }
        self
    }

    /// How many decimals the processor gives a currency.
    #[must_use]
    pub const fn exponent(&self, currency: Currency) -> u8 {
        self.exponents[currency.index()]
    }

    /// The amount in the processor's minor units, to send.
    ///
    /// # Errors
    /// [`MoneyError::NotRepresentable`] when the processor has too few decimals,
    /// [`MoneyError::NotAMultiple`], [`MoneyError::Overflow`].
    pub fn to_processor_minor(&self, money: Money) -> Result<i64, MoneyError> {
        let currency = money.currency();
        let exponent = self.exponent(currency);
        let minor = rescale(money.minor(), currency, currency.exponent(), exponent)?;
        let multiple = self.multiples[currency.index()];
        match minor.checked_rem(multiple) {
            Some(0) => Ok(minor),
            Some(_) | None => Err(MoneyError::NotAMultiple { currency, multiple }),
        }
    }

    /// Reads an amount in the processor's minor units.
    ///
    /// # Errors
    /// [`MoneyError::NotRepresentable`] when the amount is finer than the currency's minor unit,
    /// [`MoneyError::Overflow`].
    pub fn from_processor_minor(&self, minor: i64, currency: Currency) -> Result<Money, MoneyError> {
        let minor = rescale(minor, currency, self.exponent(currency), currency.exponent())?;
        Money::new(minor, currency)
    }

    /// The amount in major units with exactly the processor's decimals, to send: `10.00`, for JPY `10`.
    ///
    /// # Errors
    /// As [`AmountScale::to_processor_minor`].
    pub fn to_processor_decimal(&self, money: Money) -> Result<String, MoneyError> {
        let minor = self.to_processor_minor(money)?;
        let exponent = u32::from(self.exponent(money.currency()));
        match Decimal::try_from_i128_with_scale(i128::from(minor), exponent) {
            Ok(amount) => Ok(amount.to_string()),
            Err(_) => Err(MoneyError::Overflow),
        }
    }

    /// Reads an amount in major units: an optional minus sign, digits, and optionally a point and digits.
    /// Trailing zeros do not matter; what counts is whether the currency can hold the amount exactly.
    ///
    /// # Errors
    /// [`MoneyError::NotANumber`] for any other text, [`MoneyError::NotRepresentable`] when the amount is
    /// finer than the currency's minor unit, [`MoneyError::Overflow`].
    pub fn from_processor_decimal(&self, text: &str, currency: Currency) -> Result<Money, MoneyError> {
        if !is_plain_decimal(text) {
            return Err(MoneyError::NotANumber);
        }
        // Of the ways to read a Decimal this is the one that does not round.
        let amount = Decimal::from_str_exact(text).map_err(|_| MoneyError::NotANumber)?;
        Money::from_decimal(amount, currency)
    }
}

/// Moves an amount from minor units with `from` decimals to minor units with `to` decimals, exactly.
fn rescale(minor: i64, currency: Currency, from: u8, to: u8) -> Result<i64, MoneyError> {
    let factor = 10_i64.checked_pow(u32::from(from.abs_diff(to))).ok_or(MoneyError::Overflow)?;
    if to >= from {
        return minor.checked_mul(factor).ok_or(MoneyError::Overflow);
    }
    if minor % factor != 0 {
        return Err(MoneyError::NotRepresentable { currency, exponent: to });
    }
    Ok(minor / factor)
}

/// Whether the text is `-?[0-9]+(\.[0-9]+)?` and short. Stricter than the number parser, which also takes
/// signs, underscores and exponents that no processor means.
fn is_plain_decimal(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() > DECIMAL_BYTES_MAX {
        return false;
    }
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    match magnitude.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(magnitude),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap()).unwrap()
    }

    /// As Stripe documents it: two decimals for a few that have none, and tens for those with three.
    const IN_TENS: AmountScale = AmountScale::iso()
        .with(&[Currency::ISK, Currency::UGX], 2)
        .multiple_of(&[Currency::BHD, Currency::JOD, Currency::KWD, Currency::OMR, Currency::TND], 10);

    /// As PayPal documents it: whole forints and new dollars.
    const WHOLE: AmountScale = AmountScale::iso().with(&[Currency::HUF, Currency::TWD], 0);

    #[test]
    fn every_currency_has_its_decimals() {
        for currency in Currency::all() {
            let (one, many, largest) = match currency.exponent() {
                0 => ("1", "-1234567", "9007199254740991"),
                2 => ("0.01", "-12345.67", "90071992547409.91"),
                3 => ("0.001", "-1234.567", "9007199254740.991"),
                4 => ("0.0001", "-123.4567", "900719925474.0991"),
                other => panic!("{currency} has {other} decimals"),
            };
            for (minor, decimal) in [(1, one), (-1_234_567, many), (MINOR_UNITS_MAX, largest)] {
                let money = Money::new(minor, currency).unwrap();
                let iso = AmountScale::iso();
                assert_eq!(money.to_string(), format!("{decimal} {currency}"));
                assert_eq!(money.to_decimal().to_string(), decimal, "{currency}");
                assert_eq!(iso.to_processor_decimal(money).as_deref(), Ok(decimal), "{currency}");
                assert_eq!(iso.from_processor_decimal(decimal, currency), Ok(money));
                assert_eq!(iso.to_processor_minor(money), Ok(minor));
                assert_eq!(iso.from_processor_minor(minor, currency), Ok(money));
            }
        }
    }

    #[test]
    fn amounts_beyond_a_double_are_refused_everywhere() {
        let euro = Currency::EUR;
        let most = Money::new(MINOR_UNITS_MAX, euro).unwrap();
        let least = Money::new(-MINOR_UNITS_MAX, euro).unwrap();
        let cent = money(1, "EUR");
        for minor in [MINOR_UNITS_MAX + 1, -MINOR_UNITS_MAX - 1, i64::MAX, i64::MIN] {
            assert_eq!(Money::new(minor, euro), Err(MoneyError::Overflow), "{minor}");
            assert_eq!(AmountScale::iso().from_processor_minor(minor, euro), Err(MoneyError::Overflow));
            let json = format!(r#"{{"amount":{minor},"currency":"EUR"}}"#);
            assert!(serde_json::from_str::<Money>(&json).is_err(), "{json}");
        }
        assert_eq!(most.checked_add(cent), Err(MoneyError::Overflow));
        assert_eq!(least.checked_sub(cent), Err(MoneyError::Overflow));
        assert_eq!(least.checked_sub(most), Err(MoneyError::Overflow));
        assert_eq!(most.checked_neg(), Ok(least));
        assert_eq!(Money::from_decimal(Decimal::MAX, euro), Err(MoneyError::Overflow));
        assert_eq!(Money::from_decimal(Decimal::MIN, Currency::CLF), Err(MoneyError::Overflow));
        assert_eq!(
            Money::from_decimal("90071992547409.92".parse().unwrap(), euro),
            Err(MoneyError::Overflow)
        );
    }

    #[test]
    fn different_currencies_do_not_meet() {
        let (euro, dollar) = (money(1, "EUR"), money(1, "USD"));
        let mismatch = MoneyError::CurrencyMismatch { left: Currency::EUR, right: Currency::USD };
        assert_eq!(euro.checked_add(dollar), Err(mismatch.clone()));
        assert_eq!(euro.checked_sub(dollar), Err(mismatch.clone()));
        assert_eq!(euro.compare(&dollar), Err(mismatch.clone()));
        assert_eq!(euro.min(dollar), Err(mismatch.clone()));
        assert_eq!(euro.max(dollar), Err(mismatch.clone()));
        assert_ne!(Money::zero(Currency::EUR), Money::zero(Currency::USD));
        assert_eq!(mismatch.to_string(), "the amounts are in different currencies, EUR and USD");
    }

    #[test]
    fn order_and_sign() {
        let (small, large) = (money(-5, "EUR"), money(3, "EUR"));
        assert_eq!(small.compare(&large), Ok(Ordering::Less));
        assert_eq!(large.compare(&large), Ok(Ordering::Equal));
        assert_eq!((small.min(large), large.min(small)), (Ok(small), Ok(small)));
        assert_eq!((small.max(large), large.max(small)), (Ok(large), Ok(large)));
        for (minor, zero, positive, negative) in
            [(0, true, false, false), (1, false, true, false), (-1, false, false, true)]
        {
            let money = money(minor, "EUR");
            assert_eq!(
                (money.is_zero(), money.is_positive(), money.is_negative()),
                (zero, positive, negative)
            );
        }
    }

    #[test]
    fn json_has_one_form() {
        let text = r#"{"amount":1999,"currency":"EUR"}"#;
        assert_eq!(serde_json::to_string(&money(1999, "EUR")).unwrap(), text);
        assert_eq!(serde_json::from_str::<Money>(text).unwrap(), money(1999, "EUR"));
        for text in [
            r#"{"amount":19.99,"currency":"EUR"}"#,
            r#"{"amount":1999.0,"currency":"EUR"}"#,
            r#"{"amount":"1999","currency":"EUR"}"#,
            r#"{"amount":null,"currency":"EUR"}"#,
            r#"{"amount":1999,"currency":"eur"}"#,
            r#"{"amount":1999}"#,
            r#"{"currency":"EUR"}"#,
            r#"{"amount":1999,"currency":"EUR","exponent":3}"#,
            r#"{"amount":1,"amount":1999,"currency":"EUR"}"#,
        ] {
            assert!(serde_json::from_str::<Money>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        let not_representable = |currency, exponent| Err(MoneyError::NotRepresentable { currency, exponent });
        let rows = [
            ("19.99", Currency::EUR, Ok(1999)),
            ("19.990000000000000000000000", Currency::EUR, Ok(1999)),
            ("-0.01", Currency::EUR, Ok(-1)),
            ("-0", Currency::EUR, Ok(0)),
            ("0.00000", Currency::JPY, Ok(0)),
            ("10", Currency::BHD, Ok(10_000)),
            ("10.0", Currency::JPY, Ok(10)),
            ("19.999", Currency::EUR, not_representable(Currency::EUR, 2)),
            ("19.9900000000000000001", Currency::EUR, not_representable(Currency::EUR, 2)),
            ("0.5", Currency::JPY, not_representable(Currency::JPY, 0)),
        ];
        for (text, currency, expected) in rows {
            let minor = Money::from_decimal(text.parse().unwrap(), currency).map(|money| money.minor());
            assert_eq!(minor, expected, "{text} {currency}");
            let minor = AmountScale::iso().from_processor_decimal(text, currency).map(|money| money.minor());
            assert_eq!(minor, expected, "{text} {currency}");
        }
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for text in [
            "",
            "-",
            ".",
            "-.",
            "+1",
            "1.",
            ".5",
            "1.2.3",
            "1,99",
            "1 000",
            "1_000",
            "1e3",
            "0x10",
            "NaN",
            "inf",
            "--1",
            "1-",
            " 1",
            "1\n",
            "１",
            "$1",
            "1.-1",
            "00000000000000000000000000000000.1",
            "0.00000000000000000000000000001",
        ] {
            let read = AmountScale::iso().from_processor_decimal(text, Currency::EUR);
            assert_eq!(read, Err(MoneyError::NotANumber), "{text}");
        }
    }

    #[test]
    fn processors_with_exponents_of_their_own() {
        // The scale, our amount, the processor's minor units, the processor's decimal text.
        let rows = [
            (&IN_TENS, money(1999, "USD"), 1999, "19.99"),
            (&IN_TENS, money(500, "JPY"), 500, "500"),
            (&IN_TENS, money(500, "UGX"), 50_000, "500.00"),
            (&IN_TENS, money(-500, "ISK"), -50_000, "-500.00"),
            (&IN_TENS, money(5120, "KWD"), 5120, "5.120"),
            (&IN_TENS, money(0, "KWD"), 0, "0.000"),
            (&WHOLE, money(1000, "USD"), 1000, "10.00"),
            (&WHOLE, money(10, "JPY"), 10, "10"),
            (&WHOLE, money(1000, "HUF"), 10, "10"),
            (&WHOLE, money(0, "TWD"), 0, "0"),
        ];
        for (scale, money, minor, decimal) in rows {
            assert_eq!(scale.to_processor_minor(money), Ok(minor), "{money}");
            assert_eq!(scale.from_processor_minor(minor, money.currency()), Ok(money));
            assert_eq!(scale.to_processor_decimal(money).as_deref(), Ok(decimal), "{money}");
            assert_eq!(scale.from_processor_decimal(decimal, money.currency()), Ok(money));
        }
    }

    #[test]
    fn what_a_processor_cannot_express_is_refused() {
        const ABSURD: AmountScale =
            AmountScale::iso().with(&[Currency::EUR], 255).multiple_of(&[Currency::USD], 0);
        let not_whole = MoneyError::NotRepresentable { currency: Currency::HUF, exponent: 0 };
        let not_in_tens = MoneyError::NotAMultiple { currency: Currency::KWD, multiple: 10 };
        let nothing_fits = MoneyError::NotAMultiple { currency: Currency::USD, multiple: 0 };
        let rows = [
            (&WHOLE, money(1050, "HUF"), not_whole),
            (&IN_TENS, money(5124, "KWD"), not_in_tens),
            (&ABSURD, money(1, "EUR"), MoneyError::Overflow),
            (&ABSURD, money(0, "USD"), nothing_fits),
        ];
        for (scale, money, error) in rows {
            assert_eq!(scale.to_processor_minor(money), Err(error.clone()), "{money}");
            assert_eq!(scale.to_processor_decimal(money), Err(error), "{money}");
        }
        // What a processor reports is taken as it is, when our minor units can hold it.
        assert_eq!(IN_TENS.from_processor_minor(5124, Currency::KWD), Ok(money(5124, "KWD")));
        assert_eq!(WHOLE.from_processor_decimal("10.50", Currency::HUF), Ok(money(1050, "HUF")));
        let too_fine = MoneyError::NotRepresentable { currency: Currency::UGX, exponent: 0 };
        assert_eq!(IN_TENS.from_processor_minor(50_050, Currency::UGX), Err(too_fine.clone()));
        assert_eq!(IN_TENS.from_processor_decimal("500.50", Currency::UGX), Err(too_fine));
        assert_eq!(ABSURD.from_processor_minor(1, Currency::EUR), Err(MoneyError::Overflow));
        assert_eq!(WHOLE.from_processor_minor(i64::MAX, Currency::HUF), Err(MoneyError::Overflow));
    }

    fn any_money() -> impl Strategy<Value = Money> {
        (-MINOR_UNITS_MAX..=MINOR_UNITS_MAX, 0..currency::COUNT)
            .prop_map(|(minor, index)| Money::new(minor, currency::ALL[index]).unwrap())
    }

    proptest! {
        #[test]
        fn every_form_reads_back_as_the_same_amount(money in any_money()) {
            let currency = money.currency();
            prop_assert_eq!(Money::from_decimal(money.to_decimal(), currency), Ok(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }

        /// Whatever the exponent: what a processor was sent reads back as the same amount, or nothing was
        /// sent.
        #[test]
        fn no_conversion_loses_money(money in any_money(), exponent in 0_u8..=8, zeros in 0_u32..=6) {
            let currency = money.currency();
            let rounded = Money::new(money.minor() / 10_i64.pow(zeros) * 10_i64.pow(zeros), currency).unwrap();
            let scale = AmountScale::iso().with(&[currency], exponent);
            for money in [money, rounded] {
                if let Ok(minor) = scale.to_processor_minor(money) {
                    prop_assert_eq!(scale.from_processor_minor(minor, currency), Ok(money));
                }
                if let Ok(text) = scale.to_processor_decimal(money) {
                    let decimals = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
                    prop_assert_eq!(decimals, usize::from(exponent));
                    prop_assert_eq!(scale.from_processor_decimal(&text, currency), Ok(money));
                }
            }
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}", minor in any::<i64>(), exponent in any::<u8>()) {
            for scale in [AmountScale::iso(), AmountScale::iso().with(&[Currency::EUR], exponent)] {
                let _ = scale.from_processor_decimal(&text, Currency::EUR);
                if let Ok(money) = scale.from_processor_minor(minor, Currency::EUR) {
                    prop_assert_eq!(scale.to_processor_minor(money), Ok(minor));
                }
            }
        }

        #[test]
        fn sums_and_differences_undo_each_other(left in any_money(), right in any_money()) {
            let right = Money::new(right.minor(), left.currency()).unwrap();
            match left.checked_add(right) {
                Ok(sum) => prop_assert_eq!(sum.checked_sub(right), Ok(left)),
                Err(error) => {
                    prop_assert_eq!(error, MoneyError::Overflow);
                    prop_assert!((left.minor() + right.minor()).abs() > MINOR_UNITS_MAX);
                }
            }
        }
    }
}
