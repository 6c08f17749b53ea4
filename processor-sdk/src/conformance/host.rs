//! A small host for tests: computes and checks digests with test secrets, answers requests from a list.
//!
//! It differs from the real one on purpose: it opens no socket, it compares without caring for time, and it
//! takes RSA signatures on record only, so that the kit needs no big-number arithmetic.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256, Sha512};

use crate::{
    Adapter, Ask, Delivery, Exchange, HttpRequest, HttpResponse, KeyEncoding, MacAlgorithm, MacRequest, Part,
    Question, Reply, SecretRef, SignatureCheck, SignatureScheme, Step, StepAnswer, TextEncoding, run,
};

/// Most steps one question may take. The same for every adapter, so that a loop ends.
pub const EXCHANGES_MAX: usize = 16;

/// Test values of secrets, by the names that the descriptor declares.
pub type Secrets = BTreeMap<String, String>;

/// Whether an empty secret may sign: a forger's may, the host's own may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EmptySecret {
    Refused,
    Taken,
}

/// Answers the n-th request (counted from 0) of a run; `None` when there is no answer.
pub type Respond<'a> = &'a mut dyn FnMut(usize, &HttpRequest) -> Option<HttpResponse>;

/// What the host holds for one run.
#[derive(Clone, Debug)]
pub struct Host<'a> {
    /// The secrets.
    pub secrets: &'a Secrets,
    /// The delivery and transcript on record, for signatures that the host can only recognize.
    pub recorded: Option<(&'a Delivery, &'a [Exchange])>,
}

/// One question followed to its end.
#[derive(Clone, Debug)]
pub struct Course {
    /// Every step that was answered.
    pub transcript: Vec<Exchange>,
    /// How it ended.
    pub end: End,
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// With an answer, notifications or a fault.
    Reply(Reply),
    /// With a request that nobody answered.
    NoAnswer(HttpRequest),
    /// With a digest that the host cannot compute.
    NoDigest(String),
    /// With more than [`EXCHANGES_MAX`] steps.
    Endless,
    /// With a panic.
    Panicked,
}

impl std::fmt::Display for End {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Reply(reply) => write!(formatter, "a reply: {}", as_json(reply)),
            Self::NoAnswer(request) => {
                write!(
                    formatter,
                    "a request without a recorded answer: {} {}",
                    request.method.as_str(),
                    request.url
                )
            }
            Self::NoDigest(why) => write!(formatter, "a digest that cannot be computed: {why}"),
            Self::Endless => write!(formatter, "more than {EXCHANGES_MAX} steps"),
            Self::Panicked => write!(formatter, "a panic"),
        }
    }
}

/// A value in its JSON form, for messages.
pub(super) fn as_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("not expressible in JSON: {error}"))
}

/// Runs an adapter's function once, a panic being an answer too.
pub(super) fn run_caught(adapter: &dyn Adapter, ask: &Ask) -> Option<Reply> {
    catch_unwind(AssertUnwindSafe(|| run(adapter, ask))).ok()
}

/// Follows a question to its end.
pub fn run_through(
    adapter: &dyn Adapter,
    question: &Question,
    host: &Host<'_>,
    respond: Respond<'_>,
) -> Course {
    let mut ask = Ask::new(question.clone());
    let mut requests = 0;
    let end = loop {
        let step = match run_caught(adapter, &ask) {
            None => break End::Panicked,
            Some(Reply::Step(step)) => step,
            Some(reply) => break End::Reply(reply),
        };
        if ask.transcript.len() == EXCHANGES_MAX {
            break End::Endless;
        }
        let delivery = match question {
            Question::Call(_) => None,
            Question::Delivery(delivery) => Some(delivery),
        };
        let answer = match &step {
            Step::Send(request) => match respond(requests, request) {
                Some(response) => {
                    requests += 1;
                    StepAnswer::Response(response)
                }
                None => break End::NoAnswer(request.clone()),
            },
            Step::Mac(request) => match mac(request, delivery, host.secrets) {
                Ok(text) => StepAnswer::Mac(text),
                Err(why) => break End::NoDigest(why),
            },
            Step::Verify(check) => match host.verify(check, delivery) {
                Ok(()) => StepAnswer::Verified,
                Err(why) => StepAnswer::Refused { why },
            },
        };
        ask.transcript.push(Exchange { step, answer });
    };
    Course { transcript: ask.transcript, end }
}

