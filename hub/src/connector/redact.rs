//! What may be shown and kept of an exchange with a processor.
//!
//! Three things are taken out. Secrets and their echoes, in every form that a processor could give them back;
//! those the adapter does not get to see either. Fields that the descriptor says must never be stored. And
//! whatever looks like a card number.
//!
//! Invariant: a record is made from the adapter's own request, in which secrets are names. No credential is
//! ever written out, so that none has to be found again.

use std::borrow::Cow;
use std::fmt;

use form_urlencoded::byte_serialize;
use hub_core::card_number::{MASK as CARD_NUMBER_MASK, find_card_number, mask_card_numbers};
use hub_core::planted::Bug;
use processor_sdk::{
    Auth, Bytes, Headers, HttpRequest, HttpResponse, MacRequest, Part, RequestBody, SignatureCheck,
    SignatureScheme, Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::credentials::{SecretText, SecretValues};
use super::crypto::{Checked, base64_forms};
use super::transport::SendError;
use crate::planted::planted;

/// What stands where something was taken out.
pub const MASK: &str = "•••";

/// The longest body that is kept of one request or response, in bytes.
const STORED_BODY_BYTES_MAX: usize = 16 * 1024;

/// The longest reason that is kept or logged, in characters.
const REASON_CHARS_MAX: usize = 300;

/// The shortest form of a secret that is looked for, in bytes. Anything shorter would also be found in
/// innocent text; the registry accepts no secret as short as that.
pub const FORM_BYTES_MIN: usize = 4;

/// How many layers of JSON written inside a JSON text are opened for masking.
const NESTED_JSON_LAYERS_MAX: usize = 4;

/// Headers that are credentials by their nature.
const HEADERS_MASKED: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"];

/// One exchange, fit to be stored and shown to an operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExchangeRecord {
    pub at: Timestamp,
    pub kind: ExchangeKind,
    /// HTTP method; absent unless something was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// HTTP status; absent when there was no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    pub request: Value,
    pub response: Value,
    pub duration_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExchangeKind {
    Send,
    Mac,
    Verify,
}

/// When an exchange began and how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub began_at: Timestamp,
    pub ended_at: Timestamp,
}

impl Span {
    fn duration_ms(self) -> u64 {
        let micros = self.ended_at.as_micros().saturating_sub(self.began_at.as_micros());
        u64::try_from(micros / 1_000).unwrap_or(0)
    }
}

/// Takes out what must not be seen or kept, for one connector.
pub struct Redactor {
    forms: Vec<Zeroizing<String>>,
    never_store: Vec<String>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Redactor({} forms, {} fields)", self.forms.len(), self.never_store.len())
    }
}

impl Redactor {
    pub fn new(secrets: &SecretValues, never_store: &[String]) -> Self {
        let forms = secrets.all().flat_map(|secret| written_forms(secret.reveal())).collect();
        Self {
            forms: ordered(forms),
            never_store: never_store.iter().map(|name| name.to_ascii_lowercase()).collect(),
        }
    }

    /// True when a secret is in the text, in whatever form.
    pub fn finds_secret(&self, text: &str) -> bool {
        self.forms.iter().any(|form| text.contains(form.as_str()))
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        without(text, &self.forms).into_owned()
    }

    /// A reason for a person: one line without secrets and card numbers, cut to a readable length.
    pub fn reason(&self, text: &str) -> String {
        // Secrets first: one of several lines would not be found again in a single line. And again, for on a single
        // line it may be whole whose spaces were others before.
        let line = self.text(text).split_whitespace().collect::<Vec<_>>().join(" ");
        mask_card_numbers(&self.text(&line)).chars().take(REASON_CHARS_MAX).collect()
    }

    /// The response as the adapter may see it: echoes of the connector's secrets, and of the credential that
    /// was made for this request, are masked.
    pub fn response(&self, response: HttpResponse, credential: Option<&SecretText>) -> HttpResponse {
        let mut forms = self.forms.clone();
        if let Some(credential) = credential {
            forms.extend(credential_forms(credential.reveal()));
        }
        let forms = ordered(forms);
        let line = |(name, value): (String, String)| (name, without(&value, &forms).into_owned());
        let headers = Headers(response.headers.0.into_iter().map(line).collect());
        let body = match response.body.as_text() {
            Some(text) => match without(text, &forms) {
                Cow::Borrowed(_) => response.body,
                Cow::Owned(text) => Bytes::from(text),
            },
            None => Bytes::new(bytes_without(response.body.as_slice(), &forms)),
        };
        HttpResponse { status: response.status, headers, body }
    }

