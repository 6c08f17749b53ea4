//! What the shopper's browser gets from the hub: headers that keep the page to itself, markup that is plain,
//! and no word of a cart that becomes markup.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::html::Document;
use crate::support::cart::Answer;
use crate::support::{TestHub, id};

/// Texts of a cart that would like to be more than texts.
const HOSTILE: [&str; 10] = [
    "<script>alert(1)</script>",
    "</p></main><script src=//evil.test></script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7}",
    "<!-- --><![CDATA[ ]]>",
    "</title></style><svg/onload=alert(1)>",
    "javascript:alert(1)\n\u{202e}txet",
];

/// What every answer to a browser must say about itself.
#[track_caller]
fn is_kept_to_itself(answer: &Answer, what: &str) {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{what}: {name}");
    }
    let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{what}: no policy"));
    let directive = |name: &str| {
        let mut directives = policy.split(';').map(str::trim);
        directives.find_map(|directive| directive.strip_prefix(name)).map(str::trim)
    };
    for name in ["default-src", "base-uri", "frame-ancestors"] {
        assert_eq!(directive(name), Some("'none'"), "{what}: {policy}");
    }
    for wrong in ["unsafe-inline", "unsafe-eval", "unsafe-hashes", "*", "data: "] {
        assert!(!policy.contains(wrong), "{what}: {policy}");
    }
    assert!(answer.header("set-cookie").is_none(), "{what}: a cookie");
    assert!(answer.header("server").is_none(), "{what}: a server's name");
}

/// A page: its headers, its policy against its own content, its shape.
#[track_caller]
fn page(answer: &Answer, status: u16, what: &str) -> Document {
    assert_eq!(answer.status, status, "{what}: {}", answer.text);
    is_kept_to_itself(answer, what);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{what}");
    let document = Document::parse(&answer.text);
    document.is_plain_and_accessible();
    let policy = answer.header("content-security-policy").expect("checked above");
    for element in document.all("style").into_iter().chain(document.all("script")) {
        let hash = format!("'sha256-{}'", STANDARD.encode(Sha256::digest(&element.text)));
        assert!(policy.contains(&format!("{}-src {hash}", element.name)), "{what}: {policy}");
    }
    document
}

/// A redirect and where it leads.
#[track_caller]
fn redirect<'a>(answer: &'a Answer, what: &str) -> &'a str {
    assert_eq!(answer.status, 303, "{what}: {}", answer.text);
    is_kept_to_itself(answer, what);
    assert!(answer.text.is_empty(), "{what}");
    answer.header("location").unwrap_or_else(|| panic!("{what}: no location"))
}

async fn get(hub: &TestHub, url: &str) -> Answer {
    hub.shopper().request(Method::GET, url, HeaderMap::new(), &[]).await
}

async fn post(hub: &TestHub, url: &str, form: &[(&str, &str)]) -> Answer {
    hub.shopper().request(Method::POST, url, HeaderMap::new(), form).await
}

