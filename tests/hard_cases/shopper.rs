//! Hard cases 27 to 29, 32 and 33: the shopper's browser comes back, does not, lies, goes back, and is led.

use axum::http::HeaderMap;
use reqwest::Method;
use serde_json::{Value, json};

use super::common::{never_told_of_money, opened, paid, pay_unseen, rows_at_rest, sessions, told, told_once};
use crate::support::cart::plain_client;
use crate::support::receiver::Receiver;
use crate::support::sandbox::Sandbox;
use crate::support::shopper::Page;
use crate::support::{TestHub, eventually, id};

const MONEY: [&str; 2] = ["payment_intent.succeeded", "order.paid"];

/// Where the processor sends the shopper of this page afterwards.
async fn return_url(hub: &TestHub, page: &Page) -> String {
    let session = hub.sandbox.session(page.session()).await;
    session["return_url"].as_str().unwrap().to_owned()
}

/// 27. The shopper comes back before the hub knows anything: it asks, says nothing of success meanwhile, and
///     is told the truth once, whether the webhook or the return was first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_27_the_return_races_the_webhook() {
    let hub = TestHub::start().await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "late" })).await;
    hub.sandbox.fault(json!({ "operation": "fetch", "fault": "error_before", "times": 0 })).await;
    let (intent, page) = opened(&hub, json!({})).await;
    let home = hub.fast(page.pay()).await;
    assert!(home.is_at_the_shop());
    // The shop gets the intent's name and no verdict.
    assert_eq!(home.url(), format!("{}&payment_intent={}", crate::support::cart::RETURN_URL, id(&intent)));
    let meanwhile = hub.cart.intent(id(&intent)).await;
    assert!(
        ["requires_checkout", "processing"].contains(&meanwhile["status"].as_str().unwrap()),
        "{meanwhile}"
    );
    never_told_of_money(&hub, &intent).await;
    // Whoever comes back to pay again meanwhile gets the page that is paid, not another one.
    let again = hub.shopper().open(&intent).await;
    assert_eq!(again.session(), page.session());
    assert_eq!(again.pay().await.status(), 409);
    hub.sandbox.no_more_faults().await;
    hub.sandbox.flush().await;
    hub.cart.until_status(id(&intent), "succeeded").await;

    for _ in 0..5 {
        let (intent, page) = opened(&hub, json!({})).await;
        let (shopper, home) = (hub.shopper(), return_url(&hub, &page).await);
        tokio::join!(pay_unseen(&hub, &page), shopper.visit(&home), shopper.visit(&home));
        hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
        hub.sandbox.until_quiet().await;
        told_once(&hub, &intent, &MONEY).await;
    }
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 6);
    hub.finish().await;
}

/// 28. Whatever the shopper writes into the return's address or posts to it pays nothing, and the address of
///     a success played again changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_28_a_return_cannot_be_made_to_pay() {
    let hub = TestHub::start().await;
    let (_, paid_page) = paid(&hub, json!({})).await;
    let (intent, page) = opened(&hub, json!({})).await;
    let (home, theirs) = (return_url(&hub, &page).await, paid_page.session());
    let references = hub.cart.intent(id(&intent)).await["attempts"][0]["references"].clone();
    let joint = if home.contains('?') { '&' } else { '?' };
    let amount_paid = json!({ "status": "paid", "amount": 1999 }).to_string();
    let tampered = [
        "status=paid".to_owned(),
        "success=true&payment_status=paid&redirect_status=succeeded&code=00".to_owned(),
        format!("session={theirs}"),
        format!("session={theirs}&session={}&status=paid", page.session()),
        format!("payment_intent={}&status=succeeded", id(&intent)),
        "canceled=0&status=paid".to_owned(),
    ];
    for query in &tampered {
        for url in [format!("{home}{joint}{query}"), format!("{}?{query}", home.split('?').next().unwrap())] {
            let back = hub.shopper().go(Method::GET, &url, &[]).await;
            assert!(back.is_at_the_shop(), "{url} led to {}", back.url());
            assert!(!back.url().contains("paid") && !back.url().contains("succeeded"), "{}", back.url());
        }
        let form: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (&**name, &**value)).collect();
        form.push(("body", &amount_paid));
        hub.shopper().go(Method::POST, &home, &form).await;
        let now = hub.cart.intent(id(&intent)).await;
        assert_eq!(now["status"], "requires_checkout", "{query}");
        assert_eq!(now["attempts"][0]["references"], references, "{query}");
    }
    never_told_of_money(&hub, &intent).await;
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);

    page.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    let refund = hub.cart.refund(id(&intent), None).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let before = (rows_at_rest(&hub).await["public_events"], hub.cart.intent(id(&intent)).await);
    for _ in 0..3 {
        hub.shopper().go(Method::GET, &format!("{home}{joint}session={}", page.session()), &[]).await;
    }
    assert_eq!((rows_at_rest(&hub).await["public_events"], hub.cart.intent(id(&intent)).await), before);
    told_once(&hub, &intent, &MONEY).await;
    hub.finish().await;
}

