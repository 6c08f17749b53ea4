//! Bent worlds: what a processor, a proxy or a forger might answer instead of what is on record.
//!
//! A trial is one question followed to its end in such a world. The laws that hold everywhere look at all
//! of them; the others make their own.

use serde_json::{Value, json};

use super::fixture::replace_text;
use super::host::{self, Course, End};
use super::{Fixture, Host, Secrets, Subject};
use crate::{
    Adapter, Auth, Bytes, Delivery, Descriptor, Exchange, Facts, Headers, HttpRequest, HttpResponse,
    ItemState, Method, Notification, Question, ReadRule, Reply, RequestBody, Says, Step, StepAnswer, Word,
};

/// Rounds of signing until every check of a delivery is content. One per signed item, plus one.
const SIGNING_ROUNDS_MAX: usize = 16;

/// One question followed to its end.
pub(super) struct Trial<'s> {
    pub(super) fixture: &'s Fixture,
    /// What was bent, for messages.
    pub(super) label: String,
    pub(super) question: Question,
    pub(super) course: Course,
    /// Index of the first response that was not as recorded.
    pub(super) garbage_from: Option<usize>,
}

/// The fixture as recorded, its responses given in order.
pub(super) fn baseline(subject: &Subject<'_>, fixture: &Fixture) -> Course {
    follow(subject, fixture, &fixture.ask)
}

/// Another question with a fixture's responses, given in order.
pub(super) fn follow(subject: &Subject<'_>, fixture: &Fixture, question: &Question) -> Course {
    let responses: Vec<_> = fixture.responses().cloned().collect();
    follow_with(subject, fixture, question, &responses)
}

/// Another question with other responses, given in order.
pub(super) fn follow_with(
    subject: &Subject<'_>,
    fixture: &Fixture,
    question: &Question,
    responses: &[HttpResponse],
) -> Course {
    host::run_through(subject.adapter, question, &subject.host_for(fixture), &mut |nth, _| {
        responses.get(nth).cloned()
    })
}

/// Another delivery, where each request gets the answer that is on record for exactly this request: what a
/// forger who knows the adapter's source can reach.
pub(super) fn follow_delivery(
    host: &Host<'_>,
    subject: &Subject<'_>,
    fixture: &Fixture,
    delivery: &Delivery,
) -> Course {
    host::run_through(subject.adapter, &Question::Delivery(delivery.clone()), host, &mut |_, request| {
        fixture.transcript.iter().find_map(|exchange| match (&exchange.step, &exchange.answer) {
            (Step::Send(recorded), StepAnswer::Response(response)) if recorded == request => {
                Some(response.clone())
            }
            (Step::Send(_) | Step::Mac(_) | Step::Verify(_), _) => None,
        })
    })
}

/// Everything that is tried: each fixture as recorded, and with garbage from each response on.
pub(super) fn all<'s>(subject: &'s Subject<'_>) -> Vec<Trial<'s>> {
    let mut trials = Vec::new();
    for fixture in &subject.fixtures {
        trials.push(Trial {
            fixture,
            label: "as recorded".to_owned(),
            question: fixture.ask.clone(),
            course: baseline(subject, fixture),
            garbage_from: None,
        });
        trials.extend(with_garbage(subject, fixture));
    }
    trials
}

/// A fixture with garbage from each response on, and its delivery with a garbage body, rightly signed.
pub(super) fn with_garbage<'s>(subject: &'s Subject<'_>, fixture: &'s Fixture) -> Vec<Trial<'s>> {
    let recorded: Vec<_> = fixture.responses().collect();
    let mut trials = Vec::new();
    for from in 0..recorded.len() {
        for (label, garbage) in garbage_responses(recorded[from]) {
            let course = host::run_through(
                subject.adapter,
                &fixture.ask,
                &subject.host_for(fixture),
                &mut |nth, _| {
                    if nth < from {
                        recorded.get(nth).map(|&response| response.clone())
                    } else {
                        Some(garbage.clone())
                    }
                },
            );
            let label = format!("with response {from} and later being {label}");
            trials.push(Trial {
                fixture,
                label,
                question: fixture.ask.clone(),
                course,
                garbage_from: Some(from),
            });
        }
    }
    if let Some(delivery) = fixture.delivery().filter(|delivery| !delivery.body.is_empty()) {
        for (label, body) in garbage_bodies(&delivery.body) {
            let delivery = Delivery { body, ..delivery.clone() };
            let delivery = signed_by_processor(subject, fixture, &delivery).unwrap_or(delivery);
            let course = follow_delivery(&subject.host_for(fixture), subject, fixture, &delivery);
            let label = format!("with the delivery's body being {label}");
            trials.push(Trial {
                fixture,
                label,
                question: Question::Delivery(delivery),
                course,
                garbage_from: Some(0),
            });
        }
    }
    trials
}

