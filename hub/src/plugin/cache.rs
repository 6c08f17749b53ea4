//! Compiled plugins on disk, so that a start takes milliseconds where compiling takes seconds.
//!
//! Invariant: what is loaded as code was written by this hub. Each file carries a MAC under a key of this
//! folder that only the hub may read, made over its name and all of its content, and is checked before
//! anything else is done with it. A file that fails is deleted, and the plugin compiled anew.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use ring::hmac;
use subtle::ConstantTimeEq;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::file::{self, PluginHash};
use crate::ids::SystemRandomness;
use crate::private_file;
use crate::seal::{KeyFileError, SealingKey};

/// What the folder's key is for; another use would have another word.
const PURPOSE: &str = "payhub plugin code v1";
const KEY_FILE: &str = "key";
const SUFFIX: &str = ".code";
const TAG_BYTES: usize = 32;

/// The largest file of compiled code, in bytes.
const CODE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// How many files are kept; the oldest make room.
const FILES_MAX: usize = 64;

/// A folder of compiled plugins.
pub struct CodeCache {
    folder: PathBuf,
    key: hmac::Key,
}

/// Why there is no cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("{path}: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Key(#[from] KeyFileError),
}

impl CodeCache {
    /// The cache in a folder, which is made with a new key where there is none.
    ///
    /// # Errors
    /// [`CacheError`].
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Folder { path: folder.to_owned(), source };
        private_file::make_folder(folder).map_err(failed)?;
        let key = SealingKey::load_or_create(&folder.join(KEY_FILE), &SystemRandomness)?;
        Ok(Self { folder: folder.to_owned(), key: key.mac_key(PURPOSE) })
    }

    /// The code of a plugin, if it is here and genuine.
    pub(super) fn load(&self, engine: &Engine, hash: PluginHash) -> Option<Component> {
        let name = name(engine, hash);
        let path = self.folder.join(&name);
        let bytes = file::read(&path, CODE_BYTES_MAX).ok()?;
        match self.genuine(engine, &name, &bytes) {
            Ok(component) => Some(component),
            Err(why) => {
                tracing::warn!(file = %path.display(), why, "compiled plugin code was not taken and is made anew");
                remove(&path);
                None
            }
        }
    }

    #[expect(unsafe_code, reason = "the engine cannot tell its own code from a stranger's; the MAC can")]
    fn genuine(&self, engine: &Engine, name: &str, bytes: &[u8]) -> Result<Component, String> {
        let (tag, code) = bytes.split_at_checked(TAG_BYTES).ok_or("it is too short")?;
        if !bool::from(self.tag(name, code).as_ref().ct_eq(tag)) {
            return Err("this hub did not write it".to_owned());
        }
        // SAFETY: The MAC shows that these very bytes are what this hub wrote of `Component::serialize`.
        unsafe { Component::deserialize(engine, code) }.map_err(|error| format!("{error:#}"))
    }

    /// The MAC over a file's name and code: under another name, it is another plugin's code.
    fn tag(&self, name: &str, code: &[u8]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.key);
        for part in [name.as_bytes(), b"\n", code] {
            mac.update(part);
        }
        mac.sign()
    }

    /// Keeps the code of a plugin. Without it the next start takes longer, and nothing else.
    pub(super) fn keep(&self, engine: &Engine, hash: PluginHash, component: &Component) {
        let name = name(engine, hash);
        let kept = component.serialize().map_err(|error| format!("{error:#}")).and_then(|code| {
            let tag = self.tag(&name, &code);
            let file = [tag.as_ref(), &code].concat();
            private_file::write(&self.folder.join(&name), &file).map_err(|error| error.to_string())
        });
        if let Err(why) = kept {
            tracing::warn!(folder = %self.folder.display(), why, "compiled plugin code cannot be kept");
        }
        self.make_room();
    }

    fn make_room(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let aged = |entry: std::fs::DirEntry| {
            let is_code = entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX));
            let written_at = entry.metadata().and_then(|metadata| metadata.modified()).ok()?;
            is_code.then(|| (written_at, entry.path()))
        };
        let mut files: Vec<_> = entries.flatten().filter_map(aged).collect();
        files.sort();
        let excess = files.len().saturating_sub(FILES_MAX);
        for (_, path) in files.into_iter().take(excess) {
            remove(&path);
        }
    }
}

/// Everything that the code depends on: the plugin, and the engine with its version and configuration.
fn name(engine: &Engine, hash: PluginHash) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{hash}-{:016x}{SUFFIX}", hasher.finish())
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(file = %path.display(), %error, "a file of compiled plugin code cannot be removed");
    }
}
