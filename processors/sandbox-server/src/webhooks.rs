//! Webhooks: events are signed and sent to the account, again until accepted, and spoiled when a fault says so.
//!
//! Invariant: an event is sent only after the step that made it is on disk; sending never holds up the API.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::{Semaphore, mpsc};

use crate::book::{Change, Delivery, Event, Mark};
use crate::faults::Fault;
use crate::office::{Office, Step, Target};
use crate::refusal::Refusal;

const SENDS_AT_ONCE_MAX: usize = 64;
const TRIES_MAX: u32 = 12;
const WAIT_MS_FIRST: u64 = 200;
const WAIT_MS_MAX: u64 = 5_000;
const STALE_S: i64 = 3_600;

/// What one try sends, and where to.
struct Parcel {
    event: Event,
    url: String,
    secret: String,
    sent_at: i64,
}

enum Next {
    Send(Box<Parcel>),
    Nothing,
}

/// Sends every event told through the outbox until the server stops.
pub(crate) async fn run(office: Arc<Office>, mut told: mpsc::UnboundedReceiver<String>) {
    let gate = Arc::new(Semaphore::new(SENDS_AT_ONCE_MAX));
    let work = async {
        while let Some(id) = told.recv().await {
            if office.settled().await.is_err() {
                return;
            }
            let (office, gate) = (Arc::clone(&office), Arc::clone(&gate));
            tokio::spawn(async move {
                tokio::select! {
                    biased;
                    () = deliver(&office, &gate, &id) => {}
                    () = office.stopped() => {}
                }
            });
        }
    };
    tokio::select! {
        biased;
        () = work => {}
        () = office.stopped() => {}
    }
}

async fn deliver(office: &Office, gate: &Semaphore, id: &str) {
    let mut wait_ms = WAIT_MS_FIRST;
    for tries in 1..=TRIES_MAX {
        // From here on: a flush that comes before the wait ends it, too.
        let flushed = office.flushes.notified();
        let Ok(Next::Send(parcel)) = office.work(|step| Ok(pack(office, step, id))) else { return };
        let sent = {
            let Ok(_permit) = gate.acquire().await else { return };
            send(office, &parcel).await
        };
        let spoiled = parcel.event.fault.is_some_and(Fault::spoils);
        if sent || spoiled || tries == TRIES_MAX {
            let delivery = if sent { Delivery::Delivered } else { Delivery::Failed };
            let told = office.work(|step| {
                close(step, &parcel.event, delivery, tries);
                Ok(())
            });
            if told.is_err() {
                tracing::warn!("The delivery of event {id} could not be noted; it will be sent again.");
            }
            return;
        }
        tokio::select! {
            biased;
            () = office.outside.sleep(Duration::from_millis(wait_ms)) => {}
            () = flushed => {}
        }
        wait_ms = wait_ms.saturating_mul(2).min(WAIT_MS_MAX);
    }
}

fn pack(office: &Office, step: &mut Step<'_>, id: &str) -> Next {
    let Some(event) = step.book.event(id).filter(|event| event.delivery == Delivery::Pending) else {
        return Next::Nothing;
    };
    let event = event.clone();
    let Some(Target { url: Some(url), secret }) = office.target(step.book, &event.account) else {
        let mark = Mark { id: event.id, delivery: Delivery::NoUrl, tries: event.tries, fault: event.fault };
        step.note(Change { marks: vec![mark], ..Change::default() });
        return Next::Nothing;
    };
    let sent_at = office.outside.unix_seconds().saturating_add(step.book.offsets.signatures_s);
    Next::Send(Box::new(Parcel { event, url, secret, sent_at }))
}

/// Notes how an event ended, and lets go those that waited for it.
fn close(step: &mut Step<'_>, event: &Event, delivery: Delivery, tries: u32) {
    let tries = event.tries.saturating_add(tries);
    let mark = Mark { id: event.id.clone(), delivery, tries, fault: event.fault };
    step.note(Change { marks: vec![mark], ..Change::default() });
    if delivery != Delivery::Delivered {
        return;
    }
    step.release(|held| {
        let waited = match held.fault {
            Some(Fault::Late) => held.account == event.account,
            Some(Fault::OutOfOrder) => held.session == event.session,
            Some(_) | None => false,
        };
        waited && held.number < event.number
    });
}

