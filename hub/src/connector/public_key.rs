//! Signatures by a processor's private key, checked with its public key.
//!
//! Invariant: a public key counts only when the operator set it or the hub fetched it itself. A key that came
//! along with the delivery would let anybody sign.

use processor_sdk::Settings;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use super::crypto::decode_base64;

/// The longest PEM text that is read, in bytes; an 8192-bit key takes about 1400.
const PEM_BYTES_MAX: usize = 16 * 1024;

/// `1.2.840.113549.1.1.1` (rsaEncryption, RFC 8017 appendix C) with its NULL parameters, in DER.
const RSA_ALGORITHM: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

const DER_SEQUENCE: u8 = 0x30;
const DER_BIT_STRING: u8 = 0x03;

/// RSASSA-PKCS1-v1_5 with SHA-256; one of the signatures must match.
///
/// # Errors
/// The reason, for the operator.
pub fn verify_rsa_sha256(public_key_pem: &str, message: &[u8], signatures: &[Vec<u8>]) -> Result<(), String> {
    let key = rsa_public_key(public_key_pem)?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    if signatures.iter().any(|signature| key.verify(message, signature).is_ok()) {
        return Ok(());
    }
    Err("no offered signature matches".to_owned())
}

/// Whether the key is one that the operator set, or part of something that the hub fetched.
pub fn has_known_origin(public_key_pem: &str, settings: &Settings, fetched: &[&[u8]]) -> bool {
    let Some((_, key)) = pem_blocks(public_key_pem).next() else { return false };
    let fetched = fetched.iter().filter_map(|body| std::str::from_utf8(body).ok());
    let set = settings.0.values().filter_map(serde_json::Value::as_str);
    fetched.chain(set).any(|text| {
        // A key inside JSON has its line ends written as `\n`.
        let text = text.replace("\\r", "").replace("\\n", "\n");
        pem_blocks(&text).any(|(_, der)| contains(&der, &key))
    })
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1) in DER.
fn rsa_public_key(pem: &str) -> Result<Vec<u8>, String> {
    let (label, der) = pem_blocks(pem).next().ok_or("the public key is not PEM")?;
    match label.as_str() {
        "RSA PUBLIC KEY" => Ok(der),
        "PUBLIC KEY" => {
            unwrap_spki(&der).map(<[u8]>::to_vec).ok_or_else(|| "the public key is not an RSA key".to_owned())
        }
        other => Err(format!("expected a PEM block PUBLIC KEY or RSA PUBLIC KEY, not {other}")),
    }
}

/// The key inside a `SubjectPublicKeyInfo` (RFC 5280 §4.1): SEQUENCE { SEQUENCE { algorithm }, BIT STRING }.
fn unwrap_spki(der: &[u8]) -> Option<&[u8]> {
    let (info, rest) = der_value(der, DER_SEQUENCE)?;
    let (algorithm, after) = der_value(info, DER_SEQUENCE)?;
    let (bits, end) = der_value(after, DER_BIT_STRING)?;
    let is_whole = rest.is_empty() && end.is_empty();
    // The first byte of a BIT STRING says how many bits at its end are unused.
    (is_whole && algorithm == RSA_ALGORITHM).then(|| bits.strip_prefix(&[0])).flatten()
}

/// The contents of one DER value with this tag, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => {
            let (&length, rest) = rest.split_first()?;
            (usize::from(length), rest)
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_be_bytes(*length)), rest)
        }
        // No key is longer than 64 KiB.
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// The first PEM block with this label, as DER.
pub fn pem_block(text: &str, label: &str) -> Option<Vec<u8>> {
    pem_blocks(text).find(|(found, _)| found == label).map(|(_, der)| der)
}

