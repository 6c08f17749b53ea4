//! `/v1/orders`: what is sold.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hub_core::ids::OrderId;

use super::Front;
use super::auth::{Caller, PaymentsRead};
use super::problem::{Kind, Problem};
use crate::api_objects;

/// `GET /v1/orders/{id}`
pub async fn get(
    State(front): State<Front>,
    caller: Caller<PaymentsRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let store = &front.hub.store;
    let id = OrderId::parse(&id).map_err(|_| not_found())?;
    let (order, _) = store.order(&caller.scope, &id).await?.ok_or_else(not_found)?;
    let payment = store.payment_of_order(&caller.scope, &id).await?.ok_or_else(not_found)?;
    Ok(Json(api_objects::order(&order, &payment)).into_response())
}
