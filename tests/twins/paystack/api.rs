//! Requests to Paystack's API: who asks, what is wrong with it, and what is done.
//!
//! Source: paystack.com/docs/api: authentication, errors, transactions, refunds, disputes.
//!
//! Invariant: a request is held against the published description before anything is done. What Paystack takes but
//! the hub should not send (a field it does not know, a payment without a reference) is noted all the same.

use processor_sdk::Timestamp;
use serde_json::{Map, Value, json};

use super::Paystack;
use super::books::{Payment, Refund};
use super::objects;
use super::published::{self, Wrong};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};

/// Objects on a page of a list, unless the request says otherwise.
const PAGE_OBJECTS: i64 = 50;

/// An answer that is no.
#[derive(Debug)]
struct Refusal {
    status: u16,
    message: &'static str,
    kind: &'static str,
    code: &'static str,
    /// The hub should not have asked like that; else it is how things are that is in the way.
    is_violation: bool,
}

impl Refusal {
    const fn invalid(message: &'static str, code: &'static str) -> Self {
        Self { status: 400, message, kind: "validation_error", code, is_violation: true }
    }

    const fn of_state(status: u16, message: &'static str, code: &'static str) -> Self {
        Self { status, message, kind: "validation_error", code, is_violation: false }
    }

    const BROKEN: Self = Self {
        status: 500,
        message: "An error occurred",
        kind: "api_error",
        code: "unknown",
        is_violation: false,
    };

    fn reply(&self) -> Reply {
        json_reply(self.status, &objects::error(self.message, self.kind, self.code))
    }
}

pub(super) fn json_reply(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
    Reply { status, headers, body: body.to_string() }
}

/// A request that may be done.
struct Ask<'a> {
    /// Its address as published, such as `/refund/{id}`.
    path: &'static str,
    id: Option<String>,
    fields: Map<String, Value>,
    livemode: bool,
    request: &'a Request,
}

impl Ask<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.fields.get(name).and_then(Value::as_i64)
    }
}

/// Answers a request to the API.
pub(super) fn answer(paystack: &mut Paystack, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    let answered = read(paystack, desk, request).and_then(|ask| {
        if run == Run::BreaksBefore {
            return Err(Refusal::BROKEN);
        }
        let done = perform(paystack, desk, &ask);
        if run == Run::BreaksAfter { Err(Refusal::BROKEN) } else { done }
    });
    match answered {
        Ok(body) => json_reply(200, &body),
        Err(refusal) => {
            if refusal.is_violation {
                let what = format!("{} {}: {}", request.method, request.path, refusal.message);
                desk.violation(what);
            }
            refusal.reply()
        }
    }
}

fn read<'a>(paystack: &Paystack, desk: &mut Desk, request: &'a Request) -> Result<Ask<'a>, Refusal> {
    let unauthorized = Refusal { status: 401, ..Refusal::invalid("Invalid key", "invalid_Key") };
    let key = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let known = paystack.keys_of_mode.iter().find(|(known, _)| Some(known.as_str()) == key);
    let Some((_, livemode)) = known else { return Err(unauthorized) };
    let no_such_address = Refusal { status: 404, ..Refusal::invalid("Not found", "not_found") };
    let (asked, id) = published::request(&request.method, &request.path).ok_or(no_such_address)?;
    let fields = if request.method == "GET" {
        asked.fields.read_query(&request.query)
    } else {
        let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let body = serde_json::from_slice(&request.body).ok().filter(|_| is_json && request.query.is_empty());
        let Some(Value::Object(fields)) = body else {
            return Err(Refusal::invalid("Invalid JSON", "invalid_body"));
        };
        fields
    };
    let fields = Value::Object(fields);
    for wrong in asked.fields.wrongs(&fields) {
        desk.violation(format!("{} {}: {wrong:?}", request.method, request.path));
        if matches!(wrong, Wrong::Invalid(_)) {
            // It is noted with the field's name already.
            return Err(Refusal::of_state(400, "Invalid value for a field", "invalid_params"));
        }
    }
    let Value::Object(fields) = fields else { unreachable!("it was an object above") };
    let id =
        id.map(|id| decoded(id).ok_or(Refusal::invalid("Invalid path", "invalid_params"))).transpose()?;
    Ok(Ask { path: &asked.path, id, fields, livemode: *livemode, request })
}

/// A part of a path without its percent signs.
fn decoded(part: &str) -> Option<String> {
    // A `+` in a path is a plus, and what stands there holds no `&`.
    let field = format!("x={}", part.replace('+', "%2B"));
    let (_, text) = form_urlencoded::parse(field.as_bytes()).next()?;
    Some(text.into_owned())
}

