//! Stripe's objects and how they come to their states: pages, payments, charges, refunds, disputes.
//!
//! Source: docs.stripe.com/api, docs.stripe.com/payments/checkout/how-checkout-works,
//! docs.stripe.com/payments/paymentintents/lifecycle, docs.stripe.com/refunds, docs.stripe.com/disputes.
//!
//! Invariant: money moves only together with its line in the ledger and its events.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::objects::{self, write};
use super::refusal::Refusal;
use crate::twins::desk::{Desk, Moved};

/// Everything that Stripe knows of one account.
#[derive(Debug)]
pub(super) struct Books {
    /// Every object by its id.
    pub(super) objects: BTreeMap<String, Value>,
    /// What a page's PaymentIntent will be made with, by the page.
    pub(super) plans: BTreeMap<String, Value>,
    /// Ids in the order they were made.
    pub(super) made: Vec<String>,
    /// The connected account that events are of.
    pub(super) account: Option<String>,
    /// Event types that the endpoint is subscribed to.
    pub(super) subscribed: Vec<String>,
    /// What new refunds begin as.
    pub(super) refunds_begin: &'static str,
    /// Whether the part that is not captured is written down as a refund that moves no balance.
    pub(super) releases_are_refunds: bool,
    /// The idempotency key of the request that causes events; none for what shoppers and banks do.
    pub(super) cause: Option<String>,
}

impl Books {
    pub(super) fn new(account: Option<String>, subscribed: Vec<String>) -> Self {
        Self {
            objects: BTreeMap::new(),
            plans: BTreeMap::new(),
            made: vec![],
            account,
            subscribed,
            refunds_begin: "succeeded",
            releases_are_refunds: false,
            cause: None,
        }
    }

    pub(super) fn add(&mut self, object: Value) -> String {
        let id = text(&object, "id").to_owned();
        self.made.push(id.clone());
        self.objects.insert(id.clone(), object);
        id
    }

    /// An object that is there.
    pub(super) fn get(&self, id: &str) -> &Value {
        self.objects.get(id).unwrap_or_else(|| panic!("no object {id}"))
    }

    pub(super) fn change(&mut self, id: &str, fields: Value) {
        write(self.objects.get_mut(id).unwrap_or_else(|| panic!("no object {id}")), fields);
    }

    /// The object of a kind with an id from outside.
    ///
    /// # Errors
    /// There is none, or not in this mode.
    pub(super) fn find(&self, kind: &str, id: &str, livemode: bool) -> Result<&Value, Refusal> {
        let object = self.objects.get(id).filter(|object| object["object"] == kind);
        // A refund does not say its mode; its charge does.
        let is_seen = |object: &&Value| match object["livemode"].as_bool() {
            Some(known) => known == livemode,
            None => object["charge"].as_str().is_none_or(|charge| self.get(charge)["livemode"] == livemode),
        };
        object.filter(is_seen).ok_or_else(|| Refusal::no_such_object(kind, id))
    }

    /// Tells the endpoint of an event, if it wants to hear of such.
    pub(super) fn tell(&mut self, desk: &mut Desk, kind: &str, object_id: &str) {
        let object = self.get(object_id).clone();
        let livemode = object["livemode"].as_bool().unwrap_or_else(|| {
            self.get(text(&object, "charge"))["livemode"].as_bool().expect("a charge says its mode")
        });
        let id = format!("evt_{}", desk.fresh());
        let mut event = objects::event(json!({
            "id": id, "created": desk.now_s(), "type": kind, "livemode": livemode, "pending_webhooks": 1,
            "data": {"object": object},
            "request": {"id": null, "idempotency_key": self.cause.clone()},
        }));
        if let Some(account) = &self.account {
            event["account"] = account.as_str().into();
        }
        if self.subscribed.iter().any(|wanted| wanted == kind) {
            desk.tell(&id, kind, &event);
        }
    }

