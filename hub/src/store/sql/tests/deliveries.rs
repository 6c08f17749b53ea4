//! Events fan out to endpoints: deliveries and jobs come and go together.

use super::*;
use crate::store::{ClaimedJob, DeliveryState, DeliveryTry};

const KIND: &str = "payment_intent.succeeded";

async fn jobs(store: &dyn Store) -> Vec<ClaimedJob> {
    let claimed = store.claim(at(1_000), at(1_001), lease("a"), 1_000).await.unwrap();
    store.release_leases(REPLICA).await.unwrap();
    claimed.into_iter().filter(|claimed| matches!(claimed.body, JobBody::NotifyMerchant { .. })).collect()
}

/// (event, endpoint) of every delivery job.
async fn job_pairs(store: &dyn Store) -> Vec<(u64, u64)> {
    let number = |id: &str| id.rsplit('_').next().unwrap().parse::<u64>().unwrap();
    let pair = |body: JobBody| match body {
        JobBody::NotifyMerchant { event_id, endpoint_id, .. } => {
            (number(event_id.as_str()), number(endpoint_id.as_str()))
        }
        JobBody::Payment { .. } | JobBody::TakeNotification { .. } => panic!("not a delivery"),
    };
    let mut pairs: Vec<_> = jobs(store).await.into_iter().map(|claimed| pair(claimed.body)).collect();
    pairs.sort_unstable();
    pairs
}

async fn write(store: &dyn Store, write: Write) {
    store.commit(commit(vec![write])).await.unwrap();
}