impl Host<'_> {
    /// Checks a signature, or says why it does not count.
    fn verify(&self, check: &SignatureCheck, delivery: Option<&Delivery>) -> Result<(), String> {
        let delivery = delivery.ok_or("there is no delivery to verify")?;
        let keys = Keys { secrets: self.secrets, empty: EmptySecret::Refused };
        if let Some(timestamp) = &check.timestamp {
            let distance_s = delivery.received_at.seconds_since(timestamp.at).unsigned_abs();
            if distance_s > u64::from(timestamp.tolerance_s) {
                return Err("stale".to_owned());
            }
        }
        let genuine = match &check.scheme {
            SignatureScheme::Mac { algorithm, key, encoding } => {
                if !names_secret(check) {
                    return Err("no secret takes part".to_owned());
                }
                let expected = keys.digest(*algorithm, key.as_ref(), &check.over, Some(delivery))?;
                check
                    .candidates
                    .iter()
                    .any(|text| decode(text, *encoding).is_ok_and(|bytes| bytes == expected))
            }
            SignatureScheme::Equal { secret } => {
                let expected = keys.value(secret)?;
                check.candidates.iter().any(|text| text == expected)
            }
            SignatureScheme::RsaSha256 { .. } => self.is_on_record(check, delivery),
        };
        if genuine { Ok(()) } else { Err("mismatch".to_owned()) }
    }

    /// Whether exactly this message passed the same check on record: what an unbroken signature would say.
    fn is_on_record(&self, check: &SignatureCheck, delivery: &Delivery) -> bool {
        let Some((recorded_delivery, transcript)) = self.recorded else {
            return false;
        };
        let keys = Keys { secrets: self.secrets, empty: EmptySecret::Refused };
        let message = keys.join(&check.over, Some(delivery));
        transcript.iter().any(|exchange| match (&exchange.step, &exchange.answer) {
            (Step::Verify(recorded), StepAnswer::Verified) => {
                recorded.scheme == check.scheme
                    && recorded.candidates.iter().any(|candidate| check.candidates.contains(candidate))
                    && message.is_ok()
                    && keys.join(&recorded.over, Some(recorded_delivery)) == message
            }
            (Step::Verify(_) | Step::Send(_) | Step::Mac(_), _) => false,
        })
    }
}

/// Whether a secret or a public key takes part in a check, so that not just anybody could have signed.
pub(super) fn names_secret(check: &SignatureCheck) -> bool {
    match &check.scheme {
        SignatureScheme::Mac { algorithm, key, .. } => match algorithm {
            MacAlgorithm::HmacSha256 | MacAlgorithm::HmacSha512 => key.is_some(),
            MacAlgorithm::Sha256 | MacAlgorithm::Sha512 | MacAlgorithm::Md5 => {
                check.over.iter().any(|part| matches!(part, Part::Secret(_)))
            }
        },
        SignatureScheme::Equal { .. } | SignatureScheme::RsaSha256 { .. } => true,
    }
}

/// Computes a digest in the text form asked for.
///
/// # Errors
/// Why it cannot be computed: a missing or empty secret, a malformed key.
pub fn mac(request: &MacRequest, delivery: Option<&Delivery>, secrets: &Secrets) -> Result<String, String> {
    let keys = Keys { secrets, empty: EmptySecret::Refused };
    let bytes = keys.digest(request.algorithm, request.key.as_ref(), &request.over, delivery)?;
    Ok(encode(&bytes, request.encoding))
}

/// The signature that somebody who holds `secrets` would put under a delivery, empty ones included; `None`
/// where the kit cannot make one.
pub(super) fn forge(check: &SignatureCheck, delivery: &Delivery, secrets: &Secrets) -> Option<String> {
    let keys = Keys { secrets, empty: EmptySecret::Taken };
    match &check.scheme {
        SignatureScheme::Mac { algorithm, key, encoding } => {
            let bytes = keys.digest(*algorithm, key.as_ref(), &check.over, Some(delivery)).ok()?;
            Some(encode(&bytes, *encoding))
        }
        SignatureScheme::Equal { secret } => keys.value(secret).ok().map(str::to_owned),
        SignatureScheme::RsaSha256 { .. } => None,
    }
}

/// Secrets in use.
#[derive(Clone, Copy)]
struct Keys<'s> {
    secrets: &'s Secrets,
    empty: EmptySecret,
}

