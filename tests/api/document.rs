//! `/openapi.json` and `/docs`: the document is the one that was agreed, and the hub keeps it.
//!
//! What answers carry is checked with every answer of every test (`support/document.rs`). Here: what requests
//! may carry, field by field, just inside its bounds and just outside.

use std::path::Path;

use payhub::http::openapi::{document, sample};
use payhub::http::problem::Kind;
use payhub::key_scope::KeyScope;
use reqwest::Method;
use serde_json::{Value, json};

use super::problem::refused;
use super::world::{World, send};
use crate::support::cart::{Answer, plain_client};
use crate::support::document::takes;
use crate::support::{TestHub, id};

/// Lines that are shown on either side of a difference.
const LINES_AROUND: usize = 3;

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch for people, not a setting of the hub")]
fn the_document_is_as_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/golden/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(document()).expect("JSON"));
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::write(&path, text).expect("a file");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "tests/api/golden/openapi.json is not the document; if the change is meant: UPDATE_GOLDEN=1\n{}",
        difference(&golden, &text)
    );
}

/// What stands between the lines that two texts begin and end with.
fn difference(golden: &str, text: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), text.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let start = same(&mut old.iter().zip(&new));
    let end = same(&mut old[start..].iter().rev().zip(new[start..].iter().rev()));
    let shown = |lines: &[&str], mark: &str| {
        let from = start.saturating_sub(LINES_AROUND);
        let to = (lines.len() - end + LINES_AROUND).min(lines.len());
        let lines = lines[from..to].iter().map(|line| format!("{mark} {line}"));
        lines.collect::<Vec<_>>().join("\n")
    };
    format!("from line {}:\n{}\n{}", start + 1, shown(&old, "-"), shown(&new, "+"))
}

#[test]
fn a_difference_is_shown() {
    let shown = difference("a\nb\nc\nd\ne\nf\ng\nh\ni", "a\nb\nc\nd\nE\nf\ng\nh\ni");
    assert!(
        shown.starts_with("from line 5:\n- b") && shown.contains("- e") && shown.contains("+ E"),
        "{shown}"
    );
    assert!(!shown.contains("- i") && !shown.contains("- a"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anybody_may_read_it() {
    let hub = TestHub::start().await;
    let get = |path: &str| send(plain_client().get(format!("{}{path}", hub.base_url)));
    let served = get("/openapi.json").await;
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.expect(200), *document());
    let page = get("/docs").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    assert!(!page.text.contains("<script") && !page.text.contains("src="), "the page loads nothing");
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::MethodNotAllowed) {
        assert!(page.text.contains(&format!("href=\"/problems/{}\"", kind.slug())), "{kind:?}");
    }
    for (path, methods) in document()["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let heading = format!("<code>{} {path}</code>", method.to_uppercase());
            let anchor = format!("id=\"{}\"", operation["operationId"].as_str().expect("an id"));
            assert!(page.text.contains(&heading) && page.text.contains(&anchor), "{heading}");
        }
    }
    for name in document()["components"]["schemas"].as_object().expect("schemas").keys() {
        assert!(page.text.contains(&format!("id=\"{name}\"")), "{name}");
    }
    for (address, _) in page.text.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"')) {
        let leads = match address.strip_prefix('#') {
            Some(anchor) => page.text.contains(&format!("id=\"{anchor}\"")),
            None => get(address).await.status == 200,
        };
        assert!(leads, "{address} leads nowhere");
    }
    hub.finish().await;
}

/// One operation of the document, with the id of something that is there in its path.
struct Operation {
    method: Method,
    path: String,
    described: &'static Value,
}

