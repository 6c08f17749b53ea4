//! Hard cases 57 to 61: workers side by side, commits in doubt, disks that are full, clocks that jump, and
//! yesterday's backup.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hub_core::ids::{DeliveryId, MerchantId, Scope};
use hub_core::policy::{PaidLate, Policies};
use hub_core::retry::after;
use payhub::backup::{Home, backup, restore};
use payhub::store::postgres::{PostgresOptions, PostgresStore};
use payhub::store::sqlite::durable::{DurableStep, FlushedCommit};
use payhub::store::sqlite::{OpenError, SqliteOptions, SqliteStore};
use payhub::store::{Commit, Conflict, IdempotencyRow, LeaseToken, Store, StoreError, StoredAnswer, Write};
use payhub::worker::job::{Job, JobBody};
use private_postgres::Cluster;
use processor_sdk::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::lives::{authorized, deliver, paid};
use crate::processes::database::Database;
use crate::processes::dice::Dice;
use crate::processes::http::{Answer, admin, send};
use crate::processes::world::{Kind, World, text};
use crate::processes::{self, is_on_a_server};
use crate::reliability::load::{Place, shop_and_always_pay};
use crate::support::{TestHub, eventually, id};

fn scope() -> Scope {
    Scope { merchant_id: MerchantId::main(), livemode: false }
}

fn lease(name: &str) -> LeaseToken {
    LeaseToken(name.to_owned())
}

fn now() -> Timestamp {
    after(Timestamp::UNIX_EPOCH, 1_800_000_000)
}

fn job(number: u32) -> Write {
    let delivery_id = DeliveryId::from_body(&format!("{number:026}"));
    let body = JobBody::TakeNotification { scope: scope(), delivery_id };
    Write::PutJob { job: Job { body, due_at: now() }, holder: None }
}

async fn write(store: &dyn Store, writes: Vec<Write>) -> Result<(), StoreError> {
    store.commit(Commit { writes }).await
}

/// 57. Two workers on one database never run one job twice at once, and one whose lease ran out can write
/// nothing back. Two processes on one file are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_57_two_workers_on_one_database() {
    const JOBS: u32 = 500;
    let folder = tempfile::tempdir().unwrap();
    let (database, stores) = stores_of_two_workers(folder.path()).await;
    let store = stores[0].as_ref();
    write(store, (0..JOBS).map(job).collect()).await.unwrap();

    let mut workers = tokio::task::JoinSet::new();
    for (number, worker) in ["one", "two", "three"].into_iter().enumerate() {
        let store = Arc::clone(&stores[number % stores.len()]);
        workers.spawn(async move {
            let mut keys = vec![];
            for round in 0.. {
                let token = lease(&format!("{worker}-{round}"));
                let claimed = store.claim(now(), after(now(), 60), token, 7).await.unwrap();
                if claimed.is_empty() {
                    break;
                }
                keys.extend(claimed.into_iter().map(|job| job.key));
            }
            keys
        });
    }
    let by_worker = workers.join_all().await;
    let mut times: BTreeMap<&String, u32> = BTreeMap::new();
    by_worker.iter().flatten().for_each(|key| *times.entry(key).or_default() += 1);
    assert_eq!(times.len(), usize::try_from(JOBS).unwrap());
    assert!(times.values().all(|count| *count == 1), "a job was held by two");

    // The lease of the first runs out, and another has the job: what the first writes is refused whole.
    let late = after(now(), 61);
    let taken = store.claim(late, after(late, 60), lease("later"), 1).await.unwrap().remove(0);
    for stale in [
        Write::FinishJob { key: taken.key.clone(), holder: lease("one-0") },
        Write::RescheduleJob { key: taken.key.clone(), holder: lease("one-0"), due_at: late },
        Write::ReturnJob { key: taken.key.clone(), holder: lease("one-0"), due_at: late },
    ] {
        let refused = write(store, vec![job(JOBS), stale]).await;
        assert_eq!(refused, Err(StoreError::Conflict(Conflict::LeaseLost)));
    }
    let count = database.number("SELECT count(*) FROM jobs");
    assert_eq!(count, i64::from(JOBS), "nothing of what the late one wrote is there");
    write(store, vec![Write::FinishJob { key: taken.key, holder: lease("later") }]).await.unwrap();
}

