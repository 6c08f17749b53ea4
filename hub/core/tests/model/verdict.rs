//! Whether the core is right: after each command it is held against the second opinion and against the truth.

use hub_core::apply::fold;
use hub_core::command::Command;
use hub_core::event::{Event, Recorded};
use hub_core::ids::AttemptId;
use hub_core::ledger::Account;
use hub_core::outcome::Outcome;
use hub_core::payment::{
    AttemptState, DisputeStatus, OperationState, PaymentIntent, QuarantineReason, Status, TransferStatus,
};
use hub_core::refusal::Refusal;
use hub_core::schedule::{Work, schedule};
use hub_core::story::Decision;
use processor_sdk::{ItemKind, ItemState, OperationKind, Word};

use crate::habits::Habit;
use crate::heard::Stand;
use crate::life::{AMOUNT, Life};
use crate::opinion::{
    can_look, disputed, disputes_in, given_back, holds_late_money, is_odd, kept, left_to_capture,
    left_to_refund, stands, statuses, taken,
};

fn places(life: &Life) -> std::ops::Range<usize> {
    0..life.pages.len()
}

// ---- what a command asks for --------------------------------------------------------------------------------------

/// What the cart was granted is there to be had. `life` is as it was before.
pub(crate) fn asked_within_bounds(life: &Life, command: &Command, after: &PaymentIntent) {
    let (attempt_id, granted, left) = match command {
        Command::Capture { .. } => {
            let capture = &after.captures[life.payment.captures.len()];
            let left = left_to_capture(life, life.place(&capture.attempt_id));
            (&capture.attempt_id, capture.amount.minor(), left)
        }
        Command::Refund { .. } => {
            let refund = &after.refunds[life.payment.refunds.len()];
            let left = left_to_refund(life, life.place(&refund.attempt_id));
            (&refund.attempt_id, refund.amount.minor(), left)
        }
        _ => return,
    };
    let (Command::Capture { amount, .. } | Command::Refund { amount, .. }) = command else { return };
    let asked = amount.map_or(left, |amount| amount.minor());
    assert_eq!(granted, asked, "the cart gets what it asked for, or all that is left");
    assert!(granted > 0 && granted <= left, "{granted} of {left} is granted through {attempt_id}");
    assert!(!is_odd(life), "nothing moves while it waits for a person");
}

/// Whoever is refused is refused for a reason. A refusal changes nothing: there is no decision to commit.
pub(crate) fn refusal(life: &Life, command: &Command, refusal: &Refusal) {
    let payment = &life.payment;
    let most = |left: fn(&Life, usize) -> i64| places(life).map(|place| left(life, place)).max().unwrap_or(0);
    let justified = match (command, refusal) {
        (_, Refusal::Quarantined { .. }) => is_odd(life),
        (Command::Capture { amount, .. }, Refusal::ExceedsAuthorized { .. }) => {
            let least = places(life).map(|place| left_to_capture(life, place)).filter(|left| *left > 0).min();
            let least = least.unwrap_or(0);
            least == 0 || amount.is_some_and(|amount| amount.minor() > least)
        }
        (Command::Capture { .. }, Refusal::WrongStatus { .. }) => {
            payment.status != Status::RequiresCapture || payment.cancel_requested
        }
        (Command::Capture { .. }, Refusal::NotSupported { .. }) => {
            life.pages.iter().any(|page| page.has(Habit::OneCapture))
        }
        (Command::Refund { amount, .. }, Refusal::ExceedsCaptured { .. }) => {
            let most = most(left_to_refund);
            most == 0 || amount.is_some_and(|amount| amount.minor() > most)
        }
        (Command::Refund { .. }, Refusal::WrongStatus { .. }) => {
            is_odd(life) || places(life).all(|place| taken(life, place) == 0)
        }
        (Command::Capture { amount, .. } | Command::Refund { amount, .. }, Refusal::AmountNotPositive) => {
            amount.is_some_and(|amount| amount.minor() <= 0)
        }
        (Command::Cancel, Refusal::WrongStatus { .. }) => {
            let free = matches!(payment.status, Status::RequiresCheckout | Status::RequiresCapture);
            !free || payment.captures.iter().any(|capture| capture.status != TransferStatus::Failed)
        }
        (Command::Cancel, Refusal::NotSupported { .. }) => {
            let stuck =
                |place: usize| life.pages[place].has(Habit::NoVoid) && stands(life, place) == Stand::Reserved;
            places(life).any(stuck)
        }
        (Command::StartAttempt { .. } | Command::ReopenDoor { .. }, Refusal::WrongStatus { .. }) => {
            let waits = payment.status == Status::RequiresCheckout
                && payment.closed.is_none()
                && !payment.cancel_requested
                && life.now < payment.expires_at;
            let mailed = life.pages.iter().any(|page| page.has(Habit::MailsItsPages));
            !waits || mailed || matches!(command, Command::ReopenDoor { .. })
        }
        (Command::StartAttempt { .. } | Command::ReopenDoor { .. }, Refusal::TooManyAttempts { .. }) => {
            payment.attempts.len() >= 12
        }
        (Command::ResolveQuarantine { .. }, Refusal::NotQuarantined) => payment.quarantine.is_none(),
        (Command::ResolveQuarantine { .. }, _) => payment.quarantine.is_some(),
        (Command::SettleByHand { .. }, Refusal::CannotSettle { .. } | Refusal::CurrencyMismatch { .. }) => {
            true
        }
        _ => false,
    };
    assert!(justified, "{command:?} is refused: {refusal}");
}

