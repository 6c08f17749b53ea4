//! What the hub was told of one attempt, put together by the rules alone: money that moved stays moved, of two
//! words the later one counts by the processor's own clock, an end outranks what was pending before it.
//!
//! It shares nothing with the core's evidence but the words.

use std::collections::BTreeSet;

use processor_sdk::{CaptureMode, Facts, Item, ItemKind, ItemState, Money, OperationKind, Timestamp, Word};

use crate::life::AMOUNT;

/// How long after its time the rest of a reservation counts as gone, in seconds.
const RESTS_FOR_S: i64 = 24 * 3_600;

/// One capture, refund, release or dispute as it was told of.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) kind: ItemKind,
    pub(crate) ids: BTreeSet<String>,
    pub(crate) echo: Option<String>,
    pub(crate) amount: Option<i64>,
    pub(crate) state: ItemState,
    at: Option<Timestamp>,
    /// The earliest time that it can be of.
    pub(crate) since: Timestamp,
    pub(crate) ever_done: bool,
    /// Nobody but an operator told of it.
    pub(crate) by_hand: bool,
}

impl Told {
    /// What was known under one name and what was known under another turn out to be one.
    pub(crate) fn join(mut self, other: &Self) -> Self {
        let ends = |told: &Self| (told.state != ItemState::Pending, told.at);
        if ends(other) > ends(&self) {
            (self.state, self.at) = (other.state, other.at);
        }
        self.ids.extend(other.ids.iter().cloned());
        self.echo = self.echo.or_else(|| other.echo.clone());
        self.amount = self.amount.max(other.amount);
        self.since = self.since.min(other.since);
        self.ever_done |= other.ever_done;
        self.by_hand &= other.by_hand;
        self
    }
}

/// The reason of what an operator told of.
const BY_HAND: &str = "by hand";

/// What was told of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// An authorization is all that is said of money that is taken by itself.
    silent: bool,
    word: Option<(Timestamp, Word)>,
    authorized: Option<Timestamp>,
    voided: Option<Timestamp>,
    paid: bool,
    reserved: i64,
    captured: i64,
    pub(crate) told: Vec<Told>,
    /// Amounts that the payment as a whole was said to be for, and the one that was said last.
    amounts: BTreeSet<i64>,
    named: Option<(Timestamp, i64)>,
    /// What an operator said was paid, and when.
    pub(crate) paid_by_hand: Option<(Timestamp, i64)>,
    /// What was booked: that only grows.
    pub(crate) booked: i64,
    /// Another currency was named.
    foreign: bool,
    foreign_looked_at: bool,
    /// Amounts that somebody has looked at.
    looked_at: BTreeSet<i64>,
    pub(crate) disowned: bool,
    /// Until when the rest of a reservation can be taken; and that it was asked for long enough after that.
    until: Option<(Timestamp, Timestamp)>,
    lapsed: bool,
}

/// Where an attempt stands by what was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Nothing was told yet.
    Nothing,
    Open,
    Approved,
    Pending,
    Reserved,
    Taken,
    /// Declined, closed or released.
    Over,
    /// A word that nobody knows.
    Odd,
}

impl Heard {
    pub(crate) const fn new(silent: bool) -> Self {
        Self {
            silent,
            word: None,
            authorized: None,
            voided: None,
            paid: false,
            reserved: 0,
            captured: 0,
            told: vec![],
            amounts: BTreeSet::new(),
            named: None,
            paid_by_hand: None,
            booked: 0,
            foreign: false,
            foreign_looked_at: false,
            looked_at: BTreeSet::new(),
            disowned: false,
            until: None,
            lapsed: false,
        }
    }

    /// What an operator's word on an operation says.
    pub(crate) fn end_of(kind: OperationKind, echo: &str, done: bool) -> Facts {
        let kind = if kind == OperationKind::Capture { ItemKind::Capture } else { ItemKind::Refund };
        let state = if done { ItemState::Succeeded } else { ItemState::Failed };
        let echo = Some(echo.to_owned());
        let reason = Some(BY_HAND.to_owned());
        let item = Item { kind, id: None, echo, state, amount: None, reason, at: None };
        Facts { items: vec![item], ..Facts::default() }
    }

