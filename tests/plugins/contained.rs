//! A hub of the real binary with plugins that mean harm, each asked again and again: what that costs the hub, and what
//! its operator is told.

use payhub::connector::breaker::MISBEHAVIORS_MAX;
use payhub::plugin::limits::Limits;
use serde_json::{Value, json};

use super::hostile::framed;
use crate::operators::desk::Desk;
use crate::processes::eventually;
use crate::processes::http::send;
use crate::processes::world::{Kind, World, text};

/// One plugin: the file of its adapter, the name that it goes by here, and limits of its own.
type Hostile = (&'static str, &'static str, &'static str);

/// A hub with the good connector `sandbox` and one on each of these plugins, named like it.
fn desk(hostile: &[Hostile], limits: &str) -> Desk {
    let mut world = World::prepare(Kind::Serve);
    let folder = world.data_dir().join("plugins");
    std::fs::create_dir_all(&folder).expect("the folder of plugins");
    let config = std::fs::read_to_string(world.config_file()).expect("a config");
    // Whoever delivers here is a stranger, again and again.
    let mut config = config.replace("[limits]\n", "[limits]\nunproven_requests_per_min = 0\n");
    let (_, good) = config.split_once("[connectors.sandbox]").expect("a connector");
    let good = good.split("\n[").next().expect("its lines").to_owned();
    for (file, name, own) in hostile {
        let plugin = framed(file, &world.sandbox_url, |descriptor| descriptor.name = (*name).to_owned());
        std::fs::write(folder.join(format!("{name}.wasm")), plugin).expect("a plugin file");
        let lines = good.replace("adapter = \"sandbox\"", &format!("plugin = \"{name}\""));
        config.push_str(&format!("\n[connectors.{name}]{lines}\n"));
        if !own.is_empty() {
            config.push_str(&format!("\n[plugins.limits_of.{name}]\n{own}\n"));
        }
    }
    config.push_str(&format!("\n[plugins.limits]\n{limits}\n"));
    std::fs::write(world.config_file(), config).expect("the config can be written");
    world.start_hub();
    world.api.key = world.first_key();
    Desk { world }
}

/// A stranger delivers something, and the plugin is run to look at it.
fn deliver(desk: &Desk, connector: &str) -> u16 {
    let url = format!("{}/webhooks/{connector}", desk.world.api.base_url);
    send("POST", &url, &[("content-type", "application/json")], b"{}").expect("an answer").status
}

/// What `payhub plugin list` says of a connector.
fn listed(desk: &Desk, connector: &str) -> Value {
    let list = desk.ask(&["plugin", "list", "--json"]).json();
    let all = list["data"].as_array().expect("a list").clone();
    all.into_iter().find(|one| one["connector"] == connector).expect("the connector")
}

/// The kinds of failures that were counted, each with how often.
fn failures(desk: &Desk, connector: &str) -> Vec<(String, u64)> {
    let listed = listed(desk, connector);
    let kinds = listed["failures"].as_object().expect("kinds").iter();
    let counted = kinds.map(|(kind, count)| (kind.clone(), count.as_u64().expect("a count")));
    counted.filter(|(_, count)| *count > 0).collect()
}

#[test]
fn the_list_says_what_each_did_wrong_and_whether_it_is_run() {
    let rows: [(Hostile, &str); 8] = [
        (("loops", "spins", "run_ms_max = 50\nfuel_max = 100_000_000_000"), "timed_out"),
        (("loops", "burns", "run_ms_max = 10_000\nfuel_max = 1_000_000"), "out_of_fuel"),
        (("eats_memory", "eats", ""), "out_of_memory"),
        (("recurses", "recurses", ""), "trapped"),
        (("traps", "traps", ""), "trapped"),
        (("answers_too_much", "floods", ""), "bad_reply"),
        (("answers_nonsense", "babbles", ""), "bad_reply"),
        (("never_done", "dithers", ""), "broke_rule"),
    ];
    let desk = desk(&rows.map(|(hostile, _)| hostile), "memory_bytes_max = 16_777_216");
    for ((_, name, _), kind) in rows {
        assert_eq!(failures(&desk, name), [], "{name}");
        for times in 1..=2 {
            assert_eq!(deliver(&desk, name), 503, "{name}");
            assert_eq!(failures(&desk, name), [(kind.to_owned(), times)], "{name}");
        }
        // Strangers open no breaker, however often.
        let listed = listed(&desk, name);
        assert_eq!((&listed["breaker"], &listed["breaker_open_until"]), (&json!("closed"), &Value::Null));
    }
    // Its own payments do.
    for number in 1..=MISBEHAVIORS_MAX {
        let payment = desk.create(&format!("trap-{number}"), &json!({ "connector": "traps" }));
        let answer = send("GET", &text(&payment, "checkout_url"), &[], b"").expect("an answer");
        assert!(!answer.text().contains("wasm"), "{}", answer.text());
    }
    let is_open = |desk: &Desk| Some(listed(desk, "traps")).filter(|listed| listed["breaker"] == "open");
    let open = eventually("the breaker is open", || is_open(&desk));
    let until = text(&open, "breaker_open_until");
    let trapped = 2 + MISBEHAVIORS_MAX;
    assert_eq!(open["failures"]["trapped"], trapped, "{open:#}");
    let shown = desk.ask(&["plugin", "list"]).done();
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
    assert!(line("traps").contains(&format!("open until {until}")), "{shown}");
    assert!(line("traps").ends_with(&format!("{trapped} trapped")), "{shown}");
    assert!(line("burns").contains("closed") && line("burns").ends_with("2 out of fuel"), "{shown}");
    // The counts go on over a reload, which builds every connector anew, and what was stopped stays so.
    desk.ask(&["config", "reload"]).done();
    assert_ne!(listed(&desk, "traps")["breaker"], "closed");
    assert_eq!(failures(&desk, "traps"), [("trapped".to_owned(), u64::from(trapped))]);
    assert_eq!(failures(&desk, "burns"), [("out_of_fuel".to_owned(), 2)]);
}

/// What each plugin of the load may take.
const LIMITS: Limits = Limits {
    run_ms_max: 10_000,
    fuel_max: 100_000_000_000,
    memory_bytes_max: 64 * 1024 * 1024,
    output_bytes_max: 64 * 1024,
    log_lines_max: 20,
    log_line_bytes_max: 1_024,
    concurrent_runs_max: 4,
};
/// The plugins of the load, what each does wrong, and how often it is asked.
const LOAD: [(Hostile, &str, usize); 3] = [
    (("loops", "spins", "run_ms_max = 100"), "timed_out", 48),
    (("eats_memory", "eats", ""), "out_of_memory", 144),
    (("answers_too_much", "floods", ""), "bad_reply", 144),
];
/// Strangers who deliver to each at once: more than it has places.
const STRANGERS: usize = LIMITS.concurrent_runs_max + 2;
/// Payments that are made meanwhile.
const PAYMENTS: usize = 8;
/// What the hub itself may take more than before for all these requests and payments, in bytes: connections,
/// threads, pages of the database, what the allocator keeps.
const HUB_ITSELF_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How long a reply is in `answers_too_much`, in bytes. The hub copies it before it can say that it is too long ...
const FLOOD_BYTES: usize = 3 * 1024 * 1024;
/// ... and of such copies glibc keeps up to two, for the next ones, in each of its arenas, of which it makes up to
/// so many for each core.
const ARENAS_PER_CORE: usize = 8;

/// A line of what the system says of the hub's memory, in bytes.
fn memory(desk: &Desk, line: &str) -> usize {
    let process = desk.world.hub.as_ref().expect("a hub").id();
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("its status");
    let found = status.lines().find_map(|text| text.strip_prefix(line)).expect("the line");
    let kilobytes = found.trim_start_matches(':').trim().trim_end_matches(" kB");
    kilobytes.parse::<usize>().expect("a number of kB") * 1024
}

/// A payment with the good connector, paid; its id.
fn paid(desk: &Desk, order: &str) -> String {
    let payment = desk.create(order, &json!({ "connector": "sandbox" }));
    desk.pay(&desk.open(&payment));
    let id = text(&payment, "id");
    desk.until(&id, "paid", |payment| payment["status"] == "succeeded");
    id
}

#[test]
fn the_hub_keeps_its_memory_and_its_payments_while_three_of_them_rage() {
    let limits = format!(
        "run_ms_max = {}\nfuel_max = {}\nmemory_bytes_max = {}\noutput_bytes_max = {}\nconcurrent_runs_max = {}",
        LIMITS.run_ms_max,
        LIMITS.fuel_max,
        LIMITS.memory_bytes_max,
        LIMITS.output_bytes_max,
        LIMITS.concurrent_runs_max
    );
    let desk = desk(&LOAD.map(|(hostile, ..)| hostile), &limits);
    // Everything has been used once, and what that leaves behind is there already.
    for ((_, name, _), ..) in LOAD {
        assert_eq!(deliver(&desk, name), 503);
    }
    paid(&desk, "first");
    let resident_before = memory(&desk, "VmRSS");
    let peak_before = memory(&desk, "VmHWM");

    std::thread::scope(|threads| {
        for ((_, name, _), _, times) in LOAD {
            for _ in 0..STRANGERS {
                let desk = &desk;
                threads.spawn(move || {
                    for _ in 0..times / STRANGERS {
                        assert_eq!(deliver(desk, name), 503, "{name}");
                    }
                });
            }
        }
        for number in 0..PAYMENTS {
            let id = paid(&desk, &format!("good-{number}"));
            desk.until_refund(&desk.refund(&id, 500), "succeeded");
        }
    });
    for ((_, name, _), kind, times) in LOAD {
        let asked = u64::try_from(1 + times / STRANGERS * STRANGERS).expect("a count");
        assert_eq!(failures(&desk, name), [(kind.to_owned(), asked)], "{name}");
    }

    let runs_bytes_max = LOAD.len() * LIMITS.resident_bytes_max();
    let bound = peak_before + runs_bytes_max + HUB_ITSELF_BYTES_MAX;
    let peak = memory(&desk, "VmHWM");
    assert!(peak <= bound, "{peak} bytes of memory at most, where {bound} are allowed");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kept = resident_before + HUB_ITSELF_BYTES_MAX + cores * ARENAS_PER_CORE * 2 * FLOOD_BYTES;
    eventually("the memory is given back", || (memory(&desk, "VmRSS") <= kept).then_some(()));
    // Neither would hold if one run in four kept what it took.
    let taken = LOAD[1].2 * LIMITS.memory_bytes_max;
    assert!(taken / 4 > bound - peak_before && taken / 4 > kept - resident_before, "{taken} bytes in all");
    let count = i64::try_from(PAYMENTS + 1).expect("a count");
    assert_eq!(desk.ledger(), (count * 1999, (count - 1) * 500));
}
