//! Requests to Mollie's API: who asks, under which key, what is wrong with it, and what is done.
//!
//! Source: docs.mollie.com: "Authentication", "Handling errors", "API idempotency", "Pagination", and the reference.
//!
//! Invariant: a request is held against the published fields before anything is done. What Mollie takes but the hub
//! should not send (a write without a key) is noted all the same.

use serde_json::{Map, Value, json};

use super::Mollie;
use super::amounts;
use super::books::{Part, Payment, Wish};
use super::keys::Known;
use super::objects;
use super::published::{self, Call, METHODS_THAT_AUTHORIZE, Wrong};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};

/// Objects on a page of a list, unless the request says otherwise.
const PAGE_OBJECTS: usize = 50;

/// An answer that is no.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    detail: String,
    field: Option<String>,
    /// The hub should not have asked like that; else it is how things are that is in the way.
    is_violation: bool,
}

impl Refusal {
    fn wrong(status: u16, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None, is_violation: true }
    }

    pub(super) fn of_state(status: u16, detail: impl Into<String>) -> Self {
        Self { is_violation: false, ..Self::wrong(status, detail) }
    }

    fn field(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    fn no_such(kind: &str, id: &str) -> Self {
        Self::of_state(404, format!("No {kind} exists with token {id}."))
    }

    pub(super) fn reply(&self) -> Reply {
        let title = match self.status {
            400 => "Bad Request",
            401 => "Unauthorized Request",
            404 => "Not Found",
            409 => "Conflict",
            415 => "Unsupported Media Type",
            422 => "Unprocessable Entity",
            429 => "Too Many Requests",
            _ => "Internal Server Error",
        };
        let documentation =
            json!({ "href": "https://docs.mollie.com/overview/handling-errors", "type": "text/html" });
        let mut body = json!({
            "status": self.status, "title": title, "detail": self.detail,
            "_links": { "documentation": documentation },
        });
        if let Some(field) = &self.field {
            body["field"] = field.as_str().into();
        }
        hal(self.status, &body)
    }
}

fn hal(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type", "application/hal+json".to_owned())];
    // What is only taken on is answered without a body.
    Reply { status, headers, body: if body.is_null() { String::new() } else { body.to_string() } }
}

/// A request that may be done.
struct Ask<'a> {
    call: Call,
    ids: Vec<&'a str>,
    fields: Map<String, Value>,
    livemode: bool,
    request: &'a Request,
}

impl Ask<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// What a capture or refund is made of.
    fn wish(&self, amount: i64) -> Wish {
        let description = self.text("description").map(str::to_owned);
        Wish { amount, description, metadata: self.fields.get("metadata").cloned().unwrap_or_default() }
    }
}

type Answered = Result<(u16, Value), Refusal>;

/// Answers a request to the API.
pub(super) fn answer(mollie: &mut Mollie, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    mollie.books.expire_what_is_due(desk);
    let answered = read(mollie, request).and_then(|ask| match request.header("idempotency-key") {
        Some(key) if request.method == "POST" => keyed(mollie, desk, &ask, key, run),
        // It may be sent with any request and counts for POST.
        _ => {
            if request.method == "POST" {
                desk.violation(format!("POST {}: no Idempotency-Key", request.path));
            }
            broken_or(run, || perform(mollie, desk, &ask)).map(|(status, body)| hal(status, &body))
        }
    });
    answered.unwrap_or_else(|refusal| {
        note(desk, request, &refusal);
        refusal.reply()
    })
}

fn note(desk: &mut Desk, request: &Request, refusal: &Refusal) {
    if refusal.is_violation {
        let field = refusal.field.as_deref().unwrap_or_default();
        desk.violation(format!("{} {}: {field}: {}", request.method, request.path, refusal.detail));
    }
}

fn broken_or(run: Run, perform: impl FnOnce() -> Answered) -> Answered {
    let broken = Refusal::of_state(500, "Something went wrong at our side.");
    match run {
        Run::Whole => perform(),
        Run::BreaksBefore => Err(broken),
        Run::BreaksAfter => perform().and(Err(broken)),
    }
}

