//! Fixtures: one question with its whole transcript and the reply it must come to, as a JSON file.
//!
//! A fixture is recorded once from a processor's test system (or written from its documentation), scrubbed,
//! and replayed for ever. A file looks like this; the types are those of the contract, so `ask` is a
//! [`Question`], each exchange a step with its answer, and `reply` a [`Reply`]:
//!
//! ```
//! # use processor_sdk::conformance::Fixture;
//! # let fixture = Fixture::parse(r#"
//! {
//!   "name": "webhook_paid",
//!   "note": "A card payment, automatic capture.",
//!   "ask": {
//!     "delivery": {
//!       "channel": "webhook",
//!       "url": "https://hub.example.com/webhooks/acme",
//!       "headers": [["acme-signature", "{{signature}}"], ["acme-time", "1767323045"]],
//!       "body": {"text": "{\"id\":\"ev_1\",\"payment\":\"pay_1\",\"status\":\"paid\"}"},
//!       "received_at": "2026-01-02T03:04:10Z",
//!       "livemode": false
//!     }
//!   },
//!   "signatures": {
//!     "signature": {
//!       "algorithm": "hmac_sha256",
//!       "key": {"name": "webhook_secret"},
//!       "over": [{"text": "1767323045."}, "delivery_body"],
//!       "encoding": "hex"
//!     }
//!   },
//!   "transcript": [
//!     {
//!       "step": {
//!         "verify": {
//!           "kind": "mac",
//!           "algorithm": "hmac_sha256",
//!           "key": {"name": "webhook_secret"},
//!           "encoding": "hex",
//!           "over": [{"text": "1767323045."}, "delivery_body"],
//!           "candidates": ["{{signature}}"],
//!           "timestamp": {"at": "2026-01-02T03:04:05Z", "tolerance_s": 300}
//!         }
//!       },
//!       "answer": "verified"
//!     }
//!   ],
//!   "reply": {
//!     "notifications": [
//!       {
//!         "event_id": "ev_1",
//!         "references": [{"kind": "payment", "id": "pay_1"}],
//!         "says": {"facts": {"word": "paid"}},
//!         "proof": 0
//!       }
//!     ]
//!   },
//!   "status_pointer": "/status",
//!   "stale_after_s": 300
//! }
//! # "#).unwrap();
//! # assert_eq!(fixture.name, "webhook_paid");
//! ```
//!
//! The answer to a request is `{"response": {"status": 200, "headers": [], "body": {"text": "…"}}}`. Nobody
//! has to write transcripts by hand: [`Fixture::record`] runs an adapter over a question and canned
//! responses and gives the fixture to read, correct and save.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Subject;
use super::host::{self, End, Secrets};
use crate::{Delivery, Exchange, HttpResponse, MacRequest, OperationKind, Question, Reply, Settings};

/// The one file of a folder of fixtures that is none: what the adapter is tried with.
pub const SUBJECT_FILE: &str = "subject.json";

/// What [`SUBJECT_FILE`] holds: `{"secrets": {"api_key": "made-up-1"}, "settings": {}}`.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectFile {
    /// Test values of the declared secrets, made up.
    #[serde(default)]
    pub secrets: Secrets,
    /// Settings as an operator would write them.
    #[serde(default)]
    pub settings: Settings,
}

impl SubjectFile {
    /// Reads it from a folder of fixtures.
    ///
    /// # Errors
    /// [`FixtureError`] when it is not there or not what it should be.
    pub fn read_folder(folder: &Path) -> Result<Self, FixtureError> {
        let path = folder.join(SUBJECT_FILE);
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|source| FixtureError::Unreadable { path: name.clone(), source })?;
        serde_json::from_str(&text).map_err(|source| FixtureError::Malformed { name, source })
    }
}

/// One recorded question with its transcript and reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// Name, unique within the adapter; by custom the file's name.
    pub name: String,
    /// What it shows and where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The question: `{"call": …}` or `{"delivery": …}`. Settings left empty are the [`Subject`]'s.
    pub ask: Question,
    /// Digests to compute with the test secrets when the fixture is read. Wherever `{{name}}` stands in a
    /// text of the question, the transcript or the reply, the digest called `name` is put in its place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signatures: BTreeMap<String, MacRequest>,
    /// Every step with its answer, in order.
    #[serde(default)]
    pub transcript: Vec<Exchange>,
    /// What the adapter must come to. Never a step.
    pub reply: Reply,
    /// RFC 6901 pointer to the status word that decides the reply: in the last response of the transcript,
    /// or in the delivery's body where the transcript holds no response. It governs the payment's word or,
    /// where the reply says no word, the state of its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_pointer: Option<String>,
    /// Set on a delivery whose signature covers a time: received later than this, it must be refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale_after_s: Option<u32>,
}

