//! The contract with the cart and the shopper's browser, from outside: every answer, above all every refusal.

mod world;

pub(crate) mod logs;

mod problem;

mod bad_input;

mod bad_urls;

mod bad_bodies;

mod card_numbers;

mod keys;

mod lists;

mod methods;

mod pages;

mod html;

mod shapes;

mod overload;

mod limits;

mod metrics;

mod document;
