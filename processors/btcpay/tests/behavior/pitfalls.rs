//! Mistakes that other projects made with BTCPay Server, each with the test that keeps us from making it.

use processor_btcpay::BtcPay;
use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, Call, Fault, KeyCarrier, LookUp, Money, Part, Question,
    Reply, Says, Word, run,
};
use serde_json::{Value, json};

use crate::support::*;

fn eur(minor: i64) -> Option<Money> {
    Some(Money::new(minor, processor_sdk::Currency::EUR).unwrap())
}

/// Shops waited for `InvoiceSettled` after a late payment; it never comes unless the merchant marks the invoice
/// (btcpayserver #2640, and the plug-in for XenForo).
#[test]
fn pitfall_after_expiry_no_settled_event_comes() {
    for (kind, extra) in [
        ("InvoiceExpired", json!({"partiallyPaid": false})),
        ("InvoiceReceivedPayment", json!({"afterExpiration": true})),
        ("InvoicePaymentSettled", json!({"afterExpiration": true})),
    ] {
        assert_eq!(notified(&event(kind, extra)).says, Says::Changed, "{kind} is a reason to look");
    }
    // What the look sees, in the order of the events.
    let late =
        |status: &str, additional: &str| invoice(status, additional, json!({"paidAmount": "12.340312"}));
    let seen = [
        fetched(invoice("Expired", "None", json!({})), None),
        fetched(late("Expired", "PaidLate"), Some(&["Processing"])),
        fetched(late("Expired", "PaidLate"), Some(&["Settled"])),
        // The merchant marks it.
        fetched(late("Settled", "Marked"), None),
    ];
    let words: Vec<_> = seen.iter().map(|facts| facts.word.clone().unwrap()).collect();
    assert_eq!(words, [Word::Expired, Word::Pending, Word::Pending, Word::Paid]);
    assert_eq!(seen[3].captured, eur(1234));
}

/// Orders were marked as paid although their invoices had expired: by customer or session instead of the
/// invoice, and by the event instead of a look (woocommerce-greenfield-plugin #64).
#[test]
fn pitfall_an_event_is_about_its_own_invoice_only() {
    let other = notified(&event("InvoiceSettled", json!({"invoiceId": "I2"})));
    assert_eq!(other.references.len(), 1);
    assert_eq!((other.references[0].id.as_str(), other.says), ("I2", Says::Changed));
    // The look that follows asks for the invoice that is known, and believes that one.
    let (requests, reply) = perform(fetch_payment(), vec![ok(invoice("Expired", "None", json!({})))]);
    assert_eq!(requests[0].url, format!("{API}/stores/S1/invoices/I1"));
    let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!((facts.word, facts.captured), (Some(Word::Expired), None));
}

/// The answer was about another invoice, from a proxy's memory.
#[test]
fn pitfall_an_answer_about_another_invoice_is_none() {
    let other = || ok(invoice("Settled", "None", json!({"id": "I2", "paidAmount": "12.34"})));
    let fault = Reply::Fault(Fault::unreadable("expected the id that was asked for at /id"));
    assert_eq!(reply(fetch_payment(), vec![other()]), fault);
    let marked = vec![ok(invoice("New", "None", json!({}))), other()];
    assert_eq!(reply(call(json!({"kind": "expire_checkout"})), marked), fault);
    let fetch = refund_order("fetch_refund", json!({"id": PULL}));
    assert_eq!(reply(fetch, vec![ok(pull(json!({"id": "P2"})))]), fault);
}

/// A search gives whatever is like the order's number; the first hit was taken.
#[test]
fn pitfall_a_search_is_read_exactly() {
    let found = |invoices: Value| {
        let (requests, reply) =
            perform(Call { references: [].into(), ..fetch_payment() }, vec![ok(invoices)]);
        assert_eq!(requests[0].url, format!("{API}/stores/S1/invoices?orderId=att1&take=20"));
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        facts.references.first().unwrap().id.clone()
    };
    let other = |id: &str, changes: Value| invoice("New", "None", changed(json!({"id": id}), changes));
    let foreign = other("I0", json!({"metadata": {"orderId": "att10"}, "paidAmount": "12.34"}));
    let bare = other("I3", json!({"metadata": {}}));
    let numbered = other("I4", json!({"metadata": {"orderId": 1001}, "currency": "BTC"}));
    assert_eq!(found(json!([foreign, bare, numbered, other("I1", json!({}))])), "I1");
    // A repeat that arrived after all: the one with money, or else the newest.
    let newer = other("I2", json!({"createdTime": CREATED_S + 300}));
    let paid = other("I1", json!({"paidAmount": "0.01"}));
    assert_eq!(found(json!([newer, other("I1", json!({}))])), "I2");
    assert_eq!(found(json!([other("I1", json!({})), newer])), "I2");
    assert_eq!(found(json!([newer, paid])), "I1");
    assert_eq!(found(json!([paid, newer])), "I1");
}

