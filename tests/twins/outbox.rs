//! A processor's webhooks: sent at once, twice, or held back; again until accepted; and on request forged,
//! stale, changed on the way, or unsigned.
//!
//! Invariant: sending never holds up the API, and an event that was accepted is not sent again by itself.

use std::sync::Arc;
use std::time::Duration;

use super::Processor;
use super::server::Shared;

/// Longest time of one try.
const SEND_TIME_MAX: Duration = Duration::from_secs(20);
/// Tries of one event, and the waits between them, which double.
const TRIES_MAX: u32 = 8;
const WAIT_MS_FIRST: u64 = 100;
/// How old a stale signature is, in seconds: an hour, where five minutes are the most.
const STALE_S: i64 = 3_600;

/// How events leave from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    #[default]
    Prompt,
    /// Each is sent twice, at the same time.
    Twice,
    /// They wait until the test lets them go.
    Held,
    /// They are lost.
    Dropped,
}

/// The order in which held events leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    AsMade,
    Reversed,
}

/// How one delivery is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Well,
    /// Signed with a secret that is not this endpoint's.
    Forged,
    /// Signed an hour ago.
    Stale,
    /// One digit of the body changed after signing.
    Flipped,
    Unsigned,
    /// Signed with this secret alone.
    With(String),
}

/// What became of an event's webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Pending,
    /// A task has it.
    Leaving,
    Held,
    Dropped,
    Delivered,
    /// Never accepted.
    Failed,
}

/// One event on its way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) media_type: &'static str,
    /// Where it goes, if not to the account's one address.
    pub(crate) url: Option<String>,
    pub(crate) progress: Progress,
    pub(crate) copies: u8,
    /// The last status.
    pub(crate) answered: Option<u16>,
}

/// Sends what is pending whenever there is news, until the twin ends.
pub(crate) async fn run<P: Processor>(shared: Arc<Shared<P>>) {
    loop {
        let pending = shared.quietly(|_, desk| {
            let pending = desk.parcels.iter_mut().filter(|parcel| parcel.progress == Progress::Pending);
            pending
                .map(|parcel| {
                    parcel.progress = Progress::Leaving;
                    parcel.clone()
                })
                .collect::<Vec<_>>()
        });
        for parcel in pending {
            tokio::spawn(deliver(Arc::clone(&shared), parcel));
        }
        shared.news.notified().await;
    }
}

async fn deliver<P: Processor>(shared: Arc<Shared<P>>, parcel: Parcel) {
    let mut wait_ms = WAIT_MS_FIRST;
    for tries in 1..=TRIES_MAX {
        let sends = (0..parcel.copies).map(|_| {
            let (shared, parcel) = (Arc::clone(&shared), parcel.clone());
            tokio::spawn(async move { send(&shared, &parcel, &How::Well).await })
        });
        let mut answers = Vec::new();
        for sent in sends.collect::<Vec<_>>() {
            answers.push(sent.await.expect("a send ends"));
        }
        let accepted = answers.iter().all(|status| status.is_some_and(|status| (200..300).contains(&status)));
        let progress = if accepted {
            Progress::Delivered
        } else if tries == TRIES_MAX {
            Progress::Failed
        } else {
            Progress::Leaving
        };
        shared.with(|_, desk| {
            for known in desk.parcels.iter_mut().filter(|known| known.id == parcel.id) {
                (known.progress, known.answered) = (progress, answers.iter().copied().flatten().max());
            }
        });
        if progress != Progress::Leaving {
            return;
        }
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        wait_ms *= 2;
    }
}

/// Sends an event once; the status, or nothing when there was no answer.
pub(crate) async fn send<P: Processor>(shared: &Shared<P>, parcel: &Parcel, how: &How) -> Option<u16> {
    let (url, headers, body) = shared.with(|processor, desk| {
        let (url, body) = (parcel.url.as_ref().or(desk.webhook_url.as_ref()).cloned(), &parcel.body);
        let now_s = desk.now_s();
        let at_s = if *how == How::Stale { now_s - STALE_S } else { now_s };
        let secrets = match how {
            How::Well | How::Stale | How::Flipped => desk.webhook_secrets.clone(),
            How::Forged => vec!["whsec_of_somebody_else_entirely".to_owned()],
            How::With(secret) => vec![secret.clone()],
            How::Unsigned => vec![],
        };
        let address = url.as_deref().unwrap_or_default();
        let headers =
            if secrets.is_empty() { vec![] } else { processor.sign_for(address, &secrets, at_s, body) };
        let body = processor.sign_in_body(&secrets, body);
        (url, headers, if *how == How::Flipped { flipped(&body) } else { body })
    });
    let request = shared.client.post(url?).header("content-type", parcel.media_type).body(body);
    let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    Some(request.timeout(SEND_TIME_MAX).send().await.ok()?.status().as_u16())
}

/// The body with its first amount changed by one, as good JSON as before.
fn flipped(body: &str) -> String {
    let name = body.find("\"amount").unwrap_or(0);
    let start = name + body[name..].find(|character: char| character.is_ascii_digit()).unwrap_or(0);
    let digits = body[start..].find(|character: char| !character.is_ascii_digit()).unwrap_or(1);
    let mut bytes = body.as_bytes().to_vec();
    // The last one, so that no number begins with a zero.
    bytes[start + digits - 1] ^= 1;
    String::from_utf8(bytes).expect("a digit with its lowest bit changed is a digit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_digit_of_the_first_amount_changes() {
        let rows = [
            (r#"{"amount":124,"x":1}"#, r#"{"amount":125,"x":1}"#),
            (r#"{"amount_total":8}"#, r#"{"amount_total":9}"#),
        ];
        for (body, expected) in rows {
            assert_eq!(flipped(body), expected);
        }
    }
}
