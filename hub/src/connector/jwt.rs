//! Signed JSON Web Tokens (RFC 7515, RFC 7519) for processors that want one as a credential.
//!
//! Invariant: the algorithm is what the adapter asked for; nothing in its header fields can change it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use processor_sdk::{Fault, JwtAlgorithm, SecretRef};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::credentials::{SecretText, key_bytes};
use super::public_key::pem_block;

/// The compact form: header, claims and signature.
///
/// # Errors
/// [`Fault::CannotAsk`] when the key is not what the algorithm needs, or the header tries to name its own.
pub fn signed(
    algorithm: JwtAlgorithm,
    secret: &SecretRef,
    value: &SecretText,
    header: &BTreeMap<String, Value>,
    claims: &Value,
) -> Result<SecretText, Fault> {
    if header.contains_key("alg") || header.contains_key("typ") {
        return Err(Fault::cannot_ask("auth.header", "must not hold `alg` or `typ`: the host writes them"));
    }
    if !claims.is_object() {
        return Err(Fault::cannot_ask("auth.claims", "must be a JSON object"));
    }
    let name = match algorithm {
        JwtAlgorithm::HS256 => "HS256",
        JwtAlgorithm::ES256 => "ES256",
    };
    let mut fields = Map::new();
    fields.insert("alg".to_owned(), name.into());
    fields.insert("typ".to_owned(), "JWT".into());
    fields.extend(header.iter().map(|(key, value)| (key.clone(), value.clone())));
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(&Value::Object(fields)), encode(claims));
    let signature = match algorithm {
        JwtAlgorithm::HS256 => sign_hs256(&key_bytes(secret, value)?, &input),
        JwtAlgorithm::ES256 => sign_es256(secret, value, &input)?,
    };
    Ok(SecretText::new(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))))
}

fn sign_hs256(key: &[u8], input: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), input.as_bytes()).as_ref().to_vec()
}

fn sign_es256(secret: &SecretRef, value: &SecretText, input: &str) -> Result<Vec<u8>, Fault> {
    let refuse = || {
        Fault::cannot_ask(
            &format!("secrets.{}", secret.name),
            "is not a P-256 private key in PEM (`PRIVATE KEY`, PKCS #8)",
        )
    };
    let der = Zeroizing::new(pem_block(value.reveal(), "PRIVATE KEY").ok_or_else(refuse)?);
    // The nonce of an ECDSA signature must be the library's own: it is nothing that a test could fix, and a
    // predictable one would give the key away.
    let random = SystemRandom::new();
    let key =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).map_err(|_| refuse())?;
    Ok(key.sign(&random, input.as_bytes()).map_err(|_| refuse())?.as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use serde_json::json;

    use super::*;

    /// A P-256 key that protects nothing.
    const KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLjC+yCXRxEGnXYMU\n\
KIPEnr4zT3CYpyN9+s9+zI+4EoOhRANCAARMo0QNFUILdWbOL8iUDY888GAmX+MW\n\
YHl48Fw12dmlG6YYkfp09y7NBKFTldsc5oQzM14GwZQziCOqasHEpWQo\n\
-----END PRIVATE KEY-----\n";
    const PUBLIC_KEY: &str = "044ca3440d15420b7566ce2fc8940d8f3cf060265fe316607978f05c35d9d9a51ba61891fa74f72ecd04a15395db1ce68433335e06c194338823aa6ac1c4a56428";

    fn decode(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn hs256_of_rfc_7515_appendix_a_1() {
        let key =
            decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
        let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
            eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        assert_eq!(sign_hs256(&key, input), decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
    }

    #[test]
    fn the_compact_form() {
        let (secret, value) = (SecretRef::named("key"), SecretText::new("secret"));
        let header = BTreeMap::from([("kid".to_owned(), json!("7"))]);
        let token =
            signed(JwtAlgorithm::HS256, &secret, &value, &header, &json!({ "iss": "me", "iat": 1 })).unwrap();
        let parts = token.reveal().split('.').collect::<Vec<_>>();
        assert_eq!(decode(parts[0]), br#"{"alg":"HS256","typ":"JWT","kid":"7"}"#);
        assert_eq!(decode(parts[1]), br#"{"iss":"me","iat":1}"#);
        assert_eq!(decode(parts[2]), sign_hs256(b"secret", &format!("{}.{}", parts[0], parts[1])));
    }

    #[test]
    fn es256_verifies_with_the_public_key() {
        let (secret, value) = (SecretRef::named("key"), SecretText::new(KEY));
        let token =
            signed(JwtAlgorithm::ES256, &secret, &value, &BTreeMap::new(), &json!({ "sub": "x" })).unwrap();
        let (input, signature) = token.reveal().rsplit_once('.').unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, hex::decode(PUBLIC_KEY).unwrap());
        key.verify(input.as_bytes(), &decode(signature)).unwrap();
    }

    #[test]
    fn what_is_refused_says_why_without_the_key() {
        let secret = SecretRef::named("key");
        let algorithm_in_header = BTreeMap::from([("alg".to_owned(), json!("none"))]);
        let type_in_header = BTreeMap::from([("typ".to_owned(), json!("x"))]);
        let none = BTreeMap::new();
        for (algorithm, key, header, claims) in [
            (JwtAlgorithm::HS256, "hush-hush", &algorithm_in_header, json!({})),
            (JwtAlgorithm::HS256, "hush-hush", &type_in_header, json!({})),
            (JwtAlgorithm::HS256, "hush-hush", &none, json!("text")),
            (JwtAlgorithm::ES256, "hush-hush", &none, json!({})),
            (
                JwtAlgorithm::ES256,
                "-----BEGIN PRIVATE KEY-----\naHVzaC1odXNo\n-----END PRIVATE KEY-----",
                &none,
                json!({}),
            ),
        ] {
            let fault = signed(algorithm, &secret, &SecretText::new(key), header, &claims).unwrap_err();
            assert!(!fault.to_string().contains("hush"), "{fault}");
        }
    }
}
