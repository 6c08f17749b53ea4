//! The tripwire for card numbers: tells whether a text holds one, without ever repeating it.
//!
//! Shoppers type card numbers on the processor's page only. One that reaches the hub anyway, in an order's
//! description or a processor's webhook, must be refused before it is stored or logged.
//!
//! What counts: 12 to 19 decimal digits of any script, with at most one space, dash or dot between two of
//! them, that begin and end where a group of digits does, lie in a known issuer's range, have a length that
//! issuer uses, and pass the Luhn check. A group of more than 19 digits is no card number and holds none.
//! Percent-encoded text is read as what it decodes to, one layer deep; whoever holds JSON decodes it first
//! and asks [`find_in_json`].
//!
//! What does not, although the digits fit: see the `look_alike` module. Of uniformly random 16-digit
//! numbers 3.5 % trip the wire (36 % lie in some issuer's range, a tenth of those pass the Luhn check);
//! of order numbers that begin with a date, none. Our own ids never do.
//!
//! Invariants: no digit leaves this module. The work is linear: each character is read once, and each end of
//! a group of digits looks back over at most [`DIGITS_MAX`] digits and, if these are a card number but for
//! the context, at a fixed number of bytes around them.

mod character;
mod issuer;
mod look_alike;

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use serde_json::Value;

use character::{Kind, Separator};

/// Digits in the shortest card number.
const DIGITS_MIN: usize = 12;
/// Digits in the longest card number (ISO/IEC 7812).
const DIGITS_MAX: usize = 19;
/// What [`mask_card_numbers`] writes where a card number was.
pub const MASK: &str = "[card number]";

/// Whether the text holds what looks like a card number.
#[must_use]
pub fn find_card_number(text: &str) -> bool {
    scan(text, |_| ControlFlow::Break(())).is_break()
}

/// Where in a JSON value there is what looks like a card number, as an RFC 6901 pointer: in a string, in a
/// number, or in a name. For a name the pointer is that of the object that has it, because the pointer is
/// shown to people and the name holds the digits. Recurses as deep as the value is nested, which the parser
/// limits to 128.
#[must_use]
pub fn find_in_json(value: &Value) -> Option<String> {
    let mut path = Vec::new();
    holds_card_number(value, &mut path).then(|| pointer(&path))
}

/// The text with [`MASK`] in place of each card number, for log lines. Where several readings overlap, all
/// of their digits go; and what is left may read as another one, now that it stands by itself.
#[must_use]
pub fn mask_card_numbers(text: &str) -> Cow<'_, str> {
    let Some(mut masked) = mask_what_is_seen(text) else { return Cow::Borrowed(text) };
    // Each time there are fewer digits.
    while let Some(again) = mask_what_is_seen(&masked) {
        masked = again;
    }
    Cow::Owned(masked)
}

fn mask_what_is_seen(text: &str) -> Option<String> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let _ = scan(text, |mut span| {
        // Spans arrive in the order of their ends, so only the latest can overlap.
        while let Some(earlier) = found.pop_if(|earlier| earlier.end > span.start) {
            span.start = span.start.min(earlier.start);
        }
        found.push(span);
        ControlFlow::Continue(())
    });
    if found.is_empty() {
        return None;
    }
    let mut masked = String::with_capacity(text.len());
    let mut copied_to = 0;
    for span in found {
        masked.push_str(&text[copied_to..span.start]);
        masked.push_str(MASK);
        copied_to = span.end;
    }
    masked.push_str(&text[copied_to..]);
    Some(masked)
}

/// One step of the way to a place in a JSON value.
enum PathStep<'a> {
    Name(&'a str),
    Index(usize),
}

/// When it answers yes, `path` leads to the place.
fn holds_card_number<'a>(value: &'a Value, path: &mut Vec<PathStep<'a>>) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => find_card_number(&number.to_string()),
        Value::String(text) => find_card_number(text),
        Value::Array(items) => {
            let steps = (0..).map(PathStep::Index);
            steps.zip(items).any(|(step, item)| holds_card_number_at(step, item, path))
        }
        Value::Object(fields) => {
            fields.keys().any(|name| find_card_number(name))
                || fields.iter().any(|(name, field)| holds_card_number_at(PathStep::Name(name), field, path))
        }
    }
}

fn holds_card_number_at<'a>(step: PathStep<'a>, value: &'a Value, path: &mut Vec<PathStep<'a>>) -> bool {
    path.push(step);
    let found = holds_card_number(value, path);
    if !found {
        path.pop();
    }
    found
}

