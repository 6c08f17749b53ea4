//! Laws on deliveries: what is not signed, not fresh or not whole is not believed.

use std::collections::BTreeSet;

use serde_json::Value;

use super::host;
use super::trial;
use super::{Course, End, Fixture, Host, Law, Secrets, Subject, Violation};
use crate::{
    Bytes, Delivery, Descriptor, Fault, Method, Reply, SignatureCheck, SignedDeliveries, SignedTimestamp,
    Step, StepAnswer,
};

pub(super) const MISSING_SIGNATURE: Law = Law {
    name: "missing_signature",
    statement: "A delivery whose signature is missing or blank is refused as forged.",
    check: missing_signature,
};

pub(super) const EMPTY_SECRET: Law = Law {
    name: "empty_secret",
    statement: "Every check needs a secret or public key, and what an empty one signs is not believed.",
    check: empty_secret,
};

pub(super) const WRONG_SECRET: Law = Law {
    name: "wrong_secret",
    statement: "A delivery that somebody else signed is refused as forged.",
    check: wrong_secret,
};

pub(super) const STALE_DELIVERY: Law = Law {
    name: "stale_delivery",
    statement: "A delivery whose signed time is long past is refused, also when the time is rewritten.",
    check: stale_delivery,
};

pub(super) const FLIPPED_BIT: Law = Law {
    name: "flipped_bit",
    statement: "With one bit flipped, a delivery is refused or says nothing different.",
    check: flipped_bit,
};

pub(super) const SIGNED_FIELDS_DECLARED: Law = Law {
    name: "signed_fields_declared",
    statement: "Where items are signed field by field, every field that facts come from is declared as signed.",
    check: signed_fields_declared,
};

pub(super) const VERIFIED_FIRST: Law = Law {
    name: "verified_first",
    statement: "Before a signed delivery is verified, nothing but cacheable keys is fetched.",
    check: verified_first,
};

/// Bytes of a header, query value or body of which each has one bit flipped.
const FLIPPED_BYTES_MAX: usize = 4096;

/// Seconds after which every signed delivery counts as replayed: a day, far beyond any tolerance.
const REPLAYED_AFTER_S: i64 = 86_400;

/// Largest tolerance an adapter may give a signed time, in seconds.
const TOLERANCE_S_MAX: u32 = 3_600;

fn is_signed(descriptor: &Descriptor) -> bool {
    match &descriptor.deliveries {
        SignedDeliveries::WholeBody | SignedDeliveries::Fields(_) => true,
        SignedDeliveries::Unsigned | SignedDeliveries::None => false,
    }
}

/// Deliveries that pass a check on record: those that a forger would like to be taken for.
fn verified_deliveries<'s>(subject: &'s Subject<'_>) -> Vec<(&'s Fixture, &'s Delivery, Course)> {
    let verified = |course: &Course| {
        course.transcript.iter().any(|exchange| {
            matches!((&exchange.step, &exchange.answer), (Step::Verify(_), StepAnswer::Verified))
        })
    };
    subject
        .fixtures
        .iter()
        .filter_map(|fixture| Some((fixture, fixture.delivery()?, trial::baseline(subject, fixture))))
        .filter(|(_, _, course)| verified(course))
        .collect()
}

fn checks(course: &Course) -> impl Iterator<Item = &SignatureCheck> {
    course.transcript.iter().filter_map(|exchange| match &exchange.step {
        Step::Verify(check) => Some(check),
        Step::Send(_) | Step::Mac(_) => None,
    })
}

/// A forgery is refused as one. Items signed one by one may instead be left unproven.
fn refused(course: &Course, descriptor: &Descriptor) -> Result<(), String> {
    let is_forged = matches!(course.end, End::Reply(Reply::Fault(Fault::Forged { .. })));
    let item_by_item = matches!(descriptor.deliveries, SignedDeliveries::Fields(_));
    if is_forged || (item_by_item && trial::trusted(course, descriptor).is_empty()) {
        return Ok(());
    }
    Err(trial::ended(course))
}

