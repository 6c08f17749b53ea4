//! The twin of PayPal: orders that the shopper approves on PayPal's page, and that the merchant then completes.
//!
//! Written from the published API descriptions (see `data/`) and developer.paypal.com. Not from our adapter.
//!
//! Where PayPal's documents leave it open, the twin does what makes life harder: an order stays `APPROVED` after the
//! shopper's way to pay was refused, a void knows no request id, and a last capture of less than the whole leaves an
//! authorization `PARTIALLY_CAPTURED`. Whether a no is kept under its request id, a test can have either way.

mod acts;
mod amounts;
mod api;
mod books;
mod keys;
mod objects;
mod page;
mod published;
mod refusal;
mod signing;
mod tests;

use serde_json::Value;

use super::desk::Desk;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::Books;
use keys::Keys;
use refusal::Refusal;

/// The REST apps of the account, by mode, and the next secret of the one for tests.
pub(crate) const TEST_CLIENT: &str = "AdTwin4NqLxT8sM2bV6pR0kY3wZ7cJ1hG5fD9eUaBoQi";
pub(crate) const TEST_SECRET: &str = "EGtwin5xK1vQ8mB3nL7cZ0pW4sR6tY2uJ9hF1gD5aXoE";
pub(crate) const NEXT_TEST_SECRET: &str = "EHtwin8rT4yU1iO6pA3sD9fG0hJ5kL2zX7cV4bN1mQwE";
pub(crate) const LIVE_SECRET: &str = "ELtwin2wE5rT8yU1iO4pA7sD0fG3hJ6kL9zX2cV5bN8m";
const LIVE_CLIENT: &str = "AfTwin9zX6cV3bN0mL7kJ4hG1fD8sA5pO2iU9yT6rEwQ";
/// What PayPal calls the webhook, and signs with it.
const WEBHOOK_ID: &str = "1JE4291016473214C";
/// How long a token is good, in seconds: nine hours.
pub(crate) const TOKEN_LIFE_S: i64 = 32_400;

/// One REST app.
#[derive(Debug)]
struct App {
    client_id: &'static str,
    livemode: bool,
    /// All that are good.
    secrets: Vec<String>,
    /// Those that were.
    rolled: Vec<String>,
}

/// A token that was given.
#[derive(Debug)]
struct Token {
    text: String,
    livemode: bool,
    /// None once it was called back.
    until_s: Option<i64>,
}

impl Token {
    fn is_good_at(&self, now_s: i64) -> bool {
        self.until_s.is_some_and(|until_s| now_s < until_s)
    }
}

/// PayPal, as far as one account sees it.
pub(crate) struct PayPal {
    apps: Vec<App>,
    tokens: Vec<Token>,
    token_life_s: i64,
    books: Books,
    keys: Keys,
    /// Whether a no is given again under the same request id.
    keeps_refusals: bool,
    /// Orders that are being completed, and the requests that do it.
    completing: Vec<(String, u64)>,
}

impl Processor for PayPal {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        match (request.method.as_str(), request.path.as_str()) {
            (_, "/checkoutnow") => None,
            (_, "/v1/oauth2/token") => Some("token"),
            ("POST", "/v2/checkout/orders") => Some("open"),
            ("POST", path) if path.starts_with("/v2/checkout/orders/") => Some("complete"),
            ("POST", path) if path.ends_with("/capture") => Some("capture"),
            ("POST", path) if path.ends_with("/void") => Some("void"),
            ("POST", path) if path.ends_with("/refund") => Some("refund"),
            _ => Some("fetch"),
        }
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        if request.path == "/checkoutnow" {
            page::answer(self, desk, request)
        } else {
            api::answer(self, desk, request, run)
        }
    }

    fn is_over(&mut self, request: &Request) {
        self.keys.is_over(request.number);
        self.completing.retain(|(_, number)| *number != request.number);
    }

    fn too_many(&self) -> Reply {
        Refusal::too_many().reply()
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 503, headers, body: "<html><h1>Service Unavailable</h1></html>".to_owned() }
    }

    fn sign(&self, secrets: &[String], at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        signing::headers(secrets.first().expect("a webhook's id"), at_s, body)
    }
}

