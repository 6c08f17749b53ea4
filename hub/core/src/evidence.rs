//! Everything a processor has ever said about one attempt, merged so that order and repetition do not matter.
//!
//! Each statement is a cell `value → (latest processor time, first time heard)`. Merging joins cell by cell
//! (latest of the one, earliest of the other), which is commutative, associative and idempotent. What the
//! attempt's state is follows by reading, never by who spoke last: money that moved stays moved.
//!
//! Invariant: `merge` only adds; every order and repetition of the same facts gives the same evidence.

use std::collections::{BTreeMap, BTreeSet};

use processor_sdk::{Decline, Facts, Item, ItemKind, ItemState, Money, Reference, Timestamp, Word};
use serde::{Deserialize, Serialize};

/// The reason of an item that an operator told of in its processor's place.
pub(crate) const SETTLED_BY_HAND: &str = "settled_by_hand";

/// When something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Latest time by the processor's clock, when it gave one.
    pub at: Option<Timestamp>,
    /// When we first heard it.
    pub first: Timestamp,
}

impl Heard {
    /// The time that counts when statements are compared.
    #[must_use]
    pub fn time(self) -> Timestamp {
        self.at.unwrap_or(self.first)
    }

    fn join(self, other: Self) -> Self {
        Self { at: self.at.max(other.at), first: self.first.min(other.first) }
    }
}

/// What one item is called: at least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemName {
    /// Capture, void, refund or dispute.
    pub kind: ItemKind,
    /// The processor's id.
    pub id: Option<String>,
    /// Our echo.
    pub echo: Option<String>,
}

/// An item after reading all that was said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemStanding {
    /// Capture, void, refund or dispute.
    pub kind: ItemKind,
    /// Every id of the processor's for it, usually one.
    pub ids: BTreeSet<String>,
    /// Every echo of ours for it, usually one.
    pub echoes: BTreeSet<String>,
    /// Its state.
    pub state: ItemState,
    /// Its amount; the largest, if several were said.
    pub amount: Option<Money>,
    /// The reason that came with its state.
    pub reason: Option<String>,
    /// That it was ever said to have succeeded, whatever was said later.
    pub ever_succeeded: bool,
}

impl ItemStanding {
    /// What the processor calls it: its id, or else an echo.
    #[must_use]
    pub fn name(&self) -> Option<&String> {
        self.ids.first().or_else(|| self.echoes.first())
    }

    /// Whether it goes by this name of the processor's.
    #[must_use]
    pub fn is_called(&self, name: &String) -> bool {
        self.ids.contains(name) || self.echoes.contains(name)
    }
}

/// Merged facts. JSON maps need text keys, so each cell map is stored as a list of pairs.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    #[serde(with = "pairs", default, skip_serializing_if = "BTreeMap::is_empty")]
    words: BTreeMap<Word, Heard>,
    #[serde(with = "pairs", default, skip_serializing_if = "BTreeMap::is_empty")]
    declines: BTreeMap<Decline, Heard>,
    #[serde(with = "pairs", default, skip_serializing_if = "BTreeMap::is_empty")]
    amounts: BTreeMap<MoneyCell, Heard>,
    #[serde(with = "pairs", default, skip_serializing_if = "BTreeMap::is_empty")]
    totals: BTreeMap<(Total, MoneyCell), Heard>,
    #[serde(with = "pairs", default, skip_serializing_if = "BTreeMap::is_empty")]
    capture_ends: BTreeMap<Timestamp, Heard>,
    #[serde(with = "pairs", default, skip_serializing_if = "BTreeMap::is_empty")]
    items: BTreeMap<ItemCell, Heard>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    references: BTreeSet<Reference>,
    /// The only currency whose amounts count, where an operator has looked at the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only_currency: Option<String>,
}

/// Which total a processor stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Total {
    /// Reserved.
    Authorized,
    /// Taken.
    Captured,
    /// Given back.
    Refunded,
    /// The processor's fee.
    Fee,
}

/// `Money` has no order of its own (currencies do not compare); a cell key needs one.
type MoneyCell = (String, i64);
type ItemCell = (ItemName, ItemState, Option<MoneyCell>, Option<String>);

fn cell(money: Money) -> MoneyCell {
    (money.currency().code().to_owned(), money.minor())
}

