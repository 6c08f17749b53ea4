//! PayPal's noes, in its own form.
//!
//! Source: the `error_…` schemas of the Orders and Payments descriptions; developer.paypal.com, "API responses".

use serde_json::{Value, json};

use crate::twins::Reply;

/// An answer that is no.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    name: &'static str,
    /// None where PayPal gives no details.
    pub(super) issue: Option<&'static str>,
    field: Option<String>,
    /// Where the shopper can choose another way to pay.
    redirect: Option<String>,
    /// The hub should not have asked like that; else it is how things are that is in the way.
    pub(super) is_violation: bool,
}

impl Refusal {
    fn new(status: u16, name: &'static str, issue: Option<&'static str>) -> Self {
        Self { status, name, issue, field: None, redirect: None, is_violation: false }
    }

    /// 400: the request is not well made.
    pub(super) fn invalid(issue: &'static str, field: &str) -> Self {
        let field = Some(field.to_owned());
        Self { field, is_violation: true, ..Self::new(400, "INVALID_REQUEST", Some(issue)) }
    }

    /// 422: it is well made, and things are not so that it could be done.
    pub(super) fn of_state(issue: &'static str) -> Self {
        Self::new(422, "UNPROCESSABLE_ENTITY", Some(issue))
    }

    /// 422 for what no caller should ask.
    pub(super) fn never_allowed(issue: &'static str, field: &str) -> Self {
        Self { is_violation: true, field: Some(field.to_owned()), ..Self::of_state(issue) }
    }

    pub(super) fn leading_to(self, url: String) -> Self {
        Self { redirect: Some(url), ..self }
    }

    pub(super) fn absent() -> Self {
        Self::new(404, "RESOURCE_NOT_FOUND", Some("INVALID_RESOURCE_ID"))
    }

    pub(super) fn no_such_address() -> Self {
        Self { is_violation: true, ..Self::new(404, "RESOURCE_NOT_FOUND", None) }
    }

    pub(super) fn media_type() -> Self {
        Self { is_violation: true, ..Self::new(415, "UNSUPPORTED_MEDIA_TYPE", None) }
    }

    pub(super) fn in_progress() -> Self {
        Self::new(409, "RESOURCE_CONFLICT", Some("PREVIOUS_REQUEST_IN_PROGRESS"))
    }

    pub(super) fn too_many() -> Self {
        Self::new(429, "RATE_LIMIT_REACHED", None)
    }

    pub(super) fn broken() -> Self {
        Self::new(500, "INTERNAL_SERVER_ERROR", None)
    }

    pub(super) fn reply(&self) -> Reply {
        let mut body = json!({
            "name": self.name, "message": "The request was not done.", "debug_id": "f57a1b2c3d4e5", "links": [],
        });
        if let Some(issue) = self.issue {
            let mut detail = json!({ "issue": issue, "description": "Why it was not." });
            if let Some(field) = &self.field {
                detail["field"] = field.as_str().into();
                detail["location"] = "body".into();
            }
            body["details"] = json!([detail]);
        }
        if let Some(url) = &self.redirect {
            body["links"] = json!([{ "href": url, "rel": "redirect", "method": "GET" }]);
        }
        json_reply(self.status, &body)
    }
}

pub(super) fn json_reply(status: u16, body: &Value) -> Reply {
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("paypal-debug-id", "f57a1b2c3d4e5".to_owned()),
    ];
    Reply { status, headers, body: body.to_string() }
}
