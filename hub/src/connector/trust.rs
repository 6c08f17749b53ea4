//! Which statements of a delivery are proven.
//!
//! An adapter puts a proof beside its facts, but a proof is only an index into the transcript: what happened
//! there is the host's knowledge. Facts whose proof does not hold become a hint, and the hub asks the
//! processor itself.
//!
//! Invariant: no facts leave here unless a signature with a secret or known key bound them to this delivery,
//! or our own authenticated look-up brought them. An event id counts only beside a proof, because event ids
//! are remembered for ever, and a forged one would silence the real event.

use hub_core::planted::Bug;
use processor_sdk::{
    Channel, Delivery, Notification, Part, Reference, Says, SignatureCheck, SignatureScheme, SignedDeliveries,
};

use crate::planted::planted;

/// What one exchange of a run is worth as a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Nothing.
    None,
    /// A token was right, but it covers nothing of what the delivery says.
    Token,
    /// A signature over some fields.
    Fields,
    /// A signature over the whole body.
    WholeBody,
    /// An authenticated, successful read of our own, made in this run.
    LookUp,
}

impl Evidence {
    /// What a passed signature check is worth.
    pub fn of_passed_check(check: &SignatureCheck, delivery: &Delivery) -> Self {
        match &check.scheme {
            SignatureScheme::Equal { .. } => Self::Token,
            SignatureScheme::Mac { .. } | SignatureScheme::RsaSha256 { .. } => {
                let covers = |part: &Part| match part {
                    Part::Text(text) => !text.is_empty(),
                    Part::DeliveryUrl => true,
                    Part::DeliveryBody => !delivery.body.is_empty(),
                    Part::Secret(_) => false,
                };
                // An empty body is covered by any signature and says nothing.
                if !delivery.body.is_empty() && check.over.contains(&Part::DeliveryBody) {
                    Self::WholeBody
                } else if check.over.iter().any(covers) {
                    Self::Fields
                } else {
                    Self::Token
                }
            }
        }
    }

    const fn proves_facts(self, deliveries: &SignedDeliveries) -> bool {
        match (self, deliveries) {
            (_, SignedDeliveries::None) => false,
            (Self::LookUp, _) => true,
            (Self::WholeBody, SignedDeliveries::WholeBody | SignedDeliveries::Fields(_)) => true,
            (Self::Fields, SignedDeliveries::Fields(_)) => true,
            (Self::None | Self::Token, _)
            | (Self::Fields, SignedDeliveries::WholeBody | SignedDeliveries::Unsigned)
            | (Self::WholeBody, SignedDeliveries::Unsigned) => false,
        }
    }
}

/// A notification as far as it can be believed: `Says::Facts` in it are proven.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedNotification {
    /// The processor's id of the event; only beside a proof.
    pub event_id: Option<String>,
    /// The processor's ids that find the payment. A hint's ids look things up and teach nothing.
    pub references: Vec<Reference>,
    /// Our echo, when the processor gave it back.
    pub echo: Option<String>,
    /// Facts, a change to ask about, or nothing of ours.
    pub says: Says,
    /// True when a valid proof stood beside it.
    pub is_proven: bool,
    /// True when it held facts that were not proven.
    pub is_demoted: bool,
    /// Webhook, or the shopper's browser.
    pub channel: Channel,
}

/// Weighs a notification against what the exchanges of its run are worth.
pub fn trusted(
    notification: Notification,
    evidence: &[Evidence],
    deliveries: &SignedDeliveries,
    channel: Channel,
) -> TrustedNotification {
    let worth = notification.proof.and_then(|proof| evidence.get(proof.exchange()).copied());
    let is_proven = worth.is_some_and(|worth| worth.proves_facts(deliveries)) || planted(Bug::BelieveHints);
    let (says, is_demoted) = match notification.says {
        Says::Facts(facts) if is_proven => (Says::Facts(facts), false),
        Says::Facts(_) => (Says::Changed, true),
        says @ (Says::Changed | Says::Ignored { .. }) => (says, false),
    };
    TrustedNotification {
        event_id: notification.event_id.filter(|_| is_proven),
        references: notification.references,
        echo: notification.echo,
        says,
        is_proven,
        is_demoted,
        channel,
    }
}

#[cfg(test)]
mod tests {
    use processor_sdk::{
        Dialogue, Fault, Flow, HttpRequest, KeyEncoding, MacAlgorithm, MacRequest, Proof, SecretRef,
        TextEncoding,
    };

