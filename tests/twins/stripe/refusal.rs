//! Answers that are no: Stripe's error object.
//!
//! Source: docs.stripe.com/api/errors and docs.stripe.com/error-codes.

use serde_json::{Value, json};

use crate::twins::Reply;

/// A refusal, as Stripe writes it.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) code: Option<&'static str>,
    pub(super) param: Option<String>,
    pub(super) message: String,
    /// The PaymentIntent that it is about.
    pub(super) intent: Option<Box<Value>>,
}

impl Refusal {
    pub(super) fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, param: None, message: message.into(), intent: None }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(super) fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    pub(super) fn param(self, param: &str) -> Self {
        Self { param: Some(param.to_owned()), ..self }
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(401, "invalid_request_error", message)
    }

    pub(super) fn no_such_address(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/."
        );
        Self::new(404, "invalid_request_error", message)
    }

    pub(super) fn no_such_object(kind: &str, id: &str) -> Self {
        let code = "resource_missing";
        Self { status: 404, ..Self::invalid(format!("No such {kind}: '{id}'")).code(code).param("id") }
    }

    pub(super) fn unknown_field(name: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {name}")).code("parameter_unknown").param(name)
    }

    pub(super) fn missing_field(name: &str) -> Self {
        Self::invalid(format!("Missing required param: {name}.")).code("parameter_missing").param(name)
    }

    pub(super) fn invalid_field(code: Option<&'static str>, name: &str, message: &str) -> Self {
        Self { code, ..Self::invalid(message).param(name) }
    }

    pub(super) fn key_is_for_another_request(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(400, "idempotency_error", message)
    }

    pub(super) fn key_is_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}."
        );
        Self::new(409, "idempotency_error", message).code("idempotency_key_in_use")
    }

    pub(super) fn too_many() -> Self {
        Self::new(429, "invalid_request_error", "Request rate limit exceeded.").code("rate_limit")
    }

    pub(super) fn broken() -> Self {
        Self::new(500, "api_error", "An unknown error occurred")
    }

    /// As it leaves.
    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "message": self.message, "type": self.kind });
        if let Some(code) = self.code {
            error["code"] = code.into();
            error["doc_url"] =
                format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")).into();
        }
        if let Some(param) = &self.param {
            error["param"] = param.as_str().into();
        }
        if let Some(intent) = &self.intent {
            error["payment_intent"] = intent.as_ref().clone();
        }
        json!({ "error": error })
    }

    pub(super) fn reply(&self) -> Reply {
        json_reply(self.status, self.body().to_string())
    }
}

/// An answer of the API.
pub(super) fn json_reply(status: u16, body: String) -> Reply {
    let headers =
        vec![("content-type", "application/json".to_owned()), ("request-id", "req_Tw1nOfStr1pe".to_owned())];
    Reply { status, headers, body }
}
