//! Coins at an invoice that is open: in stages, in parts, too many, by hand; and pages that lead nowhere any more.

use serde_json::{Value, json};

use super::world::AtBtcPay;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::outbox::Manner;

told!(crate::twins::btcpay::BtcPay: [
    what_the_cart_says_reaches_the_invoice,
    seen_on_the_network_and_then_confirmed,
    paid_in_two_parts,
    more_than_the_price_is_held,
    left_until_the_price_expired_and_paid_anew,
    coins_that_went_elsewhere_after_all,
    coins_that_were_never_confirmed,
    marked_by_hand,
    called_off_by_the_cart,
    the_server_believes_to_be_elsewhere,
    a_currency_without_a_rate_makes_no_invoice,
    coming_back_is_no_payment,
    what_the_operator_sets_reaches_the_invoice,
] in native);

const ATTEMPT_DECLINED: &str = "payment_intent.attempt_declined";

async fn what_the_cart_says_reaches_the_invoice(world: AtBtcPay) {
    let wish = json!({ "amount": 250_000, "currency": "USD", "order_reference": "1001",
        "description": "One good book", "customer": { "email": "ada@example.com" } });
    let (intent, page) = world.open(wish).await;
    let invoice = world.twin.invoice(&world.page(&page));
    assert_eq!((&invoice["amount"], &invoice["currency"]), (&json!("2500.00"), &json!("USD")));
    assert_eq!((&invoice["status"], &invoice["type"]), (&json!("New"), &json!("Standard")));
    assert!(page.text().contains("One good book"), "{}", page.text());
    let metadata = invoice["metadata"].to_string();
    assert!(metadata.contains("1001") && !metadata.contains("ada@"), "{metadata}");
    // Whoever opens the link again is at the same invoice.
    assert_eq!(world.shopper().open(&intent).await.url(), page.url());
    assert!(page.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.count_asked("open"), 1);
    world.finish().await;
}

