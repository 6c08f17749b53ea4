//! `payhub init`: writes a config with the chosen processors, each key with a comment.
//!
//! What only the operator knows is left open as a commented line, so that `payhub config check` names it until it is
//! filled in: a value that is made up would pass.
//!
//! Invariant: a file that is there is never touched.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use payhub::connector::native::SANDBOX;
use payhub::operator::Failure;
use processor_sdk::{Descriptor, SecretField, SettingField, SettingKind, SignedDeliveries};

use super::processors::{descriptor, wrapped};
use super::{failure, print, refused};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The processors, by the names that `payhub processors list` shows.
    #[arg(value_name = "PROCESSOR", required = true)]
    processors: Vec<String>,
    /// The config file to write.
    #[arg(long, value_name = "FILE", default_value = "hub.toml")]
    out: PathBuf,
    /// Answer as JSON when it is not written.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match init(&arguments.processors, &arguments.out) {
        Ok(()) => print(&format!(
            "{file} is written. Fill in what its comments leave open, then: payhub config check {file}",
            file = arguments.out.display()
        )),
        Err(failure) => refused(&failure, arguments.json),
    }
}

fn init(names: &[String], out: &Path) -> Result<(), Failure> {
    let mut chosen: Vec<Descriptor> = Vec::new();
    for name in names {
        if chosen.iter().any(|descriptor| descriptor.name == *name) {
            let message = format!("{name} is named twice; a second connector of it is written by hand");
            return Err(Failure { field: Some("name".to_owned()), ..failure("named_twice", message) });
        }
        chosen.push(descriptor(name)?);
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    // The config decides where money goes.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let written = options.open(out).and_then(|mut file| file.write_all(config(&chosen).as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => failure(
            "exists",
            format!("{} is there already and stays as it is; name another file with --out", out.display()),
        ),
        _ => failure("unwritable", format!("{} cannot be written: {error}", out.display())),
    })
}

fn config(chosen: &[Descriptor]) -> String {
    let mut text = comment(
        "The hub's config. Lines that begin with #! have to be filled in: take the #! away. Every other key and its \
         default is in config/hub.toml; payhub processors show NAME tells what to do at each processor.",
    );
    text.push('\n');
    text.push_str(&comment(
        "How shoppers and processors reach the hub: the address of the proxy with TLS before it.",
    ));
    text.push_str("#! public_url = \"https://pay.example.com\"\n");
    text.push_str(&comment("Where the hub itself listens."));
    text.push_str("listen = \"127.0.0.1:8080\"\n");
    text.push_str(&comment("Its folder: the database, and the key that seals secrets in it."));
    text.push_str("data_dir = \"payhub-data\"\n");
    chosen.iter().for_each(|descriptor| text.push_str(&connector(descriptor)));
    text
}

fn connector(descriptor: &Descriptor) -> String {
    let Descriptor { name, title, documentation, .. } = descriptor;
    let mut text = format!("\n{}", comment(&format!("{title}: {documentation}")));
    text.push_str(&comment(
        "The connector's name is part of the webhook address and of every payment's history: choose one to keep.",
    ));
    text.push_str(&format!("[connectors.{name}]\nadapter = \"{name}\"\n"));
    let live =
        if name == SANDBOX { "" } else { " For real money make a second connector with mode = \"live\"." };
    text.push_str(&comment(&format!("Whether money moves: \"test\" or \"live\".{live}")));
    text.push_str("mode = \"test\"\n");
    text.push_str(&comment("What shoppers read where they can choose."));
    text.push_str(&format!("title = \"{title}\"\n"));
    if descriptor.deliveries == SignedDeliveries::Unsigned {
        text.push_str(&comment("The secret end of the webhook address: openssl rand -hex 16"));
        text.push_str(&format!("webhook_path_secret = {}\n", secret_file(name, "webhook_path")));
    }
    if descriptor.settings.iter().any(|field| field.required && field.kind == SettingKind::Url) {
        text.push_str(&comment(
            "Only where an address below is an http one, without TLS: its host and port.",
        ));
        text.push_str("# plain_http_hosts = [\"127.0.0.1:4010\"]\n");
    }
    descriptor.settings.iter().for_each(|field| text.push_str(&setting(field)));
    descriptor.secrets.iter().for_each(|field| text.push_str(&secret(name, field)));
    text
}

/// A required setting waits to be filled in, any other is there to be switched on.
fn setting(field: &SettingField) -> String {
    let mark = if field.required { "#!" } else { "#" };
    let (choices, example) = match &field.kind {
        SettingKind::Text => (String::new(), "\"…\"".to_owned()),
        SettingKind::Url => (String::new(), "\"https://…\"".to_owned()),
        SettingKind::Flag => (String::new(), "true".to_owned()),
        SettingKind::Choice { of } => {
            // A choice that nobody made would pass the check.
            let example = of.first().filter(|_| !field.required).map_or("…", String::as_str);
            (format!(" One of: {}.", of.join(", ")), format!("\"{example}\""))
        }
    };
    let example = field.default.as_ref().map_or(example, ToString::to_string);
    let need = if field.required { "Required" } else { "Optional" };
    let help = comment(&format!("{need}. {}.{choices}", field.help.trim_end_matches('.')));
    format!("{help}{mark} settings.{} = {example}\n", field.name)
}

fn secret(connector: &str, field: &SecretField) -> String {
    let need = if field.required { "Required" } else { "Optional" };
    let help = comment(&format!("{need}. {}.", field.help.trim_end_matches('.')));
    let mark = if field.required { "" } else { "# " };
    format!("{help}{mark}secrets.{} = {}\n", field.name, secret_file(connector, &field.name))
}

fn secret_file(connector: &str, name: &str) -> String {
    format!("{{ file = \"/run/secrets/{connector}_{name}\" }}")
}

fn comment(text: &str) -> String {
    wrapped(text, "# ", "# ")
}