    pub(crate) fn hear(&mut self, facts: &Facts, now: Timestamp) {
        let at = facts.at.unwrap_or(now);
        if let Some(word) = &facts.word {
            if self.word.as_ref().is_none_or(|(known, _)| *known <= at) {
                self.word = Some((at, word.clone()));
            }
            self.paid |= *word == Word::Paid;
            let newest = |known: Option<Timestamp>| Some(known.map_or(at, |known| known.max(at)));
            if *word == Word::Authorized {
                self.authorized = newest(self.authorized);
            }
            if *word == Word::Voided {
                self.voided = newest(self.voided);
            }
        }
        if let Some(amount) = facts.amount.filter(|amount| !is_foreign(*amount)) {
            self.amounts.insert(amount.minor());
            self.named = self.named.max(Some((at, amount.minor())));
        }
        for amount in [facts.amount, facts.authorized, facts.captured].into_iter().flatten() {
            self.foreign |= is_foreign(amount);
        }
        if let Some(until) = facts.capture_before
            && self.until.is_none_or(|(known, _)| known <= at)
        {
            self.until = Some((at, until));
        }
        self.reserved = self.reserved.max(own(facts.authorized));
        self.captured = self.captured.max(own(facts.captured));
        for item in &facts.items {
            self.hear_item(item, at, now);
        }
    }

    fn hear_item(&mut self, item: &Item, at: Timestamp, now: Timestamp) {
        let counts = matches!(item.kind, ItemKind::Capture | ItemKind::Refund);
        self.foreign |= counts && item.amount.is_some_and(is_foreign);
        let is_it = |told: &Told| {
            let same_id = item.id.as_ref().is_some_and(|id| told.ids.contains(id));
            told.kind == item.kind && (same_id || (item.echo.is_some() && told.echo == item.echo))
        };
        let mut new = Told {
            kind: item.kind,
            ids: item.id.iter().cloned().collect(),
            echo: item.echo.clone(),
            amount: item.amount.filter(|amount| !is_foreign(*amount)).map(|amount| amount.minor()),
            state: item.state,
            at: Some(at),
            since: at.min(now),
            ever_done: item.state == ItemState::Succeeded,
            by_hand: item.reason.as_deref() == Some(BY_HAND),
        };
        let (same, others): (Vec<Told>, Vec<Told>) = self.told.drain(..).partition(is_it);
        for known in same {
            new = new.join(&known);
        }
        self.told = others;
        self.told.push(new);
    }

    pub(crate) const fn is_authorized(&self) -> bool {
        self.authorized.is_some()
    }

    pub(crate) fn knows_id_of(&self, echo: &str) -> bool {
        self.told.iter().any(|told| told.echo.as_deref() == Some(echo) && !told.ids.is_empty())
    }

    pub(crate) fn told_of(&self, echo: &str) -> Option<&Told> {
        self.told.iter().find(|told| told.echo.as_deref() == Some(echo))
    }

    pub(crate) fn items(&self, kind: ItemKind) -> impl Iterator<Item = &Told> {
        self.told.iter().filter(move |told| told.kind == kind && !self.disowned)
    }

    // ---- what it adds up to -----------------------------------------------------------------------------------

    /// Released, or the rest of it.
    pub(crate) fn is_released(&self) -> bool {
        let voided = self.voided.is_some_and(|voided| self.authorized.is_none_or(|known| voided >= known));
        voided || self.lapsed || self.items(ItemKind::Void).any(|void| void.state == ItemState::Succeeded)
    }

    /// The processor was asked then, and answered. Long enough after its time, the rest of a reservation is gone.
    pub(crate) fn answered(&mut self, asked_at: Timestamp) {
        let long_over = |(_, until): (Timestamp, Timestamp)| asked_at.seconds_since(until) >= RESTS_FOR_S;
        self.lapsed |= self.until.is_some_and(long_over);
    }

