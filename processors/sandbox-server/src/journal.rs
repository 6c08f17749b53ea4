//! Durability: an append-only file of JSON lines, one per step of the book.
//!
//! One thread writes whatever has gathered and syncs once for all of it, so that many requests share a sync.
//! Invariant: no answer is given before its step, and all before it, are on disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use thiserror::Error;
use tokio::sync::watch;

use crate::book::Change;

const FILE_NAME: &str = "sandbox.jsonl";
const QUEUE_LINES_MAX: usize = 65_536;
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug, Error)]
pub enum JournalError {
    #[error("the journal cannot be opened or read")]
    Io(#[from] io::Error),
    #[error("the journal is used by another server")]
    InUse,
    #[error("line {line} of the journal is damaged")]
    Damaged { line: usize, source: serde_json::Error },
}

/// The disk no longer takes what we write; nothing may be answered any more.
#[derive(Debug, Error)]
#[error("the journal cannot be written")]
pub(crate) struct JournalDown;

#[derive(Clone, Copy, Debug)]
enum Progress {
    Written(u64),
    Failed,
}

struct Queue {
    /// `None` when nothing is kept on disk, or after closing.
    lines: Option<SyncSender<(u64, String)>>,
    last: u64,
    closed: bool,
}

pub(crate) struct Journal {
    queue: Mutex<Queue>,
    progress: watch::Receiver<Progress>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// A journal that keeps nothing.
    pub(crate) fn in_memory() -> Self {
        let (_, progress) = watch::channel(Progress::Written(u64::MAX));
        let queue = Queue { lines: None, last: 0, closed: false };
        Self { queue: Mutex::new(queue), progress, writer: Mutex::new(None) }
    }

    /// Opens the journal in this folder and hands every kept step to `replay`, oldest first.
    pub(crate) fn open(folder: &Path, replay: impl FnMut(Change)) -> Result<Self, JournalError> {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(FILE_NAME);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(|_| JournalError::InUse)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = read_lines(&bytes, replay)?;
        file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        let (lines, to_write) = sync_channel(QUEUE_LINES_MAX);
        let (told, progress) = watch::channel(Progress::Written(0));
        let writer = std::thread::Builder::new()
            .name("sandbox-journal".to_owned())
            .spawn(move || write_lines(file, &to_write, &told))?;
        let queue = Queue { lines: Some(lines), last: 0, closed: false };
        Ok(Self { queue: Mutex::new(queue), progress, writer: Mutex::new(Some(writer)) })
    }

    /// Queues a step; call it while holding the book, so that lines are in the order of the steps.
    pub(crate) fn append(&self, change: &Change) -> Result<(), JournalDown> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return Err(JournalDown);
        }
        let Some(lines) = queue.lines.clone() else { return Ok(()) };
        let line = serde_json::to_string(change).map_err(|_| JournalDown)?;
        queue.last = queue.last.saturating_add(1);
        lines.send((queue.last, line)).map_err(|_| JournalDown)
    }

    /// The number of the newest step; what [`Self::settled`] waits for.
    pub(crate) fn last(&self) -> u64 {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).last
    }

    /// Waits until this step is on disk.
    pub(crate) async fn settled(&self, step: u64) -> Result<(), JournalDown> {
        let mut progress = self.progress.clone();
        // In memory there is no writer, and the first look already passes.
        let settled = progress
            .wait_for(|progress| match progress {
                Progress::Written(written) => *written >= step,
                Progress::Failed => true,
            })
            .await;
        match settled.map(|progress| *progress) {
            Ok(Progress::Written(_)) => Ok(()),
            Ok(Progress::Failed) | Err(_) => Err(JournalDown),
        }
    }

    /// Writes what is queued and lets go of the file. Blocks; later steps are refused.
    pub(crate) fn close(&self) {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.closed = true;
            queue.lines = None;
        }
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("The journal's writer panicked.");
        }
    }
}

/// Replays whole lines and says how many bytes they are; a torn last line was never answered for.
fn read_lines(bytes: &[u8], mut replay: impl FnMut(Change)) -> Result<usize, JournalError> {
    let mut whole = 0;
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let is_last = whole + line.len() == bytes.len();
        if is_last && !line.ends_with(b"\n") {
            break;
        }
        match serde_json::from_slice(line) {
            Ok(change) => replay(change),
            Err(_) if is_last => break,
            Err(source) => return Err(JournalError::Damaged { line: at + 1, source }),
        }
        whole += line.len();
    }
    Ok(whole)
}

fn write_lines(mut file: File, lines: &Receiver<(u64, String)>, told: &watch::Sender<Progress>) {
    let mut batch = Vec::new();
    while let Ok((mut last, line)) = lines.recv() {
        batch.clear();
        batch.extend_from_slice(line.as_bytes());
        batch.push(b'\n');
        while batch.len() < BATCH_BYTES_MAX {
            let Ok((number, line)) = lines.try_recv() else { break };
            batch.extend_from_slice(line.as_bytes());
            batch.push(b'\n');
            last = number;
        }
        let written = file.write_all(&batch).and_then(|()| file.sync_data());
        if let Err(error) = written {
            tracing::error!(%error, "The journal cannot be written; no request is answered any more.");
            told.send_replace(Progress::Failed);
            return;
        }
        told.send_replace(Progress::Written(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_forgotten_and_damage_before_it_is_not() {
        let line = "{\"seeded\":[[\"shop\",\"k\"]]}\n";
        let rows = [
            (String::new(), Ok((0, 0))),
            (line.repeat(2), Ok((2, line.len() * 2))),
            (format!("{line}{{\"seed"), Ok((1, line.len()))),
            (format!("{line}\0\0\n"), Ok((1, line.len()))),
            (format!("{line}oops\n{line}"), Err("line 2 of the journal is damaged".to_owned())),
        ];
        for (text, expected) in rows {
            let mut steps = 0;
            let read = read_lines(text.as_bytes(), |_| steps += 1);
            assert_eq!(
                read.map(|whole| (steps, whole)).map_err(|error| error.to_string()),
                expected,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn steps_are_found_again_and_the_file_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), |_| ()).unwrap();
        let change = Change { seeded: vec![("shop".to_owned(), "k".to_owned())], ..Change::default() };
        journal.append(&change).unwrap();
        journal.settled(journal.last()).await.unwrap();
        assert!(matches!(Journal::open(folder.path(), |_| ()), Err(JournalError::InUse)));
        journal.close();
        assert!(journal.append(&change).is_err());
        let mut found = Vec::new();
        let again = Journal::open(folder.path(), |change| found.extend(change.seeded)).unwrap();
        assert_eq!(found, change.seeded);
        again.close();
    }
}
