//! Who an adapter is and what its processor can do. What is not declared is not done.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Currency, Fault, Settings};

/// Everything the hub knows of an adapter before it runs it. Constant per adapter version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Descriptor {
    /// [`crate::CONTRACT_VERSION`] the adapter was written against.
    pub contract: u32,
    /// Name in config: lower-case letters, digits and `-`, such as `stripe`.
    pub name: String,
    /// Version of the adapter, semantic.
    pub version: String,
    /// The processor's name for people.
    pub title: String,
    /// The processor's own documentation.
    pub documentation: String,
    /// What the operator sets.
    pub settings: Vec<SettingField>,
    /// Secrets the operator provides.
    pub secrets: Vec<SecretField>,
    /// Hosts that requests may go to. None where nothing is ever sent ([`KeyCarrier::NothingSent`]).
    pub hosts: Vec<HostRule>,
    /// Hosts that a door may lead to.
    pub checkout_hosts: Vec<HostRule>,
    /// Currencies it takes.
    pub currencies: Currencies,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How its processor treats repeated requests.
    pub idempotency: IdempotencyProfile,
    /// How its deliveries are authenticated.
    pub deliveries: SignedDeliveries,
    /// What its processor wants to hear for an accepted delivery.
    pub acknowledgement: Acknowledgement,
    /// Requests other than GET that only read.
    #[serde(default)]
    pub reads: Vec<ReadRule>,
    /// Names of JSON fields in responses and deliveries that must never be stored readable: client
    /// secrets, tokens, personal data.
    #[serde(default)]
    pub never_store: Vec<String>,
    /// What a checkout cannot be opened without.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// What the operator does at the processor before the first payment, one step each, in order: what to switch
    /// on, where keys are found, where webhooks are registered. `payhub processors show` numbers them.
    #[serde(default)]
    pub setup: Vec<String>,
    /// The webhook events to subscribe to, by the processor's names; empty where there are none to choose.
    #[serde(default)]
    pub events: Vec<String>,
}

/// Type of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SettingKind {
    /// Any text.
    Text,
    /// An absolute http or https URL.
    Url,
    /// true or false.
    Flag,
    /// One of these texts.
    Choice {
        /// The texts.
        of: Vec<String>,
    },
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SettingField {
    /// Key in config.
    pub name: String,
    /// Type.
    #[serde(flatten)]
    pub kind: SettingKind,
    /// True when the operator must set it. A required setting has no default.
    pub required: bool,
    /// Value when the operator sets none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// One line for the operator.
    pub help: String,
}

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SecretField {
    /// Key in config.
    pub name: String,
    /// True when the connector cannot work without it.
    pub required: bool,
    /// True when several values may be active at once, for rotation. Signatures are then checked against
    /// each; requests use the first.
    #[serde(default)]
    pub several: bool,
    /// Hosts that it may be sent to; empty = it never leaves, it only signs and verifies.
    #[serde(default)]
    pub hosts: Vec<HostRule>,
    /// One line for the operator: where to find it.
    pub help: String,
}

/// One host, or hosts, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HostRule {
    /// This host name exactly.
    Exactly(String),
    /// Any host below this domain: `adyen.com` covers `x.adyen.com`, not `adyen.com` itself.
    Below(String),
    /// Scheme, host and port of the URL in this setting.
    Setting(String),
}

/// Currencies a processor takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Currencies {
    /// Every active ISO 4217 currency.
    All,
    /// These.
    Listed(Vec<CurrencyLimit>),
}

impl LookUp {
    /// Whether a look-up of a payment tells what became of its captures, voids and refunds.
    #[must_use]
    pub const fn tells_of_transfers(self) -> bool {
        matches!(self, Self::ById | Self::ByEcho)
    }
}

impl Currencies {
    /// Only these of them, each with its limits; all of them when `wanted` is empty.
    ///
    /// # Errors
    /// The first currency of `wanted` that is not among them.
    pub fn only(&self, wanted: &[Currency]) -> Result<Self, Currency> {
        if wanted.is_empty() {
            return Ok(self.clone());
        }
        let limit = |currency: &Currency| match self {
            Self::All => {
                Ok(CurrencyLimit { currency: *currency, minimum: None, maximum: None, multiple_of: None })
            }
            Self::Listed(limits) => {
                limits.iter().find(|limit| limit.currency == *currency).copied().ok_or(*currency)
            }
        };
        wanted.iter().map(limit).collect::<Result<_, _>>().map(Self::Listed)
    }
}

