//! The hosted page where the shopper pays: plain HTML that works without scripts.
//!
//! Invariant: whatever comes from outside is escaped, and a finished session is never charged again.

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use crate::api::missing;
use crate::objects::{DeclineCode, Session, SessionStatus};
use crate::office::Office;
use crate::refusal::Refusal;
use crate::reply::respond;
use crate::rules::{self, Act};

const HTML: &str = "text/html; charset=utf-8";

#[derive(Deserialize)]
pub(crate) struct PageAsk {
    action: String,
    decline_code: Option<String>,
}

pub(crate) async fn healthz() -> Response {
    respond(200, "application/json", "{\"status\":\"ok\"}".to_owned())
}

pub(crate) async fn welcome() -> Response {
    html(
        200,
        "Sandbox Pay",
        "<p>This is a make-believe payment processor for tests. No real money moves, and no card number is \
         asked for.</p>\n<p>Its API is under <code>/v1</code>. Its <code>/admin</code> calls have no \
         authentication, so it belongs on a loopback address only.</p>",
    )
}

pub(crate) async fn show(State(office): State<Arc<Office>>, Path(id): Path<String>) -> Response {
    let session = match office
        .work(|step| step.book.sessions.get(&id).cloned().ok_or_else(|| missing("session", &id)))
    {
        Ok(session) => session,
        Err(refusal) => return refused(&refusal),
    };
    if office.settled().await.is_err() {
        return refused(&Refusal::ServerError);
    }
    match session.status {
        SessionStatus::Open => html(200, "Pay", &form(&session)),
        SessionStatus::Expired => finished(410, &session),
        SessionStatus::Processing
        | SessionStatus::Authorized
        | SessionStatus::Paid
        | SessionStatus::Declined
        | SessionStatus::Voided => finished(200, &session),
    }
}

pub(crate) async fn submit(
    State(office): State<Arc<Office>>,
    Path(id): Path<String>,
    form: Result<Form<PageAsk>, FormRejection>,
) -> Response {
    let asked = form.ok().and_then(|Form(ask)| read_act(&ask.action, ask.decline_code.as_deref()));
    let Some(act) = asked else {
        return html(400, "Not understood", "<p>Please go back and choose again.</p>");
    };
    let result = office.work(|step| {
        let session = step.book.sessions.get(&id).cloned().ok_or_else(|| missing("session", &id))?;
        if let Ok(change) = rules::act(session.clone(), act, &step.stamp) {
            step.make(change);
            return Ok(Ok(session));
        }
        Ok(Err(session))
    });
    if office.settled().await.is_err() {
        return refused(&Refusal::ServerError);
    }
    match result {
        Ok(Ok(session)) => see_other(&next_url(&session, act)),
        Ok(Err(session)) => {
            finished(if session.status == SessionStatus::Expired { 410 } else { 409 }, &session)
        }
        Err(refusal) => refused(&refusal),
    }
}

/// The shopper's choice in the words of the form.
pub(crate) fn read_act(action: &str, decline_code: Option<&str>) -> Option<Act> {
    match action {
        "pay" => Some(Act::Pay),
        "cancel" => Some(Act::Cancel),
        "pay_later" => Some(Act::PayLater),
        "decline" => read_decline_code(decline_code).map(Act::Decline),
        _ => None,
    }
}

/// Without a code a decline is the common one; an unknown code is none at all.
pub(crate) fn read_decline_code(text: Option<&str>) -> Option<DeclineCode> {
    match text {
        None | Some("card_declined") => Some(DeclineCode::CardDeclined),
        Some("insufficient_funds") => Some(DeclineCode::InsufficientFunds),
        Some("stolen_card") => Some(DeclineCode::StolenCard),
        Some("processor_unavailable") => Some(DeclineCode::ProcessorUnavailable),
        Some(_) => None,
    }
}

fn next_url(session: &Session, act: Act) -> String {
    match act {
        Act::Cancel => session.cancel_url.clone(),
        Act::Pay | Act::PayLater | Act::Decline(_) => with_session(&session.return_url, &session.id),
    }
}

/// The URL with `session=<id>` at the end of its query, and everything else as it was.
fn with_session(url: &str, id: &str) -> String {
    let (before, fragment) = match url.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (url, None),
    };
    let joint = match before.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{before}{joint}session={id}{fragment}")
}

