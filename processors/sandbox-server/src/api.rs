//! The `/v1` API: who calls, what for, which fault strikes, whether the key was seen before; then one step.
//!
//! Invariant: a 2xx answer to a POST is stored with its effect in one step, so a lost answer can be had again.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::Response;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::ask::{self, Ask, CaptureAsk, OpenAsk, RefundAsk};
use crate::book::{Change, Kept};
use crate::connection::Cord;
use crate::faults::{self, About, Fault, RULES_MAX, STALL_MS_DEFAULT};
use crate::objects::{
    Payment, Refund, Session, SessionStatus, dispute_body, payment_body, refund_body, session_body,
};
use crate::office::{Office, Step};
use crate::refusal::Refusal;
use crate::reply::{Answer, respond};
use crate::rules;

const KEY_BYTES_MAX: usize = 255;
/// Largest answer that is read back to be spoiled.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The reference of a thing that nobody asked about.
const STRANGER: &str = "somebody_else";
const LISTED_MAX: usize = 100;

/// One authenticated request.
struct Call {
    account: String,
    /// The idempotency key and the fingerprint of the request; every POST has one.
    key: Option<(String, String)>,
    forced: Option<Fault>,
    ask: Ask,
}

/// What strikes one request.
#[derive(Clone, Copy)]
struct Struck {
    fault: Fault,
    stall_ms: u64,
}

