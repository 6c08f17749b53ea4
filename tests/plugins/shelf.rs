//! The plugins folder: which file is meant, what is kept of it, and whose signature it bears.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest};
use payhub::plugin::file::PluginHash;
use payhub::plugin::limits::Limits;
use payhub::plugin::shelf::{Shelf, Terms};
use payhub::plugin::signature::TrustedKey;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::hostile::framed;

fn plugin(name: &str, version: &str, title: &str) -> Vec<u8> {
    framed("traps", "http://127.0.0.1:1", |descriptor| {
        descriptor.name = name.to_owned();
        descriptor.version = version.to_owned();
        descriptor.title = title.to_owned();
    })
}

fn read(folder: &Path, terms: &Terms) -> Shelf {
    Shelf::read(folder, terms, &Shelf::default()).expect("a folder of plugins")
}

#[test]
fn the_highest_version_is_meant_unless_a_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |file: &str, bytes: &[u8]| fs::write(folder.path().join(file), bytes).expect("a file");
    let old = plugin("acme", "1.9.0", "Acme");
    put("a.wasm", &old);
    put("b.wasm", &plugin("acme", "1.10.0", "Acme"));
    put("c.wasm", &plugin("acme", "1.10.0-rc.1", "Acme"));
    put("d.wasm", &plugin("other", "3.0.0", "Other"));
    put("broken.wasm", b"not at all");
    put(".half.wasm", b"being written");
    put("README.md", b"not a plugin");
    let shelf = read(folder.path(), &Terms::default());
    assert_eq!(shelf.plugins().len(), 4);
    let broken: Vec<_> = shelf.broken().iter().map(|broken| broken.file.as_str()).collect();
    assert_eq!(broken, ["broken.wasm"]);
    let version = |hash| shelf.find("acme", hash).map(|plugin| plugin.version().to_string());
    assert_eq!(version(None).as_deref(), Ok("1.10.0"));
    assert_eq!(version(Some(PluginHash::of(&old))).as_deref(), Ok("1.9.0"));

    // A single changed byte is another file.
    let mut changed = old.clone();
    let place = changed.windows(4).position(|window| window == b"Acme").expect("its title");
    changed[place] = b'E';
    put("a.wasm", &changed);
    let shelf = read(folder.path(), &Terms::default());
    let refused = shelf.find("acme", Some(PluginHash::of(&old))).err().expect("no such file").to_string();
    assert!(
        refused.contains("no file of the plugin `acme` has this SHA-256; a.wasm is 1.9.0 with "),
        "{refused}"
    );
    assert!(refused.contains("; broken.wasm cannot be used: "), "{refused}");

    put("e.wasm", &plugin("acme", "1.10.0", "Another Acme"));
    let refused = read(folder.path(), &Terms::default()).find("acme", None).err().expect("two").to_string();
    assert_eq!(refused, "the files b.wasm and e.wasm are both acme 1.10.0, and differ");
    put("e.wasm", &fs::read(folder.path().join("b.wasm")).expect("a file"));
    assert!(read(folder.path(), &Terms::default()).find("acme", None).is_ok(), "the same file twice is one");

    let refused = shelf.find("acmee", None).err().expect("no such plugin").to_string();
    assert!(refused.starts_with("there is no plugin `acmee` in the plugins folder"), "{refused}");
    assert!(read(&folder.path().join("absent"), &Terms::default()).plugins().is_empty());
}

#[test]
fn limits_are_those_of_the_plugins_name_and_what_is_loaded_is_not_loaded_again() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.wasm"), plugin("acme", "1.0.0", "Acme")).expect("a file");
    fs::write(folder.path().join("b.wasm"), plugin("other", "1.0.0", "Other")).expect("a file");
    let own = Limits { run_ms_max: 77, ..Limits::default() };
    let terms = Terms { limits_of: [("acme".to_owned(), own)].into(), ..Terms::default() };
    let shelf = read(folder.path(), &terms);
    assert_eq!(shelf.find("acme", None).expect("acme").limits(), own);
    assert_eq!(shelf.find("other", None).expect("other").limits(), Limits::default());
    let again = Shelf::read(folder.path(), &Terms::default(), &shelf).expect("a folder of plugins");
    let is_same = |name: &str| {
        std::sync::Arc::ptr_eq(&shelf.find(name, None).expect(name), &again.find(name, None).expect(name))
    };
    assert!(is_same("other") && !is_same("acme"), "other limits are another plugin");
}

