//! Items without our name that are taken for transfers of ours, because nothing else explains them.
//!
//! Somebody may have moved as much in the processor's dashboard while our request was on its way. So what a delivery
//! tells of in this way is a reason to look where one can look: the list of all transfers has ours beside it, by its
//! name or as one more. Until that look is answered, such an item fails nothing of ours.

use processor_sdk::{Item, ItemKind};

use super::ours::Ours;
use crate::payment::{Attempt, PaymentIntent, Subject, TransferStatus};

/// Whether an item is, or may be, taken for a transfer of ours that the processor has never called by our name.
pub(crate) fn looks_like_ours(payment: &PaymentIntent, attempt: &Attempt, said: &Item) -> bool {
    let tells = attempt.profile.capabilities.fetch_payment.tells_of_transfers();
    let is_like = |ours: &Ours<'_>| {
        let is_called = ours.processor_id.is_some() && ours.processor_id == said.id.as_ref();
        let fits = ours.processor_id.is_none() && said.amount == Some(ours.amount);
        let in_doubt = ours.status == TransferStatus::Pending
            && attempt.operation_about(&ours.subject).is_some_and(|asked| asked.first_sent_at.is_some());
        let open = in_doubt || attempt.evidence.is_done_by_hand(said.kind, ours.echo);
        (is_called || (fits && open)) && is_nameless(attempt, said.kind, ours.echo)
    };
    tells && said.echo.is_none() && payment.ours(attempt, said.kind).iter().any(is_like)
}

/// Whether what failed without our name says nothing of ours: it may be another of that amount, and either our own
/// request is still in doubt, so that its answer will say, or a look is on its way that may show that it was not ours.
pub(super) fn fails_nothing(attempt: &Attempt, kind: ItemKind, subject: &Subject, echo: &str) -> bool {
    let in_doubt = attempt
        .operation_about(subject)
        .is_some_and(|asked| asked.is_open() && asked.first_sent_at.is_some());
    (in_doubt && !attempt.evidence.has_echo(kind, echo)) || is_asked_after(attempt, kind, echo)
}

fn is_asked_after(attempt: &Attempt, kind: ItemKind, echo: &str) -> bool {
    let asks = attempt.check.is_some_and(|check| check.hint.is_some());
    let tells = attempt.profile.capabilities.fetch_payment.tells_of_transfers();
    asks && tells && is_nameless(attempt, kind, echo)
}

fn is_nameless(attempt: &Attempt, kind: ItemKind, echo: &str) -> bool {
    !attempt.evidence.has_echo(kind, echo) || attempt.evidence.is_done_by_hand(kind, echo)
}
