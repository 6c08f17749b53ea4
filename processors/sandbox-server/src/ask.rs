//! What a `/v1` request asks for: the path and the strict body become one [`Ask`], or a refusal that names
//! the field. Nothing here looks at the book or the clock.

use axum::extract::Query;
use axum::http::{Method, Uri};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::faults::{Operation, SESSION_FAULTS_MAX};
use crate::objects::CaptureMode;
use crate::refusal::Refusal;

const AMOUNT_MAX: i64 = 999_999_999_999;
const REFERENCE_BYTES_MAX: usize = 64;
const URL_BYTES_MAX: usize = 2048;
const DESCRIPTION_CHARS_MAX: usize = 500;
const LOCALE_BYTES_MAX: usize = 35;
const REASON_CHARS_MAX: usize = 500;

#[derive(Debug)]
pub(crate) enum Ask {
    Open(Box<OpenAsk>),
    FetchSession { id: String },
    FindSessions { reference: String },
    Expire { id: String },
    FetchPayment { id: String },
    PaymentRefunds { id: String },
    Capture { id: String, ask: CaptureAsk },
    Void { id: String },
    Refund(RefundAsk),
    FetchRefund { id: String },
    FindRefunds { reference: String },
    FetchDispute { id: String },
    FindDisputes { payment: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenAsk {
    pub(crate) reference: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) capture: CaptureMode,
    pub(crate) return_url: String,
    pub(crate) cancel_url: String,
    pub(crate) expires_at: i64,
    pub(crate) description: Option<String>,
    pub(crate) locale: Option<String>,
    #[serde(default)]
    pub(crate) faults: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaptureAsk {
    pub(crate) amount: i64,
    pub(crate) reference: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundAsk {
    pub(crate) payment: String,
    pub(crate) amount: i64,
    pub(crate) reference: String,
    pub(crate) reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Ask {
    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Open(_) => Operation::Open,
            Self::Expire { .. } => Operation::Expire,
            Self::Capture { .. } => Operation::Capture,
            Self::Void { .. } => Operation::Void,
            Self::Refund(_) => Operation::Refund,
            Self::FetchSession { .. }
            | Self::FindSessions { .. }
            | Self::FetchPayment { .. }
            | Self::PaymentRefunds { .. }
            | Self::FetchRefund { .. }
            | Self::FindRefunds { .. }
            | Self::FetchDispute { .. }
            | Self::FindDisputes { .. } => Operation::Fetch,
        }
    }
}

pub(crate) fn parse(method: &Method, uri: &Uri, body: &[u8]) -> Result<Ask, Refusal> {
    let path = uri.path();
    let parts: Vec<&str> = path.split('/').skip(2).collect();
    // HEAD is answered like GET; the server leaves the body out.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let own = |id: &&str| (*id).to_owned();
    match (method, &parts[..]) {
        ("POST", ["sessions"]) => Ok(Ask::Open(Box::new(open(body)?))),
        ("GET", ["sessions"]) => Ok(Ask::FindSessions { reference: query(uri, "reference")? }),
        ("GET", ["sessions", id]) => Ok(Ask::FetchSession { id: own(id) }),
        ("POST", ["sessions", id, "expire"]) => nothing(body).map(|()| Ask::Expire { id: own(id) }),
        ("GET", ["payments", id]) => Ok(Ask::FetchPayment { id: own(id) }),
        ("GET", ["payments", id, "refunds"]) => Ok(Ask::PaymentRefunds { id: own(id) }),
        ("POST", ["payments", id, "capture"]) => Ok(Ask::Capture { id: own(id), ask: capture(body)? }),
        ("POST", ["payments", id, "void"]) => nothing(body).map(|()| Ask::Void { id: own(id) }),
        ("POST", ["refunds"]) => Ok(Ask::Refund(refund(body)?)),
        ("GET", ["refunds"]) => Ok(Ask::FindRefunds { reference: query(uri, "reference")? }),
        ("GET", ["refunds", id]) => Ok(Ask::FetchRefund { id: own(id) }),
        ("GET", ["disputes"]) => Ok(Ask::FindDisputes { payment: query(uri, "payment")? }),
        ("GET", ["disputes", id]) => Ok(Ask::FetchDispute { id: own(id) }),
        (
            _,
            ["sessions" | "refunds" | "disputes"]
            | ["sessions" | "payments" | "refunds" | "disputes", _]
            | ["sessions", _, "expire"]
            | ["payments", _, "capture" | "void" | "refunds"],
        ) => Err(Refusal::MethodNotAllowed),
        _ => Err(Refusal::NotFound(format!("path {path}"))),
    }
}

/// A strict body; what is wrong with it is said in the message.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| invalid(&format!("The body does not fit: {error}.")))
}

pub(crate) fn amount(amount: i64) -> Result<(), Refusal> {
    let fits = (1..=AMOUNT_MAX).contains(&amount);
    fits.then_some(())
        .ok_or_else(|| invalid(&format!("`amount` must be from 1 to {AMOUNT_MAX} minor units.")))
}

/// The one query parameter that is asked for.
pub(crate) fn query(uri: &Uri, name: &str) -> Result<String, Refusal> {
    let wanted = format!("Give the query parameter `{name}`, and no other.");
    let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return Err(invalid(&wanted));
    };
    match &pairs[..] {
        [(given, value)] if given == name && !value.is_empty() => Ok(value.clone()),
        _ => Err(invalid(&wanted)),
    }
}

