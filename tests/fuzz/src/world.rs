//! What the targets put around an adapter: its own fixtures, a connector of the production kind, and a processor
//! that answers from a list.
//!
//! Nothing here stands in for a part of the hub. The replay loop, the crypto, the egress, the trust and the
//! redactor are those that run in production; only the network and the clock are not.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use futures_util::FutureExt;
use payhub::clock::{Clock, ManualClock};
use payhub::connector::Connector;
use payhub::connector::credentials::{SecretText, SecretValues};
use payhub::connector::hosts::Grants;
use payhub::connector::native::native_adapter;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig, Surroundings, build_with};
use payhub::connector::request::is_read;
use payhub::connector::transport::{PreparedRequest, SendError, Transport};
use plugin_sepa_credit_transfer::SepaCreditTransfer;
use processor_sdk::conformance::{Fixture, SubjectFile};
use processor_sdk::{Adapter, Descriptor, HttpResponse, Settings, SignedDeliveries, Timestamp};

/// The adapters that are compiled in, and that of a plugin of ours, each with the folder that its fixtures are in.
pub(crate) const ADAPTERS: [(&str, &str); 9] = [
    ("adyen", "processors/adyen"),
    ("authorizenet", "processors/authorizenet"),
    ("btcpay", "processors/btcpay"),
    ("mollie", "processors/mollie"),
    ("paypal", "processors/paypal"),
    ("sandbox", "processors/sandbox"),
    ("sepa-credit-transfer", "plugins/sepa-credit-transfer"),
    ("square", "processors/square"),
    ("stripe", "processors/stripe"),
];

/// The secret part of a webhook's path, where deliveries are not signed.
const PATH_SECRET: &str = "path-secret-of-the-fuzz-targets";

/// An adapter with its fixtures and what it is tried with.
pub(crate) struct Subject {
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) descriptor: Descriptor,
    pub(crate) file: SubjectFile,
    /// Signed with the secrets of `file`, in the order of their names.
    pub(crate) fixtures: Vec<Fixture>,
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The subject of a number in [`ADAPTERS`], read once.
pub(crate) fn subject<const ADAPTER: usize>() -> &'static Subject {
    static SUBJECTS: [OnceLock<Subject>; ADAPTERS.len()] = [const { OnceLock::new() }; ADAPTERS.len()];
    SUBJECTS[ADAPTER].get_or_init(|| {
        let (name, folder) = ADAPTERS[ADAPTER];
        let adapter = native_adapter(name).unwrap_or_else(|| Arc::new(SepaCreditTransfer));
        assert_eq!(adapter.descriptor().name, name, "the adapter of {folder}");
        let folder = root().join(folder).join("fixtures");
        let file = SubjectFile::read_folder(&folder).expect("the fixtures' subject");
        let signed = |fixture: Fixture| fixture.signed(&file.secrets).expect("a fixture can be signed");
        let fixtures = Fixture::read_folder(&folder).expect("fixtures").into_iter().map(signed).collect();
        Subject { descriptor: adapter.descriptor(), adapter, file, fixtures }
    })
}

impl Subject {
    /// The connector of somebody who has the secrets of the fixtures.
    pub(crate) fn connector(&self, processor: &Arc<Processor>, now: Timestamp) -> Arc<dyn Connector> {
        self.connector_with(&self.file.secrets, processor, now)
    }

    /// The connector of somebody whose secrets stand nowhere.
    pub(crate) fn strange_connector(&self, processor: &Arc<Processor>, now: Timestamp) -> Arc<dyn Connector> {
        self.connector_with(&self.strange_secrets(), processor, now)
    }

    /// Secrets of the same form as those of the fixtures, which no input was ever signed with.
    fn strange_secrets(&self) -> BTreeMap<String, String> {
        // Another digit for each digit keeps hex hex, and a mode that is written in letters.
        let other = |letter: char| match letter {
            '0'..='8' => char::from_u32(u32::from(letter) + 1).unwrap_or(letter),
            '9' => '0',
            'o' => 'a',
            'a' => 'e',
            'e' => 'o',
            other => other,
        };
        let strange = |text: &String| match text.split_once("_test_") {
            Some((front, rest)) => format!("{front}_test_{}", rest.chars().map(other).collect::<String>()),
            None if text.starts_with("test_") => {
                format!("test_{}", text[5..].chars().map(other).collect::<String>())
            }
            None => text.chars().map(other).collect(),
        };
        self.file.secrets.iter().map(|(name, text)| (name.clone(), strange(text))).collect()
    }

