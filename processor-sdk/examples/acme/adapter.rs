//! An adapter for Acme Pay, a processor that does not exist: one hosted page, refunds, signed webhooks.

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, Call, Capabilities, CheckoutOrder, Currencies, Currency,
    CurrencyLimit, Decline, DeclineCode, Delivery, Descriptor, Dialogue, Door, Facts, Fault, Flow, HostRule,
    HttpRequest, HttpResponse, IdempotencyProfile, Item, ItemKind, ItemState, Json, KeyCarrier, LookUp,
    Notification, Operation, Part, Proof, Reference, ReferenceKind, RefundOrder, Says, SecretField,
    SignatureCheck, SignedDeliveries, Timestamp, Word,
};
use serde_json::json;

const API: &str = "https://api.acme.example/v1";

/// Acme signs the time of sending and lets it be five minutes old.
const SIGNATURE_TOLERANCE_S: u32 = 300;

pub(crate) struct Acme;

impl Adapter for Acme {
    fn descriptor(&self) -> Descriptor {
        descriptor()
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match &call.operation {
            Operation::OpenCheckout(order) => open_checkout(call, order, dialogue),
            Operation::FetchPayment => fetch_payment(call, dialogue),
            Operation::Refund(order) => refund(call, order, dialogue),
            Operation::CompleteCheckout { .. }
            | Operation::ExpireCheckout
            | Operation::Capture(_)
            | Operation::Void
            | Operation::FetchRefund(_)
            | Operation::FetchDispute { .. } => Err(Fault::Unsupported.into()),
        }
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        let proof = dialogue.verify(signature_check(delivery)?)?;
        notifications(delivery, proof)
    }
}

pub(crate) fn notifications(delivery: &Delivery, proof: Proof) -> Flow<Vec<Notification>> {
    let event = delivery.json()?;
    let event_id = event.text("/id")?.to_owned();
    let notification = |says| Notification {
        event_id: Some(event_id.clone()),
        references: Vec::new(),
        echo: None,
        says,
        proof: Some(proof),
    };
    if event.text("/type")? != "checkout.updated" {
        return Ok(vec![notification(Says::Ignored { why: "an event type that we do not use".to_owned() })]);
    }
    let checkout = event.part("/checkout")?;
    Ok(vec![Notification {
        references: vec![Reference::new(ReferenceKind::Session, checkout.text("/id")?)],
        echo: checkout.optional_text("/reference")?.map(str::to_owned),
        ..notification(Says::Facts(checkout_facts(&checkout)?))
    }])
}

pub(crate) fn descriptor() -> Descriptor {
    let api = HostRule::Exactly("api.acme.example".to_owned());
    let limit = |currency| CurrencyLimit { currency, minimum: Some(50), maximum: None, multiple_of: None };
    Descriptor {
        contract: processor_sdk::CONTRACT_VERSION,
        name: "acme".to_owned(),
        version: "1.0.0".to_owned(),
        title: "Acme Pay".to_owned(),
        documentation: "https://docs.acme.example/".to_owned(),
        settings: Vec::new(),
        secrets: vec![
            SecretField {
                name: "api_key".to_owned(),
                required: true,
                several: false,
                hosts: vec![api.clone()],
                help: "Acme's dashboard, under Developers, API keys".to_owned(),
            },
            SecretField {
                name: "webhook_secret".to_owned(),
                required: true,
                several: true,
                hosts: Vec::new(),
                help: "Acme's dashboard, under Developers, Webhooks".to_owned(),
            },
        ],
        hosts: vec![api],
        checkout_hosts: vec![HostRule::Exactly("pay.acme.example".to_owned())],
        currencies: Currencies::Listed(vec![limit(Currency::EUR), limit(Currency::USD)]),
        capabilities: Capabilities {
            manual_capture: false,
            partial_capture: false,
            multiple_captures: false,
            void: false,
            refund: true,
            partial_refund: true,
            multiple_refunds: true,
            complete_checkout: false,
            expire_checkout: false,
            fetch_payment: LookUp::ById,
            fetch_refund: LookUp::None,
            fetch_dispute: LookUp::None,
            silent_auto_capture: false,
            orphan_session_payable: false,
        },
        idempotency: IdempotencyProfile {
            carrier: KeyCarrier::Header { name: "Idempotency-Key".to_owned() },
            retention_s: 86_400,
            replays_errors: false,
            after_unknown: AfterUnknown::SameKey,
            absent_after_s: 60,
        },
        deliveries: SignedDeliveries::WholeBody,
        acknowledgement: Acknowledgement { status: 200, body: String::new() },
        reads: Vec::new(),
        never_store: Vec::new(),
        needs: Vec::new(),
        setup: vec![
            "In Acme's dashboard, under Developers, API keys, take the key.".to_owned(),
            "Under Developers, Webhooks, add the webhook address and take its secret.".to_owned(),
        ],
        events: vec!["checkout.paid".to_owned()],
    }
}

