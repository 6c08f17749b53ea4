//! The chain of a payment's history: each event carries the hash of the one before it.
//!
//! What is hashed is the text under which an event is stored, with its place: whose, of which payment, the how
//! many-th, when. So an event that was changed, taken out, put in or moved no longer fits the one after it, and
//! the last one no longer fits the state. Whoever can change everything that follows as well is found by the
//! signed roots that the hub keeps over all payments.
//!
//! Invariant: the hash of a stored event can be worked out from its row alone, by any release.

use std::fmt;

use processor_sdk::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::event::Recorded;
use crate::ids::{PaymentIntentId, Scope};
use crate::payment::PaymentIntent;

/// Sets this use of SHA-256 apart from every other one, and names the rule by which texts become bytes.
const DOMAIN: &[u8] = b"payhub event v1";

/// SHA-256 of an event and all before it; in text 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventHash([u8; 32]);

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct NotAHash;

impl EventHash {
    /// What comes before the first event.
    pub const NONE: Self = Self([0; 32]);

    /// Whether it is [`Self::NONE`].
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// A hash from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash from its text.
    ///
    /// # Errors
    /// [`NotAHash`].
    pub fn parse(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAHash)?;
        let hash = Self(bytes);
        // Lower case alone, so that one hash has one text.
        if hash.to_string() == text { Ok(hash) } else { Err(NotAHash) }
    }
}

impl Default for EventHash {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for EventHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EventHash({self})")
    }
}

impl From<EventHash> for String {
    fn from(hash: EventHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for EventHash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        Self::parse(&text)
    }
}

/// An event as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredEvent<'a> {
    /// Position in the payment's history, from 1.
    pub version: u64,
    /// When the hub decided it.
    pub at: Timestamp,
    /// Who or what caused it, as JSON.
    pub cause: &'a str,
    /// What happened, as JSON.
    pub event: &'a str,
    /// Hash of the event before it.
    pub previous: EventHash,
}

/// The hash of an event of this payment.
#[must_use]
pub fn hash(scope: &Scope, payment_id: &PaymentIntentId, stored: &StoredEvent<'_>) -> EventHash {
    let mut digest = Sha256::new();
    digest.update(DOMAIN);
    digest.update(stored.previous.0);
    digest.update(stored.version.to_be_bytes());
    digest.update(stored.at.as_micros().to_be_bytes());
    digest.update([u8::from(scope.livemode)]);
    for text in [&scope.merchant_id.0, payment_id.as_str(), stored.cause, stored.event] {
        add_with_length(&mut digest, text.as_bytes());
    }
    EventHash(digest.finalize().into())
}

/// Adds bytes with their length before them, so that no two lists of them are digested alike.
pub fn add_with_length(digest: &mut Sha256, bytes: &[u8]) {
    digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    digest.update(bytes);
}

/// Makes an event the last one of its payment's chain.
pub fn link(payment: &mut PaymentIntent, recorded: &Recorded) {
    // Values of ours can always be written. If one could not, its row could not be stored either.
    let text = |json: Result<String, serde_json::Error>| json.unwrap_or_default();
    let (cause, event) =
        (text(serde_json::to_string(&recorded.cause)), text(serde_json::to_string(&recorded.event)));
    let stored = StoredEvent {
        version: recorded.version,
        at: recorded.at,
        cause: &cause,
        event: &event,
        previous: recorded.previous,
    };
    payment.last_event = hash(&payment.scope, &payment.id, &stored);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MerchantId;

    const AT: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn a_hash_has_one_text() {
        let hash = EventHash([0xab; 32]);
        let text = "ab".repeat(32);
        assert_eq!((hash.to_string(), EventHash::parse(&text)), (text.clone(), Ok(hash)));
        let json = format!("\"{text}\"");
        assert_eq!(serde_json::to_string(&hash).unwrap(), json);
        assert_eq!(serde_json::from_str::<EventHash>(&json).unwrap(), hash);
        for wrong in ["", "ab", &"AB".repeat(32), &"g0".repeat(32), &"ab".repeat(33), &"ä".repeat(32)] {
            assert_eq!(EventHash::parse(wrong), Err(NotAHash), "{wrong}");
        }
    }

    /// The rule itself is part of what is stored: this value must never change.
    #[test]
    fn the_rule_stands() {
        let scope = Scope { merchant_id: MerchantId("main".to_owned()), livemode: false };
        let id = PaymentIntentId::from_body("1");
        let row = |version, cause, event, previous| StoredEvent { version, at: AT, cause, event, previous };
        let first = hash(&scope, &id, &row(1, "{}", "[]", EventHash::NONE));
        assert_eq!(first.to_string(), "ffcaf7d956deda3e894c401dee3aa24c3f2d5d4c1a3a6ffba95c11c1cb9885d7");
        // What moves from one text into the next one is another row.
        let others = [
            row(2, "{}", "[]", EventHash::NONE),
            row(1, "{}[", "]", EventHash::NONE),
            row(1, "", "{}[]", EventHash::NONE),
            row(1, "{}", "[]", first),
            StoredEvent { at: AT.saturating_add_micros(1), ..row(1, "{}", "[]", EventHash::NONE) },
        ];
        for other in others {
            assert_ne!(hash(&scope, &id, &other), first, "{other:?}");
        }
        let live = Scope { livemode: true, ..scope.clone() };
        assert_ne!(hash(&live, &id, &row(1, "{}", "[]", EventHash::NONE)), first);
        let elsewhere = PaymentIntentId::from_body("2");
        assert_ne!(hash(&scope, &elsewhere, &row(1, "{}", "[]", EventHash::NONE)), first);
    }
}
