//! Methods, problem pages and health: what every address answers whoever asks.

use payhub::http::problem::Kind;
use reqwest::Method;

use super::problem::refused;
use super::world::{LISTS, World, send};
use crate::support::TestHub;
use crate::support::cart::{Answer, plain_client};

async fn ask(hub: &TestHub, method: Method, path: &str) -> Answer {
    send(hub.cart.request(method, path)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_problem_has_its_page() {
    let hub = TestHub::start().await;
    for kind in Kind::ALL {
        // Nobody needs a key to learn what a problem means.
        let page = plain_client().get(format!("{}/problems/{}", hub.base_url, kind.slug()));
        let page = send(page).await;
        assert_eq!(page.status, 200, "{kind:?}");
        assert_eq!(page.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(page.text.contains(kind.slug()) && page.text.contains(kind.explanation()), "{}", page.text);
        assert!(page.text.contains(&kind.status().as_u16().to_string()), "{}", page.text);
        assert!(kind.explanation().len() > 20 && kind.explanation().ends_with('.'), "{kind:?}");
    }
    let mut slugs: Vec<_> = Kind::ALL.map(Kind::slug).to_vec();
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), Kind::ALL.len());
    refused(&hub.cart.get("/problems/no-such-problem").await, Kind::NotFound, &[], "no-such-problem");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_methods_are_refused() {
    let world = World::start().await;
    let one = |path: &str| path.to_owned();
    let rows: Vec<(String, &[&str])> = vec![
        (one("/v1/payment_intents"), &["GET", "HEAD", "POST"]),
        (format!("/v1/payment_intents/{}", world.paid), &["GET", "HEAD"]),
        (format!("/v1/payment_intents/{}/capture", world.paid), &["POST"]),
        (format!("/v1/payment_intents/{}/cancel", world.paid), &["POST"]),
        (one("/v1/refunds"), &["GET", "HEAD", "POST"]),
        (format!("/v1/refunds/{}", world.refund), &["GET", "HEAD"]),
        (format!("/v1/orders/{}", world.order), &["GET", "HEAD"]),
        (one("/v1/disputes"), &["GET", "HEAD"]),
        (format!("/v1/disputes/{}", world.dispute), &["GET", "HEAD"]),
        (one("/v1/events"), &["GET", "HEAD"]),
        (format!("/v1/events/{}", world.event), &["GET", "HEAD"]),
        (format!("/v1/events/{}/resend", world.event), &["POST"]),
        (one("/v1/webhook_endpoints"), &["GET", "HEAD", "POST"]),
        (format!("/v1/webhook_endpoints/{}", world.endpoint), &["DELETE", "GET", "HEAD", "PATCH"]),
        (format!("/v1/webhook_endpoints/{}/rotate_secret", world.endpoint), &["POST"]),
        (format!("/v1/webhook_endpoints/{}/deliveries", world.endpoint), &["GET", "HEAD"]),
        (one("/v1/connectors"), &["GET", "HEAD"]),
        (one("/pay/token"), &["GET", "HEAD", "POST"]),
        (one("/return/token"), &["GET", "HEAD", "POST"]),
        (one("/webhooks/sandbox_a"), &["POST"]),
        (one("/healthz"), &["GET", "HEAD"]),
        (one("/readyz"), &["GET", "HEAD"]),
        (one("/problems/validation"), &["GET", "HEAD"]),
    ];
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"];
    for (path, allowed) in rows {
        for method in methods.into_iter().filter(|method| !allowed.contains(method)) {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = ask(&world.hub, method.clone(), &path).await;
            refused(&answer, Kind::MethodNotAllowed, &[], &format!("{method} {path}"));
            let mut named: Vec<_> =
                answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
            named.sort_unstable();
            assert_eq!(named, allowed, "{method} {path}");
        }
    }
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_get_without_a_body() {
    let world = World::start().await;
    let paths = LISTS.map(str::to_owned).into_iter().chain(world.objects());
    let others = [
        "/healthz",
        "/readyz",
        "/problems/validation",
        "/v1/payment_intents/pi_nobody",
        "/v1/nothing",
        "/v1/events?limit=0",
    ];
    for path in paths.chain(others.map(str::to_owned)) {
        let whole = ask(&world.hub, Method::GET, &path).await;
        let head = ask(&world.hub, Method::HEAD, &path).await;
        assert_eq!(head.status, whole.status, "{path}");
        assert_eq!(head.header("content-type"), whole.header("content-type"), "{path}");
        assert!(head.text.is_empty() && !whole.text.is_empty(), "{path}");
        assert!(head.header("x-request-id").is_some(), "{path}");
    }
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_has_an_id_of_its_own() {
    let hub = TestHub::start().await;
    let mut ids = Vec::new();
    for path in ["/v1/payment_intents", "/v1/nothing", "/healthz", "/pay/nobody", "/pay/nobody"] {
        let request = hub.cart.request(Method::GET, path).header("x-request-id", "req_mine");
        let answer = send(request).await;
        ids.push(answer.header("x-request-id").expect("an id").to_owned());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "{ids:?}");
    assert!(ids.iter().all(|id| id.starts_with("req_") && id.len() == 30), "{ids:?}");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health() {
    let hub = TestHub::start().await;
    for (path, status) in [("/healthz", "ok"), ("/readyz", "ready")] {
        let page = send(plain_client().get(format!("{}{path}", hub.base_url))).await.expect(200);
        assert_eq!(page["status"], status);
    }
    hub.finish().await;
}
