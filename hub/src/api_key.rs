//! API keys: how a shop's server proves who it is.
//!
//! A key reads `hub_{live|test}_{key id}_{secret}{checksum}`: 8 characters that name it, 43 that are the
//! secret (256 random bits in base62) and 6 that are a CRC-32 of all before them. The checksum tells a
//! mistyped or cut key from a wrong one without asking the store, and lets secret scanners find leaked keys
//! with `hub_(live|test)_[0-9a-z]{8}_[0-9A-Za-z]{49}`.
//!
//! Invariant: the hub keeps only a SHA-256 of the secret. The secret has full entropy, so a slow password
//! hash would add nothing.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::ids::{Randomness, base32_lower};

const PREFIX: &str = "hub";
const LIVE: &str = "live";
const TEST: &str = "test";
const KEY_ID_RANDOM_BYTES: usize = 5;
const KEY_ID_CHARS: usize = 8;
const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 6;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Makes keys.
#[derive(Debug, Clone, Copy)]
pub struct ApiKey;

/// A key as its owner holds it. It is shown once, when it is made.
#[derive(Clone)]
pub struct PlainApiKey {
    text: Zeroizing<String>,
    livemode: bool,
}

/// A key as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredApiKey {
    pub key_id: String,
    pub secret_sha256: [u8; 32],
    pub livemode: bool,
}

/// Why a text is not an API key. No variant repeats the text, which may hold most of a real secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    #[error("an API key begins with `hub_live_` or `hub_test_`")]
    NotAnApiKey,
    #[error("the API key is incomplete or has characters that do not belong to it; copy it again as a whole")]
    Malformed,
    #[error("the API key was mistyped or cut: its checksum does not match")]
    ChecksumMismatch,
}

impl ApiKey {
    /// A new key: the plain one for its owner, the other for the store.
    pub fn generate(randomness: &dyn Randomness, livemode: bool) -> (PlainApiKey, StoredApiKey) {
        let mut id_bytes = [0_u8; KEY_ID_RANDOM_BYTES];
        randomness.fill(&mut id_bytes);
        let mut secret_bytes = Zeroizing::new([0_u8; SECRET_BYTES]);
        randomness.fill(secret_bytes.as_mut_slice());

        let key_id = base32_lower(&id_bytes);
        let secret = base62_secret(&mut secret_bytes);
        let mode = if livemode { LIVE } else { TEST };
        // Room for the whole key, so that no half of it stays behind in a grown buffer.
        let mut text = Zeroizing::new(String::with_capacity(80));
        for part in [PREFIX, "_", mode, "_", &key_id, "_", &secret] {
            text.push_str(part);
        }
        let checksum = checksum(&text);
        text.push_str(&checksum);

        let plain = PlainApiKey { text, livemode };
        let stored = StoredApiKey { key_id, secret_sha256: plain.secret_sha256(), livemode };
        (plain, stored)
    }
}

impl PlainApiKey {
    /// Reads a key as it came over the wire. Says nothing yet about whether the hub knows it.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        let mut parts = text.split('_');
        let livemode = match (parts.next(), parts.next()) {
            (Some(PREFIX), Some(LIVE)) => true,
            (Some(PREFIX), Some(TEST)) => false,
            (_, _) => return Err(ApiKeyError::NotAnApiKey),
        };
        let (Some(key_id), Some(tail), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ApiKeyError::Malformed);
        };
        let is_lower = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        let well_formed = key_id.len() == KEY_ID_CHARS
            && key_id.bytes().all(is_lower)
            && tail.len() == SECRET_CHARS + CHECKSUM_CHARS
            && tail.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !well_formed {
            return Err(ApiKeyError::Malformed);
        }
        // All characters are ASCII by now, so the cut falls between two of them.
        let (guarded, given_checksum) = text.split_at(text.len() - CHECKSUM_CHARS);
        if checksum(guarded) != given_checksum {
            return Err(ApiKeyError::ChecksumMismatch);
        }
        Ok(Self { text: Zeroizing::new(text.to_owned()), livemode })
    }

    /// The part by which the store finds the key; not a secret.
    pub fn key_id(&self) -> &str {
        let start = PREFIX.len() + LIVE.len() + 2;
        &self.text[start..start + KEY_ID_CHARS]
    }

    pub fn livemode(&self) -> bool {
        self.livemode
    }

    /// The whole key, for showing it to its owner once.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What the store keeps of it.
    pub fn to_stored(&self) -> StoredApiKey {
        let (key_id, livemode) = (self.key_id().to_owned(), self.livemode);
        StoredApiKey { key_id, secret_sha256: self.secret_sha256(), livemode }
    }

    fn secret_sha256(&self) -> [u8; 32] {
        let end = self.text.len() - CHECKSUM_CHARS;
        Sha256::digest(&self.text.as_bytes()[end - SECRET_CHARS..end]).into()
    }
}

impl fmt::Debug for PlainApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.livemode { LIVE } else { TEST };
        write!(formatter, "{PREFIX}_{mode}_{}_•••", self.key_id())
    }
}

impl StoredApiKey {
    /// Whether `plain` is this key. The secret is compared in constant time; its mode must match too, so that
    /// a test key cannot be dressed up as a live one.
    pub fn matches(&self, plain: &PlainApiKey) -> bool {
        let same_secret: bool = self.secret_sha256.ct_eq(&plain.secret_sha256()).into();
        same_secret & (self.livemode == plain.livemode) & (self.key_id == plain.key_id())
    }
}