#[test]
fn only_code_that_the_hub_wrote_is_taken_from_the_cache() {
    let (folder, data) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let cache = data.path().join("plugin-cache");
    let terms = Terms { cache: Some(cache.clone()), ..Terms::default() };
    assert!(read(folder.path(), &terms).plugins().is_empty());
    assert!(!cache.exists(), "without plugins nothing is made");

    fs::write(folder.path().join("a.wasm"), plugin("acme", "1.0.0", "Acme")).expect("a file");
    fs::write(folder.path().join("b.wasm"), plugin("other", "1.0.0", "Other")).expect("a file");
    let code = || {
        let entries = fs::read_dir(&cache).expect("the cache").map(|entry| entry.expect("an entry").path());
        let mut files: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|end| end == "code")).collect();
        files.sort();
        files
    };
    let load = || assert_eq!(read(folder.path(), &terms).plugins().len(), 2);
    load();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&cache), 0o700);
    let files = code();
    assert_eq!(files.len(), 2);
    assert!(files.iter().chain([&cache.join("key")]).all(|file| mode(file) == 0o600));
    let written: Vec<_> = files.iter().map(|file| fs::read(file).expect("code")).collect();
    let written_at = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).expect("a time");
    let before: Vec<_> = files.iter().map(|file| written_at(file)).collect();
    load();
    let after: Vec<_> = files.iter().map(|file| written_at(file)).collect();
    assert_eq!(before, after, "what is there is used, and not made anew");

    // Each way to put other code there: it is deleted, and the plugin compiled anew.
    let mut flipped = written[0].clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for (way, bytes) in [
        ("one bit", flipped),
        ("another plugin's code", written[1].clone()),
        ("cut short", written[0][..written[0].len() - 1].to_vec()),
        ("longer", [written[0].as_slice(), b"x"].concat()),
        ("without its MAC", written[0][32..].to_vec()),
        ("nothing", vec![]),
    ] {
        fs::write(&files[0], &bytes).expect("a file");
        load();
        assert_eq!(code(), files, "{way}");
        assert_ne!(fs::read(&files[0]).expect("code"), bytes, "{way}");
    }
    // Under another key everything is a stranger's.
    fs::write(cache.join("key"), format!("{}\n", "ab".repeat(32))).expect("a key");
    load();
    assert_ne!(fs::read(&files[1]).expect("code")[..32], written[1][..32]);
}

#[test]
fn a_plugin_is_signed_by_a_trusted_key_or_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (own, other) = (Signer::new(1), Signer::new(2));
    let trusted = TrustedKey::parse(&own.public()).expect("a public key");
    let terms = Terms { trusted_keys: vec![trusted], ..Terms::default() };
    let good = plugin("acme", "1.0.0", "Acme");
    let mut changed = good.clone();
    let place = changed.windows(4).position(|window| window == b"Acme").expect("its title");
    changed[place] = b'E';
    let (file, beside) = (folder.path().join("acme.wasm"), folder.path().join("acme.wasm.minisig"));
    type Row<'a> = (&'a str, &'a [u8], Option<String>, Option<&'a str>);
    let rows: [Row<'_>; 6] = [
        ("good", &good, Some(own.sign(&good)), None),
        ("changed by one byte", &changed, Some(own.sign(&good)), Some("it is not what was signed")),
        (
            "unsigned",
            &good,
            None,
            Some(
                "it is not signed, and plugins.trusted_keys asks for a signature: put acme.wasm.minisig beside it",
            ),
        ),
        ("a stranger's", &good, Some(other.sign(&good)), Some("it is signed by none of the keys")),
        (
            "garbage",
            &good,
            Some("untrusted comment: x\nx\n".to_owned()),
            Some("acme.wasm.minisig cannot be read"),
        ),
        ("of another file", &good, Some(own.sign(b"other")), Some("it is not what was signed")),
    ];
    for (name, bytes, signature, refusal) in rows {
        fs::write(&file, bytes).expect("a plugin");
        let _gone = fs::remove_file(&beside);
        if let Some(signature) = signature {
            fs::write(&beside, signature).expect("a signature");
        }
        let shelf = read(folder.path(), &terms);
        assert_eq!(shelf.plugins().len(), usize::from(refusal.is_none()), "{name}: {:?}", shelf.broken());
        if let Some(refusal) = refusal {
            assert!(shelf.broken()[0].why.contains(refusal), "{name}: {:?}", shelf.broken());
            let said = shelf.find("acme", None).err().expect("refused").to_string();
            assert!(said.contains(refusal), "whoever wants it reads why: {said}");
        }
        // Where no key is trusted, none is asked for.
        assert_eq!(read(folder.path(), &Terms::default()).plugins().len(), 1, "{name}");
    }
}

/// A key pair of minisign's, and signatures in its form: https://jedisct1.github.io/minisign/#signature-format.
pub(super) struct Signer {
    key: Ed25519KeyPair,
    id: [u8; 8],
}

impl Signer {
    pub(super) fn new(number: u8) -> Self {
        Self { key: Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a key"), id: [number; 8] }
    }

    pub(super) fn public(&self) -> String {
        STANDARD.encode([b"Ed", self.id.as_slice(), self.key.public_key().as_ref()].concat())
    }

    pub(super) fn sign(&self, bytes: &[u8]) -> String {
        let comment = "timestamp:1700000000";
        let signature = self.key.sign(&Blake2b512::digest(bytes));
        let signature = signature.as_ref();
        let all = self.key.sign(&[signature, comment.as_bytes()].concat());
        let signature = STANDARD.encode([b"ED", self.id.as_slice(), signature].concat());
        let all = STANDARD.encode(all.as_ref());
        format!("untrusted comment: x\n{signature}\ntrusted comment: {comment}\n{all}\n")
    }
}
