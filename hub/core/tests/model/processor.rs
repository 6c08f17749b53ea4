//! A made-up processor: the one who knows what became of the money. What the hub believes is held against it.
//!
//! Each attempt has a page here, or none while its opening never arrived. The processor does what it is asked
//! once for each key for as long as it remembers keys, tells of itself in the words that its habits allow, and
//! fails the test where it is asked twice for the same money.

use std::collections::BTreeMap;

use processor_sdk::{
    Answer, CaptureMode, Decline, DeclineCode, Door, Facts, Item, ItemKind, ItemState, Money, OperationKind,
    ReferenceKind, Timestamp, Word,
};

use crate::habits::{Habit, retention_s};
use crate::life::{later, money};

/// How a request ends that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Luck {
    /// It is done at once.
    Good,
    /// It is done later, where it can be.
    Slow,
    /// It is refused.
    Bad,
}

/// How long a reservation stands where it lapses, in seconds.
const RESERVED_S: i64 = 3 * 24 * 3_600;

/// One request of the hub.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) key: String,
    pub(crate) kind: OperationKind,
    /// Our name for the transfer, with its amount and whether it is the last.
    pub(crate) transfer: Option<(String, i64, bool)>,
}

/// Money on its way: a capture, a refund, a release or a dispute.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) kind: ItemKind,
    pub(crate) id: String,
    pub(crate) echo: Option<String>,
    pub(crate) amount: i64,
    pub(crate) state: ItemState,
    /// That it was done once, whatever became of it.
    pub(crate) ever_done: bool,
    last: bool,
}

/// What the processor knows of one attempt.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    number: usize,
    pub(crate) habits: Vec<Habit>,
    mode: CaptureMode,
    asked: i64,
    /// Where it stands; `None` while there is no such page.
    pub(crate) word: Option<Word>,
    pub(crate) currency: &'static str,
    pub(crate) reserved: i64,
    /// What the shopper was asked for.
    named: i64,
    released: bool,
    /// When what is reserved, or the rest of it, cannot be taken any more.
    until: Option<Timestamp>,
    pub(crate) lapsed: bool,
    /// When it last asked to be looked at.
    pub(crate) hinted_at: Option<Timestamp>,
    pub(crate) transfers: Vec<Transfer>,
    /// What was carried out under each key, and when.
    keys: BTreeMap<String, (String, Timestamp)>,
    /// Everything that could ever be seen of it, with the time from which on.
    shots: Vec<(Timestamp, Facts)>,
}

impl Page {
    pub(crate) const fn new(number: usize, habits: Vec<Habit>, mode: CaptureMode, asked: i64) -> Self {
        Self {
            number,
            habits,
            mode,
            asked,
            word: None,
            currency: "USD",
            reserved: 0,
            named: asked,
            released: false,
            until: None,
            lapsed: false,
            hinted_at: None,
            transfers: vec![],
            keys: BTreeMap::new(),
            shots: vec![],
        }
    }

    pub(crate) fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    /// Its deliveries prove nothing, so that it is asked. Whoever cannot be asked has to sign.
    pub(crate) fn only_hints(&self) -> bool {
        self.has(Habit::Unsigned) && !self.has(Habit::NoLookUp)
    }

    pub(crate) fn is(&self, word: &Word) -> bool {
        self.word.as_ref() == Some(word)
    }

    /// The sum of transfers of a kind in a state.
    pub(crate) fn sum(&self, kind: ItemKind, state: ItemState) -> i64 {
        let those = self.transfers.iter().filter(|transfer| transfer.kind == kind && transfer.state == state);
        those.map(|transfer| transfer.amount).sum()
    }

    /// Taken for good.
    pub(crate) fn taken(&self) -> i64 {
        self.sum(ItemKind::Capture, ItemState::Succeeded)
    }

    /// Given back for good.
    pub(crate) fn given_back(&self) -> i64 {
        self.sum(ItemKind::Refund, ItemState::Succeeded)
    }

