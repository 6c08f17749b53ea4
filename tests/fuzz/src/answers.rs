//! What a processor answers to each adapter's requests.
//!
//! An input is one byte that chooses a recorded question with its responses, one that chooses which response is
//! replaced, two of its status, and the body that it gets instead. Whatever stands there: once a request that can
//! move money was taken, the outcome is an answer or unknown, and never that nothing happened.

use hub_core::outcome::Outcome;
use payhub::connector::{Connector, ReceiveFault};
use processor_sdk::conformance::Fixture;
use processor_sdk::{
    Answer, Bytes, Call, Delivery, DoorKind, HttpResponse, Question, Says, SignedDeliveries,
};

use crate::promises::{facts_are_sound, holds_none_of, records_are_fit_to_be_kept, survives_storing};
use crate::world::{Processor, Subject, at_once, subject};

/// The bytes before the body of an input.
const HEAD_BYTES: usize = 4;
/// A status byte of this value leaves the response's own.
const OWN_STATUS: u16 = 0;

/// Feeds one input to the adapter of this number.
pub(crate) fn run<const ADAPTER: usize>(input: &[u8]) {
    let subject = subject::<ADAPTER>();
    let Some((head, body)) = input.split_first_chunk::<HEAD_BYTES>() else { return };
    let Some(fixture) = subject.fixtures.get(usize::from(head[0]) % subject.fixtures.len()) else { return };
    let mut responses: Vec<HttpResponse> = fixture.responses().cloned().collect();
    let count = responses.len().max(1);
    if let Some(response) = responses.get_mut(usize::from(head[1]) % count) {
        let status = u16::from_le_bytes([head[2], head[3]]);
        if status != OWN_STATUS {
            response.status = 100 + status % 500;
        }
        response.body = Bytes::new(body);
    }
    match &fixture.ask {
        Question::Call(call) => perform(subject, call, responses),
        Question::Delivery(delivery) => receive(subject, delivery, responses),
    }
}

/// Each response of each fixture, as an input.
pub(crate) fn seeds<const ADAPTER: usize>() -> Vec<Vec<u8>> {
    let numbered = subject::<ADAPTER>().fixtures.iter().zip(0_u8..);
    let inputs = |(fixture, number): (&Fixture, u8)| {
        let responses = fixture.responses().cloned().collect::<Vec<_>>();
        responses.into_iter().zip(0_u8..).map(move |(response, place)| {
            let mut input = vec![number, place, 0, 0];
            input.extend_from_slice(response.body.as_slice());
            input
        })
    };
    numbered.flat_map(inputs).collect()
}

fn perform(subject: &Subject, call: &Call, responses: Vec<HttpResponse>) {
    let processor = Processor::answering(responses);
    let connector = subject.connector(&processor, call.created_at);
    let call = Call { livemode: false, settings: connector.settings().clone(), ..call.clone() };
    let performed = at_once(connector.perform(&call));
    let secrets = subject.file.secrets.values();
    records_are_fit_to_be_kept(&performed.exchanges, &secrets);
    survives_storing(&performed.outcome);
    match &performed.outcome {
        Outcome::Answered { answer } => answer_is_sound(connector.as_ref(), answer),
        Outcome::NotSent { why } => {
            holds_none_of(&format!("{why:?}"), secrets);
            assert!(
                !processor.took_a_write(&subject.descriptor),
                "{:?}: a write was taken, and said to have been not sent: {why:?}",
                call.operation.kind()
            );
        }
        Outcome::Unknown { why } => holds_none_of(why, secrets),
    }
}

fn answer_is_sound(connector: &dyn Connector, answer: &Answer) {
    let Answer::Said { facts, door } = answer else { return };
    facts_are_sound(facts);
    let Some(door) = door else { return };
    assert_eq!(connector.door_allowed(door), Ok(()), "a door that nobody allowed");
    if let DoorKind::Redirect { url } | DoorKind::Form { url, .. } = &door.kind {
        let is_web = url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
        assert!(is_web, "a door that leads to {url}");
    }
}

fn receive(subject: &Subject, delivery: &Delivery, responses: Vec<HttpResponse>) {
    let processor = Processor::answering(responses);
    let connector = subject.connector(&processor, delivery.received_at);
    let delivery = Delivery { livemode: false, settings: connector.settings().clone(), ..delivery.clone() };
    let received = at_once(connector.receive(&delivery));
    records_are_fit_to_be_kept(&received.exchanges, &subject.file.secrets.values());
    let is_expected = subject.descriptor.deliveries != SignedDeliveries::None;
    if let (Some(fault @ ReceiveFault::Broken { .. }), true) = (&received.fault, is_expected) {
        panic!("a response made the adapter break a rule: {fault}");
    }
    assert!(!processor.took_a_write(&subject.descriptor), "a delivery made the hub write");
    for notification in &received.notifications {
        if let Says::Facts(facts) = &notification.says {
            assert!(notification.is_proven, "facts without a proof");
            assert_ne!(subject.descriptor.deliveries, SignedDeliveries::None);
            facts_are_sound(facts);
        }
    }
}
