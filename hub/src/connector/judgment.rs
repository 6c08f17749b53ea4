//! What became of an operation, judged by what left the machine.
//!
//! Invariant: once a request that can move money may have left, nothing but an answer of the processor ends
//! in anything other than `Unknown`. Before that, nothing is `Unknown`: it certainly did not happen.

use hub_core::outcome::{NotSent, Outcome};
use hub_core::planted::Bug;
use processor_sdk::{Fault, HttpResponse};

use super::redact::Redactor;
use super::transport::SendError;
use crate::planted::planted;

/// Whether a request that can move money may have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    Left,
}

impl Effect {
    /// What one effectful request that came to this did. 401, 403 and 429 turn a request away at the door;
    /// any other answer, 5xx above all, may come from behind it.
    pub fn of_send(result: Result<&HttpResponse, &SendError>) -> Self {
        match result {
            Ok(response) => match response.status {
                401 | 403 | 429 => Self::None,
                500.. if planted(Bug::TreatServerErrorAsNotSent) => Self::None,
                _ => Self::Left,
            },
            Err(SendError::NotSent { .. }) => Self::None,
            Err(SendError::MaybeSent { .. }) => Self::Left,
        }
    }

    /// Once left, always left.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, Self::None) => Self::None,
            (Self::Left, _) | (_, Self::Left) => Self::Left,
        }
    }
}

/// Why a run ended without an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The adapter's own fault, or a step that the host refuses to do.
    #[error("{0}")]
    Fault(Fault),
    /// The adapter panicked, went over a limit, or did what it must not: another try ends the same.
    #[error("{who} {what}")]
    Misbehaved { who: String, what: String },
    /// It took longer than it may. A machine under load may be why, so another try may end better.
    #[error("{who} {what}")]
    Overran { who: String, what: String },
    /// No response, no time, no free place: another try may end better.
    #[error("{0}")]
    Hindered(String),
}

impl Failure {
    /// Whether the adapter itself is to blame: what the breaker counts.
    pub const fn is_of_adapter(&self) -> bool {
        match self {
            Self::Misbehaved { .. } | Self::Overran { .. } => true,
            Self::Fault(fault) => match fault {
                Fault::NotDeterministic | Fault::SwallowedStop => true,
                Fault::Unsupported
                | Fault::CannotAsk { .. }
                | Fault::Credentials { .. }
                | Fault::Throttled { .. }
                | Fault::Processor { .. }
                | Fault::Unreadable { .. }
                | Fault::Forged { .. } => false,
            },
            Self::Hindered(_) => false,
        }
    }
}

/// The judgment of an operation that ended without an answer.
pub fn of_failure(failure: Failure, effect: Effect, redactor: &Redactor) -> Outcome {
    match effect {
        Effect::Left => Outcome::Unknown { why: redactor.reason(&failure.to_string()) },
        Effect::None => Outcome::NotSent { why: not_sent(failure, redactor) },
    }
}