    fn standing(&self, kind: ItemKind) -> i64 {
        self.sum(kind, ItemState::Succeeded) + self.sum(kind, ItemState::Pending)
    }

    /// What can still be taken of the reservation.
    pub(crate) fn left_to_take(&self) -> i64 {
        let mut captures = self.transfers.iter().filter(|transfer| transfer.kind == ItemKind::Capture);
        let ended = captures.any(|capture| capture.last && capture.state != ItemState::Failed);
        if self.released || self.lapsed || ended {
            0
        } else {
            self.reserved - self.standing(ItemKind::Capture)
        }
    }

    /// What can still be given back.
    pub(crate) fn left_to_give_back(&self) -> i64 {
        self.taken() - self.standing(ItemKind::Refund)
    }

    pub(crate) fn has_carried_out(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// The transfer that carries an echo of ours.
    pub(crate) fn ours(&self, echo: &str) -> Option<&Transfer> {
        self.transfers.iter().find(|transfer| transfer.echo.as_deref() == Some(echo))
    }

    /// Something new moves; gives the place of it.
    pub(crate) fn begin(
        &mut self,
        kind: ItemKind,
        echo: Option<String>,
        amount: i64,
        state: ItemState,
    ) -> usize {
        let id = format!("{}_{}_{}", kind_name(kind), self.number, self.transfers.len());
        let ever_done = state == ItemState::Succeeded;
        self.transfers.push(Transfer { kind, id, echo, amount, state, ever_done, last: false });
        self.transfers.len() - 1
    }

    /// A transfer comes to another state.
    pub(crate) fn end(&mut self, place: usize, state: ItemState) {
        let transfer = &mut self.transfers[place];
        transfer.state = state;
        transfer.ever_done |= state == ItemState::Succeeded;
        let taken = transfer.kind == ItemKind::Capture && state == ItemState::Succeeded;
        if taken {
            self.word = Some(Word::Paid);
        }
    }

    /// The shopper's money is there: reserved, or taken at once.
    pub(crate) fn pay(&mut self, minor: i64, currency: &'static str) {
        self.named = minor;
        self.currency = currency;
        match self.mode {
            CaptureMode::Manual => self.reserve(minor),
            CaptureMode::Automatic => self.take(minor),
        }
    }

    pub(crate) fn reserve(&mut self, minor: i64) {
        self.reserved = minor;
        self.word = Some(Word::Authorized);
    }

    /// Takes money by itself.
    pub(crate) fn take(&mut self, minor: i64) {
        self.word = Some(if self.has(Habit::Silent) { Word::Authorized } else { Word::Paid });
        self.reserved = self.reserved.max(minor);
        let place = self.begin(ItemKind::Capture, None, minor, ItemState::Succeeded);
        self.transfers[place].last = true;
    }

    /// The reservation, or what is left of it, is gone.
    pub(crate) fn release(&mut self) {
        self.released = true;
        self.begin(ItemKind::Void, None, 0, ItemState::Succeeded);
        if self.taken() == 0 {
            self.word = Some(Word::Voided);
        }
    }

    /// Whatever is on its way here ends: a payment that takes days, money that is taken by itself, a transfer.
    pub(crate) fn comes_to_an_end(&mut self, which: usize, well: bool) -> Option<()> {
        let is_pending = |place: &usize| self.transfers[*place].state == ItemState::Pending;
        let pending: Vec<usize> = (0..self.transfers.len()).filter(is_pending).collect();
        let reserved = self.mode == CaptureMode::Automatic && self.is(&Word::Authorized) && self.taken() == 0;
        let moving = self.is(&Word::Pending) || reserved;
        let place = which.checked_rem(pending.len() + usize::from(moving))?;
        match pending.get(place) {
            Some(place) => self.end(*place, if well { ItemState::Succeeded } else { ItemState::Failed }),
            None if reserved && well => self.take(self.reserved),
            None if reserved => self.release(),
            None if well => self.pay(self.asked, "USD"),
            None => self.word = Some(Word::Declined),
        }
        Some(())
    }

    /// Takes a part of the reservation without being asked by us.
    pub(crate) fn capture_there(&mut self, minor: i64) {
        let place = self.begin(ItemKind::Capture, None, minor, ItemState::Pending);
        self.transfers[place].last = self.has(Habit::OneCapture);
        self.end(place, ItemState::Succeeded);
    }

    /// From now on it says that all was for this much.
    pub(crate) fn misnames(&mut self, minor: i64) {
        self.named = minor;
        self.habits.push(Habit::NamesAmount);
    }

    /// What an operator does in the dashboard before saying that nothing is left of it here.
    pub(crate) fn give_all_back(&mut self) {
        for place in 0..self.transfers.len() {
            if self.transfers[place].state == ItemState::Pending {
                self.end(place, ItemState::Succeeded);
            }
        }
        let left = self.left_to_give_back();
        if left > 0 {
            self.begin(ItemKind::Refund, None, left, ItemState::Succeeded);
        }
        if self.left_to_take() > 0 {
            self.release();
        }
    }

    /// Sees to it that nobody can pay here any more; false where that cannot be known.
    pub(crate) fn close_by_hand(&mut self) -> bool {
        match self.word {
            None | Some(Word::Expired | Word::Declined | Word::Voided) => true,
            Some(Word::Open | Word::NeedsCompletion | Word::Unknown(_)) => {
                self.word = Some(Word::Expired);
                true
            }
            Some(Word::Authorized) if self.standing(ItemKind::Capture) == 0 => {
                self.release();
                true
            }
            Some(Word::Authorized | Word::Pending | Word::Paid) => false,
        }
    }

    /// Whether it says how much it reserved or took, whatever else it names.
    pub(crate) fn states_totals(&self) -> bool {
        let in_captures = self.mode == CaptureMode::Automatic && !self.says_nothing_of_captures();
        !self.has(Habit::NoTotals) || in_captures
    }

    /// Whether anybody can hear how much was paid.
    pub(crate) fn states_sum(&self) -> bool {
        self.states_totals() || self.has(Habit::NamesAmount)
    }

    fn says_nothing_of_captures(&self) -> bool {
        self.has(Habit::Silent) && self.mode == CaptureMode::Automatic
    }

    fn money(&self, minor: i64) -> Money {
        money(minor, self.currency)
    }

    fn item(&self, transfer: &Transfer) -> Item {
        let amount = match transfer.kind {
            ItemKind::Void => None,
            ItemKind::Capture | ItemKind::Refund | ItemKind::Dispute => Some(self.money(transfer.amount)),
        };
        Item {
            kind: transfer.kind,
            id: Some(transfer.id.clone()),
            echo: transfer.echo.clone().filter(|_| !self.has(Habit::NoEchoes)),
            state: transfer.state,
            amount,
            reason: (transfer.state == ItemState::Failed).then(|| "refused".to_owned()),
            at: None,
        }
    }

    /// All that it says of itself now.
    fn all(&self, now: Timestamp) -> Facts {
        let totals = !self.has(Habit::NoTotals);
        let captures = !self.says_nothing_of_captures();
        let told = self.transfers.iter().filter(|transfer| captures || transfer.kind != ItemKind::Capture);
        let taken = self.taken();
        let declined = self.is(&Word::Declined);
        let decline = Decline { code: DeclineCode::CardDeclined, elsewhere: false, processor_code: None };
        Facts {
            word: self.word.clone(),
            decline: declined.then_some(decline),
            amount: self.has(Habit::NamesAmount).then(|| self.money(self.named)),
            authorized: (totals && self.reserved > 0).then(|| self.money(self.reserved)),
            capture_before: self.until,
            captured: (totals && captures && self.reserved > 0).then(|| self.money(taken)),
            refunded: (totals && taken > 0).then(|| self.money(self.given_back())),
            items: told.map(|transfer| self.item(transfer)).collect(),
            at: Some(now),
            ..Facts::default()
        }
        .reference(ReferenceKind::Payment, format!("pay_{}", self.number))
    }

    /// Ends what is reserved when its time is over: with a word where nothing was taken of it, and without one of the
    /// rest.
    fn lapse(&mut self, now: Timestamp) {
        let lapses = self.has(Habit::Lapses) && self.mode == CaptureMode::Manual;
        if lapses && self.reserved > 0 && self.until.is_none() {
            self.until = Some(now.saturating_add_micros(RESERVED_S * 1_000_000));
        }
        let is_over = self.until.is_some_and(|until| until <= now);
        if is_over && !self.lapsed && self.left_to_take() > 0 {
            if self.is(&Word::Authorized) && self.standing(ItemKind::Capture) == 0 {
                self.release();
            }
            self.lapsed = true;
        }
    }

    /// Remembers how it stands, where that is new. Gives what a delivery would tell of it.
    pub(crate) fn note(&mut self, now: Timestamp) -> Option<Facts> {
        self.lapse(now);
        let mut facts = self.all(now);
        let before = self.shots.last().map(|(_, shot)| Facts { at: facts.at, ..shot.clone() });
        if before.as_ref() == Some(&facts) || self.word.is_none() {
            return None;
        }
        self.shots.push((now, facts.clone()));
        // Deliveries of some kinds of news are about one thing alone.
        if let Some(before) = before
            && before.word == facts.word
        {
            facts.items.retain(|item| !before.items.contains(item));
            (facts.word, facts.decline, facts.captured, facts.refunded) = (None, None, None, None);
        }
        Some(facts)
    }

    /// What a look at it shows that sees no later than `seen_at`. What it hinted at, it shows.
    pub(crate) fn seen(&self, seen_at: Timestamp) -> Answer {
        let seen_at = self.hinted_at.map_or(seen_at, |hinted_at| seen_at.max(hinted_at));
        let shot = self.shots.iter().rev().find(|(at, _)| *at <= seen_at);
        shot.map_or(Answer::Absent, |(_, facts)| self.shown(facts.clone()))
    }

    fn shown(&self, facts: Facts) -> Answer {
        let open = matches!(facts.word, Some(Word::Open));
        let door = open.then(|| Door::redirect("https://made-up.example/"));
        Answer::Said { facts, door }
    }

    /// What a look at one refund shows that sees no later than `seen_at`.
    pub(crate) fn seen_refund(&self, echo: &str, seen_at: Timestamp) -> Answer {
        let Answer::Said { mut facts, .. } = self.seen(seen_at) else { return Answer::Absent };
        let Some(id) = self.ours(echo).map(|refund| refund.id.clone()) else { return Answer::Absent };
        facts.items.retain(|item| item.id.as_ref() == Some(&id));
        if facts.items.is_empty() {
            return Answer::Absent;
        }
        // Whoever looks a refund up names it, so that the answer can carry the name.
        facts.items[0].echo = Some(echo.to_owned());
        Answer::said(Facts { items: facts.items, at: facts.at, ..Facts::default() })
    }

    /// Carries a request out, unless it did so before.
    pub(crate) fn asked(&mut self, request: &Request, luck: Luck, now: Timestamp) {
        let what = format!("{} {:?}", request.kind.as_str(), request.transfer);
        if let Some((before, at)) = self.keys.get(&request.key) {
            assert_eq!(*before, what, "the same key goes with the same request");
            let remembers = now.seconds_since(*at) < i64::from(retention_s(&self.habits));
            let Some((echo, ..)) = request.transfer.as_ref().filter(|_| !remembers) else { return };
            // To whom the key says nothing it is another request. That is right only after one that moved nothing.
            let first = self.transfers.iter_mut().find(|transfer| transfer.echo.as_deref() == Some(echo));
            let first = first.expect("what was carried out");
            let moved = first.ever_done || first.state != ItemState::Failed;
            assert!(!moved, "{what} was carried out twice: its key was forgotten meanwhile");
            first.echo = None;
            self.keys.remove(&request.key);
        }
        let can = match request.kind {
            OperationKind::Void => !self.has(Habit::NoVoid),
            OperationKind::ExpireCheckout => !self.has(Habit::NoExpire),
            OperationKind::CompleteCheckout => self.has(Habit::Completes),
            OperationKind::OpenCheckout | OperationKind::Capture | OperationKind::Refund => true,
            OperationKind::FetchPayment | OperationKind::FetchRefund | OperationKind::FetchDispute => false,
        };
        assert!(can, "{what} is nothing that this processor can do");
        if let Some((echo, ..)) = &request.transfer {
            let again = self.keys.values().any(|(before, _)| *before == what) || self.ours(echo).is_some();
            assert!(!again, "{what} was asked for twice, under another key");
        }
        if self.carry_out(request, luck) {
            self.keys.insert(request.key.clone(), (what, now));
        }
    }

    /// Whether there was anything that it could be about.
    fn carry_out(&mut self, request: &Request, luck: Luck) -> bool {
        if self.word.is_none() && request.kind != OperationKind::OpenCheckout {
            return false;
        }
        match request.kind {
            OperationKind::OpenCheckout => {
                let over = matches!(self.word, None | Some(Word::Expired | Word::Declined));
                if over {
                    self.word = Some(Word::Open);
                }
            }
            OperationKind::CompleteCheckout => {
                if self.is(&Word::NeedsCompletion) {
                    match luck {
                        Luck::Good => self.pay(self.asked, "USD"),
                        Luck::Slow => self.word = Some(Word::Pending),
                        Luck::Bad => self.word = Some(Word::Declined),
                    }
                }
            }
            OperationKind::ExpireCheckout => {
                if matches!(self.word, Some(Word::Open | Word::NeedsCompletion)) {
                    self.word = Some(Word::Expired);
                }
            }
            OperationKind::Void => {
                if self.is(&Word::Authorized) && self.standing(ItemKind::Capture) == 0 && luck != Luck::Bad {
                    self.release();
                } else {
                    self.begin(ItemKind::Void, None, 0, ItemState::Failed);
                }
            }
            OperationKind::Capture => {
                let room = self.left_to_take();
                self.move_money(ItemKind::Capture, request, luck, room);
            }
            OperationKind::Refund => {
                let room = self.left_to_give_back();
                self.move_money(ItemKind::Refund, request, luck, room);
            }
            OperationKind::FetchPayment | OperationKind::FetchRefund | OperationKind::FetchDispute => {}
        }
        true
    }

    fn move_money(&mut self, kind: ItemKind, request: &Request, luck: Luck, room: i64) {
        let (echo, amount, last) = request.transfer.clone().expect("a transfer");
        let luck = if amount > room { Luck::Bad } else { luck };
        let place = self.begin(kind, Some(echo), amount, ItemState::Pending);
        self.transfers[place].last = kind == ItemKind::Capture && (last || self.has(Habit::OneCapture));
        match luck {
            Luck::Good => self.end(place, ItemState::Succeeded),
            Luck::Slow => {}
            Luck::Bad => self.end(place, ItemState::Failed),
        }
    }

    /// What the answer to a request says.
    pub(crate) fn answer(&self, request: &Request, now: Timestamp) -> Answer {
        if self.word.is_none() {
            return Answer::Absent;
        }
        let mut facts = self.all(later(now, 0));
        if let Some((echo, ..)) = &request.transfer
            && self.has(Habit::NoEchoes)
        {
            // Where echoes are not given back, the answer is about the one transfer that was asked for.
            let id = self.ours(echo).map(|transfer| transfer.id.clone());
            facts.items.retain(|item| item.id == id);
            facts =
                Facts { items: facts.items, at: facts.at, references: facts.references, ..Facts::default() };
        }
        self.shown(facts)
    }
}

const fn kind_name(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Capture => "ch",
        ItemKind::Void => "vo",
        ItemKind::Refund => "re",
        ItemKind::Dispute => "dp",
    }
}
