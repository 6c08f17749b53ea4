//! What guests may write, good and bad: the inputs that the target of the plugin boundary begins with.

use std::collections::BTreeMap;

use processor_sdk::{
    Answer, Auth, Door, Facts, Fault, HttpRequest, JwtAlgorithm, KeyEncoding, MacAlgorithm, MacRequest,
    Method, Money, Notification, OAuthClientStyle, Part, Reference, ReferenceKind, Reply, RequestBody, Says,
    SecretRef, SignatureCheck, SignatureScheme, Step, TextEncoding, Word,
};
use serde_json::json;

const CALL: u8 = 0;
const DELIVERY: u8 = 1;
const DELIVERY_BY_FIELDS: u8 = 3;

/// Inputs: the question, and a reply in each line.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for reply in [Reply::Answer(paid()), Reply::Answer(Answer::Absent), Reply::Fault(Fault::Unsupported)] {
        all.push(written(CALL, &[reply]));
    }
    for url in
        ["https://shop.pay.test/", "https://evil.test/", "http://shop.pay.test/", "javascript:alert(1)"]
    {
        let answer = Answer::with_door(Facts::word(Word::Open), Door::redirect(url));
        all.push(written(CALL, &[Reply::Answer(answer)]));
    }
    for request in requests() {
        all.push(written(CALL, &[Reply::Step(Step::Send(request)), Reply::Answer(paid())]));
    }
    for question in [DELIVERY, DELIVERY_BY_FIELDS] {
        for steps in proofs() {
            let mut replies: Vec<Reply> = steps.into_iter().map(Reply::Step).collect();
            replies.push(Reply::Notifications(facts(replies.len())));
            all.push(written(question, &replies));
        }
    }
    all
}

fn written(question: u8, replies: &[Reply]) -> Vec<u8> {
    let lines: Vec<String> =
        replies.iter().map(|reply| serde_json::to_string(reply).expect("a reply can be written")).collect();
    let mut input = vec![question];
    input.extend_from_slice(lines.join("\n").as_bytes());
    input
}

fn paid() -> Answer {
    let captured = Money::new(1_000, processor_sdk::Currency::EUR).ok();
    Answer::said(Facts { captured, ..Facts::word(Word::Paid) })
}

/// Facts with each index of a proof, invented ones too.
fn facts(steps: usize) -> Vec<Notification> {
    let proofs = (0..=steps).map(|index| serde_json::from_value(json!(index)).ok()).chain([None]);
    let notification = |proof| Notification {
        event_id: Some("evt_1".to_owned()),
        references: vec![Reference::new(ReferenceKind::Payment, "p1")],
        echo: Some("echo1".to_owned()),
        says: Says::Facts(Facts::word(Word::Paid)),
        proof,
    };
    proofs.map(notification).collect()
}

fn secret(name: &str) -> SecretRef {
    SecretRef::named(name)
}