/// By a webhook, and by the hub's own question because the shopper is back.
async fn seen_on_the_network_and_then_confirmed(world: AtBtcPay) {
    for manner in [Manner::Prompt, Manner::Dropped] {
        world.twin.webhooks(manner);
        let (intent, page) = world.open(json!({})).await;
        assert!(page.pay_later().await.is_at_the_shop());
        let shown = world.cart.until_status(id(&intent), "processing").await;
        assert_eq!(
            (&shown["amount_captured"], world.twin.ledger().of(&world.page(&page)).0.len()),
            (&json!(0), 0)
        );
        assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
        // Nobody is led to pay a second time, and nothing that may not have come is given back.
        let again = world.shopper().open(&intent).await;
        assert!(!again.is_hosted(), "{}", again.url());
        assert_eq!(world.cart.refund(id(&intent), None).await.status, 409);
        world.twin.confirm(&world.page(&page));
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    world.finish().await;
}

async fn paid_in_two_parts(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    let still = page.submit(&[("action", "pay_later"), ("amount", "10.00")]).await;
    assert_eq!((still.status(), still.url()), (200, page.url()), "the page waits for the rest");
    world.twin.confirm(&world.page(&page));
    world.twin.until_quiet().await;
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    assert_eq!(world.shopper().open(&intent).await.url(), page.url());
    assert!(page.pay().await.is_at_the_shop());
    world.agree_in_parts(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 2);
    world.finish().await;
}

async fn more_than_the_price_is_held(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    page.submit(&[("action", "pay"), ("amount", "25.00")]).await;
    let invoice = world.page(&page);
    assert_eq!(world.twin.status(&invoice), ("Settled".to_owned(), "PaidOver".to_owned()));
    world.held(id(&intent), "amount_mismatch").await;
    assert_eq!(world.cart.refund(id(&intent), None).await.status, 409);
    assert_eq!(world.twin.ledger().of(&invoice).total(Moved::Taken), 2500);
    world.finish().await;
}

async fn left_until_the_price_expired_and_paid_anew(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    world.twin.expire(&world.page(&page));
    world.until_attempt(id(&intent), "expired").await;
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    let other = world.shopper().open(&intent).await;
    assert_ne!(world.page(&other), world.page(&page));
    assert!(other.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.status(&world.page(&page)), ("Expired".to_owned(), "None".to_owned()));
    world.finish().await;
}

/// Coins that are not confirmed can be sent elsewhere. Of that, BTCPay Server tells nobody.
async fn coins_that_went_elsewhere_after_all(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    page.pay_later().await;
    world.cart.until_status(id(&intent), "processing").await;
    world.twin.replace(&world.page(&page));
    assert_eq!(world.twin.status(&world.page(&page)), ("New".to_owned(), "None".to_owned()));
    // The hub finds out by itself.
    world.cart.until_status(id(&intent), "requires_checkout").await;
    assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
    assert!(world.shopper().open(&intent).await.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn coins_that_were_never_confirmed(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    page.pay_later().await;
    world.cart.until_status(id(&intent), "processing").await;
    world.twin.let_time_pass(2 * 24 * 3_600);
    assert_eq!(world.twin.status(&world.page(&page)), ("Invalid".to_owned(), "None".to_owned()));
    world.until_attempt(id(&intent), "declined").await;
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    let other = world.shopper().open(&intent).await;
    assert_ne!(world.page(&other), world.page(&page));
    other.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, ATTEMPT_DECLINED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn marked_by_hand(world: AtBtcPay) {
    // Paid in another way; and paid for all the merchant cares, before it is confirmed.
    let (other_way, page) = world.open(json!({})).await;
    world.twin.paid_in_another_way(&world.page(&page));
    world.agree(id(&other_way), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.invoice(&world.page(&page))["paidAmount"], "0");

    // The merchant does not want these coins, and the shopper finds another page.
    let (intent, page) = world.open(json!({})).await;
    world.twin.mark(&world.page(&page), "Invalid");
    world.until_attempt(id(&intent), "expired").await;
    let other = world.shopper().open(&intent).await;
    assert_ne!(world.page(&other), world.page(&page));
    other.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;

    // The merchant has thought better of it: it counts as paid, and then as not paid again. What succeeded stays.
    let (intent, page) = world.open(json!({})).await;
    world.twin.mark(&world.page(&page), "Invalid");
    world.until_attempt(id(&intent), "expired").await;
    world.twin.paid_in_another_way(&world.page(&page));
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.mark(&world.page(&page), "Invalid");
    world.twin.until_quiet().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// The invoice is closed, but nothing keeps coins from coming.
async fn called_off_by_the_cart(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    let invoice = world.page(&page);
    let canceled = world.cart.cancel(id(&intent)).await;
    assert!([200, 202].contains(&canceled.status), "{}", canceled.text);
    world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    assert_eq!(world.twin.status(&invoice), ("Invalid".to_owned(), "Marked".to_owned()));
    assert_eq!(page.pay().await.status(), 410);
    world.twin.send_coins(&invoice, None);
    world.twin.confirm(&invoice);
    // Unless the operator wants it otherwise, the money is welcome; the cart sees that it came late.
    let told = [CREATED, "payment_intent.canceled", SUCCEEDED, PAID];
    world.agree(id(&intent), "succeeded", &told).await;
    assert_eq!(world.cart.intent(id(&intent)).await["paid_late"], true);
    world.finish().await;
}

/// The hub reaches the server by an address of a private network, where no shopper can go.
async fn the_server_believes_to_be_elsewhere(mut world: AtBtcPay) {
    let config = world.config();
    let for_shoppers = format!("settings.checkout_url = \"{}\"\nsecrets.api_key", world.twin.base_url);
    world.restart_with(&config.replacen("secrets.api_key", &for_shoppers, 1));
    world.twin.believes_to_be_at("http://btcpay.internal:23000");
    let (intent, page) = world.open(json!({})).await;
    assert!(page.is_hosted(), "{}", page.url());
    assert!(page.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn a_currency_without_a_rate_makes_no_invoice(world: AtBtcPay) {
    let (intent, page) = world.open(json!({ "currency": "CHF" })).await;
    assert!(!page.is_hosted(), "{}", page.url());
    let over = |intent: &Value| intent["attempts"][0]["state"] == "declined";
    world.cart.until(id(&intent), "refused", over).await;
    assert_eq!((world.twin.invoices().len(), world.twin.ledger().0.len()), (0, 0));
    world.finish().await;
}

async fn coming_back_is_no_payment(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    let invoice = world.twin.invoice(&world.page(&page));
    let asked = world.twin.count_asked("fetch");
    let way_back = invoice["checkout"]["redirectURL"].as_str().expect("a way back");
    world.shopper().visit(way_back).await;
    assert!(world.twin.count_asked("fetch") > asked, "it is a reason to ask");
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn what_the_operator_sets_reaches_the_invoice(mut world: AtBtcPay) {
    let set = "settings.invoice_minutes = \"60\"\nsettings.payment_methods = \"BTC-LN\"\n\
               settings.speed_policy = \"LowSpeed\"\nsecrets.api_key";
    let config = world.config().replacen("secrets.api_key", set, 1);
    world.restart_with(&config);
    // (how long the intent stands, how long the price then does)
    for (expires_in_s, minutes) in [(7_200, 60), (1_830, 30)] {
        let (intent, page) = world.open(json!({ "expires_in_s": expires_in_s })).await;
        let checkout = world.twin.invoice(&world.page(&page))["checkout"].clone();
        assert_eq!(checkout["expirationMinutes"], minutes, "never longer than the intent");
        assert_eq!(
            (&checkout["paymentMethods"], &checkout["speedPolicy"]),
            (&json!(["BTC-LN"]), &json!("LowSpeed"))
        );
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    world.finish().await;
}
