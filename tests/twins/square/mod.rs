//! The twin of Square: payment links with their orders, and what follows once the shopper has paid.
//!
//! Written from the published API description (see `data/`), developer.squareup.com and Square's developer forum. Not
//! from our adapter.
//!
//! Where Square's documents leave it open, the twin does what makes life harder: an order names its failed payments
//! too, a link whose payment failed once can be paid after it was deleted (forum, thread 21874), refunds stay pending
//! until a test ends them, nothing is appended to the way back in the sandbox (forum, thread 20871), and a signature
//! key that was replaced signs nothing any more.

mod api;
mod books;
mod keys;
mod objects;
mod page;
mod published;
mod tests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use super::desk::Desk;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::Books;
use keys::Keys;

/// The access tokens of the account, by mode.
pub(crate) const SANDBOX_TOKEN: &str = "EAAAtwin7c0ffee5ca1ab1e0ddba11cafebabe42";
pub(crate) const PRODUCTION_TOKEN: &str = "EAAAtwin9decafbad0ff1cefeedfacedeadbeef7";
/// Keys of the webhook subscription: the first one, and what it is replaced with.
pub(crate) const SIGNATURE_KEY: &str = "twin_sIgn-aTure5ca1ab1eg";
pub(crate) const NEXT_SIGNATURE_KEY: &str = "twin_nExt-sIgn0ddba11cag";
/// Where the seller sells, in euros.
pub(crate) const LOCATION: &str = "LTWIN7QK2EUR0";
pub(crate) const CURRENCY: &str = "EUR";

/// Square, as far as one seller sees it.
pub(crate) struct Square {
    tokens_of_mode: Vec<(String, bool)>,
    books: Books,
    keys: Keys,
}

impl Processor for Square {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        match (request.method.as_str(), request.path.as_str()) {
            (_, path) if path.starts_with("/u/") => None,
            ("POST", "/v2/online-checkout/payment-links") => Some("open"),
            ("DELETE", _) => Some("expire"),
            ("POST", "/v2/refunds") => Some("refund"),
            _ => Some("fetch"),
        }
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        match request.path.strip_prefix("/u/") {
            Some(code) => page::answer(self, desk, request, code),
            None => api::answer(self, desk, request, run),
        }
    }

    fn is_over(&mut self, _request: &Request) {
        // One request at a time: none finds another one of its key under way.
    }

    fn too_many(&self) -> Reply {
        api::json_reply(429, &objects::error("RATE_LIMIT_ERROR", "RATE_LIMITED", "Slow down.", None))
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 502, headers, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    fn sign(&self, _secrets: &[String], _at_s: i64, _body: &str) -> Vec<(&'static str, String)> {
        unreachable!("Square's signature covers the address as well")
    }

    /// `x-square-hmacsha256-signature`, under the newest key, beside the headers that nothing signs.
    fn sign_for(&self, url: &str, secrets: &[String], at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        let newest = secrets.first().expect("a key that signs");
        vec![
            ("x-square-hmacsha256-signature", signature(newest, url, body)),
            ("square-environment", "Sandbox".to_owned()),
            ("square-initial-delivery-timestamp", objects::time(at_s * 1_000)),
        ]
    }
}

/// HMAC-SHA-256 over the registered address and the body. The key is the text itself, although it looks like base64.
fn signature(key: &str, url: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).expect("keys of any length");
    mac.update(url.as_bytes());
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

impl Twin<Square> {
    /// A seller with both modes.
    pub(crate) async fn square() -> Self {
        let tokens_of_mode = vec![(SANDBOX_TOKEN.to_owned(), false), (PRODUCTION_TOKEN.to_owned(), true)];
        let square = Square { tokens_of_mode, books: Books::default(), keys: Keys::default() };
        Self::start(square, SIGNATURE_KEY).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|square, desk| act(&mut square.books, desk))
    }

    /// The ids of all links that were made, oldest first; deleted ones too.
    pub(crate) fn links(&self) -> Vec<String> {
        self.act(|books, _| books.links.iter().map(|link| link.id.clone()).collect())
    }

    /// The link whose page stands at an address.
    pub(crate) fn link_at(&self, url: &str) -> String {
        let code = url.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let found = self.act(|books, _| books.link_by_code(code).map(|link| link.id.clone()));
        found.unwrap_or_else(|| panic!("no page at {url}"))
    }

    /// What was sent to make a link.
    pub(crate) fn wish_of(&self, link: &str) -> Value {
        self.act(|books, _| books.link(link).wish.clone())
    }

    /// A link's order, as a look-up shows it now.
    pub(crate) fn order_of(&self, link: &str) -> Value {
        self.act(|books, _| {
            let order = books.order(&books.link(link).order);
            objects::order(order, &books.payments_of(&order.id))
        })
    }

    pub(crate) fn is_deleted(&self, link: &str) -> bool {
        self.act(|books, _| books.link(link).is_deleted)
    }

    /// The shopper pays, and their browser never comes back.
    pub(crate) fn pay(&self, link: &str) {
        self.act(|books, desk| books.pay(desk, link));
    }

    /// The payment of a link that is completed.
    pub(crate) fn payment_at(&self, link: &str) -> String {
        self.act(|books, _| {
            let payments = books.payments_of(&books.link(link).order);
            let paid = payments.iter().find(|payment| payment.status == "COMPLETED");
            paid.unwrap_or_else(|| panic!("{link} is not paid")).id.clone()
        })
    }

    /// The seller writes another note to a payment.
    pub(crate) fn write_note(&self, payment: &str, note: &str) {
        self.act(|books, desk| books.write_note(desk, payment, note));
    }

    /// Somebody pays at the seller's till, which no link and no order of ours is part of; the payment's id.
    pub(crate) fn sell_at_the_till(&self, amount: i64) -> String {
        self.act(|books, desk| books.sell_at_the_till(desk, amount))
    }

    /// The refunds that are under way, oldest first.
    pub(crate) fn refunds_under_way(&self) -> Vec<String> {
        self.act(|books, _| {
            let pending = books.refunds.iter().filter(|refund| refund.status == "PENDING");
            pending.map(|refund| refund.id.clone()).collect()
        })
    }

    /// A refund ends: `COMPLETED`, `REJECTED` or `FAILED`.
    pub(crate) fn end_refund(&self, id: &str, status: &'static str) {
        self.act(|books, desk| books.end_refund(desk, id, status));
    }

    /// A refund made in Square's dashboard, which has ended.
    pub(crate) fn dashboard_refund(&self, payment: &str, amount: i64) {
        self.act(|books, desk| {
            let refund = books.refund(desk, payment, amount, Some("Goodwill".to_owned()));
            books.end_refund(desk, &refund, "COMPLETED");
        });
    }

    /// The shopper's bank takes money back (`EVIDENCE_REQUIRED`), or only asks (`INQUIRY_EVIDENCE_REQUIRED`); the
    /// dispute's id.
    pub(crate) fn dispute(&self, payment: &str, amount: i64, state: &'static str) -> String {
        self.act(|books, desk| books.dispute(desk, payment, amount, state))
    }

    /// A dispute goes on.
    pub(crate) fn go_on_with_dispute(&self, id: &str, state: &'static str) {
        self.act(|books, desk| books.go_on_with_dispute(desk, id, state));
    }
}
