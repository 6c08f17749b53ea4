//! What is recorded of a real database is all that happened to it: read to its end, the log gives the very
//! bytes on the disk, and a folder beside it is left alone.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is not as expected")]

use std::path::Path;

use recording_vfs::disk::{Disk, Fate, Flushes};
use recording_vfs::log::Entry;
use recording_vfs::world::World;
use rusqlite::Connection;

fn fill(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("hub.sqlite")).unwrap();
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 5; CREATE TABLE t (a, b)")
        .unwrap();
    for number in 0..100 {
        connection.execute("INSERT INTO t VALUES (?1, randomblob(700))", [number]).unwrap();
    }
    connection
}

fn replayed(entries: &[Entry]) -> Disk<'_> {
    let mut disk = Disk::new(Flushes::Honored);
    for (place, entry) in entries.iter().enumerate() {
        disk.read(place, entry);
    }
    disk
}

#[test]
fn the_log_gives_the_bytes_on_the_disk() {
    let (folder, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::watch(folder.path());
    let (connection, _other) = (fill(folder.path()), fill(beside.path()));
    let check = |what: &str, is_open: bool| {
        let entries = world.entries();
        let image = replayed(&entries).cut(Fate::Kept, &mut || 0);
        assert_eq!(image.files.len(), if is_open { 2 } else { 1 }, "{what}: {:?}", image.files.keys());
        for (file, bytes) in &image.files {
            assert!(*bytes == std::fs::read(folder.path().join(file)).unwrap(), "{what}: {file}");
        }
    };
    check("open", true);
    // Every commit was flushed, and so is what the log says of it.
    let entries = world.entries();
    assert_eq!(replayed(&entries).not_flushed("hub.sqlite-wal"), 0);
    for kind in ["Made", "Written", "Flushing", "Flushed", "FolderFlushed", "Deleted"] {
        let found = entries.iter().any(|entry| format!("{entry:?}").starts_with(kind));
        assert!(found, "nothing of the kind {kind}");
    }
    drop(connection);
    check("closed", false);
}
