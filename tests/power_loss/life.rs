//! The life of a hub whose disk is recorded: shops and shoppers at once, a stop in order, and a second life on
//! the same folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hub_core::ids::{MerchantId, PaymentIntentId, Scope};
use payhub::history_roots::RootSigner;
use payhub::ids::SystemRandomness;
use payhub::seal::{Sealer, SealingKey};
use processor_sdk::Delivery;
use recording_vfs::disk::{Disk, Fate, Flushes};
use recording_vfs::log::Entry;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use super::promises::{Promise, Promises};
use crate::processes::dice::Dice;
use crate::support::cart::{Answer, Cart};
use crate::support::receiver::Receiver;
use crate::support::{TestHub, id};

/// Shops at once, so that commits share their flushes.
const SHOPS: u64 = 8;
/// Payments of each shop in each of the two lives.
const PAYMENTS: u64 = 2;
/// Refusals that are stored under their key like any answer.
const REFUSALS: [&str; 3] = ["exceeds_captured", "exceeds_authorized", "wrong_status"];

pub(super) fn scope() -> Scope {
    Scope { merchant_id: MerchantId::main(), livemode: false }
}

/// What was recorded of a life.
pub(super) struct Recording {
    pub(super) entries: Vec<Entry>,
    pub(super) promises: Vec<Promise>,
    /// The rows of tables that only grow, as they were at the end, in the order in which they came.
    pub(super) last: Vec<(&'static str, Vec<String>)>,
    /// How each delivery is stored, by its mark.
    pub(super) deliveries: BTreeMap<String, Stored>,
    /// Who signs the roots of the history.
    pub(super) signer: String,
}

/// A delivery as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) sealed: Vec<u8>,
}

/// Questions to tables that only grow: an image has the first rows of each, and no others.
pub(super) const GROWING: [(&str, &str); 3] = [
    (
        "payment_events",
        "SELECT payment_id || ' ' || version || ' ' || cause || event FROM payment_events ORDER BY rowid",
    ),
    ("journals", "SELECT payment_id || ' ' || version || ' ' || memo FROM journals ORDER BY rowid"),
    (
        "public_events",
        "SELECT payment_id || ' ' || sequence || ' ' || body FROM public_events ORDER BY rowid",
    ),
];

/// The first column of every row.
pub(super) fn texts(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Lets a hub live, twice, with this setting instead of its own `synchronous` if one is given.
pub(super) async fn record(seed: u64, synchronous: Option<&'static str>) -> Recording {
    let promises = Arc::new(Promises::new(synchronous));
    let steps = Arc::clone(&promises);
    let mut hub = TestHub::builder().durable(move |folder| steps.durable_step(folder)).start().await;
    // So that commits have deliveries with their jobs.
    let merchant = Receiver::start().await;
    merchant.register(&hub, &[]).await;
    for life in 0..2 {
        hub = live(hub, &promises, seed.wrapping_add(life), life).await;
        if life == 0 {
            hub.restart().await;
        }
    }
    hub.stop().await;
    let entries = promises.world().entries();
    nothing_escaped(&entries, &hub.data_dir());
    let key = SealingKey::load(&hub.data_dir().with_file_name("sealing.key")).expect("the key");
    let signer = RootSigner::of(&key).public_key();
    let (last, deliveries) = the_end(&hub.data_dir(), key);
    Recording { entries, promises: promises.given(), last, deliveries, signer }
}

/// Read to its end, the log gives the very bytes on the disk: nothing was written past the recorder.
fn nothing_escaped(entries: &[Entry], folder: &Path) {
    let mut disk = Disk::new(Flushes::Honored);
    entries.iter().enumerate().for_each(|(place, entry)| disk.read(place, entry));
    let image = disk.cut(Fate::Kept, &mut || 0);
    assert_eq!(image.files.keys().collect::<Vec<_>>(), ["hub.sqlite"], "after a stop in order");
    let bytes = std::fs::read(folder.join("hub.sqlite")).expect("a database");
    assert!(image.files["hub.sqlite"] == bytes, "something was written that was not recorded");
}

/// All shops at once.
async fn live(hub: TestHub, promises: &Arc<Promises>, seed: u64, life: u64) -> TestHub {
    let hub = Arc::new(hub);
    let mut shops = tokio::task::JoinSet::new();
    for shop in 0..SHOPS {
        let (hub, promises) = (Arc::clone(&hub), Arc::clone(promises));
        let mut dice = Dice::new(seed.wrapping_mul(1_000).wrapping_add(shop));
        shops.spawn(async move {
            for payment in 0..PAYMENTS {
                let name = format!("{life}-{shop}-{payment}");
                Story { hub: &hub, promises: &promises, name }.play(&mut dice).await;
            }
        });
    }
    while let Some(shop) = shops.join_next().await {
        shop.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    }
    Arc::into_inner(hub).expect("every shop has closed")
}

/// The rows of each table that only grows.
type Grown = Vec<(&'static str, Vec<String>)>;

/// What there is after a stop in order.
fn the_end(folder: &Path, key: SealingKey) -> (Grown, BTreeMap<String, Stored>) {
    let path = folder.join("hub.sqlite");
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let last = GROWING.map(|(table, sql)| (table, texts(&connection, sql).expect("rows")));
    let sealer = Sealer::new(key, vec![], Arc::new(SystemRandomness));
    let mut rows = connection.prepare("SELECT id, sealed FROM inbox").expect("valid SQL");
    let rows = rows.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?)));
    let mark_and_id = |(id, sealed): (String, Vec<u8>)| {
        let delivery = sealer.open(&format!("inbox/{id}"), &sealed).expect("a delivery that was sealed");
        let delivery: Delivery = serde_json::from_slice(&delivery).expect("a delivery");
        let body: Value = serde_json::from_slice(delivery.body.as_slice()).expect("a body");
        let mark = body["id"].as_str().expect("the id of an event").to_owned();
        (mark, Stored { id, sealed })
    };
    let deliveries = rows.expect("rows").map(|row| mark_and_id(row.expect("a row"))).collect();
    (last.to_vec(), deliveries)
}

