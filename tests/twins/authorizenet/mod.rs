//! The twin of Authorize.Net: Accept Hosted, and the API for what follows once the shopper has paid.
//!
//! Written from developer.authorize.net, the published schema, Authorize.Net's own libraries and the tests of
//! stymiee/authnetjson. Not from our adapter.
//!
//! Where Authorize.Net's documents leave it open, the twin does what makes life harder: what is paid on a page has the
//! invoice number of its token's request and no `refId`; notifications name an id and nothing of ours; the second
//! capture and the second void of a transaction are approved with a note that nothing was done; a reservation has a
//! `settleAmount` although nothing will settle; nobody is told of declines, settlements, lapses and disputes; a page
//! that is open can be paid at when its token has expired. An event is only sent if the adapter's README tells the
//! operator to choose it.

mod api;
mod books;
mod objects;
mod page;
mod published;
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};

use super::desk::Desk;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::Books;

/// The login and the transaction key of each account, by mode.
pub(crate) const TEST_LOGIN: &str = "5twinTestLogin";
pub(crate) const TEST_KEY: &str = "4twinTest83k9XyZ";
pub(crate) const LIVE_LOGIN: &str = "7twinLiveLogin";
pub(crate) const LIVE_KEY: &str = "8twinLive21p4QrS";
/// The signature key of the account, and what it is replaced with.
pub(crate) const SIGNATURE_KEY: &str = "3B7C4A0D19E2F5868D1C6B0A93E4F7522A8B5D0C16F3E9748C2B7A1D05E6F493\
                                        0F5E8D3C7B2A196480D1F6E5C4B3A2970E8D7C6B5A493827160F5E4D3C2B1A09";
pub(crate) const NEXT_SIGNATURE_KEY: &str = "A1F0E9D8C7B6A5948372615F4E3D2C1B0A99887F6E5D4C3B2A1908F7E6D5C4B3\
                                             72615F4E3D2C1B0A99887F6E5D4C3B2A1908F7E6D5C4B3A1F0E9D8C7B6A59483";
/// An account has one currency.
pub(crate) const CURRENCY: &str = "USD";

/// Where every call of the API goes.
const API: &str = "/xml/v1/request.api";
/// What an operator reads to set the webhook up.
const ADAPTER_README: &str = include_str!("../../../processors/authorizenet/README.md");

/// One mode's account.
struct Account {
    login: &'static str,
    key: &'static str,
    livemode: bool,
}

const ACCOUNTS: [Account; 2] = [
    Account { login: TEST_LOGIN, key: TEST_KEY, livemode: false },
    Account { login: LIVE_LOGIN, key: LIVE_KEY, livemode: true },
];

/// Authorize.Net, as far as one merchant sees it.
pub(crate) struct AuthorizeNet {
    books: Books,
}

impl Processor for AuthorizeNet {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        (request.path == API).then(|| api::operation(&request.body))
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        if request.path == page::DOOR || request.path.starts_with(page::OPEN) {
            page::answer(self, desk, request)
        } else {
            api::answer(self, desk, request, run)
        }
    }

    fn is_over(&mut self, _request: &Request) {
        // There is no key under which a request could be in progress.
    }

    fn too_many(&self) -> Reply {
        api::error("E00053", "The server is currently too busy, please try again later.")
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 502, headers, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    fn sign(&self, secrets: &[String], _at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        let newest = secrets.first().expect("a key that signs");
        vec![("x-anet-signature", format!("sha512={}", signature(newest.as_bytes(), body)))]
    }
}

/// HMAC-SHA-512 over the body, in capital hexadecimal digits. The key is the text of its 128 digits itself.
fn signature(key: &[u8], body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha512>::new_from_slice(key).expect("keys of any length");
    mac.update(body.as_bytes());
    hex::encode_upper(mac.finalize().into_bytes())
}

/// The events that the adapter's README tells operators to choose, and none else: whatever the hub learns by webhook
/// in these tests, it learns with an endpoint that was set up by that page.
fn events_of_the_readme() -> Vec<String> {
    let after = ADAPTER_README.split_once("Events to subscribe to:").expect("a list of events").1;
    let list = after.split("```").nth(1).expect("a list after the words").trim_start_matches("text");
    list.split_whitespace().map(str::to_owned).collect()
}