fn form(session: &Session) -> String {
    let amount = escape(&formatted(session.amount, &session.currency));
    let language =
        session.locale.as_ref().map(|tag| format!(" lang=\"{}\"", escape(tag))).unwrap_or_default();
    let description = session.description.as_ref();
    let description =
        description.map(|text| format!("<p{language}>{}</p>\n", escape(text))).unwrap_or_default();
    format!(
        r#"{description}<p>Amount: <strong>{amount}</strong></p>
<p>This is a test page. No real money moves.</p>
<form method="post">
<p><button type="submit" name="action" value="pay">Pay {amount}</button></p>
<p><button type="submit" name="action" value="pay_later">Pay later</button></p>
<fieldset>
<legend>Let the payment fail</legend>
<p><label for="decline_code">Reason</label>
<select id="decline_code" name="decline_code">
<option value="card_declined">Card declined</option>
<option value="insufficient_funds">Insufficient funds</option>
<option value="stolen_card">Stolen card</option>
<option value="processor_unavailable">Processor unavailable</option>
</select>
<button type="submit" name="action" value="decline">Decline</button></p>
</fieldset>
<p><button type="submit" name="action" value="cancel">Cancel and go back</button></p>
</form>"#
    )
}

fn finished(status: u16, session: &Session) -> Response {
    let (title, text) = match session.status {
        SessionStatus::Open => ("Open", "This payment is still open."),
        SessionStatus::Processing => {
            ("In progress", "You have approved this payment; it is being worked on.")
        }
        SessionStatus::Authorized | SessionStatus::Paid => {
            ("Already paid", "This payment was already made. You are not charged again.")
        }
        SessionStatus::Declined => ("Declined", "This payment was declined. Please start again in the shop."),
        SessionStatus::Expired => {
            ("Expired", "The time for this payment is over. Please start again in the shop.")
        }
        SessionStatus::Voided => ("Released", "This payment was released. You are not charged."),
    };
    let back = escape(&with_session(&session.return_url, &session.id));
    html(status, title, &format!("<p>{text}</p>\n<p><a href=\"{back}\">Back to the shop</a></p>"))
}

fn refused(refusal: &Refusal) -> Response {
    html(refusal.status(), "Not available", &format!("<p>{}</p>", escape(&refusal.to_string())))
}

fn see_other(url: &str) -> Response {
    let mut response =
        html(303, "Back to the shop", &format!("<p><a href=\"{0}\">Go on</a></p>", escape(url)));
    // The URL was checked when the session was opened; what is not ASCII is sent as its bytes.
    if let Ok(location) = HeaderValue::from_bytes(url.as_bytes()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn html(status: u16, title: &str, content: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title} - Sandbox Pay</title>\n\
         <style>body{{font-family:sans-serif;max-width:32rem;margin:2rem auto;padding:0 1rem;line-height:1.5}}\
         button,select{{font:inherit;padding:.4rem .8rem}}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         {content}\n</main>\n</body>\n</html>\n"
    );
    let mut response = respond(status, HTML, page);
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The amount as people write it, such as `EUR 12.34`.
fn formatted(amount: i64, currency: &str) -> String {
    let decimals = match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    if decimals == 0 {
        return format!("{currency} {amount}");
    }
    let unit = 10_i64.pow(decimals);
    let width = if decimals == 3 { 3 } else { 2 };
    format!("{currency} {}.{:0width$}", amount / unit, amount % unit)
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_their_currency() {
        let rows = [
            (1234, "EUR", "EUR 12.34"),
            (5, "EUR", "EUR 0.05"),
            (1234, "JPY", "JPY 1234"),
            (1234, "BHD", "BHD 1.234"),
            (1005, "KWD", "KWD 1.005"),
        ];
        for (amount, currency, text) in rows {
            assert_eq!(formatted(amount, currency), text);
        }
    }

    #[test]
    fn the_session_is_appended_and_the_rest_of_the_url_kept() {
        let rows = [
            ("https://s.example/r", "https://s.example/r?session=ss_1"),
            ("https://s.example/r?", "https://s.example/r?session=ss_1"),
            ("https://s.example/r?a=%20b+c", "https://s.example/r?a=%20b+c&session=ss_1"),
            ("https://s.example/r?a=1#top", "https://s.example/r?a=1&session=ss_1#top"),
        ];
        for (url, expected) in rows {
            assert_eq!(with_session(url, "ss_1"), expected);
        }
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
