//! The mind of the payment hub: what may be asked, what follows from what was said, what is to be done.
//!
//! Everything here is a pure function of its arguments. `decide` turns a command into events or a refusal,
//! `apply` folds events into a payment, `schedule` says what work a payment wants and when. Time and fresh
//! ids come in as arguments.
//!
//! Invariants: no async, clock, randomness, socket or log call; `apply` is total; folding a payment's
//! events gives its state.

pub mod ids;
pub mod order;

pub mod evidence;
pub mod payment;
pub mod reading;

pub mod apply;
pub mod command;
pub mod decide;
pub mod event;
pub mod refusal;
pub mod settle;
pub mod story;

pub mod attachment;
pub mod chain;
pub mod ledger;
pub mod outcome;
pub mod policy;
pub mod publish;
pub mod retry;
pub mod routing;
pub mod schedule;

pub mod card_number;

pub mod planted;