/// A database, and the stores of two workers on it: on a file they have one between them.
async fn stores_of_two_workers(folder: &Path) -> (Database, Vec<Arc<dyn Store>>) {
    if is_on_a_server() {
        let url = Cluster::shared().database();
        let address = url.parse().unwrap();
        let mut stores: Vec<Arc<dyn Store>> = vec![];
        for _ in 0..2 {
            stores
                .push(Arc::new(PostgresStore::connect(&address, PostgresOptions::default()).await.unwrap()));
        }
        return (Database::Server(url), stores);
    }
    let path = folder.join("hub.sqlite");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let second = SqliteStore::open(&path, SqliteOptions::default());
    assert!(matches!(second, Err(OpenError::Locked { .. })), "two processes on one file");
    (Database::File(path), vec![Arc::new(store)])
}

/// Commits, and then says that it did not.
struct LostAcknowledgement;

impl DurableStep for LostAcknowledgement {
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        FlushedCommit.commit(connection)?;
        Err(rusqlite::Error::InvalidQuery)
    }

    fn keep_in(&mut self, directory: &Path) -> std::io::Result<()> {
        FlushedCommit.keep_in(directory)
    }
}

/// 58. A commit whose end nobody knows is never answered as done, and is resolved by reading its own key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_58_a_commit_in_doubt_is_read_by_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sqlite");
    let row = IdempotencyRow {
        scope: scope(),
        operation: "payment_intents.create",
        key: "order-1".to_owned(),
        fingerprint: [7; 32],
        answer: StoredAnswer { status: 201, body: b"{}".to_vec(), sealed: false },
        created_at: now(),
        provisional_until: None,
    };
    let insert = || vec![Write::InsertIdempotency(row.clone())];
    let doubtful =
        SqliteStore::open_with(&path, SqliteOptions::default(), Box::new(LostAcknowledgement)).unwrap();
    let answered = write(&doubtful, insert()).await;
    assert!(matches!(answered, Err(StoreError::Failed(_))), "{answered:?}");
    drop(doubtful);
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    assert_eq!(store.idempotency(&scope(), row.operation, "order-1").await.unwrap(), Some(row.clone()));
    // Done again it is the same row, never a second one.
    assert_eq!(write(&store, insert()).await, Err(StoreError::Conflict(Conflict::IdempotencyKey)));
}

/// 58. A database that is busy: the cart is told to come again, nothing is half done, and the same key does it
/// once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_58_a_busy_database() {
    let hub = TestHub::builder().on_a_file().start().await;
    let body = crate::support::cart::Cart::intent_body(&json!({ "order_reference": "busy" }));
    let other = Connection::open(payhub::database::database_file(&hub.data_dir())).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = hub.cart.post("/v1/payment_intents", "busy-1", &body).await;
    assert!((500..600).contains(&answer.status), "{} {}", answer.status, answer.text);
    assert_eq!(answer.json()["retryable"], true, "{}", answer.text);
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let first = hub.cart.post("/v1/payment_intents", "busy-1", &body).await.expect(201);
    let again = hub.cart.post("/v1/payment_intents", "busy-1", &body).await;
    assert!(again.is_replayed());
    assert_eq!(again.expect(201)["id"], first["id"]);
    assert_eq!(hub.database().number("SELECT count(*) FROM payments"), 1);
    hub.finish().await;
}

/// 58. The hub dies while it commits: with the same key the cart finds what became of it, once.
#[test]
fn hc_58_killed_while_committing() {
    let mut world = World::start_on_either();
    let mut dice = Dice::new(Dice::seed());
    let wish = json!({ "amount": 100, "currency": "EUR", "return_url": "http://127.0.0.1/thanks" });
    let mut ids = vec![];
    for number in 0..6 {
        let key = format!("in-doubt-{number}");
        let (api, body, again) = (world.api.clone(), wish.clone(), key.clone());
        let asking = thread::spawn(move || api.post("/v1/payment_intents", &again, &body));
        // A moment of the test's own choice, somewhere in the request.
        let until = processes::now() + Duration::from_micros(dice.between(0, 12_000));
        while processes::now() < until {
            thread::yield_now();
        }
        world.kill_hub();
        let first = asking.join().unwrap();
        world.start_hub();
        let answer = world.api.post("/v1/payment_intents", &key, &wish).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        if let Ok(first) = first.as_ref().map(|first| first.json()) {
            assert_eq!(first, answer.json(), "what was acknowledged is what there is");
        }
        ids.push(text(&answer.json(), "id"));
    }
    let all = world.api.list("/v1/payment_intents");
    assert_eq!(all.len(), ids.len(), "each key did one thing");
}

