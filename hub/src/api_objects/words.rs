//! The closed sets of words in the cart's API, each the mirror of an enum of the core.
//!
//! The mirror is what the published schema lists. A new variant inside does not compile until it has its word
//! here, so that no answer carries a word that the document does not know.

use hub_core::payment as core;
use processor_sdk as sdk;
use schemars::JsonSchema;
use serde::Serialize;

use crate::store;

/// Writes a mirror by hand once instead of eight times: the enum, the way into it, and all of its origin.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident of $from:ident::$origin:ident { $($(#[$means:meta])* $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$means])* $variant,)+
        }

        impl From<$from::$origin> for $name {
            fn from(word: $from::$origin) -> Self {
                match word {
                    $($from::$origin::$variant => Self::$variant,)+
                }
            }
        }

        impl $name {
            /// Each word of the core with its mirror.
            pub const PAIRS: &'static [($from::$origin, Self)] =
                &[$(($from::$origin::$variant, Self::$variant),)+];
        }
    };
}

words! {
    /// Where a payment intent stands.
    PaymentIntentStatus of core::Status {
        /// Waits for the shopper: send the shopper to `checkout_url`.
        RequiresCheckout,
        /// The shopper may have paid; the processor has not said so yet.
        Processing,
        /// The money is reserved: capture or cancel.
        RequiresCapture,
        /// The money is taken: deliver.
        Succeeded,
        /// All of its tries were used up.
        Failed,
        /// Called off, or the reservation was released.
        Canceled,
        /// Its time is over, unpaid.
        Expired,
    }
}

words! {
    /// When the money is taken.
    CaptureMode of sdk::CaptureMode {
        /// At once when the shopper pays.
        Automatic,
        /// Reserved when the shopper pays, taken by a capture.
        Manual,
    }
}

words! {
    /// Where one try to pay stands.
    AttemptState of core::AttemptState {
        /// Started, nothing heard yet.
        Created,
        /// The processor's page waits for the shopper.
        Open,
        /// The shopper approved; to be completed.
        Approved,
        /// Paid in a way that takes time.
        Pending,
        /// Funds reserved.
        Authorized,
        /// Funds taken.
        Captured,
        /// Refused by the processor or the bank.
        Declined,
        /// Authorization released.
        Voided,
        /// Closed unpaid.
        Expired,
        /// Nobody knows yet; the hub keeps asking.
        Unknown,
        /// Never reached the processor.
        NotSent,
    }
}

words! {
    /// Where a capture or a refund stands.
    TransferStatus of core::TransferStatus {
        /// Asked; the processor has not said yet.
        Pending,
        /// Done. A refund can still fail afterwards, when the bank sends the money back.
        Succeeded,
        /// Not done.
        Failed,
    }
}

words! {
    /// Where a dispute stands.
    DisputeStatus of core::DisputeStatus {
        /// The bank has taken the money back or asks for it.
        Open,
        /// The merchant keeps the money.
        Won,
        /// The customer keeps the money.
        Lost,
    }
}

words! {
    /// Why a payment waits for an operator, or is marked for one.
    QuarantineReason of core::QuarantineReason {
        /// The processor names another amount than was asked.
        AmountMismatch,
        /// The processor names another currency than was asked.
        CurrencyMismatch,
        /// Two attempts took the money.
        PaidTwice,
        /// More was given back than was taken.
        RefundExceedsCaptured,
        /// The money came after the door was closed.
        PaidLate,
        /// What should be given back could not be.
        ReturnFailed,
        /// The processor took the money and says afterwards that it did not.
        CaptureUndone,
    }
}

words! {
    /// How a delivery to an endpoint goes.
    DeliveryState of store::DeliveryState {
        /// Waits for its next try.
        Pending,
        /// The endpoint took it.
        Delivered,
        /// Given up after the last try.
        Failed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mirrors_say_what_the_core_says() {
        for (core, word) in PaymentIntentStatus::PAIRS {
            assert_eq!(json!(word), core.as_str());
            assert_eq!(json!(word), json!(core), "the word of a list's filter");
        }
        for (core, word) in AttemptState::PAIRS {
            assert_eq!(json!(word), core.as_str());
        }
        for (core, word) in TransferStatus::PAIRS {
            assert_eq!(json!(word), core.as_str());
        }
        for (core, word) in DisputeStatus::PAIRS {
            assert_eq!(json!(word), core.as_str());
        }
        for (core, word) in QuarantineReason::PAIRS {
            assert_eq!(json!(word), core.as_str());
        }
    }
}