/// Why a fixture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// The text is not a fixture.
    #[error("{name} cannot be understood: {source}")]
    Malformed {
        /// File name, or `fixture` for a text.
        name: String,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// The folder or a file in it could not be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A digest in `signatures` could not be computed.
    #[error("fixture {fixture}: the signature {signature} cannot be computed: {why}")]
    Unsigned {
        /// Fixture's name.
        fixture: String,
        /// Key in `signatures`.
        signature: String,
        /// Missing or empty secret, malformed key.
        why: String,
    },
}

impl Fixture {
    /// Reads one fixture.
    ///
    /// # Errors
    /// [`FixtureError::Malformed`] with line and column.
    pub fn parse(text: &str) -> Result<Self, FixtureError> {
        Self::parse_named("fixture", text)
    }

    /// Reads every `*.json` file of a folder but [`SUBJECT_FILE`], in the order of the file names.
    ///
    /// # Errors
    /// The first file that cannot be read or is no fixture.
    pub fn read_folder(folder: &Path) -> Result<Vec<Self>, FixtureError> {
        let unreadable =
            |path: &Path, source| FixtureError::Unreadable { path: path.display().to_string(), source };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
            let path = entry.map_err(|source| unreadable(folder, source))?.path();
            let is_subject = path.file_name().is_some_and(|name| name == SUBJECT_FILE);
            if !is_subject && path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        let mut fixtures = Vec::new();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
            fixtures.push(Self::parse_named(&path.display().to_string(), &text)?);
        }
        Ok(fixtures)
    }

    /// Runs the adapter over a question, answering its requests with `responses` in order, and records what
    /// it asked and came to. Read the result before saving it: it records mistakes as faithfully as truths.
    ///
    /// # Errors
    /// What kept the run from ending in a reply: more requests than responses, too many steps, a panic.
    pub fn record(
        subject: &Subject<'_>,
        name: &str,
        question: Question,
        responses: &[HttpResponse],
    ) -> Result<Self, String> {
        let course = host::run_through(subject.adapter, &question, &subject.host(), &mut |nth, _| {
            responses.get(nth).cloned()
        });
        match course.end {
            End::Reply(reply) => Ok(Self {
                name: name.to_owned(),
                note: None,
                ask: question,
                signatures: BTreeMap::new(),
                transcript: course.transcript,
                reply,
                status_pointer: None,
                stale_after_s: None,
            }),
            end => Err(end.to_string()),
        }
    }

    /// The recorded responses, in order.
    pub fn responses(&self) -> impl Iterator<Item = &HttpResponse> {
        self.transcript.iter().filter_map(|exchange| match &exchange.answer {
            crate::StepAnswer::Response(response) => Some(response),
            crate::StepAnswer::Mac(_) | crate::StepAnswer::Verified | crate::StepAnswer::Refused { .. } => {
                None
            }
        })
    }

    /// The operation asked for, unless the question is a delivery.
    #[must_use]
    pub const fn operation(&self) -> Option<OperationKind> {
        match &self.ask {
            Question::Call(call) => Some(call.operation.kind()),
            Question::Delivery(_) => None,
        }
    }

    /// The delivery, unless the question is a call.
    #[must_use]
    pub const fn delivery(&self) -> Option<&Delivery> {
        match &self.ask {
            Question::Call(_) => None,
            Question::Delivery(delivery) => Some(delivery),
        }
    }

    /// The fixture with its `signatures` computed and put in place.
    ///
    /// # Errors
    /// [`FixtureError::Unsigned`], or [`FixtureError::Malformed`] when a digest broke the JSON form.
    pub fn signed(mut self, secrets: &Secrets) -> Result<Self, FixtureError> {
        for (name, request) in std::mem::take(&mut self.signatures) {
            let digest = host::mac(&request, self.delivery(), secrets).map_err(|why| {
                FixtureError::Unsigned { fixture: self.name.clone(), signature: name.clone(), why }
            })?;
            self = self.replacing_text(&format!("{{{{{name}}}}}"), &digest)?;
        }
        Ok(self)
    }

    fn replacing_text(&self, from: &str, to: &str) -> Result<Self, FixtureError> {
        let malformed = |source| FixtureError::Malformed { name: self.name.clone(), source };
        let mut value = serde_json::to_value(self).map_err(malformed)?;
        replace_text(&mut value, from, to);
        serde_json::from_value(value).map_err(malformed)
    }

    fn parse_named(name: &str, text: &str) -> Result<Self, FixtureError> {
        serde_json::from_str(text).map_err(|source| FixtureError::Malformed { name: name.to_owned(), source })
    }
}

/// Replaces a text wherever it stands in a JSON document, inside longer texts too.
pub(super) fn replace_text(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) => {
            if text.contains(from) {
                *text = text.replace(from, to);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_text(item, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|item| replace_text(item, from, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
