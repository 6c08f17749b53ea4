//! The twin of BTCPay Server: invoices with their page, coins that come in parts, late or too many, and refunds that
//! somebody has to claim.
//!
//! Written from the published OpenAPI description of the Greenfield API (see `data/`), docs.btcpayserver.org and the
//! server's public source. Not from our adapter.
//!
//! Where the documents leave it open, the twin does what makes life harder: what coins come to has all its decimals, a
//! search finds whatever has the words in it, the webhook is told of everything, and its events overtake each other.

mod amounts;
mod api;
mod books;
mod objects;
mod page;
mod published;
mod refunds;
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use super::desk::Desk;
use super::outbox::Parcel;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::{Books, LIGHTNING, ON_CHAIN};

/// The store and the key to it.
pub(crate) const STORE: &str = "9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4mTwin";
pub(crate) const API_KEY: &str = "7c0ffee5ca1ab1e0ddba11cafebabe42twinkey";
/// The secrets of the webhook: now, and after it was changed.
pub(crate) const WEBHOOK_SECRET: &str = "9decafbad0ff1cefeedfacedeadbeef7twin";
pub(crate) const NEXT_WEBHOOK_SECRET: &str = "b01dface0ddba11ca5cadedecea5edfeed2twin";

/// The permissions that a key of the hub's has.
const PERMISSIONS: [&str; 4] = [
    "btcpay.store.cancreateinvoice",
    "btcpay.store.canviewinvoices",
    "btcpay.store.canmodifyinvoices",
    "btcpay.store.canmanagepullpayments",
];

/// BTCPay Server, as far as one store sees it.
pub(crate) struct BtcPay {
    permissions: Vec<&'static str>,
    /// The server's own idea of its address, where that is another one than it is reached by.
    own_url: Option<String>,
    books: Books,
}

impl Processor for BtcPay {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        match (request.method.as_str(), request.path.rsplit('/').next().unwrap_or_default()) {
            _ if request.path.starts_with("/i/") => None,
            ("POST", "invoices") => Some("open"),
            ("POST", "refund") => Some("refund"),
            ("POST", "status") => Some("expire"),
            _ => Some("fetch"),
        }
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        match request.path.strip_prefix("/i/") {
            Some(id) => page::answer(self, desk, request, id),
            None => api::answer(self, desk, request, run),
        }
    }

    fn is_over(&mut self, _request: &Request) {
        // Without keys, a request in progress is nothing to another one.
    }

    /// Of a proxy: BTCPay Server itself counts no requests for invoices.
    fn too_many(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned()), ("retry-after", "1".to_owned())];
        Reply { status: 429, headers, body: "<html><h1>429 Too Many Requests</h1></html>".to_owned() }
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 502, headers, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    /// `BTCPay-Sig`, under the newest secret: once it is changed, nothing is signed with the old one.
    fn sign(&self, secrets: &[String], _at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        let newest = secrets.first().expect("a secret that signs");
        vec![("BTCPay-Sig", signature(newest, body))]
    }
}

/// HMAC-SHA-256 over the body as it is sent, without a time.
fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("secrets of any length");
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