/// Every PEM block (RFC 7468) of a text: its label and its bytes.
fn pem_blocks(text: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
    const BEGIN: &str = "-----BEGIN ";
    text.split(BEGIN).skip(1).filter_map(|block| {
        let (label, rest) = block.split_once("-----")?;
        let (body, _) = rest.split_once("-----END ")?;
        if body.len() > PEM_BYTES_MAX {
            return None;
        }
        let body = body.chars().filter(|character| !character.is_whitespace()).collect::<String>();
        Some((label.to_owned(), decode_base64(&body)?))
    })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
pub(super) mod test_key {
    /// Made for these tests; its private key is kept nowhere.
    pub(in crate::connector) const SPKI: &str = "\
-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA5iLU/0lld8eITIZwNo/p\n\
YdKYRyDG5Gm3RSSugSGJB2zah4+S5B9yMZ6T9pQAiom4cgcQLz0qfQ9CtBkoCNyG\n\
y0VYObaJxWjpRQddbRdfU8J5ppgjaAiILKybnf6YLojVHTU5gSggZeorexaz4eko\n\
ttHzIdXZmjti+G/gL/jZ/PT30OIL/7TfiFcK04SxLbSITIg6mnr0uyLy4iwRNn2c\n\
WnYiklnON/NndPejneWlir777VsvVD6326HrrWzuOWWecrEp7kQmqznKVCXwMSs/\n\
qiZS+BJ8SJuhtq3oy+QQYPvF3gxdaeOaHnGTqN8bjIMAhZ7Wg/a7HIjT3i7AVzp3\n\
3QIDAQAB\n\
-----END PUBLIC KEY-----\n";
    pub(in crate::connector) const PKCS1: &str = "\
-----BEGIN RSA PUBLIC KEY-----\n\
MIIBCgKCAQEA5iLU/0lld8eITIZwNo/pYdKYRyDG5Gm3RSSugSGJB2zah4+S5B9y\n\
MZ6T9pQAiom4cgcQLz0qfQ9CtBkoCNyGy0VYObaJxWjpRQddbRdfU8J5ppgjaAiI\n\
LKybnf6YLojVHTU5gSggZeorexaz4ekottHzIdXZmjti+G/gL/jZ/PT30OIL/7Tf\n\
iFcK04SxLbSITIg6mnr0uyLy4iwRNn2cWnYiklnON/NndPejneWlir777VsvVD63\n\
26HrrWzuOWWecrEp7kQmqznKVCXwMSs/qiZS+BJ8SJuhtq3oy+QQYPvF3gxdaeOa\n\
HnGTqN8bjIMAhZ7Wg/a7HIjT3i7AVzp33QIDAQAB\n\
-----END RSA PUBLIC KEY-----\n";
    /// A certificate over the same key.
    pub(in crate::connector) const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIDFTCCAf2gAwIBAgIUQ6fnT+fNW+Hcr2b7SENE23SIT+YwDQYJKoZIhvcNAQEL\n\
BQAwGTEXMBUGA1UEAwwOcHJvY2Vzc29yLnRlc3QwIBcNMjYxMTIyMjMwMDE0WhgP\n\
MjEyNjEwMjkyMzAwMTRaMBkxFzAVBgNVBAMMDnByb2Nlc3Nvci50ZXN0MIIBIjAN\n\
BgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA5iLU/0lld8eITIZwNo/pYdKYRyDG\n\
5Gm3RSSugSGJB2zah4+S5B9yMZ6T9pQAiom4cgcQLz0qfQ9CtBkoCNyGy0VYObaJ\n\
xWjpRQddbRdfU8J5ppgjaAiILKybnf6YLojVHTU5gSggZeorexaz4ekottHzIdXZ\n\
mjti+G/gL/jZ/PT30OIL/7TfiFcK04SxLbSITIg6mnr0uyLy4iwRNn2cWnYiklnO\n\
N/NndPejneWlir777VsvVD6326HrrWzuOWWecrEp7kQmqznKVCXwMSs/qiZS+BJ8\n\
SJuhtq3oy+QQYPvF3gxdaeOaHnGTqN8bjIMAhZ7Wg/a7HIjT3i7AVzp33QIDAQAB\n\
o1MwUTAdBgNVHQ4EFgQUjczGWlcofU9szTNwGnVxor91Bu8wHwYDVR0jBBgwFoAU\n\
jczGWlcofU9szTNwGnVxor91Bu8wDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0B\n\
AQsFAAOCAQEAHPvFe4BtoC5QYJA6kM9lLTN3m1XjoQBuZPCZ9eblCQz1I/x7MHOn\n\
CKhS0BTyzEV7cUZVpi6Csu4J/wmExW58t/Z/AiyXo7pX1Sb4HdVp8NQZFHgQH6UY\n\
Al+cESyV6/tc58WcHM7tzHpmkRiMrW8feFRkAvTO5XCwPgwTvPgfTP4U77GAqHIg\n\
eOPQ5sCsvqq+8x5qjvWz8JsaJhAFOXpDhTMmOg+67WAKMUdZkTz6efTjpR/37rwr\n\
kRuL/zfxEzD7eV9EOIJGSUFSGFHrgPx4gSdfzGFo1aB9xDlOb+3G1tH+HFiVmhry\n\
aB++0l2ID4EBOTGYYVe8w2lasrDudqTL+g==\n\
-----END CERTIFICATE-----\n";
    /// RSASSA-PKCS1-v1_5 with SHA-256 over `signed message`, made by OpenSSL.
    pub(in crate::connector) const SIGNATURE: &str = "\
GkG3My6adSACSAzI3X8XEeG+ffLgmsM/CSc5Fmt9qc33qtJQHq0go6X/9QUtdywKbXhXOh24cFeS5PuGaHKrnPokXqE2EwiI\
iS/T7jerPNJKNKrM2h4fl57nrulUL8oXpRUb9xb42TFLc1+IOARVZHKknV2U+7WkyiWmZDEhnCBHxDxJ022hVBFBifSxZFFF\
6YDul5KJmn4Pe9SLS/BCJuI3me+6YOVSn9l3xn5d8ihaRaTQq+Ho54YSRBXaXgpmVIZ2BCJozMyD0TSbB0gC86RMsV0p4mvv\
O+hmgjUjyc+mFLAlMdVTAMVibwLPmy5ThoEwylAx9o/MSV+sHHntrw==";
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::test_key::{CERTIFICATE, PKCS1, SIGNATURE, SPKI};
    use super::*;

    #[test]
    fn a_signature_by_openssl_passes_in_both_key_forms() {
        let signature = decode_base64(SIGNATURE).unwrap();
        let mut flipped = signature.clone();
        flipped[100] ^= 1;
        for (pem, message, signatures, passes) in [
            (SPKI, "signed message", vec![signature.clone()], true),
            (PKCS1, "signed message", vec![signature.clone()], true),
            (SPKI, "signed message", vec![vec![], flipped.clone(), signature.clone()], true),
            (SPKI, "another message", vec![signature.clone()], false),
            (SPKI, "signed message", vec![flipped], false),
            (SPKI, "signed message", vec![vec![]], false),
            (SPKI, "signed message", vec![], false),
            (CERTIFICATE, "signed message", vec![signature.clone()], false),
            ("", "signed message", vec![signature.clone()], false),
            (
                "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
                "signed message",
                vec![signature],
                false,
            ),
        ] {
            let verified = verify_rsa_sha256(pem, message.as_bytes(), &signatures);
            assert_eq!(verified.is_ok(), passes, "{message} {pem}: {verified:?}");
        }
    }

    #[test]
    fn a_key_counts_only_when_it_was_set_or_fetched() {
        let set = Settings::from([("public_key", json!(SPKI))]);
        let inside_json = json!({ "key": SPKI }).to_string();
        let none = Settings::default();
        for (settings, fetched, known) in [
            (&set, "", true),
            (&none, SPKI, true),
            (&none, inside_json.as_str(), true),
            (&none, CERTIFICATE, true),
            (&none, "", false),
            (&none, "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", false),
        ] {
            assert_eq!(has_known_origin(SPKI, settings, &[fetched.as_bytes()]), known, "{fetched}");
        }
        assert!(!has_known_origin("no key at all", &set, &[]));
    }

    #[test]
    fn reading_der_never_panics() {
        let der = pem_block(SPKI, "PUBLIC KEY").unwrap();
        assert!(unwrap_spki(&der).is_some());
        for length in 0..der.len() {
            assert_eq!(unwrap_spki(&der[..length]), None, "{length}");
        }
        // What lies beyond these bytes is the key itself, which is not read here.
        for index in 0..24 {
            let mut changed = der.clone();
            changed[index] ^= 0x80;
            assert_eq!(unwrap_spki(&changed), None, "{index}");
        }
    }
}
