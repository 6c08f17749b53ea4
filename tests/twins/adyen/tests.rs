//! The twin itself: how it signs, what it refuses, and that it notes what should not have been sent.

use serde_json::{Value, json};

use super::notices::signature;
use super::{Adyen, LIVE_KEY, TEST_KEY};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// The fields of a link for 19.99 EUR.
fn link() -> Value {
    json!({
        "merchantAccount": "TwinShopECOM", "reference": "a1", "amount": {"currency": "EUR", "value": 1999},
        "returnUrl": "https://hub.test/return?x=1", "manualCapture": true,
    })
}

async fn send(twin: &Twin<Adyen>, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    let request = plain_client().request(method.parse().unwrap(), format!("{}/v72{path}", twin.base_url));
    let request = request.header("x-api-key", TEST_KEY).header("idempotency-key", key);
    let request = request.header("content-type", "application/json").body(body.to_string());
    Answer::of(request.send().await.expect("an answer")).await
}

async fn get(twin: &Twin<Adyen>, path: &str) -> Answer {
    let request = plain_client().get(format!("{}/v72{path}", twin.base_url)).header("x-api-key", TEST_KEY);
    Answer::of(request.send().await.expect("an answer")).await
}

fn violations(twin: &Twin<Adyen>) -> usize {
    twin.with(|_, desk| desk.violations.len())
}

