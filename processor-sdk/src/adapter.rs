//! The one trait a processor's code implements.

use crate::{Answer, Call, Delivery, Descriptor, Dialogue, Flow, Notification};

/// One processor's API as pure functions: no clock, no socket, no state, no secret.
///
/// No method has a default: what a processor cannot do is declared in [`Descriptor::capabilities`] and
/// answered with [`crate::Fault::Unsupported`].
pub trait Adapter: Send + Sync {
    /// Who this is and what it can do. Constant: the same on every call.
    fn descriptor(&self) -> Descriptor;

    /// Carries out one operation and says what the processor says.
    ///
    /// # Errors
    /// A stop at each step the first time, or a [`crate::Fault`].
    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer>;

    /// Reads one delivery. Facts count only with a proof; without one a notification is a hint at most.
    ///
    /// # Errors
    /// A stop at each step the first time, or a [`crate::Fault`]: [`crate::Fault::Forged`] when the signature is
    /// missing or wrong, [`crate::Fault::Unreadable`] when the body is, [`crate::Fault::Unsupported`] where the
    /// descriptor says that there are no deliveries.
    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>>;
}