fn missing_signature(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    if !is_signed(&descriptor) {
        return Ok(());
    }
    for (fixture, delivery, course) in verified_deliveries(subject) {
        let candidates: BTreeSet<&str> = checks(&course)
            .flat_map(|check| &check.candidates)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        let mut gone = delivery.clone();
        let mut blank = delivery.clone();
        for candidate in candidates {
            gone.headers.0.retain(|(_, value)| !value.contains(candidate));
            gone.query.retain(|(_, value)| !value.contains(candidate));
            gone = trial::with_text_replaced(&gone, candidate, "");
            blank = trial::with_text_replaced(&blank, candidate, "");
        }
        for (label, delivery) in [("without its signature", gone), ("with a blank signature", blank)] {
            let course = trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &delivery);
            refused(&course, &descriptor)
                .map_err(|what| Violation::of(fixture, format!("{label} it {what}")))?;
        }
    }
    Ok(())
}

fn empty_secret(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    let empty: Secrets = subject.secrets.keys().map(|name| (name.clone(), String::new())).collect();
    for (fixture, delivery, _) in verified_deliveries(subject) {
        let host = Host { secrets: &empty, recorded: None };
        for (_, course) in trial::signed_by(subject, fixture, delivery, &empty, &host) {
            if checks(&course).any(|check| !host::names_secret(check)) {
                return Err(Violation::of(fixture, "a check names no secret, so that anybody can sign"));
            }
            if !trial::trusted(&course, &descriptor).is_empty() {
                return Err(Violation::of(fixture, "facts signed with an empty secret are believed"));
            }
        }
    }
    Ok(())
}

fn wrong_secret(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    if !is_signed(&descriptor) {
        return Ok(());
    }
    let wrong: Secrets =
        subject.secrets.iter().map(|(name, value)| (name.clone(), other_key(value))).collect();
    for (fixture, delivery, _) in verified_deliveries(subject) {
        let forger = Host { secrets: &wrong, recorded: None };
        // The genuine delivery at a connector with another secret: all the kit can do where it cannot sign.
        let course = trial::follow_delivery(&forger, subject, fixture, delivery);
        refused(&course, &descriptor)
            .map_err(|what| Violation::of(fixture, format!("meant for another secret it {what}")))?;
        let rounds = trial::signed_by(subject, fixture, delivery, &wrong, &forger);
        // Of items that are signed one by one, those that the forger has not come to yet are still genuine.
        let genuine_rounds = match descriptor.deliveries {
            SignedDeliveries::Fields(_) => rounds.len().saturating_sub(1),
            SignedDeliveries::WholeBody | SignedDeliveries::Unsigned | SignedDeliveries::None => 1,
        };
        for (forged, _) in rounds.iter().skip(genuine_rounds.max(1)) {
            let course = trial::follow_delivery(&subject.host(), subject, fixture, forged);
            refused(&course, &descriptor)
                .map_err(|what| Violation::of(fixture, format!("signed by somebody else it {what}")))?;
        }
    }
    Ok(())
}

/// Another secret of the same length and alphabet, so that hex stays hex.
fn other_key(value: &str) -> String {
    let other = |c: char| match c {
        '0'..='8' | 'a'..='e' | 'g'..='y' | 'A'..='E' | 'G'..='Y' => {
            char::from_u32(u32::from(c) + 1).unwrap_or(c)
        }
        '9' => '0',
        'f' => 'a',
        'F' => 'A',
        'z' => 'g',
        'Z' => 'G',
        other => other,
    };
    value.chars().map(other).collect()
}

