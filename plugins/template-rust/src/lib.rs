//! Acme Pay as a plugin: a hosted page, refunds, signed webhooks. Read it from top to bottom.
//!
//! Each function asks the processor something and says what the answer means. `dialogue.send(..)?` leaves the
//! function; the hub sends the request and runs the function again with the response. Nothing here knows a
//! secret, keeps anything, or decides about money: it reports what the processor says.

mod descriptor;

use processor_sdk::{
    Adapter, Answer, Call, CheckoutOrder, Decline, DeclineCode, Delivery, Descriptor, Dialogue, Door, Facts,
    Fault, Flow, HttpRequest, Item, ItemKind, ItemState, Json, Notification, Operation, Part, ReferenceKind,
    RefundOrder, Says, SignatureCheck, Timestamp, Word,
};
use serde_json::{Value, json};

/// How old a webhook's signature may be, in seconds.
const SIGNATURE_TOLERANCE_S: u32 = 300;

processor_sdk::export_adapter!(Acme);

/// The adapter for Acme Pay.
#[derive(Clone, Copy, Debug)]
pub struct Acme;

impl Adapter for Acme {
    fn descriptor(&self) -> Descriptor {
        descriptor::descriptor()
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match &call.operation {
            Operation::OpenCheckout(order) => open_checkout(call, order, dialogue),
            Operation::FetchPayment => fetch_payment(call, dialogue),
            Operation::Refund(order) => refund(call, order, dialogue),
            // What the capabilities in the descriptor do not promise is not done.
            _ => Err(Fault::Unsupported.into()),
        }
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        // The hub checks the signature with the secret, and the proof says that it did.
        let proof = dialogue.verify(signature(delivery)?)?;
        Ok(vec![Notification { proof: Some(proof), ..notification(&delivery.json()?)? }])
    }
}

/// Opens the hosted page. The key makes a repeated request the same one, so the hub may safely send it again.
fn open_checkout(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let body = json!({
        "reference": call.echo,
        "amount": call.amount.minor(),
        "currency": call.amount.currency().code(),
        "capture": "automatic",
        "return_url": order.return_url,
        "cancel_url": order.cancel_url,
        "expires_at": order.expires_at.as_unix_seconds(),
    });
    let session = dialogue.send(post(call, "/v1/sessions", body)?)?.success_json()?;
    let facts = session_facts(&session)?;
    // Only an open page is a way to go on; the words say the rest.
    if facts.word != Some(Word::Open) {
        return Ok(Answer::said(facts));
    }
    Ok(Answer::with_door(facts, Door::redirect(session.text("/url")?)))
}

/// What became of the payment: asked when a webhook is late, or an answer was lost.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Session)?;
    let response = dialogue.send(get(call, &format!("/v1/sessions/{id}"))?)?;
    // "There is no such thing" must be in the processor's own words: any proxy can answer 404.
    if response.status == 404 && response.json()?.text("/error/code")? == "not_found" {
        return Ok(Answer::Absent);
    }
    Ok(Answer::said(session_facts(&response.success_json()?)?))
}

/// Gives back all or part of what was taken.
fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let payment = call.require_reference(ReferenceKind::Payment)?;
    let body = json!({"payment": payment, "amount": order.amount.minor(), "reference": order.echo});
    let response = dialogue.send(post(call, "/v1/refunds", body)?)?;
    // A refusal is an answer too: this refund did not happen. Everything else that is no success is a fault, and
    // the hub goes on asking.
    if response.status == 422 && response.json()?.text("/error/code")? == "amount_exceeds_captured" {
        let (echo, reason) = (Some(order.echo.clone()), Some("amount_exceeds_captured".to_owned()));
        return Ok(Answer::said(Facts {
            items: vec![Item {
                kind: ItemKind::Refund,
                id: None,
                echo,
                state: ItemState::Failed,
                amount: None,
                reason,
                at: None,
            }],
            ..Facts::default()
        }));
    }
    Ok(Answer::said(refund_facts(&response.success_json()?)?))
}

