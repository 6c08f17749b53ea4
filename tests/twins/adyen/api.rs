//! Requests to Adyen's Checkout API: who asks, what is wrong with it, and what is done.
//!
//! Source: docs.adyen.com: "API credentials", "API idempotency", "Response handling", and the API description.
//!
//! Invariant: a request is held against the published description before anything is done, and a key is asked about
//! before that which it stands for is done again.

use processor_sdk::Timestamp;
use serde_json::{Map, Value, json};

use super::keys::{Found, KEY_CHARS_MAX};
use super::published::{self, Shape, Wrong};
use super::records::{Kind, Page, Payment};
use super::{Adyen, MERCHANT_ACCOUNT, notices};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};

/// How long a link is open unless it says otherwise, and at most, in seconds.
const LINK_S: i64 = 24 * 60 * 60;
const LINK_S_MAX: i64 = 70 * 24 * 60 * 60;
/// The same for a session.
const SESSION_S: i64 = 60 * 60;
const SESSION_S_MAX: i64 = 24 * 60 * 60;
/// Pairs of metadata, and characters of one's name.
const METADATA_PAIRS_MAX: usize = 20;
const METADATA_NAME_CHARS_MAX: usize = 20;
/// Longest text that stands for a modification or a payment, in characters.
const REFERENCE_CHARS_MAX: usize = 80;

/// An answer that is no.
#[derive(Debug)]
struct Refusal {
    status: u16,
    code: &'static str,
    kind: &'static str,
    message: String,
    /// The hub should not have asked like that; else it is how things are that is in the way.
    is_violation: bool,
}

impl Refusal {
    fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 422, code, kind: "validation", message: message.into(), is_violation: true }
    }

    fn of_state(code: &'static str, message: &str) -> Self {
        Self { is_violation: false, ..Self::invalid(code, message) }
    }

    fn security(status: u16, code: &'static str, message: &str) -> Self {
        Self { status, kind: "security", ..Self::invalid(code, message) }
    }

    fn reply(&self) -> Reply {
        json_reply(self.status, &error(self.status, self.code, self.kind, &self.message))
    }
}

fn as_published(name: &str, object: Value) -> Value {
    let wrongs = published::object(name).wrongs(&object);
    assert!(wrongs.is_empty(), "no {name} of Adyen's: {wrongs:?} in {object}");
    object
}

/// An error, as every endpoint shows it.
pub(super) fn error(status: u16, code: &str, kind: &str, message: &str) -> Value {
    let error = json!({ "status": status, "errorCode": code, "message": message, "errorType": kind });
    as_published("ServiceError", error)
}

pub(super) fn json_reply(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json;charset=UTF-8".to_owned())];
    Reply { status, headers, body: body.to_string() }
}

/// A request that may be done.
struct Ask<'a> {
    /// Its address as published, such as `/paymentLinks/{linkId}`.
    path: &'static str,
    id: &'a str,
    fields: Map<String, Value>,
    livemode: bool,
    request: &'a Request,
}

impl Ask<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    fn amount(&self) -> (i64, &str) {
        let amount = &self.fields["amount"];
        let pair = amount["value"].as_i64().zip(amount["currency"].as_str());
        pair.expect("an amount, as was checked")
    }
}

/// Answers a request to the API.
pub(super) fn answer(adyen: &mut Adyen, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    match read(adyen, desk, request) {
        Ok(ask) if request.method == "POST" => once(adyen, desk, &ask, run),
        Ok(ask) => executed(adyen, desk, &ask, run),
        Err(refusal) => refused(desk, request, &refusal),
    }
}

fn refused(desk: &mut Desk, request: &Request, refusal: &Refusal) -> Reply {
    if refusal.is_violation {
        desk.violation(format!("{} {}: {}", request.method, request.path, refusal.message));
    }
    refusal.reply()
}

/// Does what a key stands for, if that was not done before.
fn once(adyen: &mut Adyen, desk: &mut Desk, ask: &Ask<'_>, run: Run) -> Reply {
    let request = ask.request;
    let Some(key) = request.header("idempotency-key").filter(|key| !key.is_empty()) else {
        // Adyen takes it; the hub should not send it.
        desk.violation(format!("POST {}: no Idempotency-Key", request.path));
        return executed(adyen, desk, ask, run);
    };
    if key.chars().count() > KEY_CHARS_MAX {
        let refusal = Refusal::invalid("702", "The Idempotency-Key is longer than 64 characters");
        return refused(desk, request, &refusal);
    }
    let said = format!("{} {}", request.path, String::from_utf8_lossy(&request.body));
    match adyen.keys.find(key, &said, desk.now_s()) {
        Found::InProgress => {
            let message = "Request already processed or in progress";
            return refused(desk, request, &Refusal::of_state("704", message));
        }
        Found::Kept { status, body, is_same } => {
            if !is_same {
                desk.violation(format!("POST {}: another request under the key {key}", request.path));
            }
            let headers = vec![("content-type", "application/json;charset=UTF-8".to_owned())];
            return with_key(Reply { status, headers, body }, key);
        }
        Found::Nothing => {}
    }
    let reply = executed(adyen, desk, ask, run);
    if !reply.headers.iter().any(|(name, _)| *name == TRANSIENT) {
        adyen.keys.keep((key, &said), request.number, desk.now_s(), (reply.status, &reply.body));
    }
    with_key(reply, key)
}

