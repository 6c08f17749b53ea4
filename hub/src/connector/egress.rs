//! One connector's way out: what an adapter asks to send becomes a request with credentials, or is refused.
//!
//! Invariant: every request passes the same checks in the same order: the host is declared and granted, each
//! secret in it may go to that host, and the URL holds none. Responses come back with echoes masked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use processor_sdk::{
    Auth, Delivery, Descriptor, Fault, HttpRequest, HttpResponse, Method, OAuthClientStyle, Part, SecretRef,
    Settings, Timestamp,
};
use url::Url;
use zeroize::Zeroizing;

use super::credentials::{Carrier, SecretHosts, SecretText, SecretValues, basic};
use super::hosts::{AllowedHosts, Grants, HostsError};
use super::jwt;
use super::oauth::{TokenKey, TokenPlace, Tokens, read_token, token_request};
use super::redact::Redactor;
use super::request::{check_header, head_and_body, part_text};
use super::transport::{PreparedRequest, SendError, Transport};
use crate::clock::Clock;

/// How many fetched keys and certificates one connector keeps in memory.
const KEPT_RESPONSES_MAX: usize = 16;

/// How long a fetched key or certificate is kept at most, in seconds, whatever the adapter says.
const KEPT_S_MAX: u32 = 86_400;

/// Why a request did not get a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressError {
    /// The host did not send it, and why: the adapter's or the operator's mistake, or refused credentials.
    Refused(Fault),
    /// It failed on its way.
    Transport(SendError),
}

impl From<Fault> for EgressError {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

/// A request ready to leave.
#[derive(Debug)]
pub struct Prepared {
    pub request: PreparedRequest,
    credential: Option<SecretText>,
    /// The place and text of the access token in it.
    token: Option<(TokenPlace, SecretText)>,
}

/// Everything requests of one connector need.
pub struct Egress {
    hosts: AllowedHosts,
    secret_hosts: SecretHosts,
    secrets: Arc<SecretValues>,
    redactor: Arc<Redactor>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    tokens: Tokens,
    kept: Mutex<HashMap<String, (Timestamp, HttpResponse)>>,
}

impl Egress {
    /// # Errors
    /// [`HostsError`] when the operator's grants or a URL setting cannot be read.
    pub fn new(
        (descriptor, settings, grants): (&Descriptor, &Settings, &Grants),
        secrets: Arc<SecretValues>,
        redactor: Arc<Redactor>,
        (transport, clock): (Arc<dyn Transport>, Arc<dyn Clock>),
    ) -> Result<Self, HostsError> {
        Ok(Self {
            hosts: AllowedHosts::for_requests(&descriptor.hosts, settings, grants)?,
            secret_hosts: SecretHosts::new(descriptor, settings, grants)?,
            secrets,
            redactor,
            transport,
            clock,
            tokens: Tokens::default(),
            kept: Mutex::default(),
        })
    }

    /// A kept response to the same cacheable request, if it is still fresh.
    pub fn kept(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let key = kept_key(request)?;
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&key)
            .filter(|(fresh_until, _)| self.clock.now() < *fresh_until)
            .map(|(_, response)| response.clone())
    }

