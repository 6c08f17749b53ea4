//! The one JSON form of the contract: ask (question and transcript so far) and reply (step, done or fault).

use serde::{Deserialize, Serialize};

use crate::dialogue::Conclusion;
use crate::{Adapter, Answer, Call, Delivery, Dialogue, Exchange, Fault, Notification, Step};

/// Version of the contract these types describe. Fields are added without raising it; it rises when an
/// older adapter or host could misread something.
pub const CONTRACT_VERSION: u32 = 1;

/// What the adapter is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Perform an operation.
    Call(Call),
    /// Read a delivery.
    Delivery(Delivery),
}

/// One run of an adapter's function: the question and everything that has been answered so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ask {
    /// [`CONTRACT_VERSION`] of the host.
    pub contract: u32,
    /// The question.
    #[serde(flatten)]
    pub question: Question,
    /// Steps done so far, in order.
    #[serde(default)]
    pub transcript: Vec<Exchange>,
}

impl Ask {
    /// A question at its beginning.
    #[must_use]
    pub const fn new(question: Question) -> Self {
        Self { contract: CONTRACT_VERSION, question, transcript: Vec::new() }
    }
}

/// What one run of an adapter comes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The host has to do this first.
    Step(Step),
    /// The answer to a call.
    Answer(Answer),
    /// What a delivery means.
    Notifications(Vec<Notification>),
    /// No answer, and why.
    Fault(Fault),
}

/// Runs an adapter's function once. Pure: equal asks give equal replies.
#[must_use]
pub fn run(adapter: &dyn Adapter, ask: &Ask) -> Reply {
    let mut dialogue = Dialogue::new(&ask.transcript);
    match &ask.question {
        Question::Call(call) => {
            let returned = adapter.perform(call, &mut dialogue);
            reply(dialogue.conclude(returned), Reply::Answer)
        }
        Question::Delivery(delivery) => {
            let returned = adapter.receive(delivery, &mut dialogue);
            reply(dialogue.conclude(returned), Reply::Notifications)
        }
    }
}

fn reply<T>(conclusion: Conclusion<T>, done: impl FnOnce(T) -> Reply) -> Reply {
    match conclusion {
        Conclusion::Step(step) => Reply::Step(step),
        Conclusion::Done(value) => done(value),
        Conclusion::Fault(fault) => Reply::Fault(fault),
    }
}
