//! The contract between the payment hub and one payment processor.
//!
//! An [`Adapter`] is one processor's API as pure functions: no clock, no socket, no state, no secret. The
//! host runs it, performs each [`Step`] it stops at, and runs it again with the answer on record, so a
//! flow of several calls reads as straight lines. `README.md` beside this crate teaches how to write one.
//!
//! Everything here is data with one JSON form ([`Ask`] in, [`Reply`] out), which is at once the fixture
//! format, the stored record of an exchange and the boundary of a sandboxed plugin.

#![warn(missing_docs)]

mod adapter;
mod answer;
mod ask;
mod bytes;
mod call;
mod currency;
mod descriptor;
mod dialogue;
mod facts;
mod fault;
mod form;
mod http;
mod json;
mod money;
mod secret;
mod settings;
mod signature;
mod step;
mod time;
mod webhook;

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod plugin;
#[cfg(feature = "schema")]
pub mod schema;

pub use adapter::Adapter;
pub use answer::{Answer, Door, DoorKind, Instruction, Scannable};
pub use ask::{Ask, CONTRACT_VERSION, Question, Reply, run};
pub use bytes::Bytes;
pub use call::{
    Call, CaptureMode, CaptureOrder, CheckoutOrder, Customer, LineItem, Operation, OperationKind,
    RefundOrder, Shopper,
};
pub use currency::Currency;
pub use descriptor::{
    Acknowledgement, AfterUnknown, Capabilities, Currencies, CurrencyLimit, Descriptor, HostRule,
    IdempotencyProfile, KeyCarrier, LookUp, Need, ReadRule, SecretField, SettingField, SettingKind,
    SignedDeliveries,
};
pub use dialogue::{Dialogue, Flow, Stop};
pub use facts::{Decline, DeclineCode, Facts, Item, ItemKind, ItemState, Reference, ReferenceKind, Word};
pub use fault::Fault;
pub use form::{Form, percent_encoded};
pub use http::{Auth, Headers, HttpRequest, HttpResponse, Method, OAuthClientStyle, RequestBody};
pub use json::Json;
pub use money::{AmountScale, MINOR_UNITS_MAX, Money, MoneyError};
pub use secret::{KeyEncoding, SecretRef};
pub use settings::Settings;
pub use signature::{
    JwtAlgorithm, MacAlgorithm, MacRequest, Part, SignatureCheck, SignatureScheme, SignedTimestamp,
    TextEncoding,
};
pub use step::{Exchange, Step, StepAnswer};
pub use time::{TimeError, Timestamp};
pub use webhook::{Channel, Delivery, Notification, Proof, Says};

/// Compiles the guide's code.
#[cfg(all(doctest, feature = "conformance"))]
#[doc = include_str!("../README.md")]
mod readme {}
