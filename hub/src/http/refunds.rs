//! `/v1/refunds`: give money back, in parts and several times.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use hub_core::command::Command;
use hub_core::event::Event;
use hub_core::ids::{PaymentIntentId, RefundId};
use hub_core::story::Decision;
use serde_json::Value;

use super::Front;
use super::auth::{Caller, PaymentsRead, RefundsWrite};
use super::body::{Body, JsonRequest, Note, note};
use super::fields::{Fields, ID_CHARS_MAX, MinorUnits, TEXT_CHARS_MAX};
use super::idempotency::{Begun, KeyedCall, plain, respond};
use super::lists::{Query, answer, one_more};
use super::payment_intents::find;
use super::problem::{Kind, Problem};
use crate::api_objects;
use crate::service::Extras;
use crate::store::TransferKind;

/// The body of a refund.
#[derive(Debug)]
pub struct NewRefund {
    payment_intent: Option<String>,
    amount: Option<MinorUnits>,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    allow_duplicate: bool,
}

impl Body for NewRefund {
    const NAME: &'static str = "NewRefund";
    const KEYED: bool = true;
    const MAY_BE_EMPTY: bool = false;
    const NOTES: &'static [Note] = &[
        note(
            "/payment_intent",
            "The id of the payment intent to give back from.",
            r#""pi_01m82t6djb2v4zd7kydfssr1kk""#,
        ),
        note(
            "/amount",
            "How much, in minor units of the payment's currency; all that is left unless said otherwise.",
            "500",
        ),
        note("/reason", "Why, for your own books.", r#""came back unread""#),
        note("/metadata", "Your own notes, shown again with the refund.", r#"{"ticket": "77"}"#),
        note(
            "/allow_duplicate",
            "That another refund is wanted although one was found after a restore, which may be the same (see the \
             problem `found-after-restore`); false unless said otherwise.",
            "false",
        ),
    ];

    fn read(fields: &mut Fields) -> Self {
        let payment_intent = fields.text("payment_intent", ID_CHARS_MAX);
        Self {
            payment_intent: fields.require("payment_intent", payment_intent, "the id of what to refund"),
            amount: fields.amount("amount"),
            reason: fields.text("reason", TEXT_CHARS_MAX),
            metadata: fields.metadata("metadata"),
            allow_duplicate: fields.flag("allow_duplicate").unwrap_or(false),
        }
    }
}

/// `POST /v1/refunds`
pub async fn create(
    State(front): State<Front>,
    caller: Caller<RefundsWrite>,
    request: JsonRequest<NewRefund>,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed = match KeyedCall::begin(hub, &caller.scope, "refunds.create", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let (asked, mut fields) = request.read()?;
    let payment = match &asked.payment_intent {
        Some(id) => find(hub, &caller.scope, id).await.map(Some),
        None => Ok(None),
    };
    let payment = match payment {
        Err(problem) if problem.kind == Kind::NotFound => {
            fields.error("payment_intent", "names no payment intent of this API key");
            None
        }
        found => found?,
    };
    fields.finish()?;
    // Whatever is missing was noted, so that the reading has ended with it.
    let payment = payment.ok_or_else(|| Problem::new(Kind::Validation))?;
    let amount = asked.amount.map(|amount| amount.of(payment.amount.currency())).transpose()?;
    let (reason, metadata) = (asked.reason, asked.metadata);

    let now = hub.clock.now();
    let shown = |decision: &Decision| {
        // The first that this decision recorded: what a policy gives back besides stands behind it.
        let asked = decision.events.iter().find_map(|recorded| match &recorded.event {
            Event::RefundRecorded { refund } if !refund.observed => Some(&refund.id),
            _other => None,
        });
        asked.and_then(|id| api_objects::refund_by_id(&decision.payment, id)).unwrap_or(Value::Null)
    };
    let stored = |decision: &Decision| keyed.answer(plain(201, &shown(decision)), now);
    let extras = Extras { answer: Some(&stored), idempotency_key: Some(keyed.key()), ..Extras::default() };
    let allow_duplicate = asked.allow_duplicate;
    let command = Command::Refund { amount, reason, metadata, allow_duplicate };
    match hub.command(&caller.scope, &payment.id, caller.cause(), &command, extras).await {
        Ok(decision) => Ok(respond(201, shown(&decision).to_string().into_bytes())),
        Err(error) => keyed.conclude(hub, error.into()).await,
    }
}

/// `GET /v1/refunds/{id}`
pub async fn get(
    State(front): State<Front>,
    caller: Caller<PaymentsRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let store = &front.hub.store;
    let id = RefundId::parse(&id).map_err(|_| not_found())?;
    let payment_id = store.payment_of_transfer(&caller.scope, TransferKind::Refund, id.as_str()).await?;
    let payment_id = payment_id.ok_or_else(not_found)?;
    let payment = store.payment(&caller.scope, &payment_id).await?.ok_or_else(not_found)?;
    let refund = api_objects::refund_by_id(&payment, &id).ok_or_else(not_found)?;
    Ok(Json(refund).into_response())
}

/// `GET /v1/refunds?payment_intent`
pub async fn list(
    State(front): State<Front>,
    caller: Caller<PaymentsRead>,
    uri: Uri,
) -> Result<Response, Problem> {
    let store = &front.hub.store;
    let mut query = Query::of(&uri);
    let of = query.read("payment_intent", "must be the id of a payment intent", |text| {
        PaymentIntentId::parse(text).ok()
    });
    let page = query.page(|cursor| RefundId::parse(cursor).is_ok())?;
    let mut items = Vec::new();
    if let Some(payment_id) = of {
        if let Some(payment) = store.payment(&caller.scope, &payment_id).await? {
            let newest_first = payment.refunds.iter().rev();
            let rest = newest_first
                .filter(|refund| page.after.as_ref().is_none_or(|after| refund.id.as_str() < after.as_str()));
            let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
            items.extend(
                rest.take(limit + 1)
                    .map(|refund| (refund.id.to_string(), api_objects::refund(&payment, refund))),
            );
        }
    } else {
        for (id, payment_id) in store.transfers(&caller.scope, TransferKind::Refund, &one_more(&page)).await?
        {
            let Some(payment) = store.payment(&caller.scope, &payment_id).await? else { continue };
            let Ok(refund_id) = RefundId::parse(&id) else { continue };
            items.extend(api_objects::refund_by_id(&payment, &refund_id).map(|refund| (id, refund)));
        }
    }
    Ok(Json(answer(&page, items)).into_response())
}