/// One payment and all that is asked about it.
struct Story<'hub> {
    hub: &'hub TestHub,
    promises: &'hub Promises,
    name: String,
}

impl Story<'_> {
    async fn play(&self, dice: &mut Dice) {
        let manual = dice.chance(50);
        let amount = dice.between(10, 5_000) * 10;
        let capture = if manual { "manual" } else { "automatic" };
        let body = Cart::intent_body(&json!({ "amount": amount, "capture": capture }));
        let created = self.ask("payment_intents.create", "/v1/payment_intents", &body).await.expect(201);
        let intent = id(&created).to_owned();
        self.seen(&intent).await;
        if dice.chance(10) {
            self.ask("payment_intents.cancel", &format!("/v1/payment_intents/{intent}/cancel"), &json!({}))
                .await;
            return self.seen(&intent).await;
        }
        let page = self.hub.shopper().open(&created).await;
        if dice.chance(15) {
            page.decline().await;
            return self.seen(&intent).await;
        }
        page.pay().await;
        self.deliver(page.session()).await;
        if manual {
            self.hub.cart.until_status(&intent, "requires_capture").await;
            self.seen(&intent).await;
            let part = if dice.chance(50) { json!({}) } else { json!({ "amount": amount / 2 }) };
            let path = format!("/v1/payment_intents/{intent}/capture");
            self.ask("payment_intents.capture", &path, &part).await.expect(200);
        }
        self.hub.cart.until_status(&intent, "succeeded").await;
        self.seen(&intent).await;
        // Some ask for more than there is.
        let part = amount * dice.between(1, 14) / 10;
        self.ask("refunds.create", "/v1/refunds", &json!({ "payment_intent": intent, "amount": part })).await;
        self.seen(&intent).await;
    }

    /// Asks under a key, twice; the answer is a promise.
    async fn ask(&self, operation: &'static str, path: &str, body: &Value) -> Answer {
        let key = format!("{}-{operation}", self.name);
        let answer = self.hub.cart.post(path, &key, body).await;
        let is_kept = answer.status < 300 || REFUSALS.contains(&answer.code().as_str());
        assert!(is_kept, "{operation} was answered with {} {}", answer.status, answer.text);
        let (status, stored) = (answer.status, as_stored(&answer));
        self.promises.give(Promise::Answer { operation, key: key.clone(), status, body: stored.clone() });
        let again = self.hub.cart.post(path, &key, body).await;
        assert!(
            again.is_replayed() && as_stored(&again) == stored,
            "{operation} was done again: {}",
            again.text
        );
        answer
    }

    /// Looks how far the payment is; nobody sees what is not on the disk.
    async fn seen(&self, intent: &str) {
        let id = PaymentIntentId::parse(intent).expect("an id");
        let payment = self.hub.inside().store.payment(&scope(), &id).await.expect("a store that reads");
        let version = payment.expect("the payment that was acknowledged").version;
        self.promises.give(Promise::Seen { payment: id, version });
    }

    /// The processor tells of the payment once more, as another event.
    async fn deliver(&self, session: &str) {
        let told = self.hub.sandbox.webhooks().await;
        let Some(event) = told.iter().find(|event| event["session"] == session) else { return };
        let mut body: Value = match &event["body"] {
            Value::String(text) => serde_json::from_str(text).expect("an event"),
            body => body.clone(),
        };
        let mark = format!("evt_marked_{}", self.name);
        body["id"] = mark.as_str().into();
        let account = event["account"].as_str().expect("an account");
        let answer = self.hub.deliver_signed(account, &body.to_string(), self.hub.now_s()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.promises.give(Promise::Delivery { mark });
    }
}

/// An answer's bytes as they are kept under its key: a refusal is given with the number of each request.
fn as_stored(answer: &Answer) -> String {
    if answer.status < 400 {
        return answer.text.clone();
    }
    let mut refusal = answer.json();
    refusal.as_object_mut().expect("an object").shift_remove("request_id");
    refusal.to_string()
}
