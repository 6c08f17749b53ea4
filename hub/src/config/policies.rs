//! `[policies]`: what the hub does by itself about what shops lose money on.

use hub_core::policy::{PaidLate, PaidTwice, Policies};

use super::required;
use super::section::Section;

pub(super) fn policies(section: &mut Section<'_>) -> Option<Policies> {
    let paid_twice = required(section, "paid_twice").and_then(|value| {
        value.choice(&[("refund_later", PaidTwice::RefundLater), ("hold", PaidTwice::Hold)])
    });
    let paid_late = required(section, "paid_late").and_then(|value| {
        value.choice(&[("accept", PaidLate::Accept), ("refund", PaidLate::Refund), ("hold", PaidLate::Hold)])
    });
    // One choice each: no rule can know what a wrong amount or an unknown payment means.
    let wrong_amount = required(section, "wrong_amount").and_then(|value| value.choice(&[("hold", ())]));
    let unknown_payment =
        required(section, "unknown_payment").and_then(|value| value.choice(&[("hold", ())]));
    section.finish(None);
    wrong_amount?;
    unknown_payment?;
    Some(Policies { paid_twice: paid_twice?, paid_late: paid_late? })
}
