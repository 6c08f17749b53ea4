//! The shop's side of the hub's API: what any cart has to write, and no more.
//!
//! Invariant: what the hub answers is read with a limit, and an answer that is not understood is an error.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The longest id that is put into a path, in bytes.
const ID_BYTES_MAX: usize = 64;

/// The hub, as the shop sees it.
pub(super) struct HubClient {
    http: reqwest::Client,
    api_base: String,
    api_key: String,
}

/// Why the hub did not do what the shop asked.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Nobody answered, or not to the end.
    #[error("the payment hub does not answer")]
    Unreachable(#[from] reqwest::Error),
    /// The answer is not what the API promises.
    #[error("the payment hub's answer cannot be read")]
    Unreadable,
    /// The hub said no.
    #[error("the payment hub refused: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem's code for programs.
        code: String,
        /// The problem's text for people.
        detail: String,
    },
}

/// A payment intent, as far as the shop uses it. Fields that it does not know are ignored, and words that
/// it does not know are shown as they are: the API grows.
#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) amount_capturable: i64,
    #[serde(default)]
    pub(super) amount_captured: i64,
    #[serde(default)]
    pub(super) amount_refunded: i64,
    #[serde(default)]
    pub(super) cancel_requested: bool,
    pub(super) order_reference: Option<String>,
    pub(super) checkout_url: Option<String>,
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) attempts: Vec<Attempt>,
    #[serde(default)]
    pub(super) captures: Vec<Transfer>,
}

/// One try through one connector.
#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    pub(super) connector: String,
    pub(super) state: String,
}

/// A capture or a refund.
#[derive(Debug, Deserialize)]
pub(super) struct Transfer {
    pub(super) amount: i64,
    pub(super) status: String,
}

/// A list of the API.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
}

/// An endpoint for webhooks; its secret is shown only when it is new.
#[derive(Deserialize)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(default)]
struct ProblemBody {
    code: String,
    detail: String,
    errors: Vec<ProblemField>,
}

#[derive(Deserialize)]
struct ProblemField {
    pointer: String,
    detail: String,
}

impl Default for ProblemBody {
    fn default() -> Self {
        Self { code: String::new(), detail: "it did not say why".to_owned(), errors: vec![] }
    }
}

impl HubClient {
    pub(super) fn new(http: reqwest::Client, api_base: &str, api_key: String) -> Self {
        Self { http, api_base: api_base.trim_end_matches('/').to_owned(), api_key }
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HubError> {
        read_json(&self.exchange(Method::GET, path, None, None).await?)
    }

    /// Asks for something to be done, once per `idempotency_key`.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        idempotency_key: &str,
        body: &Value,
    ) -> Result<T, HubError> {
        read_json(&self.exchange(Method::POST, path, Some(idempotency_key), Some(body)).await?)
    }

    /// Changes something; doing it twice is doing it once.
    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, HubError> {
        read_json(&self.exchange(Method::PATCH, path, None, Some(body)).await?)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        idempotency_key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Vec<u8>, HubError> {
        let url = format!("{}{path}", self.api_base);
        let mut request = self.http.request(method, url).bearer_auth(&self.api_key);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let mut response = request.send().await?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if answer.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(HubError::Unreadable);
            }
            answer.extend_from_slice(&chunk);
        }
        if response.status().is_success() {
            return Ok(answer);
        }
        Err(refused(response.status().as_u16(), &answer))
    }
}

fn read_json<T: DeserializeOwned>(answer: &[u8]) -> Result<T, HubError> {
    serde_json::from_slice(answer).map_err(|_| HubError::Unreadable)
}

fn refused(status: u16, answer: &[u8]) -> HubError {
    let problem: ProblemBody = serde_json::from_slice(answer).unwrap_or_default();
    let mut detail = problem.detail;
    for field in problem.errors {
        // One wrong field is often the whole story already.
        if !detail.contains(&field.detail) {
            detail = format!("{detail} ({}: {})", field.pointer, field.detail);
        }
    }
    HubError::Refused { status, code: problem.code, detail }
}

/// Whether a text that came from a browser may stand in a path as an id of this kind.
pub(super) fn is_id(prefix: &str, text: &str) -> bool {
    let Some(body) = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) else { return false };
    text.len() <= ID_BYTES_MAX && !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_get_into_paths() {
        let rows = [
            ("pi_01kb3v7q2m0r5s9x4w8t6y1zab", true),
            ("pi_", false),
            ("", false),
            ("re_01kb3v7q2m0r5s9x4w8t6y1zab", false),
            ("pi_../refunds", false),
            ("pi_a/b", false),
            ("pi_a?b", false),
            ("pi_a%2fb", false),
            ("pi_é", false),
            ("pi_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ];
        for (text, expected) in rows {
            assert_eq!(is_id("pi", text), expected, "{text}");
        }
    }

    #[test]
    fn a_refusal_always_says_something() {
        let rows: [(&[u8], &str); 5] = [
            (br#"{"code":"refused","detail":"Too much."}"#, "Too much."),
            (
                br#"{"detail":"Wrong.","errors":[{"pointer":"/amount","detail":"must be positive"}]}"#,
                "Wrong. (/amount: must be positive)",
            ),
            (br#"{"detail":"Too much.","errors":[{"pointer":"/amount","detail":"Too much."}]}"#, "Too much."),
            (b"<html>", "it did not say why"),
            (b"[]", "it did not say why"),
        ];
        for (answer, expected) in rows {
            let HubError::Refused { status: 409, detail, .. } = refused(409, answer) else {
                panic!("{expected}")
            };
            assert_eq!(detail, expected);
        }
    }
}
