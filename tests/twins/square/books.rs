//! Square's books: links with their orders, payments, refunds, disputes, and what each act of a shopper, a seller or a
//! bank does to them.
//!
//! Source: developer.squareup.com: "Checkout API", "Orders", "Refund payments", "Disputes", "Webhooks"; the examples
//! of the published API description; forum threads 21874 (a link that was deleted and is paid) and 19087.
//!
//! Invariant: money moves only where the ledger gets its line, and whatever Square tells of has its event.

use serde_json::{Value, json};

use super::objects;
use super::{CURRENCY, LOCATION};
use crate::twins::desk::{Desk, Moved};

/// What Square keeps of a payment, as a part of so many.
const FEE_PARTS: i64 = 34;
/// The seller, the same in every event.
const MERCHANT: &str = "6SSW7HV8K2ST5";

/// One payment link and the page for it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) id: String,
    pub(super) livemode: bool,
    pub(super) order: String,
    /// What stands in the page's address.
    pub(super) code: String,
    /// What was sent to make it.
    pub(super) wish: Value,
    pub(super) is_deleted: bool,
    pub(super) created_at_ms: i64,
}

/// One order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) livemode: bool,
    pub(super) state: &'static str,
    pub(super) total: i64,
    /// What was sent to make it.
    pub(super) wish: Value,
    pub(super) version: i64,
    pub(super) created_at_ms: i64,
    pub(super) updated_at_ms: i64,
}

/// One payment.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) livemode: bool,
    pub(super) order: String,
    pub(super) status: &'static str,
    pub(super) amount: i64,
    pub(super) note: Option<String>,
    /// Why it failed.
    pub(super) error: Option<String>,
    pub(super) fee: Option<i64>,
    pub(super) refunded: i64,
    pub(super) refunds: Vec<String>,
    pub(super) created_at_ms: i64,
    pub(super) updated_at_ms: i64,
}

/// One refund.
#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) payment: String,
    pub(super) order: String,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    pub(super) created_at_ms: i64,
    pub(super) updated_at_ms: i64,
}

/// One dispute.
#[derive(Clone, Debug)]
pub(super) struct Dispute {
    pub(super) id: String,
    pub(super) payment: String,
    pub(super) amount: i64,
    pub(super) state: &'static str,
    pub(super) version: i64,
    pub(super) created_at_ms: i64,
    pub(super) updated_at_ms: i64,
}

/// All of one seller, oldest first.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) links: Vec<Link>,
    orders: Vec<Order>,
    pub(super) payments: Vec<Payment>,
    pub(super) refunds: Vec<Refund>,
    pub(super) disputes: Vec<Dispute>,
    last_ms: i64,
    told: u64,
}

impl Books {
    /// Square's time in milliseconds; no two things have the same.
    fn now_ms(&mut self, desk: &Desk) -> i64 {
        self.last_ms = (self.last_ms + 1).max(desk.now_s() * 1_000);
        self.last_ms
    }

    pub(super) fn link(&self, id: &str) -> &Link {
        self.links.iter().find(|known| known.id == id).expect("a link that is known")
    }

    pub(super) fn link_by_code(&self, code: &str) -> Option<&Link> {
        self.links.iter().find(|known| known.code == code)
    }

    pub(super) fn find_order(&self, id: &str) -> Option<&Order> {
        self.orders.iter().find(|known| known.id == id)
    }

    pub(super) fn order(&self, id: &str) -> &Order {
        self.find_order(id).expect("an order that is known")
    }

    pub(super) fn payment(&self, id: &str) -> &Payment {
        self.payments.iter().find(|known| known.id == id).expect("a payment that is known")
    }

    /// The payments of an order, failed ones among them.
    pub(super) fn payments_of(&self, order: &str) -> Vec<Payment> {
        self.payments.iter().filter(|known| known.order == order).cloned().collect()
    }

    /// Whether the page of a link can be paid at. It can be, deleted or not, as long as the order lets it.
    pub(super) fn is_payable(&self, link: &Link) -> bool {
        matches!(self.order(&link.order).state, "DRAFT")
    }

