//! The seam's rows in tables: every statement and query once, for each engine that speaks SQL.
//!
//! A commit becomes a list of [`Statement`]s, a read a list of [`Query`]s; both are values. An [`Engine`] runs
//! them and knows nothing of payments. Their text is what both engines understand, and where one needs another
//! word it says so itself: SQLite's `?1` and its hints for the planner are all there is.
//!
//! Invariant: a guard is part of the statement that writes, or of the same transaction; which conflict it means
//! follows from the statement, never from the engine's message.

use async_trait::async_trait;
use tokio::sync::watch;

use self::cell::{Cell, Row};
use super::{Conflict, StoreError};

pub mod audit;
pub mod cell;
pub(in crate::store) mod in_doubt;
pub mod indexes;
pub(in crate::store) mod read;
pub mod signed;
pub(crate) mod write;

mod store;

#[cfg(test)]
pub(crate) mod tests;

/// One statement that writes.
#[derive(Clone, Debug)]
pub struct Statement {
    pub sql: &'static str,
    pub values: Vec<Cell>,
    /// What it means when no row was changed; nothing if that is fine.
    pub guard: Option<Conflict>,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Query {
    pub sql: &'static str,
    pub values: Vec<Cell>,
}

/// Runs statements and queries.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// How due jobs are taken. Values: now, until when, token, how many; gives key, body, due_at, tries.
    const CLAIM: &'static str;

    /// All of them as one transaction, in order; durable when it returns. The first guard that does not hold
    /// is the answer, and then nothing is written.
    async fn write(&self, statements: Vec<Statement>) -> Result<(), StoreError>;
    /// One statement that writes and gives rows; durable when it returns.
    async fn write_returning(&self, statement: Query) -> Result<Vec<Row>, StoreError>;
    /// Each query's rows, all of them from one moment.
    async fn read(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError>;
    /// See [`super::Store::release_leases`].
    async fn release_leases(&self, replica: &str) -> Result<u64, StoreError>;
    /// See [`super::Store::check`].
    async fn check(&self) -> Result<(), StoreError>;
    /// See [`super::Store::changes`].
    fn changes(&self) -> watch::Receiver<u64>;
    /// Commits of this process, and the flushes that they shared.
    fn written(&self) -> (u64, u64);
}

/// A store whose rows are in an engine's tables.
pub struct SqlStore<E> {
    pub(in crate::store) engine: E,
    in_doubt: in_doubt::ClaimsInDoubt,
}

impl<E: Engine> SqlStore<E> {
    /// The store whose tables an engine has: one that is made elsewhere, such as a simulated one.
    pub fn over(engine: E) -> Self {
        Self { engine, in_doubt: in_doubt::ClaimsInDoubt::default() }
    }
}