    pub(crate) fn stands(&self, mode: CaptureMode) -> Stand {
        if self.disowned {
            return Stand::Over;
        }
        let done = self.items(ItemKind::Capture).any(|capture| capture.ever_done);
        let silently = self.silent && mode == CaptureMode::Automatic && self.authorized.is_some();
        if self.paid || done || silently || self.captured > 0 {
            return Stand::Taken;
        }
        if self.authorized.is_some() {
            return if self.is_released() { Stand::Over } else { Stand::Reserved };
        }
        match self.word.as_ref().map(|(_, word)| word) {
            None => Stand::Nothing,
            Some(Word::Open) => Stand::Open,
            Some(Word::NeedsCompletion) => Stand::Approved,
            Some(Word::Pending) => Stand::Pending,
            Some(Word::Authorized) => Stand::Reserved,
            Some(Word::Paid) => Stand::Taken,
            Some(Word::Declined | Word::Voided | Word::Expired) => Stand::Over,
            Some(Word::Unknown(_)) => Stand::Odd,
        }
    }

    /// Taken, by what was told, of which `in_captures` was told capture by capture.
    pub(crate) fn taken(&self, mode: CaptureMode, in_captures: i64) -> i64 {
        if self.stands(mode) != Stand::Taken {
            return 0;
        }
        let taken = match (self.captured.max(in_captures), self.reserved) {
            (0, 0) => self.named_or_asked(),
            // Whoever takes silently takes what it says is reserved.
            (0, reserved) => reserved,
            (largest, _) => largest,
        };
        taken.max(self.booked)
    }

    /// What it is for, where no total says so: what was asked only where nothing was named.
    fn named_or_asked(&self) -> i64 {
        self.named.map_or(AMOUNT, |(_, minor)| minor)
    }

    /// Reserved, taken money included.
    pub(crate) fn reserved(&self, mode: CaptureMode) -> i64 {
        let stands = self.authorized.is_some() || self.stands(mode) == Stand::Taken;
        match (stands, self.reserved) {
            (false, _) => 0,
            (true, 0) => self.named_or_asked(),
            (true, reserved) => reserved,
        }
    }

    // ---- what does not fit --------------------------------------------------------------------------------------

    pub(crate) const fn names_foreign(&self) -> bool {
        !self.disowned && self.foreign
    }

    /// That something is not as it was asked, and nobody has looked at it.
    pub(crate) fn is_odd(&self, mode: CaptureMode, taken: i64) -> bool {
        let wrong_sum = match mode {
            CaptureMode::Automatic => taken > 0 && taken != AMOUNT,
            CaptureMode::Manual => taken > AMOUNT,
        };
        let wrong_reserve = self.reserved > 0 && self.reserved != AMOUNT;
        let news = |amount: &i64| !self.looked_at.contains(amount);
        let odd = (self.foreign && !self.foreign_looked_at)
            || (wrong_reserve && news(&self.reserved))
            || self.amounts.iter().any(|amount| *amount != AMOUNT && news(amount))
            || (wrong_sum && news(&taken));
        odd && !self.disowned
    }

    /// Somebody has looked at all that was told until now.
    pub(crate) fn look_at(&mut self, taken: i64, at_currency: bool) {
        self.foreign_looked_at |= self.foreign && at_currency;
        self.looked_at.extend([self.reserved, taken]);
        self.looked_at.extend(self.amounts.iter().copied());
        let moved = |told: &&Told| matches!(told.kind, ItemKind::Capture | ItemKind::Refund);
        self.looked_at.extend(self.told.iter().filter(moved).filter_map(|told| told.amount));
    }

    pub(crate) fn disown(&mut self) {
        self.disowned = true;
    }
}

fn is_foreign(amount: Money) -> bool {
    amount.currency().code() != "USD"
}

fn own(amount: Option<Money>) -> i64 {
    amount.filter(|amount| !is_foreign(*amount)).map_or(0, |amount| amount.minor())
}
