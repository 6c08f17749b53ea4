//! Authorize.Net's books: pages by their tokens, transactions, the batches in which they settle, and what each act of a
//! shopper, a merchant, a fraud filter or a bank does to them.
//!
//! Source: developer.authorize.net, "Accept Hosted", "Payment Transactions", "Transaction Reporting" and "Webhooks".
//!
//! Invariant: money moves only where the ledger gets its line, and an event is told only of what the documents list.

use serde_json::{Map, Value};

use super::objects;
use super::{CURRENCY, published};
use crate::twins::desk::{Desk, Moved};

/// How long a token opens its page, in seconds.
const TOKEN_S: i64 = 15 * 60;
/// How long a page that is open can be paid at, counted from its token's making. The documents do not say; the twin
/// takes longer than the token is good for, which is harder.
const FORM_S: i64 = 30 * 60;
/// How long the same card, amount and invoice number are taken for a slip, in seconds, unless a request says.
const DUPLICATE_S: i64 = 120;
const DUPLICATE_S_MAX: i64 = 28_800;

/// One token and its page.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// What stands in the open page's address.
    pub(super) id: String,
    pub(super) token: String,
    pub(super) livemode: bool,
    /// What was sent to make it.
    pub(super) wish: Value,
    pub(super) settings: Map<String, Value>,
    pub(super) created_s: i64,
    pub(super) paid_by: Option<String>,
}

impl Page {
    pub(super) fn amount(&self) -> i64 {
        amount(&self.wish).expect("a page for an amount")
    }

    /// Where the shopper goes afterwards (`url`), or when they give up (`cancelUrl`).
    pub(super) fn way(&self, name: &str) -> Option<&str> {
        self.settings["hostedPaymentReturnOptions"][name].as_str()
    }
}

/// The amount of a transaction's request.
pub(super) fn amount(wish: &Value) -> Option<i64> {
    match &wish["amount"] {
        Value::String(text) => published::minor_units(text),
        number => published::minor_units(&number.to_string()),
    }
}

/// One transaction. A capture and a void change the one they are about; a refund is one of its own.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) livemode: bool,
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    /// What a refund is about.
    pub(super) refunds: Option<String>,
    pub(super) response: i64,
    pub(super) reason: i64,
    pub(super) authorized: i64,
    pub(super) settle: i64,
    pub(super) invoice: Option<String>,
    pub(super) description: Option<String>,
    pub(super) email: Option<String>,
    /// The card's last four digits.
    pub(super) card: String,
    /// Of the API's request. What is paid on a page has none: the documents do not say that it inherits one.
    pub(super) ref_id: Option<String>,
    pub(super) batch: Option<String>,
    pub(super) submitted_ms: i64,
    /// What the fraud filters hold becomes this once somebody approves of it.
    becomes: &'static str,
}

/// What settled together.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) livemode: bool,
    pub(super) settled_ms: i64,
}

/// All of one merchant, oldest first.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) pages: Vec<Page>,
    pub(super) transactions: Vec<Record>,
    pub(super) batches: Vec<Batch>,
    /// The kinds of events that the endpoint was set up for.
    events: Vec<String>,
    made: u64,
    last_ms: i64,
}

impl Books {
    pub(super) fn telling_of(events: Vec<String>) -> Self {
        Self { events, ..Self::default() }
    }

    /// Authorize.Net's time in milliseconds; no two things have the same.
    fn now_ms(&mut self, desk: &Desk) -> i64 {
        self.last_ms = (self.last_ms + 1).max(desk.now_s() * 1_000);
        self.last_ms
    }

    /// An id of digits, as those of transactions and batches are.
    fn number(&mut self) -> String {
        self.made += 1;
        (60_000_000_000 + u64::from(std::process::id() % 9_973) * 1_000_003 + self.made * 7).to_string()
    }

    pub(super) fn page(&self, id: &str) -> Option<&Page> {
        self.pages.iter().find(|known| known.id == id)
    }

