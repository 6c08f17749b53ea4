//! Digests and signature checks that adapters ask for. Adapters name the key; only this side ever sees it.
//!
//! Invariant: a check passes only when somebody who knows a secret, or holds a private key, made the
//! signature. No candidate, no secret, an empty secret, an unkeyed digest, a stale time: refused.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD,
};
use base64::engine::{DecodePaddingMode, general_purpose};
use hub_core::planted::Bug;
use md5::{Digest, Md5};
use processor_sdk::{
    Delivery, Fault, MacAlgorithm, MacRequest, Part, SecretRef, SignatureCheck, SignatureScheme,
    SignedTimestamp, TextEncoding,
};
use ring::{digest, hmac};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::credentials::{SecretText, SecretValues, key_bytes};
use super::public_key;
use crate::planted::planted;

/// How many signatures one delivery may offer; each costs a comparison.
const CANDIDATES_MAX: usize = 16;

/// How many combinations of active secret values one check tries; a rotation has two.
const COMBINATIONS_MAX: usize = 16;

const LENIENT_PADDING: GeneralPurposeConfig =
    general_purpose::PAD.with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT_PADDING);
const URL_SAFE_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT_PADDING);

/// What the parts of a message are taken from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    pub secrets: &'a SecretValues,
    pub delivery: Option<&'a Delivery>,
}

/// What a check came to. The reason is for the operator, never for the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    Verified {
        /// Which active value of the first secret matched, counted from 0; absent for public keys.
        secret_index: Option<usize>,
    },
    Refused {
        why: String,
    },
    /// The time that was signed is too long ago, or ahead. The signature itself was not looked at.
    Stale {
        why: String,
    },
}

impl Checked {
    fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into() }
    }
}

/// Computes a digest with the first active value of each secret.
///
/// # Errors
/// [`Fault::CannotAsk`] when a secret is missing or there is no delivery to take a part from.
pub fn mac(request: &MacRequest, sources: Sources<'_>) -> Result<String, Fault> {
    let choice = Choice::first(sources.secrets);
    let tag = tag(request.algorithm, request.key.as_ref(), &request.over, sources, &choice)?;
    Ok(encode(&tag, request.encoding))
}

/// Checks a delivery's signature. `own_macs` are the digests computed for the adapter in this run: a
/// signature that we made ourselves proves nothing.
pub fn verify(check: &SignatureCheck, sources: Sources<'_>, own_macs: &[Vec<u8>]) -> Checked {
    let Some(delivery) = sources.delivery else {
        return Checked::refused("there is no delivery to check");
    };
    let stale = check.timestamp.as_ref().and_then(|signed| staleness(signed, delivery));
    if let Some(why) = stale.filter(|_| !planted(Bug::AcceptStaleDeliveries)) {
        return Checked::Stale { why };
    }
    match check.candidates.len() {
        0 => return Checked::refused("the delivery offers no signature"),
        1..=CANDIDATES_MAX => {}
        _ => return Checked::refused(format!("the delivery offers more than {CANDIDATES_MAX} signatures")),
    }
    match &check.scheme {
        SignatureScheme::Mac { algorithm, key, encoding } => {
            let candidates = decoded(&check.candidates, *encoding);
            let candidates = candidates.into_iter().filter(|tag| !own_macs.contains(tag)).collect::<Vec<_>>();
            verify_mac(*algorithm, key.as_ref(), &check.over, &candidates, sources)
        }
        SignatureScheme::Equal { secret } => verify_equal(secret, &check.candidates, sources.secrets),
        SignatureScheme::RsaSha256 { public_key_pem, encoding } => {
            let choice = Choice::first(sources.secrets);
            let message = match message(&check.over, sources, &choice) {
                Ok(message) => message,
                Err(fault) => return Checked::refused(fault.to_string()),
            };
            let candidates = decoded(&check.candidates, *encoding);
            match public_key::verify_rsa_sha256(public_key_pem, &message, &candidates) {
                Ok(()) => Checked::Verified { secret_index: None },
                Err(why) => Checked::refused(why),
            }
        }
    }
}

fn staleness(signed: &SignedTimestamp, delivery: &Delivery) -> Option<String> {
    let age_s = delivery.received_at.seconds_since(signed.at);
    let tolerance_s = i64::from(signed.tolerance_s);
    if age_s > tolerance_s {
        return Some(format!(
            "it was signed {age_s} s before it was received; {tolerance_s} s are tolerated"
        ));
    }
    // Asked the other way round, so that rounding down does not add a second on this side.
    let ahead_s = signed.at.seconds_since(delivery.received_at);
    (ahead_s > tolerance_s)
        .then(|| format!("it was signed {ahead_s} s after it was received; {tolerance_s} s are tolerated"))
}

