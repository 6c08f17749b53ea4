//! Paystack's objects, whole: in answers as its description has them, and in events as its documents show them.
//!
//! Invariant: an object in an answer is as published, or the twin ends the test ([`as_published`]).

use processor_sdk::Timestamp;
use serde_json::{Value, json};

use super::books::{Dispute, Payment, Refund};
use super::published;

/// The merchant's number, the same in every object.
const INTEGRATION: i64 = 412_829;

/// `2026-01-02T03:04:05.000Z`.
pub(super) fn time(unix_s: i64) -> String {
    let text = Timestamp::from_unix_seconds(unix_s).expect("a time of this age").to_rfc3339();
    text.replace('Z', ".000Z")
}

/// That an object of an answer is as Paystack says.
fn as_published(name: &str, object: Value) -> Value {
    let wrongs = published::object(name).wrongs(&object);
    assert!(wrongs.is_empty(), "no {name} of Paystack's: {wrongs:?} in {object}");
    object
}

fn domain(transaction: &Payment) -> &'static str {
    if transaction.livemode { "live" } else { "test" }
}

fn customer(transaction: &Payment) -> Value {
    json!({
        "id": 181_873_746, "first_name": null, "last_name": null, "email": transaction.email,
        "customer_code": "CUS_1rkzaqsv4rrhqo6", "phone": null, "metadata": null, "risk_action": "default",
        "international_format_phone": null,
    })
}

/// The customer as refunds and disputes have them: no field is left out there, and none is null.
fn customer_in_full(transaction: &Payment) -> Value {
    json!({
        "id": 181_873_746, "first_name": "", "last_name": "", "email": transaction.email,
        "customer_code": "CUS_1rkzaqsv4rrhqo6", "phone": "", "metadata": "", "risk_action": "default",
        "international_format_phone": "",
    })
}

/// The page of a new transaction.
pub(super) fn page(transaction: &Payment, base_url: &str) -> Value {
    let code = &transaction.access_code;
    let page = json!({
        "authorization_url": format!("{base_url}/page/{code}"), "access_code": code,
        "reference": transaction.reference,
    });
    as_published("page", page)
}

/// A transaction, as a look-up shows it.
pub(super) fn transaction(transaction: &Payment) -> Value {
    let paid_at = transaction.paid_at_s.map(time);
    let created_at = time(transaction.created_at_s);
    let whole = json!({
        "id": transaction.id, "domain": domain(transaction), "status": transaction.status,
        "reference": transaction.reference, "receipt_number": null, "amount": transaction.amount,
        "message": null, "gateway_response": transaction.bank_said, "paid_at": paid_at,
        "created_at": created_at, "channel": "card", "currency": transaction.currency,
        "ip_address": "127.0.0.1", "metadata": transaction.metadata, "log": null, "fees": transaction.fee(),
        "fees_split": null, "authorization": {}, "customer": customer(transaction), "plan": null, "split": {},
        "order_id": null, "paidAt": paid_at, "createdAt": created_at, "requested_amount": transaction.amount,
        "pos_transaction_data": null, "source": null, "fees_breakdown": null, "connect": null,
        "transaction_date": created_at, "plan_object": {}, "subaccount": {},
    });
    as_published("transaction", whole)
}

/// A transaction, as `charge.success` tells of it.
pub(super) fn charged(transaction: &Payment) -> Value {
    json!({
        "id": transaction.id, "domain": domain(transaction), "status": transaction.status,
        "reference": transaction.reference, "amount": transaction.amount, "message": null,
        "gateway_response": transaction.bank_said, "paid_at": transaction.paid_at_s.map(time),
        "created_at": time(transaction.created_at_s), "channel": "card", "currency": transaction.currency,
        "ip_address": "127.0.0.1", "metadata": transaction.metadata, "fees_breakdown": null, "log": null,
        "fees": transaction.fee(), "fees_split": null, "authorization": {}, "customer": customer(transaction),
        "plan": {}, "subaccount": {}, "split": {}, "order_id": null,
        "requested_amount": transaction.amount, "pos_transaction_data": null, "source": null,
    })
}

