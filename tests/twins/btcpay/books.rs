//! One store's books: invoices, the coins that came to them, and what time, the network and the merchant do to both.
//!
//! Source: docs.btcpayserver.org ("Invoices", "Webhooks") and the public source (`InvoiceWatcher.UpdateInvoice`,
//! `InvoiceState`, `WebhookSender`).
//!
//! Invariant: an invoice changes its status only in [`Books::look`] and [`Books::mark`], and each change that BTCPay
//! Server tells of has its event. After an invoice has expired nothing tells of its status any more unless the merchant
//! marks it: all there is are events of single payments.

use serde_json::{Value, json};

use super::amounts::Currency;
use super::objects;
use super::refunds::PullPayment;
use crate::twins::desk::{Desk, Moved};

/// How a store's invoices are set up, unless the request says otherwise, in seconds.
pub(super) const EXPIRES_AFTER_S: i64 = 15 * 60;
pub(super) const MONITORED_AFTER_S: i64 = 24 * 3_600;

/// The ways in which this store is paid.
pub(super) const ON_CHAIN: &str = "BTC-CHAIN";
pub(super) const LIGHTNING: &str = "BTC-LN";

/// Coins that came.
#[derive(Clone, Debug)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) method: &'static str,
    pub(super) satoshis: i64,
    pub(super) received_at_s: i64,
    /// `Processing`, `Settled` or `Invalid`.
    pub(super) status: &'static str,
}

/// One invoice, and the page for it.
#[derive(Clone, Debug)]
pub(super) struct Invoice {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: Currency,
    /// What it costs, and the least that counts as all of it.
    pub(super) due_satoshis: i64,
    pub(super) enough_satoshis: i64,
    pub(super) metadata: Value,
    pub(super) checkout: Value,
    pub(super) receipt: Value,
    pub(super) search_terms: Vec<String>,
    pub(super) methods: Vec<&'static str>,
    pub(super) created_at_s: i64,
    pub(super) expires_at_s: i64,
    pub(super) monitored_until_s: i64,
    pub(super) status: &'static str,
    pub(super) additional: &'static str,
    pub(super) payments: Vec<Payment>,
}

impl Invoice {
    /// What came of these statuses.
    fn sum(&self, statuses: &[&str]) -> i64 {
        let counted = self.payments.iter().filter(|payment| statuses.contains(&payment.status));
        counted.map(|payment| payment.satoshis).sum()
    }

    pub(super) fn paid_satoshis(&self) -> i64 {
        self.sum(&["Processing", "Settled"])
    }

    pub(super) fn settled_satoshis(&self) -> i64 {
        self.sum(&["Settled"])
    }

    pub(super) fn is_over_paid(&self) -> bool {
        self.paid_satoshis() > self.due_satoshis
    }

    fn is_paid(&self) -> bool {
        self.paid_satoshis() >= self.enough_satoshis
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.status, "Expired" | "Invalid")
    }

    /// What a merchant may mark it as.
    pub(super) fn markable(&self) -> Vec<&'static str> {
        let marked = self.additional == "Marked";
        let is_open = matches!(self.status, "New" | "Processing" | "Expired");
        let settled = (is_open || self.status == "Invalid").then_some("Settled");
        let invalid = (is_open || (marked && self.status != "Invalid")).then_some("Invalid");
        settled.into_iter().chain(invalid).collect()
    }

    /// `InvoiceState.CanRefund` of the public source.
    pub(super) fn is_refundable(&self) -> bool {
        match self.status {
            "Settled" | "Invalid" => true,
            "Expired" => matches!(self.additional, "PaidLate" | "PaidPartial" | "PaidOver"),
            _ => false,
        }
    }
}

/// All of one store, oldest first.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) invoices: Vec<Invoice>,
    pub(super) pull_payments: Vec<PullPayment>,
}

impl Books {
    pub(super) fn invoice(&self, id: &str) -> Option<&Invoice> {
        self.invoices.iter().find(|known| known.id == id)
    }

    fn change(&mut self, id: &str) -> &mut Invoice {
        let found = self.invoices.iter_mut().find(|known| known.id == id);
        found.unwrap_or_else(|| panic!("no invoice {id}"))
    }

    pub(super) fn open(&mut self, desk: &mut Desk, invoice: Invoice) {
        tell(desk, "InvoiceCreated", &invoice, &json!({}));
        self.invoices.push(invoice);
    }

    /// Coins come to the invoice's address; what is missing, unless it is said how many. Those that come by lightning
    /// are settled at once, the others once they are confirmed.
    pub(super) fn receive(
        &mut self,
        desk: &mut Desk,
        id: &str,
        method: &'static str,
        satoshis: Option<i64>,
    ) -> String {
        self.tick(desk);
        let (payment, received_at_s) = (format!("{}-0", desk.fresh()), desk.now_s());
        let invoice = self.change(id);
        let satoshis = satoshis.unwrap_or(invoice.due_satoshis - invoice.paid_satoshis());
        assert!(satoshis > 0, "{id} needs no more coins");
        assert!(received_at_s <= invoice.monitored_until_s, "nobody looks at {id} any more");
        let coins = Payment { id: payment.clone(), method, satoshis, received_at_s, status: "Processing" };
        invoice.payments.push(coins.clone());
        let extra = objects::told_of_payment(invoice, &coins);
        tell(desk, "InvoiceReceivedPayment", invoice, &extra);
        if method == LIGHTNING {
            self.settle(desk, id);
        } else {
            self.look(desk, id);
        }
        payment
    }

