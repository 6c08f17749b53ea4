//! Stripe's objects, whole: each starts as the published sample of its kind, and what is so is written over it.
//!
//! Source: `data/shapes.json`, Stripe's published object fixtures; see the page beside it.

use std::sync::OnceLock;

use serde_json::{Value, json};

/// The version of Stripe's API that this endpoint's events are written in.
pub(super) const VERSION: &str = "2026-02-25.clover";

/// The published sample of a kind, with the sample's own stories taken out.
fn sample(kind: &str) -> Value {
    static SHAPES: OnceLock<Value> = OnceLock::new();
    let shapes =
        SHAPES.get_or_init(|| serde_json::from_str(include_str!("data/shapes.json")).expect("shapes"));
    let sample = &shapes[kind];
    assert!(sample.is_object(), "no sample of {kind}");
    sample.clone()
}

/// Writes fields over an object.
pub(super) fn write(object: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    for (name, value) in fields {
        object[name] = value;
    }
}

fn made(kind: &str, fields: Value) -> Value {
    let mut object = sample(kind);
    write(&mut object, fields);
    object
}

/// A session that waits for the shopper.
pub(super) fn session(fields: Value) -> Value {
    let mut session = made(
        "checkout.session",
        json!({
            "after_expiration": null, "automatic_tax": {"enabled": false, "liability": null, "provider": null,
            "status": null}, "collected_information": null, "consent": null, "consent_collection": null,
            "currency_conversion": null, "custom_text": {"after_submit": null, "shipping_address": null,
            "submit": null, "terms_of_service_acceptance": null}, "customer_creation": "if_required",
            "customer_details": null, "invoice_creation": {"enabled": false, "invoice_data":
            {"account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": null,
            "metadata": {}, "rendering_options": null}}, "managed_payments": null, "mode": "payment",
            "payment_intent": null, "payment_method_collection": "if_required",
            "payment_method_configuration_details": null, "payment_method_options":
            {"card": {"request_three_d_secure": "automatic"}}, "payment_method_types": ["card", "sepa_debit"],
            "payment_status": "unpaid", "permissions": null, "saved_payment_method_options": null,
            "shipping_address_collection": null, "shipping_cost": null, "status": "open",
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted", "wallet_options": null,
        }),
    );
    write(&mut session, fields);
    session
}

/// A PaymentIntent that a session makes when the shopper submits.
pub(super) fn intent(fields: Value) -> Value {
    let mut intent = made(
        "payment_intent",
        json!({
            "amount_capturable": 0, "amount_received": 0, "automatic_payment_methods": null,
            "canceled_at": null, "last_payment_error": null, "managed_payments": null,
            "payment_method_configuration_details": null, "payment_method_options":
            {"card": {"installments": null, "mandate_options": null, "network": null,
            "request_three_d_secure": "automatic"}}, "payment_method_types": ["card", "sepa_debit"],
            "processing": null, "shipping": null, "transfer_data": null,
        }),
    );
    write(&mut intent, fields);
    intent
}

pub(super) fn charge(fields: Value) -> Value {
    let mut charge = made(
        "charge",
        json!({
            "amount_captured": 0, "amount_refunded": 0, "balance_transaction": null, "captured": false,
            "description": null, "disputed": false, "refunded": false, "shipping": null,
            "transfer_data": null,
        }),
    );
    // Since version 2022-11-15 a charge lists no refunds unless they are expanded.
    charge.as_object_mut().expect("an object").shift_remove("refunds");
    charge["payment_method_details"]["card"]["wallet"] = Value::Null;
    charge["payment_method_details"]["card"]["installments"] = Value::Null;
    write(&mut charge, fields);
    charge
}

pub(super) fn refund(fields: Value) -> Value {
    made("refund", fields)
}

pub(super) fn dispute(fields: Value) -> Value {
    made("dispute", fields)
}

pub(super) fn balance_transaction(fields: Value) -> Value {
    made("balance_transaction", fields)
}

pub(super) fn event(fields: Value) -> Value {
    let mut event = made("event", json!({ "api_version": VERSION }));
    write(&mut event, fields);
    event
}

/// The plain word before the `_` of an id, and what such an id names.
pub(super) const ID_KINDS: [(&str, &str); 6] = [
    ("cs_", "checkout.session"),
    ("pi_", "payment_intent"),
    ("ch_", "charge"),
    ("re_", "refund"),
    ("dp_", "dispute"),
    ("txn_", "balance_transaction"),
];
