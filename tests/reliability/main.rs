//! `reliability run|report|status`: runs the proofs in their long forms, keeps what they did, writes the page.
//!
//! The file of figures is the whole state: a run that was broken off goes on where the file ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use hub_tests::figures::{self, add, is_met, owed, sum};
use hub_tests::proofs::{PROOFS, Proof, Start};
use hub_tests::report::{current, page};
use serde_json::{Map, Value, json};

mod surroundings;

/// Longest time of one run; it ends as failed then.
const RUN_TIME_MAX: Duration = Duration::from_secs(45 * 60);
/// Between two looks at a run.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Lines that are kept of what a failed run said, and characters of each.
const LINES_MAX: usize = 40;
const LINE_CHARS_MAX: usize = 400;

const USAGE: &str =
    "reliability run [--proof NAME] [--minutes N]            runs proofs until their bars are met
reliability run [--proof NAME] [--minutes N] --beyond   once more each, met or not
reliability report                                      writes RELIABILITY.md
reliability status                                      how far each proof is";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["run", ref options @ ..] => Orders::of(options).and_then(|orders| run(&orders)),
        ["report"] => write_page().map(|()| true),
        ["status"] => status().map(|()| true),
        _ => Err(io::Error::other(USAGE)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&error.to_string());
            ExitCode::from(2)
        }
    }
}

fn say(text: &str) {
    // Whoever listened may have gone; the figures are kept all the same.
    let _gone = writeln!(io::stdout(), "{text}");
}

fn write_page() -> io::Result<()> {
    fs::write(page(), current()?)
}

fn status() -> io::Result<()> {
    let lines = figures::read()?;
    for proof in PROOFS {
        let sums = sum(lines.iter().filter(|line| line.proof() == proof.name));
        let bars = proof.bar.iter().map(|(figure, least)| {
            format!("{} of {least} {figure}", sums.get(*figure).copied().unwrap_or_default())
        });
        let mark = if is_met(proof, &sums) { "met    " } else { "not met" };
        let failed = owed(proof, &lines).len();
        let failed = if failed > 0 { format!("; {failed} failed seeds are owed") } else { String::new() };
        say(&format!("{mark} {}: {}{failed}", proof.name, bars.collect::<Vec<_>>().join(", ")));
    }
    Ok(())
}

/// What was asked for on the command line.
struct Orders {
    proofs: Vec<&'static Proof>,
    time_max: Option<Duration>,
    /// One run of each, although its bar is met: what holds for older code is shown for today's.
    beyond: bool,
}

impl Orders {
    fn of(options: &[&str]) -> io::Result<Self> {
        let (flags, options): (Vec<&str>, Vec<&str>) = options.iter().partition(|word| **word == "--beyond");
        let mut orders = Self { proofs: PROOFS.iter().collect(), time_max: None, beyond: !flags.is_empty() };
        for pair in options.chunks(2) {
            match pair {
                ["--proof", name] => {
                    orders.proofs.retain(|proof| proof.name == *name);
                    if orders.proofs.is_empty() {
                        return Err(io::Error::other(format!(
                            "there is no proof {name}; see: reliability status"
                        )));
                    }
                }
                ["--minutes", number] => {
                    let minutes: u64 = number.parse().map_err(|_| io::Error::other(USAGE))?;
                    orders.time_max = Some(Duration::from_secs(minutes.saturating_mul(60)));
                }
                _ => return Err(io::Error::other(USAGE)),
            }
        }
        Ok(orders)
    }
}

/// Runs the proofs in turn until each has met its bar, failed, or the time is over; each once where nothing is
/// counted, and where that is what was asked for. Whether all went well.
fn run(orders: &Orders) -> io::Result<bool> {
    let began = since_1970();
    let is_over = || orders.time_max.is_some_and(|time_max| since_1970().saturating_sub(began) >= time_max);
    let tree = surroundings::tree();
    if tree.is_dirty {
        say("there are changes that are in no commit: each proof is run once, and not counted");
    }
    let tests = build(&orders.proofs)?;
    let mut broken = BTreeSet::new();
    loop {
        let lines = figures::read()?;
        let mut left = orders.proofs.clone();
        left.retain(|proof| {
            let sums = sum(lines.iter().filter(|line| line.proof() == proof.name));
            let is_done = is_met(proof, &sums) && owed(proof, &lines).is_empty();
            (orders.beyond || !is_done) && !broken.contains(proof.name)
        });
        if left.is_empty() || is_over() {
            break;
        }
        for proof in left {
            if is_over() {
                break;
            }
            if surroundings::tree() != tree {
                return Err(io::Error::other("the source tree has changed since it was built; run it again"));
            }
            // What failed once comes first, and must hold now.
            let lines = figures::read()?;
            let (seed, rounds) = owed(proof, &lines).first().copied().unwrap_or((fresh_seed(), proof.rounds));
            if !one_run(proof, &tests, &tree, seed, rounds)? {
                broken.insert(proof.name);
            }
        }
        if tree.is_dirty || orders.beyond {
            break;
        }
    }
    status()?;
    write_page()?;
    Ok(broken.is_empty())
}

