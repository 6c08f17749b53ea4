//! Deliveries to each adapter, through the host's own checks.
//!
//! An input is one byte that chooses a fixture, one of options, two that place a flipped bit, then the query in a
//! line, header lines, an empty line and the body. It comes in three times: to a hub that has other secrets, for
//! which nothing may be proven; to one that has the fixtures' secrets, as it is; and to that one with its signature
//! made right, so that what stands behind the check is reached too, and then with one bit of its body flipped.

use payhub::connector::crypto::{self, Sources};
use payhub::connector::trust::TrustedNotification;
use payhub::connector::{Authenticated, ReceiveFault, Received};
use processor_sdk::conformance::Fixture;
use processor_sdk::{
    Ask, Bytes, Channel, Delivery, Exchange, Headers, HttpResponse, MacRequest, Question, Reply, Says,
    SignatureScheme, SignedDeliveries, Step, StepAnswer, Timestamp, run as run_once,
};

use crate::promises::{facts_are_sound, records_are_fit_to_be_kept, survives_storing};
use crate::world::{Processor, Subject, at_once, subject};

/// How many notifications the host takes of one delivery.
const NOTIFICATIONS_MAX: usize = 1_000;
/// How many signatures of one delivery are made right.
const SIGNATURES_MAX: usize = 8;
/// The bytes before the text of an input.
const HEAD_BYTES: usize = 4;

/// Feeds one input to the adapter of this number.
pub(crate) fn run<const ADAPTER: usize>(input: &[u8]) {
    let subject = subject::<ADAPTER>();
    let fixtures: Vec<&Fixture> = subject.fixtures.iter().filter(|one| one.delivery().is_some()).collect();
    let (Some((head, text)), false) = (input.split_first_chunk::<HEAD_BYTES>(), fixtures.is_empty()) else {
        return;
    };
    let fixture = fixtures[usize::from(head[0]) % fixtures.len()];
    let Some(recorded) = fixture.delivery() else { return };
    let channel = if head[1] & 1 == 0 { recorded.channel } else { Channel::Return };
    let settings = subject.settings();
    let delivery = Delivery { channel, settings, livemode: false, ..read(recorded, text) };
    let responses: Vec<HttpResponse> = fixture.responses().cloned().collect();

    nothing_is_proven_to_a_stranger(subject, &delivery);
    let case = Case { subject, responses, now: delivery.received_at };
    case.take(&delivery);
    let signed = with_right_signatures(subject, &delivery);
    let said = case.take(&signed);
    let flipped = flipped(&signed, usize::from(u16::from_le_bytes([head[2], head[3]])));
    case.a_flipped_bit_says_nothing_else(&said, &flipped);
}

/// The deliveries of the fixtures, as inputs.
pub(crate) fn seeds<const ADAPTER: usize>() -> Vec<Vec<u8>> {
    let fixtures = subject::<ADAPTER>().fixtures.iter().filter_map(Fixture::delivery);
    fixtures.zip(0_u8..).map(|(delivery, number)| written(number, delivery)).collect()
}

fn written(number: u8, delivery: &Delivery) -> Vec<u8> {
    let query = delivery.url.split_once('?').map_or("", |(_, query)| query);
    let mut text = format!("{query}\n");
    for (name, value) in &delivery.headers.0 {
        text.push_str(&format!("{name}: {value}\n"));
    }
    let mut input = vec![number, 0, number.wrapping_mul(37), 1];
    input.extend_from_slice(text.as_bytes());
    input.push(b'\n');
    input.extend_from_slice(delivery.body.as_slice());
    input
}

/// The delivery that a text stands for: address, time and settings are those of the fixture.
fn read(recorded: &Delivery, text: &[u8]) -> Delivery {
    let (query, mut rest) = line(text);
    let mut headers = Headers::default();
    loop {
        let (header, after) = line(rest);
        rest = after;
        if header.is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        headers.push(name.trim(), value.trim());
    }
    let address = recorded.url.split('?').next().unwrap_or_default();
    let url = if query.is_empty() { address.to_owned() } else { format!("{address}?{query}") };
    let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Delivery { url, query: pairs, headers, body: Bytes::new(rest), ..recorded.clone() }
}

/// The text up to a line's end, and what follows it.
fn line(text: &[u8]) -> (String, &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    (String::from_utf8_lossy(&text[..end]).into_owned(), text.get(end + 1..).unwrap_or_default())
}

fn nothing_is_proven_to_a_stranger(subject: &Subject, delivery: &Delivery) {
    let processor = Processor::answering([]);
    let connector = subject.strange_connector(&processor, delivery.received_at);
    let authenticated = at_once(connector.authenticate(delivery));
    if subject.descriptor.deliveries != SignedDeliveries::Unsigned {
        assert_ne!(authenticated, Authenticated::Accepted, "signed with a secret that nobody knows");
    }
    let received = at_once(connector.receive(delivery));
    for notification in &received.notifications {
        assert!(!notification.is_proven, "proven without a secret: {notification:?}");
        assert!(!matches!(notification.says, Says::Facts(_)), "facts without a proof: {notification:?}");
        assert_eq!(notification.event_id, None, "an event id without a proof");
    }
}

/// A hub that has the secrets, at a time, with what its processor answers to look-ups.
struct Case<'a> {
    subject: &'a Subject,
    responses: Vec<HttpResponse>,
    now: Timestamp,
}

