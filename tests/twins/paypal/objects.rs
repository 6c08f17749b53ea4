//! PayPal's objects, whole: in answers and as the resources of events.
//!
//! Invariant: an object is as published, or the twin ends the test ([`as_published`]).

use processor_sdk::Timestamp;
use serde_json::{Value, json};

use super::books::{AUTHORIZATION_LIFE_S, Authorization, Capture, Dispute, Order, Refund};
use super::published::as_published;

/// What PayPal keeps of a capture, as a part of so many.
const FEE_PARTS: i64 = 50;

/// `2026-01-02T03:04:05Z`.
pub(super) fn time(unix_s: i64) -> String {
    Timestamp::from_unix_seconds(unix_s).expect("a time of this age").to_rfc3339()
}

/// Where the shopper pays.
pub(super) fn page(order: &Order) -> String {
    format!("{}/checkoutnow?token={}", order.base_url, order.id)
}

fn link(href: &str, rel: &str, method: &str) -> Value {
    json!({ "href": href, "rel": rel, "method": method })
}

/// Puts in what is there: PayPal leaves out what it does not know.
fn with(object: &mut Value, name: &str, value: Option<&String>) {
    if let Some(value) = value {
        object[name] = value.as_str().into();
    }
}

pub(super) fn order(order: &Order) -> Value {
    let base = format!("{}/v2/checkout/orders/{}", order.base_url, order.id);
    let mut unit = json!({
        "reference_id": "default", "amount": order.amount.json(),
        "payee": { "email_address": "merchant@example.com", "merchant_id": "W7QK2JZPL4M9A" },
    });
    with(&mut unit, "custom_id", order.custom_id.as_ref());
    with(&mut unit, "invoice_id", order.invoice_id.as_ref());
    with(&mut unit, "description", order.description.as_ref());
    let mut payments = json!({});
    if let Some(held) = &order.authorization {
        payments["authorizations"] = json!([authorization(order, held)]);
    }
    if !order.captures.is_empty() {
        payments["captures"] = order.captures.iter().map(|one| capture(order, one)).collect();
    }
    if !order.refunds.is_empty() {
        payments["refunds"] = order.refunds.iter().map(|one| refund(order, one)).collect();
    }
    if payments != json!({}) {
        unit["payments"] = payments;
    }
    let mut links = vec![link(&base, "self", "GET")];
    if order.status == "PAYER_ACTION_REQUIRED" {
        links.push(link(&page(order), "payer-action", "GET"));
    }
    if order.status == "APPROVED" {
        let rel = if order.intent == "CAPTURE" { "capture" } else { "authorize" };
        links.push(link(&format!("{base}/{rel}"), rel, "POST"));
    }
    let mut paypal = json!({});
    if order.approved_at_s.is_some() {
        paypal = json!({ "email_address": "ada@example.com", "account_id": "QYR5Z8XDVJNXQ" });
    }
    let whole = json!({
        "id": order.id, "intent": order.intent, "status": order.status, "purchase_units": [unit],
        "payment_source": { "paypal": paypal }, "create_time": time(order.created_at_s),
        "update_time": time(order.updated_at_s), "links": links,
    });
    as_published("order", whole)
}

pub(super) fn authorization(order: &Order, authorization: &Authorization) -> Value {
    let base = format!("{}/v2/payments/authorizations/{}", order.base_url, authorization.id);
    let mut whole = json!({
        "id": authorization.id, "status": authorization.status, "amount": authorization.amount.json(),
        "seller_protection": { "status": "NOT_ELIGIBLE" },
        "expiration_time": time(authorization.created_at_s + AUTHORIZATION_LIFE_S),
        "create_time": time(authorization.created_at_s), "update_time": time(authorization.updated_at_s),
        "links": [link(&base, "self", "GET"), link(&format!("{base}/capture"), "capture", "POST"),
            link(&format!("{base}/void"), "void", "POST"), up_to_order(order)],
    });
    with(&mut whole, "custom_id", order.custom_id.as_ref());
    with(&mut whole, "invoice_id", order.invoice_id.as_ref());
    as_published("authorization", whole)
}

fn up_to_order(order: &Order) -> Value {
    link(&format!("{}/v2/checkout/orders/{}", order.base_url, order.id), "up", "GET")
}

pub(super) fn capture(order: &Order, capture: &Capture) -> Value {
    let Capture { id, status, amount, is_final, invoice_id, created_at_s, updated_at_s } = capture;
    let base = format!("{}/v2/payments/captures/{id}", order.base_url);
    let up = match &order.authorization {
        Some(held) => {
            link(&format!("{}/v2/payments/authorizations/{}", order.base_url, held.id), "up", "GET")
        }
        None => up_to_order(order),
    };
    let mut whole = json!({
        "id": id, "status": status, "amount": amount.json(), "final_capture": is_final,
        "seller_protection": { "status": "NOT_ELIGIBLE" }, "create_time": time(*created_at_s),
        "update_time": time(*updated_at_s),
        "links": [link(&base, "self", "GET"), link(&format!("{base}/refund"), "refund", "POST"), up],
    });
    match *status {
        "PENDING" => whole["status_details"] = json!({ "reason": "PENDING_REVIEW" }),
        "DECLINED" => {}
        _ => {
            let fee = amount.minor / FEE_PARTS;
            whole["seller_receivable_breakdown"] = json!({
                "gross_amount": amount.json(), "paypal_fee": amount.of(fee).json(),
                "net_amount": amount.of(amount.minor - fee).json(),
            });
        }
    }
    with(&mut whole, "custom_id", order.custom_id.as_ref());
    with(&mut whole, "invoice_id", invoice_id.as_ref());
    as_published("capture", whole)
}

pub(super) fn refund(order: &Order, refund: &Refund) -> Value {
    let Refund { id, capture, status, amount, invoice_id, custom_id, at_s } = refund;
    let mut whole = json!({
        "id": id, "status": status, "amount": amount.json(), "create_time": time(*at_s), "update_time": time(*at_s),
        "links": [
            link(&format!("{}/v2/payments/refunds/{id}", order.base_url), "self", "GET"),
            link(&format!("{}/v2/payments/captures/{capture}", order.base_url), "up", "GET"),
        ],
    });
    if *status == "PENDING" {
        whole["status_details"] = json!({ "reason": "ECHECK" });
    }
    with(&mut whole, "custom_id", custom_id.as_ref());
    with(&mut whole, "invoice_id", invoice_id.as_ref());
    as_published("refund", whole)
}

pub(super) fn dispute(dispute: &Dispute) -> Value {
    let Dispute { id, capture, amount, status, outcome, created_at_s, updated_at_s } = dispute;
    let mut whole = json!({
        "dispute_id": id, "create_time": time(*created_at_s), "update_time": time(*updated_at_s),
        "disputed_transactions": [{ "seller_transaction_id": capture, "gross_amount": amount.json() }],
        "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "status": status, "dispute_amount": amount.json(),
        "dispute_life_cycle_stage": "CHARGEBACK", "dispute_channel": "INTERNAL",
    });
    if let Some(outcome) = outcome {
        whole["dispute_outcome"] = json!({ "outcome_code": outcome });
    }
    as_published("dispute", whole)
}

/// What is left of an object where nobody asked for the whole (`Prefer: return=minimal`, which is the default).
pub(super) fn minimal(whole: &Value) -> Value {
    json!({ "id": whole["id"], "status": whole["status"], "links": whole["links"] })
}
