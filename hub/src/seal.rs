//! Sealing of sensitive rows: secrets, raw deliveries and answers that carry a secret never rest in the
//! clear.
//!
//! A sealed value is one version byte, the key's id, a random nonce and an XChaCha20-Poly1305 ciphertext.
//! The place where the value belongs (table, row, column) is authenticated with it, so a sealed value that
//! was copied into another row does not open there. One key is active; older ones only open, which is how
//! keys are rotated.
//!
//! Invariant: what `open` returns was sealed by one of our keys for exactly this context.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use ring::hmac;
use ring::signature::Ed25519KeyPair;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::ids::Randomness;

const VERSION: u8 = 1;
const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = 1 + KEY_ID_BYTES;
const TAG_BYTES: usize = 16;
/// A key file holds 64 hexadecimal characters and a line end; what is longer is some other file.
const KEY_FILE_BYTES_MAX: u64 = 256;
/// Separates the key's public id from every other use of SHA-256 on it.
const KEY_ID_DOMAIN: &[u8] = b"payhub sealing key id v1";

/// Names a key without telling anything about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealingKeyId([u8; KEY_ID_BYTES]);

impl fmt::Display for SealingKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SealingKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealingKeyId({self})")
    }
}

/// A 256-bit key; wiped from memory when dropped.
pub struct SealingKey {
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// Why a key file cannot be used. Every text names what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error(
        "there is no sealing key at {path}; restore it from your backup, or correct sealing.key_file in the config"
    )]
    Missing { path: PathBuf },
    #[error(
        "other users of this machine may read the key file {path} (mode {mode:04o}); run: chmod 600 {path}"
    )]
    ReadableByOthers { path: PathBuf, mode: u32 },
    #[error("the key file {path} must be a plain file")]
    NotAFile { path: PathBuf },
    #[error("the key file {path} must hold exactly 64 hexadecimal characters on one line")]
    Malformed { path: PathBuf },
    #[error("the key file {path} cannot be read or written")]
    Io { path: PathBuf, source: io::Error },
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the value is too short to be a sealed one")]
    Truncated,
    #[error("the value was sealed in format {version}, which this release does not know")]
    UnknownVersion { version: u8 },
    #[error("the value was sealed with key {key_id}, which is not among the configured keys")]
    UnknownKey { key_id: SealingKeyId },
    #[error("the value was changed, or it belongs to another place than the one it was read from")]
    NotAuthentic,
}

impl SealingKey {
    pub fn from_bytes(mut bytes: [u8; KEY_BYTES]) -> Self {
        let key = Self { bytes: Zeroizing::new(bytes) };
        bytes.zeroize();
        key
    }

    pub fn generate(randomness: &dyn Randomness) -> Self {
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
        randomness.fill(bytes.as_mut_slice());
        Self { bytes }
    }

    /// Reads a key from a file that only its owner may read.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let io_error = |source| KeyFileError::Io { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyFileError::Missing { path: path.to_owned() });
            }
            Err(error) => return Err(io_error(error)),
        };
        // Asked of the open file, not of the path, so that nobody can swap it in between.
        refuse_unless_private(path, &file)?;
        let mut text = Zeroizing::new(String::new());
        match file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(KeyFileError::Malformed { path: path.to_owned() });
            }
            Err(error) => return Err(io_error(error)),
        }
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
        hex::decode_to_slice(text.trim_end(), bytes.as_mut_slice())
            .map_err(|_| KeyFileError::Malformed { path: path.to_owned() })?;
        Ok(Self { bytes })
    }

    /// Reads the key, or makes the file with a new one when there is none. Two hubs that start at the same
    /// moment end up with the same key, and a crash never leaves half a file.
    pub fn load_or_create(path: &Path, randomness: &dyn Randomness) -> Result<Self, KeyFileError> {
        match Self::load(path) {
            Err(KeyFileError::Missing { .. }) => {}
            loaded => return loaded,
        }
        let created = Self::generate(randomness).write_new(path);
        match created {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(KeyFileError::Io { path: path.to_owned(), source }),
        }
        Self::load(path)
    }

    pub fn id(&self) -> SealingKeyId {
        let digest = Sha256::new().chain_update(KEY_ID_DOMAIN).chain_update(self.bytes.as_slice()).finalize();
        let mut id = [0_u8; KEY_ID_BYTES];
        id.copy_from_slice(&digest[..KEY_ID_BYTES]);
        SealingKeyId(id)
    }

    /// A key for MACs, made from this one for a purpose of its own.
    pub fn mac_key(&self, purpose: &str) -> hmac::Key {
        let own = hmac::Key::new(hmac::HMAC_SHA256, self.bytes.as_slice());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&own, purpose.as_bytes()).as_ref())
    }

    /// A key for signatures, made from this one for a purpose of its own.
    pub fn signing_key(&self, purpose: &str) -> Ed25519KeyPair {
        let seed = hmac::sign(&self.mac_key(purpose), b"ed25519 seed");
        #[expect(clippy::expect_used, reason = "only a seed that has not 32 bytes is refused")]
        Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).expect("a MAC of SHA-256 has 32 bytes")
    }

    /// Writes a temporary file beside `path` and gives it the name only if the name is still free.
    fn write_new(&self, path: &Path) -> io::Result<()> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        // Temporary files are made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let mut line = Zeroizing::new(hex::encode(self.bytes.as_slice()));
        line.push('\n');
        file.write_all(line.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|failed| failed.error)?;
        // The name must survive a power cut too: what the key sealed would be lost without it.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.bytes).into())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey(•••)")
    }
}