/// 58. PostgreSQL dies under commits and comes back: whatever it was in the middle of, each key has done one
///     thing, and what was acknowledged is there.
#[test]
fn hc_58_the_server_dies_while_it_commits() {
    const CARTS: usize = 8;
    let server = Cluster::start();
    let world = World::start_on(server.database());
    let wish = json!({ "amount": 100, "currency": "EUR", "return_url": "http://127.0.0.1/thanks" });
    let (closing, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let answers: Vec<(String, Option<Value>)> = thread::scope(|scope| {
        let cart = |cart: usize| {
            let mut answers = vec![];
            while !closing.load(Ordering::SeqCst) {
                let key = format!("{cart}-{}", answers.len());
                let answer = world.api.post("/v1/payment_intents", &key, &wish);
                let made = answer.ok().filter(|answer| answer.status == 201).map(|answer| answer.json());
                answers.push((key, made));
                asked.fetch_add(1, Ordering::SeqCst);
            }
            answers
        };
        let carts: Vec<_> = (0..CARTS).map(|number| scope.spawn(move || cart(number))).collect();
        for _ in 0..3 {
            let enough = asked.load(Ordering::SeqCst) + 3 * CARTS;
            processes::eventually("more was asked", || {
                (asked.load(Ordering::SeqCst) >= enough).then_some(())
            });
            server.kill();
            server.begin();
        }
        closing.store(true, Ordering::SeqCst);
        carts.into_iter().flat_map(|cart| cart.join().unwrap()).collect()
    });
    assert!(answers.iter().any(|(_, made)| made.is_some()), "nothing was ever acknowledged");
    for (key, made) in &answers {
        let again = processes::eventually("an answer", || {
            let again = world.api.post("/v1/payment_intents", key, &wish).ok()?;
            (again.status == 201).then(|| again.json())
        });
        assert!(made.as_ref().is_none_or(|made| *made == again), "{key}: {made:?} {again}");
    }
    assert_eq!(world.api.list("/v1/payment_intents").len(), answers.len(), "each key did one thing");
    world.verify();
}

/// What is asked of a hub on a full disk.
struct FullDisk {
    world: World,
    first: Value,
}

impl FullDisk {
    fn create(&self, number: u32) -> Answer {
        let wish = json!({
            "amount": 100, "currency": "EUR", "return_url": "http://127.0.0.1/thanks",
            "order_reference": format!("order-{number}"), "description": "x".repeat(400),
        });
        self.world.api.post("/v1/payment_intents", &format!("full-{number}"), &wish).unwrap()
    }

    fn ready(&self) -> u16 {
        send("GET", &format!("{}/readyz", self.world.api.base_url), &[], b"").unwrap().status
    }

    fn booked(&self, kind: &str) -> usize {
        let ledger = admin(&self.world.sandbox_url, "GET", "/admin/ledger", &Value::Null);
        ledger["entries"].as_array().unwrap().iter().filter(|entry| entry["kind"] == kind).count()
    }

    /// Nothing fits any more: the last few pages may be taken by the question itself.
    fn is_full(&self, number: u32) {
        let not_ready = (0..9).any(|_| {
            refused_for_now(&self.create(number));
            self.ready() == 503
        });
        assert!(not_ready, "a hub that cannot write is not ready");
    }

    /// It lives, and it reads; a shopper arrives and a cart takes its money, and nobody is asked for what cannot
    /// be written down first.
    fn reads_and_asks_nobody(&self, capture: &dyn Fn() -> Answer) {
        let healthy = send("GET", &format!("{}/healthz", self.world.api.base_url), &[], b"").unwrap();
        assert_eq!(healthy.status, 200);
        let id = text(&self.first, "id");
        let shown = self.world.api.show(&format!("/v1/payment_intents/{id}"));
        assert_eq!(shown["status"], "requires_checkout");
        let sessions =
            || admin(&self.world.sandbox_url, "GET", "/admin/sessions", &Value::Null)["data"].clone();
        let before = sessions();
        let door = send("GET", &text(&self.first, "checkout_url"), &[], b"").unwrap();
        assert_eq!(door.status, 503, "{}", door.text());
        refused_for_now(&capture());
        assert_eq!(sessions(), before, "a session without an intent to open it");
        assert_eq!(self.booked("capture"), 0, "money was taken that is not written down");
    }
}

/// Nothing is said to be done, and when to come again is.
fn refused_for_now(answer: &Answer) {
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (503, &json!("storage_unavailable")), "{problem}");
    assert_eq!((&problem["retryable"], answer.header("retry-after")), (&json!(true), Some("1")), "{problem}");
}