    /// Every payment that waits is confirmed by the network.
    pub(super) fn settle(&mut self, desk: &mut Desk, id: &str) {
        self.look(desk, id);
        let invoice = self.change(id);
        let waiting =
            (0..invoice.payments.len()).filter(|index| invoice.payments[*index].status == "Processing");
        for index in waiting.collect::<Vec<_>>() {
            let before = invoice.currency.minor(invoice.settled_satoshis());
            invoice.payments[index].status = "Settled";
            let moved = invoice.currency.minor(invoice.settled_satoshis()) - before;
            desk.book(Moved::Taken, id, moved, invoice.currency.code);
            let extra = objects::told_of_payment(invoice, &invoice.payments[index]);
            tell(desk, "InvoicePaymentSettled", invoice, &extra);
        }
        self.look(desk, id);
    }

    /// Every payment that waits is replaced by its sender: the coins went elsewhere.
    pub(super) fn replace(&mut self, desk: &mut Desk, id: &str) {
        for payment in self.change(id).payments.iter_mut().filter(|payment| payment.status == "Processing") {
            payment.status = "Invalid";
        }
        self.look(desk, id);
    }

    /// What has become of every invoice meanwhile.
    pub(super) fn tick(&mut self, desk: &mut Desk) {
        let ids: Vec<String> = self.invoices.iter().map(|invoice| invoice.id.clone()).collect();
        for id in ids {
            self.look(desk, &id);
        }
    }

    /// What follows for an invoice from the time and from its coins.
    fn look(&mut self, desk: &mut Desk, id: &str) {
        let now_s = desk.now_s();
        let invoice = self.change(id);
        let mut events = Vec::new();
        if invoice.status == "New" && invoice.expires_at_s <= now_s {
            invoice.status = "Expired";
            events.push(("InvoiceExpired", json!({ "partiallyPaid": invoice.additional == "PaidPartial" })));
        }
        if matches!(invoice.status, "New" | "Expired") {
            let has_payment = invoice.paid_satoshis() > 0;
            match (invoice.is_paid(), invoice.status) {
                (true, "New") => {
                    invoice.status = "Processing";
                    invoice.additional = if invoice.is_over_paid() { "PaidOver" } else { "None" };
                    events.push(("InvoiceProcessing", json!({ "overPaid": invoice.is_over_paid() })));
                }
                // Of this, no event tells.
                (true, _) => invoice.additional = "PaidLate",
                (false, _) => invoice.additional = if has_payment { "PaidPartial" } else { "None" },
            }
        } else if invoice.status == "Processing" && !invoice.is_paid() {
            // A payment was replaced. Of this, no event tells either.
            invoice.status = "New";
            invoice.additional = if invoice.paid_satoshis() > 0 { "PaidPartial" } else { "None" };
        } else if invoice.status == "Processing" {
            invoice.additional = if invoice.is_over_paid() { "PaidOver" } else { "None" };
        }
        if invoice.status == "Processing" {
            if invoice.settled_satoshis() >= invoice.enough_satoshis {
                invoice.status = "Settled";
                let extra = json!({ "manuallyMarked": false, "overPaid": invoice.is_over_paid() });
                events.push(("InvoiceSettled", extra));
            } else if invoice.monitored_until_s < now_s {
                invoice.status = "Invalid";
                events.push(("InvoiceInvalid", json!({ "manuallyMarked": false })));
            }
        }
        for (kind, extra) in events {
            tell(desk, kind, invoice, &extra);
        }
    }

    /// The merchant, or the API for them, says what an invoice is. Whether they may is asked before.
    pub(super) fn mark(&mut self, desk: &mut Desk, id: &str, status: &'static str) {
        let invoice = self.change(id);
        (invoice.status, invoice.additional) = (status, "Marked");
        let manually = json!({ "manuallyMarked": true });
        match status {
            "Settled" => {
                let extra = json!({ "manuallyMarked": true, "overPaid": invoice.is_over_paid() });
                tell(desk, "InvoiceSettled", invoice, &extra);
            }
            _ => tell(desk, "InvoiceInvalid", invoice, &manually),
        }
    }
}

/// Tells of something about an invoice.
fn tell(desk: &mut Desk, kind: &'static str, invoice: &Invoice, extra: &Value) {
    let (id, at_s) = (desk.fresh(), desk.now_s());
    let mut event = objects::event(&id, kind, at_s);
    event["invoiceId"] = invoice.id.as_str().into();
    event["metadata"] = invoice.metadata.clone();
    for (name, value) in extra.as_object().expect("fields") {
        event[name.as_str()] = value.clone();
    }
    desk.tell_text(&id, kind, objects::written(&objects::published_event(kind, event)));
}