/// What is asked for once under a key.
fn keyed(mollie: &mut Mollie, desk: &mut Desk, ask: &Ask<'_>, key: &str, run: Run) -> Result<Reply, Refusal> {
    let request = ask.request;
    let whole = format!(
        "{} {} {} {}",
        request.path,
        request.query,
        ask.livemode,
        String::from_utf8_lossy(&request.body)
    );
    match mollie.keys.find(key, &whole, desk.now_s()) {
        Known::OfAnother => {
            Err(Refusal::wrong(400, "The idempotency key was used for another request before."))
        }
        Known::Running => {
            Err(Refusal::of_state(409, "A request with this idempotency key is still being processed."))
        }
        Known::Done(mut reply) => {
            reply.headers.push(("idempotent-replayed", "true".to_owned()));
            Ok(reply)
        }
        Known::New => {
            let reply = broken_or(run, || perform(mollie, desk, ask)).map_or_else(
                |refusal| {
                    note(desk, request, &refusal);
                    refusal.reply()
                },
                |(status, body)| hal(status, &body),
            );
            mollie.keys.keep((key, &whole), request.number, desk.now_s(), &reply);
            Ok(reply)
        }
    }
}

fn read<'a>(mollie: &Mollie, request: &'a Request) -> Result<Ask<'a>, Refusal> {
    let key = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let found = mollie.keys_of_mode.iter().find(|(known, _)| Some(*known) == key);
    let unauthorized = || Refusal::wrong(401, "Missing authentication, or failed to authenticate");
    let (_, livemode) = *found.ok_or_else(unauthorized)?;
    let (asked, ids) = published::request(&request.method, &request.path)
        .ok_or_else(|| Refusal::wrong(404, "No such endpoint."))?;
    let is_query = request.method == "GET";
    let fields = if is_query {
        form_urlencoded::parse(request.query.as_bytes())
            .map(|(name, text)| (name.into_owned(), text.into_owned().into()))
            .collect()
    } else {
        body(request)?
    };
    match asked.wrong(&fields, is_query) {
        Some(Wrong::Unknown(name)) => {
            let kind = if is_query { "query string" } else { "body" };
            let detail = format!("Non-existent {kind} parameter \"{name}\" for this API call.");
            return Err(Refusal::wrong(400, detail).field(name));
        }
        Some(Wrong::Invalid(name, why)) => return Err(Refusal::wrong(422, why).field(name)),
        None => {}
    }
    let livemode = mode(livemode, &fields, asked.call)?;
    Ok(Ask { call: asked.call, ids, fields, livemode, request })
}

/// Test or live. A key says it; an organization's token leaves it to the request.
fn mode(of_key: Option<bool>, fields: &Map<String, Value>, call: Call) -> Result<bool, Refusal> {
    let Some(livemode) = of_key else {
        if call == Call::Open && !fields.contains_key("profileId") {
            return Err(Refusal::wrong(422, "The profileId is required with this token.").field("profileId"));
        }
        let is_test = fields.get("testmode").is_some_and(|said| *said == true || *said == "true");
        return Ok(!is_test);
    };
    let refused = ["testmode", "profileId"].into_iter().find(|name| fields.contains_key(*name));
    refused.map_or(Ok(livemode), |name| {
        Err(Refusal::wrong(400, format!("{name} is for organizations' tokens only.")).field(name))
    })
}

fn body(request: &Request) -> Result<Map<String, Value>, Refusal> {
    if !request.query.is_empty() {
        return Err(Refusal::wrong(400, "Fields belong into the body."));
    }
    if request.body.is_empty() {
        return Ok(Map::new());
    }
    if !request.header("content-type").is_some_and(|kind| kind.starts_with("application/json")) {
        return Err(Refusal::wrong(415, "The body is not application/json."));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(Refusal::wrong(400, "The body is no JSON object.")),
    }
}

