//! `/v1/payment_intents`: create, read, list, capture, cancel.
//!
//! Creating is local: one commit, no processor. Capture and cancel wait a few seconds for the processor and
//! answer 200 when it is done, 202 while it is not.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use hub_core::command::Command;
use hub_core::ids::{PaymentIntentId, Scope};
use hub_core::order::{LINES_MAX, OrderError, OrderLine, check_lines};
use hub_core::payment::{PaymentIntent, Status, TransferStatus};
use hub_core::retry::after;
use hub_core::routing::{Wish, route};
use hub_core::story::Decision;
use processor_sdk::{CaptureMode, Currency, Customer};
use serde_json::{Value, json};
use url::Url;

use super::auth::{Caller, PaymentsRead, PaymentsWrite};
use super::body::JsonRequest;
use super::fields::{Fields, TEXT_CHARS_MAX};
use super::idempotency::{Begun, KeyedCall, plain, respond};
use super::lists::{Query, answer, one_more};
use super::problem::{Kind, Problem};
use super::{Front, HttpReturnUrls};
use crate::api_objects;
use crate::service::{Extras, Hub, IntentWish, NewOrder, NewPayment, PersonalData, ServiceError};
use crate::store::{Conflict, PaymentFilter, StoreError};

/// Longest description.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// Longest URL.
const URL_CHARS_MAX: usize = 2_000;
/// Largest quantity of a line.
const QUANTITY_MAX: i64 = 1_000_000;
/// Seconds an intent's door stays open where the cart says nothing.
const EXPIRES_IN_S_DEFAULT: i64 = 24 * 3_600;
/// Shortest and longest time of an intent's door, in seconds.
const EXPIRES_IN_S: (i64, i64) = (300, 30 * 24 * 3_600);
/// How long capture and cancel wait for the processor, in seconds.
const PROCESSOR_WAIT_S: i64 = 5;
/// How long after that the first request may still be answering, in seconds.
const PROVISIONAL_MARGIN_S: i64 = 5;