    fn connector_with(
        &self,
        secrets: &BTreeMap<String, String>,
        processor: &Arc<Processor>,
        now: Timestamp,
    ) -> Arc<dyn Connector> {
        let secret = |(name, text): (&String, &String)| (name.clone(), vec![SecretText::new(text.as_str())]);
        let is_unsigned = self.descriptor.deliveries == SignedDeliveries::Unsigned;
        let plain_http =
            self.file.settings.optional_text("base_url").and_then(|url| url.strip_prefix("http://"));
        let config = ConnectorConfig {
            name: "fuzzed".to_owned(),
            adapter: AdapterChoice::Native(self.descriptor.name.clone()),
            livemode: false,
            currencies: vec![],
            settings: self.file.settings.clone(),
            secrets: secrets.iter().map(secret).collect(),
            grants: Grants {
                plain_http_hosts: plain_http.map(str::to_owned).into_iter().collect(),
                ..Grants::default()
            },
            webhook_path_secret: is_unsigned.then(|| SecretText::new(PATH_SECRET)),
        };
        build_with(config, Arc::clone(&self.adapter), &surroundings(processor, now)).expect("a connector")
    }

    /// The settings in effect, defaults filled in.
    pub(crate) fn settings(&self) -> Settings {
        self.descriptor.check_settings(&self.file.settings).expect("the settings of the fixtures")
    }

    /// The secrets of the fixtures, as the hub's crypto takes them.
    pub(crate) fn secret_values(&self) -> SecretValues {
        let secret = |(name, text): (&String, &String)| (name.clone(), vec![SecretText::new(text.as_str())]);
        SecretValues::new(self.file.secrets.iter().map(secret).collect())
    }
}

/// What a connector is built into: this processor, and a clock that stands still.
pub(crate) fn surroundings(processor: &Arc<Processor>, now: Timestamp) -> Surroundings {
    Surroundings {
        transport: Arc::clone(processor) as Arc<dyn Transport>,
        clock: Arc::new(ManualClock::starting_at(now)) as Arc<dyn Clock>,
        plugins: Arc::default(),
        failures: Arc::default(),
        breakers: Arc::default(),
    }
}

/// How a processor answers.
enum Manner {
    /// With what is on the list, then not at all.
    List(Mutex<VecDeque<HttpResponse>>),
    /// By repeating all that it was sent.
    Echo,
}

/// The other end of the line, which remembers what reached it.
pub(crate) struct Processor {
    manner: Manner,
    pub(crate) sent: Mutex<Vec<(PreparedRequest, Option<u16>)>>,
}

impl Processor {
    pub(crate) fn answering(responses: impl IntoIterator<Item = HttpResponse>) -> Arc<Self> {
        let list = Mutex::new(responses.into_iter().collect());
        Arc::new(Self { manner: Manner::List(list), sent: Mutex::default() })
    }

    pub(crate) fn echoing() -> Arc<Self> {
        Arc::new(Self { manner: Manner::Echo, sent: Mutex::default() })
    }

    /// Whether a request that can move money arrived and was not turned away at the door.
    pub(crate) fn took_a_write(&self, descriptor: &Descriptor) -> bool {
        self.sent.lock().unwrap().iter().any(|(request, status)| {
            let is_token = request.body.starts_with(b"grant_type=");
            let is_turned_away = matches!(status, None | Some(401 | 403 | 429));
            !is_token && !is_turned_away && !is_read(request, &descriptor.reads)
        })
    }
}

#[async_trait]
impl Transport for Processor {
    async fn send(&self, request: &PreparedRequest) -> Result<HttpResponse, SendError> {
        let response = match &self.manner {
            Manner::List(list) => list.lock().unwrap().pop_front(),
            Manner::Echo => Some(echo(request)),
        };
        self.sent.lock().unwrap().push((request.clone(), response.as_ref().map(|response| response.status)));
        response.ok_or_else(|| SendError::NotSent { detail: "nobody is there".to_owned() })
    }
}

/// All that a request held, as a response.
fn echo(request: &PreparedRequest) -> HttpResponse {
    let mut body = format!("{}\n", request.url);
    let mut headers = processor_sdk::Headers::default();
    for (name, value) in &request.headers {
        headers.push(name, value);
        body.push_str(value);
        body.push('\n');
    }
    let mut body = body.into_bytes();
    body.extend_from_slice(&request.body);
    HttpResponse { status: 200, headers, body: processor_sdk::Bytes::new(body) }
}

/// The value of a future that has nothing to wait for.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("nothing is waited for where time stands still")
}