// ---- what it led to -------------------------------------------------------------------------------------------------

/// The history is one chain without gaps, and every journal balances.
pub(crate) fn events(before: &PaymentIntent, decision: &Decision) {
    for (number, recorded) in (before.version + 1..).zip(&decision.events) {
        assert_eq!(recorded.version, number, "events are numbered one after the other");
        assert_eq!(
            number == 1,
            recorded.previous.is_none(),
            "each event carries the hash of the one before it"
        );
    }
    if let Some(first) = decision.events.first() {
        assert_eq!(first.previous, before.last_event, "the chain goes on where it ended");
    } else {
        assert_eq!(*before, decision.payment, "what records nothing changes nothing");
    }
    for (_, journal) in &decision.journals {
        let sum: i64 = journal.entries().iter().map(|entry| entry.amount.minor()).sum();
        assert_eq!(sum, 0, "the journal of a {} balances", journal.memo());
    }
}

/// Everything that must hold after a command.
pub(crate) fn step(life: &mut Life, before: &PaymentIntent, command: &Command, first_new: usize) {
    let news = &life.history[first_new..];
    nothing_unknown_fails(command, news);
    count(life, first_new);
    if !life.payment.is_blocked() {
        for place in places(life) {
            life.heard[place].booked = taken(life, place);
        }
    }
    let life = &*life;
    if life.history.len().is_multiple_of(7) {
        folds(life);
    }
    assert_eq!(
        life.payment.is_blocked(),
        is_odd(life),
        "what does not fit waits for a person, and nothing else"
    );
    true_to_processors(life);
    doubts_are_scheduled(life);
    if life.payment.is_blocked() {
        let resolves = matches!(command, Command::ResolveQuarantine { .. });
        assert!(resolves || life.payment.status == before.status, "a blocked payment stays where it was");
        return;
    }
    books(life);
    within_bounds(life);
    let allowed = statuses(life, before.status);
    assert!(allowed.contains(&life.payment.status), "{:?} is none of {allowed:?}", life.payment.status);
    money_shows(life);
    doors_are_closed(life);
    let late = Event::Quarantined { reason: QuarantineReason::PaidLate };
    let held_late = life.history[first_new..].iter().any(|recorded| recorded.event == late);
    assert!(!held_late || holds_late_money(life), "late money is held where the operator wants that");
}

pub(crate) fn folds(life: &Life) {
    assert_eq!(fold(&life.history).as_ref(), Some(&life.payment), "the events give the state");
}

fn count(life: &mut Life, first_new: usize) {
    for recorded in &life.history[first_new..] {
        match recorded.event {
            Event::OperationUnknown { .. } => life.counts.doubts += 1,
            Event::Quarantined { .. } => life.counts.quarantines += 1,
            Event::MoneyCaptured { .. } | Event::RefundSettled { .. } => life.counts.moved += 1,
            _ => {}
        }
    }
}

/// Silence is no answer.
fn nothing_unknown_fails(command: &Command, news: &[Recorded]) {
    let silence = match command {
        Command::OperationTried { outcome, .. } | Command::LookedUp { outcome, .. } => {
            matches!(outcome, Outcome::Unknown { .. })
        }
        Command::OperationInterrupted { .. } | Command::Hinted { .. } | Command::ShopperReturned { .. } => {
            true
        }
        _ => false,
    };
    let failed = TransferStatus::Failed;
    let fails = |recorded: &Recorded| match &recorded.event {
        Event::OperationGivenUp { .. } | Event::AttemptDeclined { .. } => true,
        Event::CaptureSettled { status, .. } | Event::RefundSettled { status, .. } => *status == failed,
        _ => false,
    };
    assert!(!silence || !news.iter().any(fails), "nothing fails because nobody answered");
}

