//! Which first digits and lengths belong to which card brand, and the Luhn check.
//!
//! Sources: ISO/IEC 7812, and the ranges the brands publish for merchants. Ranges of smaller brands that lie
//! within a larger one's (Elo in Maestro's 50, Hipercard's 3841 in Diners Club's 38) are not repeated.

/// Numbers whose first six digits lie in one range.
struct Issuer {
    first: u32,
    last: u32,
    /// In digits.
    lengths: &'static [usize],
}

/// How many digits [`Issuer`] ranges are written with.
const PREFIX_DIGITS: usize = 6;

const SIXTEEN: &[usize] = &[16];
const SIXTEEN_AND_MORE: &[usize] = &[16, 17, 18, 19];
const DINERS: &[usize] = &[14, 15, 16, 17, 18, 19];
const MAESTRO: &[usize] = &[12, 13, 14, 15, 16, 17, 18, 19];

const ISSUERS: [Issuer; 31] = [
    // Visa.
    issuer(400_000, 499_999, &[13, 16, 19]),
    // Mastercard.
    issuer(510_000, 559_999, SIXTEEN),
    issuer(222_100, 272_099, SIXTEEN),
    // American Express.
    issuer(340_000, 349_999, &[15]),
    issuer(370_000, 379_999, &[15]),
    // Discover; 65 also RuPay, Elo and Troy.
    issuer(601_100, 601_199, SIXTEEN_AND_MORE),
    issuer(622_126, 622_925, SIXTEEN_AND_MORE),
    issuer(644_000, 649_999, SIXTEEN_AND_MORE),
    issuer(650_000, 659_999, SIXTEEN_AND_MORE),
    // Diners Club.
    issuer(300_000, 305_999, DINERS),
    issuer(309_500, 309_599, DINERS),
    issuer(360_000, 369_999, DINERS),
    issuer(380_000, 399_999, DINERS),
    // JCB.
    issuer(352_800, 358_999, SIXTEEN_AND_MORE),
    // UnionPay; 81 also RuPay.
    issuer(620_000, 629_999, SIXTEEN_AND_MORE),
    issuer(810_000, 819_999, SIXTEEN_AND_MORE),
    // Maestro; 50 also Elo, RuPay and Verve.
    issuer(500_000, 509_999, MAESTRO),
    issuer(560_000, 589_999, MAESTRO),
    issuer(630_400, 630_499, MAESTRO),
    issuer(670_000, 679_999, MAESTRO),
    // Mir.
    issuer(220_000, 220_499, SIXTEEN_AND_MORE),
    // RuPay; 606282 also Hipercard.
    issuer(600_000, 609_999, SIXTEEN),
    issuer(820_000, 829_999, SIXTEEN),
    // Elo.
    issuer(636_297, 636_297, SIXTEEN),
    issuer(636_368, 636_368, SIXTEEN),
    // Hipercard.
    issuer(637_095, 637_095, SIXTEEN),
    issuer(637_568, 637_568, SIXTEEN),
    issuer(637_599, 637_599, SIXTEEN),
    issuer(637_609, 637_609, SIXTEEN),
    issuer(637_612, 637_612, SIXTEEN),
    // Troy.
    issuer(979_200, 979_299, SIXTEEN),
];

const fn issuer(first: u32, last: u32, lengths: &'static [usize]) -> Issuer {
    Issuer { first, last, lengths }
}

/// Whether some issuer has card numbers of `length` digits that begin like `digits`.
pub(super) fn is_issued(digits: impl Iterator<Item = u8>, length: usize) -> bool {
    let prefix = digits.take(PREFIX_DIGITS).fold(0, |prefix, digit| prefix * 10 + u32::from(digit));
    ISSUERS
        .iter()
        .any(|issuer| (issuer.first..=issuer.last).contains(&prefix) && issuer.lengths.contains(&length))
}

/// What a digit adds to the Luhn sum, where `place` 1 is the last digit of the number. The sum of a card
/// number is a multiple of ten.
pub(super) fn luhn_summand(digit: u8, place: usize) -> u32 {
    let digit = u32::from(digit);
    match (place % 2, digit) {
        (1, _) => digit,
        (_, 0..=4) => 2 * digit,
        (_, _) => 2 * digit - 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_issued_text(text: &str) -> bool {
        is_issued(text.bytes().map(|byte| byte - b'0'), text.len())
    }

    /// First digits, and the lengths that are issued with them. The digits just outside each range matter
    /// as much as the range.
    #[test]
    fn ranges_and_lengths() {
        let rows: [(&str, &[usize]); 48] = [
            ("399999", DINERS),
            ("400000", &[13, 16, 19]),
            ("499999", &[13, 16, 19]),
            ("500000", MAESTRO),
            ("509999", MAESTRO),
            ("510000", SIXTEEN),
            ("559999", SIXTEEN),
            ("560000", MAESTRO),
            ("589999", MAESTRO),
            ("590000", &[]),
            ("219999", &[]),
            ("220000", SIXTEEN_AND_MORE),
            ("220499", SIXTEEN_AND_MORE),
            ("220500", &[]),
            ("222099", &[]),
            ("222100", SIXTEEN),
            ("272099", SIXTEEN),
            ("272100", &[]),
            ("339999", &[]),
            ("340000", &[15]),
            ("350000", &[]),
            ("370000", &[15]),
            ("300000", DINERS),
            ("305999", DINERS),
            ("306000", &[]),
            ("309499", &[]),
            ("309500", DINERS),
            ("309600", &[]),
            ("352799", &[]),
            ("352800", SIXTEEN_AND_MORE),
            ("358999", SIXTEEN_AND_MORE),
            ("359000", &[]),
            ("360000", DINERS),
            ("380000", DINERS),
            ("600000", SIXTEEN),
            ("601100", SIXTEEN_AND_MORE),
            ("622126", SIXTEEN_AND_MORE),
            ("630400", MAESTRO),
            ("630500", &[]),
            ("643999", &[]),
            ("644000", SIXTEEN_AND_MORE),
            ("659999", SIXTEEN_AND_MORE),
            ("660000", &[]),
            ("670000", MAESTRO),
            ("819999", SIXTEEN_AND_MORE),
            ("820000", SIXTEEN),
            ("979200", SIXTEEN),
            ("202611", &[]),
        ];
        for (prefix, lengths) in rows {
            for length in 12..=20 {
                let text = format!("{prefix:0<length$}");
                assert_eq!(is_issued_text(&text), lengths.contains(&length), "{prefix} {length}");
            }
        }
    }

    #[test]
    fn luhn_finds_every_single_wrong_digit() {
        let valid = [4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2];
        let sum = |digits: &[u8]| -> u32 {
            digits.iter().rev().zip(1..).map(|(digit, place)| luhn_summand(*digit, place)).sum()
        };
        assert_eq!(sum(&valid) % 10, 0);
        for place in 0..valid.len() {
            for wrong in (0..10).filter(|wrong| *wrong != valid[place]) {
                let mut digits = valid;
                digits[place] = wrong;
                assert_ne!(sum(&digits) % 10, 0, "{wrong} at {place}");
            }
        }
    }
}
