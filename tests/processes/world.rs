//! A hub with its processor, in the two ways people run them: `payhub demo`, where both live and die in one
//! process, and `payhub serve` with the processor on its own.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use private_postgres::Cluster;
use serde_json::Value;
use tempfile::TempDir;

use super::database::Database;
use super::dice::Dice;
use super::http::Api;
use super::program::Program;
use super::{binaries, is_on_a_server};

/// Ports below the range from which systems take the ends of outgoing connections: a port that is freed for a
/// restart is still free then.
const PORTS: (u64, u64) = (12_000, 31_000);
/// How the tests' hub differs from everybody's: they ask faster than any shop, with one key.
pub(crate) const NO_LIMITS: &str = "[limits]\nkey_requests_per_s = 0\n";
/// What lets a hub tell merchants whose endpoints are on this machine.
pub(crate) const MERCHANTS_HERE: &str =
    "[merchant_webhooks]\nallow_http = [\"127.0.0.0/8\"]\nallow_private = [\"127.0.0.0/8\"]\n";
/// What stands before the key that `payhub serve` prints at its first start.
const FIRST_KEY: &str = "A first API key, shown this once: ";

/// How the two are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Both in one process: a kill takes both.
    Demo,
    /// Two processes: a kill takes the hub.
    Serve,
}

/// A hub and a processor.
pub(crate) struct World {
    kind: Kind,
    port: u16,
    /// The URL of its PostgreSQL database; without one it has a file.
    database: Option<String>,
    /// What its config has after what every hub has.
    tables: String,
    /// Where the hub finds the processor; without one, where that listens.
    processor: Option<SocketAddr>,
    /// The process that is killed.
    pub(crate) hub: Option<Program>,
    _sandbox: Option<Program>,
    pub(crate) api: Api,
    pub(crate) sandbox_url: String,
    /// The last to go, so that a failing test shows what its programs printed.
    folder: TempDir,
}

impl World {
    /// Starts both for the first time.
    pub(crate) fn start(kind: Kind) -> Self {
        Self::prepare(kind).begun().0
    }

    /// `payhub serve` for the first time, on the kind of database that the hubs under test are on.
    pub(crate) fn start_on_either() -> Self {
        let database = is_on_a_server().then(|| Cluster::shared().database());
        Self::prepare_on(Kind::Serve, database).begun().0
    }

    /// Its database, whoever runs on it.
    pub(crate) fn database(&self) -> Database {
        match &self.database {
            Some(url) => Database::Server(url.clone()),
            None => Database::File(self.data_dir().join("hub.sqlite")),
        }
    }

    /// `payhub serve` on a PostgreSQL database, for the first time.
    pub(crate) fn start_on_server() -> Self {
        Self::start_on(Cluster::shared().database())
    }

    /// `payhub serve` on the PostgreSQL database at this URL, for the first time.
    pub(crate) fn start_on(database: String) -> Self {
        Self::prepare_on(Kind::Serve, Some(database)).begun().0
    }

    /// `payhub serve` for the first time, with these tables in its config, where something stands between it and the
    /// processor: that is made from where the processor listens, and says where the hub finds it.
    pub(crate) fn start_through(tables: &str, line: impl FnOnce(SocketAddr) -> SocketAddr) -> Self {
        let mut world = Self::bare(Kind::Serve, None);
        world.processor = Some(line(world.processor_listens()));
        world.start_sandbox();
        world.configure(&format!("{NO_LIMITS}{tables}"));
        world.begun().0
    }

    /// `payhub serve` for the first time, with a second connector `other`, on a file or on a server's database.
    pub(crate) fn start_with_other(database: Option<String>) -> Self {
        let mut world = Self::prepare_on(Kind::Serve, database);
        let (key, secret) = OTHER_SECRETS;
        for (name, value) in [("api_key", key), ("webhook_secret", secret)] {
            let file = world.path().join(name);
            std::fs::write(&file, value).expect("a secret can be written");
            std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a secret is closed");
        }
        let sandbox_url = &world.sandbox_url;
        let table = format!(
            r#"{NO_LIMITS}
[connectors.other]
adapter = "sandbox"
mode = "test"
plain_http_hosts = ["{host}"]
settings.base_url = "{sandbox_url}"
secrets.api_key = {{ file = "{folder}/api_key" }}
secrets.webhook_secret = {{ file = "{folder}/webhook_secret" }}
"#,
            host = sandbox_url.trim_start_matches("http://"),
            folder = world.path().display(),
        );
        world.configure(&table);
        world.begun().0
    }

