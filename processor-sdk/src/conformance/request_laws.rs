//! Laws on what an adapter asks for: where requests go, with which secrets and keys, and what they leak.

use serde_json::json;

use super::host::{self, as_json};
use super::trial::{self, Trial};
use super::url::is_allowed;
use super::{Course, Fixture, Law, Subject, Violation};
use crate::{
    Auth, Bytes, Call, Delivery, Descriptor, HttpRequest, HttpResponse, KeyCarrier, Method, Part, Question,
    RequestBody, SecretRef, Settings, SignatureScheme, Step,
};

pub(super) const DECLARED_HOSTS: Law = Law {
    name: "declared_hosts",
    statement: "Every request goes by https to a declared host; by http only where the operator's own setting \
                says so.",
    check: declared_hosts,
};

pub(super) const SECRETS_DECLARED: Law = Law {
    name: "secrets_declared",
    statement: "Every secret that is named is declared, and sent only to hosts it is bound to.",
    check: secrets_declared,
};

pub(super) const IDEMPOTENCY_KEY: Law = Law {
    name: "idempotency_key",
    statement: "Where the processor takes a key, every write carries the operation's, whole, and no two writes \
                share one.",
    check: idempotency_key,
};

pub(super) const KEY_CHANGES_NOTHING_ELSE: Law = Law {
    name: "key_changes_nothing_else",
    statement: "Under another key the requests differ in the key's own place only.",
    check: key_changes_nothing_else,
};

pub(super) const READS_ONLY_READ: Law = Law {
    name: "reads_only_read",
    statement: "Look-ups and deliveries send nothing but GETs and requests that the descriptor lists as reads.",
    check: reads_only_read,
};

pub(super) const NO_SECRET_LEAKS: Law = Law {
    name: "no_secret_leaks",
    statement: "A secret that the processor echoes shows up in no reply and no further request.",
    check: no_secret_leaks,
};

/// A key of the greatest length an operation's key may have.
const LONGEST_KEY: &str = "0123456789abcdefghijklmnopqrstuv";

/// Characters an operation's key may grow by ([`Call::key_with`]).
const KEY_SUFFIX_CHARS_MAX: usize = 1;

/// Stands for a secret of the processor's side, such as a client secret in a response.
const CANARY: &str = "canary-4f9d1c7be2a8";

/// The requests of a trial, the unanswered last one included.
fn requests(course: &Course) -> impl Iterator<Item = &HttpRequest> {
    let sent = course.transcript.iter().filter_map(|exchange| match &exchange.step {
        Step::Send(request) => Some(request),
        Step::Mac(_) | Step::Verify(_) => None,
    });
    let unanswered = match &course.end {
        host::End::NoAnswer(request) => Some(request),
        host::End::Reply(_) | host::End::NoDigest(_) | host::End::Endless | host::End::Panicked => None,
    };
    sent.chain(unanswered)
}

const fn settings_of(question: &Question) -> &Settings {
    match question {
        Question::Call(call) => &call.settings,
        Question::Delivery(delivery) => &delivery.settings,
    }
}

fn declared_hosts(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for trial in trial::all(subject) {
        let settings = settings_of(&trial.question);
        for request in requests(&trial.course) {
            let token_url = match &request.auth {
                Auth::OAuth2 { token_url, .. } => Some(token_url),
                Auth::None
                | Auth::Bearer { .. }
                | Auth::Basic { .. }
                | Auth::Header { .. }
                | Auth::Jwt { .. } => None,
            };
            for url in token_url.into_iter().chain([&request.url]) {
                if let Err(why) = is_allowed(url, &descriptor.hosts, settings) {
                    return Err(Violation::of(trial.fixture, format!("{}: {url} {why}", trial.label)));
                }
            }
        }
    }
    Ok(())
}

