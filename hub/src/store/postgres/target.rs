//! An empty database as the target of a copy: one transaction from the first look to the commit.
//!
//! Invariant: until [`Target::commit`] has returned nobody else sees a row, and without it there is none.

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};

use super::address::Address;
use super::dialect::spoken;
use super::error::Trouble;
use super::session::{Session, pipelined};
use super::{ConnectError, PostgresOptions, PostgresStore, row};
use crate::store::StoreError;
use crate::store::copy::Table;
use crate::store::look::Look;
use crate::store::sql::Query;
use crate::store::sql::cell::{Cell, Row};

/// A copy takes as long as it takes; what it waits for is its own work.
const BEGIN: &str = "BEGIN;
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// It is not known whether the commit happened.
pub(in crate::store) struct Uncommitted;

/// A database that is being filled.
pub(in crate::store) struct Target {
    session: Session,
}

impl Target {
    /// Connects, brings the schema up to date, and begins.
    pub(in crate::store) async fn connect(address: &Address) -> Result<Self, ConnectError> {
        let options = PostgresOptions { connections: 1, ..PostgresOptions::default() };
        drop(PostgresStore::connect(address, options).await?);
        let pool = super::pool(address, options)?;
        let connection: Object = super::connection(&pool, address).await?;
        connection.batch_execute(BEGIN).await?;
        Ok(Self { session: Session::with(connection) })
    }

    /// Keeps everybody else from writing: another copy waits, and then finds the rows of this one.
    pub(in crate::store) async fn lock(&self, tables: &[&str]) -> Result<(), StoreError> {
        self.run(&format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", tables.join(", "))).await
    }

    pub(in crate::store) async fn is_empty(&self, table: &str) -> Result<bool, StoreError> {
        let first = format!("SELECT 1::bigint FROM {table} LIMIT 1");
        Ok(self.query(&first, &[]).await?.is_empty())
    }

    /// Writes rows as they are.
    pub(in crate::store) async fn write(
        &self,
        table: &Table,
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), StoreError> {
        Ok(self.copy_in(table, rows).await?)
    }

    async fn copy_in(&self, table: &Table, rows: Vec<Vec<Cell>>) -> Result<(), Trouble> {
        let client = self.session.client()?;
        let (name, columns) = (&table.name, table.columns.join(", "));
        // Of the types that the columns have here.
        let described = client.prepare_cached(&format!("SELECT {columns} FROM {name} LIMIT 0")).await?;
        let types: Vec<Type> = described.columns().iter().map(|column| column.type_().clone()).collect();
        let sink = client.copy_in(&format!("COPY {name} ({columns}) FROM STDIN BINARY")).await?;
        let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &types));
        for row in &rows {
            let cells: Vec<&(dyn ToSql + Sync)> =
                row.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
            writer.as_mut().write(&cells).await?;
        }
        writer.finish().await?;
        Ok(())
    }

    /// Rows in the order of the key, after those of a key.
    pub(in crate::store) async fn page(
        &self,
        table: &Table,
        after: Option<Vec<Cell>>,
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        let sql = spoken(&table.page(after.is_none()));
        self.query(&sql, &after.unwrap_or_default()).await
    }

    /// Makes it whole.
    pub(in crate::store) async fn commit(self) -> Result<(), Uncommitted> {
        self.run("COMMIT").await.map_err(|_| Uncommitted)?;
        self.session.end();
        Ok(())
    }

    /// Takes everything back. A connection that is lost takes it back as well.
    pub(in crate::store) async fn give_up(self) {
        if self.run("ROLLBACK").await.is_ok() {
            self.session.end();
        }
    }

    async fn run(&self, sql: &str) -> Result<(), StoreError> {
        let done = async { Ok::<_, Trouble>(self.session.client()?.batch_execute(sql).await?) };
        Ok(done.await?)
    }

    async fn query(&self, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>, StoreError> {
        let answered = async {
            let client = self.session.client()?;
            let statement = client.prepare_cached(sql).await?;
            let values: Vec<&(dyn ToSql + Sync)> =
                values.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
            let rows = client.query(&statement, &values).await?;
            let cells = |row: &tokio_postgres::Row| {
                (0..row.len()).map(|column| row.try_get::<_, Cell>(column)).collect::<Result<Vec<_>, _>>()
            };
            Ok::<_, Trouble>(rows.iter().map(cells).collect::<Result<Vec<_>, _>>()?)
        };
        Ok(answered.await?)
    }
}

/// What it holds so far, all of it from one moment: nobody else may write.
#[async_trait]
impl Look for Target {
    async fn look(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        let answered = async {
            let all = queries.iter().map(|query| (query.sql, query.values.as_slice())).collect();
            let prepared = self.session.prepare(all).await?;
            let client = self.session.client()?;
            let mut read = Vec::with_capacity(prepared.len());
            for answer in pipelined(prepared.iter().map(|query| query.query(client)).collect()).await {
                read.push(answer?.iter().map(row).collect::<Result<Vec<_>, _>>()?);
            }
            Ok::<_, Trouble>(read)
        };
        Ok(answered.await?)
    }
}
