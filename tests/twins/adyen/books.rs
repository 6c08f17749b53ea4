//! Adyen's books: links and sessions, the payments made at them, and what is done to payments afterwards.
//!
//! Source: docs.adyen.com: "Pay by Link", "Hosted Checkout", "Capture", "Cancel", "Refund", "Webhook types".
//!
//! A capture, cancel or refund is a *modification*: Adyen takes note of it at once and tells later, by webhook and in
//! no other way, how it ended.
//!
//! Invariant: money moves only where the ledger gets its line, and whatever Adyen tells of has its event.

use serde_json::{Map, Value, json};

use super::notices::{self, Notice};
use super::records::{Kind, Modification, Page, Payment, State};
use crate::twins::desk::{Desk, Moved};

/// Tries at a session after which it is refused. Adyen names no number.
const SESSION_TRIES_MAX: u32 = 3;

/// All of one account, oldest first.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) pages: Vec<Page>,
    pub(super) payments: Vec<Payment>,
    pub(super) modifications: Vec<Modification>,
    /// The event codes that the endpoint was set up for.
    subscribed: Vec<String>,
    /// Modifications wait until a test ends them.
    pub(super) holds_modifications: bool,
    /// That a payment was captured by itself is told as well, as accounts can be set to.
    pub(super) tells_of_automatic_captures: bool,
    made: u64,
    told: u64,
}

impl Books {
    /// Empty books, whose endpoint hears of these event codes.
    pub(super) fn telling_of(subscribed: Vec<String>) -> Self {
        Self { subscribed, ..Self::default() }
    }

    /// Sixteen letters and digits, as every `pspReference` has.
    pub(super) fn fresh(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        self.made += 1;
        // An odd factor, so that no two are equal; and none of another twin's in the same process.
        let mut rest =
            ((self.made << 20) ^ u64::from(std::process::id())).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut text = "TWN".to_owned();
        for _ in 0..13 {
            text.push(char::from(LETTERS[usize::try_from(rest % 32).expect("small")]));
            rest /= 32;
        }
        text
    }

    /// Opens a link or a session.
    pub(super) fn open(&mut self, page: (bool, bool), fields: Map<String, Value>, at_s: [i64; 2]) -> Page {
        let ((is_session, livemode), [now_s, expires_at_s]) = (page, at_s);
        let id = format!("{}{}", if is_session { "CS" } else { "PL" }, self.fresh());
        let page = Page {
            id,
            is_session,
            livemode,
            fields,
            status: "active",
            expires_at_s,
            updated_at_s: now_s,
            tries: 0,
            results: vec![],
        };
        self.pages.push(page.clone());
        page
    }

    /// A page as it is now: one whose time is over has expired, and nobody is told.
    pub(super) fn page(&mut self, id: &str, now_s: i64) -> Option<Page> {
        let page = self.pages.iter_mut().find(|page| page.id == id)?;
        if page.status == "active" && now_s >= page.expires_at_s {
            (page.status, page.updated_at_s) = ("expired", page.expires_at_s);
        }
        Some(page.clone())
    }

    pub(super) fn change(&mut self, id: &str, now_s: i64, status: &'static str) {
        let page = self.pages.iter_mut().find(|page| page.id == id).expect("a page that is known");
        (page.status, page.updated_at_s) = (status, now_s);
    }

    pub(super) fn payment(&self, adyen_id: &str) -> Option<&Payment> {
        self.payments.iter().find(|known| known.adyen_id == adyen_id)
    }

    fn payment_mut(&mut self, adyen_id: &str) -> &mut Payment {
        let found = self.payments.iter_mut().find(|known| known.adyen_id == adyen_id);
        found.expect("a payment that is known")
    }

    /// The payment that was made at a page, the last one after others came to nothing.
    pub(super) fn payment_at(&self, page: &str) -> Option<&Payment> {
        self.payments.iter().rfind(|known| known.page == page)
    }