/// Only the owner may read the file; where there are no Unix modes, the folder's own access rules hold.
fn refuse_unless_private(path: &Path, file: &File) -> Result<(), KeyFileError> {
    let metadata = file.metadata().map_err(|source| KeyFileError::Io { path: path.to_owned(), source })?;
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile { path: path.to_owned() });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyFileError::ReadableByOthers { path: path.to_owned(), mode });
        }
    }
    Ok(())
}

/// Seals with the active key and opens with any of the configured ones.
#[derive(Clone)]
pub struct Sealer {
    /// The active key is the first.
    keys: Arc<[(SealingKeyId, SealingKey)]>,
    randomness: Arc<dyn Randomness>,
}

impl Sealer {
    pub fn new(active: SealingKey, older: Vec<SealingKey>, randomness: Arc<dyn Randomness>) -> Self {
        let keys = std::iter::once(active).chain(older).map(|key| (key.id(), key)).collect();
        Self { keys, randomness }
    }

    /// Seals `plain` for one place. `context` names table, row and column, for example
    /// `webhook_endpoints/whe_01…/secret`, and must be given again to open.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        let (key_id, key) = &self.keys[0];
        let header = header(*key_id);
        let mut nonce = [0_u8; NONCE_BYTES];
        self.randomness.fill(&mut nonce);
        let aad = authenticated(&header, context);
        #[expect(clippy::expect_used, reason = "the cipher refuses only messages above 256 GiB")]
        let ciphertext = key
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
            .expect("a message in memory fits the cipher");
        [&header[..], &nonce[..], &ciphertext[..]].concat()
    }

    /// Opens what `seal` made for the same context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let parts = Parts::split(sealed)?;
        let (_, key) = self
            .keys
            .iter()
            .find(|(key_id, _)| *key_id == parts.key_id)
            .ok_or(SealError::UnknownKey { key_id: parts.key_id })?;
        let aad = authenticated(&header(parts.key_id), context);
        key.cipher()
            .decrypt(&XNonce::from(parts.nonce), Payload { msg: parts.ciphertext, aad: &aad })
            .map_err(|_| SealError::NotAuthentic)
    }

    /// Whether the value should be sealed anew because its key is no longer the active one.
    pub fn is_sealed_with_older_key(&self, sealed: &[u8]) -> Result<bool, SealError> {
        Ok(Parts::split(sealed)?.key_id != self.keys[0].0)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_ids: Vec<_> = self.keys.iter().map(|(key_id, _)| key_id).collect();
        formatter.debug_struct("Sealer").field("key_ids", &key_ids).finish_non_exhaustive()
    }
}

/// The fields of a sealed value, not yet authenticated.
struct Parts<'a> {
    key_id: SealingKeyId,
    nonce: [u8; NONCE_BYTES],
    ciphertext: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(sealed: &'a [u8]) -> Result<Self, SealError> {
        let (&version, rest) = sealed.split_first().ok_or(SealError::Truncated)?;
        if version != VERSION {
            return Err(SealError::UnknownVersion { version });
        }
        let (key_id, rest) = rest.split_first_chunk().ok_or(SealError::Truncated)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(SealError::Truncated)?;
        if ciphertext.len() < TAG_BYTES {
            return Err(SealError::Truncated);
        }
        Ok(Self { key_id: SealingKeyId(*key_id), nonce: *nonce, ciphertext })
    }
}

fn header(key_id: SealingKeyId) -> [u8; HEADER_BYTES] {
    let mut header = [VERSION; HEADER_BYTES];
    header[1..].copy_from_slice(&key_id.0);
    header
}