/// 29. The shopper pays and never comes back: a webhook or the hub's own look completes the payment, and the
///     merchant is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_29_the_shopper_never_comes_back() {
    for webhooks in [true, false] {
        let hub = TestHub::start().await;
        let merchant = Receiver::start().await;
        let registered = merchant.register(&hub, &["order.paid"]).await;
        if !webhooks {
            hub.sandbox.no_webhooks().await;
        }
        let (intent, page) = opened(&hub, json!({})).await;
        pay_unseen(&hub, &page).await;
        let taken = hub.fast(merchant.until_taken("order.paid")).await;
        assert!(taken.is_signed_with(&registered.secret));
        let order = &taken.json()["data"]["object"];
        assert_eq!((&order["id"], &order["status"]), (&intent["order"], &json!("paid")));
        assert_eq!(hub.cart.status(id(&intent)).await, "succeeded");
        assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
        told_once(&hub, &intent, &MONEY).await;
        hub.finish().await;
    }
}

/// 32. Back to the shop and to the checkout again: a page that is still good is shown again; one that is not
///     is closed, and there is one new page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_32_the_back_button() {
    let hub = TestHub::start().await;
    let (intent, page) = opened(&hub, json!({})).await;
    assert!(page.cancel().await.is_at_the_shop());
    let again = hub.shopper().open(&intent).await;
    assert_eq!(again.session(), page.session());
    assert_eq!(sessions(&hub).await, ["open"]);

    // The processor closes it.
    let url = format!("{}/v1/sessions/{}/expire", hub.sandbox.base_url, page.session());
    let request = plain_client().post(url).bearer_auth(Sandbox::api_key("sandbox_a"));
    assert_eq!(request.header("idempotency-key", "close").send().await.unwrap().status(), 200);
    hub.cart.until(id(&intent), "closed", |intent| intent["attempts"][0]["state"] == "expired").await;
    let second = hub.shopper().open(&intent).await;
    assert_ne!(second.session(), page.session());
    assert_eq!(sessions(&hub).await, ["expired", "open"]);
    // Declined there, a third page is the only open one.
    second.decline().await;
    let third = hub.shopper().open(&intent).await;
    assert_eq!(sessions(&hub).await, ["expired", "declined", "open"]);
    assert_eq!(page.pay().await.status(), 410);
    third.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
    hub.finish().await;
}

/// 32. Back to the chooser and on with another processor: the first one's page is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_32_back_to_another_processor() {
    let hub = TestHub::builder().connectors(2).start().await;
    let (intent, chooser) = opened(&hub, json!({})).await;
    let first = chooser.choose("sandbox_a").await;
    let second = chooser.choose("sandbox_b").await;
    assert_ne!(first.session(), second.session());
    eventually("the first page is closed", async || {
        (sessions(&hub).await == ["expired", "open"]).then_some(())
    })
    .await;
    assert_eq!(first.pay().await.status(), 410);
    second.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
    assert!(!told(&hub, &intent).await.iter().any(|kind| kind.contains("declined")));
    hub.finish().await;
}