/// `POST /v1/payment_intents`
pub async fn create(
    State(front): State<Front>,
    caller: Caller<PaymentsWrite>,
    request: JsonRequest,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed = match KeyedCall::begin(hub, &caller.scope, "payment_intents.create", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let new = read_new_payment(&front, &caller.scope, &request.body)?;
    let connectors = hub.connectors.candidates();
    let wish = Wish {
        amount: new.order.amount,
        capture: new.intent.capture,
        site: new.intent.site.clone(),
        livemode: caller.scope.livemode,
        connector: new.intent.connector.clone(),
    };
    let routing = route(&wish, &connectors);
    if routing.choices.is_empty() {
        let reasons: Vec<_> = routing
            .rejections
            .iter()
            .map(|rejection| format!("{} {}", rejection.connector, rejection.reason))
            .collect();
        let detail =
            if reasons.is_empty() { "no connector is configured".to_owned() } else { reasons.join("; ") };
        return Err(Problem::new(Kind::NoConnector).detail(detail));
    }

    let order_reference = new.order.order_reference.clone();
    let now = hub.clock.now();
    let urls = hub.urls.clone();
    let stored = |decision: &Decision| {
        keyed.answer(plain(201, &api_objects::payment_intent(&decision.payment, &urls)), now)
    };
    match hub.create_payment(new, caller.cause(), keyed.key(), &stored).await {
        Ok(decision) => {
            let body = api_objects::payment_intent(&decision.payment, &hub.urls).to_string();
            Ok(respond(201, body.into_bytes()))
        }
        Err(ServiceError::Store(StoreError::Conflict(Conflict::OrderReference))) => {
            let reference = order_reference.unwrap_or_default();
            let open = hub.store.open_payment_for(&caller.scope, &reference).await?;
            // A repeat of this very request may be what holds the reference.
            if let Some(response) = keyed.replay(hub).await? {
                return Ok(response);
            }
            let open = open.map_or(Value::Null, |id| json!(id.as_str()));
            let problem = Problem::new(Kind::DuplicateOrderReference).member("payment_intent", open);
            keyed.conclude(hub, problem).await
        }
        Err(error) => keyed.conclude(hub, error.into()).await,
    }
}

fn read_new_payment(front: &Front, scope: &Scope, body: &[u8]) -> Result<NewPayment, Problem> {
    let mut fields = Fields::parse(body)?;
    let currency = fields.currency("currency");
    // Where the currency is wrong the amounts are still checked, in any currency.
    let unit = currency.unwrap_or(Currency::EUR);
    let amount = fields.amount("amount", unit);
    let amount = fields.require("amount", amount, "integer minor units greater than zero");
    let lines = fields.objects("lines", LINES_MAX, |line| read_line(line, unit));
    let lines: Vec<OrderLine> = lines.into_iter().flatten().collect();
    let order_reference = fields.text("order_reference", TEXT_CHARS_MAX);
    let description = fields.text("description", DESCRIPTION_CHARS_MAX);
    let customer = fields.object("customer", read_customer).unwrap_or_default();
    let locale = fields.text("locale", 35);
    let return_url = fields.text("return_url", URL_CHARS_MAX);
    let return_url = fields.require("return_url", return_url, "where the shopper goes afterwards");
    check_url(front, scope, &mut fields, "return_url", return_url.as_deref());
    let cancel_url = fields.text("cancel_url", URL_CHARS_MAX);
    check_url(front, scope, &mut fields, "cancel_url", cancel_url.as_deref());
    let capture = match fields.word("capture", &["automatic", "manual"]) {
        Some("manual") => CaptureMode::Manual,
        Some(_) | None => CaptureMode::Automatic,
    };
    let expires_in_s =
        fields.integer("expires_in_s", EXPIRES_IN_S.0, EXPIRES_IN_S.1).unwrap_or(EXPIRES_IN_S_DEFAULT);
    let allow_duplicate = fields.flag("allow_duplicate").unwrap_or(false);
    let metadata = fields.metadata("metadata");
    let site = fields.text("site", 100);
    let connector = fields.text("connector", 100);
    if let (Some(amount), Some(_)) = (amount, currency) {
        match check_lines(&lines, amount) {
            Ok(()) => {}
            Err(OrderError::LinesDoNotSum { .. }) => {
                fields.error("lines", "must sum to the amount; a discount is a negative line");
            }
            Err(OrderError::Line { index, .. }) => {
                fields.error("lines", format!("line {index} (from 0) makes the sum too large"));
            }
        }
    }
    fields.finish()?;
    let (Some(amount), Some(return_url)) = (amount, return_url) else {
        return Err(Problem::new(Kind::Validation));
    };
    Ok(NewPayment {
        order: NewOrder { order_reference, description, amount, lines },
        personal: PersonalData { customer, locale },
        allow_duplicate,
        intent: IntentWish {
            scope: scope.clone(),
            capture,
            return_url,
            cancel_url,
            site,
            connector,
            metadata,
            expires_in_s,
        },
    })
}

fn read_line(line: &mut Fields, currency: Currency) -> Option<OrderLine> {
    let name = line.text("name", TEXT_CHARS_MAX);
    let name = line.require("name", name, "what the shopper sees");
    let quantity = line.integer("quantity", 1, QUANTITY_MAX);
    let quantity = line.require("quantity", quantity, "how many, at least 1");
    let unit_amount = line.signed_amount("unit_amount", currency);
    let unit_amount =
        line.require("unit_amount", unit_amount, "price of one in minor units; negative for a discount");
    let sku = line.text("sku", 100);
    let kind = line.text("kind", 50);
    let metadata = line.metadata("metadata");
    let quantity = u32::try_from(quantity?).ok()?;
    Some(OrderLine { sku, name: name?, quantity, unit_amount: unit_amount?, kind, metadata })
}

fn read_customer(customer: &mut Fields) -> Customer {
    let email = customer.text("email", 254);
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        customer.error("email", "must be an e-mail address");
    }
    let country = customer.text("country", 2);
    let is_code = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if country.as_ref().is_some_and(|country| !is_code(country)) {
        customer.error("country", "must be an ISO 3166-1 alpha-2 code in capitals, such as DE");
    }
    Customer {
        email,
        name: customer.text("name", TEXT_CHARS_MAX),
        country,
        address: customer.text("address", 500),
    }
}

fn check_url(front: &Front, scope: &Scope, fields: &mut Fields, name: &str, url: Option<&str>) {
    let Some(text) = url else { return };
    let Ok(url) = Url::parse(text) else {
        return fields.error(name, "must be an absolute URL such as https://shop.example.com/thanks");
    };
    let plain_http = match front.settings.http_return_urls {
        _ if scope.livemode => false,
        HttpReturnUrls::Refused => false,
        HttpReturnUrls::Loopback => is_loopback(&url),
        HttpReturnUrls::Anywhere => true,
    };
    let scheme_good = url.scheme() == "https" || (url.scheme() == "http" && plain_http);
    if !scheme_good || url.host_str().is_none_or(str::is_empty) {
        return fields.error(
            name,
            "must be an absolute https URL; plain http only for tests, where the operator allows it",
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return fields.error(name, "must not carry a user name or password");
    }
    let hosts = &front.settings.return_url_hosts;
    let host = url.host_str().unwrap_or_default();
    if !hosts.is_empty() && !hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host)) {
        fields.error(name, "names a host that this hub does not send shoppers to; an operator can add it");
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// `GET /v1/payment_intents/{id}`
pub async fn get(
    State(front): State<Front>,
    caller: Caller<PaymentsRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let payment = find(&front.hub, &caller.scope, &id).await?;
    Ok(Json(api_objects::payment_intent(&payment, &front.hub.urls)).into_response())
}

/// A payment by the id in an address.
pub(super) async fn find(hub: &Hub, scope: &Scope, id: &str) -> Result<PaymentIntent, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let id = PaymentIntentId::parse(id).map_err(|_| not_found())?;
    hub.store.payment(scope, &id).await?.ok_or_else(not_found)
}

