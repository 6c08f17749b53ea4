//! Requests to Stripe's API: who asks, under which version and key, and what is done.
//!
//! Source: docs.stripe.com/api: authentication, versioning, idempotent requests, errors, pagination, expanding.
//!
//! Invariant: a request is checked whole before anything is done, in Stripe's order; what Stripe takes but
//! the hub should not send (no version, no key) is noted all the same.

use serde_json::{Map, Value, json};

use super::Stripe;
use super::books::{text, unexpected_state};
use super::fields::{Operation, operations};
use super::form::Tree;
use super::keys::KEY_CHARS_MAX;
use super::objects::{self, ID_KINDS};
use super::refusal::{Refusal, json_reply};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};

/// How soon and how late after its opening a page may close, in seconds.
const OPEN_S: (i64, i64) = (30 * 60, 24 * 60 * 60);
/// Objects on a page of a list, unless the request says otherwise, and at most.
const PAGE_OBJECTS: (i64, i64) = (10, 100);
/// Metadata of one object: keys, characters of a key, characters of a value.
const METADATA_MAX: (usize, usize, usize) = (50, 40, 500);

/// A request that may be done.
struct Ask<'a> {
    operation: &'static Operation,
    ids: Vec<&'a str>,
    form: Tree,
    livemode: bool,
    base_url: &'a str,
}

/// Who asks: the account's mode.
fn authenticate(stripe: &Stripe, request: &Request) -> Result<bool, Refusal> {
    let Some(header) = request.header("authorization") else {
        let message = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
        return Err(Refusal::unauthorized(message));
    };
    let key = header.strip_prefix("Bearer ").unwrap_or_default();
    stripe
        .keys_of_mode
        .iter()
        .find(|(known, _)| known == key)
        .map(|(_, livemode)| *livemode)
        .ok_or_else(|| Refusal::unauthorized("Invalid API Key provided: sk_****************"))
}

/// `YYYY-MM-DD`, with a release's name since 2024-09-30.
fn is_version(text: &str) -> bool {
    let (date, name) = text.split_once('.').map_or((text, None), |(date, name)| (date, Some(name)));
    let is_date = date.len() == 10
        && date
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    is_date && name.is_none_or(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// What stands before any look at the parameters.
fn check_headers(stripe: &Stripe, desk: &mut Desk, request: &Request) -> Result<bool, Refusal> {
    let livemode = authenticate(stripe, request)?;
    match request.header("stripe-version") {
        None => desk.violation(format!("{} {}: no Stripe-Version", request.method, request.path)),
        Some(version) if is_version(version) => {}
        Some(version) => return Err(Refusal::invalid(format!("Invalid Stripe API version: {version}"))),
    }
    if request.header("stripe-account") != stripe.books.account.as_deref() {
        let message =
            "The provided key does not have access to this account (or that account does not exist).";
        return Err(Refusal::new(403, "invalid_request_error", message).code("account_invalid"));
    }
    Ok(livemode)
}

fn read<'a>(stripe: &Stripe, desk: &mut Desk, request: &'a Request) -> Result<Ask<'a>, Refusal> {
    let livemode = check_headers(stripe, desk, request)?;
    let found = operations()
        .iter()
        .find_map(|operation| operation.ids(&request.method, &request.path).map(|ids| (operation, ids)));
    let (operation, ids) = found.ok_or_else(|| Refusal::no_such_address(&request.method, &request.path))?;
    let encoded = if request.method == "GET" { request.query.as_bytes() } else { &request.body };
    let is_form = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if request.method == "POST" && !request.body.is_empty() && !is_form {
        let message =
            "Invalid request (check that your POST content type is application/x-www-form-urlencoded).";
        return Err(Refusal::invalid(message));
    }
    let form = Tree::parse(encoded).map_err(|name| Refusal::invalid_field(None, &name, "Invalid form"))?;
    Ok(Ask { operation, ids, form, livemode, base_url: &request.base_url })
}

/// Whether a refusal shows a mistake of the hub's: what it sent is not in the published API.
fn is_violation(refusal: &Refusal) -> bool {
    let of_state = [
        "payment_intent_unexpected_state",
        "charge_already_refunded",
        "charge_disputed",
        "resource_missing",
        "idempotency_key_in_use",
        "amount_too_small",
        "amount_too_large",
        "checkout_session_not_open",
    ];
    let is_refund_too_large = refusal.param.as_deref() == Some("amount") && refusal.code.is_none();
    !refusal.code.is_some_and(|code| of_state.contains(&code)) && !is_refund_too_large
}

