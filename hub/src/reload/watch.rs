//! The watch of the plugins folder: what is dropped into it, replaced or taken away is a reason to reload.
//!
//! Invariant: a folder is taken as it is only after it looked the same twice, so that a file which is still being
//! copied is not read half.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use hub_core::retry::after;
use tokio::sync::watch::Receiver;

use super::reload;
use crate::service::Hub;

/// Time between two looks, in seconds.
const LOOK_S: i64 = 2;
/// Files of a folder that are looked at.
const FILES_MAX: usize = 1_024;

/// How a file looks from outside: name, length, and which change of it was the last.
type Look = Vec<(String, u64, (i64, i64))>;

/// Looks again and again until told to stop.
pub async fn run(hub: Arc<Hub>, mut stopped: Receiver<bool>) {
    let Some(folder) = hub.reload.source().map(|source| source.plugins_folder()) else { return };
    let mut taken = look(&folder).await;
    let mut seen = taken.clone();
    loop {
        let next = after(hub.clock.now(), LOOK_S);
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = hub.clock.sleep_until(next) => {}
        }
        let now = look(&folder).await;
        let is_settled = now == seen;
        seen = now;
        if is_settled && seen != taken {
            taken.clone_from(&seen);
            tracing::info!(folder = %folder.display(), "the plugins folder has changed");
            // What is wrong was logged, and is looked at again when the folder changes again.
            let _logged = reload(&hub).await;
        }
    }
}

/// The folder as it is; one that cannot be read looks empty.
async fn look(folder: &Path) -> Look {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || look_at(&folder)).await.unwrap_or_default()
}

fn look_at(folder: &Path) -> Look {
    let Ok(entries) = std::fs::read_dir(folder) else { return Look::new() };
    let mut look: Look = entries
        .take(FILES_MAX)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let is_plugins = name.ends_with(".wasm") || name.ends_with(".minisig");
            let metadata = std::fs::metadata(entry.path()).ok()?;
            let changed = (metadata.mtime(), metadata.mtime_nsec());
            (is_plugins && metadata.is_file()).then_some((name, metadata.len(), changed))
        })
        .collect();
    look.sort();
    look
}
