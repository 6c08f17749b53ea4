//! The redactor: whatever stands around a secret, and in whichever form it comes back, it does not come through.
//!
//! An input is text in which each byte 0xFF stands for the secret, in the form that the byte after it names.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use payhub::connector::credentials::{SecretText, SecretValues};
use payhub::connector::redact::{Redactor, Span};
use processor_sdk::{Bytes, Headers, HttpRequest, HttpResponse, Timestamp};
use url::form_urlencoded::byte_serialize;

use crate::promises::RECORD_BYTES_MAX;

const SECRETS: [&str; 2] = ["key+of/the \"redactor\"=\u{e4}1", "whsec_plain_of_redactor"];
/// What stands for a secret in an input.
const PLACE: u8 = 0xff;
const NOW: Timestamp = Timestamp::from_micros(1_767_323_050_000_000);

/// Feeds one input.
pub(crate) fn run(input: &[u8]) {
    let body = planted(input);
    let secret = |text: &str| SecretText::new(text);
    let values = SecretValues::new(BTreeMap::from([
        ("api_key".to_owned(), vec![secret(SECRETS[0])]),
        ("webhook".to_owned(), vec![secret(SECRETS[1])]),
    ]));
    let redactor = Redactor::new(&values, &["client_secret".to_owned()]);
    let forms: Vec<String> =
        SECRETS.iter().flat_map(|secret| (0..FORMS).map(|form| written(secret, form))).collect();

    let text = String::from_utf8_lossy(&body).into_owned();
    let clean = redactor.text(&text);
    holds_none(&clean, &forms);
    assert!(!redactor.finds_secret(&clean), "finds a secret in what it cleaned: {clean}");
    assert_eq!(redactor.text(&clean), clean, "cleans what is clean");
    let reason = redactor.reason(&text);
    holds_none(&reason, &forms);
    assert!(reason.chars().count() <= 300 && !reason.contains('\n'), "no reason for a person: {reason}");
    assert!(!hub_core::card_number::find_card_number(&reason), "a card number in {reason}");

    let mut headers = Headers::default();
    let is_form = body.first().is_some_and(|first| first % 2 == 1);
    headers
        .push("content-type", if is_form { "application/x-www-form-urlencoded" } else { "application/json" });
    headers.push("x-echo", &text);
    let response = HttpResponse { status: 200, headers, body: Bytes::new(body) };
    let shown = redactor.response(response.clone(), None);
    holds_none(&String::from_utf8_lossy(shown.body.as_slice()), &forms);
    shown.headers.0.iter().for_each(|(_, value)| holds_none(value, &forms));
    // What is kept is made of the response that the adapter saw, and of the one that nobody cleaned.
    let request = HttpRequest::get("https://api.test/pay?client_secret=abc");
    let span = Span { began_at: NOW, ended_at: NOW };
    for response in [&response, &shown] {
        let record = redactor.send_record(&request, Ok(response), span);
        let kept = serde_json::to_string(&record).expect("a record can be written");
        SECRETS.iter().for_each(|secret| assert!(!kept.contains(secret), "{secret} in {kept}"));
        let url = record.url.as_deref().unwrap_or_default();
        assert!(!url.contains("client_secret=abc"), "a field that must not be stored: {url}");
        assert!(kept.len() <= RECORD_BYTES_MAX, "{} bytes are kept", kept.len());
    }
}

fn planted(input: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut bytes = input.iter();
    while let Some(byte) = bytes.next() {
        match *byte {
            PLACE => {
                let choice = bytes.next().copied().unwrap_or_default();
                let secret = SECRETS[usize::from(choice >> 4) % SECRETS.len()];
                body.extend_from_slice(written(secret, choice % FORMS).as_bytes());
            }
            other => body.push(other),
        }
    }
    body
}

const FORMS: u8 = 6;

/// The forms in which processors repeat what they were sent.
fn written(secret: &str, form: u8) -> String {
    match form {
        0 => secret.to_owned(),
        1 => serde_json::Value::from(secret).to_string().trim_matches('"').to_owned(),
        2 => byte_serialize(secret.as_bytes()).collect(),
        3 => processor_sdk::percent_encoded(secret),
        4 => STANDARD.encode(secret),
        _ => URL_SAFE_NO_PAD.encode(secret),
    }
}

fn holds_none(text: &str, forms: &[String]) {
    if let Some(form) = forms.iter().find(|form| text.contains(form.as_str())) {
        panic!("the secret came through as {form}: {text}");
    }
}
