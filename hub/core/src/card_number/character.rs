//! What each character of a text means to the search for card numbers, after percent-decoding.
//!
//! Invariant: every character comes with the bytes of the original text it was read from.

use std::ops::Range;

/// The digit zero of every script that writes decimal numbers; the other nine follow it. Source: Unicode 16,
/// general category Nd.
const ZEROS: [u32; 76] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50,
    0xED0, 0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x10D40,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA,
    0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16130, 0x16A60, 0x16AC0,
    0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0,
    0x1E5F1, 0x1E950, 0x1FBF0,
];

/// A character that may stand between two digits of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Separator {
    Space,
    Dash,
    Dot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Digit(u8),
    Separator(Separator),
    /// A plus sign: a space in form encoding, or the start of a phone number.
    Plus,
    /// Not seen by a reader, often pasted along with a number; as if it were not there.
    Invisible,
    Other,
}

pub(super) fn kind(character: char) -> Kind {
    match character {
        '0'..='9' => Kind::Digit(character as u8 - b'0'),
        ' ' => Kind::Separator(Separator::Space),
        '-' => Kind::Separator(Separator::Dash),
        '.' => Kind::Separator(Separator::Dot),
        '+' => Kind::Plus,
        _ if character.is_ascii() => Kind::Other,
        _ => kind_beyond_ascii(character),
    }
}

fn kind_beyond_ascii(character: char) -> Kind {
    match character {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
            Kind::Separator(Separator::Space)
        }
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => {
            Kind::Separator(Separator::Dash)
        }
        '\u{b7}' | '\u{2022}' | '\u{2024}' | '\u{2027}' | '\u{2219}' | '\u{22c5}' | '\u{ff0e}' => {
            Kind::Separator(Separator::Dot)
        }
        '\u{ff0b}' => Kind::Plus,
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => Kind::Invisible,
        _ => digit(character).map_or(Kind::Other, Kind::Digit),
    }
}

fn digit(character: char) -> Option<u8> {
    let code_point = u32::from(character);
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code_point)].last()?;
    u8::try_from(code_point - zero).ok().filter(|value| *value < 10)
}

/// The characters of a text with the bytes they were read from. `%34` reads as `4`; a `%` that begins no
/// encoded byte reads as itself.
pub(super) fn decoded(text: &str) -> impl Iterator<Item = (Range<usize>, char)> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let rest = &text[position..];
        let literal = rest.chars().next()?;
        let (character, length) = match percent_decoded(rest.as_bytes()) {
            Some(decoded) => decoded,
            None => (literal, literal.len_utf8()),
        };
        let start = position;
        position += length;
        Some((start..position, character))
    })
}

/// The character that percent-encoded bytes at the start of `bytes` stand for, and how many bytes it takes.
/// What is not UTF-8 reads as one replacement character for each encoded byte.
fn percent_decoded(bytes: &[u8]) -> Option<(char, usize)> {
    const ENCODED_BYTE_LENGTH: usize = 3;
    const UTF8_BYTES_MAX: usize = 4;
    if bytes.first() != Some(&b'%') {
        return None;
    }
    let mut decoded = [0; UTF8_BYTES_MAX];
    for (index, encoded) in bytes.chunks(ENCODED_BYTE_LENGTH).take(UTF8_BYTES_MAX).enumerate() {
        let Some(byte) = percent_decoded_byte(encoded) else {
            break;
        };
        decoded[index] = byte;
        if let Ok(character) = std::str::from_utf8(&decoded[..=index]) {
            let length = (index + 1) * ENCODED_BYTE_LENGTH;
            return character.chars().next().map(|character| (character, length));
        }
    }
    percent_decoded_byte(bytes).map(|_| (char::REPLACEMENT_CHARACTER, ENCODED_BYTE_LENGTH))
}

fn percent_decoded_byte(bytes: &[u8]) -> Option<u8> {
    let hex_digit = |index: usize| char::from(*bytes.get(index)?).to_digit(16);
    if bytes.first() != Some(&b'%') {
        return None;
    }
    u8::try_from(hex_digit(1)? * 16 + hex_digit(2)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_has_ten_digits_of_its_own() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]));
        for zero in ZEROS {
            for value in 0_u8..10 {
                let character = char::from_u32(zero + u32::from(value)).unwrap();
                assert_eq!(kind(character), Kind::Digit(value), "{character}");
                assert!(character.is_numeric() || zero > 0x10000, "{character}");
            }
        }
        for character in
            ['a', '/', ':', '²', '①', '½', '〇', '\u{66a}', '\u{65f}', '\0', '\n', '\t', '\u{10ffff}']
        {
            assert_eq!(kind(character), Kind::Other, "{character:?}");
        }
    }

    #[test]
    fn percent_encoding_is_read_one_layer_deep() {
        let rows = [
            ("", ""),
            ("4é2", "4é2"),
            ("%34%31", "41"),
            ("%3", "%3"),
            ("%", "%"),
            ("%3g%34", "%3g4"),
            ("%e2%80%91", "\u{2011}"),
            ("%C2%A0x", "\u{a0}x"),
            ("%C2A0", "\u{fffd}A0"),
            ("%ff%34", "\u{fffd}4"),
            ("%E2%80", "\u{fffd}\u{fffd}"),
            ("%é4", "%é4"),
            ("%2534", "%34"),
        ];
        for (text, expected) in rows {
            let characters: String = decoded(text).map(|(_, character)| character).collect();
            assert_eq!(characters, expected, "{text}");
            let mut end = 0;
            for (span, _) in decoded(text) {
                assert_eq!(span.start, end, "{text}");
                end = span.end;
            }
            assert_eq!(end, text.len(), "{text}");
        }
    }
}
