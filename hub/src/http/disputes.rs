//! `/v1/disputes`: money that shoppers' banks took back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use hub_core::ids::DisputeId;

use super::Front;
use super::auth::{Caller, PaymentsRead};
use super::lists::{Query, answer, one_more};
use super::problem::{Kind, Problem};
use crate::api_objects;
use crate::store::TransferKind;

/// `GET /v1/disputes/{id}`
pub async fn get(
    State(front): State<Front>,
    caller: Caller<PaymentsRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let store = &front.hub.store;
    let id = DisputeId::parse(&id).map_err(|_| not_found())?;
    let payment_id = store.payment_of_transfer(&caller.scope, TransferKind::Dispute, id.as_str()).await?;
    let payment_id = payment_id.ok_or_else(not_found)?;
    let payment = store.payment(&caller.scope, &payment_id).await?.ok_or_else(not_found)?;
    let dispute = api_objects::dispute_by_id(&payment, &id).ok_or_else(not_found)?;
    Ok(Json(dispute).into_response())
}

/// `GET /v1/disputes`
pub async fn list(
    State(front): State<Front>,
    caller: Caller<PaymentsRead>,
    uri: Uri,
) -> Result<Response, Problem> {
    let store = &front.hub.store;
    let page = Query::of(&uri).page(|cursor| DisputeId::parse(cursor).is_ok())?;
    let mut items = Vec::new();
    for (id, payment_id) in store.transfers(&caller.scope, TransferKind::Dispute, &one_more(&page)).await? {
        let Some(payment) = store.payment(&caller.scope, &payment_id).await? else { continue };
        let Ok(dispute_id) = DisputeId::parse(&id) else { continue };
        items.extend(api_objects::dispute_by_id(&payment, &dispute_id).map(|dispute| (id, dispute)));
    }
    Ok(Json(answer(&page, items)).into_response())
}