    /// Tells the endpoint, if it was set up for such events.
    pub(super) fn tell(&mut self, desk: &mut Desk, livemode: bool, notice: &Notice<'_>) {
        if !self.subscribed.iter().any(|code| code == notice.code) {
            return;
        }
        self.told += 1;
        let id = format!("{} {} {}", notice.code, notice.adyen_id, self.told);
        desk.tell(&id, notice.code, &notices::delivery(livemode, &[notice.item()]));
    }

    /// What an authorization's event says beside what is signed.
    fn beside(page: &Page) -> Value {
        let mut additional = Map::new();
        if page.is_session {
            additional.insert("checkoutSessionId".to_owned(), page.id.clone().into());
        } else {
            additional.insert("paymentLinkId".to_owned(), page.id.clone().into());
            additional.insert("metadata.checkout.linkId".to_owned(), page.id.clone().into());
        }
        for (name, value) in page.fields.get("metadata").and_then(Value::as_object).into_iter().flatten() {
            additional.insert(format!("metadata.{name}"), value.clone());
        }
        Value::Object(additional)
    }

    /// The shopper's bank says yes.
    pub(super) fn pay(&mut self, desk: &mut Desk, page: &str) {
        self.pay_later(desk, page);
        self.end_pending(desk, page, true);
    }

    /// The shopper has done what there is to do; the bank says later.
    pub(super) fn pay_later(&mut self, desk: &Desk, id: &str) {
        let page = self.page(id, desk.now_s()).expect("a page that is there");
        assert_eq!(page.status, "active", "{id} takes no payment any more");
        let payment = Payment {
            adyen_id: self.fresh(),
            page: page.id.clone(),
            livemode: page.livemode,
            reference: page.reference().to_owned(),
            amount: page.amount(),
            currency: page.currency().to_owned(),
            state: State::Pending,
        };
        self.payments.push(payment);
        self.change(id, desk.now_s(), "paymentPending");
    }

    /// What was pending at a page is authorized, or refused.
    pub(super) fn end_pending(&mut self, desk: &mut Desk, id: &str, is_success: bool) {
        let now_s = desk.now_s();
        let page = self.page(id, now_s).expect("a page that is there");
        let payment = self.payment_at(id).expect("a payment").clone();
        assert_eq!(payment.state, State::Pending, "{id} is not pending");
        let (name, amount, currency) = (payment.adyen_id.as_str(), payment.amount, payment.currency.as_str());
        let notice = Notice {
            code: "AUTHORISATION",
            adyen_id: name,
            original: None,
            reference: page.reference(),
            amount,
            currency,
            is_success,
            reason: if is_success { "" } else { "Refused" },
            additional: Self::beside(&page),
            at_s: now_s,
        };
        if !is_success {
            self.payment_mut(name).state = State::Over;
            // Another try may follow.
            self.change(id, now_s, "active");
            self.tell(desk, page.livemode, &notice);
            return;
        }
        self.change(id, now_s, "completed");
        self.payment_mut(name).state = State::Authorized;
        desk.book(Moved::Reserved, name, amount, currency);
        self.tell(desk, page.livemode, &notice);
        if !page.is_manual() {
            self.payment_mut(name).state = State::Captured(amount);
            desk.book(Moved::Taken, name, amount, currency);
            if self.tells_of_automatic_captures {
                let capture = self.fresh();
                let notice = Notice {
                    code: "CAPTURE",
                    adyen_id: &capture,
                    original: Some(name),
                    additional: json!({}),
                    ..notice
                };
                self.tell(desk, page.livemode, &notice);
            }
        }
    }

    /// The shopper's bank says no: an event with an id of its own. The page stays open, a session not for ever.
    pub(super) fn decline(&mut self, desk: &mut Desk, id: &str, reason: &str) {
        let now_s = desk.now_s();
        let page = self.page(id, now_s).expect("a page that is there");
        let adyen_id = self.fresh();
        let notice = Notice {
            code: "AUTHORISATION",
            adyen_id: &adyen_id,
            original: None,
            reference: page.reference(),
            amount: page.amount(),
            currency: page.currency(),
            is_success: false,
            reason,
            additional: Self::beside(&page),
            at_s: now_s,
        };
        self.tell(desk, page.livemode, &notice);
        let page = self.pages.iter_mut().find(|page| page.id == id).expect("a page that is there");
        page.tries += 1;
        if page.is_session && page.tries >= SESSION_TRIES_MAX {
            page.status = "refused";
        }
    }