/// 59. The disk is full, or nothing can be written to it at all: nothing is answered as done, no processor is
///     asked, and the hub is not ready. With space again everything goes on by itself.
#[test]
fn hc_59_the_disk_is_full() {
    const TRIES_MAX: u32 = 2_000;
    let mut world = World::start(Kind::Serve);
    world.hub.as_ref().unwrap().terminate();
    world.hub.take().unwrap().end();
    world.start_hub_on_a_full_disk(2_048);
    let mut disk = FullDisk { world, first: Value::Null };
    let first = disk.create(0);
    assert_eq!((first.status, disk.ready()), (201, 200), "{}", first.text());
    disk.first = first.json();
    let manual = json!({
        "amount": 100, "currency": "EUR", "return_url": "http://127.0.0.1/thanks", "capture": "manual",
    });
    let reserved = disk.world.api.post("/v1/payment_intents", "reserved", &manual).unwrap().json();
    let place = Place::new(&[&disk.world.api], &disk.world.sandbox_url);
    shop_and_always_pay(&place, &text(&reserved, "checkout_url"));
    let path = format!("/v1/payment_intents/{}", text(&reserved, "id"));
    let is = |status: &str| (disk.world.api.show(&path)["status"] == status).then_some(());
    processes::eventually("the money is reserved", || is("requires_capture"));
    let capture = || disk.world.api.post(&format!("{path}/capture"), "take", &json!({})).unwrap();

    let refused = (1..TRIES_MAX).find(|number| disk.create(*number).status != 201);
    let refused = refused.expect("the limit is reached");
    disk.is_full(refused);
    disk.reads_and_asks_nobody(&capture);
    disk.world.leave_room(None);
    processes::eventually("it recovers by itself", || (disk.ready() == 200).then_some(()));
    let done = disk.create(refused);
    assert_eq!(done.status, 201, "{}", done.text());
    // Nothing at all can be written, as where a file system is read-only.
    disk.world.leave_room(Some(1));
    disk.is_full(refused + 1);
    disk.reads_and_asks_nobody(&capture);
    assert_eq!(disk.create(refused).text(), done.text(), "what was promised before is there to read");
    disk.world.leave_room(None);
    processes::eventually("it recovers by itself", || (disk.ready() == 200).then_some(()));

    let repeated = disk.create(refused + 1);
    assert_eq!(repeated.status, 201, "{}", repeated.text());
    let found = disk.world.api.list(&format!("/v1/payment_intents?order_reference=order-{}", refused + 1));
    assert_eq!(found.len(), 1, "what failed was not done");
    let count = usize::try_from(refused).unwrap() + 3;
    assert_eq!(disk.world.api.list("/v1/payment_intents").len(), count, "what was acknowledged is there");
    let door = send("GET", &text(&disk.first, "checkout_url"), &[], b"").unwrap();
    assert_eq!(door.status, 303, "{}", door.text());
    let captured = capture();
    assert!([200, 202].contains(&captured.status), "{}", captured.text());
    processes::eventually("the money is taken", || is("succeeded"));
    assert_eq!(disk.booked("capture"), 1);
    disk.world.verify();
}

/// 60. The clock is set back and forward: order comes from the database, not from the clock; nothing that
/// happened is undone, and nothing fails that has not failed.
///
/// Not there yet: times of the database's own for several replicas, and a warning when the clock is wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_60_the_clock_jumps() {
    // What comes after an intent's time counts as payment.
    let policies = Policies { paid_late: PaidLate::Accept, ..Policies::default() };
    let hub = TestHub::builder().policies(policies).start().await;
    let life = authorized(&hub, 100).await;
    // Back by an hour: the processor's webhooks are from the future and are not believed; its word is.
    hub.clock.turn_back(3_600);
    hub.cart.capture(&life.id, json!({})).await.expect(200);
    let refund = hub.cart.refund(&life.id, Some(40)).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let intent = hub.cart.create(json!({ "amount": 100 })).await;
    let page = hub.shopper().open(&intent).await;
    page.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    // Forward by a month: what has ended stays, what waits is looked at, and nothing is given up.
    let open = hub.cart.create(json!({ "amount": 100 })).await;
    let page = hub.shopper().open(&open).await;
    hub.sandbox.act(page.session(), json!({ "action": "pay_later" })).await;
    hub.clock.jump(3_600 + 30 * 24 * 3_600);
    // Its time is over meanwhile, but a transfer that is under way is no failure.
    let seen = |intent: &Value| intent["status"] == "processing" || intent["status"] == "expired";
    hub.fast(hub.cart.until(id(&open), "seen", seen)).await;
    hub.sandbox.settle(page.session(), "paid").await;
    hub.fast(hub.cart.until_status(id(&open), "succeeded")).await;

    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("capture"), books.count("charge"), books.refunded), (1, 2, 40));
    for payment in [&life.id, id(&intent), id(&open)] {
        let events = hub.cart.events(payment).await;
        let sequence: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
        assert_eq!(sequence, (1..=events.len() as u64).collect::<Vec<_>>());
        let types = hub.cart.event_types(payment).await;
        let position = |kind: &str| types.iter().position(|known| known == kind);
        assert!(position("payment_intent.created") < position("payment_intent.succeeded"), "{types:?}");
        assert_eq!(types.iter().filter(|kind| kind.ends_with(".failed")).count(), 0, "{types:?}");
    }
    // The clock did go back, and the order did not.
    let times = hub.database().rows(&format!(
        "SELECT CAST(at AS TEXT) FROM payment_events WHERE payment_id = '{}' ORDER BY version",
        life.id
    ));
    let times: Vec<i64> = times.iter().map(|time| time.parse().unwrap()).collect();
    assert!(times.windows(2).any(|pair| pair[1] < pair[0]), "{times:?}");
    hub.finish().await;
}

