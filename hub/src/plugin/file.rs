//! A plugin's file, before anything of it is compiled or run: its hash, and what it imports and exports.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use super::sandbox::{DESCRIBE, LOG, PluginError, RUN};

/// The largest plugin file, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How much of an imported name a message repeats, in characters.
const SHOWN_CHARS_MAX: usize = 100;

/// What a plugin is known by: the SHA-256 of its file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginHash([u8; 32]);

impl PluginHash {
    /// That of these bytes.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        Self(Sha256::digest(file).into())
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

/// Whether the file is a component that imports nothing but the log line and exports what it must. Nothing of
/// it is compiled for that.
///
/// # Errors
/// [`PluginError`], naming what is imported or missing.
pub fn check(file: &[u8]) -> Result<(), PluginError> {
    if u64::try_from(file.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(PluginError::TooLong);
    }
    let broken = |error: wasmparser::BinaryReaderError| {
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        PluginError::NotAComponent(format!("{message} (at byte {})", error.offset()))
    };
    let mut depth = 0_usize;
    let mut is_begun = false;
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(file) {
        match payload.map_err(broken)? {
            Payload::Version { encoding: Encoding::Module, .. } if !is_begun => {
                return Err(PluginError::NotAComponent("it is a core module".to_owned()));
            }
            Payload::Version { .. } => is_begun = true,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let name = import.map_err(broken)?.name.name;
                    if name != LOG {
                        return Err(PluginError::Import(shown(name)));
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(broken)?.name.name);
                }
            }
            _ => {}
        }
    }
    match [DESCRIBE, RUN].into_iter().find(|name| !exports.contains(name)) {
        Some(missing) => Err(PluginError::Export(missing)),
        None => Ok(()),
    }
}

/// The bytes of a file, no more of them than `bytes_max`, into memory that is taken once: a copy of its own, so what is
/// checked of it is what is used.
///
/// # Errors
/// The file system's.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(bytes_max);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)).map_err(io::Error::other)?;
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A name that somebody else chose, as it may stand in a message.
fn shown(name: &str) -> String {
    let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-_:/.@#[]".contains(*letter);
    name.chars().filter(is_plain).take(SHOWN_CHARS_MAX).collect()
}

impl std::fmt::Display for PluginHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for PluginHash {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PluginHash({self})")
    }
}
