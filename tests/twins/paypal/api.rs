//! Requests to PayPal's API: who asks, what is wrong with it, and what is done.
//!
//! Source: the Orders, Payments and Disputes descriptions; developer.paypal.com, "Get started" for tokens.
//!
//! Invariant: a request is held against the published description before anything is done. What PayPal overlooks but
//! the hub should not send (a field it does not know, a payment without a request id) is noted all the same.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::keys::{KEY_CHARS_MAX, Made, ORDERS_RETENTION_S, PAYMENTS_RETENTION_S};
use super::published::{self, Asked};
use super::refusal::{Refusal, json_reply};
use super::{PayPal, Token, acts, objects};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};

/// A request that may be done.
pub(super) struct Ask<'a> {
    pub(super) asked: &'static Asked,
    /// What its path names.
    pub(super) id: &'a str,
    pub(super) fields: Value,
    pub(super) livemode: bool,
    pub(super) request: &'a Request,
}

impl Ask<'_> {
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.fields[name].as_str().map(str::to_owned)
    }

    fn wants_whole(&self) -> bool {
        self.request.header("prefer") == Some("return=representation")
    }
}

/// Answers a request to the API.
pub(super) fn answer(paypal: &mut PayPal, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    paypal.books.expire_what_is_due(desk);
    if request.path == "/v1/oauth2/token" {
        return if run == Run::Whole { token(paypal, desk, request) } else { Refusal::broken().reply() };
    }
    let livemode = match bearer(paypal, desk, request) {
        Ok(livemode) => livemode,
        Err(reply) => return reply,
    };
    let answered = read(desk, request, livemode).and_then(|ask| {
        if run == Run::BreaksBefore {
            return Err(Refusal::broken());
        }
        let done = perform(paypal, desk, &ask);
        if run == Run::BreaksAfter { Err(Refusal::broken()) } else { done }
    });
    answered.unwrap_or_else(|refusal| {
        if refusal.is_violation {
            let what = format!("{} {}: {refusal:?}", request.method, request.path);
            desk.violation(what);
        }
        refusal.reply()
    })
}

/// Whose token it is: `true` for live. PayPal says no in a form of its own.
fn bearer(paypal: &PayPal, desk: &mut Desk, request: &Request) -> Result<bool, Reply> {
    let given = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let known = given.and_then(|given| paypal.tokens.iter().find(|token| token.text == given));
    match known {
        Some(token) if token.is_good_at(desk.now_s()) => return Ok(token.livemode),
        // It was good once.
        Some(_) => {}
        None => desk.violation(format!("{} {}: a token that nobody was given", request.method, request.path)),
    }
    let body =
        json!({ "error": "invalid_token", "error_description": "The token was not found in the system" });
    Err(json_reply(401, &body))
}

/// Client credentials for a token.
fn token(paypal: &mut PayPal, desk: &mut Desk, request: &Request) -> Reply {
    let basic = request.header("authorization").and_then(|header| header.strip_prefix("Basic "));
    let given = basic.and_then(|basic| BASE64_STANDARD.decode(basic).ok());
    let given = given.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let (client_id, secret) = given.split_once(':').unwrap_or_default();
    let app = paypal.apps.iter().find(|app| app.client_id == client_id);
    let Some(app) = app.filter(|app| app.secrets.iter().any(|known| known == secret)) else {
        if app.is_none_or(|app| !app.rolled.iter().any(|known| known == secret)) {
            desk.violation(format!("token: neither now nor ever the secret of {client_id:?}"));
        }
        let why = "Client Authentication failed";
        return json_reply(401, &json!({ "error": "invalid_client", "error_description": why }));
    };
    let fields: Vec<_> = form_urlencoded::parse(&request.body).into_owned().collect();
    let is_form = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form
        || request.method != "POST"
        || fields != [("grant_type".to_owned(), "client_credentials".to_owned())]
    {
        desk.violation(format!("token: {} {fields:?}", request.method));
        return json_reply(400, &json!({ "error": "unsupported_grant_type" }));
    }
    let life_s = paypal.token_life_s;
    let token = Token {
        text: format!("A21AA{}", desk.fresh()),
        livemode: app.livemode,
        until_s: Some(desk.now_s() + life_s),
    };
    let body = json!({
        "scope": "https://uri.paypal.com/services/payments/payment", "access_token": token.text,
        "token_type": "Bearer", "app_id": "APP-80W284485P519543T", "expires_in": life_s, "nonce": desk.fresh(),
    });
    paypal.tokens.push(token);
    json_reply(200, &body)
}