impl Twin<AuthorizeNet> {
    /// A merchant with both modes and an endpoint.
    pub(crate) async fn authorizenet() -> Self {
        let books = Books::telling_of(events_of_the_readme());
        Self::start(AuthorizeNet { books }, SIGNATURE_KEY).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|net, desk| act(&mut net.books, desk))
    }

    /// The pages that tokens were made for, oldest first.
    pub(crate) fn pages(&self) -> Vec<String> {
        self.act(|books, _| books.pages.iter().map(|page| page.id.clone()).collect())
    }

    /// What was sent to make a page.
    pub(crate) fn wish_of(&self, page: &str) -> Value {
        self.act(|books, _| books.page(page).expect("a page").wish.clone())
    }

    /// The page's settings, by name.
    pub(crate) fn settings_of(&self, page: &str) -> Map<String, Value> {
        self.act(|books, _| books.page(page).expect("a page").settings.clone())
    }

    pub(crate) fn token_of(&self, page: &str) -> String {
        self.act(|books, _| books.page(page).expect("a page").token.clone())
    }

    /// The shopper pays, and their browser never comes back.
    pub(crate) fn pay(&self, page: &str) {
        self.act(|books, desk| books.pay(desk, page, "1111")).expect("no duplicate");
    }

    /// The transaction that was paid at a page.
    #[track_caller]
    pub(crate) fn payment_at(&self, page: &str) -> String {
        let paid = self.act(|books, _| books.page(page).expect("a page").paid_by.clone());
        paid.unwrap_or_else(|| panic!("nobody paid at {page}"))
    }

    /// What has become of a transaction, by Authorize.Net's own word.
    pub(crate) fn status_of(&self, transaction: &str) -> &'static str {
        self.act(|books, _| books.known(transaction).status)
    }

    /// The newest transaction of all.
    pub(crate) fn newest(&self) -> String {
        self.act(|books, _| books.transactions.last().expect("a transaction").id.clone())
    }

    /// The day's end, at which what is pending settles.
    pub(crate) fn settle(&self) {
        self.act(Books::settle);
    }

    /// Somebody in the Merchant Interface decides about what the fraud filters held.
    pub(crate) fn review(&self, transaction: &str, is_approved: bool) {
        self.act(|books, desk| books.review(desk, transaction, is_approved));
    }

    /// Somebody takes what was reserved, or a part of it, in the Merchant Interface.
    pub(crate) fn capture_by_hand(&self, transaction: &str, amount: i64) {
        self.act(|books, desk| books.capture(desk, transaction, amount));
    }

    /// Somebody voids a transaction in the Merchant Interface.
    pub(crate) fn void_by_hand(&self, transaction: &str) {
        self.act(|books, desk| books.void(desk, transaction));
    }

    /// Somebody refunds in the Merchant Interface, with an invoice number of their own or none; the refund's id.
    pub(crate) fn refund_by_hand(&self, payment: &str, amount: i64, invoice: Option<&str>) -> String {
        let mut wish = serde_json::json!({"order": {}});
        if let Some(invoice) = invoice {
            wish["order"]["invoiceNumber"] = invoice.into();
        }
        self.act(|books, desk| books.refund(desk, payment, (amount, &wish), None)).expect("no duplicate")
    }

    /// The time of a reservation is over.
    pub(crate) fn lapse(&self, transaction: &str) {
        self.act(|books, desk| books.lapse(desk, transaction));
    }

    /// The shopper's bank takes a payment back (`chargeback`), or gives it again (`chargebackReversal`).
    pub(crate) fn dispute(&self, payment: &str, status: &'static str) {
        self.act(|books, desk| books.dispute(desk, payment, status));
    }

    /// Somebody else sells through the same account; the transaction's id.
    pub(crate) fn sell_elsewhere(&self, amount: i64, invoice: Option<&str>) -> String {
        self.act(|books, desk| books.sell_elsewhere(desk, amount, invoice))
    }

    /// A notification's signature as those make it who take the key for the bytes that its digits stand for.
    pub(crate) fn signed_with_bytes(&self, body: &str) -> String {
        let bytes = hex::decode(SIGNATURE_KEY).expect("hexadecimal digits");
        format!("sha512={}", signature(&bytes, body))
    }
}