/// What a session says; responses and webhooks show the same object.
fn session_facts(session: &Json) -> Result<Facts, Fault> {
    let currency = session.currency("/currency")?;
    let mut facts = Facts {
        word: Some(match session.text("/status")? {
            "open" => Word::Open,
            "processing" => Word::Pending,
            "paid" => Word::Paid,
            "declined" => Word::Declined,
            "expired" => Word::Expired,
            // A word that nobody has heard of is not rounded to the nearest one.
            other => Word::Unknown(other.to_owned()),
        }),
        // Amounts are the processor's own, never the ones that were asked: the hub compares the two.
        amount: Some(session.minor_units("/amount", currency)?),
        at: Some(session.unix_seconds("/updated")?),
        ..Facts::default()
    }
    .reference(ReferenceKind::Session, session.text("/id")?);
    if let Some(code) = session.optional_text("/decline_code")? {
        let code = match code {
            "insufficient_funds" => DeclineCode::InsufficientFunds,
            "stolen_card" => DeclineCode::StolenOrLost,
            _ => DeclineCode::CardDeclined,
        };
        facts.decline = Some(Decline { code, elsewhere: false, processor_code: None });
    }
    if session.at("/payment").is_some() {
        facts.captured = Some(session.minor_units("/payment/amount_captured", currency)?);
        facts.refunded = Some(session.minor_units("/payment/amount_refunded", currency)?);
        facts = facts.reference(ReferenceKind::Payment, session.text("/payment/id")?);
    }
    Ok(facts)
}

/// What a refund says. It names the payment, by which the hub finds whose it is.
fn refund_facts(refund: &Json) -> Result<Facts, Fault> {
    let state = match refund.text("/status")? {
        "pending" => ItemState::Pending,
        "succeeded" => ItemState::Succeeded,
        "failed" => ItemState::Failed,
        _ => return Err(Fault::unreadable("expected a documented status at /status")),
    };
    let item = Item {
        kind: ItemKind::Refund,
        id: Some(refund.text("/id")?.to_owned()),
        echo: refund.optional_text("/reference")?.map(str::to_owned),
        state,
        amount: Some(refund.minor_units("/amount", refund.currency("/currency")?)?),
        reason: None,
        at: Some(refund.unix_seconds("/updated")?),
    };
    Ok(Facts { items: vec![item], ..Facts::default() }
        .reference(ReferenceKind::Payment, refund.text("/payment")?)
        .reference(ReferenceKind::Refund, refund.text("/id")?))
}

/// `Sandbox-Signature: t=1700000000,v1=<hex>` covers the time, a full stop and the body.
fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let malformed = || Fault::forged("the signature header is missing or malformed");
    let header = delivery.headers.get("Sandbox-Signature").ok_or_else(malformed)?;
    let (time, hex) =
        header.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")).ok_or_else(malformed)?;
    let seconds = time.parse().map_err(|_| malformed())?;
    let at = Timestamp::from_unix_seconds(seconds).map_err(|_| malformed())?;
    let over = vec![Part::text(format!("{time}.")), Part::DeliveryBody];
    Ok(SignatureCheck::hmac_sha256_hex("webhook_secret", over, vec![hex.to_owned()])
        .signed_at(at, SIGNATURE_TOLERANCE_S))
}

/// What a webhook says, once it is verified.
fn notification(event: &Json) -> Result<Notification, Fault> {
    let object = event.part("/data/object")?;
    let facts = match event.text("/type")? {
        "session.processing" | "session.paid" | "session.declined" | "session.expired" => {
            Some(session_facts(&object)?)
        }
        "refund.pending" | "refund.succeeded" | "refund.failed" => Some(refund_facts(&object)?),
        _ => None,
    };
    Ok(Notification {
        // The same event delivered again counts once.
        event_id: Some(event.text("/id")?.to_owned()),
        // Any id that the hub has seen before finds the payment.
        references: facts.iter().flat_map(|facts| facts.references.iter().cloned()).collect(),
        echo: None,
        says: match facts {
            Some(facts) => Says::Facts(facts),
            None => Says::Ignored { why: "an event type that we do not use".to_owned() },
        },
        proof: None,
    })
}

fn get(call: &Call, path: &str) -> Result<HttpRequest, Fault> {
    Ok(HttpRequest::get(format!("{}{path}", call.settings.base_url("base_url")?)).bearer("api_key"))
}

fn post(call: &Call, path: &str, body: Value) -> Result<HttpRequest, Fault> {
    Ok(HttpRequest::post(format!("{}{path}", call.settings.base_url("base_url")?))
        .bearer("api_key")
        .header("Idempotency-Key", &call.key)
        .json(body))
}
