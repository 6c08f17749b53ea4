//! The twin of Stripe: Checkout Sessions, and what follows once the shopper has paid.
//!
//! Written from docs.stripe.com, the published OpenAPI description and the published object fixtures (see
//! `data/`), and from Stripe's own libraries for how webhooks are signed. Not from our adapter.
//!
//! Where Stripe's documents leave it open, the twin does what makes life harder: a PaymentIntent appears only
//! once the shopper has submitted, and one of an open page cannot be canceled by itself.

mod amounts;
mod api;
mod books;
mod fields;
mod form;
mod keys;
mod objects;
mod page;
mod refusal;
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use super::desk::Desk;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::{Books, text};
use keys::Keys;
use refusal::Refusal;

/// The secret keys of the account, by mode, and the signing secret of its endpoint.
pub(crate) const TEST_KEY: &str = "sk_test_51QtwinAbCdEfGhIjKlMnOpQrStUvWxYz";
pub(crate) const LIVE_KEY: &str = "sk_live_51QtwinZyXwVuTsRqPoNmLkJiHgFeDcBa";
pub(crate) const WEBHOOK_SECRET: &str = "whsec_twin5Zb9XcVfRtGyHuJmKiLoPqAsDfEw";
/// The one that comes when the first is rolled.
pub(crate) const NEXT_WEBHOOK_SECRET: &str = "whsec_twin7NewSecretAfterTheRollQwErTy";

/// What an operator reads to set the endpoint up.
const ADAPTER_README: &str = include_str!("../../../processors/stripe/README.md");

/// Stripe, as far as one account sees it.
pub(crate) struct Stripe {
    keys_of_mode: Vec<(String, bool)>,
    books: Books,
    keys: Keys,
}

impl Processor for Stripe {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        let path = request.path.strip_prefix("/v1/")?;
        let operation = match (request.method.as_str(), path) {
            ("POST", "checkout/sessions") => "open",
            ("POST", "refunds") => "refund",
            ("POST", path) if path.ends_with("/expire") => "expire",
            ("POST", path) if path.ends_with("/capture") => "capture",
            ("POST", path) if path.ends_with("/cancel") => "cancel",
            _ => "fetch",
        };
        Some(operation)
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        match request.path.strip_prefix("/c/pay/") {
            Some(session) => page::answer(self, desk, request, session),
            None => api::answer(self, desk, request, run),
        }
    }

    fn is_over(&mut self, request: &Request) {
        if let Some(key) = request.header("idempotency-key") {
            self.keys.is_over(key, request.number);
        }
    }

    fn too_many(&self) -> Reply {
        Refusal::too_many().reply()
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 502, headers, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    /// `Stripe-Signature: t=…,v1=…`, with one `v1` for each active secret, and a `v0` that counts for nothing.
    fn sign(&self, secrets: &[String], at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        let signatures = secrets.iter().map(|secret| format!(",v1={}", signature(secret, at_s, body)));
        vec![(
            "stripe-signature",
            format!("t={at_s}{},v0={}", signatures.collect::<String>(), "0".repeat(64)),
        )]
    }
}