fn verify_equal(secret: &SecretRef, candidates: &[String], secrets: &SecretValues) -> Checked {
    let mut index_matched = None;
    for (index, value) in secrets.active(&secret.name).iter().enumerate() {
        for candidate in candidates {
            // Digests of equal length, so that the comparison does not tell the secret's length either.
            let expected = digest::digest(&digest::SHA256, value.reveal().as_bytes());
            let offered = digest::digest(&digest::SHA256, candidate.as_bytes());
            if bool::from(expected.as_ref().ct_eq(offered.as_ref())) {
                index_matched.get_or_insert(index);
            }
        }
    }
    match index_matched {
        Some(index) => Checked::Verified { secret_index: Some(index) },
        None if secrets.active(&secret.name).is_empty() => {
            Checked::refused(format!("secrets.{} is not set", secret.name))
        }
        None => Checked::refused("no offered token is the secret"),
    }
}

fn verify_mac(
    algorithm: MacAlgorithm,
    key: Option<&SecretRef>,
    over: &[Part],
    candidates: &[Vec<u8>],
    sources: Sources<'_>,
) -> Checked {
    let names = secret_names(key, over);
    if names.is_empty() {
        // Anybody can compute a digest that no secret goes into.
        return Checked::refused("the check involves no secret");
    }
    let combinations = names.iter().map(|name| sources.secrets.active(name).len()).product::<usize>();
    if combinations == 0 {
        return Checked::refused(format!("one of these secrets is not set: {}", names.join(", ")));
    }
    if planted(Bug::AcceptAnySignature) {
        return Checked::Verified { secret_index: Some(0) };
    }
    let most = if planted(Bug::CompareOnlyFirstSecret) { 1 } else { COMBINATIONS_MAX };
    for number in 0..combinations.min(most) {
        let choice = Choice::numbered(sources.secrets, &names, number);
        let tag = match tag(algorithm, key, over, sources, &choice) {
            Ok(tag) => tag,
            Err(fault) => return Checked::refused(fault.to_string()),
        };
        if candidates.iter().any(|candidate| bool::from(candidate.as_slice().ct_eq(&tag))) {
            return Checked::Verified { secret_index: Some(choice.index_of(names[0])) };
        }
    }
    Checked::refused("no offered signature matches")
}

/// One active value for each secret that a message needs.
struct Choice<'a> {
    secrets: &'a SecretValues,
    indices: Vec<(&'a str, usize)>,
}

impl<'a> Choice<'a> {
    const fn first(secrets: &'a SecretValues) -> Self {
        Self { secrets, indices: Vec::new() }
    }

    /// The combination of that number: a digit per secret, each in the base of how many values it has.
    fn numbered(secrets: &'a SecretValues, names: &[&'a str], number: usize) -> Self {
        let mut rest = number;
        let mut indices = Vec::with_capacity(names.len());
        for name in names {
            let base = secrets.active(name).len().max(1);
            indices.push((*name, rest % base));
            rest /= base;
        }
        Self { secrets, indices }
    }

    fn index_of(&self, name: &str) -> usize {
        self.indices.iter().find(|(known, _)| *known == name).map_or(0, |(_, index)| *index)
    }

    fn value(&self, name: &str) -> Result<&'a SecretText, Fault> {
        match self.secrets.active(name).get(self.index_of(name)) {
            Some(value) => Ok(value),
            None => self.secrets.first(name),
        }
    }
}

/// Names of the secrets involved, each once, the key first.
fn secret_names<'a>(key: Option<&'a SecretRef>, over: &'a [Part]) -> Vec<&'a str> {
    let in_message = over.iter().filter_map(|part| match part {
        Part::Secret(secret) => Some(secret),
        Part::Text(_) | Part::DeliveryBody | Part::DeliveryUrl => None,
    });
    let mut names = Vec::new();
    for secret in key.into_iter().chain(in_message) {
        if !names.contains(&secret.name.as_str()) {
            names.push(secret.name.as_str());
        }
    }
    names
}

