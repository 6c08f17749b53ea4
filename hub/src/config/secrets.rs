//! Secrets: where the config says they are, and the one place that reads them.
//!
//! A config file is copied, mailed and committed, so it holds references only: `{ env = "NAME" }` or
//! `{ file = "PATH" }`. A list of references keeps the old value of a secret active beside the new one while
//! it is rotated.
//!
//! Invariant: a secret goes from its source into a [`SecretText`] and nowhere else. No message repeats a value,
//! nor a text that stands where a reference belongs.

use std::env::VarError;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use zeroize::{Zeroize, Zeroizing};

use super::excerpt::{Exposure, is_plain_path, is_variable_name};
use super::section::Value;
use super::suggestion::nearest;
use crate::connector::credentials::SecretText;

/// The longest secret, in bytes; the largest real ones are private keys in PEM.
const SECRET_BYTES_MAX: usize = 64 * 1024;

/// Looks up an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// The hub's own environment.
#[expect(clippy::disallowed_methods, reason = "this file is where the environment is read")]
pub(super) fn process_environment(name: &str) -> Result<String, VarError> {
    std::env::var(name)
}

/// What is wrong with a secret, and what to do.
struct Refusal {
    reason: String,
    fix: String,
}

fn refuse<T>(reason: impl Into<String>, fix: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { reason: reason.into(), fix: fix.into() })
}

/// The active values of one secret: those of one reference, or of each in a list.
pub(super) fn several(value: &Value<'_>, environment: Environment<'_>) -> Option<Vec<SecretText>> {
    let DeValue::Array(array) = value.value else { return Some(vec![one(value, environment)?]) };
    if array.is_empty() {
        note(value, Refusal { reason: "names no secret".to_owned(), fix: how_to_refer(value) });
        return None;
    }
    let elements =
        array.iter().map(|element| one(&value.with(element.get_ref(), element.span()), environment));
    // Every reference is read before the first mistake counts.
    elements.collect::<Vec<_>>().into_iter().collect()
}

/// The value of one reference.
pub(super) fn one(value: &Value<'_>, environment: Environment<'_>) -> Option<SecretText> {
    let read = match value.value {
        DeValue::Table(table) => refer(table, value).and_then(|reference| match reference {
            Reference::Variable(name) => from_variable(name, environment),
            Reference::File(path) => from_file(path, &value.source.folder),
        }),
        _ => refuse("a secret must not be written into the config file", how_to_refer(value)),
    };
    read.map_err(|refusal| note(value, refusal)).ok()
}

/// The value that a text on a command line refers to by `env:NAME` or `file:PATH`; nothing if it refers to none.
pub(super) fn referred(text: &str, environment: Environment<'_>) -> Option<Result<SecretText, String>> {
    let read = match text.split_once(':')? {
        ("env", name) if is_variable_name(name) => from_variable(name, environment),
        ("env", _) => refuse(
            "what follows `env:` must be the name of an environment variable: A-Z, 0-9 and _",
            "if the secret itself stands there, treat it as leaked: make a new one",
        ),
        ("file", "") => refuse("what follows `file:` must not be empty", "write file:PATH"),
        ("file", path) => from_file(path, Path::new("")),
        _ => return None,
    };
    Some(read.map_err(|Refusal { reason, fix }| format!("{reason}; {fix}")))
}

fn note(value: &Value<'_>, refusal: Refusal) {
    // Inside a reference, names that look like names are shown; everything else is masked.
    let exposure = if value.value.is_table() { Exposure::ByKey } else { Exposure::Private };
    value.wrong_as(exposure, refusal.reason, Some(refusal.fix));
}

fn how_to_refer(value: &Value<'_>) -> String {
    let key = value.key();
    let variable = value.path.trim_start_matches("connectors.").to_uppercase().replace(['.', '-'], "_");
    let variable = variable.replace("_SECRETS_", "_");
    format!("write {key} = {{ env = \"{variable}\" }} or {key} = {{ file = \"/run/secrets/{key}\" }}")
}

