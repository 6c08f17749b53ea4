//! What an operation comes to: facts and, where the shopper has somewhere to go, a door.

use serde::{Deserialize, Serialize};

use crate::Facts;

/// The answer to a [`crate::Call`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What the processor says is so.
    Said {
        /// The facts.
        facts: Facts,
        /// Where the shopper goes next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        door: Option<Door>,
    },
    /// The processor says that there is no such thing: what ends an Unknown.
    Absent,
}

impl Answer {
    /// Facts without a door.
    #[must_use]
    pub const fn said(facts: Facts) -> Self {
        Self::Said { facts, door: None }
    }

    /// Facts with a door.
    #[must_use]
    pub const fn with_door(facts: Facts, door: Door) -> Self {
        Self::Said { facts, door: Some(door) }
    }
}

/// How the shopper gets to the processor's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Door {
    /// Where to.
    #[serde(flatten)]
    pub kind: DoorKind,
    /// Seconds after [`crate::Call::created_at`] at which the door closes; absent = the intent's own expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_s: Option<u32>,
}

impl Door {
    /// A door to a URL that never closes before the intent does.
    pub fn redirect(url: impl Into<String>) -> Self {
        Self { kind: DoorKind::Redirect { url: url.into() }, expires_in_s: None }
    }
}

/// The kinds of door. URLs must lie on one of the descriptor's `checkout_hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DoorKind {
    /// Go there.
    Redirect {
        /// Absolute URL.
        url: String,
    },
    /// Post a form there.
    Form {
        /// Absolute URL.
        url: String,
        /// Hidden fields in order.
        fields: Vec<(String, String)>,
    },
    /// Show these instructions: bank details, a code to scan.
    Instructions {
        /// Labeled values in order.
        instructions: Vec<Instruction>,
        /// A code to scan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scannable: Option<Scannable>,
    },
    /// Nothing to do for the shopper: go straight on to the return.
    Nothing,
}

/// One labeled value that the shopper needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Instruction {
    /// What it is, such as `IBAN`.
    pub label: String,
    /// The value.
    pub value: String,
}

/// A code to scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Scannable {
    /// QR code (ISO/IEC 18004) of this text, drawn by the hub.
    Qr {
        /// Content, at most 331 bytes (EPC069-12's limit).
        payload: String,
    },
}