    fn keep(&self, request: &HttpRequest, response: &HttpResponse) {
        let (Some(key), Some(cache_s)) = (kept_key(request), request.cache_s) else { return };
        let now = self.clock.now();
        let Ok(fresh_until) = now.checked_add_seconds(i64::from(cache_s.min(KEPT_S_MAX))) else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (until, _)| now < *until);
        if response.is_success() && kept.len() < KEPT_RESPONSES_MAX {
            kept.insert(key, (fresh_until, response.clone()));
        }
    }

    /// Builds the request, an access token fetched if it takes one. Nothing of the request itself leaves.
    ///
    /// # Errors
    /// [`EgressError`]; a failed token fetch means that this request was not sent.
    pub async fn prepare(
        &self,
        request: &HttpRequest,
        delivery: Option<&Delivery>,
    ) -> Result<Prepared, EgressError> {
        let url = self.granted("url", &request.url)?;
        let carrier = self.carrier(&url);
        let (mut headers, body) = head_and_body(request, carrier, delivery)?;
        let (name, credential, token) = self.credential(&request.auth, carrier).await?;
        if let Some(credential) = &credential {
            headers.push((name, Zeroizing::new(credential.reveal().to_owned())));
        }
        let request = PreparedRequest { method: request.method, url, headers, body };
        Ok(Prepared { request, credential, token })
    }

    /// Sends a prepared request. One that was refused with 401 because its access token had been revoked is
    /// sent once more with a new one: a 401 means that nothing happened.
    ///
    /// # Errors
    /// [`SendError`] of the last try.
    pub async fn send(
        &self,
        request: &HttpRequest,
        prepared: Prepared,
        delivery: Option<&Delivery>,
    ) -> Result<HttpResponse, SendError> {
        let response = self.transport.send(&prepared.request).await?;
        let (response, credential) = match prepared.token {
            Some((place, used)) if response.status == 401 => {
                forget(&place, &used).await;
                match self.prepare(request, delivery).await {
                    Ok(again) => (self.transport.send(&again.request).await?, again.credential),
                    Err(_) => (response, prepared.credential),
                }
            }
            Some(_) | None => (response, prepared.credential),
        };
        let response = self.redactor.response(response, credential.as_ref());
        self.keep(request, &response);
        Ok(response)
    }

    fn granted(&self, field: &str, url: &str) -> Result<Url, Fault> {
        if self.redactor.finds_secret(url) {
            return Err(Fault::cannot_ask(field, "holds a secret; secrets never go into a URL"));
        }
        self.hosts.check(url).map_err(|why| Fault::cannot_ask(field, &why))
    }

    fn carrier<'a>(&'a self, url: &'a Url) -> Carrier<'a> {
        Carrier { secrets: &self.secrets, hosts: &self.secret_hosts, url }
    }

    /// The name and text of the header that carries the credentials.
    async fn credential(&self, auth: &Auth, carrier: Carrier<'_>) -> Result<Credential, EgressError> {
        let authorization = |text: SecretText| ("authorization".to_owned(), Some(text), None);
        let bearer = |token: &SecretText| SecretText::new(format!("Bearer {}", token.reveal()));
        match auth {
            Auth::None => Ok((String::new(), None, None)),
            Auth::Bearer { secret } => Ok(authorization(bearer(carrier.carry(secret)?))),
            Auth::Basic { user, password } => {
                Ok(authorization(basic(&part_text(user, carrier)?, &part_text(password, carrier)?)))
            }
            Auth::Header { name, prefix, secret } => {
                // `Authorization` with a scheme of the processor's own is what this is for.
                let checked_name = if name.eq_ignore_ascii_case("authorization") { "x" } else { name };
                check_header(checked_name, prefix)?;
                let text = SecretText::new(format!("{prefix}{}", carrier.carry(secret)?.reveal()));
                Ok((name.clone(), Some(text), None))
            }
            Auth::Jwt { algorithm, secret, header, claims } => {
                // Only the signature leaves, so the key itself needs no host to go to.
                let token =
                    jwt::signed(*algorithm, secret, self.secrets.first(&secret.name)?, header, claims)?;
                Ok(authorization(bearer(&token)))
            }
            Auth::OAuth2 { token_url, client_id, client_secret, style, scope } => {
                let client =
                    Client { id: client_id, secret: client_secret, style: *style, scope: scope.as_deref() };
                self.secret_hosts.check(&client_secret.name, carrier.url)?;
                let place = self.tokens.place(&client.token_key(token_url))?;
                let token = self.token(&place, token_url, client).await?;
                Ok(("authorization".to_owned(), Some(bearer(&token)), Some((place, token))))
            }
        }
    }

    async fn token(
        &self,
        place: &TokenPlace,
        token_url: &str,
        client: Client<'_>,
    ) -> Result<SecretText, EgressError> {
        let mut token = place.lock().await;
        if let Some(token) = token.as_ref().filter(|token| self.clock.now() < token.fresh_until) {
            return Ok(token.text.clone());
        }
        let url = self.granted("auth.token_url", token_url)?;
        let carrier = self.carrier(&url);
        let client_id = part_text(client.id, carrier)?;
        let client_secret = carrier.carry(client.secret)?;
        let request = token_request(&url, &client_id, client_secret.reveal(), client.style, client.scope);
        // Asked before sending, so that a slow answer makes the token seem older, never younger.
        let now = self.clock.now();
        let not_sent = |why: String| {
            EgressError::Transport(SendError::NotSent { detail: format!("no access token: {why}") })
        };
        let response = self.transport.send(&request).await.map_err(|error| not_sent(error.to_string()))?;
        let fetched = read_token(&response, now).map_err(|fault| match fault {
            Fault::Credentials { .. } | Fault::Throttled { .. } => EgressError::Refused(fault),
            Fault::Unsupported
            | Fault::CannotAsk { .. }
            | Fault::Processor { .. }
            | Fault::Unreadable { .. }
            | Fault::Forged { .. }
            | Fault::NotDeterministic
            | Fault::SwallowedStop => not_sent(fault.to_string()),
        })?;
        tracing::debug!(host = url.host_str(), "fetched a new access token");
        Ok(token.insert(fetched).text.clone())
    }
}

