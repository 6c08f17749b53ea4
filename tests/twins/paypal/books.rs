//! PayPal's books: orders with what was taken and given back, disputes, and what each act of a shopper, a merchant or
//! a bank does to them.
//!
//! Source: the Orders, Payments and Disputes descriptions; developer.paypal.com, "Webhook event names".
//!
//! Invariant: money moves only where the ledger gets its line, and whatever PayPal tells of has its event.

use serde_json::{Value, json};

use super::amounts::Amount;
use super::objects;
use crate::twins::desk::{Desk, Moved};

/// How long an order that nobody captured lives after it was made, and after it was approved, in seconds.
pub(super) const LIFE_S: i64 = 3 * 60 * 60;
/// How long an authorization lives, in seconds.
pub(super) const AUTHORIZATION_LIFE_S: i64 = 29 * 24 * 60 * 60;

/// One order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) livemode: bool,
    /// `CAPTURE` or `AUTHORIZE`.
    pub(super) intent: String,
    pub(super) status: &'static str,
    /// Too old to be found any more.
    pub(super) is_gone: bool,
    pub(super) amount: Amount,
    pub(super) custom_id: Option<String>,
    pub(super) invoice_id: Option<String>,
    pub(super) description: Option<String>,
    pub(super) return_url: String,
    pub(super) cancel_url: String,
    /// Where the API was when it was made.
    pub(super) base_url: String,
    pub(super) created_at_s: i64,
    pub(super) updated_at_s: i64,
    pub(super) approved_at_s: Option<i64>,
    /// The issue that the shopper's way to pay leads to.
    pub(super) refuses: Option<&'static str>,
    pub(super) authorization: Option<Authorization>,
    pub(super) captures: Vec<Capture>,
    pub(super) refunds: Vec<Refund>,
}

/// Money that is reserved.
#[derive(Clone, Debug)]
pub(super) struct Authorization {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) amount: Amount,
    pub(super) created_at_s: i64,
    pub(super) updated_at_s: i64,
    /// No more is taken of it.
    pub(super) is_closed: bool,
}

/// Money that is taken, or was to be.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) amount: Amount,
    pub(super) is_final: bool,
    pub(super) invoice_id: Option<String>,
    pub(super) created_at_s: i64,
    pub(super) updated_at_s: i64,
}

/// Money that is given back, or was to be.
#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) capture: String,
    pub(super) status: &'static str,
    pub(super) amount: Amount,
    pub(super) invoice_id: Option<String>,
    pub(super) custom_id: Option<String>,
    pub(super) at_s: i64,
}

/// One dispute about a capture.
#[derive(Clone, Debug)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) capture: String,
    pub(super) amount: Amount,
    pub(super) status: &'static str,
    pub(super) outcome: Option<&'static str>,
    pub(super) created_at_s: i64,
    pub(super) updated_at_s: i64,
}

impl Order {
    /// What is taken, and what a bank still thinks about.
    pub(super) fn taken(&self) -> i64 {
        let counts = |capture: &&Capture| !matches!(capture.status, "DECLINED" | "FAILED");
        self.captures.iter().filter(counts).map(|capture| capture.amount.minor).sum()
    }

    /// What may still be taken of the reservation.
    pub(super) fn capturable(&self) -> i64 {
        match &self.authorization {
            Some(authorization) if !authorization.is_closed => authorization.amount.minor - self.taken(),
            Some(_) | None => 0,
        }
    }

    /// What was given back of a capture, or is on its way.
    pub(super) fn refunded(&self, capture: &str) -> i64 {
        let counts = |refund: &&Refund| refund.capture == capture && refund.status != "FAILED";
        self.refunds.iter().filter(counts).map(|refund| refund.amount.minor).sum()
    }

    pub(super) fn capture(&self, id: &str) -> &Capture {
        self.captures.iter().find(|known| known.id == id).expect("a capture that is known")
    }

    pub(super) fn refund(&self, id: &str) -> &Refund {
        self.refunds.iter().find(|known| known.id == id).expect("a refund that is known")
    }
}

/// All of one account, oldest first.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) orders: Vec<Order>,
    pub(super) disputes: Vec<Dispute>,
    /// What becomes of captures and refunds at first.
    pub(super) captures_begin: &'static str,
    pub(super) refunds_begin: &'static str,
}