/// Bodies that say nothing.
fn garbage_bodies(recorded: &Bytes) -> Vec<(String, Bytes)> {
    let mut bodies = vec![
        ("a web page".to_owned(), Bytes::from("<!DOCTYPE html><html><body><h1>It works</h1></body></html>")),
        ("empty".to_owned(), Bytes::default()),
        ("[]".to_owned(), Bytes::from("[]")),
        ("[{}]".to_owned(), Bytes::from("[{}]")),
        ("null".to_owned(), Bytes::from("null")),
        ("{}".to_owned(), Bytes::from("{}")),
        ("a bare text".to_owned(), Bytes::from("\"ok\"")),
        ("not UTF-8".to_owned(), Bytes::new([0xff, 0xfe, 0x00, 0x80])),
    ];
    let whole = recorded.as_slice();
    if whole.len() > 1 {
        bodies.push(("cut off".to_owned(), Bytes::new(&whole[..whole.len() / 2])));
    }
    bodies.retain(|(_, body)| body != recorded);
    bodies
}

/// Responses that say nothing, in place of a recorded one.
fn garbage_responses(recorded: &HttpResponse) -> Vec<(String, HttpResponse)> {
    let with = |status, headers: &[(&str, &str)], body: Bytes| HttpResponse {
        status,
        headers: Headers(
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ),
        body,
    };
    let page = || Bytes::from("<html><body>upstream error</body></html>");
    let mut responses: Vec<_> = garbage_bodies(&recorded.body)
        .into_iter()
        .map(|(label, body)| (format!("200 with a body that is {label}"), with(200, &[], body)))
        .collect();
    responses.extend([
        ("204".to_owned(), with(204, &[], Bytes::default())),
        (
            "302 elsewhere".to_owned(),
            with(302, &[("location", "https://elsewhere.invalid/")], Bytes::default()),
        ),
        ("400 with a web page".to_owned(), with(400, &[], page())),
        ("401 with {}".to_owned(), with(401, &[], Bytes::from("{}"))),
        ("429".to_owned(), with(429, &[("retry-after", "30")], Bytes::default())),
        ("500 with the recorded body".to_owned(), with(500, &[], recorded.body.clone())),
        ("500 with a web page".to_owned(), with(500, &[], page())),
        ("503 with {}".to_owned(), with(503, &[], Bytes::from("{}"))),
    ]);
    responses.retain(|(_, response)| response.status != recorded.status || response.body != recorded.body);
    responses
}

/// A bent delivery with the signature its processor would give it; `None` where the kit cannot sign.
pub(super) fn signed_by_processor(
    subject: &Subject<'_>,
    fixture: &Fixture,
    delivery: &Delivery,
) -> Option<Delivery> {
    let rounds = signed_by(subject, fixture, delivery, &subject.secrets, &subject.host_for(fixture));
    let (delivery, course) = rounds.into_iter().next_back()?;
    let refused =
        course.transcript.iter().any(|exchange| matches!(exchange.answer, StepAnswer::Refused { .. }));
    (!refused).then_some(delivery)
}

/// Signs a delivery with `signer`'s secrets, following whatever the adapter asks to be verified, and gives
/// every round: the delivery tried and what came of it. The last one satisfies every check it can.
pub(super) fn signed_by(
    subject: &Subject<'_>,
    fixture: &Fixture,
    delivery: &Delivery,
    signer: &Secrets,
    host: &Host<'_>,
) -> Vec<(Delivery, Course)> {
    let mut delivery = delivery.clone();
    let mut rounds = Vec::new();
    for _ in 0..SIGNING_ROUNDS_MAX {
        let course = follow_delivery(host, subject, fixture, &delivery);
        let next = course.transcript.iter().find_map(|exchange| match (&exchange.step, &exchange.answer) {
            (Step::Verify(check), StepAnswer::Refused { .. }) => {
                let signature = host::forge(check, &delivery, signer)?;
                let candidate = check.candidates.iter().find(|candidate| !candidate.is_empty())?;
                (*candidate != signature).then(|| with_text_replaced(&delivery, candidate, &signature))
            }
            (Step::Verify(_) | Step::Send(_) | Step::Mac(_), _) => None,
        });
        rounds.push((delivery.clone(), course));
        match next {
            Some(next) if next != delivery => delivery = next,
            Some(_) | None => break,
        }
    }
    rounds
}

/// A delivery with a text replaced in its headers, query and body.
pub(super) fn with_text_replaced(delivery: &Delivery, from: &str, to: &str) -> Delivery {
    let mut bent = delivery.clone();
    for (_, value) in bent.headers.0.iter_mut().chain(bent.query.iter_mut()) {
        *value = value.replace(from, to);
    }
    if let Some(text) = delivery.body.as_text() {
        bent.body = Bytes::from(text.replace(from, to));
    }
    bent
}

/// A body with a field that nobody has heard of in every object; `None` where it has no fields.
pub(super) fn with_field_added(body: &Bytes, name: &str, value: &Value) -> Option<Bytes> {
    let text = body.as_text()?;
    if let Ok(mut document) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) {
        return add_field(&mut document, name, value).then(|| Bytes::from(document.to_string()));
    }
    let is_form = !text.is_empty() && text.split('&').all(|pair| pair.contains('=') && !pair.contains('\n'));
    is_form.then(|| Bytes::from(format!("{text}&{name}={}", value.as_str().unwrap_or("1"))))
}

