//! The [`Store`] over any engine.

use async_trait::async_trait;
use hub_core::chain::EventHash;
use hub_core::event::Recorded;
use hub_core::ids::{
    AttemptId, DeliveryId, OrderId, PaymentIntentId, Scope, WebhookEndpointId, WebhookEventId,
};
use hub_core::order::Order;
use hub_core::payment::PaymentIntent;
use processor_sdk::Timestamp;
use tokio::sync::watch;

use super::cell::cells;
use super::read::intake::SEALING_KEY;
use super::read::payments::{BY_CHECKOUT_TOKEN, BY_ID, BY_ORDER, PERSONAL_DATA};
use super::write::jobs::claimed;
use super::{Engine, Query, SqlStore, write};
use crate::store::roots::RootLeaf;
use crate::store::{
    ApiKeyRow, Attached, ClaimedJob, Commit, EndpointRow, EventFilter, IdempotencyRow, InboxRow, LeaseToken,
    MerchantDelivery, Page, PaymentFilter, PaymentRecords, PinnedPlugin, PublicEventRow, Store, StoreError,
    StoreFigures, StrandedDelivery, TransferKind,
};

#[async_trait]
impl<E: Engine> Store for SqlStore<E> {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.engine.write(write::statements(&commit)?).await
    }

    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        lease: LeaseToken,
        limit: u32,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let found = self.found_again(now).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        let values = cells![now, lease_until, lease.0, limit];
        let taken = self.engine.write_returning(Query { sql: E::CLAIM, values }).await;
        let rows = taken.inspect_err(|_| self.in_doubt.remember(&lease, lease_until))?;
        Ok(claimed(rows, &lease)?)
    }

    async fn release_leases(&self, replica: &str) -> Result<u64, StoreError> {
        self.engine.release_leases(replica).await
    }

    async fn next_due(&self, _now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.next_available().await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.next_available().await?;
        self.engine.check().await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.engine.changes()
    }

    async fn sealing_key_id(&self) -> Result<Option<String>, StoreError> {
        self.one(SEALING_KEY, cells![], |mut row| row.take()).await
    }

    async fn payment(
        &self,
        scope: &Scope,
        id: &PaymentIntentId,
    ) -> Result<Option<PaymentIntent>, StoreError> {
        self.payment_where(BY_ID, cells![scope.merchant_id.0, scope.livemode, id.as_str()]).await
    }

    async fn payment_by_checkout_token(&self, token: &str) -> Result<Option<PaymentIntent>, StoreError> {
        self.payment_where(BY_CHECKOUT_TOKEN, cells![token]).await
    }

    async fn payment_of_order(
        &self,
        scope: &Scope,
        id: &OrderId,
    ) -> Result<Option<PaymentIntent>, StoreError> {
        self.payment_where(BY_ORDER, cells![scope.merchant_id.0, scope.livemode, id.as_str()]).await
    }

    async fn payment_by_return_token(
        &self,
        token: &str,
    ) -> Result<Option<(PaymentIntent, AttemptId)>, StoreError> {
        self.returned(token).await
    }

    async fn open_payment_for(
        &self,
        scope: &Scope,
        order_reference: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError> {
        self.open_by_reference(scope, order_reference).await
    }

    async fn find_attempt(
        &self,
        scope: &Scope,
        connector: &str,
        echo: Option<&str>,
        reference_ids: &[String],
    ) -> Result<Option<(PaymentIntentId, AttemptId)>, StoreError> {
        self.named_attempt(scope, connector, echo, reference_ids).await
    }

    async fn connectors_used(&self, scope: &Scope) -> Result<Vec<String>, StoreError> {
        self.connector_names(scope).await
    }

    async fn attached_to(
        &self,
        scope: &Scope,
        connector: &str,
        now: Timestamp,
    ) -> Result<Attached, StoreError> {
        self.attached_to_connector(scope, connector, now).await
    }

    async fn plugins_pinned(&self, scope: &Scope) -> Result<Vec<PinnedPlugin>, StoreError> {
        self.pinned(scope).await
    }

    async fn attached_to_plugin(
        &self,
        scope: &Scope,
        plugin: &PinnedPlugin,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Attached, StoreError> {
        self.attached_to_file(scope, plugin, now, at_most).await
    }

    async fn payment_of_transfer(
        &self,
        scope: &Scope,
        kind: TransferKind,
        id: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError> {
        self.of_transfer(scope, kind, id).await
    }

    async fn payments(
        &self,
        scope: &Scope,
        filter: &PaymentFilter,
        page: &Page,
    ) -> Result<Vec<PaymentIntent>, StoreError> {
        self.list(scope, filter, page).await
    }

    async fn transfers(
        &self,
        scope: &Scope,
        kind: TransferKind,
        page: &Page,
    ) -> Result<Vec<(String, PaymentIntentId)>, StoreError> {
        self.list_transfers(scope, kind, page).await
    }

    async fn history(&self, scope: &Scope, id: &PaymentIntentId) -> Result<Vec<Recorded>, StoreError> {
        self.events(scope, id).await
    }

    async fn unrooted(&self, at_most: u32) -> Result<Vec<(Scope, RootLeaf)>, StoreError> {
        self.not_in_a_root(at_most).await
    }

    async fn last_history_root(&self, scope: &Scope) -> Result<Option<(u64, EventHash)>, StoreError> {
        self.last_root(scope).await
    }

    async fn payment_records(
        &self,
        scope: &Scope,
        id: &PaymentIntentId,
    ) -> Result<PaymentRecords, StoreError> {
        self.records(scope, id).await
    }

    async fn order(&self, scope: &Scope, id: &OrderId) -> Result<Option<(Order, Timestamp)>, StoreError> {
        self.stored_order(scope, id).await
    }

    async fn personal_data(&self, scope: &Scope, id: &OrderId) -> Result<Option<Vec<u8>>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, id.as_str()];
        self.one(PERSONAL_DATA, key, |mut row| row.take()).await
    }

    async fn door(
        &self,
        scope: &Scope,
        id: &AttemptId,
    ) -> Result<Option<(Vec<u8>, Option<Timestamp>)>, StoreError> {
        self.sealed_door(scope, id).await
    }

    async fn idempotency(
        &self,
        scope: &Scope,
        operation: &'static str,
        key: &str,
    ) -> Result<Option<IdempotencyRow>, StoreError> {
        self.stored_answer(scope, operation, key).await
    }

    async fn public_event(
        &self,
        scope: &Scope,
        id: &WebhookEventId,
    ) -> Result<Option<PublicEventRow>, StoreError> {
        self.event(scope, id).await
    }

    async fn public_events(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        page: &Page,
    ) -> Result<Vec<PublicEventRow>, StoreError> {
        self.list_events(scope, filter, page).await
    }

    async fn endpoint(
        &self,
        scope: &Scope,
        id: &WebhookEndpointId,
    ) -> Result<Option<EndpointRow>, StoreError> {
        self.stored_endpoint(scope, id).await
    }

    async fn endpoints(&self, scope: &Scope, page: &Page) -> Result<Vec<EndpointRow>, StoreError> {
        self.list_endpoints(scope, page).await
    }

    async fn delivery(
        &self,
        scope: &Scope,
        event_id: &WebhookEventId,
        endpoint_id: &WebhookEndpointId,
    ) -> Result<Option<MerchantDelivery>, StoreError> {
        self.one_delivery(scope, event_id, endpoint_id).await
    }

    async fn deliveries(
        &self,
        scope: &Scope,
        endpoint_id: &WebhookEndpointId,
        page: &Page,
    ) -> Result<Vec<MerchantDelivery>, StoreError> {
        self.list_deliveries(scope, endpoint_id, page).await
    }

    async fn inbox(&self, scope: &Scope, id: &DeliveryId) -> Result<Option<InboxRow>, StoreError> {
        self.received(scope, id).await
    }

    async fn inbox_of_payment(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        self.received_for(scope, payment_id).await
    }

    async fn inbox_waiting(&self, at_most: u64) -> Result<u64, StoreError> {
        self.waiting_deliveries(at_most).await
    }

    async fn figures(&self, now: Timestamp) -> Result<StoreFigures, StoreError> {
        self.counted(now).await
    }

    async fn waiting_for_person(&self, scope: &Scope, page: &Page) -> Result<Vec<PaymentIntent>, StoreError> {
        self.list_waiting(scope, page).await
    }

    async fn stranded(&self, scope: &Scope, page: &Page) -> Result<Vec<StrandedDelivery>, StoreError> {
        self.list_stranded(scope, page).await
    }

    async fn api_key(&self, key_id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        self.key(key_id).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.every_key().await
    }
}
