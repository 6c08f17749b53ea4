//! Objects of the cart's API as JSON: what `GET` shows and what events carry.
//!
//! Written out by hand from the domain types, so that renaming a field inside never changes the contract.

use hub_core::evidence::Evidence;
use hub_core::ids::{DisputeId, RefundId, WebhookEventId};
use hub_core::order::Order;
use hub_core::payment::{Attempt, Dispute, PaymentIntent, Refund};
use processor_sdk::{CaptureMode, Timestamp};
use serde_json::{Map, Value, json};

use crate::store::{DeliveryState, EndpointRow, MerchantDelivery};

/// The hub's own addresses, below its public URL.
#[derive(Clone, Debug)]
pub struct PublicUrls {
    base: String,
}

impl PublicUrls {
    /// Addresses below `base`, such as `https://pay.example.com`.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    /// The public URL itself, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where the shopper pays.
    pub fn checkout(&self, token: &str) -> String {
        format!("{}/pay/{token}", self.base)
    }

    /// Where the processor sends the shopper back to.
    pub fn shopper_return(&self, token: &str) -> String {
        format!("{}/return/{token}", self.base)
    }

    /// Where the processor sends the shopper who gave up.
    pub fn shopper_cancel(&self, token: &str) -> String {
        format!("{}/return/{token}?canceled=1", self.base)
    }

    /// Where the processor delivers its webhooks.
    pub fn webhooks(&self, connector: &str, path_secret: Option<&str>) -> String {
        match path_secret {
            Some(secret) => format!("{}/webhooks/{connector}/{secret}", self.base),
            None => format!("{}/webhooks/{connector}", self.base),
        }
    }
}

fn time(at: Timestamp) -> Value {
    Value::String(at.to_rfc3339())
}

/// A payment intent.
pub fn payment_intent(payment: &PaymentIntent, urls: &PublicUrls) -> Value {
    let attempts: Vec<_> = payment.attempts.iter().map(|attempt| self::attempt(payment, attempt)).collect();
    let captures: Vec<_> = payment
        .captures
        .iter()
        .map(|capture| {
            json!({
                "id": capture.id.as_str(),
                "amount": capture.amount.minor(),
                "status": capture.status.as_str(),
                "created_at": time(capture.created_at),
            })
        })
        .collect();
    let mut object = json!({
        "id": payment.id.as_str(),
        "object": "payment_intent",
        "livemode": payment.scope.livemode,
        "status": payment.status.as_str(),
        "amount": payment.amount.minor(),
        "amount_capturable": payment.amount_capturable().minor(),
        "amount_captured": payment.amount_captured().minor(),
        "amount_refunded": payment.amount_refunded().minor(),
        "amount_disputed": payment.amount_disputed().minor(),
        "currency": payment.amount.currency().code(),
        "capture": match payment.capture {
            CaptureMode::Automatic => "automatic",
            CaptureMode::Manual => "manual",
        },
        "order": payment.order_id.as_str(),
        "order_reference": payment.order_reference,
        "checkout_url": urls.checkout(&payment.checkout_token),
        "return_url": payment.return_url,
        "cancel_url": payment.cancel_url,
        "expires_at": time(payment.expires_at),
        "cancel_requested": payment.cancel_requested,
        "attempts": attempts,
        "captures": captures,
        "metadata": payment.metadata,
        "created_at": time(payment.created_at),
    });
    if let Some(fields) = object.as_object_mut() {
        optional_fields(payment, fields);
    }
    object
}

fn optional_fields(payment: &PaymentIntent, fields: &mut Map<String, Value>) {
    if let Some(site) = &payment.site {
        fields.insert("site".to_owned(), json!(site));
    }
    if let Some(capture_before) = payment.capture_before() {
        fields.insert("capture_before".to_owned(), time(capture_before));
    }
    if let Some(quarantine) = &payment.quarantine {
        let quarantine = json!({ "reason": quarantine.reason.as_str(), "since": time(quarantine.since) });
        fields.insert("quarantine".to_owned(), quarantine);
    }
    if let Some(error) = &payment.last_error {
        let error = json!({ "code": error.code, "processor_code": error.processor_code });
        fields.insert("last_error".to_owned(), error);
    }
}

fn attempt(payment: &PaymentIntent, attempt: &Attempt) -> Value {
    json!({
        "id": attempt.id.as_str(),
        "connector": attempt.profile.connector,
        "state": attempt.state(payment.capture).as_str(),
        "references": references(&attempt.evidence),
        "reason": attempt.reason,
        "created_at": time(attempt.created_at),
    })
}

fn references(evidence: &Evidence) -> Value {
    let references = evidence.references().iter();
    references.map(|reference| json!({ "kind": reference.kind, "id": reference.id })).collect()
}

