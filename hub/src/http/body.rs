//! A JSON request body: its media type, its size, its bytes, and the fields that one call takes.

use std::marker::PhantomData;

use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::Front;
use super::fields::Fields;
use super::problem::{Kind, Problem};

/// What a field is for, in the published document.
#[derive(Clone, Copy, Debug)]
pub struct Note {
    /// The field's name after a slash; a field of an object, or of a list's objects, after that one's.
    pub field: &'static str,
    /// For whoever writes a cart.
    pub says: &'static str,
    /// A value as JSON; empty where it is made of those of inner fields.
    pub example: &'static str,
}

/// A note.
pub const fn note(field: &'static str, says: &'static str, example: &'static str) -> Note {
    Note { field, says, example }
}

/// A call that takes no field.
#[derive(Debug)]
pub struct NoFields;

impl Body for NoFields {
    const NAME: &'static str = "Nothing";
    const KEYED: bool = true;
    const MAY_BE_EMPTY: bool = true;
    const NOTES: &'static [Note] = &[];

    fn read(_fields: &mut Fields) -> Self {
        Self
    }
}

/// The fields that a call takes. What reads them is also what describes them.
pub trait Body: Sized {
    /// The name of its schema.
    const NAME: &'static str;
    /// Whether the call takes an idempotency key.
    const KEYED: bool;
    /// Whether a request may come without a body, because no field is required.
    const MAY_BE_EMPTY: bool;

    /// What each field is for.
    const NOTES: &'static [Note];

    /// Reads every field once, so that all mistakes are told together. What depends on more than the body is
    /// checked afterwards.
    fn read(fields: &mut Fields) -> Self;
}

/// A request with its whole JSON body, not parsed yet.
#[derive(Debug)]
pub struct JsonRequest<B> {
    /// The address.
    pub uri: Uri,
    /// Header lines.
    pub headers: HeaderMap,
    /// The body's bytes; empty when there was none.
    pub body: Vec<u8>,
    fields: PhantomData<fn() -> B>,
}

impl<B: Body> FromRequest<Front> for JsonRequest<B> {
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
        Ok(Self { uri: parts.uri, headers: parts.headers, body, fields: PhantomData })
    }
}

impl<B: Body> JsonRequest<B> {
    /// Reads the body. Whoever calls adds what else is wrong and ends the reading by [`Fields::finish`].
    ///
    /// # Errors
    /// Those of [`Fields::parse`].
    pub fn read(&self) -> Result<(B, Fields), Problem> {
        let empty = B::MAY_BE_EMPTY && self.body.is_empty();
        let mut fields = Fields::parse(if empty { b"{}" } else { &self.body })?;
        Ok((B::read(&mut fields), fields))
    }
}

/// Reads a body up to a limit in bytes.
///
/// # Errors
/// [`Kind::BodyTooLarge`]; [`Kind::MalformedJson`] when the connection broke.
pub async fn read(body: HttpBody, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Problem::new(Kind::BodyTooLarge)
                .detail(format!("The body may have at most {bytes_max} bytes.")))
        }
        Err(_) => Err(Problem::new(Kind::MalformedJson).detail("The body ended before it was whole.")),
    }
}
