//! `payhub payments`: lists, and one payment's whole story on one screen.

use std::process::ExitCode;

use clap::Subcommand;
use payhub::operator::Request;
use payhub::operator::resolutions::Settlement;
use serde_json::Value;

use super::keys::Mode;
use super::quarantine::resolved;
use super::{Target, columns, items, text};

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
        /// The payment intent, pi_…
        id: String,
    },
    /// Erase what the shopper of a payment that has ended is known by: name, e-mail, address, and what the
    /// processor delivered. The books stay.
    Erase {
        #[command(flatten)]
        target: Target,
        /// The payment intent, pi_…
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
        /// The payment intent, pi_…
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
        /// Who says so.
        #[arg(long = "as", value_name = "NAME", env = "USER")]
        operator: String,
    },
}

pub(crate) async fn run(payments: Payments) -> ExitCode {
    match payments {
        Payments::List { target, mode, status, order_reference, limit } => {
            let livemode = mode.livemode();
            target.run(Request::ListPayments { livemode, status, order_reference, limit }, list).await
        }
        Payments::Show { target, id } => target.run(Request::ShowPayment { id }, show).await,
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
            let request = Request::Settle { id, attempt, settlement, evidence, operator };
            target.run(request, resolved).await
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
    columns(&rows)
}

fn show(story: &Value) -> String {
    let payment = &story["payment_intent"];
    let mode = if payment["livemode"] == true { "live" } else { "test" };
    let mut shown = format!(
        "{}  {}  {} {} (minor units, {mode})\n",
        text(payment, "/id"),
        text(payment, "/status"),
        payment["amount"],
        text(payment, "/currency"),
    );
    shown.push_str(&format!(
        "order {} {}  created {}  open until {}\n",
        text(payment, "/order"),
        text(payment, "/order_reference"),
        text(payment, "/created_at"),
        text(payment, "/expires_at"),
    ));
    shown.push_str(&format!(
        "captured {}  refunded {}  disputed {}  can be captured {}\n",
        payment["amount_captured"],
        payment["amount_refunded"],
        payment["amount_disputed"],
        payment["amount_capturable"],
    ));
    if let Some(quarantine) = payment.get("quarantine").filter(|quarantine| !quarantine.is_null()) {
        shown.push_str(&format!("QUARANTINED: {}\n", brief(quarantine)));
    }
    section(&mut shown, "attempts", items(payment, "/attempts"), attempt);
    section(&mut shown, "operations", items(story, "/operations"), operation);
    section(&mut shown, "events", items(story, "/events"), event);
    section(&mut shown, "exchanges with the processor, scrubbed", items(story, "/exchanges"), exchange);
    section(&mut shown, "deliveries from the processor", items(story, "/deliveries_in"), delivery_in);
    section(&mut shown, "events for the merchant", items(story, "/deliveries_out"), delivery_out);
    section(&mut shown, "journal", items(story, "/journal"), journal);
    section(&mut shown, "what happens next", items(story, "/next"), next);
    shown
}

fn section(shown: &mut String, title: &str, values: &[Value], row: fn(&Value) -> Vec<String>) {
    shown.push_str(&format!("\n{title}\n"));
    if values.is_empty() {
        shown.push_str("  none\n");
        return;
    }
    let rows: Vec<_> = values.iter().map(row).collect();
    for line in columns(&rows).lines() {
        shown.push_str(&format!("  {line}\n"));
    }
}

fn attempt(attempt: &Value) -> Vec<String> {
    let reference = |reference: &Value| format!("{} {}", text(reference, "/kind"), text(reference, "/id"));
    let references: Vec<_> = items(attempt, "/references").iter().map(reference).collect();
    vec![
        text(attempt, "/id").to_owned(),
        text(attempt, "/connector").to_owned(),
        text(attempt, "/state").to_owned(),
        format!("chosen because: {}", text(attempt, "/reason")),
        references.join(", "),
    ]
}

fn operation(operation: &Value) -> Vec<String> {
    vec![
        text(operation, "/kind").to_owned(),
        brief(&operation["state"]),
        format!("{} tries", operation["tries"]),
        text(operation, "/last_sent_at").to_owned(),
        text(operation, "/id").to_owned(),
    ]
}

fn event(event: &Value) -> Vec<String> {
    let name = text(event, "/event/event").to_owned();
    let mut rest = event["event"].clone();
    if let Some(fields) = rest.as_object_mut() {
        fields.remove("event");
        // As they began: all of it follows in the events after them.
        fields.remove("intent");
        fields.remove("attempt");
    }
    vec![
        event["version"].to_string(),
        text(event, "/at").to_owned(),
        brief(&event["cause"]),
        name,
        brief(&rest),
    ]
}

/// In short; `--json` has the whole record.
fn exchange(exchange: &Value) -> Vec<String> {
    let record = &exchange["record"];
    let outcome = match (&record["status"], &record["failure"]) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Null, failure) => brief(failure),
        (status, _) => format!("answered {status}"),
    };
    vec![
        text(exchange, "/at").to_owned(),
        text(exchange, "/operation").to_owned(),
        format!("{} {}", text(record, "/method"), text(record, "/url")),
        outcome,
        format!("{} ms", record["duration_ms"]),
    ]
}

fn delivery_in(delivery: &Value) -> Vec<String> {
    vec![
        text(delivery, "/received_at").to_owned(),
        text(delivery, "/connector").to_owned(),
        text(delivery, "/state").to_owned(),
        format!("verified {}", text(delivery, "/verified")),
        text(delivery, "/id").to_owned(),
    ]
}

fn delivery_out(delivery: &Value) -> Vec<String> {
    let endpoint = match text(delivery, "/endpoint") {
        "" => "no endpoint wanted it".to_owned(),
        endpoint => format!(
            "{endpoint} {}, {} tries, last answer {}",
            text(delivery, "/state"),
            delivery["tries"],
            delivery["last_status"],
        ),
    };
    vec![
        text(delivery, "/created_at").to_owned(),
        text(delivery, "/type").to_owned(),
        text(delivery, "/event").to_owned(),
        endpoint,
    ]
}

fn journal(line: &Value) -> Vec<String> {
    vec![
        line["version"].to_string(),
        text(line, "/memo").to_owned(),
        text(line, "/account").to_owned(),
        line["amount"].to_string(),
        text(line, "/currency").to_owned(),
    ]
}

fn next(job: &Value) -> Vec<String> {
    let tries = format!("{} tries so far", job["tries"]);
    vec![text(job, "/due_at").to_owned(), text(job, "/what").to_owned(), tries]
}

/// An object on one line: its words and numbers by name.
fn brief(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let shown = fields.iter().filter(|(_, value)| !value.is_null());
            shown.map(|(name, value)| format!("{name}={}", inside(value))).collect::<Vec<_>>().join(" ")
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(inside).collect::<Vec<_>>().join(", "))
        }
        other @ (Value::Bool(_) | Value::Number(_)) => other.to_string(),
    }
}

/// The same within another value.
fn inside(value: &Value) -> String {
    if value.is_object() { format!("{{{}}}", brief(value)) } else { brief(value) }
}