fn secrets_declared(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for trial in trial::all(subject) {
        for request in requests(&trial.course) {
            for secret in secrets_sent(request) {
                check_bound(&descriptor, &trial, request, secret)
                    .map_err(|what| Violation::of(trial.fixture, format!("{}: {what}", trial.label)))?;
            }
        }
        for secret in trial.course.transcript.iter().flat_map(|exchange| secrets_used(&exchange.step)) {
            if !descriptor.secrets.iter().any(|field| field.name == secret.name) {
                let what = format!("{}: the secret {} is not declared", trial.label, secret.name);
                return Err(Violation::of(trial.fixture, what));
            }
        }
    }
    Ok(())
}

fn check_bound(
    descriptor: &Descriptor,
    trial: &Trial<'_>,
    request: &HttpRequest,
    secret: &SecretRef,
) -> Result<(), String> {
    let Some(field) = descriptor.secrets.iter().find(|field| field.name == secret.name) else {
        return Err(format!("the secret {} is not declared", secret.name));
    };
    let url = match &request.auth {
        // The client's own credentials go to the token endpoint.
        Auth::OAuth2 { token_url, client_secret, .. } if client_secret == secret => token_url,
        Auth::OAuth2 { .. }
        | Auth::None
        | Auth::Bearer { .. }
        | Auth::Basic { .. }
        | Auth::Header { .. }
        | Auth::Jwt { .. } => &request.url,
    };
    is_allowed(url, &field.hosts, settings_of(&trial.question))
        .map_err(|_| format!("the secret {} is sent to {url}, which it is not bound to", secret.name))
}

/// Secrets that leave with a request.
fn secrets_sent(request: &HttpRequest) -> Vec<&SecretRef> {
    let mut secrets = Vec::new();
    match &request.auth {
        Auth::None => {}
        // The JWT's key only signs, and never leaves.
        Auth::Jwt { .. } => {}
        Auth::Bearer { secret } | Auth::Header { secret, .. } => secrets.push(secret),
        Auth::Basic { user, password } => secrets.extend(parts_secrets([user, password])),
        Auth::OAuth2 { client_id, client_secret, .. } => {
            secrets.extend(parts_secrets([client_id]));
            secrets.push(client_secret);
        }
    }
    match &request.body {
        RequestBody::Empty => {}
        RequestBody::Json { secrets: pointed, .. } => secrets.extend(pointed.values()),
        RequestBody::Form { fields } => secrets.extend(parts_secrets(fields.iter().map(|(_, part)| part))),
        RequestBody::Raw { parts, .. } => secrets.extend(parts_secrets(parts)),
    }
    secrets
}

/// Secrets that take part in a digest or signature.
fn secrets_used(step: &Step) -> Vec<&SecretRef> {
    match step {
        Step::Send(request) => match &request.auth {
            Auth::Jwt { secret, .. } => vec![secret],
            Auth::None
            | Auth::Bearer { .. }
            | Auth::Basic { .. }
            | Auth::Header { .. }
            | Auth::OAuth2 { .. } => Vec::new(),
        },
        Step::Mac(mac) => mac.key.iter().chain(parts_secrets(&mac.over)).collect(),
        Step::Verify(check) => {
            let key = match &check.scheme {
                SignatureScheme::Mac { key, .. } => key.as_ref(),
                SignatureScheme::Equal { secret } => Some(secret),
                SignatureScheme::RsaSha256 { .. } => None,
            };
            key.into_iter().chain(parts_secrets(&check.over)).collect()
        }
    }
}

fn parts_secrets<'p>(parts: impl IntoIterator<Item = &'p Part>) -> impl Iterator<Item = &'p SecretRef> {
    parts.into_iter().filter_map(|part| match part {
        Part::Secret(secret) => Some(secret),
        Part::Text(_) | Part::DeliveryBody | Part::DeliveryUrl => None,
    })
}

/// A call fixture asked under another key.
fn under_key(fixture: &Fixture, key: &str) -> Option<Question> {
    match &fixture.ask {
        Question::Call(call) => Some(Question::Call(Call { key: key.to_owned(), ..call.clone() })),
        Question::Delivery(_) => None,
    }
}

