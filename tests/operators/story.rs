//! `payments show`: one payment's whole story, as an operator reads it at three in the morning.
//!
//! The golden texts are reviewed as texts; ids, times and ports in them are replaced by names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::desk::Desk;
use super::golden;
use crate::processes::eventually;
use crate::processes::world::{SECRETS, text};

/// Beginnings of ids, of the hub's and of the processor's.
const PREFIXES: [&str; 16] =
    ["pi", "ord", "att", "op", "cap", "re", "dp", "dlv", "evt", "whe", "ss", "pm", "cp", "rf", "dd", "ev"];
/// The shortest body of an id.
const ID_BODY_MIN: usize = 16;

/// The text with what differs from run to run replaced: ids by their order, times, keys, durations, ports.
fn normalized(desk: &Desk, text: &str) -> String {
    let text = text.replace(&desk.world.sandbox_url, "http://SANDBOX");
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let mut words = Vec::new();
        for word in line.split_whitespace() {
            let core = word.trim_end_matches([',', ';', ':', '.']);
            let end = &word[core.len()..];
            let head = core.rfind(['/', '=']).map_or(0, |at| at + 1);
            let tail = core[head..].find('/').map_or(core.len(), |at| head + at);
            words.push(format!(
                "{}{}{}{end}",
                &core[..head],
                name_of(&core[head..tail], &mut names, &mut counts),
                &core[tail..]
            ));
        }
        lines.push_str(&" ".repeat(indent));
        lines.push_str(&timeless(&words));
        lines.push('\n');
    }
    lines
}

fn name_of(word: &str, names: &mut BTreeMap<String, String>, counts: &mut BTreeMap<String, usize>) -> String {
    let Some((prefix, body)) = word.split_once('_') else { return word.to_owned() };
    let is_body = body.len() >= ID_BODY_MIN && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !PREFIXES.contains(&prefix) || !is_body {
        return word.to_owned();
    }
    if let Some(known) = names.get(word) {
        return known.clone();
    }
    let count = counts.entry(prefix.to_owned()).or_default();
    *count += 1;
    let name = format!("{prefix}_{count}");
    names.insert(word.to_owned(), name.clone());
    name
}

/// `2026-11-28 16:22:38 UTC` as `TIME`, `12 ms` as `N ms`, `API key gsz26t1n` as `API key KEY`.
fn timeless(words: &[String]) -> String {
    let is_date = |word: &str| word.len() == 10 && word.matches('-').count() == 2 && word.starts_with("20");
    let mut shown: Vec<String> = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let last = shown.last().map_or("", String::as_str);
        if is_date(word) {
            let _clock = rest.next();
            let zone = rest.next().map_or("", |zone| zone.trim_start_matches("UTC"));
            shown.push(format!("TIME{zone}"));
        } else if last == "key" && shown.len() > 1 && shown[shown.len() - 2] == "API" {
            shown.push("KEY".to_owned());
        } else if rest.peek().is_some_and(|next| *next == "ms") && word.parse::<u64>().is_ok() {
            shown.push("N".to_owned());
        } else {
            shown.push(word.clone());
        }
    }
    shown.join(" ")
}

/// The story as text, after it was found to hold nothing that it must not, in either form.
fn told(desk: &Desk, id: &str) -> String {
    // What a delivery said is durable a moment before the delivery itself is done with.
    let text_form = eventually("no delivery is being read", || {
        let story = desk.ask(&["payments", "show", id]).done();
        (!story.contains("  received  ")).then_some(story)
    });
    let json_form = desk.ask(&["payments", "show", id, "--json"]).done();
    let payment = desk.payment(id);
    let token = text(&payment, "checkout_url").rsplit('/').next().expect("a token").to_owned();
    for form in [&text_form, &json_form] {
        for secret in SECRETS.iter().map(|(_, secret)| *secret).chain(["customer.example", "Ann Private"]) {
            assert!(!form.contains(secret), "{secret} is in {form}");
        }
    }
    let story: Value = serde_json::from_str(&json_form).expect("JSON");
    // The payment as the cart sees it holds the shopper's link; nothing else does, and no return link at all.
    assert_eq!(json_form.matches(&token).count(), 1, "{json_form}");
    assert!(!json_form.contains("return_token"), "{json_form}");
    assert_eq!(story["payment_intent"], payment);
    for event in story["events"].as_array().expect("events") {
        assert!(!text(event, "says").is_empty() && !text(event, "by").is_empty(), "{event}");
    }
    text_form
}

fn no_webhooks(desk: &Desk) {
    desk.admin("PUT", "accounts/shop", &json!({ "webhook_url": null }));
}

#[test]
fn a_payment_that_was_refunded_and_disputed() {
    let desk = Desk::start();
    let id = desk.paid("order-1");
    let payment = desk.processor_payment(&id);
    // One way of hearing of it, so that the history is the same each time.
    no_webhooks(&desk);
    let refund = desk.refund(&id, 500);
    desk.until_refund(&refund, "succeeded");
    let hooks = format!("{}/webhooks/sandbox", desk.world.api.base_url);
    desk.admin("PUT", "accounts/shop", &json!({ "webhook_url": hooks }));
    desk.admin("POST", &format!("payments/{payment}/dispute"), &json!({ "amount": 700 }));
    desk.until(&id, "disputed", |payment| payment["amount_disputed"] == 700);
    golden("refunded_and_disputed", &normalized(&desk, &told(&desk, &id)));
    assert_eq!(desk.ledger(), (1999, 500));
}

