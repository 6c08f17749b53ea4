//! A connection for one use: it goes back to the others only when its use came to a clean end.

use deadpool_postgres::{ClientWrapper, Object, Pool};
use futures_util::future::{FutureExt, MaybeDone, maybe_done};
use std::pin::Pin;
use tokio_postgres::types::ToSql;

use super::dialect::spoken;
use super::error::Trouble;
use crate::store::sql::cell::Cell;

/// A connection that is closed if its user goes away in between, which takes back what was not committed.
pub(super) struct Session {
    connection: Option<Object>,
    is_clean: bool,
}

/// A statement that the server knows, with its values.
pub(super) struct Prepared<'a> {
    statement: tokio_postgres::Statement,
    values: &'a [Cell],
}

impl Session {
    pub(super) async fn open(pool: &Pool) -> Result<Self, Trouble> {
        Ok(Self { connection: Some(pool.get().await?), is_clean: false })
    }

    /// A connection in whatever it was begun with.
    pub(super) fn with(connection: Object) -> Self {
        Self { connection: Some(connection), is_clean: false }
    }

    pub(super) fn client(&self) -> Result<&ClientWrapper, Trouble> {
        self.connection.as_deref().ok_or_else(|| Trouble::Lasting("a connection was used twice".to_owned()))
    }

    /// Lets the server read statements that it may know already.
    pub(super) async fn prepare<'a>(
        &self,
        statements: Vec<(&'static str, &'a [Cell])>,
    ) -> Result<Vec<Prepared<'a>>, Trouble> {
        let client = self.client()?;
        let mut prepared = Vec::new();
        for (sql, values) in statements {
            let statement = client.prepare_cached(&spoken(sql)).await?;
            prepared.push(Prepared { statement, values });
        }
        Ok(prepared)
    }

    /// The connection is as it was, and may be used again.
    pub(super) fn end(mut self) {
        self.is_clean = true;
    }
}

impl Prepared<'_> {
    /// How many rows it changed.
    pub(super) async fn execute(&self, client: &ClientWrapper) -> Result<u64, tokio_postgres::Error> {
        client.execute_raw(&self.statement, self.values).await
    }

    pub(super) async fn query(
        &self,
        client: &ClientWrapper,
    ) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
        let values: Vec<&(dyn ToSql + Sync)> =
            self.values.iter().map(|cell| cell as &(dyn ToSql + Sync)).collect();
        client.query(&self.statement, &values).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is_clean {
            return;
        }
        if let Some(connection) = self.connection.take() {
            // Taken from the pool, so that it is closed and not given to anybody.
            drop(Object::take(connection));
        }
    }
}

/// Sends everything before it waits for any answer; the answers in the same order.
pub(super) async fn pipelined<F: Future>(requests: Vec<F>) -> Vec<F::Output> {
    let mut sent: Vec<Pin<Box<MaybeDone<F>>>> =
        requests.into_iter().map(|request| Box::pin(maybe_done(request))).collect();
    for request in &mut sent {
        // The driver sends a request when it is first polled.
        let _sent = request.as_mut().now_or_never();
    }
    let mut answers = Vec::with_capacity(sent.len());
    for mut request in sent {
        request.as_mut().await;
        answers.extend(request.as_mut().take_output());
    }
    answers
}
