//! Connections that break in the middle, and servers that crash under them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::store::postgres::commit::{commit as commit_with_mark, delete_old_marks};
use crate::store::sql::write::statements;

/// Ends every other connection to the database.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn a_commit_that_was_heard_is_not_done_twice() {
    let url = new_database().await;
    let store = connect(&url).await;
    let statements = statements(&commit(create_writes(1, Some("order-1")))).unwrap();
    let (pool, options) = (&store.engine.pool, store.engine.options);
    for _ in 0..3 {
        // As it is when the answer to the first was lost. A new commit of the same rows would be refused.
        commit_with_mark(pool, Patience::once(options), &statements, "the-mark").await.unwrap();
    }
    assert_eq!(count(&url, "SELECT count(*) FROM payments").await, 1);
    let again = store.commit(commit(create_writes(1, Some("order-1")))).await;
    assert!(matches!(again, Err(StoreError::Failed(_))), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_get_through_while_connections_are_cut() {
    const COMMITS: u64 = 60;
    let url = new_database().await;
    let store = Arc::new(connect(&url).await);
    let (done, mut is_done) = tokio::sync::watch::channel(false);
    let cutter = tokio::spawn({
        let url = url.clone();
        async move {
            let client = client(&url).await;
            let mut cuts = 0;
            while !*is_done.borrow_and_update() {
                cuts += client.query_one(CUT, &[]).await.unwrap().get::<_, i64>(0);
                tokio::task::yield_now().await;
                if cuts > 40 {
                    return cuts;
                }
            }
            cuts
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in (1 + worker..=COMMITS).step_by(4) {
                store.commit(commit(create_writes(number, None))).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    done.send_replace(true);
    assert!(cutter.await.unwrap() > 0, "something was cut");
    for table in ["payments", "payment_events", "idempotency_keys", "public_events"] {
        assert_eq!(
            count(&url, &format!("SELECT count(*) FROM {table}")).await,
            i64::try_from(COMMITS).unwrap()
        );
    }
}

/// A server of its own: the others' tests go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_after_a_crash_of_the_server() {
    let (cluster, url) = tokio::task::spawn_blocking(|| {
        let cluster = Cluster::start();
        let url = cluster.database();
        (Arc::new(cluster), url)
    })
    .await
    .unwrap();
    let store = Arc::new(connect(&url).await);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let writer = tokio::spawn({
            let store = Arc::clone(&store);
            async move {
                let mut stored_here = Vec::new();
                for number in 1..=30 {
                    let number = round * 100 + number;
                    if store.commit(commit(create_writes(number, None))).await.is_ok() {
                        stored_here.push(payment(number));
                    }
                }
                stored_here
            }
        });
        let server = Arc::clone(&cluster);
        tokio::task::spawn_blocking(move || {
            server.crash();
            server.begin();
        })
        .await
        .unwrap();
        acknowledged.extend(writer.await.unwrap());
    }
    assert!(acknowledged.len() > 80, "it is back within the time there is: {}", acknowledged.len());
    for payment in &acknowledged {
        assert_eq!(store.payment(&scope(), &payment.id).await.unwrap().as_ref(), Some(payment));
    }
    store.check().await.unwrap();
}

#[tokio::test]
async fn without_a_server_it_fails_in_time_and_recovers() {
    let (cluster, url) = tokio::task::spawn_blocking(|| {
        let cluster = Cluster::start();
        let url = cluster.database();
        (cluster, url)
    })
    .await
    .unwrap();
    let short = std::time::Duration::from_secs(1);
    let options = PostgresOptions { try_time_max: short, time_max: short * 2, ..PostgresOptions::default() };
    let store = PostgresStore::connect(&url.parse().unwrap(), options).await.unwrap();
    stored(&store, 1).await;
    cluster.crash();
    assert!(matches!(store.commit(commit(create_writes(2, None))).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.payment(&scope(), &payment(1).id).await, Err(StoreError::Unavailable(_))));
    assert!(store.check().await.is_err());
    cluster.begin();
    store.check().await.unwrap();
    stored(&store, 3).await;
    assert_eq!(store.payment(&scope(), &payment(2).id).await.unwrap(), None);
}

/// The server that was written to is one that only reads any more, as one whose place another has taken.
#[tokio::test]
async fn a_server_that_only_reads_is_away_until_it_writes_again() {
    let url = new_database().await;
    let short = std::time::Duration::from_millis(500);
    let options = PostgresOptions { try_time_max: short, time_max: short * 2, ..PostgresOptions::default() };
    let store = PostgresStore::connect(&url.parse().unwrap(), options).await.unwrap();
    stored(&store, 1).await;
    let name = url.rsplit('/').next().unwrap();
    let operator = client(&url).await;
    for (sets, is_written) in [("SET default_transaction_read_only = on", false), ("RESET ALL", true)] {
        operator.batch_execute(&format!("ALTER DATABASE {name} {sets}")).await.unwrap();
        operator.query_one(CUT, &[]).await.unwrap();
        let written = eventually(|| async {
            let written = store.commit(commit(create_writes(2, None))).await;
            (written.is_ok() == is_written).then_some(written)
        });
        match written.await {
            Ok(()) => assert!(is_written),
            Err(StoreError::Unavailable(_)) => assert!(!is_written),
            Err(error) => panic!("{error}"),
        }
        assert_eq!(store.check().await.is_ok(), is_written);
    }
    assert_eq!(count(&url, "SELECT count(*) FROM payments").await, 2);
}

/// What comes of something within a few tries.
async fn eventually<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> T {
    for _ in 0..8 {
        if let Some(found) = look().await {
            return found;
        }
    }
    panic!("not within eight tries");
}

/// A server that takes connections and says nothing: whoever asks is not told that nothing was done. While it
/// stays silent each further request is one try.
#[tokio::test]
async fn a_silent_server_is_away_and_not_busy() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("postgres://payhub@{}/hub", listener.local_addr().unwrap()).parse().unwrap();
    let tries = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&tries);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            held.push(socket);
        }
    });
    let try_time_max = std::time::Duration::from_millis(200);
    let options = PostgresOptions { try_time_max, time_max: try_time_max * 4, ..PostgresOptions::default() };
    let store = PostgresStore::over(Postgres::on(pool(&address, options).unwrap(), options));
    let tries_of = async |is_read: bool| {
        let before = tries.load(Ordering::SeqCst);
        let failed = if is_read {
            store.next_due(at(0)).await.map(drop)
        } else {
            store.commit(commit(create_writes(1, None))).await
        };
        assert!(
            matches!(&failed, Err(StoreError::Unavailable(why)) if why.contains("in time")),
            "{failed:?}"
        );
        tries.load(Ordering::SeqCst) - before
    };
    assert!(tries_of(true).await > 1, "a server that restarts is waited for");
    assert_eq!([tries_of(true).await, tries_of(false).await, tries_of(false).await], [1, 1, 1]);
    assert!(store.check().await.is_err());
}

#[tokio::test]
async fn old_marks_go_and_new_ones_stay() {
    let url = new_database().await;
    let store = connect(&url).await;
    stored(&store, 1).await;
    let sql = "INSERT INTO commit_marks VALUES ('old', 0)";
    client(&url).await.batch_execute(sql).await.unwrap();
    delete_old_marks(store.engine.pool.clone()).await;
    assert_eq!(count(&url, "SELECT count(*) FROM commit_marks").await, 1);
    assert_eq!(count(&url, "SELECT count(*) FROM commit_marks WHERE mark = 'old'").await, 0);
}

/// Whatever the server is set to, a commit waits for its disk.
#[tokio::test]
async fn every_connection_waits_for_the_disk() {
    let url = new_database().await;
    let name = url.rsplit('/').next().unwrap();
    let sql = format!("ALTER DATABASE {name} SET synchronous_commit = off");
    client(&url).await.batch_execute(&sql).await.unwrap();
    let store = connect(&url).await;
    let connection = store.engine.pool.get().await.unwrap();
    let setting = connection.query_one("SELECT current_setting('synchronous_commit')", &[]).await.unwrap();
    assert_eq!(setting.get::<_, String>(0), "on");
}
