//! Hard case 53, where the adapter is a plugin: a newer file comes while payments of the older one are under way.

use serde_json::json;

use crate::plugins::hot_load::{add_newer, desk, listed, remove, went_astray};
use crate::processes::eventually;
use crate::processes::world::text;

/// 53. A plugin is upgraded mid-flight: what the old file opened is captured, looked up and given back by the
///     old file, while new payments are the new one's.
#[test]
fn hc_53_a_plugin_is_upgraded_under_way() {
    let desk = desk();
    let reserved = desk.create("reserved", &json!({ "capture": "manual" }));
    desk.pay(&desk.open(&reserved));
    let reserved = text(&reserved, "id");
    desk.until(&reserved, "reserved", |payment| payment["status"] == "requires_capture");
    add_newer(&desk);
    remove(&desk, "old.wasm");

    let path = format!("/v1/payment_intents/{reserved}/capture");
    let captured = desk.world.api.post(&path, "capture", &json!({})).expect("an answer");
    assert!(captured.status < 300, "{}", captured.text());
    desk.until(&reserved, "captured", |payment| payment["status"] == "succeeded");
    desk.until_refund(&desk.refund(&reserved, 700), "succeeded");
    let new = desk.paid("new");
    desk.refund(&new, 700);
    eventually("the new file asks in its own way", || went_astray(&desk, &new).then_some(()));
    assert!(!went_astray(&desk, &reserved));
    assert_eq!(listed(&desk).len(), 2);
    assert_eq!(desk.ledger(), (2 * 1999, 700));
}