/// 33. Shoppers are led only where the operator said: a cart's return and cancel addresses are on the list,
///     and what the shopper adds leads nowhere else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_33_shoppers_return_only_to_the_shop() {
    let hub =
        TestHub::builder().http(|http| http.return_url_hosts = vec!["shop.test".to_owned()]).start().await;
    let elsewhere = [
        "https://evil.test/thanks",
        "https://shop.test.evil.test/",
        "https://evil.test/https://shop.test",
        "https://evil.test?shop.test",
        "https://evil.test#@shop.test",
        "https://shop.test@evil.test/",
        "https://shop.test:secret@shop.test/",
        "https:\\\\evil.test",
        "https://shop.testevil.test",
        "https://notshop.test",
        "//evil.test",
        "/thanks",
        "shop.test",
        "javascript:alert(1)//shop.test",
        "data:text/html,shop.test",
        "ftp://shop.test/",
    ];
    let before = rows_at_rest(&hub).await;
    for url in elsewhere {
        for field in ["return_url", "cancel_url"] {
            let refused = hub.cart.create_intent(json!({ field: url })).await;
            assert_eq!(refused.status, 422, "{field} {url}");
            assert_eq!(refused.json()["errors"][0]["pointer"], format!("/{field}"), "{url}");
        }
    }
    assert_eq!(rows_at_rest(&hub).await, before);

    let wish =
        json!({ "return_url": "https://SHOP.test/thanks", "cancel_url": "https://shop.test/cart?x=1" });
    let (intent, page) = opened(&hub, wish).await;
    let home = return_url(&hub, &page).await;
    let joint = if home.contains('?') { '&' } else { '?' };
    for query in [
        "return_url=https://evil.test",
        "url=//evil.test&next=https://evil.test",
        "canceled=1&cancel_url=https://evil.test",
    ] {
        for method in [Method::GET, Method::POST] {
            let url = format!("{home}{joint}{query}");
            let answer = hub.shopper().request(method, &url, HeaderMap::new(), &[]).await;
            let location = answer.header("location").unwrap();
            assert_eq!(answer.status, 303);
            assert!(location.starts_with("https://shop.test/") && !location.contains("evil"), "{location}");
        }
    }
    for path in ["/pay//evil.test", "/return/%2F%2Fevil.test", "/return/?return_url=https://evil.test"] {
        let url = format!("{}{path}", hub.base_url);
        let answer = hub.shopper().request(Method::GET, &url, HeaderMap::new(), &[]).await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{path}");
    }
    page.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.finish().await;
}

/// 33. A processor's page elsewhere than on the adapter's own hosts is not shown, and nobody is led there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_33_a_page_on_a_foreign_host_is_not_shown() {
    for elsewhere in ["http://evil.test", "https://evil.test", "http://127.0.0.1:1"] {
        let hub = TestHub::builder().checkout_pages_at(elsewhere).start().await;
        let intent = hub.cart.create(json!({})).await;
        let url = intent["checkout_url"].as_str().unwrap();
        for _ in 0..3 {
            let answer = hub.fast(hub.shopper().request(Method::GET, url, HeaderMap::new(), &[])).await;
            assert_eq!(answer.header("location"), None, "{elsewhere}");
            assert!(!answer.text.contains(elsewhere), "{}", answer.text);
        }
        let now = hub.cart.intent(id(&intent)).await;
        assert_eq!(now["status"], "requires_checkout", "{elsewhere}");
        assert_eq!(hub.database().number("SELECT count(*) FROM doors"), 0);
        assert_eq!(hub.sandbox.ledger().await.entries, Vec::<Value>::new());
        hub.finish().await;
    }
}