    /// Closes pages whose time is over.
    pub(super) fn expire_what_is_due(&mut self, desk: &mut Desk) {
        let now_s = desk.now_s();
        let is_due = |id: &&String| {
            let object = self.get(id);
            object["object"] == "checkout.session"
                && object["status"] == "open"
                && object["expires_at"].as_i64().is_some_and(|at| at <= now_s)
        };
        let due: Vec<String> = self.made.iter().filter(is_due).cloned().collect();
        for id in due {
            self.expire(desk, &id);
        }
    }

    /// Closes a page; what the shopper began there is canceled.
    pub(super) fn expire(&mut self, desk: &mut Desk, session: &str) {
        self.change(session, json!({ "status": "expired", "url": null }));
        if let Some(intent) = self.get(session)["payment_intent"].as_str().map(str::to_owned) {
            self.cancel(desk, &intent, None);
        }
        self.tell(desk, "checkout.session.expired", session);
    }

    /// The PaymentIntent of a page, made when the shopper first submits.
    fn submit(&mut self, desk: &mut Desk, session: &str) -> String {
        let page = self.get(session).clone();
        if let Some(intent) = page["payment_intent"].as_str() {
            return intent.to_owned();
        }
        let id = format!("pi_3{}", desk.fresh());
        let data = self.plans.get(session).cloned().unwrap_or_default();
        let intent = self.add(objects::intent(json!({
            "id": id, "amount": page["amount_total"], "currency": page["currency"],
            "created": desk.now_s(), "livemode": page["livemode"], "metadata": data["metadata"],
            "description": data["description"], "capture_method": data["capture_method"],
            "client_secret": format!("{id}_secret_{}", desk.fresh()), "status": "requires_payment_method",
        })));
        self.change(session, json!({ "payment_intent": intent }));
        self.tell(desk, "payment_intent.created", &intent);
        intent
    }

    fn new_charge(&mut self, desk: &mut Desk, intent: &str, fields: Value) -> String {
        let payment = self.get(intent).clone();
        let mut charge = objects::charge(json!({
            "id": format!("ch_3{}", desk.fresh()), "amount": payment["amount"], "currency": payment["currency"],
            "created": desk.now_s(), "livemode": payment["livemode"], "payment_intent": intent,
            "metadata": payment["metadata"], "description": payment["description"],
        }));
        write(&mut charge, fields);
        let charge = self.add(charge);
        self.change(intent, json!({ "latest_charge": charge }));
        charge
    }

    fn complete(&mut self, session: &str, payment_status: &str) {
        let email = self.get(session)["customer_email"].clone();
        let address = json!({"city": null, "country": "DE", "line1": null, "line2": null, "postal_code": null,
            "state": null});
        self.change(
            session,
            json!({
                "status": "complete", "payment_status": payment_status, "url": null,
                "customer_details": {"address": address, "business_name": null, "email": email,
                "individual_name": null, "name": "Jenny Rosen", "phone": null, "tax_exempt": "none",
                "tax_ids": []},
            }),
        );
    }

    /// The shopper's card is good: the money is taken, or reserved.
    pub(super) fn pay(&mut self, desk: &mut Desk, session: &str) {
        let intent = self.submit(desk, session);
        let (amount, currency) = amount(self.get(&intent), "amount");
        let method = json!({ "payment_method": format!("pm_{}", desk.fresh()), "last_payment_error": null });
        self.change(&intent, method);
        desk.book(Moved::Reserved, &intent, amount, &currency);
        let charge = self.new_charge(desk, &intent, json!({ "status": "succeeded" }));
        if self.get(&intent)["capture_method"] == "manual" {
            self.change(&intent, json!({ "status": "requires_capture", "amount_capturable": amount }));
            self.complete(session, "unpaid");
            self.tell(desk, "charge.succeeded", &charge);
            self.tell(desk, "payment_intent.amount_capturable_updated", &intent);
        } else {
            self.take(desk, &intent, &charge, amount);
            self.complete(session, "paid");
            self.tell(desk, "charge.succeeded", &charge);
            self.tell(desk, "payment_intent.succeeded", &intent);
        }
        self.tell(desk, "checkout.session.completed", session);
    }