fn stale_delivery(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for (fixture, delivery, course) in verified_deliveries(subject) {
        let late = |seconds: i64| -> Result<(), Violation> {
            let Ok(received_at) = delivery.received_at.checked_add_seconds(seconds) else {
                return Ok(());
            };
            let delivery = Delivery { received_at, ..delivery.clone() };
            let course = trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &delivery);
            refused(&course, &descriptor)
                .map_err(|what| Violation::of(fixture, format!("received {seconds} s later it {what}")))
        };
        if let Some(stale_after_s) = fixture.stale_after_s {
            late(i64::from(stale_after_s) + 1)?;
        }
        for timestamp in checks(&course).filter_map(|check| check.timestamp.as_ref()) {
            if timestamp.tolerance_s > TOLERANCE_S_MAX {
                let what = format!("a signed time is let through for {} s", timestamp.tolerance_s);
                return Err(Violation::of(fixture, what));
            }
            late(REPLAYED_AFTER_S)?;
            late(-REPLAYED_AFTER_S)?;
            let Some(rewritten) = replayed_as_fresh(delivery, timestamp) else {
                continue;
            };
            let course = trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &rewritten);
            refused(&course, &descriptor).map_err(|what| {
                Violation::of(fixture, format!("replayed with a rewritten time it {what}"))
            })?;
        }
    }
    Ok(())
}

/// The delivery a day later, its time rewritten to look fresh, its signature left as it was.
fn replayed_as_fresh(delivery: &Delivery, timestamp: &SignedTimestamp) -> Option<Delivery> {
    let received_at = delivery.received_at.checked_add_seconds(REPLAYED_AFTER_S).ok()?;
    let fresh = timestamp.at.checked_add_seconds(REPLAYED_AFTER_S).ok()?;
    let late = Delivery { received_at, ..delivery.clone() };
    // Milliseconds begin with the seconds, so seconds cover both.
    let forms = [
        (timestamp.at.as_unix_seconds().to_string(), fresh.as_unix_seconds().to_string()),
        (timestamp.at.to_rfc3339(), fresh.to_rfc3339()),
    ];
    forms.iter().map(|(from, to)| trial::with_text_replaced(&late, from, to)).find(|bent| *bent != late)
}

fn flipped_bit(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for fixture in &subject.fixtures {
        let Some(delivery) = fixture.delivery() else {
            continue;
        };
        let recorded = trial::baseline(subject, fixture);
        let recorded = trial::trusted(&recorded, &descriptor);
        for (label, bent) in flipped(delivery) {
            let course = trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &bent);
            let news = trial::trusted(&course, &descriptor).into_iter().find(|said| !recorded.contains(said));
            if let Some(news) = news {
                let what =
                    format!("with one bit of {label} flipped, it is believed to say {}", host::as_json(news));
                return Err(Violation::of(fixture, what));
            }
        }
    }
    Ok(())
}

/// The delivery with one bit flipped, once per byte of everything that a sender controls.
fn flipped(delivery: &Delivery) -> Vec<(String, Delivery)> {
    let mut bent = Vec::new();
    for (index, (name, value)) in delivery.headers.0.iter().enumerate() {
        for flipped in flipped_texts(value) {
            let mut delivery = delivery.clone();
            delivery.headers.0[index].1 = flipped;
            bent.push((format!("the header {name}"), delivery));
        }
    }
    for (index, (name, value)) in delivery.query.iter().enumerate() {
        for flipped in flipped_texts(value) {
            let mut delivery = delivery.clone();
            delivery.query[index].1 = flipped;
            bent.push((format!("the parameter {name}"), delivery));
        }
    }
    if let Some(echo) = &delivery.echo {
        for flipped in flipped_texts(echo) {
            bent.push(("the path's echo".to_owned(), Delivery { echo: Some(flipped), ..delivery.clone() }));
        }
    }
    for index in 0..delivery.body.len().min(FLIPPED_BYTES_MAX) {
        let mut body = delivery.body.as_slice().to_vec();
        body[index] ^= 1 << (index % 7);
        bent.push((format!("body byte {index}"), Delivery { body: Bytes::new(body), ..delivery.clone() }));
    }
    bent
}

/// A text with one bit flipped, once per byte. Only the low bits, so that ASCII stays a text.
fn flipped_texts(text: &str) -> Vec<String> {
    let flip = |index: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[index] ^= 1 << (index % 5);
        String::from_utf8(bytes).ok()
    };
    (0..text.len().min(FLIPPED_BYTES_MAX)).filter_map(flip).collect()
}

