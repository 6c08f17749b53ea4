//! Points in time, as the hub and the adapters exchange them.
//!
//! This is a plain value: nothing here reads a clock. Whoever needs the present is given it.
//!
//! Invariant: a [`Timestamp`] lies between [`Timestamp::MIN`] and [`Timestamp::MAX`], so it can always be
//! written as RFC 3339 and read back as the same value.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// 0000-01-01T00:00:00Z, the first year RFC 3339 can write, in seconds since the Unix epoch.
const UNIX_SECONDS_MIN: i64 = -62_167_219_200;

/// 9999-12-30T22:00:00Z, the last second that is still in year 9999 in every offset, in seconds since the
/// Unix epoch.
const UNIX_SECONDS_MAX: i64 = 253_402_207_200;

/// The longest text read as a time, in bytes: date, time, nine fractional digits and an offset.
const RFC3339_BYTES_MAX: usize = 35;

/// Why a point in time could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    /// The text is not an RFC 3339 date and time. The error does not repeat the text.
    #[error("expected an RFC 3339 date and time such as 2026-01-02T03:04:05Z")]
    NotRfc3339,
    /// The point in time is before year 0 or after year 9999.
    #[error("the time is outside the years 0 to 9999")]
    OutOfRange,
}

/// Microseconds since the Unix epoch. In JSON an RFC 3339 time in UTC, such as `"2026-01-02T03:04:05Z"`,
/// with microseconds only when there are some.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch, 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The earliest point in time: 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self(UNIX_SECONDS_MIN * MICROS_PER_SECOND);
    /// The latest point in time: 9999-12-30T22:00:00Z.
    pub const MAX: Self = Self(UNIX_SECONDS_MAX * MICROS_PER_SECOND);

    /// From microseconds since the Unix epoch. Anything before [`Timestamp::MIN`] or after
    /// [`Timestamp::MAX`] becomes that bound; for input from outside use [`Timestamp::from_unix_seconds`].
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since the Unix epoch; negative before it.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// From whole seconds since the Unix epoch.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] outside [`Timestamp::MIN`] to [`Timestamp::MAX`]; a processor that sends
    /// milliseconds where seconds belong ends here.
    pub const fn from_unix_seconds(seconds: i64) -> Result<Self, TimeError> {
        if seconds < UNIX_SECONDS_MIN || seconds > UNIX_SECONDS_MAX {
            return Err(TimeError::OutOfRange);
        }
        Ok(Self(seconds * MICROS_PER_SECOND))
    }

    /// Whole seconds since the Unix epoch; a started second does not count.
    #[must_use]
    pub const fn as_unix_seconds(self) -> i64 {
        self.0.div_euclid(MICROS_PER_SECOND)
    }

    /// Reads an RFC 3339 date and time with any offset. Up to nine fractional digits are taken; what is
    /// finer than a microsecond is cut off. A leap second reads as the second before it.
    ///
    /// # Errors
    /// [`TimeError::NotRfc3339`] for any other text, a time without an offset included, because its meaning
    /// would be a guess; [`TimeError::OutOfRange`].
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        if !has_rfc3339_shape(text.as_bytes()) {
            return Err(TimeError::NotRfc3339);
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimeError::NotRfc3339)?;
        let micros = instant.as_nanosecond().div_euclid(1_000);
        match i64::try_from(micros) {
            Ok(micros) if (Self::MIN.0..=Self::MAX.0).contains(&micros) => Ok(Self(micros)),
            Ok(_) | Err(_) => Err(TimeError::OutOfRange),
        }
    }

    /// The RFC 3339 form in UTC, with six fractional digits when there are microseconds and none otherwise.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.to_string()
    }

    /// The point in time `seconds` later, or earlier when negative.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`].
    pub fn checked_add_seconds(self, seconds: i64) -> Result<Self, TimeError> {
        let micros = seconds.checked_mul(MICROS_PER_SECOND).and_then(|added| self.0.checked_add(added));
        match micros {
            Some(micros) if (Self::MIN.0..=Self::MAX.0).contains(&micros) => Ok(Self(micros)),
            Some(_) | None => Err(TimeError::OutOfRange),
        }
    }

    /// The point in time `micros` microseconds later, or earlier when negative; stops at
    /// [`Timestamp::MIN`] and [`Timestamp::MAX`].
    #[must_use]
    pub const fn saturating_add_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// Whole seconds from `earlier` to here, rounded down; negative when `earlier` is later.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        // The range is so small against an i64 that the difference cannot overflow.
        (self.0 - earlier.0).div_euclid(MICROS_PER_SECOND)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        if self.0 % MICROS_PER_SECOND == 0 {
            write!(formatter, "{instant:.0}")
        } else {
            write!(formatter, "{instant:.6}")
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl de::Visitor<'_> for TextVisitor {
            type Value = Timestamp;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an RFC 3339 date and time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse_rfc3339(text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An RFC 3339 date and time; written in UTC.",
            "format": "date-time",
        })
    }
}

