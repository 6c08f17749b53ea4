//! What was written is read back as it was, by its owner alone.

use hub_core::apply::fold;
use hub_core::ids::DeliveryId;
use hub_core::payment::{OperationState, Quarantine, QuarantineReason, Status};
use processor_sdk::{Reference, ReferenceKind};

use super::*;
use crate::store::{AttemptIndex, EventFilter, InboxRow, InboxState, PaymentFilter, TransferKind};

fn index(payment: &PaymentIntent, number: u64) -> AttemptIndex {
    AttemptIndex {
        scope: scope(),
        payment_id: payment.id.clone(),
        attempt_id: AttemptId::from_body(&body(number)),
        connector: "sandbox".to_owned(),
        echo: AttemptId::from_body(&body(number)).echo().to_owned(),
        return_token: format!("return-{number}"),
        plugin_sha256: None,
    }
}

fn references(payment: &PaymentIntent, number: u64, references: &[(ReferenceKind, &str)]) -> Write {
    let references = references.iter().map(|(kind, id)| Reference::new(*kind, *id)).collect();
    Write::IndexReferences {
        scope: scope(),
        connector: "sandbox".to_owned(),
        payment_id: payment.id.clone(),
        attempt_id: AttemptId::from_body(&body(number)),
        references,
    }
}

