//! Files that hold a key: readable by their owner only, and never seen half written.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// Writes a whole file: beside its place first, then moved there.
///
/// # Errors
/// The file system's.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".half");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&half)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&half, path)
}