#[test]
fn a_payment_of_another_amount() {
    let desk = Desk::start();
    desk.admin("POST", "faults", &json!({ "operation": "open", "fault": "wrong_amount" }));
    let payment = desk.create("order-1", &json!({}));
    let id = text(&payment, "id");
    desk.pay(&desk.open(&payment));
    desk.until(&id, "quarantined", |payment| !payment["quarantine"].is_null());
    let story = told(&desk, &id);
    golden("another_amount", &normalized(&desk, &story));
    // What it tells to do can be done as it stands there.
    let command = story.lines().find(|line| line.trim_start().starts_with("payhub quarantine accept"));
    let command = command.expect("a command").trim().trim_start_matches("payhub ");
    let words: Vec<&str> = command.split_whitespace().collect();
    desk.ask(&words).done();
    assert_eq!(desk.payment(&id)["amount_captured"], 2000);
}

#[test]
fn a_payment_that_waits_for_its_shopper_and_one_that_was_declined() {
    let desk = Desk::start();
    let payment = desk.create("order-1", &json!({}));
    golden("created", &normalized(&desk, &told(&desk, &text(&payment, "id"))));
    let session = desk.open(&payment);
    desk.admin("POST", &format!("sessions/{session}/act"), &json!({ "action": "decline" }));
    let id = text(&payment, "id");
    desk.until(&id, "declined", |payment| payment["attempts"][0]["state"] == "declined");
    golden("declined", &normalized(&desk, &told(&desk, &id)));
}

/// How often the hub has asked by then differs, so lines are looked at and not the whole.
#[test]
fn a_refund_of_which_nobody_knows() {
    let desk = Desk::start();
    let id = desk.paid("order-1");
    no_webhooks(&desk);
    for operation in ["refund", "fetch"] {
        let fault = json!({ "operation": operation, "fault": "drop_before", "times": 0 });
        desk.admin("POST", "faults", &fault);
    }
    let refund = desk.refund(&id, 500);
    let story = eventually("it is not known", || {
        Some(told(&desk, &id)).filter(|story| story.contains("it may have happened"))
    });
    for part in [
        "what happens next by itself",
        "find out at sandbox what became of refund op_",
        "NO ANSWER",
        "may have happened, to be found out",
        "given back 0.00 EUR",
        &format!("{refund}  pending  5.00 EUR"),
    ] {
        assert!(story.contains(part), "{part} is not in\n{story}");
    }
    assert!(!story.contains("WAITS FOR A PERSON"), "{story}");
    // It is found out as soon as the processor answers again.
    desk.admin("DELETE", "faults", &Value::Null);
    let settled = desk.ask(&["payments", "show", &id, "--json"]).json();
    assert_eq!(settled["operations"][1]["kind"], "refund");
}

#[test]
fn lists() {
    let desk = Desk::start();
    let paid = desk.paid("order-1");
    let open = text(&desk.create("order-2", &json!({})), "id");
    let ids = |words: &[&str]| -> Vec<String> {
        let listed = desk.ask(&[&["payments", "list", "--mode", "test", "--json"], words].concat()).json();
        listed["data"].as_array().expect("a list").iter().map(|payment| text(payment, "id")).collect()
    };
    assert_eq!(ids(&[]), [open.clone(), paid.clone()]);
    assert_eq!(ids(&["--limit", "1"]), std::slice::from_ref(&open));
    assert_eq!(ids(&["--status", "succeeded"]), std::slice::from_ref(&paid));
    assert_eq!(ids(&["--order-reference", "order-2"]), [open]);
    assert_eq!(ids(&["--order-reference", "order-3"]), Vec::<String>::new());
    let listed = desk.ask(&["payments", "list", "--mode", "test"]).done();
    assert!(listed.lines().any(|line| line.contains(&paid) && line.contains("succeeded")), "{listed}");
    let none = desk.ask(&["payments", "list"]).done();
    assert!(none.contains("--mode test"), "{none}");
    for (words, field) in
        [(["--status", "paid"], "status"), (["--limit", "0"], "limit"), (["--limit", "1001"], "limit")]
    {
        let said = desk.ask(&[&["payments", "list", "--json"], &words[..]].concat());
        assert_eq!(said.error(), ("invalid_field".to_owned(), field.to_owned()), "{words:?}");
    }
    for (id, code, field) in
        [("pi_none", "invalid_field", "id"), ("pi_01m8hfefc31j3wgqxfqb8w8yaq", "not_found", "")]
    {
        let said = desk.ask(&["payments", "show", id, "--json"]);
        assert_eq!(said.error(), (code.to_owned(), field.to_owned()), "{id}");
    }
}
