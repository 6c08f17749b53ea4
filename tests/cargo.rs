//! Starting cargo from a program that cargo started.

use std::process::Command;

/// Cargo itself.
#[must_use]
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_own_package(&mut cargo);
    cargo
}

/// Takes away what cargo told this program about its own package: some build scripts (ring's) look at it, and all
/// that depends on them would be built anew, forth and back.
pub fn without_own_package(command: &mut Command) -> &mut Command {
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        command.env_remove(name);
    }
    command
}