fn tag(
    algorithm: MacAlgorithm,
    key: Option<&SecretRef>,
    over: &[Part],
    sources: Sources<'_>,
    choice: &Choice<'_>,
) -> Result<Vec<u8>, Fault> {
    let message = message(over, sources, choice)?;
    let keyed = |algorithm| {
        let key = key.ok_or_else(|| Fault::cannot_ask("mac.key", "must be given for an HMAC"))?;
        let bytes = key_bytes(key, choice.value(&key.name)?)?;
        Ok(hmac::sign(&hmac::Key::new(algorithm, &bytes), &message).as_ref().to_vec())
    };
    let unkeyed = |compute: &dyn Fn(&[u8]) -> Vec<u8>| match key {
        // A key that is silently left out of the digest would look like protection.
        Some(_) => Err(Fault::cannot_ask("mac.key", "must be a part of the message for a plain digest")),
        None => Ok(compute(&message)),
    };
    match algorithm {
        MacAlgorithm::HmacSha256 => keyed(hmac::HMAC_SHA256),
        MacAlgorithm::HmacSha512 => keyed(hmac::HMAC_SHA512),
        MacAlgorithm::Sha256 => unkeyed(&|bytes| digest::digest(&digest::SHA256, bytes).as_ref().to_vec()),
        MacAlgorithm::Sha512 => unkeyed(&|bytes| digest::digest(&digest::SHA512, bytes).as_ref().to_vec()),
        MacAlgorithm::Md5 => unkeyed(&|bytes| Md5::digest(bytes).to_vec()),
    }
}

fn message(over: &[Part], sources: Sources<'_>, choice: &Choice<'_>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let delivery = || {
        sources
            .delivery
            .ok_or_else(|| Fault::cannot_ask("parts", "hold a delivery's part, and there is none"))
    };
    let mut message = Zeroizing::new(Vec::new());
    for part in over {
        match part {
            Part::Text(text) => message.extend_from_slice(text.as_bytes()),
            Part::Secret(secret) => {
                message.extend_from_slice(&key_bytes(secret, choice.value(&secret.name)?)?)
            }
            Part::DeliveryBody => message.extend_from_slice(delivery()?.body.as_slice()),
            Part::DeliveryUrl => message.extend_from_slice(delivery()?.url.as_bytes()),
        }
    }
    Ok(message)
}

/// The bytes of a digest or signature written as text; malformed texts match nothing and are left out.
fn decoded(candidates: &[String], encoding: TextEncoding) -> Vec<Vec<u8>> {
    candidates.iter().filter_map(|text| decode(text, encoding)).collect()
}

/// Reads a text in an encoding.
pub fn decode(text: &str, encoding: TextEncoding) -> Option<Vec<u8>> {
    match encoding {
        TextEncoding::Hex => decode_hex(text),
        TextEncoding::Base64 => decode_base64(text),
        TextEncoding::Base64Url => URL_SAFE_LENIENT.decode(text).ok(),
    }
}

pub fn decode_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok()
}

/// Standard alphabet, padding optional.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD_LENIENT.decode(text).ok()
}

fn encode(bytes: &[u8], encoding: TextEncoding) -> String {
    match encoding {
        TextEncoding::Hex => hex::encode(bytes),
        TextEncoding::Base64 => STANDARD.encode(bytes),
        TextEncoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
    }
}

