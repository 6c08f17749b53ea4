//! The processor's office: the book behind its lock, the journal, the accounts, and who must hear of a change.
//!
//! Invariant: every change of the book goes through [`Office::work`], which journals it in the same order.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, watch};

use crate::Account;
use crate::book::{Book, Change, Delivery, Event, Mark};
use crate::faults::{self, About, Fault, Operation, Rule};
use crate::journal::{Journal, JournalDown};
use crate::outside::Outside;
use crate::random;
use crate::refusal::Refusal;
use crate::rules::{self, Stamp};

/// Sessions that expire in one step; the sweep comes again at once for the rest.
const EXPIRIES_AT_ONCE_MAX: usize = 1000;

pub(crate) struct Office {
    book: Mutex<Book>,
    pub(crate) journal: Journal,
    pub(crate) accounts: Vec<Account>,
    pub(crate) base_url: String,
    /// Ids of events to send, told after their step was queued for the journal.
    pub(crate) outbox: mpsc::UnboundedSender<String>,
    /// Told of each flush; ends the waits between tries, in the order in which they began.
    pub(crate) flushes: Notify,
    /// Becomes true when the server stops.
    pub(crate) stopping: watch::Sender<bool>,
    pub(crate) outside: Arc<dyn Outside>,
    keys_in_progress: Mutex<HashSet<(String, String)>>,
    /// How many times a rule has struck since the start.
    struck: AtomicU64,
}

/// The book for the length of one step, and what the step has changed so far.
pub(crate) struct Step<'a> {
    pub(crate) book: &'a mut Book,
    pub(crate) stamp: Stamp<'a>,
    outside: &'a dyn Outside,
    change: Change,
    struck: u64,
}

/// Where and how an account wants its webhooks, now.
pub(crate) struct Target {
    pub(crate) url: Option<String>,
    pub(crate) secret: String,
}

/// A key that is being worked on, until dropped.
pub(crate) struct KeyInProgress<'a> {
    office: &'a Office,
    key: (String, String),
}

impl Drop for KeyInProgress<'_> {
    fn drop(&mut self) {
        lock(&self.office.keys_in_progress).remove(&self.key);
    }
}

impl Office {
    pub(crate) fn new(
        book: Book,
        journal: Journal,
        accounts: Vec<Account>,
        base_url: String,
        outbox: mpsc::UnboundedSender<String>,
        outside: Arc<dyn Outside>,
    ) -> Self {
        Self {
            book: Mutex::new(book),
            journal,
            accounts,
            base_url,
            outbox,
            flushes: Notify::new(),
            stopping: watch::channel(false).0,
            outside,
            keys_in_progress: Mutex::new(HashSet::new()),
            struck: AtomicU64::new(0),
        }
    }

    /// Runs one step on the book. What it changed is queued for the journal even when it ends in a refusal,
    /// because a fault rule may have been used up; the answer must wait for [`Self::settled`].
    pub(crate) fn work<T>(
        &self,
        step: impl FnOnce(&mut Step<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut book = lock(&self.book);
        let outside = self.outside.as_ref();
        let now = outside.unix_seconds().saturating_add(book.offsets.clock_s);
        let new_id = |prefix: &str| random::new_id(outside, prefix);
        let stamp = Stamp { now, base_url: &self.base_url, new_id: &new_id };
        let mut here = Step { book: &mut book, stamp, change: Change::default(), outside, struck: 0 };
        here.expire_due();
        let result = step(&mut here);
        self.struck.fetch_add(here.struck, Ordering::Relaxed);
        let change = here.change;
        let to_send: Vec<String> = change
            .events
            .iter()
            .map(|event| (&event.id, event.delivery))
            .chain(change.marks.iter().map(|mark| (&mark.id, mark.delivery)))
            .filter(|(_, delivery)| *delivery == Delivery::Pending)
            .map(|(id, _)| id.clone())
            .collect();
        if !change.is_empty() && self.journal.append(&change).is_err() {
            return Err(Refusal::ServerError);
        }
        for id in to_send {
            // Nobody listens only when the server stops; the events are found again at the next start.
            let _ = self.outbox.send(id);
        }
        result
    }

    /// How many times a rule has struck since the start.
    pub(crate) fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }

    /// Waits until all that is known now is on disk.
    pub(crate) async fn settled(&self) -> Result<(), JournalDown> {
        self.journal.settled(self.journal.last()).await
    }