/// A refund, as the request that makes it is answered.
pub(super) fn new_refund(refund: &Refund, of: &Payment) -> Value {
    let paid_at = of.paid_at_s.map(time);
    let created_at = time(refund.created_at_s);
    let whole = json!({
        "transaction": {
            "id": of.id, "domain": domain(of), "reference": of.reference, "amount": of.amount,
            "paid_at": paid_at, "channel": "card", "currency": of.currency,
            "authorization": {"exp_month": null, "exp_year": null, "account_name": null},
            "customer": {"international_format_phone": null}, "plan": {}, "subaccount": {"currency": null},
            "split": {}, "order_id": null, "paidAt": paid_at, "pos_transaction_data": null, "source": null,
            "fees_breakdown": null,
        },
        "integration": INTEGRATION, "deducted_amount": 0, "channel": null,
        "merchant_note": refund.merchant_note, "customer_note": refund.customer_note, "status": refund.status,
        "refunded_by": of.email, "expected_at": created_at, "currency": of.currency, "domain": domain(of),
        "amount": refund.amount, "fully_deducted": false, "id": refund.id, "createdAt": created_at,
        "updatedAt": created_at,
    });
    as_published("new_refund", whole)
}

/// A refund, as look-ups and lists show it.
pub(super) fn refund(refund: &Refund, of: &Payment) -> Value {
    let whole = json!({
        "integration": INTEGRATION, "transaction": of.id, "dispute": refund.dispute, "settlement": null,
        "id": refund.id, "domain": domain(of), "currency": of.currency, "amount": refund.amount,
        "status": refund.status, "refunded_at": refund.refunded_at_s.map(time), "refunded_by": of.email,
        "customer_note": refund.customer_note, "merchant_note": refund.merchant_note, "deducted_amount": 0,
        "fully_deducted": 0, "createdAt": time(refund.created_at_s), "bank_reference": null,
        "transaction_reference": of.reference, "reason": "", "customer": customer_in_full(of),
        "refund_type": if refund.amount == of.amount { "full" } else { "partial" },
        "transaction_amount": of.amount, "initiated_by": of.email, "refund_channel": "default",
        "session_id": null, "collect_account_number": false,
    });
    as_published("refund", whole)
}

/// A refund, as its events tell of it: neither its own number is there nor the note, and the amount is a text.
pub(super) fn told_of(refund: &Refund, of: &Payment) -> Value {
    json!({
        "status": refund.status, "transaction_reference": of.reference, "refund_reference": null,
        "amount": refund.amount.to_string(), "currency": of.currency, "processor": "instant-transfer",
        "customer": {"first_name": null, "last_name": null, "email": of.email}, "integration": INTEGRATION,
        "domain": domain(of),
    })
}

/// A dispute, in answers and events alike.
pub(super) fn dispute(dispute: &Dispute, of: &Payment) -> Value {
    let Dispute { id, amount, status, resolution, created_at_s, resolved_at_s, .. } = dispute;
    let (paid_at, created_at) = (of.paid_at_s.map(time), time(of.created_at_s));
    let whole = json!({
        "id": id, "refund_amount": amount, "currency": of.currency, "status": status, "resolution": resolution,
        "domain": domain(of),
        "transaction": {
            "id": of.id, "domain": domain(of), "status": of.status, "reference": of.reference,
            "amount": of.amount, "message": null, "gateway_response": of.bank_said, "paid_at": paid_at,
            "created_at": created_at, "channel": "card", "currency": of.currency, "ip_address": "127.0.0.1",
            "metadata": {"custom_fields": []}, "log": null, "fees": of.fee(), "fees_split": null,
            "authorization": {}, "customer": null, "plan": {}, "subaccount": {}, "split": {}, "order_id": null,
            "paidAt": paid_at, "createdAt": created_at, "pos_transaction_data": null, "source": null,
            "fees_breakdown": null, "connect": null,
        },
        "transaction_reference": null, "category": "chargeback", "customer": customer_in_full(of), "bin": "",
        "last4": "", "dueAt": null, "resolvedAt": resolved_at_s.map(time), "evidence": null,
        "attachments": null, "note": null, "history": [], "messages": [], "createdAt": time(*created_at_s),
        "updatedAt": time(resolved_at_s.unwrap_or(*created_at_s)),
    });
    as_published("dispute", whole)
}

/// An error.
pub(super) fn error(message: &str, kind: &str, code: &str) -> Value {
    json!({
        "status": false, "message": message, "meta": {"nextStep": "See the documentation"}, "type": kind,
        "code": code,
    })
}
