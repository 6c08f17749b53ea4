//! Everybody else: shoppers at pages, the cart, an operator who says only what is so, what happens at the processor
//! without the hub, and deliveries.

use std::collections::BTreeMap;

use hub_core::command::Command;
use hub_core::event::ByHand;
use hub_core::ids::AttemptId;
use hub_core::payment::{Operation, QuarantineReason, Resolution, TransferStatus};
use hub_core::refusal::Refusal;
use processor_sdk::{CaptureMode, ItemKind, ItemState, OperationKind, Word};

use crate::habits::{Habit, profile};
use crate::heard::Heard;
use crate::life::{AMOUNT, Life, later, money, pick};
use crate::opinion;
use crate::processor::{Page, Transfer};
use crate::script::{Does, Step, There};

impl Life {
    /// The attempt that a step means: 0 is the newest.
    fn attempt(&self, which: usize) -> Option<(usize, AttemptId)> {
        let count = self.payment.attempts.len();
        let place = count.checked_sub(1)? - which % count;
        Some((place, self.payment.attempts[place].id.clone()))
    }

    pub(crate) fn step(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Start { habits } => self.start(habits),
            Step::Reopen { attempt } => {
                let (_, attempt_id) = self.attempt(*attempt)?;
                let _refused = self.give(&Command::ReopenDoor { attempt_id });
            }
            Step::Shopper { attempt, does } => self.shopper(self.attempt(*attempt)?.0, *does),
            Step::There { attempt, what } => self.there(self.attempt(*attempt)?.0, *what)?,
            Step::Work { which, fate, luck } => self.work(*which, *fate, *luck),
            Step::Deliver { which, again } => self.deliver(*which, *again)?,
            Step::Lose { which } => {
                let place = which.checked_rem(self.mail.len())?;
                // Whoever cannot be asked delivers until it is taken.
                if !self.mail[place].must && opinion::can_look(self, self.mail[place].attempt) {
                    self.mail.remove(place);
                }
            }
            Step::Arrive { which } => self.arrive(*which)?,
            Step::Hint { attempt } => {
                let (_, attempt_id) = self.attempt(*attempt)?;
                self.give(&Command::Hinted { attempt_id }).expect("a hint is not refused");
            }
            Step::Return { attempt } => {
                let (_, attempt_id) = self.attempt(*attempt)?;
                self.give(&Command::ShopperReturned { attempt_id, parameters: vec![] })
                    .expect("who comes back is let in");
            }
            Step::Capture { minor, .. } | Step::Refund { minor } if self.cannot_tell_apart(*minor) => {
                return None;
            }
            Step::Capture { minor, last } => {
                let amount = minor.map(|minor| money(minor, "USD"));
                let _refused =
                    self.give(&Command::Capture { amount, is_final: *last, allow_duplicate: false });
            }
            Step::Cancel => {
                let _refused = self.give(&Command::Cancel);
            }
            Step::Refund { minor } => {
                let amount = minor.map(|minor| money(minor, "USD"));
                let _refused = self.give(&Command::Refund {
                    amount,
                    reason: None,
                    metadata: BTreeMap::new(),
                    allow_duplicate: false,
                });
            }
            Step::Resolve { accept } => {
                let _refused = self.resolve(*accept);
            }
            Step::ByHand { attempt, operation } => self.by_hand(self.attempt(*attempt)?.0, *operation)?,
            Step::Tick { seconds } => self.now = later(self.now, *seconds),
        }
        Some(())
    }

    /// Whether as much is under way already and a processor gives no name of ours back: if both came into doubt, what
    /// it tells of one would be taken for the other. That is a known limit, so that no cart here asks for it.
    fn cannot_tell_apart(&self, minor: Option<i64>) -> bool {
        let pending = TransferStatus::Pending;
        let captures =
            self.payment.captures.iter().filter(|known| known.status == pending && !known.observed);
        let refunds = self.payment.refunds.iter().filter(|known| known.status == pending && !known.observed);
        let mut amounts = captures.map(|known| known.amount).chain(refunds.map(|known| known.amount));
        let nameless = self.pages.iter().any(|page| page.has(Habit::NoEchoes));
        nameless && amounts.any(|amount| minor.is_none_or(|minor| minor == amount.minor()))
    }

    fn start(&mut self, habits: &[Habit]) {
        let command = Command::StartAttempt {
            profile: Box::new(profile(habits)),
            reason: "chosen".to_owned(),
            return_token: "token".to_owned(),
        };
        let number = self.pages.len();
        self.pages.push(Page::new(number, habits.to_vec(), self.payment.capture, AMOUNT));
        let silent = habits.contains(&Habit::Silent) && self.payment.capture == CaptureMode::Automatic;
        self.heard.push(Heard::new(silent));
        if self.give(&command).is_err() {
            self.pages.pop();
            self.heard.pop();
        }
    }

    fn shopper(&mut self, place: usize, does: Does) {
        let shown = self.payment.attempts[place].door_opened_at.is_some();
        let page = &mut self.pages[place];
        let is_mailed = page.has(Habit::MailsItsPages) && page.word.is_some();
        if !shown && !is_mailed {
            return;
        }
        let completes = page.has(Habit::Completes);
        let open = page.is(&Word::Open);
        let states_sum = page.states_sum();
        let must = does == Does::PayLate;
        match does {
            Does::Approve if open && completes => page.word = Some(Word::NeedsCompletion),
            Does::Pay if open && !completes => page.pay(AMOUNT, "USD"),
            Does::Reserve if open && !completes && !page.has(Habit::Silent) => page.reserve(AMOUNT),
            Does::PayLater if open && !completes => page.word = Some(Word::Pending),
            Does::PayOdd { minor, foreign } if open && !completes && states_sum => {
                page.pay(minor, if foreign { "EUR" } else { "USD" });
            }
            Does::Fail if open => page.word = Some(Word::Declined),
            Does::GiveUp if open => page.word = Some(Word::Expired),
            Does::PayLate if page.is(&Word::Expired) => page.pay(AMOUNT, "USD"),
            _ => {}
        }
        self.noted(place, must);
    }

    fn there(&mut self, place: usize, what: There) -> Option<()> {
        let mode = self.payment.capture;
        let page = &mut self.pages[place];
        let mut must = false;
        match what {
            There::Ends { which, well } => page.comes_to_an_end(which, well)?,
            There::Bounces { .. } if self.heard[place].disowned => return None,
            There::Bounces { which } => {
                let done = |transfer: &Transfer| {
                    transfer.kind == ItemKind::Refund && transfer.state == ItemState::Succeeded
                };
                let done: Vec<usize> =
                    (0..page.transfers.len()).filter(|place| done(&page.transfers[*place])).collect();
                page.end(pick(&done, which)?, ItemState::Failed);
                must = true;
            }
            There::Refund { minor, slow } if minor <= page.left_to_give_back() => {
                let state = if slow { ItemState::Pending } else { ItemState::Succeeded };
                page.begin(ItemKind::Refund, None, minor, state);
                must = true;
            }
            There::Dispute { minor } if minor <= page.left_to_give_back() => {
                page.begin(ItemKind::Dispute, None, minor, ItemState::Pending);
                must = true;
            }
            There::Capture { minor } if mode == CaptureMode::Manual && minor <= page.left_to_take() => {
                page.capture_there(minor);
                // After an end nobody looks at what is left of a reservation, and where an answer is about one
                // transfer alone it may be the last thing that is heard before.
                must = self.payment.status.is_end() || page.has(Habit::NoEchoes);
            }
            There::Release if mode == CaptureMode::Manual && page.left_to_take() > 0 => page.release(),
            There::OddWord if page.is(&Word::Open) => page.word = Some(Word::Unknown("odd".to_owned())),
            There::Misnames { minor } if page.states_totals() => page.misnames(minor),
            There::Refund { .. }
            | There::Dispute { .. }
            | There::Capture { .. }
            | There::Release
            | There::Misnames { .. }
            | There::OddWord => return None,
        }
        self.noted(place, must);
        Some(())
    }

    pub(crate) fn deliver(&mut self, which: usize, again: bool) -> Option<()> {
        let index = which.checked_rem(self.mail.len())?;
        let mail = &self.mail[index];
        let place = mail.attempt;
        let attempt_id = self.payment.attempts[place].id.clone();
        let facts = Box::new(mail.facts.clone());
        let command = if self.pages[place].only_hints() {
            self.pages[place].hinted_at = Some(self.now);
            Command::Hinted { attempt_id }
        } else {
            Command::Notified { attempt_id, facts }
        };
        if !again {
            self.mail.remove(index);
        }
        self.give(&command).expect("a delivery is not refused");
        Some(())
    }

    pub(crate) fn arrive(&mut self, which: usize) -> Option<()> {
        let (_, command) = self.late.remove(which.checked_rem(self.late.len())?);
        self.give(&command).expect("a late answer is not refused");
        Some(())
    }

    /// An operator ends a quarantine, and says only what is so.
    pub(crate) fn resolve(&mut self, accept: bool) -> Result<(), Refusal> {
        let reason = self.payment.quarantine.as_ref().map(|quarantine| quarantine.reason);
        let accept = accept && reason != Some(QuarantineReason::CurrencyMismatch);
        let resolution = if accept { Resolution::Accept } else { Resolution::Refund };
        self.give(&Command::ResolveQuarantine { resolution, note: "looked at".to_owned() })
    }

    /// An operator says what became of an attempt, or of one operation of it, where that is known there.
    pub(crate) fn by_hand(&mut self, place: usize, operation: Option<usize>) -> Option<()> {
        let attempt = &self.payment.attempts[place];
        let settlement = match operation {
            // Of a capture in doubt he says what became of it, not how much was taken in all.
            None if attempt.open_operation(OperationKind::Capture).is_some() => return None,
            None if self.pages[place].taken() > 0 => {
                ByHand::Paid { amount: money(self.pages[place].taken(), self.pages[place].currency) }
            }
            None if self.pages[place].close_by_hand() => {
                self.noted(place, false);
                ByHand::NotPaid
            }
            None => return None,
            Some(which) => {
                let operation = pick(&attempt.operations, which)?;
                let done = self.is_done(place, &operation)?;
                let operation_id = operation.id;
                if done { ByHand::Done { operation_id } } else { ByHand::NotDone { operation_id } }
            }
        };
        let attempt_id = self.payment.attempts[place].id.clone();
        let evidence = "the processor's dashboard".to_owned();
        let _refused = self.give(&Command::SettleByHand { attempt_id, settlement, evidence });
        Some(())
    }

    /// Whether what was asked was done, where the processor knows by now.
    pub(crate) fn is_done(&self, place: usize, operation: &Operation) -> Option<bool> {
        let page = &self.pages[place];
        match self.transfer_of(operation) {
            Some((echo, ..)) => match page.ours(&echo).map(|transfer| transfer.state) {
                Some(ItemState::Succeeded) => Some(true),
                Some(ItemState::Failed) | None => Some(false),
                Some(ItemState::Pending) => None,
            },
            None => match operation.kind {
                OperationKind::Void => Some(page.is(&Word::Voided)),
                OperationKind::ExpireCheckout => page.is(&Word::Expired).then_some(true),
                _ => None,
            },
        }
    }
}