/// The header has a fixed length, so no context can imitate another header.
fn authenticated(header: &[u8; HEADER_BYTES], context: &str) -> Vec<u8> {
    [&header[..], context.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededRandomness;

    fn key(byte: u8) -> SealingKey {
        SealingKey::from_bytes([byte; KEY_BYTES])
    }

    fn sealer(active: u8, older: &[u8]) -> Sealer {
        let older = older.iter().map(|byte| key(*byte)).collect();
        Sealer::new(key(active), older, Arc::new(SeededRandomness::new(1)))
    }

    #[test]
    fn opens_only_in_its_own_place() {
        let sealer = sealer(1, &[]);
        for plain in [&b""[..], b"whsec_x", &[0xff; 70_000]] {
            let sealed = sealer.seal("endpoints/whe_1/secret", plain);
            assert_eq!(sealed.len(), HEADER_BYTES + NONCE_BYTES + plain.len() + TAG_BYTES);
            assert_eq!(sealer.open("endpoints/whe_1/secret", &sealed).unwrap(), plain);
            for elsewhere in ["endpoints/whe_2/secret", "endpoints/whe_1/secret ", ""] {
                assert_eq!(sealer.open(elsewhere, &sealed), Err(SealError::NotAuthentic), "{elsewhere}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealer = sealer(1, &[2]);
        let sealed = sealer.seal("t/r/c", b"secret");
        for index in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[index] ^= 1 << bit;
                assert!(sealer.open("t/r/c", &changed).is_err(), "byte {index} bit {bit}");
            }
        }
        for length in 0..sealed.len() {
            assert!(sealer.open("t/r/c", &sealed[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn one_value_sealed_twice_looks_different() {
        let sealer = sealer(1, &[]);
        assert_ne!(sealer.seal("t/r/c", b"same"), sealer.seal("t/r/c", b"same"));
    }

    #[test]
    fn rotation_opens_old_values_and_seals_with_the_new_key() {
        let sealed_before = sealer(1, &[]).seal("t/r/c", b"secret");
        let rotated = sealer(2, &[1]);
        assert_eq!(rotated.open("t/r/c", &sealed_before).unwrap(), b"secret");
        assert_eq!(rotated.is_sealed_with_older_key(&sealed_before), Ok(true));
        let sealed_after = rotated.seal("t/r/c", b"secret");
        assert_eq!(rotated.is_sealed_with_older_key(&sealed_after), Ok(false));
        let unknown = SealError::UnknownKey { key_id: key(1).id() };
        assert_eq!(sealer(2, &[]).open("t/r/c", &sealed_before), Err(unknown));
    }

    #[test]
    fn an_unknown_version_is_named() {
        assert_eq!(sealer(1, &[]).open("t", &[9; 60]), Err(SealError::UnknownVersion { version: 9 }));
        assert_eq!(sealer(1, &[]).open("t", &[]), Err(SealError::Truncated));
    }

    #[test]
    fn nothing_prints_the_key() {
        let printed = format!("{:?} {:?}", key(0xab), sealer(0xab, &[]));
        assert!(printed.contains("•••"));
        assert!(!printed.contains("abab") && !printed.contains("171"), "{printed}");
    }

    #[cfg(unix)]
    mod key_file {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        fn write(path: &Path, text: &[u8], mode: u32) {
            fs::write(path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        #[test]
        fn is_created_private_and_then_kept() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sealing.key");
            assert!(matches!(SealingKey::load(&path), Err(KeyFileError::Missing { .. })));
            let created = SealingKey::load_or_create(&path, &SeededRandomness::new(1)).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let again = SealingKey::load_or_create(&path, &SeededRandomness::new(2)).unwrap();
            assert_eq!(created.id(), again.id());
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
        }

        #[test]
        fn never_replaces_a_key_that_somebody_else_just_wrote() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sealing.key");
            key(1).write_new(&path).unwrap();
            assert_eq!(key(2).write_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(SealingKey::load(&path).unwrap().id(), key(1).id());
        }

        #[test]
        fn is_refused_when_others_may_read_it() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sealing.key");
            let text = hex::encode([7; KEY_BYTES]);
            for (mode, private) in
                [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)]
            {
                write(&path, text.as_bytes(), mode);
                let loaded = SealingKey::load(&path);
                assert_eq!(loaded.is_ok(), private, "{mode:o}");
                if let Err(error) = loaded {
                    assert!(error.to_string().contains("chmod 600"), "{error}");
                }
                fs::remove_file(&path).unwrap();
            }
        }

        #[test]
        fn must_hold_exactly_one_key() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sealing.key");
            let good = hex::encode([7; KEY_BYTES]);
            let rows: [(String, bool); 6] = [
                (format!("{good}\n"), true),
                (good.to_uppercase(), true),
                (String::new(), false),
                (good[..62].to_owned(), false),
                (format!("{good}00"), false),
                (good.replace('0', "x"), false),
            ];
            for (text, valid) in rows {
                write(&path, text.as_bytes(), 0o600);
                let loaded = SealingKey::load(&path);
                assert_eq!(loaded.is_ok(), valid, "{text}");
                if let Err(error) = loaded {
                    assert!(matches!(error, KeyFileError::Malformed { .. }), "{error}");
                }
            }
            write(&path, &[0xff; 32], 0o600);
            assert!(matches!(SealingKey::load(&path), Err(KeyFileError::Malformed { .. })));
            assert!(matches!(SealingKey::load(folder.path()), Err(KeyFileError::NotAFile { .. })));
        }
    }
}
