//! No answer before its flush, watched from outside: `strace` writes down what the real program asks of the
//! system, and between reading a request and writing its 201 a flush of the database's log has to be over.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::processes::binaries;
use crate::processes::program::Program;
use crate::processes::world::{Kind, SECRETS, World};

/// Requests that are watched, one after the other.
const CREATES: usize = 20;
/// What is written down: how requests come in, how the log is written and flushed, how answers go out.
const CALLS: &str = "trace=read,recvfrom,readv,pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg";
const REQUEST: &str = "POST /v1/payment_intents";
const ANSWER: &str = "HTTP/1.1 201";

#[test]
fn no_answer_leaves_before_its_flush() {
    require_strace();
    // Made by a hub that nobody watches: a watched one starts slowly.
    let mut world = World::start(Kind::Serve);
    let log = world.path().join("calls.log");
    let mut hub = world.hub.take().expect("the hub runs");
    hub.terminate();
    hub.end();
    world.hub = Some(watched(&mut world, &log));
    for number in 0..CREATES {
        let body = json!({ "amount": 1_000, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks" });
        let created =
            world.api.post("/v1/payment_intents", &format!("watched-{number}"), &body).expect("an answer");
        assert_eq!(created.status, 201, "{}", created.text());
    }
    // Only the hub is asked to end: strace ends with it, and the log is whole then.
    let mut strace = world.hub.take().expect("the hub runs");
    strace.terminate_child();
    strace.end();
    let log = std::fs::read_to_string(&log).expect("what was written down");
    assert_eq!(judge(&log), Ok(CREATES), "the calls are in {log}");
}

fn require_strace() {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let tried = tried.expect("strace cannot be started: run the README's test command, which installs it");
    assert!(
        tried.status.success(),
        "strace may not watch a process here, so that this promise cannot be tested: {}",
        String::from_utf8_lossy(&tried.stderr)
    );
}

fn watched(world: &mut World, log: &Path) -> Program {
    let path = |path: &Path| path.to_str().expect("a UTF-8 path").to_owned();
    let mut arguments: Vec<String> = ["-f", "-y", "-s", "64", "-e", CALLS, "-o"].map(str::to_owned).to_vec();
    arguments.extend([path(log), path(&binaries::payhub())]);
    arguments.extend(world.arguments());
    let mut strace = Program::start(world.path(), "strace", Path::new("strace"), &arguments, &SECRETS);
    strace.ready(&world.ready_file());
    strace
}

/// Where the request that is under way has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Read,
    /// In the log, not yet flushed.
    Logged,
    /// A flush has begun after that.
    Flushing,
    Flushed,
}

/// Counts the answers, each of which must come after its request, its log record and the flush of that.
fn judge(log: &str) -> Result<usize, String> {
    let mut stage = Stage::Idle;
    let mut answers = 0;
    // The thread whose flush is under way: strace splits a call that another thread's call interrupts.
    let mut flusher = "";
    for line in log.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let is_flush = call.starts_with("fsync(") || call.starts_with("fdatasync(");
        let to_log = call.contains(".sqlite-wal>");
        if call.contains(REQUEST) {
            if stage != Stage::Idle {
                return Err(format!("a second request while the first is {stage:?}: {line}"));
            }
            stage = Stage::Read;
        } else if call.starts_with("pwrite64(") && to_log && stage != Stage::Idle {
            stage = Stage::Logged;
        } else if is_flush && to_log && stage == Stage::Logged {
            flusher = thread;
            stage = if call.ends_with("= 0") { Stage::Flushed } else { Stage::Flushing };
        } else if stage == Stage::Flushing && thread == flusher && call.contains("sync resumed>") {
            stage = if call.ends_with("= 0") { Stage::Flushed } else { Stage::Logged };
        } else if call.contains(ANSWER) {
            if stage != Stage::Flushed {
                return Err(format!("answer {answers} left when its request was only {stage:?}: {line}"));
            }
            stage = Stage::Idle;
            answers += 1;
        }
    }
    Ok(answers)
}

#[test]
fn the_judge_knows_a_good_log_from_a_bad_one() {
    const IN: &str = "7 recvfrom(9<socket:[1]>, \"POST /v1/payment_intents HTTP/1.1\\r\\n\"..., 1024, 0, NULL, NULL) = 300\n";
    const LOG: &str = "8 pwrite64(5</d/hub.sqlite-wal>, \"...\"..., 4096, 32) = 4096\n";
    const FLUSH: &str = "8 fdatasync(5</d/hub.sqlite-wal>) = 0\n";
    const BEGUN: &str = "8 fdatasync(5</d/hub.sqlite-wal> <unfinished ...>\n";
    const OVER: &str = "8 <... fdatasync resumed>) = 0\n";
    const FAILED: &str = "8 <... fdatasync resumed>) = -1 EIO (Input/output error)\n";
    const OTHER: &str = "8 fsync(5</d/hub.sqlite>) = 0\n";
    const OUT: &str =
        "7 sendto(9<socket:[1]>, \"HTTP/1.1 201 Created\\r\\n\"..., 900, MSG_NOSIGNAL, NULL, 0) = 900\n";
    let rows: &[(&[&str], Option<usize>)] = &[
        (&[IN, LOG, FLUSH, OUT], Some(1)),
        (&[IN, LOG, BEGUN, "9 recvfrom(3) = 0\n", OVER, OUT, IN, LOG, FLUSH, OUT], Some(2)),
        (&[], Some(0)),
        (&[IN, LOG, OUT, FLUSH], None),
        (&[IN, FLUSH, LOG, OUT], None),
        (&[FLUSH, IN, OUT], None),
        (&[IN, LOG, BEGUN, OUT, OVER], None),
        (&[IN, LOG, BEGUN, FAILED, OUT], None),
        (&[IN, LOG, OTHER, OUT], None),
        (&[IN, LOG, FLUSH, LOG, OUT], None),
    ];
    for (lines, expected) in rows {
        let log = lines.concat();
        assert_eq!(judge(&log).ok(), *expected, "{log}");
    }
}
