//! Mistakes that can be planted in a build for tests: what a careless engineer might write, each chosen by its
//! name while the program runs. The tests must catch every one.
//!
//! Invariant: without the feature `planted-bugs`, which nothing but the tests turns on, [`planted`] is the
//! constant `false`, so that a shipped hub holds none of them. What is pure reads no environment: the hub says
//! which mistake was chosen.

use serde::{Deserialize, Serialize};

#[cfg(feature = "planted-bugs")]
use std::sync::OnceLock;

/// One name for each mistake, with what it does. A macro, so that the sentence is the doc and can be printed.
macro_rules! bugs {
    ($($name:ident: $says:literal),+ $(,)?) => {
        /// A mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Bug {
            $(#[doc = $says] $name),+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// What it does, in a sentence.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self {
                    $(Self::$name => $says),+
                }
            }
        }
    };
}

bugs! {
    SkipIdempotencyLookUp: "A key that was used before is not looked up.",
    IgnoreOtherBody: "Another body under a used key gets the first one's answer.",
    IgnoreTakenKey: "A key that somebody else has just used stops nobody.",
    AllowTwoIntentsOfAnOrder: "A second open intent of the same order is let in.",
    AnswerBeforeCommit: "The writer says that a commit is done before it is.",
    NoVersionGuard: "A payment is written over whatever became of it meanwhile.",
    NoBoundOnRefunds: "More is refunded than was captured.",
    NoBoundOnCaptures: "More is captured than was authorized.",
    LetQuarantinedMoneyMove: "What waits for a person can be refunded and captured all the same.",
    AcceptAnySignature: "A delivery's signature is not compared.",
    AcceptStaleDeliveries: "The time that was signed is not looked at.",
    CompareOnlyFirstSecret: "While a secret is changed only the newest one is tried.",
    DropTheInbox: "A delivery is acknowledged and not kept.",
    TakeEveryDeliveryAnew: "The same signed bytes again are another delivery.",
    ForgetSeenEvents: "An event that was taken is not remembered.",
    BelieveHints: "Facts count that nothing proves.",
    TreatUnknownAsFailed: "What may have happened is given up as failed.",
    TreatServerErrorAsNotSent: "A 5xx answer means that nothing happened.",
    FailOverFromUnknown: "Another page is opened while money may be moving on the first.",
    FreshKeyOnRetry: "Each try goes out under a key of its own.",
    ForgetToFindOut: "Nothing is scheduled to find out what became of a doubtful request.",
    ForgetToLook: "A page that waits for the shopper is never looked up.",
    ReturnIsPayment: "A shopper who comes back has paid.",
    IgnoreAmountMismatch: "Another amount than was asked for is as good.",
    IgnoreCurrencyMismatch: "Another currency than was asked for is as good.",
    CountRefundsTwice: "A refund that was heard of before is another one.",
    ForgetLateSuccess: "Money that comes after a cancel or the end of the time is not looked at.",
    OverlookSecondPayment: "An order that was paid twice is shown to nobody.",
    LeaveFirstPageOpen: "The page that another took the place of can still be paid at.",
    ReuseExpiredDoor: "A page whose time is over is shown again.",
    EndJobsOfOthers: "A job is ended by whoever once held it.",
    ForgetHeldJobs: "Jobs that were begun when the hub stopped are gone.",
    IgnoreNewerSchema: "A hub writes on after a newer one has changed the tables.",
    ForgetTheBooks: "Money moves and no journal is written.",
    BreakTheChain: "An event does not carry the hash of the one before it.",
    SequenceStandsStill: "Each event of a payment has the same number in the sequence.",
    TellNumbersAgain: "A payment out of a backup goes on with numbers that the merchant has heard.",
    RepeatAfterRestore: "What was found at the processor after a restore is asked for again.",
    NameBeforeMarks: "A backup is in its place before its payments are marked.",
    DeliveredWithoutSuccess: "Any answer of the merchant's endpoint is a success.",
    FollowRedirects: "A delivery to the merchant goes wherever it is redirected.",
    AllowInnerAddresses: "The hub connects to addresses inside for whoever registers them.",
    ShopperInHistory: "The shopper's name and address become part of the history.",
    CardNumbersComeIn: "What looks like a card number is not refused.",
    KeepSecretsInExchanges: "What is kept of an exchange shows the connector's secrets.",
    AnyDoor: "A processor's page is shown whatever host it is on.",
    RevokedKeyOpens: "An API key that was revoked still opens.",
    LiveKeyReadsTestData: "Test and live are one.",
    CountSettledTwice: "What an operator said was done is another one when the processor tells of it.",
    BookTheAskedSum: "What was paid is what was asked, whatever else the processor names.",
    KeepDoubtToItself: "What is in doubt for long is shown to nobody.",
    ForgetTheWayBack: "The merchant does not hear that the shopper may try again.",
}

#[cfg(feature = "planted-bugs")]
struct Chosen {
    bug: Bug,
    at_work: fn(Bug),
    told: OnceLock<()>,
}

#[cfg(feature = "planted-bugs")]
static CHOSEN: OnceLock<Chosen> = OnceLock::new();

/// Plants a mistake for as long as the process lives; the first one stays. `at_work` is told when a place is
/// reached where it is made.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Bug, at_work: fn(Bug)) {
    // A second hub in one process plants the same.
    let _planted = CHOSEN.set(Chosen { bug, at_work, told: OnceLock::new() });
}

/// Whether this mistake is to be made.
#[cfg(feature = "planted-bugs")]
#[must_use]
pub fn planted(bug: Bug) -> bool {
    let Some(chosen) = CHOSEN.get().filter(|chosen| chosen.bug == bug) else { return false };
    chosen.told.get_or_init(|| (chosen.at_work)(bug));
    true
}

/// Whether this mistake is to be made: never in this build.
#[cfg(not(feature = "planted-bugs"))]
#[must_use]
pub const fn planted(_bug: Bug) -> bool {
    false
}
