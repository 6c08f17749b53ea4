//! Requests an adapter wants sent and the responses it reads. Credentials are named, never held.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Bytes, Fault, Json, JwtAlgorithm, Part, SecretRef};

/// HTTP method. Anything but GET counts as able to move money, unless a [`crate::ReadRule`] lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or acts.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// The method as it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Header lines in order, duplicates kept; names compare without case (RFC 9110 §5.1).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of a header, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Appends a line.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

/// Where the OAuth2 client's own credentials go (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OAuthClientStyle {
    /// HTTP Basic.
    Basic,
    /// `client_id` and `client_secret` in the form body.
    Body,
}

/// Credentials by reference. The host fetches, caches, renews and substitutes; the adapter sees none.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Auth {
    /// No credentials.
    #[default]
    None,
    /// `Authorization: Bearer <secret>` (RFC 6750).
    Bearer {
        /// The token.
        secret: SecretRef,
    },
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// User part: text or a secret.
        user: Part,
        /// Password part: text (often empty) or a secret.
        password: Part,
    },
    /// A header of the processor's own, such as `X-API-Key`.
    Header {
        /// Header name.
        name: String,
        /// Text before the secret, such as `token `; may be empty.
        prefix: String,
        /// The secret.
        secret: SecretRef,
    },
    /// OAuth2 client credentials (RFC 6749 §4.4): the host fetches the token and keeps it until it expires.
    OAuth2 {
        /// Token endpoint, on a granted host.
        token_url: String,
        /// Client id: text or a secret.
        client_id: Part,
        /// Client secret.
        client_secret: SecretRef,
        /// Where the client's credentials go.
        style: OAuthClientStyle,
        /// Optional scope.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<String>,
    },
    /// `Authorization: Bearer <JWT>` signed by the host (RFC 7519); the host adds nothing to the claims.
    Jwt {
        /// Signing algorithm.
        algorithm: JwtAlgorithm,
        /// Signing key.
        secret: SecretRef,
        /// Header fields beside `alg` and `typ`, such as `kid`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        header: BTreeMap<String, Value>,
        /// The claims, times included: pinned to the operation's time, so that a replay signs the same.
        claims: Value,
    },
}

/// The body of a request. Secrets inside it are structural, so that no text of a shopper can name one.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestBody {
    /// No body.
    #[default]
    Empty,
    /// A JSON document; key order is kept.
    Json {
        /// The document; `null` stands where a secret goes.
        value: Value,
        /// Secrets by RFC 6901 pointer into the document; the host puts each in place of the `null` there.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        secrets: BTreeMap<String, SecretRef>,
    },
    /// `application/x-www-form-urlencoded`, in this order.
    Form {
        /// Names and values.
        fields: Vec<(String, Part)>,
    },
    /// Any other content, as parts joined without a separator.
    Raw {
        /// Media type.
        content_type: String,
        /// The parts.
        parts: Vec<Part>,
    },
}

/// One request to the processor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HttpRequest {
    /// Method.
    pub method: Method,
    /// Absolute URL on a declared and granted host; never holds a secret.
    pub url: String,
    /// Header lines, credentials excluded.
    #[serde(default, skip_serializing_if = "headers_empty")]
    pub headers: Headers,
    /// Credentials by reference.
    #[serde(default, skip_serializing_if = "auth_none")]
    pub auth: Auth,
    /// The body.
    #[serde(default, skip_serializing_if = "body_empty")]
    pub body: RequestBody,
    /// Seconds the host may keep the response in memory for this connector: for public keys and
    /// certificates only; ignored unless the method is GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_s: Option<u32>,
}

fn headers_empty(headers: &Headers) -> bool {
    headers.0.is_empty()
}
fn auth_none(auth: &Auth) -> bool {
    matches!(auth, Auth::None)
}
fn body_empty(body: &RequestBody) -> bool {
    matches!(body, RequestBody::Empty)
}

impl HttpRequest {
    /// A GET of `url`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// A POST to `url`, for now without a body.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// A request without headers, credentials and body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Headers::default(),
            auth: Auth::None,
            body: RequestBody::Empty,
            cache_s: None,
        }
    }

    /// With `Authorization: Bearer` and the named secret.
    #[must_use]
    pub fn bearer(mut self, secret: &str) -> Self {
        self.auth = Auth::Bearer { secret: SecretRef::named(secret) };
        self
    }

    /// With these credentials.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// With one more header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, value: Value) -> Self {
        self.body = RequestBody::Json { value, secrets: BTreeMap::new() };
        self
    }

    /// With a form body of plain texts.
    #[must_use]
    pub fn form<'a>(mut self, fields: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), Part::Text(value))).collect();
        self.body = RequestBody::Form { fields };
        self
    }
}

/// What the processor answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HttpResponse {
    /// HTTP status code.
    pub status: u16,
    /// Header lines.
    #[serde(default)]
    pub headers: Headers,
    /// Body, cut off by nothing: a longer one than the host's limit is a transport failure instead.
    #[serde(default)]
    pub body: Bytes,
}

impl HttpResponse {
    /// True for 200–299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status <= 299
    }

    /// The body as JSON, a byte order mark stripped.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is not JSON.
    pub fn json(&self) -> Result<Json, Fault> {
        Json::parse(self.body.as_slice())
    }

    /// The body as JSON of a successful response.
    ///
    /// # Errors
    /// The fault of its status ([`HttpResponse::status_fault`]), or [`Fault::Unreadable`].
    pub fn success_json(&self) -> Result<Json, Fault> {
        if self.is_success() { self.json() } else { Err(self.status_fault()) }
    }

    /// What a status that the adapter gives no meaning of its own says: 401 and 403 are
    /// [`Fault::Credentials`], 429 is [`Fault::Throttled`], 408, 409, 425 and 5xx are [`Fault::Processor`],
    /// all else is [`Fault::Unreadable`].
    #[must_use]
    pub fn status_fault(&self) -> Fault {
        match self.status {
            401 | 403 => Fault::Credentials { status: self.status },
            429 => Fault::Throttled {
                retry_after_s: self.headers.get("retry-after").and_then(|value| value.trim().parse().ok()),
            },
            408 | 409 | 425 | 500..=599 => Fault::Processor { status: self.status },
            status => Fault::unreadable(&format!("unexpected HTTP status {status}")),
        }
    }
}
