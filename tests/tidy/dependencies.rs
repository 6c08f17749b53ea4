//! What depends on what, how much of it there is, and under which licenses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::source::{Findings, read, root};

/// Packages in the lock file, ours included: what keeps a clean build near six minutes on two cores.
const PACKAGES_MAX: usize = 450;

/// What the pure layers may depend on.
const PURE_DEPENDENCIES: [(&str, &[&str]); 2] = [
    ("hub/core", &["hex", "processor-sdk", "serde", "serde_json", "sha2", "thiserror"]),
    (
        "processor-sdk",
        &[
            "base64",
            "form_urlencoded",
            "jiff",
            "rust_decimal",
            "serde",
            "serde_json",
            "thiserror",
            // Features `conformance` and `schema` only.
            "hex",
            "hmac",
            "md-5",
            "schemars",
            "sha2",
        ],
    ),
];

/// Licenses that may be shipped with an Apache-2.0 program.
const LICENSES: [&str; 10] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// A package of the workspace.
struct Package {
    folder: String,
    manifest: toml::Table,
}

impl Package {
    fn name(&self) -> &str {
        self.manifest["package"]["name"].as_str().unwrap()
    }

    /// What it depends on in one kind of table.
    fn dependencies(&self, kind: &str) -> BTreeSet<String> {
        let table = self.manifest.get(kind).and_then(toml::Value::as_table);
        table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    }
}

fn packages() -> Vec<Package> {
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let package = |member: &toml::Value| {
        let folder = member.as_str().unwrap().to_owned();
        let manifest = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
        Package { folder, manifest }
    };
    members.iter().map(package).collect()
}

#[test]
fn the_pure_layers_depend_on_little() {
    let packages = packages();
    let mut findings = Findings::default();
    for (folder, allowed) in PURE_DEPENDENCIES {
        let package = packages.iter().find(|package| package.folder == folder).unwrap();
        for dependency in package.dependencies("dependencies") {
            if !allowed.contains(&dependency.as_str()) {
                findings.add(format!("{folder} depends on {dependency}"));
            }
        }
        assert!(!package.manifest.contains_key("target"), "{folder} has dependencies by platform");
        assert!(
            !package.manifest.contains_key("build-dependencies"),
            "{folder} has a build script's dependencies"
        );
    }
    findings.none("what the pure layers depend on is listed");
}

/// Packages of the workspace that a package may depend on, by its folder.
fn may_depend_on(folder: &str, other: &str) -> bool {
    match folder {
        "tests" | "tests/fuzz" => true,
        // For the tests of its engines.
        "hub" if other == "tests/postgres" => true,
        "hub" => other == "hub/core" || other == "processor-sdk" || other.starts_with("processors/"),
        "hub/core" => other == "processor-sdk",
        // The other side of the wire: were it to share a type with the hub, a test of both would prove little.
        "processors/sandbox-server" => false,
        _ if folder.starts_with("processors/") => other == "processor-sdk",
        _ if folder.starts_with("plugins/") => other == "processor-sdk" || other.starts_with("processors/"),
        _ => false,
    }
}

#[test]
fn packages_depend_in_one_direction() {
    let packages = packages();
    let folders: BTreeMap<&str, &str> =
        packages.iter().map(|package| (package.name(), package.folder.as_str())).collect();
    let mut findings = Findings::default();
    for package in &packages {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for dependency in package.dependencies(kind) {
                let Some(other) = folders.get(dependency.as_str()) else { continue };
                // A package's tests may switch on features of what it depends on anyway.
                if !may_depend_on(&package.folder, other) {
                    findings.add(format!("{} {kind}: {other}", package.folder));
                }
            }
        }
    }
    findings.none("tests > hub > hub-core > processor-sdk < processors/*");
}

#[test]
fn there_are_not_too_many_packages() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let count = lock["package"].as_array().unwrap().len();
    println!("{count} packages of at most {PACKAGES_MAX}");
    assert!(count <= PACKAGES_MAX, "{count} packages; each has to be built, trusted and kept up to date");
}

#[test]
fn the_lock_file_is_kept() {
    assert!(root().join("Cargo.lock").is_file());
    let ignored = read(".gitignore");
    assert!(
        !ignored.lines().any(|line| line.trim().trim_start_matches('/') == "Cargo.lock"),
        "Cargo.lock is ignored"
    );
}

/// The answer of `cargo metadata` for this platform, from what the build has already.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let version = Command::new(Path::new(&cargo)).args(["version", "--verbose"]).output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(Path::new(&cargo))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn licenses_allow_it() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let mut findings = Findings::default();
    for package in packages {
        let license = package["license"].as_str().unwrap_or_default();
        if !is_allowed(license) {
            findings.add(format!("{} {}: {license:?}", package["name"], package["version"]));
        }
    }
    assert!(packages.len() > 50, "the packages were not found");
    findings.none("every package has a license that is listed");
}

/// Whether an SPDX expression can be kept with listed licenses alone. `/` is an old way to write `OR`.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = any_of(&mut words);
    allowed && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>) -> bool {
    let mut allowed = all_of(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= all_of(words);
    }
    allowed
}

fn all_of(words: &mut Words<'_>) -> bool {
    let mut allowed = one_of(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one_of(words);
    }
    allowed
}

fn one_of(words: &mut Words<'_>) -> bool {
    match words.next() {
        Some("(") => any_of(words) && words.next() == Some(")"),
        Some(license) => {
            let exception = words.next_if_eq(&"WITH").and_then(|_| words.next());
            let whole = exception
                .map_or_else(|| license.to_owned(), |exception| format!("{license} WITH {exception}"));
            LICENSES.contains(&whole.as_str())
        }
        None => false,
    }
}

#[test]
fn license_expressions_are_understood() {
    for (expression, expected) in [
        ("MIT", true),
        ("MIT OR GPL-3.0", true),
        ("MIT/Apache-2.0", true),
        ("GPL-3.0 OR AGPL-3.0", false),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(GPL-3.0) AND MIT", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("GPL-3.0 WITH Classpath-exception-2.0", false),
        ("MIT GPL-3.0", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression), expected, "{expression}");
    }
}
