//! Idempotency keys as Mollie keeps them.
//!
//! Source: docs.mollie.com, "API idempotency": a key counts for POST and for one hour; the same key with another
//! request is refused; while the first request runs, so is the second.
//!
//! What the guide leaves open is answered the harder way: whatever was answered once a request was read as good is
//! kept, also an error of Mollie's own.

use std::collections::BTreeMap;

use crate::twins::Reply;

/// How long a key is remembered, in seconds.
const REMEMBERED_S: i64 = 60 * 60;

/// What a key says about a request.
pub(super) enum Known {
    /// Nothing yet.
    New,
    /// It was done; this was answered.
    Done(Reply),
    /// It is being done.
    Running,
    /// It stands for another request.
    OfAnother,
}

#[derive(Debug)]
struct Kept {
    request: String,
    first_at_s: i64,
    reply: Reply,
    /// The request that is being answered, by its number.
    running: Option<u64>,
}

/// The keys of one account.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Kept>);

impl Keys {
    pub(super) fn find(&mut self, key: &str, request: &str, now_s: i64) -> Known {
        self.0.retain(|_, kept| kept.running.is_some() || now_s - kept.first_at_s < REMEMBERED_S);
        match self.0.get(key) {
            None => Known::New,
            Some(kept) if kept.request != request => Known::OfAnother,
            Some(kept) if kept.running.is_some() => Known::Running,
            Some(kept) => Known::Done(kept.reply.clone()),
        }
    }

    /// Keeps an answer that is about to leave.
    pub(super) fn keep(&mut self, (key, request): (&str, &str), number: u64, now_s: i64, reply: &Reply) {
        let (request, reply) = (request.to_owned(), reply.clone());
        self.0.insert(key.to_owned(), Kept { request, first_at_s: now_s, reply, running: Some(number) });
    }

    /// The request is answered.
    pub(super) fn is_over(&mut self, key: &str, number: u64) {
        if let Some(kept) = self.0.get_mut(key).filter(|kept| kept.running == Some(number)) {
            kept.running = None;
        }
    }
}