/// `overPaid` was not there in 1.11.7 (btcpayserver #5496), `afterExpiration` was wrong before 1.7.0, and both
/// were relied upon.
#[test]
fn pitfall_no_extra_field_of_an_event_matters() {
    for kind in
        ["InvoiceProcessing", "InvoiceSettled", "InvoiceExpired", "InvoiceInvalid", "InvoicePaymentSettled"]
    {
        let bare = notified(&event(kind, json!({})));
        for name in ["overPaid", "afterExpiration", "manuallyMarked", "partiallyPaid"] {
            for value in [json!(true), json!(false), json!(null), json!("yes")] {
                assert_eq!(notified(&event(kind, json!({name: value}))), bare, "{kind} {name} {value}");
            }
        }
    }
    // Nor does the metadata, beyond saying whose invoice it is: some versions have none.
    let notification = notified(&without(event("InvoiceSettled", json!({})), "metadata"));
    assert_eq!((notification.says, notification.echo), (Says::Changed, None));
    assert_eq!(notification.references[0].id, INVOICE);
}

/// Methods of payment were listed in code; 2.x calls them otherwise than 1.x.
#[test]
fn pitfall_payment_methods_are_passed_through() {
    for methods in [json!("BTC-CHAIN"), json!("BTC"), json!("BTC_LightningLike"), json!("XMR-CHAIN")] {
        let call = with_setting(open(json!({})), "payment_methods", methods.clone());
        let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
        assert_eq!(body(&request)["checkout"]["paymentMethods"], json!([methods]));
    }
    let bare = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&bare)["checkout"].get("paymentMethods"), None, "all of the store's");
}

/// Shoppers were sent to the address by which the shop reached the server, where they could not go.
#[test]
fn pitfall_the_page_is_at_the_address_that_shoppers_know() {
    for (base, checkout, link, expected) in [
        ("https://btcpay.example", None, "https://btcpay.example/i/I1", "https://btcpay.example/i/I1"),
        // Only the path is the server's own.
        (
            "https://btcpay.example",
            None,
            "http://localhost:23000/i/I1?lang=de",
            "https://btcpay.example/i/I1?lang=de",
        ),
        (
            "http://10.0.0.7:23000",
            Some("https://pay.example"),
            "http://10.0.0.7:23000/i/I1",
            "https://pay.example/i/I1",
        ),
        (
            "http://10.0.0.7:23000",
            Some("https://pay.example/"),
            "https://evil.example/i/I1",
            "https://pay.example/i/I1",
        ),
        // With a prefix that the server knows, and with one that only a proxy knows.
        (
            "https://shop.example/btcpay",
            None,
            "https://shop.example/btcpay/i/I1",
            "https://shop.example/btcpay/i/I1",
        ),
        ("https://shop.example/btcpay/", None, "http://10.0.0.7/i/I1", "https://shop.example/btcpay/i/I1"),
        (
            "http://10.0.0.7",
            Some("https://shop.example/btc"),
            "http://10.0.0.7/btcpay/i/I1",
            "https://shop.example/btc/btcpay/i/I1",
        ),
    ] {
        let mut call = with_setting(open(json!({})), "base_url", json!(base));
        if let Some(checkout) = checkout {
            call = with_setting(call, "checkout_url", json!(checkout));
        }
        let answer = invoice("New", "None", json!({"checkoutLink": link}));
        let door = door(reply(call, vec![ok(answer)])).unwrap();
        assert_eq!(door, (expected.to_owned(), Some(900)), "{base} {checkout:?} {link}");
    }
    for link in ["/i/I1", "I1", "https://btcpay.example", ""] {
        let answer = invoice("New", "None", json!({"checkoutLink": link}));
        let said = reply(open(json!({})), vec![ok(answer)]);
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{link}: {said:?}");
    }
}

/// An invoice without an amount is settled by any payment.
#[test]
fn pitfall_every_invoice_has_an_amount() {
    let request = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&request)["amount"], "12.34", "a text, not a number");
    // One that lost its amount at the server is not the one that was asked for, and says so.
    let top_up = invoice("Settled", "None", json!({"type": "TopUp", "amount": "0", "paidAmount": "0.01"}));
    assert_eq!(fetched(top_up, None).amount, eur(0));
}

/// Amounts of coins were rounded to two decimals, up as well as down.
#[test]
fn pitfall_coins_are_not_rounded() {
    let paid = |amount: &str| {
        let over = invoice("Settled", "PaidOver", json!({"paidAmount": amount}));
        fetched(over, None).captured
    };
    assert_eq!(paid("13.379999999"), eur(1337));
    assert_eq!(paid("13.37"), eur(1337));
    assert_eq!(paid("13.380000001"), eur(1338));
    let part = invoice("Expired", "PaidPartial", json!({"paidAmount": "12.339999"}));
    assert_eq!(fetched(part, Some(&["Settled"])).captured, eur(1233), "a part never becomes the whole");
}

