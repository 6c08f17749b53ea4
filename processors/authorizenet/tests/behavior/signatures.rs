//! Known answers for signatures, and everything that must not pass for one.
//!
//! Key, body and both signatures are those of `AuthnetWebhookTest` in the PHP library stymiee/authnetjson.

use processor_authorizenet::AuthorizeNet;
use processor_sdk::conformance::{End, Host, Secrets, run_through};
use processor_sdk::{Fault, Question, Reply};
use serde_json::json;

use crate::support::delivery;

const KEY: &str = "52CB4A002C634B84E397DC8A218E1A160BA7CAB7CBE4C05B35E9CBB05E14FE4A2385812E980CCF97D177F17863CE214D1BE6CE8E1E894487AACF3609C1A5FE17";
const BODY: &str = r#"{"notificationId":"182cbbff-cab2-4080-931d-80e5d818f23a","eventType":"net.authorize.payment.authcapture.created","eventDate":"2017-08-18T20:40:52.7722007Z","webhookId":"849eb87e-078a-4169-a34b-c0bded5019a8","payload":{"responseCode":0,"authCode":"Z3PV5H","avsResponse":"Y","authAmount":0.0,"entityName":"transaction","id":"40005915599"}}"#;
const DIGEST: &str = "A1E0CC0F8A7B6274E0951CAC5EB63579F70FC6B7B15384B146DCE02B98DEE3954A5A8E331661B51DE953E141E88994DFA7D267FFB8428BE0660511B6EFB94960";
/// The same digits in another order: what that library's test refuses.
const PERMUTED: &str = "A1E0CC0F8A7B6274E0951CAC5EB63146DCE02B98DEE3954579F70FC6B7B15384BA5A8E331661B51DE953E141E88994DFA7D267FFB8428BE0660511B6EFB94960";
/// What the key's bytes, read as hexadecimal, would sign. Computed here.
const UNDER_HEX_KEY: &str = "2B98635D898DCB4AA50FC4DE9FC99A9DEF2AE83583B7A6D92B0552795AB928E8523346F5BD3EDB7CB61A620D882B8DB5539C0AE7619CC1FC29EB7D9CB21A48D8";

/// Whether the signature passes: then the payment is looked up, which nobody answers here.
fn passes(key: &str, encoding: &str, header: &str, body: &str) -> bool {
    let mut delivery = delivery(header, body);
    delivery.settings.0.insert("signature_key_encoding".to_owned(), json!(encoding));
    let secrets: Secrets = [("signature_key".to_owned(), key.to_owned())].into();
    let host = Host { secrets: &secrets, recorded: None };
    match run_through(&AuthorizeNet, &Question::Delivery(delivery), &host, &mut |_, _| None).end {
        End::NoAnswer(_) => true,
        End::Reply(Reply::Fault(Fault::Forged { .. })) => false,
        other => panic!("{other}"),
    }
}

#[test]
fn known_answers_pass() {
    for header in [
        format!("sha512={DIGEST}"),
        format!("sha512={}", DIGEST.to_lowercase()),
        format!("SHA512={DIGEST}"),
        format!("  sha512={DIGEST} "),
    ] {
        assert!(passes(KEY, "text", &header, BODY), "{header}");
    }
    // An operator can say that it is the other way round.
    assert!(passes(KEY, "hex", &format!("sha512={UNDER_HEX_KEY}"), BODY));
}

#[test]
fn forgeries_do_not_pass() {
    let whole = format!("sha512={DIGEST}");
    let other = BODY.replace("40005915599", "40005915598");
    let spaced = BODY.replace(",\"", ", \"");
    for (why, key, encoding, header, body) in [
        ("a permuted digest", KEY, "text", format!("sha512={PERMUTED}"), BODY),
        ("one byte of the body", KEY, "text", whole.clone(), other.as_str()),
        ("not the bytes that were signed", KEY, "text", whole.clone(), &spaced),
        ("another key", "00CB", "text", whole.clone(), BODY),
        ("the key in small letters", &KEY.to_lowercase(), "text", whole.clone(), BODY),
        ("the key's bytes where its characters sign", KEY, "hex", whole.clone(), BODY),
        ("a key that is no hexadecimal", "made up", "hex", whole.clone(), BODY),
        ("an empty key", "", "text", whole.clone(), BODY),
        ("the digest of the key's bytes", KEY, "text", format!("sha512={UNDER_HEX_KEY}"), BODY),
        ("half a digest", KEY, "text", format!("sha512={}", &DIGEST[..64]), BODY),
        ("no digest", KEY, "text", "sha512=".to_owned(), BODY),
        ("no algorithm", KEY, "text", DIGEST.to_owned(), BODY),
        ("another algorithm", KEY, "text", format!("sha256={DIGEST}"), BODY),
        ("an empty header", KEY, "text", String::new(), BODY),
        ("no hexadecimal", KEY, "text", format!("sha512={}", "zz".repeat(64)), BODY),
        ("not ASCII", KEY, "text", "sha51\u{fc}=".to_owned(), BODY),
    ] {
        assert!(!passes(key, encoding, &header, body), "{why}");
    }
}
