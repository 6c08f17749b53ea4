//! A whole hub in a test: the real store, worker, front and connectors, the real make-believe processor, a
//! cart, a shopper's browser, a merchant's receiver, and a clock that can jump. All on loopback.
//!
//! ```ignore
//! #[tokio::test(flavor = "multi_thread")]
//! async fn a_payment() {
//!     let hub = TestHub::start().await;
//!     let intent = hub.cart.create(json!({ "amount": 1999 })).await;      // 201 or the test ends
//!     let page = hub.shopper().open(&intent).await;                       // by 303 to the processor's page
//!     let thanks = page.pay().await;                                      // and back to return_url
//!     assert!(thanks.url().ends_with(&format!("payment_intent={}", id(&intent))));
//!     assert_eq!(hub.cart.intent(id(&intent)).await["status"], "succeeded");
//!     hub.finish().await;
//! }
//! ```
//!
//! - [`TestHub::builder`]: several connectors, other settings; [`TestHub::restart`]: same folder, same port.
//! - `hub.jump(seconds)` moves the hub's and the processor's clock; whoever slept until then wakes. Time also
//!   passes by itself, as fast as on the wall.
//!   `hub.fast(future)` lets time fly while something is waited for.
//! - `hub.cart`: `create`, `intent`, `get`, `post`, `send`, `events`, `until`; answers are [`cart::Answer`].
//! - `hub.shopper()`: [`shopper::Shopper`] opens pages; each [`shopper::Page`] is a tab of its own.
//! - `hub.sandbox`: faults, dashboard, ledger, clock; can be stopped and started again.
//! - [`receiver::Receiver`]: a merchant's endpoint that records, verifies, and answers as told.
//! - [`wait::eventually`]: waits for a condition, never for a time.
//! - [`document`]: holds every answer and delivery against the published document.
//! - [`plugins::built`]: a plugin of this workspace, built from source.
//! - [`TestHub::database`]: questions to the database, as it is. `TEST_DATABASE=postgresql` puts every hub on a server.
//!
//! Invariant: no test ends well whose database is not well. `finish` (or `Drop`) demands that every journal
//! balances, that folding each payment's events gives its stored state, that nothing is overdue, and that no
//! secret and no card number is anywhere in the file. Tests use the multi-threaded flavor, because `Drop`
//! may have to wait for the worker.

pub(crate) mod wait;

pub(crate) mod clock;

pub(crate) mod hub;

pub(crate) mod document;

pub(crate) mod cart;

pub(crate) mod shopper;

pub(crate) mod sandbox;

pub(crate) mod receiver;

pub(crate) mod database;

pub(crate) mod logs;

pub(crate) mod plugins;

pub(crate) use cart::id;
pub(crate) use hub::TestHub;
pub(crate) use wait::eventually;
