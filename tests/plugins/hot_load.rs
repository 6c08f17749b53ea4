//! Plugins that come, change and go while the hub runs: a payment stays with the file that opened it.
//!
//! The versions of these tests are one plugin, built from its source, with a text in it changed afterwards.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::operators::desk::{Desk, Said, payhub};
use crate::processes::eventually;
use crate::processes::world::{Kind, World, text};
use crate::support::plugins::built;

/// Payments of the load: so many shoppers, each so often.
const SHOPPERS: usize = 3;
const PAYMENTS_EACH: usize = 6;
/// Where a shopper gives up waiting for swaps.
const PAYMENTS_EACH_MAX: usize = 200;
/// Swaps there and back that have to happen meanwhile.
const SWAPS: usize = 2;

/// The plugin's own version, and one above it.
pub(super) const OLD: &str = env!("CARGO_PKG_VERSION");
pub(super) const NEW: &str = "0.2.0";

/// Where a refund is asked for, and where it is not.
const REFUNDS: (&str, &str) = ("/v1/refunds", "/v1/refundz");

/// The plugin with texts in it changed to others of the same length.
pub(super) fn version(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = std::fs::read(built("plugins/sandbox")).expect("a plugin");
    for (old, new) in changes {
        assert_eq!(old.len(), new.len(), "{old} and {new}");
        let starts: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(old.as_bytes())).collect();
        assert!(!starts.is_empty(), "no {old} in the plugin");
        for at in starts {
            bytes[at..at + new.len()].copy_from_slice(new.as_bytes());
        }
    }
    bytes
}

/// The newer version, in which refunds go astray: so it shows which of both was run.
pub(super) fn newer() -> Vec<u8> {
    version(&[(OLD, NEW), REFUNDS])
}

/// A hub whose connector `sandbox` is the plugin; its version is [`OLD`].
pub(crate) fn desk() -> Desk {
    let world = World::prepare(Kind::Serve);
    let config = std::fs::read_to_string(world.config_file()).expect("a config");
    std::fs::write(world.config_file(), config.replace("adapter = ", "plugin = ")).expect("a config");
    let mut desk = Desk { world };
    put(&desk, "old.wasm", &version(&[]));
    desk.world.start_hub();
    desk.world.api.key = desk.world.first_key();
    desk
}

pub(super) fn folder(desk: &Desk) -> PathBuf {
    desk.world.data_dir().join("plugins")
}

/// Puts a file into the plugins folder, whole at once.
pub(super) fn put(desk: &Desk, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder(desk)).expect("a folder");
    let half = folder(desk).join("half");
    std::fs::write(&half, bytes).expect("a file");
    std::fs::rename(half, folder(desk).join(name)).expect("a file");
}

pub(crate) fn remove(desk: &Desk, name: &str) {
    std::fs::remove_file(folder(desk).join(name)).expect("a file that was there");
}

/// The version that new payments are taken with.
pub(super) fn in_force(desk: &Desk) -> String {
    let listed = desk.world.api.show("/v1/connectors");
    text(&listed["data"][0]["adapter"], "version")
}

fn until_in_force(desk: &Desk, version: &str) {
    eventually(&format!("{version} in force"), || (in_force(desk) == version).then_some(()));
}

/// What `payhub plugin list` says: version, state, payments that need it.
pub(crate) fn listed(desk: &Desk) -> Vec<(String, String, u64)> {
    let list = desk.ask(&["plugin", "list", "--json"]).json();
    let one = |item: &Value| {
        let count = |name: &str| item["payments"][name].as_u64().expect("a count");
        (text(item, "version"), text(item, "state"), count("in_flight") + count("refundable"))
    };
    list["data"].as_array().expect("a list").iter().map(one).collect()
}

fn row(version: &str, state: &str, payments: u64) -> (String, String, u64) {
    (version.to_owned(), state.to_owned(), payments)
}

/// Whether a refund of this payment went astray, as those of [`newer`] do.
pub(crate) fn went_astray(desk: &Desk, id: &str) -> bool {
    desk.ask(&["payments", "show", id, "--json"]).json().to_string().contains(REFUNDS.1)
}

