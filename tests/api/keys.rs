//! Who may ask, and what each key opens: test and live never meet.

use hub_core::ids::Scope;
use payhub::api_key::PlainApiKey;
use payhub::clock::Clock;
use payhub::http::problem::Kind;
use payhub::store::{Commit, Write};
use reqwest::Method;
use serde_json::json;

use super::problem::refused;
use super::world::{LISTS, World, rows, send};
use crate::support::cart::{Answer, Cart, plain_client};
use crate::support::id;

async fn with(base_url: &str, path: &str, authorization: Option<&[u8]>) -> Answer {
    let mut request = plain_client().get(format!("{base_url}{path}"));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_good_key() {
    let world = World::start().await;
    let hub = &world.hub;
    let before = rows(hub).await;
    let good = hub.cart.api_key.clone();
    let mut mistyped = good.clone().into_bytes();
    let last = mistyped.last_mut().expect("a key");
    *last = if *last == b'a' { b'b' } else { b'a' };
    let swapped = {
        let mut swapped = good.clone().into_bytes();
        let at = (good.len() / 2..good.len() - 1)
            .find(|at| swapped[*at] != swapped[at + 1])
            .expect("two characters");
        swapped.swap(at, at + 1);
        swapped
    };
    let bearer = |key: &[u8]| [b"Bearer ".as_slice(), key].concat();
    // A key that is well formed and nobody's.
    let (stranger, _) = payhub::api_key::ApiKey::generate(&payhub::ids::SystemRandomness, false);
    let rows_of_keys: Vec<(&str, Option<Vec<u8>>)> = vec![
        ("none", None),
        ("empty", Some(b"".to_vec())),
        ("no scheme", Some(good.clone().into_bytes())),
        ("no key", Some(b"Bearer".to_vec())),
        ("empty key", Some(b"Bearer ".to_vec())),
        ("another scheme", Some(format!("Basic {good}").into_bytes())),
        ("another scheme", Some(format!("Token {good}").into_bytes())),
        ("mistyped", Some(bearer(&mistyped))),
        ("swapped", Some(bearer(&swapped))),
        ("cut", Some(bearer(&good.as_bytes()[..good.len() - 1]))),
        ("longer", Some(bearer(format!("{good}a").as_bytes()))),
        ("upper case", Some(bearer(good.to_uppercase().as_bytes()))),
        ("of the other mode", Some(bearer(good.replace("test", "live").as_bytes()))),
        ("two keys", Some(bearer(format!("{good},{good}").as_bytes()))),
        ("nobody's", Some(bearer(stranger.reveal().as_bytes()))),
        ("no text", Some(b"Bearer \xff\xfe".to_vec())),
        ("long", Some(bearer("k".repeat(10_000).as_bytes()))),
    ];
    for (what, authorization) in &rows_of_keys {
        for path in LISTS.iter().map(|path| (*path).to_owned()).chain(world.objects()) {
            let answer = with(&hub.base_url, &path, authorization.as_deref()).await;
            refused(&answer, Kind::Unauthorized, &[], what);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{what}");
            assert!(!answer.text.contains(&good[..12]), "{what}: {}", answer.text);
        }
    }
    // Who may not ask learns nothing about what was wrong with the rest.
    let stranger = Cart::new(&hub.base_url, stranger.reveal());
    for (method, path, _) in world.calls() {
        for body in ["{", "{\"amount\": \"x\"}"] {
            let answer = send(stranger.request(method.clone(), &path).body(body)).await;
            refused(&answer, Kind::Unauthorized, &[], body);
        }
    }
    let delete = stranger.request(Method::DELETE, &format!("/v1/webhook_endpoints/{}", world.endpoint));
    refused(&send(delete).await, Kind::Unauthorized, &[], "a deletion");
    assert_eq!(rows(hub).await, before, "something was stored");

    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = with(&hub.base_url, LISTS[0], Some(format!("{scheme} {good}").as_bytes())).await;
        assert_eq!(answer.status, 200, "{scheme}");
    }
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_opens_nothing() {
    let world = World::start().await;
    let hub = &world.hub;
    let cart = hub.cart_of(false).await;
    let intent = cart.create(json!({})).await;
    let key_id = PlainApiKey::parse(&cart.api_key).expect("a key").key_id().to_owned();
    let revoke = Write::RevokeApiKey { key_id, at: hub.clock.now() };
    hub.inside().store.commit(Commit { writes: vec![revoke] }).await.expect("a commit");
    let answer = cart.get(&format!("/v1/payment_intents/{}", id(&intent))).await;
    refused(&answer, Kind::Unauthorized, &[], "a revoked key");
    // Another key of the same merchant goes on seeing what it made.
    assert_eq!(hub.cart.intent(id(&intent)).await["id"], intent["id"]);
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_and_live_do_not_see_each_other() {
    let world = World::start().await;
    let hub = &world.hub;
    let live = hub.cart_of(true).await;
    for path in world.objects() {
        hub.cart.get(&path).await.expect(200);
        refused(&live.get(&path).await, Kind::NotFound, &[], &path);
    }
    for path in LISTS {
        let page = live.get(path).await.expect(200);
        assert_eq!(page["data"], json!([]), "{path}");
        let page = hub.cart.get(path).await.expect(200);
        assert_ne!(page["data"], json!([]), "{path}");
    }
    let before = rows(hub).await;
    for (method, path, keyed) in
        world.calls().into_iter().filter(|(_, path, _)| path.matches('/').count() > 2)
    {
        let key = keyed.then(|| live.fresh_key());
        let answer = live.send(method, &path, key.as_deref(), Some(&json!({}))).await;
        refused(&answer, Kind::NotFound, &[], &path);
    }
    let refund = live.ask("/v1/refunds", json!({ "payment_intent": world.paid })).await;
    let names_none = [("/payment_intent", "names no payment intent of this API key")];
    refused(&refund, Kind::Validation, &names_none, "");
    let delete = live.request(Method::DELETE, &format!("/v1/webhook_endpoints/{}", world.endpoint));
    refused(&send(delete).await, Kind::NotFound, &[], "a deletion");
    let answer = live.create_intent(json!({ "return_url": "https://shop.test/thanks" })).await;
    let problem = refused(&answer, Kind::NoConnector, &[], "");
    assert!(problem["detail"].as_str().expect("a text").contains("is of the other mode"), "{problem}");
    assert_eq!(rows(hub).await, before, "something was stored");

    // One key of idempotency means different things in test and live.
    let body = json!({ "url": world.merchant.url });
    let test_endpoint = hub.cart.post("/v1/webhook_endpoints", "one key", &body).await.expect(201);
    let live_endpoint = live.post("/v1/webhook_endpoints", "one key", &body).await;
    let live_endpoint = match live_endpoint.status {
        201 => live_endpoint.expect(201),
        _ => {
            let https = json!({ "url": "https://shop.test/hooks" });
            live.post("/v1/webhook_endpoints", "one key", &https).await.expect(201)
        }
    };
    assert_ne!(test_endpoint["id"], live_endpoint["id"]);
    assert_eq!((&test_endpoint["livemode"], &live_endpoint["livemode"]), (&json!(false), &json!(true)));
    for secret in [&test_endpoint["secret"], &live_endpoint["secret"]] {
        hub.keep_out_of_the_file(secret.as_str().expect("a secret"));
    }
    refused(
        &hub.cart.get(&format!("/v1/webhook_endpoints/{}", id(&live_endpoint))).await,
        Kind::NotFound,
        &[],
        "",
    );
    let scope = Scope { merchant_id: hub_core::ids::MerchantId::main(), livemode: true };
    assert!(
        hub.inside()
            .store
            .payment(&scope, &hub_core::ids::PaymentIntentId::parse(&world.paid).expect("an id"))
            .await
            .expect("a read")
            .is_none()
    );
    world.hub.finish().await;
}
