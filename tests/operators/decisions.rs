//! What a person decides: how a quarantine ends, and what no processor tells. Afterwards the hub's money is
//! the processor's, and the history says who decided and why.

use serde_json::{Value, json};

use super::desk::{Desk, OPERATOR};
use crate::processes::eventually;
use crate::processes::world::text;

/// Nothing is decided beforehand, and a second connector leads to the same processor.
fn hold(desk_of: fn(&Desk) -> String) -> (Desk, String) {
    let desk = Desk::with_second_connector("\n[policies]\npaid_twice = \"hold\"\npaid_late = \"hold\"\n");
    let id = desk_of(&desk);
    (desk, id)
}

fn until_quarantined(desk: &Desk, id: &str, reason: &str) {
    desk.until(id, reason, |payment| payment["quarantine"]["reason"] == reason);
    let listed = desk.ask(&["quarantine", "list"]).done();
    assert!(listed.lines().any(|line| line.contains(id) && line.contains(reason)), "{listed}");
}

fn another_amount(desk: &Desk) -> String {
    desk.admin("POST", "faults", &json!({ "operation": "open", "fault": "wrong_amount" }));
    let payment = desk.create("order-1", &json!({ "connector": "sandbox" }));
    desk.pay(&desk.open(&payment));
    let id = text(&payment, "id");
    until_quarantined(desk, &id, "amount_mismatch");
    id
}

fn paid_twice(desk: &Desk) -> String {
    // The first page cannot be closed when the shopper chooses another.
    desk.admin("POST", "faults", &json!({ "operation": "expire", "fault": "throttle", "times": 0 }));
    let payment = desk.create("order-1", &json!({}));
    let (first, second) = (desk.choose(&payment, "sandbox"), desk.choose(&payment, "second"));
    assert_ne!(first, second);
    for session in [&first, &second] {
        desk.pay(session);
        desk.come_back(session);
    }
    let id = text(&payment, "id");
    until_quarantined(desk, &id, "paid_twice");
    id
}

/// Believed to be unpaid, so that it could be canceled; and then the shopper paid at the page that was still open.
fn paid_late(desk: &Desk) -> String {
    let payment = desk.create("order-1", &json!({ "connector": "sandbox" }));
    let (id, session) = (text(&payment, "id"), desk.open(&payment));
    desk.ask(&["payments", "settle", &id, "--not-paid", "--evidence", "not in the dashboard"]).done();
    let path = format!("/v1/payment_intents/{id}/cancel");
    let canceled = desk.world.api.post(&path, "cancel", &json!({})).expect("an answer");
    assert!(canceled.status < 300, "{}", canceled.text());
    desk.pay(&session);
    until_quarantined(desk, &id, "paid_late");
    id
}

/// Given back by the operator, and then the bank sends it back.
fn return_failed(desk: &Desk) -> String {
    let id = paid_late(desk);
    desk.admin("POST", "refunds/mode", &json!({ "status": "pending" }));
    desk.ask(&["quarantine", "refund", &id, "--note", "first try"]).done();
    let refund = eventually("the processor's refund", || {
        let ledger = desk.payment(&id);
        let references = ledger["attempts"][0]["references"].as_array().expect("references").clone();
        references.iter().find(|reference| reference["kind"] == "refund").map(|found| text(found, "id"))
    });
    desk.admin("POST", &format!("refunds/{refund}"), &json!({ "status": "failed" }));
    desk.admin("POST", "refunds/mode", &json!({ "status": "succeeded" }));
    until_quarantined(desk, &id, "return_failed");
    id
}

/// Said by hand to be done when it was not, and then given back whole in the dashboard.
fn refund_exceeds_captured(desk: &Desk) -> String {
    let payment = desk.create("order-1", &json!({ "connector": "sandbox" }));
    desk.pay(&desk.open(&payment));
    let id = text(&payment, "id");
    desk.until(&id, "paid", |payment| payment["status"] == "succeeded");
    let theirs = desk.processor_payment(&id);
    for operation in ["refund", "fetch"] {
        let fault = json!({ "operation": operation, "fault": "drop_before", "times": 0 });
        desk.admin("POST", "faults", &fault);
    }
    let refund = desk.refund(&id, 500);
    let operation = open_operation(desk, &id, "refund");
    desk.ask(&["payments", "settle", &id, "--done", &operation, "--evidence", "misread"]).done();
    desk.until_refund(&refund, "succeeded");
    desk.admin("DELETE", "faults", &Value::Null);
    desk.admin("POST", &format!("payments/{theirs}/refund"), &json!({ "amount": 1999 }));
    until_quarantined(desk, &id, "refund_exceeds_captured");
    id
}