    fn tell(&mut self, desk: &mut Desk, kind: &str, id: &str, object: &Value) {
        self.told += 1;
        let number = self.told;
        let about = kind.split('.').next().expect("a kind");
        let name = match kind {
            "payment.created" => "PaymentCreatedEvent",
            "payment.updated" => "PaymentUpdatedEvent",
            "refund.created" => "RefundCreatedEvent",
            "refund.updated" => "RefundUpdatedEvent",
            _ => objects::DISPUTE_EVENT,
        };
        let event = json!({
            "merchant_id": MERCHANT, "type": kind, "event_id": format!("13b867cf-db3d-4b1c-90b6-{number:012x}"),
            "created_at": objects::time(self.now_ms(desk)),
            "data": {"type": about, "id": id, "object": {about: object}},
        });
        desk.tell(&format!("event {number}"), kind, &objects::event(name, event));
    }

    fn tell_of_payment(&mut self, desk: &mut Desk, kind: &str, id: &str) {
        let object = objects::payment(self.payment(id));
        self.tell(desk, kind, id, &object);
    }

    fn tell_of_refund(&mut self, desk: &mut Desk, kind: &str, refund: &Refund) {
        self.tell(desk, kind, &refund.id, &objects::refund(refund));
    }

    /// Makes a link and its order.
    pub(super) fn open(&mut self, desk: &mut Desk, livemode: bool, wish: &Value, total: i64) -> Link {
        let now = self.now_ms(desk);
        let order = Order {
            id: format!("{}4F", desk.fresh()),
            livemode,
            // As in the published example; it is opened when somebody pays.
            state: "DRAFT",
            total,
            wish: wish["order"].clone(),
            version: 1,
            created_at_ms: now,
            updated_at_ms: now,
        };
        let link = Link {
            id: format!("PK{}", desk.fresh()),
            livemode,
            order: order.id.clone(),
            code: desk.fresh(),
            wish: wish.clone(),
            is_deleted: false,
            created_at_ms: now,
        };
        self.orders.push(order);
        self.links.push(link.clone());
        link
    }

    /// Deletes a link; the order that is canceled with it. None is after a failed try: its page can still be paid at.
    pub(super) fn delete(&mut self, desk: &Desk, id: &str) -> Option<String> {
        let now = self.now_ms(desk);
        let link = self.links.iter_mut().find(|known| known.id == id).expect("a link that is known");
        link.is_deleted = true;
        let order_id = link.order.clone();
        let was_tried = !self.payments_of(&order_id).is_empty();
        let order = self.orders.iter_mut().find(|known| known.id == order_id).expect("a link's order");
        if was_tried || order.state != "DRAFT" {
            return None;
        }
        (order.state, order.updated_at_ms) = ("CANCELED", now);
        order.version += 1;
        Some(order_id)
    }

    fn begin(&mut self, desk: &mut Desk, link: &str, status: &'static str, error: Option<&str>) -> String {
        let now = self.now_ms(desk);
        let link = self.link(link).clone();
        assert!(self.is_payable(&link), "{} cannot be paid", link.id);
        let payment = Payment {
            id: format!("{}ZY", desk.fresh()),
            livemode: link.livemode,
            order: link.order.clone(),
            status,
            amount: self.order(&link.order).total,
            note: link.wish["payment_note"].as_str().map(str::to_owned),
            error: error.map(str::to_owned),
            fee: None,
            refunded: 0,
            refunds: vec![],
            created_at_ms: now,
            updated_at_ms: now,
        };
        let id = payment.id.clone();
        self.payments.push(payment);
        self.tell_of_payment(desk, "payment.created", &id);
        id
    }

    fn change(&mut self, desk: &mut Desk, payment: &str, change: impl FnOnce(&mut Payment)) {
        let now = self.now_ms(desk);
        let known = self.payments.iter_mut().find(|known| known.id == payment).expect("a payment");
        change(known);
        known.updated_at_ms = now;
        self.tell_of_payment(desk, "payment.updated", payment);
    }

    /// The shopper's money is taken. The order stays open: nobody has fulfilled it.
    pub(super) fn pay(&mut self, desk: &mut Desk, link: &str) {
        let id = self.begin(desk, link, "APPROVED", None);
        let now = self.now_ms(desk);
        let payment = self.payment(&id).clone();
        let order = self.orders.iter_mut().find(|known| known.id == payment.order).expect("an order");
        (order.state, order.updated_at_ms) = ("OPEN", now);
        order.version += 1;
        desk.book(Moved::Taken, &id, payment.amount, CURRENCY);
        self.change(desk, &id, |payment| payment.status = "COMPLETED");
        // The same once more, when the fee is known.
        self.change(desk, &id, |payment| payment.fee = Some(payment.amount / FEE_PARTS));
    }

