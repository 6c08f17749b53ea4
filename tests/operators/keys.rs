//! API keys by command: what each opens, when it ends, and that its text is nowhere but where it was shown.

use serde_json::{Value, json};

use super::desk::Desk;
use crate::processes::eventually;
use crate::processes::world::text;

const SCOPES: [&str; 7] = [
    "payments:read",
    "payments:write",
    "refunds:write",
    "events:read",
    "webhooks:read",
    "webhooks:write",
    "connectors:read",
];

/// Each kind of call, the scope that it needs, and its answer for a key that has it.
const CALLS: [(&str, &str, &str, u16); 20] = [
    ("GET", "/v1/payment_intents", "payments:read", 200),
    ("GET", "/v1/payment_intents/pi_none", "payments:read", 404),
    ("GET", "/v1/refunds", "payments:read", 200),
    ("GET", "/v1/refunds/re_none", "payments:read", 404),
    ("GET", "/v1/orders/ord_none", "payments:read", 404),
    ("GET", "/v1/disputes", "payments:read", 200),
    ("GET", "/v1/disputes/dp_none", "payments:read", 404),
    ("POST", "/v1/payment_intents", "payments:write", 422),
    ("POST", "/v1/payment_intents/pi_none/capture", "payments:write", 404),
    ("POST", "/v1/payment_intents/pi_none/cancel", "payments:write", 404),
    ("POST", "/v1/refunds", "refunds:write", 422),
    ("GET", "/v1/events", "events:read", 200),
    ("GET", "/v1/events/evt_none", "events:read", 404),
    ("POST", "/v1/events/evt_none/resend", "webhooks:write", 404),
    ("GET", "/v1/webhook_endpoints", "webhooks:read", 200),
    ("GET", "/v1/webhook_endpoints/whe_none/deliveries", "webhooks:read", 404),
    ("POST", "/v1/webhook_endpoints", "webhooks:write", 422),
    ("POST", "/v1/webhook_endpoints/whe_none/rotate_secret", "webhooks:write", 404),
    ("DELETE", "/v1/webhook_endpoints/whe_none", "webhooks:write", 404),
    ("GET", "/v1/connectors", "connectors:read", 200),
];

fn create(desk: &Desk, words: &[&str]) -> Value {
    desk.ask(&[&["keys", "create", "--name", "a shop", "--json"], words].concat()).json()
}

fn status(desk: &Desk, key: &str, method: &str, path: &str) -> u16 {
    let body = if method == "POST" { json!({}) } else { Value::Null };
    desk.under(key, method, path, &body).status
}

#[test]
fn a_key_does_what_its_scopes_say_and_nothing_else() {
    let desk = Desk::start();
    for scope in SCOPES {
        let key = text(&create(&desk, &["--mode", "test", "--scopes", scope]), "key");
        for (method, path, needed, expected) in CALLS {
            let body = if method == "POST" { json!({}) } else { Value::Null };
            let answer = desk.under(&key, method, path, &body);
            if needed == scope {
                assert_eq!(answer.status, expected, "{scope}: {method} {path}: {}", answer.text());
                continue;
            }
            let problem = answer.json();
            let said = (answer.status, &problem["code"], &problem["scope"]);
            assert_eq!(
                said,
                (403, &json!("insufficient_scope"), &json!(needed)),
                "{scope}: {method} {path}: {problem}"
            );
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(needed)), "{problem}");
        }
    }
    let both = text(&create(&desk, &["--mode", "test", "--scopes", "events:read,payments:read"]), "key");
    assert_eq!(status(&desk, &both, "GET", "/v1/events"), 200);
    assert_eq!(status(&desk, &both, "GET", "/v1/refunds"), 200);
    assert_eq!(status(&desk, &both, "GET", "/v1/connectors"), 403);
}

