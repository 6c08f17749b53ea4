//! Bodies and queries of the cart's calls: each becomes something within bounds, or a problem that points at what is
//! wrong and repeats nothing.

use axum::http::Uri;
use hub_core::card_number::{find_card_number, find_in_json};
use hub_core::order::{LINES_MAX, check_lines};
use payhub::http::body::{Body, NoFields};
use payhub::http::fields::Fields;
use payhub::http::lists::Query;
use payhub::http::new_intent::NewIntent;
use payhub::http::payment_intents::NewCapture;
use payhub::http::problem::{Kind, Problem};
use payhub::http::refunds::NewRefund;
use payhub::http::unique_names;
use payhub::http::webhook_endpoints::{EndpointChange, NewEndpoint};
use processor_sdk::MINOR_UNITS_MAX;
use serde_json::Value;

/// The longest texts of an intent, in characters.
const TEXT_CHARS_MAX: usize = 2_000;

/// Feeds one input: a byte that chooses the call, and its body.
pub(crate) fn run(input: &[u8]) {
    let Some((call, body)) = input.split_first() else { return };
    let read = match call % 6 {
        0 => read::<NewIntent>(body).map(|intent| intent_is_sound(&intent, body)),
        1 => read::<NewCapture>(body).map(drop),
        2 => read::<NewRefund>(body).map(drop),
        3 => read::<NewEndpoint>(body).map(drop),
        4 => read::<EndpointChange>(body).map(drop),
        _ => read::<NoFields>(body).map(drop),
    };
    match read {
        Ok(()) => accepted(body),
        Err(problem) => is_told_well(&problem, body),
    }
}

/// As the handlers do.
fn read<B: Body>(body: &[u8]) -> Result<B, Problem> {
    let mut fields = Fields::parse(body)?;
    let read = B::read(&mut fields);
    fields.finish()?;
    Ok(read)
}

/// A body that was taken is one object, without a card number, whichever parser reads it.
fn accepted(body: &[u8]) {
    let value: Value = serde_json::from_slice(body).expect("a body that was taken is JSON");
    assert!(value.is_object());
    assert_eq!(find_in_json(&value), None, "a card number was taken");
    let again = unique_names::parse(body).expect("a body that was taken");
    assert_eq!(again, value, "two readers read two things");
    if let Some(amount) = value.get("amount").filter(|amount| !amount.is_null()) {
        assert!(amount.is_i64(), "an amount of {amount}");
        assert!(amount.as_i64().is_some_and(|minor| (1..=MINOR_UNITS_MAX).contains(&minor)), "{amount}");
    }
}

fn intent_is_sound(intent: &NewIntent, body: &[u8]) {
    let amount = intent.amount.expect("an intent that was taken has an amount");
    assert!(amount.is_positive() && amount.minor() <= MINOR_UNITS_MAX);
    let value: Value = serde_json::from_slice(body).expect("a body that was taken is JSON");
    assert_eq!(value["amount"].as_i64(), Some(amount.minor()), "the amount is another one");
    assert_eq!(value["currency"].as_str(), Some(amount.currency().code()));
    assert!(intent.lines.len() <= LINES_MAX);
    assert_eq!(check_lines(&intent.lines, amount), Ok(()));
    let sum: i128 = intent
        .lines
        .iter()
        .map(|line| i128::from(line.quantity) * i128::from(line.unit_amount.minor()))
        .sum();
    assert!(intent.lines.is_empty() || sum == i128::from(amount.minor()), "lines of {sum} for {amount}");
    assert!((300..=30 * 24 * 3_600).contains(&intent.expires_in_s));
    assert!(intent.return_url.is_some());
    let customer = &intent.customer;
    let texts = [&intent.order_reference, &intent.description, &intent.locale, &intent.return_url];
    let more = [&intent.cancel_url, &intent.site, &intent.connector, &customer.email, &customer.name];
    for text in texts.into_iter().chain(more).flatten() {
        assert!((1..=TEXT_CHARS_MAX).contains(&text.chars().count()));
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "{text:?}");
        assert!(!find_card_number(text), "a card number in an intent");
    }
}

/// A problem is one of the reader's, points into the body, and repeats no card number.
fn is_told_well(problem: &Problem, body: &[u8]) {
    match problem.kind {
        Kind::MalformedJson => assert!(problem.errors.is_empty()),
        Kind::CardNumberDetected => {
            let value: Value = serde_json::from_slice(body).expect("what was searched is JSON");
            let [error] = problem.errors.as_slice() else { panic!("{:?}", problem.errors) };
            assert!(value.pointer(&error.pointer).is_some(), "points nowhere: {}", error.pointer);
        }
        Kind::Validation => {
            assert!(!problem.errors.is_empty(), "refused without a reason");
            for error in &problem.errors {
                assert!(error.pointer.starts_with('/'), "points at nothing: {}", error.pointer);
                assert!(!error.detail.is_empty());
            }
        }
        other => panic!("no problem of a body: {other:?}"),
    }
    let document = problem.document();
    assert!(problem.kind.status().is_client_error());
    assert_eq!(find_in_json(&document), None, "a problem repeats a card number: {document}");
}

/// Feeds one input: the query of a list.
pub(crate) fn run_query(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(uri) = format!("/v1/payment_intents?{text}").parse::<Uri>() else { return };
    let mut query = Query::of(&uri);
    let status = query.read("status", "must be a status", |text| (text == "open").then_some(()));
    let reference = query.take("order_reference");
    let is_cursor = |text: &str| hub_core::ids::PaymentIntentId::parse(text).is_ok();
    match query.page(is_cursor) {
        Ok(page) => {
            assert!((1..=100).contains(&page.limit), "{} items of a page", page.limit);
            assert!(page.after.as_deref().is_none_or(is_cursor), "a cursor of another list");
            let asked = text.split('&').filter(|pair| !pair.is_empty()).count();
            let taken = usize::from(status.is_some()) + usize::from(reference.is_some());
            assert!(asked <= taken + 2 + fragment(text), "a parameter was passed over in silence: {text:?}");
        }
        Err(problem) => {
            assert_eq!(problem.kind, Kind::Validation);
            assert!(
                problem.errors.iter().all(|error| error.pointer.starts_with('?')),
                "{:?}",
                problem.errors
            );
        }
    }
}

/// What stands behind `#` is no part of a query, however many `&` it holds.
fn fragment(text: &str) -> usize {
    text.split_once('#').map_or(0, |(_, fragment)| fragment.split('&').count())
}
