//! Mistakes that can be planted stand where the table says, and in no build that is shipped.

use std::collections::BTreeSet;

use super::source::{Findings, files, read, sources};
use crate::planted_bugs::table::{PLANTED, PLANTED_FOR_THE_MODEL};

const FEATURE: &str = "planted-bugs";

/// Where they are defined and chosen; everywhere else they are made.
const DEFINED: [&str; 2] = ["hub/core/src/planted.rs", "hub/src/planted.rs"];

#[test]
fn mistakes_are_planted_where_the_table_says() {
    let mut findings = Findings::default();
    let mut found = BTreeSet::new();
    for source in sources().iter().filter(|source| !DEFINED.contains(&source.path.as_str())) {
        for rest in source.production.split("planted(").skip(1) {
            match rest.strip_prefix("Bug::").and_then(|rest| rest.split(')').next()) {
                Some(bug) => drop(found.insert((bug.to_owned(), source.path.clone()))),
                None => findings.add(format!("{}: `planted(` without the name of a mistake", source.path)),
            }
        }
    }
    let here = PLANTED.iter().map(|(bug, path, _)| (bug, path));
    let all = here.chain(PLANTED_FOR_THE_MODEL.iter().map(|(bug, path)| (bug, path)));
    let listed: BTreeSet<_> = all.map(|(bug, path)| (format!("{bug:?}"), (*path).to_owned())).collect();
    for (bug, path) in found.symmetric_difference(&listed) {
        let listed = if listed.contains(&(bug.clone(), path.clone())) { "only listed" } else { "not listed" };
        findings.add(format!("{path}: {bug} is {listed}"));
    }
    findings.none("each mistake is made in one file, and the table knows which");
}

#[test]
fn only_the_tests_can_plant_mistakes() {
    let manifests = files(&["toml"]).into_iter().filter(|path| path.ends_with("Cargo.toml"));
    let mut on = BTreeSet::new();
    for path in manifests {
        let manifest: toml::Table = read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let dependencies = manifest.get(kind).map(ToString::to_string).unwrap_or_default();
            if dependencies.contains(FEATURE) {
                on.insert(path.clone());
            }
        }
        let features = manifest.get("features").and_then(toml::Value::as_table);
        for (feature, turns_on) in features.into_iter().flatten() {
            let quietly = feature != FEATURE && turns_on.to_string().contains(FEATURE);
            assert!(!quietly, "{path}: the feature {feature} plants mistakes");
        }
        let workspace = manifest.get("workspace").map(ToString::to_string).unwrap_or_default();
        assert!(!workspace.contains(FEATURE), "{path}: a dependency of everybody plants mistakes");
    }
    assert_eq!(on, BTreeSet::from(["tests/Cargo.toml".to_owned()]), "who depends on a hub with mistakes");
}
