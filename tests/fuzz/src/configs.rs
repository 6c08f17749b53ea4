//! The config file: it loads, or each mistake names its line and key, and none repeats a secret.
//!
//! An input is a byte that says where a secret is planted, and the text of a file.

use payhub::config::Config;
use payhub::config::problem::Problem;

/// A secret that was pasted into the file. No input knows it.
const PASTED: &str = "sk_pasted_QmFzZTY0c2VjcmV0";
const MOST_OF_IT: &str = "asted_QmFzZTY0c2";
/// The longest line that is shown of a file, in characters.
const EXCERPT_CHARS_MAX: usize = 102;

/// Ways to get a secret into a file, below whatever stands there already.
const WAYS: [&str; 10] = [
    "",
    "\n[connectors.pasted.secrets]\napi_key = \"PASTED\"\n",
    "\n[connectors.pasted.secrets]\napi_key = { env = \"PASTED\" }\n",
    "\n[connectors.pasted.secrets]\napi_key = { value = \"PASTED\" }\n",
    "\n[connectors.pasted.secrets]\napi_key = [\"PASTED\", 'PASTED']\n",
    "\n[connectors.pasted.secrets]\napi_key = \"PASTED\nwebhook = 1",
    "\n[connectors.pasted]\nadapter = \"stripe\"\nsecrets = { api_key = \"PASTED\" }\n",
    "\n[connectors.pasted]\napi_kye = \"PASTED\"\n",
    "\n[connectors.pasted]\nwebhook_path_secret = \"PASTED\"\n",
    "\napi_key: PASTED\n",
];

/// Feeds one input.
pub(crate) fn run(input: &[u8]) {
    let Some((way, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    if text.contains("PASTED") || text.contains(MOST_OF_IT) {
        // Where a secret stands under a key for plain things, it is shown as one; libFuzzer learns what is compared.
        return;
    }
    let way = WAYS[usize::from(*way) % WAYS.len()];
    let text = format!("{text}{}", way.replace("PASTED", PASTED));
    match Config::parse(&text, "hub.toml") {
        Ok(config) => holds_no_secret(&format!("{config:?}")),
        Err(error) => {
            let shown = error.to_string();
            holds_no_secret(&shown);
            assert!(!error.problems().is_empty(), "refused without a reason: {shown}");
            for problem in error.problems() {
                is_told_well(problem, &text);
            }
        }
    }
}

fn holds_no_secret(shown: &str) {
    assert!(!shown.contains(PASTED), "repeats a secret: {shown}");
    // Nor most of it.
    assert!(!shown.contains(MOST_OF_IT), "repeats the most of a secret: {shown}");
}

fn is_told_well(problem: &Problem, text: &str) {
    assert!(!problem.reason.is_empty());
    assert!(problem.place.is_some() || !problem.key.is_empty(), "neither line nor key: {problem:?}");
    let shown = problem.to_string();
    assert!(
        !shown.contains(|letter: char| letter.is_control() && letter != '\n'),
        "unfit to be printed: {shown:?}"
    );
    let Some(place) = &problem.place else { return };
    if problem.file == "hub.toml" {
        assert!((1..=text.matches('\n').count() + 1).contains(&place.line), "line {}", place.line);
    }
    let chars = place.excerpt.chars().count();
    assert!(chars <= EXCERPT_CHARS_MAX, "{chars} characters of a line: {problem}");
    assert!(
        place.marked.start <= place.marked.end && place.marked.end <= chars,
        "marks outside: {problem:?}"
    );
    assert!(place.column >= 1);
    assert!(!place.excerpt.contains(['\n', '\r']), "an excerpt of several lines: {problem:?}");
}
