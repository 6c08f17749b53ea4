//! Requests to Square's API: who asks, what is wrong with it, and what is done.
//!
//! Source: the published API description; developer.squareup.com: "Checkout API", "Refund payments", "Idempotency",
//! "Square API errors".
//!
//! Invariant: a request is held against the published description before anything is done. What Square takes but the
//! hub should not send (a write that could be done twice, a total that may change on the page) is noted all the same.

use serde_json::{Value, json};

use super::books::Books;
use super::keys::Known;
use super::published::{self, Wrong};
use super::{CURRENCY, LOCATION, Square, objects};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};

/// The version of the API that this twin knows.
const VERSION: &str = "2025-08-20";
/// The longest key of a refund, in bytes. A link's may be longer, as its shape says.
const REFUND_KEY_BYTES_MAX: usize = 45;
/// Limits of an order's metadata, by the description's own words.
const METADATA_ENTRIES_MAX: usize = 10;
const METADATA_KEY_MAX: usize = 60;
const METADATA_VALUE_MAX: usize = 255;
/// What may stand at the end of a payment's total, all of it off.
const CHANGES_TOTAL: [&str; 4] =
    ["allow_tipping", "ask_for_shipping_address", "enable_coupon", "enable_loyalty"];

/// An answer that is no.
#[derive(Debug)]
struct Refusal {
    status: u16,
    category: &'static str,
    code: &'static str,
    field: Option<String>,
    /// The hub should not have asked like that; else it is how things are that is in the way.
    is_violation: bool,
}

impl Refusal {
    fn invalid(code: &'static str, field: &str) -> Self {
        let field = Some(field.to_owned()).filter(|field| !field.is_empty());
        Self { status: 400, category: "INVALID_REQUEST_ERROR", code, field, is_violation: true }
    }

    const fn of_state(status: u16, category: &'static str, code: &'static str) -> Self {
        Self { status, category, code, field: None, is_violation: false }
    }

    const ABSENT: Self = Self::of_state(404, "INVALID_REQUEST_ERROR", "NOT_FOUND");
    const BROKEN: Self = Self::of_state(500, "API_ERROR", "INTERNAL_SERVER_ERROR");

    fn reply(&self) -> Reply {
        let detail = format!("{} ({})", self.code, self.category);
        json_reply(self.status, &objects::error(self.category, self.code, &detail, self.field.as_deref()))
    }
}

pub(super) fn json_reply(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply { status, headers, body: body.to_string() }
}

/// A request that may be done.
struct Ask<'a> {
    asked: &'static published::Asked,
    id: &'a str,
    body: Value,
    livemode: bool,
    base_url: &'a str,
}

/// Answers a request to the API.
pub(super) fn answer(square: &mut Square, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    let answered = read(square, desk, request).and_then(|ask| {
        if run == Run::BreaksBefore {
            return Err(Refusal::BROKEN);
        }
        let done = perform(square, desk, &ask);
        if run == Run::BreaksAfter { Err(Refusal::BROKEN) } else { done }
    });
    match answered {
        Ok(body) => json_reply(200, &body),
        Err(refusal) => {
            if refusal.is_violation {
                let Refusal { code, field, .. } = &refusal;
                desk.violation(format!("{} {}: {code} {field:?}", request.method, request.path));
            }
            refusal.reply()
        }
    }
}

fn read<'a>(square: &Square, desk: &mut Desk, request: &'a Request) -> Result<Ask<'a>, Refusal> {
    let unauthorized =
        Refusal { status: 401, category: "AUTHENTICATION_ERROR", ..Refusal::invalid("UNAUTHORIZED", "") };
    let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let known = square.tokens_of_mode.iter().find(|(known, _)| Some(known.as_str()) == token);
    let Some((_, livemode)) = known else { return Err(unauthorized) };
    // Without it, what an application's page says decides.
    if request.header("square-version") != Some(VERSION) {
        desk.violation(format!("{} {}: not version {VERSION}", request.method, request.path));
    }
    let no_such_address = || Refusal { status: 404, ..Refusal::invalid("NOT_FOUND", "") };
    let (asked, id) = published::request(&request.method, &request.path).ok_or_else(no_such_address)?;
    if !request.query.is_empty() {
        return Err(Refusal::invalid("UNKNOWN_QUERY_PARAMETER", &request.query));
    }
    let body = match &asked.body {
        None if request.body.is_empty() => Value::Null,
        None => return Err(Refusal::invalid("UNKNOWN_BODY_PARAMETER", "")),
        Some(name) => {
            let is_json =
                request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
            let body = serde_json::from_slice(&request.body).ok().filter(|_| is_json);
            let body: Value = body.ok_or_else(|| Refusal::invalid("EXPECTED_JSON_BODY", ""))?;
            if let Some(Wrong { field, code }) = published::wrongs_of_request(name, &body).into_iter().next()
            {
                return Err(Refusal::invalid(code, &field));
            }
            body
        }
    };
    Ok(Ask { asked, id: id.unwrap_or_default(), body, livemode: *livemode, base_url: &request.base_url })
}