/// Prices in coins were read with two decimals: a bitcoin has eight, a satoshi has none.
#[test]
fn pitfall_a_price_in_coins_is_not_read_as_money() {
    for (amount, currency) in [("0.00019165", "BTC"), ("19165", "SATS"), ("12.34", "LTC"), ("12.34", "")] {
        let said = invoice("Settled", "None", json!({"amount": amount, "currency": currency}));
        let said = reply(fetch_payment(), vec![ok(said)]);
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{amount} {currency}: {said:?}");
    }
    // What is paid out of a refund is counted in what was promised, not in the coins that went.
    let payout = payout("Completed", json!({"payoutAmount": "5.00", "originalAmount": "0.01"}));
    let fetch = refund_order("fetch_refund", json!({"id": PULL}));
    let items = facts(fetch, vec![ok(pull(json!({}))), ok(json!([payout]))]).items;
    assert_eq!(items[0].state, processor_sdk::ItemState::Pending);
}

/// The store's tolerance settled invoices that were short.
#[test]
fn pitfall_a_short_payment_is_not_the_price() {
    let request = perform(open(json!({})), vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&request)["checkout"]["paymentTolerance"], 0);
    let short = invoice("Settled", "None", json!({"paidAmount": "12.20"}));
    let facts = fetched(short, None);
    assert_eq!((facts.word, facts.amount, facts.captured), (Some(Word::Paid), eur(1234), eur(1220)));
}

/// A create whose answer was lost was sent again, and the shopper saw two invoices.
#[test]
fn pitfall_a_lost_invoice_is_looked_for_first() {
    let profile = BtcPay.descriptor().idempotency;
    assert_eq!((profile.carrier, profile.after_unknown), (KeyCarrier::None, AfterUnknown::LookFirst));
    assert_eq!((profile.retention_s, profile.absent_after_s), (0, 120));
    let capabilities = BtcPay.descriptor().capabilities;
    assert_eq!((capabilities.fetch_payment, capabilities.fetch_refund), (LookUp::ByEcho, LookUp::ByEcho));
    // Asked for another door, no other invoice is made.
    let again = Call { references: call(json!({"kind": "void"})).references, ..open(json!({})) };
    let (requests, reply) =
        perform(again, vec![ok(invoice("New", "PaidPartial", json!({"paidAmount": "5"})))]);
    assert_eq!((requests.len(), requests[0].method.as_str()), (1, "GET"));
    assert!(door(reply).is_some());
}

/// Money came to an invoice that was called off, and was overlooked.
#[test]
fn pitfall_coins_come_to_closed_invoices_too() {
    let closed = |paid: &str| invoice("Invalid", "Marked", json!({"paidAmount": paid}));
    assert_eq!(fetched(closed("12.34"), Some(&["Settled"])).captured, eur(1234));
    assert_eq!(fetched(closed("5.00"), Some(&["Settled"])).captured, eur(500));
    assert_eq!(fetched(closed("5.00"), Some(&["Processing"])).word, Some(Word::Pending));
    // Money on its way when the page was to be closed: it is left open to arrive.
    let under_way = invoice("Processing", "None", json!({"paidAmount": "12.34"}));
    let (requests, _) = perform(call(json!({"kind": "expire_checkout"})), vec![ok(under_way)]);
    assert_eq!(requests.len(), 1, "nothing is marked");
}

/// A refund was taken for done when it was promised.
#[test]
fn pitfall_a_promised_refund_is_pending() {
    let facts = facts(refund_order("refund", json!({})), vec![ok(pull(json!({"autoApproveClaims": true})))]);
    assert_eq!(facts.items[0].state, processor_sdk::ItemState::Pending);
    assert_eq!((facts.refunded, facts.word), (None, None));
}

/// A body that was parsed and written again has another signature.
#[test]
fn pitfall_the_signature_covers_the_bytes_as_they_came() {
    let text = serde_json::to_string_pretty(&event("InvoiceSettled", json!({}))).unwrap();
    let ask = processor_sdk::Ask::new(Question::Delivery(delivery(&[("BTCPay-Sig", "sha256=aa")], &text)));
    let Reply::Step(processor_sdk::Step::Verify(check)) = run(&BtcPay, &ask) else { panic!("no check") };
    assert_eq!(check.over, [Part::DeliveryBody]);
    assert_eq!((check.candidates, check.timestamp), (vec!["aa".to_owned()], None));
}

/// Answers such as 404 to an event of an unknown invoice are final for BTCPay, and it never delivers again.
#[test]
fn pitfall_every_genuine_event_is_acknowledged() {
    let acknowledgement = BtcPay.descriptor().acknowledgement;
    assert_eq!(acknowledgement, Acknowledgement { status: 200, body: String::new() });
    let unknown = notified(&event("InvoiceSettled", json!({"invoiceId": "never-heard-of"})));
    assert_eq!(unknown.says, Says::Changed, "kept until the invoice is known");
}

/// The return to the shop was taken for a payment.
#[test]
fn pitfall_the_return_settles_nothing() {
    let query = json!({
        "channel": "return", "url": "https://hub.example/return/t?status=Settled",
        "query": [["status", "Settled"]], "received_at": "2023-11-14T22:20:01Z", "echo": ECHO, "livemode": false,
    });
    let (requests, reply) = carry(Question::Delivery(serde_json::from_value(query).unwrap()), vec![]);
    let Reply::Notifications(said) = reply else { panic!("{reply:?}") };
    assert_eq!((requests.len(), &said[0].says, said[0].proof), (0, &Says::Changed, None));
}
