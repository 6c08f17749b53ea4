//! What an API key may do: a closed set of scopes, so that a key for reading events cannot refund.
//!
//! Invariant: a word that is not one of these opens nothing; it is refused where it is read.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One thing that a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyScope {
    /// Read intents, refunds, orders and disputes.
    PaymentsRead,
    /// Create, capture and cancel intents.
    PaymentsWrite,
    /// Give money back.
    RefundsWrite,
    /// Read events.
    EventsRead,
    /// Read webhook endpoints and their deliveries.
    WebhooksRead,
    /// Change webhook endpoints, rotate their secrets, send events again.
    WebhooksWrite,
    /// Read which processors there are.
    ConnectorsRead,
}

impl KeyScope {
    /// Every scope.
    pub const ALL: [Self; 7] = [
        Self::PaymentsRead,
        Self::PaymentsWrite,
        Self::RefundsWrite,
        Self::EventsRead,
        Self::WebhooksRead,
        Self::WebhooksWrite,
        Self::ConnectorsRead,
    ];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentsRead => "payments:read",
            Self::PaymentsWrite => "payments:write",
            Self::RefundsWrite => "refunds:write",
            Self::EventsRead => "events:read",
            Self::WebhooksRead => "webhooks:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::ConnectorsRead => "connectors:read",
        }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a scope; there are payments:read, payments:write, refunds:write, events:read, webhooks:read, \
     webhooks:write, connectors:read, and `all`"
)]
pub struct UnknownScope;

impl FromStr for KeyScope {
    type Err = UnknownScope;

    fn from_str(word: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or(UnknownScope)
    }
}

/// What one key may do; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyScopes(BTreeSet<KeyScope>);

impl KeyScopes {
    /// Everything.
    pub fn all() -> Self {
        Self(KeyScope::ALL.into())
    }

    /// Reads words apart by commas or spaces; `all` is every scope.
    ///
    /// # Errors
    /// [`UnknownScope`], also when there is no word.
    pub fn parse(words: &str) -> Result<Self, UnknownScope> {
        let words = words.split([',', ' ']).filter(|word| !word.is_empty());
        let mut scopes = BTreeSet::new();
        for word in words {
            match word {
                "all" => scopes.extend(KeyScope::ALL),
                _ => {
                    scopes.insert(word.parse()?);
                }
            }
        }
        if scopes.is_empty() { Err(UnknownScope) } else { Ok(Self(scopes)) }
    }

    /// Whether this is among them.
    pub fn include(&self, scope: KeyScope) -> bool {
        self.0.contains(&scope)
    }

    /// Their words.
    pub fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }
}

/// Words apart by a space, as they are stored.
impl fmt::Display for KeyScopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (words, read) in [
            ("all", KeyScopes::all().to_string()),
            ("events:read", "events:read".to_owned()),
            ("refunds:write,payments:read", "payments:read refunds:write".to_owned()),
            (" payments:read  payments:read ", "payments:read".to_owned()),
        ] {
            let scopes = KeyScopes::parse(words).unwrap();
            assert_eq!(scopes.to_string(), read, "{words}");
            assert_eq!(KeyScopes::parse(&scopes.to_string()), Ok(scopes), "{words}");
        }
        for words in ["", " ", ",", "payments", "payments:*", "Payments:read", "payments:read,x"] {
            assert_eq!(KeyScopes::parse(words), Err(UnknownScope), "{words}");
        }
    }
}
