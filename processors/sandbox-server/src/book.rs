//! Everything the processor knows, and the one way it changes: a [`Change`] is applied, live or replayed.
//!
//! Invariant: `apply` is a pure fold, so that replaying the journal gives the same book.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::faults::{Fault, Rule};
use crate::objects::{Dispute, Entry, Payment, PaymentStatus, Refund, RefundStatus, Session, SessionStatus};
use crate::rules::Stamp;

/// How far an event has come on its way to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Delivery {
    Pending,
    Held,
    Delivered,
    Failed,
    Dropped,
    NoUrl,
}

/// Finished events beyond this many are forgotten, oldest first; those on their way are kept.
const EVENTS_KEPT_MAX: usize = 100_000;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// Rises with each event of this server; tells earlier from later.
    pub(crate) number: u64,
    pub(crate) kind: String,
    pub(crate) account: String,
    pub(crate) session: String,
    pub(crate) reference: String,
    pub(crate) created: i64,
    pub(crate) delivery: Delivery,
    pub(crate) tries: u32,
    pub(crate) fault: Option<Fault>,
    pub(crate) body: String,
}

impl Event {
    pub(crate) fn new(
        (account, session, reference): (&str, &str, &str),
        kind: &str,
        object: &Value,
        stamp: &Stamp<'_>,
    ) -> Self {
        let id = (stamp.new_id)("ev_");
        let body = json!({
            "id": id, "type": kind, "created": stamp.now, "livemode": false, "data": {"object": object},
        });
        Self {
            id,
            number: 0,
            kind: kind.to_owned(),
            account: account.to_owned(),
            session: session.to_owned(),
            reference: reference.to_owned(),
            created: stamp.now,
            delivery: Delivery::Pending,
            tries: 0,
            fault: None,
            body: body.to_string(),
        }
    }
}

/// How an event's delivery went on, without its body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) id: String,
    pub(crate) delivery: Delivery,
    pub(crate) tries: u32,
    pub(crate) fault: Option<Fault>,
}

/// The stored answer of an idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) account: String,
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) at: i64,
}

/// What the admin set for an account, above what the server was started with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccountSetting {
    pub(crate) name: String,
    /// Whether `webhook_url` was set at all; `None` may have been set, to switch webhooks off.
    pub(crate) has_webhook_url: bool,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_secret: Option<String>,
}

/// How far the server's own times are from the machine's, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Offsets {
    pub(crate) clock_s: i64,
    pub(crate) signatures_s: i64,
}

/// One step of the book; one line of the journal. Objects are whole, as they are after the step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sessions: Vec<Session>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) payments: Vec<Payment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refunds: Vec<Refund>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) disputes: Vec<Dispute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ledger: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) events: Vec<Event>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) marks: Vec<Mark>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) kept: Vec<Kept>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Rule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules_removed: Vec<String>,
    /// Account and idempotency key of requests whose own faults were made into rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) seeded: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) settings: Vec<AccountSetting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offsets: Option<Offsets>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_mode: Option<RefundStatus>,
}

impl Change {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { sessions, payments, refunds, disputes, ledger, events, marks, .. } = self;
        let Self { kept, rules, rules_removed, seeded, settings, offsets, refund_mode, .. } = self;
        sessions.is_empty()
            && payments.is_empty()
            && refunds.is_empty()
            && disputes.is_empty()
            && ledger.is_empty()
            && events.is_empty()
            && marks.is_empty()
            && kept.is_empty()
            && rules.is_empty()
            && rules_removed.is_empty()
            && seeded.is_empty()
            && settings.is_empty()
            && offsets.is_none()
            && refund_mode.is_none()
    }

    /// This step and then the next, as one.
    pub(crate) fn extend(&mut self, next: Self) {
        self.sessions.extend(next.sessions);
        self.payments.extend(next.payments);
        self.refunds.extend(next.refunds);
        self.disputes.extend(next.disputes);
        self.ledger.extend(next.ledger);
        self.events.extend(next.events);
        self.marks.extend(next.marks);
        self.kept.extend(next.kept);
        // A rule used up in the next step must not come back by its earlier form.
        self.rules.retain(|rule| !next.rules_removed.contains(&rule.id));
        self.rules.extend(next.rules);
        self.rules_removed.extend(next.rules_removed);
        self.seeded.extend(next.seeded);
        self.settings.extend(next.settings);
        self.offsets = next.offsets.or(self.offsets);
        self.refund_mode = next.refund_mode.or(self.refund_mode);
    }
}

type Index = HashMap<(String, String), Vec<String>>;