fn with_key(mut reply: Reply, key: &str) -> Reply {
    reply.headers.push(("idempotency-key", key.to_owned()));
    reply
}

/// The header of an answer that may be different next time.
const TRANSIENT: &str = "transient-error";

fn executed(adyen: &mut Adyen, desk: &mut Desk, ask: &Ask<'_>, run: Run) -> Reply {
    let broken = || json_reply(500, &error(500, "905", "internal", "Internal error"));
    if run == Run::BreaksBefore {
        let mut reply = broken();
        reply.headers.push((TRANSIENT, "true".to_owned()));
        return reply;
    }
    let done = perform(adyen, desk, ask);
    match done {
        _ if run == Run::BreaksAfter => broken(),
        Ok((status, body)) => json_reply(status, &body),
        Err(refusal) => refused(desk, ask.request, &refusal),
    }
}

fn read<'a>(adyen: &Adyen, desk: &mut Desk, request: &'a Request) -> Result<Ask<'a>, Refusal> {
    let key = request.header("x-api-key");
    let known = adyen.keys_of_mode.iter().find(|(known, _)| Some(known.as_str()) == key);
    let Some((_, livemode)) = known else {
        return Err(Refusal::security(401, "000", "HTTP Status Response - Unauthorized"));
    };
    // Live addresses have a segment more.
    let start = if *livemode { "/checkout/v72" } else { "/v72" };
    let path = request.path.strip_prefix(start).unwrap_or_default();
    let no_such_address = || Refusal::security(404, "000", "There is no such address");
    let (asked, id) = published::request(&request.method, path).ok_or_else(no_such_address)?;
    let fields = if request.method == "GET" {
        Shape::read_query(&request.query)
    } else {
        let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let body = serde_json::from_slice(&request.body).ok().filter(|_| is_json && request.query.is_empty());
        let Some(Value::Object(fields)) = body else {
            return Err(Refusal { status: 400, ..Refusal::invalid("702", "Invalid JSON") });
        };
        fields
    };
    let fields = Value::Object(fields);
    let wrongs = asked.fields.wrongs(&fields);
    // Only the first one is told; all are noted.
    for wrong in wrongs.iter().skip(1) {
        desk.violation(format!("{} {}: {wrong:?}", request.method, request.path));
    }
    match wrongs.first() {
        Some(Wrong::Missing(name)) => {
            return Err(Refusal::invalid("100", format!("Required field '{name}' is not provided.")));
        }
        Some(Wrong::Unknown(name) | Wrong::Invalid(name)) => {
            return Err(Refusal::invalid("702", format!("Unexpected input: {name}")));
        }
        None => {}
    }
    let Value::Object(fields) = fields else { unreachable!("it was an object above") };
    if fields.get("merchantAccount").is_some_and(|account| account != MERCHANT_ACCOUNT) {
        return Err(Refusal::security(403, "901", "Invalid Merchant Account"));
    }
    Ok(Ask { path: &asked.path, id: id.unwrap_or_default(), fields, livemode: *livemode, request })
}

fn perform(adyen: &mut Adyen, desk: &mut Desk, ask: &Ask<'_>) -> Result<(u16, Value), Refusal> {
    match (ask.request.method.as_str(), ask.path) {
        ("POST", "/paymentLinks") => open(adyen, desk, ask, false),
        ("POST", "/sessions") => open(adyen, desk, ask, true),
        ("GET", "/paymentLinks/{linkId}") => show(adyen, desk, ask),
        ("PATCH", "/paymentLinks/{linkId}") => close(adyen, desk, ask),
        ("GET", "/sessions/{sessionId}") => result(adyen, desk, ask),
        ("POST", "/payments/{paymentPspReference}/captures") => modify(adyen, desk, ask, Kind::Capture),
        ("POST", "/payments/{paymentPspReference}/cancels") => modify(adyen, desk, ask, Kind::Cancel),
        ("POST", "/payments/{paymentPspReference}/refunds") => modify(adyen, desk, ask, Kind::Refund),
        ("POST", "/cancels") => cancel_by_reference(adyen, desk, ask),
        (method, path) => unreachable!("{method} {path} is published and nobody answers it"),
    }
}

