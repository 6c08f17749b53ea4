//! `payhub plugin add`: a plugin file comes into the plugins folder, and the running hub takes it up.
//!
//! Invariant: a file that a hub could not use never comes into the folder, and one that it refuses does not stay.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use payhub::operator::socket::{AskError, ask};
use payhub::operator::{Failure, Request};
use payhub::plugin::placing::{New, Turn};
use payhub::plugin::sandbox::Plugin;
use payhub::plugin::shelf::{Shelf, Terms};
use payhub::plugin::smoke::smoke;
use processor_sdk::{Descriptor, HostRule};
use serde_json::{Value, json};

use super::super::{Place, Target, failure, items, text};
use super::read;

/// What stands behind a plugin file's name for the file of its signature.
const SIGNATURE_EXTENSION: &str = "minisig";
/// Characters of the hash in a file's name.
const HASH_CHARS: usize = 16;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin; its signature is taken along when FILE.minisig lies beside it.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the place of another file of the same name and version.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(arguments: &Arguments) -> ExitCode {
    let Arguments { file, replace, target } = arguments;
    let added = match target.place() {
        Ok(place) => add(file, *replace, &place).await,
        Err(failure) => Err(failure),
    };
    target.end(added, shown)
}

async fn add(file: &Path, replace: bool, place: &Place) -> Result<Value, Failure> {
    let folder = &place.plugins.folder;
    let Checked { plugin, bytes, signature } = checked(file, &place.plugins.terms)?;
    let disk = |error: std::io::Error| failure("disk", format!("{}: {error}", folder.display()));
    payhub::private_file::make_folder(folder).map_err(disk)?;
    let turn = Turn::take(folder).map_err(disk)?;
    let there = Shelf::read(folder, &place.plugins.terms, &Shelf::default())
        .map_err(|error| failure("plugins_folder", error.to_string()))?;
    let descriptor = plugin.descriptor();
    let is_same_version =
        |other: &Plugin| other.descriptor().name == descriptor.name && other.version() == plugin.version();
    let others = there.plugins().iter().filter(|(_, other)| is_same_version(other));
    let others: Vec<_> = others.filter(|(_, other)| other.hash() != plugin.hash()).collect();
    if let (Some((other, _)), false) = (others.first(), replace) {
        let message = format!(
            "{} {} is in the plugins folder with other content, as {other}; give yours a higher version, or have \
             it take that file's place with --replace",
            descriptor.name, descriptor.version
        );
        return Err(failure("same_version", message));
    }
    let hash = plugin.hash().to_string();
    let name = format!("{}-{}-{}.wasm", descriptor.name, descriptor.version, &hash[..HASH_CHARS]);
    let others: Vec<_> = others.iter().map(|(name, _)| name.clone()).collect();
    let new = New { name: &name, bytes: &bytes, signature: signature.as_deref() };
    let placed = turn.place(new, &others).map_err(disk)?;
    let hub_runs = match ask(&place.data_dir, &Request::Reload).await {
        Ok(_) => true,
        Err(AskError::NotRunning) => false,
        Err(error) => {
            placed.take_back().map_err(disk)?;
            return Err(error.failure());
        }
    };
    placed.accept().map_err(disk)?;
    let in_force = if hub_runs { Some(in_force(place, &hash).await?) } else { None };
    let example = if in_force.as_ref().is_some_and(Vec::is_empty) { Some(example(descriptor)) } else { None };
    Ok(json!({
        "name": descriptor.name,
        "version": descriptor.version,
        "sha256": hash,
        "file": folder.join(&name),
        "hub_runs": hub_runs,
        "connectors": in_force.unwrap_or_default(),
        "example": example,
    }))
}

/// A file that a hub would take, and what lies beside it.
struct Checked {
    plugin: Arc<Plugin>,
    bytes: Vec<u8>,
    signature: Option<Vec<u8>>,
}

