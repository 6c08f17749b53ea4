//! What is asked of a payment: by the cart, the shopper, a processor's answer or silence, or a timer.

use std::collections::BTreeMap;

use processor_sdk::{CaptureMode, Facts, Money, Timestamp};

use crate::event::ByHand;
use crate::ids::{AttemptId, OperationId, OrderId, Scope};
use crate::outcome::Outcome;
use crate::payment::{ConnectorProfile, Resolution};

/// What a new intent is made of. Its order is checked before.
#[derive(Clone, Debug)]
pub struct CreateIntent {
    /// Whose, and test or live.
    pub scope: Scope,
    /// What is sold.
    pub order_id: OrderId,
    /// The cart's own number for the order.
    pub order_reference: Option<String>,
    /// What to collect.
    pub amount: Money,
    /// When funds are taken.
    pub capture: CaptureMode,
    /// Where the shopper goes in the end.
    pub return_url: String,
    /// Where the shopper goes after giving up.
    pub cancel_url: Option<String>,
    /// The shop's site.
    pub site: Option<String>,
    /// The connector that the cart insists on.
    pub connector: Option<String>,
    /// The cart's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Unguessable part of the checkout URL.
    pub checkout_token: String,
    /// Seconds until the door closes.
    pub expires_in_s: i64,
}

/// What is asked of an existing intent.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin a try through a connector; an open one is superseded.
    StartAttempt {
        /// The connector.
        profile: Box<ConnectorProfile>,
        /// Why routing chose it.
        reason: String,
        /// Unguessable part of the return URL.
        return_token: String,
    },
    /// Open another door to the same attempt, because the old one closed or was lost.
    ReopenDoor {
        /// Which attempt.
        attempt_id: AttemptId,
    },
    /// An operation was tried.
    OperationTried {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// Which.
        operation_id: OperationId,
        /// What became of it.
        outcome: Outcome,
    },
    /// An earlier try of an operation ended without a word: it may have been sent.
    OperationInterrupted {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// Which.
        operation_id: OperationId,
        /// The earliest time at which it can have been sent.
        since: Timestamp,
    },
    /// We asked the processor what is so.
    LookedUp {
        /// About which attempt.
        attempt_id: AttemptId,
        /// On behalf of which doubtful operation, if of one.
        operation_id: Option<OperationId>,
        /// What came back.
        outcome: Outcome,
        /// When we asked: what the answer is dated by, unless it says a time itself.
        asked_at: Timestamp,
    },
    /// A verified notification said something.
    Notified {
        /// About which attempt.
        attempt_id: AttemptId,
        /// What.
        facts: Box<Facts>,
    },
    /// Something may have changed: ask the processor, but not too often.
    Hinted {
        /// About which attempt.
        attempt_id: AttemptId,
    },
    /// The shopper's browser came back.
    ShopperReturned {
        /// To which attempt.
        attempt_id: AttemptId,
        /// Query parameters, for completing a checkout.
        parameters: Vec<(String, String)>,
    },
    /// The cart wants (part of) the authorized money taken.
    Capture {
        /// How much; all that is left when absent.
        amount: Option<Money>,
        /// That the rest is released.
        is_final: bool,
        /// That it is no repeat of one that was found at the processor after a restore.
        allow_duplicate: bool,
    },
    /// The cart wants it called off.
    Cancel,
    /// The cart wants money given back.
    Refund {
        /// How much; all that is left when absent.
        amount: Option<Money>,
        /// The merchant's reason.
        reason: Option<String>,
        /// The cart's own notes.
        metadata: BTreeMap<String, String>,
        /// That it is no repeat of one that was found at the processor after a restore.
        allow_duplicate: bool,
    },
    /// The intent's time may be over.
    Expire,
    /// Time has passed and nothing else is new: what follows from that alone is drawn. A doubt that nothing
    /// automatic can resolve any more is shown to a person from then on.
    Reconsider,
    /// The time to capture may be nearly over.
    RemindOfCapture {
        /// Of which attempt.
        attempt_id: AttemptId,
    },
    /// An operator ends a quarantine.
    ResolveQuarantine {
        /// How.
        resolution: Resolution,
        /// Why.
        note: String,
    },
    /// An operator says what the processor does not.
    SettleByHand {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// What is so.
        settlement: ByHand,
        /// How the operator knows.
        evidence: String,
    },
    /// An operator has the shopper's personal data erased.
    ErasePersonalData,
    /// The payment comes from a backup: what happened since is not known here.
    Restored {
        /// When the last thing happened that the backup knows of, of any payment.
        backed_up_at: Timestamp,
    },
}
