//! The plugins folder: which plugins there are, each loaded and ready, found by name and by what its file is.
//!
//! Several versions of one plugin may lie there; the highest is meant unless the config names a file's
//! SHA-256. A file that is no plugin is in nobody's way until a connector wants it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::CodeCache;
use super::file::{self, FILE_BYTES_MAX, PluginHash};
use super::limits::Limits;
use super::placing;
use super::sandbox::{Plugin, PluginError, Sandbox};
use super::signature::{self, TrustedKey};

/// How many plugin files a folder may hold.
const FILES_MAX: usize = 256;

/// On what terms plugins are loaded.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What one run of a plugin may take.
    pub limits: Limits,
    /// The same for the plugins of these names.
    pub limits_of: BTreeMap<String, Limits>,
    /// Keys of which one must have signed each plugin; none = no signature is asked for.
    pub trusted_keys: Vec<TrustedKey>,
    /// The folder in which compiled code is kept; `None` = nothing is kept.
    pub cache: Option<PathBuf>,
}

impl Terms {
    /// The limits of the plugin of a name.
    #[must_use]
    pub fn limits_of(&self, name: &str) -> Limits {
        self.limits_of.get(name).copied().unwrap_or(self.limits)
    }
}

/// The plugins of one folder, as they were when it was read.
#[derive(Default)]
pub struct Shelf {
    plugins: Vec<(String, Arc<Plugin>)>,
    broken: Vec<Broken>,
}

/// A file that is not a plugin that can be used.
#[derive(Debug)]
pub struct Broken {
    /// Its name in the folder.
    pub file: String,
    /// Why it cannot be used, and what to do.
    pub why: String,
}

/// Why a folder could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("the plugins folder {path} cannot be read: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error("the plugins folder {path} holds more than {FILES_MAX} plugins; remove what is not needed")]
    TooMany { path: PathBuf },
    #[error(transparent)]
    Engine(PluginError),
}

/// Why no plugin could be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    #[error("there is no plugin `{name}` in the plugins folder{broken}")]
    Name { name: String, known: Vec<String>, broken: String },
    #[error("no file of the plugin `{name}` has this SHA-256; {there}")]
    Hash { name: String, there: String },
    #[error("the files {} are both {name} {version}, and differ", files.join(" and "))]
    Ambiguous { name: String, version: String, files: Vec<String> },
}

impl Shelf {
    /// Mends a folder in which somebody was killed who was adding a plugin: for the start, before it is read.
    ///
    /// # Errors
    /// [`ShelfError::Folder`].
    pub fn mend(folder: &Path) -> Result<(), ShelfError> {
        placing::mend(folder).map_err(|source| ShelfError::Folder { path: folder.to_owned(), source })
    }

    /// Loads every `*.wasm` of a folder; a folder that is not there has none. What `before` has loaded from
    /// the same bytes on the same terms is taken from there. Compiling may take seconds: not for a thread
    /// that serves requests.
    ///
    /// # Errors
    /// [`ShelfError`]. A file that is no plugin is no error; see [`Shelf::broken`].
    pub fn read(folder: &Path, terms: &Terms, before: &Self) -> Result<Self, ShelfError> {
        let mut shelf = Self::default();
        let files = plugin_files(folder)?;
        let cache = terms.cache.as_deref().filter(|_| !files.is_empty()).and_then(open_cache);
        for name in files {
            match load(&folder.join(&name), terms, before, cache.as_ref()) {
                Ok(plugin) => shelf.plugins.push((name, plugin)),
                Err(Refused::Engine(error)) => return Err(ShelfError::Engine(error)),
                Err(Refused::File(why)) => {
                    tracing::error!(file = name, why, "a file in the plugins folder cannot be used");
                    shelf.broken.push(Broken { file: name, why });
                }
            }
        }
        Ok(shelf)
    }

    /// Every plugin with the name of its file, in the order of these names.
    #[must_use]
    pub fn plugins(&self) -> &[(String, Arc<Plugin>)] {
        &self.plugins
    }

