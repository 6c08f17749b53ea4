//! The calm: every processor answers, whatever was on its way arrives, an operator looks at what waits for one,
//! and the worker does what is wanted until nothing is. Then the core and the truth must agree.

use hub_core::payment::Subject;
use hub_core::schedule::schedule;
use processor_sdk::Word;

use crate::life::{Life, later};
use crate::opinion::can_look;
use crate::processor::Luck;
use crate::script::Fate;
use crate::verdict;

/// Most rounds that a calm may take. Each does one piece of work.
const ROUNDS_MAX: u32 = 600;
/// How long after the intent's time work is done, in seconds: until nobody looks at open pages any more.
const CALM_S: i64 = 20 * 24 * 3_600;

/// Lives on until nothing is wanted, and speaks the last verdict. The bits of `choices` say how things end.
pub(crate) fn calm(life: &mut Life, choices: u8) {
    let until = later(life.now.max(life.payment.expires_at), CALM_S);
    for _ in 0..ROUNDS_MAX {
        let commands = life.counts.commands;
        ends(life, choices);
        // Some operators are quicker than deliveries.
        if choices & 128 != 0 {
            looked_at(life, choices);
        }
        arrives(life, choices);
        looked_at(life, choices);
        let due = schedule(&life.payment).into_values().min();
        if due.is_some_and(|due| due <= until) {
            life.work(0, Fate::Answered { stale_s: 0 }, Luck::Good);
        } else if life.counts.commands == commands && life.mail.is_empty() {
            return verdict::end(life);
        }
    }
    panic!("the calm has no end: {:?} is wanted", schedule(&life.payment));
}

/// What is on its way at processors comes to an end, and what shoppers left standing too.
fn ends(life: &mut Life, choices: u8) {
    for place in 0..life.pages.len() {
        let well = choices & (2 << (place % 5)) != 0;
        while life.pages[place].comes_to_an_end(0, well).is_some() {
            life.noted(place, false);
        }
        // Nobody comes back to a page that was approved, and in the end the processor lets go of it.
        let approved = life.pages[place].is(&Word::NeedsCompletion) && life.payment.closed.is_some();
        if approved || matches!(life.pages[place].word, Some(Word::Unknown(_))) {
            life.pages[place].word = Some(Word::Expired);
            life.noted(place, false);
        }
    }
}

/// Late answers arrive; so do deliveries, or are lost where the hub can look for itself.
fn arrives(life: &mut Life, choices: u8) {
    while life.arrive(0).is_some() {}
    let all = choices & 1 != 0;
    let lost: Vec<bool> =
        life.mail.iter().map(|mail| !(all || mail.must) && can_look(life, mail.attempt)).collect();
    let mut lost = lost.into_iter();
    life.mail.retain(|_| !lost.next().unwrap_or(false));
    while life.deliver(0, false).is_some() {}
}

/// An operator ends what waits for a person, and says what nobody else can.
fn looked_at(life: &mut Life, choices: u8) {
    if life.payment.quarantine.is_some() {
        let accept = choices & 64 != 0;
        if life.resolve(accept).is_err() {
            life.resolve(!accept).expect("a quarantine can be ended in one of two ways");
        }
    }
    for place in 0..life.pages.len() {
        let operations = life.payment.attempts[place].operations.clone();
        for (number, operation) in operations.iter().enumerate() {
            // He looks at nothing but the list of what waits for him.
            let attempt = &life.payment.attempts[place];
            if life.payment.waits_for_person() && life.payment.waits_for_person_about(attempt, operation) {
                let of_payment = operation.subject == Subject::Payment;
                let settled = life.is_done(place, operation).is_some();
                let _known = life.by_hand(place, (settled || !of_payment).then_some(number));
            }
        }
    }
}
