//! What one process of the hub does: all of it, or a part, where several share a database.
//!
//! Invariant: what a process does not do is not half there: its paths are unknown, its jobs stay with others.

use std::fmt;
use std::str::FromStr;

/// A part of the hub's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The cart's calls, `/v1`.
    Api,
    /// The shopper's pages, `/pay` and `/return`.
    Checkout,
    /// What processors deliver, `/webhooks`.
    Webhooks,
    /// Everything that is not asked for from outside: calls to processors, events for the merchant, signed roots.
    Worker,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Api, Self::Checkout, Self::Webhooks, Self::Worker];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Checkout => "checkout",
            Self::Webhooks => "webhooks",
            Self::Worker => "worker",
        }
    }
}

/// The roles of one process: at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self(Role::ALL.to_vec())
    }

    /// Whether a role is among them.
    #[must_use]
    pub fn holds(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether nothing is left to others.
    #[must_use]
    pub fn is_all(&self) -> bool {
        Role::ALL.into_iter().all(|role| self.holds(role))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|role| role.as_str()).collect();
        formatter.write_str(&words.join(","))
    }
}

/// A text that does not name roles.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRoles {
    #[error("there is no role {0:?}; name some of api, checkout, webhooks, worker, with commas between")]
    Unknown(String),
    #[error("{0} is named twice")]
    Twice(&'static str),
}

impl FromStr for Roles {
    type Err = NotRoles;

    fn from_str(text: &str) -> Result<Self, NotRoles> {
        let mut roles = Vec::new();
        for word in text.split(',').map(str::trim) {
            let role = Role::ALL.into_iter().find(|role| role.as_str() == word);
            let role = role.ok_or_else(|| NotRoles::Unknown(word.to_owned()))?;
            if roles.contains(&role) {
                return Err(NotRoles::Twice(role.as_str()));
            }
            roles.push(role);
        }
        Ok(Self(roles))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_named_once_and_by_their_words() {
        let all = "api,checkout,webhooks,worker";
        assert_eq!(Roles::all().to_string(), all);
        for (text, named, is_all) in [
            (all, all, true),
            ("worker", "worker", false),
            ("webhooks, api", "webhooks,api", false),
            ("worker,webhooks,checkout,api", "worker,webhooks,checkout,api", true),
        ] {
            let roles: Roles = text.parse().unwrap();
            assert_eq!((roles.to_string().as_str(), roles.is_all()), (named, is_all), "{text}");
        }
        for text in ["", "api,", "Api", "admin", "api;worker"] {
            assert!(matches!(text.parse::<Roles>(), Err(NotRoles::Unknown(_))), "{text}");
        }
        assert_eq!("api,worker,api".parse::<Roles>(), Err(NotRoles::Twice("api")));
    }
}
