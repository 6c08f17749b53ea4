//! The replay loop: run the adapter, do the step it stops at, run it again with the answer on record.
//!
//! Invariant: a run ends within [`EXCHANGES_MAX`] exchanges and [`RUN_S_MAX`] seconds, whatever the adapter
//! does. What a run may send depends on what it has shown so far: an operation may
//! send what it likes, a delivery only reads, and before its signature is verified only cacheable ones.

use std::future::Future;
use std::sync::Arc;

use processor_sdk::{
    Answer, Ask, Auth, Call, Delivery, Descriptor, Exchange, HttpRequest, HttpResponse, MacRequest, Method,
    Notification, Question, Reply, Settings, SignatureCheck, SignatureScheme, SignedDeliveries, Step,
    StepAnswer, Timestamp,
};

use super::credentials::SecretValues;
use super::crypto::{self, Checked, Sources};
use super::egress::{Egress, EgressError};
use super::judgment::{Effect, Failure};
use super::public_key;
use super::redact::{ExchangeRecord, Redactor, Span};
use super::request::is_read;
use super::runner::Runner;
use super::transport::SendError;
use super::trust::Evidence;
use crate::clock::Clock;
use crate::plugin::failures::{Failures, Wrong};

/// How many steps one run may take.
pub const EXCHANGES_MAX: usize = 16;

/// How long one run may take from its first step to its end, in seconds.
pub const RUN_S_MAX: i64 = 90;

/// How long the responses of one run may be together, in bytes: each replay reads all of them again.
pub const TRANSCRIPT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What every run of one connector works with.
pub struct Means {
    pub runner: Arc<dyn Runner>,
    pub descriptor: Descriptor,
    pub settings: Settings,
    pub secrets: Arc<SecretValues>,
    pub redactor: Arc<Redactor>,
    pub egress: Egress,
    pub clock: Arc<dyn Clock>,
    /// What the adapter did wrong, counted.
    pub failures: Arc<Failures>,
}

impl Means {
    /// A reply that can be read and is not one that the adapter may give.
    pub fn misbehaved(&self, what: impl Into<String>) -> Failure {
        self.failures.count(Wrong::BrokeRule);
        Failure::Misbehaved { who: self.runner.who(), what: what.into() }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one ending per run; boxing would only hide it")]
pub enum Ending {
    Answer(Answer),
    Notifications(Vec<Notification>),
    /// A signature check passed, and that was all that was asked for.
    Verified,
    Failed(Failure),
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Operation,
    /// Up to the first passed signature check.
    Authentication,
    Delivery,
}

/// One run with all that it has come to so far.
pub struct Run<'a> {
    means: &'a Means,
    purpose: Purpose,
    ask: Ask,
    deadline: Timestamp,
    transcript_bytes: usize,
    pub effect: Effect,
    pub evidence: Vec<Evidence>,
    /// That a signature was refused for its age.
    pub stale: bool,
    pub exchanges: Vec<ExchangeRecord>,
}

impl<'a> Run<'a> {
    pub fn operation(means: &'a Means, call: &Call) -> Self {
        Self::new(means, Purpose::Operation, Question::Call(call.clone()))
    }

    /// A run that ends at the first passed signature check.
    pub fn authentication(means: &'a Means, delivery: &Delivery) -> Self {
        Self::new(means, Purpose::Authentication, Question::Delivery(delivery.clone()))
    }

    pub fn delivery(means: &'a Means, delivery: &Delivery) -> Self {
        Self::new(means, Purpose::Delivery, Question::Delivery(delivery.clone()))
    }

    fn new(means: &'a Means, purpose: Purpose, question: Question) -> Self {
        let now = means.clock.now();
        Self {
            means,
            purpose,
            ask: Ask::new(question),
            deadline: now.checked_add_seconds(RUN_S_MAX).unwrap_or(now),
            transcript_bytes: 0,
            effect: Effect::None,
            evidence: Vec::new(),
            stale: false,
            exchanges: Vec::new(),
        }
    }

    /// Runs to the end.
    pub async fn finish(&mut self) -> Ending {
        self.finish_or_fail().await.unwrap_or_else(Ending::Failed)
    }

