//! The body of the payment hub: HTTP front, durable store, worker, connectors. The mind is `hub-core`.
//!
//! `service` is the only place that changes payments; `connector::transport` is the only way out to
//! processors; `clock` is the only place that reads time and `ids` the only one that makes randomness.

pub mod config;

pub mod api_key;
pub mod clock;
pub mod ids;
pub mod key_scope;
pub mod network;
pub mod planted;
pub mod private_file;
pub mod rate_limit;
pub mod seal;
pub mod tls;

pub mod checkout;
pub mod connector;
pub mod merchant_webhooks;
pub mod metrics;
pub mod operator;
pub mod plugin;
pub mod reload;
pub mod removed_connectors;
pub mod replica;
pub mod roles;
pub mod routing_table;
pub mod service;
pub mod store;
pub mod verification;
pub mod worker;

pub mod api_objects;
pub mod history_roots;
pub mod http;
pub mod pages;

pub mod app;
pub mod backup;
pub mod database;
pub mod demo;
pub mod logging;
