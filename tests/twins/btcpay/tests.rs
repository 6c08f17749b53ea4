//! The twin itself: what it refuses, how its invoices and refunds go on, and that it notes what should not have been
//! sent.

use serde_json::{Value, json};

use super::{API_KEY, BtcPay, STORE, signature};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// The fields of an invoice for 19.99 EUR.
fn wish() -> Value {
    json!({
        "amount": "19.99", "currency": "EUR", "metadata": {"orderId": "o-1", "who": "me"},
        "checkout": {"redirectURL": "https://hub.test/return?x={InvoiceId}&o={OrderId}", "redirectAutomatically": true},
        "additionalSearchTerms": ["1001"],
    })
}

fn invoices() -> String {
    format!("/api/v1/stores/{STORE}/invoices")
}

async fn send(twin: &Twin<BtcPay>, method: &str, path: &str, key: &str, body: Option<&Value>) -> Answer {
    let request = plain_client().request(method.parse().unwrap(), format!("{}{path}", twin.base_url));
    let request = request.header("authorization", format!("token {key}"));
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    Answer::of(request.send().await.expect("an answer")).await
}

async fn post(twin: &Twin<BtcPay>, path: &str, body: &Value) -> Answer {
    send(twin, "POST", path, API_KEY, Some(body)).await
}

async fn get(twin: &Twin<BtcPay>, path: &str) -> Answer {
    send(twin, "GET", path, API_KEY, None).await
}

/// A new invoice; its id.
async fn open(twin: &Twin<BtcPay>) -> String {
    let made = post(twin, &invoices(), &wish()).await.expect(200);
    made["id"].as_str().expect("an id").to_owned()
}

fn violations(twin: &Twin<BtcPay>) -> usize {
    twin.with(|_, desk| desk.violations.len())
}