impl Books {
    pub(super) fn new() -> Self {
        let (captures_begin, refunds_begin) = ("COMPLETED", "COMPLETED");
        Self { orders: vec![], disputes: vec![], captures_begin, refunds_begin }
    }

    /// PayPal's ids are capital letters and digits.
    pub(super) fn fresh(desk: &mut Desk) -> String {
        desk.fresh().to_uppercase()
    }

    pub(super) fn find(&self, fits: impl Fn(&Order) -> bool) -> Option<&Order> {
        self.orders.iter().find(|order| fits(order))
    }

    #[track_caller]
    pub(super) fn order(&self, id: &str) -> &Order {
        self.find(|order| order.id == id).unwrap_or_else(|| panic!("no order {id}"))
    }

    #[track_caller]
    fn change(&mut self, id: &str) -> &mut Order {
        self.orders.iter_mut().find(|order| order.id == id).unwrap_or_else(|| panic!("no order {id}"))
    }

    /// Whether an invoice number was used for a payment or a refund before.
    pub(super) fn has_invoice(&self, invoice: &str) -> bool {
        self.orders.iter().any(|order| {
            let of_captures = order.captures.iter().map(|capture| &capture.invoice_id);
            let mut all = of_captures.chain(order.refunds.iter().map(|refund| &refund.invoice_id));
            all.any(|known| known.as_deref() == Some(invoice))
        })
    }

    fn tell(desk: &mut Desk, kind: &str, resource_type: &str, resource: &Value) {
        let id = format!("WH-{}-{}", Self::fresh(desk), Self::fresh(desk));
        let body = json!({
            "id": id, "event_version": "1.0", "create_time": objects::time(desk.now_s()),
            "resource_type": resource_type, "resource_version": "2.0", "event_type": kind,
            "summary": "Something happened.", "resource": resource, "links": [],
        });
        desk.tell(&id, kind, &body);
    }

    fn tell_of_order(&self, desk: &mut Desk, kind: &str, order: &str) {
        Self::tell(desk, kind, "checkout-order", &objects::order(self.order(order)));
    }

    fn tell_of_capture(&self, desk: &mut Desk, order: &str, capture: &str) {
        let order = self.order(order);
        let kind = match order.capture(capture).status {
            "PENDING" => "PAYMENT.CAPTURE.PENDING",
            "DECLINED" => "PAYMENT.CAPTURE.DENIED",
            _ => "PAYMENT.CAPTURE.COMPLETED",
        };
        let mut resource = objects::capture(order, order.capture(capture));
        resource["supplementary_data"] = json!({ "related_ids": { "order_id": order.id } });
        Self::tell(desk, kind, "capture", &resource);
    }

    /// Orders that nobody completed in time are gone, and what the shopper approved is no longer.
    pub(super) fn expire_what_is_due(&mut self, desk: &mut Desk) {
        let now_s = desk.now_s();
        let is_due = |order: &&mut Order| {
            let since_s = order.approved_at_s.unwrap_or(order.created_at_s);
            order.status != "COMPLETED" && !order.is_gone && now_s - since_s >= LIFE_S
        };
        let mut lapsed = Vec::new();
        for order in self.orders.iter_mut().filter(is_due) {
            order.is_gone = true;
            lapsed.extend(order.approved_at_s.map(|_| order.id.clone()));
        }
        for id in lapsed {
            self.tell_of_order(desk, "CHECKOUT.PAYMENT-APPROVAL.REVERSED", &id);
        }
    }

    /// The shopper agrees to pay. Nothing is taken; their way to pay may turn out to be none.
    pub(super) fn approve(&mut self, desk: &mut Desk, id: &str, refuses: Option<&'static str>) {
        let now_s = desk.now_s();
        let order = self.change(id);
        assert!(order.status != "COMPLETED" && !order.is_gone, "{id} is over: {}", order.status);
        (order.status, order.refuses) = ("APPROVED", refuses);
        (order.approved_at_s, order.updated_at_s) = (Some(now_s), now_s);
        self.tell_of_order(desk, "CHECKOUT.ORDER.APPROVED", id);
    }

