//! What is shared by the tests, which live in `main.rs` and the folders beside it, and the reports on them.

pub mod cargo;

#[path = "hard_cases/catalog.rs"]
pub mod catalog;

#[path = "reliability/proofs.rs"]
pub mod proofs;

#[path = "reliability/figures.rs"]
pub mod figures;

#[path = "reliability/report.rs"]
pub mod report;