    fn balance(
        &mut self,
        desk: &mut Desk,
        (amount, currency): (i64, &str),
        kind: &str,
        source: &str,
    ) -> String {
        let transaction = objects::balance_transaction(json!({
            "id": format!("txn_{}", desk.fresh()), "amount": amount, "net": amount, "currency": currency,
            "created": desk.now_s(), "available_on": desk.now_s(), "type": kind, "reporting_category": kind,
            "source": source, "description": null,
        }));
        self.add(transaction)
    }

    fn take(&mut self, desk: &mut Desk, intent: &str, charge: &str, amount: i64) {
        let currency = text(self.get(intent), "currency").to_owned();
        let moved = self.balance(desk, (amount, &currency), "charge", charge);
        let captured = json!({ "captured": true, "amount_captured": amount, "balance_transaction": moved });
        self.change(charge, captured);
        let received = json!({ "status": "succeeded", "amount_received": amount, "amount_capturable": 0 });
        self.change(intent, received);
        desk.book(Moved::Taken, intent, amount, &currency);
    }

    /// The shopper chose to pay by a bank debit: the outcome comes days later.
    pub(super) fn pay_later(&mut self, desk: &mut Desk, session: &str) {
        let intent = self.submit(desk, session);
        let method = format!("pm_{}", desk.fresh());
        self.change(&intent, json!({ "status": "processing", "payment_method": method }));
        let charge = self.new_charge(desk, &intent, json!({ "status": "pending", "paid": false }));
        self.complete(session, "unpaid");
        self.tell(desk, "charge.pending", &charge);
        self.tell(desk, "payment_intent.processing", &intent);
        self.tell(desk, "checkout.session.completed", session);
    }

    /// The bank debit comes to its end.
    pub(super) fn settle(&mut self, desk: &mut Desk, session: &str, is_paid: bool) {
        let intent = text(self.get(session), "payment_intent").to_owned();
        assert_eq!(self.get(&intent)["status"], "processing", "nothing is under way");
        let charge = text(self.get(&intent), "latest_charge").to_owned();
        let (amount, currency) = amount(self.get(&intent), "amount");
        if is_paid {
            desk.book(Moved::Reserved, &intent, amount, &currency);
            self.change(&charge, json!({ "status": "succeeded", "paid": true }));
            self.take(desk, &intent, &charge, amount);
            self.change(session, json!({ "payment_status": "paid" }));
            self.tell(desk, "charge.succeeded", &charge);
            self.tell(desk, "payment_intent.succeeded", &intent);
            self.tell(desk, "checkout.session.async_payment_succeeded", session);
        } else {
            self.fail(desk, &intent, &charge, "insufficient_funds");
            self.tell(desk, "checkout.session.async_payment_failed", session);
        }
    }

    fn fail(&mut self, desk: &mut Desk, intent: &str, charge: &str, decline_code: &str) {
        let message = "Your card was declined.";
        self.change(
            charge,
            json!({ "status": "failed", "paid": false, "failure_code": "card_declined",
                "failure_message": message }),
        );
        let error = json!({ "type": "card_error", "code": "card_declined", "decline_code": decline_code,
            "message": message, "charge": charge,
            "doc_url": "https://stripe.com/docs/error-codes/card-declined" });
        self.change(
            intent,
            json!({ "status": "requires_payment_method", "last_payment_error": error, "payment_method": null }),
        );
        self.tell(desk, "charge.failed", charge);
        self.tell(desk, "payment_intent.payment_failed", intent);
    }

    /// The shopper's card is declined. The page stays open for another one.
    pub(super) fn decline(&mut self, desk: &mut Desk, session: &str, decline_code: &str) {
        let intent = self.submit(desk, session);
        let charge = self.new_charge(desk, &intent, json!({}));
        self.fail(desk, &intent, &charge, decline_code);
    }

