//! Signatures of plugin files, as minisign writes them: `acme.wasm.minisig` beside `acme.wasm`.
//!
//! Invariant: once the operator trusts a key, nothing is loaded that no trusted key signed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use minisign_verify::{Error, PublicKey, Signature};

/// The largest signature file, in bytes.
const SIGNATURE_BYTES_MAX: u64 = 4 * 1024;

/// A public key whose owner's plugins the operator trusts.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedKey {
    text: String,
    key: PublicKey,
}

/// Why a plugin file does not count as signed. Each message says what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error(
        "it is not signed, and plugins.trusted_keys asks for a signature: put {beside} beside it, which its author \
         makes with `minisign -S -m {file}`"
    )]
    Missing { file: String, beside: String },
    #[error("its signature {beside} cannot be read: {why}; get the file again from where the plugin is from")]
    Unreadable { beside: String, why: String },
    #[error(
        "it is signed by none of the keys in plugins.trusted_keys; get the plugin from whom you trust, or add \
         the key of its author"
    )]
    Stranger,
    #[error("it is not what was signed: the file or its signature was changed; get both again")]
    Changed,
}

impl TrustedKey {
    /// Reads a key as minisign prints it: one line of base64 that begins with `RW`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        PublicKey::from_base64(text).ok().map(|key| Self { text: text.to_owned(), key })
    }
}

impl fmt::Debug for TrustedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TrustedKey({})", self.text)
    }
}

/// Where the signature of a file lies.
#[must_use]
pub fn signature_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    PathBuf::from(name)
}

/// Checks the signature beside a file whose content is `bytes`.
///
/// # Errors
/// [`Unsigned`]; nothing is asked for where no key is trusted.
pub fn check(file: &Path, bytes: &[u8], trusted: &[TrustedKey]) -> Result<(), Unsigned> {
    if trusted.is_empty() {
        return Ok(());
    }
    let beside = signature_file(file);
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = match read(file) {
        Ok(Some(text)) => text,
        Ok(None) => return Err(Unsigned::Missing { file: name(file), beside: name(&beside) }),
        Err(error) => return Err(Unsigned::Unreadable { beside: name(&beside), why: error.to_string() }),
    };
    check_text(&name(&beside), &text, bytes, trusted)
}

/// Checks a signature, read from a file called `beside`, of a file whose content is `bytes`.
///
/// # Errors
/// [`Unsigned`]; where no key is trusted too.
pub fn check_text(beside: &str, text: &str, bytes: &[u8], trusted: &[TrustedKey]) -> Result<(), Unsigned> {
    let unreadable = |why: String| Unsigned::Unreadable { beside: beside.to_owned(), why };
    let signature = Signature::decode(text).map_err(|error| unreadable(error.to_string()))?;
    let mut refused = Unsigned::Stranger;
    for key in trusted {
        // Only the prehashed form is taken, which minisign has written by default since its version 0.10.
        match key.key.verify(bytes, &signature, false) {
            Ok(()) => return Ok(()),
            Err(Error::UnexpectedKeyId) => {}
            Err(Error::UnexpectedAlgorithm) => {
                refused = unreadable("it is of a minisign older than 0.10".to_owned());
            }
            Err(_) => refused = Unsigned::Changed,
        }
    }
    Err(refused)
}

/// What lies beside a file as its signature, unchecked; nothing where there is none.
///
/// # Errors
/// The file system's.
pub fn read(file: &Path) -> io::Result<Option<String>> {
    let beside = match File::open(signature_file(file)) {
        Ok(beside) => beside,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    beside.take(SIGNATURE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(Some(text))
}
