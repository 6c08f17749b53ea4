//! The processor's bad days: at least three of ten requests go wrong, and three of ten webhooks.
//!
//! None of these faults is a lie about money: those have their own hard cases.

use serde_json::{Value, json};

use crate::processes::dice::Dice;
use crate::processes::http::admin;

/// How many of a hundred requests and webhooks go wrong.
const RATE: u64 = 30;
/// What goes wrong with requests. The worst is that the money has moved and nobody has heard of it.
const FAULTS: [&str; 8] = [
    "drop_after",
    "drop_after",
    "error_after",
    "garbage",
    "stall",
    "drop_before",
    "error_before",
    "throttle",
];
/// What goes wrong with webhooks, beside those that are lost on the way.
const DISORDER: [&str; 3] = ["duplicate", "late", "out_of_order"];
/// Webhooks that never come, that must not be believed, and those that only hint.
const SPOILED: [&str; 6] = ["drop", "forged", "stale", "flipped", "unsigned", "thin"];

/// Whether webhooks may be lost for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Webhooks {
    /// They come late, twice and in any order, but they come.
    Come,
    /// Some never do.
    MayBeLost,
}

/// A new bad day: one kind of fault for each operation, and two for webhooks.
pub(crate) fn worsen(sandbox_url: &str, webhooks: Webhooks, dice: &mut Dice) {
    worsen_at(RATE, sandbox_url, webhooks, dice);
}

/// The same where so many of a hundred requests and webhooks go wrong.
pub(crate) fn worsen_at(of_hundred: u64, sandbox_url: &str, webhooks: Webhooks, dice: &mut Dice) {
    admin(sandbox_url, "DELETE", "/admin/faults", &Value::Null);
    let rule = |operation: &str, fault: &str, rate: u64, dice: &mut Dice| {
        let rule = json!({
            "operation": operation,
            "fault": fault,
            "times": 0,
            "rate": rate,
            "stall_ms": dice.between(50, 1_500),
        });
        admin(sandbox_url, "POST", "/admin/faults", &rule);
    };
    for operation in ["open", "fetch", "capture", "void", "refund", "expire"] {
        let fault = *dice.pick(&FAULTS);
        rule(operation, fault, of_hundred, dice);
    }
    let second: &[&str] = match webhooks {
        Webhooks::Come => &DISORDER,
        Webhooks::MayBeLost => &SPOILED,
    };
    // Of those that the first spares, the second strikes as many as make up the rate.
    for (faults, rate) in [(&DISORDER[..], of_hundred / 2), (second, of_hundred - of_hundred / 2 + 3)] {
        let fault = *dice.pick(faults);
        rule("webhook", fault, rate, dice);
    }
}

/// Ends the bad days.
pub(crate) fn calm(sandbox_url: &str) {
    admin(sandbox_url, "DELETE", "/admin/faults", &Value::Null);
    admin(sandbox_url, "POST", "/admin/flush", &Value::Null);
}

/// How often a fault has struck since the processor was started.
pub(crate) fn struck(sandbox_url: &str) -> u64 {
    admin(sandbox_url, "GET", "/admin/faults", &Value::Null)["struck"].as_u64().expect("a count")
}
