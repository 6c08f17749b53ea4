//! The hub's programs as processes, for tests that kill them: building, starting, ending, and asking them
//! over HTTP.
//!
//! Nothing of the hub's code is used here, so that what these tests find is what an operator would see.

use std::time::{Duration, Instant};

pub(crate) mod binaries;
pub(crate) mod database;
pub(crate) mod dice;
pub(crate) mod http;
pub(crate) mod program;
pub(crate) mod world;

/// How long anything that should come about may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

#[expect(clippy::disallowed_methods, reason = "these tests are about real processes in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits a moment between two looks at another process.
pub(crate) fn pause() {
    std::thread::sleep(LOOK_AGAIN);
}

/// Looks until there is something, within `patience`.
pub(crate) fn look_until<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = now() + patience;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if now() >= deadline {
            return None;
        }
        pause();
    }
}

/// Looks until there is something; fails the test when there never is.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    look_until(PATIENCE, look).unwrap_or_else(|| panic!("{what}: not within {} s", PATIENCE.as_secs()))
}

/// The setting that has hubs under test on a server, and its value then.
pub(crate) const ENGINE: (&str, &str) = ("TEST_DATABASE", "postgresql");

/// A setting of the test run from its environment, where an empty one is none.
pub(crate) fn setting(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty());
    value.map(|value| value.into_string().expect("a setting is UTF-8"))
}

/// Whether hubs under test have a database on a server rather than a file.
pub(crate) fn is_on_a_server() -> bool {
    setting(ENGINE.0).is_some_and(|engine| {
        assert_eq!(engine, ENGINE.1, "{}: hubs are on a file unless it says otherwise", ENGINE.0);
        true
    })
}