/// Everything that a hub with these terms would say of the file, and the first trial.
fn checked(file: &Path, terms: &Terms) -> Result<Checked, Failure> {
    let bytes = read(file)?;
    let signature = std::fs::read(format!("{}.{SIGNATURE_EXTENSION}", file.display())).ok();
    let alone = tempfile::tempdir().map_err(|error| failure("disk", error.to_string()))?;
    let disk = |error: std::io::Error| failure("disk", error.to_string());
    std::fs::write(alone.path().join("it.wasm"), &bytes).map_err(disk)?;
    if let Some(signature) = &signature {
        std::fs::write(alone.path().join(format!("it.wasm.{SIGNATURE_EXTENSION}")), signature)
            .map_err(disk)?;
    }
    let shelf = Shelf::read(alone.path(), terms, &Shelf::default())
        .map_err(|error| failure("plugins_folder", error.to_string()))?;
    if let Some(broken) = shelf.broken().first() {
        return Err(failure("not_a_plugin", format!("{}: {}", file.display(), broken.why)));
    }
    let Some((_, plugin)) = shelf.plugins().first() else {
        return Err(failure("not_a_plugin", format!("{} holds no plugin", file.display())));
    };
    smoke(plugin).map_err(|broken| {
        let message = format!("{}: {broken}; `payhub plugin test` checks every law", file.display());
        failure("breaks_a_law", message)
    })?;
    Ok(Checked { plugin: Arc::clone(plugin), bytes, signature })
}

/// Connectors that the file is in force for now.
async fn in_force(place: &Place, sha256: &str) -> Result<Vec<String>, Failure> {
    let listed = ask(&place.data_dir, &Request::ListPlugins).await.map_err(|error| error.failure())?;
    let of_it = items(&listed, "/data").iter();
    let of_it = of_it.filter(|one| text(one, "/sha256") == sha256 && text(one, "/state") == "in_force");
    Ok(of_it.map(|one| text(one, "/connector").to_owned()).collect())
}

/// How a connector with this plugin is written into the config.
fn example(descriptor: &Descriptor) -> String {
    let name = &descriptor.name;
    let hosts = |rules: &[HostRule]| {
        let named = rules.iter().filter_map(|rule| match rule {
            HostRule::Exactly(host) => Some(format!("\"{host}\"")),
            HostRule::Below(host) => Some(format!("\"*.{host}\"")),
            HostRule::Setting(_) => None,
        });
        named.collect::<Vec<_>>().join(", ")
    };
    let mut lines =
        vec![format!("[connectors.{name}]"), format!("plugin = \"{name}\""), "mode = \"test\"".to_owned()];
    for (key, rules) in [("hosts", &descriptor.hosts), ("checkout_hosts", &descriptor.checkout_hosts)] {
        let listed = hosts(rules);
        if !listed.is_empty() {
            lines.push(format!("{key} = [{listed}]"));
        }
    }
    let required = descriptor.settings.iter().filter(|field| field.required && field.default.is_none());
    lines.extend(required.map(|field| format!("settings.{} = \"…\"  # {}", field.name, field.help)));
    for field in descriptor.secrets.iter().filter(|field| field.required) {
        let variable = format!("{name}_{}", field.name).to_uppercase().replace('-', "_");
        lines.push(format!("secrets.{} = {{ env = \"{variable}\" }}  # {}", field.name, field.help));
    }
    lines.join("\n")
}

fn shown(answer: &Value) -> String {
    let (name, version) = (text(answer, "/name"), text(answer, "/version"));
    let connectors: Vec<_> = items(answer, "/connectors").iter().filter_map(Value::as_str).collect();
    let file = text(answer, "/file");
    match (answer["hub_runs"] == true, connectors.is_empty()) {
        (false, _) => format!(
            "{name} {version} is in the plugins folder, as {file}; the hub takes it up when it starts"
        ),
        (true, false) => format!("{name} {version} is in force for {}", connectors.join(", ")),
        (true, true) => format!(
            "{name} {version} is in the plugins folder, as {file}; no connector uses it. Write one into the config \
             (of a demo: connectors.toml in its folder), and reload with `payhub config reload`:\n\n{}",
            text(answer, "/example")
        ),
    }
}