    /// The record of a request with its response, or with the reason why there is none.
    pub fn send_record(
        &self,
        request: &HttpRequest,
        response: Result<&HttpResponse, &SendError>,
        span: Span,
    ) -> ExchangeRecord {
        let auth = if planted(Bug::KeepSecretsInExchanges) {
            self.forms.iter().map(|form| form.as_str()).collect::<Vec<_>>().join(" ")
        } else {
            auth_word(&request.auth).to_owned()
        };
        let shown = json!({
            "headers": self.headers(&request.headers),
            "auth": auth,
            "body": self.request_body(&request.body),
        });
        let (status, response) = match response {
            Ok(response) => {
                let body = match response.body.as_text() {
                    Some(text) => self.body_text(text, response.headers.get("content-type")),
                    None => json!({ "bytes": response.body.len() }),
                };
                (Some(response.status), json!({ "headers": self.headers(&response.headers), "body": body }))
            }
            Err(error) => (None, json!({ "failed": self.reason(&error.to_string()) })),
        };
        ExchangeRecord {
            at: span.began_at,
            kind: ExchangeKind::Send,
            method: Some(request.method.as_str().to_owned()),
            url: Some(self.url(&request.url)),
            status,
            request: shown,
            response,
            duration_ms: span.duration_ms(),
        }
    }

    /// The record of a computed digest; the digest itself could be a credential and is left out.
    pub fn mac_record(&self, request: &MacRequest, span: Span) -> ExchangeRecord {
        let shown = json!({
            "algorithm": request.algorithm,
            "key": request.key.as_ref().map(|key| &key.name),
            "over": over_shape(&request.over),
        });
        computed(ExchangeKind::Mac, shown, json!({ "computed": true }), span)
    }

    /// The record of a signature check.
    pub fn verify_record(&self, check: &SignatureCheck, checked: &Checked, span: Span) -> ExchangeRecord {
        let scheme = match &check.scheme {
            SignatureScheme::Mac { algorithm, .. } => json!({ "mac": algorithm }),
            SignatureScheme::Equal { secret } => json!({ "equal": secret.name }),
            SignatureScheme::RsaSha256 { .. } => json!("rsa_sha256"),
        };
        let shown = json!({
            "scheme": scheme,
            "over": over_shape(&check.over),
            "candidates": check.candidates.len(),
            "signed_at": check.timestamp.as_ref().map(|signed| signed.at),
        });
        let response = match checked {
            Checked::Verified { secret_index } => json!({ "verified": true, "secret_index": secret_index }),
            Checked::Refused { why } | Checked::Stale { why } => {
                json!({ "verified": false, "why": self.reason(why) })
            }
        };
        computed(ExchangeKind::Verify, shown, response, span)
    }

    fn headers(&self, headers: &Headers) -> Value {
        let line = |(name, value): &(String, String)| {
            let is_masked = HEADERS_MASKED.iter().any(|masked| name.eq_ignore_ascii_case(masked));
            json!([
                name,
                if is_masked || self.is_never_stored(name) { MASK.to_owned() } else { self.plain(value) }
            ])
        };
        headers.0.iter().map(line).collect()
    }

