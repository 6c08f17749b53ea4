//! The twin of Mollie: payments with their hosted page, and what follows once the shopper has paid.
//!
//! Written from docs.mollie.com and Mollie's own libraries. Not from our adapter.
//!
//! Where Mollie's documents leave it open, the twin does what makes life harder: an error of its own is kept under the
//! idempotency key, a payment that is captured in part stays `authorized`, and nobody is told of a dispute's reversal.
//! Refunds stay pending until a test moves them on.

mod amounts;
mod api;
mod books;
mod keys;
mod objects;
mod page;
mod published;
mod tell;
mod tests;

use serde_json::Value;

use super::desk::Desk;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::{Books, Wish};
use keys::Keys;

/// The keys of the profile, by mode, and a token of the organization that owns it.
pub(crate) const TEST_KEY: &str = "test_Tw1nQwErTyUiOpAsDfGhJkLzXcVbNm";
pub(crate) const LIVE_KEY: &str = "live_Tw1nMnBvCxZlKjHgFdSaPoIuYtReWq";
pub(crate) const TOKEN: &str = "access_Tw1nPlOkMiJnUhBygVtFcRdXeSzWaQ";
/// Sign the events of a subscription; the second one comes when the first is rolled.
pub(crate) const WEBHOOK_SECRET: &str = "Tw1nSubscriptionSecretQaZwSxEdC";
pub(crate) const NEXT_WEBHOOK_SECRET: &str = "Tw1nSubscriptionSecretRfVtGbYhN";

/// Mollie, as far as one profile sees it.
pub(crate) struct Mollie {
    /// Without a mode, the request says which.
    keys_of_mode: [(&'static str, Option<bool>); 3],
    books: Books,
    keys: Keys,
}

impl Processor for Mollie {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        let path = request.path.strip_prefix("/v2/")?;
        let last = path.rsplit('/').next().unwrap_or_default();
        let operation = match (request.method.as_str(), last) {
            ("POST", "payments") => "open",
            ("POST", "captures") => "capture",
            ("POST", "release-authorization") => "release",
            ("POST", "refunds") => "refund",
            ("DELETE", _) => "cancel",
            _ => "fetch",
        };
        Some(operation)
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        match request.path.strip_prefix("/checkout/select-method/") {
            Some(token) => page::answer(self, desk, request, token),
            None => api::answer(self, desk, request, run),
        }
    }

    fn is_over(&mut self, request: &Request) {
        if let Some(key) = request.header("idempotency-key") {
            self.keys.is_over(key, request.number);
        }
    }

    fn too_many(&self) -> Reply {
        api::Refusal::of_state(429, "Too many requests").reply()
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 502, headers, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    fn sign(&self, secrets: &[String], _at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        tell::headers(secrets, body)
    }
}

impl Twin<Mollie> {
    /// A profile with both modes.
    pub(crate) async fn mollie() -> Self {
        let keys_of_mode = [(TEST_KEY, Some(false)), (LIVE_KEY, Some(true)), (TOKEN, None)];
        let mollie = Mollie { keys_of_mode, books: Books::default(), keys: Keys::default() };
        Self::start(mollie, WEBHOOK_SECRET).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|mollie, desk| act(&mut mollie.books, desk))
    }

    /// Signed events go to an address from now on, with the whole object in them or only its id.
    pub(crate) fn subscribe(&self, url: &str, whole: bool) {
        self.act(|books, _| (books.teller.subscribed, books.teller.whole) = (Some(url.to_owned()), whole));
    }

    /// Ids of all payments, oldest first.
    pub(crate) fn payments(&self) -> Vec<String> {
        self.act(|books, _| books.payments.iter().map(|known| known.id.clone()).collect())
    }

    /// A payment as a look-up shows it now.
    pub(crate) fn payment(&self, id: &str) -> Value {
        self.act(|books, _| objects::payment(books.payment(id), books, ""))
    }

    /// The shopper pays, and their browser never comes back.
    pub(crate) fn pay(&self, payment: &str) {
        self.act(|books, desk| books.pay(desk, payment));
    }

    /// The page's time is over.
    pub(crate) fn expire(&self, payment: &str) {
        self.act(|books, desk| books.expire(desk, payment));
    }

    /// A payment that was pending ends badly.
    pub(crate) fn fail(&self, payment: &str) {
        self.act(|books, desk| books.fail(desk, payment, "refused_by_issuer"));
    }

    /// New pages can be called off.
    pub(crate) fn pages_are_cancelable(&self) {
        self.act(|books, _| books.pages_are_cancelable = true);
    }

    /// From now on captures and releases wait until a test ends them.
    pub(crate) fn banks_wait(&self) {
        self.act(|books, _| books.banks_wait = true);
    }

    /// Ids of a payment's captures, oldest first.
    pub(crate) fn captures(&self, payment: &str) -> Vec<String> {
        let of_payment = |part: &&books::Part| part.payment == payment;
        self.act(|books, _| books.captures.iter().filter(of_payment).map(|part| part.id.clone()).collect())
    }

    /// Ends a capture: `succeeded` or `failed`.
    pub(crate) fn end_capture(&self, id: &str, status: &'static str) {
        self.act(|books, desk| books.end_capture(desk, id, status));
    }

    /// The bank lets a reservation go, because the merchant asked.
    pub(crate) fn end_release(&self, payment: &str) {
        self.act(|books, desk| books.release(desk, payment, false));
    }

    /// The bank does not hold a reservation any longer.
    pub(crate) fn lapse(&self, payment: &str) {
        self.act(|books, desk| books.release(desk, payment, true));
    }

    /// Ids of the refunds that are under way, oldest first.
    pub(crate) fn refunds_under_way(&self) -> Vec<String> {
        let under_way = |part: &&books::Part| matches!(part.status, "queued" | "pending" | "processing");
        self.act(|books, _| books.refunds.iter().filter(under_way).map(|part| part.id.clone()).collect())
    }

    /// What new refunds begin as: `pending`, or `queued` while the balance is too low.
    pub(crate) fn refunds_begin(&self, status: &'static str) {
        self.act(|books, _| books.refunds_begin = status);
    }

    /// A refund goes on: `queued`, `pending`, `processing`, `refunded` or `failed`.
    pub(crate) fn go_on_with_refund(&self, id: &str, status: &'static str) {
        self.act(|books, desk| books.go_on_with(desk, id, status));
    }

    /// A refund made in Mollie's dashboard, which has ended.
    pub(crate) fn dashboard_refund(&self, payment: &str, amount: i64) {
        self.act(|books, desk| {
            let refund = books.refund(desk, payment, Wish { amount, ..Wish::default() });
            books.go_on_with(desk, &refund.id, "processing");
            books.go_on_with(desk, &refund.id, "refunded");
        });
    }

    /// The shopper's bank takes money back; the dispute's id.
    pub(crate) fn dispute(&self, payment: &str, amount: Option<i64>) -> String {
        self.act(|books, desk| books.dispute(desk, payment, amount))
    }

    /// The merchant gets the money again.
    pub(crate) fn reverse(&self, dispute: &str) {
        self.act(|books, desk| books.reverse(desk, dispute));
    }

    /// Whether a reversed dispute leaves its payment's total again.
    pub(crate) fn total_forgets_reversals(&self, forgets: bool) {
        self.act(|books, _| books.total_forgets_reversals = forgets);
    }
}