/// A page may have been opened again after it was closed, by a request that was on its way.
fn opened_again(attempt: &hub_core::payment::Attempt) -> bool {
    attempt.operations.iter().filter(|operation| operation.kind == OperationKind::OpenCheckout).count() > 1
}

/// What the core says of its own requests is so at the processor.
fn true_to_processors(life: &Life) {
    for (attempt, page) in life.payment.attempts.iter().zip(&life.pages) {
        for operation in &attempt.operations {
            let given_up = operation.state == OperationState::GivenUp;
            let what = operation.kind.as_str();
            let undone = operation.kind == OperationKind::ExpireCheckout && opened_again(attempt);
            assert!(
                !given_up || undone || !page.has_carried_out(operation.id.body()),
                "{what} is given up and was done"
            );
        }
        let never = attempt.state(life.payment.capture) == AttemptState::NotSent;
        let opening = attempt.open_operation(OperationKind::OpenCheckout).is_some();
        assert!(!never || opening || page.word.is_none(), "an attempt that never arrived has no page");
    }
    let captures = life.payment.captures.iter().filter(|capture| !capture.observed);
    let captures = captures.map(|known| (&known.attempt_id, known.id.echo(), known.status));
    let refunds = life.payment.refunds.iter().filter(|refund| !refund.observed);
    let refunds = refunds.map(|known| (&known.attempt_id, known.id.echo(), known.status));
    for (attempt_id, echo, status) in captures.chain(refunds) {
        let place = life.place(attempt_id);
        if life.pages[place].has(Habit::NoEchoes) {
            // Which of two equal ones it was, nobody can tell; the sums are compared.
            continue;
        }
        let there = life.pages[place].ours(echo);
        let told = life.heard[place].told_of(echo);
        match status {
            TransferStatus::Pending => {
                let ended = told.is_some_and(|told| told.state != ItemState::Pending);
                assert!(!ended || life.payment.is_blocked(), "an end that was told of {echo} is believed");
            }
            TransferStatus::Succeeded => {
                // Told of by its amount alone it may be another one: its own request is still to come.
                let to_come = life.payment.attempts[place].operations.iter().any(|operation| {
                    operation.is_open()
                        && life.transfer_of(operation).is_some_and(|(transfer, ..)| transfer == echo)
                });
                let done = there.is_some_and(|there| there.ever_done) || as_much_was_moved(life, place, echo);
                assert!(to_come || done, "{echo} was done");
            }
            TransferStatus::Failed => {
                let failed = there.is_none_or(|there| there.state == ItemState::Failed);
                assert!(failed, "{echo} counts as failed and did not fail");
            }
        }
    }
}

/// As much was moved there without our name: nobody can tell that it was not ours, or it was taken for ours before
/// that could be sent, and then was never sent. The sums are right all the same.
fn as_much_was_moved(life: &Life, place: usize, echo: &str) -> bool {
    let asked = life.payment.attempts[place].operations.iter().find_map(|operation| {
        let (transfer, amount, _) = life.transfer_of(operation)?;
        (transfer == echo).then_some((operation.kind, amount))
    });
    asked.is_some_and(|(kind, amount)| {
        let kind = if kind == OperationKind::Capture { ItemKind::Capture } else { ItemKind::Refund };
        let mut there = life.pages[place].transfers.iter();
        there.any(|there| there.kind == kind && there.ever_done && there.amount == amount)
    })
}

