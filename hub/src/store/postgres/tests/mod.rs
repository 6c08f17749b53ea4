//! What only this engine does: connections that break, servers that crash, several hubs on one database.

use std::sync::Arc;

use private_postgres::Cluster;

use super::patience::Patience;
use super::{ConnectError, Postgres, PostgresOptions, PostgresStore, pool};
use crate::store::sql::tests::*;
use crate::store::{Conflict, LeaseToken, Store, StoreError, Write};

mod connections;
mod copy;
mod opening;
mod replicas;
mod schema;

async fn new_database() -> String {
    tokio::task::spawn_blocking(|| Cluster::shared().database()).await.unwrap()
}

async fn connect(url: &str) -> PostgresStore {
    let options = PostgresOptions { connections: 4, ..PostgresOptions::default() };
    PostgresStore::connect(&url.parse().unwrap(), options).await.unwrap()
}

async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn count(url: &str, sql: &str) -> i64 {
    client(url).await.query_one(sql, &[]).await.unwrap().get(0)
}
