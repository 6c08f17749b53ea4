//! Webhooks to the merchant: how the hub tells a shop what has happened.
//!
//! `signature` proves that a delivery is ours, `destination` decides where the hub may connect at all, and
//! `sender` makes one delivery and says how it went. When to send and when to try again is the worker's
//! business.

pub mod signature;

pub mod destination;

pub mod sender;