    /// The shopper's bank says no, and the page stays.
    pub(super) fn decline(&mut self, desk: &mut Desk, link: &str, code: &str) {
        self.begin(desk, link, "FAILED", Some(code));
    }

    pub(super) fn write_note(&mut self, desk: &mut Desk, payment: &str, note: &str) {
        self.change(desk, payment, |payment| payment.note = Some(note.to_owned()));
    }

    /// A sale at the till: an order that nobody asked for here, without a reference or a note.
    pub(super) fn sell_at_the_till(&mut self, desk: &mut Desk, amount: i64) -> String {
        let wish = json!({"order": {
            "location_id": LOCATION,
            "line_items": [{"quantity": "1", "base_price_money": {"amount": amount, "currency": CURRENCY}}],
        }});
        let link = self.open(desk, false, &wish, amount);
        self.pay(desk, &link.id);
        self.payments.last().expect("the payment that was just made").id.clone()
    }

    /// A refund begins; its id.
    pub(super) fn refund(
        &mut self,
        desk: &mut Desk,
        payment: &str,
        amount: i64,
        reason: Option<String>,
    ) -> String {
        let now = self.now_ms(desk);
        let refund = Refund {
            id: format!("{payment}_{}", desk.fresh()),
            payment: payment.to_owned(),
            order: self.payment(payment).order.clone(),
            amount,
            status: "PENDING",
            reason,
            created_at_ms: now,
            updated_at_ms: now,
        };
        self.refunds.push(refund.clone());
        self.tell_of_refund(desk, "refund.created", &refund);
        self.change(desk, payment, |payment| payment.refunds.push(refund.id.clone()));
        refund.id
    }

    /// A refund ends.
    pub(super) fn end_refund(&mut self, desk: &mut Desk, id: &str, status: &'static str) {
        let now = self.now_ms(desk);
        let refund = self.refunds.iter_mut().find(|known| known.id == id).expect("a refund that is known");
        assert_eq!(refund.status, "PENDING", "{id} has ended");
        (refund.status, refund.updated_at_ms) = (status, now);
        let refund = refund.clone();
        if status == "COMPLETED" {
            desk.book(Moved::GivenBack, &refund.payment, refund.amount, CURRENCY);
        }
        self.tell_of_refund(desk, "refund.updated", &refund);
        if status == "COMPLETED" {
            self.change(desk, &refund.payment, |payment| payment.refunded += refund.amount);
        }
    }

    /// The shopper's bank takes money back or asks; the dispute's id.
    pub(super) fn dispute(
        &mut self,
        desk: &mut Desk,
        payment: &str,
        amount: i64,
        state: &'static str,
    ) -> String {
        let now = self.now_ms(desk);
        let dispute = Dispute {
            id: desk.fresh(),
            payment: payment.to_owned(),
            amount,
            state,
            version: 1,
            created_at_ms: now,
            updated_at_ms: now,
        };
        if state == "EVIDENCE_REQUIRED" {
            desk.book(Moved::Disputed, payment, amount, CURRENCY);
        }
        self.tell(desk, "dispute.created", &dispute.id, &objects::dispute(&dispute));
        self.disputes.push(dispute.clone());
        dispute.id
    }

    /// A dispute goes on.
    pub(super) fn go_on_with_dispute(&mut self, desk: &mut Desk, id: &str, state: &'static str) {
        let now = self.now_ms(desk);
        let dispute = self.disputes.iter_mut().find(|known| known.id == id).expect("a dispute that is known");
        (dispute.state, dispute.updated_at_ms) = (state, now);
        dispute.version += 1;
        let dispute = dispute.clone();
        if state == "WON" {
            desk.book(Moved::DisputeWon, &dispute.payment, dispute.amount, CURRENCY);
        }
        self.tell(desk, "dispute.state.updated", id, &objects::dispute(&dispute));
    }
}
