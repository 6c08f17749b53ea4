//! BTCPay Server's objects, whole: in answers, in events, and its two kinds of errors.
//!
//! Invariant: an object is as published, or the twin ends the test ([`as_published`]).

use serde_json::{Value, json};

use super::STORE;
use super::amounts;
use super::books::{Invoice, Payment};
use super::published::as_published;
use super::refunds::{Payout, PullPayment, Unit};

/// The webhook of this store, which is told of everything.
const WEBHOOK: &str = "WH4PbFhDpaQvXKwRz7sNcE";
/// Where coins go, in this network that is none.
const ADDRESS: &str = "bcrt1qtwinqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";

/// An invoice, as every answer shows it.
pub(super) fn invoice(invoice: &Invoice, base_url: &str) -> Value {
    let whole = json!({
        "metadata": invoice.metadata, "checkout": invoice.checkout, "receipt": invoice.receipt,
        "id": invoice.id, "storeId": STORE, "amount": invoice.currency.write(invoice.amount),
        "paidAmount": invoice.currency.worth(invoice.paid_satoshis()), "currency": invoice.currency.code,
        "type": "Standard", "checkoutLink": format!("{base_url}/i/{}", invoice.id),
        "createdTime": invoice.created_at_s, "expirationTime": invoice.expires_at_s,
        "monitoringExpiration": invoice.monitored_until_s, "status": invoice.status,
        "additionalStatus": invoice.additional, "availableStatusesForManualMarking": invoice.markable(),
        "archived": false,
    });
    as_published("InvoiceData", whole)
}

/// Coins, as an invoice's methods and its events show them.
fn payment(payment: &Payment) -> Value {
    let whole = json!({
        "id": payment.id, "receivedDate": payment.received_at_s, "value": amounts::coins(payment.satoshis),
        "fee": "0.0", "status": payment.status, "destination": ADDRESS,
    });
    as_published("Payment", whole)
}

/// An invoice's ways to be paid, with what came by each.
pub(super) fn methods(invoice: &Invoice, with_invalid: bool) -> Value {
    let of_method = |method: &&'static str| {
        let came = invoice.payments.iter().filter(|known| known.method == *method);
        let shown = came.clone().filter(|known| with_invalid || known.status != "Invalid");
        let paid = came.filter(|known| known.status != "Invalid").map(|known| known.satoshis).sum();
        let whole = json!({
            "paymentMethodId": method, "currency": "BTC", "destination": ADDRESS,
            "paymentLink": format!("bitcoin:{ADDRESS}"), "rate": invoice.currency.rate(),
            "paymentMethodPaid": amounts::coins(paid), "totalPaid": amounts::coins(invoice.paid_satoshis()),
            "due": amounts::coins(invoice.due_satoshis - invoice.paid_satoshis()),
            "amount": amounts::coins(invoice.due_satoshis), "paymentMethodFee": "0.0",
            "payments": shown.map(payment).collect::<Vec<_>>(), "activated": true, "additionalData": {},
        });
        as_published("InvoicePaymentMethodDataModel", whole)
    };
    invoice.methods.iter().map(of_method).collect()
}

/// What was promised.
pub(super) fn pull_payment(pull: &PullPayment, base_url: &str) -> Value {
    let whole = json!({
        "id": pull.id, "name": pull.name, "description": pull.description, "currency": pull.unit.code(),
        "amount": pull.unit.write(pull.amount), "BOLT11Expiration": "30", "autoApproveClaims": false,
        "archived": pull.archived, "viewLink": format!("{base_url}/pull-payments/{}", pull.id),
    });
    as_published("PullPaymentData", whole)
}

/// What is paid out of it, or will be.
pub(super) fn payout(payout: &Payout, of: &PullPayment) -> Value {
    let is_approved = matches!(payout.state, "AwaitingPayment" | "InProgress" | "Completed");
    let coins = amounts::coins(Unit::satoshis(of.unit, payout.amount));
    let whole = json!({
        "id": payout.id, "revision": 0, "pullPaymentId": of.id, "date": payout.made_at_s.to_string(),
        "destination": ADDRESS, "originalCurrency": of.unit.code(),
        "originalAmount": of.unit.write(payout.amount), "payoutCurrency": "BTC",
        "payoutAmount": is_approved.then_some(coins), "payoutMethodId": of.method, "state": payout.state,
        "paymentProof": {}, "metadata": {},
    });
    as_published("PayoutData", whole)
}

/// What every event begins with.
pub(super) fn event(id: &str, kind: &str, at_s: i64) -> Value {
    json!({
        "deliveryId": id, "webhookId": WEBHOOK, "originalDeliveryId": id, "isRedelivery": false, "type": kind,
        "timestamp": at_s, "storeId": STORE,
    })
}

/// That an event of an invoice is as BTCPay Server says.
pub(super) fn published_event(kind: &str, event: Value) -> Value {
    let name = match kind {
        "InvoiceCreated" => "WebhookInvoiceEvent".to_owned(),
        kind => format!("Webhook{kind}Event"),
    };
    as_published(&name, event)
}

/// What the events of a payment say of it.
pub(super) fn told_of_payment(invoice: &Invoice, of: &Payment) -> Value {
    json!({ "afterExpiration": invoice.is_over(), "paymentMethodId": of.method, "payment": payment(of) })
}

/// An event as it is sent: indented, as BTCPay Server does it. Whoever reads it and writes it again has other bytes.
pub(super) fn written(event: &Value) -> String {
    serde_json::to_string_pretty(event).expect("JSON that can be written")
}

/// An error with a code.
pub(super) fn error(code: &str, message: &str) -> Value {
    as_published("ProblemDetails", json!({ "code": code, "message": message }))
}

/// What is wrong with a field.
pub(super) fn invalid(path: &str, message: &str) -> Value {
    as_published("ValidationProblemDetails", json!([{ "path": path, "message": message }]))
}