/// HMAC-SHA-256 over time, full stop and body; the key is the secret's text, `whsec_` included.
fn signature(secret: &str, at_s: i64, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("keys of any length");
    mac.update(format!("{at_s}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The event types that the adapter's README tells operators to subscribe to, and none else: whatever the hub
/// learns by webhook in these tests, it learns with an endpoint that was set up by that page.
fn events_of_the_readme() -> Vec<String> {
    let after = ADAPTER_README.split_once("Events to subscribe to:").expect("a list of events").1;
    let block = after.split("```").nth(1).expect("a block of names");
    block.split_whitespace().filter(|word| word.contains('.')).map(str::to_owned).collect()
}

impl Twin<Stripe> {
    /// An account with both modes and an endpoint.
    pub(crate) async fn stripe() -> Self {
        Self::stripe_for(None).await
    }

    /// A platform's account that acts for a connected one.
    pub(crate) async fn stripe_for(account: Option<&str>) -> Self {
        let keys_of_mode = vec![(TEST_KEY.to_owned(), false), (LIVE_KEY.to_owned(), true)];
        let books = Books::new(account.map(str::to_owned), events_of_the_readme());
        Self::start(Stripe { keys_of_mode, books, keys: Keys::default() }, WEBHOOK_SECRET).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|stripe, desk| act(&mut stripe.books, desk))
    }

    /// An object as it is now.
    pub(crate) fn object(&self, id: &str) -> Value {
        self.act(|books, _| books.get(id).clone())
    }

    /// Ids of every object of a kind, oldest first.
    pub(crate) fn ids(&self, kind: &str) -> Vec<String> {
        let is_it = |books: &Books, id: &str| books.get(id)["object"] == kind;
        self.act(|books, _| books.made.iter().filter(|id| is_it(books, id)).cloned().collect())
    }

    /// The one PaymentIntent of the account.
    #[track_caller]
    pub(crate) fn only_payment(&self) -> String {
        let ids = self.ids("payment_intent");
        assert_eq!(ids.len(), 1, "there should be one PaymentIntent: {ids:?}");
        ids[0].clone()
    }

    /// The PaymentIntent of a page.
    pub(crate) fn payment_of(&self, session: &str) -> String {
        text(&self.object(session), "payment_intent").to_owned()
    }

    /// The shopper pays, and their browser never comes back.
    pub(crate) fn pay(&self, session: &str) {
        self.act(|books, desk| books.pay(desk, session));
    }

    /// A bank debit comes to its end.
    pub(crate) fn settle(&self, session: &str, is_paid: bool) {
        self.act(|books, desk| books.settle(desk, session, is_paid));
    }

    /// The page's time is over.
    pub(crate) fn expire(&self, session: &str) {
        self.act(|books, desk| books.expire(desk, session));
    }

    /// The bank does not hold the reservation any longer.
    pub(crate) fn lapse(&self, intent: &str) {
        self.act(|books, desk| books.cancel(desk, intent, Some("automatic")));
    }

    /// A capture made in Stripe's dashboard.
    pub(crate) fn dashboard_capture(&self, intent: &str) {
        self.act(|books, desk| books.capture(desk, intent, None)).expect("a capture that can be made");
    }

    /// A refund made in Stripe's dashboard.
    pub(crate) fn dashboard_refund(&self, intent: &str, amount: Option<i64>) -> String {
        let fields = serde_json::json!({ "metadata": {}, "reason": "requested_by_customer" });
        self.act(|books, desk| books.refund(desk, intent, amount, fields)).expect("a refund that can be made")
    }

    /// What new refunds begin as: `succeeded` or `pending`.
    pub(crate) fn refunds_begin(&self, status: &'static str) {
        self.act(|books, _| books.refunds_begin = status);
    }

    /// Ends a refund: `succeeded`, or `failed`, which may come days after success.
    pub(crate) fn end_refund(&self, id: &str, status: &str) {
        self.act(|books, desk| books.end_refund(desk, id, status));
    }

    /// Partial captures leave a refund behind that moves no balance.
    pub(crate) fn releases_are_refunds(&self) {
        self.act(|books, _| books.releases_are_refunds = true);
    }

    /// The shopper's bank takes money back; the dispute's id.
    pub(crate) fn dispute(&self, intent: &str, amount: Option<i64>) -> String {
        self.act(|books, desk| books.dispute(desk, intent, amount, false))
    }

    /// The shopper's bank asks first; the dispute's id.
    pub(crate) fn inquiry(&self, intent: &str) -> String {
        self.act(|books, desk| books.dispute(desk, intent, None, true))
    }

    /// Ends a dispute: `won`, `lost` or `warning_closed`.
    pub(crate) fn close_dispute(&self, id: &str, status: &str) {
        self.act(|books, desk| books.close_dispute(desk, id, status));
    }
}
