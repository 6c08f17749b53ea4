//! A connector's secrets, and which request may carry which of them.
//!
//! Invariant: a secret is revealed only to sign, to check, or to a host that its own declaration names. It is
//! wiped from memory when dropped and prints as `•••`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use processor_sdk::{Descriptor, Fault, KeyEncoding, SecretRef, Settings};
use url::Url;
use zeroize::Zeroizing;

use super::crypto::{decode_base64, decode_hex};
use super::hosts::{AllowedHosts, Grants, HostsError};

/// A text that must never be printed.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("•••")
    }
}

/// The active values of every secret of one connector. The first value is the one requests use; signatures
/// are checked against each, so that a secret can be rotated without losing a delivery.
#[derive(Clone, Debug, Default)]
pub struct SecretValues(BTreeMap<String, Vec<SecretText>>);

impl SecretValues {
    /// Empty values are dropped here, so that nothing is ever signed or checked with nothing.
    pub fn new(values: BTreeMap<String, Vec<SecretText>>) -> Self {
        let mut values = values;
        for list in values.values_mut() {
            list.retain(|value| !value.reveal().is_empty());
        }
        Self(values)
    }

    /// Every active value; empty when the secret is not set.
    pub fn active(&self, name: &str) -> &[SecretText] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value that requests use.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] naming the secret when it is not set.
    pub fn first(&self, name: &str) -> Result<&SecretText, Fault> {
        let missing = || Fault::cannot_ask(&format!("secrets.{name}"), "is not set");
        self.active(name).first().ok_or_else(missing)
    }

    /// Every value there is, for redaction.
    pub fn all(&self) -> impl Iterator<Item = &SecretText> {
        self.0.values().flatten()
    }
}

/// The key bytes that a secret's text stands for.
///
/// # Errors
/// [`Fault::CannotAsk`] when the text is not written as declared, or stands for no bytes at all.
pub fn key_bytes(secret: &SecretRef, value: &SecretText) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let field = || format!("secrets.{}", secret.name);
    let text = value.reveal();
    let bytes = match secret.encoding {
        KeyEncoding::Utf8 => Some(text.as_bytes().to_vec()),
        KeyEncoding::Hex => decode_hex(text.trim()),
        KeyEncoding::Base64 => decode_base64(text.trim()),
    };
    match bytes.map(Zeroizing::new) {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        Some(_) => Err(Fault::cannot_ask(&field(), "is empty")),
        None => Err(Fault::cannot_ask(&field(), &format!("is not written as {:?}", secret.encoding))),
    }
}

/// Which hosts each secret may be sent to.
#[derive(Clone, Debug)]
pub struct SecretHosts(BTreeMap<String, AllowedHosts>);

impl SecretHosts {
    pub fn new(descriptor: &Descriptor, settings: &Settings, grants: &Grants) -> Result<Self, HostsError> {
        let hosts_of = |field: &processor_sdk::SecretField| {
            Ok((field.name.clone(), AllowedHosts::for_requests(&field.hosts, settings, grants)?))
        };
        Ok(Self(descriptor.secrets.iter().map(hosts_of).collect::<Result<_, _>>()?))
    }

    /// Whether the secret may go where this URL leads.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] naming the secret.
    pub fn check(&self, name: &str, url: &Url) -> Result<(), Fault> {
        let field = format!("secrets.{name}");
        let hosts =
            self.0.get(name).ok_or_else(|| Fault::cannot_ask(&field, "is not declared by the adapter"))?;
        hosts
            .check(url.as_str())
            .map(|_| ())
            .map_err(|why| Fault::cannot_ask(&field, &format!("may not be sent there: the request {why}")))
    }
}

/// The secrets as one request sees them: each is handed out only when it may go to that request's host.
#[derive(Clone, Copy)]
pub struct Carrier<'a> {
    pub secrets: &'a SecretValues,
    pub hosts: &'a SecretHosts,
    pub url: &'a Url,
}

impl<'a> Carrier<'a> {
    /// The text to send.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] when it is not set or may not go there.
    pub fn carry(&self, secret: &SecretRef) -> Result<&'a SecretText, Fault> {
        self.hosts.check(&secret.name, self.url)?;
        self.secrets.first(&secret.name)
    }
}

/// `Basic` credentials (RFC 7617).
pub fn basic(user: &str, password: &str) -> SecretText {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    SecretText::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(list: &[&str]) -> SecretValues {
        let list = list.iter().map(|value| SecretText::new(*value)).collect();
        SecretValues::new(BTreeMap::from([("key".to_owned(), list)]))
    }

    #[test]
    fn secrets_do_not_print() {
        let secrets = values(&["hush-hush"]);
        assert_eq!(format!("{secrets:?}"), r#"SecretValues({"key": [•••]})"#);
    }

    #[test]
    fn an_empty_secret_is_no_secret() {
        assert!(values(&[""]).first("key").is_err());
        assert_eq!(values(&["", "next"]).first("key").unwrap().reveal(), "next");
        assert!(values(&["x"]).active("other").is_empty());
    }

    #[test]
    fn key_bytes_are_read_as_declared() {
        let plain = SecretRef::named("key");
        for (secret, text, bytes) in [
            (plain.clone(), "6b6579", Some(b"6b6579".to_vec())),
            (plain.clone().hex(), "6B6579", Some(b"key".to_vec())),
            (plain.clone().hex(), "6b657", None),
            (plain.clone().hex(), "xy", None),
            (plain.clone().hex(), " ", None),
            (plain.clone().base64(), "a2V5", Some(b"key".to_vec())),
            (plain.clone().base64(), "a2V5cw==", Some(b"keys".to_vec())),
            (plain.clone().base64(), "a2V5cw", Some(b"keys".to_vec())),
            (plain.base64(), "!!", None),
        ] {
            let read = key_bytes(&secret, &SecretText::new(text)).ok().map(|bytes| bytes.to_vec());
            assert_eq!(read, bytes, "{secret:?} {text}");
        }
    }

    #[test]
    fn basic_credentials_of_rfc_7617() {
        assert_eq!(basic("Aladdin", "open sesame").reveal(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }
}
