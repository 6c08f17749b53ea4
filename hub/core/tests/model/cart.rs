//! What a cart believes that knows nothing but what it was told by events.
//!
//! Each event must be the next one in the sequence, must be new to the cart, and what it believes must be what
//! asking would have answered.

use std::collections::BTreeMap;

use hub_core::payment::{DisputeStatus, PaymentIntent, Status, TransferStatus};
use hub_core::publish::PublicObject;
use hub_core::story::Decision;

/// What the cart believes.
#[derive(Debug, Default)]
pub(crate) struct Cart {
    sequence: u64,
    status: Option<&'static str>,
    pub(crate) paid: u32,
    quarantined: bool,
    refunds: BTreeMap<String, &'static str>,
    disputes: BTreeMap<String, &'static str>,
    /// Everything it was ever told, in order.
    pub(crate) told: Vec<&'static str>,
}

impl Cart {
    pub(crate) fn hear(&mut self, decision: &Decision, first: bool) {
        for (sequence, publication) in &decision.publications {
            self.sequence += 1;
            assert_eq!(*sequence, self.sequence, "events are numbered one after the other");
            self.told.push(publication.kind);
            let (object, what) = publication.kind.split_once('.').expect("an object and what became of it");
            match (&publication.object, object) {
                (PublicObject::PaymentIntent, "payment_intent") => self.hear_intent(what),
                (PublicObject::Order, "order") => self.paid += 1,
                (PublicObject::Refund(id), "refund") => {
                    let before = self.refunds.insert(id.as_str().to_owned(), what);
                    assert_ne!(before, Some(what), "news of a refund is new");
                    assert_eq!(before.is_none(), what == "created", "a refund begins before it ends");
                }
                (PublicObject::Dispute(id), "dispute") => {
                    let before = self.disputes.insert(id.as_str().to_owned(), what);
                    assert_ne!(before, Some(what), "news of a dispute is new");
                }
                _ => panic!("{} is about {:?}", publication.kind, publication.object),
            }
        }
        let created = self.told.first() == Some(&"payment_intent.created");
        assert!(created || !first, "a payment begins by being created");
        self.agrees(&decision.payment);
    }

    fn hear_intent(&mut self, what: &'static str) {
        match what {
            "created" => self.status = Some("requires_checkout"),
            "requires_checkout" | "processing" | "requires_capture" | "succeeded" | "failed" | "canceled"
            | "expired" => {
                assert_ne!(self.status, Some("succeeded"), "nothing leaves success");
                assert_ne!(self.status, Some(what), "a status that is told is new");
                self.status = Some(what);
            }
            "quarantined" => self.quarantined = true,
            "quarantine_resolved" => {
                assert!(self.quarantined, "what is resolved was told of");
                self.quarantined = false;
            }
            "attempt_declined" | "capture_due" | "cancel_failed" | "capture_failed" => {}
            other => panic!("payment_intent.{other} is not documented"),
        }
    }

    /// What it believes is what it would be answered.
    fn agrees(&mut self, payment: &PaymentIntent) {
        assert_eq!(payment.sequence, self.sequence, "the payment counts what it told");
        let is = payment.status;
        assert_eq!(Some(is.as_str()), self.status, "the status is told");
        assert_eq!(u32::from(is == Status::Succeeded), self.paid, "an order is paid once");
        assert_eq!(payment.quarantine.is_some(), self.quarantined, "a quarantine is told, and its end");
        let refund = |status| match status {
            TransferStatus::Pending => "created",
            TransferStatus::Succeeded => "succeeded",
            TransferStatus::Failed => "failed",
        };
        let refunds =
            payment.refunds.iter().map(|known| (known.id.as_str().to_owned(), refund(known.status)));
        assert_eq!(refunds.collect::<BTreeMap<_, _>>(), self.refunds, "refunds are told");
        let dispute = |status| match status {
            DisputeStatus::Open => "opened",
            DisputeStatus::Won => "won",
            DisputeStatus::Lost => "lost",
        };
        let disputes =
            payment.disputes.iter().map(|known| (known.id.as_str().to_owned(), dispute(known.status)));
        assert_eq!(disputes.collect::<BTreeMap<_, _>>(), self.disputes, "disputes are told");
    }
}