/// The events that the store was told of, oldest first.
fn told(twin: &Twin<BtcPay>) -> Vec<String> {
    twin.events().into_iter().map(|parcel| parcel.kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_wrong_is_noted() {
    // (where, its value)
    let rows = [
        ("/amount", json!(19.99)),
        ("/amount", json!("0")),
        ("/amount", json!("-1")),
        ("/amount", json!("19.999")),
        ("/amount", json!("1e3")),
        ("/amount", Value::Null),
        ("/currency", Value::Null),
        ("/metadata", json!("text")),
        ("/metadata/orderId", json!(1001)),
        ("/metadata/itemDesc", json!(["One"])),
        ("/orderId", json!("o-1")),
        ("/checkout/redirectUrl", json!("https://hub.test")),
        ("/checkout/cancelURL", json!("https://hub.test")),
        ("/checkout/redirectAutomatically", json!("true")),
        ("/checkout/expirationMinutes", json!("15")),
        ("/checkout/expirationMinutes", json!(0)),
        ("/checkout/paymentTolerance", json!(101)),
        ("/checkout/paymentTolerance", json!("0")),
        ("/checkout/speedPolicy", json!("Fast")),
        ("/checkout/paymentMethods", json!("BTC-CHAIN")),
        ("/checkout/paymentMethods", json!(["XMR-CHAIN"])),
        ("/additionalSearchTerms", json!("1001")),
    ];
    let twin = Twin::btcpay().await;
    for (row, (place, value)) in rows.into_iter().enumerate() {
        let mut body = wish();
        let (above, name) = place.rsplit_once('/').unwrap();
        body.pointer_mut(above).unwrap()[name] = value.clone();
        let answer = post(&twin, &invoices(), &body).await;
        assert_eq!((answer.status, violations(&twin)), (422, row + 1), "{place}: {value}: {}", answer.text);
        assert!(answer.json()[0]["path"].is_string(), "{}", answer.text);
    }
    assert_eq!(twin.invoices(), Vec::<String>::new());
    let body = json!({ "amount": "5", "currency": "XXX" });
    let answer = post(&twin, &invoices(), &body).await;
    assert_eq!((answer.status, answer.code()), (400, "generic-error".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_where_is_checked() {
    let absent = "/api/v1/stores/another/invoices";
    let of_store = invoices();
    let rows = [
        ("GET", of_store.as_str(), "", None, 401),
        ("GET", &of_store, "wrong", None, 401),
        ("GET", absent, API_KEY, None, 403),
        ("GET", "/api/v2/invoices", API_KEY, None, 404),
        ("PUT", &of_store, API_KEY, None, 404),
        ("POST", &of_store, API_KEY, None, 415),
        ("POST", &of_store, API_KEY, Some(json!([])), 422),
        ("POST", &of_store, API_KEY, Some(json!("text")), 422),
    ];
    for (method, path, key, body, status) in rows {
        let twin = Twin::btcpay().await;
        let answer = send(&twin, method, path, key, body.as_ref()).await;
        assert_eq!((answer.status, violations(&twin)), (status, 1), "{method} {path}: {}", answer.text);
    }
    for query in ["take=many", "status=Paid", "order=1", "includePaymentMethods=1", "take=1&take=2"] {
        let twin = Twin::btcpay().await;
        let answer = get(&twin, &format!("{of_store}?{query}")).await;
        assert_eq!((answer.status, violations(&twin)), (422, 1), "{query}: {}", answer.text);
    }
    let twin = Twin::btcpay().await;
    for permission in ["btcpay.store.canmodifyinvoices", "btcpay.store.cancreateinvoice"] {
        assert_eq!(post(&twin, &of_store, &wish()).await.status, 200, "one permission is in the other");
        twin.forbid(permission);
    }
    let answer = post(&twin, &of_store, &wish()).await;
    assert_eq!((answer.status, answer.code()), (403, "missing-permission".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_is_found_by_its_order() {
    let twin = Twin::btcpay().await;
    let first = open(&twin).await;
    let mut other = wish();
    other["metadata"]["orderId"] = "o-11".into();
    post(&twin, &invoices(), &other).await.expect(200);
    // (what is asked, how many are listed, whether the first invoice is the last of them)
    let rows = [
        ("orderId=o-1", 1, true),
        ("orderId=o-2", 0, false),
        ("orderId=o-1&orderId=o-11", 2, true),
        ("orderId=o-1&orderId=o-11&take=1", 1, false),
        ("orderId=o-1&orderId=o-11&skip=1", 1, true),
        ("textSearch=o-1", 2, true),
        ("textSearch=1001", 2, true),
        ("status=Settled", 0, false),
        ("status=New&startDate=1&endDate=2", 0, false),
    ];
    for (query, count, has_first) in rows {
        let listed = get(&twin, &format!("{}?{query}", invoices())).await.expect(200);
        let listed = listed.as_array().unwrap();
        let last = listed.last().map(|invoice| invoice["id"].as_str().unwrap());
        assert_eq!((listed.len(), last == Some(&first)), (count, has_first), "{query}");
    }
    for path in [format!("/api/v1/invoices/{first}"), format!("{}/{first}", invoices())] {
        assert_eq!(get(&twin, &path).await.expect(200)["metadata"]["who"], "me", "{path}");
    }
    let absent = get(&twin, "/api/v1/invoices/none").await;
    assert_eq!((absent.status, absent.code()), (404, "invoice-not-found".to_owned()));
    assert_eq!(violations(&twin), 0);
}

/// What is done to an invoice, its two statuses then, and what was told because of it.
type Step = (Act, &'static str, &'static str, Vec<&'static str>);

/// What is done to an invoice.
enum Act {
    Coins(i64),
    Lightning,
    Confirm,
    Replace,
    Expire,
    Unwatched,
    Mark(&'static str),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lives_of_an_invoice() {
    use Act::{Coins, Confirm, Expire, Lightning, Mark, Replace, Unwatched};
    let (seen, confirmed) = ("InvoiceReceivedPayment", "InvoicePaymentSettled");
    let (processing, settled) = ("InvoiceProcessing", "InvoiceSettled");
    let (expired, invalid) = ("InvoiceExpired", "InvoiceInvalid");
    let lives: Vec<Vec<Step>> = vec![
        vec![(Lightning, "Settled", "None", vec![seen, processing, confirmed, settled])],
        vec![
            (Coins(1999), "Processing", "None", vec![seen, processing]),
            (Confirm, "Settled", "None", vec![confirmed, settled]),
        ],
        vec![
            (Coins(1000), "New", "PaidPartial", vec![seen]),
            (Coins(1999), "Processing", "PaidOver", vec![seen, processing]),
            (Confirm, "Settled", "PaidOver", vec![confirmed, confirmed, settled]),
        ],
        vec![
            (Coins(1000), "New", "PaidPartial", vec![seen]),
            (Expire, "Expired", "PaidPartial", vec![expired]),
            (Confirm, "Expired", "PaidPartial", vec![confirmed]),
        ],
        vec![
            (Expire, "Expired", "None", vec![expired]),
            (Coins(1999), "Expired", "PaidLate", vec![seen]),
            (Confirm, "Expired", "PaidLate", vec![confirmed]),
            (Mark("Settled"), "Settled", "Marked", vec![settled]),
        ],
        vec![(Coins(1999), "Processing", "None", vec![seen, processing]), (Replace, "New", "None", vec![])],
        vec![
            (Coins(1999), "Processing", "None", vec![seen, processing]),
            (Expire, "Processing", "None", vec![]),
            (Unwatched, "Invalid", "None", vec![invalid]),
        ],
        vec![
            (Mark("Invalid"), "Invalid", "Marked", vec![invalid]),
            (Coins(1999), "Invalid", "Marked", vec![seen]),
        ],
    ];
    for (number, life) in lives.into_iter().enumerate() {
        let twin = Twin::btcpay().await;
        let id = open(&twin).await;
        for (step, (act, status, additional, expected)) in life.into_iter().enumerate() {
            let before = told(&twin).len();
            match act {
                Coins(minor) => twin.send_coins(&id, Some(minor)),
                Lightning => twin.pay(&id),
                Confirm => twin.confirm(&id),
                Replace => twin.replace(&id),
                Expire => twin.expire(&id),
                Unwatched => twin.let_time_pass(2 * 24 * 3_600),
                Mark(status) => twin.mark(&id, status),
            }
            let shown = twin.status(&id);
            let place = format!("life {number}, step {step}");
            assert_eq!((shown.0.as_str(), shown.1.as_str()), (status, additional), "{place}");
            assert_eq!(told(&twin)[before..], expected, "{place}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_takes_coins_and_leads_back() {
    let twin = Twin::btcpay().await;
    let id = open(&twin).await;
    let url = twin.invoice(&id)["checkoutLink"].as_str().unwrap().to_owned();
    let browser = async |form: &str| {
        let form = form.to_owned();
        let request = plain_client().post(&url).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(request.body(form).send().await.unwrap()).await
    };
    let part = browser("action=pay_later&amount=10.00").await;
    assert!(part.status == 200 && part.text.contains("Pay 0.00015515 BTC"), "{}", part.text);
    let home = browser("action=pay").await;
    let expected = format!("https://hub.test/return?x={id}&o=o-1");
    assert_eq!(home.header("location"), Some(expected.as_str()));
    assert_eq!(browser("action=pay").await.status, 410);
    twin.confirm(&id);
    let books = twin.ledger().of(&id);
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (2, 1999), "to the cent");
    let methods = get(&twin, &format!("/api/v1/invoices/{id}/payment-methods")).await.expect(200);
    assert_eq!(
        (&methods[0]["due"], &methods[1]["payments"][0]["status"]),
        (&json!("0.00000000"), &json!("Settled"))
    );
    assert_eq!(violations(&twin), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_a_promise() {
    let twin = Twin::btcpay().await;
    let id = open(&twin).await;
    let path = format!("/api/v1/invoices/{id}/refund");
    let custom =
        |amount: &str| json!({ "refundVariant": "Custom", "customAmount": amount, "customCurrency": "EUR" });
    let early = post(&twin, &path, &custom("1.00")).await;
    assert_eq!((early.status, early.code()), (400, "non-refundable".to_owned()));
    twin.pay(&id);
    assert_eq!(violations(&twin), 0, "what depends on the state is nobody's mistake");
    // (the wish, what is promised)
    let rows = [
        (custom("7.00"), "7.00", "EUR"),
        (custom("12.99"), "12.99", "EUR"),
        (json!({ "refundVariant": "RateThen" }), "0.00031045", "BTC"),
    ];
    for (row, (wish, amount, currency)) in rows.into_iter().enumerate() {
        let made = post(&twin, &path, &wish).await.expect(200);
        assert_eq!((&made["amount"], &made["currency"]), (&json!(amount), &json!(currency)), "row {row}");
    }
    assert_eq!(violations(&twin), 1, "coins are not what this invoice is counted in");
    let mut named = custom("0.01");
    named["name"] = "Refund ".repeat(8).into();
    for wish in [custom("0"), custom("1.001"), json!({}), json!({ "refundVariant": "Custom" }), named] {
        let before = violations(&twin);
        assert_eq!((post(&twin, &path, &wish).await.status, violations(&twin)), (422, before + 1), "{wish}");
    }
    let before = violations(&twin);
    post(&twin, &path, &custom("0.01")).await.expect(200);
    assert_eq!(violations(&twin), before + 1, "more than was paid");

    let pull = twin.refunds_under_way().remove(0);
    assert_eq!(twin.ledger().count(Moved::GivenBack), 0, "what is promised has not moved");
    let payouts = format!("/api/v1/pull-payments/{pull}/payouts");
    let first = twin.claim(&pull, Some(300));
    twin.go_on_with(&pull, &first, "Cancelled");
    assert_eq!(get(&twin, &payouts).await.expect(200), json!([]));
    twin.claim(&pull, Some(300));
    twin.pay_out(&pull);
    assert_eq!(twin.ledger().of(&id).total(Moved::GivenBack), 700);
    let listed = get(&twin, &format!("{payouts}?includeCancelled=true")).await.expect(200);
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|payout| payout["state"].clone()).collect();
    assert_eq!(states, ["Cancelled", "Completed", "Completed"]);

    let other = twin.refunds_under_way().remove(0);
    twin.archive(&other);
    let list = async |query: &str| {
        let listed = get(&twin, &format!("/api/v1/stores/{STORE}/pull-payments{query}")).await.expect(200);
        listed.as_array().unwrap().len()
    };
    assert_eq!((list("").await, list("?includeArchived=true").await), (3, 4));
    let absent = get(&twin, "/api/v1/pull-payments/none").await;
    assert_eq!((absent.status, absent.code()), (404, "pullpayment-not-found".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_is_done_or_not() {
    let twin = Twin::btcpay().await;
    for (fault, made) in [(Fault::BreaksBefore, 0), (Fault::BreaksAfter, 1)] {
        twin.fault("open", fault);
        let answer = post(&twin, &invoices(), &wish()).await;
        assert_eq!((answer.status, twin.invoices().len()), (500, made), "{fault:?}");
    }
}

/// A delivery that is repeated has another id and the first one's beside it, and is signed as it is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redelivery_names_the_first() {
    let twin = Twin::btcpay().await;
    open(&twin).await;
    let first = twin.event("InvoiceCreated");
    let again = twin.redelivery(&first);
    let [first, again] = [first, again].map(|parcel| serde_json::from_str::<Value>(&parcel.body).unwrap());
    assert_eq!(again["originalDeliveryId"], first["deliveryId"]);
    assert_ne!(again["deliveryId"], first["deliveryId"]);
    assert_eq!((&first["isRedelivery"], &again["isRedelivery"]), (&json!(false), &json!(true)));
}

/// Computed with Python's own `hmac`, under the secret of the server's own test of its webhooks.
#[test]
fn the_known_answer_of_another_library() {
    let body = r#"{"deliveryId":"D1","webhookId":"W1","originalDeliveryId":"D1","isRedelivery":false,"type":"InvoiceSettled","timestamp":1767323045,"storeId":"S1","invoiceId":"I1"}"#;
    let expected = "sha256=4d28b5529ba7c2b9205c86bf4db470af69843bfc81459da4b5009f5b7cacfc54";
    assert_eq!(signature("HelloWorld", body), expected);
}