    async fn finish_or_fail(&mut self) -> Result<Ending, Failure> {
        loop {
            let step = match self.run_adapter().await? {
                Reply::Step(step) => step,
                Reply::Answer(answer) => return Ok(Ending::Answer(answer)),
                Reply::Notifications(notifications) => return Ok(Ending::Notifications(notifications)),
                Reply::Fault(fault) => return Err(Failure::Fault(fault)),
            };
            if self.looks_before_it_checks(&step) {
                return Ok(Ending::Notifications(vec![]));
            }
            if self.ask.transcript.len() >= EXCHANGES_MAX {
                return Err(self.means.misbehaved(format!("wants more than {EXCHANGES_MAX} exchanges")));
            }
            if self.means.clock.now() >= self.deadline {
                return Err(late());
            }
            let (answer, evidence) = self.perform(&step).await?;
            self.ask.transcript.push(Exchange { step, answer });
            self.evidence.push(evidence);
            if self.purpose == Purpose::Authentication && evidence != Evidence::None {
                return Ok(Ending::Verified);
            }
        }
    }

    /// That a delivery which nobody signs is to be looked up: there was nothing to authenticate, and looking is for
    /// later.
    fn looks_before_it_checks(&self, step: &Step) -> bool {
        let is_hint = self.means.descriptor.deliveries == SignedDeliveries::Unsigned;
        let asks = matches!(step, Step::Send(request) if !is_cacheable(request));
        is_hint && asks && self.purpose == Purpose::Authentication
    }

    async fn run_adapter(&self) -> Result<Reply, Failure> {
        let running = self.means.runner.run(&self.ask);
        within(self.means.clock.as_ref(), self.deadline, running).await.unwrap_or_else(|| Err(late()))
    }

    async fn perform(&mut self, step: &Step) -> Result<(StepAnswer, Evidence), Failure> {
        match step {
            Step::Send(request) => self.send(request).await,
            Step::Mac(request) => self.mac(request),
            Step::Verify(check) => Ok(self.verify(check)),
        }
    }

    fn question_delivery(&self) -> Option<&Delivery> {
        match &self.ask.question {
            Question::Call(_) => None,
            Question::Delivery(delivery) => Some(delivery),
        }
    }

    fn mac(&mut self, request: &MacRequest) -> Result<(StepAnswer, Evidence), Failure> {
        let began_at = self.means.clock.now();
        let sources = Sources { secrets: &self.means.secrets, delivery: self.question_delivery() };
        let mac = crypto::mac(request, sources).map_err(Failure::Fault)?;
        self.exchanges.push(self.means.redactor.mac_record(request, self.span(began_at)));
        Ok((StepAnswer::Mac(mac), Evidence::None))
    }

    fn verify(&mut self, check: &SignatureCheck) -> (StepAnswer, Evidence) {
        let began_at = self.means.clock.now();
        let checked = self.checked(check);
        self.exchanges.push(self.means.redactor.verify_record(check, &checked, self.span(began_at)));
        match (checked, self.question_delivery()) {
            (Checked::Verified { secret_index }, Some(delivery)) => {
                // Counted from 0: whoever rotates a secret sees when the old one is not needed any more.
                if let Some(secret_index @ 1..) = secret_index {
                    tracing::info!(secret_index, "signed with an older value of the secret");
                }
                (StepAnswer::Verified, Evidence::of_passed_check(check, delivery))
            }
            (Checked::Verified { .. }, None) => {
                (StepAnswer::Refused { why: "there is no delivery to check".to_owned() }, Evidence::None)
            }
            (Checked::Stale { why }, _) => {
                self.stale = true;
                (StepAnswer::Refused { why: self.means.redactor.reason(&why) }, Evidence::None)
            }
            (Checked::Refused { why }, _) => {
                (StepAnswer::Refused { why: self.means.redactor.reason(&why) }, Evidence::None)
            }
        }
    }

    fn checked(&self, check: &SignatureCheck) -> Checked {
        if let SignatureScheme::RsaSha256 { public_key_pem, .. } = &check.scheme
            && !public_key::has_known_origin(public_key_pem, &self.means.settings, &self.fetched_bodies())
        {
            return Checked::Refused {
                why: "the public key comes from neither a setting nor a cacheable fetch".to_owned(),
            };
        }
        let sources = Sources { secrets: &self.means.secrets, delivery: self.question_delivery() };
        crypto::verify(check, sources, &self.own_macs())
    }

