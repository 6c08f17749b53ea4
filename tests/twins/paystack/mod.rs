//! The twin of Paystack: transactions with their hosted page, and what follows once the shopper has paid.
//!
//! Written from the published OpenAPI description (see `data/`) and paystack.com/docs. Not from our adapter.
//!
//! Where Paystack's documents leave it open, the twin does what makes life harder: a list of refunds is not filtered
//! by transaction, the events of refunds do not name them, and refunds stay pending until a test ends them.

mod api;
mod books;
mod objects;
mod page;
mod published;
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use super::desk::Desk;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::Books;

/// The secret keys of the account, by mode. They sign the webhooks too.
pub(crate) const TEST_KEY: &str = "sk_test_twin7c0ffee5ca1ab1e0ddba11cafebabe42";
pub(crate) const LIVE_KEY: &str = "sk_live_twin9decafbad0ff1cefeedfacedeadbeef7";

/// Paystack, as far as one account sees it.
pub(crate) struct Paystack {
    keys_of_mode: Vec<(String, bool)>,
    books: Books,
}

impl Processor for Paystack {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        match (request.method.as_str(), request.path.as_str()) {
            (_, path) if path.starts_with("/page/") => None,
            ("POST", "/transaction/initialize") => Some("open"),
            ("POST", "/refund") => Some("refund"),
            _ => Some("fetch"),
        }
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        match request.path.strip_prefix("/page/") {
            Some(code) => page::answer(self, desk, request, code),
            None => api::answer(self, desk, request, run),
        }
    }

    fn is_over(&mut self, _request: &Request) {
        // Without keys, a request in progress is nothing to another one.
    }

    fn too_many(&self) -> Reply {
        api::json_reply(429, &objects::error("Too many requests", "api_error", "rate_limit"))
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 502, headers, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    /// `x-paystack-signature`, under the newest key: once a key is rolled, nothing is signed with the old one.
    fn sign(&self, secrets: &[String], _at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        let newest = secrets.first().expect("a key that signs");
        vec![("x-paystack-signature", signature(newest, body))]
    }
}

/// HMAC-SHA-512 over the body, without a time.
fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha512>::new_from_slice(secret.as_bytes()).expect("keys of any length");
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

impl Twin<Paystack> {
    /// An account with both modes.
    pub(crate) async fn paystack() -> Self {
        let keys_of_mode = vec![(TEST_KEY.to_owned(), false), (LIVE_KEY.to_owned(), true)];
        Self::start(Paystack { keys_of_mode, books: Books::default() }, TEST_KEY).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|paystack, desk| act(&mut paystack.books, desk))
    }

    /// The references of all transactions, oldest first.
    pub(crate) fn references(&self) -> Vec<String> {
        self.act(|books, _| books.transactions.iter().map(|known| known.reference.clone()).collect())
    }

    /// A transaction as a look-up shows it now.
    pub(crate) fn transaction(&self, reference: &str) -> Value {
        self.act(|books, _| objects::transaction(books.by_reference(reference).expect("a transaction")))
    }

    /// The reference of the transaction whose page stands at an address.
    pub(crate) fn reference_at(&self, url: &str) -> String {
        let code = url.rsplit('/').next().unwrap_or_default();
        let find = |books: &mut Books, _: &mut Desk| {
            let found = books.transactions.iter().find(|known| known.access_code == code);
            found.map(|transaction| transaction.reference.clone())
        };
        self.act(find).unwrap_or_else(|| panic!("no page at {url}"))
    }

    /// The shopper pays, and their browser never comes back.
    pub(crate) fn pay(&self, reference: &str) {
        self.act(|books, desk| books.pay(desk, reference));
    }

    /// Numbers of the refunds that are under way, oldest first.
    pub(crate) fn refunds_under_way(&self) -> Vec<i64> {
        let under_way = |books: &mut Books, _: &mut Desk| {
            let refunds = books.refunds.iter().filter(|refund| refund.is_under_way());
            refunds.map(|refund| refund.id).collect()
        };
        self.act(under_way)
    }

    /// A refund goes on: `processing`, `processed`, `failed` or `needs-attention`.
    pub(crate) fn go_on_with_refund(&self, id: i64, status: &'static str) {
        self.act(|books, desk| books.go_on_with(desk, id, status));
    }

    /// A refund made in Paystack's dashboard, which has ended.
    pub(crate) fn dashboard_refund(&self, reference: &str, amount: i64) {
        self.act(|books, desk| {
            let transaction = books.by_reference(reference).expect("a transaction").id;
            let refund = books::Refund {
                id: books.fresh_id(),
                transaction,
                amount,
                status: "pending",
                merchant_note: "Goodwill".to_owned(),
                customer_note: String::new(),
                created_at_s: desk.now_s(),
                refunded_at_s: None,
                dispute: None,
            };
            let id = refund.id;
            books.refund(desk, refund);
            books.go_on_with(desk, id, "processed");
        });
    }

    /// The shopper's bank takes money back; the dispute's number.
    pub(crate) fn dispute(&self, reference: &str, amount: Option<i64>) -> i64 {
        self.act(|books, desk| {
            let id = books.by_reference(reference).expect("a transaction").id;
            books.dispute(desk, id, amount)
        })
    }

    /// Ends a dispute: `merchant-accepted` or `declined`.
    pub(crate) fn resolve(&self, dispute: i64, resolution: &'static str) {
        self.act(|books, desk| books.resolve(desk, dispute, resolution));
    }
}