/// An operation of which nobody knows.
fn open_operation(desk: &Desk, id: &str, kind: &str) -> String {
    eventually("an operation that may have happened", || {
        let story = desk.ask(&["payments", "show", id, "--json"]).json();
        let operations = story["operations"].as_array().expect("operations").clone();
        let found = operations
            .iter()
            .find(|operation| operation["kind"] == kind && operation["state"]["state"] == "unknown");
        found.map(|operation| text(operation, "id"))
    })
}

#[test]
fn every_quarantine_ends_as_the_operator_says() {
    // (how it came, how it ends, status, taken and given back in the end, at the hub and at the processor)
    type Row = (fn(&Desk) -> String, &'static str, &'static str, (i64, i64));
    let rows: [Row; 9] = [
        (another_amount, "accept", "succeeded", (2000, 0)),
        (another_amount, "refund", "canceled", (2000, 2000)),
        (paid_twice, "accept", "succeeded", (3998, 0)),
        (paid_twice, "refund", "succeeded", (3998, 1999)),
        (paid_late, "accept", "succeeded", (1999, 0)),
        (paid_late, "refund", "canceled", (1999, 1999)),
        (return_failed, "accept", "succeeded", (1999, 0)),
        (return_failed, "refund", "canceled", (1999, 1999)),
        (refund_exceeds_captured, "accept", "succeeded", (1999, 2499)),
    ];
    for (came, resolution, status, money) in rows {
        let (desk, id) = hold(came);
        let note = "seen in the dashboard, ticket 4711";
        let answer = desk.ask(&["quarantine", resolution, &id, "--note", note, "--json"]).json();
        assert_eq!(answer["id"], id.as_str());
        let wanted = |payment: &Value| {
            let sum = |name: &str| payment[name].as_i64().expect("an amount");
            (sum("amount_captured"), sum("amount_refunded")) == money
                && payment["status"] == status
                && payment["quarantine"].is_null()
        };
        desk.until(&id, &format!("{resolution}: {status} {money:?}"), wanted);
        // The one refund that the operator only believed in is not in the processor's books.
        let believed = if money.1 > money.0 { 500 } else { 0 };
        assert_eq!(desk.ledger(), (money.0, money.1 - believed), "{resolution} {id}");
        let story = desk.ask(&["payments", "show", &id]).done();
        assert!(story.contains(&format!("the operator {OPERATOR}")) && story.contains(note), "{story}");
        let events = desk.world.api.list(&format!("/v1/events?payment_intent={id}"));
        let told =
            events.iter().filter(|event| event["type"] == "payment_intent.quarantine_resolved").count();
        assert!(told >= 1, "{events:?}");
        let listed = desk.ask(&["quarantine", "list"]).done();
        assert!(listed.starts_with("no payment waits for a person\n"), "{listed}");
        let again = desk.ask(&["quarantine", resolution, &id, "--note", note, "--json"]);
        assert_eq!(again.error().0, "not_quarantined");
    }
}

#[test]
fn what_is_refused_of_a_decision() {
    let (desk, id) = hold(refund_exceeds_captured);
    let long = "x".repeat(501);
    let rows: [(&[&str], &str, &str); 7] = [
        (&["refund", &id, "--note", "x"], "cannot_resolve", ""),
        (&["accept", &id, "--note", ""], "invalid_field", "note"),
        (&["accept", &id, "--note", &long], "invalid_field", "note"),
        (&["accept", &id, "--note", "card 4242 4242 4242 4242"], "invalid_field", "note"),
        (&["accept", &id, "--note", "x", "--as", "4242424242424242"], "invalid_field", "as"),
        (&["accept", "pi_none", "--note", "x"], "invalid_field", "id"),
        (&["accept", "pi_01m8hfefc31j3wgqxfqb8w8yaq", "--note", "x"], "not_found", ""),
    ];
    for (words, code, field) in rows {
        let said = desk.ask(&[&["quarantine"], words, &["--json"]].concat());
        assert_eq!(said.error(), (code.to_owned(), field.to_owned()), "{words:?}");
        assert!(!said.out.contains("4242"), "{said:?}");
    }
    assert_eq!(desk.payment(&id)["quarantine"]["reason"], "refund_exceeds_captured");
    assert!(!desk.keeps("4242 4242") && !desk.keeps("42424242"), "a card number was stored");
    // A cart that may not refund more is not led astray meanwhile.
    let body = json!({ "payment_intent": id, "amount": 1 });
    assert!(desk.world.api.post("/v1/refunds", "more", &body).expect("an answer").status >= 400);
}