/// Whatever is in doubt, or on its way, will be asked about by itself where anybody can be asked.
fn doubts_are_scheduled(life: &Life) {
    let wanted = schedule(&life.payment);
    for (place, attempt) in life.payment.attempts.iter().enumerate() {
        for operation in attempt.operations.iter().filter(|operation| operation.is_open()) {
            let (attempt_id, operation_id) = (attempt.id.clone(), operation.id.clone());
            let planned = wanted.contains_key(&Work::CallProcessor { attempt_id, operation_id });
            let page = &life.pages[place];
            let helpless = operation.state == OperationState::Stuck
                && (page.has(Habit::NoLookUp) || page.has(Habit::LooksById))
                && (page.has(Habit::ShortKeys) || page.has(Habit::Keyless) || is_old(life, operation));
            assert!(planned || helpless, "{} is in doubt and nobody asks", operation.kind.as_str());
            let hardly = match operation.state {
                OperationState::Unknown { due_at } => due_at.seconds_since(life.now) > 12 * 3_600,
                _ => false,
            };
            let harmless = operation.kind == OperationKind::OpenCheckout && !page.has(Habit::MailsItsPages);
            let shown = life.payment.waits_for_person();
            assert!(shown || !(helpless || hardly && !harmless), "a long doubt is on a person's list");
        }
        let pending = |id: &AttemptId, status| attempt.id == *id && status == TransferStatus::Pending;
        let moving = life.payment.captures.iter().any(|known| pending(&known.attempt_id, known.status))
            || life.payment.refunds.iter().any(|known| pending(&known.attempt_id, known.status));
        let waits = match stands(life, place) {
            Stand::Approved | Stand::Pending | Stand::Reserved | Stand::Odd => true,
            Stand::Open => life.now < life.payment.expires_at,
            Stand::Nothing | Stand::Taken | Stand::Over => false,
        };
        let watched = wanted.contains_key(&Work::Check { attempt_id: attempt.id.clone() })
            || attempt.open_operation(OperationKind::OpenCheckout).is_some();
        let needed = (waits || moving) && can_look(life, place) && !life.heard[place].disowned;
        assert!(watched || !needed, "{:?} is looked at", stands(life, place));
    }
}

fn is_old(life: &Life, operation: &hub_core::payment::Operation) -> bool {
    operation.first_sent_at.is_some_and(|sent_at| life.now.seconds_since(sent_at) > 20 * 3_600)
}

/// The books, and what is booked, are what was told.
fn books(life: &Life) {
    let (mut all_taken, mut all_given_back, mut all_held, mut all_lost) = (0, 0, 0, 0);
    for place in places(life) {
        let attempt = &life.payment.attempts[place];
        let taken = taken(life, place);
        assert_eq!(attempt.captured.minor(), taken, "what was taken is booked");
        let (held, lost) = disputed(life, place);
        all_taken += taken;
        all_given_back += given_back(life, place);
        all_held += held;
        all_lost += lost;
    }
    assert_eq!(life.payment.amount_captured().minor(), all_taken, "taken");
    assert_eq!(life.payment.amount_refunded().minor(), all_given_back, "given back");
    assert_eq!(disputes_in(life, DisputeStatus::Open), all_held, "held back by banks");
    assert_eq!(disputes_in(life, DisputeStatus::Lost), all_lost, "lost to banks");
    let balance = |account| life.books.get(&account).copied().unwrap_or(0);
    let kept = all_taken - all_given_back;
    assert_eq!(balance(Account::DisputesHeld), all_held, "books of disputes");
    assert_eq!(
        balance(Account::ProcessorReceivable),
        kept - all_held - all_lost,
        "books of what is owed to us"
    );
    assert_eq!(balance(Account::MerchantPayable), all_lost - kept, "books of the merchant's money");
}

/// What we asked for is within what is there, whatever else happened.
fn within_bounds(life: &Life) {
    for (place, attempt) in life.payment.attempts.iter().enumerate() {
        let ours = |id: &AttemptId, observed: bool, status| {
            attempt.id == *id && !observed && status != TransferStatus::Failed
        };
        let refunds = life.payment.refunds.iter();
        let refunds = refunds.filter(|known| ours(&known.attempt_id, known.observed, known.status));
        let refunds: i64 = refunds.filter(|known| !known.overruled).map(|known| known.amount.minor()).sum();
        assert!(refunds <= taken(life, place), "{refunds} asked back of {}", taken(life, place));
        let captures = life.payment.captures.iter();
        let captures = captures.filter(|known| ours(&known.attempt_id, known.observed, known.status));
        let captures: i64 = captures.filter(|known| !known.overruled).map(|known| known.amount.minor()).sum();
        let reserved = life.heard[place].reserved(life.payment.capture);
        assert!(captures <= reserved, "{captures} asked of {reserved}");
    }
}

