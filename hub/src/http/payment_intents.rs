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
use hub_core::payment::{PaymentIntent, Status, TransferStatus};
use hub_core::planted::Bug;
use hub_core::retry::after;
use hub_core::routing::{Wish, route};
use hub_core::story::Decision;
use serde_json::{Value, json};
use url::Url;

use super::auth::{Caller, PaymentsRead, PaymentsWrite};
use super::body::{Body, JsonRequest, NoFields, Note, note};
use super::fields::{Fields, MinorUnits};
use super::idempotency::{Begun, KeyedCall, plain, respond};
use super::lists::{Query, answer, one_more};
use super::new_intent::NewIntent;
use super::problem::{Kind, Problem};
use super::{Front, HttpReturnUrls};
use crate::api_objects;
use crate::planted::planted;
use crate::service::{Extras, Hub, IntentWish, NewOrder, NewPayment, PersonalData, ServiceError};
use crate::store::{Conflict, PaymentFilter, StoreError};

/// How long capture and cancel wait for the processor, in seconds.
const PROCESSOR_WAIT_S: i64 = 5;
/// How long after that the first request may still be answering, in seconds.
const PROVISIONAL_MARGIN_S: i64 = 5;

/// `POST /v1/payment_intents`
pub async fn create(
    State(front): State<Front>,
    caller: Caller<PaymentsWrite>,
    request: JsonRequest<NewIntent>,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed = match KeyedCall::begin(hub, &caller.scope, "payment_intents.create", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let (asked, fields) = request.read()?;
    let new = new_payment(&front, &caller.scope, asked, fields)?;
    let connectors = hub.connectors.now().candidates();
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

/// Checks what depends on the hub's settings, and ends the reading.
fn new_payment(
    front: &Front,
    scope: &Scope,
    asked: NewIntent,
    mut fields: Fields,
) -> Result<NewPayment, Problem> {
    check_url(front, scope, &mut fields, "return_url", asked.return_url.as_deref());
    check_url(front, scope, &mut fields, "cancel_url", asked.cancel_url.as_deref());
    fields.finish()?;
    let (Some(amount), Some(return_url)) = (asked.amount, asked.return_url) else {
        return Err(Problem::new(Kind::Validation));
    };
    let personal = PersonalData { customer: asked.customer, locale: asked.locale };
    let mut metadata = asked.metadata;
    if planted(Bug::ShopperInHistory) {
        metadata.insert("shopper".to_owned(), json!(personal).to_string());
    }
    Ok(NewPayment {
        order: NewOrder {
            order_reference: asked.order_reference,
            description: asked.description,
            amount,
            lines: asked.lines,
        },
        personal,
        allow_duplicate: asked.allow_duplicate,
        intent: IntentWish {
            scope: scope.clone(),
            capture: asked.capture,
            return_url,
            cancel_url: asked.cancel_url,
            site: asked.site,
            connector: asked.connector,
            metadata,
            expires_in_s: asked.expires_in_s,
        },
    })
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

/// The body of a capture.
#[derive(Debug)]
pub struct NewCapture {
    amount: Option<MinorUnits>,
    is_final: bool,
    allow_duplicate: bool,
}

impl Body for NewCapture {
    const NAME: &'static str = "NewCapture";
    const KEYED: bool = true;
    const MAY_BE_EMPTY: bool = true;
    const NOTES: &'static [Note] = &[
        note(
            "/amount",
            "How much of the reserved money to take; all that is left unless said otherwise.",
            "1500",
        ),
        note(
            "/final",
            "True (the default): no more will be taken, and the rest is released where the processor does so.",
            "true",
        ),
        note(
            "/allow_duplicate",
            "That another capture is wanted although one was found after a restore, which may be the same (see the \
             problem `found-after-restore`); false unless said otherwise.",
            "false",
        ),
    ];

    fn read(fields: &mut Fields) -> Self {
        Self {
            amount: fields.amount("amount"),
            is_final: fields.flag("final").unwrap_or(true),
            allow_duplicate: fields.flag("allow_duplicate").unwrap_or(false),
        }
    }
}

/// `POST /v1/payment_intents/{id}/capture`
pub async fn capture(
    State(front): State<Front>,
    caller: Caller<PaymentsWrite>,
    Path(id): Path<String>,
    request: JsonRequest<NewCapture>,
) -> Result<Response, Problem> {
    let keyed = match KeyedCall::begin(&front.hub, &caller.scope, "payment_intents.capture", &request).await?
    {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let payment = find(&front.hub, &caller.scope, &id).await?;
    let (asked, fields) = request.read()?;
    fields.finish()?;
    let amount = asked.amount.map(|amount| amount.of(payment.amount.currency())).transpose()?;
    let NewCapture { is_final, allow_duplicate, .. } = asked;
    let command = Command::Capture { amount, is_final, allow_duplicate };
    act(&front.hub, &caller, &payment.id, &command, &keyed, capture_is_over).await
}

/// `POST /v1/payment_intents/{id}/cancel`
pub async fn cancel(
    State(front): State<Front>,
    caller: Caller<PaymentsWrite>,
    Path(id): Path<String>,
    request: JsonRequest<NoFields>,
) -> Result<Response, Problem> {
    let keyed = match KeyedCall::begin(&front.hub, &caller.scope, "payment_intents.cancel", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let payment = find(&front.hub, &caller.scope, &id).await?;
    request.read()?.1.finish()?;
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