#[test]
fn what_was_paid_is_settled_by_hand() {
    let desk = Desk::start();
    let payment = desk.create("order-1", &json!({}));
    let (id, session) = (text(&payment, "id"), desk.open(&payment));
    desk.admin("PUT", "accounts/shop", &json!({ "webhook_url": null }));
    desk.admin("POST", "faults", &json!({ "operation": "fetch", "fault": "error_before", "times": 0 }));
    desk.pay(&session);
    assert_eq!(desk.payment(&id)["status"], "requires_checkout", "nobody told the hub");
    let evidence = "bank statement of 3 May, line 12";
    let said = desk
        .ask(&["payments", "settle", &id, "--paid", "1999", "--evidence", evidence, "--as", "Ole"])
        .done();
    assert!(said.contains("succeeded") && said.contains("captured 1999"), "{said}");
    assert_eq!(desk.ledger(), (1999, 0));
    let story = desk.ask(&["payments", "show", &id]).done();
    for part in [
        "the operator Ole",
        "paid, 19.99 EUR; evidence: bank statement of 3 May, line 12",
        "booked as taken: 19.99 EUR",
    ] {
        assert!(story.contains(part), "{part} is not in\n{story}");
    }
    let types: Vec<_> = desk.world.api.list(&format!("/v1/events?payment_intent={id}"));
    assert!(types.iter().any(|event| event["type"] == "order.paid"), "{types:?}");
    // What the processor says later is the same money, once.
    desk.admin("DELETE", "faults", &Value::Null);
    let hooks = format!("{}/webhooks/sandbox", desk.world.api.base_url);
    desk.admin("PUT", "accounts/shop", &json!({ "webhook_url": hooks }));
    let deliveries = desk.admin("GET", "events", &Value::Null)["data"].clone();
    let paid = deliveries.as_array().expect("a list").iter().find(|event| event["type"] == "session.paid");
    let paid = text(paid.expect("the delivery that never came"), "id");
    desk.admin("POST", &format!("events/{paid}/send"), &json!({}));
    let heard = |payment: &Value| payment["attempts"][0]["references"].to_string().contains("\"payment\"");
    let after = desk.until(&id, "heard of", heard);
    assert_eq!(
        (&after["status"], &after["amount_captured"], &after["quarantine"]),
        (&json!("succeeded"), &json!(1999), &Value::Null)
    );
}

#[test]
fn what_was_not_paid_is_settled_by_hand() {
    let desk = Desk::start();
    let payment = desk.create("order-1", &json!({}));
    let id = text(&payment, "id");
    desk.open(&payment);
    let settled = desk
        .ask(&["payments", "settle", &id, "--not-paid", "--evidence", "not in the dashboard", "--json"])
        .json();
    assert_eq!(settled["attempts"][0]["state"], "expired", "{settled}");
    assert_eq!((&settled["status"], desk.ledger()), (&json!("requires_checkout"), (0, 0)));
    // The shopper may try again.
    desk.pay(&desk.open(&payment));
    desk.until(&id, "paid", |payment| payment["status"] == "succeeded");
    assert_eq!(desk.ledger(), (1999, 0));
}