impl<'s> Keys<'s> {
    fn digest(
        self,
        algorithm: MacAlgorithm,
        key: Option<&SecretRef>,
        over: &[Part],
        delivery: Option<&Delivery>,
    ) -> Result<Vec<u8>, String> {
        let message = self.join(over, delivery)?;
        let hmac_key = || key.ok_or_else(|| "an HMAC needs a key".to_owned()).and_then(|key| self.bytes(key));
        match algorithm {
            MacAlgorithm::HmacSha256 => {
                let mut mac =
                    Hmac::<Sha256>::new_from_slice(&hmac_key()?).map_err(|error| error.to_string())?;
                mac.update(&message);
                Ok(mac.finalize().into_bytes().to_vec())
            }
            MacAlgorithm::HmacSha512 => {
                let mut mac =
                    Hmac::<Sha512>::new_from_slice(&hmac_key()?).map_err(|error| error.to_string())?;
                mac.update(&message);
                Ok(mac.finalize().into_bytes().to_vec())
            }
            MacAlgorithm::Sha256 => Ok(Sha256::digest(&message).to_vec()),
            MacAlgorithm::Sha512 => Ok(Sha512::digest(&message).to_vec()),
            MacAlgorithm::Md5 => Ok(Md5::digest(&message).to_vec()),
        }
    }

    /// Joins parts to the bytes they stand for.
    fn join(self, parts: &[Part], delivery: Option<&Delivery>) -> Result<Vec<u8>, String> {
        let delivery = || delivery.ok_or_else(|| "there is no delivery".to_owned());
        let mut bytes = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Part::Secret(secret) => bytes.extend_from_slice(&self.bytes(secret)?),
                Part::DeliveryBody => bytes.extend_from_slice(delivery()?.body.as_slice()),
                Part::DeliveryUrl => bytes.extend_from_slice(delivery()?.url.as_bytes()),
            }
        }
        Ok(bytes)
    }

    fn value(self, secret: &SecretRef) -> Result<&'s str, String> {
        match self.secrets.get(&secret.name) {
            None => Err(format!("there is no secret {}", secret.name)),
            Some(value) if value.is_empty() && self.empty == EmptySecret::Refused => {
                Err(format!("the secret {} is empty", secret.name))
            }
            Some(value) => Ok(value),
        }
    }

    fn bytes(self, secret: &SecretRef) -> Result<Vec<u8>, String> {
        let value = self.value(secret)?;
        let malformed = |()| format!("the secret {} is malformed", secret.name);
        match secret.encoding {
            KeyEncoding::Utf8 => Ok(value.as_bytes().to_vec()),
            KeyEncoding::Hex => decode(value, TextEncoding::Hex).map_err(malformed),
            KeyEncoding::Base64 => decode(value, TextEncoding::Base64).map_err(malformed),
        }
    }
}

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT.with_encode_padding(false));

pub(super) fn encode(bytes: &[u8], encoding: TextEncoding) -> String {
    match encoding {
        TextEncoding::Hex => hex::encode(bytes),
        TextEncoding::Base64 => BASE64.encode(bytes),
        TextEncoding::Base64Url => BASE64_URL.encode(bytes),
    }
}