fn signed_fields_declared(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    let SignedDeliveries::Fields(declared) = &descriptor.deliveries else {
        return Ok(());
    };
    for (fixture, delivery, course) in verified_deliveries(subject) {
        let recorded = trial::trusted(&course, &descriptor);
        let Some(document) =
            delivery.body.as_text().and_then(|text| serde_json::from_str::<Value>(text).ok())
        else {
            continue;
        };
        let candidates: Vec<_> = checks(&course).flat_map(|check| &check.candidates).collect();
        for pointer in leaves(&document) {
            // Items may lie at any depth, so a declared pointer names the end of the whole one.
            let is_declared = declared.iter().any(|known| pointer.ends_with(known.as_str()));
            let leaf = document.pointer(&pointer);
            let is_signature =
                leaf.and_then(Value::as_str).is_some_and(|text| candidates.iter().any(|c| *c == text));
            if is_declared || is_signature {
                continue;
            }
            let mut bent = document.clone();
            if let Some(leaf) = bent.pointer_mut(&pointer) {
                *leaf = another(leaf);
            }
            let bent = Delivery { body: Bytes::from(bent.to_string()), ..delivery.clone() };
            let bent = trial::signed_by_processor(subject, fixture, &bent).unwrap_or(bent);
            let course = trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &bent);
            if trial::trusted(&course, &descriptor).iter().any(|said| !recorded.contains(said)) {
                let what = format!("facts come from {pointer}, which is not declared as signed");
                return Err(Violation::of(fixture, what));
            }
        }
    }
    Ok(())
}

/// RFC 6901 pointers of every value that holds no other.
fn leaves(document: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match document {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return vec![String::new()],
    };
    children
        .into_iter()
        .flat_map(|(name, value)| leaves(value).into_iter().map(move |rest| format!("/{name}{rest}")))
        .collect()
}

/// Another value of the same type and, where it can be, of the same kind of content.
fn another(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.parse::<i64>() {
            Ok(number) => Value::String(number.saturating_add(1).to_string()),
            Err(_) if text == "true" => Value::String("false".to_owned()),
            Err(_) if text == "false" => Value::String("true".to_owned()),
            Err(_) if text == "EUR" => Value::String("USD".to_owned()),
            Err(_) if crate::Currency::parse(text).is_ok() => Value::String("EUR".to_owned()),
            Err(_) => Value::String(format!("{text}x")),
        },
        Value::Number(number) => {
            number.as_i64().map_or(Value::from(1), |number| Value::from(number.saturating_add(1)))
        }
        Value::Bool(flag) => Value::Bool(!flag),
        Value::Null => Value::from("x"),
        Value::Array(_) | Value::Object(_) => value.clone(),
    }
}

fn verified_first(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    if !is_signed(&descriptor) {
        return Ok(());
    }
    let wrong: Secrets =
        subject.secrets.iter().map(|(name, value)| (name.clone(), other_key(value))).collect();
    for fixture in &subject.fixtures {
        let Some(delivery) = fixture.delivery() else {
            continue;
        };
        let forged = Host { secrets: &wrong, recorded: None };
        let courses =
            [trial::baseline(subject, fixture), trial::follow_delivery(&forged, subject, fixture, delivery)];
        for course in &courses {
            let mut steps = course.transcript.iter();
            let unanswered = match &course.end {
                End::NoAnswer(request) => Some(request),
                End::Reply(_) | End::NoDigest(_) | End::Endless | End::Panicked => None,
            };
            let before: Vec<_> =
                steps.by_ref().take_while(|exchange| exchange.answer != StepAnswer::Verified).collect();
            let passed = before.len() < course.transcript.len();
            let sent = before.iter().filter_map(|exchange| match &exchange.step {
                Step::Send(request) => Some(request),
                Step::Mac(_) | Step::Verify(_) => None,
            });
            let request = sent
                .chain(unanswered.filter(|_| !passed))
                .find(|request| request.method != Method::Get || request.cache_s.is_none());
            if let Some(request) = request {
                let what =
                    format!("{} {} is sent for an unverified delivery", request.method.as_str(), request.url);
                return Err(Violation::of(fixture, what));
            }
        }
    }
    Ok(())
}
