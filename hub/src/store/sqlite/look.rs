//! Reading a database file that a hub may have open, without its lock and without a way to write.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;

use super::readers::Readers;
use super::{OpenError, open, snapshot};
use crate::store::StoreError;
use crate::store::look::Look;
use crate::store::sql::Query;
use crate::store::sql::cell::Row;

/// How long a look waits for the one before it.
const WAIT: Duration = Duration::from_secs(60);

/// One connection that reads.
pub(in crate::store) struct SqliteLook {
    readers: Readers,
}

impl SqliteLook {
    pub(in crate::store) fn open(path: &Path) -> Result<Self, OpenError> {
        open::check_engine()?;
        Ok(Self { readers: Readers::new(vec![open::reader(path)?], WAIT) })
    }
}

#[async_trait]
impl Look for SqliteLook {
    async fn look(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.readers.read(move |connection| snapshot(connection, &queries)).await
    }
}