/// `GET /v1/payment_intents`
pub async fn list(
    State(front): State<Front>,
    caller: Caller<PaymentsRead>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri);
    let status = query.read("status", "must be a status of payment intents", |text| {
        serde_json::from_value::<Status>(json!(text)).ok()
    });
    let filter = PaymentFilter { status, order_reference: query.take("order_reference") };
    let page = query.page(|cursor| PaymentIntentId::parse(cursor).is_ok())?;
    let payments = front.hub.store.payments(&caller.scope, &filter, &one_more(&page)).await?;
    let items = payments
        .iter()
        .map(|payment| (payment.id.to_string(), api_objects::payment_intent(payment, &front.hub.urls)))
        .collect();
    Ok(Json(answer(&page, items)).into_response())
}

/// `POST /v1/payment_intents/{id}/capture`
pub async fn capture(
    State(front): State<Front>,
    caller: Caller<PaymentsWrite>,
    Path(id): Path<String>,
    request: JsonRequest,
) -> Result<Response, Problem> {
    let keyed = match KeyedCall::begin(&front.hub, &caller.scope, "payment_intents.capture", &request).await?
    {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let payment = find(&front.hub, &caller.scope, &id).await?;
    let mut fields = Fields::parse(request.body_or_empty_object())?;
    let amount = fields.amount("amount", payment.amount.currency());
    let is_final = fields.flag("final").unwrap_or(true);
    fields.finish()?;
    let command = Command::Capture { amount, is_final };
    act(&front.hub, &caller, &payment.id, &command, &keyed, capture_is_over).await
}

/// `POST /v1/payment_intents/{id}/cancel`
pub async fn cancel(
    State(front): State<Front>,
    caller: Caller<PaymentsWrite>,
    Path(id): Path<String>,
    request: JsonRequest,
) -> Result<Response, Problem> {
    let keyed = match KeyedCall::begin(&front.hub, &caller.scope, "payment_intents.cancel", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let payment = find(&front.hub, &caller.scope, &id).await?;
    Fields::parse(request.body_or_empty_object())?.finish()?;
    act(&front.hub, &caller, &payment.id, &Command::Cancel, &keyed, cancel_is_over).await
}

fn capture_is_over(payment: &PaymentIntent) -> bool {
    payment.captures.iter().all(|capture| capture.status != TransferStatus::Pending)
}

fn cancel_is_over(payment: &PaymentIntent) -> bool {
    !payment.cancel_requested
}

/// Gives the command, waits for the processor, and answers 200 or 202. The 202 is committed with the
/// command, so that a crash in between leaves a true answer behind.
async fn act(
    hub: &Hub,
    caller: &Caller<PaymentsWrite>,
    id: &PaymentIntentId,
    command: &Command,
    keyed: &KeyedCall,
    is_over: fn(&PaymentIntent) -> bool,
) -> Result<Response, Problem> {
    let now = hub.clock.now();
    let until = after(now, PROCESSOR_WAIT_S + PROVISIONAL_MARGIN_S);
    let urls = hub.urls.clone();
    let stored = |decision: &Decision| {
        let body = api_objects::payment_intent(&decision.payment, &urls);
        if is_over(&decision.payment) {
            keyed.answer(plain(200, &body), now)
        } else {
            keyed.provisional(plain(202, &body), now, until)
        }
    };
    let extras = Extras { answer: Some(&stored), idempotency_key: Some(keyed.key()), ..Extras::default() };
    let decision = match hub.command(&caller.scope, id, caller.cause(), command, extras).await {
        Ok(decision) => decision,
        Err(error) => return keyed.conclude(hub, error.into()).await,
    };
    let body = |payment: &PaymentIntent| api_objects::payment_intent(payment, &hub.urls);
    if is_over(&decision.payment) {
        return Ok(respond(200, body(&decision.payment).to_string().into_bytes()));
    }
    let deadline = after(now, PROCESSOR_WAIT_S);
    let payment = hub.wait_until(&caller.scope, id, deadline, is_over).await?.unwrap_or(decision.payment);
    let answer = plain(if is_over(&payment) { 200 } else { 202 }, &body(&payment));
    keyed.finish(hub, answer.clone()).await?;
    Ok(respond(answer.status, answer.body))
}
