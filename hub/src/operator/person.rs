//! What only a person can decide about a payment, and the commands to say it with.

use hub_core::evidence::ItemStanding;
use hub_core::payment::{Attempt, Operation, OperationState, PaymentIntent, QuarantineReason, Resolution};
use processor_sdk::OperationKind;
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
        let waits = |operation: &&Operation| payment.waits_for_person_about(attempt, operation);
        for operation in attempt.operations.iter().filter(waits) {
            wanted.push(json!({
                "why": format!(
                    "{} at {} {}: look in the processor's dashboard",
                    words::operation(payment, &operation.id),
                    attempt.profile.connector,
                    in_doubt(operation.state),
                ),
                "commands": settling(payment, attempt, operation),
            }));
        }
    }
    wanted
}

/// Why an operation waits for a person.
const fn in_doubt(state: OperationState) -> &'static str {
    match state {
        OperationState::Stuck => "may have happened, and nothing automatic can find out",
        OperationState::Asked { .. } | OperationState::Unknown { .. } => {
            "may have happened, and the processor has said nothing of it for hours; it is still asked once a day"
        }
        OperationState::Done | OperationState::GivenUp => {
            "was answered, and the processor tells nothing of the money that it was to move"
        }
    }
}

/// The commands to say what became of an operation with.
fn settling(payment: &PaymentIntent, attempt: &Attempt, operation: &Operation) -> Vec<String> {
    let command = |word: &str| format!("payhub payments settle {} {word} --evidence \"…\"", payment.id);
    let of = |word: &str| command(&format!("--{word} {}", operation.id));
    match operation.kind {
        // What became of the page is what became of the payment.
        OperationKind::OpenCheckout | OperationKind::CompleteCheckout => {
            let which = format!("--attempt {}", attempt.id);
            vec![command(&format!("--paid AMOUNT {which}")), command(&format!("--not-paid {which}"))]
        }
        OperationKind::ExpireCheckout => {
            vec![of("done"), command(&format!("--paid AMOUNT --attempt {}", attempt.id))]
        }
        OperationKind::Capture
        | OperationKind::Void
        | OperationKind::Refund
        | OperationKind::FetchPayment
        | OperationKind::FetchRefund
        | OperationKind::FetchDispute => vec![of("done"), of("not-done")],
    }
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
