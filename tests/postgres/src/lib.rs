//! A PostgreSQL cluster of one's own: made in a temporary folder, run by a user without privileges, reached
//! through a socket in that folder, and gone with the program that started it, however that ends.
//!
//! The server keeps its promises as in production: nothing about flushing is turned off.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that has no database cannot go on")]

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Who owns the databases.
const OWNER: &str = "payhub";
/// The numbers of a user and group that own nothing, where there is no user for the server.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// Ends the server and removes its folder as soon as the program that started it is gone: then nobody holds the
/// other end of its standard input any more.
const WATCH: &str = "cat > /dev/null
kill -QUIT \"$(head -n 1 data/postmaster.pid)\" 2> /dev/null
while kill -0 \"$(head -n 1 data/postmaster.pid 2> /dev/null)\" 2> /dev/null; do sleep 0.05; done
cd / && rm -rf \"$1\"";

/// A server with its databases.
#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    made: AtomicU32,
    watch: Option<(Child, ChildStdin)>,
}

impl Cluster {
    /// The one that all tests of a program share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Makes one and starts it.
    pub fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("payhub-pg-").tempdir().expect("a folder").keep();
        let user = is_root().then(|| named_user("postgres").unwrap_or(NOBODY));
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).expect("the folder is given away");
        }
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("the folder is closed");
        let mut cluster = Self { folder, programs, user, made: AtomicU32::new(0), watch: None };
        let (owner, encoding) = (format!("--username={OWNER}"), "--encoding=UTF8");
        let made = ["-D", "data", &owner, "--auth=trust", encoding, "--locale=C", "--no-sync"];
        finished(cluster.program("initdb", &made).output(), "initdb");
        let settings = "listen_addresses = ''\nunix_socket_directories = '.'\nmax_connections = 400\n\
                        shared_buffers = 32MB\nlogging_collector = off\nautovacuum_naptime = 5s\n";
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(cluster.folder.join("data/postgresql.conf"))
            .expect("the settings");
        file.write_all(settings.replace("'.'", &format!("'{}'", cluster.folder.display())).as_bytes())
            .expect("the settings are written");
        cluster.begin();
        let mut watch = cluster.as_user("sh");
        watch.args(["-c", WATCH, "watch"]).arg(&cluster.folder);
        let mut watch = watch.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a watch");
        let held = watch.stdin.take().expect("its input");
        cluster.watch = Some((watch, held));
        cluster
    }

    /// A new, empty database; its URL.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.made.fetch_add(1, Ordering::Relaxed));
        let socket = self.folder.display().to_string();
        let arguments = ["-h", &socket, "-U", OWNER, "-T", "template0", &name];
        finished(self.program("createdb", &arguments).output(), "createdb");
        format!("postgres://{OWNER}@{}/{name}", socket.replace('/', "%2F"))
    }

    /// The server's own shell with some statements, which are one transaction.
    pub fn shell(&self, url: &str, sql: &str) -> Command {
        let words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql];
        self.program("psql", &words)
    }

    /// Starts the server, and returns when it takes connections.
    pub fn begin(&self) {
        let log = self.folder.join("log").display().to_string();
        let begun = self.program("pg_ctl", &["-D", "data", "-l", &log, "-w", "-s", "start"]).status();
        if !begun.as_ref().is_ok_and(std::process::ExitStatus::success) {
            panic!("PostgreSQL does not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
        }
    }

    /// Ends the server as a crash would: without finishing anything.
    pub fn crash(&self) {
        let stopped = self.program("pg_ctl", &["-D", "data", "-m", "immediate", "-w", "-s", "stop"]).output();
        finished(stopped, "pg_ctl stop");
    }

    /// Kills the server and all that it has started, as a power cut would.
    pub fn kill(&self) {
        let file = self.folder.join("data/postmaster.pid");
        let server = std::fs::read_to_string(&file).expect("the server runs");
        let server = server.lines().next().expect("its process").trim().to_owned();
        // Stopped, it starts nobody else; dead, nobody knows whom it had started.
        signal("STOP", &server);
        let mut killed = children_of(&server);
        killed.insert(0, server);
        killed.iter().for_each(|process| signal("KILL", process));
        // A server does not start beside what is left of another one.
        while killed.iter().any(|process| is_alive(process)) {
            std::thread::yield_now();
        }
        // Where nobody waits for the dead, their numbers look taken for long.
        for left in [file, self.folder.join(".s.PGSQL.5432.lock")] {
            std::fs::remove_file(left).expect("what the server left is taken away");
        }
    }

    /// The folder that its socket is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = self.as_user(self.programs.join(name));
        command.args(arguments);
        command
    }

    fn as_user(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        // Nothing that points at another server, and no language but the one of the messages in the source.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((mut watch, held)) = self.watch.take() {
            drop(held);
            // Waited for, so that the folder is gone.
            let _ended = watch.wait();
        }
    }
}

fn signal(name: &str, process: &str) {
    // One that has ended by itself hears nothing.
    let _gone =
        Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\" 2> /dev/null", "sh", name, process]).status();
}

/// What a process has started, one level deep: a server's workers.
fn children_of(process: &str) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists =
        threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Whether a process is there and no zombie.
fn is_alive(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state.is_some_and(|state| state != "Z")
}

fn finished(output: std::io::Result<Output>, name: &str) {
    let output = output.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where the server's programs are: on the path, or where Debian keeps them, the newest first.
fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    places.sort_by_key(|place| {
        let version = place.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse().ok());
        std::cmp::Reverse(version.unwrap_or(0_u32))
    });
    places.extend(std::env::split_paths(&on_path));
    let found = places.into_iter().find(|place| {
        ["initdb", "pg_ctl", "postgres", "createdb", "psql"].iter().all(|name| place.join(name).is_file())
    });
    found.expect("PostgreSQL is missing; tests/run installs it, or: apt-get install postgresql")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A user's number and group.
fn named_user(name: &str) -> Option<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.first() == Some(&name))?;
    Some((line.get(2)?.parse().ok()?, line.get(3)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_a_crash_and_leaves_nothing_behind() {
        let cluster = Cluster::start();
        let (first, second) = (cluster.database(), cluster.database());
        assert_ne!(first, second);
        let told =
            cluster.shell(&second, "SELECT 1, 'a' UNION ALL SELECT 2, NULL").output().expect("psql starts");
        assert_eq!(told.stdout, b"1|a\n2|\n");
        cluster.crash();
        cluster.begin();
        cluster.kill();
        cluster.begin();
        cluster.database();
        let folder = cluster.folder().to_owned();
        assert!(folder.exists());
        drop(cluster);
        assert!(!folder.exists());
    }
}
