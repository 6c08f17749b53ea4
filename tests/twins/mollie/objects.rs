//! Mollie's objects as its API shows them: HAL, with amounts as texts, and with fields left out that do not apply.
//!
//! Source: docs.mollie.com/reference: "Get payment", "Get capture", "Get payment refund", "Get payment chargeback".

use processor_sdk::Timestamp;
use serde_json::{Map, Value, json};

use super::amounts::shown;
use super::books::{Books, Part, Payment};

/// Everything of one kind that comes within a payment, at most: a page of a list.
const EMBEDDED_MAX: usize = 50;

const PROFILE: &str = "pfl_QkEhN94Ba";

pub(super) fn time(unix_s: i64) -> String {
    let text = Timestamp::from_unix_seconds(unix_s).expect("a time of this age").to_rfc3339();
    text.replace('Z', "+00:00")
}

pub(super) fn link(base_url: &str, path: &str) -> Value {
    json!({ "href": format!("{base_url}{path}"), "type": "application/hal+json" })
}

fn mode(payment: &Payment) -> &'static str {
    if payment.livemode { "live" } else { "test" }
}

/// Where the shopper pays.
pub(super) fn page_url(payment: &Payment, base_url: &str) -> String {
    format!("{base_url}/checkout/select-method/{}", payment.id.trim_start_matches("tr_"))
}

pub(super) fn payment(payment: &Payment, books: &Books, base_url: &str) -> Value {
    let Payment { id, amount, currency, status, asked, .. } = payment;
    let path = format!("/v2/payments/{id}");
    let mut object = json!({
        "resource": "payment", "id": id, "mode": mode(payment), "createdAt": time(payment.created_at_s),
        "amount": shown(*amount, currency), "description": asked["description"], "method": null,
        "metadata": asked["metadata"], "status": status, "profileId": PROFILE, "sequenceType": "oneoff",
        "redirectUrl": asked["redirectUrl"],
        "_links": {
            "self": link(base_url, &path),
            "dashboard": {"href": format!("https://my.mollie.com/dashboard/org_1/payments/{id}"), "type": "text/html"},
        },
    });
    for name in ["cancelUrl", "webhookUrl", "locale", "captureDelay"] {
        if asked[name].is_string() {
            object[name] = asked[name].clone();
        }
    }
    if payment.is_manual {
        object["captureMode"] = "manual".into();
    }
    for (name, at_s) in payment.times.iter().filter(|(name, _)| *name != "pendingAt") {
        object[*name] = time(*at_s).into();
    }
    if *status == "open" {
        object["isCancelable"] = payment.is_cancelable.into();
        object["expiresAt"] = time(payment.expires_at_s()).into();
        object["_links"]["checkout"] = json!({ "href": page_url(payment, base_url), "type": "text/html" });
    } else {
        object["method"] = if payment.is_manual { "creditcard" } else { "ideal" }.into();
        object["isCancelable"] = false.into();
    }
    if let Some(reason) = payment.failure {
        object["method"] = "creditcard".into();
        object["details"] = json!({ "failureReason": reason, "failureMessage": "The payment was refused." });
    }
    if let Some(at_s) = payment.capture_before_s().filter(|_| *status == "authorized") {
        object["captureBefore"] = time(at_s).into();
    }
    amounts(&mut object, payment, books);
    object
}

/// The totals. Most of them are there only when there is something to say.
fn amounts(object: &mut Value, payment: &Payment, books: &Books) {
    let (taken, refunded) = (books.taken(payment), books.refunded(&payment.id));
    let mut write = |name: &str, minor: i64| object[name] = shown(minor, &payment.currency);
    if taken > 0 {
        write("amountRefunded", refunded);
        write("amountRemaining", taken - refunded);
    }
    if payment.is_manual && taken > 0 {
        write("amountCaptured", taken);
    }
    let disputed = books.disputed(&payment.id);
    if disputed > 0 {
        write("amountChargedBack", disputed);
    }
}

/// What a payment shows within itself, of the kinds that were asked for.
pub(super) fn embedded(of: &Payment, books: &Books, kinds: &str, base_url: &str) -> Value {
    type Shown = fn(&Part, &Payment, &str) -> Value;
    let known: [(&str, &[Part], Shown); 3] = [
        ("captures", &books.captures, capture),
        ("refunds", &books.refunds, refund),
        ("chargebacks", &books.disputes, dispute),
    ];
    let mut all = Map::new();
    for (name, parts, show) in
        known.into_iter().filter(|(name, ..)| kinds.split(',').any(|kind| kind == *name))
    {
        let parts = parts.iter().rev().filter(|part| part.payment == of.id).take(EMBEDDED_MAX);
        all.insert(name.to_owned(), parts.map(|part| show(part, of, base_url)).collect());
    }
    all.into()
}

/// What every part of a payment says.
fn part(part: &Part, of: &Payment, (resource, path): (&str, &str), base_url: &str) -> Value {
    let payment_path = format!("/v2/payments/{}", of.id);
    let mut object = json!({
        "resource": resource, "id": part.id, "amount": shown(part.amount, &of.currency),
        "paymentId": of.id, "createdAt": time(part.created_at_s),
        "_links": {
            "self": link(base_url, &format!("{payment_path}/{path}/{}", part.id)),
            "payment": link(base_url, &payment_path),
        },
    });
    if resource != "chargeback" {
        object["mode"] = mode(of).into();
        object["status"] = part.status.into();
        object["metadata"] = part.metadata.clone();
        if let Some(description) = &part.description {
            object["description"] = description.as_str().into();
        }
    }
    object
}

pub(super) fn capture(capture: &Part, of: &Payment, base_url: &str) -> Value {
    part(capture, of, ("capture", "captures"), base_url)
}

pub(super) fn refund(refund: &Part, of: &Payment, base_url: &str) -> Value {
    let mut object = part(refund, of, ("refund", "refunds"), base_url);
    object["settlementAmount"] = shown(-refund.amount, &of.currency);
    object
}

pub(super) fn dispute(dispute: &Part, of: &Payment, base_url: &str) -> Value {
    let mut object = part(dispute, of, ("chargeback", "chargebacks"), base_url);
    object["settlementAmount"] = shown(-dispute.amount, &of.currency);
    object["reason"] = json!({ "code": "AC01", "description": "Account identifier incorrect" });
    object["reversedAt"] = dispute.reversed_at_s.map(time).into();
    object
}