    fn url(&self, text: &str) -> String {
        let Ok(mut url) = Url::parse(text) else { return MASK.to_owned() };
        if url.query().is_some() {
            let mask = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
                let value = if self.is_never_stored(&name) { MASK.to_owned() } else { value.into_owned() };
                (name.into_owned(), value)
            };
            let pairs = url.query_pairs().map(mask).collect::<Vec<_>>();
            if pairs.iter().any(|(_, value)| value == MASK) {
                url.query_pairs_mut().clear().extend_pairs(pairs);
            }
        }
        self.plain(url.as_str())
    }

    fn request_body(&self, body: &RequestBody) -> Value {
        match body {
            RequestBody::Empty => Value::Null,
            RequestBody::Json { value, secrets } => {
                let mut value = value.clone();
                for pointer in secrets.keys() {
                    if let Some(place) = value.pointer_mut(pointer) {
                        *place = MASK.into();
                    }
                }
                cut(self.value(&value, NESTED_JSON_LAYERS_MAX))
            }
            RequestBody::Form { fields } => {
                let pairs = fields.iter().map(|(name, part)| (name.clone(), part_shown(part)));
                cut(self.pairs(pairs))
            }
            RequestBody::Raw { content_type, parts } => {
                let text = parts.iter().map(part_shown).collect::<String>();
                self.body_text(&text, Some(content_type))
            }
        }
    }

    /// A body as text: read as what it is, because only a field with a name can be masked by it.
    fn body_text(&self, text: &str, content_type: Option<&str>) -> Value {
        if text.is_empty() {
            return Value::Null;
        }
        let json_text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if let Ok(value) = serde_json::from_str::<Value>(json_text) {
            return cut(self.value(&value, NESTED_JSON_LAYERS_MAX));
        }
        if content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("x-www-form-urlencoded")) {
            let pairs = form_urlencoded::parse(text.as_bytes());
            return cut(self.pairs(pairs.map(|(name, value)| (name.into_owned(), value.into_owned()))));
        }
        let lower = text.to_ascii_lowercase();
        if self.never_store.iter().any(|name| lower.contains(name.as_str())) {
            // It names a field that must not be stored, and where its value ends nobody can say.
            return json!({ "withheld_bytes": text.len() });
        }
        cut(self.plain(text).into())
    }

    fn pairs(&self, pairs: impl Iterator<Item = (String, String)>) -> Value {
        let shown = |(name, value): (String, String)| {
            let value = if self.is_never_stored(&name) {
                MASK.into()
            } else {
                self.string(&value, NESTED_JSON_LAYERS_MAX)
            };
            json!([self.plain(&name), value])
        };
        pairs.map(shown).collect()
    }

    fn value(&self, value: &Value, layers: usize) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) if find_card_number(&number.to_string()) => CARD_NUMBER_MASK.into(),
            Value::Number(_) => value.clone(),
            Value::String(text) => self.string(text, layers),
            Value::Array(items) => items.iter().map(|item| self.value(item, layers)).collect(),
            Value::Object(fields) => {
                let shown = |(name, value): (&String, &Value)| {
                    let is_masked = self.is_never_stored(name) && !value.is_null();
                    (self.plain(name), if is_masked { MASK.into() } else { self.value(value, layers) })
                };
                Value::Object(fields.iter().map(shown).collect::<Map<_, _>>())
            }
        }
    }

    fn string(&self, text: &str, layers: usize) -> Value {
        if text.trim_start().starts_with(['{', '['])
            && let Ok(value) = serde_json::from_str::<Value>(text)
        {
            return match layers.checked_sub(1) {
                Some(layers) => self.value(&value, layers).to_string().into(),
                None => MASK.into(),
            };
        }
        self.plain(text).into()
    }

    fn plain(&self, text: &str) -> String {
        mask_card_numbers(&without(text, &self.forms)).into_owned()
    }

    fn is_never_stored(&self, name: &str) -> bool {
        self.never_store.iter().any(|masked| masked.eq_ignore_ascii_case(name))
    }
}

const fn computed(kind: ExchangeKind, request: Value, response: Value, span: Span) -> ExchangeRecord {
    let duration_ms = 0;
    ExchangeRecord {
        at: span.began_at,
        kind,
        method: None,
        url: None,
        status: None,
        request,
        response,
        duration_ms,
    }
}

const fn auth_word(auth: &Auth) -> &'static str {
    match auth {
        Auth::None => "none",
        Auth::Bearer { .. } => "bearer",
        Auth::Basic { .. } => "basic",
        Auth::Header { .. } => "header",
        Auth::OAuth2 { .. } => "oauth2",
        Auth::Jwt { .. } => "jwt",
    }
}

fn part_shown(part: &Part) -> String {
    match part {
        Part::Text(text) => text.clone(),
        Part::Secret(_) => MASK.to_owned(),
        Part::DeliveryBody => "(the delivery's body)".to_owned(),
        Part::DeliveryUrl => "(the delivery's URL)".to_owned(),
    }
}

fn over_shape(over: &[Part]) -> Value {
    let shape = |part: &Part| match part {
        Part::Text(text) => json!({ "text_bytes": text.len() }),
        Part::Secret(secret) => json!({ "secret": secret.name }),
        Part::DeliveryBody => json!("delivery_body"),
        Part::DeliveryUrl => json!("delivery_url"),
    };
    over.iter().map(shape).collect()
}

/// A body that is too long is kept as the beginning of its text.
fn cut(value: Value) -> Value {
    let text = match &value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.len() <= STORED_BODY_BYTES_MAX {
        return value;
    }
    let end = text.floor_char_boundary(STORED_BODY_BYTES_MAX);
    json!({ "beginning": &text[..end], "bytes": text.len() })
}

