//! Mistakes planted in the hub, one at a time: each must make a test of this suite fail.
//!
//! The test starts its own program again for a single other test, with the mistake's name in the environment.
//! Caught is a mistake only if that test ran, failed, and met the mistake on its way; and if the same test
//! holds where nothing is planted. A mistake that nothing catches is a test that is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use hub_core::planted::Bug;
use serde_json::json;

use crate::processes::program::Program;
use crate::processes::{look_until, setting};
use crate::reliability::Run;

pub(crate) mod table;

use table::{PLANTED, PLANTED_FOR_THE_MODEL};

/// Where the hub looks for a mistake to make.
pub(crate) const VARIABLE: &str = "PAYHUB_PLANTED_BUG";
/// Tests that run beside each other; most of them wait.
const AT_ONCE: usize = 3;
/// How long one test may take with a mistake in the hub, in seconds: it waits in vain a few times.
const TEST_S_MAX: u64 = 150;
/// How the test program ends when a test has failed.
const FAILED: i32 = 101;

/// The name in the environment.
fn name(bug: Bug) -> String {
    json!(bug).as_str().expect("a mistake has a name").to_owned()
}

/// How one test went.
struct Ended {
    /// The program's exit code; `None` when it was killed, or did not end.
    code: Option<i32>,
    /// All that it printed.
    printed: String,
}

impl Ended {
    /// What is wrong with it, where it should have failed because of the mistake.
    fn missed(&self, bug: Bug) -> Option<&'static str> {
        let ran_and_failed = self.code == Some(FAILED) && self.printed.contains(" 0 passed; 1 failed;");
        if self.printed.contains(" 1 passed; 0 failed;") {
            Some("is not caught: the test passes")
        } else if !ran_and_failed {
            Some("cannot be judged: the test did not run to its end")
        } else if !self.printed.contains(&format!("the planted mistake {bug:?} is at work")) {
            Some("is not caught: the test fails before it comes to the mistake")
        } else {
            None
        }
    }

    /// What is wrong with it, where nothing was planted.
    fn spoiled(&self) -> Option<&'static str> {
        if self.printed.contains("is at work") {
            Some("met a mistake that nobody planted")
        } else if self.code != Some(0) || !self.printed.contains(" 1 passed; 0 failed;") {
            Some("does not hold where nothing is planted")
        } else {
            None
        }
    }
}

/// Runs one test of this program, with a mistake or without.
fn run(folder: &Path, number: usize, test: &str, bug: Option<Bug>) -> Ended {
    let own = std::env::current_exe().expect("the test's own path");
    let chosen = bug.map(name);
    // Some of the tests are proofs, whose figures are not this one's.
    let mut environment = vec![("PROOF_ROUNDS", ""), ("PROOF_SEED", ""), ("PROOF_FIGURES", "")];
    environment.extend(chosen.iter().map(|name| (VARIABLE, name.as_str())));
    let arguments = ["--exact", test, "--test-threads=1"];
    let mut program = Program::start(folder, &number.to_string(), &own, &arguments, &environment);
    let status = look_until(Duration::from_secs(TEST_S_MAX), || program.exited());
    let read = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).expect("a log")).into_owned();
    let printed = read(&program.output) + &read(&program.errors);
    Ended { code: status.and_then(|status| status.code()), printed }
}

/// The tests of the table with what each is to be run with, and each of them once with nothing.
fn runs() -> Vec<(&'static str, Option<Bug>)> {
    let tests: BTreeSet<&str> = PLANTED.iter().map(|(_, _, test)| *test).collect();
    let planted = PLANTED.iter().map(|(bug, _, test)| (*test, Some(*bug)));
    planted.chain(tests.into_iter().map(|test| (test, None))).collect()
}

#[test]
fn every_planted_mistake_is_caught() {
    let proof = Run::begin("planted_bugs", 1, 0);
    assert_eq!(setting(VARIABLE), None, "this test plants its mistakes itself");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut caught = 0;
    for round in 0..proof.rounds {
        let (waiting, problems) = (Mutex::new(runs().into_iter().enumerate()), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().expect("nobody panics").next();
                        let Some((number, (test, bug))) = next else { break };
                        let ended = run(folder.path(), number, test, bug);
                        let (what, problem) = match bug {
                            Some(bug) => (name(bug), ended.missed(bug)),
                            None => (String::new(), ended.spoiled()),
                        };
                        if let Some(problem) = problem {
                            let problem = format!("{what} {problem}: {test}\n{}", ended.printed);
                            problems.lock().expect("nobody panics").push(problem);
                        }
                    }
                });
            }
        });
        let problems = problems.into_inner().expect("nobody panics");
        assert!(problems.is_empty(), "round {round}:\n{}", problems.join("\n"));
        caught += PLANTED.len();
    }
    for (bug, _, test) in &PLANTED {
        println!("{}: {} Caught by {test}", name(*bug), bug.says());
    }
    let count = |number: usize| u64::try_from(number).expect("a count");
    let planted = count(PLANTED.len()) * proof.rounds;
    proof.held(&[("planted", planted), ("caught", count(caught))]);
}

/// A mistake that a test never meets is told apart from one that it catches.
#[test]
fn a_mistake_that_no_test_meets_is_missed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let test = "stories::idempotency::a_quoted_key_is_the_same_key";
    let ended = run(folder.path(), 0, test, Some(Bug::CardNumbersComeIn));
    assert_eq!(ended.missed(Bug::CardNumbersComeIn), Some("is not caught: the test passes"));
    let ended = run(folder.path(), 1, "no::such::test", Some(Bug::CardNumbersComeIn));
    let problem = ended.missed(Bug::CardNumbersComeIn);
    assert_eq!(problem, Some("cannot be judged: the test did not run to its end"));
}

#[test]
fn what_counts_as_caught() {
    const WORK: &str = "the planted mistake DropTheInbox is at work\n";
    let result = |passed: u32, failed: u32| {
        format!("test result: so. {passed} passed; {failed} failed; 0 ignored; 0 measured; 855 filtered out")
    };
    let at_work = |text: String| format!("{WORK}{text}");
    // How it ended, what it printed, whether the mistake is caught, whether it holds without one.
    let rows = [
        (Some(101), at_work(result(0, 1)), true, false),
        (Some(101), result(0, 1), false, false),
        (Some(101), at_work(result(0, 1)).replace("DropTheInbox", "ForgetTheBooks"), false, false),
        (Some(0), at_work(result(1, 0)), false, false),
        (Some(0), result(1, 0), false, true),
        (Some(0), result(0, 0), false, false),
        (Some(101), at_work(result(0, 0)), false, false),
        (Some(1), at_work(result(0, 1)), false, false),
        (None, at_work(String::new()), false, false),
        (None, at_work(result(0, 1)), false, false),
        (Some(101), at_work(result(1, 1)), false, false),
        (None, result(1, 0), false, false),
    ];
    for (number, (code, printed, caught, holds)) in rows.into_iter().enumerate() {
        let ended = Ended { code, printed };
        assert_eq!(ended.missed(Bug::DropTheInbox).is_none(), caught, "row {number}");
        assert_eq!(ended.spoiled().is_none(), holds, "row {number}");
    }
}

#[test]
fn every_mistake_is_in_the_table_once() {
    let listed = PLANTED.iter().map(|(bug, ..)| *bug);
    let for_the_model = PLANTED_FOR_THE_MODEL.iter().map(|(bug, _)| *bug);
    let all: Vec<Bug> = listed.chain(for_the_model).collect();
    assert_eq!(all, Bug::ALL, "in the order in which they are defined");
}
