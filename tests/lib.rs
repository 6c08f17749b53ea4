//! What is shared by the tests, which live in `main.rs` and the folders beside it, and the report on them.

#[path = "hard_cases/catalog.rs"]
pub mod catalog;
