//! The code that a shopper scans, drawn as QR code (ISO/IEC 18004).
//!
//! Invariant: what is drawn is the payload, byte for byte. It is written in byte mode alone: left to choose, an
//! encoder takes some pairs of bytes of UTF-8 for Japanese characters, and a phone then reads other text.

use qrcode::bits::Bits;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode, Version};

/// Largest version: 69 modules a side, 331 bytes at this level of correction, the largest that EPC069-12 allows.
const VERSION_MAX: i16 = 13;
/// About 15 % of the code may be unreadable, as EPC069-12 wants it.
const CORRECTION: EcLevel = EcLevel::M;

/// The payload as an SVG document, in black on white with the quiet zone around it; `None` when it is too long.
#[must_use]
pub fn svg(payload: &str) -> Option<String> {
    let code = (1..=VERSION_MAX).find_map(|version| draw(payload, Version::Normal(version)))?;
    Some(code.render::<svg::Color<'_>>().module_dimensions(1, 1).build())
}

fn draw(payload: &str, version: Version) -> Option<QrCode> {
    let mut bits = Bits::new(version);
    bits.push_byte_data(payload.as_bytes()).ok()?;
    bits.push_terminator(CORRECTION).ok()?;
    QrCode::with_bits(bits, CORRECTION).ok()
}

#[cfg(test)]
mod tests {
    use qrcodegen::{Mask, QrCode as OtherCode, QrCodeEcc, QrSegment};

    use super::*;

    /// Modules that an encoder leaves white on each side.
    const QUIET_MODULES: usize = 4;

    /// What is dark in the document, one row after the other, read from its path alone.
    fn modules(document: &str) -> Vec<Vec<bool>> {
        let after = |text: &str| document.split_once(text).unwrap().1.to_owned();
        let side: usize = after("viewBox=\"0 0 ").split(' ').next().unwrap().parse().unwrap();
        let mut rows = vec![vec![false; side]; side];
        let path = after(" d=\"");
        let path = path.split_once('"').unwrap().0;
        // Each rectangle is M x y, h width, v height, and back.
        for rectangle in path.split('M').skip(1) {
            let numbers: Vec<usize> = rectangle
                .split(|c: char| !c.is_ascii_digit())
                .filter(|number| !number.is_empty())
                .map(|number| number.parse().unwrap())
                .collect();
            let [x, y, width, height, ..] = numbers[..] else { panic!("{rectangle}") };
            for row in &mut rows[y..y + height] {
                row[x..x + width].fill(true);
            }
        }
        rows
    }

    /// What another encoder draws of the same bytes, with each of the eight masks, quiet zone around it.
    fn drawn_by_another(payload: &str) -> (u8, Vec<Vec<Vec<bool>>>) {
        let segments = [QrSegment::make_bytes(payload.as_bytes())];
        let (from, to) = (qrcodegen::Version::new(1), qrcodegen::Version::new(13));
        let drawn = (0..8).map(|mask| {
            let mask = Some(Mask::new(mask));
            OtherCode::encode_segments_advanced(&segments, QrCodeEcc::Medium, from, to, mask, false).unwrap()
        });
        let codes: Vec<_> = drawn.collect();
        let quiet = i32::try_from(QUIET_MODULES).unwrap();
        let rows = |code: &OtherCode| {
            let all = || -quiet..code.size() + quiet;
            // Outside of the code it is light.
            all().map(|y| all().map(|x| code.get_module(x, y)).collect()).collect()
        };
        (codes[0].version().value(), codes.iter().map(rows).collect())
    }

    #[test]
    fn what_is_drawn_is_the_payload() {
        // The examples of EPC069-12, version 3.1, section 2.3; it says of both that they are of version 6.
        let structured = "BCD\n001\n1\nSCT\nBHBLDEHHXXX\nFranz Mustermänn\nDE71110220330123456789\nEUR12.3\nGDDS\n\
                          RF18539007547034";
        let text = "BCD\n002\n1\nSCT\n\nFrançois D'Alsace S.A.\nFR1420041010050500013M02606\nEUR12.3\n\n\n\
                    Client:Marie Louise La Lune";
        let (longest, wide) = ("x".repeat(331), "Ḃ漢\u{10400}".repeat(30));
        for (payload, version) in [
            (structured, 6),
            (text, 6),
            ("1", 1),
            ("0123456789", 1),
            // Two bytes of each of these are a pair that stands for one character in the Japanese mode.
            ("ένας λογαριασμός", 3),
            ("éàéàéàéà ボボボボ", 3),
            (&wide, 13),
            (&longest, 13),
        ] {
            let ours = modules(&svg(payload).unwrap());
            let (seen, theirs) = drawn_by_another(payload);
            assert_eq!(seen, version, "{payload}");
            // Which mask is best is the encoder's own choice; all else is the standard's.
            assert_eq!(theirs.iter().filter(|theirs| **theirs == ours).count(), 1, "{payload}");
        }
    }

    #[test]
    fn what_is_too_long_is_not_drawn() {
        assert_eq!(svg(&"x".repeat(332)), None);
    }
}
