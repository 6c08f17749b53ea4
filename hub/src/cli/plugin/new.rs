//! `payhub plugin new`: a complete small plugin in a folder of its own.
//!
//! Invariant: the folder is there whole or not at all, and what was there before is never touched.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;
use payhub::operator::Failure;

use super::super::{failure, print, refused};
use super::sources;

/// The longest name, as the contract has it.
const NAME_CHARS_MAX: usize = 32;
/// Names that a crate cannot have: words of Rust, its own crates, and what the plugin depends on.
const TAKEN: [&str; 62] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "processor-sdk",
    "pub",
    "ref",
    "return",
    "self",
    "serde-json",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "build",
    "deps",
    "examples",
    "incremental",
];

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin's name, which is the adapter's in the hub's config: a-z, 0-9 and -.
    #[arg(value_name = "NAME")]
    name: String,
    /// The language to write it in.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
}

/// Languages that there is a template of.
#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Rust,
    /// JavaScript, built with npm.
    #[value(name = "js")]
    JavaScript,
}

impl Language {
    /// The commands that build a new plugin.
    const fn build(self) -> &'static str {
        match self {
            Self::Rust => "payhub plugin build",
            Self::JavaScript => "npm ci\n  npm run build",
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let name = &arguments.name;
    match create(Path::new("."), name, arguments.lang) {
        Ok(()) => print(&format!(
            "./{name} is a plugin that keeps every law as it is. Next:\n\n  cd {name}\n  {}\n  \
             payhub plugin test {name}.wasm --fixtures fixtures\n\nThen read README.md there.",
            arguments.lang.build()
        )),
        Err(failure) => refused(&failure, false),
    }
}

fn create(parent: &Path, name: &str, language: Language) -> Result<(), Failure> {
    require_usable(name)?;
    let folder = parent.join(name);
    if folder.symlink_metadata().is_ok() {
        return Err(named(format!("{} is there already; choose another name or folder", folder.display())));
    }
    let (template, sdk) = match language {
        Language::Rust => (sources::rust(), sources::sdk()),
        Language::JavaScript => (Ok(sources::javascript()), Ok(sources::javascript_sdk())),
    };
    let broken = |why: String| failure("template", format!("the template in this program is broken: {why}"));
    let template = template.map_err(broken)?.into_iter().map(|(path, text)| (path, renamed(&text, name)));
    let mut files: BTreeMap<String, String> = template.collect();
    files.extend(sdk.map_err(broken)?);
    write(parent, &folder, &files)
        .map_err(|error| failure("unwritable", format!("{} cannot be written: {error}", folder.display())))
}

fn require_usable(name: &str) -> Result<(), Failure> {
    let allowed =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !begins || !name.chars().all(allowed) || name.chars().count() > NAME_CHARS_MAX {
        return Err(named(format!(
            "NAME is a to z, 0 to 9 and -, begins with a letter, and has at most {NAME_CHARS_MAX} characters, such \
             as `acme` or `acme-pay`"
        )));
    }
    if TAKEN.contains(&name) {
        return Err(named(format!(
            "a Rust crate cannot be called {name}; choose another name, such as {name}-pay"
        )));
    }
    Ok(())
}

fn named(message: String) -> Failure {
    Failure { field: Some("name".to_owned()), ..failure("invalid_name", message) }
}

/// The template's text under another name, in each of the ways in which the name is written.
fn renamed(text: &str, name: &str) -> String {
    let snake = name.replace('-', "_");
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    let camel: String = words.collect();
    let ways = [
        ("acme::", format!("{snake}::")),
        ("acme", name.to_owned()),
        ("Acme", camel),
        ("ACME", snake.to_ascii_uppercase()),
    ];
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let way = ways.iter().find(|(way, _)| rest.starts_with(way));
        let length = way.map_or(first.len_utf8(), |(way, _)| way.len());
        renamed.push_str(way.map_or(&rest[..length], |(_, becomes)| becomes));
        rest = &rest[length..];
    }
    renamed
}

/// Writes everything aside and puts it in its place in one step.
fn write(parent: &Path, folder: &Path, files: &BTreeMap<String, String>) -> std::io::Result<()> {
    let aside = tempfile::Builder::new().prefix(".payhub-plugin-").tempdir_in(parent)?;
    // A folder inside: the temporary one is closed to others, and a crate need not be.
    let whole = aside.path().join("new");
    for (path, text) in files {
        let path = whole.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, text)?;
    }
    std::fs::rename(&whole, folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_are_refused() {
        let long = "a".repeat(NAME_CHARS_MAX + 1);
        for (name, usable) in [
            ("acme", true),
            ("acme-2", true),
            ("a", true),
            (&long[1..], true),
            (&long, false),
            ("", false),
            ("Acme", false),
            ("2acme", false),
            ("-acme", false),
            ("ac_me", false),
            ("ac me", false),
            ("../acme", false),
            ("ácme", false),
            ("match", false),
            ("processor-sdk", false),
        ] {
            let refused = require_usable(name).err();
            assert_eq!(refused.is_none(), usable, "{name}");
            assert!(refused.is_none_or(|failure| failure.field.as_deref() == Some("name")));
        }
    }

    #[test]
    fn the_name_is_written_in_each_of_its_ways() {
        let text = "use acme::Acme; \"acme\" ACME_KEY Acme Pay acme.wasm";
        for (name, expected) in [
            ("acme", text),
            ("my-pay", "use my_pay::MyPay; \"my-pay\" MY_PAY_KEY MyPay Pay my-pay.wasm"),
            ("acme-2", "use acme_2::Acme2; \"acme-2\" ACME_2_KEY Acme2 Pay acme-2.wasm"),
        ] {
            assert_eq!(renamed(text, name), expected);
        }
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        std::fs::write(parent.path().join("acme"), "mine").unwrap();
        assert!(create(parent.path(), "acme", Language::Rust).is_err());
        assert_eq!(std::fs::read_to_string(parent.path().join("acme")).unwrap(), "mine");
        for (name, language, file) in [
            ("other", Language::Rust, "processor-sdk/src/lib.rs"),
            ("third", Language::JavaScript, "processor-sdk/src/index.js"),
        ] {
            create(parent.path(), name, language).unwrap();
            assert!(parent.path().join(name).join(file).is_file());
        }
        // Nothing is left of the writing.
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 3);
    }
}
