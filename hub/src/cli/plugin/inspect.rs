//! `payhub plugin inspect`: what a plugin file is, before anybody trusts it.
//!
//! A plugin's descriptor is its manifest, so what is shown here is what the hub will hold it to.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use payhub::operator::Failure;
use payhub::plugin::file::PluginHash;
use payhub::plugin::signature::signature_file;
use processor_sdk::Descriptor;
use serde_json::{Value, json};
use wit_component::DecodedWasm;

use super::super::descriptor::{capabilities, hosts, listed, secret, setting};
use super::super::{columns, failure, print, refused};
use super::{load, read};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// All that is known of a plugin file.
struct Inspected<'a> {
    file: &'a Path,
    bytes: usize,
    hash: PluginHash,
    signature: Option<PathBuf>,
    imports: Vec<String>,
    descriptor: Descriptor,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match inspect(&arguments.file) {
        Ok(inspected) if arguments.json => print(&format!("{:#}", as_json(&inspected))),
        Ok(inspected) => print(&as_text(&inspected)),
        Err(failure) => refused(&failure, arguments.json),
    }
}

fn inspect(file: &Path) -> Result<Inspected<'_>, Failure> {
    let bytes = read(file)?;
    let plugin = load(file, &bytes)?;
    let signature = signature_file(file);
    Ok(Inspected {
        file,
        bytes: bytes.len(),
        hash: plugin.hash(),
        signature: signature.exists().then_some(signature),
        imports: imports(file, &bytes)?,
        descriptor: plugin.descriptor().clone(),
    })
}

/// What it imports, as the file says.
fn imports(file: &Path, bytes: &[u8]) -> Result<Vec<String>, Failure> {
    let decoded = wit_component::decode(bytes)
        .map_err(|error| failure("not_a_plugin", format!("{}: {error:#}", file.display())))?;
    match decoded {
        DecodedWasm::Component(resolve, world) => {
            let imports = resolve.worlds[world].imports.keys();
            Ok(imports.map(|key| resolve.name_world_key(key)).collect())
        }
        DecodedWasm::WitPackage(..) => {
            Err(failure("not_a_plugin", format!("{} is an interface without code", file.display())))
        }
    }
}

fn as_json(inspected: &Inspected<'_>) -> Value {
    let Inspected { file, bytes, hash, signature, imports, descriptor } = inspected;
    json!({
        "file": file,
        "bytes": bytes,
        "sha256": hash.to_string(),
        "signature": signature,
        "imports": imports,
        "name": descriptor.name,
        "version": descriptor.version,
        "contract": descriptor.contract,
        "descriptor": descriptor,
    })
}

fn as_text(inspected: &Inspected<'_>) -> String {
    let Inspected { file, bytes, hash, signature, imports, descriptor } = inspected;
    let signature = match signature {
        Some(signature) => format!("{} (present, not checked here)", signature.display()),
        None => "none".to_owned(),
    };
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let mut rows = vec![
        row("plugin", format!("{} {}: {}", descriptor.name, descriptor.version, descriptor.title)),
        row("documentation", descriptor.documentation.clone()),
        row("file", file.display().to_string()),
        row("size", format!("{bytes} bytes")),
        row("SHA-256", hash.to_string()),
        row("signature", signature),
        row("contract", descriptor.contract.to_string()),
        row("imports", listed(imports)),
        row("hosts", hosts(&descriptor.hosts)),
        row("checkout hosts", hosts(&descriptor.checkout_hosts)),
        row("capabilities", capabilities(descriptor)),
    ];
    rows.extend(
        descriptor.settings.iter().map(|field| row(&format!("setting {}", field.name), setting(field))),
    );
    rows.extend(descriptor.secrets.iter().map(|field| row(&format!("secret {}", field.name), secret(field))));
    let steps = descriptor.setup.iter().enumerate();
    rows.extend(steps.map(|(index, step)| row(&format!("set-up {}", index + 1), step.clone())));
    if !descriptor.events.is_empty() {
        rows.push(row("events", listed(&descriptor.events)));
    }
    columns(&rows)
}