/// The longest first, so that a form inside another does not leave its rest behind.
fn ordered(mut forms: Vec<Zeroizing<String>>) -> Vec<Zeroizing<String>> {
    forms.retain(|form| form.len() >= FORM_BYTES_MIN);
    forms.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.as_str().cmp(right.as_str())));
    forms.dedup();
    forms
}

/// Every way in which a processor could write a secret back to us.
fn written_forms(secret: &str) -> Vec<Zeroizing<String>> {
    let quoted = Value::from(secret).to_string();
    let in_json = quoted.trim_matches('"').to_owned();
    let in_form = byte_serialize(secret.as_bytes()).collect::<String>();
    let in_path = in_form.replace('+', "%20");
    let mut forms = vec![
        secret.to_owned(),
        secret.trim().to_owned(),
        in_json.replace('/', "\\/"),
        in_json,
        lower_escapes(&in_form),
        lower_escapes(&in_path),
        in_form,
        in_path,
        hex::encode(secret),
        hex::encode_upper(secret),
    ];
    forms.extend(base64_forms(secret.as_bytes()));
    forms.into_iter().map(Zeroizing::new).collect()
}

/// A credential header as a whole and without its scheme word.
fn credential_forms(credential: &str) -> Vec<Zeroizing<String>> {
    let mut forms = written_forms(credential);
    if let Some((_, token)) = credential.split_once(' ') {
        forms.extend(written_forms(token));
    }
    forms
}

/// Percent escapes with lower-case digits.
fn lower_escapes(text: &str) -> String {
    let mut characters_left = 0;
    let lower = |character: char| {
        if character == '%' {
            characters_left = 2;
            character
        } else if characters_left > 0 {
            characters_left -= 1;
            character.to_ascii_lowercase()
        } else {
            character
        }
    };
    text.chars().map(lower).collect()
}

fn without<'a>(text: &'a str, forms: &[Zeroizing<String>]) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for form in forms {
        if text.contains(form.as_str()) {
            text = Cow::Owned(text.replace(form.as_str(), MASK));
        }
    }
    text
}

