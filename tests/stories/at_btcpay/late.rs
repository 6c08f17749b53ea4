//! Coins that come when the price does not stand any more. BTCPay Server then tells of the coins alone, and of the
//! invoice only if the merchant marks it.

use serde_json::{Value, json};

use super::world::AtBtcPay;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;

told!(crate::twins::btcpay::BtcPay: [
    late_coins_wait_for_the_merchant,
    late_coins_are_taken_if_the_operator_says_so,
    a_part_that_came_in_time_is_held,
    late_coins_for_what_was_paid_on_another_page,
    late_coins_that_came_while_the_hub_was_away,
] in native);
told!(crate::twins::btcpay::BtcPay: [
    late_coins_wait_for_the_merchant,
] in plugin);

fn words(status: &str, additional: &str) -> (String, String) {
    (status.to_owned(), additional.to_owned())
}

/// An invoice that expired unpaid; the intent, and the invoice.
async fn expired(world: &AtBtcPay) -> (Value, String) {
    let (intent, page) = world.open(json!({})).await;
    let invoice = world.page(&page);
    world.twin.expire(&invoice);
    world.until_attempt(id(&intent), "expired").await;
    (intent, invoice)
}

async fn late_coins_wait_for_the_merchant(world: AtBtcPay) {
    let (intent, invoice) = expired(&world).await;
    world.twin.send_coins(&invoice, None);
    world.cart.until_status(id(&intent), "processing").await;
    world.twin.confirm(&invoice);
    world.twin.until_quiet().await;
    assert_eq!(world.twin.status(&invoice), words("Expired", "PaidLate"));
    // The coins are there, and the merchant has to say at which price.
    let asked = world.twin.count_asked("fetch");
    crate::support::eventually("the hub has looked", || async {
        (world.twin.count_asked("fetch") > asked).then_some(())
    })
    .await;
    assert_eq!(world.cart.status(id(&intent)).await, "processing");
    assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
    world.twin.mark(&invoice, "Settled");
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn late_coins_are_taken_if_the_operator_says_so(mut world: AtBtcPay) {
    let config = world.config();
    world.restart_with(&config.replacen(
        "secrets.api_key",
        "settings.accept_late = true\nsecrets.api_key",
        1,
    ));
    let (intent, invoice) = expired(&world).await;
    world.twin.send_coins(&invoice, None);
    world.cart.until_status(id(&intent), "processing").await;
    world.twin.confirm(&invoice);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.status(&invoice), words("Expired", "PaidLate"));
    world.refunded(id(&intent), None).await;
    assert_eq!(world.twin.ledger().of(&invoice).total(Moved::GivenBack), 1999);
    world.finish().await;
}

async fn a_part_that_came_in_time_is_held(world: AtBtcPay) {
    let (intent, page) = world.open(json!({})).await;
    let invoice = world.page(&page);
    page.submit(&[("action", "pay_later"), ("amount", "10.00")]).await;
    world.twin.expire(&invoice);
    assert_eq!(world.twin.status(&invoice), words("Expired", "PaidPartial"));
    world.cart.until_status(id(&intent), "processing").await;
    assert!(!world.shopper().open(&intent).await.is_hosted(), "nobody pays all of it once more");
    world.twin.confirm(&invoice);
    world.held(id(&intent), "amount_mismatch").await;
    assert_eq!(world.twin.ledger().total(Moved::Taken), 1000);
    world.finish().await;
}

/// The shopper's wallet was slow, and both invoices are paid in the end: what came later is promised back.
async fn late_coins_for_what_was_paid_on_another_page(world: AtBtcPay) {
    let (intent, invoice) = expired(&world).await;
    assert!(world.shopper().open(&intent).await.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.send_coins(&invoice, None);
    world.twin.confirm(&invoice);
    world.twin.mark(&invoice, "Settled");
    let promised = || async { world.twin.refunds_under_way().pop() };
    let pull = crate::support::eventually("what came later is promised back", promised).await;
    assert_eq!(world.cart.intent(id(&intent)).await["amount_captured"], 2 * 1999);
    world.twin.pay_out(&pull);
    let returned = |intent: &Value| intent["amount_refunded"] == 1999 && intent["quarantine"].is_null();
    let shown = world.cart.until(id(&intent), "given back", returned).await;
    assert_eq!(shown["status"], "succeeded");
    assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 1, "it succeeded once");
    let books = world.twin.ledger().of(&invoice);
    assert_eq!((books.total(Moved::Taken), books.total(Moved::GivenBack)), (1999, 1999));
    assert_eq!(world.twin.ledger().total(Moved::GivenBack), 1999);
    world.finish().await;
}

/// What the server could not deliver comes again, and nothing else would tell.
async fn late_coins_that_came_while_the_hub_was_away(mut world: AtBtcPay) {
    let (intent, invoice) = expired(&world).await;
    world.stop_hub();
    world.twin.send_coins(&invoice, None);
    world.twin.confirm(&invoice);
    world.twin.mark(&invoice, "Settled");
    world.start_hub();
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
