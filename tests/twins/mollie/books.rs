//! Mollie's books: payments with their pages, captures, refunds, disputes, and what each act of a shopper, a
//! merchant or a bank does to them.
//!
//! Source: docs.mollie.com: "Payment status changes", "Place a hold for a payment", "Refunds", "Chargebacks".
//!
//! Invariant: money moves only where the ledger gets its line. A payment that was paid stays `paid`, whatever is given
//! back or taken back afterwards; only its amounts tell.

use serde_json::Value;

use super::tell::Teller;
use crate::twins::desk::{Desk, Moved};

/// How long a page is open while no method is chosen, in seconds.
const OPEN_S: i64 = 15 * 60;
/// How long a card's reservation holds, in seconds.
const RESERVED_S: i64 = 7 * 24 * 60 * 60;
/// How soon after another one a refund that looks the same is taken for a mistake, in seconds. Mollie says only "in
/// short succession".
const SAME_REFUND_S: i64 = 60;

/// One payment, and the page for it.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) livemode: bool,
    pub(super) amount: i64,
    pub(super) currency: String,
    /// What was asked for, as far as it is only shown again.
    pub(super) asked: Value,
    pub(super) is_manual: bool,
    pub(super) is_cancelable: bool,
    pub(super) status: &'static str,
    pub(super) created_at_s: i64,
    /// When it became what: the field's name and the time.
    pub(super) times: Vec<(&'static str, i64)>,
    /// Why the shopper cannot pay any more.
    pub(super) failure: Option<&'static str>,
}

impl Payment {
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.asked[field].as_str()
    }

    fn time(&self, field: &str) -> Option<i64> {
        self.times.iter().find(|(known, _)| *known == field).map(|(_, at_s)| *at_s)
    }

    pub(super) fn expires_at_s(&self) -> i64 {
        self.created_at_s + OPEN_S
    }

    pub(super) fn capture_before_s(&self) -> Option<i64> {
        self.time("authorizedAt").filter(|_| self.is_manual).map(|at_s| at_s + RESERVED_S)
    }
}

/// One capture, refund or dispute.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) payment: String,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) description: Option<String>,
    pub(super) metadata: Value,
    pub(super) created_at_s: i64,
    /// When a dispute was reversed.
    pub(super) reversed_at_s: Option<i64>,
}

/// What a new part is made of, beside its payment.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) amount: i64,
    pub(super) description: Option<String>,
    pub(super) metadata: Value,
}

/// All of one account, oldest first.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) payments: Vec<Payment>,
    pub(super) captures: Vec<Part>,
    pub(super) refunds: Vec<Part>,
    pub(super) disputes: Vec<Part>,
    pub(super) teller: Teller,
    /// What banks do at once is left for a test to do.
    pub(super) banks_wait: bool,
    /// What new refunds begin as: `pending`, or `queued` while the balance is too low.
    pub(super) refunds_begin: &'static str,
    /// Whether a new page can be called off.
    pub(super) pages_are_cancelable: bool,
    /// Whether a reversed dispute leaves the payment's total again. The documents do not say.
    pub(super) total_forgets_reversals: bool,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            payments: vec![],
            captures: vec![],
            refunds: vec![],
            disputes: vec![],
            teller: Teller::default(),
            banks_wait: false,
            refunds_begin: "pending",
            pages_are_cancelable: false,
            total_forgets_reversals: false,
        }
    }
}

impl Books {
    pub(super) fn payment(&self, id: &str) -> &Payment {
        self.payments.iter().find(|known| known.id == id).unwrap_or_else(|| panic!("no payment {id}"))
    }

    /// Moves a payment on and tells of it.
    fn turn(&mut self, desk: &mut Desk, id: &str, (status, field): (&'static str, &'static str)) {
        let now_s = desk.now_s();
        let payment = self.payments.iter_mut().find(|known| known.id == id).expect("a payment that is known");
        payment.status = status;
        payment.times.push((field, now_s));
        self.teller.payment(desk, &format!("payment.{status}"), self.payment(id), self);
    }

    fn parts<'a>(parts: &'a [Part], payment: &'a str) -> impl Iterator<Item = &'a Part> {
        parts.iter().filter(move |part| part.payment == payment)
    }