    /// Bodies of the cacheable fetches of this run.
    fn fetched_bodies(&self) -> Vec<&[u8]> {
        self.ask.transcript.iter().filter_map(fetched_body).collect()
    }

    /// Digests computed for the adapter in this run.
    fn own_macs(&self) -> Vec<Vec<u8>> {
        let own = |exchange: &Exchange| match (&exchange.step, &exchange.answer) {
            (Step::Mac(request), StepAnswer::Mac(text)) => crypto::decode(text, request.encoding),
            (Step::Send(_) | Step::Mac(_) | Step::Verify(_), _) => None,
        };
        self.ask.transcript.iter().filter_map(own).collect()
    }

    async fn send(&mut self, request: &HttpRequest) -> Result<(StepAnswer, Evidence), Failure> {
        self.check_sending(request)?;
        if let Some(response) = self.means.egress.kept(request) {
            // Kept from an earlier run, so it is no look-up made for this delivery.
            self.count_bytes(&response)?;
            return Ok((StepAnswer::Response(response), Evidence::None));
        }
        let (means, deadline) = (self.means, self.deadline);
        let delivery = self.question_delivery().cloned();
        let preparing = means.egress.prepare(request, delivery.as_ref());
        let prepared = within(means.clock.as_ref(), deadline, preparing).await.ok_or_else(late)?;
        let prepared = prepared.map_err(|error| match error {
            EgressError::Refused(fault) => Failure::Fault(fault),
            EgressError::Transport(error) => Failure::Hindered(error.to_string()),
        })?;
        let is_read = is_read(&prepared.request, &means.descriptor.reads);
        if !is_read && self.purpose != Purpose::Operation {
            // There is no key and no stored intent behind it (no processor is asked for anything unrecorded).
            return Err(self.means.misbehaved("wants to send more than a read while it receives a delivery"));
        }
        let began_at = means.clock.now();
        let sending = means.egress.send(request, prepared, delivery.as_ref());
        let result = within(means.clock.as_ref(), deadline, sending).await;
        // Cut off in the middle, it may have left.
        let cut_off = || Err(SendError::MaybeSent { detail: format!("no answer within {RUN_S_MAX} s") });
        let result = result.unwrap_or_else(cut_off);
        if !is_read {
            self.effect = self.effect.and(Effect::of_send(result.as_ref()));
        }
        let record = means.redactor.send_record(request, result.as_ref(), self.span(began_at));
        tracing::debug!(
            status = record.status,
            duration_ms = record.duration_ms,
            "exchange with the processor"
        );
        self.exchanges.push(record);
        let response = result.map_err(|error| Failure::Hindered(error.to_string()))?;
        self.count_bytes(&response)?;
        let is_look_up =
            is_read && !is_cacheable(request) && request.auth != Auth::None && response.is_success();
        let evidence = if is_look_up { Evidence::LookUp } else { Evidence::None };
        Ok((StepAnswer::Response(response), evidence))
    }

    /// What a delivery may make us send before its signature is verified: fetches of public keys, and nothing
    /// that a stranger could use as a lever. Where deliveries are not signed, the path's secret has been
    /// compared before, and look-ups are the only way to any proof.
    fn check_sending(&self, request: &HttpRequest) -> Result<(), Failure> {
        let is_open = match (self.purpose, &self.means.descriptor.deliveries) {
            (Purpose::Operation, _) | (Purpose::Delivery, SignedDeliveries::Unsigned) => true,
            (Purpose::Authentication, _) | (Purpose::Delivery, SignedDeliveries::None) => false,
            (Purpose::Delivery, SignedDeliveries::WholeBody | SignedDeliveries::Fields(_)) => {
                self.is_verified()
            }
        };
        if is_open || is_cacheable(request) {
            return Ok(());
        }
        Err(self.means.misbehaved("wants to send more than a cacheable GET before a signature is verified"))
    }

    fn is_verified(&self) -> bool {
        self.ask.transcript.iter().any(|exchange| exchange.answer == StepAnswer::Verified)
    }

    fn count_bytes(&mut self, response: &HttpResponse) -> Result<(), Failure> {
        self.transcript_bytes += response.body.len();
        if self.transcript_bytes > TRANSCRIPT_BYTES_MAX {
            return Err(self
                .means
                .misbehaved(format!("asked for more than {TRANSCRIPT_BYTES_MAX} bytes of responses")));
        }
        Ok(())
    }

