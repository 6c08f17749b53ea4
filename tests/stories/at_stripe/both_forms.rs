//! A long story, told once with the adapter that is compiled in and once with the plugin, and laid side by side: the
//! requests that Stripe saw, and what the cart was told.
//!
//! Invariant: nothing is left out of a request but where it went. Ids and times differ from life to life; each is
//! replaced by the number of its first appearance, so that the same id has to stand in the same places.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stories::at_processor::world::Form;
use crate::stories::at_stripe::world::AtStripe;
use crate::support::id;
use crate::twins::Request;

/// Letters and digits in a row that are no word but an id.
const ID_CHARS_MIN: usize = 16;
/// Digits in a row that are a time in Unix seconds.
const TIME_DIGITS: usize = 10;
/// Headers that say only where a request went and how long it is.
const OF_THE_WAY: [&str; 2] = ["host", "content-length"];

/// What one life left behind, without what every life has of its own.
#[derive(Debug, PartialEq, Eq)]
struct Life {
    /// Requests that change something, in their order.
    changes: Vec<String>,
    /// Questions: how often each is asked depends on who comes first, the shopper or the webhook.
    questions: BTreeSet<String>,
    /// What the cart is shown and told.
    shown: Vec<String>,
}

/// Takes out of texts what every life has of its own.
struct Masks {
    addresses: [(String, &'static str); 2],
    ids: Vec<String>,
}

impl Masks {
    fn masked(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (address, name) in &self.addresses {
            text = text.replace(address, name);
        }
        let mut masked = String::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let is_word = |character: char| character.is_ascii_alphanumeric();
            let end = rest.find(|character: char| !is_word(character)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end.max(first.len_utf8()));
            masked += &self.word(word);
            rest = after;
        }
        masked
    }

    fn word(&mut self, word: &str) -> String {
        if word.len() == TIME_DIGITS && word.bytes().all(|byte| byte.is_ascii_digit()) {
            return "TIME".to_owned();
        }
        if word.len() < ID_CHARS_MIN {
            return word.to_owned();
        }
        let number = self.ids.iter().position(|known| known == word).unwrap_or_else(|| {
            self.ids.push(word.to_owned());
            self.ids.len() - 1
        });
        format!("ID{number}")
    }

    fn request(&mut self, request: &Request) -> String {
        let mut lines = vec![format!("{} {}", request.method, self.masked(&request.path))];
        let fields = form_urlencoded::parse(request.query.as_bytes());
        for (name, value) in fields.chain(form_urlencoded::parse(&request.body)) {
            lines.push(self.masked(&format!("{name}={value}")));
        }
        let mut headers: Vec<_> =
            request.headers.iter().filter(|(name, _)| !OF_THE_WAY.contains(&name.as_str())).collect();
        headers.sort_by_key(|(name, _)| name.as_str());
        for (name, value) in headers {
            lines.push(self.masked(&format!("{name}: {}", value.to_str().expect("a text"))));
        }
        lines.join("\n")
    }

    /// An object of the API. Its times are taken out by their names.
    fn object(&mut self, mut object: Value) -> String {
        without_times(&mut object);
        self.masked(&object.to_string())
    }
}

fn without_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("_at"));
            fields.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reserved and taken in part, given back in two parts; a page that is closed; a reservation that is released; a
/// decline and a payment.
async fn live(form: Form) -> Life {
    let world = AtStripe::start_as(form).await;
    let wish = json!({ "capture": "manual", "order_reference": "1001", "description": "One good book",
        "locale": "de-AT", "customer": { "email": "jenny@example.com" } });
    let (taken, _) = world.paid(wish).await;
    world.cart.capture(&taken, json!({ "amount": 1500 })).await.expect(200);
    world.refunded(&taken, Some(700)).await;
    world.refunded(&taken, None).await;
    let (closed, _) = world.open(json!({})).await;
    world.cart.cancel(id(&closed)).await.expect(200);
    let (released, _) = world.paid(json!({ "capture": "manual" })).await;
    world.cart.cancel(&released).await.expect(200);
    let (bought, page) = world.open(json!({})).await;
    page.decline().await;
    page.pay().await;
    let ends = [
        (taken.as_str(), "succeeded"),
        (id(&closed), "canceled"),
        (&released, "canceled"),
        (id(&bought), "succeeded"),
    ];
    for (intent, status) in ends {
        world.cart.until_status(intent, status).await;
    }
    world.twin.until_quiet().await;
    // What Stripe told of the declined charge has been read: page, payment, and both charges are known.
    let references = |intent: &Value| intent["attempts"][0]["references"].as_array().map(Vec::len);
    world.cart.until(id(&bought), "everything is known", |intent| references(intent) == Some(4)).await;

    let of_the_twin = world.twin.base_url.clone();
    let addresses = [(world.base_url.clone(), "HUB"), (of_the_twin, "STRIPE")];
    let mut masks = Masks { addresses, ids: vec![] };
    let (changes, questions): (Vec<_>, Vec<_>) =
        world.twin.requests().into_iter().partition(|request| request.method == "POST");
    let changes = changes.iter().map(|request| masks.request(request)).collect();
    let mut shown = Vec::new();
    for (intent, _) in ends {
        shown.push(masks.object(world.cart.intent(intent).await));
        let mut told = world.cart.event_types(intent).await;
        told.retain(|kind| kind != "payment_intent.processing" && kind != "payment_intent.requires_checkout");
        shown.push(told.join(" "));
        shown.push(
            masks.object(world.cart.get(&format!("/v1/refunds?payment_intent={intent}")).await.expect(200)),
        );
    }
    let mut questions: Vec<_> = questions.iter().map(|request| masks.request(request)).collect();
    questions.sort();
    world.finish().await;
    Life { changes, questions: questions.into_iter().collect(), shown }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe_sees_the_same_requests_and_the_cart_is_told_the_same() {
    let (native, plugin) = tokio::join!(live(Form::Native), live(Form::Plugin));
    let paths: Vec<_> =
        native.changes.iter().map(|change| change.lines().next().unwrap_or_default()).collect();
    assert_eq!(paths.len(), 9, "{paths:?}");
    assert_eq!(native, plugin);
}

#[test]
fn what_differs_is_masked_and_nothing_else() {
    let addresses = [("http://127.0.0.1:4".to_owned(), "HUB"), ("http://127.0.0.1:5".to_owned(), "STRIPE")];
    let rows = [
        ("amount=1999", "amount=1999"),
        ("Idempotency-Key: op_01abcdefghjkmnpqrstvwxyz12", "Idempotency-Key: op_ID0"),
        ("success_url=http://127.0.0.1:4/return/0123456789abcdefgh?x", "success_url=HUB/return/ID1?x"),
        ("again 01abcdefghjkmnpqrstvwxyz12", "again ID0"),
        ("expires_at=1767323045", "expires_at=TIME"),
        ("é, 2026-02-25.clover", "é, 2026-02-25.clover"),
    ];
    let mut masks = Masks { addresses, ids: vec![] };
    for (text, expected) in rows {
        assert_eq!(masks.masked(text), expected);
    }
    let mut object = json!({ "a": { "created_at": "x", "b": [{ "c": 1, "paid_at": null }] } });
    without_times(&mut object);
    assert_eq!(object, json!({ "a": { "b": [{ "c": 1 }] } }));
}
