//! Which plugin files a hub runs: those in force, and older ones that it keeps for payments.

use serde_json::{Map, Value, json};

use super::{OperatorError, scope};
use crate::connector::Connector;
use crate::connector::breaker::BreakerState;
use crate::service::Hub;
use crate::store::PinnedPlugin;

/// Payments that are counted for one file.
const PAYMENTS_COUNTED_MAX: u64 = 10_000;

/// Every plugin file of every connector, those in force first.
pub(super) async fn list(hub: &Hub) -> Result<Value, OperatorError> {
    let table = hub.connectors.now();
    let in_force = table.routes().iter().map(|route| (&route.connector, "in_force"));
    let mut items = Vec::new();
    for (connector, state) in in_force.chain(table.kept().iter().map(|connector| (connector, "kept"))) {
        if let Some(sha256) = connector.adapter_pin().content_hash.clone() {
            items.push(item(hub, connector.as_ref(), sha256, state).await?);
        }
    }
    Ok(json!({ "data": items }))
}

async fn item(
    hub: &Hub,
    connector: &dyn Connector,
    sha256: String,
    state: &str,
) -> Result<Value, OperatorError> {
    let pin = connector.adapter_pin();
    let pinned = PinnedPlugin { sha256, connector: connector.name().to_owned() };
    let now = hub.clock.now();
    let scope = scope(connector.livemode());
    let attached = hub.store.attached_to_plugin(&scope, &pinned, now, PAYMENTS_COUNTED_MAX).await?;
    let runs = hub.reload.plugin(&pinned.sha256).map(|plugin| plugin.runs_under_way());
    let health = hub.health.of(connector.name());
    let counts = connector.failures().counts().map(|(wrong, count)| (wrong.word().to_owned(), json!(count)));
    let failures: Map<_, _> = counts.collect();
    let breaker = connector.breaker();
    let open_until = match breaker {
        BreakerState::Open { until } => Some(super::time(until)),
        BreakerState::Closed | BreakerState::Trying => None,
    };
    Ok(json!({
        "name": pin.name,
        "version": pin.version,
        "sha256": pinned.sha256,
        "connector": pinned.connector,
        "livemode": connector.livemode(),
        "state": state,
        "payments": { "in_flight": attached.in_flight, "refundable": attached.refundable },
        "runs_under_way": runs,
        "health": health.word(),
        "failures": failures,
        "breaker": breaker.word(),
        "breaker_open_until": open_until,
        "last_failed_at": health.last_failed_at.map(super::time),
    }))
}
