//! The body of the payment hub: HTTP front, durable store, worker, connectors. The mind is `hub-core`.
//!
//! `service` is the only place that changes payments; `connector::transport` is the only way out to
//! processors; `clock` is the only place that reads time and `ids` the only one that makes randomness.

pub mod config;

pub mod clock;
pub mod ids;
pub mod private_file;
pub mod seal;
pub mod api_key;
pub mod tls;

pub mod store;
pub mod service;
pub mod checkout;
pub mod routing_table;
pub mod connector;
pub mod worker;
pub mod merchant_webhooks;

pub mod api_objects;
pub mod http;
pub mod pages;

pub mod demo;
pub mod app;
pub mod logging;