fn perform(mollie: &mut Mollie, desk: &mut Desk, ask: &Ask<'_>) -> Answered {
    match ask.call {
        Call::Open => open(mollie, desk, ask),
        Call::Payment => {
            let payment = find(mollie, ask)?;
            let base_url = &ask.request.base_url;
            let mut shown = objects::payment(payment, &mollie.books, base_url);
            if let Some(kinds) = ask.text("embed") {
                shown["_embedded"] = objects::embedded(payment, &mollie.books, kinds, base_url);
            }
            Ok((200, shown))
        }
        Call::Payments => {
            let of_mode = mollie.books.payments.iter().filter(|known| known.livemode == ask.livemode);
            let shown = of_mode.map(|known| objects::payment(known, &mollie.books, &ask.request.base_url));
            list(ask, "payments", shown.collect())
        }
        Call::Cancel => cancel(mollie, desk, ask),
        Call::Release => release(mollie, desk, ask),
        Call::Capture => capture(mollie, desk, ask),
        Call::Refund => refund(mollie, desk, ask),
        Call::Captures => parts(mollie, ask, "captures", &mollie.books.captures, objects::capture),
        Call::Refunds => parts(mollie, ask, "refunds", &mollie.books.refunds, objects::refund),
        Call::Disputes => parts(mollie, ask, "chargebacks", &mollie.books.disputes, objects::dispute),
        Call::OneCapture => one_part(mollie, ask, "capture", &mollie.books.captures, objects::capture),
        Call::OneRefund => one_part(mollie, ask, "refund", &mollie.books.refunds, objects::refund),
        Call::OneDispute => one_part(mollie, ask, "chargeback", &mollie.books.disputes, objects::dispute),
    }
}

/// The payment of this mode that the path names.
fn find<'a>(mollie: &'a Mollie, ask: &Ask<'_>) -> Result<&'a Payment, Refusal> {
    let id = ask.ids[0];
    let found = mollie.books.payments.iter().find(|known| known.id == id && known.livemode == ask.livemode);
    found.ok_or_else(|| Refusal::no_such("payment", id))
}

fn open(mollie: &mut Mollie, desk: &mut Desk, ask: &Ask<'_>) -> Answered {
    let (amount, currency) = amounts::read(&ask.fields["amount"]).expect("it was checked");
    if amount == 0 {
        return Err(Refusal::of_state(422, "The amount is lower than the minimum").field("amount"));
    }
    let is_manual = ask.text("captureMode") == Some("manual");
    let methods = ask.fields.get("method");
    let authorizes = |method: &Value| METHODS_THAT_AUTHORIZE.contains(&method.as_str().unwrap_or_default());
    let all_authorize = methods.is_some_and(|methods| match methods {
        Value::Array(methods) => !methods.is_empty() && methods.iter().all(authorizes),
        one => authorizes(one),
    });
    if is_manual && (!all_authorize || ask.fields.contains_key("captureDelay")) {
        return Err(Refusal::wrong(422, "The method cannot be captured manually").field("captureMode"));
    }
    let payment = Payment {
        id: format!("tr_{}", desk.fresh()),
        livemode: ask.livemode,
        amount,
        currency,
        asked: Value::Object(ask.fields.clone()),
        is_manual,
        is_cancelable: mollie.books.pages_are_cancelable,
        status: "open",
        created_at_s: desk.now_s(),
        times: vec![],
        failure: None,
    };
    let shown = objects::payment(&payment, &mollie.books, &ask.request.base_url);
    mollie.books.payments.push(payment);
    Ok((201, shown))
}

fn cancel(mollie: &mut Mollie, desk: &mut Desk, ask: &Ask<'_>) -> Answered {
    let payment = find(mollie, ask)?.clone();
    if payment.status != "open" || !payment.is_cancelable {
        return Err(Refusal::of_state(422, "The payment cannot be canceled"));
    }
    mollie.books.cancel(desk, &payment.id);
    let canceled = mollie.books.payment(&payment.id);
    Ok((200, objects::payment(canceled, &mollie.books, &ask.request.base_url)))
}

fn release(mollie: &mut Mollie, desk: &mut Desk, ask: &Ask<'_>) -> Answered {
    let payment = find(mollie, ask)?.clone();
    if payment.status != "authorized" {
        return Err(Refusal::of_state(422, "The payment has no authorization that can be released"));
    }
    if !mollie.books.banks_wait {
        mollie.books.release(desk, &payment.id, false);
    }
    Ok((202, Value::Null))
}