    /// Takes reserved money; Stripe releases the rest.
    ///
    /// # Errors
    /// It is not reserved, or not so much.
    pub(super) fn capture(
        &mut self,
        desk: &mut Desk,
        intent: &str,
        wanted: Option<i64>,
    ) -> Result<(), Refusal> {
        let payment = self.get(intent).clone();
        let (capturable, currency) = amount(&payment, "amount_capturable");
        if payment["status"] != "requires_capture" {
            return Err(unexpected_state(&payment, "captured", "requires_capture"));
        }
        let wanted = wanted.unwrap_or(capturable);
        if wanted > capturable || wanted <= 0 {
            let message = format!(
                "The amount to capture is greater than the remaining amount capturable: {wanted}, {capturable}"
            );
            return Err(Refusal::invalid(message).code("amount_too_large").param("amount_to_capture"));
        }
        let charge = text(&payment, "latest_charge").to_owned();
        self.take(desk, intent, &charge, wanted);
        desk.book(Moved::Released, intent, capturable - wanted, &currency);
        if capturable > wanted && self.releases_are_refunds {
            let release = objects::refund(json!({
                "id": format!("re_3{}", desk.fresh()), "amount": capturable - wanted, "charge": charge,
                "payment_intent": intent, "currency": currency, "created": desk.now_s(),
            }));
            self.add(release);
        }
        self.tell(desk, "charge.captured", &charge);
        self.tell(desk, "payment_intent.succeeded", intent);
        Ok(())
    }

    /// Gives a payment up, and with it what is reserved.
    pub(super) fn cancel(&mut self, desk: &mut Desk, intent: &str, reason: Option<&str>) {
        let (reserved, currency) = amount(self.get(intent), "amount_capturable");
        desk.book(Moved::Released, intent, reserved, &currency);
        self.change(
            intent,
            json!({ "status": "canceled", "amount_capturable": 0, "canceled_at": desk.now_s(),
                "cancellation_reason": reason }),
        );
        self.tell(desk, "payment_intent.canceled", intent);
    }

    /// Gives money back.
    ///
    /// # Errors
    /// Nothing is captured, or not so much is left.
    pub(super) fn refund(
        &mut self,
        desk: &mut Desk,
        intent: &str,
        wanted: Option<i64>,
        fields: Value,
    ) -> Result<String, Refusal> {
        let payment = self.get(intent).clone();
        if payment["status"] != "succeeded" {
            let message =
                format!("This PaymentIntent ({intent}) does not have a successful charge to refund.");
            return Err(Refusal::invalid(message).code("payment_intent_unexpected_state"));
        }
        let charge_id = text(&payment, "latest_charge").to_owned();
        let charge = self.get(&charge_id).clone();
        let is_open = |object: &&Value| {
            object["object"] == "dispute"
                && object["charge"] == charge_id.as_str()
                && !matches!(object["status"].as_str(), Some("won" | "warning_closed"))
        };
        if self.objects.values().any(|object| is_open(&object)) {
            let message = format!("Charge {charge_id} has been charged back; cannot issue a refund.");
            return Err(Refusal::invalid(message).code("charge_disputed"));
        }
        let (captured, currency) = amount(&charge, "amount_captured");
        let refunded = charge["amount_refunded"].as_i64().expect("a sum");
        if refunded == captured {
            let message = format!("Charge {charge_id} has already been refunded.");
            return Err(Refusal::invalid(message).code("charge_already_refunded"));
        }
        let wanted = wanted.unwrap_or(captured - refunded);
        if wanted > captured - refunded {
            let message = format!(
                "Refund amount ({wanted}) is greater than unrefunded amount on charge ({})",
                captured - refunded
            );
            return Err(Refusal::invalid(message).param("amount"));
        }
        if wanted <= 0 {
            return Err(Refusal::invalid("Invalid positive integer").param("amount"));
        }
        let id = format!("re_3{}", desk.fresh());
        let moved = self.balance(desk, (-wanted, &currency), "refund", &id);
        let mut refund = objects::refund(json!({
            "id": id, "amount": wanted, "currency": currency, "charge": charge_id, "payment_intent": intent,
            "created": desk.now_s(), "balance_transaction": moved, "status": self.refunds_begin,
        }));
        write(&mut refund, fields);
        self.add(refund);
        let total = refunded + wanted;
        self.change(&charge_id, json!({ "amount_refunded": total, "refunded": total == captured }));
        // It leaves the merchant's balance at once, also while the bank has not said yes.
        desk.book(Moved::GivenBack, intent, wanted, &currency);
        self.tell(desk, "charge.refunded", &charge_id);
        self.tell(desk, "refund.created", &id);
        Ok(id)
    }