impl Case<'_> {
    /// What a delivery means to it, within bounds.
    fn take(&self, delivery: &Delivery) -> Received {
        let processor = Processor::answering(self.responses.clone());
        let connector = self.subject.connector(&processor, self.now);
        let authenticated = at_once(connector.authenticate(delivery));
        let received = at_once(connector.receive(delivery));
        self.is_sound(&received);
        let signed = &self.subject.descriptor.deliveries;
        let is_signed = matches!(signed, SignedDeliveries::WholeBody | SignedDeliveries::Fields(_));
        if is_signed && authenticated != Authenticated::Accepted {
            // What the door refuses is refused inside too.
            assert!(received.notifications.iter().all(|one| !one.is_proven), "{authenticated:?} and proven");
        }
        received
    }

    fn is_sound(&self, received: &Received) {
        let secrets = self.subject.file.secrets.values();
        records_are_fit_to_be_kept(&received.exchanges, &secrets);
        let is_expected = self.subject.descriptor.deliveries != SignedDeliveries::None;
        if let (Some(fault @ ReceiveFault::Broken { .. }), true) = (&received.fault, is_expected) {
            panic!("a delivery made the adapter break a rule: {fault}");
        }
        assert!(received.fault.is_none() || received.notifications.is_empty());
        assert!(received.notifications.len() <= NOTIFICATIONS_MAX);
        for notification in &received.notifications {
            survives_storing(&notification.references);
            survives_storing(&notification.says);
            assert!(notification.event_id.is_none() || notification.is_proven, "an event id without a proof");
            if let Says::Facts(facts) = &notification.says {
                assert!(notification.is_proven, "facts without a proof");
                facts_are_sound(facts);
            }
        }
    }

    /// One bit of the body is another: what is proven is what was proven before, or nothing is.
    fn a_flipped_bit_says_nothing_else(&self, said: &Received, flipped: &Delivery) {
        let received = self.take(flipped);
        let proven = received.notifications.iter().filter(|one| one.is_proven);
        let is_looked_up = !self.responses.is_empty();
        for notification in proven {
            if is_looked_up && self.subject.descriptor.deliveries == SignedDeliveries::Unsigned {
                // Proven by a look-up: the processor said it, and not the delivery.
                continue;
            }
            let is_known = said.notifications.iter().any(|before| says_the_same(before, notification));
            assert!(is_known, "a flipped bit proves something else: {notification:?} after {said:?}");
        }
    }
}

/// Whether two notifications prove the same. Where fields are signed, those that are not may read differently; none
/// of them is money, a word or an id.
fn says_the_same(before: &TrustedNotification, after: &TrustedNotification) -> bool {
    let (Says::Facts(one), Says::Facts(other)) = (&before.says, &after.says) else {
        return before.says == after.says && before.event_id == after.event_id;
    };
    let totals = |facts: &processor_sdk::Facts| {
        [facts.amount, facts.authorized, facts.captured, facts.refunded, facts.fee]
    };
    let items = |facts: &processor_sdk::Facts| {
        let items = facts.items.iter();
        items
            .map(|item| (item.kind, item.id.clone(), item.echo.clone(), item.state, item.amount))
            .collect::<Vec<_>>()
    };
    before.event_id == after.event_id
        && before.echo == after.echo
        && one.word == other.word
        && one.references == other.references
        && totals(one) == totals(other)
        && items(one) == items(other)
}

fn flipped(delivery: &Delivery, place: usize) -> Delivery {
    let mut body = delivery.body.as_slice().to_vec();
    if !body.is_empty() {
        let index = (place / 8) % body.len();
        body[index] ^= 1 << (place % 8);
    }
    Delivery { body: Bytes::new(body), ..delivery.clone() }
}

/// The delivery as its processor would have signed it: where the adapter has a signature checked, the digest that
/// the check wants stands in the place of the first one that was offered.
fn with_right_signatures(subject: &Subject, delivery: &Delivery) -> Delivery {
    let secrets = subject.secret_values();
    let mut signed = delivery.clone();
    let mut transcript: Vec<Exchange> = Vec::new();
    for _ in 0..SIGNATURES_MAX {
        let question = Question::Delivery(signed.clone());
        let ask = Ask { transcript: transcript.clone(), ..Ask::new(question) };
        let Reply::Step(step @ Step::Verify(_)) = run_once(subject.adapter.as_ref(), &ask) else { break };
        let Step::Verify(check) = &step else { break };
        let SignatureScheme::Mac { algorithm, key, encoding } = &check.scheme else { break };
        let request = MacRequest {
            algorithm: *algorithm,
            key: key.clone(),
            over: check.over.clone(),
            encoding: *encoding,
        };
        let sources = Sources { secrets: &secrets, delivery: Some(&signed) };
        let (Ok(digest), Some(offered)) = (crypto::mac(&request, sources), check.candidates.first()) else {
            break;
        };
        if check.candidates.contains(&digest) {
            transcript.push(Exchange { step, answer: StepAnswer::Verified });
            continue;
        }
        if offered.len() < 8 {
            break;
        }
        signed = replaced(&signed, offered, &digest);
    }
    signed
}

fn replaced(delivery: &Delivery, from: &str, to: &str) -> Delivery {
    let line = |(name, value): &(String, String)| (name.clone(), value.replace(from, to));
    let body = match delivery.body.as_text() {
        Some(text) => Bytes::from(text.replace(from, to)),
        None => delivery.body.clone(),
    };
    let headers = Headers(delivery.headers.0.iter().map(line).collect());
    Delivery { headers, body, ..delivery.clone() }
}
