//! Secrets by name. An adapter never holds one: it names it, the host signs, checks or substitutes.

use serde::{Deserialize, Serialize};

/// How the bytes of a key are written in the operator's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyEncoding {
    /// The secret's own UTF-8 bytes are the key.
    #[default]
    Utf8,
    /// Hexadecimal digits of the key's bytes.
    Hex,
    /// Base64 (standard alphabet, padding optional) of the key's bytes.
    Base64,
}

/// A secret of this connector, by the name that the descriptor declares.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretRef {
    /// The name in [`crate::Descriptor::secrets`].
    pub name: String,
    /// How to read key bytes from it; matters for MACs only.
    #[serde(default, skip_serializing_if = "is_utf8")]
    pub encoding: KeyEncoding,
}

fn is_utf8(encoding: &KeyEncoding) -> bool {
    *encoding == KeyEncoding::Utf8
}

impl SecretRef {
    /// The secret called `name`, its UTF-8 bytes being the key.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), encoding: KeyEncoding::Utf8 }
    }

    /// The same secret read as hexadecimal digits.
    #[must_use]
    pub fn hex(mut self) -> Self {
        self.encoding = KeyEncoding::Hex;
        self
    }

    /// The same secret read as base64.
    #[must_use]
    pub fn base64(mut self) -> Self {
        self.encoding = KeyEncoding::Base64;
        self
    }
}