fn idempotency_key(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    let carrier = &descriptor.idempotency.carrier;
    if matches!(carrier, KeyCarrier::None | KeyCarrier::NothingSent) {
        return Ok(());
    }
    for fixture in &subject.fixtures {
        let Some(question) = under_key(fixture, LONGEST_KEY) else {
            continue;
        };
        let course = trial::follow(subject, fixture, &question);
        let mut writes: Vec<(String, &HttpRequest)> = Vec::new();
        for request in requests(&course).filter(|request| carries_key(request, &descriptor)) {
            let what = |problem: String| {
                Violation::of(fixture, format!("{} {} {problem}", request.method.as_str(), request.url))
            };
            let Some(key) = carried_key(request, carrier) else {
                return Err(what("carries no key".to_owned()));
            };
            if !key.starts_with(LONGEST_KEY) || key.len() > LONGEST_KEY.len() + KEY_SUFFIX_CHARS_MAX {
                return Err(what(format!("carries {key:?} where the operation's key is {LONGEST_KEY:?}")));
            }
            if writes.iter().any(|(taken, other)| *taken == key && *other != request) {
                return Err(what("is another write under the same key".to_owned()));
            }
            writes.push((key, request));
        }
    }
    Ok(())
}

/// A write that needs a key. DELETE is idempotent by itself (RFC 9110 §9.2.2) and often has no body.
fn carries_key(request: &HttpRequest, descriptor: &Descriptor) -> bool {
    !trial::is_read(request, descriptor) && request.method != Method::Delete
}

fn carried_key(request: &HttpRequest, carrier: &KeyCarrier) -> Option<String> {
    match carrier {
        KeyCarrier::None | KeyCarrier::NothingSent => None,
        KeyCarrier::Header { name } => request.headers.get(name).map(str::to_owned),
        KeyCarrier::BodyField { pointer } => match &request.body {
            RequestBody::Json { value, .. } => value.pointer(pointer)?.as_str().map(str::to_owned),
            RequestBody::Form { fields } => fields.iter().find_map(|(name, part)| match part {
                Part::Text(text) if *name == pointer[1..] => Some(text.clone()),
                Part::Text(_) | Part::Secret(_) | Part::DeliveryBody | Part::DeliveryUrl => None,
            }),
            RequestBody::Empty | RequestBody::Raw { .. } => None,
        },
    }
}

fn key_changes_nothing_else(subject: &Subject<'_>) -> Result<(), Violation> {
    let carrier = subject.adapter.descriptor().idempotency.carrier;
    if matches!(carrier, KeyCarrier::None | KeyCarrier::NothingSent) {
        return Ok(());
    }
    for fixture in &subject.fixtures {
        let other_key: String = LONGEST_KEY.chars().rev().collect();
        let (Some(one), Some(other)) = (under_key(fixture, LONGEST_KEY), under_key(fixture, &other_key))
        else {
            continue;
        };
        let (one, other) = (trial::follow(subject, fixture, &one), trial::follow(subject, fixture, &other));
        let keyless = |course: &Course| {
            requests(course).map(|request| without_key(request, &carrier)).collect::<Vec<_>>()
        };
        if let Some((one, other)) =
            keyless(&one).iter().zip(&keyless(&other)).find(|(one, other)| one != other)
        {
            let what = format!("beside the key, {} became {}", as_json(one), as_json(other));
            return Err(Violation::of(fixture, what));
        }
    }
    Ok(())
}

fn without_key(request: &HttpRequest, carrier: &KeyCarrier) -> HttpRequest {
    let mut request = request.clone();
    match carrier {
        KeyCarrier::None | KeyCarrier::NothingSent => {}
        KeyCarrier::Header { name } => {
            request.headers.0.retain(|(header, _)| !header.eq_ignore_ascii_case(name))
        }
        KeyCarrier::BodyField { pointer } => match &mut request.body {
            RequestBody::Json { value, .. } => {
                if let Some(key) = value.pointer_mut(pointer) {
                    *key = serde_json::Value::Null;
                }
            }
            RequestBody::Form { fields } => fields.retain(|(name, _)| *name != pointer[1..]),
            RequestBody::Empty | RequestBody::Raw { .. } => {}
        },
    }
    request
}