both!(a_payment_is_found_by_everything_that_leads_to_it);
async fn a_payment_is_found_by_everything_that_leads_to_it(kind: Kind) {
    let (_database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let transfer = |kind, id: &str| Write::IndexTransfer {
        scope: scope(),
        kind,
        id: id.to_owned(),
        payment_id: payment.id.clone(),
        created_at: at(0),
    };
    let attempt_id = AttemptId::from_body(&body(7));
    let door = |sealed: u8, expires_at| Write::PutDoor {
        scope: scope(),
        attempt_id: attempt_id.clone(),
        sealed: vec![sealed],
        expires_at,
    };
    let writes = vec![
        Write::IndexAttempt(index(&payment, 7)),
        transfer(TransferKind::Refund, "re_1"),
        transfer(TransferKind::Dispute, "dp_1"),
        door(1, None),
        door(2, Some(at(60))),
    ];
    store.commit(commit(writes)).await.unwrap();

    let whole = Some(payment.clone());
    assert_eq!(store.payment(&scope(), &payment.id).await.unwrap(), whole);
    assert_eq!(store.payment_by_checkout_token("checkout-1").await.unwrap(), whole);
    assert_eq!(store.payment_by_checkout_token("checkout").await.unwrap(), None);
    let returned = store.payment_by_return_token("return-7").await.unwrap();
    assert_eq!(returned, Some((payment.clone(), attempt_id.clone())));
    assert_eq!(store.payment_by_return_token("return-8").await.unwrap(), None);
    let order = store.order(&scope(), &payment.order_id).await.unwrap();
    assert_eq!(order, Some((order_of(&payment), at(0))));
    assert_eq!(store.personal_data(&scope(), &payment.order_id).await.unwrap(), Some(vec![7; 200]));
    assert_eq!(store.door(&scope(), &attempt_id).await.unwrap(), Some((vec![2], Some(at(60)))));
    for (kind, id, found) in [
        (TransferKind::Refund, "re_1", true),
        (TransferKind::Dispute, "dp_1", true),
        (TransferKind::Dispute, "re_1", false),
        (TransferKind::Refund, "re_2", false),
    ] {
        let expected = found.then(|| payment.id.clone());
        assert_eq!(store.payment_of_transfer(&scope(), kind, id).await.unwrap(), expected, "{kind:?} {id}");
    }
}

both!(an_attempt_is_found_by_echo_or_by_an_id_that_names_it_alone);
async fn an_attempt_is_found_by_echo_or_by_an_id_that_names_it_alone(kind: Kind) {
    use ReferenceKind::{Order, Payer, Payment, Refund, Session};
    let (_database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let mut other_connector = index(&payment, 9);
    other_connector.connector = "another".to_owned();
    let writes = vec![
        Write::IndexAttempt(index(&payment, 7)),
        Write::IndexAttempt(index(&payment, 8)),
        Write::IndexAttempt(other_connector),
        references(
            &payment,
            7,
            &[(Session, "s7"), (Payment, "s7"), (Order, "5"), (Payer, "jo"), (Order, "first")],
        ),
        references(&payment, 8, &[(Payment, "p8"), (Refund, "5"), (Payer, "jo"), (Order, "first")]),
    ];
    store.commit(commit(writes)).await.unwrap();
    let echo = |number: u64| AttemptId::from_body(&body(number)).echo().to_owned();
    let rows: Vec<(Option<String>, Vec<&str>, Option<u64>)> = vec![
        (Some(echo(7)), vec![], Some(7)),
        (Some(echo(7)), vec!["p8"], Some(7)),
        (Some(echo(6)), vec!["p8"], Some(8)),
        (Some(echo(9)), vec![], None),
        (None, vec!["s7"], Some(7)),
        (None, vec!["unknown", "p8", "s7"], Some(8)),
        (None, vec!["5"], None),
        (None, vec!["5", "p8"], Some(8)),
        (None, vec!["jo"], None),
        (None, vec!["first"], Some(7)),
        (None, vec!["S7"], None),
        (None, vec![""], None),
        (None, vec![], None),
    ];
    for (echo, ids, expected) in rows {
        let ids: Vec<_> = ids.into_iter().map(str::to_owned).collect();
        let found = store.find_attempt(&scope(), "sandbox", echo.as_deref(), &ids).await.unwrap();
        let expected = expected.map(|number| (payment.id.clone(), AttemptId::from_body(&body(number))));
        assert_eq!(found, expected, "{echo:?} {ids:?}");
        for stranger in strangers() {
            assert_eq!(store.find_attempt(&stranger, "sandbox", echo.as_deref(), &ids).await.unwrap(), None);
        }
    }
}

both!(a_history_folds_into_the_stored_payment);
async fn a_history_folds_into_the_stored_payment(kind: Kind) {
    let (_database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let Decision { payment: next, events, .. } = started(&payment);
    let update = Write::UpdatePayment { payment: Box::new(next.clone()), expected_version: payment.version };
    let append =
        Write::AppendEvents { scope: scope(), payment_id: payment.id.clone(), events: events.clone() };
    store.commit(commit(vec![update, append])).await.unwrap();
    let history = store.history(&scope(), &payment.id).await.unwrap();
    assert_eq!(history[1..], events);
    assert_eq!(fold(&history), Some(next.clone()));
    assert_eq!(store.payment(&scope(), &payment.id).await.unwrap(), Some(next));
}

/// What hangs on a payment and on event 1, one row of each kind.
fn one_of_each(payment: &PaymentIntent) -> Vec<Write> {
    let inbox = InboxRow {
        scope: scope(),
        id: DeliveryId::from_body(&body(3)),
        connector: "sandbox".to_owned(),
        received_at: at(0),
        fingerprint: [1; 32],
        sealed: vec![4, 5],
        state: InboxState::Received,
    };
    let exchange = Write::InsertExchange {
        scope: scope(),
        payment_id: payment.id.clone(),
        attempt_id: AttemptId::from_body(&body(7)),
        operation: "capture".to_owned(),
        at: at(0),
        record: serde_json::json!({ "request": {} }),
    };
    let transfer = Write::IndexTransfer {
        scope: scope(),
        kind: TransferKind::Refund,
        id: "re_1".to_owned(),
        payment_id: payment.id.clone(),
        created_at: at(0),
    };
    let link = Write::LinkInbox { scope: scope(), id: inbox.id.clone(), payment_id: payment.id.clone() };
    vec![
        Write::InsertInbox(inbox),
        link.clone(),
        link,
        exchange.clone(),
        exchange,
        transfer,
        Write::InsertEndpoint(endpoint(1, &[], true)),
        Write::RequeueDelivery {
            scope: scope(),
            event_id: event_id(1),
            endpoint_id: endpoint_id(1),
            due_at: at(0),
        },
    ]
}

both!(nothing_is_seen_from_another_mode_or_merchant);
async fn nothing_is_seen_from_another_mode_or_merchant(kind: Kind) {
    let (_database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let reference = created(2, Some("order-2")).payment;
    store.commit(commit(create_writes(2, Some("order-2")))).await.unwrap();
    let inbox_id = DeliveryId::from_body(&body(3));
    store.commit(commit(one_of_each(&payment))).await.unwrap();
    let read = store.inbox(&scope(), &inbox_id).await.unwrap().unwrap();
    assert_eq!((read.connector.as_str(), read.sealed, read.fingerprint), ("sandbox", vec![4, 5], [1; 32]));
    assert_eq!(read.state, InboxState::Received);
    assert_eq!((store.inbox_waiting(0).await, store.inbox_waiting(9).await), (Ok(0), Ok(1)));

    for (of, expected) in [(scope(), true), (strangers()[0].clone(), false), (strangers()[1].clone(), false)]
    {
        let filter = PaymentFilter::default();
        let seen = [
            store.payment(&of, &payment.id).await.unwrap().is_some(),
            store.order(&of, &payment.order_id).await.unwrap().is_some(),
            store.personal_data(&of, &payment.order_id).await.unwrap().is_some(),
            store.open_payment_for(&of, "order-2").await.unwrap() == Some(reference.id.clone()),
            store.payment_of_transfer(&of, TransferKind::Refund, "re_1").await.unwrap().is_some(),
            !store.payments(&of, &filter, &FIRST).await.unwrap().is_empty(),
            !store.transfers(&of, TransferKind::Refund, &FIRST).await.unwrap().is_empty(),
            !store.history(&of, &payment.id).await.unwrap().is_empty(),
            store.idempotency(&of, "create_payment_intent", "key-1").await.unwrap().is_some(),
            store.public_event(&of, &event_id(1)).await.unwrap().is_some(),
            !store.public_events(&of, &EventFilter::default(), &FIRST).await.unwrap().is_empty(),
            store.endpoint(&of, &endpoint_id(1)).await.unwrap().is_some(),
            !store.endpoints(&of, &FIRST).await.unwrap().is_empty(),
            store.delivery(&of, &event_id(1), &endpoint_id(1)).await.unwrap().is_some(),
            !store.deliveries(&of, &endpoint_id(1), &FIRST).await.unwrap().is_empty(),
            store.inbox(&of, &inbox_id).await.unwrap().is_some(),
            store.inbox_of_payment(&of, &payment.id).await.unwrap() == [inbox_id.clone()],
        ];
        assert_eq!(seen, [expected; 17], "{of:?}");
    }
}

fn page(after: Option<String>, limit: u32) -> Page {
    Page { after, limit }
}

both!(what_waits_for_a_person_is_listed_and_nothing_else);
async fn what_waits_for_a_person_is_listed_and_nothing_else(kind: Kind) {
    let (_database, store) = open(kind).await;
    for number in 1..=9 {
        let mut writes = create_writes(number, None);
        let mut payment = started(&payment(number)).payment;
        match number % 3 {
            0 => {}
            1 => {
                let reason = QuarantineReason::PaidTwice;
                payment.quarantine = Some(Quarantine { reason, since: at(0) });
            }
            // Still asked about, but for so long that a person should look, too.
            _ if number == 5 => {
                let operation = &mut payment.attempts[0].operations[0];
                (operation.state, operation.overdue) = (OperationState::Unknown { due_at: at(0) }, true);
            }
            _ => payment.attempts[0].operations[0].state = OperationState::Stuck,
        }
        writes[2] = Write::InsertPayment { payment: Box::new(payment), reference_guard: None };
        store.commit(commit(writes)).await.unwrap();
    }
    let ids = async |limit| -> Vec<String> {
        let list = store.waiting_for_person(&scope(), &page(None, limit)).await.unwrap();
        list.into_iter().map(|payment| payment.id.to_string()).collect()
    };
    let expected: Vec<_> = [8, 7, 5, 4, 2, 1].map(|number| payment(number).id.to_string()).into();
    assert_eq!(ids(100).await, expected);
    assert_eq!(ids(2).await, expected[..2]);
    assert_eq!(store.figures(at(0)).await.unwrap().waiting_for_person, 6);
    // Once it is resolved it waits no more.
    let mut resolved = store.payment(&scope(), &payment(7).id).await.unwrap().unwrap();
    let expected_version = resolved.version;
    (resolved.quarantine, resolved.version) = (None, expected_version + 1);
    let write = Write::UpdatePayment { payment: Box::new(resolved), expected_version };
    store.commit(commit(vec![write])).await.unwrap();
    assert_eq!(ids(2).await, [expected[0].clone(), expected[2].clone()]);
}

both!(lists_are_newest_first_and_pages_meet);
async fn lists_are_newest_first_and_pages_meet(kind: Kind) {
    let (_database, store) = open(kind).await;
    for number in 1..=25 {
        let mut writes = create_writes(number, None);
        let mut payment = created(number, (number % 3 == 0).then_some("thirds")).payment;
        payment.status = if number % 2 == 0 { Status::Failed } else { Status::RequiresCheckout };
        writes[2] = Write::InsertPayment { payment: Box::new(payment.clone()), reference_guard: None };
        writes.push(Write::InsertPublicEvent(public_event(100 + number, &payment.id, 2, "order.paid")));
        store.commit(commit(writes)).await.unwrap();
    }
    let failed = Some(Status::Failed);
    let thirds = || Some("thirds".to_owned());
    type Wanted = fn(u64) -> bool;
    let rows: Vec<(PaymentFilter, Wanted)> = vec![
        (PaymentFilter::default(), |_| true),
        (PaymentFilter { status: failed, order_reference: None }, |number| number % 2 == 0),
        (PaymentFilter { status: None, order_reference: thirds() }, |number| number % 3 == 0),
        (PaymentFilter { status: failed, order_reference: thirds() }, |number| number % 6 == 0),
        (PaymentFilter { status: Some(Status::Succeeded), order_reference: None }, |_| false),
    ];
    for (filter, wanted) in rows {
        let expected: Vec<_> =
            (1..=25).rev().filter(|number| wanted(*number)).map(|number| payment(number).id).collect();
        for limit in [1, 4, 100] {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let list = store.payments(&scope(), &filter, &page(after.clone(), limit)).await.unwrap();
                assert!(list.len() <= limit as usize);
                let Some(last) = list.last() else { break };
                after = Some(last.id.to_string());
                found.extend(list.into_iter().map(|payment| payment.id));
            }
            assert_eq!(found, expected, "{filter:?} {limit}");
        }
    }
    let of_payment = Some(payment(3).id);
    let paid = || Some("order.paid".to_owned());
    let rows: Vec<(EventFilter, Vec<u64>)> = vec![
        (EventFilter { kind: None, payment_id: of_payment.clone() }, vec![103, 3]),
        (EventFilter { kind: paid(), payment_id: of_payment.clone() }, vec![103]),
        (EventFilter { kind: paid(), payment_id: None }, (101..=125).rev().collect()),
        (EventFilter::default(), (101..=125).rev().chain((1..=25).rev()).collect()),
        (EventFilter { kind: Some("x".to_owned()), payment_id: None }, vec![]),
    ];
    for (filter, expected) in rows {
        let list = store.public_events(&scope(), &filter, &FIRST).await.unwrap();
        assert_eq!(
            list.iter().map(|row| row.id.clone()).collect::<Vec<_>>(),
            expected.iter().map(|number| event_id(*number)).collect::<Vec<_>>(),
            "{filter:?}"
        );
        let second = store
            .public_events(&scope(), &filter, &page(list.first().map(|row| row.id.to_string()), 100))
            .await
            .unwrap();
        assert_eq!(second, list.get(1..).unwrap_or_default());
    }
    assert_eq!(
        store.public_event(&scope(), &event_id(3)).await.unwrap(),
        Some(public_event(3, &payment(3).id, 1, "payment_intent.created"))
    );
}

both!(what_cannot_be_read_fails_without_quoting_it);
async fn what_cannot_be_read_fails_without_quoting_it(kind: Kind) {
    let (database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let rows = [
        (
            "UPDATE payments SET state = '{\"secret\": \"4242424242424242\"}'",
            "a stored JSON value cannot be read",
        ),
        ("UPDATE payments SET state = 'secret'", "a stored JSON value cannot be read"),
    ];
    for (sql, expected) in rows {
        database.run(sql).await.unwrap();
        let answer = store.payment(&scope(), &payment.id).await;
        assert_eq!(answer, Err(StoreError::Failed(expected.to_owned())), "{sql}");
    }
    // A value that the schema refuses is not quoted either.
    let duplicate = store.commit(commit(create_writes(1, None))).await;
    let expected = match kind {
        Kind::Sqlite => {
            "SQLite error 1555: UNIQUE constraint failed: orders.merchant_id, orders.livemode, orders.id"
        }
        Kind::Postgres => {
            "PostgreSQL error 23505: duplicate key value violates unique constraint \"orders_pkey\""
        }
    };
    assert_eq!(duplicate, Err(StoreError::Failed(expected.to_owned())));
}

both!(deliveries_that_do_not_get_on_are_shown);
/// What waits with a reason is for the operator to see; what just waits, or was read, is not.
async fn deliveries_that_do_not_get_on_are_shown(kind: Kind) {
    let (_database, store) = open(kind).await;
    let states = [
        ("never tried", None),
        ("put off", Some(InboxState::Received)),
        ("read", Some(InboxState::Taken)),
        ("nobody's", Some(InboxState::Unmatched)),
        ("no delivery", Some(InboxState::Unreadable)),
    ];
    for (number, (note, state)) in (1_u64..).zip(states) {
        let id = DeliveryId::from_body(&body(number));
        let row = InboxRow {
            scope: scope(),
            id: id.clone(),
            connector: "sandbox".to_owned(),
            received_at: at(0),
            fingerprint: [u8::try_from(number).unwrap(); 32],
            sealed: vec![1],
            state: InboxState::Received,
        };
        let settle = state.map(|state| Write::SettleInbox {
            scope: scope(),
            id,
            state,
            note: note.to_owned(),
            at: at(1),
        });
        store.commit(commit([Write::InsertInbox(row)].into_iter().chain(settle).collect())).await.unwrap();
    }
    let shown = store.stranded(&scope(), &Page { after: None, limit: 9 }).await.unwrap();
    let shown: Vec<_> = shown.iter().map(|delivery| (delivery.note.as_str(), delivery.state)).collect();
    let expected = [
        ("no delivery", InboxState::Unreadable),
        ("nobody's", InboxState::Unmatched),
        ("put off", InboxState::Received),
    ];
    assert_eq!(shown, expected);
}