fn money(cell: &MoneyCell) -> Option<Money> {
    let currency = processor_sdk::Currency::parse(&cell.0).ok()?;
    Money::new(cell.1, currency).ok()
}

impl Evidence {
    /// Adds what was said. True when this changed anything.
    pub fn merge(&mut self, facts: &Facts, heard_at: Timestamp) -> bool {
        let before = self.clone();
        let heard = Heard { at: facts.at, first: heard_at };
        if let Some(word) = &facts.word {
            join(&mut self.words, word.clone(), heard);
        }
        if let Some(decline) = &facts.decline {
            join(&mut self.declines, decline.clone(), heard);
        }
        if let Some(amount) = facts.amount {
            join(&mut self.amounts, cell(amount), heard);
        }
        let totals = [
            (Total::Authorized, facts.authorized),
            (Total::Captured, facts.captured),
            (Total::Refunded, facts.refunded),
            (Total::Fee, facts.fee),
        ];
        for (total, amount) in totals {
            if let Some(amount) = amount {
                join(&mut self.totals, (total, cell(amount)), heard);
            }
        }
        if let Some(capture_before) = facts.capture_before {
            join(&mut self.capture_ends, capture_before, heard);
        }
        for item in &facts.items {
            let heard = Heard { at: item.at.or(facts.at), first: heard_at };
            join(&mut self.items, item_cell(item), heard);
        }
        self.references.extend(facts.references.iter().cloned());
        *self != before
    }

    /// The processor's ids for this attempt.
    #[must_use]
    pub const fn references(&self) -> &BTreeSet<Reference> {
        &self.references
    }

    /// When a word was said, if ever.
    #[must_use]
    pub fn said(&self, word: &Word) -> Option<Heard> {
        self.words.get(word).copied()
    }

    /// Words with the time that counts, latest last; at equal times the further one along a payment's life
    /// is last.
    #[must_use]
    pub fn words(&self) -> Vec<(&Word, Timestamp)> {
        let mut words: Vec<_> = self.words.iter().map(|(word, heard)| (word, heard.time())).collect();
        words.sort_by_key(|(word, time)| (*time, rank(word)));
        words
    }

    /// The word that was said last.
    #[must_use]
    pub fn latest_word(&self) -> Option<&Word> {
        self.words().last().map(|(word, _)| *word)
    }

    /// Dates the latest word, and the decline that stands, as of a look-up that said nothing else.
    pub fn confirm(&mut self, at: Timestamp) {
        let heard = |first| Heard { at: Some(at), first };
        if let Some(word) = self.latest_word().cloned()
            && let Some(known) = self.words.get_mut(&word)
        {
            *known = known.join(heard(known.first));
        }
        if let Some(decline) = self.decline().cloned()
            && let Some(known) = self.declines.get_mut(&decline)
        {
            *known = known.join(heard(known.first));
        }
    }

    /// True when `other` holds the same statements and reads the same: they differ in dates at most.
    #[must_use]
    pub fn reads_like(&self, other: &Self) -> bool {
        let order = |evidence: &Self| -> Vec<Word> {
            evidence.words().into_iter().map(|(word, _)| word.clone()).collect()
        };
        let kinds = [ItemKind::Capture, ItemKind::Void, ItemKind::Refund, ItemKind::Dispute];
        self.references == other.references
            && self.amounts.keys().eq(other.amounts.keys())
            && self.amounts.keys().all(|(code, _)| latest_amount(self, code) == latest_amount(other, code))
            && self.totals.keys().eq(other.totals.keys())
            && self.declines.keys().eq(other.declines.keys())
            && self.capture_ends.keys().eq(other.capture_ends.keys())
            && self.capture_before() == other.capture_before()
            && self.items.keys().eq(other.items.keys())
            && order(self) == order(other)
            && self.decline() == other.decline()
            && kinds.into_iter().all(|kind| self.items(kind) == other.items(kind))
    }

    /// Whether any amount of the payment was ever stated in another currency. Fees and disputes may be:
    /// processors book them in the currency that they settle in.
    #[must_use]
    pub fn names_another_currency(&self, currency: processor_sdk::Currency) -> bool {
        if self.only_currency.is_some() {
            return false;
        }
        let code = currency.code();
        let totals = self.totals.keys().filter(|(total, _)| *total != Total::Fee).map(|(_, amount)| amount);
        let items = self.items.keys().filter(|(name, ..)| match name.kind {
            ItemKind::Capture | ItemKind::Refund => true,
            ItemKind::Void | ItemKind::Dispute => false,
        });
        let items = items.filter_map(|(_, _, amount, _)| amount.as_ref());
        self.amounts.keys().chain(totals).chain(items).any(|(said, _)| said != code)
    }