pub(crate) fn open_checkout(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let request = HttpRequest::post(format!("{API}/checkouts"))
        .bearer("api_key")
        .header("Idempotency-Key", &call.key)
        .json(json!({
            "reference": call.echo,
            "amount": call.amount.minor(),
            "currency": call.amount.currency().code(),
            "description": order.description,
            "return_url": order.return_url,
            "notify_url": order.webhook_url,
        }));
    let checkout = dialogue.send(request)?.success_json()?;
    let door = Door::redirect(checkout.text("/url")?);
    Ok(Answer::with_door(checkout_facts(&checkout)?, door))
}

pub(crate) fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    checkout_answer(&dialogue.send(checkout_request(call)?)?)
}

pub(crate) fn checkout_answer(response: &HttpResponse) -> Flow<Answer> {
    // A 404 in Acme's own words ends an Unknown; a stray one from a proxy must not.
    if response.status == 404 && response.json()?.text("/error/code")? == "no_such_checkout" {
        return Ok(Answer::Absent);
    }
    Ok(Answer::said(checkout_facts(&response.success_json()?)?))
}

pub(crate) fn checkout_request(call: &Call) -> Result<HttpRequest, Fault> {
    let id = call.require_reference(ReferenceKind::Session)?;
    Ok(HttpRequest::get(format!("{API}/checkouts/{id}")).bearer("api_key"))
}

pub(crate) fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    refund_answer(&dialogue.send(refund_request(call, order)?)?.success_json()?)
}

pub(crate) fn refund_answer(refund: &Json) -> Flow<Answer> {
    let state = match refund.text("/status")? {
        "pending" => ItemState::Pending,
        "done" => ItemState::Succeeded,
        "failed" => ItemState::Failed,
        _ => return Err(Fault::unreadable("expected a known refund status at /status").into()),
    };
    let item = Item {
        kind: ItemKind::Refund,
        id: Some(refund.text("/id")?.to_owned()),
        echo: refund.optional_text("/reference")?.map(str::to_owned),
        state,
        amount: Some(refund.minor_units("/amount", refund.currency("/currency")?)?),
        reason: None,
        at: None,
    };
    Ok(Answer::said(Facts { items: vec![item], ..Facts::default() }))
}

pub(crate) fn refund_request(call: &Call, order: &RefundOrder) -> Result<HttpRequest, Fault> {
    let id = call.require_reference(ReferenceKind::Session)?;
    Ok(HttpRequest::post(format!("{API}/checkouts/{id}/refunds"))
        .bearer("api_key")
        .header("Idempotency-Key", &call.key)
        .json(json!({"reference": order.echo, "amount": order.amount.minor()})))
}

/// Reads Acme's checkout object, which responses and webhooks share.
pub(crate) fn checkout_facts(checkout: &Json) -> Result<Facts, Fault> {
    let currency = checkout.currency("/currency")?;
    let mut facts = Facts::word(checkout_word(checkout.text("/status")?))
        .reference(ReferenceKind::Session, checkout.text("/id")?);
    facts.amount = Some(checkout.minor_units("/amount", currency)?);
    facts.refunded = Some(checkout.minor_units("/refunded", currency)?);
    facts.at = Some(checkout.rfc3339("/updated_at")?);
    if facts.word == Some(Word::Declined) {
        let code = match checkout.optional_text("/failure")? {
            Some("insufficient_funds") => DeclineCode::InsufficientFunds,
            Some(_) | None => DeclineCode::CardDeclined,
        };
        facts.decline = Some(Decline { code, elsewhere: false, processor_code: None });
    }
    Ok(facts)
}

fn checkout_word(status: &str) -> Word {
    match status {
        "open" => Word::Open,
        "processing" => Word::Pending,
        "paid" => Word::Paid,
        "failed" => Word::Declined,
        "expired" => Word::Expired,
        other => Word::Unknown(other.to_owned()),
    }
}

/// Acme sends `Acme-Signature: <Unix seconds>,<hex>` and signs the time, a dot and the body.
pub(crate) fn signature_check(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let header =
        delivery.headers.get("acme-signature").ok_or_else(|| Fault::forged("no signature header"))?;
    let (time, signature) = header
        .split_once(',')
        .filter(|(_, signature)| !signature.is_empty())
        .ok_or_else(|| Fault::forged("the signature header is malformed"))?;
    let seconds = time.parse().map_err(|_| Fault::forged("the signed time is malformed"))?;
    let at = Timestamp::from_unix_seconds(seconds)
        .map_err(|_| Fault::forged("the signed time is out of range"))?;
    let over = vec![Part::text(format!("{time}.")), Part::DeliveryBody];
    Ok(SignatureCheck::hmac_sha256_hex("webhook_secret", over, vec![signature.to_owned()])
        .signed_at(at, SIGNATURE_TOLERANCE_S))
}
