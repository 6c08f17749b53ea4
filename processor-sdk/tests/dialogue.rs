//! Replay as adapters see it: each run gets a little further, and no trick turns silence into an answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, Ask, Call, Capabilities, CaptureMode, Channel,
    Currencies, Currency, Delivery, Descriptor, Dialogue, Exchange, Facts, Fault, Flow, Headers, HttpRequest,
    HttpResponse, IdempotencyProfile, KeyCarrier, LookUp, MacAlgorithm, MacRequest, Money, Notification,
    Operation, Part, Proof, Question, ReferenceKind, Reply, Says, SecretRef, Settings, SignatureCheck,
    SignedDeliveries, Step, StepAnswer, Stop, TextEncoding, Timestamp, Word, run,
};

type Perform = Box<dyn Fn(&Call, &mut Dialogue<'_>) -> Flow<Answer> + Send + Sync>;
type Receive = Box<dyn Fn(&Delivery, &mut Dialogue<'_>) -> Flow<Vec<Notification>> + Send + Sync>;

/// An adapter made of two closures.
struct Made {
    perform: Perform,
    receive: Receive,
}

fn performing(perform: impl Fn(&Call, &mut Dialogue<'_>) -> Flow<Answer> + Send + Sync + 'static) -> Made {
    Made { perform: Box::new(perform), receive: Box::new(|_, _| Err(Fault::Unsupported.into())) }
}

fn receiving(
    receive: impl Fn(&Delivery, &mut Dialogue<'_>) -> Flow<Vec<Notification>> + Send + Sync + 'static,
) -> Made {
    Made { perform: Box::new(|_, _| Err(Fault::Unsupported.into())), receive: Box::new(receive) }
}

impl Adapter for Made {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: processor_sdk::CONTRACT_VERSION,
            name: "made".to_owned(),
            version: "1.0.0".to_owned(),
            title: "Made".to_owned(),
            documentation: "https://docs.example/".to_owned(),
            settings: Vec::new(),
            secrets: Vec::new(),
            hosts: Vec::new(),
            checkout_hosts: Vec::new(),
            currencies: Currencies::All,
            capabilities: Capabilities {
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
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::None,
                retention_s: 0,
                replays_errors: false,
                after_unknown: AfterUnknown::LookFirst,
                absent_after_s: 0,
            },
            deliveries: SignedDeliveries::WholeBody,
            acknowledgement: Acknowledgement { status: 200, body: String::new() },
            reads: Vec::new(),
            never_store: Vec::new(),
            needs: Vec::new(),
            setup: Vec::new(),
            events: Vec::new(),
        }
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        (self.perform)(call, dialogue)
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        (self.receive)(delivery, dialogue)
    }
}

fn call() -> Question {
    Question::Call(Call {
        operation: Operation::FetchPayment,
        key: "key1".to_owned(),
        echo: "att1".to_owned(),
        amount: Money::new(1999, Currency::EUR).unwrap(),
        capture: CaptureMode::Automatic,
        references: std::collections::BTreeSet::new(),
        created_at: Timestamp::UNIX_EPOCH,
        settings: Settings::default(),
        livemode: false,
    })
}

fn delivery() -> Question {
    Question::Delivery(Delivery {
        channel: Channel::Webhook,
        url: "https://hub.example.com/webhooks/made".to_owned(),
        query: Vec::new(),
        headers: Headers::default(),
        body: "{}".into(),
        received_at: Timestamp::UNIX_EPOCH,
        echo: None,
        settings: Settings::default(),
        livemode: false,
    })
}

fn get(path: &str) -> HttpRequest {
    HttpRequest::get(format!("https://api.example/{path}"))
}

fn response(body: &str) -> StepAnswer {
    StepAnswer::Response(HttpResponse { status: 200, headers: Headers::default(), body: body.into() })
}

fn sent(path: &str, body: &str) -> Exchange {
    Exchange { step: Step::Send(get(path)), answer: response(body) }
}

fn check() -> SignatureCheck {
    SignatureCheck::hmac_sha256_hex("webhook_secret", vec![Part::DeliveryBody], vec!["00".to_owned()])
}

fn checked(answer: StepAnswer) -> Exchange {
    Exchange { step: Step::Verify(check()), answer }
}

fn reply(adapter: &Made, question: Question, transcript: &[Exchange]) -> Reply {
    let ask = Ask { transcript: transcript.to_vec(), ..Ask::new(question) };
    let reply = run(adapter, &ask);
    // Pure, and the same through strings.
    assert_eq!(run(adapter, &ask), reply);
    let json = serde_json::to_string(&reply).unwrap();
    assert_eq!(serde_json::from_str::<Reply>(&json).unwrap(), reply);
    reply
}

fn wants(path: &str) -> Reply {
    Reply::Step(Step::Send(get(path)))
}

fn said(word: Word) -> Reply {
    Reply::Answer(Answer::said(Facts::word(word)))
}

fn text(response: &HttpResponse) -> String {
    response.body.as_text().unwrap().to_owned()
}

#[test]
fn two_calls_are_two_lines() {
    let adapter = performing(|_, dialogue| {
        let payer = dialogue.send(get("payer"))?;
        let order = dialogue.send(get(&format!("orders/{}", text(&payer))))?;
        Ok(Answer::said(Facts::word(Word::Open).reference(ReferenceKind::Order, text(&order))))
    });
    assert_eq!(reply(&adapter, call(), &[]), wants("payer"));
    assert_eq!(reply(&adapter, call(), &[sent("payer", "p7")]), wants("orders/p7"));
    let done = reply(&adapter, call(), &[sent("payer", "p7"), sent("orders/p7", "o9")]);
    let facts = Facts::word(Word::Open).reference(ReferenceKind::Order, "o9");
    assert_eq!(done, Reply::Answer(Answer::said(facts)));
}

#[test]
fn a_loop_asks_once_per_run() {
    let adapter = performing(|_, dialogue| {
        let mut page = "1".to_owned();
        for _ in 0..3 {
            page = text(&dialogue.send(get(&format!("pages/{page}")))?);
        }
        Ok(Answer::said(Facts::word(Word::Unknown(page))))
    });
    let transcript = [sent("pages/1", "2"), sent("pages/2", "3"), sent("pages/3", "end")];
    let replies: Vec<_> = (0..=3).map(|length| reply(&adapter, call(), &transcript[..length])).collect();
    let word = Word::Unknown("end".to_owned());
    assert_eq!(replies, [wants("pages/1"), wants("pages/2"), wants("pages/3"), said(word)]);
}

#[test]
fn a_conditional_send_depends_on_what_was_answered() {
    let adapter = performing(|_, dialogue| {
        let status = text(&dialogue.send(get("status"))?);
        if status == "see other" {
            dialogue.send(get("other"))?;
        }
        Ok(Answer::said(Facts::word(Word::Paid)))
    });
    assert_eq!(reply(&adapter, call(), &[sent("status", "paid")]), said(Word::Paid));
    assert_eq!(reply(&adapter, call(), &[sent("status", "see other")]), wants("other"));
    assert_eq!(reply(&adapter, call(), &[sent("status", "see other"), sent("other", "")]), said(Word::Paid));
}

#[test]
fn a_replay_that_asks_something_else_is_a_fault() {
    let fault = Reply::Fault(Fault::NotDeterministic);
    let adapter = performing(|_, dialogue| {
        dialogue.send(get("now"))?;
        Ok(Answer::said(Facts::word(Word::Paid)))
    });
    let mut other_body = sent("now", "");
    if let Step::Send(request) = &mut other_body.step {
        *request = request.clone().header("x", "1");
    }
    for transcript in [
        vec![sent("then", "")],
        vec![other_body],
        vec![checked(StepAnswer::Verified)],
        // The step is right and its answer is of another kind.
        vec![Exchange { step: Step::Send(get("now")), answer: StepAnswer::Verified }],
        // More is on record than the adapter asked.
        vec![sent("now", ""), sent("later", "")],
    ] {
        assert_eq!(reply(&adapter, call(), &transcript), fault, "{transcript:?}");
    }
    // Ignoring the divergence helps nothing.
    let careless = performing(|_, dialogue| {
        let _ = dialogue.send(get("now"));
        let _ = dialogue.send(get("then"));
        Ok(Answer::said(Facts::word(Word::Paid)))
    });
    assert_eq!(reply(&careless, call(), &[sent("then", "")]), fault);
}

#[test]
fn a_swallowed_stop_is_no_answer() {
    let fault = Reply::Fault(Fault::SwallowedStop);
    let paid = || Answer::said(Facts::word(Word::Paid));
    let with_ok = performing(move |_, dialogue| {
        dialogue.send(get("capture")).ok();
        Ok(paid())
    });
    let with_another_fault = performing(|_, dialogue| {
        dialogue.send(get("capture")).map_err(|_| Fault::Unsupported)?;
        Ok(Answer::Absent)
    });
    let with_more_steps = performing(move |_, dialogue| {
        let _ = dialogue.send(get("capture"));
        let _ = dialogue.send(get("status"));
        Ok(paid())
    });
    for adapter in [&with_ok, &with_another_fault, &with_more_steps] {
        assert_eq!(reply(adapter, call(), &[]), fault);
    }
    assert_eq!(reply(&with_ok, call(), &[sent("capture", "")]), said(Word::Paid));
    // What is asked after a pending step is not asked at all: the first one is the step.
    let passed_on_late = performing(|_, dialogue| {
        let first = dialogue.send(get("first"));
        dialogue.send(get("second"))?;
        first?;
        Ok(Answer::Absent)
    });
    assert_eq!(reply(&passed_on_late, call(), &[]), wants("first"));
}

#[test]
fn a_stop_kept_from_elsewhere_is_no_answer() {
    // A stop has no public constructor: it comes from a dialogue or from a fault. This one is from another.
    let kept: Stop = Dialogue::new(&[]).send(get("elsewhere")).unwrap_err();
    let adapter = performing(move |_, _| Err(kept.clone()));
    assert_eq!(reply(&adapter, call(), &[]), Reply::Fault(Fault::SwallowedStop));
    let faulty = performing(|_, _| Err(Fault::unreadable("expected anything").into()));
    assert_eq!(reply(&faulty, call(), &[]), Reply::Fault(Fault::unreadable("expected anything")));
}

#[test]
fn a_fault_may_leave_the_rest_of_the_record_unread() {
    // Only an answer claims to have taken everything into account.
    let adapter = performing(|_, dialogue| {
        dialogue.send(get("one"))?;
        Err(Fault::Processor { status: 500 }.into())
    });
    let transcript = [sent("one", ""), sent("two", "")];
    assert_eq!(reply(&adapter, call(), &transcript), Reply::Fault(Fault::Processor { status: 500 }));
}

#[test]
fn a_digest_is_an_answer_like_any_other() {
    let request = || MacRequest {
        algorithm: MacAlgorithm::HmacSha256,
        key: Some(SecretRef::named("api_key")),
        over: vec![Part::text("message")],
        encoding: TextEncoding::Hex,
    };
    let adapter = performing(move |_, dialogue| {
        let digest = dialogue.mac(request())?;
        dialogue.send(get(&digest))?;
        Ok(Answer::Absent)
    });
    let step = Step::Mac(request());
    assert_eq!(reply(&adapter, call(), &[]), Reply::Step(step.clone()));
    let computed = Exchange { step: step.clone(), answer: StepAnswer::Mac("abcd".to_owned()) };
    assert_eq!(reply(&adapter, call(), &[computed]), wants("abcd"));
    let wrong_kind = Exchange { step, answer: response("") };
    assert_eq!(reply(&adapter, call(), &[wrong_kind]), Reply::Fault(Fault::NotDeterministic));
}

fn statement(word: Word, proof: Option<Proof>) -> Notification {
    let says = Says::Facts(Facts::word(word));
    Notification { event_id: None, references: Vec::new(), echo: None, says, proof }
}

/// The exchanges that the notifications of a reply point to.
fn proofs(reply: &Reply) -> Vec<Option<usize>> {
    match reply {
        Reply::Notifications(notifications) => {
            notifications.iter().map(|notification| notification.proof.map(Proof::exchange)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_signature_is_forged_and_check_lets_go_on() {
    let refused = || checked(StepAnswer::Refused { why: "mismatch".to_owned() });
    let strict = receiving(|_, dialogue| {
        let proof = dialogue.verify(check())?;
        Ok(vec![statement(Word::Paid, Some(proof))])
    });
    assert_eq!(reply(&strict, delivery(), &[]), Reply::Step(Step::Verify(check())));
    let forged = reply(&strict, delivery(), &[refused()]);
    assert!(matches!(forged, Reply::Fault(Fault::Forged { .. })), "{forged:?}");
    assert_eq!(proofs(&reply(&strict, delivery(), &[checked(StepAnswer::Verified)])), [Some(0)]);

    let item_by_item = receiving(|_, dialogue| {
        let first = dialogue.check(check())?;
        let second = dialogue.check(check())?;
        Ok(vec![statement(Word::Paid, first), statement(Word::Paid, second)])
    });
    let transcript = [refused(), checked(StepAnswer::Verified)];
    assert_eq!(proofs(&reply(&item_by_item, delivery(), &transcript)), [None, Some(1)]);
}

#[test]
fn a_proof_is_the_index_of_its_exchange() {
    let adapter = receiving(|_, dialogue| {
        dialogue.send(get("keys"))?;
        let signature = dialogue.verify(check())?;
        let (_, look_up) = dialogue.look_up(get("payments/1"))?;
        Ok(vec![statement(Word::Paid, Some(signature)), statement(Word::Paid, Some(look_up))])
    });
    let transcript = [sent("keys", ""), checked(StepAnswer::Verified), sent("payments/1", "")];
    let reply = reply(&adapter, delivery(), &transcript);
    assert_eq!(proofs(&reply), [Some(1), Some(2)]);
    let json = serde_json::to_value(&reply).unwrap();
    assert_eq!(json.pointer("/notifications/1/proof"), Some(&serde_json::json!(2)));
}

/// No proof is given for a look-up that was not answered yet.
#[test]
fn a_look_up_stops_before_it_proves() {
    let adapter = receiving(|_, dialogue| {
        let (_, proof) = dialogue.look_up(get("payments/1"))?;
        Ok(vec![statement(Word::Paid, Some(proof))])
    });
    assert_eq!(reply(&adapter, delivery(), &[]), wants("payments/1"));
}