    /// From now on amounts in other currencies say nothing about the payment.
    pub fn count_only(&mut self, currency: processor_sdk::Currency) {
        self.only_currency = Some(currency.code().to_owned());
    }

    fn counts(&self, amount: &MoneyCell) -> bool {
        self.only_currency.as_ref().is_none_or(|only| *only == amount.0)
    }

    /// The latest decline.
    #[must_use]
    pub fn decline(&self) -> Option<&Decline> {
        self.declines.iter().max_by_key(|(_, heard)| heard.time()).map(|(decline, _)| decline)
    }

    /// Until when the processor lets us capture, by what it said last; of two times said at once the sooner.
    #[must_use]
    pub fn capture_before(&self) -> Option<Timestamp> {
        let latest =
            self.capture_ends.iter().max_by_key(|(end, heard)| (heard.time(), std::cmp::Reverse(**end)));
        latest.map(|(end, _)| *end)
    }

    /// What the processor said last that the checkout is for; of two amounts said at once the larger.
    #[must_use]
    pub fn amount(&self, currency: processor_sdk::Currency) -> Option<Money> {
        let stated = self.amounts.iter().filter(|(amount, _)| amount.0 == currency.code());
        let latest = stated.max_by_key(|((_, minor), heard)| (heard.time(), *minor));
        latest.and_then(|(amount, _)| money(amount)).filter(Money::is_positive)
    }

    /// Every amount that the processor said the checkout is for.
    pub fn amounts(&self) -> impl Iterator<Item = Money> + '_ {
        self.amounts.keys().filter(|amount| self.counts(amount)).filter_map(money)
    }

    /// The largest stated total in `currency`, and whether any was stated in another currency.
    #[must_use]
    pub fn total(&self, total: Total, currency: processor_sdk::Currency) -> (Option<Money>, bool) {
        let mut largest: Option<Money> = None;
        let mut foreign = false;
        for (_, amount) in self.totals.keys().filter(|(kind, _)| *kind == total) {
            let Some(amount) = money(amount) else { continue };
            if amount.currency() != currency {
                foreign = true;
            } else if largest.is_none_or(|known| amount.minor() > known.minor()) {
                largest = Some(amount);
            }
        }
        (largest, foreign)
    }

    /// Whether an item of a kind carries an echo of ours: then what does not carry it is another.
    #[must_use]
    pub fn has_echo(&self, kind: ItemKind, echo: &str) -> bool {
        self.items.keys().any(|(name, ..)| name.kind == kind && name.echo.as_deref() == Some(echo))
    }

    /// Whether an operator said that the transfer of this echo was done, and no processor has named it by its echo.
    #[must_use]
    pub(crate) fn is_done_by_hand(&self, kind: ItemKind, echo: &str) -> bool {
        let by_hand = |(name, state, _, reason): &ItemCell| {
            let is_told = name.id.is_none() && reason.as_deref() == Some(SETTLED_BY_HAND);
            is_told && *state == ItemState::Succeeded
        };
        self.has_echo(kind, echo)
            && self
                .items
                .keys()
                .filter(|(name, ..)| name.kind == kind && name.echo.as_deref() == Some(echo))
                .all(by_hand)
    }

    /// The earliest time that an item can be of, by the processor's clock or by when it was heard.
    #[must_use]
    pub(crate) fn told_since(&self, item: &ItemStanding) -> Option<Timestamp> {
        let said = self.items.iter().filter(|((name, ..), _)| is_it(item, name));
        said.map(|(_, heard)| heard.at.map_or(heard.first, |at| at.min(heard.first))).min()
    }

    /// When it was first heard that an item failed, if ever: also where it was said to have succeeded since.
    #[must_use]
    pub fn first_failed(&self, item: &ItemStanding) -> Option<Timestamp> {
        let said = self
            .items
            .iter()
            .filter(|((name, state, ..), _)| *state == ItemState::Failed && is_it(item, name));
        said.map(|(_, heard)| heard.first).min()
    }

    /// Items of a kind, statements about the same one put together: they share an id or an echo.
    #[must_use]
    pub fn items(&self, kind: ItemKind) -> Vec<ItemStanding> {
        self.items_known_as(kind, &[])
    }

    /// The same, where it is known besides that an echo of ours and an id of the processor's are of one item.
    #[must_use]
    pub(crate) fn items_known_as(&self, kind: ItemKind, one: &[(&str, &str)]) -> Vec<ItemStanding> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (said, heard) in self.items.iter().filter(|((name, ..), _)| name.kind == kind) {
            let name = &said.0;
            let mut merged = Group {
                ids: name.id.iter().cloned().collect(),
                echoes: name.echo.iter().cloned().collect(),
                said: vec![(said, *heard)],
            };
            let ours = one.iter().find(|(_, id)| name.id.as_deref() == Some(id));
            merged.echoes.extend(ours.map(|(echo, _)| (*echo).to_owned()));
            let mut apart = Vec::new();
            for group in groups {
                if group.ids.is_disjoint(&merged.ids) && group.echoes.is_disjoint(&merged.echoes) {
                    apart.push(group);
                } else {
                    merged.ids.extend(group.ids);
                    merged.echoes.extend(group.echoes);
                    merged.said.extend(group.said);
                }
            }
            apart.push(merged);
            groups = apart;
        }
        let mut standings: Vec<_> =
            groups.into_iter().map(|group| group.standing(kind, |amount| self.counts(amount))).collect();
        standings.sort_by(|left, right| (&left.ids, &left.echoes).cmp(&(&right.ids, &right.echoes)));
        standings
    }
}

