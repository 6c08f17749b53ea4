//! Square's objects, whole, as its answers and events have them.
//!
//! Invariant: an object is as published, or the twin ends the test ([`as_published`]).

use processor_sdk::Timestamp;
use serde_json::{Value, json};

use super::books::{Dispute, Link, Order, Payment, Refund};
use super::published::as_published;
use super::{CURRENCY, LOCATION};

/// The shape of both events about disputes. The published examples call what they carry `dispute` and the published
/// schema calls it `object`; the twin does as the examples do.
pub(super) const DISPUTE_EVENT: &str = "DisputeCreatedEvent";

/// `2026-01-02T03:04:05.678Z`.
pub(super) fn time(unix_ms: i64) -> String {
    let seconds = Timestamp::from_unix_seconds(unix_ms.div_euclid(1_000)).expect("a time of this age");
    seconds.to_rfc3339().replace('Z', &format!(".{:03}Z", unix_ms.rem_euclid(1_000)))
}

fn money(amount: i64) -> Value {
    json!({"amount": amount, "currency": CURRENCY})
}

/// An event.
pub(super) fn event(name: &str, event: Value) -> Value {
    if name == DISPUTE_EVENT {
        let mut as_in_schema = event.clone();
        as_in_schema["data"]["object"] = json!({"object": event["data"]["object"]["dispute"]});
        as_published(name, as_in_schema);
        return event;
    }
    as_published(name, event)
}

pub(super) fn link(link: &Link, base_url: &str) -> Value {
    let wish = &link.wish;
    let mut whole = json!({
        "id": link.id, "version": 1, "order_id": link.order, "url": format!("{base_url}/u/{}", link.code),
        "long_url": format!("{base_url}/u/{}", link.code), "created_at": time(link.created_at_ms),
    });
    for name in ["description", "checkout_options", "pre_populated_data", "payment_note"] {
        if !wish[name].is_null() {
            whole[name] = wish[name].clone();
        }
    }
    as_published("PaymentLink", whole)
}

/// An order, with the payments that were tried for it.
pub(super) fn order(order: &Order, payments: &[Payment]) -> Value {
    let paid = payments.iter().filter(|payment| payment.status == "COMPLETED");
    let due = order.total - paid.map(|payment| payment.amount).sum::<i64>();
    let mut whole = json!({
        "id": order.id, "location_id": LOCATION, "line_items": line_items(order), "state": order.state,
        "fulfillments": [{"uid": "bBpNrxjdQxGQP16sTmdzi", "type": "DIGITAL", "state": "PROPOSED"}],
        "source": {"name": "Twin"}, "version": order.version, "total_money": money(order.total),
        "total_tax_money": money(0), "total_discount_money": money(0), "total_tip_money": money(0),
        "total_service_charge_money": money(0), "net_amount_due_money": money(due),
        "net_amounts": {
            "total_money": money(order.total), "tax_money": money(0), "discount_money": money(0),
            "tip_money": money(0), "service_charge_money": money(0),
        },
        "created_at": time(order.created_at_ms), "updated_at": time(order.updated_at_ms),
    });
    for name in ["reference_id", "metadata", "pricing_options"] {
        if !order.wish[name].is_null() {
            whole[name] = order.wish[name].clone();
        }
    }
    if !payments.is_empty() {
        whole["tenders"] = payments.iter().map(tender).collect();
    }
    as_published("Order", whole)
}

fn line_items(order: &Order) -> Value {
    let mut items = order.wish["line_items"].as_array().cloned().unwrap_or_default();
    for item in &mut items {
        item["uid"] = "8YX13D1U3jO7czP8JVrAR".into();
        item["item_type"] = "ITEM".into();
        item["total_money"] = item["base_price_money"].clone();
    }
    items.into()
}

fn tender(payment: &Payment) -> Value {
    json!({
        "id": payment.id, "location_id": LOCATION, "transaction_id": payment.order, "type": "CARD",
        "created_at": time(payment.created_at_ms), "amount_money": money(payment.amount),
        "card_details": {"status": card_status(payment), "entry_method": "KEYED"}, "payment_id": payment.id,
    })
}

fn card_status(payment: &Payment) -> &'static str {
    match payment.status {
        "COMPLETED" => "CAPTURED",
        "APPROVED" => "AUTHORIZED",
        _ => "FAILED",
    }
}

pub(super) fn payment(payment: &Payment) -> Value {
    let mut whole = json!({
        "id": payment.id, "created_at": time(payment.created_at_ms), "updated_at": time(payment.updated_at_ms),
        "amount_money": money(payment.amount), "total_money": money(payment.amount),
        "approved_money": money(payment.amount), "status": payment.status, "delay_duration": "PT168H",
        "delay_action": "CANCEL", "source_type": "CARD", "location_id": LOCATION, "order_id": payment.order,
        "card_details": {"status": card_status(payment), "entry_method": "KEYED"},
        "version_token": format!("{}6o", payment.updated_at_ms),
    });
    if let Some(code) = &payment.error {
        let detail = format!("Authorization error: '{code}'");
        whole["card_details"]["errors"] = error("PAYMENT_METHOD_ERROR", code, &detail, None)["errors"].take();
    }
    if let Some(note) = &payment.note {
        whole["note"] = note.as_str().into();
    }
    if let Some(fee) = payment.fee {
        let effective_at = time(payment.updated_at_ms);
        whole["processing_fee"] =
            json!([{"type": "INITIAL", "effective_at": effective_at, "amount_money": money(fee)}]);
    }
    if !payment.refunds.is_empty() {
        whole["refund_ids"] = json!(payment.refunds);
    }
    if payment.refunded > 0 {
        whole["refunded_money"] = money(payment.refunded);
    }
    as_published("Payment", whole)
}

pub(super) fn refund(refund: &Refund) -> Value {
    let mut whole = json!({
        "id": refund.id, "status": refund.status, "location_id": LOCATION, "destination_type": "CARD",
        "amount_money": money(refund.amount), "payment_id": refund.payment, "order_id": refund.order,
        "created_at": time(refund.created_at_ms), "updated_at": time(refund.updated_at_ms),
    });
    if let Some(reason) = &refund.reason {
        whole["reason"] = reason.as_str().into();
    }
    as_published("PaymentRefund", whole)
}

pub(super) fn dispute(dispute: &Dispute) -> Value {
    let whole = json!({
        "id": dispute.id, "amount_money": money(dispute.amount), "reason": "NOT_RECEIVED", "state": dispute.state,
        "disputed_payment": {"payment_id": dispute.payment}, "card_brand": "VISA", "location_id": LOCATION,
        "created_at": time(dispute.created_at_ms), "updated_at": time(dispute.updated_at_ms),
        "version": dispute.version,
    });
    as_published("Dispute", whole)
}

/// An error.
pub(super) fn error(category: &str, code: &str, detail: &str, field: Option<&str>) -> Value {
    let mut one = json!({"category": category, "code": code, "detail": detail});
    if let Some(field) = field {
        one["field"] = field.into();
    }
    json!({"errors": [as_published("Error", one)]})
}
