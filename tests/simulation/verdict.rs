//! What must be true when all is calm: nothing that was promised is lost, nothing happened twice, both ledgers
//! agree, the merchant has heard everything, and nothing waits that could end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hub_core::ids::{MerchantId, Scope};
use hub_core::payment::{Attempt, PaymentIntent, QuarantineReason, Status, TransferStatus};
use payhub::history_roots::RootSigner;
use payhub::service::Hub;
use payhub::store::{EventFilter, Page, PaymentFilter};
use payhub::verification::verify;
use serde_json::Value;

use super::database::Server;
use super::merchant::Merchant;
use super::replica::sealing_key;
use super::shop::Shop;
use super::world::World;

/// More than any simulation makes of anything.
const ALL: u32 = 10_000;

/// Looks at everything.
pub(crate) async fn judge(
    world: &Arc<World>,
    hub: &Arc<Hub>,
    shop: &Arc<Shop>,
    (database, merchant): (&Server, &Merchant),
) {
    let scope = Scope { merchant_id: MerchantId::main(), livemode: false };
    let page = Page { after: None, limit: ALL };
    let payments = hub.store.payments(&scope, &PaymentFilter::default(), &page).await.expect("calm");
    let ledger = Ledger::of(&shop.processor.admin("GET", "ledger", None).await);
    for payment in &payments {
        money(world, &ledger, payment);
        rest(world, hub, payment).await;
    }
    stored(world, database).await;
    nobody_else(world, &ledger, &payments);
    promises(world, shop, &payments).await;
    events(world, hub, &scope, merchant).await;
    let figures = hub.store.figures(hub.clock.now()).await.expect("calm");
    let idle = (figures.jobs_due, figures.jobs_held, figures.inbox_waiting, figures.deliveries_pending);
    world.check(idle == (0, 0, 0, 0), || format!("work is left: {figures:?}"));
    let stranded = hub.store.stranded(&scope, &page).await.expect("calm");
    world.check(stranded.is_empty(), || format!("deliveries are stranded: {stranded:?}"));
}

/// The processor's own books: what was taken and given back, by our reference.
struct Ledger {
    taken: BTreeMap<String, i64>,
    given_back: BTreeMap<String, i64>,
    /// Each capture and refund by its own reference.
    operations: BTreeMap<(String, String), Vec<i64>>,
}

impl Ledger {
    fn of(answer: &Value) -> Self {
        let mut ledger =
            Self { taken: BTreeMap::new(), given_back: BTreeMap::new(), operations: BTreeMap::new() };
        for entry in answer["entries"].as_array().expect("entries") {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let (kind, amount) = (text("kind"), entry["amount"].as_i64().expect("an amount"));
            match kind.as_str() {
                "charge" | "capture" => *ledger.taken.entry(text("reference")).or_default() += amount,
                "refund" => *ledger.given_back.entry(text("reference")).or_default() += amount,
                _other => {}
            }
            let of_attempt = text("operation_reference").is_empty();
            let name = if of_attempt { text("reference") } else { text("operation_reference") };
            ledger.operations.entry((kind, name)).or_default().push(amount);
        }
        ledger
    }

    fn taken(&self, attempt: &Attempt) -> i64 {
        self.taken.get(attempt.id.echo()).copied().unwrap_or(0)
    }

    fn given_back(&self, attempt: &Attempt) -> i64 {
        self.given_back.get(attempt.id.echo()).copied().unwrap_or(0)
    }
}

/// What is stored agrees with itself: states with histories, chains and signed roots, books with events.
async fn stored(world: &Arc<World>, database: &Server) {
    let signer = RootSigner::of(&sealing_key()).public_key();
    let report = verify(database, Some(&signer)).await.expect("calm");
    for finding in &report.findings {
        world.wrong(finding.to_string());
    }
    for (what, count) in [("events_verified", report.events), ("roots_verified", report.roots)] {
        world.count_many(what, count);
    }
}

/// Both ledgers agree, attempt by attempt, and nothing was done twice.
fn money(world: &Arc<World>, ledger: &Ledger, payment: &PaymentIntent) {
    for attempt in &payment.attempts {
        let (theirs, ours) = (ledger.taken(attempt), attempt.captured.minor());
        world.check(theirs == ours, || {
            format!(
                "{}: the processor has taken {theirs} for {}, and we think {ours}",
                payment.id, attempt.id
            )
        });
        let back = payment
            .refunds
            .iter()
            .filter(|refund| refund.attempt_id == attempt.id && refund.status == TransferStatus::Succeeded);
        let ours: i64 = back.map(|refund| refund.amount.minor()).sum();
        let theirs = ledger.given_back(attempt);
        world.check(theirs == ours, || {
            format!(
                "{}: the processor has given back {theirs} of {}, and we think {ours}",
                payment.id, attempt.id
            )
        });
    }
    for refund in &payment.refunds {
        let key = ("refund".to_owned(), refund.id.echo().to_owned());
        let expected: &[i64] = match refund.status {
            TransferStatus::Succeeded => &[refund.amount.minor()],
            TransferStatus::Pending | TransferStatus::Failed => &[],
        };
        let done = ledger.operations.get(&key).map_or(&[][..], Vec::as_slice);
        world.check(refund.observed || done == expected, || {
            format!("{}: refund {} is {:?} and was done as {done:?}", payment.id, refund.id, refund.status)
        });
    }
    let charged = payment.attempts.iter().filter(|attempt| ledger.taken(attempt) > 0).count();
    let twice = payment.resolved.by_policy.contains(&QuarantineReason::PaidTwice);
    let explained =
        twice || payment.quarantine.as_ref().is_some_and(|held| held.reason == QuarantineReason::PaidTwice);
    world.check(charged < 2 || explained, || {
        format!("{} was paid by {charged} attempts, silently", payment.id)
    });
    if charged > 1 {
        world.count("payments_paid_twice");
    }
}

