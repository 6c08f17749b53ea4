//! Short texts that somebody else writes: ids, times, keys, links, secrets of webhooks.
//!
//! What is read is written the same way again, or is refused.

use hub_core::ids::PaymentIntentId;
use payhub::api_key::PlainApiKey;
use payhub::connector::crypto::{decode, decode_base64, decode_hex};
use payhub::merchant_webhooks::signature::WebhookSecret;
use payhub::pages::href::link_target;
use processor_sdk::{TextEncoding, Timestamp};
use url::Url;

/// Feeds one input.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(at) = Timestamp::parse_rfc3339(text) {
        assert!((Timestamp::MIN..=Timestamp::MAX).contains(&at));
        assert_eq!(Timestamp::parse_rfc3339(&at.to_rfc3339()), Ok(at), "{text}");
    }
    if let Ok(id) = PaymentIntentId::parse(text) {
        assert_eq!(id.as_str(), text);
        assert!(text.len() <= 64 && text.is_ascii());
    }
    if let Ok(key) = PlainApiKey::parse(text) {
        assert!(!format!("{key:?}").contains(text), "a key is shown");
    }
    if let Ok(secret) = WebhookSecret::parse(text) {
        assert_eq!(WebhookSecret::parse(&secret.reveal()).expect("its own text").reveal(), secret.reveal());
        assert!(!format!("{secret:?}").contains(text), "a secret is shown");
    }
    if let Some(target) = link_target(text) {
        leads_to_a_page(&target);
    }
    for encoding in [TextEncoding::Hex, TextEncoding::Base64, TextEncoding::Base64Url] {
        if let Some(bytes) = decode(text, encoding) {
            assert!(bytes.len() <= text.len());
        }
    }
    if let Some(bytes) = decode_hex(text) {
        assert_eq!(bytes.len() * 2, text.len());
    }
    let _ = decode_base64(text);
}

/// As a browser on a page of the hub reads it.
fn leads_to_a_page(target: &str) {
    let here = Url::parse("https://pay.example.com/c/abc").expect("an address");
    let url = here.join(target).expect("a link that was let through");
    assert!(matches!(url.scheme(), "http" | "https"), "a link to {url}");
    if target.starts_with('/') {
        assert_eq!(url.origin(), here.origin(), "a path that leads away: {target:?}");
    }
    assert!(!target.chars().any(char::is_control), "{target:?}");
}
