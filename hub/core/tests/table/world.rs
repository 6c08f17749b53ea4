//! One payment with its clock, its history and what came out of it. Every command runs through here, and
//! after every one of them everything that must always hold is asserted.

use std::collections::BTreeMap;

use hub_core::apply::fold;
use hub_core::command::{Command, CreateIntent};
use hub_core::decide::{create, decide};
use hub_core::event::{Cause, Event, Recorded};
use hub_core::ids::{MerchantId, OrderId, RefundId, Scope};
use hub_core::ledger::Account;
use hub_core::payment::{
    AttemptState, ConnectorProfile, DisputeStatus, OperationState, PaymentIntent, Status, TransferStatus,
};
use hub_core::policy::{PaidLate, PaidTwice, Policies};
use hub_core::publish::PUBLIC_TYPES;
use hub_core::refusal::Refusal;
use hub_core::retry;
use hub_core::schedule::{Work, schedule};
use hub_core::settle::settle;
use hub_core::story::{Context, Decision, Story};
use processor_sdk::{
    AfterUnknown, Capabilities, CaptureMode, Currency, IdempotencyProfile, KeyCarrier, LookUp, Money,
    Timestamp,
};

/// What stories begin with: nothing is given back unless somebody asks.
const HELD: Policies = Policies { paid_twice: PaidTwice::Hold, paid_late: PaidLate::Accept };

/// When every story begins.
pub(crate) fn start() -> Timestamp {
    Timestamp::parse_rfc3339("2030-01-01T00:00:00Z").unwrap()
}

pub(crate) fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, Currency::parse(currency).unwrap()).unwrap()
}

/// A connector that can do everything and remembers keys for a day, less what the flags take away.
pub(crate) fn profile<'a>(connector: &str, flags: impl IntoIterator<Item = &'a str>) -> ConnectorProfile {
    let mut capabilities = Capabilities {
        manual_capture: true,
        partial_capture: true,
        multiple_captures: true,
        void: true,
        refund: true,
        partial_refund: true,
        multiple_refunds: true,
        complete_checkout: false,
        expire_checkout: true,
        fetch_payment: LookUp::ByEcho,
        fetch_refund: LookUp::ByEcho,
        fetch_dispute: LookUp::ById,
        silent_auto_capture: false,
        orphan_session_payable: false,
    };
    let mut idempotency = IdempotencyProfile {
        carrier: KeyCarrier::Header { name: "Idempotency-Key".to_owned() },
        retention_s: 24 * 3_600,
        replays_errors: false,
        after_unknown: AfterUnknown::SameKey,
        absent_after_s: 60,
    };
    for flag in flags {
        match flag {
            "no_void" => capabilities.void = false,
            "no_expire" => capabilities.expire_checkout = false,
            "no_refund" => capabilities.refund = false,
            "no_partial_refund" => capabilities.partial_refund = false,
            "single_refund" => capabilities.multiple_refunds = false,
            "no_manual" => capabilities.manual_capture = false,
            "no_partial" => capabilities.partial_capture = false,
            "single_capture" => capabilities.multiple_captures = false,
            "completes" => capabilities.complete_checkout = true,
            "silent" => capabilities.silent_auto_capture = true,
            "orphan_payable" => capabilities.orphan_session_payable = true,
            "no_lookup" => {
                capabilities.fetch_payment = LookUp::None;
                capabilities.fetch_refund = LookUp::None;
                capabilities.fetch_dispute = LookUp::None;
            }
            "by_id" => {
                capabilities.fetch_payment = LookUp::ById;
                capabilities.fetch_refund = LookUp::ById;
            }
            "page_by_id" => {
                capabilities.fetch_payment = LookUp::PageById;
                capabilities.fetch_refund = LookUp::None;
            }
            "look_first" => idempotency.after_unknown = AfterUnknown::LookFirst,
            "keyless" => {
                idempotency.carrier = KeyCarrier::None;
                idempotency.after_unknown = AfterUnknown::LookFirst;
            }
            "short_key" => idempotency.retention_s = 100,
            // A bank transfer: nothing is sent, nobody can be asked, money goes back by hand.
            "transfer" => {
                capabilities = Capabilities {
                    manual_capture: false,
                    partial_capture: false,
                    multiple_captures: false,
                    void: false,
                    refund: false,
                    partial_refund: false,
                    multiple_refunds: false,
                    complete_checkout: false,
                    expire_checkout: false,
                    fetch_payment: LookUp::None,
                    fetch_refund: LookUp::None,
                    fetch_dispute: LookUp::None,
                    silent_auto_capture: false,
                    orphan_session_payable: false,
                };
                idempotency.carrier = KeyCarrier::NothingSent;
                idempotency.retention_s = 0;
            }
            other => panic!("no such flag: {other}"),
        }
    }
    let adapter = hub_core::payment::AdapterPin {
        name: connector.to_owned(),
        version: "1.0.0".to_owned(),
        content_hash: None,
    };
    ConnectorProfile { connector: connector.to_owned(), adapter, capabilities, idempotency }
}

