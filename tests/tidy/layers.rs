//! Who may do what: the pure layers are pure, and each seam is one file.

use super::source::{Findings, has_word, naming, only, sources};

/// The layers that only decide.
const PURE: [&str; 2] = ["hub/core/src/", "processor-sdk/src/"];

/// What a pure layer has no business with.
const IMPURE: [&str; 19] = [
    "async",
    "await",
    "tokio",
    "futures",
    "reqwest",
    "hyper",
    "SystemTime",
    "Instant",
    "std::time",
    "rand",
    "getrandom",
    "std::net",
    "std::fs",
    "std::env",
    "std::thread",
    "std::process",
    "tracing",
    "println",
    "eprintln",
];

/// `std::fs` in a pure layer, with the reason.
const PURE_BUT_FOR: [(&str, &str, &str); 1] = [(
    "processor-sdk/src/conformance/fixture.rs",
    "std::fs",
    "reads recorded fixtures, in tests of adapters only",
)];

#[test]
fn the_core_and_the_contract_are_pure() {
    let mut findings = Findings::default();
    let mut excused = Vec::new();
    for source in sources() {
        if !PURE.iter().any(|layer| source.path.starts_with(layer)) {
            continue;
        }
        for (line, number) in source.production.lines().zip(1..) {
            for word in IMPURE.into_iter().filter(|word| has_word(line, word)) {
                if PURE_BUT_FOR.iter().any(|(path, listed, _)| *path == source.path && *listed == word) {
                    excused.push(source.path.clone());
                } else {
                    findings.add(format!("{}:{number}: `{word}`", source.path));
                }
            }
        }
    }
    findings.none("hub-core and processor-sdk hold no async, clock, randomness, socket, file or log call");
    only("what is excused", excused, &PURE_BUT_FOR.map(|(path, _, reason)| (path, reason)));
}

#[test]
fn no_floating_point_number() {
    let sources = sources();
    let floats = |code: &str| ["f32", "f64"].iter().any(|word| has_word(code, word));
    only(
        "money is a whole number of minor units, and nothing else here needs a fraction",
        sources.iter().filter(|source| floats(&source.code)).map(|source| source.path.clone()),
        &[
            (
                "hub/src/http/unique_names.rs",
                "passes JSON's numbers on; a fraction is refused by every field",
            ),
            ("tests/bench/load.rs", "rates and waits of a bench; no money is counted here"),
        ],
    );
}

#[test]
fn only_one_file_names_processors() {
    let names_processor = |production: &str| {
        production.match_indices("processor_").any(|(start, _)| {
            let name = production[start..].split(|character| !super::source::is_word(character)).next();
            let path = &production[start + name.unwrap_or_default().len()..];
            name != Some("processor_sdk") && path.starts_with("::")
        })
    };
    let sources = sources();
    let hub = sources.iter().filter(|source| source.path.starts_with("hub/"));
    only(
        "one file names concrete processors",
        hub.filter(|source| names_processor(&source.production)).map(|source| source.path.clone()),
        &[("hub/src/connector/native.rs", "the one list of adapters that are compiled in")],
    );
    only(
        "only the demo names the make-believe processor's server",
        naming(&sources, "hub/", &["sandbox_server"]),
        &[("hub/src/demo/mod.rs", "the demo starts the processor that it buys from")],
    );
}

#[test]
fn only_the_service_changes_payments() {
    let sources = sources();
    let calls = sources.iter().filter(|source| {
        let code = &source.production;
        let imports = code.lines().any(|line| line.contains("hub_core::decide"));
        source.path.starts_with("hub/src/")
            && (imports || has_word(code, "decide::create") || has_word(code, "apply::apply"))
    });
    only(
        "a payment changes in exactly one place",
        calls.map(|source| source.path.clone()),
        &[("hub/src/service.rs", "loads, decides, commits")],
    );
}

#[test]
fn only_the_transport_goes_out() {
    only(
        "only the transport talks to processors",
        naming(&sources(), "hub/src/", &["reqwest"]),
        &[
            ("hub/src/connector/transport.rs", "the only way out to processors"),
            ("hub/src/demo/shop.rs", "the demo's shop is a cart: a client of the hub's own API"),
            ("hub/src/demo/shop/hub_client.rs", "the demo's shop is a cart: a client of the hub's own API"),
            (
                "hub/src/merchant_webhooks/destination.rs",
                "resolves names of merchants' endpoints to allowed addresses",
            ),
            ("hub/src/merchant_webhooks/sender.rs", "delivers events to merchants' endpoints"),
            ("hub/src/tls.rs", "the one place where clients are built, for all of the above"),
        ],
    );
    only(
        "only the transport opens sockets to others",
        naming(&sources(), "hub/src/", &["TcpStream", "UdpSocket", "UnixStream"]),
        &[("hub/src/operator/socket.rs", "the operator's private socket, on this machine only")],
    );
}