/// One run of a proof, kept in the file; whether it held.
fn one_run(
    proof: &Proof,
    tests: &Tests,
    tree: &surroundings::Tree,
    seed: u64,
    rounds: u64,
) -> io::Result<bool> {
    say(&format!("{}: seed {seed}, {rounds} rounds", proof.name));
    let folder = top().join("target/reliability");
    fs::create_dir_all(&folder)?;
    let (log, kept) =
        (folder.join(format!("{}.log", proof.name)), folder.join(format!("{}.line", proof.name)));
    let _absent = fs::remove_file(&kept);
    let output = File::create(&log)?;
    let mut command = start(proof, tests)?;
    command.envs([("PROOF_ROUNDS", rounds.to_string()), ("PROOF_SEED", seed.to_string())]);
    command
        .env("PROOF_FIGURES", &kept)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let began = since_1970();
    let mut child = command.spawn()?;
    let held = loop {
        if let Some(ended) = child.try_wait()? {
            break ended.success();
        }
        if since_1970().saturating_sub(began) > RUN_TIME_MAX {
            child.kill()?;
            child.wait()?;
            break false;
        }
        std::thread::sleep(LOOK_AGAIN);
    };
    let lines: Vec<Value> = match fs::read_to_string(&kept) {
        Ok(text) => text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?,
        Err(_) => vec![],
    };
    let seconds = since_1970().saturating_sub(began).as_secs();
    if held && lines.is_empty() {
        say(&format!("  it left no figures: is there such a test? Its words are in {}", log.display()));
        return Ok(false);
    }
    let lines = if held {
        lines
    } else {
        let said = words_of_failure(&fs::read_to_string(&log).unwrap_or_default());
        vec![
            json!({ "proof": proof.name, "seed": seed, "rounds": rounds, "seconds": seconds, "failed": said }),
        ]
    };
    for line in lines {
        let mut line: Map<String, Value> = serde_json::from_value(line)?;
        // Whatever the proof calls itself, it is this one whose run it was.
        line.insert("proof".to_owned(), json!(proof.name));
        tree.tell(&mut line);
        say(&format!("  {}", line.get("figures").map_or("failed".to_owned(), Value::to_string)));
        add(&Value::Object(line))?;
    }
    if !held {
        say(&format!("  FAILED after {seconds} s; its words are in {}", log.display()));
    }
    Ok(held)
}

fn start(proof: &Proof, tests: &Tests) -> io::Result<Command> {
    let test = |package: &str, target: &str, name: &str| {
        let built = tests.get(&(package.to_owned(), target.to_owned()));
        let (program, folder) = built.ok_or_else(|| io::Error::other(format!("{target} was not built")))?;
        let mut command = Command::new(program);
        // As cargo starts it.
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]).current_dir(folder);
        Ok(command)
    };
    match proof.start {
        Start::Test(name) => test(OWN.0, OWN.1, name),
        Start::TestOf { package, target, name } => test(package, target, name),
        Start::Program(path) => {
            let mut command = Command::new(top().join(path));
            command.current_dir(top());
            Ok(command)
        }
    }
}

/// Programs of tests by package and target, each with the folder that it is started in.
type Tests = BTreeMap<(String, String), (PathBuf, PathBuf)>;

/// Where most proofs are.
const OWN: (&str, &str) = ("hub-tests", "hub");

/// Builds what the proofs run, in release.
fn build(proofs: &[&Proof]) -> io::Result<Tests> {
    let wanted: BTreeSet<(&str, &str)> = proofs
        .iter()
        .filter_map(|proof| match proof.start {
            Start::Test(_) => Some(OWN),
            Start::TestOf { package, target, .. } => Some((package, target)),
            Start::Program(_) => None,
        })
        .collect();
    if wanted.contains(&OWN) {
        say("building the programs and the tests in release");
        // As the tests have it, so that the hub is compiled once.
        let programs = cargo()
            .args(["build", "--release", "--locked", "-p", "payhub", "-p", "sandbox-server"])
            .args(["--features", "payhub/planted-bugs"])
            .status()?;
        if !programs.success() {
            return Err(io::Error::other("the programs cannot be built"));
        }
    }
    let mut tests = Tests::new();
    for (package, target) in wanted {
        tests.insert((package.to_owned(), target.to_owned()), build_tests(package, target)?);
    }
    Ok(tests)
}

/// Builds one package's tests; gives the program, and the folder that cargo would start it in.
fn build_tests(package: &str, target: &str) -> io::Result<(PathBuf, PathBuf)> {
    let built = cargo()
        .args(["test", "--release", "--locked", "-p", package, "--test", target, "--no-run"])
        .arg("--message-format=json")
        .stderr(Stdio::inherit())
        .output()?;
    if !built.status.success() {
        return Err(io::Error::other(format!("the tests of {package} cannot be built")));
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| {
        let is_it = message["target"]["name"] == target && message["profile"]["test"] == true;
        let program = message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)?;
        let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_path_buf();
        Some((program, folder))
    });
    programs.next().ok_or_else(|| io::Error::other(format!("cargo built no tests of {package}")))
}

fn cargo() -> Command {
    let mut cargo = hub_tests::cargo::cargo();
    cargo.current_dir(top());
    cargo
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn since_1970() -> Duration {
    UNIX_EPOCH.elapsed().unwrap_or_default()
}

/// Any number that fits the JSON of everybody.
fn fresh_seed() -> u64 {
    let nanoseconds = since_1970().as_nanos();
    u64::try_from(nanoseconds % (1 << 52)).unwrap_or_default()
}

/// What a failed run said from its first panic on, or else its end.
fn words_of_failure(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let from = panic.unwrap_or(lines.len().saturating_sub(LINES_MAX));
    let words = lines.iter().skip(from).take(LINES_MAX);
    words.map(|line| line.chars().take(LINE_CHARS_MAX).collect()).collect()
}
