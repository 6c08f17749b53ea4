//! What a new plugin's folder is made of: the template, the SDK's own source, and a lock file with the versions
//! that this hub was tested with. All of it is in the binary.
//!
//! Manifests of a workspace's members take much from the workspace; here they are made to stand alone.

use std::collections::{BTreeMap, BTreeSet};

/// `(path, text)` of every file of the SDK and of the templates; made by the build script.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/plugin_sources.rs"));
}

const WORKSPACE: &str = include_str!("../../../../Cargo.toml");
const LOCK: &str = include_str!("../../../../Cargo.lock");
const LICENSE: &str = include_str!("../../../../LICENSE");

/// Sections of the SDK's manifest that are about its own tests and this project's lints.
const SDK_SECTIONS_LEFT_OUT: [&str; 4] = ["[dev-dependencies]", "[[example]]", "[[test]]", "[lints]"];
/// The same of the template's.
const TEMPLATE_SECTIONS_LEFT_OUT: [&str; 1] = ["[lints]"];
/// The folder of the SDK in a plugin's.
const SDK_FOLDER: &str = "processor-sdk";
/// What makes a crate a workspace of its own, whatever folder it was put into.
const OWN_WORKSPACE: &str = "\n# A workspace of its own, in whatever folder it lies.\n[workspace]\n";

/// Every file of a new plugin in Rust, by its path; texts still carry the template's name.
pub(super) fn rust() -> Result<BTreeMap<String, String>, String> {
    let workspace: toml::Table = WORKSPACE.parse().map_err(|error| format!("Cargo.toml: {error}"))?;
    let mut files = BTreeMap::new();
    for (path, text) in embedded::TEMPLATE_RUST {
        let text = if *path == "Cargo.toml" {
            standalone(text, &workspace, &TEMPLATE_SECTIONS_LEFT_OUT)? + OWN_WORKSPACE
        } else {
            (*text).to_owned()
        };
        files.insert((*path).to_owned(), text);
    }
    files.insert("Cargo.lock".to_owned(), lock(&files["Cargo.toml"])?);
    Ok(files)
}

/// Every file of the SDK, by its path in a plugin's folder.
pub(super) fn sdk() -> Result<BTreeMap<String, String>, String> {
    let workspace: toml::Table = WORKSPACE.parse().map_err(|error| format!("Cargo.toml: {error}"))?;
    let mut files = BTreeMap::from([(format!("{SDK_FOLDER}/LICENSE"), LICENSE.to_owned())]);
    for (path, text) in embedded::SDK {
        let text = if *path == "Cargo.toml" {
            standalone(text, &workspace, &SDK_SECTIONS_LEFT_OUT)?
        } else {
            (*text).to_owned()
        };
        files.insert(format!("{SDK_FOLDER}/{path}"), text);
    }
    Ok(files)
}

/// Every file of a new plugin in JavaScript, by its path; texts still carry the template's name.
pub(super) fn javascript() -> BTreeMap<String, String> {
    embedded::TEMPLATE_JAVASCRIPT
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}

/// Every file of the SDK for JavaScript, by its path in a plugin's folder. The guide to the contract, which is the
/// same in every language, and the schema come with it.
pub(super) fn javascript_sdk() -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([(format!("{SDK_FOLDER}/LICENSE"), LICENSE.to_owned())]);
    for (path, text) in embedded::SDK_JAVASCRIPT {
        files.insert(
            format!("{SDK_FOLDER}/{path}"),
            text.replace("](../README.md", "](GUIDE.md").replace("](../", "]("),
        );
    }
    for (path, text) in embedded::SDK {
        if *path == "README.md" {
            files.insert(format!("{SDK_FOLDER}/GUIDE.md"), (*text).to_owned());
        } else if path.starts_with("schema/") {
            files.insert(format!("{SDK_FOLDER}/{path}"), (*text).to_owned());
        }
    }
    files
}

/// A member's manifest without its workspace: what it takes from there is written out, some sections are left
/// out, and everything else, comments too, stays as it is.
fn standalone(manifest: &str, workspace: &toml::Table, left_out: &[&str]) -> Result<String, String> {
    let mut text = String::new();
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim();
        }
        if !left_out.contains(&section) {
            text.push_str(&written_out(line, section, workspace)?);
            text.push('\n');
        }
    }
    Ok(text.trim_end().to_owned() + "\n")
}

/// `serde.workspace = true` as `serde = { … }`.
fn written_out(line: &str, section: &str, workspace: &toml::Table) -> Result<String, String> {
    if !line.contains("workspace = true") {
        return Ok(line.to_owned());
    }
    let entry: toml::Table = line.parse().map_err(|error| format!("{line}: {error}"))?;
    let (name, own) = entry.iter().next().ok_or_else(|| format!("{line}: no entry"))?;
    let own = own.as_table().ok_or_else(|| format!("{line}: no table"))?;
    let taken = if section == "[package]" { "package" } else { "dependencies" };
    let taken = workspace.get("workspace").and_then(|table| table.get(taken)?.get(name));
    let taken = taken.ok_or_else(|| format!("{line}: the workspace has no {name}"))?;
    let mut features = Vec::new();
    let mut whole = match taken {
        toml::Value::Table(table) => table.clone(),
        value if own.len() == 1 => return Ok(format!("{name} = {value}")),
        value => toml::Table::from_iter([("version".to_owned(), value.clone())]),
    };
    for (key, value) in own.iter().filter(|(key, _)| *key != "workspace") {
        if let ("features", toml::Value::Array(own)) = (key.as_str(), value) {
            features.extend(own.iter().cloned());
        } else {
            whole.insert(key.clone(), value.clone());
        }
    }
    if !features.is_empty() {
        let taken = whole.get("features").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        whole.insert("features".to_owned(), toml::Value::Array([taken, features].concat()));
    }
    // The way people write them: what it is first.
    let rank = |key: &str| !["version", "path"].contains(&key);
    let mut entries: Vec<_> = whole.iter().collect();
    entries.sort_by_key(|(key, _)| rank(key));
    let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    Ok(format!("{name} = {{ {} }}", entries.join(", ")))
}

