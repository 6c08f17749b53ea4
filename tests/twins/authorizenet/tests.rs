//! The twin itself: what it refuses, and that it notes what should not have been sent.

use serde_json::{Map, Value, json};

use super::{API, AuthorizeNet, CURRENCY, LIVE_KEY, LIVE_LOGIN, TEST_KEY, TEST_LOGIN, api, page, signature};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// A request's elements, after those that say who asks.
fn with_who(name: &str, (login, key): (&str, &str), rest: &Value) -> Value {
    let mut elements = Map::new();
    elements.insert("merchantAuthentication".to_owned(), json!({"name": login, "transactionKey": key}));
    for (field, value) in rest.as_object().expect("an object of fields") {
        elements.insert(field.clone(), value.clone());
    }
    json!({ name: elements })
}

const TEST: (&str, &str) = (TEST_LOGIN, TEST_KEY);

async fn post(twin: &Twin<AuthorizeNet>, body: &Value) -> Value {
    let post = plain_client().post(format!("{}{API}", twin.base_url));
    let post = post.header("content-type", "application/json").body(body.to_string());
    let answer = Answer::of(post.send().await.expect("an answer")).await;
    assert_eq!(answer.status, 200, "whatever it says: {}", answer.text);
    let text = answer.text.strip_prefix(api::BYTE_ORDER_MARK).expect("a byte order mark");
    serde_json::from_str(text).expect("JSON after the mark")
}

async fn ask(twin: &Twin<AuthorizeNet>, name: &str, rest: Value) -> Value {
    post(twin, &with_who(name, TEST, &rest)).await
}

/// An order about a transaction: the reason that is given, and the transaction that the answer names.
async fn order(twin: &Twin<AuthorizeNet>, wish: Value) -> (String, String) {
    let said = ask(twin, "createTransactionRequest", json!({"transactionRequest": wish})).await;
    let response = &said["transactionResponse"];
    let codes = [&response["messages"][0]["code"], &response["errors"][0]["errorCode"]];
    let code = codes.into_iter().find_map(Value::as_str).expect("a code").to_owned();
    (code, response["transId"].as_str().expect("an id").to_owned())
}

fn code(said: &Value) -> &str {
    said["messages"]["message"][0]["code"].as_str().expect("a code")
}

fn violations(twin: &Twin<AuthorizeNet>) -> Vec<String> {
    twin.with(|_, desk| std::mem::take(&mut desk.violations))
}

fn setting(name: &str, value: &Value) -> Value {
    json!({"settingName": name, "settingValue": value.to_string()})
}

/// A page for 19.99.
fn page_request(kind: &str, invoice: &str) -> Value {
    json!({
        "refId": invoice,
        "transactionRequest": {
            "transactionType": kind, "amount": "19.99", "currencyCode": CURRENCY,
            "order": {"invoiceNumber": invoice, "description": "One good book"},
            "customer": {"email": "ada@example.com"},
        },
        "hostedPaymentSettings": {"setting": [
            setting("hostedPaymentReturnOptions", &json!({
                "showReceipt": false, "url": "https://hub.test/return?x=1", "cancelUrl": "https://hub.test/c",
            })),
            setting("hostedPaymentPaymentOptions", &json!({"showBankAccount": false})),
        ]},
    })
}

/// Makes a page; its id.
async fn made(twin: &Twin<AuthorizeNet>, kind: &str, invoice: &str) -> String {
    let said = ask(twin, "getHostedPaymentPageRequest", page_request(kind, invoice)).await;
    assert_eq!((code(&said), &said["refId"]), ("I00001", &json!(invoice)));
    let page = twin.pages().pop().expect("a page");
    assert_eq!(said["token"], twin.token_of(&page));
    page
}

/// Pays at a new page; the transaction.
async fn paid(twin: &Twin<AuthorizeNet>, kind: &str, invoice: &str) -> String {
    let page = made(twin, kind, invoice).await;
    twin.pay(&page);
    twin.payment_at(&page)
}

async fn details(twin: &Twin<AuthorizeNet>, id: &str) -> Value {
    ask(twin, "getTransactionDetailsRequest", json!({"transId": id})).await["transaction"].clone()
}