impl Operation {
    /// All below `/v1`.
    fn all(world: &World) -> Vec<Self> {
        let mut all = Vec::new();
        for (path, methods) in document()["paths"].as_object().expect("paths") {
            let one = match path.split('/').nth(2) {
                Some("payment_intents") if path.ends_with("capture") => &world.authorized,
                Some("payment_intents") => &world.paid,
                Some("refunds") => &world.refund,
                Some("orders") => &world.order,
                Some("disputes") => &world.dispute,
                Some("events") => &world.event,
                Some(_) | None => &world.endpoint,
            };
            for (method, described) in methods.as_object().expect("methods") {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
                let path = path.replace("{id}", one);
                if path.starts_with("/v1/") && method != Method::DELETE {
                    all.push(Self { method, path, described });
                }
            }
        }
        assert!(all.len() > 15, "the operations were not found");
        all
    }

    fn is_keyed(&self) -> bool {
        self.parameters("header").any(|parameter| parameter["name"] == "Idempotency-Key")
    }

    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &'static Value> {
        let all = self.described["parameters"].as_array().into_iter().flatten();
        all.filter(move |parameter| parameter["in"] == place)
    }

    fn body_schema(&self) -> Option<&'static Value> {
        let schema = &self.described["requestBody"]["content"]["application/json"]["schema"];
        schema["$ref"].as_str().and_then(|reference| document().pointer(&reference[1..]))
    }

    async fn ask(&self, hub: &TestHub, body: Option<&Value>) -> Answer {
        let key = hub.cart.fresh_key();
        hub.cart.send(self.method.clone(), &self.path, self.is_keyed().then_some(&*key), body).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_needed_where_it_says_so() {
    let world = World::start().await;
    for operation in Operation::all(&world) {
        let what = format!("{} {}", operation.method, operation.path);
        let scope = operation.described["security"][0]["api_key"][0].as_str().expect("a scope");
        assert!(scope.parse::<KeyScope>().is_ok(), "{what}: {scope}");
        let url = format!("{}{}", world.hub.base_url, operation.path);
        let nobody = send(plain_client().request(operation.method.clone(), url)).await;
        refused(&nobody, Kind::Unauthorized, &[], &what);
        if operation.body_schema().is_some() {
            let unkeyed =
                world.hub.cart.send(operation.method.clone(), &operation.path, None, Some(&json!({}))).await;
            let missed = unkeyed.status == 400 && unkeyed.code() == "idempotency_key_missing";
            assert_eq!(missed, operation.is_keyed(), "{what}: {}", unkeyed.text);
        }
    }
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_are_read_as_it_says() {
    let world = World::start().await;
    for operation in Operation::all(&world).iter().filter(|one| one.method == Method::GET) {
        let ask = async |query: String| world.hub.cart.get(&format!("{}?{query}", operation.path)).await;
        for parameter in operation.parameters("query") {
            let name = parameter["name"].as_str().expect("a name");
            let schema = match parameter["schema"]["$ref"].as_str() {
                Some(reference) => document().pointer(&reference[1..]).expect("a schema"),
                None => &parameter["schema"],
            };
            for (value, good) in probes(schema) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                // A query has no types, and what a cursor is only the hub knows.
                if text.is_empty()
                    || name == "cursor"
                    || (!good && value.is_string() == (schema["type"] == "integer"))
                {
                    continue;
                }
                let query = form_urlencoded::Serializer::new(String::new()).append_pair(name, &text).finish();
                let answer = ask(query).await;
                let wanted = if good { 200 } else { 422 };
                assert_eq!(answer.status, wanted, "{}?{name}={text}: {}", operation.path, answer.text);
            }
        }
        if operation.parameters("query").next().is_some() {
            refused(
                &ask("shade=green".to_owned()).await,
                Kind::Validation,
                &[("?shade", "is not a parameter")],
                "",
            );
        }
    }
    world.hub.finish().await;
}

/// Values just inside and just outside of what a schema takes.
fn probes(schema: &Value) -> Vec<(Value, bool)> {
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).expect("a type");
    let bound = |keyword: &str| schema[keyword].as_i64();
    let mut probes = match kind {
        "string" => texts(schema),
        "integer" => vec![(json!(1.5), false), (json!("1"), false), (json!(true), false)],
        "boolean" => {
            vec![(json!(true), true), (json!(false), true), (json!("true"), false), (json!(1), false)]
        }
        "array" => vec![(json!([]), true), (json!({}), false), (json!("x"), false), (json!([7]), false)],
        "object" => vec![(json!([]), false), (json!("x"), false)],
        other => panic!("no probes for {other}"),
    };
    if let (Some(minimum), Some(maximum)) = (bound("minimum"), bound("maximum")) {
        for (value, good) in [(minimum, true), (maximum, true), (minimum - 1, false), (maximum + 1, false)] {
            probes.push((json!(value), good));
        }
    }
    for word in schema["enum"].as_array().into_iter().flatten() {
        probes.push((word.clone(), true));
    }
    if let Some(words) = schema["items"]["enum"].as_array() {
        let twice: Vec<_> = words.iter().chain(words).collect();
        probes.extend([(json!(words), true), (json!(["nothing"]), false), (json!(twice), false)]);
    }
    if let Some(most) = schema["maxProperties"].as_u64() {
        probes.extend(notes(schema, most));
    }
    probes
}