/// Answers a request to the API.
pub(super) fn answer(stripe: &mut Stripe, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    stripe.books.expire_what_is_due(desk);
    let answered = match read(stripe, desk, request) {
        Ok(ask) if ask.operation.method == "POST" => keyed(stripe, desk, request, &ask, run),
        Ok(ask) => checked(&ask).and_then(|()| {
            if run == Run::Whole {
                look(stripe, &ask).map(|object| json_reply(200, object.to_string()))
            } else {
                Err(Refusal::broken())
            }
        }),
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(|refusal| {
        if refusal.status < 500 && is_violation(&refusal) {
            desk.violation(format!("{} {}: {}", request.method, request.path, refusal.message));
        }
        refusal.reply()
    })
}

/// That the parameters are as published.
fn checked(ask: &Ask<'_>) -> Result<(), Refusal> {
    ask.operation.check(&ask.form)?;
    let metadata = ["metadata", "payment_intent_data/metadata"].map(|path| ask.form.texts(path));
    let (keys_max, key_chars_max, value_chars_max) = METADATA_MAX;
    let is_good = |metadata: &Map<String, Value>| {
        metadata.len() <= keys_max
            && metadata.iter().all(|(key, value)| {
                let value = value.as_str().unwrap_or_default();
                key.chars().count() <= key_chars_max && value.chars().count() <= value_chars_max
            })
    };
    if metadata.iter().all(is_good) {
        return Ok(());
    }
    let message = "Metadata can have up to 50 keys, with key names up to 40 characters and values up to 500.";
    Err(Refusal::invalid(message).param("metadata"))
}

/// A request that changes something, under its key.
fn keyed(
    stripe: &mut Stripe,
    desk: &mut Desk,
    request: &Request,
    ask: &Ask<'_>,
    run: Run,
) -> Result<Reply, Refusal> {
    let key = request.header("idempotency-key").map(str::to_owned);
    match &key {
        None => desk.violation(format!("POST {}: no Idempotency-Key", request.path)),
        Some(key) if key.is_empty() || key.chars().count() > KEY_CHARS_MAX => {
            return Err(Refusal::invalid("Idempotency keys must be at most 255 characters long."));
        }
        Some(_) => {}
    }
    let parameters = String::from_utf8_lossy(&request.body).into_owned();
    let same = format!("{} {} {} {parameters}", request.method, request.path, ask.livemode);
    let now_s = desk.now_s();
    if let Some(key) = &key
        && let Some((status, body)) = stripe.keys.find(key, &same, now_s)?
    {
        let mut reply = json_reply(status, body);
        reply.headers.push(("idempotent-replayed", "true".to_owned()));
        return Ok(reply);
    }
    checked(ask)?;
    check_before(desk, ask)?;
    stripe.books.cause.clone_from(&key);
    let done = if run == Run::BreaksBefore { Err(Refusal::broken()) } else { act(stripe, desk, ask) };
    stripe.books.cause = None;
    let done = if run == Run::BreaksAfter { Err(Refusal::broken()) } else { done };
    let (status, body) = match &done {
        Ok(object) => (200, object.to_string()),
        Err(refusal) => (refusal.status, refusal.body().to_string()),
    };
    if let Some(key) = &key {
        stripe.keys.keep((key, &same), request.number, now_s, (status, &body));
    }
    done.map(|_| json_reply(status, body))
}

/// What Stripe checks of a new page before it begins.
fn check_before(desk: &Desk, ask: &Ask<'_>) -> Result<(), Refusal> {
    if ask.operation.path != "/v1/checkout/sessions" {
        return Ok(());
    }
    let form = &ask.form;
    for field in ["success_url", "cancel_url"] {
        let url = form.text(field).map(|text| text.replace("{CHECKOUT_SESSION_ID}", "cs"));
        if url.is_some_and(|url| reqwest::Url::parse(&url).is_err()) {
            return Err(Refusal::invalid_field(Some("url_invalid"), field, "Not a valid URL"));
        }
    }
    if form.text("mode") != Some("payment") {
        return Err(Refusal::missing_field("mode"));
    }
    if let Some(at) = form.integer("expires_at") {
        let open_s = at - desk.now_s();
        if open_s < OPEN_S.0 || open_s > OPEN_S.1 {
            let message = "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout Session creation.";
            return Err(Refusal::invalid_field(None, "expires_at", message));
        }
    }
    if form.text("customer_email").is_some_and(|email| !email.contains('@')) {
        let message = "Invalid email address";
        return Err(Refusal::invalid_field(Some("email_invalid"), "customer_email", message));
    }
    let line = |name: &str| form.text(&format!("line_items/0/{name}"));
    for needed in
        ["quantity", "price_data/unit_amount", "price_data/product_data/name", "price_data/currency"]
    {
        if line(needed).is_none() {
            return Err(Refusal::missing_field(&format!("line_items[0][{}]", needed.replace('/', "]["))));
        }
    }
    let unit = form.integer("line_items/0/price_data/unit_amount").expect("a checked integer");
    let quantity = form.integer("line_items/0/quantity").expect("a checked integer");
    super::amounts::check(line("price_data/currency").expect("a currency"), unit * quantity)
}

/// Does what changes something.
fn act(stripe: &mut Stripe, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let books = &mut stripe.books;
    let first = ask.ids.first().copied().unwrap_or_default();
    let form = &ask.form;
    let id = match ask.operation.path.as_str() {
        "/v1/checkout/sessions" => new_session(stripe, desk, ask),
        "/v1/checkout/sessions/{session}/expire" => {
            if books.find("checkout.session", first, ask.livemode)?["status"] != "open" {
                let message = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
                return Err(Refusal::invalid(message).code("checkout_session_not_open").param("session"));
            }
            books.expire(desk, first);
            first.to_owned()
        }
        "/v1/payment_intents/{intent}/capture" => {
            books.find("payment_intent", first, ask.livemode)?;
            books.capture(desk, first, form.integer("amount_to_capture"))?;
            add_metadata(stripe, first, form.texts("metadata"));
            first.to_owned()
        }
        "/v1/payment_intents/{intent}/cancel" => {
            cancel(stripe, desk, ask, first)?;
            first.to_owned()
        }
        "/v1/refunds" => {
            let Some(intent) = form.text("payment_intent") else {
                let message = "One of the following params should be provided for this request: payment_intent or charge.";
                return Err(Refusal::invalid(message).code("parameter_missing").param("payment_intent"));
            };
            books.find("payment_intent", intent, ask.livemode)?;
            let fields = json!({ "metadata": form.texts("metadata"), "reason": form.text("reason") });
            books.refund(desk, intent, form.integer("amount"), fields)?
        }
        other => panic!("{other} is in the table and is not answered"),
    };
    expanded(stripe, ask, stripe.books.get(&id).clone())
}

fn cancel(stripe: &mut Stripe, desk: &mut Desk, ask: &Ask<'_>, intent: &str) -> Result<(), Refusal> {
    let payment = stripe.books.find("payment_intent", intent, ask.livemode)?.clone();
    let cancelable = [
        "requires_payment_method",
        "requires_capture",
        "requires_confirmation",
        "requires_action",
        "processing",
    ];
    if !cancelable.contains(&text(&payment, "status")) {
        return Err(unexpected_state(&payment, "canceled", &cancelable.join(", ")));
    }
    let is_at_open_page = stripe.books.objects.values().any(|object| {
        object["object"] == "checkout.session"
            && object["status"] == "open"
            && object["payment_intent"] == intent
    });
    if is_at_open_page {
        let message = "You cannot cancel this PaymentIntent because it belongs to an open Checkout Session; expire the Session instead.";
        return Err(Refusal::invalid(message).code("payment_intent_unexpected_state"));
    }
    stripe.books.cancel(desk, intent, ask.form.text("cancellation_reason"));
    Ok(())
}

fn add_metadata(stripe: &mut Stripe, id: &str, more: Map<String, Value>) {
    let mut metadata = stripe.books.get(id)["metadata"].clone();
    for (name, value) in more {
        metadata[name] = value;
    }
    stripe.books.change(id, json!({ "metadata": metadata }));
}

fn new_session(stripe: &mut Stripe, desk: &mut Desk, ask: &Ask<'_>) -> String {
    let form = &ask.form;
    let mode = if ask.livemode { "live" } else { "test" };
    let id = format!("cs_{mode}_a1{}{}", desk.fresh(), desk.fresh());
    let unit = form.integer("line_items/0/price_data/unit_amount").expect("a checked integer");
    let total = unit * form.integer("line_items/0/quantity").expect("a checked integer");
    let expires_at = form.integer("expires_at").unwrap_or(desk.now_s() + OPEN_S.1);
    // What follows the `#` never reaches the server, and must reach the shopper's browser.
    let url = format!("{}/c/pay/{id}#fidkdWxOYHwnPyd1blpxYHZxWjA0", ask.base_url);
    let email = form.text("customer_email");
    let session = objects::session(json!({
        "id": id, "amount_subtotal": total, "amount_total": total,
        "currency": form.text("line_items/0/price_data/currency"), "created": desk.now_s(),
        "expires_at": expires_at, "livemode": ask.livemode, "url": url, "metadata": form.texts("metadata"),
        "client_reference_id": form.text("client_reference_id"), "success_url": form.text("success_url"),
        "cancel_url": form.text("cancel_url"), "customer_email": email, "locale": form.text("locale"),
        "adaptive_pricing": {"enabled": form.text("adaptive_pricing/enabled") != Some("false")},
    }));
    let plan = json!({
        "metadata": form.texts("payment_intent_data/metadata"),
        "description": form.text("payment_intent_data/description"),
        "capture_method": form.text("payment_intent_data/capture_method").unwrap_or("automatic_async"),
    });
    stripe.books.plans.insert(id, plan);
    stripe.books.add(session)
}

/// Shows what is asked for.
fn look(stripe: &Stripe, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let first = ask.ids.first().copied().unwrap_or_default();
    let one = |kind| stripe.books.find(kind, first, ask.livemode).cloned();
    let object = match ask.operation.path.as_str() {
        "/v1/checkout/sessions/{session}" => one("checkout.session")?,
        "/v1/payment_intents/{intent}" => one("payment_intent")?,
        "/v1/refunds/{refund}" => one("refund")?,
        "/v1/disputes/{dispute}" => one("dispute")?,
        "/v1/refunds" => return list(stripe, ask, "refund"),
        "/v1/disputes" => return list(stripe, ask, "dispute"),
        other => panic!("{other} is in the table and is not answered"),
    };
    expanded(stripe, ask, object)
}

fn list(stripe: &Stripe, ask: &Ask<'_>, kind: &str) -> Result<Value, Refusal> {
    let form = &ask.form;
    let limit = form.integer("limit").unwrap_or(PAGE_OBJECTS.0);
    if !(1..=PAGE_OBJECTS.1).contains(&limit) {
        let message = format!("Invalid limit: must be between 1 and {}", PAGE_OBJECTS.1);
        return Err(Refusal::invalid_field(None, "limit", &message));
    }
    let is_wanted = |id: &&String| {
        let object = stripe.books.get(id);
        let fits = |name: &str| form.text(name).is_none_or(|wanted| object[name] == wanted);
        stripe.books.find(kind, id, ask.livemode).is_ok() && fits("payment_intent") && fits("charge")
    };
    // The newest first.
    let mut ids: Vec<&String> = stripe.books.made.iter().rev().filter(is_wanted).collect();
    if let Some(after) = form.text("starting_after") {
        let place = ids.iter().position(|id| *id == after);
        let place = place.ok_or_else(|| Refusal::no_such_object(kind, after))?;
        ids.drain(..=place);
    }
    let limit = usize::try_from(limit).expect("a small number");
    let has_more = ids.len() > limit;
    let data: Vec<Value> = ids.into_iter().take(limit).map(|id| stripe.books.get(id).clone()).collect();
    let page = json!({ "object": "list", "data": data, "has_more": has_more, "url": ask.operation.path });
    expanded(stripe, ask, page)
}

/// Shows objects whole where the request wants them so.
fn expanded(stripe: &Stripe, ask: &Ask<'_>, mut object: Value) -> Result<Value, Refusal> {
    for wish in ask.form.texts("expand").values().filter_map(Value::as_str) {
        let parts: Vec<&str> = wish.split('.').collect();
        expand(stripe, &mut object, &parts).ok_or_else(|| {
            Refusal::invalid_field(None, "expand", &format!("This property cannot be expanded ({wish})."))
        })?;
    }
    Ok(object)
}

fn expand(stripe: &Stripe, object: &mut Value, path: &[&str]) -> Option<()> {
    let [first, rest @ ..] = path else { return Some(()) };
    let place = object.get_mut(*first)?;
    match place {
        // Nothing is there to be shown.
        Value::Null => Some(()),
        Value::Array(items) => items.iter_mut().try_for_each(|item| expand(stripe, item, rest)),
        Value::String(id) => {
            let is_id = ID_KINDS.iter().any(|(prefix, _)| id.starts_with(prefix));
            *place = is_id.then(|| stripe.books.get(id).clone())?;
            expand(stripe, place, rest)
        }
        Value::Object(_) => expand(stripe, place, rest),
        Value::Bool(_) | Value::Number(_) => None,
    }
}