struct Group<'a> {
    ids: BTreeSet<String>,
    echoes: BTreeSet<String>,
    said: Vec<(&'a ItemCell, Heard)>,
}

impl Group<'_> {
    fn standing(self, kind: ItemKind, counts: impl Fn(&MoneyCell) -> bool) -> ItemStanding {
        // Pending never overrides an end state, however late it is heard; among end states the later one
        // counts, because a refund's success can turn into failure days afterwards.
        let latest = self.said.iter().max_by_key(|((_, state, amount, reason), heard)| {
            (*state != ItemState::Pending, heard.time(), *state, amount.clone(), reason.clone())
        });
        let (state, reason) =
            latest.map_or((ItemState::Pending, None), |((_, state, _, reason), _)| (*state, reason.clone()));
        let amounts = self.said.iter().filter_map(|((_, _, amount, _), _)| amount.as_ref());
        let amount = amounts.filter(|amount| counts(amount)).max().and_then(money);
        let ever_succeeded = self.said.iter().any(|((_, state, ..), _)| *state == ItemState::Succeeded);
        ItemStanding { kind, ids: self.ids, echoes: self.echoes, state, amount, reason, ever_succeeded }
    }
}

/// Whether a name is one of those that an item goes by.
fn is_it(item: &ItemStanding, name: &ItemName) -> bool {
    let is_called = |text: &Option<String>| text.as_ref().is_some_and(|text| item.is_called(text));
    name.kind == item.kind && (is_called(&name.id) || is_called(&name.echo))
}

const fn rank(word: &Word) -> u8 {
    match word {
        Word::Unknown(_) => 0,
        Word::Open => 1,
        Word::NeedsCompletion => 2,
        Word::Pending => 3,
        Word::Expired => 4,
        Word::Declined => 5,
        Word::Authorized => 6,
        Word::Voided => 7,
        Word::Paid => 8,
    }
}

fn latest_amount(evidence: &Evidence, code: &str) -> Option<Money> {
    processor_sdk::Currency::parse(code).ok().and_then(|currency| evidence.amount(currency))
}

fn item_cell(item: &Item) -> ItemCell {
    let name = ItemName { kind: item.kind, id: item.id.clone(), echo: item.echo.clone() };
    (name, item.state, item.amount.map(cell), item.reason.clone())
}

fn join<K: Ord>(cells: &mut BTreeMap<K, Heard>, key: K, heard: Heard) {
    cells.entry(key).and_modify(|known| *known = known.join(heard)).or_insert(heard);
}

/// Maps with structured keys as lists of pairs, the only form JSON has for them.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter())
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
