//! The plugin boundary: replies that a guest may write, one line of JSON each, to a call or a delivery.
//!
//! The first byte of an input chooses the question, the lines after it are what the guest replies to the first run,
//! the second, and so on. The processor repeats all that it is sent. Whatever a guest replies: requests go to hosts
//! that were declared, a secret goes to its own hosts only and never comes back, nothing is proven by a guest's
//! word, and no shopper is sent elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use hub_core::outcome::Outcome;
use payhub::connector::Connector;
use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig, build_with};
use processor_sdk::{
    Adapter, Answer, Call, CaptureMode, Channel, Currency, Delivery, Descriptor, Dialogue, DoorKind, Fault,
    Flow, Headers, HostRule, Money, Notification, Operation, ReadRule, Reply, SecretField, Settings,
    SignedDeliveries, Timestamp,
};

use crate::promises::{facts_are_sound, holds_none_of, records_are_fit_to_be_kept, survives_storing};
use crate::world::{ADAPTERS, Processor, at_once, subject, surroundings};

const NOW: Timestamp = Timestamp::from_micros(1_767_323_050_000_000);
/// How many requests one run may send.
const REQUESTS_MAX: usize = 16;

/// Each secret with its value and the hosts that it may go to.
const SECRETS: [(&str, &str, &[&str]); 3] = [
    ("api_key", "fuzzed+key/4eC39 \"Hq=\u{fc}", &["api.test", "login.test"]),
    ("other", "other:secret&value%41", &["other.test"]),
    ("webhook", "whsec_of_the_fuzzed_guest", &[]),
];
const HOSTS: [&str; 3] = ["api.test", "other.test", "login.test"];

/// An adapter that replies what is written for it.
struct Guest {
    descriptor: Descriptor,
    replies: Vec<Reply>,
}

impl Guest {
    fn reply(&self, dialogue: &mut Dialogue<'_>) -> Flow<Reply> {
        let seen = serde_json::to_string(dialogue.transcript()).expect("a transcript can be written");
        holds_none_of(&seen, secret_texts().iter());
        match self.replies.get(dialogue.transcript().len()) {
            Some(reply) => dialogue.go_on_with(reply.clone()),
            None => Err(Fault::unreadable("a reply").into()),
        }
    }
}

impl Adapter for Guest {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    fn perform(&self, _: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match self.reply(dialogue)? {
            Reply::Answer(answer) => Ok(answer),
            Reply::Step(_) | Reply::Notifications(_) | Reply::Fault(_) => {
                Err(Fault::unreadable("an answer").into())
            }
        }
    }

    fn receive(&self, _: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        match self.reply(dialogue)? {
            Reply::Notifications(notifications) => Ok(notifications),
            Reply::Step(_) | Reply::Answer(_) | Reply::Fault(_) => {
                Err(Fault::unreadable("what it means").into())
            }
        }
    }
}

/// Feeds one input.
pub(crate) fn run(input: &[u8]) {
    let Some((choice, text)) = input.split_first() else { return };
    // As the sandbox reads what a plugin returned.
    let lines = text.split(|byte| *byte == b'\n');
    let replies: Vec<Reply> = lines.map_while(|line| serde_json::from_slice(line).ok()).collect();
    if replies.is_empty() || spells_a_secret(&replies) {
        return;
    }
    for reply in &replies {
        survives_storing(reply);
    }
    let deliveries = if choice & 2 == 0 { SignedDeliveries::WholeBody } else { fields() };
    let guest = Guest { descriptor: descriptor(deliveries), replies };
    let processor = Processor::echoing();
    let connector =
        build_with(config(), Arc::new(guest), &surroundings(&processor, NOW)).expect("a connector");
    if choice & 1 == 0 {
        perform(connector.as_ref());
    } else {
        receive(connector.as_ref());
    }
    requests_are_allowed(&processor);
}

/// Whether a secret is written out in what the guest says. No guest knows one; a fuzzer that is led by comparisons
/// finds them out from the redactor's, and what it wrote itself is no leak.
fn spells_a_secret(replies: &[Reply]) -> bool {
    let text = serde_json::to_string(replies).expect("replies can be written");
    let quoted = |secret: &String| serde_json::to_string(secret).expect("a text can be written");
    secret_texts().iter().any(|secret| text.contains(quoted(secret).trim_matches('"')))
}

fn fields() -> SignedDeliveries {
    SignedDeliveries::Fields(vec!["/id".to_owned()])
}

fn secret_texts() -> [String; 3] {
    SECRETS.map(|(_, text, _)| text.to_owned())
}