fn add(desk: &Desk, bytes: &[u8], more: &[&str]) -> Said {
    let file = desk.world.path().join("added.wasm");
    std::fs::write(&file, bytes).expect("a file");
    desk.ask(&[&["plugin", "add", file.to_str().expect("UTF-8")], more].concat())
}

/// Adds the newer version while the hub runs.
pub(crate) fn add_newer(desk: &Desk) {
    assert_eq!(add(desk, &newer(), &[]).done(), "sandbox 0.2.0 is in force for sandbox\n");
}

fn kept_files(desk: &Desk) -> usize {
    std::fs::read_dir(desk.world.data_dir().join("kept-plugins")).expect("a folder").count()
}

/// The old version goes on with its payments after the swap, without its file in the folder, and after a restart;
/// once nothing needs it, it is gone.
#[test]
fn a_payment_ends_with_the_file_that_opened_it() {
    let mut desk = desk();
    let old = desk.paid("old");
    let open = desk.create("open", &json!({}));
    let session = desk.open(&open);

    let said = add(&desk, &newer(), &[]).done();
    assert_eq!(said, "sandbox 0.2.0 is in force for sandbox\n");
    remove(&desk, "old.wasm");
    desk.ask(&["config", "reload"]).done();
    assert_eq!(listed(&desk), [row(NEW, "in_force", 0), row(OLD, "kept", 2)]);
    // What was open is paid, looked up and given back by the old one; deliveries are read by the new one.
    desk.pay(&session);
    let open = text(&open, "id");
    desk.until(&open, "paid", |payment| payment["status"] == "succeeded");
    desk.until_refund(&desk.refund(&open, 1999), "succeeded");
    desk.until_refund(&desk.refund(&old, 500), "succeeded");

    let new = desk.paid("new");
    desk.refund(&new, 500);
    eventually("the new one has asked", || went_astray(&desk, &new).then_some(()));
    assert!(!went_astray(&desk, &old) && !went_astray(&desk, &open));

    desk.world.kill_hub();
    desk.world.start_hub();
    assert_eq!(in_force(&desk), NEW);
    desk.until_refund(&desk.refund(&old, 499), "succeeded");
    assert_eq!(listed(&desk)[1], row(OLD, "kept", 1));
    let shown = desk.ask(&["plugin", "list"]).done();
    assert!(shown.contains("in force") && shown.contains("1 payments"), "{shown}");

    desk.until_refund(&desk.refund(&old, 1000), "succeeded");
    eventually("the old one is let go of", || {
        desk.ask(&["config", "reload"]).done();
        (listed(&desk).len() == 1 && kept_files(&desk) == 1).then_some(())
    });
    assert_eq!(desk.ledger(), (3 * 1999, 2 * 1999));
}

/// What is dropped into the folder, or taken out of it, is taken up without a word from anybody.
#[test]
fn the_folder_is_watched() {
    let desk = desk();
    put(&desk, "new.wasm", &newer());
    until_in_force(&desk, NEW);
    remove(&desk, "new.wasm");
    until_in_force(&desk, OLD);
    desk.paid("after");
}

/// A file that is no plugin changes nothing, whichever way it comes.
#[test]
fn a_broken_file_leaves_the_old_in_force() {
    let desk = desk();
    let whole = newer();
    let broken = &whole[..whole.len() / 2];
    let before: Vec<_> = std::fs::read_dir(folder(&desk)).expect("a folder").count().to_string().into_bytes();
    let refused = add(&desk, broken, &[]);
    assert!(refused.code == 1 && refused.err.contains("added.wasm: "), "{refused:?}");
    // The same version with other content.
    let other = version(&[REFUNDS]);
    let refused = add(&desk, &other, &[]);
    assert!(refused.err.contains("is in the plugins folder with other content, as old.wasm"), "{refused:?}");
    let now = std::fs::read_dir(folder(&desk)).expect("a folder").count().to_string().into_bytes();
    assert_eq!(before, now, "nothing came into the folder");

    put(&desk, "broken.wasm", broken);
    let log = || std::fs::read_to_string(&desk.world.hub.as_ref().expect("a hub").output).expect("a log");
    let errors = || std::fs::read_to_string(&desk.world.hub.as_ref().expect("a hub").errors).expect("a log");
    eventually("the file is named", || (log() + &errors()).contains("broken.wasm").then_some(()));
    assert_eq!(in_force(&desk), OLD);
    // The only file of the plugin is replaced by a broken one: a start would refuse, and so does a reload.
    put(&desk, "old.wasm", broken);
    let refused = desk.ask(&["config", "reload"]);
    assert!(refused.err.contains("nothing was changed") && refused.err.contains("old.wasm"), "{refused:?}");
    desk.until_refund(&desk.refund(&desk.paid("after"), 1999), "succeeded");

    put(&desk, "old.wasm", &version(&[]));
    let said = add(&desk, &other, &["--replace"]).done();
    assert_eq!(said, format!("sandbox {OLD} is in force for sandbox\n"));
    assert!(!folder(&desk).join("old.wasm").exists());
}