/// One currency with the processor's limits for a payment, in ISO minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CurrencyLimit {
    /// The currency.
    pub currency: Currency,
    /// Smallest amount, at least 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// Largest amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<i64>,
    /// Amounts must be a multiple of this, such as 10 where a processor drops the third decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiple_of: Option<i64>,
}

/// How deep a look-up can look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LookUp {
    /// There is none: Unknown is resolved by the same key, a webhook, or the operator.
    None,
    /// By the processor's id only.
    ById,
    /// By the processor's id, and of the page only: what became of a capture, a void or a refund it does not say.
    /// For [`Capabilities::fetch_payment`].
    PageById,
    /// By the processor's id or by our echo, so that even a lost first answer can be found.
    ByEcho,
}

/// What a processor can do. Each operation is supported exactly when its capability says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Capabilities {
    /// Authorize now, capture later: [`crate::Operation::Capture`].
    pub manual_capture: bool,
    /// Capture less than authorized.
    pub partial_capture: bool,
    /// Capture more than once.
    pub multiple_captures: bool,
    /// [`crate::Operation::Void`].
    pub void: bool,
    /// [`crate::Operation::Refund`].
    pub refund: bool,
    /// Refund less than captured.
    pub partial_refund: bool,
    /// Refund more than once.
    pub multiple_refunds: bool,
    /// [`crate::Operation::CompleteCheckout`].
    pub complete_checkout: bool,
    /// [`crate::Operation::ExpireCheckout`].
    pub expire_checkout: bool,
    /// [`crate::Operation::FetchPayment`].
    pub fetch_payment: LookUp,
    /// [`crate::Operation::FetchRefund`].
    pub fetch_refund: LookUp,
    /// [`crate::Operation::FetchDispute`]; by echo makes no sense here.
    pub fetch_dispute: LookUp,
    /// True when an authorization word under automatic capture means that the money is taken, because the
    /// processor says no more (Adyen): the core decides from what was asked.
    pub silent_auto_capture: bool,
    /// True when a session whose answer was lost can still be paid by somebody (the processor mails the
    /// link): then another processor is never tried while it is unknown.
    pub orphan_session_payable: bool,
}

impl Capabilities {
    /// Whether an operation is supported.
    #[must_use]
    pub const fn supports(&self, kind: crate::OperationKind) -> bool {
        use crate::OperationKind;
        match kind {
            OperationKind::OpenCheckout => true,
            OperationKind::CompleteCheckout => self.complete_checkout,
            OperationKind::ExpireCheckout => self.expire_checkout,
            OperationKind::Capture => self.manual_capture,
            OperationKind::Void => self.void,
            OperationKind::Refund => self.refund,
            OperationKind::FetchPayment => !matches!(self.fetch_payment, LookUp::None),
            OperationKind::FetchRefund => !matches!(self.fetch_refund, LookUp::None),
            OperationKind::FetchDispute => !matches!(self.fetch_dispute, LookUp::None),
        }
    }
}

/// Where the idempotency key goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum KeyCarrier {
    /// A request header.
    Header {
        /// Header name.
        name: String,
    },
    /// A field of the JSON body.
    BodyField {
        /// RFC 6901 pointer.
        pointer: String,
    },
    /// The processor takes no key.
    None,
    /// Nothing is ever sent, so that every operation may be repeated. For an adapter without hosts.
    NothingSent,
}

/// What to do first when nobody knows whether an operation happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AfterUnknown {
    /// Send it again under the same key.
    SameKey,
    /// Look first; send again only when the processor says it does not exist.
    LookFirst,
}