#[test]
fn a_key_opens_its_own_mode() {
    let desk = Desk::start();
    let paid = desk.paid("order-1");
    let live = create(&desk, &["--mode", "live"]);
    let test = create(&desk, &["--mode", "test"]);
    assert!(text(&live, "key").starts_with("hub_live_") && live["livemode"] == true, "{live}");
    assert!(text(&test, "key").starts_with("hub_test_") && test["livemode"] == false, "{test}");
    let path = format!("/v1/payment_intents/{paid}");
    for (key, status, count) in [(&test, 200, 1), (&live, 404, 0)] {
        let key = text(key, "key");
        assert_eq!(desk.under(&key, "GET", &path, &Value::Null).status, status);
        let listed = desk.under(&key, "GET", "/v1/payment_intents", &Value::Null).json();
        assert_eq!(listed["data"].as_array().expect("a list").len(), count, "{listed}");
        // There is no live connector here, and the test one takes no live payment.
        let connectors = desk.under(&key, "GET", "/v1/connectors", &Value::Null).json();
        assert_eq!(connectors["data"].as_array().expect("a list").len(), count, "{connectors}");
    }
}

#[test]
fn a_key_is_shown_once() {
    let desk = Desk::start();
    let shown =
        desk.ask(&["keys", "create", "--name", "a shop", "--mode", "live", "--expires-in", "90d"]).done();
    let key = shown.lines().next().expect("the key").to_owned();
    assert!(key.starts_with("hub_live_"), "{shown}");
    assert!(shown.contains("Keep it now") && shown.contains("a shop"), "{shown}");
    let key_id = key.split('_').nth(2).expect("its public part").to_owned();
    let secret = key.rsplit('_').next().expect("its secret").to_owned();
    assert!(secret.len() > 40, "{key}");
    for listed in [desk.ask(&["keys", "list"]).done(), desk.ask(&["keys", "list", "--json"]).done()] {
        assert!(listed.contains(&key_id) && !listed.contains(&secret), "{listed}");
    }
    assert!(!desk.keeps(&secret), "the key is in the data folder");
    // The look itself can see: the public part is there.
    assert!(desk.keeps(&key_id), "nothing is found in the data folder");
}

#[test]
fn a_revoked_key_opens_nothing_at_once() {
    let desk = Desk::start();
    let key = create(&desk, &["--mode", "test"]);
    let (plain, key_id) = (text(&key, "key"), text(&key, "key_id"));
    assert_eq!(status(&desk, &plain, "GET", "/v1/refunds"), 200);
    let revoked = desk.ask(&["keys", "revoke", &key_id, "--json"]).json();
    assert_eq!(revoked["state"], "revoked");
    assert_eq!(status(&desk, &plain, "GET", "/v1/refunds"), 401);
    let again = desk.ask(&["keys", "revoke", &key_id, "--json"]).json();
    assert_eq!(again["revoked_at"], revoked["revoked_at"], "a second time changes nothing");
    let listed = desk.ask(&["keys", "list"]).done();
    assert!(listed.lines().any(|line| line.contains(&key_id) && line.contains("revoked")), "{listed}");
}

#[test]
fn an_expired_key_opens_nothing() {
    let desk = Desk::start();
    // Long enough for one answer on a loaded machine, and soon over.
    let plain = text(&create(&desk, &["--mode", "test", "--expires-in", "4s"]), "key");
    let first = status(&desk, &plain, "GET", "/v1/refunds");
    assert!(first == 200 || first == 401, "{first}");
    eventually("the key's end", || (status(&desk, &plain, "GET", "/v1/refunds") == 401).then_some(()));
    let listed = desk.ask(&["keys", "list", "--json"]).json();
    let states: Vec<_> = listed["data"].as_array().expect("a list").iter().map(|key| &key["state"]).collect();
    assert!(states.contains(&&json!("expired")), "{listed}");
}