    /// The page that a token opens now.
    pub(super) fn page_by_token(&self, token: &str, now_s: i64) -> Option<&Page> {
        let page = self.pages.iter().find(|known| known.token == token)?;
        (now_s < page.created_s + TOKEN_S).then_some(page)
    }

    /// Whether an open page can be paid at.
    pub(super) fn is_payable(&self, page: &Page, now_s: i64) -> bool {
        page.paid_by.is_none() && now_s < page.created_s + FORM_S
    }

    pub(super) fn transaction(&self, id: &str) -> Option<&Record> {
        self.transactions.iter().find(|known| known.id == id)
    }

    pub(super) fn known(&self, id: &str) -> &Record {
        self.transaction(id).unwrap_or_else(|| panic!("no transaction {id}"))
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Record)) {
        let known = self.transactions.iter_mut().find(|known| known.id == id);
        change(known.unwrap_or_else(|| panic!("no transaction {id}")));
    }

    /// Tells of a transaction, if the endpoint was set up for that.
    fn tell(&mut self, desk: &mut Desk, event: &str, id: &str) {
        let kind = format!("net.authorize.{event}");
        if !self.events.contains(&kind) {
            return;
        }
        let at_ms = self.now_ms(desk);
        self.made += 1;
        let name = format!("182cbbff-cab2-4080-931d-{:012x}", self.made);
        let body = objects::notification(&name, &kind, at_ms, self.known(id));
        desk.tell(&name, &kind, &body);
    }

    /// Makes a token.
    pub(super) fn open(
        &mut self,
        desk: &mut Desk,
        livemode: bool,
        wish: &Value,
        settings: Map<String, Value>,
    ) -> Page {
        let id = desk.fresh();
        let page = Page {
            // Long, and with letters that a form has to encode.
            token: format!("{id}+/{}=", "p9Qx+/Zk".repeat(60)),
            id,
            livemode,
            wish: wish.clone(),
            settings,
            created_s: desk.now_s(),
            paid_by: None,
        };
        self.pages.push(page.clone());
        page
    }

    /// A transaction as somebody submits it at a page.
    fn submitted(&mut self, desk: &Desk, page: &Page, card: &str) -> Record {
        let text = |pointer: &str| page.wish.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let kind = match page.wish["transactionType"].as_str() {
            Some("authOnlyTransaction") => "authOnlyTransaction",
            _ => "authCaptureTransaction",
        };
        Record {
            id: self.number(),
            livemode: page.livemode,
            kind,
            status: "",
            refunds: None,
            response: 1,
            reason: 1,
            authorized: page.amount(),
            settle: page.amount(),
            invoice: text("/order/invoiceNumber"),
            description: text("/order/description"),
            email: text("/customer/email"),
            card: card.to_owned(),
            ref_id: None,
            batch: None,
            submitted_ms: self.now_ms(desk),
            becomes: "",
        }
    }

    /// Whether the same was taken a moment ago.
    fn is_duplicate(&self, new: &Record, within_s: i64) -> bool {
        let since_ms = new.submitted_ms - within_s.min(DUPLICATE_S_MAX) * 1_000;
        self.transactions.iter().any(|known| {
            (known.livemode, known.kind, known.response) == (new.livemode, new.kind, 1)
                && (known.authorized, &known.card, &known.invoice)
                    == (new.authorized, &new.card, &new.invoice)
                && known.refunds == new.refunds
                && known.submitted_ms > since_ms
        })
    }

    /// The shopper's bank says yes; the reason why Authorize.Net says no all the same.
    pub(super) fn pay(&mut self, desk: &mut Desk, page: &str, card: &str) -> Result<(), i64> {
        let page = self.page(page).expect("a page").clone();
        assert!(self.is_payable(&page, desk.now_s()), "{} cannot be paid at", page.id);
        let mut new = self.submitted(desk, &page, card);
        if self.is_duplicate(&new, DUPLICATE_S) {
            return Err(11);
        }
        new.status = taken(new.kind);
        let id = new.id.clone();
        self.pages.iter_mut().filter(|known| known.id == page.id).for_each(|known| {
            known.paid_by = Some(id.clone());
        });
        self.transactions.push(new);
        self.go_through(desk, &id);
        Ok(())
    }

    /// Money is reserved or taken, and told of.
    fn go_through(&mut self, desk: &mut Desk, id: &str) {
        let known = self.known(id);
        let (moved, event) = if known.kind == "authOnlyTransaction" {
            (Moved::Reserved, "payment.authorization.created")
        } else {
            (Moved::Taken, "payment.authcapture.created")
        };
        desk.book(moved, id, known.authorized, CURRENCY);
        self.tell(desk, event, id);
    }

    /// The shopper's bank says no, and the page stays. Nobody is told.
    pub(super) fn decline(&mut self, desk: &mut Desk, page: &str, card: &str, reason: i64) {
        let page = self.page(page).expect("a page").clone();
        let new = self.submitted(desk, &page, card);
        self.transactions.push(Record { status: "declined", response: 2, reason, ..new });
    }

    /// The fraud filters hold what the shopper's bank would give.
    pub(super) fn hold(&mut self, desk: &mut Desk, page: &str, card: &str) {
        let page = self.page(page).expect("a page").clone();
        let new = self.submitted(desk, &page, card);
        let (id, becomes) = (new.id.clone(), taken(new.kind));
        let held = Record { status: "FDSPendingReview", response: 4, reason: 253, becomes, ..new };
        self.transactions.push(held);
        self.pages.iter_mut().filter(|known| known.id == page.id).for_each(|known| {
            known.paid_by = Some(id.clone());
        });
        self.tell(desk, "payment.fraud.held", &id);
    }

    /// Somebody decides about what was held.
    pub(super) fn review(&mut self, desk: &mut Desk, id: &str, is_approved: bool) {
        assert_eq!(self.known(id).status, "FDSPendingReview");
        if is_approved {
            self.change(id, |held| (held.status, held.response, held.reason) = (held.becomes, 1, 1));
            self.go_through(desk, id);
            self.tell(desk, "payment.fraud.approved", id);
        } else {
            self.change(id, |held| (held.status, held.response, held.reason) = ("failedReview", 2, 254));
            self.tell(desk, "payment.fraud.declined", id);
        }
    }

    /// Takes what was reserved, or a part of it. The rest is free at once.
    pub(super) fn capture(&mut self, desk: &mut Desk, id: &str, amount: i64) {
        let rest = self.known(id).authorized - amount;
        desk.book(Moved::Taken, id, amount, CURRENCY);
        desk.book(Moved::Released, id, rest, CURRENCY);
        self.change(id, |known| (known.status, known.settle) = ("capturedPendingSettlement", amount));
        self.tell(desk, "payment.priorAuthCapture.created", id);
    }

    /// Undoes what is not settled: a reservation, a payment or a refund.
    pub(super) fn void(&mut self, desk: &mut Desk, id: &str) {
        let known = self.known(id).clone();
        match known.status {
            "authorizedPendingCapture" => desk.book(Moved::Released, id, known.authorized, CURRENCY),
            "capturedPendingSettlement" => desk.book(Moved::GivenBack, id, known.settle, CURRENCY),
            _ => {}
        }
        self.change(id, |known| known.status = "voided");
        self.tell(desk, "payment.void.created", id);
    }

    /// What was asked for about a payment as a whole: refunds that were not voided.
    pub(super) fn credited(&self, id: &str) -> i64 {
        let refunds = self.transactions.iter().filter(|known| known.refunds.as_deref() == Some(id));
        refunds.filter(|known| known.status != "voided").map(|known| known.settle).sum()
    }

    /// A refund is accepted, or taken for a slip; its id.
    pub(super) fn refund(
        &mut self,
        desk: &mut Desk,
        of: &str,
        (amount, wish): (i64, &Value),
        ref_id: Option<String>,
    ) -> Result<String, i64> {
        let paid = self.known(of).clone();
        let text = |name: &str| wish["order"][name].as_str().map(str::to_owned);
        let new = Record {
            id: self.number(),
            kind: "refundTransaction",
            status: "refundPendingSettlement",
            refunds: Some(of.to_owned()),
            authorized: amount,
            settle: amount,
            invoice: text("invoiceNumber"),
            description: text("description"),
            email: None,
            ref_id,
            batch: None,
            submitted_ms: self.now_ms(desk),
            ..paid
        };
        if self.is_duplicate(&new, duplicate_window_s(wish)) {
            return Err(11);
        }
        let id = new.id.clone();
        self.transactions.push(new);
        self.tell(desk, "payment.refund.created", &id);
        Ok(id)
    }

    /// The day's end: what is pending settles, and with it what was declined or voided leaves the list of what is not
    /// settled. Nobody is told.
    pub(super) fn settle(&mut self, desk: &mut Desk) {
        for livemode in [false, true] {
            let is_due = |known: &&mut Record| {
                known.livemode == livemode
                    && known.batch.is_none()
                    && !matches!(known.status, "authorizedPendingCapture" | "FDSPendingReview")
            };
            let id = self.number();
            let settled_ms = self.now_ms(desk);
            let mut is_empty = true;
            for known in self.transactions.iter_mut().filter(is_due) {
                (known.batch, is_empty) = (Some(id.clone()), false);
                match known.status {
                    "capturedPendingSettlement" => known.status = "settledSuccessfully",
                    "refundPendingSettlement" => {
                        known.status = "refundSettledSuccessfully";
                        let of = known.refunds.as_deref().expect("what a refund is about");
                        desk.book(Moved::GivenBack, of, known.settle, CURRENCY);
                    }
                    _ => {}
                }
            }
            if !is_empty {
                self.batches.push(Batch { id, livemode, settled_ms });
            }
        }
    }

    /// Nobody took what was reserved. Nobody is told.
    pub(super) fn lapse(&mut self, desk: &mut Desk, id: &str) {
        desk.book(Moved::Released, id, self.known(id).authorized, CURRENCY);
        self.change(id, |known| known.status = "expired");
    }

    /// The shopper's bank takes the money back (`chargeback`), or gives it again (`chargebackReversal`). Nobody is
    /// told.
    pub(super) fn dispute(&mut self, desk: &mut Desk, id: &str, status: &'static str) {
        let moved = if status == "chargeback" { Moved::Disputed } else { Moved::DisputeWon };
        desk.book(moved, id, self.known(id).settle, CURRENCY);
        self.change(id, |known| known.status = status);
    }

    /// A sale that no page here was made for; its id.
    pub(super) fn sell_elsewhere(&mut self, desk: &mut Desk, amount: i64, invoice: Option<&str>) -> String {
        let mut wish = serde_json::json!({
            "transactionType": "authCaptureTransaction",
            "amount": format!("{}.{:02}", amount / 100, amount % 100), "order": {},
        });
        if let Some(invoice) = invoice {
            wish["order"]["invoiceNumber"] = invoice.into();
        }
        let page = self.open(desk, false, &wish, Map::new());
        self.pay(desk, &page.id, "4242").expect("another card");
        // It was no page of ours.
        self.pages.pop();
        self.transactions.last().expect("what was just sold").id.clone()
    }
}

fn taken(kind: &str) -> &'static str {
    if kind == "authOnlyTransaction" { "authorizedPendingCapture" } else { "capturedPendingSettlement" }
}

/// The window that a request asks for in `transactionSettings`.
fn duplicate_window_s(wish: &Value) -> i64 {
    let settings = wish["transactionSettings"]["setting"].as_array().into_iter().flatten();
    let mut asked = settings.filter(|setting| setting["settingName"] == "duplicateWindow");
    let asked = asked.next().and_then(|setting| setting["settingValue"].as_str()?.parse().ok());
    asked.unwrap_or(DUPLICATE_S)
}
