//! Erases what a payment's shopper is known by: the personal data that the cart sent, and the processor's
//! deliveries that were read, which may hold some too.
//!
//! Amounts, events and journals stay: none of them holds personal data, so that the books can be kept for as
//! long as the law wants while the shopper is forgotten.

use hub_core::command::Command;
use hub_core::event::Cause;
use hub_core::ids::DeliveryId;
use serde_json::{Value, json};

use super::OperatorError;
use super::payments::{deliveries_taken, find};
use super::resolutions::{NAME_CHARS_MAX, sentence};
use crate::service::{Extras, Hub};
use crate::store::Write;

pub(super) async fn erase(hub: &Hub, id: &str, operator: &str) -> Result<Value, OperatorError> {
    let cause = Cause::Operator { name: sentence("as", operator, NAME_CHARS_MAX)? };
    let payment = find(hub, id).await?;
    let (scope, order_id) = (payment.scope.clone(), payment.order_id.clone());
    let history = hub.store.history(&scope, &payment.id).await?;
    let deliveries: Vec<DeliveryId> =
        deliveries_taken(&history).iter().filter_map(|id| DeliveryId::parse(id).ok()).collect();
    let count = deliveries.len();
    let mut writes = vec![Write::ErasePersonalData { scope: scope.clone(), order_id }];
    writes.extend(deliveries.into_iter().map(|id| Write::EraseInbox { scope: scope.clone(), id }));
    let extras = Extras { writes, ..Extras::default() };
    hub.command(&scope, &payment.id, cause, &Command::ErasePersonalData, extras).await?;
    Ok(json!({ "payment_intent": payment.id.as_str(), "erased": true, "deliveries": count }))
}