    /// The shopper leaves a session's page: what they bring back shows it as it is now, for ever.
    pub(super) fn result_of(&mut self, id: &str) -> String {
        let result = format!("X3XtfGC9!{}", self.fresh());
        let payments: Vec<Value> = self
            .payments
            .iter()
            .filter(|payment| {
                payment.page == id && matches!(payment.state, State::Authorized | State::Captured(_))
            })
            .map(|payment| {
                json!({
                    "amount": {"currency": payment.currency, "value": payment.amount},
                    "paymentMethod": {"type": "scheme", "brand": "visa"},
                    "pspReference": payment.adyen_id,
                    "resultCode": "Authorised",
                })
            })
            .collect();
        let page = self.pages.iter_mut().find(|page| page.id == id).expect("a page that is there");
        let mut shown = json!({ "id": id, "reference": page.reference(), "status": page.status });
        if !payments.is_empty() {
            shown["payments"] = payments.into();
        }
        page.results.push((result.clone(), shown));
        result
    }

    /// The event of a modification.
    fn tell_of(&mut self, desk: &mut Desk, done: &Modification, is_success: bool, reason: &str) {
        let payment = self.payment(&done.payment).expect("a payment that is known").clone();
        let notice = Notice {
            code: done.kind.code(),
            adyen_id: &done.adyen_id,
            original: Some(&payment.adyen_id),
            reference: &done.reference,
            amount: done.amount,
            currency: &payment.currency,
            is_success,
            reason,
            additional: json!({}),
            at_s: desk.now_s(),
        };
        self.tell(desk, payment.livemode, &notice);
    }

    /// Takes note of what is asked for; it ends at once unless the test wants to say when.
    pub(super) fn modify(
        &mut self,
        desk: &mut Desk,
        kind: Kind,
        payment: &str,
        asked: (i64, &str),
    ) -> String {
        let (amount, reference) = (asked.0, asked.1.to_owned());
        let adyen_id = self.fresh();
        let payment = payment.to_owned();
        let asked = Modification { adyen_id, kind, payment, reference, amount, is_success: None };
        let adyen_id = asked.adyen_id.clone();
        self.modifications.push(asked);
        if !self.holds_modifications {
            self.end(desk, &adyen_id, None);
        }
        adyen_id
    }

    /// Ends a modification: refused for this reason, else as far as the payment allows it.
    pub(super) fn end(&mut self, desk: &mut Desk, adyen_id: &str, refused: Option<&'static str>) {
        let found = self.modifications.iter().find(|known| known.adyen_id == adyen_id);
        let asked = found.expect("a modification that is known").clone();
        assert_eq!(asked.is_success, None, "{adyen_id} has ended");
        let payment = self.payment(&asked.payment).expect("a payment that is known").clone();
        let refused = refused.or_else(|| self.obstacle(&asked, &payment));
        let is_success = refused.is_none();
        if is_success {
            self.do_it(desk, &asked, &payment);
        }
        let mut all = self.modifications.iter_mut();
        all.find(|known| known.adyen_id == adyen_id).expect("it").is_success = Some(is_success);
        self.tell_of(desk, &asked, is_success, refused.unwrap_or_default());
    }

