//! Looking up: what is read beside the payment, page by page, and when "there is no such thing" may be said.

use processor_sdk::{Answer, Call, CaptureMode, Fault, ItemKind, Reply, Word};
use serde_json::{Value, json};

use crate::support::*;

fn kinds(call: Call, responses: Vec<processor_sdk::HttpResponse>) -> Vec<ItemKind> {
    facts(call, responses).items.iter().map(|item| item.kind).collect()
}

/// Lists inside the payment are taken where they are there and certainly whole; else they are read.
#[test]
fn lists_that_may_not_be_whole_are_read() {
    let automatic = || Call { capture: CaptureMode::Automatic, ..fetch_payment() };
    let refunds = |count: usize| -> Value {
        (0..count)
            .map(|nth| refund_object("refunded", json!({"id": format!("re_{nth}"), "metadata": null})))
            .collect()
    };
    let bare = || without(payment("paid", json!({})), "", "_embedded");
    let read = |name: &str, objects: &[Value]| list(name, objects, None);
    let refund = || refund_object("refunded", json!({}));
    let stated = |name: &str| json!({name: eur("5.00")});
    for (what, call, responses, expected) in [
        ("none", automatic(), vec![ok(payment("paid", json!({})))], 0),
        ("49", automatic(), vec![ok(with_history("paid", refunds(49), json!([]), json!([])))], 49),
        (
            "as many as on a page",
            automatic(),
            vec![ok(with_history("paid", refunds(50), json!([]), json!([]))), read("refunds", &[refund()])],
            1,
        ),
        (
            "none embedded",
            automatic(),
            vec![ok(bare()), read("refunds", &[refund()]), read("chargebacks", &[chargeback(json!({}))])],
            2,
        ),
        (
            "none embedded, captures too",
            fetch_payment(),
            vec![
                ok(bare()),
                read("captures", &[capture_object("succeeded", json!({}))]),
                read("refunds", &[]),
                read("chargebacks", &[]),
            ],
            1,
        ),
        (
            "a total and no refunds",
            automatic(),
            vec![ok(payment("paid", stated("amountRefunded"))), read("refunds", &[refund()])],
            1,
        ),
        (
            "a total and no chargebacks",
            automatic(),
            vec![
                ok(payment("paid", stated("amountChargedBack"))),
                read("chargebacks", &[chargeback(json!({}))]),
            ],
            1,
        ),
        // Nobody paid: there is nothing to read.
        ("open", automatic(), vec![ok(without(payment("open", json!({})), "", "_embedded"))], 0),
        ("failed", automatic(), vec![ok(without(payment("failed", json!({})), "", "_embedded"))], 0),
    ] {
        assert_eq!(kinds(call, responses).len(), expected, "{what}");
    }
}

#[test]
fn pages_are_followed_by_mollies_own_link() {
    let next = "https://api.mollie.com/v2/payments/tr_7UhSN1zuXS/refunds?limit=250&from=re_9&testmode=true";
    let pages = || {
        let other = refund_object("refunded", json!({"id": "re_0", "metadata": {"hub_refund": "re0"}}));
        vec![
            list("refunds", &[other], Some(next)),
            list("refunds", &[refund_object("refunded", json!({}))], None),
        ]
    };
    let (requests, reply) = perform(refund_order("fetch_refund", json!({})), pages());
    assert_eq!(
        requests[1].url,
        "https://api.mollie.com/v2/payments/tr_7UhSN1zuXS/refunds?limit=250&from=re_9"
    );
    assert!(matches!(reply, Reply::Answer(Answer::Said { .. })), "{reply:?}");
    // Only its id is taken: the address stays ours.
    for href in
        ["https://elsewhere.example/", "https://api.mollie.com/v2/x?from=", "https://x.example/?from=a%2Fb"]
    {
        let said = perform(refund_order("fetch_refund", json!({})), vec![list("refunds", &[], Some(href))]).1;
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{href}: {said:?}");
    }
}

#[test]
fn a_list_without_an_end_is_refused() {
    let page = |name: &str| list(name, &[], Some("https://api.mollie.com/v2/x?from=tr_1"));
    for (call, name, pages) in [
        (refund_order("fetch_refund", json!({})), "refunds", 3),
        (unreferenced(fetch_payment()), "payments", 6),
    ] {
        let said = reply(call, (0..pages).map(|_| page(name)).collect());
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{name}: {said:?}");
    }
}

