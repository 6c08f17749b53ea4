//! Refunds as BTCPay Server makes them: a pull payment is a promise with a link. Nothing moves until whoever has the
//! link claims it, the merchant approves the claim, and the payout is sent.
//!
//! Source: the OpenAPI description ("Pull payments", "Refund invoice"), docs.btcpayserver.org/Refund and
//! docs.btcpayserver.org/PullPayments, and the public source (`GreenfieldInvoiceController.RefundInvoice`).
//!
//! Invariant: money is given back only where a payout is completed. BTCPay Server does not keep a merchant from
//! promising more than came; that the hub does not is for the twin to note.

use serde_json::{Value, json};

use super::amounts::{self, Currency};
use super::books::{Books, Invoice};
use super::objects;
use crate::twins::desk::{Desk, Moved};

/// What a pull payment is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Money(Currency),
    Satoshis,
}

impl Unit {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Money(currency) => currency.code,
            Self::Satoshis => "BTC",
        }
    }

    pub(super) fn write(self, amount: i64) -> String {
        match self {
            Self::Money(currency) => currency.write(amount),
            Self::Satoshis => amounts::coins(amount),
        }
    }

    /// What an amount costs now.
    pub(super) fn satoshis(self, amount: i64) -> i64 {
        match self {
            Self::Money(currency) => currency.satoshis(amount),
            Self::Satoshis => amount,
        }
    }
}

/// What is paid out, or will be.
#[derive(Clone, Debug)]
pub(super) struct Payout {
    pub(super) id: String,
    pub(super) amount: i64,
    /// `AwaitingApproval`, `AwaitingPayment`, `InProgress`, `Completed` or `Cancelled`.
    pub(super) state: &'static str,
    pub(super) made_at_s: i64,
}

impl Payout {
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, "AwaitingApproval" | "AwaitingPayment" | "InProgress")
    }
}

/// What was promised, and to whom it goes: whoever has the link.
#[derive(Clone, Debug)]
pub(super) struct PullPayment {
    pub(super) id: String,
    pub(super) invoice: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) unit: Unit,
    pub(super) amount: i64,
    pub(super) method: String,
    pub(super) archived: bool,
    pub(super) payouts: Vec<Payout>,
}

impl PullPayment {
    /// What nobody has claimed yet.
    fn unclaimed(&self) -> i64 {
        let claimed = self.payouts.iter().filter(|payout| payout.state != "Cancelled");
        self.amount - claimed.map(|payout| payout.amount).sum::<i64>()
    }

    pub(super) fn is_under_way(&self) -> bool {
        !self.archived && (self.unclaimed() > 0 || self.payouts.iter().any(Payout::is_under_way))
    }
}

impl Books {
    /// What is promised of an invoice's own money, and not taken back.
    pub(super) fn promised(&self, invoice: &Invoice) -> i64 {
        let of_it = self.pull_payments.iter().filter(|pull| {
            pull.invoice == invoice.id && pull.unit == Unit::Money(invoice.currency) && !pull.archived
        });
        of_it.map(|pull| pull.amount).sum()
    }

    fn pull(&mut self, id: &str) -> &mut PullPayment {
        let found = self.pull_payments.iter_mut().find(|known| known.id == id);
        found.unwrap_or_else(|| panic!("no pull payment {id}"))
    }

    /// The customer opens the link and gives an address for all that is left, or for a part.
    pub(super) fn claim(&mut self, desk: &mut Desk, id: &str, amount: Option<i64>) -> String {
        let (payout, made_at_s) = (desk.fresh(), desk.now_s());
        let pull = self.pull(id);
        let amount = amount.unwrap_or(pull.unclaimed());
        assert!(!pull.archived && amount > 0 && amount <= pull.unclaimed(), "{id} promises no {amount}");
        let state = "AwaitingApproval";
        pull.payouts.push(Payout { id: payout.clone(), amount, state, made_at_s });
        tell(desk, "PayoutCreated", pull, &payout);
        payout
    }

    /// A payout goes on: `AwaitingPayment` once the merchant approves, `InProgress`, `Completed` or `Cancelled`.
    pub(super) fn go_on_with(&mut self, desk: &mut Desk, id: &str, payout: &str, state: &'static str) {
        let pull = self.pull(id);
        let (unit, invoice) = (pull.unit, pull.invoice.clone());
        let found = pull.payouts.iter_mut().find(|known| known.id == payout).expect("a payout that is known");
        assert!(found.is_under_way(), "{payout} has ended: {}", found.state);
        found.state = state;
        if state == "Completed" {
            desk.book(Moved::GivenBack, &invoice, found.amount, unit.code());
        }
        let kind = if state == "AwaitingPayment" { "PayoutApproved" } else { "PayoutUpdated" };
        tell(desk, kind, pull, payout);
    }

    /// The merchant archives it: nobody can claim it any more, and what has not left is canceled.
    pub(super) fn archive(&mut self, desk: &mut Desk, id: &str) {
        let waiting = |payout: &&Payout| matches!(payout.state, "AwaitingApproval" | "AwaitingPayment");
        let pull = self.pull(id);
        pull.archived = true;
        let canceled: Vec<String> =
            pull.payouts.iter().filter(waiting).map(|payout| payout.id.clone()).collect();
        for payout in canceled {
            self.go_on_with(desk, id, &payout, "Cancelled");
        }
    }

    /// The customer claims, the merchant pays: all of it.
    pub(super) fn pay_out(&mut self, desk: &mut Desk, id: &str) {
        if self.pull(id).unclaimed() > 0 {
            self.claim(desk, id, None);
        }
        let under_way = self.pull(id).payouts.iter().filter(|payout| payout.is_under_way());
        for payout in under_way.map(|payout| payout.id.clone()).collect::<Vec<_>>() {
            for state in ["AwaitingPayment", "InProgress", "Completed"] {
                self.go_on_with(desk, id, &payout, state);
            }
        }
    }
}

/// Tells of a payout. Neither the invoice stands there nor anything of ours.
fn tell(desk: &mut Desk, kind: &'static str, pull: &PullPayment, payout: &str) {
    let state = pull.payouts.iter().find(|known| known.id == payout).map(|payout| payout.state);
    let (id, at_s) = (desk.fresh(), desk.now_s());
    let mut event: Value = objects::event(&id, kind, at_s);
    for (name, value) in
        [("payoutId", json!(payout)), ("pullPaymentId", json!(pull.id)), ("payoutState", json!(state))]
    {
        event[name] = value;
    }
    desk.tell_text(&id, kind, objects::written(&event));
}
