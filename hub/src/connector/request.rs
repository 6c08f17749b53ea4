//! From an adapter's request to the bytes that leave: body and header lines, secrets put in by place.
//!
//! Invariant: a secret gets into a body only where the adapter marked a place for it in the structure. No text
//! of a shopper can name one, and none is ever put into a URL.

use form_urlencoded::byte_serialize;
use processor_sdk::{Delivery, Fault, HttpRequest, Method, Part, ReadRule, RequestBody};
use serde_json::Value;
use zeroize::Zeroizing;

use super::credentials::Carrier;
use super::transport::PreparedRequest;

/// The longest body that is sent, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// How many header lines an adapter may add, and how long one may be in bytes.
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 4 * 1024;

/// What only the host writes: credentials, and what frames the message.
const HEADERS_RESERVED: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Header lines as they leave; zeroized because one of them is the credential.
pub type HeaderLines = Vec<(String, Zeroizing<String>)>;

/// The header lines and the body, credentials excluded.
///
/// # Errors
/// [`Fault::CannotAsk`] naming the part that cannot be sent.
pub fn head_and_body(
    request: &HttpRequest,
    carrier: Carrier<'_>,
    delivery: Option<&Delivery>,
) -> Result<(HeaderLines, Zeroizing<Vec<u8>>), Fault> {
    let (content_type, body) = body(&request.body, carrier, delivery)?;
    if body.len() > BODY_BYTES_MAX {
        return Err(Fault::cannot_ask("body", &format!("is longer than {BODY_BYTES_MAX} bytes")));
    }
    if request.method == Method::Get && !body.is_empty() {
        return Err(Fault::cannot_ask("body", "must be empty in a GET"));
    }
    let mut headers = Vec::new();
    for (name, value) in &request.headers.0 {
        check_header(name, value)?;
        headers.push((name.clone(), Zeroizing::new(value.clone())));
    }
    if headers.len() > HEADERS_MAX {
        return Err(Fault::cannot_ask("headers", &format!("are more than {HEADERS_MAX} lines")));
    }
    if let Some(content_type) = content_type
        && request.headers.get("content-type").is_none()
    {
        check_header("content-type", content_type)?;
        headers.push(("content-type".to_owned(), Zeroizing::new(content_type.to_owned())));
    }
    Ok((headers, body))
}

/// Refuses what could break out of the header line, and the lines that are the host's.
pub fn check_header(name: &str, value: &str) -> Result<(), Fault> {
    let refuse = |reason: &str| Err(Fault::cannot_ask("headers", reason));
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return refuse("hold a name that is not a header name");
    }
    if HEADERS_RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return refuse(&format!("must not hold `{name}`: the host writes it"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return refuse(&format!("hold a value for `{name}` that is not printable ASCII"));
    }
    if name.len() + value.len() > HEADER_BYTES_MAX {
        return refuse(&format!("hold a line for `{name}` that is longer than {HEADER_BYTES_MAX} bytes"));
    }
    Ok(())
}

/// Whether a request only reads: a GET, or what the descriptor lists as a read.
pub fn is_read(request: &PreparedRequest, reads: &[ReadRule]) -> bool {
    let is_listed = |rule: &ReadRule| {
        rule.method == request.method
            && request.url.path().starts_with(&rule.path_prefix)
            && rule.body_prefix.as_ref().is_none_or(|prefix| request.body.starts_with(prefix.as_bytes()))
    };
    request.method == Method::Get || reads.iter().any(is_listed)
}

type Body<'a> = (Option<&'a str>, Zeroizing<Vec<u8>>);

fn body<'a>(
    body: &'a RequestBody,
    carrier: Carrier<'_>,
    delivery: Option<&Delivery>,
) -> Result<Body<'a>, Fault> {
    match body {
        RequestBody::Empty => Ok((None, Zeroizing::default())),
        RequestBody::Json { value, secrets } => {
            let mut value = value.clone();
            for (pointer, secret) in secrets {
                let refuse = || Fault::cannot_ask("body.secrets", &format!("need a null at {pointer}"));
                let place = value.pointer_mut(pointer).filter(|place| place.is_null()).ok_or_else(refuse)?;
                *place = Value::String(carrier.carry(secret)?.reveal().to_owned());
            }
            Ok((Some("application/json"), Zeroizing::new(value.to_string().into_bytes())))
        }
        RequestBody::Form { fields } => {
            let mut text = Zeroizing::new(String::new());
            for (name, part) in fields {
                let value = part_bytes(part, carrier, delivery)?;
                if !text.is_empty() {
                    text.push('&');
                }
                text.extend(byte_serialize(name.as_bytes()));
                text.push('=');
                text.extend(byte_serialize(&value));
            }
            Ok((Some("application/x-www-form-urlencoded"), Zeroizing::new(text.as_bytes().to_vec())))
        }
        RequestBody::Raw { content_type, parts } => {
            let mut bytes = Zeroizing::new(Vec::new());
            for part in parts {
                bytes.extend_from_slice(&part_bytes(part, carrier, delivery)?);
            }
            Ok((Some(content_type), bytes))
        }
    }
}

/// The text of a part, as the user name or password of credentials.
pub fn part_text(part: &Part, carrier: Carrier<'_>) -> Result<Zeroizing<String>, Fault> {
    match part {
        Part::Text(text) => Ok(Zeroizing::new(text.clone())),
        Part::Secret(secret) => Ok(Zeroizing::new(carrier.carry(secret)?.reveal().to_owned())),
        Part::DeliveryBody | Part::DeliveryUrl => {
            Err(Fault::cannot_ask("auth", "must be made of texts and secrets, not of a delivery"))
        }
    }
}

fn part_bytes(
    part: &Part,
    carrier: Carrier<'_>,
    delivery: Option<&Delivery>,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let delivery =
        || delivery.ok_or_else(|| Fault::cannot_ask("body", "holds a part of a delivery, and there is none"));
    let bytes = match part {
        Part::Text(text) => text.as_bytes(),
        Part::Secret(secret) => carrier.carry(secret)?.reveal().as_bytes(),
        Part::DeliveryBody => delivery()?.body.as_slice(),
        Part::DeliveryUrl => delivery()?.url.as_bytes(),
    };
    Ok(Zeroizing::new(bytes.to_vec()))
}