/// How a processor treats repeated requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IdempotencyProfile {
    /// Where the key goes.
    pub carrier: KeyCarrier,
    /// How long the processor remembers a key, in seconds; after this less a margin the hub never repeats.
    pub retention_s: u32,
    /// True when it also repeats stored failures, so that the same key can never succeed after one.
    pub replays_errors: bool,
    /// What to do first when nobody knows.
    pub after_unknown: AfterUnknown,
    /// Seconds after which "there is no such thing" can be believed.
    pub absent_after_s: u32,
}

/// How deliveries are authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignedDeliveries {
    /// Each delivery is signed over its whole body.
    WholeBody,
    /// Each item is signed over these fields (RFC 6901 pointers); other fields must not be used as facts.
    Fields(Vec<String>),
    /// Deliveries are not signed, or not in a way we check: hints only, on an unguessable path.
    Unsigned,
    /// There are none, such as for a bank transfer: whatever claims to be one is refused unread.
    None,
}

/// What a processor wants to hear for an accepted delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Acknowledgement {
    /// HTTP status, 200–299.
    pub status: u16,
    /// Body, often empty.
    #[serde(default)]
    pub body: String,
}

/// Requests by a method other than GET that only read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReadRule {
    /// Method.
    pub method: crate::Method,
    /// Path prefix, such as `/v2/search/`.
    pub path_prefix: String,
    /// A text that the body must begin with, where one path serves reads and writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_prefix: Option<String>,
}

/// What a checkout cannot be opened without; such a door waits for the shopper to arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// [`crate::Shopper::ip`].
    ShopperIp,
    /// [`crate::Shopper::user_agent`].
    ShopperUserAgent,
    /// [`crate::Customer::country`].
    CustomerCountry,
    /// [`crate::Customer::email`].
    CustomerEmail,
}

impl Descriptor {
    /// Checks an operator's settings: unknown keys, missing required ones, wrong types; fills defaults in.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] naming the setting and the fix.
    pub fn check_settings(&self, given: &Settings) -> Result<Settings, Fault> {
        if let Some(fault) = self.setting_faults(given).into_iter().next() {
            return Err(fault);
        }
        let set = |field: &SettingField| {
            let value = given.0.get(&field.name).or(field.default.as_ref())?;
            Some((field.name.clone(), value.clone()))
        };
        Ok(Settings(self.settings.iter().filter_map(set).collect()))
    }

    /// Everything that is wrong with an operator's settings: a [`Fault::CannotAsk`] for each, naming the setting
    /// and the fix; the keys that nobody knows first.
    #[must_use]
    pub fn setting_faults(&self, given: &Settings) -> Vec<Fault> {
        let fault = |name: &str, reason: &str| Fault::cannot_ask(&format!("settings.{name}"), reason);
        let known: Vec<_> = self.settings.iter().map(|field| field.name.as_str()).collect();
        let unknown = given.0.keys().filter(|name| !known.contains(&name.as_str()));
        let mut faults: Vec<_> = unknown
            .map(|name| {
                fault(name, &format!("is not a setting of {}; it has: {}", self.name, known.join(", ")))
            })
            .collect();
        faults.extend(self.settings.iter().filter_map(|field| {
            let reason = match given.0.get(&field.name).or(field.default.as_ref()) {
                Some(value) => field.kind.mismatch(value)?,
                None if field.required => format!("must be set: {}", field.help),
                None => return None,
            };
            Some(fault(&field.name, &reason))
        }));
        faults
    }
}

impl SettingKind {
    fn mismatch(&self, value: &Value) -> Option<String> {
        match self {
            Self::Text => (!value.is_string()).then(|| "must be a text".to_owned()),
            Self::Url => {
                let good = value.as_str().is_some_and(|text| {
                    text.strip_prefix("https://")
                        .or_else(|| text.strip_prefix("http://"))
                        .is_some_and(|rest| !rest.is_empty())
                });
                (!good).then(|| "must be an absolute URL such as https://api.example.com".to_owned())
            }
            Self::Flag => (!value.is_boolean()).then(|| "must be true or false".to_owned()),
            Self::Choice { of } => {
                (!value.as_str().is_some_and(|text| of.iter().any(|choice| choice == text)))
                    .then(|| format!("must be one of: {}", of.join(", ")))
            }
        }
    }
}
