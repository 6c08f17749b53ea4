//! What stands in the QR code: the data of EPC069-12, "Quick Response Code: Guidelines to Enable the Data Capture
//! for the Initiation of an SCT", version 3.1, of the European Payments Council.
//!
//! One element per line, in a fixed order; an absent one is an empty line, and behind the last one that is there
//! nothing follows. Version 002 of the data, in which the BIC may be absent, in UTF-8.

use processor_sdk::{AmountScale, Currency, Fault, Money};

use crate::account::Account;

/// Longest payload, in bytes: what a QR code of version 13 holds at error correction level M.
pub const PAYLOAD_BYTES_MAX: usize = 331;
/// Largest amount, in cents: 999999999.99 EUR.
pub const AMOUNT_MINOR_MAX: i64 = 99_999_999_999;
/// Longest free text, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 140;
/// Longest purpose, in characters.
const PURPOSE_CHARS_MAX: usize = 4;

/// Service tag, version, character set (1 is UTF-8) and identification.
const HEAD: [&str; 4] = ["BCD", "002", "1", "SCT"];

/// What the transfer says it is for. The guideline allows one of the two, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remittance {
    /// A creditor reference of ISO 11649.
    Structured(String),
    /// Free text.
    Text(String),
}

impl Remittance {
    /// As it is typed into a bank's form.
    pub fn text(&self) -> &str {
        match self {
            Self::Structured(text) | Self::Text(text) => text,
        }
    }
}

/// A transfer that is to be made.
#[derive(Clone, Debug)]
pub struct Transfer<'a> {
    /// To whom.
    pub account: &'a Account,
    /// How much.
    pub amount: Money,
    /// An ISO 20022 purpose code.
    pub purpose: Option<&'a str>,
    /// What for.
    pub remittance: Remittance,
}

impl Transfer<'_> {
    /// The amount as it stands in a bank's form: `19.99`.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] when a credit transfer cannot be of this amount.
    pub fn amount_text(&self) -> Result<String, Fault> {
        let refuse = |reason: &str| Fault::cannot_ask("amount", reason);
        if self.amount.currency() != Currency::EUR {
            return Err(refuse("must be in EUR: SEPA knows no other currency"));
        }
        if !(1..=AMOUNT_MINOR_MAX).contains(&self.amount.minor()) {
            return Err(refuse("must be 0.01 to 999999999.99 EUR"));
        }
        AmountScale::iso()
            .to_processor_decimal(self.amount)
            .map_err(|_| refuse("must have two decimals at most"))
    }

    /// The data of the code.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] naming what does not fit.
    pub fn payload(&self) -> Result<String, Fault> {
        let amount = format!("EUR{}", self.amount_text()?);
        let purpose = self.purpose.unwrap_or_default();
        if self.purpose.is_some() && !is_purpose(purpose) {
            let reason = format!("must be 1 to {PURPOSE_CHARS_MAX} capitals and digits, such as GDDS");
            return Err(Fault::cannot_ask("settings.purpose", &reason));
        }
        let (structured, text) = match &self.remittance {
            Remittance::Structured(reference) => (reference.as_str(), ""),
            Remittance::Text(text) => ("", text.as_str()),
        };
        let bic = self.account.bic.as_deref().unwrap_or_default();
        let elements = [bic, &self.account.name, &self.account.iban, &amount, purpose, structured, text];
        let lines: Vec<&str> = HEAD.into_iter().chain(elements).collect();
        // No separator and no empty element behind the last one that is there.
        let payload = lines.join("\n").trim_end_matches('\n').to_owned();
        if payload.len() > PAYLOAD_BYTES_MAX {
            let reason =
                format!("must be shorter: the code's data is over {PAYLOAD_BYTES_MAX} bytes with it");
            return Err(Fault::cannot_ask("settings.name", &reason));
        }
        Ok(payload)
    }
}

fn is_purpose(text: &str) -> bool {
    (1..=PURPOSE_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether a text can be one element: something, not too long, and nothing that would begin another one.
pub(crate) fn is_line(text: &str, characters_max: usize) -> bool {
    let characters = text.chars().count();
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    (1..=characters_max).contains(&characters) && !text.chars().any(breaks)
}
