//! Paystack's books: transactions with their pages, refunds, disputes, and what each act of a shopper, a merchant or a
//! bank does to them.
//!
//! Source: paystack.com/docs: "Accept payments", "Verify payments", "Refunds", "Disputes", "Webhooks".
//!
//! Invariant: money moves only where the ledger gets its line, and whatever Paystack tells of has its event.

use serde_json::Value;

use super::objects;
use crate::twins::desk::{Desk, Moved};

/// Where the numbers of objects begin: they do not fit 32 bits.
const ID_FIRST: i64 = 4_099_260_516;
/// What Paystack keeps of a payment, as a part of so many.
const FEE_PARTS: i64 = 100;

/// One transaction, and the page for it.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) id: i64,
    pub(super) livemode: bool,
    pub(super) reference: String,
    /// What stands in the page's address.
    pub(super) access_code: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) email: String,
    pub(super) callback_url: Option<String>,
    pub(super) metadata: Value,
    pub(super) status: &'static str,
    /// What the bank said.
    pub(super) bank_said: String,
    pub(super) created_at_s: i64,
    pub(super) paid_at_s: Option<i64>,
}

impl Payment {
    pub(super) fn fee(&self) -> Option<i64> {
        self.paid_at_s.map(|_| self.amount / FEE_PARTS)
    }

    /// The name of the payment in the ledger.
    pub(super) fn name(&self) -> String {
        self.id.to_string()
    }
}

/// One refund.
#[derive(Clone, Debug)]
pub(super) struct Refund {
    pub(super) id: i64,
    pub(super) transaction: i64,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) merchant_note: String,
    pub(super) customer_note: String,
    pub(super) created_at_s: i64,
    pub(super) refunded_at_s: Option<i64>,
    /// The dispute that it settles.
    pub(super) dispute: Option<i64>,
}

impl Refund {
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.status, "pending" | "processing" | "needs-attention")
    }
}

/// One dispute.
#[derive(Clone, Debug)]
pub(super) struct Dispute {
    pub(super) id: i64,
    pub(super) transaction: i64,
    pub(super) amount: i64,
    pub(super) status: &'static str,
    pub(super) resolution: Option<&'static str>,
    pub(super) created_at_s: i64,
    pub(super) resolved_at_s: Option<i64>,
}

/// All of one account, oldest first.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) transactions: Vec<Payment>,
    pub(super) refunds: Vec<Refund>,
    pub(super) disputes: Vec<Dispute>,
    made: i64,
    told: u64,
}

impl Books {
    pub(super) fn fresh_id(&mut self) -> i64 {
        self.made += 1;
        ID_FIRST + self.made
    }

    pub(super) fn by_reference(&self, reference: &str) -> Option<&Payment> {
        self.transactions.iter().find(|known| known.reference == reference)
    }

    pub(super) fn transaction(&self, id: i64) -> &Payment {
        self.transactions.iter().find(|known| known.id == id).expect("a transaction that is known")
    }

    fn change(&mut self, id: i64) -> &mut Payment {
        self.transactions.iter_mut().find(|known| known.id == id).expect("a transaction that is known")
    }

    /// What can still be given back of a transaction.
    pub(super) fn refundable(&self, transaction: &Payment) -> i64 {
        let asked = self
            .refunds
            .iter()
            .filter(|known| known.transaction == transaction.id && known.status != "failed");
        transaction.amount - asked.map(|refund| refund.amount).sum::<i64>()
    }

    fn tell(&mut self, desk: &mut Desk, event: &str, data: &Value) {
        self.told += 1;
        let body = serde_json::json!({ "event": event, "data": data });
        desk.tell(&format!("event {}", self.told), event, &body);
    }

    /// The shopper's money is taken.
    pub(super) fn pay(&mut self, desk: &mut Desk, reference: &str) {
        let now_s = desk.now_s();
        let id = self.by_reference(reference).expect("a page that is there").id;
        let transaction = self.change(id);
        assert!(
            matches!(transaction.status, "abandoned" | "failed"),
            "{} was paid already",
            transaction.reference
        );
        transaction.status = "success";
        transaction.bank_said = "Successful".to_owned();
        transaction.paid_at_s = Some(now_s);
        let transaction = transaction.clone();
        desk.book(Moved::Taken, &transaction.name(), transaction.amount, &transaction.currency);
        self.tell(desk, "charge.success", &objects::charged(&transaction));
    }