fn read<'a>(desk: &mut Desk, request: &'a Request, livemode: bool) -> Result<Ask<'a>, Refusal> {
    let (asked, id) =
        published::request(&request.method, &request.path).ok_or_else(Refusal::no_such_address)?;
    let query: Map<String, Value> = form_urlencoded::parse(request.query.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect();
    let mut wrongs = asked.query.wrongs(&Value::Object(query));
    let fields = match &asked.body {
        None if request.body.is_empty() || request.body == b"{}" => json!({}),
        None => return Err(Refusal::invalid("MALFORMED_REQUEST_JSON", "/")),
        Some(shape) => {
            let kind = request.header("content-type").unwrap_or_default();
            if !kind.starts_with("application/json") {
                return Err(Refusal::media_type());
            }
            let body: Value = serde_json::from_slice(&request.body)
                .map_err(|_| Refusal::invalid("MALFORMED_REQUEST_JSON", "/"))?;
            wrongs.extend(shape.wrongs(&body));
            body
        }
    };
    for wrong in wrongs {
        match wrong.issue {
            Some(issue) => return Err(Refusal::invalid(issue, &wrong.field)),
            None => desk.violation(format!("{} {}: no field {}", request.method, request.path, wrong.field)),
        }
    }
    Ok(Ask { asked, id: id.unwrap_or_default(), fields, livemode, request })
}

fn perform(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    if ask.request.method == "GET" {
        return look_up(paypal, ask).map(|found| json_reply(200, &found));
    }
    if ask.asked.has_header("PayPal-Request-Id") {
        return keyed(paypal, desk, ask);
    }
    let voided = acts::void(paypal, desk, ask)?;
    if ask.wants_whole() {
        return Ok(json_reply(200, &voided));
    }
    Ok(Reply { status: 204, headers: vec![], body: String::new() })
}

/// What is done once under a request id.
fn keyed(paypal: &mut PayPal, desk: &mut Desk, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let Request { method, path, number, body, .. } = ask.request;
    let given = ask.request.header("paypal-request-id").unwrap_or_default();
    if given.is_empty() || given.len() > KEY_CHARS_MAX {
        // Only an order with a source needs one; the hub should not go without where money moves.
        return Err(Refusal::invalid("PAYPAL_REQUEST_ID_REQUIRED", "PayPal-Request-Id"));
    }
    let key = format!("{} {} {given}", ask.livemode, ask.asked.path);
    let same = format!("{method} {path} {}", String::from_utf8_lossy(body));
    let now_s = desk.now_s();
    if let Some(made) = paypal.keys.find(&key, &same, now_s)? {
        return Ok(shown(paypal, ask, 200, &made));
    }
    let end = acts::act(paypal, desk, ask);
    let is_kept = match &end {
        Ok(_) => true,
        Err(refusal) => paypal.keeps_refusals && refusal.status == 422 && !refusal.is_violation,
    };
    if is_kept {
        let is_of_orders = path.starts_with("/v2/checkout/orders");
        let retention_s = if is_of_orders { ORDERS_RETENTION_S } else { PAYMENTS_RETENTION_S };
        paypal.keys.keep((&key, &same), *number, now_s + retention_s, end.clone());
    }
    if let Err(refusal) = &end {
        let issue = refusal.issue.unwrap_or_default();
        assert!(refusal.status != 422 || ask.asked.has_issue(issue), "{path} has no issue {issue}");
    }
    let made = end?;
    // An order that has a source is answered with 200; all else that is made, with 201.
    let status = if ask.asked.path == "/v2/checkout/orders" { 200 } else { 201 };
    Ok(shown(paypal, ask, status, &made))
}

/// What a request made, as it is now.
fn shown(paypal: &PayPal, ask: &Ask<'_>, status: u16, made: &Made) -> Reply {
    let whole = match made {
        Made::Order(id) => objects::order(paypal.books.order(id)),
        Made::Capture(id) => {
            let of = |order: &super::books::Order| order.captures.iter().any(|known| known.id == *id);
            let order = paypal.books.find(of).expect("the order of a capture");
            objects::capture(order, order.capture(id))
        }
        Made::Refund(id) => {
            let of = |order: &super::books::Order| order.refunds.iter().any(|known| known.id == *id);
            let order = paypal.books.find(of).expect("the order of a refund");
            objects::refund(order, order.refund(id))
        }
    };
    json_reply(status, &if ask.wants_whole() { whole } else { objects::minimal(&whole) })
}

fn look_up(paypal: &PayPal, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let books = &paypal.books;
    let id = ask.id;
    let mine = books.orders.iter().filter(|order| order.livemode == ask.livemode);
    let found = match ask.asked.path.as_str() {
        "/v2/checkout/orders/{id}" => {
            mine.into_iter().find(|order| order.id == id && !order.is_gone).map(objects::order)
        }
        "/v2/payments/authorizations/{authorization_id}" => mine.into_iter().find_map(|order| {
            let held = order.authorization.as_ref().filter(|held| held.id == id)?;
            Some(objects::authorization(order, held))
        }),
        "/v2/payments/captures/{capture_id}" => mine.into_iter().find_map(|order| {
            let capture = order.captures.iter().find(|known| known.id == id)?;
            Some(objects::capture(order, capture))
        }),
        "/v2/payments/refunds/{refund_id}" => mine.into_iter().find_map(|order| {
            let refund = order.refunds.iter().find(|known| known.id == id)?;
            Some(objects::refund(order, refund))
        }),
        "/v1/customer/disputes/{id}" => {
            books.disputes.iter().find(|known| known.id == id).map(objects::dispute)
        }
        path => unreachable!("{path} is published and nobody answers it"),
    };
    found.ok_or_else(Refusal::absent)
}
