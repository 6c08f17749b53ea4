//! A step as an author reads it: the request as it would look on the wire, with secrets by their names.

use std::fmt::Write as _;

use processor_sdk::{
    Auth, Bytes, HttpRequest, HttpResponse, Part, RequestBody, SecretRef, SignatureCheck, SignatureScheme,
    Step, StepAnswer,
};
use serde::Serialize;
use serde_json::Value;

/// What a step wants, several lines.
pub(super) fn step(step: &Step) -> String {
    match step {
        Step::Send(request) => format!("send\n{}", indented(&sent(request))),
        Step::Mac(mac) => {
            let key = mac.key.as_ref().map(|key| format!(" with {}", secret(key))).unwrap_or_default();
            format!(
                "compute {}{key} over {}, as {}",
                word(&mac.algorithm),
                parts(&mac.over),
                word(&mac.encoding)
            )
        }
        Step::Verify(check) => verified(check),
    }
}

/// What was answered to a step.
pub(super) fn answer(answer: &StepAnswer) -> String {
    match answer {
        StepAnswer::Response(response) => responded(response),
        StepAnswer::Mac(text) => format!("computed: {text}"),
        StepAnswer::Verified => "verified".to_owned(),
        StepAnswer::Refused { why } => format!("refused: {why}"),
    }
}

/// A value of the contract, as it stands in JSON.
pub(super) fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("not expressible in JSON: {error}"))
}

/// Every line two columns further in.
pub(super) fn indented(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn sent(request: &HttpRequest) -> String {
    let mut text = format!("{} {}\n", request.method.as_str(), request.url);
    for (name, value) in &request.headers.0 {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push_str(&credentials(&request.auth));
    match &request.body {
        RequestBody::Empty => {}
        RequestBody::Json { value, secrets } => {
            let mut shown = value.clone();
            for (pointer, name) in secrets {
                if let Some(place) = shown.pointer_mut(pointer) {
                    *place = Value::String(secret(name));
                }
            }
            let _ = write!(text, "\n{}", pretty(&shown));
        }
        RequestBody::Form { fields } => {
            text.push('\n');
            for (name, value) in fields {
                let _ = writeln!(text, "{name} = {}", part(value));
            }
        }
        RequestBody::Raw { content_type, parts } => {
            let _ = write!(text, "content-type: {content_type}\n\n");
            text.extend(parts.iter().map(part));
        }
    }
    text
}

fn credentials(auth: &Auth) -> String {
    match auth {
        Auth::None => String::new(),
        Auth::Bearer { secret: name } => format!("Authorization: Bearer {}\n", secret(name)),
        Auth::Basic { user, password } => format!("Authorization: Basic {}:{}\n", part(user), part(password)),
        Auth::Header { name, prefix, secret: named } => format!("{name}: {prefix}{}\n", secret(named)),
        Auth::OAuth2 { token_url, client_id, client_secret, .. } => {
            format!(
                "Authorization: Bearer {{token of {token_url} for {} and {}}}\n",
                part(client_id),
                secret(client_secret)
            )
        }
        Auth::Jwt { algorithm, secret: name, claims, .. } => {
            format!("Authorization: Bearer {{JWT, {}, {}, claims {claims}}}\n", word(algorithm), secret(name))
        }
    }
}

fn verified(check: &SignatureCheck) -> String {
    let with = match &check.scheme {
        SignatureScheme::Mac { algorithm, key, encoding } => {
            let key = key.as_ref().map(|key| format!(" with {}", secret(key))).unwrap_or_default();
            format!("{}{key} over {}, as {}", word(algorithm), parts(&check.over), word(encoding))
        }
        SignatureScheme::Equal { secret: name } => format!("equality with {}", secret(name)),
        SignatureScheme::RsaSha256 { encoding, .. } => {
            format!("RSA with SHA-256 over {}, as {}", parts(&check.over), word(encoding))
        }
    };
    let mut text = format!("verify {with}");
    for candidate in &check.candidates {
        let _ = write!(text, "\n  offered: {candidate}");
    }
    if let Some(signed) = &check.timestamp {
        let _ = write!(
            text,
            "\n  signed at {}, at most {} s from its receipt",
            word(&signed.at),
            signed.tolerance_s
        );
    }
    text
}

fn responded(response: &HttpResponse) -> String {
    let headers: String =
        response.headers.0.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
    format!("{}{headers}\n\n{}", response.status, content(&response.body))
}

/// A body: JSON laid out, other text as it is, bytes in their JSON form.
fn content(body: &Bytes) -> String {
    match body.as_text() {
        Some(text) => match serde_json::from_str::<Value>(text) {
            Ok(value) => pretty(&value),
            Err(_) => text.to_owned(),
        },
        None => word(body),
    }
}

fn parts(list: &[Part]) -> String {
    list.iter().map(part).collect::<Vec<_>>().join(" + ")
}

fn part(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("{text:?}"),
        Part::Secret(name) => secret(name),
        Part::DeliveryBody => "the body".to_owned(),
        Part::DeliveryUrl => "the URL".to_owned(),
    }
}

fn secret(secret: &SecretRef) -> String {
    format!("{{secret {}}}", secret.name)
}

/// A word of the contract as it stands in JSON, without quotes.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