/// Whether the bytes look like RFC 3339. The parser behind it also takes forms that RFC 3339 does not, such
/// as a time zone in brackets, and those must not become part of the contract.
fn has_rfc3339_shape(text: &[u8]) -> bool {
    /// `0` stands for a digit; `T` also for a lower-case one or a space.
    const DATE_TIME: &[u8] = b"0000-00-00T00:00:00";
    if text.len() > RFC3339_BYTES_MAX {
        return false;
    }
    let Some((date_time, rest)) = text.split_at_checked(DATE_TIME.len()) else {
        return false;
    };
    if !matches_pattern(date_time, DATE_TIME) {
        return false;
    }
    let offset = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    matches!(offset, b"Z" | b"z") || matches_pattern(offset, b"+00:00") || matches_pattern(offset, b"-00:00")
}

fn matches_pattern(text: &[u8], pattern: &[u8]) -> bool {
    text.len() == pattern.len()
        && text.iter().zip(pattern).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            other => byte == other,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_written_form() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (1_767_323_045_000_000, "2026-01-02T03:04:05Z"),
            (1_767_323_045_000_001, "2026-01-02T03:04:05.000001Z"),
            (1_767_323_045_120_000, "2026-01-02T03:04:05.120000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (Timestamp::MIN.as_micros(), "0000-01-01T00:00:00Z"),
            (Timestamp::MAX.as_micros(), "9999-12-30T22:00:00Z"),
        ];
        for (micros, text) in rows {
            let timestamp = Timestamp::from_micros(micros);
            assert_eq!(timestamp.as_micros(), micros);
            assert_eq!(timestamp.to_rfc3339(), text);
            assert_eq!(format!("{timestamp} {timestamp:?}"), format!("{text} {text}"));
            assert_eq!(Timestamp::parse_rfc3339(text), Ok(timestamp));
            assert_eq!(serde_json::to_string(&timestamp).unwrap(), format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).unwrap(), timestamp);
        }
    }

    #[test]
    fn other_forms_of_the_same_time() {
        for text in [
            "2026-01-02T04:04:05+01:00",
            "2026-01-01T22:04:05-05:00",
            "2026-01-02T08:49:05+05:45",
            "2026-01-02t03:04:05z",
            "2026-01-02 03:04:05Z",
            "2026-01-02T03:04:05.0Z",
            "2026-01-02T03:04:05.000000999Z",
            "2026-01-02T03:04:05-00:00",
        ] {
            let read = Timestamp::parse_rfc3339(text);
            assert_eq!(read, Timestamp::from_unix_seconds(1_767_323_045), "{text}");
        }
        let before_leap = Timestamp::parse_rfc3339("2016-12-31T23:59:59Z");
        assert_eq!(Timestamp::parse_rfc3339("2016-12-31T23:59:60Z"), before_leap);
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2026-01-02",
            "03:04:05Z",
            "2026-01-02T03:04:05",
            "2026-01-02T03:04Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02T03:04:05+01",
            "2026-01-02T03:04:05+0100",
            "2026-01-02T03:04:05+01:00[Europe/Paris]",
            "2026-01-02T03:04:05,5Z",
            "20260102T030405Z",
            "+002026-01-02T03:04:05Z",
            "-000001-01-02T03:04:05Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02T23:60:00Z",
            "2026-01-02T03:04:05Z ",
            " 2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05ZZ",
            "1767323045",
            "2026-01-02T03:04:05.1234567890Z",
            "٢٠٢٦-01-02T03:04:05Z",
            "2026-01-02T03:04:05+99:00",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), Err(TimeError::NotRfc3339), "{text}");
        }
        let before_year_0 = Timestamp::parse_rfc3339("0000-01-01T00:00:00+00:01");
        assert_eq!(before_year_0, Err(TimeError::OutOfRange));
        for json in ["\"4242424242424242\"", "1767323045", "null"] {
            let error = serde_json::from_str::<Timestamp>(json).unwrap_err().to_string();
            assert!(error.contains("RFC 3339") && !error.contains("4242"), "{error}");
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        let timestamp = Timestamp::from_unix_seconds(1_767_323_045).unwrap();
        assert_eq!(timestamp.as_unix_seconds(), 1_767_323_045);
        assert_eq!(Timestamp::from_micros(-1).as_unix_seconds(), -1);
        assert_eq!(timestamp.checked_add_seconds(-1_767_323_045), Ok(Timestamp::UNIX_EPOCH));
        for seconds in [i64::MAX, i64::MIN, 1_767_323_045_000] {
            assert_eq!(timestamp.checked_add_seconds(seconds), Err(TimeError::OutOfRange), "{seconds}");
            assert_eq!(Timestamp::from_unix_seconds(seconds), Err(TimeError::OutOfRange), "{seconds}");
        }
        assert_eq!(timestamp.saturating_add_micros(i64::MAX), Timestamp::MAX);
        assert_eq!(timestamp.saturating_add_micros(i64::MIN), Timestamp::MIN);
        assert_eq!(timestamp.saturating_add_micros(1).as_micros(), timestamp.as_micros() + 1);
        assert_eq!(Timestamp::from_micros(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);

        for (micros, seconds) in [(0, 0), (999_999, 0), (1_000_000, 1), (-1, -1), (-1_000_000, -1)] {
            assert_eq!(timestamp.saturating_add_micros(micros).seconds_since(timestamp), seconds, "{micros}");
        }
        assert_eq!(Timestamp::MAX.seconds_since(Timestamp::MIN), UNIX_SECONDS_MAX - UNIX_SECONDS_MIN);
    }

    proptest! {
        #[test]
        fn every_time_reads_back_and_keeps_its_order(left in any::<i64>(), right in any::<i64>()) {
            let (left, right) = (Timestamp::from_micros(left), Timestamp::from_micros(right));
            prop_assert_eq!(Timestamp::parse_rfc3339(&left.to_rfc3339()), Ok(left));
            // Equal width makes the texts sort like the times.
            if left.as_micros() % 1_000_000 != 0 && right.as_micros() % 1_000_000 != 0 {
                prop_assert_eq!(left.to_rfc3339().cmp(&right.to_rfc3339()), left.cmp(&right));
            }
        }

        #[test]
        fn reading_never_panics(text in ".{0,40}", near in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,16}[Z+-]?") {
            for text in [text, near] {
                if let Ok(timestamp) = Timestamp::parse_rfc3339(&text) {
                    prop_assert_eq!(Timestamp::parse_rfc3339(&timestamp.to_rfc3339()), Ok(timestamp));
                }
            }
        }
    }
}
