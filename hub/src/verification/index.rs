//! One row of a table that leads to payments: whether the payment knows of it too.

use hub_core::payment::PaymentIntent;

use super::{Check, Finding};
use crate::store::sql::indexes::{Index, IndexRow};

/// What is wrong with the row, if something is.
pub(super) fn check(index: Index, row: &IndexRow) -> Option<Finding> {
    if index == Index::Inbox {
        let finding = || Finding {
            check: Check::Inbox,
            payment_intent: None,
            expected: format!("a job that reads the delivery {}", row.name),
            found: "no job".to_owned(),
        };
        return row.found.is_none().then(finding);
    }
    let finding = |check, expected: &str, found: &str| {
        let payment_intent = Some(row.owner.clone());
        Some(Finding { check, payment_intent, expected: expected.to_owned(), found: found.to_owned() })
    };
    let Some(state) = &row.found else {
        return finding(Check::Owner, &format!("a payment of {}", thing(index, row)), "no payment");
    };
    // A state that cannot be read is a finding of its own.
    let payment: PaymentIntent = serde_json::from_str(state).ok()?;
    match index {
        Index::Histories | Index::Journals | Index::Inbox => None,
        Index::Attempts if payment.attempts.iter().any(|attempt| attempt.id.as_str() == row.name) => None,
        Index::Attempts => {
            finding(Check::Attempts, &format!("the attempt {} in the state", row.name), "no such attempt")
        }
        Index::Transfers if knows_transfer(&payment, &row.name) => None,
        Index::Transfers => {
            finding(Check::Transfers, &format!("{} in the state", row.name), "no such refund or dispute")
        }
        Index::OpenReferences if payment.status.is_end() => {
            let found = format!("one that is {}", payment.status.as_str());
            finding(Check::OpenReferences, "an open payment that holds its order reference", &found)
        }
        Index::OpenReferences if payment.order_reference.as_deref() != Some(row.name.as_str()) => {
            finding(Check::OpenReferences, "that it holds its own order reference", "another one")
        }
        Index::OpenReferences => None,
    }
}

fn knows_transfer(payment: &PaymentIntent, id: &str) -> bool {
    payment.refunds.iter().any(|refund| refund.id.as_str() == id)
        || payment.disputes.iter().any(|dispute| dispute.id.as_str() == id)
}

/// An order reference is the shop's own and is not repeated.
fn thing(index: Index, row: &IndexRow) -> String {
    match index {
        Index::Histories => "its events".to_owned(),
        Index::Journals => "its journals".to_owned(),
        Index::OpenReferences => "an order reference that is held".to_owned(),
        Index::Attempts | Index::Transfers | Index::Inbox => row.name.clone(),
    }
}