fn perform(square: &mut Square, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let path = ask.asked.path.as_str();
    let answer = match (ask.asked.method.as_str(), path) {
        ("POST", "/v2/online-checkout/payment-links") => once(square, desk, ask, open),
        ("GET", "/v2/online-checkout/payment-links/{id}") => {
            let link = link(&square.books, ask)?;
            Ok(json!({"payment_link": objects::link(link, ask.base_url)}))
        }
        ("DELETE", "/v2/online-checkout/payment-links/{id}") => {
            let id = link(&square.books, ask)?.id.clone();
            let canceled = square.books.delete(desk, &id);
            Ok(canceled
                .map_or_else(|| json!({"id": id}), |order| json!({"id": id, "cancelled_order_id": order})))
        }
        ("GET", "/v2/orders/{order_id}") => {
            let order = square.books.find_order(ask.id).filter(|known| known.livemode == ask.livemode);
            let order = order.ok_or(Refusal::ABSENT)?;
            Ok(json!({"order": objects::order(order, &square.books.payments_of(&order.id))}))
        }
        ("GET", "/v2/payments/{payment_id}") => {
            let payment = payment(&square.books, ask.livemode, ask.id).ok_or(Refusal::ABSENT)?;
            Ok(json!({"payment": objects::payment(payment)}))
        }
        ("POST", "/v2/refunds") => once(square, desk, ask, refund),
        ("GET", "/v2/refunds/{refund_id}") => {
            let refund = square.books.refunds.iter().find(|known| known.id == ask.id);
            let refund =
                refund.filter(|known| payment(&square.books, ask.livemode, &known.payment).is_some());
            Ok(json!({"refund": objects::refund(refund.ok_or(Refusal::ABSENT)?)}))
        }
        ("GET", "/v2/disputes/{dispute_id}") => {
            let dispute = square.books.disputes.iter().find(|known| known.id == ask.id);
            let dispute =
                dispute.filter(|known| payment(&square.books, ask.livemode, &known.payment).is_some());
            Ok(json!({"dispute": objects::dispute(dispute.ok_or(Refusal::ABSENT)?)}))
        }
        (method, path) => unreachable!("{method} {path} is published and nobody answers it"),
    };
    answer.map(|answer| published::as_published(&ask.asked.answer, answer))
}

fn payment<'b>(books: &'b Books, livemode: bool, id: &str) -> Option<&'b super::books::Payment> {
    books.payments.iter().find(|known| known.id == id && known.livemode == livemode)
}

/// A link of this mode that was not deleted.
fn link<'b>(books: &'b Books, ask: &Ask<'_>) -> Result<&'b super::books::Link, Refusal> {
    let is_there = |known: &&super::books::Link| known.livemode == ask.livemode && !known.is_deleted;
    books.links.iter().filter(is_there).find(|known| known.id == ask.id).ok_or(Refusal::ABSENT)
}

