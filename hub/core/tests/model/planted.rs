//! The second opinion can fail: every mistake that can be planted in the core is caught by it.
//!
//! A mistake is made for as long as a process lives, so this program starts itself again for each. The build of all
//! tests together has the mistakes; alone they come with `--features planted-bugs`.

use std::process::Command;

use hub_core::planted::Bug;
use serde_json::json;

use crate::proof::PLANTED;

/// The mistakes that are made in this crate; the others are the hub's.
const MISTAKES: [Bug; 20] = [
    Bug::NoBoundOnRefunds,
    Bug::NoBoundOnCaptures,
    Bug::LetQuarantinedMoneyMove,
    Bug::TreatUnknownAsFailed,
    Bug::FailOverFromUnknown,
    Bug::ForgetToFindOut,
    Bug::ForgetToLook,
    Bug::ReturnIsPayment,
    Bug::IgnoreAmountMismatch,
    Bug::IgnoreCurrencyMismatch,
    Bug::CountRefundsTwice,
    Bug::ForgetLateSuccess,
    Bug::OverlookSecondPayment,
    Bug::LeaveFirstPageOpen,
    Bug::BreakTheChain,
    Bug::SequenceStandsStill,
    Bug::CountSettledTwice,
    Bug::BookTheAskedSum,
    Bug::KeepDoubtToItself,
    Bug::ForgetTheWayBack,
];
/// Lives within which each must be caught; most are in the first hundred.
const LIVES_MAX: &str = "5000";
/// The test that must fail.
const TEST: &str = "proof::the_core_agrees_with_a_second_opinion";

/// Whether the test held, and all that it printed.
fn run(mistake: Option<Bug>) -> (bool, String) {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", TEST, "--nocapture"]).env("RUST_BACKTRACE", "0");
    for name in [PLANTED, "PROOF_ROUNDS", "PROOF_SEED", "PROOF_FIGURES"] {
        program.env_remove(name);
    }
    if let Some(bug) = mistake {
        program.env(PLANTED, json!(bug).as_str().unwrap()).env("PROOF_ROUNDS", LIVES_MAX);
    }
    let output = program.output().unwrap();
    let printed = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.success(), printed.concat())
}

#[test]
fn every_mistake_of_the_core_is_caught() {
    let mut missed = Vec::new();
    for bug in MISTAKES {
        let (held, printed) = run(Some(bug));
        assert!(printed.contains(&format!("the planted mistake {bug:?} is at work")), "{bug:?}: {printed}");
        if held {
            missed.push(bug);
        }
    }
    assert_eq!(missed, [], "mistakes that nobody catches");
    let (held, printed) = run(None);
    assert!(held && !printed.contains("is at work"), "nothing is found where nothing is planted: {printed}");
}