pub(crate) struct Book {
    pub(crate) sessions: HashMap<String, Session>,
    pub(crate) session_order: Vec<String>,
    pub(crate) payments: HashMap<String, Payment>,
    pub(crate) refunds: HashMap<String, Refund>,
    pub(crate) disputes: HashMap<String, Dispute>,
    pub(crate) ledger: Vec<Entry>,
    pub(crate) events: BTreeMap<u64, Event>,
    pub(crate) event_numbers: HashMap<String, u64>,
    pub(crate) held: BTreeSet<u64>,
    pub(crate) kept: HashMap<(String, String), Kept>,
    kept_order: VecDeque<(i64, (String, String))>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) seeded: HashSet<(String, String)>,
    pub(crate) settings: HashMap<String, AccountSetting>,
    pub(crate) offsets: Offsets,
    pub(crate) refund_mode: RefundStatus,
    pub(crate) next_number: u64,
    /// Open sessions by the time they expire.
    expiries: BTreeSet<(i64, String)>,
    /// Authorizations that nothing was captured of, by their end.
    lapses: BTreeSet<(i64, String)>,
    sessions_by_reference: Index,
    refunds_by_reference: Index,
    refunds_by_payment: Index,
    disputes_by_payment: Index,
    idempotency_window_s: i64,
}

impl Book {
    pub(crate) fn new(idempotency_window_s: i64) -> Self {
        Self {
            sessions: HashMap::new(),
            session_order: Vec::new(),
            payments: HashMap::new(),
            refunds: HashMap::new(),
            disputes: HashMap::new(),
            ledger: Vec::new(),
            events: BTreeMap::new(),
            event_numbers: HashMap::new(),
            held: BTreeSet::new(),
            kept: HashMap::new(),
            kept_order: VecDeque::new(),
            rules: Vec::new(),
            seeded: HashSet::new(),
            settings: HashMap::new(),
            offsets: Offsets::default(),
            refund_mode: RefundStatus::Succeeded,
            next_number: 1,
            expiries: BTreeSet::new(),
            lapses: BTreeSet::new(),
            sessions_by_reference: HashMap::new(),
            refunds_by_reference: HashMap::new(),
            refunds_by_payment: HashMap::new(),
            disputes_by_payment: HashMap::new(),
            idempotency_window_s,
        }
    }

    pub(crate) fn apply(&mut self, change: Change) {
        change.sessions.into_iter().for_each(|session| self.apply_session(session));
        for payment in change.payments {
            self.apply_payment(payment);
        }
        change.refunds.into_iter().for_each(|refund| self.apply_refund(refund));
        for dispute in change.disputes {
            let key = (dispute.account.clone(), dispute.payment.clone());
            index(&mut self.disputes_by_payment, key, &dispute.id);
            self.disputes.insert(dispute.id.clone(), dispute);
        }
        self.ledger.extend(change.ledger);
        change.events.into_iter().for_each(|event| self.apply_event(event));
        change.marks.iter().for_each(|mark| self.apply_mark(mark));
        change.kept.into_iter().for_each(|kept| self.apply_kept(kept));
        for rule in change.rules {
            match self.rules.iter_mut().find(|known| known.id == rule.id) {
                Some(known) => *known = rule,
                None => self.rules.push(rule),
            }
        }
        if !change.rules_removed.is_empty() {
            self.rules.retain(|rule| !change.rules_removed.contains(&rule.id));
        }
        self.seeded.extend(change.seeded);
        for setting in change.settings {
            self.settings.insert(setting.name.clone(), setting);
        }
        self.offsets = change.offsets.unwrap_or(self.offsets);
        self.refund_mode = change.refund_mode.unwrap_or(self.refund_mode);
    }

    fn apply_session(&mut self, session: Session) {
        let due = (session.expires_at, session.id.clone());
        if session.status == SessionStatus::Open {
            self.expiries.insert(due);
        } else {
            self.expiries.remove(&due);
        }
        if !self.sessions.contains_key(&session.id) {
            self.session_order.push(session.id.clone());
            let key = (session.account.clone(), session.reference.clone());
            index(&mut self.sessions_by_reference, key, &session.id);
        }
        self.sessions.insert(session.id.clone(), session);
    }

    fn apply_payment(&mut self, payment: Payment) {
        if let Some(capture_before) = payment.capture_before {
            let lapse = (capture_before, payment.id.clone());
            if payment.status == PaymentStatus::Authorized {
                self.lapses.insert(lapse);
            } else {
                self.lapses.remove(&lapse);
            }
        }
        self.payments.insert(payment.id.clone(), payment);
    }

    fn apply_refund(&mut self, refund: Refund) {
        if let Some(reference) = &refund.reference {
            index(&mut self.refunds_by_reference, (refund.account.clone(), reference.clone()), &refund.id);
        }
        let key = (refund.account.clone(), refund.payment.clone());
        index(&mut self.refunds_by_payment, key, &refund.id);
        self.refunds.insert(refund.id.clone(), refund);
    }

