//! Nothing but tests live here, in `main.rs` and the folders beside it.