    /// `payhub db verify` finds nothing wrong with the database.
    pub(crate) fn verify(&self) {
        let path = |path: PathBuf| path.to_str().expect("a UTF-8 path").to_owned();
        let place = match self.kind {
            Kind::Demo => ["--data-dir".to_owned(), path(self.data_dir())],
            Kind::Serve => ["--config".to_owned(), path(self.config_file())],
        };
        let mut command = Command::new(binaries::payhub());
        let said = command.args(["db", "verify"]).args(place).envs(SECRETS).output().expect("payhub starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(said.status.success(), "{}{}", text(&said.stdout), text(&said.stderr));
    }

    /// Another hub on the same database. Shoppers and processors are led to the first.
    pub(crate) fn second_hub(&self) -> (Program, Api) {
        let second = self.prepare_beside("second", &[]);
        (second.start(), second.api)
    }

    /// All that another process on the same database needs: a port and a folder of its own. It is started with
    /// these words too.
    pub(crate) fn prepare_beside(&self, name: &str, words: &[&str]) -> Beside {
        let (folder, port) = (self.path().join(name), free_ports());
        std::fs::create_dir(&folder).expect("a folder");
        let listen = format!("listen = \"127.0.0.1:{}\"", self.port);
        let key_file =
            format!("[sealing]\nkey_file = \"{}\"\n", self.data_dir().join("sealing.key").display());
        let config = self.config(&format!("{}{key_file}", self.tables));
        let config = config.replace(&listen, &format!("listen = \"127.0.0.1:{port}\""));
        std::fs::write(folder.join("hub.toml"), config).expect("the config can be written");
        let api = Api { base_url: format!("http://127.0.0.1:{port}"), key: self.api.key.clone() };
        Beside { folder, words: words.iter().map(|word| (*word).to_owned()).collect(), api }
    }

    /// `payhub serve` for the first time, with these tables in its config; and what it says when it serves.
    pub(crate) fn serve_with(tables: &str) -> (Self, Value) {
        Self::serve_on_with(None, tables)
    }

    /// The same on the PostgreSQL database at this URL, if there is one.
    pub(crate) fn serve_on_with(database: Option<String>, tables: &str) -> (Self, Value) {
        let mut world = Self::prepare_on(Kind::Serve, database);
        world.configure(tables);
        world.begun()
    }

    /// Starts the hub for the first time; and what it says when it serves.
    fn begun(mut self) -> (Self, Value) {
        let ready = self.start_hub();
        self.meet(&ready);
        (self, ready)
    }

    /// Remembers what a hub says at its first start.
    fn meet(&mut self, ready: &Value) {
        match self.kind {
            Kind::Demo => {
                self.api.key = text(ready, "api_key");
                self.sandbox_url = text(ready, "sandbox_url");
            }
            Kind::Serve => self.api.key = self.first_key(),
        }
    }

    /// Everything but the hub, which has never run yet.
    pub(crate) fn prepare(kind: Kind) -> Self {
        Self::prepare_on(kind, None)
    }

    fn prepare_on(kind: Kind, database: Option<String>) -> Self {
        let mut world = Self::bare(kind, database);
        if kind == Kind::Serve {
            world.start_sandbox();
            world.configure(NO_LIMITS);
        }
        world
    }

    fn bare(kind: Kind, database: Option<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_ports();
        let api = Api { base_url: format!("http://127.0.0.1:{port}"), key: String::new() };
        Self {
            kind,
            folder,
            port,
            database,
            tables: String::new(),
            processor: None,
            hub: None,
            _sandbox: None,
            api,
            sandbox_url: String::new(),
        }
    }

    fn processor_listens(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port + 1))
    }

    /// Writes the config with these tables after the others.
    fn configure(&mut self, tables: &str) {
        tables.clone_into(&mut self.tables);
        std::fs::write(self.config_file(), self.config(tables)).expect("the config can be written");
    }

    /// The folder of everything.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The hub's data folder.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Starts the hub on its folder and waits until it serves.
    pub(crate) fn start_hub(&mut self) -> Value {
        let mut hub = self.spawn_hub();
        let ready = hub.ready(&self.ready_file());
        self.hub = Some(hub);
        ready
    }

    /// Starts the hub without waiting.
    pub(crate) fn spawn_hub(&self) -> Program {
        // What an earlier process wrote is not this one's.
        let _absent = std::fs::remove_file(self.ready_file());
        Program::start(self.path(), "hub", &binaries::payhub(), &self.arguments(), &SECRETS)
    }

    /// Starts the hub where no file may grow beyond so many blocks of 512 bytes, as on a full disk, until
    /// [`Self::leave_room`] says otherwise.
    pub(crate) fn start_hub_on_a_full_disk(&mut self, blocks: u32) {
        let _absent = std::fs::remove_file(self.ready_file());
        // Without the signal a write beyond the limit fails as it does on a full disk.
        let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$@\"");
        let binary = binaries::payhub().to_str().expect("a UTF-8 path").to_owned();
        let words = [vec!["-c".to_owned(), script, "sh".to_owned(), binary], self.arguments()].concat();
        let mut hub = Program::start(self.path(), "hub-full", Path::new("/bin/sh"), &words, &SECRETS);
        hub.ready(&self.ready_file());
        self.hub = Some(hub);
    }

    /// From now on no file of a hub that was started on a full disk may grow beyond so many bytes, or all may.
    pub(crate) fn leave_room(&self, bytes: Option<u64>) {
        let hub = self.hub.as_ref().expect("the hub runs").id();
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        let words = ["--pid".to_owned(), hub.to_string(), format!("--fsize={limit}:unlimited")];
        let done = Command::new("prlimit").args(&words).output().expect("prlimit of util-linux starts");
        assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The hub's command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let path = |path: PathBuf| path.to_str().expect("a UTF-8 path").to_owned();
        let ready_file = path(self.ready_file());
        let words = match self.kind {
            Kind::Demo => vec![
                "demo".to_owned(),
                "--data-dir".to_owned(),
                path(self.data_dir()),
                "--listen".to_owned(),
                format!("127.0.0.1:{}", self.port),
            ],
            Kind::Serve => vec!["serve".to_owned(), "--config".to_owned(), path(self.config_file())],
        };
        [words, vec!["--ready-file".to_owned(), ready_file]].concat()
    }

    /// Ends the hub at once, as a power cut would.
    pub(crate) fn kill_hub(&mut self) {
        self.hub.take().expect("the hub runs").kill();
    }

    /// Where the hub says that it serves.
    pub(crate) fn ready_file(&self) -> PathBuf {
        self.path().join("ready.json")
    }

    /// The hub's config file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.path().join("hub.toml")
    }

    fn config(&self, tables: &str) -> String {
        let sandbox_url = self.processor.map(|line| format!("http://{line}"));
        let sandbox_url = sandbox_url.as_ref().unwrap_or(&self.sandbox_url);
        let host = sandbox_url.trim_start_matches("http://");
        format!(
            r#"public_url = "{base_url}"
listen = "127.0.0.1:{port}"
data_dir = "data"
{database}

[checkout]
http_return_urls = true

[log]
level = "warn"

[connectors.sandbox]
adapter = "sandbox"
mode = "test"
plain_http_hosts = ["{host}"]
settings.base_url = "{sandbox_url}"
secrets.api_key = {{ env = "SANDBOX_API_KEY" }}
secrets.webhook_secret = {{ env = "SANDBOX_WEBHOOK_SECRET" }}

{tables}"#,
            base_url = self.api.base_url,
            port = self.port,
            database = self.database.as_ref().map(|url| format!("database = \"{url}\"")).unwrap_or_default(),
        )
    }

    fn start_sandbox(&mut self) {
        let ready_file = self.path().join("sandbox.json");
        let account = format!(
            "name=shop,key={},webhook_secret={},webhook_url={}/webhooks/sandbox",
            SECRETS[0].1, SECRETS[1].1, self.api.base_url
        );
        let (key, secret) = OTHER_SECRETS;
        let other = format!(
            "name=other,key={key},webhook_secret={secret},webhook_url={}/webhooks/other",
            self.api.base_url
        );
        let listen = self.processor_listens().to_string();
        let public_url = format!("http://{}", self.processor.unwrap_or(self.processor_listens()));
        let path = |path: &Path| path.to_str().expect("a UTF-8 path").to_owned();
        let state_dir = path(&self.path().join("sandbox"));
        let arguments = [
            "--listen",
            &listen,
            "--public-url",
            &public_url,
            "--state-dir",
            &state_dir,
            "--account",
            &account,
            "--account",
            &other,
            "--ready-file",
            &path(&ready_file),
        ];
        let mut sandbox =
            Program::start(self.path(), "sandbox", &binaries::sandbox_server(), &arguments, &[]);
        sandbox.ready(&ready_file);
        self.sandbox_url = format!("http://{listen}");
        self._sandbox = Some(sandbox);
    }

    /// The key that the hub printed at its first start.
    pub(crate) fn first_key(&self) -> String {
        let hub = self.hub.as_ref().expect("the hub runs");
        let printed = std::fs::read_to_string(&hub.output).expect("what the hub printed");
        let after = printed.split_once(FIRST_KEY).unwrap_or_else(|| panic!("no first key in {printed:?}")).1;
        after.lines().next().expect("a key").to_owned()
    }
}

