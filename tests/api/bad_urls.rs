//! Where the shopper may be sent: addresses that are refused, by what is wrong with them and by what the
//! operator allows.

use payhub::http::HttpReturnUrls;
use payhub::http::problem::Kind;
use reqwest::Method;
use serde_json::json;

use super::problem::refused;
use super::world::{intent_with, request, rows, send};
use crate::support::TestHub;
use crate::support::cart::Cart;

const ABSOLUTE: &str = "must be an absolute";
const HTTPS: &str = "must be an absolute https URL";
const NO_USER: &str = "must not carry a user name or password";

/// Wrong everywhere.
const WRONG: [(&str, &str); 30] = [
    ("javascript:alert(1)", HTTPS),
    ("JaVaScRiPt:alert(1)", HTTPS),
    (" javascript:alert(1)", HTTPS),
    ("java\nscript:alert(1)", HTTPS),
    ("javascript://shop.test/%0aalert(1)", HTTPS),
    ("data:text/html,<script>alert(1)</script>", HTTPS),
    ("data:text/html;base64,PHNjcmlwdD4=", HTTPS),
    ("vbscript:msgbox(1)", HTTPS),
    ("blob:https://shop.test/x", HTTPS),
    ("about:blank", HTTPS),
    ("file:///etc/passwd", HTTPS),
    ("ftp://shop.test/danke", HTTPS),
    ("ws://shop.test/danke", HTTPS),
    ("mailto:shop@shop.test", HTTPS),
    ("shop:danke", HTTPS),
    ("localhost:3000/danke", HTTPS),
    ("/danke", ABSOLUTE),
    ("//shop.test/danke", ABSOLUTE),
    ("\\\\shop.test\\danke", ABSOLUTE),
    ("danke", ABSOLUTE),
    ("shop.test/danke", ABSOLUTE),
    ("?danke", ABSOLUTE),
    ("https://?danke", ABSOLUTE),
    ("https://[::1", ABSOLUTE),
    ("https://shop test/danke", ABSOLUTE),
    ("https://shop.test:99999/danke", ABSOLUTE),
    ("https://user@shop.test/danke", NO_USER),
    ("https://user:word@shop.test/danke", NO_USER),
    ("https://:word@shop.test/danke", NO_USER),
    ("https://shop.test@evil.test/danke", NO_USER),
];

async fn check(cart: &Cart, url: &str, expected: Result<(), &str>) {
    for field in ["return_url", "cancel_url"] {
        let body = intent_with(field, &json!(url).to_string());
        let answer = send(request(cart, Method::POST, "/v1/payment_intents", true, &body)).await;
        match expected {
            Ok(()) => assert_eq!(answer.status, 201, "{body} {}", answer.text),
            Err(fix) => {
                refused(&answer, Kind::Validation, &[(&format!("/{field}"), fix)], &body);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_wherever() {
    let hub = TestHub::start().await;
    let before = rows(&hub).await;
    for (url, fix) in WRONG {
        check(&hub.cart, url, Err(fix)).await;
    }
    assert_eq!(rows(&hub).await, before, "something was stored");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_as_the_operator_allows() {
    let good = Ok(());
    let bad = Err(HTTPS);
    // Address, then what is said where plain http is refused, to this machine only, and anywhere.
    let rows = [
        ("https://shop.test/thanks", [good, good, good]),
        ("http://shop.test/thanks", [bad, bad, good]),
        ("http://localhost:3000/thanks", [bad, good, good]),
        ("http://127.0.0.1/thanks", [bad, good, good]),
        ("http://127.8.9.10:3000/thanks", [bad, good, good]),
        ("http://[::1]:3000/thanks", [bad, good, good]),
        ("http://localhost.shop.test/thanks", [bad, bad, good]),
        ("http://127.0.0.1.shop.test/thanks", [bad, bad, good]),
        ("http://0.0.0.0/thanks", [bad, bad, good]),
        ("http://10.0.0.1/thanks", [bad, bad, good]),
    ];
    let settings = [HttpReturnUrls::Refused, HttpReturnUrls::Loopback, HttpReturnUrls::Anywhere];
    for (setting, index) in settings.into_iter().zip(0..) {
        let hub = TestHub::builder().http(|http| http.http_return_urls = setting).start().await;
        for (url, expected) in rows {
            let expected: [Result<(), &str>; 3] = expected;
            check(&hub.cart, url, expected[index]).await;
        }
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_payments_return_over_https_only() {
    let hub = TestHub::start().await;
    let live = hub.cart_of(true).await;
    for url in ["http://shop.test/thanks", "http://localhost/thanks", "http://127.0.0.1/thanks"] {
        check(&live, url, Err(HTTPS)).await;
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_as_the_operator_lists_them() {
    let unlisted = Err("names a host that this hub does not send shoppers to");
    let hosts = vec!["shop.test".to_owned()];
    let hub = TestHub::builder().http(|http| http.return_url_hosts = hosts).start().await;
    for (url, expected) in [
        ("https://shop.test/thanks", Ok(())),
        ("https://SHOP.test:8443/thanks", Ok(())),
        ("https://evil.test/thanks", unlisted),
        ("https://shop.test.evil.test/thanks", unlisted),
        ("https://www.shop.test/thanks", unlisted),
        ("https://evil.test/?https://shop.test/", unlisted),
        ("https://evil.test#@shop.test/", unlisted),
        ("https://evil.test\\@shop.test/", unlisted),
    ] {
        check(&hub.cart, url, expected).await;
    }
    hub.finish().await;
}
