//! Processor plugins: an adapter in one WebAssembly file, run in a sandbox.
//!
//! A plugin is a pure function from text to text. It is handed a question and what has been answered so far,
//! and can do nothing but reply: no clock, no disk, no socket, no memory of the run before, no secret.
//!
//! Invariant: whatever a plugin does costs the run it was asked for, and nothing else. Only [`sandbox`] knows
//! the engine; only code that this hub compiled itself is ever loaded as code.

pub mod limits;

pub mod pace;

pub mod file;

pub mod signature;

pub mod kept;

pub mod placing;

pub mod manifest;

pub mod cache;

pub mod sandbox;

pub mod shelf;

pub mod smoke;

pub mod failures;

pub mod adapter;