/// One payment under test.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) payment: PaymentIntent,
    pub(crate) now: Timestamp,
    pub(crate) history: Vec<Recorded>,
    /// Types published so far.
    pub(crate) published: Vec<&'static str>,
    /// Number of the last one; a restore lets it leap.
    sequence: u64,
    pub(crate) ledger: BTreeMap<Account, i64>,
    pub(crate) policies: Policies,
    /// The most that was ever seen as reserved and as taken, as the database keeps it.
    authorized: i64,
    captured: i64,
    fresh: u64,
}

fn next_id(fresh: &mut u64) -> String {
    *fresh += 1;
    format!("{fresh:026}")
}

impl World {
    pub(crate) fn create(amount: Money, capture: CaptureMode, expires_in_s: i64) -> Self {
        let mut fresh = 0;
        let command = CreateIntent {
            scope: Scope { merchant_id: MerchantId::main(), livemode: false },
            order_id: OrderId::from_body(&next_id(&mut fresh)),
            order_reference: None,
            amount,
            capture,
            return_url: "https://shop.example/return".to_owned(),
            cancel_url: None,
            site: None,
            connector: None,
            metadata: BTreeMap::from([("course".to_owned(), "1".to_owned())]),
            checkout_token: "token".to_owned(),
            expires_in_s,
        };
        let now = start();
        let cause = Cause::Api { key_id: "key".to_owned() };
        let decision =
            create(command, &mut Context { now, cause, fresh: &mut || next_id(&mut fresh), policies: HELD });
        let mut world = Self {
            payment: decision.payment.clone(),
            now,
            history: vec![],
            published: vec![],
            sequence: 0,
            ledger: BTreeMap::new(),
            policies: HELD,
            authorized: 0,
            captured: 0,
            fresh,
        };
        assert_eq!((decision.payment.version, decision.events.len()), (1, 1));
        world.absorb(decision);
        world
    }

    /// Runs a command; a refusal must leave no trace.
    pub(crate) fn run(&mut self, command: &Command) -> Result<(), Refusal> {
        let mut fresh = self.fresh;
        let before = self.payment.clone();
        let context = &mut Context {
            now: self.now,
            cause: Cause::Processor,
            fresh: &mut || next_id(&mut fresh),
            policies: self.policies,
        };
        let decided = decide(&self.payment, command, context);
        assert_eq!(self.payment, before);
        self.fresh = fresh;
        let decision = decided?;
        Self::check_step(&before, &decision);
        self.absorb(decision);
        Ok(())
    }

    fn absorb(&mut self, decision: Decision) {
        for recorded in &decision.events {
            if let Event::Restored { sequence_after, .. } = &recorded.event {
                let leap = sequence_after.unwrap();
                let millis = u64::try_from(self.now.as_micros() / 1_000).unwrap();
                assert!(leap >= self.sequence.max(millis), "{leap} may have been told before");
                self.sequence = leap;
            }
        }
        for (sequence, publication) in &decision.publications {
            self.published.push(publication.kind);
            self.sequence += 1;
            assert_eq!(*sequence, self.sequence, "publications have no gaps");
            assert!(PUBLIC_TYPES.contains(&publication.kind), "{} is not declared", publication.kind);
        }
        for (version, journal) in &decision.journals {
            assert!(decision.events.iter().any(|recorded| recorded.version == *version));
            let sum: i64 = journal.entries().iter().map(|entry| entry.amount.minor()).sum();
            assert_eq!(sum, 0, "journal {} balances", journal.memo());
            for entry in journal.entries() {
                *self.ledger.entry(entry.account).or_default() += entry.amount.minor();
            }
        }
        for recorded in decision.events {
            self.history.push(recorded);
            assert_eq!(self.history.last().unwrap().version, u64::try_from(self.history.len()).unwrap());
        }
        self.payment = decision.payment;
        self.check_state();
    }

    /// Everything that must hold after every command.
    fn check_state(&mut self) {
        let payment = &self.payment;
        assert_eq!(fold(&self.history).as_ref(), Some(payment), "folding the events gives the state");
        assert_eq!(payment.version, u64::try_from(self.history.len()).unwrap());
        assert_eq!(payment.sequence, self.sequence);

        let mut fresh = self.fresh;
        let mut context = Context {
            now: self.now,
            cause: Cause::Timer,
            fresh: &mut || next_id(&mut fresh),
            policies: self.policies,
        };
        let mut again = Story::of(payment, &mut context);
        settle(&mut again);
        let again: Vec<Event> = again.end().events.into_iter().map(|recorded| recorded.event).collect();
        assert_eq!(again, vec![], "settling again records nothing");

        self.check_row();
        self.check_shown();
        self.check_bounds();
        self.check_books();
        self.check_schedule();
    }

