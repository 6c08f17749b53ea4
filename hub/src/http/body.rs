//! A JSON request body: its media type, its size, its bytes.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Front;
use super::problem::{Kind, Problem};

/// A request with its whole JSON body, not parsed yet.
#[derive(Debug)]
pub struct JsonRequest {
    /// The address.
    pub uri: Uri,
    /// Header lines.
    pub headers: HeaderMap,
    /// The body's bytes; empty when there was none.
    pub body: Vec<u8>,
}

impl FromRequest<Front> for JsonRequest {
    type Rejection = Problem;

    async fn from_request(request: Request, front: &Front) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let body = read(body, front.settings.body_bytes_max).await?;
        let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = media_type.is_some_and(|media_type| {
            let essence = media_type.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        });
        if !body.is_empty() && !is_json {
            return Err(Problem::new(Kind::UnsupportedMediaType));
        }
        Ok(Self { uri: parts.uri, headers: parts.headers, body })
    }
}

impl JsonRequest {
    /// The body, or an empty object where a call needs no field.
    pub fn body_or_empty_object(&self) -> &[u8] {
        if self.body.is_empty() { b"{}" } else { &self.body }
    }
}

/// Reads a body up to a limit in bytes.
///
/// # Errors
/// [`Kind::BodyTooLarge`]; [`Kind::MalformedJson`] when the connection broke.
pub async fn read(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Problem::new(Kind::BodyTooLarge)
                .detail(format!("The body may have at most {bytes_max} bytes.")))
        }
        Err(_) => Err(Problem::new(Kind::MalformedJson).detail("The body ended before it was whole.")),
    }
}
