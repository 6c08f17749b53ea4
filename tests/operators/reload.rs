//! A config that changes while the hub runs: what is taken over, what waits, and what is refused.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::desk::Desk;
use crate::processes::eventually;
use crate::processes::world::text;

/// Payments of the load: so many shoppers, each so often.
const SHOPPERS: usize = 4;
const PAYMENTS_EACH: usize = 12;

impl Desk {
    fn config(&self) -> String {
        std::fs::read_to_string(self.world.config_file()).expect("a config")
    }

    fn write_config(&self, config: &str) {
        std::fs::write(self.world.config_file(), config).expect("the config can be written");
    }

    fn hang_up(&self) {
        self.world.hub.as_ref().expect("the hub runs").hang_up();
    }

    /// What the hub said for people who watch it.
    fn log(&self) -> String {
        let hub = self.world.hub.as_ref().expect("the hub runs");
        let read = |path| std::fs::read_to_string(path).expect("what the hub printed");
        read(&hub.output) + &read(&hub.errors)
    }

    fn connectors(&self) -> Vec<Value> {
        self.world.api.show("/v1/connectors")["data"].as_array().expect("a list").clone()
    }
}

/// The lines of a second connector beside the first.
fn second(config: &str) -> String {
    let (_, rest) = config.split_once("[connectors.sandbox]").expect("a connector");
    format!("\n[connectors.second]{}", rest.split("\n[").next().expect("its lines"))
}