    /// The files that cannot be used.
    #[must_use]
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }

    /// The plugin of this name: the file with this hash, or else the highest version.
    ///
    /// # Errors
    /// [`NotFound`].
    pub fn find(&self, name: &str, sha256: Option<PluginHash>) -> Result<Arc<Plugin>, NotFound> {
        let named: Vec<_> =
            self.plugins.iter().filter(|(_, plugin)| plugin.descriptor().name == name).collect();
        if let Some(hash) = sha256 {
            let found = named.iter().find(|(_, plugin)| plugin.hash() == hash);
            return found.map(|(_, plugin)| Arc::clone(plugin)).ok_or_else(|| self.no_hash(name, &named));
        }
        let Some((_, highest)) = named.iter().max_by_key(|(_, plugin)| plugin.version()) else {
            let known = self.plugins.iter().map(|(_, plugin)| plugin.descriptor().name.clone()).collect();
            return Err(NotFound::Name { name: name.to_owned(), known, broken: self.broken_words() });
        };
        let others: Vec<_> =
            named.iter().filter(|(_, plugin)| plugin.version() == highest.version()).collect();
        if others.iter().any(|(_, plugin)| plugin.hash() != highest.hash()) {
            let files = others.iter().map(|(file, _)| file.clone()).collect();
            let version = highest.descriptor().version.clone();
            return Err(NotFound::Ambiguous { name: name.to_owned(), version, files });
        }
        Ok(Arc::clone(highest))
    }

    fn no_hash(&self, name: &str, named: &[&(String, Arc<Plugin>)]) -> NotFound {
        let one = |(file, plugin): &&(String, Arc<Plugin>)| {
            format!("{file} is {} with {}", plugin.version(), plugin.hash())
        };
        let there = match named {
            [] => "there is none at all".to_owned(),
            some => some.iter().map(one).collect::<Vec<_>>().join(", "),
        };
        NotFound::Hash { name: name.to_owned(), there: there + &self.broken_words() }
    }

    /// One of the broken files may be the one that is looked for: nobody knows its name.
    fn broken_words(&self) -> String {
        let one = |broken: &Broken| format!("; {} cannot be used: {}", broken.file, broken.why);
        self.broken.iter().map(one).collect()
    }
}

/// Names of the plugin files in a folder, sorted.
fn plugin_files(folder: &Path) -> Result<Vec<String>, ShelfError> {
    let failed = |source| ShelfError::Folder { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if let Some(name) = name.to_str().filter(|name| name.ends_with(".wasm") && !name.starts_with('.')) {
            names.push(name.to_owned());
        }
        if names.len() > FILES_MAX {
            return Err(ShelfError::TooMany { path: folder.to_owned() });
        }
    }
    names.sort();
    Ok(names)
}

enum Refused {
    Engine(PluginError),
    File(String),
}

/// Without a cache every start takes longer, and nothing else.
fn open_cache(folder: &Path) -> Option<CodeCache> {
    let opened = CodeCache::open(folder);
    opened.inspect_err(|error| tracing::warn!(%error, "compiled plugin code cannot be kept")).ok()
}

fn load(
    path: &Path,
    terms: &Terms,
    before: &Shelf,
    cache: Option<&CodeCache>,
) -> Result<Arc<Plugin>, Refused> {
    let refuse = |error: io::Error| Refused::File(format!("it cannot be read: {error}"));
    let bytes = read_file(path).map_err(refuse)?;
    // Before anything else is done with it.
    signature::check(path, &bytes, &terms.trusted_keys)
        .map_err(|unsigned| Refused::File(unsigned.to_string()))?;
    let hash = PluginHash::of(&bytes);
    let same = before.plugins.iter().map(|(_, plugin)| plugin).find(|plugin| plugin.hash() == hash);
    if let Some(plugin) = same.filter(|plugin| plugin.limits() == terms.limits_of(&plugin.descriptor().name))
    {
        return Ok(Arc::clone(plugin));
    }
    let sandbox = Sandbox::shared().map_err(Refused::Engine)?;
    sandbox
        .load_named(&bytes, cache, |name| terms.limits_of(name))
        .map_err(|error| Refused::File(error.to_string()))
}

/// The file's bytes, one more than there may be at most.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody to write into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    file::read(path, FILE_BYTES_MAX + 1)
}