/// The answers that Adyen's own library and documentation publish, and one that shows that nothing is escaped,
/// computed with Adyen's library for Python.
#[test]
fn the_known_answers_of_adyens_own_libraries() {
    let of_the_library = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00";
    let of_the_documentation = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    // (the key; own id, original, account, reference, amount, currency, code; the signature)
    let rows = [
        (
            of_the_library,
            ["pspReference", "originalReference", "merchantAccount", "reference", "EUR", "REPORT_AVAILABLE"],
            1000,
            "ZNBPtI+oDyyRrLyD1XirkKnQgIAlFc07Vj27TeHsDRE=",
        ),
        (
            of_the_library,
            ["pspReference", "originalReference", "merchantAccount", "reference", "EUR", "EVENT"],
            1000,
            "ipnxGCaUZ4l8TUW75a71/ghd2Fe5ffvX0pV4TLTntIc=",
        ),
        (
            of_the_documentation,
            ["7914073381342284", "", "TestMerchant", "TestPayment-1407325143704", "EUR", "AUTHORISATION"],
            1130,
            "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
        ),
        (
            of_the_library,
            ["8815REFUND000001", "8815ORIG00000001", "HubTestECOM", "pay:42\\a", "EUR", "REFUND"],
            500,
            "JaeSnkSw3DNI41FWMkDywrAFu3tQkmQI2vj/xxGJEe8=",
        ),
    ];
    for (key, [own, original, account, reference, currency, code], value, expected) in rows {
        let mut item = json!({
            "pspReference": own, "merchantAccountCode": account, "merchantReference": reference,
            "amount": {"value": value, "currency": currency}, "eventCode": code, "success": "true",
        });
        // What is missing is signed as nothing.
        if !original.is_empty() {
            item["originalReference"] = original.into();
        }
        assert_eq!(signature(key, &item), expected, "{code} {reference}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_wrong_is_noted() {
    // (the field, its value, the code that is answered)
    let rows = [
        ("amount", json!(1999), "702"),
        ("amount", json!({"currency": "EUR", "value": "1999"}), "702"),
        ("amount", json!({"currency": "EUR", "value": 19.99}), "702"),
        ("amount", json!({"currency": "EURO", "value": 1999}), "702"),
        ("amount", json!({"currency": "eur", "value": 1999}), "138"),
        ("amount", json!({"currency": "EUR", "value": 0}), "137"),
        ("amount", json!({"currency": "EUR"}), "100"),
        ("merchantAccount", json!("AnotherShop"), "901"),
        ("reference", json!(""), "130"),
        ("reference", json!("a".repeat(81)), "130"),
        ("manualCapture", json!("true"), "702"),
        ("captureDelayHours", json!("0"), "702"),
        ("expiresAt", json!("2031-01-01T00:00:00+00:00"), "702"),
        ("expiresAt", json!("2031-01-01T00:00:00Z"), "702"),
        ("expiresAt", json!("tomorrow"), "702"),
        ("metadata", json!({"order_reference": 1}), "702"),
        ("metadata", json!({"order_reference": "a".repeat(81)}), "702"),
        ("metadata", json!({"a_name_of_21_letters_": "a"}), "178"),
        ("storePaymentMethodMode", json!("yes"), "702"),
        ("cancelUrl", json!("https://hub.test"), "702"),
        ("mode", json!("hosted"), "702"),
    ];
    let twin = Twin::adyen().await;
    for (row, (name, value, code)) in rows.into_iter().enumerate() {
        let mut body = link();
        body[name] = value.clone();
        let answer = send(&twin, "POST", "/paymentLinks", &format!("row-{row}"), &body).await;
        let error = answer.json();
        assert_eq!(
            (&error["errorCode"], violations(&twin)),
            (&json!(code), row + 1),
            "{name}: {value}: {error}"
        );
    }
    // (left out, whether it is answered all the same)
    let rows = [
        ("amount", false),
        ("merchantAccount", false),
        ("reference", false),
        ("returnUrl", true),
        ("manualCapture", true),
    ];
    for (name, is_taken) in rows {
        let before = violations(&twin);
        let mut body = link();
        body.as_object_mut().unwrap().shift_remove(name);
        let answer = send(&twin, "POST", "/paymentLinks", &format!("without-{name}"), &body).await;
        assert_eq!(
            (answer.status == 201, violations(&twin)),
            (is_taken, before + 1),
            "{name}: {}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_where_is_checked() {
    let rows = [
        ("POST", "/v72/paymentLinks", "", 401),
        ("POST", "/v72/paymentLinks", "AQEwrong", 401),
        // Live addresses have a segment more.
        ("POST", "/v72/paymentLinks", LIVE_KEY, 404),
        ("POST", "/checkout/v72/paymentLinks", TEST_KEY, 404),
        ("POST", "/paymentLinks", TEST_KEY, 404),
        ("POST", "/v72/payments", TEST_KEY, 404),
        ("GET", "/v72/payments/TWN/refunds", TEST_KEY, 404),
        ("GET", "/v72/sessions/CS1", TEST_KEY, 422),
        ("GET", "/v72/paymentLinks/PL1", TEST_KEY, 422),
        ("POST", "/v72/paymentLinks?x=1", TEST_KEY, 400),
    ];
    for (method, path, key, status) in rows {
        let twin = Twin::adyen().await;
        let request = plain_client().request(method.parse().unwrap(), format!("{}{path}", twin.base_url));
        let request = request.header("x-api-key", key).header("idempotency-key", "k");
        let request = request.header("content-type", "application/json").body(link().to_string());
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!((answer.status, violations(&twin)), (status, 1), "{method} {path}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_has_one_life() {
    let twin = Twin::adyen().await;
    let opened = send(&twin, "POST", "/paymentLinks", "k1", &link()).await.expect(201);
    let again = send(&twin, "POST", "/paymentLinks", "k1", &link()).await;
    assert_eq!(again.header("idempotency-key"), Some("k1"));
    assert_eq!(again.expect(201), opened);
    let id = opened["id"].as_str().unwrap().to_owned();
    let path = format!("/paymentLinks/{id}");
    assert_eq!(get(&twin, &path).await.expect(200)["status"], "active");

    let browser = async |action: &str| {
        let form = plain_client().post(opened["url"].as_str().unwrap());
        let form = form.header("content-type", "application/x-www-form-urlencoded");
        Answer::of(form.body(format!("action={action}")).send().await.unwrap()).await
    };
    assert_eq!(browser("cancel").await.status, 400, "a link has no such button");
    assert_eq!(browser("decline").await.status, 200);
    assert_eq!(browser("pay").await.header("location"), Some("https://hub.test/return?x=1"));
    assert!(browser("pay").await.text.contains("Continue"), "it is paid once");
    assert_eq!(get(&twin, &path).await.expect(200)["status"], "completed");
    let closed = send(&twin, "PATCH", &path, "k2", &json!({"status": "expired"})).await;
    assert_eq!(closed.status, 422);
    let books = twin.ledger();
    assert_eq!((books.total(Moved::Reserved), books.count(Moved::Taken)), (1999, 0));
    assert_eq!(violations(&twin), 0);

    let mut other = link();
    other["reference"] = "b2".into();
    assert_eq!(send(&twin, "POST", "/paymentLinks", "k1", &other).await.expect(201), opened);
    assert_eq!(violations(&twin), 1, "another request under a known key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_modification_is_received_whatever_stands_in_its_way() {
    let twin = Twin::adyen().await;
    twin.hold_modifications();
    let opened = send(&twin, "POST", "/paymentLinks", "k", &link()).await.expect(201);
    let page = opened["id"].as_str().unwrap().to_owned();
    twin.pay(&page);
    let payment = twin.payment_at(&page);
    // (what, its amount, how it ends, what was taken and given back by then)
    let rows = [
        ("refunds", 100, false, 0, 0),
        ("captures", 2000, false, 0, 0),
        ("captures", 1500, true, 1500, 0),
        ("captures", 499, false, 1500, 0),
        ("cancels", 0, false, 1500, 0),
        ("refunds", 1000, true, 1500, 1000),
        ("refunds", 501, false, 1500, 1000),
        ("refunds", 500, true, 1500, 1500),
    ];
    for (row, (what, amount, is_success, taken, back)) in rows.into_iter().enumerate() {
        let mut body = json!({"merchantAccount": "TwinShopECOM", "reference": format!("a1-{row}")});
        if amount != 0 {
            body["amount"] = json!({"currency": "EUR", "value": amount});
        }
        let path = format!("/payments/{payment}/{what}");
        let answer = send(&twin, "POST", &path, &format!("k{row}"), &body).await.expect(201);
        assert_eq!(
            (&answer["status"], &answer["paymentPspReference"]),
            (&json!("received"), &json!(payment))
        );
        twin.end(answer["pspReference"].as_str().unwrap(), None);
        let event: Value = serde_json::from_str(&twin.events().last().expect("an event").body).unwrap();
        let item = &event["notificationItems"][0]["NotificationRequestItem"];
        let told = (&item["success"], &item["originalReference"], &item["merchantReference"]);
        let success = if is_success { "true" } else { "false" };
        assert_eq!(told, (&json!(success), &json!(payment), &json!(format!("a1-{row}"))), "{what} {amount}");
        let books = twin.ledger();
        assert_eq!(
            (books.total(Moved::Taken), books.total(Moved::GivenBack)),
            (taken, back),
            "{what} {amount}"
        );
    }
    assert_eq!(twin.ledger().total(Moved::Released), 499);
    assert_eq!(violations(&twin), 0, "what depends on the state is nobody's mistake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_is_done_or_not() {
    let twin = Twin::adyen().await;
    // (what happens, the header, the pages made, the answer to the same request again)
    let rows = [(Fault::BreaksBefore, Some("true"), 0, 201), (Fault::BreaksAfter, None, 2, 500)];
    for (row, (fault, transient, made, again)) in rows.into_iter().enumerate() {
        twin.fault("open", fault);
        let key = format!("k{row}");
        let answer = send(&twin, "POST", "/paymentLinks", &key, &link()).await;
        assert_eq!((answer.status, answer.header("transient-error")), (500, transient), "{fault:?}");
        assert_eq!(twin.pages().len(), made, "{fault:?}");
        assert_eq!(send(&twin, "POST", "/paymentLinks", &key, &link()).await.status, again, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_that_meets_the_first_one_in_progress_gets_error_704() {
    let twin = Twin::adyen().await;
    twin.take_long(true);
    let first = send(&twin, "POST", "/paymentLinks", "k", &link()).await.expect(201);
    let early = send(&twin, "POST", "/paymentLinks", "k", &link()).await;
    assert_eq!((early.status, &early.json()["errorCode"]), (422, &json!("704")));
    twin.take_long(false);
    assert_eq!(send(&twin, "POST", "/paymentLinks", "k", &link()).await.expect(201), first);
    assert_eq!((twin.pages().len(), violations(&twin)), (1, 0));
}