    /// The order's whole amount is taken, pends, or is declined: the order is `COMPLETED` in any case.
    pub(super) fn take(&mut self, desk: &mut Desk, id: &str) -> String {
        let amount = self.order(id).amount.clone();
        let invoice_id = self.order(id).invoice_id.clone();
        let order = self.change(id);
        (order.status, order.updated_at_s) = ("COMPLETED", desk.now_s());
        let capture = self.add_capture(desk, id, amount, true, invoice_id);
        self.tell_of_order(desk, "CHECKOUT.ORDER.COMPLETED", id);
        capture
    }

    /// The order's whole amount is reserved.
    pub(super) fn reserve(&mut self, desk: &mut Desk, id: &str) {
        let now_s = desk.now_s();
        let authorization = Self::fresh(desk);
        let order = self.change(id);
        (order.status, order.updated_at_s) = ("COMPLETED", now_s);
        order.authorization = Some(Authorization {
            id: authorization,
            status: "CREATED",
            amount: order.amount.clone(),
            created_at_s: now_s,
            updated_at_s: now_s,
            is_closed: false,
        });
        desk.book(Moved::Reserved, id, order.amount.minor, &order.amount.currency);
        self.tell_of_authorization(desk, "PAYMENT.AUTHORIZATION.CREATED", id);
        self.tell_of_order(desk, "CHECKOUT.ORDER.COMPLETED", id);
    }

    fn tell_of_authorization(&self, desk: &mut Desk, kind: &str, id: &str) {
        let order = self.order(id);
        let authorization = order.authorization.as_ref().expect("an authorization");
        let mut resource = objects::authorization(order, authorization);
        resource["supplementary_data"] = json!({ "related_ids": { "order_id": order.id } });
        Self::tell(desk, kind, "authorization", &resource);
    }

    /// A part of a reservation is taken; with the last one the rest is released.
    pub(super) fn take_part(
        &mut self,
        desk: &mut Desk,
        id: &str,
        amount: Amount,
        is_final: bool,
        invoice_id: Option<String>,
    ) -> String {
        let now_s = desk.now_s();
        let capture = self.add_capture(desk, id, amount, is_final, invoice_id);
        let order = self.change(id);
        let rest = order.capturable();
        let whole = order.taken() == order.amount.minor;
        let authorization = order.authorization.as_mut().expect("an authorization");
        // A part that is the last one is still a part.
        authorization.status = if whole { "CAPTURED" } else { "PARTIALLY_CAPTURED" };
        authorization.updated_at_s = now_s;
        if is_final || whole {
            authorization.is_closed = true;
            desk.book(Moved::Released, id, rest, &order.amount.currency);
        }
        capture
    }

    fn add_capture(
        &mut self,
        desk: &mut Desk,
        id: &str,
        amount: Amount,
        is_final: bool,
        invoice_id: Option<String>,
    ) -> String {
        let now_s = desk.now_s();
        let capture = Self::fresh(desk);
        let status = self.captures_begin;
        if status == "COMPLETED" {
            desk.book(Moved::Taken, id, amount.minor, &amount.currency);
        }
        self.change(id).captures.push(Capture {
            id: capture.clone(),
            status,
            amount,
            is_final,
            invoice_id,
            created_at_s: now_s,
            updated_at_s: now_s,
        });
        self.tell_of_capture(desk, id, &capture);
        capture
    }

    /// A bank has thought about it: `COMPLETED` or `DECLINED`.
    pub(super) fn end_capture(&mut self, desk: &mut Desk, id: &str, status: &'static str) {
        let now_s = desk.now_s();
        let order = self.change(id);
        let pending =
            order.captures.iter_mut().find(|known| known.status == "PENDING").expect("one that pends");
        (pending.status, pending.updated_at_s) = (status, now_s);
        let capture = pending.clone();
        if status == "COMPLETED" {
            desk.book(Moved::Taken, id, capture.amount.minor, &capture.amount.currency);
        }
        self.tell_of_capture(desk, id, &capture.id);
    }

    /// What is left of a reservation is released.
    pub(super) fn void(&mut self, desk: &mut Desk, id: &str) {
        let now_s = desk.now_s();
        let order = self.change(id);
        let rest = order.capturable();
        let authorization = order.authorization.as_mut().expect("an authorization");
        (authorization.status, authorization.is_closed) = ("VOIDED", true);
        authorization.updated_at_s = now_s;
        desk.book(Moved::Released, id, rest, &order.amount.currency);
        self.tell_of_authorization(desk, "PAYMENT.AUTHORIZATION.VOIDED", id);
    }

