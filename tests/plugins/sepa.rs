//! SEPA credit transfer: the shopper is shown bank details and a code, and an operator who finds the money on the
//! statement says so.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hub_core::policy::{PaidLate, Policies};
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use payhub::operator::Request;
use payhub::operator::resolutions::Settlement;
use payhub::pages::code;
use plugin_sepa_credit_transfer::SepaCreditTransfer;
use processor_sdk::Settings;
use serde_json::{Value, json};

use crate::processes::http::send;
use crate::processes::world::{SECRETS, World, text};
use crate::processes::{binaries, eventually};
use crate::support::hub::Builder;
use crate::support::{TestHub, id, plugins};

/// The connector's name.
const BANK: &str = "bank";
const NAME: &str = "Bäckerei Müller & Söhne";
const IBAN: &str = "DE02120300000000202051";
const DAY_S: i64 = 24 * 3_600;

fn bank(iban: &str) -> Builder {
    let config = ConnectorConfig {
        name: BANK.to_owned(),
        adapter: AdapterChoice::Native("sepa-credit-transfer".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::from([("name", NAME.into()), ("iban", iban.into()), ("purpose", "GDDS".into())]),
        secrets: BTreeMap::new(),
        grants: Grants::default(),
        webhook_path_secret: None,
    };
    TestHub::builder().connectors(0).also(config).adapter(BANK, Arc::new(SepaCreditTransfer))
}

/// What an operator says that came, of the payment that a text names.
async fn settle(hub: &TestHub, id: &str, amount: i64) -> Result<Value, String> {
    let request = Request::Settle {
        id: id.to_owned(),
        attempt: None,
        settlement: Settlement::Paid { amount },
        evidence: "statement of 3 May, line 12".to_owned(),
        operator: "Nora".to_owned(),
    };
    hub.operator(request).await.map_err(|error| error.failure().code)
}

/// The creditor reference that a payment's shopper was given.
fn reference(intent: &Value) -> String {
    let references = intent["attempts"][0]["references"].as_array().expect("references");
    assert_eq!(references.len(), 1, "{intent}");
    references[0]["id"].as_str().expect("an id").to_owned()
}

/// Values that a page names under their labels, as they are copied.
fn details(html: &str) -> BTreeMap<String, String> {
    let text = |html: &str| -> String {
        let words = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        words.collect::<String>().replace("&#38;", "&")
    };
    let of = |pair: &str| {
        let (label, rest) = pair.split_once("</dt>").expect("a label");
        let value = rest.split_once("<dd>").expect("a value").1;
        (text(label), text(value.split_once("</dd>").expect("its end").0))
    };
    html.split("<dt>").skip(1).map(of).collect()
}

/// The code that a page shows, as an SVG document.
fn drawn(html: &str) -> String {
    let (_, rest) = html.split_once("src=\"data:image/svg+xml;base64,").expect("a code");
    let image = STANDARD.decode(rest.split('"').next().expect("its end")).expect("base64");
    String::from_utf8(image).expect("a document")
}

/// That what is read, what is copied and what is scanned are the same.
fn the_page_says(html: &str, reference: &str) {
    let shown = details(html);
    for (label, value) in [
        ("Test mode", "This is only a test. Please transfer nothing."),
        ("Recipient", NAME),
        ("IBAN", IBAN),
        ("Amount in EUR", "19.99"),
        ("Reference", reference),
    ] {
        assert_eq!(shown.get(label).map(String::as_str), Some(value), "{shown:?}");
    }
    let payload = format!("BCD\n002\n1\nSCT\n\n{NAME}\n{IBAN}\nEUR19.99\nGDDS\n{reference}");
    assert_eq!(drawn(html), code::svg(&payload).expect("a code"));
}

/// As a bank prints it.
fn printed(reference: &str) -> String {
    let groups = reference.as_bytes().chunks(4).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shopper_is_shown_the_details_and_the_statement_finds_the_payment() {
    let mut hub = bank(IBAN).start().await;
    let intent = hub.cart.create(json!({ "amount": 1999, "expires_in_s": 14 * DAY_S })).await;
    let page = hub.shopper().open(&intent).await;
    assert_eq!(page.status(), 200);
    let open = hub.cart.intent(id(&intent)).await;
    assert_eq!(
        (&open["status"], &open["attempts"][0]["state"]),
        (&json!("requires_checkout"), &json!("open"))
    );
    let reference = reference(&open);

    the_page_says(page.text(), &reference);
    let again = hub.shopper().open(&intent).await;
    assert_eq!(again.text(), page.text(), "another look, another tab: the same");

    // Nobody delivers anything, so there is nowhere to deliver to.
    for address in [BANK.to_owned(), format!("{BANK}/abcdefghijklmnopqrstuvwxyz")] {
        let answer = hub.deliver(&address, "{\"status\":\"paid\"}", None).await;
        assert_eq!(answer.status, 404, "{}", answer.text);
    }
    hub.restart().await;
    assert_eq!(hub.shopper().open(&intent).await.text(), page.text());

    let printed = printed(&reference);
    let story = hub.operator(Request::ShowPayment { id: printed.to_lowercase() }).await.expect("a payment");
    assert_eq!(story["payment_intent"]["id"], intent["id"]);
    let settled = settle(&hub, &printed, 1999).await.expect("settled");
    assert_eq!((&settled["status"], &settled["amount_captured"]), (&json!("succeeded"), &json!(1999)));
    let types = hub.cart.event_types(id(&intent)).await;
    assert_eq!(types, ["payment_intent.created", "payment_intent.succeeded", "order.paid"]);
    assert!(hub.shopper().open(&intent).await.is_at_the_shop());

    assert_eq!(settle(&hub, &printed, 1999).await, Err("cannot_settle".to_owned()));
    let refund = hub.cart.refund(id(&intent), Some(500)).await;
    assert_eq!((refund.status, refund.code().as_str()), (409, "not_supported"), "{}", refund.text);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_late_or_otherwise_than_asked() {
    let hold = Policies { paid_late: PaidLate::Hold, ..Policies::default() };
    // What happens meanwhile, what is decided beforehand, what comes, and how the payment stands then.
    for (meanwhile, policies, came, status, captured, quarantine) in [
        ("nothing", Policies::default(), 1999, "succeeded", 1999, Value::Null),
        ("expired", Policies::default(), 1999, "succeeded", 1999, Value::Null),
        ("expired", hold, 1999, "expired", 1999, json!("paid_late")),
        ("canceled", Policies::default(), 1999, "succeeded", 1999, Value::Null),
        ("canceled", hold, 1999, "canceled", 1999, json!("paid_late")),
        ("nothing", Policies::default(), 1000, "requires_checkout", 0, json!("amount_mismatch")),
        ("expired", Policies::default(), 2000, "expired", 0, json!("amount_mismatch")),
    ] {
        let hub = bank(IBAN).policies(policies).start().await;
        let intent = hub.cart.create(json!({ "amount": 1999, "expires_in_s": DAY_S })).await;
        hub.shopper().open(&intent).await;
        let reference = reference(&hub.cart.intent(id(&intent)).await);
        match meanwhile {
            "expired" => {
                hub.jump(DAY_S + 60).await;
                hub.cart.until_status(id(&intent), "expired").await;
                // Much later, still nothing is asked of anybody.
                hub.jump(60 * DAY_S).await;
            }
            "canceled" => {
                let canceled = hub.cart.cancel(id(&intent)).await.expect(200);
                assert_eq!(canceled["status"], "canceled");
            }
            _ => {}
        }
        if meanwhile != "nothing" {
            let gone = hub.shopper().open(&intent).await;
            assert_eq!((gone.status(), gone.text().contains(IBAN)), (410, false), "{}", gone.text());
        }
        let settled = settle(&hub, &reference, came).await.expect("settled");
        let seen = (&settled["status"], &settled["amount_captured"], &settled["quarantine"]["reason"]);
        assert_eq!(seen, (&json!(status), &json!(captured), &quarantine), "{meanwhile} {came}");
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_transfer_can_be_made_of_is_not_offered() {
    let hub = bank(IBAN).start().await;
    for body in [
        json!({ "amount": 1999, "currency": "USD" }),
        json!({ "amount": 100_000_000_000_i64, "currency": "EUR" }),
        json!({ "amount": 1999, "capture": "manual" }),
    ] {
        let answer = hub.cart.create_intent(body.clone()).await;
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text);
    }
    hub.cart.create(json!({ "amount": 99_999_999_999_i64 })).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_iban_is_shown_to_nobody() {
    let wrong = "DE20120300000000202051";
    let hub = bank(wrong).start().await;
    let intent = hub.cart.create(json!({ "amount": 1999 })).await;
    let page = hub.shopper().open(&intent).await;
    assert_eq!((page.status(), page.text().contains("0300")), (503, false), "{}", page.text());
    let story = hub.operator(Request::ShowPayment { id: id(&intent).to_owned() }).await.expect("a payment");
    let told = story.to_string();
    assert!(told.contains("settings.iban fails its check"), "the operator reads why: {told}");
    assert!(!told.contains(wrong), "a value is repeated nowhere");
    hub.finish().await;
}

#[test]
fn as_a_plugin_in_a_hub_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = plugins::built("plugins/sepa-credit-transfer");
    std::fs::copy(file, folder.path().join("sepa.wasm")).expect("a plugin in the folder");
    let tables = format!(
        r#"
[plugins]
folder = "{}"

[connectors.bank]
plugin = "sepa-credit-transfer"
mode = "test"
settings.name = "{NAME}"
settings.iban = "DE02 1203 0000 0000 2020 51"
settings.purpose = "GDDS"
"#,
        folder.path().display()
    );
    let (mut world, _) = World::serve_with(&tables);
    let body = json!({
        "amount": 1999, "currency": "EUR", "connector": "bank", "return_url": "http://127.0.0.1:9/thanks",
    });
    let created = world.api.post("/v1/payment_intents", "order-1", &body).expect("an answer");
    assert_eq!(created.status, 201, "{}", created.text());
    let (id, checkout_url) = (text(&created.json(), "id"), text(&created.json(), "checkout_url"));
    let look = || {
        eventually("the bank details", || {
            let page = send("GET", &checkout_url, &[], &[]).ok()?;
            (page.status == 200 && page.text().contains("<dl>")).then(|| page.text())
        })
    };
    let html = look();
    let intent = || world.api.show(&format!("/v1/payment_intents/{id}"));
    let reference = reference(&intent());
    the_page_says(&html, &reference);
    assert_eq!(intent()["status"], "requires_checkout");

    world.kill_hub();
    world.start_hub();
    assert_eq!(look(), html, "the page outlives a power cut");
    let config = world.config_file();
    let settled = Command::new(binaries::payhub())
        .args(["payments", "settle", &printed(&reference), "--paid", "1999", "--as", "Nora"])
        .args(["--evidence", "statement of 3 May, line 12", "--config"])
        .arg(&config)
        .env_clear()
        .envs(SECRETS)
        .output()
        .expect("payhub starts");
    assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stderr));
    let paid = world.api.show(&format!("/v1/payment_intents/{id}"));
    assert_eq!((&paid["status"], &paid["amount_captured"]), (&json!("succeeded"), &json!(1999)));
}