    fn sum(parts: &[Part], payment: &str, counts: impl Fn(&Part) -> bool) -> i64 {
        Self::parts(parts, payment).filter(|part| counts(part)).map(|part| part.amount).sum()
    }

    /// What is captured of a reservation, or with `pending` is to be.
    pub(super) fn captured(&self, payment: &str, pending: bool) -> i64 {
        let counts = |part: &Part| part.status == "succeeded" || pending && part.status == "pending";
        Self::sum(&self.captures, payment, counts)
    }

    /// What was taken from the shopper.
    pub(super) fn taken(&self, payment: &Payment) -> i64 {
        match (payment.is_manual, payment.status) {
            (true, _) => self.captured(&payment.id, false),
            (false, "paid") => payment.amount,
            (false, _) => 0,
        }
    }

    /// What is given back, counted from the moment it is asked for.
    pub(super) fn refunded(&self, payment: &str) -> i64 {
        Self::sum(&self.refunds, payment, |part| !matches!(part.status, "failed" | "canceled"))
    }

    pub(super) fn disputed(&self, payment: &str) -> i64 {
        let forgets = self.total_forgets_reversals;
        Self::sum(&self.disputes, payment, |part| !(forgets && part.reversed_at_s.is_some()))
    }

    /// The shopper's money is taken, or reserved.
    pub(super) fn pay(&mut self, desk: &mut Desk, id: &str) {
        let payment = self.payment(id).clone();
        assert!(matches!(payment.status, "open" | "pending"), "{id} is {}", payment.status);
        let (moved, turn) = if payment.is_manual {
            (Moved::Reserved, ("authorized", "authorizedAt"))
        } else {
            (Moved::Taken, ("paid", "paidAt"))
        };
        desk.book(moved, id, payment.amount, &payment.currency);
        self.turn(desk, id, turn);
    }

    /// The shopper has done their part; the money is on its way.
    pub(super) fn pend(&mut self, desk: &mut Desk, id: &str) {
        self.turn(desk, id, ("pending", "pendingAt"));
    }

    /// The shopper's bank says no, and the shopper cannot try again.
    pub(super) fn fail(&mut self, desk: &mut Desk, id: &str, reason: &'static str) {
        let payment = self.payments.iter_mut().find(|known| known.id == id).expect("a payment that is known");
        payment.failure = Some(reason);
        self.turn(desk, id, ("failed", "failedAt"));
    }

    pub(super) fn cancel(&mut self, desk: &mut Desk, id: &str) {
        self.turn(desk, id, ("canceled", "canceledAt"));
    }

    pub(super) fn expire(&mut self, desk: &mut Desk, id: &str) {
        self.turn(desk, id, ("expired", "expiredAt"));
    }

    /// Closes the pages whose time is over.
    pub(super) fn expire_what_is_due(&mut self, desk: &mut Desk) {
        let now_s = desk.now_s();
        let is_due = |known: &&Payment| known.status == "open" && known.expires_at_s() <= now_s;
        let due: Vec<String> = self.payments.iter().filter(is_due).map(|known| known.id.clone()).collect();
        for id in due {
            self.expire(desk, &id);
        }
    }

