//! A decision in the making: events recorded one after the other, each applied at once, so that the next
//! rule sees what the one before it did.

use processor_sdk::{Facts, Timestamp};

use crate::apply::{apply, begin};
use crate::chain::{EventHash, link};
use crate::event::{Cause, Event, Recorded};
use crate::ids::AttemptId;
use crate::ledger::{Journal, post};
use crate::payment::{PaymentIntent, QuarantineReason};
use crate::planted::{Bug, planted};
use crate::policy::Policies;
use crate::publish::{Publication, publications};

/// When, by whom, and with which fresh ids something is decided.
pub struct Context<'a> {
    /// Now.
    pub now: Timestamp,
    /// Who or what caused it.
    pub cause: Cause,
    /// Makes fresh id bodies.
    pub fresh: &'a mut dyn FnMut() -> String,
    /// What the operator decided for what shops lose money on.
    pub policies: Policies,
}

/// What a command came to: everything that has to be committed together.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The payment afterwards.
    pub payment: PaymentIntent,
    /// What happened, oldest first; empty when the command changed nothing.
    pub events: Vec<Recorded>,
    /// What the merchant hears, with the number each has in the payment's sequence.
    pub publications: Vec<(u64, Publication)>,
    /// What the books say, each with the version of its event.
    pub journals: Vec<(u64, Journal)>,
}

/// A decision in the making.
pub struct Story<'a, 'b> {
    /// The payment so far.
    pub payment: PaymentIntent,
    context: &'a mut Context<'b>,
    events: Vec<Recorded>,
    publications: Vec<(u64, Publication)>,
    journals: Vec<(u64, Journal)>,
}

impl<'a, 'b> Story<'a, 'b> {
    /// A story that goes on from a payment.
    pub fn of(payment: &PaymentIntent, context: &'a mut Context<'b>) -> Self {
        let payment = payment.clone();
        Self { payment, context, events: vec![], publications: vec![], journals: vec![] }
    }

    /// A story that begins a payment.
    pub fn begin(intent: PaymentIntent, context: &'a mut Context<'b>) -> Self {
        let event = Event::Created { intent: Box::new(intent.clone()) };
        let mut payment = begin(&event).unwrap_or(intent);
        let publications = (1..).zip(publications(&event)).collect();
        let (at, cause, previous) = (context.now, context.cause.clone(), EventHash::NONE);
        let recorded = Recorded { version: 1, at, cause, event, previous };
        link(&mut payment, &recorded);
        Self { payment, context, events: vec![recorded], publications, journals: vec![] }
    }

    /// Records an event and applies it.
    pub fn record(&mut self, event: Event) {
        if let Some(journal) = post(&self.payment, &event) {
            self.journals.push((self.payment.version + 1, journal));
        }
        let first = self.payment.sequence + 1;
        self.publications.extend((first..).zip(publications(&event)));
        apply(&mut self.payment, &event, self.context.now);
        let previous = if planted(Bug::BreakTheChain) { EventHash::NONE } else { self.payment.last_event };
        let recorded = Recorded {
            version: self.payment.version,
            at: self.context.now,
            cause: self.context.cause.clone(),
            event,
            previous,
        };
        link(&mut self.payment, &recorded);
        self.events.push(recorded);
    }

    /// Records facts, unless everything in them is known.
    pub fn hear(&mut self, attempt_id: &AttemptId, facts: &Facts) {
        let news = self
            .payment
            .attempt(attempt_id)
            .is_some_and(|attempt| attempt.evidence.clone().merge(facts, self.context.now));
        if news {
            self.record(Event::FactsHeard { attempt_id: attempt_id.clone(), facts: Box::new(facts.clone()) });
        }
    }

    /// Records what a look-up said, unless nothing in it is new but its date. Gives the date back where it
    /// says again, later, what stands.
    pub fn hear_look_up(&mut self, attempt_id: &AttemptId, facts: &Facts) -> Option<Timestamp> {
        let attempt = self.payment.attempt(attempt_id)?;
        let mut after = attempt.evidence.clone();
        after.merge(facts, self.context.now);
        if attempt.evidence.reads_like(&after) {
            let confirms = facts.word.is_some() && facts.word.as_ref() == attempt.evidence.latest_word();
            return facts.at.filter(|_| confirms);
        }
        self.record(Event::FactsHeard { attempt_id: attempt_id.clone(), facts: Box::new(facts.clone()) });
        None
    }

    /// Now.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.context.now
    }

    /// Whether this very decision found something to stand against the facts.
    #[must_use]
    pub fn has_quarantined(&self, reason: QuarantineReason) -> bool {
        self.events.iter().any(|recorded| recorded.event == Event::Quarantined { reason })
    }

    /// The operator's policies.
    #[must_use]
    pub const fn policies(&self) -> Policies {
        self.context.policies
    }

    /// A fresh id body.
    pub fn fresh(&mut self) -> String {
        (self.context.fresh)()
    }

    /// The decision.
    #[must_use]
    pub fn end(self) -> Decision {
        let Self { payment, events, publications, journals, .. } = self;
        Decision { payment, events, publications, journals }
    }
}
