//! What requests do that move money, or prepare it.
//!
//! Source: the Orders and Payments descriptions, and the issues they name.
//!
//! Invariant: everything is looked at before anything is changed.

use serde_json::Value;

use super::PayPal;
use super::amounts::Amount;
use super::api::Ask;
use super::books::{Books, Order};
use super::keys::Made;
use super::objects;
use super::refusal::Refusal;
use crate::twins::desk::Desk;

/// Does what is asked under a request id.
pub(super) fn act(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>) -> Result<Made, Refusal> {
    match ask.asked.path.as_str() {
        "/v2/checkout/orders" => open(paypal, desk, ask),
        "/v2/checkout/orders/{id}/capture" => complete(paypal, desk, ask, "CAPTURE"),
        "/v2/checkout/orders/{id}/authorize" => complete(paypal, desk, ask, "AUTHORIZE"),
        "/v2/payments/authorizations/{authorization_id}/capture" => capture(paypal, desk, ask),
        "/v2/payments/captures/{capture_id}/refund" => refund(paypal, desk, ask),
        path => unreachable!("{path} is published and nobody does it"),
    }
}

/// An amount of the body. Whatever is wrong with it is the caller's mistake.
fn amount(money: &Value, field: &str) -> Result<Amount, Refusal> {
    Amount::read(money).map_err(|issue| match issue {
        "MISSING_REQUIRED_PARAMETER" | "INVALID_PARAMETER_SYNTAX" => Refusal::invalid(issue, field),
        _ => Refusal::never_allowed(issue, field),
    })
}

fn open(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>) -> Result<Made, Refusal> {
    let Some([unit]) = ask.fields["purchase_units"].as_array().map(Vec::as_slice) else {
        return Err(Refusal::invalid("INVALID_ARRAY_MAX_ITEMS", "/purchase_units"));
    };
    let amount = amount(&unit["amount"], "/purchase_units/0/amount")?;
    let context = &ask.fields["payment_source"]["paypal"]["experience_context"];
    let address = |name: &str| {
        let given = context[name].as_str().filter(|given| url::Url::parse(given).is_ok());
        let field = format!("/payment_source/paypal/experience_context/{name}");
        given.map(str::to_owned).ok_or_else(|| Refusal::invalid("MISSING_REQUIRED_PARAMETER", &field))
    };
    let text = |name: &str| unit[name].as_str().map(str::to_owned);
    if text("custom_id").is_none() {
        // It is how a payment is known again.
        desk.violation("POST /v2/checkout/orders: no custom_id");
    }
    let now_s = desk.now_s();
    let order = Order {
        id: Books::fresh(desk),
        livemode: ask.livemode,
        intent: ask.text("intent").expect("an intent, which is required"),
        status: "PAYER_ACTION_REQUIRED",
        is_gone: false,
        amount,
        custom_id: text("custom_id"),
        invoice_id: text("invoice_id"),
        description: text("description"),
        return_url: address("return_url")?,
        cancel_url: address("cancel_url")?,
        base_url: ask.request.base_url.clone(),
        created_at_s: now_s,
        updated_at_s: now_s,
        approved_at_s: None,
        refuses: None,
        authorization: None,
        captures: vec![],
        refunds: vec![],
    };
    let id = order.id.clone();
    paypal.books.orders.push(order);
    Ok(Made::Order(id))
}

/// An order of this mode that can still be found.
fn find<'a>(paypal: &'a PayPal, ask: &Ask<'_>, fits: impl Fn(&Order) -> bool) -> Result<&'a Order, Refusal> {
    paypal.books.find(|order| order.livemode == ask.livemode && fits(order)).ok_or_else(Refusal::absent)
}

fn complete(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>, intent: &str) -> Result<Made, Refusal> {
    let order = find(paypal, ask, |order| order.id == ask.id && !order.is_gone)?;
    let (is_capture, id) = (intent == "CAPTURE", order.id.clone());
    if order.intent != intent {
        return Err(Refusal::never_allowed("ACTION_DOES_NOT_MATCH_INTENT", "/intent"));
    }
    if paypal.completing.iter().any(|(other, _)| *other == id) {
        let busy = Refusal::of_state("ORDER_COMPLETION_IN_PROGRESS");
        return Err(if is_capture { busy } else { Refusal::in_progress() });
    }
    if order.status == "COMPLETED" {
        let done = if is_capture { "ORDER_ALREADY_CAPTURED" } else { "ORDER_ALREADY_AUTHORIZED" };
        return Err(Refusal::of_state(done));
    }
    if order.status != "APPROVED" {
        return Err(Refusal::of_state("ORDER_NOT_APPROVED"));
    }
    if let Some(issue) = order.refuses {
        let refusal = Refusal::of_state(issue);
        let is_last = issue != "INSTRUMENT_DECLINED";
        return Err(if is_last { refusal } else { refusal.leading_to(objects::page(order)) });
    }
    if order.invoice_id.as_ref().is_some_and(|invoice| paypal.books.has_invoice(invoice)) {
        return Err(Refusal::of_state("DUPLICATE_INVOICE_ID"));
    }
    paypal.completing.push((id.clone(), ask.request.number));
    if is_capture {
        paypal.books.take(desk, &id);
    } else {
        paypal.books.reserve(desk, &id);
    }
    Ok(Made::Order(id))
}

