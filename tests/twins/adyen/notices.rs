//! Adyen's standard webhooks: items, and how each is signed in its own additional data.
//!
//! Source: docs.adyen.com, "Verify HMAC signatures" and "Webhook types", the webhook description's examples, and
//! Adyen's own libraries for the order of the signed values.
//!
//! Invariant: an item is as published, or the twin ends the test.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use processor_sdk::Timestamp;
use serde_json::{Value, json};

use super::MERCHANT_ACCOUNT;
use super::published;

/// One event of a payment.
pub(super) struct Notice<'a> {
    pub(super) code: &'static str,
    pub(super) adyen_id: &'a str,
    /// The payment, where something was done to it. Some events leave it out.
    pub(super) original: Option<&'a str>,
    pub(super) reference: &'a str,
    pub(super) amount: i64,
    pub(super) currency: &'a str,
    pub(super) is_success: bool,
    pub(super) reason: &'a str,
    pub(super) additional: Value,
    pub(super) at_s: i64,
}

impl Notice<'_> {
    /// The item, not yet signed.
    pub(super) fn item(&self) -> Value {
        let mut item = json!({
            "additionalData": self.additional,
            "amount": {"currency": self.currency, "value": self.amount},
            "eventCode": self.code,
            "eventDate": date(self.at_s),
            "merchantAccountCode": MERCHANT_ACCOUNT,
            "merchantReference": self.reference,
            "paymentMethod": "visa",
            "pspReference": self.adyen_id,
            "reason": self.reason,
            "success": if self.is_success { "true" } else { "false" },
        });
        if let Some(original) = self.original {
            item["originalReference"] = original.into();
        }
        let shape = if self.code == "AUTHORISATION" {
            if self.is_success {
                item["operations"] = json!(["CANCEL", "CAPTURE", "REFUND"]);
            }
            "AuthorisationNotificationRequestItem"
        } else {
            "ModificationNotificationRequestItem"
        };
        let wrongs = published::object(shape).wrongs(&item);
        assert!(wrongs.is_empty(), "no item of Adyen's: {wrongs:?} in {item}");
        item
    }
}

/// `2021-01-01T01:00:00+00:00`.
pub(super) fn date(unix_s: i64) -> String {
    let text = Timestamp::from_unix_seconds(unix_s).expect("a time of this age").to_rfc3339();
    text.replace('Z', "+00:00")
}

/// A delivery of items. `live` is a text.
pub(super) fn delivery(livemode: bool, items: &[Value]) -> Value {
    let wrapped: Vec<Value> = items.iter().map(|item| json!({ "NotificationRequestItem": item })).collect();
    json!({ "live": if livemode { "true" } else { "false" }, "notificationItems": wrapped })
}

/// The items of a delivery, out of their wrappers.
pub(super) fn items(body: &str) -> Vec<Value> {
    let body: Value = serde_json::from_str(body).expect("a delivery");
    let items = body["notificationItems"].as_array().expect("items");
    items.iter().map(|item| item["NotificationRequestItem"].clone()).collect()
}

/// The delivery with each item signed by this key. An item that says so itself stays unsigned.
pub(super) fn signed(key: &str, body: &str) -> String {
    let mut body: Value = serde_json::from_str(body).expect("a delivery");
    for item in body["notificationItems"].as_array_mut().expect("items") {
        let item = &mut item["NotificationRequestItem"];
        let is_left_out = item["additionalData"].as_object_mut().and_then(|data| data.remove(UNSIGNED));
        if is_left_out.is_none() {
            item["additionalData"]["hmacSignature"] = signature(key, item).into();
        }
    }
    body.to_string()
}

/// A mark in an item's additional data that never leaves: it is to be sent without a signature.
pub(super) const UNSIGNED: &str = "twin.unsigned";

/// HMAC-SHA-256 over eight values with colons between them, nothing escaped, what is missing as nothing. The key is
/// decoded from hexadecimal digits; a text that is none is somebody else's, and signs as it is.
pub(super) fn signature(key: &str, item: &Value) -> String {
    let value = |pointer: &str| match item.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let texts = [
        "/pspReference",
        "/originalReference",
        "/merchantAccountCode",
        "/merchantReference",
        "/amount/value",
        "/amount/currency",
        "/eventCode",
        "/success",
    ]
    .map(value);
    let key = hex::decode(key).unwrap_or_else(|_| key.as_bytes().to_vec());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("keys of any length");
    mac.update(texts.join(":").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
