//! The worker: what a payment wants done is carried to the made-up processor, over a network that loses, delays and
//! breaks off.

use hub_core::command::Command;
use hub_core::ids::AttemptId;
use hub_core::outcome::{NotSent, Outcome};
use hub_core::payment::{Operation, OperationState, Subject};
use hub_core::retry::{self, Action};
use hub_core::schedule::{Work, schedule};
use processor_sdk::{Answer, Fault, LookUp, OperationKind, Timestamp};

use crate::habits::ABSENT_AFTER_S;
use crate::life::{Life, Mail, later, pick};
use crate::processor::{Luck, Request};
use crate::script::Fate;

/// Longer after the intent's time nobody looks at an open page any more, in seconds: then a delivery has to come.
const LOOKED_AT_S: i64 = 12 * 24 * 3_600;

impl Life {
    /// Our name for the transfer that an operation is about, with its amount and whether it is the last.
    pub(crate) fn transfer_of(&self, operation: &Operation) -> Option<(String, i64, bool)> {
        match &operation.subject {
            Subject::Payment => None,
            Subject::Capture(id) => {
                let capture = self.payment.captures.iter().find(|known| known.id == *id).expect("a capture");
                Some((id.echo().to_owned(), capture.amount.minor(), capture.is_final))
            }
            Subject::Refund(id) => {
                let refund = self.payment.refunds.iter().find(|known| known.id == *id).expect("a refund");
                Some((id.echo().to_owned(), refund.amount.minor(), false))
            }
        }
    }

    /// The worker takes what is wanted, and waits until it is due.
    pub(crate) fn work(&mut self, which: usize, fate: Fate, luck: Luck) {
        let wanted = schedule(&self.payment);
        let is_free = |work: &Work| !self.late.iter().any(|(taken, _)| taken == work);
        let mut wanted: Vec<(Timestamp, Work)> =
            wanted.into_iter().filter(|(work, _)| is_free(work)).map(|(work, due)| (due, work)).collect();
        wanted.sort();
        let Some((due_at, work)) = pick(&wanted, which) else { return };
        self.now = self.now.max(due_at);
        match work.clone() {
            Work::Expire => self.give(&Command::Expire).expect("nothing refuses the end of the time"),
            Work::RemindOfCapture { attempt_id } => {
                self.give(&Command::RemindOfCapture { attempt_id }).expect("a reminder is not refused");
            }
            Work::Check { attempt_id } => self.look(&work, &attempt_id, None, fate),
            Work::CallProcessor { attempt_id, operation_id } => {
                let attempt = self.payment.attempt(&attempt_id).expect("an attempt");
                let operation = attempt.operation(&operation_id).expect("an operation").clone();
                match retry::action(&operation, &attempt.profile, self.now) {
                    Action::Send => self.send((due_at, work), &attempt_id, &operation, fate, luck),
                    Action::LookUp => self.look(&work, &attempt_id, Some(&operation), fate),
                    Action::Wait => self.wait(&attempt_id, &operation),
                }
            }
        }
    }

    /// The key was forgotten before the doubt's time came: from then on a person sees it.
    fn wait(&mut self, attempt_id: &AttemptId, operation: &Operation) {
        self.give(&Command::Reconsider).expect("time is not refused");
        let attempt = self.payment.attempt(attempt_id).expect("an attempt");
        let state = attempt.operation(&operation.id).expect("an operation").state;
        assert_eq!(state, OperationState::Stuck, "{} waits for a person", operation.kind.as_str());
    }

