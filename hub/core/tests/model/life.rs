//! One payment's life: a cart, shoppers, a worker and an operator on one side, made-up processors on the other,
//! and between them a network that loses, doubles, delays and reorders. Whatever the hub's core is told passes
//! through `give`, and after each command the verdict is spoken.

use std::collections::BTreeMap;

use hub_core::command::{Command, CreateIntent};
use hub_core::decide::{create, decide};
use hub_core::event::{ByHand, Cause, Recorded};
use hub_core::ids::{AttemptId, MerchantId, OperationId, OrderId, Scope};
use hub_core::ledger::Account;
use hub_core::outcome::Outcome;
use hub_core::payment::{PaymentIntent, QuarantineReason, Resolution};
use hub_core::policy::{PaidLate, PaidTwice, Policies};
use hub_core::refusal::Refusal;
use hub_core::schedule::Work;
use hub_core::story::{Context, Decision};
use processor_sdk::{Answer, Currency, Facts, Money, OperationKind, Timestamp, Word};

use crate::cart::Cart;
use crate::heard::Heard;
use crate::opinion;
use crate::processor::Page;
use crate::script::Script;
use crate::verdict;

/// What every order costs, in minor units.
pub(crate) const AMOUNT: i64 = 2_000;
/// The intent's own time, in seconds.
const EXPIRES_IN_S: i64 = 24 * 3_600;

pub(crate) fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::parse(currency).expect("a currency")).expect("an amount")
}

pub(crate) const fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.saturating_add_micros(seconds * 1_000_000)
}

/// News on its way to the hub.
pub(crate) struct Mail {
    pub(crate) attempt: usize,
    pub(crate) facts: Facts,
    /// Nobody would ever look: the processor tries until it is taken.
    pub(crate) must: bool,
}

/// What a life was made of.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Counts {
    pub(crate) commands: u64,
    pub(crate) refusals: u64,
    pub(crate) doubts: u64,
    pub(crate) quarantines: u64,
    pub(crate) moved: u64,
}

impl Counts {
    pub(crate) const fn add(&mut self, more: Self) {
        self.commands += more.commands;
        self.refusals += more.refusals;
        self.doubts += more.doubts;
        self.quarantines += more.quarantines;
        self.moved += more.moved;
    }

    /// As the line of figures names them.
    pub(crate) const fn figures(self, sequences: u64) -> [(&'static str, u64); 6] {
        [
            ("sequences", sequences),
            ("commands", self.commands),
            ("refusals", self.refusals),
            ("doubts", self.doubts),
            ("quarantines", self.quarantines),
            ("movements_of_money", self.moved),
        ]
    }
}

pub(crate) struct Life {
    pub(crate) payment: PaymentIntent,
    pub(crate) now: Timestamp,
    pub(crate) policies: Policies,
    pub(crate) history: Vec<Recorded>,
    pub(crate) cart: Cart,
    pub(crate) books: BTreeMap<Account, i64>,
    /// What became of each attempt in truth, and what the hub has heard of it; both in the attempts' order.
    pub(crate) pages: Vec<Page>,
    pub(crate) heard: Vec<Heard>,
    pub(crate) mail: Vec<Mail>,
    /// Answers on their way, each with the work that nobody else takes up meanwhile.
    pub(crate) late: Vec<(Work, Command)>,
    pub(crate) counts: Counts,
    /// Every command is printed with what it led to.
    pub(crate) is_told: bool,
    fresh: u64,
}

fn next_id(fresh: &mut u64) -> String {
    *fresh += 1;
    format!("{fresh:026}")
}

fn policies(which: u8) -> Policies {
    let paid_twice = if which.is_multiple_of(2) { PaidTwice::RefundLater } else { PaidTwice::Hold };
    let paid_late = [PaidLate::Accept, PaidLate::Refund, PaidLate::Hold][usize::from(which / 2 % 3)];
    Policies { paid_twice, paid_late }
}

impl Life {
    pub(crate) fn begin(script: &Script) -> Self {
        let now = Timestamp::parse_rfc3339("2030-01-01T00:00:00Z").expect("a time");
        let (mut fresh, policies) = (0, policies(script.policies));
        let command = CreateIntent {
            scope: Scope { merchant_id: MerchantId::main(), livemode: false },
            order_id: OrderId::from_body(&next_id(&mut fresh)),
            order_reference: None,
            amount: money(AMOUNT, "USD"),
            capture: script.mode,
            return_url: "https://shop.example/return".to_owned(),
            cancel_url: None,
            site: None,
            connector: None,
            metadata: BTreeMap::new(),
            checkout_token: "token".to_owned(),
            expires_in_s: EXPIRES_IN_S,
        };
        let cause = Cause::Api { key_id: "key".to_owned() };
        let decision =
            create(command, &mut Context { now, cause, fresh: &mut || next_id(&mut fresh), policies });
        let mut life = Self {
            payment: decision.payment.clone(),
            now,
            policies,
            history: vec![],
            cart: Cart::default(),
            books: BTreeMap::new(),
            pages: vec![],
            heard: vec![],
            mail: vec![],
            late: vec![],
            counts: Counts::default(),
            is_told: false,
            fresh,
        };
        life.absorb(decision);
        life
    }