    fn make(
        &mut self,
        desk: &mut Desk,
        (prefix, status): (&str, &'static str),
        of: &str,
        wish: Wish,
    ) -> Part {
        let Wish { amount, description, metadata } = wish;
        let id = format!("{prefix}_{}", desk.fresh());
        let (payment, created_at_s) = (of.to_owned(), desk.now_s());
        Part { id, payment, amount, status, description, metadata, created_at_s, reversed_at_s: None }
    }

    /// A capture begins; as it is answered.
    pub(super) fn capture(&mut self, desk: &mut Desk, of: &str, wish: Wish) -> Part {
        let capture = self.make(desk, ("cpt", "pending"), of, wish);
        self.captures.push(capture.clone());
        let payment = self.payment(of).clone();
        if payment.capture_before_s().is_some_and(|before_s| before_s <= desk.now_s()) {
            // The reservation is gone already, and with it the payment.
            self.end_capture(desk, &capture.id, "failed");
            desk.book(Moved::Released, of, payment.amount - self.captured(of, false), &payment.currency);
            self.turn(desk, of, ("failed", "failedAt"));
        } else if !self.banks_wait {
            self.end_capture(desk, &capture.id, "succeeded");
        }
        capture
    }

    /// A capture ends: `succeeded` or `failed`.
    pub(super) fn end_capture(&mut self, desk: &mut Desk, id: &str, status: &'static str) {
        let capture = self.captures.iter_mut().find(|known| known.id == id).expect("a capture");
        assert_eq!(capture.status, "pending", "{id} has ended");
        capture.status = status;
        let capture = capture.clone();
        let payment = self.payment(&capture.payment).clone();
        if status == "succeeded" {
            desk.book(Moved::Taken, &payment.id, capture.amount, &payment.currency);
        }
        self.teller.part(desk, &format!("capture.{status}"), &capture, self);
        if self.captured(&payment.id, false) == payment.amount {
            self.turn(desk, &payment.id, ("paid", "paidAt"));
        }
    }

    /// What is left of a reservation is given up, because the merchant asked or because its time is over.
    pub(super) fn release(&mut self, desk: &mut Desk, id: &str, is_lapse: bool) {
        let payment = self.payment(id).clone();
        assert_eq!(payment.status, "authorized", "{id}");
        let captured = self.captured(id, false);
        desk.book(Moved::Released, id, payment.amount - captured, &payment.currency);
        let turn = match (captured, is_lapse) {
            (0, true) => ("expired", "expiredAt"),
            (0, false) => ("canceled", "canceledAt"),
            (_, _) => ("paid", "paidAt"),
        };
        self.turn(desk, id, turn);
    }

    /// Whether a refund looks like another one that was just made.
    pub(super) fn has_same_refund(&self, desk: &Desk, of: &str, amount: i64) -> bool {
        let since_s = desk.now_s() - SAME_REFUND_S;
        Self::parts(&self.refunds, of).any(|part| part.amount == amount && part.created_at_s > since_s)
    }

    pub(super) fn refund(&mut self, desk: &mut Desk, of: &str, wish: Wish) -> Part {
        let refund = self.make(desk, ("re", self.refunds_begin), of, wish);
        self.refunds.push(refund.clone());
        self.teller.part(desk, &format!("refund.{}", refund.status), &refund, self);
        refund
    }

    /// A refund goes on: `queued`, `pending`, `processing`, `refunded`, and `failed`, even after that.
    pub(super) fn go_on_with(&mut self, desk: &mut Desk, id: &str, status: &'static str) {
        let refund = self.refunds.iter_mut().find(|known| known.id == id).expect("a refund");
        let before = refund.status;
        refund.status = status;
        let refund = refund.clone();
        let currency = self.payment(&refund.payment).currency.clone();
        match (before, status) {
            (_, "refunded") => desk.book(Moved::GivenBack, &refund.payment, refund.amount, &currency),
            ("refunded", "failed") => desk.book(Moved::CameBack, &refund.payment, refund.amount, &currency),
            (_, _) => {}
        }
        self.teller.part(desk, &format!("refund.{status}"), &refund, self);
    }

    /// The shopper's bank takes money back; the dispute's id.
    pub(super) fn dispute(&mut self, desk: &mut Desk, of: &str, amount: Option<i64>) -> String {
        let payment = self.payment(of).clone();
        let amount = amount.unwrap_or(payment.amount);
        let dispute = self.make(desk, ("chb", "received"), of, Wish { amount, ..Wish::default() });
        desk.book(Moved::Disputed, of, amount, &payment.currency);
        self.disputes.push(dispute.clone());
        self.teller.part(desk, "chargeback.received", &dispute, self);
        dispute.id
    }

    /// The merchant gets the money again.
    pub(super) fn reverse(&mut self, desk: &mut Desk, id: &str) {
        let now_s = desk.now_s();
        let dispute = self.disputes.iter_mut().find(|known| known.id == id).expect("a dispute");
        (dispute.status, dispute.reversed_at_s) = ("reversed", Some(now_s));
        let dispute = dispute.clone();
        let currency = self.payment(&dispute.payment).currency.clone();
        desk.book(Moved::DisputeWon, &dispute.payment, dispute.amount, &currency);
        self.teller.part(desk, "chargeback.reversed", &dispute, self);
    }
}