fn reads_only_read(subject: &Subject<'_>) -> Result<(), Violation> {
    let descriptor = subject.adapter.descriptor();
    for trial in trial::all(subject) {
        let writes = match &trial.question {
            Question::Call(call) => !call.operation.kind().is_read(),
            Question::Delivery(_) => false,
        };
        if writes {
            continue;
        }
        if let Some(request) = requests(&trial.course).find(|request| !trial::is_read(request, &descriptor)) {
            let what = format!(
                "{}: {} {} counts as a write; list it under reads if it is none",
                trial.label,
                request.method.as_str(),
                request.url
            );
            return Err(Violation::of(trial.fixture, what));
        }
    }
    Ok(())
}

fn no_secret_leaks(subject: &Subject<'_>) -> Result<(), Violation> {
    let secrets = subject.secrets.values().map(String::as_str).filter(|secret| !secret.is_empty());
    for canary in secrets.chain([CANARY]) {
        for fixture in &subject.fixtures {
            for course in courses_with_canary(subject, fixture, canary) {
                let leaking_request = requests(&course).find(|request| trial::contains_text(request, canary));
                if let Some(request) = leaking_request {
                    let what = format!(
                        "an echoed secret came to stand in {} {}",
                        request.method.as_str(),
                        request.url
                    );
                    return Err(Violation::of(fixture, what));
                }
                if let host::End::Reply(reply) = &course.end
                    && trial::contains_text(reply, canary)
                {
                    return Err(Violation::of(fixture, "an echoed secret came to stand in the reply"));
                }
            }
        }
    }
    Ok(())
}

/// The fixture with a canary in fields nobody knows, in errors, and in an unknown field of the delivery.
fn courses_with_canary(subject: &Subject<'_>, fixture: &Fixture, canary: &str) -> Vec<Course> {
    let recorded: Vec<_> = fixture.responses().cloned().collect();
    let sentence = format!("Invalid credentials provided: {canary}");
    let mut courses = Vec::new();
    for from in 0..recorded.len() {
        let errors = [(401, true), (400, true), (422, true), (500, false), (200, false), (404, false)];
        let error = |&(status, is_json): &(u16, bool)| HttpResponse {
            status,
            headers: crate::Headers(vec![("x-debug".to_owned(), sentence.clone())]),
            body: if is_json {
                let error = json!({"message": sentence, "detail": sentence});
                Bytes::from(json!({"error": error, "message": sentence, "client_secret": canary}).to_string())
            } else {
                Bytes::from(format!("<html>{sentence}</html>"))
            },
        };
        let with_fields = recorded[from].body.clone();
        let with_fields =
            ["message", "client_secret", "zz_token"].into_iter().fold(with_fields, |body, name| {
                match trial::with_field_added(&body, name, &json!(sentence)) {
                    Some(added) if !mentions(&body, name) => added,
                    Some(_) | None => body,
                }
            });
        let mut variants: Vec<_> = errors.iter().map(error).collect();
        variants.push(HttpResponse { body: with_fields, ..recorded[from].clone() });
        for variant in variants {
            let mut responses = recorded.clone();
            responses[from] = variant;
            courses.push(trial::follow_with(subject, fixture, &fixture.ask, &responses));
        }
    }
    if let Some(delivery) = fixture.delivery() {
        let added = trial::with_field_added(&delivery.body, "zz_token", &json!(sentence));
        let body = added.unwrap_or_else(|| Bytes::from(sentence.clone()));
        let mut delivery = Delivery { body, ..delivery.clone() };
        delivery.headers.push("x-debug", &sentence);
        let forged = trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &delivery);
        courses.push(forged);
        if let Some(signed) = trial::signed_by_processor(subject, fixture, &delivery) {
            courses.push(trial::follow_delivery(&subject.host_for(fixture), subject, fixture, &signed));
        }
    }
    courses
}

/// Whether a body has a field of this name, which the adapter may rightly read.
fn mentions(body: &Bytes, name: &str) -> bool {
    body.as_text().is_some_and(|text| text.contains(&format!("\"{name}\"")))
}