    /// Money of a capture is given back, or is on its way.
    pub(super) fn give_back(
        &mut self,
        desk: &mut Desk,
        (id, capture): (&str, &str),
        amount: Amount,
        invoice_id: Option<String>,
        custom_id: Option<String>,
    ) -> String {
        let refund = Self::fresh(desk);
        let (status, at_s) = (self.refunds_begin, desk.now_s());
        let made = Refund {
            id: refund.clone(),
            capture: capture.to_owned(),
            status: "PENDING",
            amount,
            invoice_id,
            custom_id,
            at_s,
        };
        self.change(id).refunds.push(made);
        if status == "PENDING" {
            self.tell_of_refund(desk, "PAYMENT.REFUND.PENDING", id, &refund);
        } else {
            self.end_refund(desk, &refund, status);
        }
        refund
    }

    fn tell_of_refund(&self, desk: &mut Desk, kind: &str, id: &str, refund: &str) {
        let order = self.order(id);
        Self::tell(desk, kind, "refund", &objects::refund(order, order.refund(refund)));
    }

    /// A refund comes to its end: `COMPLETED` or `FAILED`.
    pub(super) fn end_refund(&mut self, desk: &mut Desk, refund: &str, status: &'static str) {
        let has = |order: &Order| order.refunds.iter().any(|known| known.id == refund);
        let id = self.find(has).expect("a refund that is known").id.clone();
        let order = self.change(&id);
        let pending = order.refunds.iter_mut().find(|known| known.id == refund).expect("the refund");
        assert_eq!(pending.status, "PENDING", "{refund} has ended");
        pending.status = status;
        let ended = pending.clone();
        let given_back: i64 = order
            .refunds
            .iter()
            .filter(|known| known.capture == ended.capture && known.status == "COMPLETED")
            .map(|known| known.amount.minor)
            .sum();
        let capture = order.captures.iter_mut().find(|known| known.id == ended.capture).expect("its capture");
        if given_back > 0 {
            capture.status =
                if given_back == capture.amount.minor { "REFUNDED" } else { "PARTIALLY_REFUNDED" };
        }
        if status == "COMPLETED" {
            desk.book(Moved::GivenBack, &id, ended.amount.minor, &ended.amount.currency);
            self.tell_of_refund(desk, "PAYMENT.CAPTURE.REFUNDED", &id, refund);
        } else {
            self.tell_of_refund(desk, "PAYMENT.REFUND.FAILED", &id, refund);
        }
    }

    /// The shopper complains, and PayPal holds the money; the dispute's id.
    pub(super) fn dispute(&mut self, desk: &mut Desk, order: &str) -> String {
        let now_s = desk.now_s();
        let id = format!("PP-D-{}", Self::fresh(desk));
        let order = self.order(order);
        let capture = order.captures.first().expect("something that was taken").clone();
        desk.book(Moved::Disputed, &order.id, capture.amount.minor, &capture.amount.currency);
        let dispute = Dispute {
            id: id.clone(),
            capture: capture.id,
            amount: capture.amount,
            status: "WAITING_FOR_SELLER_RESPONSE",
            outcome: None,
            created_at_s: now_s,
            updated_at_s: now_s,
        };
        Self::tell(desk, "CUSTOMER.DISPUTE.CREATED", "dispute", &objects::dispute(&dispute));
        self.disputes.push(dispute);
        id
    }

    /// PayPal decides: an outcome code of its own, for or against the seller.
    pub(super) fn resolve(&mut self, desk: &mut Desk, id: &str, outcome: &'static str) {
        let now_s = desk.now_s();
        let found = self.disputes.iter_mut().find(|known| known.id == id).expect("a dispute that is known");
        (found.status, found.outcome, found.updated_at_s) = ("RESOLVED", Some(outcome), now_s);
        let dispute = found.clone();
        let has = |order: &Order| order.captures.iter().any(|known| known.id == dispute.capture);
        let order = self.find(has).expect("its order").id.clone();
        if matches!(outcome, "RESOLVED_SELLER_FAVOUR" | "CANCELED_BY_BUYER") {
            desk.book(Moved::DisputeWon, &order, dispute.amount.minor, &dispute.amount.currency);
        }
        Self::tell(desk, "CUSTOMER.DISPUTE.RESOLVED", "dispute", &objects::dispute(&dispute));
    }
}