/// Money that the shop holds shows: as a payment, or as a quarantine that somebody looks at.
fn money_shows(life: &Life) {
    let payment = &life.payment;
    let quarantined = payment.quarantine.is_some();
    let paid = matches!(payment.status, Status::Succeeded | Status::RequiresCapture);
    let kept = kept(life);
    assert!(kept == 0 || paid || quarantined, "{kept} is kept of a payment that is {:?}", payment.status);
    let twice = places(life).filter(|place| taken(life, *place) > 0).count() > 1;
    let welcome = payment.resolved.captured_up_to.map_or(AMOUNT, |amount| amount.minor().max(AMOUNT));
    assert!(!twice || kept <= welcome || quarantined, "{kept} of {welcome} was taken twice");
    let too_much = |place: usize| taken(life, place) > 0 && given_back(life, place) > taken(life, place);
    let looked_at = payment.resolved.refunded_up_to.map_or(0, |amount| amount.minor());
    let back = payment.amount_refunded().minor();
    let strange = places(life).any(too_much) && back > looked_at;
    assert!(!strange || quarantined, "more was given back than was taken");
}

/// Nobody can pay at a page any more that is not wanted, where its processor can close it.
fn doors_are_closed(life: &Life) {
    let payment = &life.payment;
    for (place, attempt) in payment.attempts.iter().enumerate() {
        let has_money = |other| matches!(stands(life, other), Stand::Taken | Stand::Reserved);
        let elsewhere = places(life).any(|other| other != place && has_money(other));
        let unwanted =
            attempt.superseded || elsewhere || payment.closed.is_some() || payment.cancel_requested;
        let can = !life.pages[place].has(Habit::NoExpire);
        let asked = attempt.last_operation(OperationKind::ExpireCheckout).is_some();
        if stands(life, place) == Stand::Open && unwanted && can {
            assert!(asked, "a page that is not wanted is closed");
        }
    }
}

// ---- the end --------------------------------------------------------------------------------------------------------

/// When everything was heard: the core and the truth agree, or the difference is shown.
pub(crate) fn end(life: &Life) {
    folds(life);
    let payment = &life.payment;
    assert_eq!(payment.quarantine, None, "an operator has looked at everything");
    for (place, attempt) in payment.attempts.iter().enumerate() {
        let (page, heard) = (&life.pages[place], &life.heard[place]);
        if heard.disowned {
            assert_eq!(page.left_to_give_back(), 0, "what was dealt with elsewhere is given back");
            continue;
        }
        assert_eq!(attempt.captured.minor(), page.taken(), "taken by attempt {place}");
        assert_eq!(given_back(life, place), page.given_back(), "given back by attempt {place}");
        let lost = page.sum(ItemKind::Dispute, ItemState::Succeeded);
        assert_eq!(disputed(life, place), (0, lost), "disputes of attempt {place}");
        for operation in &attempt.operations {
            assert!(!operation.is_open(), "{} of attempt {place} has ended", operation.kind.as_str());
        }
        let can_close = !page.has(Habit::NoExpire) && !page.has(Habit::NoLookUp);
        let over = payment.status.is_end();
        // Whoever says no is not asked again.
        let last = attempt.last_operation(OperationKind::ExpireCheckout);
        let refused = last.is_some_and(|last| last.state == OperationState::GivenUp) || opened_again(attempt);
        let open = page.is(&Word::Open) && !refused && heard.stands(payment.capture) == Stand::Open;
        assert!(!(over && open && can_close), "nobody can pay at attempt {place} any more");
    }
    let open = |status| status == TransferStatus::Pending;
    assert!(!payment.captures.iter().any(|known| open(known.status)), "no capture is under way");
    assert!(!payment.refunds.iter().any(|known| open(known.status)), "no refund is under way");
    // Of a reservation that lapsed without a word nobody knows where nobody can ask.
    let silent = |place: usize| life.pages[place].lapsed && !can_look(life, place);
    let reserved = places(life).any(|place| {
        let page = &life.pages[place];
        (page.left_to_take() > 0 || silent(place)) && page.reserved > page.taken()
    });
    let held = life.pages.iter().any(|page| page.taken() > page.given_back());
    let waits = matches!(payment.status, Status::RequiresCheckout | Status::Processing);
    assert!(!waits, "its time is over, and it is {:?}", payment.status);
    let shown = matches!(payment.status, Status::Succeeded | Status::RequiresCapture);
    let lost = places(life).all(|place| left_to_refund(life, place) == 0);
    assert!(!held || shown || lost, "money is held of a payment that is {:?}", payment.status);
    assert!(payment.status != Status::RequiresCapture || reserved, "there is something to capture");
}