enum Reference<'a> {
    Variable(&'a str),
    File(&'a str),
}

fn refer<'a>(table: &'a DeTable<'a>, value: &Value<'_>) -> Result<Reference<'a>, Refusal> {
    let mut entries = table.iter().map(|(name, value)| (name.get_ref().as_ref(), value.get_ref()));
    let (Some((key, target)), None) = (entries.next(), entries.next()) else {
        return refuse("must name exactly one place, `env` or `file`", how_to_refer(value));
    };
    let DeValue::String(target) = target else {
        return refuse("must name its place with a text", how_to_refer(value));
    };
    match key {
        "env" if is_variable_name(target) => Ok(Reference::Variable(target)),
        "env" => refuse(
            "`env` must be the name of an environment variable: A-Z, 0-9 and _",
            "if the secret itself stands there, treat it as leaked: remove it and make a new one",
        ),
        "file" if target.is_empty() => refuse("`file` must not be empty", how_to_refer(value)),
        "file" => Ok(Reference::File(target)),
        other => match nearest(other, ["env", "file"]) {
            Some(near) => refuse("must name its place by `env` or `file`", format!("did you mean `{near}`?")),
            None => refuse("must name its place by `env` or `file`", how_to_refer(value)),
        },
    }
}

fn from_variable(name: &str, environment: Environment<'_>) -> Result<SecretText, Refusal> {
    match environment(name) {
        Ok(text) => finished(Zeroizing::new(text), &format!("the environment variable {name}")),
        Err(VarError::NotPresent) => refuse(
            format!("the environment variable {name} is not set"),
            format!("set {name} for the hub's process, or use {{ file = \"PATH\" }}"),
        ),
        Err(VarError::NotUnicode(_)) => refuse(
            format!("the environment variable {name} is not text in UTF-8"),
            "if the secret is binary, write it as its processor's documentation says, in hex or base64",
        ),
    }
}

fn from_file(target: &str, folder: &Path) -> Result<SecretText, Refusal> {
    if target.starts_with('~') {
        return refuse("`~` has no meaning here", "write the whole path, beginning with /");
    }
    let path = folder.join(target);
    // A secret that was pasted here by mistake looks like the name of a file that is not there.
    let is_path =
        is_plain_path(target) || path.parent().is_some_and(|parent| parent != folder && parent.is_dir());
    let shown = if is_path { format!("the file {}", path.display()) } else { "the file".to_owned() };
    // Opening a pipe would wait for somebody to write into it.
    if std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        return refuse(format!("{shown} is not a plain file"), "name the file itself");
    }
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) => return refuse_to_open(&error, &shown),
    };
    check_privacy(&file, &shown, &path, is_path)?;
    // Room for all of it at once, so that no part stays behind in a buffer that grew.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    if file.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).is_err() {
        return refuse(format!("{shown} cannot be read"), "check the disk and the path");
    }
    let text = match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => {
            error.into_bytes().zeroize();
            return refuse(
                format!("{shown} is not text in UTF-8"),
                "if the secret is binary, write it as its processor's documentation says, in hex or base64",
            );
        }
    };
    finished(text, &shown)
}

fn refuse_to_open(error: &io::Error, shown: &str) -> Result<SecretText, Refusal> {
    match error.kind() {
        io::ErrorKind::NotFound => refuse(
            format!("{shown} does not exist"),
            "create it; a relative path starts at the folder of the config file",
        ),
        io::ErrorKind::PermissionDenied => {
            refuse(format!("the hub may not read {shown}"), "give the file to the user that the hub runs as")
        }
        _ => refuse(format!("{shown} cannot be opened"), "name a plain file that the hub may read"),
    }
}

/// Asked of the open file, not of the path, so that nobody can swap it in between. A group may read, because
/// secret stores of container platforms hand files to a group.
fn check_privacy(file: &File, shown: &str, path: &Path, is_path: bool) -> Result<(), Refusal> {
    let Ok(metadata) = file.metadata() else {
        return refuse(format!("{shown} cannot be read"), "name a plain file that the hub may read");
    };
    if !metadata.is_file() {
        return refuse(format!("{shown} is not a plain file"), "name the file itself");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o027 != 0 {
            let path = if is_path { path.to_owned() } else { PathBuf::from("FILE") };
            return refuse(
                format!("{shown} is open to other users of this machine (mode {mode:04o})"),
                format!("run: chmod 600 {}", path.display()),
            );
        }
    }
    Ok(())
}

/// Drops the line end that editors and `echo` add.
fn finished(mut text: Zeroizing<String>, shown: &str) -> Result<SecretText, Refusal> {
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    if text.trim().is_empty() {
        return refuse(format!("{shown} is empty"), "put the secret there");
    }
    if text.len() > SECRET_BYTES_MAX {
        return refuse(format!("{shown} is longer than {SECRET_BYTES_MAX} bytes"), "check what is there");
    }
    Ok(SecretText::new(std::mem::take(&mut *text)))
}