impl Twin<BtcPay> {
    /// A server with one store.
    pub(crate) async fn btcpay() -> Self {
        let btcpay = BtcPay { permissions: PERMISSIONS.to_vec(), own_url: None, books: Books::default() };
        Self::start(btcpay, WEBHOOK_SECRET).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|btcpay, desk| act(&mut btcpay.books, desk))
    }

    /// The server believes that it is at another address than the one by which it is reached.
    pub(crate) fn believes_to_be_at(&self, url: &str) {
        self.with(|btcpay, _| btcpay.own_url = Some(url.to_owned()));
    }

    /// The key loses a permission.
    pub(crate) fn forbid(&self, permission: &str) {
        self.with(|btcpay, _| btcpay.permissions.retain(|has| *has != permission));
    }

    /// It gets it (again).
    pub(crate) fn allow(&self, permission: &'static str) {
        self.with(|btcpay, _| btcpay.permissions.push(permission));
    }

    /// The ids of all invoices, oldest first.
    pub(crate) fn invoices(&self) -> Vec<String> {
        self.act(|books, _| books.invoices.iter().map(|known| known.id.clone()).collect())
    }

    /// An invoice as a look-up shows it now.
    pub(crate) fn invoice(&self, id: &str) -> Value {
        let url = self.base_url.clone();
        self.act(|books, desk| {
            books.tick(desk);
            objects::invoice(books.invoice(id).expect("an invoice"), &url)
        })
    }

    /// An invoice's status, and what BTCPay Server says beside it.
    pub(crate) fn status(&self, id: &str) -> (String, String) {
        let invoice = self.invoice(id);
        let word = |name: &str| invoice[name].as_str().expect("a word").to_owned();
        (word("status"), word("additionalStatus"))
    }

    /// The shopper pays by lightning what is due, which is final at once, and their browser never comes back.
    pub(crate) fn pay(&self, id: &str) {
        self.act(|books, desk| books.receive(desk, id, LIGHTNING, None));
    }

    /// Coins are sent to the invoice's address, as many as an amount costs or as are due. They wait to be confirmed.
    pub(crate) fn send_coins(&self, id: &str, minor: Option<i64>) {
        self.act(|books, desk| {
            let currency = books.invoice(id).expect("an invoice").currency;
            books.receive(desk, id, ON_CHAIN, minor.map(|minor| currency.satoshis(minor)));
        });
    }

    /// The network confirms all that was sent.
    pub(crate) fn confirm(&self, id: &str) {
        self.act(|books, desk| books.settle(desk, id));
    }

    /// Whoever sent coins that are not confirmed yet sends them elsewhere after all.
    pub(crate) fn replace(&self, id: &str) {
        self.act(|books, desk| books.replace(desk, id));
    }

    /// Time passes, here and for all invoices.
    pub(crate) fn let_time_pass(&self, seconds: i64) {
        self.jump(seconds);
        self.act(|books, desk| books.tick(desk));
    }

    /// Time passes until an invoice's price has expired.
    pub(crate) fn expire(&self, id: &str) {
        let left = self.act(|books, desk| books.invoice(id).expect("an invoice").expires_at_s - desk.now_s());
        self.let_time_pass(left + 1);
    }

    /// The merchant marks an invoice on BTCPay Server's own pages, if those offer it.
    pub(crate) fn mark(&self, id: &str, status: &'static str) {
        self.act(|books, desk| {
            books.tick(desk);
            let markable = books.invoice(id).expect("an invoice").markable();
            assert!(markable.contains(&status), "{id} cannot be marked as {status}");
            books.mark(desk, id, status);
        });
    }

    /// The merchant was paid in another way, and says so: marks the invoice as settled.
    pub(crate) fn paid_in_another_way(&self, id: &str) {
        self.act(|books, desk| {
            let invoice = books.invoice(id).expect("an invoice");
            let (rest, code) = (invoice.amount, invoice.currency.code);
            desk.book(super::desk::Moved::Taken, id, rest, code);
        });
        self.mark(id, "Settled");
    }

    /// The ids of the pull payments that somebody has yet to claim or to pay, oldest first.
    pub(crate) fn refunds_under_way(&self) -> Vec<String> {
        self.act(|books, _| {
            let under_way = books.pull_payments.iter().filter(|pull| pull.is_under_way());
            under_way.map(|pull| pull.id.clone()).collect()
        })
    }

    /// A pull payment as a look-up shows it.
    pub(crate) fn pull_payment(&self, id: &str) -> Value {
        let url = self.base_url.clone();
        self.act(|books, _| {
            let found = books.pull_payments.iter().find(|known| known.id == id).expect("a pull payment");
            objects::pull_payment(found, &url)
        })
    }

    /// The customer claims a refund, or a part of it; the payout's id.
    pub(crate) fn claim(&self, pull: &str, minor: Option<i64>) -> String {
        self.act(|books, desk| books.claim(desk, pull, minor))
    }

    /// A payout goes on.
    pub(crate) fn go_on_with(&self, pull: &str, payout: &str, state: &'static str) {
        self.act(|books, desk| books.go_on_with(desk, pull, payout, state));
    }

    /// The customer claims what is left, and the merchant pays it.
    pub(crate) fn pay_out(&self, pull: &str) {
        self.act(|books, desk| books.pay_out(desk, pull));
    }

    /// The merchant takes a promise back.
    pub(crate) fn archive(&self, pull: &str) {
        self.act(|books, desk| books.archive(desk, pull));
    }

    /// An event as it is delivered again: under another id, which names the first one.
    pub(crate) fn redelivery(&self, of: &Parcel) -> Parcel {
        let mut event: Value = serde_json::from_str(&of.body).expect("an event");
        let id = self.with(|_, desk| desk.fresh());
        event["deliveryId"] = id.as_str().into();
        event["isRedelivery"] = true.into();
        Parcel { id, body: objects::written(&event), ..of.clone() }
    }
}
