//! Puts the SDK and the template of a plugin into the binary, file by file, so that `payhub plugin new` works
//! wherever the binary does. No list of files has to be kept.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Folders of the workspace, the name of the constant that holds each, and what of it is embedded.
const FOLDERS: [(&str, &str, &[&str]); 4] = [
    ("SDK", "processor-sdk", &["Cargo.toml", "README.md", "schema", "src", "wit"]),
    ("TEMPLATE_RUST", "plugins/template-rust", &["."]),
    (
        "SDK_JAVASCRIPT",
        "processor-sdk/js",
        &["README.md", "build.mjs", "contract.d.ts", "package.json", "processor.wit", "src"],
    ),
    ("TEMPLATE_JAVASCRIPT", "plugins/template-js", &["."]),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::new();
    for (constant, folder, entries) in FOLDERS {
        let folder = root.join(folder);
        let mut files = Vec::new();
        for entry in entries {
            let path = folder.join(entry);
            println!("cargo::rerun-if-changed={}", path.display());
            collect(&path, &mut files)?;
        }
        files.sort();
        writeln!(text, "pub(super) const {constant}: &[(&str, &str)] = &[")?;
        for file in files {
            let path = file.canonicalize()?;
            let name = path.strip_prefix(folder.canonicalize()?)?;
            writeln!(
                text,
                "    ({:?}, include_str!({:?})),",
                name.display().to_string(),
                path.display().to_string()
            )?;
        }
        writeln!(text, "];")?;
    }
    let out = std::env::var_os("OUT_DIR").ok_or("cargo says where to write")?;
    std::fs::write(Path::new(&out).join("plugin_sources.rs"), text)?;
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        // What somebody's own build left there is no source.
        let is_built = path.ends_with("target")
            || path.ends_with("node_modules")
            || path.ends_with("Cargo.lock")
            || path.extension().is_some_and(|extension| extension == "wasm");
        if !is_built {
            collect(&path, files)?;
        }
    }
    Ok(())
}
