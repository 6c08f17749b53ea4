//! What the hub weighs: its program, its memory at rest, its start, and what it is built from.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::processes::world::{Kind, World};
use crate::processes::{binaries, now};

/// Starts of which the middle one is shown.
const STARTS: usize = 11;
/// The lines of README.md between which the figures stand.
const MARKS: (&str, &str) =
    ("<!-- figures of `cargo bench -p hub-tests -- --readme` -->", "<!-- end of the figures -->");

pub(crate) struct Figures {
    program_bytes: u64,
    idle_memory_kib: u64,
    cold_start_ms: u128,
    packages: usize,
    release: String,
}

/// Measures the release build.
pub(crate) fn measure() -> Figures {
    let program_bytes = std::fs::metadata(binaries::payhub()).expect("the hub's program").len();
    let mut world = World::start(Kind::Serve);
    world.api.show("/v1/payment_intents");
    let idle_memory_kib = resident_kib(world.hub.as_ref().expect("the hub runs").id());
    let mut starts: Vec<u128> = (0..STARTS)
        .map(|_| {
            world.kill_hub();
            let begun = now();
            world.start_hub();
            begun.elapsed().as_millis()
        })
        .collect();
    starts.sort_unstable();
    Figures {
        program_bytes,
        idle_memory_kib,
        cold_start_ms: starts[STARTS / 2],
        packages: packages(),
        release: release(),
    }
}

/// Memory of a process that is in RAM; proc(5).
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Packages that are compiled into the hub, ours among them.
fn packages() -> usize {
    let arguments =
        ["tree", "--locked", "-p", "payhub", "-e", "normal", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("text");
    let mut names: Vec<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

fn release() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores, {}", std::env::consts::ARCH)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the project").to_path_buf()
}

impl Figures {
    /// As a table for people.
    pub(crate) fn table(&self) -> String {
        let mut table = String::from("| | |\n|---|---|\n");
        let mebibytes = |kib: u64| format!("{}.{} MiB", kib / 1_024, kib % 1_024 * 10 / 1_024);
        let lines = [
            ("the program, release build", mebibytes(self.program_bytes / 1_024)),
            ("memory at rest", mebibytes(self.idle_memory_kib)),
            ("from start to serving", format!("{} ms", self.cold_start_ms)),
            ("packages compiled in", self.packages.to_string()),
            ("measured on", self.release.clone()),
        ];
        for (name, value) in lines {
            writeln!(table, "| {name} | {value} |").expect("memory takes it");
        }
        table
    }

    /// Writes the table between its marks.
    pub(crate) fn write_into_readme(&self) {
        let path = root().join("README.md");
        let readme = std::fs::read_to_string(&path).expect("README.md");
        let (before, rest) = readme.split_once(MARKS.0).expect("README.md has the place for the figures");
        let (_, after) = rest.split_once(MARKS.1).expect("README.md has the end of the figures");
        let table = self.table();
        let new = format!("{before}{}\n{table}{}{after}", MARKS.0, MARKS.1);
        std::fs::write(&path, new).expect("README.md can be written");
    }
}