/// Sends the event, spoiled as its fault says; true when it was accepted.
async fn send(office: &Office, parcel: &Parcel) -> bool {
    let fault = parcel.event.fault;
    let sent_at = if fault == Some(Fault::Stale) { parcel.sent_at - STALE_S } else { parcel.sent_at };
    let forged = format!("{}-forged", parcel.secret);
    let secret = if fault == Some(Fault::Forged) { &forged } else { &parcel.secret };
    let body =
        if fault == Some(Fault::Thin) { thinned(&parcel.event.body) } else { parcel.event.body.clone() };
    let signature = signature(secret, sent_at, body.as_bytes());
    let signature = (fault != Some(Fault::Unsigned)).then_some(signature);
    let body = if fault == Some(Fault::Flipped) { flipped(&body) } else { body };
    let accepted = office.outside.post(&parcel.url, body.clone(), signature.as_deref()).await;
    if fault == Some(Fault::Duplicate) {
        return office.outside.post(&parcel.url, body, signature.as_deref()).await && accepted;
    }
    accepted
}

/// The value of the header `Sandbox-Signature`.
pub(crate) fn signature(secret: &str, sent_at: i64, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    // HMAC takes keys of any length, so the empty signature never leaves.
    let digest = mac.map(|mut mac| {
        mac.update(sent_at.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    });
    format!("t={sent_at},v1={}", digest.unwrap_or_default())
}

/// The event with only the names of its object: who wants to know more has to ask.
fn thinned(body: &str) -> String {
    let Ok(mut event) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    if let Some(object) = event.pointer_mut("/data/object").and_then(Value::as_object_mut) {
        object.retain(|name, _| ["id", "object", "reference"].contains(&name.as_str()));
    }
    event.to_string()
}

/// One bit of the body changed so that it stays good JSON and means another amount.
fn flipped(body: &str) -> String {
    let mut bytes = body.as_bytes().to_vec();
    let digits = body.find("\"amount\":").map(|at| at + "\"amount\":".len());
    let last = digits.map(|start| {
        let count = bytes.iter().skip(start).take_while(|byte| byte.is_ascii_digit()).count();
        (start + count).saturating_sub(1)
    });
    if let Some(byte) = last.and_then(|last| bytes.get_mut(last)) {
        *byte ^= 1;
    }
    // A digit with its lowest bit flipped is a digit again.
    String::from_utf8(bytes).unwrap_or_else(|_| body.to_owned())
}

/// Lets all held events go, and ends the waits between tries; says how many were held.
pub(crate) fn flush(office: &Office) -> Result<usize, Refusal> {
    let released = office.work(|step| Ok(step.release(|_| true)))?;
    office.flushes.notify_waiters();
    Ok(released)
}

/// Sends an event (again), well signed.
pub(crate) fn send_again(office: &Office, id: &str) -> Result<(), Refusal> {
    office.work(|step| {
        let event = step.book.event(id).ok_or_else(|| Refusal::NotFound(format!("event {id}")))?;
        let mark =
            Mark { id: event.id.clone(), delivery: Delivery::Pending, tries: event.tries, fault: None };
        step.note(Change { marks: vec![mark], ..Change::default() });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_answer_of_the_documentation() {
        let body = r#"{"id":"ev_00000000000000000000","type":"session.paid"}"#;
        let expected = "t=1700000000,v1=320490f797bd4c541012790a9089f3fe201f272256617427aca8d3e62e819a84";
        assert_eq!(signature("whsec_example", 1_700_000_000, body.as_bytes()), expected);
        let readme = include_str!("../README.md");
        assert!(readme.contains(expected) && readme.contains(body) && readme.contains("whsec_example"));
    }

    #[test]
    fn a_thin_event_names_its_object_and_nothing_else() {
        let body =
            r#"{"id":"ev_1","data":{"object":{"amount":5,"id":"ss_1","object":"session","reference":"a"}}}"#;
        let object = |text: &str| serde_json::from_str::<Value>(text).unwrap()["data"]["object"].clone();
        let expected = serde_json::json!({"id": "ss_1", "object": "session", "reference": "a"});
        assert_eq!(object(&thinned(body)), expected);
    }

    #[test]
    fn one_bit_is_flipped_in_the_first_amount() {
        let rows = [
            (r#"{"amount":1234,"x":1}"#, r#"{"amount":1235,"x":1}"#),
            (r#"{"a":{"amount":1}}"#, r#"{"a":{"amount":0}}"#),
        ];
        for (body, expected) in rows {
            assert_eq!(flipped(body), expected);
        }
    }
}