    /// The row that the database keeps of it satisfies its `CHECK`s: whatever was said can be stored.
    fn check_row(&mut self) {
        let payment = &self.payment;
        let reserved =
            payment.attempts.iter().map(|attempt| attempt.authorized_by_evidence(payment.amount).minor());
        let captured = payment.amount_captured().minor();
        self.captured = self.captured.max(captured);
        self.authorized = self.authorized.max(reserved.sum::<i64>()).max(captured);
        let (captures, refunds) = (payment.captures_asked().minor(), payment.refunds_asked().minor());
        assert!(captures <= self.authorized, "captures asked, {captures}, can be stored");
        assert!(refunds <= self.captured, "refunds asked, {refunds}, can be stored");
    }

    /// Money that the shop holds shows: as a payment, or as a quarantine that somebody looks at.
    fn check_shown(&self) {
        let payment = &self.payment;
        let kept = payment.amount_kept();
        let paid = matches!(payment.status, Status::Succeeded | Status::RequiresCapture);
        assert!(
            kept.is_zero() || paid || payment.quarantine.is_some(),
            "{kept} is kept of a payment that is {} and nobody is told",
            payment.status.as_str()
        );
        assert!(paid || !payment.is_paid_in_full(), "an order is paid by a payment that counts");
    }

    /// What is told apart adds up, and nothing is asked for twice at once.
    fn check_bounds(&self) {
        let payment = &self.payment;
        for attempt in &payment.attempts {
            let captures = payment.captures.iter().filter(|capture| capture.attempt_id == attempt.id);
            let captures: Vec<_> = captures.collect();
            let told = captures.iter().filter(|capture| capture.status == TransferStatus::Succeeded);
            let told: i64 = told.map(|capture| capture.amount.minor()).sum();
            let captured = attempt.captured.minor();
            let pending = captures.iter().any(|capture| capture.status == TransferStatus::Pending);
            assert!(told <= captured || payment.is_blocked(), "captures sum to {told} of {captured}");
            assert!(told == captured || pending || payment.is_blocked(), "captures tell all of {captured}");
            for kind in attempt.operations.iter().map(|operation| operation.kind) {
                let payment_wide = attempt.operations.iter().filter(|operation| {
                    operation.kind == kind
                        && operation.is_open()
                        && operation.subject == hub_core::payment::Subject::Payment
                });
                assert!(payment_wide.count() <= 1, "one open {} at a time", kind.as_str());
            }
        }
        assert!(payment.amount_capturable().minor() <= payment.amount.minor());
    }

    /// The books say what the payment says.
    fn check_books(&self) {
        let payment = &self.payment;
        let balance = |account| self.ledger.get(&account).copied().unwrap_or(0);
        let of = |status| {
            let disputes = payment.disputes.iter().filter(move |dispute| dispute.status == status);
            disputes.map(|dispute| dispute.amount.minor()).sum::<i64>()
        };
        let held = of(DisputeStatus::Open);
        let lost = of(DisputeStatus::Lost);
        let kept = payment.amount_captured().minor() - payment.amount_refunded().minor();
        assert_eq!(balance(Account::DisputesHeld), held, "books of open disputes");
        assert_eq!(balance(Account::ProcessorReceivable), kept - held - lost, "books of processors' debt");
        assert_eq!(balance(Account::MerchantPayable), lost - kept, "books of the merchant's money");
    }

    /// As long as something is open and anything automatic could resolve it, it is scheduled; and nothing is
    /// scheduled that would do nothing when its time comes.
    fn check_schedule(&self) {
        let payment = &self.payment;
        let wanted = schedule(payment);
        for attempt in &payment.attempts {
            let capabilities = &attempt.profile.capabilities;
            for operation in attempt.operations.iter().filter(|operation| operation.is_open()) {
                let work = Work::CallProcessor {
                    attempt_id: attempt.id.clone(),
                    operation_id: operation.id.clone(),
                };
                match wanted.get(&work) {
                    Some(due_at) => {
                        let action = retry::action(operation, &attempt.profile, self.now.max(*due_at));
                        assert_ne!(
                            action,
                            retry::Action::Wait,
                            "{:?} wants something when due",
                            operation.kind
                        );
                    }
                    None => {
                        assert_eq!(operation.state, OperationState::Stuck);
                        assert!(!retry::can_look_up(operation.kind, &attempt.profile), "stuck without need");
                    }
                }
            }
            let opening = attempt.open_operation(processor_sdk::OperationKind::OpenCheckout).is_some();
            let pending =
                payment.captures.iter().any(|capture| {
                    capture.attempt_id == attempt.id && capture.status == TransferStatus::Pending
                }) || payment.refunds.iter().any(|refund| {
                    refund.attempt_id == attempt.id && refund.status == TransferStatus::Pending
                });
            let waits = match attempt.state(payment.capture) {
                AttemptState::Approved | AttemptState::Pending | AttemptState::Authorized => true,
                AttemptState::Unknown => !opening,
                AttemptState::Open => self.now < payment.expires_at,
                AttemptState::Created
                | AttemptState::Captured
                | AttemptState::Declined
                | AttemptState::Voided
                | AttemptState::Expired
                | AttemptState::NotSent => false,
            };
            if (waits || pending) && capabilities.fetch_payment == LookUp::ByEcho {
                assert!(attempt.check.is_some(), "{:?} is looked up", attempt.state(payment.capture));
            }
        }
        let waits = match payment.status {
            Status::RequiresCheckout | Status::Processing => payment.closed.is_none(),
            Status::RequiresCapture
            | Status::Succeeded
            | Status::Failed
            | Status::Canceled
            | Status::Expired => false,
        };
        assert_eq!(wanted.contains_key(&Work::Expire), waits, "its end is scheduled while it waits");
    }