fn perform(paystack: &mut Paystack, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    match (ask.request.method.as_str(), ask.path) {
        ("POST", "/transaction/initialize") => initialize(paystack, desk, ask),
        ("POST", "/refund") => refund(paystack, desk, ask),
        ("GET", "/transaction/verify/{reference}" | "/transaction/{id}") => verify(paystack, ask),
        ("GET", "/refund") => refunds(paystack, ask),
        ("GET", "/refund/{id}") => one_refund(paystack, ask),
        ("GET", "/dispute") => disputes(paystack, ask),
        ("GET", "/dispute/{id}") => one_dispute(paystack, ask),
        (method, path) => unreachable!("{method} {path} is published and nobody answers it"),
    }
}

fn done(message: &str, data: &Value) -> Value {
    json!({ "status": true, "message": message, "data": data })
}

fn initialize(paystack: &mut Paystack, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let (Some(email), Some(amount)) = (ask.text("email"), ask.number("amount")) else {
        return Err(Refusal::invalid("Email and amount are required", "invalid_params"));
    };
    if !email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')) {
        return Err(Refusal::invalid("Invalid Email Address Passed", "invalid_email_address"));
    }
    if amount <= 0 {
        return Err(Refusal::invalid("Invalid Amount Sent", "invalid_amount"));
    }
    // All three may be left out; then it is Paystack or the dashboard that says what the payment is.
    for name in ["reference", "currency", "callback_url"].into_iter().filter(|name| ask.text(name).is_none())
    {
        desk.violation(format!("POST /transaction/initialize: no {name}"));
    }
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-.=".contains(letter);
    let reference = ask.text("reference").map_or_else(|| desk.fresh(), str::to_owned);
    if reference.is_empty() || !reference.chars().all(is_allowed) {
        return Err(Refusal::invalid("Invalid transaction reference", "invalid_reference"));
    }
    if paystack.books.by_reference(&reference).is_some() {
        return Err(Refusal::of_state(400, "Duplicate Payment Reference", "duplicate_reference"));
    }
    let transaction = Payment {
        id: paystack.books.fresh_id(),
        livemode: ask.livemode,
        reference,
        access_code: desk.fresh(),
        amount,
        currency: ask.text("currency").unwrap_or("NGN").to_owned(),
        email: email.to_owned(),
        callback_url: ask.text("callback_url").map(str::to_owned),
        metadata: ask.fields.get("metadata").cloned().unwrap_or_else(|| "".into()),
        // From the start, although the shopper has not even come.
        status: "abandoned",
        bank_said: "The transaction was not completed".to_owned(),
        created_at_s: desk.now_s(),
        paid_at_s: None,
    };
    let page = objects::page(&transaction, &ask.request.base_url);
    paystack.books.transactions.push(transaction);
    Ok(done("Authorization URL created", &page))
}

/// A transaction of this mode, by its reference or its number.
fn find<'a>(paystack: &'a Paystack, ask: &Ask<'_>, name: &str) -> Option<&'a Payment> {
    let of_mode = |known: &&Payment| known.livemode == ask.livemode;
    paystack
        .books
        .transactions
        .iter()
        .filter(of_mode)
        .find(|known| known.reference == name || known.name() == name)
}

fn verify(paystack: &Paystack, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let found = find(paystack, ask, ask.id.as_deref().unwrap_or_default());
    let absent = Refusal::of_state(404, "Transaction reference not found", "transaction_not_found");
    Ok(done("Verification successful", &objects::transaction(found.ok_or(absent)?)))
}

fn refund(paystack: &mut Paystack, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let found = find(paystack, ask, ask.text("transaction").unwrap_or_default());
    let absent = Refusal::of_state(404, "Transaction not found", "transaction_not_found");
    let transaction = found.ok_or(absent)?.clone();
    if transaction.paid_at_s.is_none() {
        return Err(Refusal::of_state(400, "Transaction has not been paid", "transaction_not_successful"));
    }
    if ask.text("currency").is_some_and(|currency| currency != transaction.currency) {
        return Err(Refusal::invalid("Currency differs from the transaction's", "invalid_currency"));
    }
    let refundable = paystack.books.refundable(&transaction);
    let amount = ask.number("amount").unwrap_or(transaction.amount);
    if amount <= 0 {
        return Err(Refusal::invalid("Invalid amount", "invalid_amount"));
    }
    if amount > refundable {
        let message = "Refund amount cannot be more than the amount that is left of the transaction";
        return Err(Refusal::of_state(400, message, "refund_amount_exceeded"));
    }
    let refund = Refund {
        id: paystack.books.fresh_id(),
        transaction: transaction.id,
        amount,
        status: "pending",
        merchant_note: ask.text("merchant_note").unwrap_or_default().to_owned(),
        customer_note: ask.text("customer_note").unwrap_or_default().to_owned(),
        created_at_s: desk.now_s(),
        refunded_at_s: None,
        dispute: None,
    };
    let made = objects::new_refund(&refund, &transaction);
    paystack.books.refund(desk, refund);
    Ok(done("Refund has been queued for processing", &made))
}