fn perform(connector: &dyn Connector) {
    let operation = Operation::Void;
    let performed = at_once(connector.perform(&call(operation)));
    let secrets = secret_texts();
    records_are_fit_to_be_kept(&performed.exchanges, &secrets.iter());
    survives_storing(&performed.outcome);
    match &performed.outcome {
        Outcome::Answered { answer: Answer::Said { door, .. } } => {
            if let Some(door) = door
                && let DoorKind::Redirect { url } | DoorKind::Form { url, .. } = &door.kind
            {
                let url = url::Url::parse(url).expect("the URL of a door that was let through");
                assert_eq!(url.scheme(), "https", "a door over {url}");
                assert!(url.host_str().is_some_and(|host| host.ends_with(".pay.test")), "a door to {url}");
            }
        }
        Outcome::Answered { answer: Answer::Absent } => {}
        Outcome::NotSent { why } => holds_none_of(&format!("{why:?}"), secrets.iter()),
        Outcome::Unknown { why } => holds_none_of(why, secrets.iter()),
    }
}

/// The delivery is signed with nothing, so that no guest can prove anything by it.
fn receive(connector: &dyn Connector) {
    let delivery = Delivery {
        channel: Channel::Webhook,
        url: "https://hub.test/webhooks/guest".to_owned(),
        query: vec![],
        headers: Headers(vec![("signature".to_owned(), "00".repeat(32))]),
        body: "{\"id\":\"evt_1\"}".into(),
        received_at: NOW,
        echo: None,
        settings: Settings::default(),
        livemode: false,
    };
    let received = at_once(connector.receive(&delivery));
    records_are_fit_to_be_kept(&received.exchanges, &secret_texts().iter());
    for notification in &received.notifications {
        assert!(!notification.is_proven, "proven by a guest's word: {notification:?}");
        assert_eq!(notification.event_id, None, "an event id by a guest's word");
        if let processor_sdk::Says::Facts(facts) = &notification.says {
            facts_are_sound(facts);
            panic!("facts by a guest's word: {facts:?}");
        }
    }
}

fn requests_are_allowed(processor: &Processor) {
    let sent = processor.sent.lock().unwrap();
    // A token may be asked for besides.
    assert!(sent.len() <= 2 * REQUESTS_MAX, "{} requests in one run", sent.len());
    for (request, _) in sent.iter() {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        assert!(HOSTS.contains(&host.as_str()), "a request to {}", request.url);
        assert_eq!(request.url.scheme(), "https", "a request over {}", request.url);
        assert_eq!(request.url.port_or_known_default(), Some(443), "a request to {}", request.url);
        assert!(request.url.username().is_empty() && request.url.password().is_none());
        holds_none_of(request.url.as_str(), secret_texts().iter());
        let mut text = String::new();
        for (name, value) in &request.headers {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert!(!name.is_empty() && name.bytes().all(is_name), "a header called {name:?}");
            assert!(
                !value.chars().any(|letter| letter.is_control() && letter != '\t'),
                "{name} of several lines"
            );
            text.push_str(value);
            text.push('\n');
        }
        text.push_str(&String::from_utf8_lossy(&request.body));
        for (name, secret, hosts) in SECRETS {
            let is_there = text.contains(secret);
            assert!(!is_there || hosts.contains(&host.as_str()), "the secret {name} went to {host}");
        }
    }
}

fn config() -> ConnectorConfig {
    let secret = |(name, text, _): (&str, &str, _)| (name.to_owned(), vec![SecretText::new(text)]);
    ConnectorConfig {
        name: "guest".to_owned(),
        adapter: AdapterChoice::Native("guest".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::default(),
        secrets: SECRETS.into_iter().map(secret).collect::<BTreeMap<_, _>>(),
        grants: Grants::default(),
        webhook_path_secret: None,
    }
}

/// Stripe's descriptor, which can do most, with hosts and secrets of a guest.
fn descriptor(deliveries: SignedDeliveries) -> Descriptor {
    const STRIPE: usize = ADAPTERS.len() - 1;
    let exactly = |hosts: &[&str]| hosts.iter().map(|host| HostRule::Exactly((*host).to_owned())).collect();
    let secret = |(name, _, hosts): (&str, &str, &[&str])| SecretField {
        name: name.to_owned(),
        required: true,
        several: false,
        hosts: exactly(hosts),
        help: "of a guest".to_owned(),
    };
    Descriptor {
        name: "guest".to_owned(),
        settings: vec![],
        secrets: SECRETS.into_iter().map(secret).collect(),
        hosts: exactly(&HOSTS),
        checkout_hosts: vec![HostRule::Below("pay.test".to_owned())],
        deliveries,
        reads: Vec::<ReadRule>::new(),
        never_store: vec!["client_secret".to_owned()],
        ..subject::<STRIPE>().descriptor.clone()
    }
}

fn call(operation: Operation) -> Call {
    Call {
        operation,
        key: "key1".to_owned(),
        echo: "echo1".to_owned(),
        amount: Money::new(1_000, Currency::EUR).expect("an amount"),
        capture: CaptureMode::Automatic,
        references: std::collections::BTreeSet::new(),
        created_at: NOW,
        settings: Settings::default(),
        livemode: false,
    }
}