pub(crate) async fn handle(
    State(office): State<Arc<Office>>,
    ConnectInfo(cord): ConnectInfo<Cord>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let call = match read(&office, &method, &uri, &headers, body) {
        Ok(call) => call,
        Err(refusal) => return refusal.into_response(),
    };
    let struck = match office.work(|step| struck(step, &call)) {
        Ok(struck) => struck,
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(response) = before(struck, &cord) {
        return response;
    }
    let in_progress = call.key.as_ref().map(|(key, _)| office.begin(&call.account, key)).transpose();
    let result = match &in_progress {
        Ok(_) => office.work(|step| answer(step, &call, struck.map(|struck| struck.fault))),
        Err(_) => Err(Refusal::KeyInProgress),
    };
    if office.settled().await.is_err() {
        return Refusal::ServerError.into_response();
    }
    let response = match result {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    after(struck, response, &office, &cord).await
}

/// The request as far as it can be judged without the book.
fn read(
    office: &Office,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Call, Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let api_key = text(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let account = api_key.and_then(|api_key| office.account_of_key(api_key)).ok_or(Refusal::Unauthorized)?;
    let body = body.map_err(|_| Refusal::BodyTooLarge)?;
    let key = if method == Method::POST {
        let fits = |key: &&str| {
            (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let key = text("idempotency-key").filter(fits).ok_or(Refusal::KeyMissing)?;
        Some((key.to_owned(), fingerprint(method, uri, &body)))
    } else {
        None
    };
    let ask = ask::parse(method, uri, &body)?;
    let forced = text("sandbox-fault").map(|text| faults::header_fault(text, ask.operation())).transpose()?;
    Ok(Call { account: account.name.clone(), key, forced, ask })
}

fn fingerprint(method: &Method, uri: &Uri, body: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{method} {}\n", uri.path()));
    digest.update(body);
    hex::encode(digest.finalize())
}

/// Makes the request's own faults into rules, once per key; then says which fault strikes.
fn struck(step: &mut Step<'_>, call: &Call) -> Result<Option<Struck>, Refusal> {
    if let (Ask::Open(ask), Some((key, _))) = (&call.ask, &call.key) {
        seed(step, &call.account, key, ask)?;
    }
    if let Some(fault) = call.forced {
        return Ok(Some(Struck { fault, stall_ms: STALL_MS_DEFAULT }));
    }
    let (session, reference) = subject(step, &call.account, &call.ask);
    let about = About { account: &call.account, session: &session, reference: &reference };
    let rule = step.strike(call.ask.operation(), about);
    Ok(rule.map(|rule| Struck { fault: rule.fault, stall_ms: rule.stall_ms }))
}

fn seed(step: &mut Step<'_>, account: &str, key: &str, ask: &OpenAsk) -> Result<(), Refusal> {
    let mark = (account.to_owned(), key.to_owned());
    if ask.faults.is_empty() || step.book.seeded.contains(&mark) {
        return Ok(());
    }
    if step.book.rules.len() + ask.faults.len() > RULES_MAX {
        return Err(Refusal::Invalid(format!("There are {RULES_MAX} fault rules already.")));
    }
    let about = About { account, reference: &ask.reference, session: "" };
    let made = |text: &String| faults::session_rule(text, about, (step.stamp.new_id)("fr_"));
    let rules = ask.faults.iter().map(made).collect::<Result<_, _>>()?;
    step.note(Change { rules, seeded: vec![mark], ..Change::default() });
    Ok(())
}

/// The session and the reference a request is about, as far as there are such.
fn subject(step: &Step<'_>, account: &str, ask: &Ask) -> (String, String) {
    let book = &*step.book;
    let payment_id = match ask {
        Ask::Open(ask) => return (String::new(), ask.reference.clone()),
        Ask::FindSessions { reference } => return (String::new(), reference.clone()),
        Ask::FetchSession { id } | Ask::Expire { id } => {
            let reference = book.sessions.get(id).map(|session| session.reference.clone());
            return (id.clone(), reference.unwrap_or_default());
        }
        Ask::FetchPayment { id }
        | Ask::PaymentRefunds { id }
        | Ask::Capture { id, .. }
        | Ask::Void { id }
        | Ask::Refund(RefundAsk { payment: id, .. })
        | Ask::FindDisputes { payment: id } => Some(id),
        Ask::FetchRefund { id } => book.refunds.get(id).map(|refund| &refund.payment),
        Ask::FindRefunds { reference } => {
            book.refunds_of_reference(account, reference).first().map(|refund| &refund.payment)
        }
        Ask::FetchDispute { id } => book.disputes.get(id).map(|dispute| &dispute.payment),
    };
    let payment = payment_id.and_then(|id| book.payments.get(id));
    payment.map(|payment| (payment.session.clone(), payment.reference.clone())).unwrap_or_default()
}

/// The faults that keep the work from being done.
fn before(struck: Option<Struck>, cord: &Cord) -> Option<Response> {
    match struck?.fault {
        Fault::DropBefore => Some(cut(cord)),
        Fault::ErrorBefore => Some(Refusal::ServerError.into_response()),
        Fault::Throttle => Some(Refusal::RateLimited.into_response()),
        Fault::DropAfter
        | Fault::ErrorAfter
        | Fault::Stall
        | Fault::Garbage
        | Fault::WrongAmount
        | Fault::WrongReference
        | Fault::Duplicate
        | Fault::Late
        | Fault::OutOfOrder
        | Fault::Forged
        | Fault::Stale
        | Fault::Flipped
        | Fault::Drop
        | Fault::Unsigned
        | Fault::Thin => None,
    }
}

/// The faults that spoil the answer once the work is done.
async fn after(struck: Option<Struck>, response: Response, office: &Office, cord: &Cord) -> Response {
    let Some(Struck { fault, stall_ms }) = struck else { return response };
    match fault {
        Fault::DropAfter => cut(cord),
        Fault::ErrorAfter => Refusal::ServerError.into_response(),
        Fault::Garbage => {
            respond(200, "text/html; charset=utf-8", "<html><body>It works!</body></html>".to_owned())
        }
        Fault::Stall => tokio::select! {
            biased;
            () = office.outside.sleep(Duration::from_millis(stall_ms)) => response,
            () = office.stopped() => cut(cord),
        },
        Fault::WrongReference => with_another_reference(response).await,
        Fault::WrongAmount
        | Fault::DropBefore
        | Fault::ErrorBefore
        | Fault::Throttle
        | Fault::Duplicate
        | Fault::Late
        | Fault::OutOfOrder
        | Fault::Forged
        | Fault::Stale
        | Fault::Flipped
        | Fault::Drop
        | Fault::Unsigned
        | Fault::Thin => response,
    }
}

/// The same answer, as if it were about somebody else's thing.
async fn with_another_reference(response: Response) -> Response {
    let status = response.status().as_u16();
    // An answer that cannot be read back is cut to nothing, which nobody takes for an answer either.
    let bytes = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await.unwrap_or_default();
    let mut body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    rename(&mut body);
    respond(status, "application/json", body.to_string())
}

/// Puts another reference wherever one stands.
fn rename(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "reference" && value.is_string() {
                    *value = Value::from(STRANGER);
                } else {
                    rename(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(rename),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn cut(cord: &Cord) -> Response {
    cord.pull();
    // Never leaves: the connection takes no more bytes.
    Refusal::ServerError.into_response()
}

/// Answers from the store, or does the work and stores the answer with it.
fn answer(step: &mut Step<'_>, call: &Call, fault: Option<Fault>) -> Result<Answer, Refusal> {
    let Some((key, fingerprint)) = &call.key else { return perform(step, call, fault) };
    if let Some(kept) = step.book.kept_answer(&call.account, key, step.stamp.now) {
        if kept.fingerprint != *fingerprint {
            return Err(Refusal::KeyMismatch);
        }
        return Ok(Answer { status: kept.status, body: kept.body.clone(), replayed: true });
    }
    let answer = perform(step, call, fault)?;
    let kept = Kept {
        account: call.account.clone(),
        key: key.clone(),
        fingerprint: fingerprint.clone(),
        status: answer.status,
        body: answer.body.clone(),
        at: step.stamp.now,
    };
    step.note(Change { kept: vec![kept], ..Change::default() });
    Ok(answer)
}

fn perform(step: &mut Step<'_>, call: &Call, fault: Option<Fault>) -> Result<Answer, Refusal> {
    let account = &call.account;
    let wrong = fault == Some(Fault::WrongAmount);
    match &call.ask {
        Ask::Open(ask) => open(step, account, ask, wrong),
        Ask::Expire { id } => {
            let change = rules::expire(session(step, account, id)?, &step.stamp)?;
            step.make(change);
            Ok(Answer::new(200, shown(step, &session(step, account, id)?)))
        }
        Ask::Capture { id, ask } => capture(step, account, id, ask, wrong),
        Ask::Void { id } => {
            let payment = payment(step, account, id)?;
            let change = rules::void(session(step, account, &payment.session)?, &payment, &step.stamp)?;
            step.make(change);
            Ok(Answer::new(200, payment_body(&self::payment(step, account, id)?)))
        }
        Ask::Refund(ask) => {
            let payment = payment(step, account, &ask.payment)?;
            let refund = refund(step, &payment, ask.amount, Some(ask.reference.clone()))?;
            Ok(Answer::new(201, refund_body(&refund)))
        }
        Ask::FetchSession { id } => Ok(Answer::new(200, shown(step, &session(step, account, id)?))),
        Ask::FetchPayment { id } => Ok(Answer::new(200, payment_body(&payment(step, account, id)?))),
        Ask::FetchRefund { id } => {
            let refund = step.book.refunds.get(id).filter(|refund| refund.account == *account);
            Ok(Answer::new(200, refund_body(refund.ok_or_else(|| missing("refund", id))?)))
        }
        Ask::FetchDispute { id } => {
            let dispute = step.book.disputes.get(id).filter(|dispute| dispute.account == *account);
            Ok(Answer::new(200, dispute_body(dispute.ok_or_else(|| missing("dispute", id))?)))
        }
        Ask::FindSessions { reference } => {
            Ok(list(step.book.sessions_of(account, reference), |session| shown(step, session)))
        }
        Ask::FindRefunds { reference } => {
            Ok(list(step.book.refunds_of_reference(account, reference), refund_body))
        }
        Ask::PaymentRefunds { id } => {
            let payment = payment(step, account, id)?;
            Ok(list(step.book.refunds_of_payment(account, &payment.id), refund_body))
        }
        Ask::FindDisputes { payment } => {
            Ok(list(step.book.disputes_of_payment(account, payment), dispute_body))
        }
    }
}

fn open(step: &mut Step<'_>, account: &str, ask: &OpenAsk, wrong: bool) -> Result<Answer, Refusal> {
    if ask.expires_at <= step.stamp.now {
        return Err(ask::invalid("`expires_at` must be in the future."));
    }
    let session = Session {
        id: (step.stamp.new_id)("ss_"),
        account: account.to_owned(),
        status: SessionStatus::Open,
        reference: ask.reference.clone(),
        amount: ask.amount,
        amount_taken: ask.amount.saturating_add(i64::from(wrong)),
        currency: ask.currency.clone(),
        capture: ask.capture,
        return_url: ask.return_url.clone(),
        cancel_url: ask.cancel_url.clone(),
        expires_at: ask.expires_at,
        description: ask.description.clone(),
        locale: ask.locale.clone(),
        created: step.stamp.now,
        updated: step.stamp.now,
        decline_code: None,
        payment: None,
    };
    let body = session_body(&session, None, step.stamp.base_url);
    step.make(Change { sessions: vec![session], ..Change::default() });
    Ok(Answer::new(201, body))
}

fn capture(
    step: &mut Step<'_>,
    account: &str,
    id: &str,
    ask: &CaptureAsk,
    wrong: bool,
) -> Result<Answer, Refusal> {
    let payment = payment(step, account, id)?;
    let session = session(step, account, &payment.session)?;
    let taken = match (wrong, ask.amount) {
        (false, asked) => asked,
        (true, 1) => 2,
        (true, asked) => asked - 1,
    };
    let change = rules::capture(session, &payment, (ask.amount, taken), &ask.reference, &step.stamp)?;
    step.make(change);
    Ok(Answer::new(200, payment_body(&self::payment(step, account, id)?)))
}

/// Starts a refund, by the API or in the dashboard.
pub(crate) fn refund(
    step: &mut Step<'_>,
    payment: &Payment,
    amount: i64,
    reference: Option<String>,
) -> Result<Refund, Refusal> {
    let pending = step.book.pending_refunds(payment);
    let starts_as = step.book.refund_mode;
    let (refund, change) = rules::refund(payment, pending, (amount, reference), starts_as, &step.stamp)?;
    step.make(change);
    Ok(refund)
}

/// A session as the account sees it.
pub(crate) fn shown(step: &Step<'_>, session: &Session) -> Value {
    session_body(session, step.book.payment_of(session), step.stamp.base_url)
}

pub(crate) fn missing(thing: &str, id: &str) -> Refusal {
    Refusal::NotFound(format!("{thing} {id}"))
}

fn session(step: &Step<'_>, account: &str, id: &str) -> Result<Session, Refusal> {
    let session = step.book.sessions.get(id).filter(|session| session.account == account);
    session.cloned().ok_or_else(|| missing("session", id))
}

fn payment(step: &Step<'_>, account: &str, id: &str) -> Result<Payment, Refusal> {
    let payment = step.book.payments.get(id).filter(|payment| payment.account == account);
    payment.cloned().ok_or_else(|| missing("payment", id))
}

#[expect(clippy::needless_pass_by_value, reason = "callers look the objects up in place")]
fn list<T>(objects: Vec<&T>, body: impl Fn(&T) -> Value) -> Answer {
    let newest = objects.len().saturating_sub(LISTED_MAX);
    let data: Vec<Value> = objects.iter().skip(newest).map(|object| body(object)).collect();
    Answer::new(200, json!({"data": data}))
}
