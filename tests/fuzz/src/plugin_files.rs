//! What is read of a plugin before it is run: its file, its descriptor, its signature.
//!
//! The first byte of an input chooses which of the three the rest is.

use payhub::plugin::file::{self, PluginHash};
use payhub::plugin::manifest;
use payhub::plugin::signature::{TrustedKey, check_text};
use processor_sdk::{Descriptor, HostRule};

use crate::promises::survives_storing;
use crate::world::{ADAPTERS, subject};

/// The public key that minisign's documentation shows. Nobody here has its private half.
const STRANGERS_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

/// What it was once used to sign, in the tests of the library that checks signatures ...
const SIGNED_FILE: &[u8] = b"test";
/// ... and the lines of that signature that count.
const SIGNATURE: [&str; 3] = [
    "RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=",
    "trusted comment: timestamp:1556193335\tfile:test",
    "y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==",
];

/// Feeds one input.
pub(crate) fn run(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice % 3 {
        0 => component(rest),
        1 => descriptor(rest),
        _ => signature(rest),
    }
}

/// The descriptors that there are, as inputs.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    fn written(descriptor: &Descriptor) -> Vec<u8> {
        let mut input = vec![1];
        input.extend(serde_json::to_vec(descriptor).expect("a descriptor can be written"));
        input
    }
    const STRIPE: usize = ADAPTERS.len() - 1;
    vec![
        written(&subject::<5>().descriptor),
        written(&subject::<6>().descriptor),
        written(&subject::<STRIPE>().descriptor),
    ]
}

fn component(bytes: &[u8]) {
    let hash = PluginHash::of(bytes);
    assert_eq!(PluginHash::parse(&hash.to_string()), Some(hash));
    if let Err(error) = file::check(bytes) {
        let message = error.to_string();
        assert!(!message.chars().any(char::is_control), "a message of several lines: {message:?}");
        assert!(message.chars().count() <= 600, "a message of {} characters", message.chars().count());
    }
}

fn descriptor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((descriptor, version)) = manifest::read(text) else { return };
    survives_storing(&descriptor);
    assert_eq!(version.to_string(), descriptor.version, "the version is written otherwise");
    let name = &descriptor.name;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    assert!((1..=32).contains(&name.len()) && name.bytes().all(is_plain), "a plugin called {name:?}");
    assert!((200..=299).contains(&descriptor.acknowledgement.status));
    for rule in descriptor.hosts.iter().chain(&descriptor.checkout_hosts) {
        match rule {
            HostRule::Exactly(host) | HostRule::Below(host) => {
                // Capitals are compared as small letters; what has spaces around it meets no host.
                let host = host.trim().to_ascii_lowercase();
                let url = url::Url::parse(&format!("https://{host}/")).expect("a host that was taken");
                assert_eq!(url.host_str(), Some(host.as_str()), "a host that is read as another");
                assert!(url.port().is_none() && url.username().is_empty() && url.path() == "/");
            }
            HostRule::Setting(_) => {}
        }
    }
    assert!(descriptor.setup.len() <= 64 && descriptor.events.len() <= 64, "long lists");
    let texts = [&descriptor.title, &descriptor.documentation, &descriptor.acknowledgement.body];
    for text in texts.into_iter().chain(&descriptor.setup).chain(&descriptor.events) {
        assert!(!text.chars().any(char::is_control), "a text of several lines: {text:?}");
        assert!(text.chars().count() <= 500, "a text of {} characters", text.chars().count());
    }
}

/// No text is a signature under the file but the one that its author made.
fn signature(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = TrustedKey::parse(STRANGERS_KEY).expect("the key of minisign's documentation");
    match check_text("acme.wasm.minisig", text, SIGNED_FILE, &[key]) {
        Ok(()) => {
            let lines: Vec<&str> =
                text.lines().map(|line| line.trim_end_matches('\r')).skip(1).take(3).collect();
            assert_eq!(lines, SIGNATURE, "a forged signature");
        }
        Err(error) => {
            let why = error.to_string();
            assert!(!why.contains('\n') && why.chars().count() <= 400, "{why:?}");
        }
    }
    if let Some(key) = TrustedKey::parse(text) {
        assert!(format!("{key:?}").contains(text));
    }
}