    /// Gives the core a command and judges what it makes of it.
    pub(crate) fn give(&mut self, command: &Command) -> Result<(), Refusal> {
        self.tick_a_moment();
        let mut fresh = self.fresh;
        let context = &mut Context {
            now: self.now,
            cause: Cause::Processor,
            fresh: &mut || next_id(&mut fresh),
            policies: self.policies,
        };
        let before = self.payment.clone();
        let decided = decide(&before, command, context);
        self.fresh = fresh;
        self.counts.commands += 1;
        if self.is_told {
            tell(self.now, command, decided.as_ref());
        }
        match decided {
            Err(refusal) => {
                self.counts.refusals += 1;
                verdict::refusal(self, command, &refusal);
                Err(refusal)
            }
            Ok(decision) => {
                verdict::asked_within_bounds(self, command, &decision.payment);
                self.learn(command);
                verdict::events(&before, &decision);
                let events = self.history.len();
                self.absorb(decision);
                for recorded in self.history.split_off(events) {
                    self.resolved(&recorded);
                    self.history.push(recorded);
                }
                verdict::step(self, &before, command, events);
                Ok(())
            }
        }
    }

    /// Two things never happen at the same time.
    pub(crate) fn tick_a_moment(&mut self) {
        self.now = self.now.saturating_add_micros(1_000);
    }

    fn absorb(&mut self, decision: Decision) {
        self.cart.hear(&decision, self.history.is_empty());
        for (_, journal) in &decision.journals {
            for entry in journal.entries() {
                *self.books.entry(entry.account).or_default() += entry.amount.minor();
            }
        }
        self.history.extend(decision.events);
        self.payment = decision.payment;
    }

    /// The attempt's place, in the order in which they began.
    pub(crate) fn place(&self, id: &AttemptId) -> usize {
        self.payment.attempts.iter().position(|attempt| attempt.id == *id).expect("an attempt")
    }

    /// What the hub is told with a command, it knows from then on.
    fn learn(&mut self, command: &Command) {
        let said = |outcome: &Outcome| match outcome {
            Outcome::Answered { answer: Answer::Said { facts, .. } } => Some(facts.clone()),
            Outcome::Answered { answer: Answer::Absent }
            | Outcome::NotSent { .. }
            | Outcome::Unknown { .. } => None,
        };
        let (attempt_id, mut facts) = match command {
            Command::OperationTried { attempt_id, outcome, .. }
            | Command::LookedUp { attempt_id, outcome, .. } => (attempt_id, said(outcome)),
            Command::Notified { attempt_id, facts } => (attempt_id, Some(facts.as_ref().clone())),
            Command::SettleByHand { attempt_id, settlement, .. } => {
                (attempt_id, Some(self.word_of_operator(attempt_id, settlement)))
            }
            _ => return,
        };
        let place = self.place(attempt_id);
        if let Command::OperationTried { operation_id, .. } = command
            && let Some(facts) = &mut facts
        {
            self.name_what_was_asked(place, operation_id, facts);
        }
        if let Command::SettleByHand { settlement: ByHand::Paid { amount }, .. } = command {
            self.heard[place].paid_by_hand = Some((self.now, amount.minor()));
        }
        if let Some(facts) = facts {
            self.heard[place].hear(&facts, self.now);
            if let Command::LookedUp { asked_at, operation_id: None, .. } = command
                && opinion::waits_with_a_rest(self, place)
            {
                self.heard[place].answered(*asked_at);
            }
        }
    }