    /// What one command may change.
    fn check_step(before: &PaymentIntent, decision: &Decision) {
        let after = &decision.payment;
        assert!(
            after.amount_captured().minor() >= before.amount_captured().minor(),
            "taken money stays taken"
        );
        assert!(after.attempts.len() >= before.attempts.len());
        Self::check_asked(before, after);
        // What an operator accepts is what a processor really gave back.
        let accepted = |refund: &RefundId| {
            decision.events.iter().any(|recorded| match &recorded.event {
                Event::QuarantineResolved { accepted, .. } => {
                    accepted.refunds.iter().any(|(id, _)| id == refund)
                }
                _ => false,
            })
        };
        for refund in &before.refunds {
            assert!(after.refunds.iter().any(|later| {
                later.id == refund.id && (later.amount == refund.amount || accepted(&refund.id))
            }));
        }
        let late = after.status == Status::Succeeded && before.status != Status::Succeeded;
        let legal = before.status == after.status || !before.status.is_end() || late;
        assert!(legal, "{:?} is not left for {:?}", before.status, after.status);
        if decision.events.is_empty() {
            assert_eq!(before, after);
        }
    }

    /// What we ask for is bounded by what was there before, whatever processors say later.
    fn check_asked(before: &PaymentIntent, after: &PaymentIntent) {
        for refund in after.refunds.iter().skip(before.refunds.len()).filter(|refund| !refund.observed) {
            let attempt = before.attempt(&refund.attempt_id).unwrap();
            // A policy, or an operator, gives back what the same command booked or set free.
            let afterwards = after.attempt(&refund.attempt_id).unwrap();
            let taken = afterwards.captured.minor();
            // What was accepted of an earlier refund may be less than was asked.
            let earlier = |payment: &PaymentIntent| -> i64 {
                let standing = payment.refunds.iter().take(before.refunds.len()).filter(|earlier| {
                    earlier.attempt_id == refund.attempt_id && earlier.status != TransferStatus::Failed
                });
                standing.map(|earlier| earlier.amount.minor()).sum()
            };
            // So is what a bank gave back.
            let disputed = |payment: &PaymentIntent| -> i64 {
                let standing = payment.disputes.iter().filter(|dispute| {
                    dispute.attempt_id == refund.attempt_id && dispute.status != DisputeStatus::Won
                });
                standing.map(|dispute| dispute.amount.minor()).sum()
            };
            let news = taken > attempt.captured.minor()
                || after.resolved != before.resolved
                || earlier(after) < earlier(before)
                || disputed(after) < disputed(before);
            assert!(news || refund.amount.minor() <= before.refundable(attempt).minor());
            let asked = after.refunds_standing(afterwards).minor();
            assert!(asked <= taken, "refunds asked are within what is captured");
        }
        for capture in after.captures.iter().skip(before.captures.len()).filter(|capture| !capture.observed) {
            let attempt = before.attempt(&capture.attempt_id).unwrap();
            assert!(capture.amount.minor() <= before.capturable(attempt).minor());
            let earlier = before.captures.iter().filter(|earlier| earlier.status != TransferStatus::Failed);
            let asked = earlier.map(|earlier| earlier.amount.minor()).sum::<i64>() + capture.amount.minor();
            assert!(asked <= before.amount.minor(), "captures asked are within what is authorized");
        }
    }

    /// Work whose time has come.
    pub(crate) fn due(&self) -> Vec<Work> {
        schedule(&self.payment)
            .into_iter()
            .filter(|(_, due_at)| *due_at <= self.now)
            .map(|(work, _)| work)
            .collect()
    }
}