/// What the description says in words only.
fn check_page(desk: &mut Desk, ask: &Ask<'_>, is_session: bool) -> Result<i64, Refusal> {
    let (amount, currency) = ask.amount();
    if amount <= 0 {
        return Err(Refusal::invalid("137", "Invalid amount specified"));
    }
    if currency.len() != 3 || !currency.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Err(Refusal::invalid("138", "Unsupported currency specified"));
    }
    let reference = ask.text("reference").unwrap_or_default();
    if reference.is_empty() || reference.chars().count() > REFERENCE_CHARS_MAX {
        return Err(Refusal::invalid("130", "Reference Missing"));
    }
    let metadata = ask.fields.get("metadata").and_then(Value::as_object);
    if metadata.is_some_and(|pairs| pairs.len() > METADATA_PAIRS_MAX) {
        return Err(Refusal::invalid("177", "Metadata size exceeds limit"));
    }
    let is_long = |name: &String| name.chars().count() > METADATA_NAME_CHARS_MAX;
    if metadata.is_some_and(|pairs| pairs.keys().any(is_long)) {
        return Err(Refusal::invalid("178", "Metadata key size exceeds limit"));
    }
    if ask.text("description").is_some_and(|text| text.chars().count() > 280) {
        return Err(Refusal::invalid("702", "Unexpected input: description"));
    }
    // Without it the shopper has no way back, and without either of the others the account decides whether the money
    // is ever taken.
    if !ask.fields.contains_key("returnUrl") {
        desk.violation(format!("POST {}: no returnUrl", ask.request.path));
    }
    let by_hand = ["manualCapture", "captureDelayHours", "additionalData"];
    if !by_hand.iter().any(|name| ask.fields.contains_key(*name)) {
        desk.violation(format!("POST {}: nothing says when the money is to be taken", ask.request.path));
    }
    if is_session && ask.text("mode") != Some("hosted") {
        return Err(Refusal::invalid("702", "This account has no page of its own to embed a session in"));
    }
    let now_s = desk.now_s();
    let (usual_s, most_s) = if is_session { (SESSION_S, SESSION_S_MAX) } else { (LINK_S, LINK_S_MAX) };
    let Some(text) = ask.text("expiresAt") else { return Ok(now_s + usual_s) };
    let at_s = Timestamp::parse_rfc3339(text).map(Timestamp::as_unix_seconds);
    let at_s = at_s.map_err(|_| Refusal::invalid("702", "Unexpected input: expiresAt"))?;
    // An offset of hours and minutes, as the description has it; a lone `Z` is not.
    if text.ends_with('Z') || at_s <= now_s || at_s > now_s + most_s {
        return Err(Refusal::invalid("702", "Unexpected input: expiresAt"));
    }
    Ok(at_s)
}

fn open(
    adyen: &mut Adyen,
    desk: &mut Desk,
    ask: &Ask<'_>,
    is_session: bool,
) -> Result<(u16, Value), Refusal> {
    let expires_at_s = check_page(desk, ask, is_session)?;
    let at_s = [desk.now_s(), expires_at_s];
    let page = adyen.books.open((is_session, ask.livemode), ask.fields.clone(), at_s);
    let shown = if is_session { session(&page, ask.request) } else { link(&page, ask.request) };
    Ok((201, shown))
}

/// A link, as every call about it answers.
fn link(page: &Page, request: &Request) -> Value {
    let mut link = Value::Object(page.fields.clone());
    link["id"] = page.id.clone().into();
    link["status"] = page.status.into();
    link["url"] = format!("{}/link/{}", request.base_url, page.id).into();
    link["expiresAt"] = notices::date(page.expires_at_s).into();
    link["updatedAt"] = notices::date(page.updated_at_s).into();
    as_published("PaymentLinkResponse", link)
}

/// A session, as it is shown once.
fn session(page: &Page, request: &Request) -> Value {
    let mut session = Value::Object(page.fields.clone());
    session["id"] = page.id.clone().into();
    session["url"] = format!("{}/hosted/{}", request.base_url, page.id).into();
    session["sessionData"] = format!("Ab02b4c0!{}", page.id).into();
    session["expiresAt"] = notices::date(page.expires_at_s).into();
    as_published("CreateCheckoutSessionResponse", session)
}

/// A page of this mode. What Adyen answers where there is none is not documented.
fn find(adyen: &mut Adyen, desk: &Desk, ask: &Ask<'_>, is_session: bool) -> Result<Page, Refusal> {
    let found = adyen.books.page(ask.id, desk.now_s());
    let found = found.filter(|page| page.livemode == ask.livemode && page.is_session == is_session);
    found.ok_or_else(|| Refusal::invalid("702", "There is no such page"))
}

