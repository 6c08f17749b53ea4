//! What the tests beside the connector's files share: an adapter made of closures, a transport that follows a
//! script and remembers what was sent, and a connector of both.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, Bytes, CONTRACT_VERSION, Call, Capabilities, CaptureMode,
    Channel, Currencies, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, Headers, HostRule, HttpResponse,
    IdempotencyProfile, KeyCarrier, LookUp, Money, Notification, Operation, SecretField, SettingField,
    SettingKind, Settings, SignedDeliveries, Timestamp, Word,
};

use super::Connector;
use super::credentials::SecretText;
use super::hosts::Grants;
use super::registry::{AdapterChoice, ConnectorConfig, Surroundings, build_with};
use super::transport::{PreparedRequest, SendError, Transport};
use crate::clock::ManualClock;

pub(super) const API: &str = "https://api.test";
pub(super) const API_KEY: &str = "sk_lab_4eC39Hq";
pub(super) const OTHER_KEY: &str = "other-secret-value";
pub(super) const WEBHOOK_SECRET: &str = "whsec_lab_secret";
pub(super) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

type PerformFn = dyn Fn(&Call, &mut Dialogue<'_>) -> Flow<Answer> + Send + Sync;
type ReceiveFn = dyn Fn(&Delivery, &mut Dialogue<'_>) -> Flow<Vec<Notification>> + Send + Sync;

/// An adapter made of closures.
pub(super) struct LabAdapter {
    pub descriptor: Descriptor,
    pub perform: Box<PerformFn>,
    pub receive: Box<ReceiveFn>,
}

impl Adapter for LabAdapter {
    fn descriptor(&self) -> Descriptor {
        self.descriptor.clone()
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        (self.perform)(call, dialogue)
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        (self.receive)(delivery, dialogue)
    }
}

/// What the scripted transport does with the next request.
#[derive(Clone, Debug)]
pub(super) enum Play {
    Answer(HttpResponse),
    Fail(SendError),
    /// Never answers.
    Hang,
}

pub(super) fn answers(status: u16, body: &str) -> Play {
    Play::Answer(HttpResponse { status, headers: Headers::default(), body: Bytes::from(body) })
}

pub(super) fn not_sent() -> Play {
    Play::Fail(SendError::NotSent { detail: "cannot connect".to_owned() })
}

pub(super) fn maybe_sent() -> Play {
    Play::Fail(SendError::MaybeSent { detail: "connection closed".to_owned() })
}

/// Follows its script, one line per request, and remembers what was sent.
pub(super) struct Script {
    plays: Mutex<VecDeque<Play>>,
    pub sent: Mutex<Vec<PreparedRequest>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: &PreparedRequest) -> Result<HttpResponse, SendError> {
        self.sent.lock().unwrap().push(request.clone());
        let play = self.plays.lock().unwrap().pop_front();
        match play.unwrap_or_else(|| panic!("the script has no line for {request:?}")) {
            Play::Answer(response) => Ok(response),
            Play::Fail(error) => Err(error),
            Play::Hang => std::future::pending().await,
        }
    }
}

impl Script {
    /// What was sent, as `METHOD path`.
    pub(super) fn sent_lines(&self) -> Vec<String> {
        let line = |request: &PreparedRequest| format!("{} {}", request.method.as_str(), request.url.path());
        self.sent.lock().unwrap().iter().map(line).collect()
    }

    /// The values of one header in all that was sent.
    pub(super) fn sent_header(&self, name: &str) -> Vec<Option<String>> {
        self.sent.lock().unwrap().iter().map(|request| request.header(name).map(str::to_owned)).collect()
    }
}

/// A connector with everything its tests look at.
pub(super) struct Lab {
    pub connector: Arc<dyn Connector>,
    pub script: Arc<Script>,
    pub clock: Arc<ManualClock>,
}

pub(super) fn lab(adapter: LabAdapter, plays: Vec<Play>) -> Lab {
    let script = Arc::new(Script { plays: Mutex::new(plays.into()), sent: Mutex::default() });
    let clock = Arc::new(ManualClock::starting_at(NOW));
    let surroundings = Surroundings {
        transport: Arc::clone(&script) as Arc<dyn Transport>,
        clock: Arc::clone(&clock) as Arc<dyn crate::clock::Clock>,
        plugins: Arc::default(),
        failures: Arc::default(),
        breakers: Arc::default(),
    };
    let config = config(&adapter.descriptor);
    let connector = build_with(config, Arc::new(adapter), &surroundings).unwrap();
    Lab { connector, script, clock }
}

pub(super) fn config(descriptor: &Descriptor) -> ConnectorConfig {
    let secret = |(name, values): (&str, &[&str])| {
        (name.to_owned(), values.iter().map(|value| SecretText::new(*value)).collect::<Vec<_>>())
    };
    let secrets: [(&str, &[&str]); 3] =
        [("api_key", &[API_KEY]), ("other", &[OTHER_KEY]), ("webhook", &["whsec_lab_next", WEBHOOK_SECRET])];
    let is_unsigned = descriptor.deliveries == SignedDeliveries::Unsigned;
    ConnectorConfig {
        name: "lab_eur".to_owned(),
        adapter: AdapterChoice::Native(descriptor.name.clone()),
        livemode: false,
        currencies: vec![],
        settings: Settings::default(),
        secrets: secrets.into_iter().map(secret).collect::<BTreeMap<_, _>>(),
        grants: Grants::default(),
        webhook_path_secret: is_unsigned.then(|| SecretText::new("abcdefghijklmnopqrstuvwxyz")),
    }
}

/// An adapter whose operation is this.
pub(super) fn performing(
    perform: impl Fn(&Call, &mut Dialogue<'_>) -> Flow<Answer> + Send + Sync + 'static,
) -> LabAdapter {
    let receive = |_: &Delivery, _: &mut Dialogue<'_>| Ok(vec![]);
    LabAdapter {
        descriptor: descriptor(SignedDeliveries::WholeBody),
        perform: Box::new(perform),
        receive: Box::new(receive),
    }
}

/// An adapter that reads deliveries so.
pub(super) fn receiving(
    deliveries: SignedDeliveries,
    receive: impl Fn(&Delivery, &mut Dialogue<'_>) -> Flow<Vec<Notification>> + Send + Sync + 'static,
) -> LabAdapter {
    let perform = |_: &Call, _: &mut Dialogue<'_>| Err(Fault::Unsupported.into());
    LabAdapter { descriptor: descriptor(deliveries), perform: Box::new(perform), receive: Box::new(receive) }
}

pub(super) fn descriptor(deliveries: SignedDeliveries) -> Descriptor {
    let secret = |name: &str, several, hosts: &[&str]| SecretField {
        name: name.to_owned(),
        required: name != "other",
        several,
        hosts: hosts.iter().map(|host| HostRule::Exactly((*host).to_owned())).collect(),
        help: "in the lab".to_owned(),
    };
    Descriptor {
        contract: CONTRACT_VERSION,
        name: "lab".to_owned(),
        version: "1.0.0".to_owned(),
        title: "Lab".to_owned(),
        documentation: "https://docs.test".to_owned(),
        settings: vec![SettingField {
            name: "site".to_owned(),
            kind: SettingKind::Text,
            required: false,
            default: Some("main".into()),
            help: "which site".to_owned(),
        }],
        secrets: vec![
            secret("api_key", false, &["api.test", "login.test"]),
            secret("other", false, &["other.test"]),
            secret("webhook", true, &[]),
        ],
        hosts: ["api.test", "other.test", "login.test"]
            .map(|host| HostRule::Exactly(host.to_owned()))
            .to_vec(),
        checkout_hosts: vec![HostRule::Below("pay.test".to_owned())],
        currencies: Currencies::All,
        capabilities: Capabilities {
            manual_capture: true,
            partial_capture: true,
            multiple_captures: true,
            void: true,
            refund: true,
            partial_refund: true,
            multiple_refunds: true,
            complete_checkout: true,
            expire_checkout: true,
            fetch_payment: LookUp::ByEcho,
            fetch_refund: LookUp::ByEcho,
            fetch_dispute: LookUp::ById,
            silent_auto_capture: false,
            orphan_session_payable: false,
        },
        idempotency: IdempotencyProfile {
            carrier: KeyCarrier::None,
            retention_s: 86_400,
            replays_errors: false,
            after_unknown: AfterUnknown::SameKey,
            absent_after_s: 60,
        },
        deliveries,
        acknowledgement: Acknowledgement { status: 200, body: String::new() },
        reads: vec![],
        never_store: vec!["client_secret".to_owned()],
        needs: vec![],
        setup: vec![],
        events: vec![],
    }
}

pub(super) fn call(operation: Operation) -> Call {
    let currency = processor_sdk::Currency::parse("EUR").unwrap();
    Call {
        operation,
        key: "key1".to_owned(),
        echo: "echo1".to_owned(),
        amount: Money::new(1_000, currency).unwrap(),
        capture: CaptureMode::Automatic,
        references: BTreeSet::new(),
        created_at: NOW,
        settings: Settings::default(),
        livemode: false,
    }
}

pub(super) fn delivery(channel: Channel, body: &str, headers: &[(&str, &str)]) -> Delivery {
    Delivery {
        channel,
        url: "https://hub.test/webhooks/lab_eur".to_owned(),
        query: vec![],
        headers: Headers(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()),
        body: Bytes::from(body),
        received_at: NOW,
        echo: None,
        settings: Settings::default(),
        livemode: false,
    }
}

pub(super) fn paid() -> Facts {
    Facts::word(Word::Paid)
}
