//! Plugins, built from their source and run in the hub's own sandbox.

mod javascript;
