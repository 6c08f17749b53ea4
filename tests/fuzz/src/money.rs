//! Amounts: read from and written to the texts and numbers of processors, against arithmetic of our own.
//!
//! An input is a byte for the currency, one for the processor's scale, eight of a number, and a text.

use processor_sdk::{AmountScale, Currency, MINOR_UNITS_MAX, Money, MoneyError};

use crate::promises::survives_storing;

/// The bytes before the text of an input.
const HEAD_BYTES: usize = 10;

/// How processors write amounts: as ISO 4217 says, as Stripe does, as PayPal does, and beyond what numbers hold.
const SCALES: [AmountScale; 5] = [
    AmountScale::iso(),
    AmountScale::iso()
        .with(&[Currency::ISK, Currency::UGX], 2)
        .multiple_of(&[Currency::BHD, Currency::JOD, Currency::KWD, Currency::OMR, Currency::TND], 10),
    AmountScale::iso().with(&[Currency::HUF, Currency::TWD], 0),
    AmountScale::iso().with(&[Currency::EUR, Currency::USD], 8).multiple_of(&[Currency::JPY], 0),
    AmountScale::iso().with(&[Currency::EUR, Currency::JPY], u8::MAX),
];

/// Feeds one input.
pub(crate) fn run(input: &[u8]) {
    let Some((head, text)) = input.split_first_chunk::<HEAD_BYTES>() else { return };
    let currencies: Vec<Currency> = Currency::all().collect();
    let currency = currencies[usize::from(head[0]) % currencies.len()];
    let scale = &SCALES[usize::from(head[1]) % SCALES.len()];
    let mut number = [0; 8];
    number.copy_from_slice(&head[2..]);
    let number = i64::from_le_bytes(number);

    numbers(number, currency, scale);
    if let Ok(text) = std::str::from_utf8(text) {
        texts(text, currency, scale);
        parsed(text);
    }
}

fn power_of_ten(exponent: u8) -> Option<i128> {
    10_i128.checked_pow(u32::from(exponent))
}

fn numbers(number: i64, currency: Currency, scale: &AmountScale) {
    let made = Money::new(number, currency);
    assert_eq!(made.is_ok(), number.unsigned_abs() <= MINOR_UNITS_MAX.unsigned_abs(), "{number}");
    if let Ok(money) = made {
        survives_storing(&money);
        assert_eq!(Money::from_decimal(money.to_decimal(), currency), Ok(money), "{money}");
        sums(money, number.rotate_left(17));
        if let Ok(minor) = scale.to_processor_minor(money) {
            assert_eq!(scale.from_processor_minor(minor, currency), Ok(money), "{money} as {minor}");
        }
        if let Ok(text) = scale.to_processor_decimal(money) {
            assert_eq!(scale.from_processor_decimal(&text, currency), Ok(money), "{money} as {text}");
        }
    }
    // What a processor says, in its own minor units: number * 10^-theirs = ours * 10^-iso.
    let read = scale.from_processor_minor(number, currency);
    if let (Ok(money), Some(theirs), Some(ours)) =
        (read, power_of_ten(scale.exponent(currency)), power_of_ten(currency.exponent()))
    {
        assert_eq!(i128::from(number) * ours, i128::from(money.minor()) * theirs, "{number} as {money}");
    }
}

fn sums(money: Money, other: i64) {
    let Ok(other) = Money::new(other % (MINOR_UNITS_MAX + 1), money.currency()) else { return };
    let (one, two) = (i128::from(money.minor()), i128::from(other.minor()));
    for (sum, expected) in [(money.checked_add(other), one + two), (money.checked_sub(other), one - two)] {
        match sum {
            Ok(sum) => assert_eq!(i128::from(sum.minor()), expected),
            Err(error) => {
                assert_eq!(error, MoneyError::Overflow);
                assert!(expected.abs() > i128::from(MINOR_UNITS_MAX), "{money} and {other}");
            }
        }
    }
    assert_eq!(money.compare(&other), Ok(one.cmp(&two)));
    assert!(money.checked_add(Money::zero(another(money.currency()))).is_err(), "two currencies were added");
}

fn another(currency: Currency) -> Currency {
    if currency == Currency::EUR { Currency::USD } else { Currency::EUR }
}

/// A decimal text says exactly what its digits say, or is refused.
fn texts(text: &str, currency: Currency, scale: &AmountScale) {
    let read = scale.from_processor_decimal(text, currency);
    match (read, by_hand(text, currency)) {
        (Ok(money), Some(minor)) => assert_eq!(i128::from(money.minor()), minor, "{text} {currency}"),
        (Ok(money), None) => panic!("{text:?} was read as {money}"),
        (Err(error), Some(minor)) => {
            // Nothing that can be held is refused but for its length.
            let is_long = text.len() > 28;
            assert!(is_long || minor.abs() > i128::from(MINOR_UNITS_MAX), "{text:?} {currency}: {error}");
        }
        (Err(_), None) => {}
    }
}

/// The minor units of a plain decimal text, digit by digit; none where the text is not one or says a fraction of a
/// minor unit.
fn by_hand(text: &str, currency: Currency) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, None), |(whole, part)| (whole, Some(part)));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !fraction.is_none_or(is_digits) || text.len() > 32 {
        return None;
    }
    let fraction = fraction.unwrap_or_default().trim_end_matches('0');
    let missing = usize::from(currency.exponent()).checked_sub(fraction.len())?;
    let all = format!("{whole}{fraction}{}", "0".repeat(missing));
    all.parse::<i128>().ok().map(|minor| sign * minor)
}

/// Codes and the JSON form.
fn parsed(text: &str) {
    if let Ok(currency) = Currency::parse(text) {
        assert_eq!(currency.code(), text);
        assert!(currency.exponent() <= 4);
    }
    if let Ok(money) = serde_json::from_str::<Money>(text) {
        assert!(money.minor().abs() <= MINOR_UNITS_MAX);
        survives_storing(&money);
        let value: serde_json::Value = serde_json::from_str(text).expect("what money was read from");
        assert!(value.get("amount").is_some_and(serde_json::Value::is_i64), "an amount read from {value}");
    }
}