/// A store with one payment, these endpoints, and events 11, 12, … of these kinds.
async fn with(kind: Kind, endpoints: Vec<EndpointRow>, kinds: &[&str]) -> (Database, Box<dyn Store>) {
    let (database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let mut writes: Vec<_> = endpoints.into_iter().map(Write::InsertEndpoint).collect();
    for (number, kind) in (11..).zip(kinds) {
        writes.push(Write::InsertPublicEvent(public_event(number, &payment.id, number, kind)));
    }
    store.commit(commit(writes)).await.unwrap();
    (database, store)
}

both!(an_event_goes_to_every_endpoint_that_wants_it);
async fn an_event_goes_to_every_endpoint_that_wants_it(kind: Kind) {
    let mut of_live = endpoint(6, &[], true);
    of_live.scope.livemode = true;
    let endpoints = vec![
        endpoint(1, &[], true),
        endpoint(2, &[KIND], true),
        endpoint(3, &["refund.created"], true),
        endpoint(4, &["refund.created", KIND], true),
        endpoint(5, &[], false),
        endpoint(7, &["payment_intent.succeeded_not", "payment_intent"], true),
        of_live,
    ];
    let (_database, store) = with(kind, endpoints, &[KIND, "refund.created", "order.paid"]).await;
    assert_eq!(job_pairs(&*store).await, [(11, 1), (11, 2), (11, 4), (12, 1), (12, 3), (12, 4), (13, 1)]);
    for (event, endpoint, expected) in [(11, 2, true), (11, 3, false), (11, 5, false), (11, 6, false)] {
        let delivery = store.delivery(&scope(), &event_id(event), &endpoint_id(endpoint)).await.unwrap();
        assert_eq!(delivery.is_some(), expected, "{event} {endpoint}");
        let Some(delivery) = delivery else { continue };
        assert_eq!((delivery.state, delivery.tries), (DeliveryState::Pending, 0));
        assert_eq!((delivery.next_at, delivery.created_at, delivery.last_try), (Some(at(1)), at(1), None));
        assert_eq!(delivery.kind, KIND);
    }
}

both!(delivery_jobs_read_as_if_put_one_by_one);
/// The jobs that SQL writes are those that [`JobBody`] would have written, byte for byte.
async fn delivery_jobs_read_as_if_put_one_by_one(kind: Kind) {
    let expected =
        JobBody::NotifyMerchant { scope: scope(), event_id: event_id(11), endpoint_id: endpoint_id(1) };
    let requeue = Write::RequeueDelivery {
        scope: scope(),
        event_id: event_id(11),
        endpoint_id: endpoint_id(1),
        due_at: at(1),
    };
    let disabled = EndpointRow { enabled: false, ..endpoint(1, &[], true) };
    let ways: [(&str, Vec<Write>); 3] = [
        ("with the event", vec![]),
        (
            "enabled again",
            vec![Write::UpdateEndpoint(disabled), Write::UpdateEndpoint(endpoint(1, &[], true))],
        ),
        ("sent again", vec![Write::DropJob { key: expected.key() }, requeue]),
    ];
    for (way, writes) in ways {
        let (database, store) = with(kind, vec![endpoint(1, &[], true)], &[KIND]).await;
        store.commit(commit(writes)).await.unwrap();
        let body = serde_json::to_string(&expected).unwrap();
        let sql = format!(
            "SELECT count(*) FROM jobs WHERE key = '{}' AND body = '{body}' AND merchant_id = 'main'
                AND livemode = 0 AND due_at = {} AND tries = 0",
            expected.key(),
            at(1).as_micros(),
        );
        assert_eq!(database.count(&sql).await, 1, "{way}");
        let all = database.count("SELECT count(*) FROM jobs WHERE key LIKE 'notify:%'").await;
        assert_eq!(all, 1, "{way}");
        assert_eq!(jobs(&*store).await[0].body, expected, "{way}");
    }
}

fn tried(state: DeliveryState, next_at: Option<Timestamp>) -> DeliveryTry {
    let failed = state != DeliveryState::Delivered;
    DeliveryTry {
        at: at(5),
        status: Some(if failed { 500 } else { 200 }),
        failure: failed.then(|| "HTTP 500".to_owned()),
        state,
        next_at,
    }
}

fn record(event: u64, endpoint: u64, delivery_try: &DeliveryTry) -> Write {
    Write::RecordDeliveryTry {
        scope: scope(),
        event_id: event_id(event),
        endpoint_id: endpoint_id(endpoint),
        delivery_try: delivery_try.clone(),
    }
}

both!(tries_are_counted_and_the_last_is_kept);
async fn tries_are_counted_and_the_last_is_kept(kind: Kind) {
    let (_database, store) = with(kind, vec![endpoint(1, &[], true)], &[KIND]).await;
    let rows = [
        (tried(DeliveryState::Pending, Some(at(10))), 1),
        (tried(DeliveryState::Failed, None), 2),
        (tried(DeliveryState::Delivered, None), 3),
    ];
    for (delivery_try, tries) in rows {
        write(&*store, record(11, 1, &delivery_try)).await;
        let delivery = store.delivery(&scope(), &event_id(11), &endpoint_id(1)).await.unwrap().unwrap();
        assert_eq!((delivery.state, delivery.tries), (delivery_try.state, tries));
        assert_eq!(delivery.next_at, delivery_try.next_at);
        assert_eq!(delivery.last_try, Some(delivery_try));
    }
}

both!(a_delivery_sent_again_starts_anew);
async fn a_delivery_sent_again_starts_anew(kind: Kind) {
    let (_database, store) =
        with(kind, vec![endpoint(1, &[], true), endpoint(2, &["x"], true)], &[KIND]).await;
    let done = tried(DeliveryState::Delivered, None);
    let key = jobs(&*store).await[0].key.clone();
    store.commit(commit(vec![record(11, 1, &done), Write::DropJob { key }])).await.unwrap();
    let requeue = |event: u64, endpoint: u64| Write::RequeueDelivery {
        scope: scope(),
        event_id: event_id(event),
        endpoint_id: endpoint_id(endpoint),
        due_at: at(7),
    };
    // The second endpoint does not want the type by itself, but was asked for.
    store.commit(commit(vec![requeue(11, 1), requeue(11, 2)])).await.unwrap();
    assert_eq!(job_pairs(&*store).await, [(11, 1), (11, 2)]);
    for (endpoint, last_try) in [(1, Some(done)), (2, None)] {
        let delivery =
            store.delivery(&scope(), &event_id(11), &endpoint_id(endpoint)).await.unwrap().unwrap();
        assert_eq!((delivery.state, delivery.tries), (DeliveryState::Pending, 0));
        assert_eq!((delivery.next_at, delivery.last_try), (Some(at(7)), last_try));
    }
    for (event, endpoint) in [(99, 1), (11, 99)] {
        let answer = store.commit(commit(vec![requeue(event, endpoint)])).await;
        assert_eq!(answer, conflict(Conflict::NotFound), "{event} {endpoint}");
    }
}

both!(a_disabled_endpoint_keeps_its_deliveries_and_loses_their_jobs);
async fn a_disabled_endpoint_keeps_its_deliveries_and_loses_their_jobs(kind: Kind) {
    let (_database, store) =
        with(kind, vec![endpoint(1, &[], true), endpoint(2, &[], true)], &[KIND, KIND, KIND, KIND]).await;
    let later = tried(DeliveryState::Pending, Some(at(300)));
    let writes = vec![
        record(11, 1, &tried(DeliveryState::Delivered, None)),
        record(12, 1, &tried(DeliveryState::Failed, None)),
        record(13, 1, &later),
        Write::DropJob { key: format!("notify:{}:{}", event_id(11), endpoint_id(1)) },
        Write::DropJob { key: format!("notify:{}:{}", event_id(12), endpoint_id(1)) },
    ];
    store.commit(commit(writes)).await.unwrap();
    let of_other = [(11, 2), (12, 2), (13, 2), (14, 2)];
    let disabled = EndpointRow { disabled_reason: Some("410".to_owned()), ..endpoint(1, &[], false) };
    write(&*store, Write::UpdateEndpoint(disabled.clone())).await;
    assert_eq!(job_pairs(&*store).await, of_other);
    assert_eq!(store.endpoint(&scope(), &endpoint_id(1)).await.unwrap(), Some(disabled));

    // While it is disabled nothing new is meant for it, and what is asked for waits.
    let more = public_event(15, &payment(1).id, 15, KIND);
    let requeue = Write::RequeueDelivery {
        scope: scope(),
        event_id: event_id(12),
        endpoint_id: endpoint_id(1),
        due_at: at(9),
    };
    store.commit(commit(vec![Write::InsertPublicEvent(more), requeue])).await.unwrap();
    assert_eq!(job_pairs(&*store).await, [(11, 2), (12, 2), (13, 2), (14, 2), (15, 2)]);

    write(&*store, Write::UpdateEndpoint(endpoint(1, &[], true))).await;
    let mut due: Vec<_> = Vec::new();
    for claimed in jobs(&*store).await {
        if claimed.key.ends_with(endpoint_id(1).as_str()) {
            due.push((claimed.key.clone(), claimed.due_at));
        }
    }
    due.sort();
    let expected: Vec<_> = [(12, at(9)), (13, at(300)), (14, at(1))]
        .map(|(event, due_at)| (format!("notify:{}:{}", event_id(event), endpoint_id(1)), due_at))
        .to_vec();
    assert_eq!(due, expected, "each at the time it had");
}

both!(a_change_of_an_enabled_endpoint_leaves_its_jobs_alone);
async fn a_change_of_an_enabled_endpoint_leaves_its_jobs_alone(kind: Kind) {
    let (_database, store) = with(kind, vec![endpoint(1, &[], true)], &[KIND]).await;
    let holder = lease("worker");
    let held = store.claim(at(10), at(70), holder.clone(), 10).await.unwrap();
    let renamed = EndpointRow { url: "https://shop.example/new".to_owned(), ..endpoint(1, &[], true) };
    write(&*store, Write::UpdateEndpoint(renamed)).await;
    assert_eq!(store.claim(at(11), at(71), lease("b"), 10).await.unwrap().len(), 0);
    write(&*store, Write::FinishJob { key: held[0].key.clone(), holder }).await;
}

both!(a_deleted_endpoint_takes_what_was_not_delivered_with_it);
async fn a_deleted_endpoint_takes_what_was_not_delivered_with_it(kind: Kind) {
    let (_database, store) =
        with(kind, vec![endpoint(1, &[], true), endpoint(2, &[], true)], &[KIND, KIND, KIND]).await;
    store
        .commit(commit(vec![
            record(11, 1, &tried(DeliveryState::Delivered, None)),
            record(12, 1, &tried(DeliveryState::Failed, None)),
            Write::DropJob { key: format!("notify:{}:{}", event_id(11), endpoint_id(1)) },
            Write::DropJob { key: format!("notify:{}:{}", event_id(12), endpoint_id(1)) },
        ]))
        .await
        .unwrap();
    let delete = Write::DeleteEndpoint { scope: scope(), id: endpoint_id(1) };
    write(&*store, delete.clone()).await;
    assert_eq!(store.endpoint(&scope(), &endpoint_id(1)).await.unwrap(), None);
    let left: Vec<_> = store.deliveries(&scope(), &endpoint_id(1), &FIRST).await.unwrap();
    assert_eq!(left.iter().map(|delivery| delivery.event_id.clone()).collect::<Vec<_>>(), [event_id(11)]);
    assert_eq!(job_pairs(&*store).await, [(11, 2), (12, 2), (13, 2)]);
    assert_eq!(store.deliveries(&scope(), &endpoint_id(2), &FIRST).await.unwrap().len(), 3);
    assert_eq!(store.commit(commit(vec![delete])).await, conflict(Conflict::NotFound));
}