/// What another process on the same database is started with.
pub(crate) struct Beside {
    folder: PathBuf,
    words: Vec<String>,
    pub(crate) api: Api,
}

impl Beside {
    /// Starts it and waits until it serves.
    pub(crate) fn start(&self) -> Program {
        let mut hub = self.spawn();
        self.ready(&mut hub);
        hub
    }

    /// Waits until one that was started serves.
    pub(crate) fn ready(&self, hub: &mut Program) {
        hub.ready(&self.ready_file());
    }

    /// Starts it without waiting.
    pub(crate) fn spawn(&self) -> Program {
        // What an earlier process wrote is not this one's.
        let _absent = std::fs::remove_file(self.ready_file());
        let path = |path: PathBuf| path.to_str().expect("a UTF-8 path").to_owned();
        let words = [
            "serve".to_owned(),
            "--config".to_owned(),
            path(self.folder.join("hub.toml")),
            "--ready-file".to_owned(),
            path(self.ready_file()),
        ];
        let words = [&words[..], &self.words].concat();
        Program::start(&self.folder, "hub", &binaries::payhub(), &words, &SECRETS)
    }

    fn ready_file(&self) -> PathBuf {
        self.folder.join("ready.json")
    }
}

/// The sandbox account of `payhub serve`.
pub(crate) const SECRETS: [(&str, &str); 2] =
    [("SANDBOX_API_KEY", "sk_test_of_the_processes"), ("SANDBOX_WEBHOOK_SECRET", "whsec_of_the_processes")];

/// Another account at the same processor, for a connector that few tests have.
const OTHER_SECRETS: (&str, &str) = ("sk_test_of_the_other", "whsec_of_the_other");

/// A text of a JSON object.
pub(crate) fn text(object: &Value, field: &str) -> String {
    object[field].as_str().unwrap_or_else(|| panic!("no {field} in {object}")).to_owned()
}

/// A port that is free together with the one above it.
pub(crate) fn free_ports() -> u16 {
    static TAKEN: std::sync::Mutex<Vec<u16>> = std::sync::Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().expect("the list of ports");
    // Of no proof's seed: two runs at once must not meet.
    let mut dice = Dice::new(u64::from(std::process::id()).wrapping_mul(0x5851_F42D_4C95_7F2D));
    loop {
        let port = u16::try_from(dice.between(PORTS.0, PORTS.1)).expect("a port") & !1;
        let is_free = |port: u16| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok();
        if !taken.contains(&port) && is_free(port) && is_free(port + 1) {
            taken.push(port);
            return port;
        }
    }
}