    /// Why a modification cannot be done, in Adyen's words.
    fn obstacle(&self, asked: &Modification, payment: &Payment) -> Option<&'static str> {
        match (asked.kind, payment.state) {
            (Kind::Capture, State::Authorized) if asked.amount > payment.amount => {
                Some("Capture amount exceeds the authorised amount")
            }
            (Kind::Capture, State::Authorized) => None,
            (Kind::Cancel | Kind::TechnicalCancel, State::Authorized) => None,
            (Kind::Refund, State::Captured(amount)) => {
                let refunded = self.refunded(payment) + asked.amount;
                (refunded > amount).then_some("Insufficient balance on payment")
            }
            (Kind::Refund, State::Authorized) => {
                Some("Transaction hasn't been captured, refund not possible")
            }
            (_, State::Pending) => Some("Transaction is not authorised"),
            (_, State::Captured(_)) => Some("Transaction has already been captured"),
            (_, State::Over) => Some("Transaction has been cancelled or has expired"),
        }
    }

    fn refunded(&self, payment: &Payment) -> i64 {
        let done = self.modifications.iter().filter(|known| {
            known.payment == payment.adyen_id && known.kind == Kind::Refund && known.is_success == Some(true)
        });
        done.map(|known| known.amount).sum()
    }

    fn do_it(&mut self, desk: &mut Desk, asked: &Modification, payment: &Payment) {
        let (name, currency) = (payment.adyen_id.as_str(), payment.currency.as_str());
        match asked.kind {
            Kind::Capture => {
                desk.book(Moved::Taken, name, asked.amount, currency);
                // One capture is all there is; what is left is released with it.
                desk.book(Moved::Released, name, payment.amount - asked.amount, currency);
                self.payment_mut(name).state = State::Captured(asked.amount);
            }
            Kind::Cancel | Kind::TechnicalCancel => {
                desk.book(Moved::Released, name, payment.amount, currency);
                self.payment_mut(name).state = State::Over;
            }
            Kind::Refund => desk.book(Moved::GivenBack, name, asked.amount, currency),
        }
    }

    /// The time of an authorization is over. The event names the payment by the reference alone.
    pub(super) fn lapse(&mut self, desk: &mut Desk, payment: &str) {
        let payment = self.payment(payment).expect("a payment that is known").clone();
        assert_eq!(payment.state, State::Authorized, "only what is reserved lapses");
        self.payment_mut(&payment.adyen_id).state = State::Over;
        desk.book(Moved::Released, &payment.adyen_id, payment.amount, &payment.currency);
        let adyen_id = self.fresh();
        self.say(desk, &payment, "EXPIRE", &adyen_id, (false, payment.amount));
    }

    /// What was done is undone days later: `CAPTURE_FAILED`, `REFUND_FAILED` or `REFUNDED_REVERSED`, with the
    /// modification's own id and reference.
    pub(super) fn undo(&mut self, desk: &mut Desk, adyen_id: &str, code: &'static str) {
        let found = self.modifications.iter_mut().find(|known| known.adyen_id == adyen_id);
        let done = found.expect("a modification that is known");
        assert_eq!(done.is_success, Some(true), "only what succeeded fails later");
        done.is_success = Some(false);
        let done = done.clone();
        let payment = self.payment(&done.payment).expect("a payment that is known").clone();
        if done.kind == Kind::Refund {
            desk.book(Moved::CameBack, &payment.adyen_id, done.amount, &payment.currency);
        }
        let notice = Notice {
            code,
            adyen_id,
            original: Some(&payment.adyen_id),
            reference: &done.reference,
            amount: done.amount,
            currency: &payment.currency,
            is_success: true,
            reason: "Rejected by the card scheme",
            additional: json!({}),
            at_s: desk.now_s(),
        };
        self.tell(desk, payment.livemode, &notice);
    }

    /// An event about a payment that nobody asked for, such as a stage of a dispute.
    pub(super) fn say(
        &mut self,
        desk: &mut Desk,
        payment: &Payment,
        code: &'static str,
        adyen_id: &str,
        (names_payment, amount): (bool, i64),
    ) {
        let notice = Notice {
            code,
            adyen_id,
            original: names_payment.then_some(payment.adyen_id.as_str()),
            reference: &payment.reference,
            amount,
            currency: &payment.currency,
            is_success: true,
            reason: "",
            additional: json!({}),
            at_s: desk.now_s(),
        };
        self.tell(desk, payment.livemode, &notice);
    }
}