fn checkout_url(intent: &serde_json::Value) -> &str {
    intent["checkout_url"].as_str().expect("a URL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_kept_to_themselves() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({ "cancel_url": "https://shop.test/cart?a=b#c" })).await;
    let to_processor = get(&hub, checkout_url(&intent)).await;
    let hosted = redirect(&to_processor, "to the processor").to_owned();
    assert!(hosted.starts_with(&hub.sandbox.base_url), "{hosted}");

    let back = post(&hub, &hosted, &[("action", "cancel")]).await;
    let back = back.header("location").expect("a location").to_owned();
    assert!(back.starts_with(&format!("{}/return/", hub.base_url)), "{back}");
    let to_cart = get(&hub, &back).await;
    let expected = format!("https://shop.test/cart?a=b&payment_intent={}#c", id(&intent));
    assert_eq!(redirect(&to_cart, "given up"), expected);

    let other = hub.cart.create(json!({})).await;
    let hosted = redirect(&get(&hub, checkout_url(&other)).await, "to the processor").to_owned();
    let back =
        post(&hub, &hosted, &[("action", "pay")]).await.header("location").expect("a location").to_owned();
    let expected = format!("http://shop.test/thanks?order=7&payment_intent={}", id(&other));
    assert_eq!(redirect(&get(&hub, &back).await, "paid"), expected);
    assert_eq!(redirect(&get(&hub, checkout_url(&other)).await, "paid already"), expected);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_pages() {
    let hub = TestHub::start().await;
    for path in ["/pay/nobody", "/return/nobody", "/pay/%20", "/return/%F0%9F%98%80", "/pay/%3Cscript%3E"] {
        let url = format!("{}{path}", hub.base_url);
        for answer in [get(&hub, &url).await, post(&hub, &url, &[("connector", "<b>")]).await] {
            let document = page(&answer, 404, path);
            assert!(document.text().contains("There is no such payment"), "{path}");
        }
    }
    let intent = hub.cart.create(json!({})).await;
    hub.cart.cancel(id(&intent)).await.expect(200);
    let document = page(&get(&hub, checkout_url(&intent)).await, 410, "canceled");
    let href = document.one("a").attribute("href").expect("a link").to_owned();
    assert_eq!(href, format!("http://shop.test/thanks?order=7&payment_intent={}", id(&intent)));

    let intent = hub.cart.create(json!({ "expires_in_s": 300 })).await;
    hub.jump(301).await;
    hub.cart.until_status(id(&intent), "expired").await;
    page(&get(&hub, checkout_url(&intent)).await, 410, "expired");

    let intent = hub.cart.create(json!({})).await;
    hub.sandbox.stop().await;
    let document = page(&get(&hub, checkout_url(&intent)).await, 503, "no processor");
    assert!(document.text().contains("Nothing was charged"));
    hub.sandbox.resume().await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_has_no_effect() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let url = checkout_url(&intent);
    let head = hub.shopper().request(Method::HEAD, url, HeaderMap::new(), &[]).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    is_kept_to_itself(&head, "HEAD");
    for (name, value) in
        [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")]
    {
        let headers =
            HeaderMap::from_iter([(name.parse().expect("a name"), HeaderValue::from_static(value))]);
        let answer = hub.shopper().request(Method::GET, url, headers, &[]).await;
        page(&answer, 200, name);
    }
    assert_eq!(hub.cart.intent(id(&intent)).await["attempts"], json!([]));
    assert_eq!(hub.sandbox.sessions().await.len(), 0);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chooser_is_plain_and_needs_no_script() {
    let hub = TestHub::builder().connectors(2).start().await;
    let intent = hub.cart.create(json!({ "amount": 123_456, "description": "Two books" })).await;
    let document = page(&get(&hub, checkout_url(&intent)).await, 200, "chooser");
    assert!(document.all("script").is_empty());
    assert!(document.text().contains("1234.56") && document.text().contains("EUR"), "{}", document.text());
    assert!(document.text().contains("Two books"));
    let form = document.one("form");
    assert_eq!(form.attribute("method"), Some("post"));
    let action = form.attribute("action").expect("an action");
    assert_eq!(format!("{}{action}", hub.base_url), checkout_url(&intent));
    let labels = form.attribute("aria-labelledby").expect("a label");
    assert_eq!(document.one("h1").attribute("id"), Some(labels));
    let buttons: Vec<_> = document
        .all("button")
        .into_iter()
        .map(|button| {
            (
                button.attribute("type"),
                button.attribute("name"),
                button.attribute("value"),
                button.text.trim(),
            )
        })
        .collect();
    let button = |value, text| (Some("submit"), Some("connector"), Some(value), text);
    assert_eq!(buttons, [button("sandbox_a", "Sandbox Pay"), button("sandbox_b", "Other Sandbox Pay")]);
    let cancel = document.one("a").attribute("href").expect("a link");
    assert!(cancel.starts_with("http://shop.test/thanks?"), "{cancel}");

    // What the form posts is enough; what nobody offered chooses nothing.
    for form in [&[][..], &[("connector", "nobody")], &[("connector", "")], &[("other", "sandbox_a")]] {
        page(&post(&hub, checkout_url(&intent), form).await, 200, "chooser again");
    }
    assert_eq!(hub.cart.intent(id(&intent)).await["attempts"], json!([]));
    let chosen = post(&hub, checkout_url(&intent), &[("connector", "sandbox_b")]).await;
    assert!(redirect(&chosen, "chosen").starts_with(&hub.sandbox.base_url));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_words_stay_words() {
    let hub = TestHub::builder().connectors(2).start().await;
    for hostile in HOSTILE {
        let wish = json!({
            "description": hostile,
            "lines": [{ "name": hostile, "quantity": 1, "unit_amount": 1999 }],
            "customer": { "name": hostile },
            "metadata": { "note": hostile },
            "cancel_url": format!("https://shop.test/?q=\"><script>{}", hostile.replace(['\n', '#'], "")),
        });
        let intent = hub.cart.create(wish).await;
        let document = page(&get(&hub, checkout_url(&intent)).await, 200, hostile);
        assert!(document.text().contains(hostile), "{hostile:?}: {}", document.text());
        assert!(document.all("script").is_empty() && document.all("img").is_empty(), "{hostile}");
        assert_eq!(document.all("button").len(), 2, "{hostile}");
    }
    hub.finish().await;
}