/// It has come to rest: nothing is in doubt that could be found out, and nothing waits.
async fn rest(world: &Arc<World>, hub: &Hub, payment: &PaymentIntent) {
    // The cart took a part, said that it was not all, and may still take the rest as far as we know.
    let part_taken = payment.status == Status::RequiresCapture && payment.amount_captured().minor() > 0;
    let final_taken = payment
        .captures
        .iter()
        .any(|capture| capture.is_final && capture.status == TransferStatus::Succeeded);
    let at_rest = payment.status.is_end() || (part_taken && !final_taken);
    world.check(at_rest, || format!("{} is left as {:?}: {payment:?}", payment.id, payment.status));
    let pending = |status: TransferStatus| status == TransferStatus::Pending;
    let waiting = payment.captures.iter().any(|capture| pending(capture.status))
        || payment.refunds.iter().any(|refund| pending(refund.status));
    world.check(!waiting, || format!("{} has captures or refunds in doubt: {payment:?}", payment.id));
    let records = hub.store.payment_records(&payment.scope, &payment.id).await.expect("calm");
    world.check(records.jobs.is_empty(), || format!("{} has jobs left: {:?}", payment.id, records.jobs));
    match payment.status {
        Status::Succeeded => world.count("payments_succeeded"),
        Status::Failed | Status::Canceled | Status::Expired => world.count("payments_ended_unpaid"),
        Status::RequiresCheckout | Status::Processing | Status::RequiresCapture => {}
    }
    if payment.quarantine.is_some() {
        world.count("payments_in_quarantine");
    }
}

/// The processor took nothing that we do not know of.
fn nobody_else(world: &Arc<World>, ledger: &Ledger, payments: &[PaymentIntent]) {
    let attempts = payments.iter().flat_map(|payment| &payment.attempts);
    let known: BTreeSet<&str> = attempts.map(|attempt| attempt.id.echo()).collect();
    for reference in ledger.taken.keys() {
        world.check(known.contains(reference.as_str()), || {
            format!("nobody here knows the charge {reference}")
        });
    }
    for ((kind, reference), amounts) in &ledger.operations {
        let once = ["dispute"].contains(&kind.as_str()) || amounts.len() == 1;
        world.check(once, || format!("{kind} {reference} was done {} times: {amounts:?}", amounts.len()));
    }
}

/// Whoever asks again under the same key hears the same; what was promised is there.
async fn promises(world: &Arc<World>, shop: &Arc<Shop>, payments: &[PaymentIntent]) {
    let promises = shop.promises.lock().expect("no panic while held").clone();
    let mut dice = world.dice("promises");
    for promise in &promises {
        let again = shop.insist(&mut dice, &promise.ask).await;
        shop.same(&promise.ask, &promise.reply, &again);
        world.count("promises_checked");
        if promise.reply.status >= 300 {
            continue;
        }
        let body = promise.reply.json();
        let id = body["id"].as_str().unwrap_or_default();
        let is_there = payments.iter().any(|payment| {
            payment.id.as_str() == id || payment.refunds.iter().any(|refund| refund.id.as_str() == id)
        });
        world.check(is_there || body["object"] == "webhook_endpoint", || {
            format!("{id} was promised and is gone")
        });
    }
}

/// The merchant has heard every event as it is, and there are no gaps.
async fn events(world: &Arc<World>, hub: &Hub, scope: &Scope, merchant: &Merchant) {
    let page = Page { after: None, limit: ALL };
    let events = hub.store.public_events(scope, &EventFilter::default(), &page).await.expect("calm");
    let taken = merchant.taken();
    let mut sequences: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for event in &events {
        let heard = taken.get(event.id.as_str()).map(Vec::as_slice);
        world.check(heard == Some(event.body.as_bytes()), || {
            format!("the merchant has not heard {} {} of {}", event.id, event.kind, event.payment_id)
        });
        sequences.entry(event.payment_id.to_string()).or_default().insert(event.sequence);
    }
    world.check(taken.len() == events.len(), || "the merchant has heard of more than happened".to_owned());
    for (payment, sequences) in sequences {
        let expected: BTreeSet<u64> = (1..=u64::try_from(sequences.len()).expect("a count")).collect();
        world.check(sequences == expected, || format!("the events of {payment} have gaps: {sequences:?}"));
    }
}