fn bytes_without(bytes: &[u8], forms: &[Zeroizing<String>]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for form in forms {
        let needle = form.as_bytes();
        let mut kept = Vec::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        while let Some(position) = rest.windows(needle.len()).position(|window| window == needle) {
            kept.extend_from_slice(&rest[..position]);
            kept.extend_from_slice(MASK.as_bytes());
            rest = &rest[position + needle.len()..];
        }
        kept.extend_from_slice(rest);
        bytes = kept;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    const SECRET: &str = "sk_test/4eC+39= Hq";
    const CARD: &str = "4242424242424242";

    fn redactor() -> Redactor {
        let values = [("key".to_owned(), vec![SecretText::new("rotated-value"), SecretText::new(SECRET)])];
        let never_store = ["client_secret".to_owned(), "Email".to_owned()];
        Redactor::new(&SecretValues::new(values.into()), &never_store)
    }

    fn span() -> Span {
        Span { began_at: Timestamp::UNIX_EPOCH, ended_at: Timestamp::from_micros(1_500_000) }
    }

    fn response(headers: &[(&str, &str)], body: &str) -> HttpResponse {
        let headers =
            Headers(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect());
        HttpResponse { status: 200, headers, body: Bytes::from(body) }
    }

    /// In every form a processor could echo it.
    fn echoes() -> Vec<String> {
        let basic = |pair: String| STANDARD.encode(pair);
        let percent = byte_serialize(SECRET.as_bytes()).collect::<String>();
        vec![
            SECRET.to_owned(),
            SECRET.replace('/', "\\/"),
            "sk_test%2f4eC%2b39%3d+Hq".to_owned(),
            "sk_test%2F4eC%2B39%3D%20Hq".to_owned(),
            "sk_test%2f4eC%2b39%3d%20Hq".to_owned(),
            percent,
            hex::encode(SECRET),
            hex::encode_upper(SECRET),
            basic(format!("{SECRET}:")),
            basic(format!("user:{SECRET}")),
            basic(format!("users:{SECRET}")),
            basic(format!("userss:{SECRET}x")),
            URL_SAFE_NO_PAD.encode(SECRET),
            "rotated-value".to_owned(),
        ]
    }

    #[test]
    fn an_echo_is_hidden_from_the_adapter_in_every_form() {
        let redactor = redactor();
        for echo in echoes() {
            assert!(redactor.finds_secret(&echo), "{echo}");
            let seen =
                redactor.response(response(&[("x-echo", &echo)], &format!("before {echo} after")), None);
            let (body, header) = (seen.body.as_text().unwrap(), seen.headers.get("x-echo").unwrap());
            assert!(body.starts_with("before ") && body.ends_with(" after"), "{body}");
            assert!(body.contains(MASK) && header.contains(MASK), "{body} {header}");
            assert!(!redactor.finds_secret(body) && !redactor.finds_secret(header), "{body} {header}");
        }
        let binary = HttpResponse {
            body: Bytes::new([b"\xff", SECRET.as_bytes(), b"\xfe"].concat()),
            ..response(&[], "")
        };
        assert_eq!(
            redactor.response(binary, None).body,
            Bytes::new([b"\xff", MASK.as_bytes(), b"\xfe"].concat())
        );
        let innocent = response(&[], "{\"status\":\"paid\"}");
        assert_eq!(redactor.response(innocent.clone(), None), innocent);
    }

    #[test]
    fn an_echo_of_the_fetched_token_is_hidden_too() {
        let credential = SecretText::new("Bearer fetched.token-value");
        let seen = redactor().response(response(&[], "you sent fetched.token-value"), Some(&credential));
        assert_eq!(seen.body.as_text(), Some("you sent •••"));
    }

    #[test]
    fn records_hold_no_secret_no_card_number_and_no_forbidden_field() {
        let redactor = redactor();
        let nested = json!({ "client_secret": "cs_1", "card": CARD }).to_string();
        for echo in echoes() {
            let body = json!({
                "id": "pay_1", "echo": echo, "client_secret": "cs_1", "payer": { "email": "a@b.test", "n": [CARD] },
                "number": 4_242_424_242_424_242_u64, "nested": nested,
            });
            let request = HttpRequest::post(format!("https://api.test/pay/{CARD}?email=a%40b.test&x=1"))
                .bearer("key")
                .header("X-Trace", &echo)
                .json(json!({ "text": echo, "Client_Secret": { "deep": "cs_1" }, "id": "pay_1" }));
            let response = response(&[("set-cookie", "session=cs_1"), ("x-echo", &echo)], &body.to_string());
            let record = redactor.send_record(&request, Ok(&response), span());
            let stored = serde_json::to_string(&record).unwrap();
            for forbidden in [echo.as_str(), "cs_1", "a@b.test", "a%40b.test", CARD] {
                assert!(!stored.contains(forbidden), "{forbidden} in {stored}");
            }
            assert!(stored.contains("pay_1") && record.duration_ms == 1_500, "{stored}");
            assert_eq!(serde_json::from_str::<ExchangeRecord>(&stored).unwrap(), record);
        }
    }

    #[test]
    fn bodies_that_are_not_json_are_masked_or_withheld() {
        let redactor = redactor();
        let form = Some("application/x-www-form-urlencoded; charset=utf-8");
        let long = "a".repeat(STORED_BODY_BYTES_MAX + 1);
        for (text, content_type, shown) in [
            ("", None, Value::Null),
            ("email=a%40b.test&id=1", form, json!([["email", MASK], ["id", "1"]])),
            ("{\"client_secret\":\"cs_1\"", None, json!({ "withheld_bytes": 23 })),
            ("<input name=EMAIL value=a@b.test>", Some("text/html"), json!({ "withheld_bytes": 33 })),
            ("<h1>oops</h1>", Some("text/html"), json!("<h1>oops</h1>")),
            ("\u{feff}{\"a\":1}", None, json!({ "a": 1 })),
            (long.as_str(), None, json!({ "beginning": &long[1..], "bytes": long.len() })),
        ] {
            assert_eq!(redactor.body_text(text, content_type), shown, "{text}");
        }
    }

    #[test]
    fn secrets_in_request_bodies_are_shown_by_their_place_only() {
        let redactor = redactor();
        let fields =
            vec![("password".to_owned(), Part::secret("key")), ("amount".to_owned(), Part::text("1"))];
        let request =
            HttpRequest { body: RequestBody::Form { fields }, ..HttpRequest::post("https://api.test/") };
        let record =
            redactor.send_record(&request, Err(&SendError::NotSent { detail: "x\ny".into() }), span());
        assert_eq!(record.request["body"], json!([["password", MASK], ["amount", "1"]]));
        assert_eq!(record.response, json!({ "failed": "not sent: x y" }));
        assert_eq!(record.status, None);
    }

    #[test]
    fn reasons_are_one_short_line() {
        let reason = redactor().reason(&format!("a\n{SECRET}\t{CARD} {}", "z".repeat(1_000)));
        assert!(reason.starts_with("a ••• [card number] zzz"), "{reason}");
        assert_eq!(reason.chars().count(), REASON_CHARS_MAX);
    }
}
