//! Which databases are used, and how their addresses read.

use super::*;
use crate::store::postgres::address::{Address, AddressError};
use crate::store::postgres::migrate::{MIGRATIONS, Migration, migrate};
use crate::store::postgres::schema_version;

#[tokio::test]
async fn what_was_committed_is_there_for_the_next() {
    let url = new_database().await;
    assert_eq!(schema_version(&url.parse().unwrap()).await.unwrap(), 0);
    let store = connect(&url).await;
    let payment = stored(&store, 1).await;
    drop(store);
    let newest = MIGRATIONS.last().unwrap().version;
    assert_eq!(schema_version(&url.parse().unwrap()).await.unwrap(), newest);
    assert_eq!(connect(&url).await.payment(&scope(), &payment.id).await.unwrap(), Some(payment));
}

async fn refused(url: &str) -> String {
    let options = PostgresOptions::default();
    PostgresStore::connect(&url.parse().unwrap(), options).await.err().expect("refused").to_string()
}

#[tokio::test]
async fn databases_that_are_not_ours_to_open() {
    let url = new_database().await;
    client(&url).await.batch_execute("CREATE TABLE courses (id BIGINT)").await.unwrap();
    assert!(refused(&url).await.contains("tables of another program"));

    let url = new_database().await;
    drop(connect(&url).await);
    let newer = "INSERT INTO schema_versions VALUES (9999, '9999_future', 'x')";
    client(&url).await.batch_execute(newer).await.unwrap();
    let message = refused(&url).await;
    assert!(
        message.contains("schema version 9999") && message.contains("start the newer payhub"),
        "{message}"
    );

    let url = new_database().await;
    drop(connect(&url).await);
    client(&url)
        .await
        .batch_execute("UPDATE schema_versions SET sha256 = 'x' WHERE version = 8")
        .await
        .unwrap();
    assert!(refused(&url).await.contains("schema version 8 (0008_sealing_key) was applied"));

    let nowhere = url.replace("payhub-pg-", "payhub-nowhere-");
    assert!(refused(&nowhere).await.starts_with("cannot connect to the database at /"));
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing() {
    let url = new_database().await;
    drop(connect(&url).await);
    let mut steps = MIGRATIONS.to_vec();
    let version = MIGRATIONS.last().unwrap().version + 1;
    steps.push(Migration { version, name: "half", sql: "CREATE TABLE half (id BIGINT); SELECT 1 / 0" });
    let store = connect(&url).await;
    let mut connection = store.engine.pool.get().await.unwrap();
    assert!(matches!(migrate(&mut connection, &steps).await, Err(ConnectError::Engine(_))));
    assert_eq!(count(&url, "SELECT count(*) FROM pg_tables WHERE tablename = 'half'").await, 0);
    assert_eq!(schema_version(&url.parse().unwrap()).await.unwrap(), version - 1);
}

#[test]
fn addresses() {
    let parse = |text: &str| text.parse::<Address>().map(|address| address.to_string());
    for (text, expected) in [
        ("postgres://u:p@db.example/shop", Ok("db.example:5432")),
        ("postgresql://u:p@db.example:6000/shop?sslmode=require", Ok("db.example:6000")),
        ("postgres://u:p@db.example/shop?sslmode=disable", Ok("db.example:5432")),
        ("postgres://u@localhost/shop", Ok("localhost:5432")),
        ("postgres://u@a:1,b:2/shop", Ok("a:1, b:2")),
        ("postgres://u@%2Frun%2Fpg/shop", Ok("/run/pg:5432")),
        ("postgres://u:p@db.example/shop?sslmode=prefer", Err(AddressError::MaybeEncrypted)),
        ("postgres://u:p@db.example/shop?sslmode=perhaps", Err(AddressError::NotAUrl)),
        ("postgres://db.example/shop", Err(AddressError::Missing("user"))),
        ("postgres://u@db.example", Err(AddressError::Missing("database"))),
        ("mysql://u:p@db.example/shop", Err(AddressError::NotAUrl)),
        ("", Err(AddressError::NotAUrl)),
    ] {
        assert_eq!(parse(text), expected.map(str::to_owned), "{text}");
    }
    let address: Address = "postgres://u:hunter2@db.example/shop".parse().unwrap();
    assert!(address.has_password() && address.tls().unwrap().is_some());
    assert!(!format!("{address:?} {address}").contains("hunter2"));
    let near: Address = "postgres://u@127.0.0.1/shop".parse().unwrap();
    assert!(near.tls().unwrap().is_none());
    let missing: Address = "postgres://u@db.example/shop?sslrootcert=/nowhere.pem".parse().unwrap();
    assert_eq!(missing.tls().err(), Some(AddressError::Authorities));
}