/// An order. Its payment tells how much of it is paid.
pub fn order(order: &Order, payment: &PaymentIntent) -> Value {
    let lines: Vec<_> = order
        .lines
        .iter()
        .map(|line| {
            json!({
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_amount": line.unit_amount.minor(),
                "kind": line.kind,
                "metadata": line.metadata,
            })
        })
        .collect();
    json!({
        "id": order.id.as_str(),
        "object": "order",
        "livemode": payment.scope.livemode,
        "status": if payment.is_paid_in_full() { "paid" } else { "open" },
        "order_reference": order.order_reference,
        "description": order.description,
        "amount": order.amount.minor(),
        "amount_paid": payment.amount_captured().minor(),
        "currency": order.amount.currency().code(),
        "lines": lines,
        "payment_intent": payment.id.as_str(),
        "created_at": time(payment.created_at),
    })
}

/// A refund.
pub fn refund(payment: &PaymentIntent, refund: &Refund) -> Value {
    json!({
        "id": refund.id.as_str(),
        "object": "refund",
        "livemode": payment.scope.livemode,
        "payment_intent": payment.id.as_str(),
        "status": refund.status.as_str(),
        "amount": refund.amount.minor(),
        "currency": refund.amount.currency().code(),
        "reason": refund.reason,
        "failure_code": refund.failure,
        "made_elsewhere": refund.observed,
        "metadata": refund.metadata,
        "created_at": time(refund.created_at),
    })
}

/// A refund of a payment by its id.
pub fn refund_by_id(payment: &PaymentIntent, id: &RefundId) -> Option<Value> {
    payment.refunds.iter().find(|refund| refund.id == *id).map(|found| refund(payment, found))
}

/// A dispute.
pub fn dispute(payment: &PaymentIntent, dispute: &Dispute) -> Value {
    json!({
        "id": dispute.id.as_str(),
        "object": "dispute",
        "livemode": payment.scope.livemode,
        "payment_intent": payment.id.as_str(),
        "status": dispute.status.as_str(),
        "amount": dispute.amount.minor(),
        "currency": dispute.amount.currency().code(),
        "reason": dispute.reason,
        "created_at": time(dispute.created_at),
    })
}

/// A dispute of a payment by its id.
pub fn dispute_by_id(payment: &PaymentIntent, id: &DisputeId) -> Option<Value> {
    payment.disputes.iter().find(|dispute| dispute.id == *id).map(|found| dispute(payment, found))
}

/// What an event says beside its object.
#[derive(Clone, Copy, Debug)]
pub struct EventHead<'a> {
    pub id: &'a WebhookEventId,
    pub kind: &'a str,
    pub created_at: Timestamp,
    pub livemode: bool,
    pub sequence: u64,
    /// The key of the cart's call that led to it at once; it may arrive before that call's answer.
    pub idempotency_key: Option<&'a str>,
}

/// An event's whole body as it is sent, byte for byte.
pub fn event_body(head: &EventHead<'_>, object: &Value) -> String {
    json!({
        "id": head.id.as_str(),
        "object": "event",
        "type": head.kind,
        "created_at": time(head.created_at),
        "livemode": head.livemode,
        "sequence": head.sequence,
        "idempotency_key": head.idempotency_key,
        "data": { "object": object },
    })
    .to_string()
}

/// An endpoint. Its secret is shown only when it is made or rotated.
pub fn endpoint(endpoint: &EndpointRow) -> Value {
    json!({
        "id": endpoint.id.as_str(),
        "object": "webhook_endpoint",
        "livemode": endpoint.scope.livemode,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": endpoint.event_types,
        "enabled": endpoint.enabled,
        "disabled_reason": endpoint.disabled_reason,
        "created_at": time(endpoint.created_at),
    })
}

/// A delivery to the merchant.
pub fn delivery(delivery: &MerchantDelivery) -> Value {
    json!({
        "object": "delivery",
        "event": delivery.event_id.as_str(),
        "webhook_endpoint": delivery.endpoint_id.as_str(),
        "type": delivery.kind,
        "state": match delivery.state {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
        },
        "tries": delivery.tries,
        "next_at": delivery.next_at.map(Timestamp::to_rfc3339),
        "last_try": delivery.last_try.as_ref().map(|last| json!({
            "at": time(last.at),
            "status": last.status,
            "failure": last.failure,
        })),
        "created_at": time(delivery.created_at),
    })
}

/// A list as the API shows it.
pub fn list(data: &[Value], next_cursor: Option<&str>) -> Value {
    json!({ "object": "list", "data": data, "next_cursor": next_cursor })
}