#[test]
fn no_route_is_served_without_its_description() {
    let sources = sources();
    let routes = |source: &&super::source::Source| {
        source.path.starts_with("hub/src/http/") && source.production.contains("axum::routing")
    };
    only(
        "a call of the front comes with its description, and so into the published document",
        sources.iter().filter(routes).map(|source| source.path.clone()),
        &[("hub/src/http/openapi/call.rs", "the one way to a route")],
    );
}

#[test]
fn only_the_seams_read_the_machine() {
    let sources = sources();
    only(
        "only clock.rs reads the clock",
        naming(&sources, "", &["SystemTime", "Instant", "Timestamp::now", "Zoned::now", "jiff::Timestamp"]),
        &[
            ("hub/src/clock.rs", "the hub's one clock"),
            (
                "hub/src/store/postgres/patience.rs",
                "how long a server is waited for, and nothing that is stored",
            ),
            ("processor-sdk/src/time.rs", "formats and parses times; reads no clock"),
            ("processors/sandbox-server/src/clock.rs", "another machine's clock, as far as the hub knows"),
        ],
    );
    only(
        "only ids.rs makes randomness",
        naming(&sources, "", &["getrandom", "rand", "SystemRandom", "OsRng"]),
        &[
            ("hub/src/connector/jwt.rs", "a signature's own salt, drawn inside the signing library"),
            ("hub/src/ids.rs", "the hub's one source"),
            ("processors/sandbox-server/src/random.rs", "another machine's source, as far as the hub knows"),
        ],
    );
    only(
        "only the config reads the environment",
        naming(
            &sources,
            "",
            &["env::var", "env::var_os", "env::vars", "env::vars_os", "env::args", "env::args_os"],
        ),
        &[
            ("hub/build.rs", "cargo says there where a build script writes"),
            ("hub/src/config/secrets.rs", "secrets may stand in the environment"),
            ("hub/src/planted.rs", "chooses the mistake of a build for tests; no such line in any other"),
        ],
    );
}

#[test]
fn no_unsafe_code() {
    let sources = sources();
    let is_unsafe = |code: &str| code.lines().any(|line| has_word(line, "unsafe"));
    only(
        "no unsafe code",
        sources.iter().filter(|source| is_unsafe(&source.code)).map(|source| source.path.clone()),
        &[
            (
                "hub/src/plugin/cache.rs",
                "loads compiled code, after a MAC has shown that this hub wrote these very bytes",
            ),
            (
                "processor-sdk/src/plugin.rs",
                "a plugin's boundary passes pointers; nothing of it is in the hub, only in what the sandbox runs",
            ),
            (
                "tests/recording-vfs/src/shim.rs",
                "the database engine's files are tables of C functions; tests record what it does to them",
            ),
        ],
    );
}

/// Where `_` stands for values that are no enum of ours.
const WILDCARDS: [(&str, &str); 2] = [
    ("hub/core/src/card_number/character.rs", "matches characters"),
    ("hub/core/src/card_number/look_alike.rs", "matches bytes"),
];

/// Whether a line has an arm for whatever comes: `_`, or a name that begins so, with or without a guard.
fn has_wildcard_arm(line: &str) -> bool {
    let mut arms: Vec<&str> = line.split("=>").collect();
    // What stands after the last arrow is no pattern.
    arms.pop();
    arms.iter().any(|arm| {
        let is_wildcard = |pattern: &str| {
            let last = pattern.trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
            last.starts_with('_') && last.chars().all(super::source::is_word)
        };
        let guarded = arm.match_indices(" if ").map(|(start, _)| &arm[..start]);
        guarded.chain([*arm]).any(is_wildcard)
    })
}

#[test]
fn the_core_has_no_wildcard_arm() {
    let sources = sources();
    let core = sources.iter().filter(|source| source.path.starts_with("hub/core/src/"));
    only(
        "a new event visits every place it matters to: no `_ =>` on our own enums",
        core.filter(|source| source.production.lines().any(has_wildcard_arm))
            .map(|source| source.path.clone()),
        &WILDCARDS,
    );
}

#[test]
fn wildcard_arms_are_found() {
    for (line, expected) in [
        ("        _ => 1,", true),
        ("        _other => 1,", true),
        ("        _ if x > 1 => 1,", true),
        ("        Kind::A | _ => 1,", true),
        ("match x { Kind::A => 2, _ => 1 }", true),
        ("match x { Kind::A if y => 2, _ => 1 }", true),
        ("        (Kind::A, _) => 1,", false),
        ("        Kind::A(_) => 1,", false),
        ("        Kind::A { .. } => |_| 1,", false),
        ("        other => _ = 1,", false),
    ] {
        assert_eq!(has_wildcard_arm(line), expected, "{line}");
    }
}
