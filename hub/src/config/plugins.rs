//! `[plugins]`: where plugins lie, whose signature they need, and how much one run of them may take.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::DeValue;

use super::excerpt::Exposure;
use super::section::{Entry, Layer, Notes, Section};
use super::{Plugins, path, required};
use crate::plugin::file::PluginHash;
use crate::plugin::limits::{FUEL_MAX, Limits, MEMORY_BYTES_MAX, OUTPUT_BYTES_MAX, RUN_MS_MAX};
use crate::plugin::shelf::Terms;
use crate::plugin::signature::TrustedKey;

/// minisign's own.
const EXAMPLE_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const RUN_MS_MIN: u64 = 1;
const FUEL_MIN: u64 = 1_000_000;
const MEMORY_BYTES_MIN: usize = 1024 * 1024;
const OUTPUT_BYTES_MIN: usize = 4096;
const LOG_LINES_MAX: usize = 1_000;
const LOG_LINE_BYTES_MIN: usize = 64;
const LOG_LINE_BYTES_MAX: usize = 16 * 1024;
const CONCURRENT_RUNS_MAX: usize = 16;

pub(super) fn plugins(section: &mut Section<'_>, notes: &Notes, data_dir: Option<&Path>) -> Option<Plugins> {
    let folder = match section.optional("folder") {
        Some(value) => path(&value),
        None => data_dir.map(|data_dir| data_dir.join("plugins")),
    };
    let trusted_keys = required(section, "trusted_keys").and_then(|value| {
        let wanted = "a public key as minisign prints it: 56 characters that begin with RW";
        value.texts(wanted, EXAMPLE_KEY, TrustedKey::parse)
    });
    let replaced = required(section, "replaced").and_then(|value| {
        value.texts("the SHA-256 of a plugin's file: 64 hexadecimal digits", "5feceb66…", PluginHash::parse)
    });
    let mut table = section.section("limits");
    let limits = limits(&mut table, None);
    table.finish(None);
    let limits_of = limits_of(&mut section.section("limits_of"), notes, limits);
    section.finish(None);
    let cache = data_dir.map(|data_dir| data_dir.join("plugin-cache"));
    let terms =
        Terms { limits: limits?, limits_of: limits_of?, trusted_keys: trusted_keys?, cache: Some(cache?) };
    Some(Plugins { folder: folder?, terms, replaced: replaced? })
}

/// Every limit; what is not written is as in `others`, which the built-in file has no need of.
fn limits(section: &mut Section<'_>, others: Option<Limits>) -> Option<Limits> {
    let run_ms_max =
        limit(section, "run_ms_max", others.map(|limits| limits.run_ms_max), RUN_MS_MIN..=RUN_MS_MAX);
    let fuel_max = limit(section, "fuel_max", others.map(|limits| limits.fuel_max), FUEL_MIN..=FUEL_MAX);
    let memory_bytes_max = limit(
        section,
        "memory_bytes_max",
        others.map(|limits| limits.memory_bytes_max),
        MEMORY_BYTES_MIN..=MEMORY_BYTES_MAX,
    );
    let output_bytes_max = limit(
        section,
        "output_bytes_max",
        others.map(|limits| limits.output_bytes_max),
        OUTPUT_BYTES_MIN..=OUTPUT_BYTES_MAX,
    );
    let log_lines_max =
        limit(section, "log_lines_max", others.map(|limits| limits.log_lines_max), 0..=LOG_LINES_MAX);
    let log_line_bytes_max = limit(
        section,
        "log_line_bytes_max",
        others.map(|limits| limits.log_line_bytes_max),
        LOG_LINE_BYTES_MIN..=LOG_LINE_BYTES_MAX,
    );
    let concurrent_runs_max = limit(
        section,
        "concurrent_runs_max",
        others.map(|limits| limits.concurrent_runs_max),
        1..=CONCURRENT_RUNS_MAX,
    );
    Some(Limits {
        run_ms_max: run_ms_max?,
        fuel_max: fuel_max?,
        memory_bytes_max: memory_bytes_max?,
        output_bytes_max: output_bytes_max?,
        log_lines_max: log_lines_max?,
        log_line_bytes_max: log_line_bytes_max?,
        concurrent_runs_max: concurrent_runs_max?,
    })
}

fn limit<T>(
    section: &mut Section<'_>,
    key: &str,
    other: Option<T>,
    range: std::ops::RangeInclusive<T>,
) -> Option<T>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    match other {
        None => required(section, key)?.integer(range),
        Some(other) => section.optional(key).map_or(Some(other), |value| value.integer(range)),
    }
}

/// The limits of single plugins, by their names; what they do not say is as for all.
fn limits_of(
    section: &mut Section<'_>,
    notes: &Notes,
    all: Option<Limits>,
) -> Option<BTreeMap<String, Limits>> {
    let entries = section.entries();
    let read: Vec<_> = entries.iter().map(|entry| limits_of_one(entry, notes, all)).collect();
    read.into_iter().collect()
}

fn limits_of_one(entry: &Entry<'_>, notes: &Notes, all: Option<Limits>) -> Option<(String, Limits)> {
    let DeValue::Table(table) = entry.value.value else {
        let fix = "write it as [plugins.limits_of.NAME] with its keys below".to_owned();
        let named = entry.value.with(entry.value.value, entry.name_span.clone());
        named.wrong_as(Exposure::ByKey, "must be a table, one for each plugin".to_owned(), Some(fix));
        return None;
    };
    let layer = Layer { source: entry.value.source, table, span: Some(entry.name_span.clone()) };
    let mut section = Section::new(notes, entry.value.path.clone(), vec![layer]);
    // Where those for all are wrong, only the mistakes here are of interest.
    let read = limits(&mut section, Some(all.unwrap_or_default()));
    section.finish(None);
    Some((entry.name.to_owned(), read?))
}
