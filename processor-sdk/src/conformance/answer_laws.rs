//! Laws on what an adapter makes of answers: no verdict from noise, no invention, no door into the unknown.

use serde_json::json;

use super::host::as_json;
use super::trial::{self, Trial};
use super::url::is_allowed;
use super::{Course, End, Fixture, Law, Subject, Violation};
use crate::{
    Answer, Call, Currencies, Currency, Delivery, Descriptor, Door, DoorKind, Exchange, Facts, HttpResponse,
    LineItem, Money, Notification, Operation, Question, Reply, Says, Settings, Step, Word,
};

pub(super) const DECLARED_DOORS: Law = Law {
    name: "declared_doors",
    statement: "A door leads by https to one of the checkout hosts; by http only where the operator's own setting \
                says so.",
    check: declared_doors,
};

pub(super) const GARBAGE_NEVER_SETTLES: Law = Law {
    name: "garbage_never_settles",
    statement: "An answer that says nothing (5xx, web page, empty, cut off, `[]`, `null`, `{}`, a redirect) opens \
                and settles nothing.",
    check: garbage_never_settles,
};

pub(super) const UNHEARD_WORD_NEVER_SETTLES: Law = Law {
    name: "unheard_word_never_settles",
    statement: "A status word that nobody has heard of is Unknown or a fault.",
    check: unheard_word_never_settles,
};

pub(super) const UNKNOWN_FIELDS_IGNORED: Law = Law {
    name: "unknown_fields_ignored",
    statement: "Fields that nobody has heard of, in responses and deliveries, change nothing.",
    check: unknown_fields_ignored,
};

pub(super) const AMOUNTS_NOT_INVENTED: Law = Law {
    name: "amounts_not_invented",
    statement: "Amounts and currencies in facts are the processor's own, whatever was asked.",
    check: amounts_not_invented,
};

/// Everything an end states, with the exchange that proves it where it is a delivery's.
fn statements<'e>(course: &'e Course, descriptor: &Descriptor) -> Vec<(&'e Facts, Option<&'e Exchange>)> {
    match &course.end {
        End::Reply(Reply::Answer(Answer::Said { facts, .. })) => vec![(facts, None)],
        End::Reply(Reply::Notifications(_)) => trial::trusted(course, descriptor)
            .into_iter()
            .filter_map(|notification| Some((facts_of(notification)?, proof_of(notification, course))))
            .collect(),
        End::Reply(Reply::Answer(Answer::Absent) | Reply::Fault(_) | Reply::Step(_))
        | End::NoAnswer(_)
        | End::NoDigest(_)
        | End::Endless
        | End::Panicked => Vec::new(),
    }
}

const fn facts_of(notification: &Notification) -> Option<&Facts> {
    match &notification.says {
        Says::Facts(facts) => Some(facts),
        Says::Changed | Says::Ignored { .. } => None,
    }
}

fn proof_of<'c>(notification: &Notification, course: &'c Course) -> Option<&'c Exchange> {
    notification.proof.and_then(|proof| course.transcript.get(proof.exchange()))
}

fn door_of(course: &Course) -> Option<&Door> {
    match &course.end {
        End::Reply(Reply::Answer(Answer::Said { door, .. })) => door.as_ref(),
        End::Reply(
            Reply::Answer(Answer::Absent) | Reply::Notifications(_) | Reply::Fault(_) | Reply::Step(_),
        )
        | End::NoAnswer(_)
        | End::NoDigest(_)
        | End::Endless
        | End::Panicked => None,
    }
}

fn declared_doors(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for fixture in &subject.fixtures {
        let course = trial::baseline(subject, fixture);
        let settings: &Settings = match &fixture.ask {
            Question::Call(call) => &call.settings,
            Question::Delivery(delivery) => &delivery.settings,
        };
        let url = door_of(&course).and_then(|door| match &door.kind {
            DoorKind::Redirect { url } | DoorKind::Form { url, .. } => Some(url),
            DoorKind::Instructions { .. } | DoorKind::Nothing => None,
        });
        if let Some(url) = url
            && let Err(why) = is_allowed(url, &descriptor.checkout_hosts, settings)
        {
            return Err(Violation::of(fixture, format!("the door {url} {why}")));
        }
    }
    Ok(())
}