/// A hub that was told so: by signal, or by the command.
#[test]
fn a_connector_is_added_retired_and_taken_away_without_a_restart() {
    let desk = Desk::start();
    let first = desk.config();
    let both = format!("{first}{}", second(&first));
    let before = desk.create("before", &json!({}));
    let session = desk.open(&before);

    desk.write_config(&both);
    desk.hang_up();
    let names = |desk: &Desk| desk.connectors().iter().map(|one| text(one, "name")).collect::<Vec<_>>();
    eventually("the second connector", || (names(&desk) == ["sandbox", "second"]).then_some(()));
    // What was open before goes on, and the new one takes payments.
    desk.pay(&session);
    desk.until(&text(&before, "id"), "paid", |payment| payment["status"] == "succeeded");
    let new = desk.create("new", &json!({ "connector": "second" }));
    let new_session = desk.open(&new);
    desk.pay(&new_session);
    desk.come_back(&new_session);

    let retired = both.replace("[connectors.second]\n", "[connectors.second]\ndraining = true\n");
    desk.write_config(&retired);
    let said = desk.ask(&["config", "reload"]).done();
    assert_eq!(said, "reloaded; in force: sandbox, second\n");
    assert_eq!(text(&desk.connectors()[1], "state"), "draining");
    let answer = desk.ask(&["config", "reload", "--json"]).json();
    assert_eq!(answer, json!({ "connectors": ["sandbox", "second"], "needs_restart": [] }));

    // It is still needed: in the words of a start, and nothing changes.
    desk.write_config(&first);
    let refused = desk.ask(&["config", "reload"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    for part in ["nothing was changed: connector second (test)", "1 payment need it", "draining = true"] {
        assert!(refused.err.contains(part), "no {part:?} in {}", refused.err);
    }
    assert_eq!(names(&desk), ["sandbox", "second"]);
    desk.until(&text(&new, "id"), "paid", |payment| payment["status"] == "succeeded");
    let refund = desk.refund(&text(&new, "id"), 1999);
    desk.until_refund(&refund, "succeeded");
    eventually("nothing needs it", || (desk.ask(&["config", "reload"]).code == 0).then_some(()));
    assert_eq!(names(&desk), ["sandbox"]);
}

/// Whatever is wrong with a config, a hub that runs goes on as it was, and says what a start would say.
#[test]
fn a_mistake_is_told_and_changes_nothing() {
    let desk = Desk::start();
    let good = desk.config();
    // What is wrong, and what the log says of it.
    let rows: [(&str, &str, &[&str]); 5] = [
        ("listen = ", "listen == ", &["this is not TOML"]),
        (
            "adapter = \"sandbox\"",
            "adapter = \"sandbix\"",
            &["connectors.sandbox.adapter: there is no adapter `sandbix`", "did you mean \"sandbox\"?"],
        ),
        (
            "SANDBOX_API_KEY",
            "SANDBOX_KEY_OF_NOBODY",
            &[
                "connectors.sandbox.secrets.api_key: the environment variable SANDBOX_KEY_OF_NOBODY is not set",
            ],
        ),
        (
            "[connectors.sandbox]",
            "[connectors.other]",
            &["connector sandbox (test) is not in the config any more"],
        ),
        ("mode = \"test\"", "mode = \"live\"", &["public_url: must begin with https:// because"]),
    ];
    desk.paid("kept");
    for (old, new, said) in rows {
        assert!(good.contains(old), "{old}");
        let before = desk.log().len();
        desk.write_config(&good.replace(old, new));
        desk.hang_up();
        let log = eventually("the mistake is told", || {
            let log = desk.log().split_off(before);
            log.contains("the config was not reloaded; nothing was changed: ").then_some(log)
        });
        for part in said {
            assert!(log.contains(part), "no {part:?} in {log}");
        }
        desk.paid(new);
    }
    desk.write_config(&good.replace("[log]", "[lag]"));
    let refused = desk.ask(&["config", "reload"]);
    assert!(refused.code == 1 && refused.err.contains("did you mean `log`?"), "{refused:?}");
    desk.paid("after all");
}

/// What runs already keeps its shape; the answer and the log name each part that waits.
#[test]
fn what_needs_a_restart_is_said() {
    let desk = Desk::start();
    let mut config = desk.config();
    config = config.replace("level = \"warn\"", "level = \"info\"");
    config = config.replace("public_url = \"http://", "public_url = \"https://");
    config = config.replace("adapter = ", "title = \"By card\"\nadapter = ");
    desk.write_config(&format!(
        "trusted_proxies = [\"10.0.0.0/8\"]\n{config}\n[policies]\npaid_late = \"hold\"\n"
    ));
    let said = desk.ask(&["config", "reload"]).done();
    let waits = "public_url, trusted_proxies, [policies], [log]";
    assert_eq!(
        said,
        format!("reloaded; in force: sandbox\nchanged as well, but only with the next start: {waits}\n")
    );
    assert!(desk.log().contains("[policies] is another than at the start"), "{}", desk.log());
    assert_eq!(text(&desk.connectors()[0], "title"), "By card");
    // Shoppers are still sent to the address that the hub has; so a live connector must wait for https too.
    assert!(text(&desk.create("url", &json!({})), "checkout_url").starts_with("http://"));
    let live = "\n[connectors.real]\nadapter = \"stripe\"\nmode = \"live\"\n\
        secrets.api_key = { file = \"key\" }\nsecrets.webhook_secret = { file = \"key\" }\n";
    let key = desk.world.path().join("key");
    std::fs::write(&key, "of_nobody_0123456789abcdef").expect("a file");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    desk.write_config(&format!("{}{live}", desk.config()));
    let refused = desk.ask(&["config", "reload"]);
    assert!(
        refused.err.contains("connector real is live, and the hub runs with a public_url of http://"),
        "{refused:?}"
    );
}

/// A command that needs a running hub says so where none runs.
#[test]
fn without_a_hub_there_is_nothing_to_reload() {
    let mut desk = Desk::start();
    desk.world.kill_hub();
    let refused = desk.ask(&["config", "reload", "--json"]);
    assert_eq!(refused.error(), ("hub_unreachable".to_owned(), String::new()));
}

/// Reloads in the middle of everything lose, double and refuse nothing.
#[test]
fn a_reload_under_load_loses_nothing() {
    let desk = Desk::start();
    let config = desk.config();
    let done = AtomicBool::new(false);
    let reloads = std::thread::scope(|threads| {
        let shoppers: Vec<_> = (0..SHOPPERS)
            .map(|shopper| {
                let desk = &desk;
                threads.spawn(move || {
                    for number in 0..PAYMENTS_EACH {
                        let id = desk.paid(&format!("load-{shopper}-{number}"));
                        desk.until_refund(&desk.refund(&id, 500), "succeeded");
                    }
                })
            })
            .collect();
        let reloading = threads.spawn(|| {
            let mut count = 0_u32;
            while !done.load(Ordering::Relaxed) {
                count += 1;
                let title = format!("title = \"Turn {count}\"\nadapter = ");
                desk.write_config(&config.replace("adapter = ", &title));
                desk.hang_up();
                eventually("the next turn", || {
                    (text(&desk.connectors()[0], "title") == format!("Turn {count}")).then_some(())
                });
            }
            count
        });
        let ended: Vec<_> = shoppers.into_iter().map(|shopper| shopper.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "a payment was lost");
        reloading.join().expect("every reload was seen")
    });
    assert!(reloads >= 3, "only {reloads} reloads happened meanwhile");
    let count = i64::try_from(SHOPPERS * PAYMENTS_EACH).expect("a count");
    assert_eq!(desk.ledger(), (count * 1999, count * 500));
}