    pub(crate) fn account_of_key(&self, api_key: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.api_key == api_key)
    }

    pub(crate) fn target(&self, book: &Book, account: &str) -> Option<Target> {
        let account = self.accounts.iter().find(|known| known.name == account)?;
        let setting = book.settings.get(&account.name);
        let url = match setting.filter(|setting| setting.has_webhook_url) {
            Some(setting) => setting.webhook_url.clone(),
            None => account.webhook_url.clone(),
        };
        let secret = setting.and_then(|setting| setting.webhook_secret.clone());
        Some(Target { url, secret: secret.unwrap_or_else(|| account.webhook_secret.clone()) })
    }

    /// Marks a key as being worked on, or says that somebody else is at it.
    pub(crate) fn begin(&self, account: &str, key: &str) -> Result<KeyInProgress<'_>, Refusal> {
        let key = (account.to_owned(), key.to_owned());
        if lock(&self.keys_in_progress).insert(key.clone()) {
            Ok(KeyInProgress { office: self, key })
        } else {
            Err(Refusal::KeyInProgress)
        }
    }

    /// Waits for the server to stop.
    pub(crate) async fn stopped(&self) {
        let mut stopping = self.stopping.subscribe();
        // An error means that the sender is gone, which is the end as well.
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }
}

impl Step<'_> {
    /// Makes a decided change: its events get their numbers and the faults that strike them.
    pub(crate) fn make(&mut self, mut change: Change) {
        for event in &mut change.events {
            event.number = self.book.next_number;
            self.book.next_number = self.book.next_number.saturating_add(1);
            let about =
                About { account: &event.account, session: &event.session, reference: &event.reference };
            let struck = self.strike(Operation::Webhook, about).map(|rule| rule.fault);
            event.fault = struck;
            event.delivery = first_delivery(struck);
        }
        self.note(change);
    }

    /// Applies a change as it is.
    pub(crate) fn note(&mut self, change: Change) {
        self.book.apply(change.clone());
        self.change.extend(change);
    }

    /// The rule that strikes, used up by one.
    pub(crate) fn strike(&mut self, operation: Operation, about: About<'_>) -> Option<Rule> {
        let outside = self.outside;
        let place = faults::strikes(&self.book.rules, operation, about, || random::percent(outside))?;
        let rule = self.book.rules.get(place)?.clone();
        self.struck += 1;
        match rule.times {
            0 => {}
            1 => self.note(Change { rules_removed: vec![rule.id.clone()], ..Change::default() }),
            times => {
                let rule = Rule { times: times - 1, ..rule.clone() };
                self.note(Change { rules: vec![rule], ..Change::default() });
            }
        }
        Some(rule)
    }

    pub(crate) fn expire_due(&mut self) {
        for _ in 0..EXPIRIES_AT_ONCE_MAX {
            let Some(session) = self.book.due(self.stamp.now).cloned() else { break };
            match rules::expire(session, &self.stamp) {
                Ok(change) => self.make(change),
                Err(_) => break,
            }
        }
        for _ in 0..EXPIRIES_AT_ONCE_MAX {
            let Some(payment) = self.book.lapsed(self.stamp.now).cloned() else { return };
            let Some(session) = self.book.sessions.get(&payment.session).cloned() else { return };
            match rules::void(session, &payment, &self.stamp) {
                Ok(change) => self.make(change),
                Err(_) => return,
            }
        }
    }

    /// Lets held events go that match.
    pub(crate) fn release(&mut self, goes: impl Fn(&Event) -> bool) -> usize {
        let held = self.book.held.iter().filter_map(|number| self.book.events.get(number));
        let marks: Vec<Mark> = held
            .filter(|event| goes(event))
            .map(|event| Mark {
                id: event.id.clone(),
                delivery: Delivery::Pending,
                tries: event.tries,
                fault: event.fault,
            })
            .collect();
        let released = marks.len();
        if released > 0 {
            self.note(Change { marks, ..Change::default() });
        }
        released
    }
}

fn first_delivery(fault: Option<Fault>) -> Delivery {
    match fault {
        Some(Fault::Late | Fault::OutOfOrder) => Delivery::Held,
        Some(Fault::Drop) => Delivery::Dropped,
        Some(
            Fault::Duplicate
            | Fault::Forged
            | Fault::Stale
            | Fault::Flipped
            | Fault::Unsigned
            | Fault::DropBefore
            | Fault::DropAfter
            | Fault::ErrorBefore
            | Fault::ErrorAfter
            | Fault::Stall
            | Fault::Garbage
            | Fault::WrongAmount
            | Fault::WrongReference
            | Fault::Throttle
            | Fault::Thin,
        )
        | None => Delivery::Pending,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