fn not_sent(failure: Failure, redactor: &Redactor) -> NotSent {
    match failure {
        Failure::Hindered(detail) => NotSent::Unreachable { detail: redactor.reason(&detail) },
        Failure::Overran { who, what } => {
            NotSent::Unreachable { detail: redactor.reason(&format!("{who} {what}")) }
        }
        Failure::Misbehaved { who, what } => {
            let field = who.trim_start_matches("the ");
            NotSent::Impossible { fault: Fault::cannot_ask(field, &redactor.reason(&what)) }
        }
        Failure::Fault(fault) => match fault {
            Fault::Credentials { status } => NotSent::Credentials { status },
            Fault::Throttled { retry_after_s } => NotSent::Throttled { retry_after_s },
            // A read failed before anything could move: worth another try.
            Fault::Processor { .. } | Fault::Unreadable { .. } => {
                NotSent::Unreachable { detail: redactor.reason(&fault.to_string()) }
            }
            Fault::CannotAsk { field, reason } => NotSent::Impossible {
                fault: Fault::cannot_ask(&redactor.reason(&field), &redactor.reason(&reason)),
            },
            Fault::Forged { why } => NotSent::Impossible { fault: Fault::forged(&redactor.reason(&why)) },
            Fault::Unsupported | Fault::NotDeterministic | Fault::SwallowedStop => {
                NotSent::Impossible { fault }
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use processor_sdk::{
        Answer, Call, Dialogue, Door, Flow, HttpRequest, Method, Operation, ReadRule, RequestBody, Stop,
    };
    use serde_json::json;

    use super::super::lab::{API, API_KEY, Play, answers, call, lab, maybe_sent, not_sent, paid, performing};
    use super::*;

    fn get(path: &str) -> HttpRequest {
        HttpRequest::get(format!("{API}{path}")).bearer("api_key")
    }

    fn post(path: &str) -> HttpRequest {
        HttpRequest::post(format!("{API}{path}")).bearer("api_key").json(json!({ "a": 1 }))
    }

    /// A read, then a write, then a read: each response must be a success.
    fn read_write_read(_: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        dialogue.send(get("/payer"))?.success_json()?;
        dialogue.send(post("/pay"))?.success_json()?;
        dialogue.send(get("/status"))?.success_json()?;
        Ok(Answer::said(paid()))
    }

    fn word(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Answered { .. } => "answered".to_owned(),
            Outcome::Unknown { .. } => "unknown".to_owned(),
            Outcome::NotSent { why: NotSent::Unreachable { .. } } => "unreachable".to_owned(),
            Outcome::NotSent { why: NotSent::Throttled { .. } } => "throttled".to_owned(),
            Outcome::NotSent { why: NotSent::Credentials { status } } => format!("credentials {status}"),
            Outcome::NotSent { why: NotSent::Impossible { .. } } => "impossible".to_owned(),
        }
    }

    #[tokio::test]
    async fn what_left_decides() {
        let ok = || answers(200, "{}");
        let rows: Vec<(&str, Vec<Play>, &str)> = vec![
            ("all is well", vec![ok(), ok(), ok()], "answered"),
            // Before the write nothing can have happened.
            ("read: no connection", vec![not_sent()], "unreachable"),
            ("read: connection lost", vec![maybe_sent()], "unreachable"),
            ("read: 500", vec![answers(500, "")], "unreachable"),
            ("read: 400", vec![answers(400, "")], "unreachable"),
            ("read: garbage", vec![answers(200, "<html>")], "unreachable"),
            ("read: 401", vec![answers(401, "")], "credentials 401"),
            ("read: 403", vec![answers(403, "")], "credentials 403"),
            ("read: 429", vec![answers(429, "")], "throttled"),
            // The write was turned away at the door, or never left.
            ("write: no connection", vec![ok(), not_sent()], "unreachable"),
            ("write: 401", vec![ok(), answers(401, "")], "credentials 401"),
            ("write: 403", vec![ok(), answers(403, "")], "credentials 403"),
            ("write: 429", vec![ok(), answers(429, "")], "throttled"),
            // The write may have happened.
            ("write: connection lost", vec![ok(), maybe_sent()], "unknown"),
            ("write: 500", vec![ok(), answers(500, "")], "unknown"),
            ("write: 409", vec![ok(), answers(409, "")], "unknown"),
            ("write: 400", vec![ok(), answers(400, "")], "unknown"),
            ("write: 302", vec![ok(), answers(302, "")], "unknown"),
            ("write: garbage", vec![ok(), answers(200, "<html>")], "unknown"),
            // After the write everything is unknown.
            ("after: no connection", vec![ok(), ok(), not_sent()], "unknown"),
            ("after: connection lost", vec![ok(), ok(), maybe_sent()], "unknown"),
            ("after: 500", vec![ok(), ok(), answers(500, "")], "unknown"),
            ("after: 401", vec![ok(), ok(), answers(401, "")], "unknown"),
            ("after: 429", vec![ok(), ok(), answers(429, "")], "unknown"),
            ("after: garbage", vec![ok(), ok(), answers(200, "")], "unknown"),
        ];
        for (name, plays, expected) in rows {
            let count = plays.len();
            let lab = lab(performing(read_write_read), plays);
            let performed = lab.connector.perform(&call(Operation::Void)).await;
            assert_eq!(word(&performed.outcome), expected, "{name}: {:?}", performed.outcome);
            assert_eq!(performed.exchanges.len(), count, "{name}");
            assert_eq!(lab.script.sent.lock().unwrap().len(), count, "{name}");
        }
    }

    type Ends = fn(&mut Dialogue<'_>) -> Flow<Answer>;

    fn stops(fault: Fault) -> Flow<Answer> {
        Err(Stop::from(fault))
    }

    /// How an adapter can end, and what that means before and after a write.
    fn endings() -> Vec<(&'static str, Ends, &'static str)> {
        vec![
            ("unsupported", |_| stops(Fault::Unsupported), "impossible"),
            ("cannot ask", |_| stops(Fault::cannot_ask("amount", "is odd")), "impossible"),
            ("credentials", |_| stops(Fault::Credentials { status: 401 }), "credentials 401"),
            ("throttled", |_| stops(Fault::Throttled { retry_after_s: Some(7) }), "throttled"),
            ("processor", |_| stops(Fault::Processor { status: 502 }), "unreachable"),
            ("unreadable", |_| stops(Fault::unreadable("expected a text")), "unreachable"),
            ("forged", |_| stops(Fault::forged("nonsense")), "impossible"),
            ("panic", |_| panic!("the adapter's own mistake"), "impossible"),
            (
                "swallowed stop",
                |dialogue| {
                    let _ = dialogue.send(post("/more"));
                    Ok(Answer::said(paid()))
                },
                "impossible",
            ),
            (
                "host not granted",
                |dialogue| Err(dialogue.send(HttpRequest::post("https://evil.test/")).unwrap_err()),
                "impossible",
            ),
            (
                "door elsewhere",
                |_| Ok(Answer::with_door(paid(), Door::redirect("https://evil.test/"))),
                "impossible",
            ),
            (
                "door by http",
                |_| Ok(Answer::with_door(paid(), Door::redirect("http://a.pay.test/"))),
                "impossible",
            ),
        ]
    }

    #[tokio::test]
    async fn every_fault_is_unknown_after_a_write_and_certain_before() {
        for (name, ends, expected) in endings() {
            let before = lab(performing(move |_, dialogue| ends(dialogue)), vec![]);
            let outcome = before.connector.perform(&call(Operation::Void)).await.outcome;
            assert_eq!(word(&outcome), expected, "{name} before: {outcome:?}");

            let adapter = performing(move |_, dialogue| {
                dialogue.send(post("/pay"))?;
                ends(dialogue)
            });
            let after = lab(adapter, vec![answers(200, "{}")]);
            let outcome = after.connector.perform(&call(Operation::Void)).await.outcome;
            assert_eq!(word(&outcome), "unknown", "{name} after: {outcome:?}");
        }
        let open = performing(|_, _| Ok(Answer::with_door(paid(), Door::redirect("https://a.pay.test/s/1"))));
        assert_eq!(
            word(&lab(open, vec![]).connector.perform(&call(Operation::Void)).await.outcome),
            "answered"
        );
    }

    #[tokio::test]
    async fn what_left_once_stays_left() {
        let adapter = performing(|_, dialogue| {
            dialogue.send(post("/pay"))?;
            dialogue.send(post("/pay/confirm"))?.success_json()?;
            Ok(Answer::Absent)
        });
        // The second write is turned away or never leaves, but the first was heard.
        let lab = lab(adapter, vec![answers(200, "{}"), answers(401, ""), answers(200, "{}"), not_sent()]);
        for _ in 0..2 {
            assert_eq!(word(&lab.connector.perform(&call(Operation::Void)).await.outcome), "unknown");
        }
    }

    #[tokio::test]
    async fn an_adapter_that_asks_something_else_each_time_is_caught() {
        use std::sync::atomic::{AtomicU32, Ordering};
        for (first, expected) in [(Method::Get, "impossible"), (Method::Post, "unknown")] {
            let count = AtomicU32::new(0);
            let adapter = performing(move |_, dialogue| {
                let number = count.fetch_add(1, Ordering::Relaxed);
                dialogue.send(HttpRequest::new(first, format!("{API}/{number}")).bearer("api_key"))?;
                Ok(Answer::said(paid()))
            });
            let lab = lab(adapter, vec![answers(200, "{}")]);
            assert_eq!(
                word(&lab.connector.perform(&call(Operation::Void)).await.outcome),
                expected,
                "{first:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_listed_read_moves_nothing_whatever_its_method() {
        let rule = |path_prefix: &str, body_prefix: Option<&str>| ReadRule {
            method: Method::Post,
            path_prefix: path_prefix.to_owned(),
            body_prefix: body_prefix.map(str::to_owned),
        };
        for (rule, expected) in [
            (rule("/search", None), "unreachable"),
            (rule("/search", Some("{\"find\":")), "unreachable"),
            (rule("/search", Some("{\"pay\":")), "unknown"),
            (rule("/other", None), "unknown"),
            (ReadRule { method: Method::Put, ..rule("/search", None) }, "unknown"),
        ] {
            let mut adapter = performing(|_, dialogue| {
                let request = post("/search/x").json(json!({ "find": "echo1" }));
                dialogue.send(request)?.success_json()?;
                Ok(Answer::Absent)
            });
            adapter.descriptor.reads = vec![rule.clone()];
            let lab = lab(adapter, vec![maybe_sent()]);
            let outcome = lab.connector.perform(&call(Operation::FetchPayment)).await.outcome;
            assert_eq!(word(&outcome), expected, "{rule:?}");
        }
    }

    #[tokio::test]
    async fn a_call_of_the_other_mode_is_not_sent() {
        let lab = lab(performing(read_write_read), vec![]);
        let live = Call { livemode: true, ..call(Operation::Void) };
        assert_eq!(word(&lab.connector.perform(&live).await.outcome), "impossible");
    }

    #[tokio::test]
    async fn no_outcome_and_no_record_holds_a_secret() {
        let adapter = performing(|_, dialogue| {
            let request = HttpRequest { body: RequestBody::Empty, ..post("/pay") };
            let response = dialogue.send(request)?;
            Err(Fault::unreadable(response.body.as_text().unwrap_or_default()).into())
        });
        let lab = lab(adapter, vec![answers(200, &format!("you sent\n{API_KEY} for 4242424242424242"))]);
        let performed = lab.connector.perform(&call(Operation::Void)).await;
        let Outcome::Unknown { why } = &performed.outcome else { panic!("{:?}", performed.outcome) };
        assert_eq!(why, "unreadable answer: you sent ••• for [card number]");
        let stored = serde_json::to_string(&performed.exchanges).unwrap();
        assert!(!stored.contains(API_KEY) && !stored.contains("4242424242424242"), "{stored}");
    }
}