    /// The shopper's bank says no. Nobody is told, and the page stays.
    pub(super) fn decline(&mut self, reference: &str, bank_said: &str) {
        let id = self.by_reference(reference).expect("a page that is there").id;
        let transaction = self.change(id);
        transaction.status = "failed";
        bank_said.clone_into(&mut transaction.bank_said);
    }

    /// A refund begins.
    pub(super) fn refund(&mut self, desk: &mut Desk, refund: Refund) {
        let kind = format!("refund.{}", refund.status);
        let data = objects::told_of(&refund, self.transaction(refund.transaction));
        self.refunds.push(refund);
        self.tell(desk, &kind, &data);
    }

    /// A refund goes on: `processing`, `processed`, `failed` or `needs-attention`.
    pub(super) fn go_on_with(&mut self, desk: &mut Desk, id: i64, status: &'static str) {
        let now_s = desk.now_s();
        let refund = self.refunds.iter_mut().find(|known| known.id == id).expect("a refund that is known");
        assert!(refund.is_under_way(), "{id} has ended: {}", refund.status);
        refund.status = status;
        refund.refunded_at_s = (status == "processed").then_some(now_s);
        let refund = refund.clone();
        let transaction = self.transaction(refund.transaction).clone();
        if status == "processed" && refund.dispute.is_none() {
            desk.book(Moved::GivenBack, &transaction.name(), refund.amount, &transaction.currency);
        }
        let processed = self
            .refunds
            .iter()
            .filter(|known| known.transaction == transaction.id && known.status == "processed");
        if processed.map(|refund| refund.amount).sum::<i64>() == transaction.amount {
            self.change(transaction.id).status = "reversed";
        }
        self.tell(desk, &format!("refund.{status}"), &objects::told_of(&refund, &transaction));
    }

    /// The shopper's bank takes money back; the dispute's id.
    pub(super) fn dispute(&mut self, desk: &mut Desk, transaction: i64, amount: Option<i64>) -> i64 {
        let id = self.fresh_id();
        let transaction = self.transaction(transaction).clone();
        let amount = amount.unwrap_or(transaction.amount);
        let dispute = Dispute {
            id,
            transaction: transaction.id,
            amount,
            status: "awaiting-merchant-feedback",
            resolution: None,
            created_at_s: desk.now_s(),
            resolved_at_s: None,
        };
        desk.book(Moved::Disputed, &transaction.name(), amount, &transaction.currency);
        self.tell(desk, "charge.dispute.create", &objects::dispute(&dispute, &transaction));
        self.disputes.push(dispute);
        id
    }

    /// A dispute ends: `merchant-accepted`, which gives the money back by a refund, or `declined`.
    pub(super) fn resolve(&mut self, desk: &mut Desk, id: i64, resolution: &'static str) {
        let now_s = desk.now_s();
        let dispute = self.disputes.iter_mut().find(|known| known.id == id).expect("a dispute that is known");
        (dispute.status, dispute.resolution, dispute.resolved_at_s) =
            ("resolved", Some(resolution), Some(now_s));
        let dispute = dispute.clone();
        let transaction = self.transaction(dispute.transaction).clone();
        if resolution == "declined" {
            desk.book(Moved::DisputeWon, &transaction.name(), dispute.amount, &transaction.currency);
        } else {
            let refund = Refund {
                id: self.fresh_id(),
                transaction: transaction.id,
                amount: dispute.amount,
                status: "pending",
                merchant_note: String::new(),
                customer_note: "Dispute".to_owned(),
                created_at_s: now_s,
                refunded_at_s: None,
                dispute: Some(id),
            };
            let refund_id = refund.id;
            self.refund(desk, refund);
            self.go_on_with(desk, refund_id, "processed");
        }
        self.tell(desk, "charge.dispute.resolve", &objects::dispute(&dispute, &transaction));
    }
}
