//! The `/admin` calls: the dashboard, the clock and the faults. No authentication: a toy for loopback.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{Method, Uri};
use axum::response::Response;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::api::{self, missing, shown};
use crate::ask;
use crate::book::{AccountSetting, Change, Event, Offsets};
use crate::faults::{self, RULES_MAX, RuleAsk};
use crate::objects::{
    DisputeStatus, Entry, EntryKind, Payment, RefundStatus, Session, dispute_body, refund_body,
};
use crate::office::{Office, Step};
use crate::page::{read_act, read_decline_code};
use crate::random;
use crate::refusal::Refusal;
use crate::reply::Answer;
use crate::rules::{self, Outcome};
use crate::webhooks;

const SESSIONS_LISTED_MAX: usize = 1_000;
const EVENTS_LISTED_MAX: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountAsk {
    /// Absent is "leave it", null is "switch off".
    #[serde(default, deserialize_with = "present")]
    webhook_url: Option<Option<String>>,
    webhook_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActAsk {
    action: String,
    decline_code: Option<String>,
    outcome: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AmountAsk {
    amount: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeAsk {
    amount: Option<i64>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeStatusAsk {
    status: DisputeStatus,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundStatusAsk {
    status: RefundStatus,
    failure_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModeAsk {
    status: RefundStatus,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockAsk {
    advance_s: i64,
    #[serde(default)]
    signatures: bool,
}

pub(crate) async fn handle(
    State(office): State<Arc<Office>>,
    method: Method,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let result = match body {
        Ok(body) => answer(&office, &method, &uri, &body),
        Err(_) => Err(Refusal::BodyTooLarge),
    };
    if office.settled().await.is_err() {
        return Refusal::ServerError.into_response();
    }
    match result {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn answer(office: &Office, method: &Method, uri: &Uri, body: &[u8]) -> Result<Answer, Refusal> {
    let parts: Vec<&str> = uri.path().split('/').skip(2).collect();
    // Bodies are all optional fields at times; no body at all is then an empty one.
    let body = if body.is_empty() { b"{}" } else { body };
    match (method.as_str(), &parts[..]) {
        ("POST", ["faults"]) => add_rule(office, ask::json(body)?),
        ("GET", ["faults"]) => office
            .work(|step| Ok(Answer::new(200, json!({"data": step.book.rules, "struck": office.struck()})))),
        ("DELETE", ["faults"]) => office.work(|step| Ok(remove_rules(step))),
        ("PUT", ["accounts", name]) => set_account(office, name, ask::json(body)?),
        ("GET", ["ledger"]) => ledger(office, filter(uri, "reference")?.as_deref()),
        ("GET", ["sessions"]) => sessions(office, filter(uri, "reference")?.as_deref()),
        ("GET", ["events"]) => events(office, filter(uri, "session")?.as_deref()),
        ("POST", ["sessions", id, "act"]) => {
            let ask = ask::json(body)?;
            office.work(|step| act(step, id, &ask))
        }
        ("POST", ["payments", id, "refund"]) => refund(office, id, &ask::json(body)?),
        ("POST", ["payments", id, "dispute"]) => dispute(office, id, ask::json(body)?),
        ("POST", ["disputes", id]) => close_dispute(office, id, &ask::json(body)?),
        ("POST", ["refunds", "mode"]) => refund_mode(office, &ask::json(body)?),
        ("POST", ["refunds", id]) => settle_refund(office, id, ask::json(body)?),
        ("POST", ["flush"]) => Ok(Answer::new(200, json!({"released": webhooks::flush(office)?}))),
        ("POST", ["events", id, "send"]) => {
            webhooks::send_again(office, id)?;
            Ok(Answer::new(202, json!({"id": id})))
        }
        ("POST", ["clock"]) => set_clock(office, &ask::json(body)?),
        _ => Err(Refusal::NotFound(format!("call {method} {}", uri.path()))),
    }
}

fn add_rule(office: &Office, ask: RuleAsk) -> Result<Answer, Refusal> {
    let rule = faults::rule(ask, random::new_id(office.outside.as_ref(), "fr_"))?;
    office.work(|step| {
        if step.book.rules.len() >= RULES_MAX {
            return Err(ask::invalid(&format!("There are {RULES_MAX} fault rules already.")));
        }
        let id = rule.id.clone();
        step.note(Change { rules: vec![rule], ..Change::default() });
        Ok(Answer::new(201, json!({"id": id})))
    })
}

fn remove_rules(step: &mut Step<'_>) -> Answer {
    let rules_removed: Vec<String> = step.book.rules.iter().map(|rule| rule.id.clone()).collect();
    let removed = rules_removed.len();
    step.note(Change { rules_removed, ..Change::default() });
    Answer::new(200, json!({"removed": removed}))
}

/// Where an account's webhooks go from now on.
pub(crate) fn send_webhooks_to(office: &Office, account: &str, url: &str) -> bool {
    let ask = AccountAsk { webhook_url: Some(Some(url.to_owned())), webhook_secret: None };
    set_account(office, account, ask).is_ok()
}

fn set_account(office: &Office, name: &str, ask: AccountAsk) -> Result<Answer, Refusal> {
    if !office.accounts.iter().any(|account| account.name == name) {
        return Err(missing("account", name));
    }
    office.work(|step| {
        let known = step.book.settings.get(name);
        let (had_url, url) =
            known.map_or((false, None), |known| (known.has_webhook_url, known.webhook_url.clone()));
        let setting = AccountSetting {
            name: name.to_owned(),
            has_webhook_url: had_url || ask.webhook_url.is_some(),
            webhook_url: ask.webhook_url.unwrap_or(url),
            webhook_secret: ask
                .webhook_secret
                .or_else(|| known.and_then(|known| known.webhook_secret.clone())),
        };
        step.note(Change { settings: vec![setting], ..Change::default() });
        let url = office.target(step.book, name).and_then(|target| target.url);
        Ok(Answer::new(200, json!({"name": name, "webhook_url": url})))
    })
}

fn ledger(office: &Office, reference: Option<&str>) -> Result<Answer, Refusal> {
    office.work(|step| {
        let fits = |entry: &&Entry| {
            reference.is_none_or(|reference| {
                entry.reference == reference || entry.operation_reference.as_deref() == Some(reference)
            })
        };
        let entries: Vec<&Entry> = step.book.ledger.iter().filter(fits).collect();
        let (mut charged, mut refunded) = (0_i64, 0_i64);
        for entry in &entries {
            match entry.kind {
                EntryKind::Charge | EntryKind::Capture => charged = charged.saturating_add(entry.amount),
                EntryKind::Refund => refunded = refunded.saturating_add(entry.amount),
                EntryKind::Authorization | EntryKind::Void | EntryKind::Dispute => {}
            }
        }
        let totals = json!({"charged": charged, "refunded": refunded});
        Ok(Answer::new(200, json!({"entries": entries, "totals": totals})))
    })
}

fn sessions(office: &Office, reference: Option<&str>) -> Result<Answer, Refusal> {
    office.work(|step| {
        let all = step.book.session_order.iter().rev().filter_map(|id| step.book.sessions.get(id));
        let fits = |session: &&Session| reference.is_none_or(|reference| session.reference == reference);
        let mut data: Vec<Value> =
            all.filter(fits).take(SESSIONS_LISTED_MAX).map(|session| shown(step, session)).collect();
        data.reverse();
        Ok(Answer::new(200, json!({"data": data})))
    })
}

fn events(office: &Office, session: Option<&str>) -> Result<Answer, Refusal> {
    office.work(|step| {
        let fits = |event: &&Event| {
            session.is_none_or(|session| event.session == session || event.reference == session)
        };
        let newest = step.book.events.values().rev().filter(fits).take(EVENTS_LISTED_MAX);
        let mut data: Vec<Value> = newest.map(event_body).collect();
        data.reverse();
        Ok(Answer::new(200, json!({"data": data})))
    })
}

fn event_body(event: &Event) -> Value {
    json!({
        "id": event.id,
        "type": event.kind,
        "session": event.session,
        "account": event.account,
        "created": event.created,
        "delivery": event.delivery,
        "tries": event.tries,
        "fault": event.fault,
        "body": event.body,
    })
}

fn act(step: &mut Step<'_>, id: &str, ask: &ActAsk) -> Result<Answer, Refusal> {
    let session = step.book.sessions.get(id).cloned().ok_or_else(|| missing("session", id))?;
    let wrong = || ask::invalid("`action`, `decline_code` or `outcome` is not one of those known.");
    let change = if ask.action == "settle" {
        let code = read_decline_code(ask.decline_code.as_deref()).ok_or_else(wrong)?;
        let outcome = match ask.outcome.as_deref() {
            Some("paid") => Outcome::Paid,
            Some("declined") => Outcome::Declined(code),
            Some(_) | None => return Err(wrong()),
        };
        let payment = step.book.payment_of(&session).cloned();
        rules::settle(session, payment.as_ref(), outcome, &step.stamp)?
    } else {
        let act = read_act(&ask.action, ask.decline_code.as_deref()).ok_or_else(wrong)?;
        rules::act(session, act, &step.stamp)?
    };
    step.make(change);
    let session = step.book.sessions.get(id).ok_or_else(|| missing("session", id))?;
    Ok(Answer::new(200, shown(step, session)))
}

fn refund(office: &Office, id: &str, ask: &AmountAsk) -> Result<Answer, Refusal> {
    ask::amount(ask.amount)?;
    office.work(|step| {
        let payment = payment(step, id)?;
        let refund = api::refund(step, &payment, ask.amount, None)?;
        Ok(Answer::new(201, refund_body(&refund)))
    })
}

fn dispute(office: &Office, id: &str, ask: DisputeAsk) -> Result<Answer, Refusal> {
    ask.amount.map_or(Ok(()), ask::amount)?;
    office.work(|step| {
        let payment = payment(step, id)?;
        let (dispute, change) = rules::open_dispute(&payment, ask.amount, ask.reason, &step.stamp)?;
        step.make(change);
        Ok(Answer::new(201, dispute_body(&dispute)))
    })
}

fn close_dispute(office: &Office, id: &str, ask: &DisputeStatusAsk) -> Result<Answer, Refusal> {
    office.work(|step| {
        let dispute = step.book.disputes.get(id).cloned().ok_or_else(|| missing("dispute", id))?;
        let payment = payment(step, &dispute.payment)?;
        let change = rules::close_dispute(&dispute, &payment, ask.status, &step.stamp)?;
        step.make(change);
        let dispute = step.book.disputes.get(id).ok_or_else(|| missing("dispute", id))?;
        Ok(Answer::new(200, dispute_body(dispute)))
    })
}

fn refund_mode(office: &Office, ask: &ModeAsk) -> Result<Answer, Refusal> {
    match ask.status {
        RefundStatus::Succeeded | RefundStatus::Pending => {}
        RefundStatus::Failed => return Err(ask::invalid("`status` must be `succeeded` or `pending`.")),
    }
    office.work(|step| {
        step.note(Change { refund_mode: Some(ask.status), ..Change::default() });
        Ok(Answer::new(200, json!({"status": ask.status})))
    })
}

fn settle_refund(office: &Office, id: &str, ask: RefundStatusAsk) -> Result<Answer, Refusal> {
    office.work(|step| {
        let refund = step.book.refunds.get(id).cloned().ok_or_else(|| missing("refund", id))?;
        let payment = payment(step, &refund.payment)?;
        let change = rules::settle_refund(&refund, &payment, ask.status, ask.failure_code, &step.stamp)?;
        step.make(change);
        let refund = step.book.refunds.get(id).ok_or_else(|| missing("refund", id))?;
        Ok(Answer::new(200, refund_body(refund)))
    })
}

fn set_clock(office: &Office, ask: &ClockAsk) -> Result<Answer, Refusal> {
    office.work(|step| {
        let Offsets { clock_s, signatures_s } = step.book.offsets;
        let signatures_s =
            if ask.signatures { signatures_s.saturating_add(ask.advance_s) } else { signatures_s };
        let offsets = Offsets { clock_s: clock_s.saturating_add(ask.advance_s), signatures_s };
        step.note(Change { offsets: Some(offsets), ..Change::default() });
        step.stamp.now = step.stamp.now.saturating_add(ask.advance_s);
        step.expire_due();
        Ok(Answer::new(200, json!({"now": step.stamp.now})))
    })
}

fn payment(step: &Step<'_>, id: &str) -> Result<Payment, Refusal> {
    step.book.payments.get(id).cloned().ok_or_else(|| missing("payment", id))
}

/// The one query parameter that may be given.
fn filter(uri: &Uri, name: &str) -> Result<Option<String>, Refusal> {
    if uri.query().is_none_or(str::is_empty) { Ok(None) } else { ask::query(uri, name).map(Some) }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