fn add_field(document: &mut Value, name: &str, value: &Value) -> bool {
    match document {
        Value::Object(fields) => {
            for field in fields.values_mut() {
                add_field(field, name, value);
            }
            fields.insert(name.to_owned(), value.clone());
            true
        }
        Value::Array(items) => {
            // Every item, not only the first that takes the field.
            let taken: Vec<bool> = items.iter_mut().map(|item| add_field(item, name, value)).collect();
            taken.contains(&true)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a request only reads, by its method or by the descriptor's word.
pub(super) fn is_read(request: &HttpRequest, descriptor: &Descriptor) -> bool {
    let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let listed = |rule: &ReadRule| {
        rule.method == request.method
            && format!("/{path}").starts_with(&rule.path_prefix)
            && rule.body_prefix.as_ref().is_none_or(|prefix| body_text(&request.body).starts_with(prefix))
    };
    request.method == Method::Get || descriptor.reads.iter().any(listed)
}

/// A body's literal text, for prefixes: secrets left out.
fn body_text(body: &RequestBody) -> String {
    let literal = |part: &crate::Part| match part {
        crate::Part::Text(text) => text.clone(),
        crate::Part::Secret(_) | crate::Part::DeliveryBody | crate::Part::DeliveryUrl => String::new(),
    };
    match body {
        RequestBody::Empty => String::new(),
        RequestBody::Json { value, .. } => value.to_string(),
        RequestBody::Form { fields } => fields
            .iter()
            .map(|(name, part)| format!("{name}={}", literal(part)))
            .collect::<Vec<_>>()
            .join("&"),
        RequestBody::Raw { parts, .. } => parts.iter().map(literal).collect(),
    }
}

/// Whether a host would believe a notification's facts: its proof is a passed check, or a successful read
/// under our own credentials.
pub(super) fn is_trusted(
    notification: &Notification,
    transcript: &[Exchange],
    descriptor: &Descriptor,
) -> bool {
    let Some(exchange) = notification.proof.and_then(|proof| transcript.get(proof.exchange())) else {
        return false;
    };
    matches!(notification.says, Says::Facts(_))
        && match (&exchange.step, &exchange.answer) {
            (Step::Verify(_), StepAnswer::Verified) => true,
            (Step::Send(request), StepAnswer::Response(response)) => {
                request.auth != Auth::None && is_read(request, descriptor) && response.is_success()
            }
            (Step::Verify(_) | Step::Send(_) | Step::Mac(_), _) => false,
        }
}

/// The notifications of a course that a host would believe.
pub(super) fn trusted<'c>(course: &'c Course, descriptor: &Descriptor) -> Vec<&'c Notification> {
    match &course.end {
        End::Reply(Reply::Notifications(notifications)) => notifications
            .iter()
            .filter(|notification| is_trusted(notification, &course.transcript, descriptor))
            .collect(),
        End::Reply(Reply::Answer(_) | Reply::Fault(_) | Reply::Step(_))
        | End::NoAnswer(_)
        | End::NoDigest(_)
        | End::Endless
        | End::Panicked => Vec::new(),
    }
}

/// What in these facts would settle something, in words; `None` when they settle nothing.
pub(super) fn settles(facts: &Facts) -> Option<String> {
    let word = facts.word.as_ref().filter(|word| match word {
        Word::Authorized | Word::Paid | Word::Declined | Word::Voided | Word::Expired => true,
        Word::Open | Word::NeedsCompletion | Word::Pending | Word::Unknown(_) => false,
    });
    if let Some(word) = word {
        return Some(format!("the word {}", host::as_json(word)));
    }
    facts
        .items
        .iter()
        .find(|item| item.state != ItemState::Pending)
        .map(|item| format!("the item {}", host::as_json(item)))
}

/// Puts a word nobody has heard of at a pointer; `None` when there is no text or number there.
pub(super) fn with_unheard_word(body: &Bytes, pointer: &str) -> Option<Bytes> {
    let text = body.as_text()?;
    let mut document: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let word = document.pointer_mut(pointer)?;
    *word = match word {
        Value::String(_) => json!("zz_unheard_of"),
        Value::Number(_) => json!(987_654),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(Bytes::from(document.to_string()))
}

/// Whether a text stands in any text of a value's JSON form.
pub(super) fn contains_text(value: &impl serde::Serialize, text: &str) -> bool {
    let Ok(mut value) = serde_json::to_value(value) else {
        return false;
    };
    let before = value.clone();
    replace_text(&mut value, text, "");
    value != before
}

/// How a course ended, for messages.
pub(super) fn ended(course: &Course) -> String {
    format!("ended with {}", course.end)
}

/// One run over the beginning of a transcript.
pub(super) fn run_prefix(
    adapter: &dyn Adapter,
    question: &Question,
    transcript: &[Exchange],
) -> Option<Reply> {
    let mut ask = crate::Ask::new(question.clone());
    ask.transcript = transcript.to_vec();
    host::run_caught(adapter, &ask)
}