/// Every kind of credentials and of body, to a secret's own hosts and to others.
fn requests() -> Vec<HttpRequest> {
    let post = |host: &str| HttpRequest::post(format!("https://{host}/pay"));
    let part = |name: &str| Part::Secret(secret(name));
    let own = |name: &str| Auth::Header {
        name: "x-api-key".to_owned(),
        prefix: "token ".to_owned(),
        secret: secret(name),
    };
    let token = |host: &str| Auth::OAuth2 {
        token_url: format!("https://{host}/token"),
        client_id: Part::text("client"),
        client_secret: secret("api_key"),
        style: OAuthClientStyle::Basic,
        scope: Some("pay".to_owned()),
    };
    let jwt = Auth::Jwt {
        algorithm: JwtAlgorithm::HS256,
        secret: secret("api_key"),
        header: BTreeMap::from([("kid".to_owned(), json!("k1"))]),
        claims: json!({ "iat": 1 }),
    };
    let in_json = |name: &str| RequestBody::Json {
        value: json!({ "key": null, "list": [null] }),
        secrets: BTreeMap::from([("/key".to_owned(), secret(name)), ("/list/0".to_owned(), secret(name))]),
    };
    let in_form = |name: &str| RequestBody::Form {
        fields: vec![("a".to_owned(), Part::text("b&c")), ("key".to_owned(), part(name))],
    };
    let raw = |name: &str| RequestBody::Raw {
        content_type: "text/plain".to_owned(),
        parts: vec![Part::text("<key>"), part(name), Part::DeliveryBody, Part::text("</key>")],
    };
    let mut requests = vec![
        post("api.test").bearer("api_key"),
        post("other.test").bearer("api_key"),
        post("other.test").bearer("other"),
        post("api.test").bearer("webhook"),
        post("api.test").auth(Auth::Basic { user: part("api_key"), password: Part::text("") }),
        post("api.test").auth(Auth::Basic { user: Part::text("user"), password: part("other") }),
        post("api.test").auth(own("api_key")),
        post("api.test").auth(token("login.test")),
        post("api.test").auth(token("other.test")),
        post("api.test").auth(jwt),
        post("api.test").header("x-line", "a\r\nx-injected: b"),
        post("api.test").header("authorization", "Bearer mine"),
        HttpRequest::get("https://evil.test/"),
        HttpRequest::get("https://api.test@evil.test/"),
        HttpRequest::get("https://api.test.evil.test/"),
        HttpRequest::get("http://api.test/"),
        HttpRequest::get("https://api.test:8443/"),
        HttpRequest { cache_s: Some(60), ..HttpRequest::get("https://api.test/keys").bearer("api_key") },
        HttpRequest::new(Method::Delete, "https://API.test./x/../y?a=%20"),
    ];
    for name in ["api_key", "other", "webhook"] {
        for body in [in_json(name), in_form(name), raw(name)] {
            requests
                .push(HttpRequest { body, ..post(if name == "other" { "other.test" } else { "api.test" }) });
        }
    }
    requests
}

/// Ways to come by a proof that nobody gave.
fn proofs() -> Vec<Vec<Step>> {
    let key = SecretRef { name: "webhook".to_owned(), encoding: KeyEncoding::Utf8 };
    let mac = MacRequest {
        algorithm: MacAlgorithm::HmacSha256,
        key: Some(key.clone()),
        over: vec![Part::DeliveryBody],
        encoding: TextEncoding::Hex,
    };
    let check = |candidates: &[&str]| {
        let candidates = candidates.iter().map(|text| (*text).to_owned()).collect();
        SignatureCheck::hmac_sha256_hex("webhook", vec![Part::DeliveryBody], candidates)
    };
    let zeros = "00".repeat(32);
    let token = SignatureCheck { scheme: SignatureScheme::Equal { secret: key }, ..check(&["", "whsec"]) };
    let pem = "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n";
    let rsa = SignatureScheme::RsaSha256 { public_key_pem: pem.to_owned(), encoding: TextEncoding::Base64 };
    let keys = HttpRequest { cache_s: Some(60), ..HttpRequest::get("https://api.test/keys") };
    let unkeyed = MacRequest { algorithm: MacAlgorithm::Sha256, key: None, ..mac.clone() };
    let over_secret =
        MacRequest { over: vec![Part::secret("webhook"), Part::DeliveryBody], ..unkeyed.clone() };
    vec![
        vec![],
        vec![Step::Verify(check(&[&zeros]))],
        vec![Step::Verify(check(&[]))],
        vec![Step::Mac(mac.clone()), Step::Verify(check(&[&zeros]))],
        vec![Step::Verify(token)],
        vec![Step::Send(keys), Step::Verify(SignatureCheck { scheme: rsa, ..check(&["AAAA"]) })],
        vec![Step::Mac(unkeyed), Step::Mac(over_secret), Step::Mac(mac)],
        vec![Step::Send(HttpRequest::get("https://api.test/p").bearer("api_key"))],
    ]
}
