//! The processor's objects as they are kept, and the bodies in which the outside world sees them.
//!
//! Invariant: nothing internal (account, the amount a faulty page will take) appears in a body.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

macro_rules! words {
    // One list gives an enum its JSON word and its word in messages, so that the two cannot differ.
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub(crate) enum $name { $(#[serde(rename = $word)] $variant),+ }
        impl $name {
            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}
pub(crate) use words;

words! { SessionStatus {
    Open = "open", Processing = "processing", Authorized = "authorized", Paid = "paid",
    Declined = "declined", Expired = "expired", Voided = "voided",
} }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaptureMode {
    Automatic,
    Manual,
}

words! { PaymentStatus {
    Processing = "processing", Authorized = "authorized", Captured = "captured",
    Voided = "voided", Declined = "declined",
} }
words! { RefundStatus { Pending = "pending", Succeeded = "succeeded", Failed = "failed" } }
words! { DisputeStatus { Open = "open", Won = "won", Lost = "lost" } }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeclineCode {
    CardDeclined,
    InsufficientFunds,
    StolenCard,
    ProcessorUnavailable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntryKind {
    Charge,
    Authorization,
    Capture,
    Void,
    Refund,
    Dispute,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) status: SessionStatus,
    pub(crate) reference: String,
    pub(crate) amount: i64,
    /// What the page really takes; differs from `amount` only by the fault `wrong_amount`.
    pub(crate) amount_taken: i64,
    pub(crate) currency: String,
    pub(crate) capture: CaptureMode,
    pub(crate) return_url: String,
    pub(crate) cancel_url: String,
    pub(crate) expires_at: i64,
    pub(crate) description: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) decline_code: Option<DeclineCode>,
    pub(crate) payment: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) session: String,
    pub(crate) reference: String,
    pub(crate) status: PaymentStatus,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) amount_authorized: i64,
    pub(crate) amount_captured: i64,
    pub(crate) amount_refunded: i64,
    pub(crate) amount_disputed: i64,
    /// When an authorization that nothing was captured of is released; none for a payment taken at once.
    #[serde(default)]
    pub(crate) capture_before: Option<i64>,
    pub(crate) captures: Vec<Capture>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Capture {
    pub(crate) id: String,
    pub(crate) reference: String,
    pub(crate) amount: i64,
    pub(crate) created: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) payment: String,
    pub(crate) reference: Option<String>,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: RefundStatus,
    pub(crate) failure_code: Option<String>,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) payment: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: DisputeStatus,
    pub(crate) reason: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// One movement in the processor's own books; what came back has a negative amount.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) kind: EntryKind,
    pub(crate) session: String,
    pub(crate) payment: String,
    pub(crate) reference: String,
    pub(crate) operation_reference: Option<String>,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) at: i64,
}

pub(crate) fn session_body(session: &Session, payment: Option<&Payment>, base_url: &str) -> Value {
    json!({
        "id": session.id,
        "object": "session",
        "status": session.status,
        "reference": session.reference,
        "amount": session.amount,
        "currency": session.currency,
        "capture": session.capture,
        "url": format!("{base_url}/pay/{}", session.id),
        "return_url": session.return_url,
        "cancel_url": session.cancel_url,
        "expires_at": session.expires_at,
        "created": session.created,
        "updated": session.updated,
        "decline_code": session.decline_code,
        "payment": payment.map(payment_body),
    })
}

pub(crate) fn payment_body(payment: &Payment) -> Value {
    let captures: Vec<Value> = payment
        .captures
        .iter()
        .map(|capture| {
            json!({
                "id": capture.id, "reference": capture.reference, "amount": capture.amount,
                "status": "succeeded", "created": capture.created,
            })
        })
        .collect();
    json!({
        "id": payment.id,
        "object": "payment",
        "session": payment.session,
        "reference": payment.reference,
        "status": payment.status,
        "amount": payment.amount,
        "currency": payment.currency,
        "amount_authorized": payment.amount_authorized,
        "amount_captured": payment.amount_captured,
        "amount_refunded": payment.amount_refunded,
        "amount_disputed": payment.amount_disputed,
        "capture_before": payment.capture_before,
        "captures": captures,
        "created": payment.created,
        "updated": payment.updated,
    })
}

pub(crate) fn refund_body(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "object": "refund",
        "payment": refund.payment,
        "reference": refund.reference,
        "amount": refund.amount,
        "currency": refund.currency,
        "status": refund.status,
        "failure_code": refund.failure_code,
        "created": refund.created,
        "updated": refund.updated,
    })
}

pub(crate) fn dispute_body(dispute: &Dispute) -> Value {
    json!({
        "id": dispute.id,
        "object": "dispute",
        "payment": dispute.payment,
        "amount": dispute.amount,
        "currency": dispute.currency,
        "status": dispute.status,
        "reason": dispute.reason,
        "created": dispute.created,
        "updated": dispute.updated,
    })
}