    /// The answer to a request is about what was asked for, also where our echo is not given back.
    fn name_what_was_asked(&self, place: usize, operation_id: &OperationId, facts: &mut Facts) {
        let operation = self.payment.attempts[place].operation(operation_id).expect("an operation");
        let Some((echo, ..)) = self.transfer_of(operation) else { return };
        let id = self.pages[place].ours(&echo).map(|transfer| transfer.id.clone());
        for item in facts.items.iter_mut().filter(|item| item.id == id && id.is_some()) {
            item.echo = Some(echo.clone());
        }
    }

    fn word_of_operator(&self, attempt_id: &AttemptId, settlement: &ByHand) -> Facts {
        let place = self.place(attempt_id);
        let facts = match settlement {
            ByHand::Paid { amount } => Facts { captured: Some(*amount), ..Facts::word(Word::Paid) },
            ByHand::NotPaid if self.heard[place].is_authorized() => Facts::word(Word::Voided),
            ByHand::NotPaid => Facts::word(Word::Expired),
            ByHand::Done { operation_id } | ByHand::NotDone { operation_id } => {
                let done = matches!(settlement, ByHand::Done { .. });
                let operation = self.payment.attempts[place].operation(operation_id).expect("an operation");
                match (self.transfer_of(operation), operation.kind) {
                    (Some((echo, ..)), kind) => Heard::end_of(kind, &echo, done),
                    (None, OperationKind::Void) if done => Facts::word(Word::Voided),
                    (None, OperationKind::ExpireCheckout) if done => Facts::word(Word::Expired),
                    (None, _) => Facts::default(),
                }
            }
        };
        Facts { at: Some(self.now), ..facts }
    }

    /// What somebody has looked at is not held again.
    fn resolved(&mut self, recorded: &Recorded) {
        let hub_core::event::Event::QuarantineResolved { reason, resolution, .. } = &recorded.event else {
            return;
        };
        let at_currency = *reason == QuarantineReason::CurrencyMismatch;
        let dealt_with = (*reason, *resolution) == (QuarantineReason::CurrencyMismatch, Resolution::Refund);
        let taken: Vec<i64> = (0..self.pages.len()).map(|place| opinion::taken(self, place)).collect();
        for ((heard, page), taken) in self.heard.iter_mut().zip(&mut self.pages).zip(taken) {
            if dealt_with && heard.names_foreign() {
                heard.disown();
                // That is what the operator says with it: all of it was given back in the dashboard.
                page.give_all_back();
            }
            heard.look_at(taken, at_currency);
        }
    }
}

pub(crate) fn pick<T: Clone>(from: &[T], which: usize) -> Option<T> {
    from.get(which.checked_rem(from.len())?).cloned()
}

fn tell(now: Timestamp, command: &Command, decided: Result<&Decision, &Refusal>) {
    println!("{now} {command:?}");
    match decided {
        Ok(decision) => {
            for recorded in &decision.events {
                println!("    {:?}", recorded.event);
            }
            let payment = &decision.payment;
            println!("    is {:?} {:?}", payment.status, payment.quarantine.as_ref().map(|held| held.reason));
        }
        Err(refusal) => println!("    refused: {refusal}"),
    }
}
