//! OAuth2 access tokens by client credentials (RFC 6749 §4.4): fetched once, shared, renewed before they expire.
//!
//! Invariant: at most one fetch per token is under way, so that a thousand payments after an expiry ask once;
//! and a token goes only where the client secret it was bought with may go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use form_urlencoded::byte_serialize;
use processor_sdk::{Fault, HttpResponse, Json, Method, OAuthClientStyle, Timestamp};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::credentials::{SecretText, basic};
use super::transport::PreparedRequest;

/// How long a token is used whose answer does not say, in seconds.
const LIFETIME_S_UNSAID: i64 = 300;

/// The longest lifetime that is believed, in seconds: a day.
const LIFETIME_S_MAX: i64 = 86_400;

/// How long before its end a token is renewed, in seconds, so that it does not expire on its way.
const MARGIN_S: i64 = 60;

/// How many different tokens one connector keeps.
const TOKENS_MAX: usize = 16;

/// What a token was fetched for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenKey {
    pub token_url: String,
    /// Who asks: the text of the client id, or the name of the secret that holds it.
    pub client: String,
    pub secret: String,
    pub scope: Option<String>,
}

/// A token with the time until which it is used.
#[derive(Clone, Debug)]
pub struct Token {
    pub text: SecretText,
    pub fresh_until: Timestamp,
}

/// One place per token; its lock is held while the token is fetched, and that is the single flight.
pub type TokenPlace = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens of one connector, in memory only.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<HashMap<TokenKey, TokenPlace>>);

impl Tokens {
    /// The place of a token.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] when an adapter asks for ever other tokens.
    pub fn place(&self, key: &TokenKey) -> Result<TokenPlace, Fault> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= TOKENS_MAX && !places.contains_key(key) {
            return Err(Fault::cannot_ask("auth", &format!("uses more than {TOKENS_MAX} different tokens")));
        }
        Ok(Arc::clone(places.entry(key.clone()).or_default()))
    }
}

/// The request for a token.
pub fn token_request(
    url: &Url,
    client_id: &str,
    client_secret: &str,
    style: OAuthClientStyle,
    scope: Option<&str>,
) -> PreparedRequest {
    let encoded = |text: &str| Zeroizing::new(byte_serialize(text.as_bytes()).collect::<String>());
    let mut form = Zeroizing::new("grant_type=client_credentials".to_owned());
    let mut headers = vec![
        ("content-type".to_owned(), Zeroizing::new("application/x-www-form-urlencoded".to_owned())),
        ("accept".to_owned(), Zeroizing::new("application/json".to_owned())),
    ];
    if let Some(scope) = scope {
        form.push_str("&scope=");
        form.push_str(&encoded(scope));
    }
    match style {
        OAuthClientStyle::Basic => {
            // RFC 6749 §2.3.1 has both parts form-encoded before they are joined.
            let credential = basic(&encoded(client_id), &encoded(client_secret));
            headers.push(("authorization".to_owned(), Zeroizing::new(credential.reveal().to_owned())));
        }
        OAuthClientStyle::Body => {
            for (name, value) in [("&client_id=", client_id), ("&client_secret=", client_secret)] {
                form.push_str(name);
                form.push_str(&encoded(value));
            }
        }
    }
    let body = Zeroizing::new(form.as_bytes().to_vec());
    PreparedRequest { method: Method::Post, url: url.clone(), headers, body }
}

/// Reads the answer to a token request.
///
/// # Errors
/// The fault of its status: a refused client is [`Fault::Credentials`], with whatever status it was refused.
pub fn read_token(response: &HttpResponse, now: Timestamp) -> Result<Token, Fault> {
    if response.status == 400 {
        // RFC 6749 §5.2 lets `invalid_client` and `unauthorized_client` come with 400.
        return Err(Fault::Credentials { status: 400 });
    }
    let json = response.success_json()?;
    let text = SecretText::new(json.text("/access_token")?);
    let lifetime_s = lifetime_s(&json).clamp(0, LIFETIME_S_MAX);
    // A short-lived token keeps half its life: a margin as long as the token would mean no caching at all.
    let used_s = (lifetime_s - MARGIN_S).max(lifetime_s / 2);
    Ok(Token { text, fresh_until: now.checked_add_seconds(used_s).unwrap_or(now) })
}

/// `expires_in`, which some servers write as text.
fn lifetime_s(json: &Json) -> i64 {
    match json.at("/expires_in") {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(LIFETIME_S_UNSAID),
        Some(Value::String(text)) => text.trim().parse().unwrap_or(LIFETIME_S_UNSAID),
        Some(_) | None => LIFETIME_S_UNSAID,
    }
}
