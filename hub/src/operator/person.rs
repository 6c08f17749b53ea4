//! What only a person can decide about a payment, and the commands to say it with.

use hub_core::evidence::ItemStanding;
use hub_core::payment::{Attempt, OperationState, PaymentIntent, QuarantineReason, Resolution};
use serde_json::{Value, json};

use super::words;

/// Everything of a payment that waits for a person; nothing, for most.
pub(super) fn wanted(payment: &PaymentIntent) -> Vec<Value> {
    let mut wanted = Vec::new();
    if let Some(quarantine) = &payment.quarantine {
        let (why, ways) = quarantined(quarantine.reason);
        let commands =
            ways.iter().map(|way| format!("payhub quarantine {} {} --note \"…\"", way.as_str(), payment.id));
        wanted.push(json!({
            "why": format!(
                "quarantined since {}, {}: {why}{}{}",
                words::moment(quarantine.since),
                quarantine.reason.as_str(),
                unbooked(payment),
                undone(payment),
            ),
            "commands": commands.collect::<Vec<_>>(),
        }));
    }
    for attempt in &payment.attempts {
        for operation in &attempt.operations {
            if operation.state != OperationState::Stuck {
                continue;
            }
            let command = |word: &str| {
                format!("payhub payments settle {} --{word} {} --evidence \"…\"", payment.id, operation.id)
            };
            wanted.push(json!({
                "why": format!(
                    "{} at {} may have happened, and nothing automatic can find out: look in the processor's \
                     dashboard",
                    words::operation(payment, &operation.id),
                    attempt.profile.connector,
                ),
                "commands": [command("done"), command("not-done")],
            }));
        }
    }
    wanted
}

/// What processors say they took and the hub has not booked: without it, the amounts above would mislead.
fn unbooked(payment: &PaymentIntent) -> String {
    let of = |attempt: &Attempt| {
        let said = payment.captured_by_evidence(attempt);
        (said.minor() > attempt.captured.minor()).then(|| {
            let (name, booked) = (words::attempt(payment, &attempt.id), attempt.captured);
            format!("; {name} took {said} by the processor's word, of which {booked} is booked")
        })
    };
    payment.attempts.iter().filter_map(of).collect()
}

/// Which captures a processor took back, in its own words as far as it gave any.
fn undone(payment: &PaymentIntent) -> String {
    let of = |attempt: &Attempt| {
        let say = |item: ItemStanding| {
            let amount = item.amount.map(|amount| format!(" of {amount}")).unwrap_or_default();
            let word = item.reason.as_deref().unwrap_or("failed");
            format!(
                "; {}: capture {}{amount}: {word}",
                attempt.profile.connector,
                item.name().map_or("", String::as_str)
            )
        };
        payment.undone_captures(attempt).into_iter().map(say).collect::<String>()
    };
    payment.attempts.iter().map(of).collect()
}

/// What a quarantine means, and how it can end.
fn quarantined(reason: QuarantineReason) -> (&'static str, &'static [Resolution]) {
    let both: &[Resolution] = &[Resolution::Accept, Resolution::Refund];
    match reason {
        QuarantineReason::AmountMismatch => {
            ("the processor names another amount than was asked; nothing is delivered until you decide", both)
        }
        QuarantineReason::CurrencyMismatch => (
            "the processor names another currency than was asked, which cannot be booked here; give it back in \
             the processor's dashboard, and then say so with `refund`, or accept only what is in the payment's \
             own currency",
            both,
        ),
        QuarantineReason::PaidTwice => ("more than one attempt took the money", both),
        QuarantineReason::RefundExceedsCaptured => {
            ("more was given back than was taken; look in the processor's dashboard", &[Resolution::Accept])
        }
        QuarantineReason::PaidLate => ("the money came after the payment had ended", both),
        QuarantineReason::ReturnFailed => {
            ("what should be given back could not be; the processor refused", both)
        }
        QuarantineReason::CaptureUndone => (
            "the processor took the money and says afterwards that it did not; look in its dashboard: `accept` if \
             the money is there, `refund` if it is not, which books it as gone and sends nothing",
            both,
        ),
    }
}