fn garbage_never_settles(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for fixture in &subject.fixtures {
        for trial in trial::with_garbage(subject, fixture) {
            if let Some(claim) = claim_from_garbage(&trial, &descriptor) {
                return Err(Violation::of(fixture, format!("{}: said {claim}", trial.label)));
            }
        }
    }
    Ok(())
}

/// What was made of garbage that must not be made of it.
fn claim_from_garbage(trial: &Trial<'_>, descriptor: &Descriptor) -> Option<String> {
    if trial.course.end == End::Reply(Reply::Answer(Answer::Absent)) {
        return Some("that there is no such thing".to_owned());
    }
    // Where the first answer was readable, what it says may stand, short of a verdict.
    let nothing_was_said = trial.garbage_from == Some(0);
    let body_is_garbage = trial.fixture.ask != trial.question;
    if nothing_was_said && door_of(&trial.course).is_some() {
        return Some("that there is a door".to_owned());
    }
    for (facts, proof) in statements(&trial.course, descriptor) {
        // A signed body stays true when a later look-up fails.
        let proven_by_body = proof.is_some_and(|exchange| matches!(exchange.step, Step::Verify(_)));
        if proven_by_body && !body_is_garbage {
            continue;
        }
        if let Some(settled) = trial::settles(facts) {
            return Some(settled);
        }
        if let Some(word) = &facts.word
            && nothing_was_said
            && !matches!(word, Word::Unknown(_))
        {
            return Some(format!("the word {}", as_json(word)));
        }
    }
    None
}

fn unheard_word_never_settles(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for fixture in &subject.fixtures {
        let Some(pointer) = &fixture.status_pointer else {
            continue;
        };
        let Some(course) = course_with_unheard_word(subject, fixture, pointer)? else {
            continue;
        };
        if course.end == End::Reply(Reply::Answer(Answer::Absent)) {
            return Err(Violation::of(fixture, "said that there is no such thing"));
        }
        let recorded = trial::baseline(subject, fixture);
        let said_word = statements(&recorded, &descriptor).iter().any(|(facts, _)| facts.word.is_some());
        for (facts, _) in statements(&course, &descriptor) {
            let claim = if said_word {
                let known = facts.word.as_ref().filter(|word| !matches!(word, Word::Unknown(_)));
                known.map(|word| format!("the word {}", as_json(word)))
            } else {
                trial::settles(facts)
            };
            if let Some(claim) = claim {
                return Err(Violation::of(
                    fixture,
                    format!("with an unheard-of word at {pointer}: said {claim}"),
                ));
            }
        }
    }
    Ok(())
}

/// The fixture with its status word replaced; `None` where the kit cannot sign the bent delivery.
fn course_with_unheard_word(
    subject: &Subject<'_>,
    fixture: &Fixture,
    pointer: &str,
) -> Result<Option<Course>, Violation> {
    let nothing_there =
        || Violation::of(fixture, format!("status_pointer {pointer} finds no text or number"));
    let mut responses: Vec<_> = fixture.responses().cloned().collect();
    if let Some(last) = responses.last_mut() {
        last.body = trial::with_unheard_word(&last.body, pointer).ok_or_else(nothing_there)?;
        return Ok(Some(trial::follow_with(subject, fixture, &fixture.ask, &responses)));
    }
    let delivery = fixture.delivery().ok_or_else(nothing_there)?;
    let body = trial::with_unheard_word(&delivery.body, pointer).ok_or_else(nothing_there)?;
    let signed = trial::signed_by_processor(subject, fixture, &Delivery { body, ..delivery.clone() });
    Ok(signed.map(|delivery| trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &delivery)))
}

