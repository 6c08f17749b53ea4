//! Laws on the form of an adapter: a pure function that ends, and whose every word JSON can carry.

use super::host::{self, as_json};
use super::{EXCHANGES_MAX, End, Law, Subject, Violation, trial};
use crate::{Ask, Descriptor, Exchange, Fault, Question, Reply, StepAnswer};

pub(super) const RECORDED_REPLY: Law = Law {
    name: "recorded_reply",
    statement: "Each fixture is asked step by step as recorded and comes to its recorded reply.",
    check: recorded_reply,
};

pub(super) const DETERMINISTIC: Law = Law {
    name: "deterministic",
    statement: "The same ask gives the same reply, and a replay asks what is on record.",
    check: deterministic,
};

pub(super) const ENDS: Law = Law {
    name: "ends",
    statement: "Every question ends within the limit of steps, whatever the processor answers.",
    check: ends,
};

pub(super) const NEVER_PANICS: Law = Law {
    name: "never_panics",
    statement: "No answer, however broken, makes the adapter panic.",
    check: never_panics,
};

pub(super) const STOP_IS_PASSED_ON: Law = Law {
    name: "stop_is_passed_on",
    statement: "A stop is passed on with `?` and never swallowed.",
    check: stop_is_passed_on,
};

pub(super) const JSON_ROUND_TRIP: Law = Law {
    name: "json_round_trip",
    statement: "Descriptor, asks and replies read back equal from their JSON form, and a run through strings \
                equals the native one.",
    check: json_round_trip,
};

fn recorded_reply(subject: &Subject<'_>) -> Result<(), Violation> {
    for fixture in &subject.fixtures {
        let course = trial::baseline(subject, fixture);
        for (index, recorded) in fixture.transcript.iter().enumerate() {
            match course.transcript.get(index) {
                None => {
                    let what = format!("step {index} was not asked; it {}", trial::ended(&course));
                    return Err(Violation::of(fixture, what));
                }
                Some(asked) if asked.step != recorded.step => {
                    let (asked, recorded) = (as_json(&asked.step), as_json(&recorded.step));
                    return Err(Violation::of(
                        fixture,
                        format!("step {index} is {asked}, recorded is {recorded}"),
                    ));
                }
                Some(asked) if !same_answer(asked, recorded) => {
                    let (asked, recorded) = (as_json(&asked.answer), as_json(&recorded.answer));
                    return Err(Violation::of(
                        fixture,
                        format!("step {index} gave {asked}, recorded is {recorded}"),
                    ));
                }
                Some(_) => {}
            }
        }
        if course.end != End::Reply(fixture.reply.clone()) {
            let what = format!("it {}, recorded is {}", trial::ended(&course), as_json(&fixture.reply));
            return Err(Violation::of(fixture, what));
        }
        if course.transcript.len() > fixture.transcript.len() {
            return Err(Violation::of(fixture, "more steps were asked than are recorded"));
        }
    }
    Ok(())
}

/// Equal answers; the reason of a refusal is for people and may differ.
fn same_answer(left: &Exchange, right: &Exchange) -> bool {
    match (&left.answer, &right.answer) {
        (StepAnswer::Refused { .. }, StepAnswer::Refused { .. }) => true,
        (left, right) => left == right,
    }
}

fn deterministic(subject: &Subject<'_>) -> Result<(), Violation> {
    for trial in trial::all(subject) {
        let transcript = &trial.course.transcript;
        if trial.course.end == End::Reply(Reply::Fault(Fault::NotDeterministic)) {
            let what = format!("{}: a replay asked something else than what is on record", trial.label);
            return Err(Violation::of(trial.fixture, what));
        }
        for length in 0..=transcript.len() {
            let again = trial::run_prefix(subject.adapter, &trial.question, &transcript[..length]);
            let first = match (transcript.get(length), &trial.course.end) {
                (Some(exchange), _) => Some(Reply::Step(exchange.step.clone())),
                (None, End::Reply(reply)) => Some(reply.clone()),
                // The step that nobody answered is not kept as a reply; it was reached by replay already.
                (None, End::NoAnswer(_) | End::NoDigest(_) | End::Endless | End::Panicked) => continue,
            };
            if again != first {
                let what = format!("{}: after {length} steps the same ask came to two replies", trial.label);
                return Err(Violation::of(trial.fixture, what));
            }
        }
    }
    Ok(())
}

fn ends(subject: &Subject<'_>) -> Result<(), Violation> {
    match trial::all(subject).into_iter().find(|trial| trial.course.end == End::Endless) {
        Some(trial) => Err(Violation::of(
            trial.fixture,
            format!("{}: asked for more than {EXCHANGES_MAX} steps", trial.label),
        )),
        None => Ok(()),
    }
}

fn never_panics(subject: &Subject<'_>) -> Result<(), Violation> {
    match trial::all(subject).into_iter().find(|trial| trial.course.end == End::Panicked) {
        Some(trial) => Err(Violation::of(trial.fixture, format!("{}: panicked", trial.label))),
        None => Ok(()),
    }
}

fn stop_is_passed_on(subject: &Subject<'_>) -> Result<(), Violation> {
    let swallowed = End::Reply(Reply::Fault(Fault::SwallowedStop));
    match trial::all(subject).into_iter().find(|trial| trial.course.end == swallowed) {
        Some(trial) => {
            let steps = trial.course.transcript.len();
            let what = format!("{}: answered after {steps} steps although another was pending", trial.label);
            Err(Violation::of(trial.fixture, what))
        }
        None => Ok(()),
    }
}

fn json_round_trip(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    match through_json::<Descriptor>(&descriptor) {
        Ok(read) if read == descriptor => {}
        Ok(_) => return Err(Violation::general("the descriptor reads back as another one")),
        Err(error) => return Err(Violation::general(format!("the descriptor cannot be read back: {error}"))),
    }
    for fixture in &subject.fixtures {
        let course = trial::baseline(subject, fixture);
        for length in 0..=course.transcript.len() {
            round_trip_once(subject, &fixture.ask, &course.transcript[..length])
                .map_err(|what| Violation::of(fixture, format!("after {length} steps {what}")))?;
        }
    }
    Ok(())
}

fn round_trip_once(
    subject: &Subject<'_>,
    question: &Question,
    transcript: &[Exchange],
) -> Result<(), String> {
    let mut ask = Ask::new(question.clone());
    ask.transcript = transcript.to_vec();
    let ask_read: Ask =
        through_json(&ask).map_err(|error| format!("the ask cannot be read back: {error}"))?;
    if ask_read != ask {
        return Err("the ask reads back as another one".to_owned());
    }
    let native = host::run_caught(subject.adapter, &ask);
    let through_strings = host::run_caught(subject.adapter, &ask_read);
    let (Some(native), Some(through_strings)) = (native, through_strings) else {
        // A panic is another law's.
        return Ok(());
    };
    let reply: Reply =
        through_json(&through_strings).map_err(|error| format!("the reply cannot be read back: {error}"))?;
    if reply != native {
        return Err(format!(
            "the reply through strings is {}, natively {}",
            as_json(&reply),
            as_json(&native)
        ));
    }
    Ok(())
}

fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(
    value: &T,
) -> Result<T, serde_json::Error> {
    serde_json::from_str(&serde_json::to_string(value)?)
}
