//! Refuses to start without a connector that payments still need.
//!
//! An attempt stays with the connector that opened it, so one that is taken out of the config too early
//! leaves payments that nobody can look up, capture or give back. The way out of the config is to drain; the
//! way around it is to say so by name.

use hub_core::ids::{MerchantId, Scope};
use processor_sdk::Timestamp;

use crate::routing_table::RoutingTable;
use crate::store::{Attached, Store, StoreError};

/// A connector that is not in the config and should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "connector {connector} ({mode}) is not in the config any more, and {count} need it: {in_flight} in flight, \
     {refundable} refundable, such as {example}; put it back with draining = true, so that it takes no new \
     payments and goes on with these, or, if it is gone for good, add \"{connector}\" to abandoned_connectors",
    mode = if *.livemode { "live" } else { "test" },
    count = payments(.attached.in_flight.saturating_add(.attached.refundable)),
    in_flight = .attached.in_flight,
    refundable = .attached.refundable,
    example = .attached.example.as_ref().map_or("none", |id| id.as_str())
)]
pub struct RemovedConnector {
    /// Its name.
    pub connector: String,
    /// Live or test.
    pub livemode: bool,
    /// What needs it.
    pub attached: Attached,
}

/// How many, in words.
pub(crate) fn payments(count: u64) -> String {
    if count == 1 { "1 payment".to_owned() } else { format!("{count} payments") }
}

/// Why a hub with these connectors must not start.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error(transparent)]
    Removed(#[from] RemovedConnector),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks whether anything needs a connector that is not there.
///
/// # Errors
/// [`Refused`]: the first such connector.
pub async fn refuse(
    store: &dyn Store,
    routes: &RoutingTable,
    abandoned: &[String],
    now: Timestamp,
) -> Result<(), Refused> {
    for livemode in [true, false] {
        let scope = Scope { merchant_id: MerchantId::main(), livemode };
        for connector in store.connectors_used(&scope).await? {
            if routes.connector(&connector).is_some_and(|known| known.livemode() == livemode) {
                continue;
            }
            if abandoned.contains(&connector) {
                tracing::warn!(connector.name = %connector, "{connector} was abandoned: nothing is asked of its processor any more");
                continue;
            }
            let attached = store.attached_to(&scope, &connector, now).await?;
            if attached.example.is_some() {
                return Err(RemovedConnector { connector, livemode, attached }.into());
            }
        }
    }
    Ok(())
}