const ABSENT: Refusal = Refusal::of_state(404, "Entity not found", "entity_not_found");

fn one_refund(paystack: &Paystack, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let id = ask.id.as_deref().and_then(|id| id.parse::<i64>().ok());
    let found = paystack.books.refunds.iter().find(|known| Some(known.id) == id).ok_or(ABSENT)?;
    let of = paystack.books.transaction(found.transaction);
    if of.livemode != ask.livemode {
        return Err(ABSENT);
    }
    Ok(done("Refund retrieved", &objects::refund(found, of)))
}

fn one_dispute(paystack: &Paystack, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let id = ask.id.as_deref().and_then(|id| id.parse::<i64>().ok());
    let found = paystack.books.disputes.iter().find(|known| Some(known.id) == id).ok_or(ABSENT)?;
    let of = paystack.books.transaction(found.transaction);
    if of.livemode != ask.livemode {
        return Err(ABSENT);
    }
    Ok(done("Dispute retrieved", &objects::dispute(found, of)))
}

/// Refunds are filtered by time and mode only: what else the API reference names is not in the published description,
/// so nobody should depend on it.
fn refunds(paystack: &Paystack, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let span = Span::of(ask)?;
    let books = &paystack.books;
    let shown = books.refunds.iter().rev().filter_map(|refund| {
        let of = books.transaction(refund.transaction);
        let is_shown = of.livemode == ask.livemode && span.has(refund.created_at_s);
        is_shown.then(|| objects::refund(refund, of))
    });
    Ok(list(ask, "Refunds retrieved", "refund_list", shown.collect()))
}

fn disputes(paystack: &Paystack, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let span = Span::of(ask)?;
    let books = &paystack.books;
    let shown = books.disputes.iter().rev().filter_map(|dispute| {
        let of = books.transaction(dispute.transaction);
        let is_shown = of.livemode == ask.livemode
            && span.has(dispute.created_at_s)
            && ask.text("transaction").is_none_or(|id| id == of.name())
            && ask.text("status").is_none_or(|status| status == dispute.status);
        is_shown.then(|| objects::dispute(dispute, of))
    });
    Ok(list(ask, "Disputes retrieved", "dispute_list", shown.collect()))
}

/// From when until when.
struct Span(Option<i64>, Option<i64>);

impl Span {
    fn of(ask: &Ask<'_>) -> Result<Self, Refusal> {
        let time = |name: &str| {
            let text = ask.text(name);
            let read = text.map(|text| Timestamp::parse_rfc3339(text).map(Timestamp::as_unix_seconds));
            read.transpose().map_err(|_| Refusal::invalid("Invalid date", "invalid_params"))
        };
        Ok(Self(time("from")?, time("to")?))
    }

    fn has(&self, at_s: i64) -> bool {
        self.0.is_none_or(|from| at_s >= from) && self.1.is_none_or(|to| at_s <= to)
    }
}

fn list(ask: &Ask<'_>, message: &str, kind: &str, all: Vec<Value>) -> Value {
    let (per_page, page) =
        (ask.number("perPage").unwrap_or(PAGE_OBJECTS).max(1), ask.number("page").unwrap_or(1).max(1));
    let count = |number: i64| usize::try_from(number).expect("a small number");
    let (total, skipped) = (all.len(), count((page - 1) * per_page));
    let shown: Vec<Value> = all.into_iter().skip(skipped).take(count(per_page)).collect();
    let mut meta = json!({
        "total": total, "skipped": skipped, "perPage": per_page, "page": page,
        "pageCount": total.div_ceil(count(per_page)),
    });
    if kind == "refund_list" {
        meta["perPage"] = per_page.to_string().into();
        meta["failedRefundCount"] = 0.into();
    }
    assert_eq!(published::object(kind).wrongs(&meta), vec![], "{meta}");
    json!({ "status": true, "message": message, "data": shown, "meta": meta })
}
