//! Durable work. A job is a row; whoever claims it holds it until its lease runs out.
//!
//! Invariant: every job can be run twice. What it does is guarded by the payment's version, by an
//! idempotency key at the processor, or by the event's id at the merchant.

use hub_core::ids::{DeliveryId, PaymentIntentId, Scope, WebhookEndpointId, WebhookEventId};
use hub_core::schedule::Work;
use processor_sdk::Timestamp;
use serde::{Deserialize, Serialize};

/// A job with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What to do.
    pub body: JobBody,
    /// When.
    pub due_at: Timestamp,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum JobBody {
    /// Something that a payment wants: call its processor, look it up, expire it.
    Payment {
        /// Whose.
        scope: Scope,
        /// Which payment.
        payment_id: PaymentIntentId,
        /// What.
        work: Work,
    },
    /// Read an inbound delivery and take what it says.
    TakeNotification {
        /// Whose.
        scope: Scope,
        /// Which delivery.
        delivery_id: DeliveryId,
    },
    /// Send an event to one of the merchant's endpoints.
    NotifyMerchant {
        /// Whose.
        scope: Scope,
        /// Which event.
        event_id: WebhookEventId,
        /// Where to.
        endpoint_id: WebhookEndpointId,
    },
}

impl JobBody {
    /// One word for what is to be done.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Payment { work, .. } => match work {
                Work::CallProcessor { .. } => "call_processor",
                Work::Check { .. } => "check",
                Work::RemindOfCapture { .. } => "remind_of_capture",
                Work::Expire => "expire",
            },
            Self::TakeNotification { .. } => "take_notification",
            Self::NotifyMerchant { .. } => "notify_merchant",
        }
    }

    /// The key that makes the same work the same job.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Payment { payment_id, work, .. } => match work {
                Work::CallProcessor { operation_id, .. } => format!("call:{payment_id}:{operation_id}"),
                Work::Check { attempt_id } => format!("check:{payment_id}:{attempt_id}"),
                Work::RemindOfCapture { attempt_id } => format!("remind:{payment_id}:{attempt_id}"),
                Work::Expire => format!("expire:{payment_id}"),
            },
            Self::TakeNotification { delivery_id, .. } => format!("take:{delivery_id}"),
            Self::NotifyMerchant { event_id, endpoint_id, .. } => format!("notify:{event_id}:{endpoint_id}"),
        }
    }
}