/// RFC 6901.
fn pointer(path: &[PathStep<'_>]) -> String {
    let mut pointer = String::new();
    for step in path {
        pointer.push('/');
        match step {
            PathStep::Name(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
            PathStep::Index(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// Calls `on_found` with the byte range of each card number, in the order of their ends, until it breaks.
fn scan(text: &str, mut on_found: impl FnMut(Range<usize>) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut run = Run::default();
    let mut after_word = false;
    for (span, character) in character::decoded(text) {
        let kind = character::kind(character);
        if let Kind::Digit(value) = kind {
            run.push(value, span);
        } else if kind != Kind::Invisible {
            run.end_group(text, &mut on_found)?;
            match kind {
                Kind::Separator(separator) => run.separate(separator),
                // Between digits a plus sign is how forms encode a space.
                Kind::Plus if run.follows_digit() => run.separate(Separator::Space),
                Kind::Plus => run = Run { after_plus: !after_word, ..Run::default() },
                Kind::Other => run = Run::default(),
                Kind::Digit(_) | Kind::Invisible => {}
            }
        }
        after_word = character.is_alphanumeric();
    }
    run.end_group(text, &mut on_found)
}

/// How a digit follows the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// It is the first.
    First,
    /// At once: both belong to one group.
    Adjacent,
    /// It begins a group.
    Separated(Separator),
}

struct Digit {
    value: u8,
    /// Its bytes in the text; three for each percent-encoded byte.
    span: Range<usize>,
    joint: Joint,
}

/// Groups of digits with single separators between them, as read so far.
#[derive(Default)]
struct Run {
    /// The latest digits: all there were, or at least [`DIGITS_MAX`], and at most twice that.
    recent: Vec<Digit>,
    /// All digits so far.
    count: usize,
    /// The separator after the latest group, when there is one.
    separator: Option<Separator>,
    /// Whether a plus sign stands before the first digit and no word before that, as in a phone number.
    after_plus: bool,
}

impl Run {
    fn push(&mut self, value: u8, span: Range<usize>) {
        let joint = match self.separator.take() {
            Some(separator) => Joint::Separated(separator),
            None if self.count == 0 => Joint::First,
            None => Joint::Adjacent,
        };
        self.count += 1;
        if self.recent.len() == 2 * DIGITS_MAX {
            self.recent.drain(..DIGITS_MAX);
        }
        self.recent.push(Digit { value, span, joint });
    }

    fn follows_digit(&self) -> bool {
        self.count > 0 && self.separator.is_none()
    }

    fn separate(&mut self, separator: Separator) {
        if self.follows_digit() {
            self.separator = Some(separator);
        } else {
            *self = Self::default();
        }
    }

    /// Reports every card number that ends with the group that ends here.
    fn end_group(
        &self,
        text: &str,
        on_found: &mut impl FnMut(Range<usize>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let is_phone_number = self.after_plus && self.count <= look_alike::PHONE_DIGITS_MAX;
        if !self.follows_digit() || is_phone_number {
            return ControlFlow::Continue(());
        }
        let mut luhn_sum = 0;
        for (count, start) in (1..=DIGITS_MAX).zip((0..self.recent.len()).rev()) {
            let digits = &self.recent[start..];
            luhn_sum += issuer::luhn_summand(digits[0].value, count);
            let begins_group = digits[0].joint != Joint::Adjacent;
            if count >= DIGITS_MIN
                && begins_group
                && luhn_sum.is_multiple_of(10)
                && issuer::is_issued(digits.iter().map(|digit| digit.value), count)
                && !is_look_alike(text, digits)
            {
                on_found(digits[0].span.start..digits[count - 1].span.end)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether digits that pass every check of a card number are something else, by how they are grouped or by
/// what stands around them.
fn is_look_alike(text: &str, digits: &[Digit]) -> bool {
    let values = digits.iter().map(|digit| digit.value);
    let groups: Vec<usize> =
        digits.chunk_by(|_, next| next.joint == Joint::Adjacent).map(<[Digit]>::len).collect();
    let separators: Vec<Separator> = digits
        .iter()
        .skip(1)
        .filter_map(|digit| match digit.joint {
            Joint::Separated(separator) => Some(separator),
            Joint::First | Joint::Adjacent => None,
        })
        .collect();
    let is_fraction = groups.len() == 1 && digits[0].joint == Joint::Separated(Separator::Dot);
    is_fraction
        || look_alike::is_product_number(&groups, values)
        || look_alike::is_other_grouping(&groups, &separators)
        || [digits.first(), digits.last()]
            .into_iter()
            .flatten()
            .any(|digit| look_alike::is_within_identifier(text.as_bytes(), digit.span.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Numbers the brands and processors publish for testing, with the groups they are printed in.
    const TEST_NUMBERS: [&str; 40] = [
        // Visa.
        "4242 4242 4242 4242",
        "4111 1111 1111 1111",
        "4012 8888 8888 1881",
        "4000 0566 5566 5556",
        "4222 222 222 222",
        "4000 0000 0000 0000 006",
        // Mastercard.
        "5555 5555 5555 4444",
        "5105 1051 0510 5100",
        "2223 0031 2200 3222",
        "2223 0000 4840 0011",
        // American Express.
        "3782 822463 10005",
        "3714 496353 98431",
        "3411 111111 11111",
        // Discover.
        "6011 1111 1111 1117",
        "6011 0009 9013 9424",
        "6011 9811 1111 1113",
        "6445 6445 6445 6445",
        // Diners Club.
        "3056 9300 0902 0004",
        "3622 720627 1667",
        "3056 930902 5904",
        "3852 000002 3237",
        // JCB.
        "3566 0020 2036 0505",
        "3530 1113 3330 0000",
        // UnionPay.
        "6200 0000 0000 0005",
        "6200 0000 0000 0047",
        "6205 5000 0000 0000 004",
        "8171 9999 2766 0000",
        "8171 9999 0000 0000 021",
        // Maestro.
        "6759 6498 2643 8453",
        "6304 0000 0000 0000",
        "5000 5500 0000 0029",
        "6771 7980 2100 0008",
        "5018 0000 0009",
        // Mir.
        "2200 0000 0000 0004",
        "2201 3820 0000 0013",
        // RuPay, Elo, Hipercard, Troy.
        "6000 0000 0000 0007",
        "5066 9911 1111 1118",
        "6362 9700 0045 7013",
        "6370 9500 0000 0005",
        "9792 0303 9444 0796",
    ];

    #[test]
    fn test_numbers_of_every_brand_in_every_writing() {
        let separators =
            ["", " ", "-", ".", "\u{a0}", "\u{202f}", "\u{2011}", "–", "·", "\u{200b}", "+", "%20"];
        for number in TEST_NUMBERS {
            for separator in separators {
                let written = number.replace(' ', separator);
                for text in [
                    written.clone(),
                    format!("card{written}"),
                    format!("Card no. {written}, exp 12/29, CVC 123"),
                    format!("{written}abc"),
                    format!("number={written}&cvc=123"),
                    format!("{{\"number\":\"{written}\"}}"),
                ] {
                    assert!(find_card_number(&text), "{text}");
                    let masked = mask_card_numbers(&text);
                    assert!(masked.contains(MASK) && !find_card_number(&masked), "{text} {masked}");
                    assert_eq!(text.replace(&written, MASK), masked);
                }
            }
            let digit_by_digit: Vec<String> = number.replace(' ', "").chars().map(String::from).collect();
            assert!(find_card_number(&digit_by_digit.join(" ")), "{number}");
            assert!(find_card_number(&digit_by_digit.join("-")), "{number}");
        }
    }

    #[test]
    fn digits_of_other_scripts_and_encodings() {
        let number = "4242424242424242";
        let in_script = |zero: char| -> String {
            let digit = |digit: char| char::from_u32(u32::from(zero) + digit.to_digit(10).unwrap()).unwrap();
            number.chars().map(digit).collect()
        };
        let percent_encoded =
            |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
        for text in [
            in_script('０'),
            in_script('٠'),
            in_script('०'),
            in_script('𝟎'),
            format!("{}{}", &number[..8], &in_script('０')[24..]),
            percent_encoded(number),
            percent_encoded("4242 4242 4242 4242"),
            percent_encoded("4242\u{a0}4242\u{a0}4242\u{a0}4242"),
            percent_encoded(&in_script('٠')),
            format!("100%{}", percent_encoded(number)),
            format!("q=%2B1%20{number}"),
        ] {
            assert!(find_card_number(&text), "{text}");
            let masked = mask_card_numbers(&text);
            assert!(masked.ends_with(MASK) && !find_card_number(&masked), "{text} {masked}");
        }
    }

    #[test]
    fn a_card_number_among_other_digits() {
        for text in [
            "2026-11-22 4242424242424242",
            "2026-11-22 4242 4242 4242 4242",
            "1 4242 4242 4242 4242 12 29 123",
            "4242-4242 4242-4242",
            "4242424242424242.00",
            "-4242424242424242",
            "1.4242 4242 4242 4242",
            "+1 415 555 2671 378282246310005",
            "+4242424242424242",
            "a+378282246310005",
            "550e8400-e29b-41d4-a716-446655440000 4242424242424242",
            "pi_01k9zq4242424242424242xyza-4242424242424242",
            "12345678901234567890 4242 4242 4242 4242",
            "1111 1111 1111 1111 1111 1111 1111 4242 4242 4242 4242 1111",
            "4242424242424242 12345678901234567890",
            "4242424242424242%",
            "\n4242424242424242\n",
        ] {
            assert!(find_card_number(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_card_number() {
        for text in [
            "",
            "4242424242424241",            // Luhn.
            "1242424242424247",            // No issuer.
            "42424242424",                 // Too short.
            "4242424242424",               // Visa's length, not its check digit.
            "42424242424242424242",        // Too long.
            "004242424242424242420000",    // Within a longer group.
            "4242  4242  4242  4242",      // Two separators.
            "4242/4242/4242/4242",         // Not a separator.
            "4242\n4242\n4242\n4242",      // A column of figures.
            "4242,4242,4242,4242",         // A list.
            "0.4242424242424242",          // A fraction.
            "4.242424242424242",           // A decimal number.
            "0.30000000000000004",         // As floating point arithmetic gives it.
            "2026-01-02T03:04:05.123456Z", // RFC 3339.
            "2026-01-02T03:04:05.123456789+05:45",
            "2026-01-02 03:04:05",
            "20261122-000123", // Order numbers that begin with a date.
            "2026112200012345",
            "ORDER-2026-11-22-0001",
            "305-0000000-0000007", // A marketplace's order number.
            "+4915112345674",      // Phone numbers.
            "tel:+378282246310005",
            "phone=%2B4915112345674",
            "4006381333023", // Bar codes.
            "5000112637090",
            "671860013075",
            "550e8400-e29b-41d4-a716-446655440000 4003", // Partly in an identifier.
            "42424242 42424200-e29b-41d4-a716-c46655440000",
            "4222222222222\u{200b}5", // The number goes on after what cannot be seen.
            "1767323045000000",       // Unix microseconds.
            "FI4412345600000080",     // An IBAN.
            "52.214.32.12 54.187.174.169", // Addresses.
            "%2534%2532%2534%2532",   // Encoded twice.
        ] {
            assert!(!find_card_number(text), "{text}");
            assert!(matches!(mask_card_numbers(text), Cow::Borrowed(same) if same == text));
        }
    }

    /// A fixed sequence of numbers that look random (Knuth's MMIX generator), so the figures are facts.
    struct Sequence(u64);

    impl Sequence {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }

        fn text(&mut self, alphabet: &[u8], length: usize) -> String {
            (0..length)
                .map(|_| {
                    let index = self.below(u64::try_from(alphabet.len()).unwrap());
                    char::from(alphabet[usize::try_from(index).unwrap()])
                })
                .collect()
        }
    }

    fn alarms(count: usize, mut text: impl FnMut() -> String) -> usize {
        (0..count).filter(|_| find_card_number(&text())).count()
    }

    #[test]
    fn false_alarms() {
        let mut sequence = Sequence(1);
        let order_numbers = alarms(100_000, || sequence.text(b"0123456789", 16));
        assert_eq!(order_numbers, 3_542, "of 100000 random order numbers");

        let dated = alarms(100_000, || {
            let (year, month, day) =
                (2020 + sequence.below(80), 1 + sequence.below(12), 1 + sequence.below(28));
            let length = usize::try_from(4 + sequence.below(8)).unwrap();
            format!("{year}{month:02}{day:02}{}", sequence.text(b"0123456789", length))
        });
        assert_eq!(dated, 0, "order numbers that begin with a date");
    }

    #[test]
    fn identifiers_never_raise_the_alarm() {
        const BASE32: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
        const HEX: &[u8] = b"0123456789abcdef";
        // Mostly digits, so that many would raise it if they were not known by their shape.
        const NEARLY_BASE32: &[u8] = b"01234567890123456789k";
        const NEARLY_HEX: &[u8] = b"01234567890123456789a";
        let mut sequence = Sequence(2);
        for prefix in ["ord_", "pi_", "att_", "cap_", "re_", "dp_", "evt_", "whe_", "conn_"] {
            for alphabet in [BASE32, NEARLY_BASE32] {
                assert_eq!(alarms(5_000, || format!("{prefix}{}", sequence.text(alphabet, 26))), 0);
            }
        }
        for alphabet in [HEX, NEARLY_HEX] {
            let uuids =
                alarms(20_000, || [8, 4, 4, 4, 12].map(|length| sequence.text(alphabet, length)).join("-"));
            assert_eq!(uuids, 0, "UUIDs");
            // Twice the usual length, because a random text of nearly digits may have no letter at all.
            assert_eq!(alarms(20_000, || sequence.text(alphabet, 128)), 0, "hashes");
        }

        // The same characters in another shape do raise it, so the rows above have something to prove.
        assert!(alarms(5_000, || format!("PI_{}", sequence.text(NEARLY_BASE32, 26))) > 10);
        assert!(alarms(5_000, || format!("x{}", sequence.text(NEARLY_HEX, 64))) > 10);
    }

    #[test]
    fn json_is_searched_whole() {
        let card = "4242 4242 4242 4242";
        let rows = [
            (json!(card), Some("")),
            (json!(4_242_424_242_424_242_u64), Some("")),
            (json!(-4_242_424_242_424_242_i64), Some("")),
            (json!(4_242_424_242_424_242.0), Some("")),
            (json!({"a": [1, null, true, {"b/c~d": card}]}), Some("/a/3/b~1c~0d")),
            (json!({"a": {"b": {card: 1}}}), Some("/a/b")),
            (json!({card: card}), Some("")),
            (json!({"a": "%34242424242424242"}), Some("/a")),
            (json!({"first": [card], "second": card}), Some("/first/0")),
            (json!({"": card}), Some("/")),
            (json!(["4242", "4242", "4242", "4242"]), None),
            (
                json!({"id": "pi_01k9zq4242424242424242xyza", "amount": 4242, "at": "2026-01-02T03:04:05Z"}),
                None,
            ),
            (json!({"rate": 0.579_999_999_999_998_3, "time": 1_767_323_045_000_000_u64}), None),
            (json!(null), None),
        ];
        for (value, expected) in rows {
            assert_eq!(find_in_json(&value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn masking_keeps_the_rest() {
        let rows = [
            ("é 4242424242424242 é", "é [card number] é"),
            ("a 4242424242424242, b 5555-5555-5555-4444.", "a [card number], b [card number]."),
            // Two readings overlap: 4242 4242 4242 4242, and the same with the group before it.
            ("4000 0000 0000 0000 006 ok", "[card number] ok"),
            ("x=%34242424242424242&y=1", "x=[card number]&y=1"),
        ];
        for (text, expected) in rows {
            assert_eq!(mask_card_numbers(text), expected);
        }
    }

    /// Texts that make the search work hardest. Were it quadratic, this would take minutes: the steps would
    /// be thousands of times as many.
    #[test]
    fn the_work_is_linear() {
        let hardest =
            ["0", "4 ", "4242 ", "%34 ", "55000000-0000-4000-8000-000000000004 ", "+0", "٤-", "FI21"];
        for pattern in hardest {
            let text = pattern.repeat(64 * 1024 / pattern.len());
            let masked = mask_card_numbers(&text);
            assert_eq!(find_card_number(&text), masked.contains(MASK), "{pattern}");
        }
    }

    /// The number with its last digit made right.
    fn with_luhn_digit(digits: &str) -> String {
        let sum: u32 =
            digits.bytes().rev().zip(2..).map(|(byte, place)| issuer::luhn_summand(byte - b'0', place)).sum();
        format!("{digits}{}", (10 - sum % 10) % 10)
    }

    proptest! {
        #[test]
        fn however_it_is_grouped_a_card_number_is_found(
            digits in "(4[0-9]{2}|5[1-5][0-9]|60[0-9]|65[0-9]|62[0-9])[0-9]{12}|222[1-9][0-9]{11}",
            groups in any::<u16>(),
            separator in "[ -]|\u{a0}|%20",
            before in "[ -~]{0,20}[g-z=:\"]",
            after in "([g-z,:\"][ -~]{0,20})?",
        ) {
            let number = with_luhn_digit(&digits);
            prop_assert_eq!(number.len(), 16);
            let mut written = String::new();
            for (index, digit) in number.chars().enumerate() {
                if index > 0 && groups & (1 << index) != 0 {
                    written.push_str(&separator);
                }
                written.push(digit);
            }
            // A percent sign shortly before would swallow digits, and that is how the text reads.
            let text = format!("{}{written}{after}", before.replace('%', ""));
            prop_assert!(find_card_number(&text), "{}", text);
            prop_assert!(!mask_card_numbers(&text).contains(&written));
        }

        #[test]
        fn any_text_is_searched(text in "[0-9 .+%a-f\u{a0}٤-]{0,80}", other in ".{0,80}") {
            for text in [text, other] {
                let masked = mask_card_numbers(&text);
                prop_assert_eq!(find_card_number(&text), matches!(masked, Cow::Owned(_)), "{}", text);
                prop_assert_eq!(find_in_json(&json!([text])), find_card_number(&text).then(|| String::from("/0")));
            }
        }
    }
}
