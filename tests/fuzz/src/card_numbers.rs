//! The tripwire for card numbers: what is found is masked, what is masked is gone, and one that stands by itself is
//! always found.
//!
//! An input is text; the numbers are made of its own bytes, so that no file holds one.

use hub_core::card_number::{find_card_number, find_in_json, mask_card_numbers};
use serde_json::Value;

/// Digits of a number in the range that begins with 4, without the last one, which checks the others.
const DIGITS: usize = 15;

/// Feeds one input.
pub(crate) fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let found = find_card_number(&text);
    let masked = mask_card_numbers(&text).into_owned();
    assert_eq!(found, masked != text, "found and not masked, or the other way round: {text:?}");
    assert!(!find_card_number(&masked), "a card number is left: {masked:?}");
    let value = Value::String(text.clone());
    assert_eq!(find_in_json(&value), found.then(String::new));
    let nested = serde_json::json!({ "a/b~c": [null, { "d": text }] });
    assert_eq!(find_in_json(&nested).as_deref(), found.then_some("/a~1b~0c/1/d"));
    if let Ok(value) = serde_json::from_slice::<Value>(input)
        && let Some(pointer) = find_in_json(&value)
    {
        assert!(value.pointer(&pointer).is_some(), "points nowhere: {pointer}");
    }
    by_itself(input);
}

/// A number of an issuer's range that passes the check, in groups as people write it.
fn by_itself(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    if rest.len() < DIGITS {
        return;
    }
    let mut digits: Vec<u32> = rest[..DIGITS].iter().map(|byte| u32::from(byte % 10)).collect();
    digits[0] = 4;
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { *digit })
        .sum();
    digits.push((10 - sum % 10) % 10);
    let separator = ["", " ", "-", "."][usize::from(choice % 4)];
    let all: String = digits.iter().filter_map(|digit| char::from_digit(*digit, 10)).collect();
    let groups: Vec<&str> = (0..4).map(|group| &all[group * 4..group * 4 + 4]).collect();
    let written = groups.join(separator);
    let text = format!("card {written}, thanks");
    assert!(find_card_number(&text), "not found: {text}");
    let masked = mask_card_numbers(&text);
    assert!(!masked.contains(groups[1]) || groups[1] == "card", "left in {masked}");
}
