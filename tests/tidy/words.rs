//! One word per thing, spelled as the trade spells it.

use std::collections::BTreeSet;

use super::source::{Findings, files, has_word, is_word, only, read, sources};

/// Other words for what has a name here, and that name.
const SYNONYMS: [(&str, &str); 24] = [
    ("txn", "payment, attempt or capture"),
    ("Txn", "payment, attempt or capture"),
    ("Transaction", "payment, attempt or capture"),
    ("Gateway", "Processor"),
    ("gateway", "processor"),
    ("psp", "processor"),
    ("Psp", "Processor"),
    ("PSP", "Processor"),
    ("Chargeback", "Dispute"),
    ("chargeback", "dispute"),
    ("Buyer", "Customer"),
    ("buyer", "customer"),
    ("Tenant", "Merchant"),
    ("tenant", "merchant"),
    ("Driver", "Adapter"),
    ("Integration", "Adapter"),
    ("PreAuth", "Authorization"),
    ("PaymentRequest", "PaymentIntent"),
    ("PaymentLink", "CheckoutSession"),
    ("nonce_key", "idempotency key"),
    ("Ipn", "Delivery"),
    ("PaymentManager", "a name that says what it does"),
    ("do_process", "a name that says what it does"),
    ("handle_payment", "a name that says what it does"),
];

/// Where such a word is the right one: file, word, reason.
const NOT_SYNONYMS: [(&str, &str, &str); 1] =
    [("hub/src/store/sqlite/", "Transaction", "a database's transaction, as rusqlite calls it")];

/// The parts of an identifier: `PspClient`, `psp_client` and `PSP_CLIENT` all have one that says `psp`.
fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    code.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

fn is_made_with(identifier: &str, word: &str) -> bool {
    let is_camel = word.starts_with(|first: char| first.is_ascii_uppercase());
    if is_camel {
        identifier.match_indices(word).any(|(start, _)| {
            let after = identifier[start + word.len()..].chars().next();
            let begins =
                start == 0 || identifier[..start].ends_with(|before: char| before.is_ascii_lowercase());
            begins && !after.is_some_and(|after| after.is_ascii_lowercase())
        })
    } else {
        identifier.split('_').any(|part| part == word) || identifier == word
    }
}

#[test]
fn each_thing_has_one_name() {
    let mut findings = Findings::default();
    let mut excused = BTreeSet::new();
    for source in sources() {
        if source.path.starts_with("tests/tidy/") {
            continue;
        }
        for (line, number) in source.code.lines().zip(1..) {
            for identifier in identifiers(line) {
                let Some((word, ours)) = SYNONYMS.iter().find(|(word, _)| is_made_with(identifier, word))
                else {
                    continue;
                };
                let entry = NOT_SYNONYMS
                    .iter()
                    .find(|(path, listed, _)| source.path.starts_with(path) && listed == word);
                match entry {
                    Some((path, ..)) => drop(excused.insert((*path).to_owned())),
                    None => findings
                        .add(format!("{}:{number}: `{identifier}`: here it is called {ours}", source.path)),
                }
            }
        }
    }
    findings.none("one word per thing");
    only("what is excused", excused, &NOT_SYNONYMS.map(|(path, _, reason)| (path, reason)));
}

#[test]
fn synonyms_are_found_in_names() {
    let rows = [
        ("PspClient", "Psp", true),
        ("psp_client", "psp", true),
        ("Pspx", "Psp", false),
        ("upsp", "psp", false),
        ("MyGateway", "Gateway", true),
        ("TransactionBehavior", "Transaction", true),
    ];
    for (identifier, word, expected) in rows {
        assert_eq!(is_made_with(identifier, word), expected, "{identifier}");
    }
}

/// British stems and whole words, in lower case. A stem ends with `*`.
const BRITISH: [&str; 34] = [
    "cancelled",
    "cancelling",
    "authoris*",
    "unauthoris*",
    "colour*",
    "behaviour*",
    "favour*",
    "honour*",
    "neighbour*",
    "organis*",
    "recognis*",
    "serialis*",
    "deserialis*",
    "normalis*",
    "initialis*",
    "optimis*",
    "synchronis*",
    "realis*",
    "utilis*",
    "summaris*",
    "minimis*",
    "maximis*",
    "finalis*",
    "tokenis*",
    "licence*",
    "labelled",
    "labelling",
    "catalogue*",
    "centre*",
    "defence*",
    "analyse*",
    "judgement*",
    "cheque*",
    "artefact*",
];

/// Where such a word is meant: file and reason.
const BRITISH_ON_PURPOSE: [(&str, &str); 2] = [
    ("hub/src/config/mistakes.rs", "a misspelled key is the mistake that is shown"),
    ("processors/adyen/README.md", "the list of Adyen's events, to be chosen by these names"),
];

/// Where processors' own words stand in quotes, some of which are British.
const OF_PROCESSORS: [&str; 4] = ["processors/", "plugins/", "tests/twins/", "tests/stories/at_"];

/// A line without what stands in quotes.
fn unquoted(line: &str) -> String {
    let of = |quote: char, text: &str| text.split(quote).step_by(2).collect::<Vec<_>>().join(" ");
    of('`', &of('"', line))
}

fn british(line: &str) -> Option<&'static str> {
    let lower = line.to_lowercase();
    BRITISH.into_iter().find(|word| match word.strip_suffix('*') {
        Some(stem) => lower
            .match_indices(stem)
            .any(|(start, _)| !lower[..start].ends_with(|before: char| before.is_alphabetic())),
        None => has_word(&lower.replace('_', " "), word),
    })
}

#[test]
fn spelling_is_american() {
    let mut findings = Findings::default();
    let mut meant = Vec::new();
    for path in files(&["rs", "md", "toml", "html", "sql", "css"]) {
        if path.starts_with("tests/tidy/") {
            continue;
        }
        let text = read(&path);
        if BRITISH_ON_PURPOSE.iter().any(|(listed, _)| *listed == path) {
            if text.lines().any(|line| british(line).is_some()) {
                meant.push(path);
            }
            continue;
        }
        let of_processors = OF_PROCESSORS.iter().any(|folder| path.starts_with(folder));
        findings.lines(&path, &text, |line| {
            let own = if of_processors { unquoted(line) } else { line.to_owned() };
            british(&own).map(|word| format!("`{word}`"))
        });
    }
    findings.none("the trade says *authorization* and *canceled*");
    only("British on purpose", meant, &BRITISH_ON_PURPOSE);
}

#[test]
fn british_words_are_recognized() {
    for (line, expected) in [
        ("was cancelled", true),
        ("is_cancelled()", true),
        ("the behaviour of", true),
        ("Colour", true),
        ("Unauthorised", true),
        ("cancellation", false),
        ("canceled, authorized, license, center, analysis", false),
    ] {
        assert_eq!(british(line).is_some(), expected, "{line}");
    }
    for (line, expected) in [
        ("\"AUTHORISATION\" => authorized(", false),
        ("the event `CANCELLED`, once", false),
        ("behaviour of \"x\"", true),
        ("\"x\" behaviour", true),
    ] {
        assert_eq!(british(&unquoted(line)).is_some(), expected, "{line}");
    }
}