fn show(adyen: &mut Adyen, desk: &Desk, ask: &Ask<'_>) -> Result<(u16, Value), Refusal> {
    Ok((200, link(&find(adyen, desk, ask, false)?, ask.request)))
}

/// Closes a link. Which code Adyen gives where it is not open any more is not documented.
fn close(adyen: &mut Adyen, desk: &Desk, ask: &Ask<'_>) -> Result<(u16, Value), Refusal> {
    let page = find(adyen, desk, ask, false)?;
    if page.status != "active" {
        return Err(Refusal::of_state("702", "The payment link is not active"));
    }
    adyen.books.change(&page.id, desk.now_s(), "expired");
    show(adyen, desk, ask)
}

/// What a session had come to when the shopper left; it never changes.
fn result(adyen: &mut Adyen, desk: &Desk, ask: &Ask<'_>) -> Result<(u16, Value), Refusal> {
    let page = find(adyen, desk, ask, true)?;
    let brought = ask.text("sessionResult");
    let found = page.results.iter().find(|(known, _)| Some(known.as_str()) == brought);
    // A browser may bring anything: that is not the hub's mistake.
    let (_, shown) = found.ok_or_else(|| Refusal::of_state("702", "Unexpected input: sessionResult"))?;
    Ok((200, as_published("SessionResultResponse", shown.clone())))
}

/// Takes note of a capture, a cancel or a refund.
fn modify(adyen: &mut Adyen, desk: &mut Desk, ask: &Ask<'_>, kind: Kind) -> Result<(u16, Value), Refusal> {
    let found = adyen.books.payment(ask.id).filter(|payment| payment.livemode == ask.livemode);
    let payment =
        found.ok_or_else(|| Refusal::invalid("167", "Original pspReference required for this operation"))?;
    let (name, whole) = (payment.adyen_id.clone(), payment.amount);
    let reference = ask.text("reference").unwrap_or(&payment.reference).to_owned();
    let (amount, shape) = match kind {
        Kind::Capture => (ask.amount().0, "PaymentCaptureResponse"),
        Kind::Refund => (ask.amount().0, "PaymentRefundResponse"),
        Kind::Cancel | Kind::TechnicalCancel => (whole, "PaymentCancelResponse"),
    };
    if kind != Kind::Cancel && ask.amount().1 != payment.currency {
        return Err(Refusal::invalid("138", "The currency is not the payment's"));
    }
    check_modification(desk, ask, amount)?;
    let adyen_id = adyen.books.modify(desk, kind, &name, (amount, &reference));
    Ok((201, taken_note(ask, shape, ("paymentPspReference", &name), &adyen_id)))
}

fn check_modification(desk: &mut Desk, ask: &Ask<'_>, amount: i64) -> Result<(), Refusal> {
    if amount <= 0 {
        return Err(Refusal::invalid("137", "Invalid amount specified"));
    }
    match ask.text("reference") {
        // Without one of its own the event comes with the payment's, and cannot be told from another's.
        None => desk.violation(format!("POST {}: no reference", ask.request.path)),
        Some(text) if text.chars().count() > REFERENCE_CHARS_MAX => {
            return Err(Refusal::invalid("702", "Unexpected input: reference"));
        }
        Some(_) => {}
    }
    Ok(())
}

/// What was asked, with an id, and the only status that there is.
fn taken_note(ask: &Ask<'_>, shape: &str, of: (&str, &str), adyen_id: &str) -> Value {
    let mut answer = Value::Object(ask.fields.clone());
    answer[of.0] = of.1.into();
    answer["pspReference"] = adyen_id.into();
    answer["status"] = "received".into();
    as_published(shape, answer)
}

/// Cancels what has this reference, whether or not there is anything: only the event tells.
fn cancel_by_reference(adyen: &mut Adyen, desk: &mut Desk, ask: &Ask<'_>) -> Result<(u16, Value), Refusal> {
    let reference = ask.text("paymentReference").expect("a reference, as was checked").to_owned();
    let is_it = |payment: &&Payment| payment.reference == reference && payment.livemode == ask.livemode;
    let found = adyen.books.payments.iter().rfind(is_it);
    let payment = found.map(|payment| (payment.adyen_id.clone(), payment.amount));
    let adyen_id = match payment {
        Some((name, amount)) => {
            // Its event comes with the payment's reference.
            adyen.books.modify(desk, Kind::TechnicalCancel, &name, (amount, &reference))
        }
        None => adyen.books.fresh(),
    };
    let shape = "StandalonePaymentCancelResponse";
    Ok((201, taken_note(ask, shape, ("paymentReference", &reference), &adyen_id)))
}
