//! `payhub plugin build`: has cargo compile a plugin crate, and makes a plugin of what it compiled.
//!
//! Nothing but Rust with its `wasm32-unknown-unknown` target is needed. The environment is cargo's as it is, so
//! `RUSTC`, `CARGO_TARGET_DIR` and the like mean what they always do.

use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use payhub::operator::Failure;
use payhub::plugin::file::PluginHash;
use serde_json::{Value, json};

use super::super::{failure, print, refused, text};
use super::component;

/// What plugins are compiled for: nothing is there but what a plugin brings itself.
const TARGET: &str = "wasm32-unknown-unknown";
/// How they are compiled: small before fast, because a run takes microseconds and a load reads the whole file.
/// A trap ends a run however it comes, so there is nothing to unwind to.
const PROFILE: [&str; 5] = [
    "profile.release.opt-level='s'",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic='abort'",
    "profile.release.strip=true",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The crate's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Write the plugin to this file instead of DIR/NAME.wasm.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match build(&arguments.folder, arguments.out.as_deref()) {
        Ok(built) if arguments.json => print(&format!("{built:#}")),
        Ok(built) => print(&format!(
            "{}: {} bytes, SHA-256 {}",
            text(&built, "/file"),
            built["bytes"],
            text(&built, "/sha256")
        )),
        Err(failure) => refused(&failure, arguments.json),
    }
}

fn build(folder: &Path, out: Option<&Path>) -> Result<Value, Failure> {
    let name = package_name(folder)?;
    let module = compile(folder)?;
    let module = std::fs::read(&module)
        .map_err(|error| failure("unreadable", format!("{} cannot be read: {error}", module.display())))?;
    let plugin = component::of_core_module(module).map_err(|why| failure("not_a_plugin", why))?;
    let file = out.map_or_else(|| folder.join(format!("{name}.wasm")), Path::to_path_buf);
    write(&file, &plugin)
        .map_err(|error| failure("unwritable", format!("{} cannot be written: {error}", file.display())))?;
    Ok(json!({ "file": file, "bytes": plugin.len(), "sha256": PluginHash::of(&plugin).to_string() }))
}

/// The crate's name, which is the file's.
fn package_name(folder: &Path) -> Result<String, Failure> {
    let path = folder.join("Cargo.toml");
    let wrong = |why: &str| failure("no_crate", format!("{}: {why}", path.display()));
    let manifest = std::fs::read_to_string(&path).map_err(|error| {
        wrong(&format!("{error}; DIR is the folder of a crate, such as `payhub plugin new` writes"))
    })?;
    let manifest: toml::Table = manifest.parse().map_err(|error| wrong(&format!("{error}")))?;
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| wrong("it has no [package] with a name"))
}

/// Has cargo compile the crate, shows what it says, and gives the module that it made.
fn compile(folder: &Path) -> Result<PathBuf, Failure> {
    let manifest = folder
        .join("Cargo.toml")
        .canonicalize()
        .map_err(|error| failure("no_crate", format!("{}: {error}", folder.display())))?;
    let colors = if std::io::stderr().is_terminal() { "json-diagnostic-rendered-ansi" } else { "json" };
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--lib", "--release", "--target", TARGET, "--message-format", colors]);
    // In the crate's own folder, so that its toolchain and cargo's settings there count.
    cargo.arg("--manifest-path").arg(&manifest).current_dir(folder);
    for setting in PROFILE {
        cargo.args(["--config", setting]);
    }
    let mut cargo = cargo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| {
        failure("no_cargo", format!("cargo cannot be started: {error}; install Rust from https://rustup.rs"))
    })?;
    let mut said = Said::default();
    if let Some(output) = cargo.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line =
                line.map_err(|error| failure("no_cargo", format!("cargo cannot be heard: {error}")))?;
            said.hear(&line, &manifest);
        }
    }
    let ended =
        cargo.wait().map_err(|error| failure("no_cargo", format!("cargo cannot be waited for: {error}")))?;
    if said.target_is_missing {
        return Err(failure(
            "no_target",
            format!("Rust cannot compile for WebAssembly here yet: rustup target add {TARGET}"),
        ));
    }
    if !ended.success() {
        return Err(failure("does_not_compile", "the crate does not compile; cargo says why above"));
    }
    said.module.ok_or_else(|| {
        failure(
            "no_module",
            format!("{} makes no module: under [lib] it needs crate-type = [\"cdylib\"]", manifest.display()),
        )
    })
}

/// What matters of what cargo says.
#[derive(Default)]
struct Said {
    module: Option<PathBuf>,
    target_is_missing: bool,
}

impl Said {
    /// One line of cargo's JSON. What the compiler says to people is passed on.
    fn hear(&mut self, line: &str, manifest: &Path) {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        match text(&message, "/reason") {
            "compiler-message" => {
                let rendered = text(&message, "/message/rendered");
                // E0463: a crate is not found. The target's own is `core` or `std`.
                let is_std = ["`core`", "`std`"].iter().any(|name| rendered.contains(name));
                self.target_is_missing |= text(&message, "/message/code/code") == "E0463" && is_std;
                let _written = write!(std::io::stderr(), "{rendered}");
            }
            "compiler-artifact" if Path::new(text(&message, "/manifest_path")) == manifest => {
                let files = super::super::items(&message, "/filenames").iter().filter_map(Value::as_str);
                let module =
                    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|it| it == "wasm"));
                self.module = module.or(self.module.take());
            }
            // Build scripts, other crates, and the end.
            _ => {}
        }
    }
}

/// Writes a file in one step: whoever looks, or is told to load it, finds the old or the new one whole.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    temporary.as_file().sync_all()?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_is_understood() {
        let manifest = Path::new("/crate/Cargo.toml");
        let artifact = |path: &str, file: &str| {
            json!({"reason": "compiler-artifact", "manifest_path": path, "filenames": [file]}).to_string()
        };
        let error = |code: &str, rendered: &str| {
            json!({"reason": "compiler-message", "message": {"code": {"code": code}, "rendered": rendered}})
                .to_string()
        };
        let rows = [
            ("its module", artifact("/crate/Cargo.toml", "/t/a.wasm"), Some("/t/a.wasm"), false),
            ("its library", artifact("/crate/Cargo.toml", "/t/liba.rlib"), None, false),
            ("another crate's", artifact("/other/Cargo.toml", "/t/b.wasm"), None, false),
            ("no standard library", error("E0463", "can't find crate for `std`"), None, true),
            ("no core", error("E0463", "can't find crate for `core`"), None, true),
            ("another crate missing", error("E0463", "can't find crate for `x`"), None, false),
            ("another error", error("E0425", "cannot find `std`"), None, false),
            ("no JSON", "Compiling".to_owned(), None, false),
        ];
        for (label, line, module, missing) in rows {
            let mut said = Said::default();
            said.hear(&line, manifest);
            assert_eq!(
                (said.module.as_deref(), said.target_is_missing),
                (module.map(Path::new), missing),
                "{label}"
            );
        }
    }
}