fn texts(schema: &Value) -> Vec<(Value, bool)> {
    let mut texts = vec![(json!(7), false), (json!([]), false), (json!({ "a": "b" }), false)];
    if schema.get("enum").is_some() {
        texts.push((json!("nothing"), false));
        return texts;
    }
    let most = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok());
    let filled = |start: &str, end: &str, length: usize| {
        json!(format!("{start}{}{end}", "x".repeat(length - start.len() - end.len())))
    };
    let (start, end) = match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("uri"), _) => ("https://shop.test/", ""),
        (_, Some("@")) => ("", "@shop.test"),
        (_, Some(pattern)) if pattern.starts_with("^[A-Z]") => {
            let (good, low) = if pattern.contains("{2}") { ("DE", "de") } else { ("EUR", "eur") };
            texts.extend([(json!(good), true), (json!(low), false), (json!(""), false)]);
            texts.push((json!(format!("{good}X")), false));
            return texts;
        }
        (_, Some(pattern)) if pattern.contains("_[0-9a-z]{26}") => {
            texts.extend([(schema["examples"][0].clone(), true), (json!("nobody"), false)]);
            return texts;
        }
        (Some(_) | None, _) => ("", ""),
    };
    let Some(most) = most else {
        texts.push((json!("anything"), true));
        return texts;
    };
    texts.extend([
        (filled(start, end, most), true),
        (filled(start, end, most + 1), false),
        (json!(""), false),
        (json!("a\u{1}b"), false),
        (json!("a\u{85}b"), false),
    ]);
    texts
}

fn notes(schema: &Value, most: u64) -> Vec<(Value, bool)> {
    let length =
        |schema: &Value| usize::try_from(schema["maxLength"].as_u64().expect("a length")).expect("few");
    let (key, value) = (length(&schema["propertyNames"]), length(&schema["additionalProperties"]));
    let many = |count: u64| {
        let pairs = (0..count).map(|number| (format!("key{number}"), json!("x")));
        Value::Object(pairs.collect())
    };
    vec![
        (json!({}), true),
        (many(most), true),
        (many(most + 1), false),
        (json!({ "k".repeat(key): "v".repeat(value) }), true),
        (json!({ "k".repeat(key + 1): "v" }), false),
        (json!({ "": "v" }), false),
        (json!({ "k": "v".repeat(value + 1) }), false),
        (json!({ "k": 7 }), false),
        (json!({ "k": "a\u{1}b" }), false),
    ]
}

/// A body with another value at a place, and the place's pointer in what the hub answers.
struct Probe {
    body: Value,
    pointer: String,
    good: bool,
}

/// Probes of every field of a schema: outside, inside, null, missing, and one that is not there.
fn field_probes(schema: &Value) -> Vec<Probe> {
    let mut probes = vec![];
    let whole = sample::of(document(), schema);
    collect(schema, "", &|object| merged(&whole, &object), &mut probes);
    probes
}