    fn send(
        &mut self,
        (due_at, work): (Timestamp, Work),
        attempt_id: &AttemptId,
        operation: &Operation,
        fate: Fate,
        luck: Luck,
    ) {
        let place = self.place(attempt_id);
        let transfer = self.transfer_of(operation);
        let request = Request { key: operation.id.body().to_owned(), kind: operation.kind, transfer };
        self.tick_a_moment();
        let arrives = match fate {
            Fate::Answered { .. } | Fate::AnswerLost | Fate::StoppedAfter | Fate::AnswerLate => true,
            Fate::Unsent { .. } | Fate::Lost | Fate::StoppedBefore => false,
        };
        if arrives {
            self.pages[place].asked(&request, luck, self.now);
            self.noted(place, false);
        }
        let answer = self.pages[place].answer(&request, self.now);
        let (attempt_id, operation_id) = (attempt_id.clone(), operation.id.clone());
        let tried = |outcome| Command::OperationTried {
            attempt_id: attempt_id.clone(),
            operation_id: operation_id.clone(),
            outcome,
        };
        // A hub that begins again takes up what was asked as if it might have been sent; what was in doubt before
        // is in doubt still, and it tells nobody.
        let asked = matches!(operation.state, OperationState::Asked { .. });
        let stopped = Command::OperationInterrupted {
            attempt_id: attempt_id.clone(),
            operation_id: operation_id.clone(),
            since: due_at,
        };
        let command = match fate {
            Fate::Answered { .. } => Some(tried(Outcome::Answered { answer })),
            Fate::Unsent { why } => Some(tried(Outcome::NotSent { why: unsent(why) })),
            Fate::Lost | Fate::AnswerLost => Some(tried(Outcome::Unknown { why: "timeout".to_owned() })),
            Fate::StoppedBefore | Fate::StoppedAfter => Some(stopped).filter(|_| asked),
            Fate::AnswerLate => {
                self.late.push((work, tried(Outcome::Answered { answer })));
                None
            }
        };
        if let Some(command) = command {
            self.give(&command).expect("what became of a request is not refused");
        }
    }

    fn look(&mut self, work: &Work, attempt_id: &AttemptId, operation: Option<&Operation>, fate: Fate) {
        let place = self.place(attempt_id);
        let attempt = &self.payment.attempts[place];
        let asked_at = self.now;
        let stale_s = match fate {
            Fate::Answered { stale_s } => stale_s.min(i64::from(ABSENT_AFTER_S)),
            _ => 0,
        };
        let seen_at = later(asked_at, -stale_s);
        let page = &self.pages[place];
        let capabilities = &attempt.profile.capabilities;
        let echo =
            operation.filter(|operation| operation.kind == OperationKind::Refund).and_then(|operation| {
                let (echo, ..) = self.transfer_of(operation)?;
                let named = self.heard[place].knows_id_of(&echo);
                let can = match capabilities.fetch_refund {
                    LookUp::None | LookUp::PageById => false,
                    LookUp::ByEcho => true,
                    LookUp::ById => named,
                };
                can.then_some(echo)
            });
        let answer = match &echo {
            Some(echo) => page.seen_refund(echo, seen_at),
            None => page.seen(seen_at),
        };
        let about_payment =
            echo.is_none() && operation.is_some_and(|operation| operation.subject != Subject::Payment);
        let unknown = |why: &str| Outcome::Unknown { why: why.to_owned() };
        let nameless = capabilities.fetch_payment == LookUp::ById && attempt.evidence.references().is_empty();
        let outcome = match (fate, answer) {
            _ if nameless => Outcome::NotSent { why: unsent(3) },
            (Fate::Unsent { why }, _) => Outcome::NotSent { why: unsent(why) },
            (Fate::Lost | Fate::AnswerLost, _) => unknown("timeout"),
            // The job is begun anew and nobody knows of this look.
            (Fate::StoppedBefore | Fate::StoppedAfter, _) => return,
            (Fate::Answered { .. } | Fate::AnswerLate, Answer::Absent) if about_payment => {
                unknown("the payment itself is not found")
            }
            (Fate::Answered { .. } | Fate::AnswerLate, answer) => Outcome::Answered { answer },
        };
        let operation_id = operation.map(|operation| operation.id.clone());
        let command = Command::LookedUp { attempt_id: attempt_id.clone(), operation_id, outcome, asked_at };
        if fate == Fate::AnswerLate {
            self.late.push((work.clone(), command));
        } else {
            self.give(&command).expect("a look is not refused");
        }
    }

    /// Whatever is new at a page will be told.
    pub(crate) fn noted(&mut self, place: usize, must: bool) {
        self.tick_a_moment();
        if let Some(facts) = self.pages[place].note(self.now) {
            let unwatched = self.now.seconds_since(self.payment.expires_at) > LOOKED_AT_S;
            self.mail.push(Mail { attempt: place, facts, must: must || unwatched });
        }
    }
}

fn unsent(why: u8) -> NotSent {
    match why {
        0 => NotSent::Unreachable { detail: "refused".to_owned() },
        1 => NotSent::Throttled { retry_after_s: Some(30) },
        2 => NotSent::Credentials { status: 401 },
        _ => NotSent::Impossible { fault: Fault::unreadable("it") },
    }
}
