//! What has the digits of a card number and is something else.
//!
//! Each kind here is told by a shape or a check digit that a card number typed by a person does not have.
//! A false alarm refuses an order, so these are worth their lines; a kind that a card number could be
//! mistaken for does not belong here.

use super::character::Separator;

/// The longest phone number after its plus sign, in digits (ITU-T E.164). No more digits than these are
/// taken for one.
pub(super) const PHONE_DIGITS_MAX: usize = 15;

/// How far from a digit the ends of an identifier are looked for, in bytes. A longer stretch of hexadecimal
/// digits counts as one, as if it ended there.
const IDENTIFIER_REACH_BYTES: usize = 64;
/// The characters of our ids after the prefix.
const OWN_ID_BODY_BYTES: usize = 26;
/// The shortest hexadecimal identifier that is told from digits with letters before them: 12 bytes, as in a
/// MongoDB object id.
const HEX_BYTES_MIN: usize = 24;
const UUID: &[u8] = b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
/// The lengths of an IBAN without spaces (ISO 13616).
const IBAN_BYTES_MIN: usize = 15;
const IBAN_BYTES_MAX: usize = 34;

/// Whether the digits are one group and a product's bar code: GTIN-12 (UPC) or GTIN-13 (EAN) with a right
/// check digit. Visa and Maestro gave up numbers of these lengths long ago, and shops are full of bar codes.
pub(super) fn is_product_number(groups: &[usize], digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    if !matches!(groups, [12 | 13]) {
        return false;
    }
    let weights = [1, 3].into_iter().cycle();
    let sum: u32 = digits.rev().zip(weights).map(|(digit, weight)| u32::from(digit) * weight).sum();
    sum.is_multiple_of(10)
}

/// Whether no card number is written in such groups. One kind of separator goes with any grouping; two kinds
/// only with the groups that are printed on cards, because otherwise dates and addresses in a row would do.
pub(super) fn is_other_grouping(groups: &[usize], separators: &[Separator]) -> bool {
    let is_mixed = separators.windows(2).any(|pair| pair[0] != pair[1]);
    let is_decimal_number = matches!(separators, [Separator::Dot]);
    let is_marketplace_order = matches!(groups, [3, 7, 7]);
    let is_printed = matches!(groups, [4, 4, 4, 4] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5]);
    is_decimal_number || is_marketplace_order || (is_mixed && !is_printed)
}

/// Whether the byte at `position`, a digit, lies within one of our ids, a UUID, a hexadecimal identifier or
/// an IBAN. Looks at a fixed number of bytes around it.
pub(super) fn is_within_identifier(bytes: &[u8], position: usize) -> bool {
    let start = position.saturating_sub(IDENTIFIER_REACH_BYTES);
    let end = bytes.len().min(position + IDENTIFIER_REACH_BYTES);
    let (nearby, position) = (&bytes[start..end], position - start);
    is_own_id(word_around(nearby, position, is_own_id_byte))
        || is_hex_identifier(word_around(nearby, position, |byte| byte.is_ascii_alphanumeric()))
        || is_within_uuid(nearby, position)
        || is_within_iban(nearby, position)
}

/// The longest stretch around `position` of bytes that belong to a word.
fn word_around(bytes: &[u8], position: usize, belongs: impl Fn(u8) -> bool) -> &[u8] {
    let (before, after) = bytes.split_at(position);
    let start = before.iter().rposition(|byte| !belongs(*byte)).map_or(0, |boundary| boundary + 1);
    let length = after.iter().position(|byte| !belongs(*byte)).unwrap_or(after.len());
    &bytes[start..position + length]
}

