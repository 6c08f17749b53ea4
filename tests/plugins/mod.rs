//! Plugins: what an author does with the real binary, and that a plugin does what the same adapter does natively.

mod shell;

mod authoring;

mod same;

mod acceptance;

pub(crate) mod javascript;

mod guides;

pub(crate) mod hot_load;

mod sepa;

pub(crate) mod hostile;

mod contained;

mod neighbors;

mod shelf;

mod signed;
