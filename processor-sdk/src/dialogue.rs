//! The adapter's view of a transcript: a recorded answer, or a stop.
//!
//! Invariant: once a step is pending or a replay has diverged, nothing the adapter returns counts. A
//! swallowed stop (`send(..).ok()`) therefore cannot turn silence into an answer.

use crate::{
    Exchange, Fault, HttpRequest, HttpResponse, MacRequest, Proof, Reply, SignatureCheck, Step, StepAnswer,
};

/// What straight-line adapter code returns: a value, or the reason it stops here.
pub type Flow<T> = Result<T, Stop>;

/// Why adapter code stops: the host has to do a step first, or there is a fault. `?` passes it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop(pub(crate) StopReason);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    Pending,
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self(StopReason::Fault(fault))
    }
}

/// One run of an adapter over the transcript so far.
#[derive(Debug)]
pub struct Dialogue<'a> {
    transcript: &'a [Exchange],
    position: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Replaying,
    Pending(Box<Step>),
    Diverged,
}

impl<'a> Dialogue<'a> {
    /// A dialogue at the beginning of `transcript`.
    #[must_use]
    pub const fn new(transcript: &'a [Exchange]) -> Self {
        Self { transcript, position: 0, state: State::Replaying }
    }

    /// Sends a request and gives the processor's response, whatever its status.
    ///
    /// # Errors
    /// Stops the first time; pass it on with `?`.
    pub fn send(&mut self, request: HttpRequest) -> Flow<HttpResponse> {
        match self.ask(Step::Send(request))?.1 {
            StepAnswer::Response(response) => Ok(response.clone()),
            StepAnswer::Mac(_) | StepAnswer::Verified | StepAnswer::Refused { .. } => self.diverge(),
        }
    }

    /// Sends a look-up of our own while receiving a delivery, and gives its response with the proof that
    /// we asked. The host accepts that proof only for an authenticated, successful read.
    ///
    /// # Errors
    /// As [`Dialogue::send`].
    pub fn look_up(&mut self, request: HttpRequest) -> Flow<(HttpResponse, Proof)> {
        let proof = Proof::of_exchange(self.position);
        Ok((self.send(request)?, proof))
    }

    /// Has the host compute a digest over parts, some of which may be secrets.
    ///
    /// # Errors
    /// As [`Dialogue::send`].
    pub fn mac(&mut self, request: MacRequest) -> Flow<String> {
        match self.ask(Step::Mac(request))?.1 {
            StepAnswer::Mac(text) => Ok(text.clone()),
            StepAnswer::Response(_) | StepAnswer::Verified | StepAnswer::Refused { .. } => self.diverge(),
        }
    }

    /// Has the host check a signature; the proof it gives must go into each notification it vouches for.
    ///
    /// # Errors
    /// [`Fault::Forged`] when the check fails; stops like [`Dialogue::send`].
    pub fn verify(&mut self, check: SignatureCheck) -> Flow<Proof> {
        self.check(check)?.ok_or_else(|| Fault::forged("signature mismatch").into())
    }

    /// As [`Dialogue::verify`], for deliveries of several items signed one by one: `None` when it fails.
    ///
    /// # Errors
    /// Stops like [`Dialogue::send`].
    pub fn check(&mut self, check: SignatureCheck) -> Flow<Option<Proof>> {
        let (index, answer) = self.ask(Step::Verify(check))?;
        match answer {
            StepAnswer::Verified => Ok(Some(Proof::of_exchange(index))),
            StepAnswer::Refused { .. } => Ok(None),
            StepAnswer::Response(_) | StepAnswer::Mac(_) => self.diverge(),
        }
    }

    /// What has been answered so far, for an adapter whose function runs somewhere else.
    #[must_use]
    pub const fn transcript(&self) -> &'a [Exchange] {
        self.transcript
    }

    /// Goes on with what the function came to where it ran, over the whole of [`Dialogue::transcript`].
    ///
    /// # Errors
    /// A stop when it wants a step, and its [`Fault`]; pass both on with `?`.
    pub fn go_on_with(&mut self, reply: Reply) -> Flow<Reply> {
        if self.position > 0 {
            return self.diverge();
        }
        self.position = self.transcript.len();
        match reply {
            Reply::Step(step) => {
                self.ask(step)?;
                self.diverge()
            }
            Reply::Fault(fault) => Err(fault.into()),
            Reply::Answer(_) | Reply::Notifications(_) => Ok(reply),
        }
    }

    fn ask(&mut self, step: Step) -> Flow<(usize, &'a StepAnswer)> {
        match self.state {
            State::Replaying => {}
            State::Pending(_) => return Err(Stop(StopReason::Pending)),
            State::Diverged => return Err(Fault::NotDeterministic.into()),
        }
        let index = self.position;
        match self.transcript.get(index) {
            Some(exchange) if exchange.step == step => {
                self.position += 1;
                Ok((index, &exchange.answer))
            }
            Some(_) => self.diverge(),
            None => {
                self.state = State::Pending(Box::new(step));
                Err(Stop(StopReason::Pending))
            }
        }
    }

    fn diverge<T>(&mut self) -> Flow<T> {
        self.state = State::Diverged;
        Err(Fault::NotDeterministic.into())
    }

    /// What this run of the adapter comes to, given what its function returned.
    pub(crate) fn conclude<T>(self, returned: Flow<T>) -> Conclusion<T> {
        match (self.state, returned) {
            (State::Diverged, _) => Conclusion::Fault(Fault::NotDeterministic),
            (State::Pending(step), Err(Stop(StopReason::Pending))) => Conclusion::Step(*step),
            // The stop was caught: whatever was made of it is not an answer.
            (State::Pending(_), _) => Conclusion::Fault(Fault::SwallowedStop),
            (State::Replaying, Err(Stop(StopReason::Fault(fault)))) => Conclusion::Fault(fault),
            // A stop that no step of this run caused was kept from somewhere else.
            (State::Replaying, Err(Stop(StopReason::Pending))) => Conclusion::Fault(Fault::SwallowedStop),
            (State::Replaying, Ok(_)) if self.position < self.transcript.len() => {
                Conclusion::Fault(Fault::NotDeterministic)
            }
            (State::Replaying, Ok(value)) => Conclusion::Done(value),
        }
    }
}

pub(crate) enum Conclusion<T> {
    Step(Step),
    Done(T),
    Fault(Fault),
}
