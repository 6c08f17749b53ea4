//! What is read: each query with how its rows become values.
//!
//! Invariant: every query finds its rows through an index, so that it costs the same however much is
//! stored. A test asks SQLite for its plan of each.

use super::cell::{Broken, Row};
use super::{Engine, Query, SqlStore};
use crate::store::StoreError;

pub(in crate::store) mod figures;
pub(in crate::store) mod history;
pub(in crate::store) mod intake;
pub(in crate::store) mod merchant;
pub(in crate::store) mod payments;
pub(in crate::store) mod plugins;
pub(in crate::store) mod story;

impl<E: Engine> SqlStore<E> {
    /// The rows of one query.
    async fn rows(&self, sql: &'static str, values: Vec<super::Cell>) -> Result<Vec<Row>, StoreError> {
        let mut answers = self.engine.read(vec![Query { sql, values }]).await?;
        answers.pop().ok_or_else(|| Broken("a query was not answered").into())
    }

    /// Every row of a query, made into values.
    pub(super) async fn all<T>(
        &self,
        sql: &'static str,
        values: Vec<super::Cell>,
        make: impl Fn(Row) -> Result<T, Broken> + Send,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().map(make).collect::<Result<_, _>>()?)
    }

    /// The one row of a query, if there is one, made into a value.
    pub(super) async fn one<T>(
        &self,
        sql: &'static str,
        values: Vec<super::Cell>,
        make: impl FnOnce(Row) -> Result<T, Broken> + Send,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(sql, values).await?.into_iter().next().map(make).transpose()?)
    }
}