fn unknown_fields_ignored(subject: &Subject<'_>) -> Result<(), Violation> {
    let news = json!({"zz_kind": "news", "zz_list": [1, null, {"zz_deep": true}]});
    for fixture in &subject.fixtures {
        let recorded = trial::baseline(subject, fixture);
        let add = |response: &HttpResponse| HttpResponse {
            body: trial::with_field_added(&response.body, "zz_news", &news)
                .unwrap_or_else(|| response.body.clone()),
            ..response.clone()
        };
        let responses: Vec<_> = fixture.responses().map(add).collect();
        let course = trial::follow_with(subject, fixture, &fixture.ask, &responses);
        if course.end != recorded.end {
            let what = format!("with more fields in its responses it {}", trial::ended(&course));
            return Err(Violation::of(fixture, what));
        }
        let Some(delivery) = fixture.delivery() else {
            continue;
        };
        let Some(body) = trial::with_field_added(&delivery.body, "zz_news", &news) else {
            continue;
        };
        let bent = Delivery { body, ..delivery.clone() };
        if let Some(signed) = trial::signed_by_processor(subject, fixture, &bent) {
            let course = trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &signed);
            if course.end != recorded.end {
                let what = format!("with more fields in the delivery it {}", trial::ended(&course));
                return Err(Violation::of(fixture, what));
            }
        }
    }
    Ok(())
}

fn amounts_not_invented(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for fixture in &subject.fixtures {
        let Question::Call(call) = &fixture.ask else {
            continue;
        };
        let recorded = trial::baseline(subject, fixture);
        let Some(asked) = with_other_amounts(call, &descriptor) else {
            continue;
        };
        let bent = trial::follow(subject, fixture, &Question::Call(asked));
        let currency_named = fixture.responses().any(|response| {
            response
                .body
                .as_text()
                .is_some_and(|text| text.to_ascii_uppercase().contains(call.amount.currency().code()))
        });
        let (before, after) = (statements(&recorded, &descriptor), statements(&bent, &descriptor));
        for ((before, _), (after, _)) in before.into_iter().zip(after) {
            for (before, after) in amounts(before).into_iter().zip(amounts(after)) {
                let (place, before, after) = (before.0, before.1, after.1);
                let differs = match (before, after) {
                    (Some(before), Some(after)) => {
                        before.minor() != after.minor()
                            || (currency_named && before.currency() != after.currency())
                    }
                    (None, Some(_)) => true,
                    (Some(_) | None, None) => false,
                };
                if let (true, Some(after)) = (differs, after) {
                    let what = format!(
                        "asked for another amount, it said {after} as {place} from the same responses"
                    );
                    return Err(Violation::of(fixture, what));
                }
            }
        }
    }
    Ok(())
}

/// Every amount of the facts, by the place it stands at.
fn amounts(facts: &Facts) -> Vec<(&'static str, Option<Money>)> {
    let mut amounts = vec![
        ("amount", facts.amount),
        ("authorized", facts.authorized),
        ("captured", facts.captured),
        ("refunded", facts.refunded),
        ("fee", facts.fee),
    ];
    amounts.extend(facts.items.iter().map(|item| ("an item's amount", item.amount)));
    amounts
}

/// The same call for a larger amount in another currency of as many decimals.
fn with_other_amounts(call: &Call, descriptor: &Descriptor) -> Option<Call> {
    let old = call.amount.currency();
    let taken: Vec<Currency> = match &descriptor.currencies {
        Currencies::All => {
            vec![Currency::EUR, Currency::USD, Currency::JPY, Currency::KRW, Currency::BHD, Currency::KWD]
        }
        Currencies::Listed(listed) => listed.iter().map(|limit| limit.currency).collect(),
    };
    let new = taken.into_iter().find(|new| *new != old && new.exponent() == old.exponent()).unwrap_or(old);
    // A factor keeps sums of lines, multiples and shares as they were.
    let other = |money: Money| money.minor().checked_mul(3).and_then(|minor| Money::new(minor, new).ok());
    let mut asked = call.clone();
    asked.amount = other(call.amount)?;
    match &mut asked.operation {
        Operation::OpenCheckout(order) => {
            for line in &mut order.lines {
                *line = LineItem { unit_amount: other(line.unit_amount)?, ..line.clone() };
            }
        }
        Operation::Capture(order) => order.amount = other(order.amount)?,
        Operation::Refund(order) | Operation::FetchRefund(order) => {
            order.amount = other(order.amount)?;
            order.refunded_before = other(order.refunded_before)?;
        }
        Operation::CompleteCheckout { .. }
        | Operation::ExpireCheckout
        | Operation::Void
        | Operation::FetchPayment
        | Operation::FetchDispute { .. } => {}
    }
    Some(asked)
}
