//! The same cases once more, with every hub on PostgreSQL.

use std::time::Duration;

use crate::processes::program::Program;
use crate::processes::{ENGINE, look_until};
use crate::reliability::Run;

/// How long they may take together.
const TIME_MAX: Duration = Duration::from_secs(20 * 60);

#[test]
fn every_hard_case_holds_on_postgresql() {
    let run = Run::begin("hard_cases_postgresql", 1, 0);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = std::env::current_exe().expect("the test's own path");
    let mut cases = 0;
    for round in 0..run.rounds {
        let words = ["hard_cases::", "--skip", "on_a_server::", "--skip", "every_hard_case_has_a_test"];
        let mut program = Program::start(folder.path(), &round.to_string(), &own, &words, &[ENGINE]);
        let ended = look_until(TIME_MAX, || program.exited());
        let printed = [&program.output, &program.errors]
            .map(|log| String::from_utf8_lossy(&std::fs::read(log).expect("a log")).into_owned());
        assert!(ended.is_some_and(|status| status.success()), "{}", printed.concat());
        cases += passed(&printed[0]);
    }
    assert!(cases > 60 * run.rounds, "{cases} cases: the others were not found");
    run.held(&[("cases", cases)]);
}

/// How many tests a program of tests says it has passed.
fn passed(printed: &str) -> u64 {
    let result = printed.lines().find_map(|line| line.strip_prefix("test result: ok. "));
    let count = result.and_then(|rest| rest.split_once(' ')).and_then(|(count, _)| count.parse().ok());
    count.unwrap_or_else(|| panic!("no result: {printed}"))
}
