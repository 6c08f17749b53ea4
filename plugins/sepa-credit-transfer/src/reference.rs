//! The creditor reference of ISO 11649, by which a line of the account's statement finds its payment.
//!
//! `RF`, two check digits, and our id of the attempt in capitals. Banks check the digits when it is typed, so
//! that one wrong character is noticed before any money leaves.

use processor_sdk::Fault;

/// Longest reference behind the check digits, in characters.
const BODY_CHARS_MAX: usize = 21;

/// The creditor reference of an attempt, such as `RF18539007547034`.
///
/// # Errors
/// [`Fault::CannotAsk`] when the echo is no 1–21 letters and digits.
pub fn creditor_reference(echo: &str) -> Result<String, Fault> {
    let body = echo.to_ascii_uppercase();
    let fits = (1..=BODY_CHARS_MAX).contains(&body.len())
        && body.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !fits {
        let reason = format!("must be 1 to {BODY_CHARS_MAX} letters and digits, for a creditor reference");
        return Err(Fault::cannot_ask("echo", &reason));
    }
    let check = 98 - remainder_of_97(body.bytes().chain(*b"RF00"));
    Ok(format!("RF{check:02}{body}"))
}

/// The remainder of ISO/IEC 7064, MOD 97-10, as IBANs and creditor references have it: each letter stands for two
/// digits, A for 10 to Z for 35. For capitals and digits; any other byte counts as nothing.
pub(crate) fn remainder_of_97(characters: impl Iterator<Item = u8>) -> u32 {
    characters.fold(0, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        b'A'..=b'Z' => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
        _ => remainder,
    })
}
