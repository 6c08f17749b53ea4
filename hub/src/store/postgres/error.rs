//! What can go wrong between the hub and this engine, and what it means for a commit.
//!
//! Invariant: the text of a failure names tables, columns and rules, never what a row holds: the server says
//! that in its details, which are not passed on.

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};

use crate::store::{Conflict, StoreError};

/// Why something did not come to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A guard did not hold; nothing was written.
    Conflict(Conflict),
    /// It may be tried again: the connection was lost, the server is restarting, or two commits were in each
    /// other's way. Whether anything was written is not known.
    Passing(String),
    /// A row of this name is there already, and no guard foresaw it: somebody else took the same next number at
    /// the same time, or it is a mistake that stays.
    Collided(String),
    /// No connection came free in time.
    Busy,
    /// The server cannot do it now, and trying again at once is no use: its disk or memory is full, or it does not
    /// let the hub in. Or this hub must not any more, because a newer one has changed the tables.
    Unable(String),
    /// It will not get better by itself.
    Lasting(String),
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Conflict(conflict) => Self::Conflict(conflict),
            Trouble::Busy => Self::Overloaded,
            Trouble::Passing(why) | Trouble::Unable(why) => Self::Unavailable(why),
            Trouble::Collided(why) | Trouble::Lasting(why) => Self::Failed(why),
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let why = describe(&error);
        match error.as_db_error() {
            Some(refused) if *refused.code() == SqlState::UNIQUE_VIOLATION => Self::Collided(why),
            Some(refused) if is_unable(refused.code()) => Self::Unable(why),
            Some(refused) if !is_passing(refused.code()) => Self::Lasting(why),
            Some(_) | None => Self::Passing(why),
        }
    }
}

impl From<PoolError> for Trouble {
    fn from(error: PoolError) -> Self {
        use deadpool_postgres::{HookError, PoolError, TimeoutType};
        match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            PoolError::Timeout(TimeoutType::Wait) => Self::Busy,
            // All that the hub does is to wait for the server.
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => too_slow(),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Lasting("the connections are closed".to_owned())
            }
        }
    }
}

/// Whether the same statements may succeed a moment later.
fn is_passing(state: &SqlState) -> bool {
    const STATES: [&SqlState; 5] = [
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::LOCK_NOT_AVAILABLE,
        // The server that was written to is one that only reads any more.
        &SqlState::READ_ONLY_SQL_TRANSACTION,
        &SqlState::TOO_MANY_CONNECTIONS,
    ];
    let code = state.code();
    // Connections that break, and servers that stop, start or give up a statement.
    STATES.contains(&state) || code.starts_with("08") || code.starts_with("57")
}

/// Whether the server lacks what it needs (disk, memory, a file system that works), does not know the hub's user
/// any more, or has no such database.
fn is_unable(state: &SqlState) -> bool {
    let code = state.code();
    let is_class = |class: &&str| code.starts_with(*class);
    *state != SqlState::TOO_MANY_CONNECTIONS && ["53", "58", "28", "3D"].iter().any(is_class)
}

/// The server was silent for as long as the hub waits.
pub(super) fn too_slow() -> Trouble {
    Trouble::Passing("PostgreSQL did not answer in time".to_owned())
}

/// The server's own message where it is about the schema; its number alone where it could quote a value.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(refused) if is_about_rules(refused) => {
            format!("PostgreSQL error {}: {}", refused.code().code(), refused.message())
        }
        Some(refused) => format!("PostgreSQL error {}", refused.code().code()),
        None if error.is_closed() => "the connection to PostgreSQL was lost".to_owned(),
        // Of the driver's own errors only the first line is said, which names what it was doing.
        None => format!("PostgreSQL: {error}"),
    }
}

fn is_about_rules(refused: &DbError) -> bool {
    let code = refused.code().code();
    // Broken rules, those of triggers, lacking resources, servers that stop, refused logins, unknown names.
    ["23", "P0001", "53", "57", "28", "3D", "42"].iter().any(|class| code.starts_with(class))
}