impl Twin<PayPal> {
    /// An account with an app for each mode.
    pub(crate) async fn paypal() -> Self {
        let app = |client_id, livemode, secret: &str| App {
            client_id,
            livemode,
            secrets: vec![secret.to_owned()],
            rolled: vec![],
        };
        let paypal = PayPal {
            apps: vec![app(TEST_CLIENT, false, TEST_SECRET), app(LIVE_CLIENT, true, LIVE_SECRET)],
            tokens: vec![],
            token_life_s: TOKEN_LIFE_S,
            books: Books::new(),
            keys: Keys::default(),
            keeps_refusals: false,
            completing: vec![],
        };
        Self::start(paypal, WEBHOOK_ID).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|paypal, desk| act(&mut paypal.books, desk))
    }

    /// The ids of all orders, oldest first.
    pub(crate) fn orders(&self) -> Vec<String> {
        self.act(|books, _| books.orders.iter().map(|order| order.id.clone()).collect())
    }

    /// An order as a look-up shows it now.
    pub(crate) fn order(&self, id: &str) -> Value {
        self.act(|books, _| objects::order(books.order(id)))
    }

    /// The shopper approves, and their browser never comes back. An issue is what comes of it later.
    pub(crate) fn approve(&self, order: &str, refuses: Option<&'static str>) {
        self.act(|books, desk| books.approve(desk, order, refuses));
    }

    /// What captures are at first: `COMPLETED` or `PENDING`.
    pub(crate) fn captures_begin(&self, status: &'static str) {
        self.act(|books, _| books.captures_begin = status);
    }

    /// The capture that pends comes to its end: `COMPLETED` or `DECLINED`.
    pub(crate) fn end_capture(&self, order: &str, status: &'static str) {
        self.act(|books, desk| books.end_capture(desk, order, status));
    }

    /// What refunds are at first: `COMPLETED` or `PENDING`.
    pub(crate) fn refunds_begin(&self, status: &'static str) {
        self.act(|books, _| books.refunds_begin = status);
    }

    /// Ids of the refunds that are on their way, oldest first.
    pub(crate) fn refunds_under_way(&self) -> Vec<String> {
        self.act(|books, _| {
            let refunds = books.orders.iter().flat_map(|order| &order.refunds);
            refunds.filter(|refund| refund.status == "PENDING").map(|refund| refund.id.clone()).collect()
        })
    }

    /// A refund comes to its end: `COMPLETED` or `FAILED`.
    pub(crate) fn end_refund(&self, refund: &str, status: &'static str) {
        self.act(|books, desk| books.end_refund(desk, refund, status));
    }

    /// The shopper complains about an order; the dispute's id.
    pub(crate) fn dispute(&self, order: &str) -> String {
        self.act(|books, desk| books.dispute(desk, order))
    }

    /// PayPal decides a dispute, by an outcome code of its own.
    pub(crate) fn resolve(&self, dispute: &str, outcome: &'static str) {
        self.act(|books, desk| books.resolve(desk, dispute, outcome));
    }

    /// From now on a no is given again under the same request id.
    pub(crate) fn keep_refusals(&self) {
        self.with(|paypal, _| paypal.keeps_refusals = true);
    }

    /// Every token that was given is called back.
    pub(crate) fn call_tokens_back(&self) {
        self.with(|paypal, _| paypal.tokens.iter_mut().for_each(|token| token.until_s = None));
    }

    /// The merchant makes another secret for the app, and deletes the one before.
    pub(crate) fn roll_secret(&self, next: &str) {
        self.with(|paypal, _| {
            let app = &mut paypal.apps[0];
            app.rolled.append(&mut app.secrets);
            app.secrets = vec![next.to_owned()];
        });
    }
}
