//! Many who ask for something at the same moment.

use std::sync::Barrier;

use serde_json::Value;

use crate::processes::eventually;
use crate::processes::http::{Answer, Api};

/// The answer to a request, once nobody else is working on the same key.
pub(crate) fn ask(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    eventually("an answer", || {
        let answer = api.post(path, key, body).ok()?;
        let is_for_later = answer.status == 503
            || (answer.status == 409 && answer.json()["code"] == "idempotency_in_progress");
        (!is_for_later).then_some(answer)
    })
}

/// What many do who begin together.
pub(crate) fn at_once<T: Send>(count: usize, deed: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    std::thread::scope(|scope| {
        let doing: Vec<_> = (0..count)
            .map(|number| {
                let (start, deed) = (&start, &deed);
                scope.spawn(move || {
                    start.wait();
                    deed(number)
                })
            })
            .collect();
        doing.into_iter().map(|done| done.join().expect("it is done")).collect()
    })
}

/// The answers to many requests at once, to the hubs in turn.
pub(crate) fn ask_all(
    hubs: &[&Api],
    count: usize,
    path: &str,
    key: impl Fn(usize) -> String + Sync,
    body: &Value,
) -> Vec<Answer> {
    at_once(count, |number| ask(hubs[number % hubs.len()], path, &key(number), body))
}