fn capture(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>) -> Result<Made, Refusal> {
    let order =
        find(paypal, ask, |order| order.authorization.as_ref().is_some_and(|held| held.id == ask.id))?;
    let held = order.authorization.as_ref().expect("it was found by it");
    let wanted = match &ask.fields["amount"] {
        Value::Null => order.amount.of(order.capturable()),
        money => amount(money, "/amount")?,
    };
    if wanted.currency != order.amount.currency {
        return Err(Refusal::never_allowed("AUTH_CAPTURE_CURRENCY_MISMATCH", "/amount"));
    }
    if held.status == "VOIDED" {
        return Err(Refusal::of_state("AUTHORIZATION_VOIDED"));
    }
    if held.is_closed {
        return Err(Refusal::of_state("AUTHORIZATION_ALREADY_CAPTURED"));
    }
    let invoice_id = ask.text("invoice_id");
    if invoice_id.as_ref().is_some_and(|invoice| paypal.books.has_invoice(invoice)) {
        return Err(Refusal::of_state("DUPLICATE_INVOICE_ID"));
    }
    if wanted.minor > order.capturable() {
        return Err(Refusal::of_state("MAX_CAPTURE_AMOUNT_EXCEEDED"));
    }
    let (id, is_final) = (order.id.clone(), ask.fields["final_capture"] == true);
    Ok(Made::Capture(paypal.books.take_part(desk, &id, wanted, is_final, invoice_id)))
}

/// Gives back what is left of a reservation. PayPal publishes no request id for it.
pub(super) fn void(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let order =
        find(paypal, ask, |order| order.authorization.as_ref().is_some_and(|held| held.id == ask.id))?;
    let (id, held) = (order.id.clone(), order.authorization.as_ref().expect("it was found by it"));
    if held.status == "VOIDED" {
        return Err(Refusal::of_state("PREVIOUSLY_VOIDED"));
    }
    if held.is_closed {
        return Err(Refusal::of_state("PREVIOUSLY_CAPTURED"));
    }
    paypal.books.void(desk, &id);
    let order = paypal.books.order(&id);
    Ok(objects::authorization(order, order.authorization.as_ref().expect("it was there before")))
}

fn refund(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>) -> Result<Made, Refusal> {
    let order = find(paypal, ask, |order| order.captures.iter().any(|known| known.id == ask.id))?;
    let capture = order.capture(ask.id);
    let left = capture.amount.minor - order.refunded(&capture.id);
    let wanted = match &ask.fields["amount"] {
        Value::Null => capture.amount.of(left),
        money => amount(money, "/amount")?,
    };
    if wanted.currency != capture.amount.currency {
        return Err(Refusal::never_allowed("REFUND_CAPTURE_CURRENCY_MISMATCH", "/amount"));
    }
    match capture.status {
        "PENDING" => return Err(Refusal::of_state("PENDING_CAPTURE")),
        "DECLINED" => return Err(Refusal::of_state("REFUND_NOT_ALLOWED")),
        _ => {}
    }
    let is_disputed =
        |dispute: &super::books::Dispute| dispute.capture == capture.id && dispute.outcome.is_none();
    if paypal.books.disputes.iter().any(is_disputed) {
        return Err(Refusal::of_state("TRANSACTION_DISPUTED"));
    }
    let (invoice_id, custom_id) = (ask.text("invoice_id"), ask.text("custom_id"));
    if invoice_id.as_ref().is_some_and(|invoice| paypal.books.has_invoice(invoice)) {
        return Err(Refusal::of_state("DUPLICATE_INVOICE_ID"));
    }
    if left <= 0 {
        return Err(Refusal::of_state("CAPTURE_FULLY_REFUNDED"));
    }
    if wanted.minor > left {
        return Err(Refusal::of_state("REFUND_AMOUNT_EXCEEDED"));
    }
    let (id, capture) = (order.id.clone(), capture.id.clone());
    Ok(Made::Refund(paypal.books.give_back(desk, (&id, &capture), wanted, invoice_id, custom_id)))
}
