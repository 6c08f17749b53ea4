//! Whole lives of payments, written as the service writes them, for those who look at what is stored.

use processor_sdk::{Facts, Item, ItemKind, ItemState, ReferenceKind, Word};

use super::*;
use crate::history_roots::{RootSigner, sign_changes};
use crate::seal::SealingKey;
use crate::service::{index, reschedule};
use crate::store::{InboxRow, InboxState};

/// A payment with the store that its every step goes to.
pub(crate) struct Life<'a> {
    store: &'a dyn Store,
    pub(crate) payment: PaymentIntent,
    number: u64,
    steps: u64,
}

impl<'a> Life<'a> {
    pub(crate) async fn begin(
        store: &'a dyn Store,
        scope: Scope,
        number: u64,
        reference: Option<&str>,
    ) -> Self {
        let decision = created_in(scope.clone(), number, reference);
        let payment = decision.payment.clone();
        let order = order_of(&payment);
        let mut writes = vec![
            Write::InsertOrder { scope, order, created_at: at(0) },
            Write::InsertPayment {
                payment: Box::new(payment.clone()),
                reference_guard: reference.map(str::to_owned),
            },
        ];
        consequences(None, &decision, number, &mut writes);
        store.commit(commit(writes)).await.unwrap();
        Self { store, payment, number, steps: 0 }
    }

    pub(crate) async fn run(&mut self, command: &Command) {
        self.steps += 1;
        let number = self.number * 1_000 + self.steps;
        let decision = context(number, |context| decide(&self.payment, command, context)).unwrap();
        let expected_version = self.payment.version;
        let mut writes =
            vec![Write::UpdatePayment { payment: Box::new(decision.payment.clone()), expected_version }];
        consequences(Some(&self.payment), &decision, self.number, &mut writes);
        self.store.commit(commit(writes)).await.unwrap();
        self.payment = decision.payment;
    }

    pub(crate) async fn start_attempt(&mut self) {
        let return_token = format!("return-{}", self.payment.id);
        let reason = "the only connector".to_owned();
        self.run(&Command::StartAttempt { profile: Box::new(profile()), reason, return_token }).await;
    }

    pub(crate) async fn hear(&mut self, facts: Facts) {
        let attempt_id = attempt_id(&self.payment);
        self.run(&Command::Notified { attempt_id, facts: Box::new(facts) }).await;
    }
}

fn consequences(before: Option<&PaymentIntent>, decision: &Decision, number: u64, writes: &mut Vec<Write>) {
    let payment = &decision.payment;
    let (scope, payment_id) = (payment.scope.clone(), payment.id.clone());
    writes.push(Write::AppendEvents {
        scope: scope.clone(),
        payment_id: payment_id.clone(),
        events: decision.events.clone(),
    });
    for (version, journal) in &decision.journals {
        let (scope, payment_id, journal) = (scope.clone(), payment_id.clone(), journal.clone());
        writes.push(Write::InsertJournal { scope, payment_id, version: *version, at: at(0), journal });
    }
    index(before, payment, at(0), writes);
    for (sequence, told) in &decision.publications {
        let event = public_event(number * 1_000 + sequence, &payment_id, *sequence, told.kind);
        writes.push(Write::InsertPublicEvent(PublicEventRow { scope: scope.clone(), ..event }));
    }
    reschedule(before, payment, None, at(0), writes);
}

/// A payment that was captured, given back in part, and is disputed.
pub(crate) async fn eventful(store: &dyn Store, scope: Scope, number: u64) -> PaymentIntent {
    let reference = format!("order-{number}");
    let mut life = Life::begin(store, scope, number, Some(&reference)).await;
    life.start_attempt().await;
    let word = |word| Facts { at: Some(at(1)), ..Facts::word(word) };
    let known = word(Word::Authorized).reference(ReferenceKind::Payment, format!("pay_{number}"));
    life.hear(Facts { authorized: Some(eur(10_000)), ..known }).await;
    life.run(&Command::Capture { amount: None, is_final: true, allow_duplicate: false }).await;
    life.hear(Facts { captured: Some(eur(10_000)), at: Some(at(2)), ..word(Word::Paid) }).await;
    let (amount, metadata) = (Some(eur(3_000)), BTreeMap::new());
    life.run(&Command::Refund { amount, reason: None, metadata, allow_duplicate: false }).await;
    let refund = life.payment.refunds[0].id.echo().to_owned();
    let item = |kind, echo, id: &str, state, amount| Item {
        kind,
        id: Some(id.to_owned()),
        echo,
        state,
        amount: Some(eur(amount)),
        reason: None,
        at: Some(at(3)),
    };
    let given_back = item(ItemKind::Refund, Some(refund), "rf", ItemState::Succeeded, 3_000);
    life.hear(Facts { items: vec![given_back], at: Some(at(3)), ..Facts::default() }).await;
    let disputed = item(ItemKind::Dispute, None, "ds", ItemState::Pending, 2_000);
    life.hear(Facts { items: vec![disputed], at: Some(at(4)), ..Facts::default() }).await;
    life.payment
}

/// Who signs their histories.
pub(crate) fn signer() -> RootSigner {
    RootSigner::of(&SealingKey::from_bytes([1; 32]))
}

/// What a hub has after a while: two signed roots, an endpoint, an eventful payment, one that just began and holds
/// its order reference, one of another mode, and a delivery that was not read yet. Gives the eventful one.
pub(crate) async fn several(store: &dyn Store) -> PaymentIntent {
    store.commit(commit(vec![Write::InsertEndpoint(endpoint(1, &[], true))])).await.unwrap();
    let eventful = eventful(store, scope(), 1).await;
    sign_changes(store, &signer(), at(8)).await.unwrap();
    let open = Life::begin(store, scope(), 2, Some("order-2")).await.payment;
    assert!(!open.status.is_end());
    let mut live = Life::begin(store, strangers()[0].clone(), 3, None).await;
    live.start_attempt().await;
    let delivery_id = hub_core::ids::DeliveryId::from_body(&body(1));
    let job = JobBody::TakeNotification { scope: scope(), delivery_id: delivery_id.clone() };
    let inbox = InboxRow {
        scope: scope(),
        id: delivery_id,
        connector: "sandbox".to_owned(),
        received_at: at(0),
        fingerprint: [1; 32],
        sealed: vec![0, 1, 255],
        state: InboxState::Received,
    };
    let put = Write::PutJob { job: Job { body: job, due_at: at(0) }, holder: None };
    store.commit(commit(vec![Write::InsertInbox(inbox), put])).await.unwrap();
    sign_changes(store, &signer(), at(9)).await.unwrap();
    eventful
}