/// A body with one value changed, or taken away.
fn changed(body: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut body = body.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("a value's parent");
    match value {
        Some(value) => parent[name] = value,
        None => drop(parent.as_object_mut().expect("an object").shift_remove(name)),
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_element_that_is_wrong_is_noted() {
    let whole = with_who("getHostedPaymentPageRequest", TEST, &page_request("authCaptureTransaction", "a1"));
    let root = "/getHostedPaymentPageRequest";
    let settings = |name: &str, value: Value| Some(json!([setting(name, &value)]));
    // (the element, its value, what is said; I00001 where it is taken and noted)
    let rows: Vec<(&str, Option<Value>, &str)> = vec![
        ("/merchantAuthentication/name", Some(json!("somebody")), "E00007"),
        ("/merchantAuthentication/transactionKey", Some(json!("wrong")), "E00007"),
        ("/merchantAuthentication/transactionKey", Some(json!("12345678901234567")), "E00003"),
        ("/merchantAuthentication", None, "E00003"),
        ("/refId", Some(json!("123456789012345678901")), "E00003"),
        ("/transactionRequest", None, "E00003"),
        ("/transactionRequest/amount", Some(json!("19,99")), "E00003"),
        ("/transactionRequest/amount", Some(json!("0.00")), "E00013"),
        ("/transactionRequest/amount", None, "E00013"),
        ("/transactionRequest/currencyCode", Some(json!("EUR")), "E00013"),
        ("/transactionRequest/currencyCode", Some(json!("EURO")), "E00003"),
        ("/transactionRequest/currencyCode", None, "I00001"),
        ("/transactionRequest/transactionType", Some(json!("sale")), "E00003"),
        ("/transactionRequest/transactionType", Some(json!("voidTransaction")), "E00013"),
        ("/transactionRequest/order/invoiceNumber", Some(json!("123456789012345678901")), "E00003"),
        ("/transactionRequest/order/invoiceNumber", None, "I00001"),
        ("/transactionRequest/order/reference", Some(json!("a1")), "E00003"),
        ("/transactionRequest/customer/email", Some(json!(7)), "E00003"),
        ("/transactionRequest/userFields", Some(json!({"userField": []})), "I00001"),
        ("/transactionRequest/metadata", Some(json!({})), "E00003"),
        // Good, and in the wrong place.
        ("/transactionRequest/payment", Some(json!({})), "E00003"),
        ("/hostedPaymentSettings/setting", Some(json!({"settingName": "x"})), "E00003"),
        ("/hostedPaymentSettings/setting", settings("hostedPaymentColor", json!({})), "E00013"),
        (
            "/hostedPaymentSettings/setting",
            settings("hostedPaymentReturnOptions", json!({"url": "/return"})),
            "E00013",
        ),
        (
            "/hostedPaymentSettings/setting",
            settings("hostedPaymentButtonOptions", json!({"text": true})),
            "E00013",
        ),
    ];
    let twin = Twin::authorizenet().await;
    for (pointer, value, expected) in rows {
        let said = post(&twin, &changed(&whole, &format!("{root}{pointer}"), value.clone())).await;
        let seen = (code(&said), violations(&twin).is_empty());
        assert_eq!(seen, (expected, false), "{pointer} {value:?}: {said}");
    }
    // Neither ways back nor ways to pay are said.
    let silent = changed(&whole, &format!("{root}/hostedPaymentSettings/setting"), Some(json!([])));
    assert_eq!(code(&post(&twin, &silent).await), "I00001");
    assert_eq!(violations(&twin).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_elements_counts() {
    let who = json!({"name": TEST_LOGIN, "transactionKey": TEST_KEY});
    // (the request, a word of what is said about it)
    let rows = [
        (
            json!({"refId": "a", "merchantAuthentication": who, "transId": "1"}),
            "invalid child element 'refId'",
        ),
        (
            json!({"merchantAuthentication": who, "transId": "1", "refId": "a"}),
            "invalid child element 'refId'",
        ),
        (json!({"merchantAuthentication": who, "refId": "a"}), "incomplete content"),
        (
            json!({"merchantAuthentication": {"transactionKey": TEST_KEY, "name": TEST_LOGIN}, "transId": "1"}),
            "invalid child element 'transactionKey'",
        ),
        (json!({"merchantAuthentication": who, "refId": "a", "transId": "1"}), "cannot be found"),
    ];
    let twin = Twin::authorizenet().await;
    for (elements, expected) in rows {
        let said = post(&twin, &json!({ "getTransactionDetailsRequest": elements })).await;
        let text = said["messages"]["message"][0]["text"].as_str().expect("a text");
        assert!(text.contains(expected), "{elements}: {text}");
        assert_eq!(violations(&twin).is_empty(), code(&said) == "E00040", "{elements}");
    }
    for body in [json!([]), json!({}), json!({"getEverythingRequest": {}}), json!({"a": {}, "b": {}})] {
        assert_eq!(code(&post(&twin, &body).await), "E00003", "{body}");
    }
    let get = plain_client().get(format!("{}{API}", twin.base_url)).send().await.expect("an answer");
    assert_eq!((get.status().as_u16(), violations(&twin).len()), (404, 5));
}

/// The door takes a POST with the token and nothing else, for a quarter of an hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_its_page() {
    let twin = Twin::authorizenet().await;
    let page = made(&twin, "authCaptureTransaction", "a1").await;
    let token = twin.token_of(&page);
    assert!(token.len() > 400 && token.contains("+/"), "{token}");
    let form = |fields: &[(&str, &str)]| {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    let door = async |method: &str, body: String| {
        let url = format!("{}{}", twin.base_url, page::DOOR);
        let request = plain_client().request(method.parse().expect("a method"), url);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        Answer::of(request.send().await.expect("an answer")).await
    };
    let rows = [
        ("GET", form(&[("token", &token)]), 400, 1),
        ("POST", form(&[]), 400, 1),
        ("POST", form(&[("token", &token), ("amount", "19.99")]), 400, 1),
        ("POST", form(&[("Token", &token)]), 400, 1),
        ("POST", form(&[("token", "x")]), 200, 0),
        ("POST", form(&[("token", &token)]), 303, 0),
    ];
    for (method, body, status, noted) in rows {
        let answer = door(method, body.clone()).await;
        assert_eq!((answer.status, violations(&twin).len()), (status, noted), "{method} {body:.30}");
    }
    let open = format!("{}{}{page}", twin.base_url, page::OPEN);
    assert_eq!(door("POST", form(&[("token", &token)])).await.header("location"), Some(open.as_str()));
    let browser = async |fields: &[(&str, &str)]| {
        let post = plain_client().post(&open).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(post.body(form(fields)).send().await.expect("an answer")).await
    };
    assert_eq!(browser(&[("action", "cancel")]).await.header("location"), Some("https://hub.test/c"));
    assert!(browser(&[("action", "decline"), ("reason", "44")]).await.text.contains("card code"));
    twin.jump(15 * 60);
    assert_eq!(door("POST", form(&[("token", &token)])).await.status, 200, "the token has expired");
    let home = browser(&[("action", "pay")]).await;
    assert_eq!(home.header("location"), Some("https://hub.test/return?x=1"), "nothing is appended");
    assert_eq!(browser(&[("action", "pay")]).await.status, 410, "a page is paid at once");
    let books = twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 1999));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_reserved_is_taken_once_or_released() {
    let twin = Twin::authorizenet().await;
    let capture = |id: &str, amount: &str| {
        let kind = "priorAuthCaptureTransaction";
        json!({"transactionType": kind, "amount": amount, "refTransId": id})
    };
    let void = |id: &str| json!({"transactionType": "voidTransaction", "refTransId": id});
    let reserved = paid(&twin, "authOnlyTransaction", "a1").await;
    assert_eq!(details(&twin, &reserved).await["transactionStatus"], "authorizedPendingCapture");
    assert_eq!(order(&twin, capture(&reserved, "20.00")).await.0, "47");
    assert_eq!(order(&twin, capture(&reserved, "0.00")).await.0, "5");
    assert_eq!(order(&twin, capture("7", "1.00")).await.0, "16");
    assert_eq!(order(&twin, capture(&reserved, "6.00")).await, ("1".to_owned(), reserved.clone()));
    // Approved, and nothing is done.
    assert_eq!(order(&twin, capture(&reserved, "13.99")).await, ("311".to_owned(), reserved.clone()));
    let books = twin.ledger();
    assert_eq!((books.total(Moved::Taken), books.total(Moved::Released)), (600, 1399));
    assert_eq!(details(&twin, &reserved).await["settleAmount"].to_string(), "6.0");

    let other = paid(&twin, "authOnlyTransaction", "a2").await;
    assert_eq!(order(&twin, void(&other)).await.0, "1");
    assert_eq!(order(&twin, void(&other)).await.0, "310");
    assert_eq!(order(&twin, capture(&other, "1.00")).await.0, "310");
    let late = paid(&twin, "authOnlyTransaction", "a3").await;
    twin.settle();
    assert_eq!(order(&twin, void(&reserved)).await.0, "16", "what has settled");
    twin.jump(31 * 24 * 3_600);
    assert_eq!(order(&twin, capture(&late, "1.00")).await.0, "16", "after 30 days");
    assert_eq!(violations(&twin), Vec::<String>::new(), "what depends on the state is nobody's mistake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_has_settled_is_given_back_and_no_more_of_it() {
    let twin = Twin::authorizenet().await;
    let payment = paid(&twin, "authCaptureTransaction", "a1").await;
    let refund = |amount: &str, card: &str, invoice: &str| {
        json!({
            "transactionType": "refundTransaction", "amount": amount, "currencyCode": CURRENCY,
            "payment": {"creditCard": {"cardNumber": card, "expirationDate": "XXXX"}},
            "refTransId": payment, "order": {"invoiceNumber": invoice},
        })
    };
    assert_eq!(order(&twin, refund("5.00", "1111", "r1")).await.0, "54", "not settled");
    twin.settle();
    assert_eq!(order(&twin, refund("5.00", "1112", "r1")).await.0, "54", "another card");
    assert_eq!(order(&twin, refund("20.00", "1111", "r1")).await.0, "55");
    let (first, id) = order(&twin, refund("5.00", "1111", "r1")).await;
    assert_eq!((first.as_str(), id != payment), ("1", true), "a transaction of its own");
    assert_eq!(order(&twin, refund("5.00", "1111", "r1")).await, ("11".to_owned(), "0".to_owned()));
    twin.jump(121);
    let mut window = refund("5.00", "1111", "r1");
    window["transactionSettings"] =
        json!({"setting": [{"settingName": "duplicateWindow", "settingValue": "28800"}]});
    assert_eq!(order(&twin, window).await.0, "11", "as long as the request says");
    assert_eq!(order(&twin, refund("15.00", "1111", "r2")).await.0, "55", "the first one counts");
    assert_eq!(twin.ledger().count(Moved::GivenBack), 0, "what was accepted has not moved");
    let shown = details(&twin, &id).await;
    let seen = (&shown["refTransId"], &shown["order"]["invoiceNumber"], &shown["transactionStatus"]);
    assert_eq!(seen, (&json!(payment), &json!("r1"), &json!("refundPendingSettlement")));
    twin.settle();
    assert_eq!(twin.ledger().of(&payment).total(Moved::GivenBack), 500);
    assert_eq!(twin.status_of(&id), "refundSettledSuccessfully");
    assert_eq!(violations(&twin), Vec::<String>::new());
    let mut whole = refund("1.00", "1111", "r3");
    whole["payment"]["creditCard"]["cardNumber"] = json!("XXXX1111");
    assert_eq!(order(&twin, whole).await.0, "54");
    assert_eq!(violations(&twin).len(), 1, "four digits are all that is needed");
}

/// Lists show each try; they come in pages, and what has settled stands in its batch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_all_there_is_without_an_id() {
    let twin = Twin::authorizenet().await;
    let unsettled = async |limit: &str, offset: &str| {
        let rest = json!({
            "sorting": {"orderBy": "submitTimeUTC", "orderDescending": true},
            "paging": {"limit": limit, "offset": offset},
        });
        ask(&twin, "getUnsettledTransactionListRequest", rest).await
    };
    assert_eq!(code(&unsettled("10", "1").await), "I00004");
    let page = made(&twin, "authCaptureTransaction", "a1").await;
    twin.act(|books, desk| books.decline(desk, &page, "0002", 2));
    twin.pay(&page);
    let reserved = paid(&twin, "authOnlyTransaction", "a2").await;
    let listed = unsettled("2", "1").await;
    let shown = |index: usize, name: &str| listed["transactions"][index][name].clone();
    assert_eq!((shown(0, "transId"), shown(0, "invoiceNumber")), (json!(reserved), json!("a2")));
    assert_eq!(shown(1, "transactionStatus"), "capturedPendingSettlement");
    assert_eq!(unsettled("2", "2").await["transactions"][0]["transactionStatus"], "declined");
    assert_eq!(code(&unsettled("0", "1").await), "E00003");
    assert_eq!(violations(&twin).len(), 1);

    twin.settle();
    let left = unsettled("10", "1").await;
    assert_eq!(left["transactions"].as_array().map(Vec::len), Some(1), "the reservation alone: {left}");
    let batches = ask(&twin, "getSettledBatchListRequest", json!({})).await["batchList"].clone();
    let batch = batches[0]["batchId"].clone();
    let settled = ask(&twin, "getTransactionListRequest", json!({ "batchId": batch })).await;
    let states: Vec<&Value> = settled["transactions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["transactionStatus"])
        .collect();
    assert_eq!(states, ["declined", "settledSuccessfully"]);
    assert_eq!(details(&twin, &twin.payment_at(&page)).await["batch"]["batchId"], batch);
    let elsewhere = with_who("getSettledBatchListRequest", (LIVE_LOGIN, LIVE_KEY), &json!({}));
    assert_eq!(code(&post(&twin, &elsewhere).await), "I00004", "each mode sees its own");
    let too_long =
        json!({"firstSettlementDate": "2031-01-01T00:00:00Z", "lastSettlementDate": "2031-02-02T00:00:00Z"});
    assert_eq!(code(&ask(&twin, "getSettledBatchListRequest", too_long).await), "E00013");
    twin.jump(25 * 3_600);
    assert_eq!(
        code(&ask(&twin, "getSettledBatchListRequest", json!({})).await),
        "I00004",
        "a day, unless asked"
    );
}

/// Notifications name an id; those about orders also their `refId`, those about pages nothing of ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_those_that_the_readme_names() {
    let twin = Twin::authorizenet().await;
    twin.send_webhooks_to(Some("http://127.0.0.1:9/nobody"));
    twin.webhooks(crate::twins::outbox::Manner::Held);
    let page = made(&twin, "authCaptureTransaction", "a1").await;
    twin.act(|books, desk| books.decline(desk, &page, "0002", 2));
    twin.pay(&page);
    twin.settle();
    twin.dispute(&twin.payment_at(&page), "chargeback");
    let reserved = paid(&twin, "authOnlyTransaction", "a2").await;
    twin.void_by_hand(&reserved);
    let events: Vec<String> = twin.events().into_iter().map(|event| event.kind).collect();
    assert_eq!(
        events,
        ["authcapture.created", "authorization.created", "void.created"]
            .map(|kind| format!("net.authorize.payment.{kind}"))
    );
    let body: Value = serde_json::from_str(&twin.events()[0].body).expect("JSON");
    assert_eq!(
        (&body["payload"]["id"], &body["payload"]["authAmount"]),
        (&json!(twin.payment_at(&page)), &json!(19.99))
    );
    assert!(!twin.events()[0].body.contains("a1\""), "{body}");
    for event in super::events_of_the_readme() {
        assert!(event.starts_with("net.authorize.payment."), "{event}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_days_have_their_codes() {
    let twin = Twin::authorizenet().await;
    let whole = with_who("getHostedPaymentPageRequest", TEST, &page_request("authCaptureTransaction", "a1"));
    for (fault, expected, pages) in
        [(Fault::BreaksBefore, "E00001", 0), (Fault::TooMany, "E00053", 0), (Fault::BreaksAfter, "E00001", 1)]
    {
        twin.fault("open", fault);
        assert_eq!(code(&post(&twin, &whole).await), expected, "{fault:?}");
        assert_eq!(twin.pages().len(), pages, "{fault:?}");
    }
}

/// The known answers of stymiee/authnetjson's tests: the key is its text, and not the bytes that its digits stand for.
#[test]
fn the_known_answers_of_a_public_library() {
    let key = "52CB4A002C634B84E397DC8A218E1A160BA7CAB7CBE4C05B35E9CBB05E14FE4A\
               2385812E980CCF97D177F17863CE214D1BE6CE8E1E894487AACF3609C1A5FE17";
    let body = "{\"notificationId\":\"182cbbff-cab2-4080-931d-80e5d818f23a\",\
                \"eventType\":\"net.authorize.payment.authcapture.created\",\
                \"eventDate\":\"2017-08-18T20:40:52.7722007Z\",\
                \"webhookId\":\"849eb87e-078a-4169-a34b-c0bded5019a8\",\
                \"payload\":{\"responseCode\":0,\"authCode\":\"Z3PV5H\",\"avsResponse\":\"Y\",\
                \"authAmount\":0.0,\"entityName\":\"transaction\",\"id\":\"40005915599\"}}";
    let expected = "A1E0CC0F8A7B6274E0951CAC5EB63579F70FC6B7B15384B146DCE02B98DEE395\
                    4A5A8E331661B51DE953E141E88994DFA7D267FFB8428BE0660511B6EFB94960";
    assert_eq!(signature(key.as_bytes(), body), expected);
    let bytes = hex::decode(key).expect("hexadecimal digits");
    assert!(signature(&bytes, body).starts_with("2B98635D898DCB4A"));
    assert_ne!(signature(key.as_bytes(), &body.replace("0.0", "0.00")), expected, "the bytes as they came");
}
