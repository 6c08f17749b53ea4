//! Two connectors in one hub, one of them on a plugin that means harm: the other one's payments are out of its reach,
//! whatever it claims to know of them.

use hmac::{Hmac, KeyInit, Mac};
use payhub::operator::Request;
use processor_sdk::Descriptor;
use serde_json::{Value, json};

use super::hostile::{PATH_SECRET, framed_with, quoted, with_connectors_on};
use crate::support::hub::TestHub;
use crate::support::id;
use crate::support::sandbox::Sandbox as SandboxPay;
use crate::support::wait::eventually;

/// The plugin, its connector, and whom it is after.
const FILE: &str = "claims_others";
const HOSTILE: &str = "claims-others";
const GOOD: &str = "sandbox_b";

/// Deliveries that the plugin's own processor signs.
const BODIES: [&str; 2] = ["{}", "{\"again\":true}"];

/// Everything that names a payment: its own id, its attempt's, what the processor has for it, and our echo.
struct Names {
    payment: String,
    attempt: String,
    echo: String,
    references: Vec<Value>,
}

impl Names {
    async fn of(hub: &TestHub, payment: &str, session: &str) -> Self {
        let intent = hub.cart.intent(payment).await;
        let attempt = intent["attempts"][0].clone();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let references = attempt["references"].as_array().expect("references").clone();
        assert!(references.iter().any(|reference| reference["id"] == session), "{attempt:#}");
        Self {
            payment: payment.to_owned(),
            attempt: text(&attempt["id"]),
            echo: text(&hub.sandbox.session(session).await["reference"]),
            references,
        }
    }

    fn words(&self) -> Vec<String> {
        let own = [&self.payment, &self.attempt, &self.echo].into_iter().cloned();
        own.chain(self.references.iter().map(|reference| reference["id"].as_str().expect("an id").to_owned()))
            .collect()
    }
}

/// Each way to speak of somebody else's payment, with facts that would settle it and as a hint.
fn notifications(names: &[&Names]) -> Vec<Value> {
    let money = json!({ "amount": 1999, "currency": "EUR" });
    let paid = json!({ "word": "paid", "authorized": money, "captured": money });
    let refunded = json!({ "word": "paid", "captured": money, "refunded": money });
    let mut all = Vec::new();
    for says in [json!({ "facts": paid }), json!({ "facts": refunded }), json!("changed")] {
        for name in names.iter().flat_map(|names| names.words()) {
            let reference = json!([{ "kind": "payment", "id": name }]);
            all.push(json!({ "references": [], "echo": name, "says": says }));
            all.push(json!({ "references": reference, "says": says }));
            if says.is_object() {
                let mut within = says.clone();
                within["facts"]["references"] = reference;
                all.push(json!({ "references": [], "says": within }));
            }
        }
    }
    for (number, one) in all.iter_mut().enumerate() {
        one["proof"] = json!(0);
        one["event_id"] = json!(format!("evt_{number}"));
    }
    all
}

/// The plugin that claims all of that, and of its own payment that it is paid and has everything of theirs.
fn plugin(base_url: &str, names: &[&Names]) -> Vec<u8> {
    let secret = SandboxPay::webhook_secret("sandbox_a");
    let tag = |body: &&str| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(body.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    };
    let verify = json!({ "step": { "verify": {
        "kind": "mac", "algorithm": "hmac_sha256", "key": { "name": "webhook_secret" }, "encoding": "hex",
        "over": ["delivery_body"], "candidates": BODIES.iter().map(tag).collect::<Vec<_>>(),
    } } });
    let money = json!({ "amount": 1999, "currency": "EUR" });
    let references: Vec<_> = names.iter().flat_map(|names| names.references.clone()).collect();
    let items: Vec<_> = names
        .iter()
        .map(|names| {
            json!({ "kind": "capture", "id": names.payment, "echo": names.echo, "state": "succeeded", "amount": money })
        })
        .collect();
    let door = json!({ "kind": "redirect", "url": format!("{base_url}/pay/nothing") });
    let opened = json!({ "answer": { "said": { "facts": { "word": "open", "references": references }, "door": door } } });
    let facts = json!({
        "word": "paid", "authorized": money, "captured": money, "references": references, "items": items,
    });
    let texts = [
        ("VERIFY", verify),
        ("NOTIFICATIONS", json!({ "notifications": notifications(names) })),
        ("OPENED", opened),
        ("FETCHED", json!({ "answer": { "said": { "facts": facts } } })),
    ]
    .map(|(name, value)| (name, quoted(&value.to_string())));
    framed_with(FILE, &texts.each_ref().map(|(name, text)| (*name, text.as_str())), |_: &mut Descriptor| {})
}