    fn apply_event(&mut self, event: Event) {
        self.next_number = self.next_number.max(event.number.saturating_add(1));
        if event.delivery == Delivery::Held {
            self.held.insert(event.number);
        }
        self.event_numbers.insert(event.id.clone(), event.number);
        self.events.insert(event.number, event);
        if self.events.len() > EVENTS_KEPT_MAX {
            let oldest = self.events.first_entry().filter(|oldest| is_finished(oldest.get().delivery));
            if let Some(oldest) = oldest {
                let forgotten = oldest.remove();
                self.event_numbers.remove(&forgotten.id);
            }
        }
    }

    fn apply_mark(&mut self, mark: &Mark) {
        let number = self.event_numbers.get(&mark.id);
        let Some(event) = number.and_then(|number| self.events.get_mut(number)) else { return };
        event.delivery = mark.delivery;
        event.tries = mark.tries;
        event.fault = mark.fault;
        if mark.delivery == Delivery::Held {
            self.held.insert(event.number);
        } else {
            self.held.remove(&event.number);
        }
    }

    fn apply_kept(&mut self, kept: Kept) {
        let key = (kept.account.clone(), kept.key.clone());
        let over = kept.at.saturating_sub(self.idempotency_window_s);
        self.kept_order.push_back((kept.at, key.clone()));
        self.kept.insert(key, kept);
        // Keys whose window is over are as good as new ones; forgetting them bounds the memory.
        while let Some((at, key)) = self.kept_order.front().filter(|(at, _)| *at <= over).cloned() {
            self.kept_order.pop_front();
            if self.kept.get(&key).is_some_and(|kept| kept.at == at) {
                self.kept.remove(&key);
            }
        }
    }

    /// An authorization that nobody captured in time.
    pub(crate) fn lapsed(&self, now: i64) -> Option<&Payment> {
        let (capture_before, id) = self.lapses.first()?;
        if *capture_before > now { None } else { self.payments.get(id) }
    }

    /// The stored answer of a key, while its window lasts.
    pub(crate) fn kept_answer(&self, account: &str, key: &str, now: i64) -> Option<&Kept> {
        let kept = self.kept.get(&(account.to_owned(), key.to_owned()))?;
        (now < kept.at.saturating_add(self.idempotency_window_s)).then_some(kept)
    }

    /// An open session whose time is over.
    pub(crate) fn due(&self, now: i64) -> Option<&Session> {
        let (expires_at, id) = self.expiries.first()?;
        if *expires_at > now { None } else { self.sessions.get(id) }
    }

    pub(crate) fn payment_of(&self, session: &Session) -> Option<&Payment> {
        self.payments.get(session.payment.as_ref()?)
    }

    pub(crate) fn sessions_of(&self, account: &str, reference: &str) -> Vec<&Session> {
        listed(&self.sessions_by_reference, account, reference, &self.sessions)
    }

    pub(crate) fn refunds_of_reference(&self, account: &str, reference: &str) -> Vec<&Refund> {
        listed(&self.refunds_by_reference, account, reference, &self.refunds)
    }

    pub(crate) fn refunds_of_payment(&self, account: &str, payment: &str) -> Vec<&Refund> {
        listed(&self.refunds_by_payment, account, payment, &self.refunds)
    }

    pub(crate) fn disputes_of_payment(&self, account: &str, payment: &str) -> Vec<&Dispute> {
        listed(&self.disputes_by_payment, account, payment, &self.disputes)
    }

    /// What refunds on their way have reserved of a payment.
    pub(crate) fn pending_refunds(&self, payment: &Payment) -> i64 {
        self.refunds_of_payment(&payment.account, &payment.id)
            .into_iter()
            .filter(|refund| refund.status == RefundStatus::Pending)
            .fold(0, |sum, refund| sum.saturating_add(refund.amount))
    }

    pub(crate) fn event(&self, id: &str) -> Option<&Event> {
        self.events.get(self.event_numbers.get(id)?)
    }
}

fn is_finished(delivery: Delivery) -> bool {
    match delivery {
        Delivery::Pending | Delivery::Held => false,
        Delivery::Delivered | Delivery::Failed | Delivery::Dropped | Delivery::NoUrl => true,
    }
}

fn index(index: &mut Index, key: (String, String), id: &str) {
    let ids = index.entry(key).or_default();
    if !ids.iter().any(|known| known == id) {
        ids.push(id.to_owned());
    }
}

fn listed<'a, T>(index: &Index, account: &str, key: &str, all: &'a HashMap<String, T>) -> Vec<&'a T> {
    let ids = index.get(&(account.to_owned(), key.to_owned()));
    ids.into_iter().flatten().filter_map(|id| all.get(id)).collect()
}
