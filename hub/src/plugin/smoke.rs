//! A plugin's first trial, before a hub takes it up: made-up questions, and answers that say nothing.
//!
//! The author's fixtures are not at hand here, so only those laws are looked at that need none: it ends, does not
//! trap, stays with its hosts and secrets, and takes no money to have moved because a server said nothing.

use std::sync::Arc;

use processor_sdk::conformance::{Fixture, Subject, SubjectFile, laws};
use processor_sdk::{
    Bytes, Currencies, Descriptor, Headers, HttpResponse, Question, SettingKind, SignedDeliveries,
};
use serde_json::{Value, json};

use super::adapter::PluginAdapter;
use super::sandbox::Plugin;

/// The laws that show something without an author's fixtures.
const LAWS: [&str; 12] = [
    "descriptor_is_sane",
    "support_is_declared",
    "deterministic",
    "ends",
    "never_panics",
    "stop_is_passed_on",
    "declared_hosts",
    "secrets_declared",
    "reads_only_read",
    "no_secret_leaks",
    "declared_doors",
    "garbage_never_settles",
];

/// How many requests of one question are answered.
const RESPONSES_MAX: usize = 16;

/// A law that a plugin breaks, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it breaks the law {law}: {what}")]
pub struct Broken {
    /// The law's name.
    pub law: &'static str,
    /// What happened, and what had to.
    pub what: String,
}

/// Tries a plugin.
///
/// # Errors
/// The first law that it breaks.
pub fn smoke(plugin: &Arc<Plugin>) -> Result<(), Broken> {
    let descriptor = plugin.descriptor().clone();
    let adapter = PluginAdapter(Arc::clone(plugin));
    let unprepared =
        |error: &dyn std::fmt::Display| Broken { law: "descriptor_is_sane", what: error.to_string() };
    let mut subject =
        Subject::with(&adapter, vec![], subject_of(&descriptor)).map_err(|error| unprepared(&error))?;
    let nothing =
        HttpResponse { status: 503, headers: Headers::default(), body: Bytes::new(b"later".to_vec()) };
    let responses = vec![nothing; RESPONSES_MAX];
    let mut fixtures = Vec::new();
    for (name, question) in questions(&descriptor, &subject) {
        let question: Question = serde_json::from_value(question).map_err(|error| unprepared(&error))?;
        // What cannot be followed to its end (it waits for an answer that is none) has no transcript to bend.
        if let Ok(fixture) = Fixture::record(&subject, name, question, &responses) {
            fixtures.push(fixture);
        }
    }
    if !fixtures.iter().any(|fixture| fixture.name == "open_checkout") {
        let what =
            "asked for a checkout, it neither ends in an answer nor in a fault when its processor is down";
        return Err(Broken { law: "ends", what: what.to_owned() });
    }
    subject.fixtures = fixtures;
    for law in laws() {
        let Some(name) = LAWS.into_iter().find(|name| *name == law.name) else { continue };
        (law.check)(&subject).map_err(|violation| Broken { law: name, what: violation.what })?;
    }
    Ok(())
}

/// Made-up secrets and settings that its descriptor accepts.
fn subject_of(descriptor: &Descriptor) -> SubjectFile {
    let mut subject = SubjectFile::default();
    for (number, field) in (1..).zip(&descriptor.secrets) {
        subject.secrets.insert(field.name.clone(), format!("made-up-{number}-5d1f0c2b7a94e386"));
    }
    for field in descriptor.settings.iter().filter(|field| field.required && field.default.is_none()) {
        let value = match &field.kind {
            SettingKind::Text => json!("made-up"),
            SettingKind::Url => json!("https://processor.example"),
            SettingKind::Flag => json!(false),
            SettingKind::Choice { of } => json!(of.first()),
        };
        subject.settings.0.insert(field.name.clone(), value);
    }
    subject
}

/// One question of each kind, with every sort of id known, and a delivery that nobody signed.
fn questions(descriptor: &Descriptor, subject: &Subject<'_>) -> Vec<(&'static str, Value)> {
    let amount = amount(&descriptor.currencies);
    let refund =
        json!({ "echo": "re5d1", "amount": amount, "refunded_before": zero(&amount), "id": "made_up_r" });
    let with = |kind: &str, contents: &Value| {
        let mut operation = contents.clone();
        operation["kind"] = json!(kind);
        operation
    };
    let page = json!({
        "return_url": "https://hub.example.com/return/t1", "cancel_url": "https://hub.example.com/return/t1",
        "webhook_url": "https://hub.example.com/webhooks/made-up", "expires_at": "2026-01-03T03:04:05Z",
    });
    let capture = json!({ "echo": "cap5d1", "amount": amount, "is_final": true });
    let nothing = json!({});
    let operations = [
        ("open_checkout", with("open_checkout", &page)),
        ("complete_checkout", with("complete_checkout", &json!({ "return_parameters": [] }))),
        ("expire_checkout", with("expire_checkout", &nothing)),
        ("capture", with("capture", &capture)),
        ("void", with("void", &nothing)),
        ("refund", with("refund", &refund)),
        ("fetch_payment", with("fetch_payment", &nothing)),
        ("fetch_refund", with("fetch_refund", &refund)),
        ("fetch_dispute", with("fetch_dispute", &json!({ "id": "made_up_d" }))),
    ];
    let kinds = ["session", "order", "payment", "authorization", "capture"];
    let references: Vec<_> =
        kinds.iter().map(|kind| json!({ "kind": kind, "id": format!("made_up_{kind}") })).collect();
    let call = |name: &str, operation: Value| {
        json!({ "call": {
            "operation": operation,
            "key": "k3yk3yk3yk3y0001",
            "echo": "att7f3k2",
            "amount": amount,
            "capture": "automatic",
            "references": if name == "open_checkout" { vec![] } else { references.clone() },
            "created_at": "2026-01-02T03:04:05Z",
            "settings": subject.settings,
            "livemode": false,
        }})
    };
    let mut all: Vec<_> =
        operations.into_iter().map(|(name, operation)| (name, call(name, operation))).collect();
    if descriptor.deliveries != SignedDeliveries::None {
        let delivery = json!({ "delivery": {
            "channel": "webhook", "url": "https://hub.example.com/webhooks/made-up",
            "headers": [["content-type", "application/json"]], "body": { "text": "{\"id\":\"made_up\"}" },
            "received_at": "2026-01-02T03:04:05Z", "settings": subject.settings, "livemode": false,
        }});
        all.push(("delivery", delivery));
    }
    all
}

/// An amount that the plugin's processor takes.
fn amount(currencies: &Currencies) -> Value {
    let first = match currencies {
        Currencies::All => None,
        Currencies::Listed(listed) => listed.first(),
    };
    let Some(limit) = first else { return json!({ "amount": 1999, "currency": "EUR" }) };
    let amount = limit.minimum.unwrap_or(1999).max(limit.multiple_of.unwrap_or(1));
    json!({ "amount": amount, "currency": limit.currency })
}

fn zero(amount: &Value) -> Value {
    json!({ "amount": 0, "currency": amount["currency"] })
}