/// All that anybody is told of a payment.
async fn told_of(hub: &TestHub, payment: &str) -> (Value, Vec<Value>, Value) {
    let shown = hub.operator(Request::ShowPayment { id: payment.to_owned() }).await.expect("a payment");
    (hub.cart.intent(payment).await, hub.cart.events(payment).await, shown["deliveries_in"].clone())
}

/// What the operator sees of a delivery that could not be matched, once it was read.
async fn stranded(hub: &TestHub, count: usize) -> Vec<Value> {
    eventually("the deliveries are read", async || {
        let list = hub.operator(Request::ListQuarantine).await.expect("a list");
        let deliveries = list["deliveries"].as_array().expect("deliveries").clone();
        let are_read = deliveries.iter().all(|delivery| delivery["state"] == "unmatched");
        (deliveries.len() == count && are_read).then_some(deliveries)
    })
    .await
}

#[tokio::test]
async fn no_plugin_settles_a_payment_of_another_connector() {
    let mut hub = TestHub::builder().connectors(2).start().await;
    let shopper = hub.shopper();
    let [open, paid] = [
        hub.cart.create(json!({ "connector": GOOD })).await,
        hub.cart.create(json!({ "connector": GOOD })).await,
    ];
    let page = shopper.open(&open).await;
    let page_of_paid = shopper.open(&paid).await;
    let session_of_paid = page_of_paid.session().to_owned();
    page_of_paid.pay().await;
    hub.cart.until_status(id(&paid), "succeeded").await;
    let names = [
        Names::of(&hub, id(&open), page.session()).await,
        Names::of(&hub, id(&paid), &session_of_paid).await,
    ];
    hub.sandbox.until_quiet().await;

    let names = [&names[0], &names[1]];
    let base_url = hub.sandbox.base_url.clone();
    let _folder = with_connectors_on(&mut hub, vec![(FILE, plugin(&base_url, &names))]).await;
    let before = [told_of(&hub, id(&open)).await, told_of(&hub, id(&paid)).await];
    let untouched = async |hub: &TestHub| {
        for (before, payment) in before.iter().zip([&open, &paid]) {
            assert_eq!(told_of(hub, id(payment)).await, *before, "as if nobody had spoken of it");
        }
    };
    let address = format!("{HOSTILE}/{PATH_SECRET}");

    // A delivery that its own processor signed: it counts as proven, and finds nothing.
    assert_eq!(hub.deliver(&address, BODIES[0], None).await.status, 200);
    for delivery in stranded(&hub, 1).await {
        assert_eq!(delivery["connector"], HOSTILE, "{delivery:#}");
        assert_eq!(delivery["note"], "names no payment of this hub (yet)", "{delivery:#}");
    }
    untouched(&hub).await;
    // A payment of its own, of which it answers what it likes: from now on their references are its own as well.
    let own = hub.cart.create(json!({ "connector": HOSTILE })).await;
    shopper.open(&own).await;
    let lied = hub.cart.until_status(id(&own), "succeeded").await;
    assert_eq!(lied["attempts"][0]["connector"], HOSTILE);
    assert_eq!(hub.deliver(&address, BODIES[1], None).await.status, 200);
    stranded(&hub, 2).await;
    // What it says has force where it belongs: the same words, by the same ids, give its own payment back.
    assert_eq!(hub.cart.intent(id(&own)).await["amount_refunded"], 1999);
    untouched(&hub).await;
    // Who goes by the processor's id alone is told that it names two, and nothing is done.
    let by_reference = page.session().to_owned();
    let refused = hub.operator(Request::ShowPayment { id: by_reference }).await;
    let refused = refused.expect_err("two payments").to_string();
    for payment in [id(&open), id(&own)] {
        assert!(refused.contains("one payment; this names") && refused.contains(payment), "{refused}");
    }

    // The good connector goes on with both: its webhooks, look-ups and refunds find them.
    page.pay().await;
    for payment in [&open, &paid] {
        hub.cart.until_status(id(payment), "succeeded").await;
        let refund = hub.cart.refund(id(payment), Some(500)).await.expect(201);
        hub.cart.until_refund(id(&refund), "succeeded").await;
        let shown = hub.cart.intent(id(payment)).await;
        assert_eq!((&shown["amount_captured"], &shown["amount_refunded"]), (&json!(1999), &json!(500)));
    }
    let ledger = hub.sandbox.ledger().await;
    assert_eq!((ledger.charged, ledger.refunded), (2 * 1999, 2 * 500));
    hub.finish_at_once().await;
}
