//! The twin of Adyen: payment links and hosted sessions, and what follows once the shopper has paid.
//!
//! Written from the published OpenAPI descriptions (see `data/`), docs.adyen.com, and Adyen's own libraries for how
//! webhooks are signed. Not from our adapter.
//!
//! Where Adyen's documents leave it open, the twin does what makes life harder: a capture, a cancel or a refund is
//! taken note of whatever stands in its way, and only its event tells; `EXPIRE` and the later stages of a dispute
//! name the payment by its reference alone; an error of Adyen's own is repeated under the key.

mod api;
mod books;
mod keys;
mod notices;
mod page;
mod published;
mod records;
mod tests;

use serde_json::{Map, Value, json};

use super::desk::{Desk, Moved};
use super::outbox::Parcel;
use super::server::Twin;
use super::{Processor, Reply, Request, Run};
use books::Books;
use keys::Keys;
use records::Kind;

/// The API keys of the account, by mode, and the HMAC key of its webhook.
pub(crate) const TEST_KEY: &str = "AQEtwinTestKeyhmfxK7NcSxFBZwxJ5lDdHYlQ9a0bq1TgUNx";
pub(crate) const LIVE_KEY: &str = "AQEtwinLiveKeyhmfxL8PdTyGCAxyK6mEeIZmR0b1cr2UhVOy";
pub(crate) const HMAC_KEY: &str = "7B1D0C5E9F3A48627D1B6C0F5E8A93742B6D1F0E5C9A38471D6B2F0C8E5A9374";
/// The one that comes when the first is replaced.
pub(crate) const NEXT_HMAC_KEY: &str = "C04E7A19D2B85F6310AC7E49D1B2586F3C04E7A19D2B85F6310AC7E49D1B2581";
/// Who is paid.
pub(crate) const MERCHANT_ACCOUNT: &str = "TwinShopECOM";

/// What an operator reads to set the webhook up.
const ADAPTER_README: &str = include_str!("../../../processors/adyen/README.md");

/// Adyen, as far as one account sees it.
pub(crate) struct Adyen {
    keys_of_mode: Vec<(String, bool)>,
    books: Books,
    keys: Keys,
    /// Requests stay in progress after their connection has gone.
    takes_long: bool,
}