#[test]
fn old_and_new_work_together_for_a_while() {
    let desk = Desk::start();
    let old = create(&desk, &["--mode", "test", "--scopes", "events:read"]);
    let (old_plain, old_id) = (text(&old, "key"), text(&old, "key_id"));
    let new = desk.ask(&["keys", "rotate", &old_id, "--overlap", "6s", "--json"]).json();
    let new_plain = text(&new, "key");
    assert_eq!(
        (&new["scopes"], &new["name"], &new["livemode"], &new["replaces"]["key_id"]),
        (&json!(["events:read"]), &json!("a shop"), &json!(false), &json!(old_id)),
    );
    assert!(new["expires_at"].is_null() && !new["replaces"]["expires_at"].is_null(), "{new}");
    assert_eq!(status(&desk, &old_plain, "GET", "/v1/events"), 200);
    assert_eq!(status(&desk, &new_plain, "GET", "/v1/events"), 200);
    assert_eq!(status(&desk, &new_plain, "GET", "/v1/refunds"), 403);
    eventually("the old one's end", || (status(&desk, &old_plain, "GET", "/v1/events") == 401).then_some(()));
    assert_eq!(status(&desk, &new_plain, "GET", "/v1/events"), 200);
    let at_once = desk.ask(&["keys", "rotate", &text(&new, "key_id"), "--overlap", "0s", "--json"]).json();
    assert_eq!(status(&desk, &new_plain, "GET", "/v1/events"), 401);
    assert_eq!(status(&desk, &text(&at_once, "key"), "GET", "/v1/events"), 200);
}

#[test]
fn what_is_wrong_with_a_command_about_keys() {
    let desk = Desk::start();
    let (name, empty) = ("x".repeat(101), String::new());
    let create = ["keys", "create", "--mode", "test", "--json"];
    let rows: [(&[&str], &[&str], &str, &str); 10] = [
        (&create, &["--name", &name], "invalid_field", "name"),
        (&create, &["--name", &empty], "invalid_field", "name"),
        (&create, &["--name", "two\nlines"], "invalid_field", "name"),
        (&create, &["--name", "x", "--scopes", "payments"], "invalid_field", "scopes"),
        (&create, &["--name", "x", "--scopes", ""], "invalid_field", "scopes"),
        (&create, &["--name", "x", "--expires-in", "0s"], "invalid_field", "expires_in"),
        (&create, &["--name", "x", "--expires-in", "4000d"], "invalid_field", "expires_in"),
        (&["keys", "revoke", "--json"], &["nobody12"], "not_found", ""),
        (&["keys", "rotate", "--json"], &["nobody12"], "not_found", ""),
        (&["keys", "rotate", "--json"], &["nobody12", "--overlap", "4000d"], "invalid_field", "overlap"),
    ];
    for (command, words, code, field) in rows {
        let said = desk.ask(&[command, words].concat());
        assert_eq!(said.error(), (code.to_owned(), field.to_owned()), "{words:?}");
    }
    // The command line's own mistakes are told before anything is asked.
    for words in [
        &["keys", "create", "--name", "x", "--mode", "prod"][..],
        &["keys", "create", "--name", "x"],
        &["keys", "create", "--name", "x", "--mode", "test", "--expires-in", "90"],
        &["keys", "create", "--name", "x", "--mode", "test", "--expires-in", "9é"],
        &["keys", "revoke"],
        &["keys", "burn"],
    ] {
        let said = desk.ask(words);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{words:?}");
        assert!(said.err.contains("error:"), "{said:?}");
    }
    let revoked = create_and_revoke(&desk);
    let said = desk.ask(&["keys", "rotate", &revoked, "--json"]);
    assert_eq!(said.error(), ("invalid_field".to_owned(), "key_id".to_owned()));
}

fn create_and_revoke(desk: &Desk) -> String {
    let key_id = text(&create(desk, &["--mode", "test"]), "key_id");
    desk.ask(&["keys", "revoke", &key_id]).done();
    key_id
}
