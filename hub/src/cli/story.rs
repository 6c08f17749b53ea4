//! One payment's whole story on one screen: what waits for a person first, the evidence below.

use processor_sdk::{Currency, Money};
use serde_json::Value;

use super::{columns, items, text};

pub(super) fn show(story: &Value) -> String {
    let payment = &story["payment_intent"];
    let mut shown = head(payment);
    wanted(&mut shown, items(story, "/wants_a_person"));
    section(&mut shown, "what happens next by itself", items(story, "/next"), next);
    section(&mut shown, "attempts", items(payment, "/attempts"), attempt);
    for attempt in items(payment, "/attempts") {
        let number = items(payment, "/attempts").iter().position(|known| known == attempt).unwrap_or(0) + 1;
        shown.push_str(&format!("  {number} was chosen because: {}\n", text(attempt, "/reason")));
    }
    section(&mut shown, "refunds", items(story, "/refunds"), transfer);
    section(&mut shown, "disputes", items(story, "/disputes"), transfer);
    section(&mut shown, "asked of processors", items(story, "/operations"), operation);
    history(&mut shown, items(story, "/events"));
    section(
        &mut shown,
        "exchanges with processors (--json has them whole)",
        items(story, "/exchanges"),
        exchange,
    );
    let deliveries = "deliveries of processors that told something new";
    section(&mut shown, deliveries, items(story, "/deliveries_in"), delivery_in);
    section(&mut shown, "events for the merchant", items(story, "/deliveries_out"), delivery_out);
    section(&mut shown, "journal", items(story, "/journal"), journal);
    shown
}

fn head(payment: &Value) -> String {
    let mode = if payment["livemode"] == true { "live" } else { "test" };
    let money = |name: &str| amount(&payment[name], text(payment, "/currency"));
    let mut shown = format!(
        "{}  {}  {} ({} minor units, {mode})\n",
        text(payment, "/id"),
        text(payment, "/status").to_uppercase(),
        money("amount"),
        payment["amount"],
    );
    let reference = match text(payment, "/order_reference") {
        "" => String::new(),
        reference => format!(", order number {reference}"),
    };
    shown.push_str(&format!(
        "{}{reference}, created {}, open until {}\n",
        text(payment, "/order"),
        moment(text(payment, "/created_at")),
        moment(text(payment, "/expires_at")),
    ));
    shown.push_str(&format!(
        "taken {}, given back {}, disputed {}, can still be taken {}\n",
        money("amount_captured"),
        money("amount_refunded"),
        money("amount_disputed"),
        money("amount_capturable"),
    ));
    if payment["cancel_requested"] == true {
        shown.push_str("the cart asked to cancel it\n");
    }
    if let Some(code) = payment.pointer("/last_error/code").and_then(Value::as_str) {
        shown.push_str(&format!("last error: {code}\n"));
    }
    shown
}

/// First of all, because it is why somebody looks.
fn wanted(shown: &mut String, wanted: &[Value]) {
    if wanted.is_empty() {
        return;
    }
    shown.push_str("\nWAITS FOR A PERSON\n");
    for one in wanted {
        shown.push_str(&format!("  {}\n", text(one, "/why")));
        for command in items(one, "/commands") {
            shown.push_str(&format!("    {}\n", command.as_str().unwrap_or_default()));
        }
    }
}

fn section(shown: &mut String, title: &str, values: &[Value], row: fn(usize, &Value) -> Vec<String>) {
    shown.push_str(&format!("\n{title}\n"));
    if values.is_empty() {
        shown.push_str("  none\n");
        return;
    }
    let rows: Vec<_> = values.iter().zip(1..).map(|(value, number)| row(number, value)).collect();
    for line in columns(&rows).lines() {
        shown.push_str(&format!("  {line}\n"));
    }
}

/// What was decided at one moment for one cause stands together.
fn history(shown: &mut String, events: &[Value]) {
    shown.push_str("\nhistory\n");
    let mut last = None;
    for event in events {
        let head = (text(event, "/at"), text(event, "/by"));
        if last != Some(head) {
            shown.push_str(&format!("  {}  {}\n", moment(head.0), head.1));
            last = Some(head);
        }
        shown.push_str(&format!("    {:>3}  {}\n", event["version"].to_string(), text(event, "/says")));
    }
}