impl Processor for Adyen {
    fn operation(&self, request: &Request) -> Option<&'static str> {
        let path = request.path.trim_start_matches("/checkout").strip_prefix("/v72/")?;
        let operation = match (request.method.as_str(), path) {
            ("POST", "paymentLinks" | "sessions") => "open",
            ("PATCH", _) => "expire",
            ("POST", path) if path.ends_with("captures") => "capture",
            ("POST", path) if path.ends_with("cancels") => "cancel",
            ("POST", path) if path.ends_with("refunds") => "refund",
            _ => "fetch",
        };
        Some(operation)
    }

    fn answer(&mut self, desk: &mut Desk, request: &Request, run: Run) -> Reply {
        let page = request.path.strip_prefix("/link/").or_else(|| request.path.strip_prefix("/hosted/"));
        match page {
            Some(id) => page::answer(self, desk, request, id),
            None => api::answer(self, desk, request, run),
        }
    }

    fn is_over(&mut self, request: &Request) {
        if let Some(key) = request.header("idempotency-key").filter(|_| !self.takes_long) {
            self.keys.is_over(key, request.number);
        }
    }

    fn too_many(&self) -> Reply {
        api::json_reply(429, &api::error(429, "000", "security", "Too many requests"))
    }

    fn broken(&self) -> Reply {
        let headers = vec![("content-type", "text/html".to_owned())];
        Reply { status: 502, headers, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    /// Nothing about a delivery as a whole is signed.
    fn sign(&self, _secrets: &[String], _at_s: i64, _body: &str) -> Vec<(&'static str, String)> {
        vec![]
    }

    /// Each item is signed in itself, with the newest key.
    fn sign_in_body(&self, secrets: &[String], body: &str) -> String {
        secrets.first().map_or_else(|| body.to_owned(), |key| notices::signed(key, body))
    }
}

/// The event codes that the adapter's README tells operators to switch on, and none else: whatever the hub learns by
/// webhook in these tests, it learns with an endpoint that was set up by that page.
fn events_of_the_readme() -> Vec<String> {
    let after = ADAPTER_README.split_once("Events to switch on").expect("a list of events").1;
    let list = after.split("\n\n").nth(1).expect("a list after the words");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Twin<Adyen> {
    /// An account with both modes and a webhook.
    pub(crate) async fn adyen() -> Self {
        let keys_of_mode = vec![(TEST_KEY.to_owned(), false), (LIVE_KEY.to_owned(), true)];
        let books = Books::telling_of(events_of_the_readme());
        Self::start(Adyen { keys_of_mode, books, keys: Keys::default(), takes_long: false }, HMAC_KEY).await
    }

    fn act<T>(&self, act: impl FnOnce(&mut Books, &mut Desk) -> T) -> T {
        self.with(|adyen, desk| act(&mut adyen.books, desk))
    }

    /// Ids of all links and sessions, oldest first.
    pub(crate) fn pages(&self) -> Vec<String> {
        self.act(|books, _| books.pages.iter().map(|page| page.id.clone()).collect())
    }

    /// What a page was made of.
    pub(crate) fn page_fields(&self, page: &str) -> Map<String, Value> {
        self.act(|books, desk| books.page(page, desk.now_s()).expect("a page").fields)
    }

    /// What a link or session has come to.
    pub(crate) fn page_status(&self, page: &str) -> &'static str {
        self.act(|books, desk| books.page(page, desk.now_s()).expect("a page").status)
    }

    /// The shopper pays, and their browser never comes back.
    pub(crate) fn pay(&self, page: &str) {
        self.act(|books, desk| books.pay(desk, page));
    }

    /// What was pending at a page is authorized, or refused.
    pub(crate) fn end_pending(&self, page: &str, is_success: bool) {
        self.act(|books, desk| books.end_pending(desk, page, is_success));
    }

    /// The `pspReference` of the payment that was made at a page.
    #[track_caller]
    pub(crate) fn payment_at(&self, page: &str) -> String {
        let find =
            |books: &mut Books, _: &mut Desk| books.payment_at(page).map(|payment| payment.adyen_id.clone());
        self.act(find).unwrap_or_else(|| panic!("nobody paid at {page}"))
    }

    /// Somebody closes a link in the Customer Area.
    pub(crate) fn close_in_customer_area(&self, page: &str) {
        self.act(|books, desk| books.change(page, desk.now_s(), "expired"));
    }

    /// Whether Adyen is still at work on a request when its answer leaves, or would; once it is not, all has ended.
    pub(crate) fn take_long(&self, takes_long: bool) {
        self.with(|adyen, _| {
            adyen.takes_long = takes_long;
            if !takes_long {
                adyen.keys.all_over();
            }
        });
    }

    /// From now on captures, cancels and refunds wait until the test ends them.
    pub(crate) fn hold_modifications(&self) {
        self.act(|books, _| books.holds_modifications = true);
    }

    /// From now on automatic captures are told as well.
    pub(crate) fn tell_of_automatic_captures(&self) {
        self.act(|books, _| books.tells_of_automatic_captures = true);
    }

    /// Ids of the modifications that have not ended, oldest first.
    pub(crate) fn under_way(&self) -> Vec<String> {
        self.act(|books, _| {
            let open = books.modifications.iter().filter(|known| known.is_success.is_none());
            open.map(|known| known.adyen_id.clone()).collect()
        })
    }

    /// The newest modification of all.
    #[track_caller]
    pub(crate) fn newest_modification(&self) -> String {
        let newest =
            |books: &mut Books, _: &mut Desk| books.modifications.last().map(|known| known.adyen_id.clone());
        self.act(newest).expect("a modification")
    }

    /// Ends a modification: as it should be, or refused for this reason.
    pub(crate) fn end(&self, adyen_id: &str, refused: Option<&'static str>) {
        self.act(|books, desk| books.end(desk, adyen_id, refused));
    }

    /// What was done is undone days later: `CAPTURE_FAILED`, `REFUND_FAILED` or `REFUNDED_REVERSED`.
    pub(crate) fn undo(&self, adyen_id: &str, code: &'static str) {
        self.act(|books, desk| books.undo(desk, adyen_id, code));
    }

    /// The card scheme rejects the capture of a payment that was captured by itself, days later.
    pub(crate) fn reject_capture(&self, payment: &str) {
        self.act(|books, desk| {
            let payment = books.payment(payment).expect("a payment").clone();
            let capture = books.fresh();
            books.say(desk, &payment, "CAPTURE_FAILED", &capture, (true, payment.amount));
        });
    }

    /// The time of an authorization is over.
    pub(crate) fn lapse(&self, payment: &str) {
        self.act(|books, desk| books.lapse(desk, payment));
    }

    /// A refund made in the Customer Area, under a reference that somebody typed.
    pub(crate) fn refund_in_customer_area(&self, payment: &str, amount: i64, reference: &str) {
        self.act(|books, desk| books.modify(desk, Kind::Refund, payment, (amount, reference)));
    }

    /// A stage of a dispute about the whole payment. Money moves at a chargeback, and back when that is reversed;
    /// only the first stages name the payment.
    pub(crate) fn dispute(&self, payment: &str, dispute: &str, code: &'static str) {
        self.act(|books, desk| {
            let payment = books.payment(payment).expect("a payment").clone();
            let (name, amount, currency) =
                (payment.adyen_id.as_str(), payment.amount, payment.currency.as_str());
            match code {
                "CHARGEBACK" | "SECOND_CHARGEBACK" => desk.book(Moved::Disputed, name, amount, currency),
                "CHARGEBACK_REVERSED" => desk.book(Moved::DisputeWon, name, amount, currency),
                _ => {}
            }
            let names_payment =
                matches!(code, "REQUEST_FOR_INFORMATION" | "NOTIFICATION_OF_CHARGEBACK" | "CHARGEBACK");
            books.say(desk, &payment, code, dispute, (names_payment, amount));
        });
    }

    /// Events of other deliveries in one, the ones at these places unsigned.
    pub(crate) fn together(&self, parcels: &[Parcel], unsigned: &[usize]) -> Parcel {
        let items = parcels.iter().enumerate().flat_map(|(place, parcel)| {
            let mut items = notices::items(&parcel.body);
            for item in items.iter_mut().filter(|_| unsigned.contains(&place)) {
                item["additionalData"][notices::UNSIGNED] = true.into();
            }
            items
        });
        let body = notices::delivery(false, &items.collect::<Vec<_>>()).to_string();
        Parcel { body, ..parcels.first().expect("something to send").clone() }
    }

    /// An event as it is sent once more: Adyen's duplicates may differ in what is not signed.
    pub(crate) fn again(&self, parcel: &Parcel) -> Parcel {
        let mut items = notices::items(&parcel.body);
        for item in &mut items {
            item["eventDate"] = "2031-01-01T00:00:00+00:00".into();
            item["reason"] = "sent again".into();
            item["additionalData"]["attempt"] = "2".into();
        }
        Parcel { body: notices::delivery(false, &items).to_string(), ..parcel.clone() }
    }

    /// The event with other values in its item, signed anew when it is sent.
    pub(crate) fn changed(&self, parcel: &Parcel, changes: &Value) -> Parcel {
        let mut items = notices::items(&parcel.body);
        for item in &mut items {
            for (name, value) in changes.as_object().expect("an object of fields") {
                item[name] = value.clone();
            }
        }
        Parcel { body: notices::delivery(false, &items).to_string(), ..parcel.clone() }
    }

    /// A report is ready: every account is told of such things, whatever it wants to hear.
    pub(crate) fn report(&self, like: &Parcel) -> Parcel {
        let item = json!({
            "additionalData": {}, "amount": {"currency": "EUR", "value": 0}, "eventCode": "REPORT_AVAILABLE",
            "eventDate": "2031-01-01T00:00:00+00:00", "merchantAccountCode": MERCHANT_ACCOUNT,
            "merchantReference": "", "pspReference": "settlement_report_batch_1.csv", "reason": "", "success": "true",
        });
        let body = notices::delivery(false, &[item]).to_string();
        Parcel { kind: "REPORT_AVAILABLE".to_owned(), body, ..like.clone() }
    }
}
