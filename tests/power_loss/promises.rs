//! What somebody was told, in the log at the place where they heard it.

use std::path::Path;
use std::sync::{Mutex, OnceLock};

use hub_core::ids::PaymentIntentId;
use payhub::store::sqlite::durable::{DurableStep, FlushedCommit};
use recording_vfs::world::World;
use rusqlite::Connection;

/// Pages in the write-ahead log after which they are moved into the database: few, so that it happens often.
const CHECKPOINT_PAGES: i64 = 60;

/// Something that must be so from then on.
#[derive(Clone, Debug)]
pub(super) enum Promise {
    /// A request under a key was answered: its repeat gets the same bytes for ever.
    Answer { operation: &'static str, key: String, status: u16, body: String },
    /// A payment was seen at a version: it has come at least so far.
    Seen { payment: PaymentIntentId, version: u64 },
    /// A processor's delivery with this mark was acknowledged: nobody will send it again.
    Delivery { mark: String },
}

/// All promises of one hub, and the log of its disk.
pub(super) struct Promises {
    world: OnceLock<World>,
    given: Mutex<Vec<Promise>>,
    /// Another setting than the hub's own, for a hub that is to fail.
    synchronous: Option<&'static str>,
}

impl Promises {
    pub(super) fn new(synchronous: Option<&'static str>) -> Self {
        Self { world: OnceLock::new(), given: Mutex::default(), synchronous }
    }

    pub(super) fn world(&self) -> &World {
        self.world.get().expect("the database was opened")
    }

    /// Notes what somebody has just been told.
    pub(super) fn give(&self, promise: Promise) {
        let mut given = self.given.lock().expect("no panic while held");
        given.push(promise);
        // Still held, so that the numbers are in order.
        self.world().promise(given.len() - 1);
    }

    pub(super) fn given(&self) -> Vec<Promise> {
        self.given.lock().expect("no panic while held").clone()
    }

    /// How the hub makes things durable in this folder.
    pub(super) fn durable_step(&self, folder: &Path) -> Box<dyn DurableStep> {
        let world = self.world.get_or_init(|| World::watch(folder)).clone();
        Box::new(Recorded { world, synchronous: self.synchronous, is_set: false })
    }
}

/// The hub's own step, whose flush of the folder is recorded too.
struct Recorded {
    world: World,
    synchronous: Option<&'static str>,
    is_set: bool,
}

impl DurableStep for Recorded {
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        FlushedCommit.commit(connection)?;
        // The engine takes these between two transactions only.
        if !std::mem::replace(&mut self.is_set, true) {
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            if let Some(synchronous) = self.synchronous {
                connection.pragma_update(None, "synchronous", synchronous)?;
            }
        }
        Ok(())
    }

    fn keep_in(&mut self, directory: &Path) -> std::io::Result<()> {
        self.world.flush_folder(|| FlushedCommit.keep_in(directory))
    }
}
