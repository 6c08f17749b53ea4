//! `payhub payments`: lists, one payment's whole story, and what an operator says of one.

use std::process::ExitCode;

use clap::Subcommand;
use payhub::operator::Request;
use payhub::operator::resolutions::Settlement;
use serde_json::Value;

use super::keys::Mode;
use super::quarantine::resolved;
use super::{Operator, Target, columns, items, story, text};

/// What to see of payments.
#[derive(Subcommand)]
pub(crate) enum Payments {
    /// List payments, newest first.
    List {
        #[command(flatten)]
        target: Target,
        /// Live or test payments.
        #[arg(long, value_enum, default_value = "live")]
        mode: Mode,
        /// In this status only, such as processing.
        #[arg(long)]
        status: Option<String>,
        /// Of this order number only.
        #[arg(long)]
        order_reference: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show one payment's whole story.
    Show {
        #[command(flatten)]
        target: Target,
        /// The payment intent, pi_…, or the id that the processor or a statement has for it.
        id: String,
    },
    /// Erase what the shopper of a payment that has ended is known by: name, e-mail, address, and what the
    /// processor delivered. The books stay.
    Erase {
        #[command(flatten)]
        target: Target,
        /// The payment intent, pi_…, or the id that the processor or a statement has for it.
        id: String,
        /// Who says so.
        #[arg(long = "as", value_name = "NAME", env = "USER")]
        operator: String,
    },
    /// Say what no processor tells, with a reason and a name.
    #[command(group(clap::ArgGroup::new("settlement").required(true).args(["paid", "not_paid", "done", "not_done"])))]
    Settle {
        #[command(flatten)]
        target: Target,
        /// The payment intent, pi_…, or the id that the processor or a statement has for it.
        id: String,
        /// How you know, such as "bank statement of 3 May, line 12".
        #[arg(long)]
        evidence: String,
        /// It was paid: this much, in minor units of its currency.
        #[arg(long, value_name = "AMOUNT")]
        paid: Option<i64>,
        /// It was not paid and will not be.
        #[arg(long)]
        not_paid: bool,
        /// This operation was done: a capture, a refund, a release.
        #[arg(long, value_name = "OPERATION")]
        done: Option<String>,
        /// This operation was not done and will not be.
        #[arg(long, value_name = "OPERATION")]
        not_done: Option<String>,
        /// Which attempt, where the payment was tried several times.
        #[arg(long)]
        attempt: Option<String>,
        #[command(flatten)]
        operator: Operator,
    },
}

pub(crate) async fn run(payments: Payments) -> ExitCode {
    match payments {
        Payments::List { target, mode, status, order_reference, limit } => {
            let livemode = mode.livemode();
            target.run(Request::ListPayments { livemode, status, order_reference, limit }, list).await
        }
        Payments::Show { target, id } => target.run(Request::ShowPayment { id }, story::show).await,
        Payments::Erase { target, id, operator } => {
            target.run(Request::ErasePersonalData { id, operator }, erased).await
        }
        Payments::Settle { target, id, evidence, paid, not_paid: _, done, not_done, attempt, operator } => {
            // One of the four is there, and only one: clap sees to it.
            let settlement = match (paid, done, not_done) {
                (Some(amount), _, _) => Settlement::Paid { amount },
                (None, Some(operation), _) => Settlement::Done { operation },
                (None, None, Some(operation)) => Settlement::NotDone { operation },
                (None, None, None) => Settlement::NotPaid,
            };
            match operator.name() {
                Ok(operator) => {
                    let request = Request::Settle { id, attempt, settlement, evidence, operator };
                    target.run(request, resolved).await
                }
                Err(failure) => target.end(Err(failure), resolved),
            }
        }
    }
}

fn erased(answer: &Value) -> String {
    format!(
        "{}: the shopper's personal data and the content of {} deliveries of the processor are erased",
        text(answer, "/payment_intent"),
        answer["deliveries"],
    )
}

fn list(answer: &Value) -> String {
    let head = ["PAYMENT", "STATUS", "AMOUNT", "", "ORDER", "CREATED", "QUARANTINE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for payment in items(answer, "/data") {
        rows.push(vec![
            text(payment, "/id").to_owned(),
            text(payment, "/status").to_owned(),
            payment["amount"].to_string(),
            text(payment, "/currency").to_owned(),
            text(payment, "/order_reference").to_owned(),
            text(payment, "/created_at").to_owned(),
            text(payment, "/quarantine/reason").to_owned(),
        ]);
    }
    if rows.len() == 1 {
        "no such payment; --mode test lists test payments".to_owned()
    } else {
        columns(&rows)
    }
}
