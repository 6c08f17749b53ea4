//! The three things an adapter can ask its host to do, and the record of what came back.

use serde::{Deserialize, Serialize};

use crate::{HttpRequest, HttpResponse, MacRequest, SignatureCheck};

/// One thing for the host to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Send this request.
    Send(HttpRequest),
    /// Compute this digest.
    Mac(MacRequest),
    /// Check this signature.
    Verify(SignatureCheck),
}

/// What the host answers to a step. A request that fails in transport has no answer: the host ends the
/// operation itself, as NotSent or Unknown by its own knowledge of what left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StepAnswer {
    /// The processor's response to [`Step::Send`].
    Response(HttpResponse),
    /// The digest for [`Step::Mac`], written as asked.
    Mac(String),
    /// [`Step::Verify`] passed.
    Verified,
    /// [`Step::Verify`] failed.
    Refused {
        /// Mismatch, stale, no candidates, no secret: for the operator, never for the sender.
        why: String,
    },
}

/// One step with its answer. A list of them is the transcript of an operation or delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exchange {
    /// What was asked of the host.
    pub step: Step,
    /// What came back.
    pub answer: StepAnswer,
}
