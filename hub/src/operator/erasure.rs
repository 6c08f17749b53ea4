//! Erases what a payment's shopper is known by: the personal data that the cart sent, and the processor's
//! deliveries about it that were read, which may hold some too, whether or not they taught anything new.
//!
//! Amounts, events and journals stay: none of them holds personal data, so that the books can be kept for as
//! long as the law wants while the shopper is forgotten.

use hub_core::command::Command;
use hub_core::event::Cause;
use serde_json::{Value, json};

use super::OperatorError;
use super::payments::find;
use super::resolutions::{NAME_CHARS_MAX, sentence};
use crate::service::{Extras, Hub};
use crate::store::Write;

pub(super) async fn erase(hub: &Hub, id: &str, operator: &str) -> Result<Value, OperatorError> {
    let cause = Cause::Operator { name: sentence("as", operator, NAME_CHARS_MAX)? };
    let payment = find(hub, id).await?;
    let (scope, order_id) = (payment.scope.clone(), payment.order_id.clone());
    let count = hub.store.inbox_of_payment(&scope, &payment.id).await?.len();
    let writes = vec![
        Write::ErasePersonalData { scope: scope.clone(), order_id },
        Write::EraseInbox { scope: scope.clone(), payment_id: payment.id.clone() },
    ];
    let extras = Extras { writes, ..Extras::default() };
    hub.command(&scope, &payment.id, cause, &Command::ErasePersonalData, extras).await?;
    Ok(json!({ "payment_intent": payment.id.as_str(), "erased": true, "deliveries": count }))
}