/// 61. Yesterday's backup, made beside the running hub, is put back: what was paid and given back since is asked for
/// before anything new is done, nobody is charged or paid back twice, and what the hub knows nothing of is kept.
///
/// Not there yet: payments that were created after the backup are known to the processor alone; its list of them
/// is not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_61_an_old_backup_is_restored() {
    let mut hub = TestHub::builder().on_a_file().start().await;
    let (data_dir, database) = (hub.data_dir(), payhub::database::database_file(&hub.data_dir()));
    let key_file = data_dir.with_file_name("sealing.key");
    let back = paid(&hub, 100).await;
    let open = hub.cart.create(json!({ "amount": 200 })).await;
    let page = hub.shopper().open(&open).await;
    let kept = data_dir.with_file_name("backup.sqlite");
    backup(&data_dir, &key_file, &kept).await.unwrap();

    page.pay().await;
    hub.cart.until_status(id(&open), "succeeded").await;
    let told_before = hub.cart.events(id(&open)).await;
    let refund = hub.cart.refund(&back.id, Some(30)).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let lost = paid(&hub, 300).await;
    hub.sandbox.until_quiet().await;
    hub.stop().await;
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.clone().into_os_string();
        path.push(suffix);
        let _absent = std::fs::remove_file(path);
    }
    let home = Home {
        data_dir: &data_dir,
        sealing_key_file: &key_file,
        public_url: "http://127.0.0.1:9",
        policies: Policies::default(),
    };
    let restored = restore(&kept, home, "Nora").await.unwrap();
    assert_eq!((restored.verified.payments, restored.asks_about), (2, 2));
    hub.resume().await;

    // What was open is looked up, and the merchant hears of it again: under another id and beyond every number that it
    // was told before. Who goes on from the last event that it knows misses nothing.
    hub.cart.until_status(id(&open), "succeeded").await;
    let told_after = hub.cart.events(id(&open)).await;
    let after =
        |event: &&Value| event["sequence"].as_u64() > told_before.last().unwrap()["sequence"].as_u64();
    let anew: Vec<&Value> = told_after.iter().filter(after).collect();
    assert_eq!(told_after.len(), anew.len() + 1, "the first is in the backup: {told_after:?}");
    assert!(anew.iter().any(|event| event["type"] == "payment_intent.succeeded"), "{anew:?}");
    let last_known = told_before.iter().map(|event| id(event)).max().unwrap();
    assert!(anew.iter().all(|event| id(event) > last_known), "{anew:?}");
    // The refund that the backup does not know is learned of: it bounds what can be given back, and is not made again
    // for a cart that repeats its request under a key that is forgotten.
    eventually("the refund is known", async || {
        (back.shown(&hub, ["amount_refunded"]).await == [json!(30)]).then_some(())
    })
    .await;
    hub.cart.refund(&back.id, Some(71)).await.expect(422);
    let held = hub.cart.refund(&back.id, Some(30)).await.expect(409);
    assert_eq!(held["code"], "found_after_restore", "{held}");
    let rest = hub.cart.refund(&back.id, Some(70)).await.expect(201);
    hub.cart.until_refund(id(&rest), "succeeded").await;
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.charged, books.count("refund"), books.refunded), (600, 2, 100));
    // What is told of payments that nobody knows any more is kept.
    assert_eq!(hub.cart.get(&format!("/v1/payment_intents/{}", lost.id)).await.status, 404);
    let object = hub.sandbox.session(&lost.session).await;
    assert_eq!(deliver(&hub, "sandbox_a", "ev_after_restore", "session.paid", &object).await, 200);
    let unmatched = "SELECT count(*) FROM inbox WHERE state = 'unmatched'";
    eventually("kept", async || (hub.database().number(unmatched) == 1).then_some(())).await;
    hub.finish().await;
}