/// A needed file that is gone is no reason to guess: the hub says which, who needs it, and the two ways out.
#[test]
fn a_needed_file_that_is_gone_is_named() {
    let mut desk = desk();
    let old = desk.paid("old");
    add(&desk, &newer(), &[]).done();
    remove(&desk, "old.wasm");
    desk.world.kill_hub();
    let kept = desk.world.data_dir().join("kept-plugins");
    std::fs::remove_dir_all(&kept).expect("a folder");
    let mut refused = desk.world.spawn_hub();
    assert!(!refused.end().success());
    let said = refused.printed();
    let sha256 = text(&desk_inspect(&desk, &version(&[])), "sha256");
    for part in [
        "connector sandbox (test): the plugin file with the SHA-256",
        &sha256,
        &format!("(sandbox {OLD}) is gone, and 1 payment need it: 0 in flight, 1 refundable, such as {old}"),
        "put the file back into the plugins folder",
        "plugins.replaced",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    // One way: the file is back, under any name.
    put(&desk, "found-again.wasm", &version(&[]));
    desk.world.start_hub();
    desk.until_refund(&desk.refund(&old, 500), "succeeded");
    // The other: whoever says so has them go on with the version in force.
    remove(&desk, "found-again.wasm");
    desk.world.kill_hub();
    std::fs::remove_dir_all(&kept).expect("a folder");
    let config = std::fs::read_to_string(desk.world.config_file()).expect("a config");
    let replaced = format!("{config}\n[plugins]\nreplaced = [\"{sha256}\"]\n");
    std::fs::write(desk.world.config_file(), replaced).expect("a config");
    desk.world.start_hub();
    desk.refund(&old, 400);
    eventually("the version in force asks", || went_astray(&desk, &old).then_some(()));
}

fn desk_inspect(desk: &Desk, bytes: &[u8]) -> Value {
    let file = desk.world.path().join("inspected.wasm");
    std::fs::write(&file, bytes).expect("a file");
    payhub(&["plugin", "inspect", file.to_str().expect("UTF-8"), "--json"], &[]).json()
}

/// Somebody was killed while having a file take the place of another: the next start has what was there before.
#[test]
fn a_replacement_that_was_broken_off_is_taken_back() {
    let mut desk = desk();
    let names = |desk: &Desk| {
        let entries = std::fs::read_dir(folder(desk)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect::<Vec<_>>()
    };
    let before = names(&desk);
    desk.world.kill_hub();
    let old = std::fs::read(folder(&desk).join("old.wasm")).expect("the old file");
    put(&desk, "new.wasm", &newer());
    put(&desk, ".old.wasm.replaced", &old);
    put(&desk, ".placing.json", br#"{"coming":["new.wasm"],"going":["old.wasm"]}"#);
    remove(&desk, "old.wasm");
    desk.world.start_hub();
    assert_eq!((in_force(&desk).as_str(), names(&desk)), (OLD, before));
    desk.until_refund(&desk.refund(&desk.paid("after"), 1999), "succeeded");
    // And it can be done again, to its end.
    assert_eq!(
        add(&desk, &version(&[REFUNDS]), &["--replace"]).done(),
        format!("sandbox {OLD} is in force for sandbox\n")
    );
    assert_eq!(names(&desk).len(), 1, "nothing is left beside it");
}

/// Versions that come and go in the middle of everything lose, double and refuse nothing.
#[test]
fn a_swap_under_load_loses_nothing() {
    let desk = desk();
    let done = AtomicBool::new(false);
    let swaps = AtomicUsize::new(0);
    let higher = version(&[(OLD, NEW)]);
    let payments: usize = std::thread::scope(|threads| {
        let shopper = |shopper: usize| {
            let (desk, swaps) = (&desk, &swaps);
            move || {
                // How long a swap takes is the machine's business: they go on until there were some.
                let mut number = 0;
                let more = |number| swaps.load(Ordering::Relaxed) < SWAPS && number < PAYMENTS_EACH_MAX;
                while number < PAYMENTS_EACH || more(number) {
                    let id = desk.paid(&format!("load-{shopper}-{number}"));
                    desk.until_refund(&desk.refund(&id, 500), "succeeded");
                    number += 1;
                }
                number
            }
        };
        let shoppers: Vec<_> = (0..SHOPPERS).map(|number| threads.spawn(shopper(number))).collect();
        let swapping = threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                put(&desk, "higher.wasm", &higher);
                desk.ask(&["config", "reload"]).done();
                assert_eq!(in_force(&desk), NEW);
                remove(&desk, "higher.wasm");
                desk.ask(&["config", "reload"]).done();
                assert_eq!(in_force(&desk), OLD);
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let ended: Vec<_> = shoppers.into_iter().map(|shopper| shopper.join()).collect();
        done.store(true, Ordering::Relaxed);
        swapping.join().expect("every swap was seen");
        ended.into_iter().map(|paid| paid.expect("no payment is lost")).sum()
    });
    assert!(swaps.into_inner() >= SWAPS, "too few swaps happened meanwhile");
    let count = i64::try_from(payments).expect("a count");
    assert_eq!(desk.ledger(), (count * 1999, count * 500));
}

/// A plugin that came into a running demo is there after a restart, and beside it whatever is written as in a config.
#[test]
fn what_came_into_a_demo_is_there_after_a_restart() {
    let mut desk = Desk { world: World::start(Kind::Demo) };
    let file = desk.world.path().join("acme.wasm");
    std::fs::write(&file, newer()).expect("a file");
    let data_dir = desk.world.data_dir();
    let here = ["--data-dir", data_dir.to_str().expect("UTF-8")];
    let plugin = |words: &[&str]| payhub(&[&["plugin"], words, &here].concat(), &[]);
    let said = plugin(&["add", file.to_str().expect("UTF-8")]).done();
    assert_eq!(said, "sandbox 0.2.0 is in force for sandbox\n");
    // The webhook alone tells that it is paid: the shopper does not come back.
    let pay = |desk: &Desk, order: &str| {
        let payment = desk.create(order, &json!({ "connector": "sandbox" }));
        desk.pay(&desk.open(&payment));
        desk.until(&text(&payment, "id"), "paid", |payment| payment["status"] == "succeeded");
    };
    pay(&desk, "first");
    desk.world.kill_hub();
    desk.world.start_hub();
    pay(&desk, "second");
    let list = plugin(&["list", "--json"]).json();
    assert_eq!((&list["data"][0]["version"], &list["data"][1]), (&json!(NEW), &Value::Null));
    // Another one, written as in a config.
    let more = "[connectors.written]\nplugin = \"sandbox\"\nmode = \"test\"\nsettings.base_url = \"http://127.0.0.1:9\"\n\
                plain_http_hosts = [\"127.0.0.1:9\"]\nsecrets.api_key = { file = \"key\" }\n\
                secrets.webhook_secret = { file = \"key\" }\n";
    write_private(&data_dir.join("key"), "of_nobody_0123456789");
    write_private(&data_dir.join("connectors.toml"), more);
    let reloaded = payhub(&[&["config", "reload"][..], &here].concat(), &[]);
    // The spare account's connector still has a payment that could be given back.
    assert!(reloaded.err.contains("connector sandbox (test) is not in the config any more"), "{reloaded:?}");
    write_private(&data_dir.join("connectors.toml"), &more.replace("plugin = ", "adapter = "));
    let reloaded = payhub(&[&["config", "reload"][..], &here].concat(), &[]).done();
    assert_eq!(reloaded, "reloaded; in force: sandbox_a, sandbox_b, sandbox, written\n");
}

fn write_private(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, content).expect("a file");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
}
