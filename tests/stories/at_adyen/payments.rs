//! Shoppers at Adyen's pages: a link with a *Continue* button, a session that sends the shopper back, and what becomes
//! of each that nobody pays at.

use processor_sdk::Timestamp;
use serde_json::{Value, json};

use super::world::AtAdyen;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;

told!(crate::twins::adyen::Adyen: [
    what_the_cart_says_reaches_the_page,
    paid_on_a_link_that_the_shopper_just_closes,
    a_canceled_intent_closes_its_link,
    a_transfer_is_settled_days_later_or_not_at_all,
    a_session_sends_the_shopper_back,
    a_session_that_was_left_or_refused_is_replaced,
    a_made_up_result_of_a_session_says_nothing,
] in native);

/// How the config names the other kind of page.
const SESSIONS: &str = "settings.checkout_flow = \"hosted_session\"\n";

/// A world whose pages are hosted sessions.
fn with_sessions(mut world: AtAdyen) -> AtAdyen {
    let config = world.config() + SESSIONS;
    world.restart_with(&config);
    world
}

fn seconds(text: &Value) -> i64 {
    Timestamp::parse_rfc3339(text.as_str().expect("a time")).expect("a time").as_unix_seconds()
}

async fn what_the_cart_says_reaches_the_page(world: AtAdyen) {
    let wish = json!({ "amount": 250_000, "order_reference": "1001", "description": "One good book",
        "locale": "nl-NL", "customer": { "email": "ada@example.com", "country": "NL" } });
    let (intent, page) = world.open(wish).await;
    let fields = world.twin.page_fields(&world.page(&page));
    let rows = [
        ("amount", json!({"currency": "EUR", "value": 250_000})),
        ("merchantAccount", json!("TwinShopECOM")),
        ("description", json!("One good book")),
        ("metadata", json!({"order_reference": "1001"})),
        ("shopperLocale", json!("nl-NL")),
        ("countryCode", json!("NL")),
        ("shopperEmail", json!("ada@example.com")),
        ("captureDelayHours", json!(0)),
    ];
    for (name, value) in rows {
        assert_eq!(fields.get(name), Some(&value), "{name}");
    }
    assert!(fields["returnUrl"].as_str().unwrap().starts_with(&format!("{}/return/", world.base_url)));
    assert_eq!(seconds(&fields["expiresAt"]), seconds(&intent["expires_at"]));
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn paid_on_a_link_that_the_shopper_just_closes(world: AtAdyen) {
    let (intent, page) = world.open(json!({})).await;
    let thanks = page.submit(&[("action", "pay_and_stay")]).await;
    assert!(thanks.is_hosted() && thanks.text().contains("Continue"), "{}", thanks.text());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    // Whoever follows the cart's link once more is not asked for money again.
    assert!(world.shopper().open(&intent).await.is_at_the_shop());
    world.finish().await;
}

async fn a_canceled_intent_closes_its_link(world: AtAdyen) {
    let (intent, page) = world.open(json!({})).await;
    world.cart.cancel(id(&intent)).await.expect(200);
    world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    assert_eq!(world.twin.page_status(&world.page(&page)), "expired");
    assert_eq!(page.pay().await.status(), 410);
    world.finish().await;
}

async fn a_transfer_is_settled_days_later_or_not_at_all(world: AtAdyen) {
    for is_paid in [true, false] {
        let (intent, page) = world.open(json!({})).await;
        page.pay_later().await;
        let page = world.page(&page);
        world.cart.until_status(id(&intent), "processing").await;
        assert_eq!(world.twin.ledger().of(&world.twin.payment_at(&page)).count(Moved::Taken), 0);
        world.twin.end_pending(&page, is_paid);
        if is_paid {
            world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
        } else {
            // Another try may follow.
            world.cart.until_status(id(&intent), "requires_checkout").await;
            assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
        }
    }
    world.finish().await;
}

async fn a_session_sends_the_shopper_back(world: AtAdyen) {
    let world = with_sessions(world);
    let (intent, page) = world.open(json!({ "order_reference": "1001" })).await;
    assert!(world.page(&page).starts_with("CS"), "{}", page.url());
    assert!(page.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    // The result that the browser brought was asked for, once.
    let asked = world.twin.requests();
    let results = asked.iter().filter(|request| request.query.contains("sessionResult=")).count();
    assert!(results <= 1, "a session's result never changes: {results}");
    world.refunded(id(&intent), Some(500)).await;
    world.finish().await;
}

async fn a_session_that_was_left_or_refused_is_replaced(world: AtAdyen) {
    let world = with_sessions(world);
    let refused: [&[(&str, &str)]; 3] = [&[("action", "decline")]; 3];
    let left: [&[(&str, &str)]; 1] = [&[("action", "cancel")]];
    for acts in [&left[..], &refused[..]] {
        let (intent, page) = world.open(json!({ "cancel_url": "https://shop.test/cart" })).await;
        let mut tab = page.clone();
        for act in acts {
            assert!(tab.is_hosted(), "{}", tab.url());
            tab = page.submit(act).await;
        }
        assert!(tab.is_at_the_shop(), "{}", tab.url());
        let declined = |intent: &Value| intent["attempts"][0]["state"] == "declined";
        world.cart.until(id(&intent), "declined", declined).await;
        let other = world.shopper().open(&intent).await;
        assert_ne!(world.page(&other), world.page(&page));
        other.pay().await;
        let told = [CREATED, "payment_intent.attempt_declined", SUCCEEDED, PAID];
        world.agree(id(&intent), "succeeded", &told).await;
    }
    world.finish().await;
}

/// What stands in the browser's address is anybody's word.
async fn a_made_up_result_of_a_session_says_nothing(world: AtAdyen) {
    let world = with_sessions(world);
    let (intent, page) = world.open(json!({})).await;
    let fields = world.twin.page_fields(&world.page(&page));
    let home = fields["returnUrl"].as_str().unwrap();
    let joint = if home.contains('?') { '&' } else { '?' };
    let made_up = format!("{home}{joint}sessionId={}&sessionResult=X3XtfGC9!made-up", world.page(&page));
    world.shopper().go(reqwest::Method::GET, &made_up, &[]).await;
    assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
