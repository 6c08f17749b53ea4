//! Forms and query strings: names and values in order, and the one way to encode them.
//!
//! Processors write nested values as names with brackets (`line_items[0][quantity]`), which are ordinary
//! characters here. As a body a form stays a list of pairs, because the host encodes it; in a URL the adapter
//! has to encode it itself, and that is what goes wrong by hand.
//!
//! Invariant: whatever a value holds, it stays inside its own pair and inside its own segment of a path.

use std::fmt::Write;

use crate::{HttpRequest, Part, RequestBody};

/// Names and values in order. Equal names are kept.
///
/// ```
/// use processor_sdk::Form;
///
/// let form = Form::new().with("expand[]", "payment").with_some("after", Some("a&b")).with_some("x", None);
/// assert_eq!(form.to_query(), "expand%5B%5D=payment&after=a%26b");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// A form without fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// With one more field, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The fields as the query of a URL, without the question mark; empty when there are none. Reads the
    /// same under RFC 3986 and as `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn to_query(&self) -> String {
        let pair = |(name, value): &(String, String)| {
            format!("{}={}", percent_encoded(name), percent_encoded(value))
        };
        self.fields.iter().map(pair).collect::<Vec<_>>().join("&")
    }

    /// The fields as a body. The host encodes them as `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn into_body(self) -> RequestBody {
        let fields = self.fields.into_iter().map(|(name, value)| (name, Part::Text(value))).collect();
        RequestBody::Form { fields }
    }
}

impl HttpRequest {
    /// With this form as the body.
    #[must_use]
    pub fn with_form(mut self, form: Form) -> Self {
        self.body = form.into_body();
        self
    }

    /// With these fields as the query of a URL that has none yet.
    #[must_use]
    pub fn with_query(mut self, query: &Form) -> Self {
        if !query.fields.is_empty() {
            self.url = format!("{}?{}", self.url, query.to_query());
        }
        self
    }
}

/// A text as one segment of a path or one value of a query: every byte but the unreserved characters of RFC
/// 3986 §2.3 becomes `%XX`. A segment of dots alone, which would change the path, does so too.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let only_dots = text.bytes().all(|byte| byte == b'.');
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let dot = byte == b'.' && !only_dots;
        if byte.is_ascii_alphanumeric() || dot || matches!(byte, b'-' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_where_they_are_put() {
        for (text, encoded) in [
            ("re_1Pgc72B7WZ01", "re_1Pgc72B7WZ01"),
            ("a b+c", "a%20b%2Bc"),
            ("../x?y#z&w=1", "..%2Fx%3Fy%23z%26w%3D1"),
            ("..", "%2E%2E"),
            ("metadata[a]", "metadata%5Ba%5D"),
            ("50 % {ID}", "50%20%25%20%7BID%7D"),
            ("Gänseblümchen 花", "G%C3%A4nsebl%C3%BCmchen%20%E8%8A%B1"),
            ("line\r\nbreak", "line%0D%0Abreak"),
            ("", ""),
        ] {
            assert_eq!(percent_encoded(text), encoded, "{text}");
        }
    }

    #[test]
    fn fields_keep_their_order_and_repetitions() {
        let form = Form::new().with("b[]", "1").with("b[]", "2").with("a", "").with_some("c", None);
        assert_eq!(form.to_query(), "b%5B%5D=1&b%5B%5D=2&a=");
        let pair = |name: &str, value: &str| (name.to_owned(), Part::text(value));
        let fields = vec![pair("b[]", "1"), pair("b[]", "2"), pair("a", "")];
        assert_eq!(form.into_body(), RequestBody::Form { fields });
        let url = |query: &Form| HttpRequest::get("https://api.example/x").with_query(query).url;
        assert_eq!(url(&Form::new()), "https://api.example/x");
        assert_eq!(url(&Form::new().with("q", "ü")), "https://api.example/x?q=%C3%BC");
    }
}
