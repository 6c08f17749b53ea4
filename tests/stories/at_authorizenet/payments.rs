//! Shoppers at Authorize.Net's page: a form with a token that the hub's own page posts, a return that says nothing, and
//! payments that only the invoice number leads to.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::world::AtAuthorizeNet;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::support::shopper::SelfPosting;
use crate::twins::desk::Moved;
use crate::twins::outbox::Manner;

told!(crate::twins::authorizenet::AuthorizeNet: [
    what_the_cart_says_reaches_the_page,
    a_form_with_the_token_alone_leads_to_the_page,
    given_up_and_come_back,
    paid_with_the_third_card_and_nobody_tells,
    held_by_the_fraud_filters,
] in native);

async fn what_the_cart_says_reaches_the_page(world: AtAuthorizeNet) {
    let wish = json!({ "amount": 250_000, "order_reference": "1001", "description": "One good book, \"new\"",
        "cancel_url": "https://shop.test/cart", "customer": { "email": "ada@example.com" } });
    let (intent, page) = world.open(wish).await;
    let sent = world.twin.wish_of(&world.page(&page));
    let rows = [
        ("/transactionType", json!("authCaptureTransaction")),
        ("/amount", json!("2500.00")),
        ("/currencyCode", json!("USD")),
        ("/order/description", json!("One good book, \"new\"")),
        ("/customer/email", json!("ada@example.com")),
    ];
    for (pointer, value) in rows {
        assert_eq!(sent.pointer(pointer), Some(&value), "{pointer}");
    }
    let options = world.twin.settings_of(&world.page(&page))["hostedPaymentReturnOptions"].clone();
    assert_eq!(options["showReceipt"], false, "the shopper comes back at once");
    for way in ["url", "cancelUrl"] {
        let way = options[way].as_str().expect("an address");
        assert!(way.starts_with(&format!("{}/return/", world.base_url)), "{way}");
    }
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// The token opens the page, so that it stands in no address and in nothing that the cart is shown.
async fn a_form_with_the_token_alone_leads_to_the_page(world: AtAuthorizeNet) {
    let (intent, page) = world.open(json!({})).await;
    let token = world.twin.token_of(&world.page(&page));
    let link = intent["checkout_url"].as_str().expect("a link");
    let shown = world.shopper().request(Method::GET, link, HeaderMap::new(), &[]).await;
    let form = SelfPosting::on(&shown.text).expect("a page that posts itself");
    assert_eq!(form.url, format!("{}/payment/payment", world.twin.base_url));
    assert_eq!(form.fields, [("token".to_owned(), token.clone())]);
    assert!(shown.header("cache-control").is_some_and(|control| control.contains("no-store")));
    let seen = world.cart.intent(id(&intent)).await.to_string();
    let history = world.payhub(&format!("payments show {} --config CONFIG", id(&intent)), &[]);
    assert!(history.0 && !seen.contains(&token) && !history.1.contains(&token), "{seen} {}", history.1);
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.count_asked("open"), 1);
    world.finish().await;
}

/// Who gives up is sent to the shop, and by the cart's link to the same page as long as its token is good.
async fn given_up_and_come_back(world: AtAuthorizeNet) {
    let (intent, page) = world.open(json!({ "cancel_url": "https://shop.test/cart" })).await;
    let away = page.cancel().await;
    assert!(away.url().starts_with("https://shop.test/cart"), "{}", away.url());
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    let again = world.shopper().open(&intent).await;
    assert_eq!(again.url(), page.url());
    assert!(again.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// Each try is a transaction of its own under the same invoice number, and no return or webhook says which one is paid.
async fn paid_with_the_third_card_and_nobody_tells(world: AtAuthorizeNet) {
    world.twin.webhooks(Manner::Dropped);
    let (intent, page) = world.open(json!({})).await;
    for (card, reason) in [("0002", "2"), ("0127", "44")] {
        let still = page.submit(&[("action", "decline"), ("card", card), ("reason", reason)]).await;
        assert_eq!((still.status(), still.url()), (200, page.url()));
    }
    assert!(page.submit(&[("action", "pay"), ("card", "4242")]).await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let shown = world.cart.intent(id(&intent)).await;
    let references = shown["attempts"][0]["references"].as_array().expect("references");
    let payments: Vec<&Value> = references.iter().filter(|known| known["kind"] == "payment").collect();
    assert_eq!(payments.len(), 1, "{references:?}");
    assert_eq!(payments[0]["id"], world.twin.payment_at(&world.page(&page)));
    world.finish().await;
}

async fn held_by_the_fraud_filters(world: AtAuthorizeNet) {
    for is_approved in [true, false] {
        let (intent, page) = world.open(json!({})).await;
        page.submit(&[("action", "pay_and_be_held")]).await;
        world.cart.until_status(id(&intent), "processing").await;
        let held = world.twin.payment_at(&world.page(&page));
        assert_eq!(world.twin.ledger().of(&held).count(Moved::Taken), 0);
        world.twin.review(&held, is_approved);
        if is_approved {
            world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
        } else {
            // Another try may follow.
            world.cart.until_status(id(&intent), "requires_checkout").await;
            assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
        }
    }
    world.finish().await;
}