    fn span(&self, began_at: Timestamp) -> Span {
        Span { began_at, ended_at: self.means.clock.now() }
    }
}

fn is_cacheable(request: &HttpRequest) -> bool {
    request.method == Method::Get && request.cache_s.is_some()
}

fn fetched_body(exchange: &Exchange) -> Option<&[u8]> {
    match (&exchange.step, &exchange.answer) {
        (Step::Send(request), StepAnswer::Response(response))
            if is_cacheable(request) && response.is_success() =>
        {
            Some(response.body.as_slice())
        }
        (Step::Send(_) | Step::Mac(_) | Step::Verify(_), _) => None,
    }
}

fn late() -> Failure {
    Failure::Hindered(format!("the operation took longer than {RUN_S_MAX} s"))
}

/// The future's value, or `None` when the deadline comes first.
pub async fn within<T>(clock: &dyn Clock, deadline: Timestamp, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = clock.sleep_until(deadline) => None,
    }
}

#[cfg(test)]
mod tests {
    use hub_core::outcome::{NotSent, Outcome};
    use processor_sdk::{Answer, Channel, HttpRequest, Operation, SignatureCheck, TextEncoding};

    use super::super::lab::{API, Lab, Play, answers, call, delivery, lab, paid, performing, receiving};
    use super::super::transport::RESPONSE_BODY_BYTES_MAX;
    use super::super::{Authenticated, ReceiveFault};
    use super::*;

    fn get(number: usize) -> HttpRequest {
        HttpRequest::get(format!("{API}/{number}")).bearer("api_key")
    }

    #[tokio::test]
    async fn a_run_ends_within_its_exchanges() {
        for (wanted, ends_well) in [(EXCHANGES_MAX, true), (EXCHANGES_MAX + 1, false)] {
            let adapter = performing(move |_, dialogue| {
                for number in 0..wanted {
                    dialogue.send(get(number))?;
                }
                Ok(Answer::said(paid()))
            });
            let lab = lab(adapter, vec![answers(200, "{}"); EXCHANGES_MAX]);
            let performed = lab.connector.perform(&call(Operation::FetchPayment)).await;
            assert_eq!(matches!(performed.outcome, Outcome::Answered { .. }), ends_well, "{wanted}");
            assert_eq!(performed.exchanges.len(), EXCHANGES_MAX);
        }
    }

    #[tokio::test]
    async fn a_run_ends_within_its_bytes() {
        let adapter = performing(|_, dialogue| {
            for number in 0..EXCHANGES_MAX {
                dialogue.send(get(number))?;
            }
            Ok(Answer::said(paid()))
        });
        let body = "a".repeat(RESPONSE_BODY_BYTES_MAX);
        let lab = lab(adapter, vec![answers(200, &body); EXCHANGES_MAX]);
        let performed = lab.connector.perform(&call(Operation::FetchPayment)).await;
        assert!(
            matches!(performed.outcome, Outcome::NotSent { why: NotSent::Impossible { .. } }),
            "{:?}",
            performed.outcome
        );
        assert_eq!(performed.exchanges.len(), TRANSCRIPT_BYTES_MAX / RESPONSE_BODY_BYTES_MAX + 1);
    }