fn capture(mollie: &mut Mollie, desk: &mut Desk, ask: &Ask<'_>) -> Answered {
    let payment = find(mollie, ask)?.clone();
    if payment.status != "authorized" {
        return Err(Refusal::of_state(422, "The payment is not authorized"));
    }
    let left = payment.amount - mollie.books.captured(&payment.id, true);
    let amount = amount(ask, &payment)?.unwrap_or(left);
    if amount == 0 || amount > left {
        let detail = "The amount is higher than what is left of the authorization";
        return Err(Refusal::of_state(422, detail).field("amount"));
    }
    let capture = mollie.books.capture(desk, &payment.id, ask.wish(amount));
    Ok((201, objects::capture(&capture, &payment, &ask.request.base_url)))
}

fn refund(mollie: &mut Mollie, desk: &mut Desk, ask: &Ask<'_>) -> Answered {
    let payment = find(mollie, ask)?.clone();
    let amount = amount(ask, &payment)?.expect("it was checked that it is there");
    let left = mollie.books.taken(&payment) - mollie.books.refunded(&payment.id);
    if amount == 0 || amount > left {
        return Err(Refusal::of_state(422, "The amount is higher than the maximum").field("amount"));
    }
    if mollie.books.has_same_refund(desk, &payment.id, amount) {
        return Err(Refusal::of_state(409, "A refund like this one was made a moment ago"));
    }
    let refund = mollie.books.refund(desk, &payment.id, ask.wish(amount));
    Ok((201, objects::refund(&refund, &payment, &ask.request.base_url)))
}

/// The amount of a request, in the payment's currency.
fn amount(ask: &Ask<'_>, of: &Payment) -> Result<Option<i64>, Refusal> {
    let Some(amount) = ask.fields.get("amount") else { return Ok(None) };
    let (amount, currency) = amounts::read(amount).expect("it was checked");
    if currency != of.currency {
        return Err(Refusal::wrong(422, "The currency is not the payment's").field("amount.currency"));
    }
    Ok(Some(amount))
}

type Shown = fn(&Part, &Payment, &str) -> Value;

fn parts(mollie: &Mollie, ask: &Ask<'_>, name: &str, parts: &[Part], show: Shown) -> Answered {
    let payment = find(mollie, ask)?;
    let of_payment = parts.iter().filter(|part| part.payment == payment.id);
    list(ask, name, of_payment.map(|part| show(part, payment, &ask.request.base_url)).collect())
}

fn one_part(mollie: &Mollie, ask: &Ask<'_>, name: &str, parts: &[Part], show: Shown) -> Answered {
    let payment = find(mollie, ask)?;
    let found = parts.iter().find(|part| part.payment == payment.id && part.id == ask.ids[1]);
    let part = found.ok_or_else(|| Refusal::no_such(name, ask.ids[1]))?;
    Ok((200, show(part, payment, &ask.request.base_url)))
}

/// A page of a list, the newest object first unless the request says otherwise.
fn list(ask: &Ask<'_>, name: &str, oldest_first: Vec<Value>) -> Answered {
    let mut all = oldest_first;
    if ask.text("sort") != Some("asc") {
        all.reverse();
    }
    let start = match ask.text("from") {
        None => 0,
        Some(from) => {
            let found = all.iter().position(|object| object["id"] == from);
            found.ok_or_else(|| Refusal::of_state(400, "The cursor is invalid").field("from"))?
        }
    };
    let limit = ask.text("limit").map_or(PAGE_OBJECTS, |limit| limit.parse().expect("it was checked"));
    let shown: Vec<Value> = all.iter().skip(start).take(limit).cloned().collect();
    let base_url = &ask.request.base_url;
    let address = |from: &Value| {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(
                ask.fields
                    .iter()
                    .filter_map(|(name, value)| Some((name, value.as_str()?)))
                    .filter(|(name, _)| *name != "from"),
            )
            .append_pair("from", from.as_str().unwrap_or_default())
            .finish();
        objects::link(base_url, &format!("{}?{query}", ask.request.path))
    };
    let at =
        |index: Option<usize>| index.and_then(|index| all.get(index)).map(|object| address(&object["id"]));
    let links = json!({
        "self": objects::link(base_url, &format!("{}?{}", ask.request.path, ask.request.query)),
        "previous": at((start > 0).then(|| start.saturating_sub(limit))),
        "next": at(Some(start + limit)),
    });
    Ok((200, json!({ "count": shown.len(), "_embedded": { name: shown }, "_links": links })))
}