#[test]
fn what_became_of_an_operation_is_settled_by_hand() {
    // (what the processor did, what the operator says, the refund's status, what was given back)
    for (fault, word, status, refunded) in
        [("drop_after", "--done", "succeeded", 500), ("drop_before", "--not-done", "failed", 0)]
    {
        let desk = Desk::start();
        let id = desk.paid("order-1");
        desk.admin("PUT", "accounts/shop", &json!({ "webhook_url": null }));
        desk.admin("POST", "faults", &json!({ "operation": "refund", "fault": fault, "times": 0 }));
        desk.admin("POST", "faults", &json!({ "operation": "fetch", "fault": "error_before", "times": 0 }));
        let refund = desk.refund(&id, 500);
        let operation = open_operation(&desk, &id, "refund");
        desk.ask(&["payments", "settle", &id, word, &operation, "--evidence", "seen in the dashboard"])
            .done();
        desk.until_refund(&refund, status);
        desk.admin("DELETE", "faults", &Value::Null);
        assert_eq!(
            (desk.payment(&id)["amount_refunded"].as_i64(), desk.ledger()),
            (Some(refunded), (1999, refunded))
        );
        let again = desk.ask(&["payments", "settle", &id, word, &operation, "--evidence", "x", "--json"]);
        assert_eq!(again.error().0, "cannot_settle");
        let story = desk.ask(&["payments", "show", &id]).done();
        assert!(story.contains("evidence: seen in the dashboard"), "{story}");
    }
}

#[test]
fn what_is_refused_of_a_settlement() {
    let desk = Desk::start();
    let never_tried = text(&desk.create("order-0", &json!({})), "id");
    let open = desk.create("order-1", &json!({}));
    desk.open(&open);
    let open = text(&open, "id");
    let paid = desk.paid("order-2");
    let twice = desk.create("order-3", &json!({}));
    let session = desk.open(&twice);
    desk.admin("POST", &format!("sessions/{session}/act"), &json!({ "action": "decline" }));
    let twice_id = text(&twice, "id");
    desk.until(&twice_id, "declined", |payment| payment["attempts"][0]["state"] == "declined");
    desk.open(&twice);
    let nobody = "op_01m8hfefcpzd6k6mbjfvxgxjj4";
    let rows: [(&str, &[&str], &str, &str); 13] = [
        (&paid, &["--paid", "1999", "--evidence", "x"], "cannot_settle", ""),
        (&paid, &["--not-paid", "--evidence", "x"], "cannot_settle", ""),
        (&paid, &["--done", nobody, "--evidence", "x"], "not_found", ""),
        (&paid, &["--not-done", "refund", "--evidence", "x"], "invalid_field", "operation"),
        (&open, &["--paid", "0", "--evidence", "x"], "amount_not_positive", ""),
        (&open, &["--paid", "9007199254740992", "--evidence", "x"], "invalid_field", "amount"),
        (&open, &["--paid", "1999", "--evidence", " "], "invalid_field", "evidence"),
        (&open, &["--paid", "1999", "--evidence", "4242 4242 4242 4242"], "invalid_field", "evidence"),
        (&open, &["--paid", "1999", "--evidence", "x", "--attempt", "1"], "invalid_field", "attempt"),
        (&open, &["--paid", "1999", "--evidence", "x", "--as", " "], "invalid_field", "as"),
        (&never_tried, &["--not-paid", "--evidence", "x"], "invalid_field", "attempt"),
        (&twice_id, &["--not-paid", "--evidence", "x"], "invalid_field", "attempt"),
        ("pi_none", &["--not-paid", "--evidence", "x"], "invalid_field", "id"),
    ];
    for (id, words, code, field) in rows {
        let said = desk.ask(&[&["payments", "settle", id, "--json"], words].concat());
        assert_eq!(said.error(), (code.to_owned(), field.to_owned()), "{words:?}");
        assert!(!said.out.contains("4242"), "{said:?}");
    }
    for words in [
        &["--evidence", "x"][..],
        &["--paid", "1999"],
        &["--paid", "1999", "--not-paid", "--evidence", "x"],
        &["--paid", "19.99", "--evidence", "x"],
        &["--done", nobody, "--not-done", nobody, "--evidence", "x"],
    ] {
        let said = desk.ask(&[&["payments", "settle", &open], words].concat());
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{words:?}");
    }
    assert_eq!(desk.payment(&open)["status"], "requires_checkout");
    assert_eq!(desk.payment(&paid)["amount_captured"], 1999);
    // Of several, the one that is meant can be named.
    let second = text(&desk.payment(&twice_id)["attempts"][1], "id");
    let named = ["--not-paid", "--evidence", "x", "--attempt", &second, "--json"];
    let settled = desk.ask(&[&["payments", "settle", &twice_id], &named[..]].concat()).json();
    assert_eq!(settled["attempts"][1]["state"], "expired", "{settled}");
}
