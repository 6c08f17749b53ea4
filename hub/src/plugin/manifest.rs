//! What a plugin says of itself, read with suspicion: it stands in logs, pages and error messages later.
//!
//! Invariant: a descriptor that passes has a plain name, a semantic version, hosts that can be compared, and
//! texts of one line and readable length.

use processor_sdk::{CONTRACT_VERSION, Descriptor, HostRule};
use semver::Version;

use super::sandbox::PluginError;
use crate::connector::hosts::is_host;

/// How many settings, secrets, hosts and the like a descriptor may list, each.
const LIST_ITEMS_MAX: usize = 64;
/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 32;
/// The longest version, in characters.
const VERSION_CHARS_MAX: usize = 64;
/// The longest other text, in characters.
const TEXT_CHARS_MAX: usize = 500;

/// Reads a descriptor's JSON.
///
/// # Errors
/// [`PluginError`], naming the field.
pub fn read(text: &str) -> Result<(Descriptor, Version), PluginError> {
    #[derive(serde::Deserialize)]
    struct Contract {
        contract: u32,
    }
    let unreadable = |error: serde_json::Error| PluginError::Descriptor(error.to_string());
    // First, because the descriptor of another version may have another form.
    let Contract { contract } = serde_json::from_str(text).map_err(unreadable)?;
    if contract != CONTRACT_VERSION {
        return Err(PluginError::Contract(contract));
    }
    let descriptor: Descriptor = serde_json::from_str(text).map_err(unreadable)?;
    if let Some(problem) = problem(&descriptor) {
        return Err(PluginError::Manifest(problem));
    }
    let version = Version::parse(&descriptor.version)
        .map_err(|_| PluginError::Manifest("has a version that is not semantic, such as 1.0.0".to_owned()))?;
    Ok((descriptor, version))
}

fn problem(descriptor: &Descriptor) -> Option<String> {
    if !is_name(&descriptor.name, '-') {
        return Some(format!(
            "has a name other than 1 to {NAME_CHARS_MAX} of a-z, 0-9 and -, beginning with a letter"
        ));
    }
    if descriptor.version.len() > VERSION_CHARS_MAX {
        return Some(format!("has a version of more than {VERSION_CHARS_MAX} characters"));
    }
    long_list(descriptor).or_else(|| odd_field(descriptor)).or_else(|| odd_text(descriptor)).or_else(|| {
        let status = descriptor.acknowledgement.status;
        (!(200..=299).contains(&status))
            .then(|| format!("acknowledges deliveries with {status}, which is not 200 to 299"))
    })
}

fn long_list(descriptor: &Descriptor) -> Option<String> {
    let lists = [
        ("settings", descriptor.settings.len()),
        ("secrets", descriptor.secrets.len()),
        ("hosts", descriptor.hosts.len()),
        ("checkout_hosts", descriptor.checkout_hosts.len()),
        ("reads", descriptor.reads.len()),
        ("never_store", descriptor.never_store.len()),
        ("needs", descriptor.needs.len()),
        ("setup", descriptor.setup.len()),
        ("events", descriptor.events.len()),
    ];
    let (name, _) = lists.into_iter().find(|(_, length)| *length > LIST_ITEMS_MAX)?;
    Some(format!("lists more than {LIST_ITEMS_MAX} {name}"))
}

fn odd_field(descriptor: &Descriptor) -> Option<String> {
    let settings = descriptor.settings.iter().map(|field| &field.name);
    let secrets = descriptor.secrets.iter().map(|field| &field.name);
    for (kind, name) in settings.map(|name| ("setting", name)).chain(secrets.map(|name| ("secret", name))) {
        if !is_name(name, '_') {
            return Some(format!(
                "has a {kind} whose name is not 1 to {NAME_CHARS_MAX} of a-z, 0-9 and _, beginning with a letter"
            ));
        }
    }
    let of_secrets = descriptor.secrets.iter().flat_map(|field| &field.hosts);
    let rules = descriptor.hosts.iter().chain(&descriptor.checkout_hosts).chain(of_secrets);
    let is_odd = |rule: &HostRule| match rule {
        HostRule::Exactly(host) | HostRule::Below(host) => !is_host(host),
        HostRule::Setting(name) => !descriptor.settings.iter().any(|field| field.name == *name),
    };
    rules.into_iter().any(is_odd).then(|| {
        "lists a host that is neither a host's name, such as api.example.com, nor one of its settings"
            .to_owned()
    })
}

fn odd_text(descriptor: &Descriptor) -> Option<String> {
    let of_settings = descriptor.settings.iter().map(|field| &field.help);
    let of_secrets = descriptor.secrets.iter().map(|field| &field.help);
    let own = [&descriptor.title, &descriptor.documentation, &descriptor.acknowledgement.body];
    let texts = own.into_iter().chain(of_settings).chain(of_secrets).chain(&descriptor.never_store);
    // An operator reads these in a terminal.
    let texts = texts.chain(&descriptor.setup).chain(&descriptor.events);
    let is_odd = |text: &String| text.chars().count() > TEXT_CHARS_MAX || text.chars().any(char::is_control);
    texts
        .into_iter()
        .any(is_odd)
        .then(|| format!("has a text of several lines or of more than {TEXT_CHARS_MAX} characters"))
}

fn is_name(name: &str, also: char) -> bool {
    let is_good = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == also;
    name.len() <= NAME_CHARS_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(is_good)
}
