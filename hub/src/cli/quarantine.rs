//! `payhub quarantine`: what waits for a person (payments, and deliveries that match none), and what the
//! person decides.

use std::process::ExitCode;

use clap::Subcommand;
use hub_core::payment::Resolution;
use payhub::operator::Request;
use serde_json::Value;

use super::{Operator, Target, columns, items, text};

/// What to do with payments that wait for a person.
#[derive(Subcommand)]
pub(crate) enum Quarantine {
    /// List the payments that wait for a person, and the deliveries that match no payment or cannot be read.
    List {
        #[command(flatten)]
        target: Target,
    },
    /// Take the processor's word as it is: what it took is the payment.
    Accept {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        decision: Decision,
    },
    /// Give back what should not have been taken.
    Refund {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        decision: Decision,
    },
}

/// Which payment, why, and who says so.
#[derive(clap::Args)]
pub(crate) struct Decision {
    /// The payment intent, pi_…
    id: String,
    /// Why, for the history.
    #[arg(long)]
    note: String,
    #[command(flatten)]
    operator: Operator,
}

pub(crate) async fn run(quarantine: Quarantine) -> ExitCode {
    let (target, decision, resolution) = match quarantine {
        Quarantine::List { target } => return target.run(Request::ListQuarantine, list).await,
        Quarantine::Accept { target, decision } => (target, decision, Resolution::Accept),
        Quarantine::Refund { target, decision } => (target, decision, Resolution::Refund),
    };
    match decision.operator.name() {
        Ok(operator) => {
            let (id, note) = (decision.id, decision.note);
            target.run(Request::ResolveQuarantine { id, resolution, note, operator }, resolved).await
        }
        Err(failure) => target.end(Err(failure), resolved),
    }
}

fn list(answer: &Value) -> String {
    let head = ["PAYMENT", "REASON", "SINCE", "STATUS", "AMOUNT", "CAPTURED", "", "MODE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for payment in items(answer, "/data") {
        let mode = if payment["livemode"] == true { "live" } else { "test" };
        rows.push(vec![
            text(payment, "/id").to_owned(),
            match text(payment, "/quarantine/reason") {
                // Not held: an operation is in doubt, and `payments show` says which.
                "" => "in_doubt".to_owned(),
                reason => reason.to_owned(),
            },
            text(payment, "/quarantine/since").to_owned(),
            text(payment, "/status").to_owned(),
            payment["amount"].to_string(),
            payment["amount_captured"].to_string(),
            text(payment, "/currency").to_owned(),
            mode.to_owned(),
        ]);
    }
    let payments =
        if rows.len() == 1 { "no payment waits for a person\n".to_owned() } else { columns(&rows) };
    format!("{payments}\n{}", deliveries(answer))
}

fn deliveries(answer: &Value) -> String {
    let head = ["DELIVERY", "CONNECTOR", "RECEIVED", "STATE", "WHY", "MODE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for delivery in items(answer, "/deliveries") {
        let mode = if delivery["livemode"] == true { "live" } else { "test" };
        rows.push(vec![
            text(delivery, "/id").to_owned(),
            text(delivery, "/connector").to_owned(),
            text(delivery, "/received_at").to_owned(),
            text(delivery, "/state").to_owned(),
            text(delivery, "/note").to_owned(),
            mode.to_owned(),
        ]);
    }
    if rows.len() == 1 { "every delivery was matched and read".to_owned() } else { columns(&rows) }
}

/// How a payment stands after what was decided.
pub(crate) fn resolved(payment: &Value) -> String {
    let quarantine = match text(payment, "/quarantine/reason") {
        "" => "nothing stands against it".to_owned(),
        reason => format!("quarantined: {reason}"),
    };
    format!(
        "{} is {}: captured {}, refunded {} of {} {}; {quarantine}",
        text(payment, "/id"),
        text(payment, "/status"),
        payment["amount_captured"],
        payment["amount_refunded"],
        payment["amount"],
        text(payment, "/currency"),
    )
}
