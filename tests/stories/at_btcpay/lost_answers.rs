//! Answers that are lost where there are no keys: requests that arrive after the hub has looked for them in vain, and
//! two refunds that differ in nothing but their name.

use serde_json::json;

use super::world::AtBtcPay;
use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::cart::plain_client;
use crate::support::{eventually, id};
use crate::twins::btcpay::BtcPay;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;

told!(crate::twins::btcpay::BtcPay: [
    an_invoice_that_is_made_late_is_found,
    a_refund_that_is_made_late_is_found,
    two_equal_refunds_are_told_apart,
] in native);

/// The network kept a request for a while: here it is at last, byte for byte.
async fn arrives(world: &AtBtcPay, path_end: &str) {
    let asked = world.twin.requests().into_iter().find(|request| request.path.ends_with(path_end));
    let kept = asked.expect("a request that was kept away");
    let url = format!("{}{}", world.twin.base_url, kept.path);
    let request = plain_client().post(url).headers(kept.headers).body(kept.body);
    assert_eq!(request.send().await.expect("an answer").status(), 200);
}

/// Waits until the hub has looked, and found nothing.
async fn looked_in_vain(world: &AtBtcPay, asked: usize) {
    eventually("the hub has looked", || async { (world.twin.count_asked("fetch") > asked).then_some(()) })
        .await;
}

async fn an_invoice_that_is_made_late_is_found(world: AtBtcPay) {
    world.twin.fault("open", Fault::DropBefore);
    let intent = world.create(json!({})).await;
    let (shopper, opened) = (world.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { shopper.open(&opened).await });
    looked_in_vain(&world, 0).await;
    assert_eq!(world.twin.invoices(), Vec::<String>::new());
    arrives(&world, "/invoices").await;
    let page = waiting.await.expect("the shopper gets there");
    assert!(page.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.invoices(), [world.page(&page)], "one invoice, and no other");
    world.finish().await;
}

async fn a_refund_that_is_made_late_is_found(world: AtBtcPay) {
    let (intent, invoice) = world.paid(json!({})).await;
    let asked = world.twin.count_asked("fetch");
    world.twin.fault("refund", Fault::DropBefore);
    let refund = world.cart.refund(&intent, Some(700)).await.expect(201);
    looked_in_vain(&world, asked).await;
    assert_eq!(world.twin.refunds_under_way(), Vec::<String>::new());
    arrives(&world, "/refund").await;
    BtcPay::end_refunds(&world.twin);
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    let books = world.twin.ledger().of(&invoice);
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700));
    world.finish().await;
}

async fn two_equal_refunds_are_told_apart(world: AtBtcPay) {
    let (intent, invoice) = world.paid(json!({})).await;
    world.twin.faults("refund", Fault::DropAfter, 2);
    let mut refunds = Vec::new();
    for _ in 0..2 {
        let refund = world.cart.refund(&intent, Some(700)).await.expect(201);
        refunds.push(id(&refund).to_owned());
    }
    eventually("both are promised", || async { (world.twin.refunds_under_way().len() == 2).then_some(()) })
        .await;
    // One of them is paid, and the hub knows which.
    let first = world.twin.refunds_under_way().remove(0);
    world.twin.pay_out(&first);
    let succeeded = || async {
        let mut ended = Vec::new();
        for refund in &refunds {
            let shown = world.cart.get(&format!("/v1/refunds/{refund}")).await.expect(200);
            assert_ne!(shown["status"], "failed", "unknown is never failed");
            ended.push(shown["status"] == "succeeded");
        }
        ended.contains(&true).then_some(ended)
    };
    let ended = eventually("one succeeds", succeeded).await;
    assert_eq!(ended.iter().filter(|is_done| **is_done).count(), 1, "{ended:?}");
    assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 700);
    BtcPay::end_refunds(&world.twin);
    for refund in &refunds {
        world.cart.until_refund(refund, "succeeded").await;
    }
    let books = world.twin.ledger().of(&invoice);
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (2, 1400));
    assert_eq!(world.twin.count_asked("refund"), 2);
    assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 1400);
    world.finish().await;
}