fn is_own_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A prefix of lower-case letters, an underscore, and a body such as only our ids have.
fn is_own_id(word: &[u8]) -> bool {
    let Some((prefix, body)) = word.split_at_checked(word.len().saturating_sub(OWN_ID_BODY_BYTES)) else {
        return false;
    };
    let is_prefix = |prefix: &[u8]| {
        prefix.first().is_some_and(u8::is_ascii_lowercase)
            && prefix.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
    };
    prefix.strip_suffix(b"_").is_some_and(is_prefix)
        && body.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

/// A hash, an object id, a UUID without dashes: hexadecimal digits, some of them letters.
fn is_hex_identifier(word: &[u8]) -> bool {
    word.len() >= HEX_BYTES_MIN
        && word.iter().all(u8::is_ascii_hexdigit)
        && word.iter().any(u8::is_ascii_alphabetic)
}

fn is_within_uuid(bytes: &[u8], position: usize) -> bool {
    let first_start = (position + 1).saturating_sub(UUID.len());
    (first_start..=position).any(|start| {
        let is_word_byte = |index: Option<usize>| {
            index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_alphanumeric)
        };
        bytes.get(start..start + UUID.len()).is_some_and(is_uuid)
            && !is_word_byte(start.checked_sub(1))
            && !is_word_byte(Some(start + UUID.len()))
    })
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.iter().zip(UUID).all(|(byte, place)| match place {
        b'-' => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

fn is_within_iban(bytes: &[u8], position: usize) -> bool {
    // Between two groups of four there may be a space.
    let first_start = position.saturating_sub(IBAN_BYTES_MAX + IBAN_BYTES_MAX / 4);
    (first_start..=position).any(|start| {
        let begins_word = start == 0 || !bytes[start - 1].is_ascii_alphanumeric();
        begins_word && begins_iban_beyond(&bytes[start..], position - start)
    })
}

/// Whether `bytes` begin with an IBAN that reaches `position` or further: it ends where a word does, and its
/// check digits are right.
fn begins_iban_beyond(bytes: &[u8], position: usize) -> bool {
    let Some((head, body)) = bytes.split_at_checked(4) else {
        return false;
    };
    if !head[..2].iter().all(u8::is_ascii_uppercase) || !head[2..].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut count = head.len();
    let mut remainder = 0;
    let mut after_space = false;
    for (index, byte) in body.iter().enumerate() {
        if byte.is_ascii_uppercase() || byte.is_ascii_digit() {
            count += 1;
            remainder = iban_remainder(remainder, *byte);
        } else if *byte != b' ' || after_space {
            return false;
        }
        if count > IBAN_BYTES_MAX {
            return false;
        }
        after_space = *byte == b' ';
        let ends_word = !body.get(index + 1).is_some_and(u8::is_ascii_alphanumeric);
        // ISO 7064: with the head moved to the end, the remainder is one.
        let is_whole = || head.iter().fold(remainder, |whole, byte| iban_remainder(whole, *byte)) == 1;
        if head.len() + index >= position && ends_word && count >= IBAN_BYTES_MIN && is_whole() {
            return true;
        }
    }
    false
}

/// The remainder by 97 of the number so far with a character appended; a letter counts as two digits.
fn iban_remainder(remainder: u32, byte: u8) -> u32 {
    if byte.is_ascii_digit() {
        return (remainder * 10 + u32::from(byte - b'0')) % 97;
    }
    (remainder * 100 + u32::from(byte - b'A') + 10) % 97
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the digit in question, written in brackets, lies within an identifier.
    fn check(marked: &str) -> bool {
        let position = marked.find('[').unwrap();
        is_within_identifier(marked.replace(['[', ']'], "").as_bytes(), position)
    }

    #[test]
    fn identifiers() {
        let rows = [
            ("pi_01k9zq[4]4242424242424242xyzab", false), // 27 characters.
            ("pi_01k9zq[4]242424242424242xyzabc", false),
            ("pi_01k9zq[4]242424242424242xyza", true),
            ("\"attempt pi_01k9zq[4]242424242424242xyza.\"", true),
            ("webhook_endpoint_01k9zq[4]242424242424242xyza", true),
            ("pi_01k9zq[4]242424242424242xyz", false), // 25 characters.
            ("PI_01k9zq[4]242424242424242xyza", false),
            ("_01k9zq[4]242424242424242xyza", false),
            ("pi_01k9zQ[4]242424242424242xyza", false),
            ("550e8400-e29b-41d4-a716-[4]46655440000", true),
            ("order 550e8400-e29b-41d4-a716-44665544000[0], paid", true),
            ("[5]5000000-0000-4000-8000-000000000000", true),
            ("x550e8400-e29b-41d4-a716-[4]46655440000", false),
            ("550e8400-e29b-41d4-a716-[4]466554400000", false),
            ("550e8400-e29b-41d4-[4]242-g46655440000", false),
            ("507f1f77bcf86cd7[9]9439011", true),
            ("507f1f77bcf86cd7[9]943901", false),  // 23 characters.
            ("[5]07171773086207199439011", false), // No letter.
            ("sha256:0f[4]242424242424242aa5d1e2c3b4a5968778695a4b3c2d1e0f00112233445566", true),
            ("card[4]242424242424242", false),
            ("FI21[1]2345600000785", true),
            ("iban=FI2[1]12345600000785;", true),
            ("FI21 1234 5600 0007 8[5]", true),
            ("DE89 [3]704 0044 0532 0130 00", true),
            ("DE89 3704 0044 0532 0130 00 [4]242", false),
            ("GB82 WEST [1]234 5698 7654 32", true),
            ("FI22[1]2345600000785", false),
            ("FI21  [1]2345600000785", false),
            ("fi21[1]2345600000785", false),
            ("FI21[1]23456000007859", false),
            ("AB16[4]242424242", false), // Right check digits, too short.
            ("XFI21[1]2345600000785", false),
            ("CC[4]242424242424242", false),
        ];
        for (marked, expected) in rows {
            assert_eq!(check(marked), expected, "{marked}");
        }
    }

    #[test]
    fn long_stretches_of_hexadecimal_digits() {
        let hex = "deadbeef0123456789".repeat(100);
        assert!(is_within_identifier(hex.as_bytes(), 900));
        assert!(!is_within_identifier("0123456789".repeat(100).as_bytes(), 500));
        assert!(!is_within_identifier(hex.to_uppercase().replace('D', "G").as_bytes(), 900));
    }

    #[test]
    fn product_numbers() {
        let digits = |text: &'static str| text.bytes().map(|byte| byte - b'0');
        assert!(is_product_number(&[13], digits("4006381333931")));
        assert!(is_product_number(&[12], digits("036000291452")));
        assert!(!is_product_number(&[13], digits("4006381333930")));
        assert!(!is_product_number(&[1, 12], digits("4006381333931")));
        assert!(!is_product_number(&[16], digits("4242424242424242")));
    }

    #[test]
    fn groupings() {
        use Separator::{Dash, Dot, Space};
        let rows: [(&[usize], &[Separator], bool); 11] = [
            (&[16], &[], false),
            (&[4, 4, 4, 4], &[Space, Space, Space], false),
            (&[4, 4, 4, 4], &[Space, Dash, Space], false),
            (&[4, 6, 5], &[Dot, Dash], false),
            (&[4, 4, 4, 4, 3], &[Space, Space, Space, Dash], false),
            (&[2, 2, 4, 2, 2, 4], &[Dot, Dot, Space, Dot, Dot], true),
            (&[1, 15], &[Dot], true),
            (&[1, 15], &[Dash], false),
            (&[3, 7, 7], &[Dash, Dash], true),
            (&[8, 8], &[Space], false),
            (&[5, 5, 6], &[Dot, Dot], false),
        ];
        for (groups, separators, expected) in rows {
            assert_eq!(is_other_grouping(groups, separators), expected, "{groups:?} {separators:?}");
        }
    }
}