    #[tokio::test]
    async fn a_silent_processor_is_given_up_on() {
        for (request, is_unknown) in
            [(get(1), false), (HttpRequest::post(format!("{API}/pay")).bearer("api_key"), true)]
        {
            let adapter = performing(move |_, dialogue| {
                dialogue.send(request.clone())?;
                Ok(Answer::said(paid()))
            });
            let Lab { connector, clock, script } = lab(adapter, vec![Play::Hang]);
            let performing = tokio::spawn(async move { connector.perform(&call(Operation::Void)).await });
            while clock.sleeper_count() == 0 {
                tokio::task::yield_now().await;
            }
            clock.advance(u32::try_from(RUN_S_MAX).unwrap() - 1);
            tokio::task::yield_now().await;
            assert!(!performing.is_finished());
            clock.advance(1);
            let performed = performing.await.unwrap();
            assert_eq!(
                matches!(performed.outcome, Outcome::Unknown { .. }),
                is_unknown,
                "{:?}",
                performed.outcome
            );
            assert_eq!(performed.exchanges[0].duration_ms, u64::try_from(RUN_S_MAX).unwrap() * 1_000);
            assert_eq!(script.sent.lock().unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_panic_costs_one_operation_only() {
        let adapter = performing(|call, dialogue| match call.operation {
            Operation::Void => panic!("the adapter's own mistake"),
            _ => {
                dialogue.send(get(1))?;
                Ok(Answer::Absent)
            }
        });
        let lab = lab(adapter, vec![answers(200, "{}"); 40]);
        for _ in 0..40 {
            let outcome = lab.connector.perform(&call(Operation::Void)).await.outcome;
            assert!(matches!(outcome, Outcome::NotSent { why: NotSent::Impossible { .. } }), "{outcome:?}");
            let outcome = lab.connector.perform(&call(Operation::FetchPayment)).await.outcome;
            assert_eq!(outcome, Outcome::Answered { answer: Answer::Absent });
        }
    }

    /// A delivery whose signature is checked with a key that this request fetches.
    fn with_fetched_key(request: HttpRequest) -> super::super::lab::LabAdapter {
        receiving(SignedDeliveries::WholeBody, move |delivery, dialogue| {
            let key = dialogue.send(request.clone())?;
            let check = SignatureCheck {
                scheme: SignatureScheme::RsaSha256 {
                    public_key_pem: key.body.as_text().unwrap_or_default().to_owned(),
                    encoding: TextEncoding::Base64,
                },
                over: vec![processor_sdk::Part::DeliveryBody],
                candidates: delivery.headers.get("signature").map(str::to_owned).into_iter().collect(),
                timestamp: None,
            };
            dialogue.verify(check)?;
            Ok(vec![])
        })
    }

    #[tokio::test]
    async fn a_public_key_is_fetched_once_and_kept() {
        let request = HttpRequest { cache_s: Some(600), ..HttpRequest::get(format!("{API}/key")) };
        let key = public_key::test_key::SPKI;
        let Lab { connector, script, clock } =
            lab(with_fetched_key(request), vec![answers(200, key), answers(500, "")]);
        let good =
            delivery(Channel::Webhook, "signed message", &[("signature", public_key::test_key::SIGNATURE)]);
        let bad =
            delivery(Channel::Webhook, "signed messages", &[("signature", public_key::test_key::SIGNATURE)]);
        for _ in 0..3 {
            assert_eq!(connector.authenticate(&good).await, Authenticated::Accepted);
            assert!(matches!(connector.authenticate(&bad).await, Authenticated::Forged { .. }));
        }
        assert_eq!(script.sent_lines(), ["GET /key"]);
        clock.advance(600);
        assert!(!matches!(connector.authenticate(&good).await, Authenticated::Accepted));
        assert_eq!(script.sent_lines().len(), 2, "after its time it is fetched anew");
    }

    #[tokio::test]
    async fn a_key_from_elsewhere_verifies_nothing() {
        // The same key in the same place, but the response is not one that may be kept: an unauthenticated
        // delivery could have chosen it.
        let request = HttpRequest::get(format!("{API}/key"));
        let lab = lab(with_fetched_key(request), vec![answers(200, public_key::test_key::SPKI)]);
        let good =
            delivery(Channel::Webhook, "signed message", &[("signature", public_key::test_key::SIGNATURE)]);
        let received = lab.connector.receive(&good).await;
        assert!(matches!(received.fault, Some(ReceiveFault::Broken { .. })), "{received:?}");

        let adapter = receiving(SignedDeliveries::WholeBody, |delivery, dialogue| {
            let check = SignatureCheck {
                scheme: SignatureScheme::RsaSha256 {
                    public_key_pem: delivery.headers.get("key").unwrap_or_default().replace('|', "\n"),
                    encoding: TextEncoding::Base64,
                },
                over: vec![processor_sdk::Part::DeliveryBody],
                candidates: vec![public_key::test_key::SIGNATURE.to_owned()],
                timestamp: None,
            };
            dialogue.verify(check)?;
            Ok(vec![])
        });
        let key = public_key::test_key::SPKI.replace('\n', "|");
        let delivery = delivery(Channel::Webhook, "signed message", &[("key", &key)]);
        let lab = super::super::lab::lab(adapter, vec![]);
        assert!(matches!(lab.connector.authenticate(&delivery).await, Authenticated::Forged { .. }));
    }
}