/// A package of the lock file.
#[derive(Clone, serde::Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

#[derive(serde::Deserialize)]
struct LockFile {
    version: u32,
    package: Vec<Locked>,
}

/// The part of our lock file that a plugin with this manifest needs, as cargo writes it.
fn lock(manifest: &str) -> Result<String, String> {
    let ours: LockFile = toml::from_str(LOCK).map_err(|error| format!("Cargo.lock: {error}"))?;
    let sdk = embedded::SDK.iter().find(|(path, _)| *path == "Cargo.toml").map_or("", |(_, text)| text);
    let root: toml::Table = manifest.parse().map_err(|error| format!("the template: {error}"))?;
    let package = |field: &str| root["package"][field].as_str().unwrap_or_default().to_owned();
    let mut needed = vec![Locked {
        name: package("name"),
        version: package("version"),
        source: None,
        checksum: None,
        dependencies: dependencies(manifest)?.into_iter().collect(),
    }];
    let mut open = needed[0].dependencies.clone();
    while let Some(wanted) = open.pop() {
        let mut words = wanted.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        let fits =
            |locked: &&Locked| locked.name == name && version.is_none_or(|version| locked.version == version);
        let mut found =
            ours.package.iter().find(fits).cloned().ok_or_else(|| format!("{wanted} is not locked"))?;
        if needed.iter().any(|known| known.name == found.name && known.version == found.version) {
            continue;
        }
        if found.name == SDK_FOLDER {
            // What only its own tests need is left out of its manifest too.
            let wanted = dependencies(sdk)?;
            found.dependencies.retain(|entry| wanted.contains(entry.split(' ').next().unwrap_or_default()));
        }
        open.extend(found.dependencies.iter().cloned());
        needed.push(found);
    }
    Ok(as_cargo_writes(ours.version, needed))
}

/// The names under `[dependencies]`.
fn dependencies(manifest: &str) -> Result<BTreeSet<String>, String> {
    let table: toml::Table = manifest.parse().map_err(|error| format!("{error}"))?;
    let names = table.get("dependencies").and_then(toml::Value::as_table);
    Ok(names.map(|names| names.keys().cloned().collect()).unwrap_or_default())
}

fn as_cargo_writes(version: u32, mut packages: Vec<Locked>) -> String {
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    let is_single = |name: &str| packages.iter().filter(|package| package.name == name).count() == 1;
    let mut text = format!(
        "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\n\
         version = {version}\n"
    );
    for package in &packages {
        text += &format!("\n[[package]]\nname = \"{}\"\nversion = \"{}\"\n", package.name, package.version);
        for (key, value) in [("source", &package.source), ("checksum", &package.checksum)] {
            if let Some(value) = value {
                text += &format!("{key} = \"{value}\"\n");
            }
        }
        if !package.dependencies.is_empty() {
            text += "dependencies = [\n";
            for entry in &package.dependencies {
                let name = entry.split(' ').next().unwrap_or_default();
                text += &format!(" \"{}\",\n", if is_single(name) { name } else { entry });
            }
            text += "]\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_member_takes_from_the_workspace_is_written_out() {
        let workspace = r#"
            [workspace.package]
            edition = "2024"
            [workspace.dependencies]
            plain = "1"
            fine = { version = "2", default-features = false, features = ["a"] }
        "#;
        let workspace: toml::Table = workspace.parse().unwrap();
        for (line, section, expected) in [
            ("edition.workspace = true", "[package]", r#"edition = "2024""#),
            ("plain.workspace = true", "[dependencies]", r#"plain = "1""#),
            (
                "plain = { workspace = true, optional = true }",
                "[dependencies]",
                r#"plain = { version = "1", optional = true }"#,
            ),
            (
                r#"fine = { workspace = true, features = ["b"] }"#,
                "[dependencies]",
                r#"fine = { version = "2", default-features = false, features = ["a", "b"] }"#,
            ),
            ("# edition", "[package]", "# edition"),
        ] {
            assert_eq!(written_out(line, section, &workspace).as_deref(), Ok(expected));
        }
        assert!(written_out("other.workspace = true", "[dependencies]", &workspace).is_err());
    }

    #[test]
    fn manifests_stand_alone() {
        for files in [rust().unwrap(), sdk().unwrap()] {
            let (_, manifest) = files.iter().find(|(path, _)| path.ends_with("Cargo.toml")).unwrap();
            let table: toml::Table = manifest.parse().unwrap();
            assert!(!manifest.contains("workspace = true"), "{manifest}");
            assert!(!table.contains_key("lints"), "{manifest}");
            assert_eq!(table["package"]["edition"].as_str(), Some("2024"));
        }
    }

    #[test]
    fn versions_are_the_tested_ones() {
        let ours: LockFile = toml::from_str(LOCK).unwrap();
        let files = rust().unwrap();
        let theirs: LockFile = toml::from_str(&files["Cargo.lock"]).unwrap();
        assert!(theirs.package.len() > 10 && theirs.package.len() < ours.package.len() / 2);
        for package in theirs.package.iter().filter(|package| package.source.is_some()) {
            let same = |known: &Locked| known.name == package.name && known.checksum == package.checksum;
            assert!(ours.package.iter().any(same), "{} {}", package.name, package.version);
        }
        assert!(!theirs.package.iter().any(|package| package.name == "proptest"));
    }
}
