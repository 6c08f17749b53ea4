//! What the operator set for one connector, beside its secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Fault;

/// Settings by name, as the descriptor declares them; already checked by the host against
/// [`crate::Descriptor::settings`] (types, required ones, defaults filled in).
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<String, Value>);

impl Settings {
    /// A text setting.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] naming the setting when it is absent or not text.
    pub fn text(&self, name: &str) -> Result<&str, Fault> {
        self.optional_text(name)
            .ok_or_else(|| Fault::cannot_ask(&format!("settings.{name}"), "must be set to a text"))
    }

    /// A text setting that may be absent.
    #[must_use]
    pub fn optional_text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// A yes-or-no setting; absent means no.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A base URL without its trailing slash, ready to have `/path` appended.
    ///
    /// # Errors
    /// As [`Settings::text`].
    pub fn base_url(&self, name: &str) -> Result<&str, Fault> {
        Ok(self.text(name)?.trim_end_matches('/'))
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Settings {
    fn from(pairs: [(&str, Value); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}
