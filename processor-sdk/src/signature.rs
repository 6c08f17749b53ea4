//! Cryptography by request: what the host computes or checks, over which parts, with which secret.

use serde::{Deserialize, Serialize};

use crate::{SecretRef, Timestamp};

/// A piece of a message to send, sign or check. The host joins parts without a separator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Literal text.
    Text(String),
    /// A secret's value.
    Secret(SecretRef),
    /// The delivery's body, byte for byte as received.
    DeliveryBody,
    /// The delivery's URL as it was registered with the processor, including its query.
    DeliveryUrl,
}

impl Part {
    /// A literal text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A secret by name.
    #[must_use]
    pub fn secret(name: &str) -> Self {
        Self::Secret(SecretRef::named(name))
    }
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TextEncoding {
    /// Hexadecimal; lower case when written, either case when read.
    Hex,
    /// Base64, standard alphabet, padded (RFC 4648 §4); padding is optional when read.
    Base64,
    /// Base64, URL-safe alphabet, unpadded (RFC 4648 §5).
    Base64Url,
}

/// A keyed or unkeyed digest the host can compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MacAlgorithm {
    /// HMAC with SHA-256 (RFC 2104).
    HmacSha256,
    /// HMAC with SHA-512 (RFC 2104).
    HmacSha512,
    /// SHA-256 over parts of which one is a secret.
    Sha256,
    /// SHA-512 over parts of which one is a secret.
    Sha512,
    /// MD5 over parts of which one is a secret; only because some processors still ask for it.
    Md5,
}

/// Signature algorithm of a JSON Web Token (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// ECDSA on P-256 with SHA-256; the secret is a PKCS#8 private key in PEM.
    ES256,
}

/// Asks the host for a digest of parts: a request's signature, for instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MacRequest {
    /// Algorithm.
    pub algorithm: MacAlgorithm,
    /// The key, for HMACs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// The message.
    pub over: Vec<Part>,
    /// How the answer is written.
    pub encoding: TextEncoding,
}

/// How a delivery is authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SignatureScheme {
    /// A keyed digest that must equal one of the candidates.
    Mac {
        /// Algorithm.
        algorithm: MacAlgorithm,
        /// The key, for HMACs; every active value of the secret is tried.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<SecretRef>,
        /// How the candidates are written.
        encoding: TextEncoding,
    },
    /// A token that must equal the secret itself; it covers nothing of the body.
    Equal {
        /// The expected token.
        secret: SecretRef,
    },
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2) against a public key.
    RsaSha256 {
        /// Public key as PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`): from a setting, or from a cacheable fetch.
        public_key_pem: String,
        /// How the candidates are written.
        encoding: TextEncoding,
    },
}

/// The time a signature says it was made at. It must be part of the signed message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedTimestamp {
    /// The signed time.
    pub at: Timestamp,
    /// Largest distance from the time of receipt, in seconds, to either side.
    pub tolerance_s: u32,
}

/// Asks the host to check a delivery's signature, in constant time and against every active secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignatureCheck {
    /// Scheme, with its key.
    #[serde(flatten)]
    pub scheme: SignatureScheme,
    /// The message; the host sees by it what the signature covers.
    pub over: Vec<Part>,
    /// Signatures offered by the delivery; one must match. An empty list never passes.
    pub candidates: Vec<String>,
    /// The signed time, where the scheme has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<SignedTimestamp>,
}

impl SignatureCheck {
    /// HMAC-SHA256 under the UTF-8 bytes of the named secret, written in hex.
    #[must_use]
    pub fn hmac_sha256_hex(secret: &str, over: Vec<Part>, candidates: Vec<String>) -> Self {
        Self::mac(MacAlgorithm::HmacSha256, SecretRef::named(secret), TextEncoding::Hex, over, candidates)
    }

    /// Any HMAC.
    #[must_use]
    pub fn mac(
        algorithm: MacAlgorithm,
        key: SecretRef,
        encoding: TextEncoding,
        over: Vec<Part>,
        candidates: Vec<String>,
    ) -> Self {
        let scheme = SignatureScheme::Mac { algorithm, key: Some(key), encoding };
        Self { scheme, over, candidates, timestamp: None }
    }

    /// With the time the signature says it was made at, which must lie within `tolerance_s` of receipt.
    #[must_use]
    pub fn signed_at(mut self, at: Timestamp, tolerance_s: u32) -> Self {
        self.timestamp = Some(SignedTimestamp { at, tolerance_s });
        self
    }
}