/// 256 bits as 43 base62 digits, by long division; wipes its input on the way.
fn base62_secret(bytes: &mut [u8; SECRET_BYTES]) -> Zeroizing<String> {
    let mut digits = Zeroizing::new([0_u8; SECRET_CHARS]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u16;
        for byte in bytes.iter_mut() {
            let dividend = (remainder << 8) | u16::from(*byte);
            // The remainder is below 62, so the quotient is below 256.
            *byte = (dividend / 62) as u8;
            remainder = dividend % 62;
        }
        *digit = BASE62[usize::from(remainder)];
    }
    Zeroizing::new(digits.iter().map(|digit| char::from(*digit)).collect())
}

fn checksum(guarded: &str) -> String {
    let mut rest = crc32(guarded.as_bytes());
    let mut digits = [BASE62[0]; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// CRC-32 as in zip and PNG. Keys are short, so no table.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let polynomial = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            crc = (crc >> 1) ^ polynomial;
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ids::{SeededRandomness, SystemRandomness};

    fn generate(seed: u64, livemode: bool) -> (PlainApiKey, StoredApiKey) {
        ApiKey::generate(&SeededRandomness::new(seed), livemode)
    }

    #[test]
    fn a_key_survives_the_wire() {
        for livemode in [true, false] {
            let (plain, stored) = ApiKey::generate(&SystemRandomness, livemode);
            let text = plain.reveal().to_owned();
            assert_eq!(text.len(), "hub_live_".len() + 8 + 1 + 43 + 6);
            assert!(text.starts_with(if livemode { "hub_live_" } else { "hub_test_" }), "{text}");
            let parsed = PlainApiKey::parse(&text).unwrap();
            assert_eq!((parsed.key_id(), parsed.livemode()), (stored.key_id.as_str(), livemode));
            assert!(stored.matches(&parsed));
        }
    }

    #[test]
    fn a_key_matches_only_itself() {
        let (plain, stored) = generate(1, true);
        let (other, _) = generate(2, true);
        assert!(stored.matches(&plain));
        assert!(!stored.matches(&other));
        for changed in [
            StoredApiKey { livemode: false, ..stored.clone() },
            StoredApiKey { key_id: "00000000".to_owned(), ..stored.clone() },
            StoredApiKey { secret_sha256: [0; 32], ..stored.clone() },
        ] {
            assert!(!changed.matches(&plain), "{changed:?}");
        }
    }

    #[test]
    fn a_test_key_dressed_as_live_is_refused() {
        let (_, stored) = generate(1, false);
        let (plain, _) = generate(1, true);
        assert_eq!(stored.key_id, plain.key_id(), "same seed, same secret");
        assert!(!stored.matches(&plain));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let (plain, _) = generate(3, true);
        let text = plain.reveal();
        for index in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(PlainApiKey::parse(&changed).is_err(), "{index}");
        }
        for length in 0..text.len() {
            assert!(PlainApiKey::parse(&text[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn what_is_not_a_key_says_why() {
        let (plain, _) = generate(3, true);
        let text = plain.reveal();
        let rows = [
            (String::new(), ApiKeyError::NotAnApiKey),
            ("sk_live_abc".to_owned(), ApiKeyError::NotAnApiKey),
            (text.replace("live", "prod"), ApiKeyError::NotAnApiKey),
            (format!(" {text}"), ApiKeyError::NotAnApiKey),
            ("hub_live_".to_owned(), ApiKeyError::Malformed),
            (format!("{text}_x"), ApiKeyError::Malformed),
            (format!("{text} "), ApiKeyError::Malformed),
            (format!("{text}\u{e9}"), ApiKeyError::Malformed),
            (format!("hub_live_abcdefgh_{}\u{20ac}", "0".repeat(46)), ApiKeyError::Malformed),
            (text.replace("hub_live", "hub_test"), ApiKeyError::ChecksumMismatch),
        ];
        for (given, expected) in rows {
            assert_eq!(PlainApiKey::parse(&given).unwrap_err(), expected, "{given}");
        }
    }

    #[test]
    fn debug_never_prints_the_secret() {
        let (plain, stored) = generate(4, false);
        let secret = &plain.reveal()["hub_test_".len() + 9..];
        let printed = format!("{plain:?} {stored:?}");
        assert!(printed.contains(&format!("hub_test_{}_•••", stored.key_id)), "{printed}");
        assert!(!printed.contains(secret) && !printed.contains(&secret[..8]), "{printed}");
    }

    #[test]
    fn keys_do_not_repeat() {
        let keys: HashSet<String> =
            (0..100).map(|_| ApiKey::generate(&SystemRandomness, true).0.reveal().to_owned()).collect();
        assert_eq!(keys.len(), 100);
    }

    #[test]
    fn checksum_and_base62_vectors() {
        // The check value that every CRC-32 catalog prints.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum("").as_str(), "000000");
        let mut small = [0_u8; SECRET_BYTES];
        small[31] = 62;
        assert!(base62_secret(&mut small).ends_with("0000010"));
        // 2^256 - 1, computed independently.
        assert_eq!(*base62_secret(&mut [0xff; SECRET_BYTES]), MAX_BASE62);
    }

    const MAX_BASE62: &str = "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1";
}