pub(crate) fn invalid(message: &str) -> Refusal {
    Refusal::Invalid(message.to_owned())
}

fn nothing(body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() { Ok(()) } else { json::<Nothing>(body).map(|Nothing {}| ()) }
}

fn open(body: &[u8]) -> Result<OpenAsk, Refusal> {
    let ask: OpenAsk = json(body)?;
    reference(&ask.reference)?;
    amount(ask.amount)?;
    if ask.currency.len() != 3 || !ask.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(invalid("`currency` must be three upper-case letters."));
    }
    url("return_url", &ask.return_url)?;
    url("cancel_url", &ask.cancel_url)?;
    if ask.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
        return Err(invalid(&format!("`description` is at most {DESCRIPTION_CHARS_MAX} characters.")));
    }
    let is_locale = |text: &String| {
        (2..=LOCALE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !ask.locale.as_ref().is_none_or(is_locale) {
        return Err(invalid("`locale` must be a language tag such as `de` or `pt-BR`."));
    }
    if ask.faults.len() > SESSION_FAULTS_MAX {
        return Err(invalid(&format!("`faults` are at most {SESSION_FAULTS_MAX}.")));
    }
    Ok(ask)
}

fn capture(body: &[u8]) -> Result<CaptureAsk, Refusal> {
    let ask: CaptureAsk = json(body)?;
    amount(ask.amount)?;
    reference(&ask.reference)?;
    Ok(ask)
}

fn refund(body: &[u8]) -> Result<RefundAsk, Refusal> {
    let ask: RefundAsk = json(body)?;
    amount(ask.amount)?;
    reference(&ask.reference)?;
    if ask.reason.as_ref().is_some_and(|text| text.chars().count() > REASON_CHARS_MAX) {
        return Err(invalid(&format!("`reason` is at most {REASON_CHARS_MAX} characters.")));
    }
    Ok(ask)
}

fn reference(text: &str) -> Result<(), Refusal> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    if (1..=REFERENCE_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain) {
        Ok(())
    } else {
        Err(invalid("`reference` must be 1 to 64 ASCII letters, digits, `_`, `-`, `.` or `:`."))
    }
}

fn url(field: &str, text: &str) -> Result<(), Refusal> {
    let fits = text.len() <= URL_BYTES_MAX
        && reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if fits { Ok(()) } else { Err(invalid(&format!("`{field}` must be an http or https URL."))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn session(changes: &Value) -> Value {
        let mut body = json!({
            "reference": "att_1", "amount": 1000, "currency": "EUR", "capture": "manual",
            "return_url": "https://shop.example/r?x=1", "cancel_url": "http://shop.example/c", "expires_at": 5,
        });
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    }

    #[test]
    fn a_refused_body_names_its_field() {
        let rows = [
            (json!({}), None),
            (json!({"description": "<b>", "locale": "pt-BR", "faults": ["any:stall"]}), None),
            (json!({"color": 1}), Some("unknown field `color`")),
            (json!({"amount": 0}), Some("`amount`")),
            (json!({"amount": -1}), Some("`amount`")),
            (json!({"amount": 1_000_000_000_000_i64}), Some("`amount`")),
            (json!({"amount": 1.5}), Some("floating point `1.5`")),
            (json!({"currency": "eur"}), Some("`currency`")),
            (json!({"capture": "later"}), Some("unknown variant `later`")),
            (json!({"return_url": "javascript:alert(1)"}), Some("`return_url`")),
            (json!({"cancel_url": "/c"}), Some("`cancel_url`")),
            (json!({"reference": "a b"}), Some("`reference`")),
            (json!({"reference": "x".repeat(65)}), Some("`reference`")),
            (json!({"locale": "e"}), Some("`locale`")),
        ];
        for (changes, message) in rows {
            let body = session(&changes).to_string();
            let refused = open(body.as_bytes()).err().map(|refusal| refusal.to_string());
            match (&refused, message) {
                (None, None) => {}
                (Some(refused), Some(message)) => assert!(refused.contains(message), "{refused}"),
                (Some(_), None) | (None, Some(_)) => panic!("{changes}: {refused:?}"),
            }
        }
    }

    #[test]
    fn paths_and_methods() {
        let rows = [
            ("GET", "/v1/sessions/ss_1", None),
            ("HEAD", "/v1/sessions/ss_1", None),
            ("GET", "/v1/sessions?reference=a", None),
            ("GET", "/v1/sessions", Some(400)),
            ("GET", "/v1/sessions?reference=a&limit=1", Some(400)),
            ("DELETE", "/v1/sessions/ss_1", Some(405)),
            ("GET", "/v1/payments/pm_1/capture", Some(405)),
            ("GET", "/v1/payments", Some(404)),
            ("POST", "/v1/sessions/ss_1/expire", None),
            ("GET", "/v1/", Some(404)),
        ];
        for (method, uri, status) in rows {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let asked = parse(&method, &Uri::from_static(uri), b"");
            assert_eq!(asked.err().map(|refusal| refusal.status()), status, "{uri}");
        }
        let strict = parse(&Method::POST, &Uri::from_static("/v1/payments/pm_1/void"), b"{\"x\":1}");
        assert_eq!(strict.err().map(|refusal| refusal.status()), Some(400));
    }
}
