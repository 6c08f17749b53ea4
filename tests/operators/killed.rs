//! Backups and restores that are killed (SIGKILL), at each of their steps and at moments that the seed draws: there is
//! a whole file under its name or none, nothing else is taken for one, no hub serves in between, and the same command,
//! given again, comes to its end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use super::desk::{Desk, OPERATOR, payhub};
use crate::planted_bugs::VARIABLE;
use crate::processes::dice::Dice;
use crate::processes::program::Program;
use crate::processes::world::SECRETS;
use crate::processes::{binaries, eventually, now, setting};
use crate::reliability::Run;

/// Where a build for tests stands still, if its environment says so.
const STEP_VARIABLE: &str = "PAYHUB_STANDS_STILL_AT";
const BACKUP_STEPS: [&str; 4] = ["begun", "copied", "verified", "named"];
const RESTORE_STEPS: [&str; 8] =
    ["begun", "copied", "opened", "marking", "marked", "closed", "verified", "named"];
/// Payments in the backup, beside those that were paid.
const NEVER_OPENED: u32 = 12;

fn name(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// What a kill comes upon.
#[derive(Clone, Copy, Debug)]
enum When {
    At(&'static str),
    After(Duration),
}

/// A hub that was lost, its backup, and another hub's place under the same key.
struct Bench {
    desk: Desk,
    backup: PathBuf,
    config: PathBuf,
    database: PathBuf,
}

impl Bench {
    fn set_up() -> Self {
        let mut desk = Desk::start();
        desk.paid("paid");
        desk.open(&desk.create("open", &json!({})));
        for number in 0..NEVER_OPENED {
            desk.create(&format!("never-opened-{number}"), &json!({}));
        }
        let folder = desk.world.path().to_owned();
        let backup = folder.join("backup.sqlite");
        desk.ask(&["db", "backup", "--to", name(&backup)]).done();
        desk.world.kill_hub();
        let config = std::fs::read_to_string(desk.world.config_file()).expect("the config");
        let key = desk.world.data_dir().join("sealing.key");
        let elsewhere = config.replace("data_dir = \"data\"", "data_dir = \"elsewhere\"");
        let elsewhere = format!("{elsewhere}\n[sealing]\nkey_file = \"{}\"\n", key.display());
        let config = folder.join("elsewhere.toml");
        std::fs::write(&config, elsewhere).expect("a config");
        let database = folder.join("elsewhere/hub.sqlite");
        std::fs::create_dir(folder.join("elsewhere")).expect("a folder");
        Self { desk, backup, config, database }
    }

    fn restore(&self, from: &Path) -> Vec<String> {
        let words = ["db", "restore", "--json", "--from", name(from), "--config", name(&self.config)];
        words.map(ToOwned::to_owned).to_vec()
    }

    fn ask(&self, words: &[String]) -> super::desk::Said {
        let planted = setting(VARIABLE);
        let planted = planted.iter().map(|bug| (VARIABLE, bug.as_str())).collect::<Vec<_>>();
        let environment = [&SECRETS[..], &[("USER", OPERATOR)], &planted].concat();
        payhub(&words.iter().map(String::as_str).collect::<Vec<_>>(), &environment)
    }

    /// Starts a command and kills it then; whether it had ended before.
    fn kill(&self, words: &[String], when: When) -> bool {
        let errors = self.desk.world.path().join("killed.err");
        let file = std::fs::File::create(&errors).expect("a file");
        let mut command = Command::new(binaries::payhub());
        command.args(words).env_clear().envs(SECRETS).env("USER", OPERATOR);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        command.envs(setting(VARIABLE).map(|bug| (VARIABLE, bug)));
        if let When::At(step) = when {
            command.env(STEP_VARIABLE, step);
        }
        let began = now();
        let mut child = command.spawn().expect("payhub starts");
        let is_time = |began: Instant| match when {
            When::At(step) => {
                let said = std::fs::read_to_string(&errors).expect("what it says");
                said.contains(&format!("standing still at {step}\n"))
            }
            When::After(delay) => began.elapsed() >= delay,
        };
        let has_ended = |child: &mut Child| child.try_wait().expect("a child can be waited for").is_some();
        eventually("the moment of the kill", || (has_ended(&mut child) || is_time(began)).then_some(()));
        let ended = has_ended(&mut child);
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
        eprintln!("{when:?} {}", std::fs::read_to_string(&errors).expect("what it says").trim_end());
        assert!(!ended || matches!(when, When::After(_)), "it never came to {when:?}");
        ended
    }

    /// An empty place, as before any restore.
    fn empty(&self) {
        for entry in std::fs::read_dir(self.database.parent().expect("a folder")).expect("the folder") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("it can be removed");
        }
    }

    /// Every payment in the place is marked.
    fn is_whole(&self) -> bool {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(&self.database, flags).expect("the database");
        let count = |condition: &str| -> u32 {
            let sql = format!("SELECT count(*) FROM payments WHERE {condition}");
            connection.query_row(&sql, [], |row| row.get(0)).expect("a count")
        };
        let marked = "json_extract(state, '$.known_at_restore') IS NOT NULL";
        (count("true"), count(marked)) == (NEVER_OPENED + 2, NEVER_OPENED + 2)
    }

    /// What a hub says that is not to serve here.
    fn serve(&self) -> Program {
        let ready = self.desk.world.ready_file();
        let words = ["serve", "--config", name(&self.config), "--ready-file", name(&ready)];
        Program::start(self.desk.world.path(), "elsewhere", &binaries::payhub(), &words, &SECRETS)
    }

    /// A restore that is killed; then a hub that is started, and the restore once more.
    fn killed_restore(&self, when: When) -> bool {
        self.empty();
        let words = self.restore(&self.backup);
        let ended = self.kill(&words, when);
        let half = self.database.with_extension("sqlite.half");
        if self.database.exists() {
            assert!(
                ended || !matches!(when, When::At(step) if step != "named"),
                "in place too early: {when:?}"
            );
            assert!(self.is_whole(), "a hub could serve what is not marked: {when:?}");
            assert_eq!(self.ask(&words).error().0, "exists");
            assert!(!half.exists(), "something was left: {when:?}");
            return ended;
        }
        assert!(!ended, "it ended and restored nothing: {when:?}");
        if half.exists() {
            let mut hub = self.serve();
            assert_eq!(hub.end().code(), Some(1), "{when:?}: {}", hub.printed());
            assert!(hub.printed().contains("payhub db restore"), "{when:?}: {}", hub.printed());
            assert!(!self.database.exists(), "a hub began anew: {when:?}");
        }
        // As of one that was killed while the engine changed how it keeps its log: it would be rolled into the next.
        std::fs::write(half.with_extension("half-journal"), b"rows of another copy").expect("a journal");
        let again = self.ask(&words);
        assert_eq!(again.code, 0, "{when:?}: {again:?}");
        assert!(self.is_whole(), "{when:?}");
        let folder = std::fs::read_dir(self.database.parent().expect("a folder")).expect("the folder");
        let names = folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let left: Vec<_> = names.filter(|name| name.contains(".half")).collect();
        assert_eq!(left, Vec::<String>::new(), "something was left: {when:?}");
        ended
    }

    /// A backup that is killed; then whatever it left is offered to a restore.
    fn killed_backup(&self, when: When) -> bool {
        let file = self.desk.world.path().join("killed.sqlite");
        let config = self.desk.world.config_file();
        let words = ["db", "backup", "--json", "--to", name(&file), "--config", name(&config)];
        let words = words.map(ToOwned::to_owned);
        let ended = self.kill(&words, when);
        let half = file.with_extension("sqlite.half");
        self.empty();
        if half.exists() {
            assert_eq!(self.ask(&self.restore(&half)).error().0, "no_backup", "{when:?}");
            assert_eq!(self.ask(&words).error().0, "exists", "{when:?}");
        }
        for suffix in ["", "-journal", "-wal", "-shm", ".lock"] {
            let _absent = std::fs::remove_file(file.with_extension(format!("sqlite.half{suffix}")));
        }
        if !file.exists() {
            assert!(!ended, "it ended and made nothing: {when:?}");
            let again = self.ask(&words);
            assert_eq!(again.code, 0, "{when:?}: {again:?}");
        }
        let restored = self.ask(&self.restore(&file));
        assert!(restored.code == 0 && self.is_whole(), "{when:?}: {restored:?}");
        std::fs::remove_file(&file).expect("a backup");
        ended
    }

    /// How long a restore takes here.
    fn restore_time(&self) -> Duration {
        let began = now();
        let said = self.ask(&self.restore(&self.backup));
        assert!(said.code == 0 && self.is_whole(), "{said:?}");
        began.elapsed()
    }
}

#[test]
fn a_killed_restore_is_whole_or_did_nothing() {
    let run = Run::begin("killed_restores", 8, 1);
    let (bench, mut dice) = (Bench::set_up(), Dice::new(run.seed));
    let most = u64::try_from(bench.restore_time().as_millis()).expect("a time");
    let (mut kills, mut at_steps) = (0, 0);
    for step in RESTORE_STEPS {
        bench.killed_restore(When::At(step));
        (kills, at_steps) = (kills + 1, at_steps + 1);
    }
    for step in BACKUP_STEPS {
        bench.killed_backup(When::At(step));
        (kills, at_steps) = (kills + 1, at_steps + 1);
    }
    for round in 0..run.rounds {
        let when = When::After(Duration::from_millis(dice.between(0, most)));
        let ended = if round % 4 == 3 { bench.killed_backup(when) } else { bench.killed_restore(when) };
        kills += u64::from(!ended);
    }
    // What was restored last is a hub that serves.
    let mut hub = bench.serve();
    hub.ready(&bench.desk.world.ready_file());
    run.held(&[("kills", kills), ("kills_at_steps", at_steps)]);
}