fn merged(whole: &Value, object: &Value) -> Value {
    let mut body = whole.clone();
    for (name, value) in object.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

fn collect(schema: &Value, base: &str, around: &dyn Fn(Value) -> Value, probes: &mut Vec<Probe>) {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let mut add = |name: &str, value: Value, good: bool| {
        let body = around(json!({ name: value }));
        probes.push(Probe { body, pointer: format!("{base}/{name}"), good });
    };
    add("shade", json!("green"), false);
    let properties = schema["properties"].as_object().expect("properties");
    for (name, field) in properties {
        add(name, Value::Null, !required(name));
        for (value, good) in self::probes(field) {
            add(name, value, good);
        }
    }
    for (name, field) in properties {
        let (inner, list) =
            if field.get("items").is_some() { (&field["items"], true) } else { (field, false) };
        if inner.get("properties").is_none() {
            continue;
        }
        let whole = sample::of(document(), inner);
        let around = |object: Value| {
            let object = merged(&whole, &object);
            around(json!({ name: if list { json!([object]) } else { object } }))
        };
        let base = if list { format!("{base}/{name}/0") } else { format!("{base}/{name}") };
        collect(inner, &base, &around, probes);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_read_as_it_says() {
    let world = World::start().await;
    for operation in Operation::all(&world) {
        let Some(schema) = operation.body_schema() else { continue };
        for probe in field_probes(schema) {
            let answer = operation.ask(&world.hub, Some(&probe.body)).await;
            let what = format!("{} {} -> {} {}", operation.path, probe.body, answer.status, answer.text);
            assert_eq!(takes(schema, &probe.body).is_ok(), probe.good || !is_checked(&probe), "{what:.3000}");
            let errors = if answer.status == 422 { answer.json()["errors"].clone() } else { json!([]) };
            let of_the_reader = |error: &&Value| {
                let text = |name: &str| error[name].as_str().unwrap_or_default();
                let (pointer, detail) = (text("pointer"), text("detail"));
                let inner = pointer.strip_prefix(probe.pointer.as_str());
                // What only the hub's state decides says so in other words.
                let by_state = ["names ", "only ", "must sum "].iter().any(|start| detail.starts_with(start));
                inner.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !by_state
            };
            let wrong = errors.as_array().into_iter().flatten().find(of_the_reader);
            assert_eq!(wrong.is_none(), probe.good, "{what:.3000}");
        }
    }
    world.hub.finish().await;
}

/// Patterns are checked by readers of the document that know regular expressions; the small one here does not.
fn is_checked(probe: &Probe) -> bool {
    let value = probe.body.pointer(&probe.pointer).unwrap_or(&Value::Null);
    let text = value.as_str().unwrap_or_default();
    let shape = ["eur", "de"].contains(&text)
        || (probe.pointer.ends_with("/email") && !text.contains('@') && !text.is_empty());
    let texts = value.as_object().into_iter().flatten().filter_map(|(_, inner)| inner.as_str());
    let has_control = texts.chain([text]).any(|text| text.contains(['\u{1}', '\u{85}']));
    !shape && !has_control
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn examples_are_taken() {
    let world = World::start().await;
    for operation in Operation::all(&world) {
        let Some(schema) = operation.body_schema() else { continue };
        let mut example =
            operation.described["requestBody"]["content"]["application/json"]["example"].clone();
        takes(schema, &example).expect("an example that the schema takes");
        // Examples name things that only their reader has.
        for (name, value) in [("payment_intent", &world.paid), ("webhook_endpoint", &world.endpoint)] {
            if example.get(name).is_some() {
                example[name] = json!(value);
            }
        }
        let answer = operation.ask(&world.hub, Some(&example)).await;
        let other_state = answer.status == 409 && answer.code() == "wrong_status";
        assert!(answer.status < 300 || other_state, "{} {example}: {}", operation.path, answer.text);
        if let Some(secret) = answer.json()["secret"].as_str() {
            world.hub.keep_out_of_the_file(secret);
        }
        if operation.path == "/v1/payment_intents" {
            assert!(id(&answer.json()).starts_with("pi_"));
        }
    }
    world.hub.finish().await;
}