    /// A refund comes to its end, whatever it was before.
    pub(super) fn end_refund(&mut self, desk: &mut Desk, id: &str, status: &str) {
        let refund = self.get(id).clone();
        let (sum, currency) = amount(&refund, "amount");
        self.change(id, json!({ "status": status }));
        if status == "failed" {
            let charge = text(&refund, "charge").to_owned();
            let back = self.balance(desk, (sum, &currency), "refund_failure", id);
            let failure =
                json!({ "failure_reason": "lost_or_stolen_card", "failure_balance_transaction": back });
            self.change(id, failure);
            let left = self.get(&charge)["amount_refunded"].as_i64().expect("a sum") - sum;
            self.change(&charge, json!({ "amount_refunded": left, "refunded": false }));
            desk.book(Moved::CameBack, text(&refund, "payment_intent"), sum, &currency);
            self.tell(desk, "refund.updated", id);
            self.tell(desk, "refund.failed", id);
        } else {
            self.tell(desk, "refund.updated", id);
        }
    }

    /// The shopper's bank takes money back; its id.
    pub(super) fn dispute(
        &mut self,
        desk: &mut Desk,
        intent: &str,
        sum: Option<i64>,
        is_inquiry: bool,
    ) -> String {
        let charge = text(self.get(intent), "latest_charge").to_owned();
        let (captured, currency) = amount(self.get(&charge), "amount_captured");
        let sum = sum.unwrap_or(captured);
        let livemode = self.get(intent)["livemode"].clone();
        let status = if is_inquiry { "warning_needs_response" } else { "needs_response" };
        let dispute = self.add(objects::dispute(json!({
            "id": format!("dp_{}", desk.fresh()), "amount": sum, "currency": currency, "charge": charge,
            "payment_intent": intent, "created": desk.now_s(), "livemode": livemode, "reason": "fraudulent",
            "status": status, "is_charge_refundable": is_inquiry,
        })));
        self.change(&charge, json!({ "disputed": true }));
        self.tell(desk, "charge.dispute.created", &dispute);
        if !is_inquiry {
            desk.book(Moved::Disputed, intent, sum, &currency);
            self.tell(desk, "charge.dispute.funds_withdrawn", &dispute);
        }
        dispute
    }

    /// A dispute comes to its end.
    pub(super) fn close_dispute(&mut self, desk: &mut Desk, id: &str, status: &str) {
        self.change(id, json!({ "status": status }));
        let dispute = self.get(id).clone();
        let (sum, currency) = amount(&dispute, "amount");
        if status == "won" {
            desk.book(Moved::DisputeWon, text(&dispute, "payment_intent"), sum, &currency);
            self.tell(desk, "charge.dispute.funds_reinstated", id);
        }
        self.tell(desk, "charge.dispute.closed", id);
    }
}

/// A payment that cannot be captured or canceled as it is.
pub(super) fn unexpected_state(payment: &Value, asked: &str, wanted: &str) -> Refusal {
    let message = format!(
        "This PaymentIntent could not be {asked} because it has a status of {}. Only a PaymentIntent with one of the following statuses may be {asked}: {wanted}.",
        text(payment, "status")
    );
    let refusal = Refusal::invalid(message).code("payment_intent_unexpected_state");
    Refusal { intent: Some(Box::new(payment.clone())), ..refusal }
}

pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_else(|| panic!("no {field} in {object}"))
}

/// An amount of an object, with the object's currency.
fn amount(object: &Value, field: &str) -> (i64, String) {
    let amount = object[field].as_i64().unwrap_or_else(|| panic!("no {field} in {object}"));
    (amount, text(object, "currency").to_owned())
}