    use super::super::lab::{API, Lab, Play, WEBHOOK_SECRET, answers, delivery, lab, paid, receiving};
    use super::super::{Authenticated, ReceiveFault};
    use super::*;

    const BODY: &str = "{\"id\":\"evt_1\"}";

    fn tag(message: &str) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, WEBHOOK_SECRET.as_bytes());
        hex::encode(ring::hmac::sign(&key, message.as_bytes()))
    }

    fn signature(over: Vec<Part>, delivery: &Delivery) -> SignatureCheck {
        let offered = delivery.headers.get("signature").map(str::to_owned).into_iter().collect();
        SignatureCheck::hmac_sha256_hex("webhook", over, offered)
    }

    fn token(delivery: &Delivery) -> SignatureCheck {
        let secret = SecretRef { name: "webhook".to_owned(), encoding: KeyEncoding::Utf8 };
        SignatureCheck {
            scheme: SignatureScheme::Equal { secret },
            ..signature(vec![Part::DeliveryBody], delivery)
        }
    }

    fn facts(proof: Option<Proof>) -> Vec<Notification> {
        vec![Notification {
            event_id: Some("evt_1".to_owned()),
            references: vec![],
            echo: Some("echo1".to_owned()),
            says: Says::Facts(paid()),
            proof,
        }]
    }

    fn look_up(path: &str) -> HttpRequest {
        HttpRequest::get(format!("{API}{path}")).bearer("api_key")
    }

    type Receives = fn(&Delivery, &mut Dialogue<'_>) -> Flow<Vec<Notification>>;

    fn fields() -> SignedDeliveries {
        SignedDeliveries::Fields(vec!["/id".to_owned()])
    }

    async fn received(
        deliveries: SignedDeliveries,
        receive: Receives,
        delivery: &Delivery,
        plays: Vec<Play>,
    ) -> Vec<TrustedNotification> {
        let Lab { connector, .. } = lab(receiving(deliveries, receive), plays);
        let received = connector.receive(delivery).await;
        assert_eq!(received.fault, None);
        received.notifications
    }

    /// How a delivery is checked, the message that its signature was made over, and whether facts beside that
    /// proof hold where the whole body is signed, where fields are, and where nothing is.
    fn rows() -> Vec<(&'static str, Receives, String, [bool; 3])> {
        vec![
            (
                "whole body",
                |delivery, dialogue| {
                    let over = vec![Part::text("1."), Part::DeliveryBody];
                    Ok(facts(Some(dialogue.verify(signature(over, delivery))?)))
                },
                tag(&format!("1.{BODY}")),
                [true, true, false],
            ),
            (
                "fields only",
                |delivery, dialogue| {
                    Ok(facts(Some(dialogue.verify(signature(vec![Part::text("evt_1")], delivery))?)))
                },
                tag("evt_1"),
                [false, true, false],
            ),
            (
                "a token, whatever it claims to cover",
                |delivery, dialogue| Ok(facts(Some(dialogue.verify(token(delivery))?))),
                WEBHOOK_SECRET.to_owned(),
                [false, false, false],
            ),
            (
                "a signature over nothing",
                |delivery, dialogue| {
                    Ok(facts(Some(dialogue.verify(signature(vec![Part::text("")], delivery))?)))
                },
                tag(""),
                [false, false, false],
            ),
            (
                "a failed check",
                |delivery, dialogue| {
                    let proof = dialogue.check(signature(vec![Part::DeliveryBody], delivery))?;
                    assert_eq!(proof, None);
                    // An index that did not pass.
                    Ok(facts(serde_json::from_str("0").ok()))
                },
                tag("another body"),
                [false, false, false],
            ),
            (
                "an invented index",
                |_, _| Ok(facts(serde_json::from_str("7").ok())),
                String::new(),
                [false; 3],
            ),
            ("no proof", |_, _| Ok(facts(None)), String::new(), [false; 3]),
        ]
    }

    #[tokio::test]
    async fn facts_need_a_proof_that_covers_them() {
        for channel in [Channel::Webhook, Channel::Return] {
            for (name, receive, signature, holds) in rows() {
                let delivery = delivery(channel, BODY, &[("Signature", &signature)]);
                let modes = [SignedDeliveries::WholeBody, fields(), SignedDeliveries::Unsigned];
                for (deliveries, holds) in modes.into_iter().zip(holds) {
                    let notifications = received(deliveries.clone(), receive, &delivery, vec![]).await;
                    let [notification] = notifications.as_slice() else { panic!("{notifications:?}") };
                    let row = format!("{name}, {deliveries:?}, {channel:?}");
                    assert_eq!(matches!(notification.says, Says::Facts(_)), holds, "{row}");
                    assert_eq!(notification.is_proven, holds, "{row}");
                    assert_eq!(notification.is_demoted, !holds, "{row}");
                    // A forged event id would silence the real event.
                    assert_eq!(notification.event_id.is_some(), holds, "{row}");
                    assert_eq!(notification.echo.as_deref(), Some("echo1"), "{row}");
                }
            }
        }
    }

    #[tokio::test]
    async fn an_empty_body_proves_nothing_for_a_return() {
        let receive: Receives = |delivery, dialogue| {
            Ok(facts(Some(dialogue.verify(signature(vec![Part::DeliveryBody], delivery))?)))
        };
        let delivery = delivery(Channel::Return, "", &[("Signature", &tag(""))]);
        for deliveries in [SignedDeliveries::WholeBody, fields()] {
            assert_eq!(received(deliveries, receive, &delivery, vec![]).await[0].says, Says::Changed);
        }
    }

    #[tokio::test]
    async fn a_look_up_of_our_own_proves_facts() {
        let unsigned: Vec<(&str, Receives, Vec<Play>, bool)> = vec![
            (
                "authenticated",
                |_, dialogue| Ok(facts(Some(dialogue.look_up(look_up("/p"))?.1))),
                vec![answers(200, "{}")],
                true,
            ),
            (
                "without credentials",
                |_, dialogue| Ok(facts(Some(dialogue.look_up(HttpRequest::get(format!("{API}/p")))?.1))),
                vec![answers(200, "{}")],
                false,
            ),
            (
                "not found",
                |_, dialogue| Ok(facts(Some(dialogue.look_up(look_up("/p"))?.1))),
                vec![answers(404, "{}")],
                false,
            ),
            (
                "kept in memory",
                |_, dialogue| {
                    let request = HttpRequest { cache_s: Some(60), ..look_up("/p") };
                    Ok(facts(Some(dialogue.look_up(request)?.1)))
                },
                vec![answers(200, "{}")],
                false,
            ),
        ];
        let delivery = delivery(Channel::Webhook, BODY, &[]);
        for (name, receive, plays, holds) in unsigned {
            let notifications = received(SignedDeliveries::Unsigned, receive, &delivery, plays).await;
            assert_eq!(notifications[0].is_proven, holds, "{name}");
        }
    }

    #[tokio::test]
    async fn what_may_be_sent_while_receiving() {
        let rows: Vec<(&str, Receives, bool, bool)> = vec![
            (
                "look-up before the check",
                |_, dialogue| Ok(facts(Some(dialogue.look_up(look_up("/p"))?.1))),
                false,
                true,
            ),
            (
                "look-up after the check",
                |delivery, dialogue| {
                    dialogue.verify(signature(vec![Part::DeliveryBody], delivery))?;
                    Ok(facts(Some(dialogue.look_up(look_up("/p"))?.1)))
                },
                true,
                true,
            ),
            (
                "look-up after a failed check",
                |delivery, dialogue| {
                    dialogue.check(signature(vec![Part::text("other")], delivery))?;
                    Ok(facts(Some(dialogue.look_up(look_up("/p"))?.1)))
                },
                false,
                true,
            ),
            (
                "a write after the check",
                |delivery, dialogue| {
                    dialogue.verify(signature(vec![Part::DeliveryBody], delivery))?;
                    dialogue.send(HttpRequest::post(format!("{API}/pay")).bearer("api_key"))?;
                    Ok(vec![])
                },
                false,
                false,
            ),
            (
                "a cacheable fetch before the check",
                |_, dialogue| {
                    dialogue
                        .send(HttpRequest { cache_s: Some(60), ..HttpRequest::get(format!("{API}/key")) })?;
                    Ok(vec![])
                },
                true,
                true,
            ),
        ];
        let delivery = delivery(Channel::Webhook, BODY, &[("Signature", &tag(BODY))]);
        for (name, receive, signed, unsigned) in rows {
            for (deliveries, allowed) in
                [(SignedDeliveries::WholeBody, signed), (SignedDeliveries::Unsigned, unsigned)]
            {
                let lab = lab(receiving(deliveries.clone(), receive), vec![answers(200, "{}")]);
                let received = lab.connector.receive(&delivery).await;
                assert_eq!(received.fault.is_none(), allowed, "{name} {deliveries:?}: {:?}", received.fault);
                assert_eq!(
                    lab.script.sent.lock().unwrap().len(),
                    usize::from(allowed),
                    "{name} {deliveries:?}"
                );
                if let Some(fault) = received.fault {
                    assert!(matches!(fault, ReceiveFault::Broken { .. }), "{name}: {fault}");
                }
            }
        }
    }

    #[tokio::test]
    async fn the_door_of_the_hub_opens_for_a_passed_check_only() {
        let whole: Receives = |delivery, dialogue| {
            let proof = dialogue.verify(signature(vec![Part::DeliveryBody], delivery))?;
            // The door asks for no more than the check.
            dialogue.look_up(look_up("/p"))?;
            Ok(facts(Some(proof)))
        };
        let hints = || SignedDeliveries::Unsigned;
        let rows: Vec<(&str, SignedDeliveries, Receives, String, &str)> = vec![
            ("good", SignedDeliveries::WholeBody, whole, tag(BODY), "accepted"),
            ("wrong", SignedDeliveries::WholeBody, whole, tag("x"), "forged"),
            ("not hex", SignedDeliveries::WholeBody, whole, "zz".to_owned(), "forged"),
            ("never checked", fields(), |_, _| Ok(facts(None)), String::new(), "forged"),
            (
                "unreadable",
                fields(),
                |_, _| Err(Fault::unreadable("expected JSON").into()),
                String::new(),
                "unreadable",
            ),
            (
                "no way to check",
                fields(),
                |_, _| Err(Fault::cannot_ask("settings.x", "is not set").into()),
                String::new(),
                "unavailable",
            ),
            ("panic", fields(), |_, _| panic!("the adapter's own mistake"), String::new(), "unavailable"),
            (
                "look-up first",
                fields(),
                |_, dialogue| {
                    dialogue.look_up(look_up("/p"))?;
                    Ok(vec![])
                },
                String::new(),
                "unavailable",
            ),
            ("a hint", hints(), |_, _| Ok(facts(None)), String::new(), "accepted"),
            ("a hint, signed", hints(), whole, tag(BODY), "accepted"),
            ("a hint, wrong", hints(), whole, tag("x"), "forged"),
            ("a hint, signature missing", hints(), whole, String::new(), "forged"),
            (
                "a hint, look-up first",
                hints(),
                |_, dialogue| {
                    dialogue.look_up(look_up("/p"))?;
                    Ok(vec![])
                },
                String::new(),
                "accepted",
            ),
            (
                "a hint, unreadable",
                hints(),
                |_, _| Err(Fault::unreadable("expected a form").into()),
                String::new(),
                "accepted",
            ),
            ("a hint, panic", hints(), |_, _| panic!("the adapter's own mistake"), String::new(), "accepted"),
        ];
        for (name, deliveries, receive, signature, expected) in rows {
            let lab = lab(receiving(deliveries, receive), vec![]);
            let authenticated = lab
                .connector
                .authenticate(&delivery(Channel::Webhook, BODY, &[("signature", &signature)]))
                .await;
            let word = match authenticated {
                Authenticated::Accepted => "accepted",
                Authenticated::Forged { .. } => "forged",
                Authenticated::Stale { .. } => "stale",
                Authenticated::Unreadable { .. } => "unreadable",
                Authenticated::Unavailable { .. } => "unavailable",
            };
            assert_eq!(word, expected, "{name}");
            assert_eq!(lab.script.sent_lines(), Vec::<String>::new(), "{name}: the door asks nobody");
        }
    }

    #[tokio::test]
    async fn a_signature_that_we_made_ourselves_proves_nothing() {
        let receive: Receives = |_, dialogue| {
            let mac = dialogue.mac(MacRequest {
                algorithm: MacAlgorithm::HmacSha256,
                key: Some(SecretRef::named("webhook")),
                over: vec![Part::DeliveryBody],
                encoding: TextEncoding::Base64,
            })?;
            let scheme = SignatureScheme::Mac {
                algorithm: MacAlgorithm::HmacSha256,
                key: Some(SecretRef::named("webhook")),
                encoding: TextEncoding::Base64,
            };
            let check = SignatureCheck {
                scheme,
                over: vec![Part::DeliveryBody],
                candidates: vec![mac],
                timestamp: None,
            };
            Ok(facts(Some(dialogue.verify(check)?)))
        };
        let Lab { connector, .. } = lab(receiving(SignedDeliveries::WholeBody, receive), vec![]);
        let received = connector.receive(&delivery(Channel::Webhook, BODY, &[])).await;
        assert!(matches!(received.fault, Some(ReceiveFault::Forged { .. })), "{received:?}");
    }
}