/// A list that was not read to its end, or is none, makes nothing absent.
#[test]
fn only_a_whole_list_makes_a_thing_absent() {
    let absent = Reply::Answer(Answer::Absent);
    let lost = |answer: processor_sdk::HttpResponse| reply(unreferenced(fetch_payment()), vec![answer]);
    assert_eq!(lost(list("payments", &[], None)), absent);
    assert_eq!(reply(refund_order("fetch_refund", json!({})), vec![list("refunds", &[], None)]), absent);
    for answer in [
        refusal(404, None),
        refusal(410, None),
        refusal(422, None),
        ok(json!({})),
        ok(json!({"_embedded": {"payments": []}})),
        ok(json!({"_links": {"next": null}})),
        ok(json!({"_embedded": {"payments": {}}, "_links": {"next": null}})),
        ok(json!({"_embedded": {"payments": []}, "_links": {"next": "https://api.mollie.com/"}})),
    ] {
        let said = lost(answer.clone());
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{answer:?}: {said:?}");
    }
    // By its id a thing is never absent: to a key of another mode or profile Mollie says the same of all.
    for answer in [refusal(404, None), refusal(410, None)] {
        for call in [fetch_payment(), refund_order("fetch_refund", json!({"id": "re_1"})), fetch_dispute()] {
            let said = reply(call, vec![answer.clone()]);
            assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
        }
    }
}

#[test]
fn a_lost_payment_is_found_by_our_own_reference() {
    let listed =
        |id: &str, status: &str, metadata: Value| json!({"id": id, "status": status, "metadata": metadata});
    let ours = || json!({"hub_attempt": ECHO});
    let strangers = || {
        [
            json!(null),
            json!("att1"),
            json!(["att1"]),
            json!({"hub_attempt": "att12"}),
            json!({"hub_attempt": 1}),
        ]
        .map(|metadata| listed("tr_other", "paid", metadata))
    };
    for (payments, expected) in [
        (vec![], None),
        (vec![listed("tr_a", "open", ours())], Some("tr_a")),
        // Were there several: one with money, then the newest.
        (vec![listed("tr_b", "open", ours()), listed("tr_a", "open", ours())], Some("tr_b")),
        (vec![listed("tr_b", "open", ours()), listed("tr_a", "paid", ours())], Some("tr_a")),
        (vec![listed("tr_b", "expired", ours()), listed("tr_a", "authorized", ours())], Some("tr_a")),
    ] {
        let page = list("payments", &[strangers().to_vec(), payments].concat(), None);
        let mut responses = vec![page];
        responses.extend(expected.map(|id| ok(payment("open", json!({"id": id})))));
        let reply = reply(unreferenced(fetch_payment()), responses);
        match (reply, expected) {
            (Reply::Answer(Answer::Absent), None) => {}
            (Reply::Answer(Answer::Said { facts, .. }), Some(id)) => {
                assert_eq!(facts.word, Some(Word::Open));
                assert!(facts.references.iter().any(|reference| reference.id == id), "{id}");
            }
            (reply, _) => panic!("{reply:?}"),
        }
    }
}

#[test]
fn a_refund_is_found_by_its_id_or_our_reference() {
    let other = || refund_object("refunded", json!({"id": "re_2", "metadata": null}));
    let page = || vec![list("refunds", &[other(), refund_object("pending", json!({}))], None)];
    for (order, expected) in [
        (json!({}), Some("re_1")),
        (json!({"id": "re_1"}), Some("re_1")),
        (json!({"id": "re_2"}), Some("re_2")),
        (json!({"id": "re_3"}), None),
        (json!({"echo": "re9"}), None),
    ] {
        match (reply(refund_order("fetch_refund", order), page()), expected) {
            (Reply::Answer(Answer::Absent), None) => {}
            (Reply::Answer(Answer::Said { facts, .. }), Some(id)) => {
                assert_eq!(item(facts).id.as_deref(), Some(id));
            }
            (reply, _) => panic!("{reply:?}"),
        }
    }
}

/// An object that belongs to another payment answers nothing that was asked.
#[test]
fn an_object_of_another_payment_is_no_answer() {
    let foreign = || json!({"paymentId": "tr_other"});
    for (call, answer) in [
        (refund_order("refund", json!({})), response(201, &refund_object("refunded", foreign()))),
        (capture(1234), response(201, &capture_object("succeeded", foreign()))),
        (fetch_dispute(), ok(chargeback(foreign()))),
        (
            fetch_payment(),
            ok(with_history("paid", json!([refund_object("refunded", foreign())]), json!([]), json!([]))),
        ),
    ] {
        let said = reply(call, vec![answer]);
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
    }
}