fn decode(text: &str, encoding: TextEncoding) -> Result<Vec<u8>, ()> {
    match encoding {
        TextEncoding::Hex => hex::decode(text).map_err(drop),
        TextEncoding::Base64 => BASE64.decode(text).map_err(drop),
        TextEncoding::Base64Url => BASE64_URL.decode(text).map_err(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Channel, Headers, Settings, Timestamp};

    fn secrets(value: &str) -> Secrets {
        [("key".to_owned(), value.to_owned())].into()
    }

    fn delivery(body: &str) -> Delivery {
        Delivery {
            channel: Channel::Webhook,
            url: "https://hub.example.com/webhooks/acme?x=1".to_owned(),
            query: Vec::new(),
            headers: Headers::default(),
            body: body.into(),
            received_at: Timestamp::UNIX_EPOCH,
            echo: None,
            settings: Settings::default(),
            livemode: false,
        }
    }

    #[test]
    fn digests_match_published_vectors() {
        use MacAlgorithm::{HmacSha256, HmacSha512, Md5, Sha256, Sha512};
        let jefe = || Some(SecretRef::named("key"));
        // RFC 4231 test case 2; RFC 1321 appendix A.5; FIPS 180-4 examples for "abc".
        let rows = [
            (
                HmacSha256,
                jefe(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                HmacSha512,
                jefe(),
                "what do ya want for nothing?",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
            (Sha256, None, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Sha512,
                None,
                "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (Md5, None, "abc", "900150983cd24fb0d6963f7d28e17f72"),
        ];
        for (algorithm, key, message, expected) in rows {
            let request =
                MacRequest { algorithm, key, over: vec![Part::text(message)], encoding: TextEncoding::Hex };
            assert_eq!(mac(&request, None, &secrets("Jefe")).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn only_a_genuine_signature_passes() {
        let over = || vec![Part::DeliveryUrl, Part::text("."), Part::DeliveryBody];
        let check = |candidates: &[&str]| {
            let candidates = candidates.iter().map(|text| (*text).to_owned()).collect();
            SignatureCheck::hmac_sha256_hex("key", over(), candidates)
        };
        let genuine = forge(&check(&[]), &delivery("body"), &secrets("k")).unwrap();
        let upper = genuine.to_uppercase();
        let unkeyed = SignatureCheck {
            scheme: SignatureScheme::Mac {
                algorithm: MacAlgorithm::Sha256,
                key: None,
                encoding: TextEncoding::Hex,
            },
            ..check(&[])
        };
        let anybody = forge(&unkeyed, &delivery("body"), &secrets("k")).unwrap();
        let stale = Timestamp::from_unix_seconds(-301).unwrap();
        let equal = |candidate: &str| SignatureCheck {
            scheme: SignatureScheme::Equal { secret: SecretRef::named("key") },
            ..check(&[candidate])
        };
        let rows = [
            ("genuine", check(&[&genuine]), "k", "body", true),
            ("in capitals", check(&[&upper]), "k", "body", true),
            ("among others", check(&["00", &genuine]), "k", "body", true),
            ("in time", check(&[&genuine]).signed_at(stale, 301), "k", "body", true),
            ("stale", check(&[&genuine]).signed_at(stale, 300), "k", "body", false),
            ("no candidate", check(&[]), "k", "body", false),
            ("blank", check(&[""]), "k", "body", false),
            ("another body", check(&[&genuine]), "k", "bodx", false),
            ("another secret", check(&[&genuine]), "j", "body", false),
            ("an empty secret", check(&[&genuine]), "", "body", false),
            ("without a key", SignatureCheck { candidates: vec![anybody], ..unkeyed }, "k", "body", false),
            ("equal token", equal("k"), "k", "body", true),
            ("other token", equal("j"), "k", "body", false),
            ("empty token", equal(""), "", "body", false),
        ];
        for (label, check, secret, body, passes) in rows {
            let secrets = secrets(secret);
            let host = Host { secrets: &secrets, recorded: None };
            assert_eq!(host.verify(&check, Some(&delivery(body))).is_ok(), passes, "{label}");
        }
        let an_empty_key_signs = forge(&check(&[]), &delivery("body"), &secrets(""));
        assert!(an_empty_key_signs.is_some_and(|digest| digest != genuine));
    }

    #[test]
    fn an_rsa_signature_counts_only_as_recorded() {
        let check = |candidate: &str| SignatureCheck {
            scheme: SignatureScheme::RsaSha256 {
                public_key_pem: "-----BEGIN PUBLIC KEY-----".to_owned(),
                encoding: TextEncoding::Base64,
            },
            over: vec![Part::DeliveryBody],
            candidates: vec![candidate.to_owned()],
            timestamp: None,
        };
        let (recorded, none) = (delivery("body"), Secrets::new());
        let transcript = [Exchange { step: Step::Verify(check("c2ln")), answer: StepAnswer::Verified }];
        let host = Host { secrets: &none, recorded: Some((&recorded, &transcript)) };
        assert!(host.verify(&check("c2ln"), Some(&delivery("body"))).is_ok());
        assert!(host.verify(&check("c2ln"), Some(&delivery("bodx"))).is_err());
        assert!(host.verify(&check("c2lm"), Some(&delivery("body"))).is_err());
        let host = Host { recorded: None, ..host };
        assert!(host.verify(&check("c2ln"), Some(&delivery("body"))).is_err());
    }

    #[test]
    fn keys_are_read_as_they_are_written() {
        let request = |key: SecretRef| MacRequest {
            algorithm: MacAlgorithm::HmacSha256,
            key: Some(key),
            over: vec![Part::text("x")],
            encoding: TextEncoding::Base64Url,
        };
        let plain = mac(&request(SecretRef::named("key")), None, &secrets("Jefe")).unwrap();
        for (key, value) in [
            (SecretRef::named("key").hex(), "4A656665"),
            (SecretRef::named("key").base64(), "SmVmZQ=="),
            (SecretRef::named("key").base64(), "SmVmZQ"),
        ] {
            assert_eq!(mac(&request(key), None, &secrets(value)).as_ref(), Ok(&plain), "{value}");
        }
        let malformed = mac(&request(SecretRef::named("key").hex()), None, &secrets("no hex")).unwrap_err();
        assert!(!malformed.contains("no hex"), "{malformed}");
    }
}