/// Does what carries a key, unless it was done before.
fn once(
    square: &mut Square,
    desk: &mut Desk,
    ask: &Ask<'_>,
    act: fn(&mut Books, &mut Desk, &Ask<'_>) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let path = ask.asked.path.as_str();
    let key = ask.body["idempotency_key"].as_str().filter(|key| !key.is_empty()).map(str::to_owned);
    let Some(key) = key else {
        // Square takes it; done again it would be done twice.
        desk.violation(format!("POST {path}: no idempotency_key"));
        return act(&mut square.books, desk, ask);
    };
    if path == "/v2/refunds" && key.len() > REFUND_KEY_BYTES_MAX {
        return Err(Refusal::invalid("VALUE_TOO_LONG", "idempotency_key"));
    }
    match square.keys.look(path, &key, &ask.body) {
        Known::Same(answer) => Ok(answer),
        Known::Other => Err(Refusal::invalid("IDEMPOTENCY_KEY_REUSED", "idempotency_key")),
        Known::New => {
            let answer = act(&mut square.books, desk, ask)?;
            square.keys.remember(path, &key, &ask.body, &answer);
            Ok(answer)
        }
    }
}

/// An amount, which the shape says is one, in this seller's currency.
fn amount(money: &Value, field: &str) -> Result<i64, Refusal> {
    if money["currency"] != CURRENCY {
        return Err(Refusal { is_violation: false, ..Refusal::invalid("CURRENCY_MISMATCH", field) });
    }
    money["amount"].as_i64().ok_or_else(|| Refusal::invalid("MISSING_REQUIRED_PARAMETER", field))
}

fn open(books: &mut Books, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let order = &ask.body["order"];
    if order.is_null() == ask.body["quick_pay"].is_null() {
        return Err(Refusal::invalid("CONFLICTING_PARAMETERS", "quick_pay"));
    }
    if order.is_null() {
        // It has no field for a reference.
        desk.violation("POST payment-links: quick_pay, which nothing can be found by");
        return Err(Refusal::invalid("MISSING_REQUIRED_PARAMETER", "order"));
    }
    if order["location_id"] != LOCATION {
        return Err(Refusal::invalid("INVALID_LOCATION", "order.location_id"));
    }
    let mut total = 0;
    for item in order["line_items"].as_array().into_iter().flatten() {
        // It is a text: also for halves of things, which the hub never sells.
        let quantity = item["quantity"].as_str().and_then(|text| text.parse::<i64>().ok());
        let quantity = quantity.filter(|quantity| *quantity > 0);
        let quantity =
            quantity.ok_or_else(|| Refusal::invalid("INVALID_VALUE", "order.line_items.quantity"))?;
        total += quantity * amount(&item["base_price_money"], "order.line_items.base_price_money")?;
    }
    if total <= 0 {
        return Err(Refusal::invalid("VALUE_TOO_LOW", "order.line_items"));
    }
    metadata(&order["metadata"])?;
    note_what_changes_the_total(desk, ask);
    let options = &ask.body["checkout_options"];
    let way_back = options["redirect_url"].as_str().and_then(|url| url::Url::parse(url).ok());
    if way_back.is_none() {
        return Err(Refusal::invalid("INVALID_VALUE", "checkout_options.redirect_url"));
    }
    let email = &ask.body["pre_populated_data"]["buyer_email"];
    if email.as_str().is_some_and(|email| !email.contains('@')) {
        return Err(Refusal::invalid("INVALID_EMAIL_ADDRESS", "pre_populated_data.buyer_email"));
    }
    let link = books.open(desk, ask.livemode, &ask.body, total);
    Ok(json!({
        "payment_link": objects::link(&link, ask.base_url),
        "related_resources": {"orders": [objects::order(books.order(&link.order), &[])]},
    }))
}

fn metadata(metadata: &Value) -> Result<(), Refusal> {
    let Some(entries) = metadata.as_object() else { return Ok(()) };
    let is_key = |key: &str| {
        key.len() <= METADATA_KEY_MAX
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    let is_value =
        |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= METADATA_VALUE_MAX);
    if entries.len() > METADATA_ENTRIES_MAX {
        return Err(Refusal::invalid("TOO_MANY_MAP_ENTRIES", "order.metadata"));
    }
    let is_good = entries.iter().all(|(key, value)| is_key(key) && is_value(value));
    if is_good { Ok(()) } else { Err(Refusal::invalid("INVALID_VALUE", "order.metadata")) }
}

/// What a seller may well want, and the hub never: the total would not be what was asked.
fn note_what_changes_the_total(desk: &mut Desk, ask: &Ask<'_>) {
    let (order, options) = (&ask.body["order"], &ask.body["checkout_options"]);
    for name in CHANGES_TOTAL.into_iter().filter(|name| options[*name] != false) {
        desk.violation(format!("POST payment-links: {name} is not off"));
    }
    for name in ["taxes", "discounts", "service_charges"].into_iter().filter(|name| !order[*name].is_null()) {
        desk.violation(format!("POST payment-links: order.{name}"));
    }
}

fn refund(books: &mut Books, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let no = |code| Err(Refusal::of_state(400, "REFUND_ERROR", code));
    let id = ask.body["payment_id"].as_str();
    let id = id.ok_or_else(|| Refusal::invalid("MISSING_REQUIRED_PARAMETER", "payment_id"))?;
    let amount = amount(&ask.body["amount_money"], "amount_money")?;
    let payment = payment(books, ask.livemode, id).ok_or(Refusal::ABSENT)?;
    if payment.status != "COMPLETED" {
        return no("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION");
    }
    if amount <= 0 || amount > payment.amount - payment.refunded {
        return no("REFUND_AMOUNT_INVALID");
    }
    if books.refunds.iter().any(|known| known.payment == id && known.status == "PENDING") {
        return no("REFUND_ALREADY_PENDING");
    }
    let reason = ask.body["reason"].as_str().map(str::to_owned);
    let made = books.refund(desk, id, amount, reason);
    let made = books.refunds.iter().find(|known| known.id == made).expect("a refund that was made");
    Ok(json!({"refund": objects::refund(made)}))
}