fn next(_: usize, job: &Value) -> Vec<String> {
    let tries = match &job["tries"] {
        Value::Number(tries) if tries.as_u64() == Some(0) => String::new(),
        tries => format!("tried {tries} times"),
    };
    vec![moment(text(job, "/due_at")), text(job, "/what").to_owned(), tries]
}

fn attempt(number: usize, attempt: &Value) -> Vec<String> {
    let reference = |reference: &Value| format!("{} {}", text(reference, "/kind"), text(reference, "/id"));
    let references: Vec<_> = items(attempt, "/references").iter().map(reference).collect();
    vec![
        number.to_string(),
        text(attempt, "/id").to_owned(),
        text(attempt, "/connector").to_owned(),
        text(attempt, "/state").to_owned(),
        references.join(", "),
    ]
}

fn transfer(_: usize, transfer: &Value) -> Vec<String> {
    let why = match (text(transfer, "/failure_code"), text(transfer, "/reason")) {
        ("", "") => String::new(),
        ("", reason) => format!("\"{reason}\""),
        (failure, _) => format!("failed: {failure}"),
    };
    vec![
        text(transfer, "/id").to_owned(),
        text(transfer, "/status").to_owned(),
        amount(&transfer["amount"], text(transfer, "/currency")),
        moment(text(transfer, "/created_at")),
        why,
    ]
}

fn operation(_: usize, operation: &Value) -> Vec<String> {
    vec![
        text(operation, "/id").to_owned(),
        text(operation, "/kind").to_owned(),
        text(operation, "/says").to_owned(),
        match &operation["tries"] {
            Value::Number(tries) if tries.as_u64() == Some(1) => "1 try".to_owned(),
            tries => format!("{tries} tries"),
        },
    ]
}

fn exchange(_: usize, exchange: &Value) -> Vec<String> {
    let record = &exchange["record"];
    let outcome = match (&record["status"], text(record, "/kind")) {
        (Value::Null, "send") => "NO ANSWER".to_owned(),
        (Value::Null, kind) => kind.to_owned(),
        (status, _) => format!("answered {status}"),
    };
    vec![
        moment(text(exchange, "/at")),
        text(exchange, "/operation").to_owned(),
        format!("{} {}", text(record, "/method"), text(record, "/url")),
        outcome,
        format!("{} ms", record["duration_ms"]),
    ]
}

fn delivery_in(_: usize, delivery: &Value) -> Vec<String> {
    vec![
        moment(text(delivery, "/received_at")),
        text(delivery, "/connector").to_owned(),
        text(delivery, "/id").to_owned(),
        text(delivery, "/state").to_owned(),
        format!("verified {}", text(delivery, "/verified")),
    ]
}

fn delivery_out(_: usize, delivery: &Value) -> Vec<String> {
    let answer = match (&delivery["last_status"], text(delivery, "/last_failure")) {
        (Value::Null, "") => "not sent yet".to_owned(),
        (Value::Null, failure) => failure.to_owned(),
        (status, _) => format!("answered {status}"),
    };
    let again = match text(delivery, "/next_at") {
        "" => String::new(),
        at => format!(", tried again {}", moment(at)),
    };
    let endpoint = match text(delivery, "/endpoint") {
        "" => "no endpoint wanted it".to_owned(),
        endpoint => format!("{endpoint} {}: {answer}{again}", text(delivery, "/state")),
    };
    vec![
        moment(text(delivery, "/created_at")),
        text(delivery, "/type").to_owned(),
        text(delivery, "/event").to_owned(),
        endpoint,
    ]
}

fn journal(_: usize, line: &Value) -> Vec<String> {
    vec![
        format!("event {}", line["version"]),
        text(line, "/memo").to_owned(),
        text(line, "/account").to_owned(),
        amount(&line["amount"], text(line, "/currency")),
    ]
}

/// An amount as people write it.
fn amount(minor: &Value, currency: &str) -> String {
    let money = minor.as_i64().zip(Currency::parse(currency).ok());
    let money = money.and_then(|(minor, currency)| Money::new(minor, currency).ok());
    money.map_or_else(|| format!("{minor} {currency}"), |money| money.to_string())
}

/// A time to the second.
fn moment(at: &str) -> String {
    at.get(..19).map_or_else(|| at.to_owned(), |second| format!("{} UTC", second.replace('T', " ")))
}
