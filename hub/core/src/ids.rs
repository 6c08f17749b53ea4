//! Typed ids: a prefix that says what it is, and 26 characters of lower-case Crockford base32.
//!
//! Nothing here makes an id; fresh ones come in as arguments.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Length of an id after its prefix.
pub const BODY_CHARS: usize = 26;
/// Longest echo a processor is given (findings of eight processors: 20 of `[0-9a-z]`).
const ECHO_CHARS_MAX: usize = 20;

/// Makes fresh id bodies: 26 characters each, never the same twice.
pub type Fresh<'a> = &'a mut dyn FnMut() -> String;

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of the form {prefix}… with 26 characters of [0-9a-z]")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

// One macro, because nine hand-written newtypes would differ in nothing but name and prefix.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What such an id begins with.
            pub const PREFIX: &'static str = $prefix;

            /// An id from a fresh body.
            #[must_use]
            pub fn from_body(body: &str) -> Self {
                Self(format!("{}{body}", $prefix))
            }

            /// A fresh id.
            pub fn fresh(fresh: Fresh<'_>) -> Self {
                Self::from_body(&fresh())
            }

            /// Reads an id.
            ///
            /// # Errors
            /// [`IdError`] when the prefix or the length is wrong.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let body = text.strip_prefix($prefix).ok_or(IdError { prefix: $prefix })?;
                let good = body.len() == BODY_CHARS
                    && body.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
                if good { Ok(Self(text.to_owned())) } else { Err(IdError { prefix: $prefix }) }
            }

            /// The whole id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id without its prefix.
            #[must_use]
            pub fn body(&self) -> &str {
                self.0.strip_prefix($prefix).unwrap_or(&self.0)
            }

            /// The id as a processor sees it: its last 20 characters, of which 16 are random.
            #[must_use]
            pub fn echo(&self) -> &str {
                let body = self.body();
                body.get(body.len().saturating_sub(ECHO_CHARS_MAX)..).unwrap_or(body)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id!(
    /// What is sold.
    OrderId, "ord_");
id!(
    /// The wish to collect an order's amount.
    PaymentIntentId, "pi_");
id!(
    /// One try through one connector.
    AttemptId, "att_");
id!(
    /// Taking authorized funds.
    CaptureId, "cap_");
id!(
    /// Giving captured funds back.
    RefundId, "re_");
id!(
    /// The shopper's bank takes money back.
    DisputeId, "dp_");
id!(
    /// An event as the merchant sees it.
    WebhookEventId, "evt_");
id!(
    /// Where events are sent.
    WebhookEndpointId, "whe_");
id!(
    /// One thing asked of a processor; its body is the idempotency key.
    OperationId, "op_");
id!(
    /// One inbound delivery.
    DeliveryId, "dlv_");

/// Who is paid. One merchant per hub in v1, but it leads every key from the first migration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MerchantId(pub String);

impl MerchantId {
    /// The one merchant of a v1 hub.
    #[must_use]
    pub fn main() -> Self {
        Self("main".to_owned())
    }
}

/// A merchant's test or live partition: nothing crosses it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The merchant.
    pub merchant_id: MerchantId,
    /// True where real money moves.
    pub livemode: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_only_in_their_own_form() {
        let body = "01jd0000000000000000000abc";
        assert_eq!(
            PaymentIntentId::parse("pi_01jd0000000000000000000abc"),
            Ok(PaymentIntentId::from_body(body))
        );
        assert_eq!(PaymentIntentId::from_body(body).echo(), "00000000000000000abc");
        for wrong in
            ["", "pi_", "re_01jd0000000000000000000abc", "pi_01JD0000000000000000000ABC", "pi_01jd", body]
        {
            assert_eq!(PaymentIntentId::parse(wrong), Err(IdError { prefix: "pi_" }), "{wrong}");
        }
    }

    #[test]
    fn ids_of_one_kind_are_no_ids_of_another() {
        let body = "01jd0000000000000000000abc";
        assert_eq!(AttemptId::parse(RefundId::from_body(body).as_str()), Err(IdError { prefix: "att_" }));
        assert_eq!(RefundId::from_body(body).body(), body);
        let prefixes = [
            OrderId::PREFIX,
            PaymentIntentId::PREFIX,
            AttemptId::PREFIX,
            CaptureId::PREFIX,
            RefundId::PREFIX,
            DisputeId::PREFIX,
            WebhookEventId::PREFIX,
            WebhookEndpointId::PREFIX,
            OperationId::PREFIX,
            DeliveryId::PREFIX,
        ];
        assert_eq!(std::collections::BTreeSet::from(prefixes).len(), prefixes.len());
    }

    #[test]
    fn ids_are_read_from_json_as_strictly_as_from_text() {
        let good = "\"re_01jd0000000000000000000abc\"";
        let id: RefundId = serde_json::from_str(good).unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), good);
        for wrong in ["\"att_01jd0000000000000000000abc\"", "\"re_\"", "1", "null"] {
            assert!(serde_json::from_str::<RefundId>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fresh_ids_use_the_body_they_are_given() {
        let mut count = 0;
        let mut fresh = || {
            count += 1;
            format!("{count:026}")
        };
        let (first, second) = (CaptureId::fresh(&mut fresh), CaptureId::fresh(&mut fresh));
        assert_ne!(first, second);
        assert_eq!(first.echo(), "00000000000000000001");
        assert!(first.echo().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
