//! Which mistake is planted in this process, if the build is one for tests and somebody chose one.
//!
//! Invariant: a shipped hub holds none, whatever its environment says. A name that is no mistake's stops the
//! start: a test that plants nothing would prove nothing.

use hub_core::planted::Bug;

/// The version, and whether this is a build that mistakes can be planted in.
pub const VERSION: &str = if cfg!(feature = "planted-bugs") {
    concat!(env!("CARGO_PKG_VERSION"), " (a build for tests, with mistakes that can be planted)")
} else {
    env!("CARGO_PKG_VERSION")
};

/// Where the environment names a step at which the process stands still, for a test to kill it there.
#[cfg(feature = "planted-bugs")]
const STEP_VARIABLE: &str = "PAYHUB_STANDS_STILL_AT";

/// Where the environment chooses one.
#[cfg(feature = "planted-bugs")]
const VARIABLE: &str = "PAYHUB_PLANTED_BUG";

/// A name that was given and is no mistake's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PAYHUB_PLANTED_BUG is {name:?}, which is no mistake that can be planted")]
pub struct NoSuchBug {
    pub name: String,
}

#[cfg(feature = "planted-bugs")]
fn chosen() -> &'static Result<Option<Bug>, NoSuchBug> {
    use std::io::Write as _;
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<Result<Option<Bug>, NoSuchBug>> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let Some(name) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let name = name.to_string_lossy().into_owned();
        let bug = serde_json::from_value(serde_json::Value::String(name.clone()));
        let bug: Bug = bug.map_err(|_| NoSuchBug { name })?;
        hub_core::planted::plant(bug, |bug| {
            // Straight to standard error: whoever waits for this line does not configure a log.
            let _written = writeln!(std::io::stderr(), "the planted mistake {bug:?} is at work");
        });
        Ok(Some(bug))
    })
}

/// Plants what the environment chooses, and says so loudly. Called when a hub starts, before anything is
/// decided.
///
/// # Errors
/// [`NoSuchBug`].
pub fn prepare() -> Result<(), NoSuchBug> {
    #[cfg(feature = "planted-bugs")]
    if let Some(bug) = chosen().clone()? {
        tracing::error!(?bug, "THIS HUB MAKES A MISTAKE ON PURPOSE, FOR TESTS: {}", bug.says());
    }
    Ok(())
}

/// Whether this mistake is to be made.
#[cfg(feature = "planted-bugs")]
#[must_use]
pub fn planted(bug: Bug) -> bool {
    // Parts of the hub are tested without one that was started.
    chosen().is_ok() && hub_core::planted::planted(bug)
}

/// Whether this mistake is to be made: never in this build.
#[cfg(not(feature = "planted-bugs"))]
#[must_use]
pub const fn planted(_bug: Bug) -> bool {
    false
}

/// Stands still for ever at the step that the environment names, and says so.
#[cfg(feature = "planted-bugs")]
pub fn stand_still_at(step: &str) {
    use std::io::Write as _;

    if std::env::var_os(STEP_VARIABLE).is_some_and(|wanted| wanted == step) {
        let _written = writeln!(std::io::stderr(), "standing still at {step}");
        loop {
            std::thread::park();
        }
    }
}

/// Stands still nowhere in this build.
#[cfg(not(feature = "planted-bugs"))]
pub const fn stand_still_at(_step: &str) {}