type Credential = (String, Option<SecretText>, Option<(TokenPlace, SecretText)>);

/// An OAuth2 client as the adapter describes it.
#[derive(Clone, Copy)]
struct Client<'a> {
    id: &'a Part,
    secret: &'a SecretRef,
    style: OAuthClientStyle,
    scope: Option<&'a str>,
}

impl Client<'_> {
    fn token_key(&self, token_url: &str) -> TokenKey {
        TokenKey {
            token_url: token_url.to_owned(),
            client: format!("{:?}", self.id),
            secret: self.secret.name.clone(),
            scope: self.scope.map(str::to_owned),
        }
    }
}

/// Drops a token that was refused, unless somebody has renewed it already.
async fn forget(place: &TokenPlace, used: &SecretText) {
    let mut token = place.lock().await;
    if token.as_ref().is_some_and(|token| token.text.reveal() == used.reveal()) {
        *token = None;
    }
}

/// `None` for requests that may not be kept.
fn kept_key(request: &HttpRequest) -> Option<String> {
    let is_cacheable = request.method == Method::Get && request.cache_s.is_some();
    is_cacheable.then(|| serde_json::to_string(request).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hub_core::outcome::{NotSent, Outcome};
    use processor_sdk::{Answer, JwtAlgorithm, Operation, RequestBody};
    use serde_json::json;

    use super::super::lab::{
        API, API_KEY, Lab, OTHER_KEY, Play, answers, call, lab, maybe_sent, not_sent, performing,
    };
    use super::super::redact::MASK;
    use super::*;

    /// Sends the requests one after the other, whatever the answers.
    fn sending(requests: Vec<HttpRequest>, plays: Vec<Play>) -> Lab {
        let adapter = performing(move |_, dialogue| {
            for request in &requests {
                dialogue.send(request.clone())?;
            }
            Ok(Answer::Absent)
        });
        lab(adapter, plays)
    }

    async fn outcome(lab: &Lab) -> Outcome {
        lab.connector.perform(&call(Operation::FetchPayment)).await.outcome
    }

    fn post() -> HttpRequest {
        HttpRequest::post(format!("{API}/pay"))
    }

    fn with_body(body: RequestBody) -> HttpRequest {
        HttpRequest { body, ..post() }
    }

    fn json_with(pointer: &str, secret: &str) -> RequestBody {
        let secrets = BTreeMap::from([(pointer.to_owned(), SecretRef::named(secret))]);
        RequestBody::Json { value: json!({ "z": 1, "key": null, "a": [null] }), secrets }
    }

    fn raw(part: Part) -> RequestBody {
        RequestBody::Raw { content_type: "text/plain".to_owned(), parts: vec![Part::text("k="), part] }
    }

    fn oauth(token_url: &str, style: OAuthClientStyle) -> Auth {
        Auth::OAuth2 {
            token_url: token_url.to_owned(),
            client_id: Part::text("client id"),
            client_secret: SecretRef::named("api_key"),
            style,
            scope: Some("pay read".to_owned()),
        }
    }

    #[tokio::test]
    async fn secrets_are_put_where_the_structure_says() {
        let form = |part| RequestBody::Form {
            fields: vec![("a b".to_owned(), part), ("c".to_owned(), Part::text("&="))],
        };
        let basic = Auth::Basic { user: Part::secret("api_key"), password: Part::text("") };
        let header = |name: &str| Auth::Header {
            name: name.to_owned(),
            prefix: "token ".to_owned(),
            secret: SecretRef::named("api_key"),
        };
        let encoded =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{API_KEY}:"));
        let rows: Vec<(HttpRequest, &str, String, String)> = vec![
            (post().bearer("api_key"), "authorization", format!("Bearer {API_KEY}"), String::new()),
            (post().auth(basic), "authorization", format!("Basic {encoded}"), String::new()),
            (post().auth(header("X-Key")), "x-key", format!("token {API_KEY}"), String::new()),
            (
                post().auth(header("Authorization")),
                "authorization",
                format!("token {API_KEY}"),
                String::new(),
            ),
            (
                with_body(json_with("/key", "api_key")),
                "content-type",
                "application/json".to_owned(),
                format!("{{\"z\":1,\"key\":\"{API_KEY}\",\"a\":[null]}}"),
            ),
            (
                with_body(json_with("/a/0", "api_key")).header("Content-Type", "application/vnd.lab+json"),
                "content-type",
                "application/vnd.lab+json".to_owned(),
                format!("{{\"z\":1,\"key\":null,\"a\":[\"{API_KEY}\"]}}"),
            ),
            (
                with_body(form(Part::secret("api_key"))),
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
                format!("a+b={API_KEY}&c=%26%3D"),
            ),
            (
                with_body(raw(Part::secret("api_key"))),
                "content-type",
                "text/plain".to_owned(),
                format!("k={API_KEY}"),
            ),
        ];
        for (request, header, value, body) in rows {
            let lab = sending(vec![request.clone()], vec![answers(200, "")]);
            assert!(matches!(outcome(&lab).await, Outcome::Answered { .. }), "{request:?}");
            assert_eq!(lab.script.sent_header(header), [Some(value)], "{request:?}");
            assert_eq!(lab.script.sent.lock().unwrap()[0].body.as_slice(), body.as_bytes(), "{request:?}");
        }
    }

    #[tokio::test]
    async fn what_must_not_leave_does_not() {
        let to_other =
            |request: HttpRequest| HttpRequest { url: "https://other.test/".to_owned(), ..request };
        let header = |name: &str, prefix: &str, secret: &str| Auth::Header {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            secret: SecretRef::named(secret),
        };
        let secret_user = Auth::Basic { user: Part::text("u"), password: Part::secret("other") };
        let rows = vec![
            // A secret beyond the hosts it is bound to: at another granted host, or never to be sent at all.
            to_other(post().bearer("api_key")),
            post().bearer("other"),
            post().bearer("webhook"),
            post().bearer("undeclared"),
            post().auth(secret_user),
            post().auth(header("x-key", "", "webhook")),
            with_body(json_with("/key", "webhook")),
            with_body(raw(Part::secret("other"))),
            with_body(RequestBody::Form { fields: vec![("a".to_owned(), Part::secret("webhook"))] }),
            to_other(post().auth(oauth("https://login.test/token", OAuthClientStyle::Body))),
            post().auth(oauth("https://other.test/token", OAuthClientStyle::Body)),
            post().auth(oauth("https://evil.test/token", OAuthClientStyle::Body)),
            // A host that is not granted.
            HttpRequest::post("https://evil.test/"),
            HttpRequest::post("http://api.test/"),
            HttpRequest::post("https://user:pass@api.test/"),
            // A secret in a URL.
            HttpRequest::get(format!("{API}/?key={API_KEY}")),
            HttpRequest::get(format!("{API}/{}", hex::encode(OTHER_KEY))),
            // A place for a secret that is none.
            with_body(json_with("/z", "api_key")),
            with_body(json_with("/nowhere", "api_key")),
            with_body(raw(Part::DeliveryBody)),
            // Header lines that are the host's, or break out.
            post().header("Authorization", "Bearer x"),
            post().header("Host", "evil.test"),
            post().header("Content-Length", "1"),
            post().header("x-note", "a\r\nx-other: b"),
            post().header("x note", "a"),
            post().auth(header("Cookie", "", "api_key")),
            post().auth(header("x-key", "a\r\n", "api_key")),
            // Bodies that are too large, or in a GET.
            with_body(RequestBody::Raw {
                content_type: "text/plain".to_owned(),
                parts: vec![Part::text("a".repeat(300_000))],
            }),
            HttpRequest::get(format!("{API}/")).json(json!({})),
        ];
        for request in rows {
            let lab = sending(vec![request.clone()], vec![]);
            let outcome = outcome(&lab).await;
            let impossible = matches!(outcome, Outcome::NotSent { why: NotSent::Impossible { .. } });
            assert!(impossible, "{request:?}: {outcome:?}");
            let text = format!("{outcome:?}");
            assert!(!text.contains(API_KEY) && !text.contains(OTHER_KEY), "{text}");
        }
    }

    #[tokio::test]
    async fn jwt_keys_sign_and_do_not_leave() {
        let auth = Auth::Jwt {
            algorithm: JwtAlgorithm::HS256,
            secret: SecretRef::named("webhook"),
            header: BTreeMap::new(),
            claims: json!({ "iss": "me" }),
        };
        let lab = sending(vec![post().auth(auth)], vec![answers(200, "")]);
        assert!(matches!(outcome(&lab).await, Outcome::Answered { .. }));
        let sent = lab.script.sent_header("authorization").remove(0).unwrap();
        assert!(sent.starts_with("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."), "{sent}");
    }

    const TOKEN_URL: &str = "https://login.test/token";

    fn with_token() -> HttpRequest {
        post().auth(oauth(TOKEN_URL, OAuthClientStyle::Basic))
    }

    fn token(text: &str, expires_in_s: u32) -> Play {
        answers(200, &json!({ "access_token": text, "expires_in": expires_in_s }).to_string())
    }

    #[tokio::test]
    async fn the_token_request_is_that_of_rfc_6749() {
        let basic = "Basic Y2xpZW50K2lkOnNrX2xhYl80ZUMzOUhx";
        let in_body = format!(
            "grant_type=client_credentials&scope=pay+read&client_id=client+id&client_secret={API_KEY}"
        );
        for (style, authorization, body) in [
            (
                OAuthClientStyle::Basic,
                Some(basic.to_owned()),
                "grant_type=client_credentials&scope=pay+read".to_owned(),
            ),
            (OAuthClientStyle::Body, None, in_body),
        ] {
            let lab = sending(
                vec![post().auth(oauth(TOKEN_URL, style))],
                vec![token("first-token", 600), answers(200, "")],
            );
            assert!(matches!(outcome(&lab).await, Outcome::Answered { .. }));
            let authorizations = lab.script.sent_header("authorization");
            assert_eq!(authorizations, [authorization, Some("Bearer first-token".to_owned())]);
            assert_eq!(lab.script.sent.lock().unwrap()[0].body.as_slice(), body.as_bytes());
            assert_eq!(lab.script.sent_lines(), ["POST /token", "POST /pay"]);
        }
    }

    #[tokio::test]
    async fn a_token_is_shared_until_shortly_before_it_expires() {
        let ok = || answers(200, "");
        let plays = vec![token("first", 600), ok(), ok(), token("second", 600), ok()];
        let lab = sending(vec![with_token()], plays);
        outcome(&lab).await;
        lab.clock.advance(539);
        outcome(&lab).await;
        lab.clock.advance(1);
        outcome(&lab).await;
        assert_eq!(
            lab.script.sent_lines(),
            ["POST /token", "POST /pay", "POST /pay", "POST /token", "POST /pay"]
        );
        assert_eq!(lab.script.sent_header("authorization")[4].as_deref(), Some("Bearer second"));
    }

    #[tokio::test]
    async fn many_operations_fetch_one_token() {
        let mut plays = vec![token("first", 600)];
        plays.extend(vec![answers(200, ""); 20]);
        let lab = sending(vec![with_token()], plays);
        let mut operations = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let connector = Arc::clone(&lab.connector);
            operations.spawn(async move { connector.perform(&call(Operation::Void)).await.outcome });
        }
        assert!(
            operations.join_all().await.iter().all(|outcome| matches!(outcome, Outcome::Answered { .. }))
        );
        assert_eq!(lab.script.sent_lines().iter().filter(|line| *line == "POST /token").count(), 1);
    }

    #[tokio::test]
    async fn a_revoked_token_is_renewed_once() {
        let reading = |plays: Vec<Play>| {
            let adapter = performing(|_, dialogue| {
                dialogue.send(with_token())?.success_json()?;
                Ok(Answer::Absent)
            });
            lab(adapter, plays)
        };
        for (name, plays, lines, expected) in revocations() {
            let lab = reading(plays);
            let outcome = outcome(&lab).await;
            assert!(expected(&outcome), "{name}: {outcome:?}");
            assert_eq!(lab.script.sent_lines(), lines, "{name}");
        }
    }

    /// What the transport plays, what is sent, and what that comes to.
    type Revocation = (&'static str, Vec<Play>, &'static [&'static str], fn(&Outcome) -> bool);

    fn revocations() -> Vec<Revocation> {
        let (ok, refused) = (|| answers(200, ""), || answers(401, ""));
        vec![
            (
                "renewed",
                vec![token("first", 600), refused(), token("second", 600), answers(200, "{}")],
                &["POST /token", "POST /pay", "POST /token", "POST /pay"],
                |outcome| matches!(outcome, Outcome::Answered { .. }),
            ),
            (
                "refused again",
                vec![token("first", 600), refused(), token("second", 600), refused()],
                &["POST /token", "POST /pay", "POST /token", "POST /pay"],
                |outcome| matches!(outcome, Outcome::NotSent { why: NotSent::Credentials { status: 401 } }),
            ),
            (
                "lost on the second try",
                vec![token("first", 600), refused(), token("second", 600), maybe_sent()],
                &["POST /token", "POST /pay", "POST /token", "POST /pay"],
                |outcome| matches!(outcome, Outcome::Unknown { .. }),
            ),
            (
                "no new token",
                vec![token("first", 600), refused(), answers(500, "")],
                &["POST /token", "POST /pay", "POST /token"],
                |outcome| matches!(outcome, Outcome::NotSent { why: NotSent::Credentials { status: 401 } }),
            ),
            (
                "an error that is no 401 is not repeated",
                vec![token("first", 600), answers(500, "")],
                &["POST /token", "POST /pay"],
                |outcome| matches!(outcome, Outcome::Unknown { .. }),
            ),
            ("token: client refused", vec![answers(401, "")], &["POST /token"], |outcome| {
                matches!(outcome, Outcome::NotSent { why: NotSent::Credentials { status: 401 } })
            }),
            (
                "token: client refused by RFC 6749 §5.2",
                vec![answers(400, "{\"error\":\"invalid_client\"}")],
                &["POST /token"],
                |outcome| matches!(outcome, Outcome::NotSent { why: NotSent::Credentials { status: 400 } }),
            ),
            ("token: throttled", vec![answers(429, "")], &["POST /token"], |outcome| {
                matches!(outcome, Outcome::NotSent { why: NotSent::Throttled { .. } })
            }),
            ("token: garbage", vec![ok()], &["POST /token"], |outcome| {
                matches!(outcome, Outcome::NotSent { why: NotSent::Unreachable { .. } })
            }),
            ("token: no connection", vec![not_sent()], &["POST /token"], |outcome| {
                matches!(outcome, Outcome::NotSent { why: NotSent::Unreachable { .. } })
            }),
            // The token request moves no money, so losing it loses nothing.
            ("token: connection lost", vec![maybe_sent()], &["POST /token"], |outcome| {
                matches!(outcome, Outcome::NotSent { why: NotSent::Unreachable { .. } })
            }),
        ]
    }

    #[tokio::test]
    async fn the_adapter_never_sees_a_credential() {
        let adapter = performing(|_, dialogue| {
            let response = dialogue.send(with_token())?;
            let seen = response.body.as_text().unwrap_or_default();
            assert_eq!(seen, format!("you sent {MASK} of {MASK}"));
            Ok(Answer::Absent)
        });
        let echo = format!("you sent Bearer fetched-token of {API_KEY}");
        let lab = lab(adapter, vec![token("fetched-token", 600), answers(200, &echo)]);
        let performed = lab.connector.perform(&call(Operation::FetchPayment)).await;
        assert!(matches!(performed.outcome, Outcome::Answered { .. }), "{:?}", performed.outcome);
        assert!(!serde_json::to_string(&performed.exchanges).unwrap().contains("fetched-token"));
    }

    #[tokio::test]
    async fn only_successful_cacheable_gets_are_kept() {
        let get = |cache_s| HttpRequest { cache_s, ..HttpRequest::get(format!("{API}/key")) };
        for (request, status, sent) in [
            (get(Some(60)), 200, 1),
            (get(Some(60)), 404, 2),
            (get(None), 200, 2),
            (HttpRequest { cache_s: Some(60), ..post() }, 200, 2),
        ] {
            let lab =
                sending(vec![request.clone(), request.clone()], vec![answers(status, ""), answers(200, "")]);
            outcome(&lab).await;
            assert_eq!(lab.script.sent.lock().unwrap().len(), sent, "{request:?} {status}");
        }
    }
}