/// Every way in which bytes may be written as base64 inside a longer base64 text: what is left when the
/// characters that neighbors could change are cut away. For finding echoes of secrets.
pub fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for (offset, chars_cut) in [(0, 0), (1, 2), (2, 3)] {
        let shifted = Zeroizing::new([&[0; 2][..offset], bytes].concat());
        let chars_whole = shifted.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = Zeroizing::new(engine.encode(shifted.as_slice()));
            if let Some(form) = text.get(chars_cut..chars_whole) {
                forms.push(form.to_owned());
            }
        }
    }
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use processor_sdk::{Bytes, Channel, Headers, Settings, Timestamp};

    use super::*;

    const RECEIVED_S: i64 = 1_700_000_000;

    fn secrets(list: &[(&str, &[&str])]) -> SecretValues {
        let values = |texts: &[&str]| texts.iter().map(|text| SecretText::new(*text)).collect();
        SecretValues::new(list.iter().map(|(name, texts)| ((*name).to_owned(), values(texts))).collect())
    }

    fn delivery(body: &str) -> Delivery {
        Delivery {
            channel: Channel::Webhook,
            url: "https://hub.test/webhooks/x?a=b".to_owned(),
            query: vec![],
            headers: Headers::default(),
            body: Bytes::from(body),
            received_at: Timestamp::from_unix_seconds(RECEIVED_S).unwrap(),
            echo: None,
            settings: Settings::default(),
            livemode: false,
        }
    }

    fn hex_mac(
        algorithm: MacAlgorithm,
        key: Option<SecretRef>,
        over: Vec<Part>,
        secrets: &SecretValues,
    ) -> String {
        let request = MacRequest { algorithm, key, over, encoding: TextEncoding::Hex };
        mac(&request, Sources { secrets, delivery: None }).unwrap()
    }

    #[test]
    fn hmac_vectors_of_rfc_4231() {
        let rows = [
            (
                "0b".repeat(20),
                "Hi There".to_owned(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ),
            (
                hex::encode("Jefe"),
                "what do ya want for nothing?".to_owned(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
            (
                "aa".repeat(131),
                "Test Using Larger Than Block-Size Key - Hash Key First".to_owned(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
        ];
        for (key, message, sha256, sha512) in rows {
            let secrets = secrets(&[("key", &[&key])]);
            let named = Some(SecretRef::named("key").hex());
            let over = vec![Part::text(message)];
            assert_eq!(hex_mac(MacAlgorithm::HmacSha256, named.clone(), over.clone(), &secrets), sha256);
            assert_eq!(hex_mac(MacAlgorithm::HmacSha512, named, over, &secrets), sha512);
        }
    }

    #[test]
    fn plain_digests_take_the_secret_as_a_part() {
        let secrets = secrets(&[("a", &["a"])]);
        let over = || vec![Part::secret("a"), Part::text("bc")];
        for (algorithm, expected) in [
            (MacAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (MacAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                MacAlgorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            assert_eq!(hex_mac(algorithm, None, over(), &secrets), expected);
            let sources = Sources { secrets: &secrets, delivery: None };
            let keyed = MacRequest {
                algorithm,
                key: Some(SecretRef::named("a")),
                over: over(),
                encoding: TextEncoding::Hex,
            };
            assert!(mac(&keyed, sources).is_err(), "{algorithm:?}");
        }
    }

    const STRIPE_BODY: &str = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    const STRIPE_TAG: &str = "4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150";

    fn stripe(candidate: &str) -> SignatureCheck {
        let over = vec![Part::text("1700000000."), Part::DeliveryBody];
        SignatureCheck::hmac_sha256_hex("webhook", over, vec![candidate.to_owned()])
    }

    fn signed_at(offset_s: i64) -> SignatureCheck {
        stripe(STRIPE_TAG).signed_at(Timestamp::from_unix_seconds(RECEIVED_S + offset_s).unwrap(), 300)
    }

    #[test]
    fn the_known_answer_of_the_stripe_sdk() {
        let flipped = STRIPE_TAG.replacen('4', "5", 1);
        let upper = STRIPE_TAG.to_ascii_uppercase();
        let good: &[&str] = &["whsec_test_secret"];
        let passed = |index| Some(Some(index));
        /// A check, the active secrets, the body, and which secret passes.
        type Row = (SignatureCheck, &'static [&'static str], &'static str, Option<Option<usize>>);
        let rows: [Row; 15] = [
            (stripe(STRIPE_TAG), good, STRIPE_BODY, passed(0)),
            (stripe(&upper), good, STRIPE_BODY, passed(0)),
            (stripe(STRIPE_TAG), &["other_secret", "whsec_test_secret"], STRIPE_BODY, passed(1)),
            (stripe(STRIPE_TAG), &["", "whsec_test_secret"], STRIPE_BODY, passed(0)),
            (signed_at(0), good, STRIPE_BODY, passed(0)),
            (signed_at(-300), good, STRIPE_BODY, passed(0)),
            (signed_at(300), good, STRIPE_BODY, passed(0)),
            (signed_at(-301), good, STRIPE_BODY, None),
            (signed_at(301), good, STRIPE_BODY, None),
            (stripe(&flipped), good, STRIPE_BODY, None),
            (stripe(""), good, STRIPE_BODY, None),
            (stripe(STRIPE_TAG), &["whsec_test_secreT"], STRIPE_BODY, None),
            (stripe(STRIPE_TAG), &[""], STRIPE_BODY, None),
            (stripe(STRIPE_TAG), &[], STRIPE_BODY, None),
            (stripe(STRIPE_TAG), good, "{}", None),
        ];
        for (number, (check, values, body, expected)) in rows.into_iter().enumerate() {
            let (secrets, delivery) = (secrets(&[("webhook", values)]), delivery(body));
            let checked = verify(&check, Sources { secrets: &secrets, delivery: Some(&delivery) }, &[]);
            let index = match checked {
                Checked::Verified { secret_index } => Some(secret_index),
                Checked::Refused { ref why } | Checked::Stale { ref why } => {
                    assert!(!why.contains("whsec"), "{why}");
                    None
                }
            };
            assert_eq!(index, expected, "row {number}: {checked:?}");
        }
    }

    #[test]
    fn what_never_passes() {
        let secrets = secrets(&[("webhook", &["whsec_test_secret"]), ("bad", &["zz"])]);
        let delivery = delivery(STRIPE_BODY);
        let sources = Sources { secrets: &secrets, delivery: Some(&delivery) };
        let unkeyed = |algorithm| SignatureCheck {
            scheme: SignatureScheme::Mac { algorithm, key: None, encoding: TextEncoding::Hex },
            over: vec![Part::text("")],
            candidates: vec![
                "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
            ],
            timestamp: None,
        };
        let none = SignatureCheck { candidates: vec![], ..stripe("") };
        let many =
            SignatureCheck { candidates: vec![STRIPE_TAG.to_owned(); CANDIDATES_MAX + 1], ..stripe("") };
        let unreadable_key = SignatureCheck::mac(
            MacAlgorithm::HmacSha256,
            SecretRef::named("bad").hex(),
            TextEncoding::Hex,
            vec![Part::DeliveryBody],
            vec![STRIPE_TAG.to_owned()],
        );
        for check in [
            none,
            many,
            unkeyed(MacAlgorithm::Md5),
            unkeyed(MacAlgorithm::Sha256),
            unkeyed(MacAlgorithm::HmacSha256),
            unreadable_key,
        ] {
            assert!(matches!(verify(&check, sources, &[]), Checked::Refused { .. }), "{check:?}");
        }
        let own = decode_hex(STRIPE_TAG).unwrap();
        assert!(matches!(verify(&stripe(STRIPE_TAG), sources, &[own]), Checked::Refused { .. }));
        let without = Sources { secrets: &secrets, delivery: None };
        assert!(matches!(verify(&stripe(STRIPE_TAG), without, &[]), Checked::Refused { .. }));
    }

    #[test]
    fn a_token_must_equal_an_active_value() {
        let check = |token: &str| SignatureCheck {
            scheme: SignatureScheme::Equal { secret: SecretRef::named("token") },
            over: vec![],
            candidates: vec![token.to_owned()],
            timestamp: None,
        };
        let delivery = delivery("");
        let rows: [(&str, &[&str], bool); 6] = [
            ("next", &["old", "next"], true),
            ("old", &["old", "next"], true),
            ("OLD", &["old"], false),
            ("", &["old"], false),
            ("", &[""], false),
            ("", &[], false),
        ];
        for (token, values, passes) in rows {
            let secrets = secrets(&[("token", values)]);
            let checked =
                verify(&check(token), Sources { secrets: &secrets, delivery: Some(&delivery) }, &[]);
            assert_eq!(matches!(checked, Checked::Verified { .. }), passes, "{token} {values:?}");
        }
    }

    #[test]
    fn every_combination_of_rotating_secrets_is_tried() {
        let secrets = secrets(&[("a", &["a1", "a2"]), ("b", &["b1", "b2", "b3"])]);
        let delivery = delivery("");
        let over = vec![Part::secret("a"), Part::secret("b")];
        for (text, passes) in
            [("a1b1", true), ("a2b3", true), ("a1b3", true), ("a3b1", false), ("b1a1", false)]
        {
            let check = SignatureCheck {
                scheme: SignatureScheme::Mac {
                    algorithm: MacAlgorithm::Sha256,
                    key: None,
                    encoding: TextEncoding::Base64,
                },
                over: over.clone(),
                candidates: vec![STANDARD_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))],
                timestamp: None,
            };
            let checked = verify(&check, Sources { secrets: &secrets, delivery: Some(&delivery) }, &[]);
            assert_eq!(matches!(checked, Checked::Verified { .. }), passes, "{text}");
        }
    }

    #[test]
    fn base64_forms_find_a_text_at_every_offset() {
        let forms = base64_forms(b"sk_test_secret");
        for before in ["", "a", "ab", "abc"] {
            for after in ["", "x", "xy", "xyz"] {
                let text = STANDARD.encode(format!("{before}sk_test_secret{after}"));
                assert!(forms.iter().any(|form| text.contains(form.as_str())), "{before} {after}");
            }
        }
        assert!(base64_forms(b"").iter().all(String::is_empty));
    }
}
