//! What stands in Adyen's books: pages, payments, and what is asked for of payments.
//!
//! Invariant: the page's own fields are those of the request that made it, which was held against the published
//! description before.

use serde_json::{Map, Value};

/// A payment link, or a hosted session.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) id: String,
    pub(super) is_session: bool,
    pub(super) livemode: bool,
    /// What it was made of.
    pub(super) fields: Map<String, Value>,
    pub(super) status: &'static str,
    pub(super) expires_at_s: i64,
    pub(super) updated_at_s: i64,
    /// How often a bank has said no.
    pub(super) tries: u32,
    /// What sessions send along with the shopper, and the status and payments as they were then.
    pub(super) results: Vec<(String, Value)>,
}

impl Page {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    pub(super) fn reference(&self) -> &str {
        self.text("reference").expect("a reference, as was checked")
    }

    pub(super) fn amount(&self) -> i64 {
        self.fields["amount"]["value"].as_i64().expect("an amount, as was checked")
    }

    pub(super) fn currency(&self) -> &str {
        self.fields["amount"]["currency"].as_str().expect("a currency, as was checked")
    }

    /// Whether somebody has to ask for the capture. The account's own setting is *immediate*.
    pub(super) fn is_manual(&self) -> bool {
        self.fields.get("manualCapture") == Some(&true.into())
            || self.fields.get("additionalData").is_some_and(|data| data["manualCapture"] == "true")
    }
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The shopper's bank has yet to say.
    Pending,
    Authorized,
    /// As far as this much.
    Captured(i64),
    /// Canceled, or its time ran out.
    Over,
}

/// One payment, named by the `pspReference` of its authorization.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) adyen_id: String,
    pub(super) page: String,
    pub(super) livemode: bool,
    pub(super) reference: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) state: State,
}

/// What is asked for of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Capture,
    Cancel,
    /// By the merchant's reference.
    TechnicalCancel,
    Refund,
}

impl Kind {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Capture => "CAPTURE",
            Self::Cancel => "CANCELLATION",
            Self::TechnicalCancel => "TECHNICAL_CANCEL",
            Self::Refund => "REFUND",
        }
    }
}

/// One modification.
#[derive(Clone, Debug)]
pub(super) struct Modification {
    pub(super) adyen_id: String,
    pub(super) kind: Kind,
    pub(super) payment: String,
    pub(super) reference: String,
    pub(super) amount: i64,
    /// How it ended, once it has.
    pub(super) is_success: Option<bool>,
}
