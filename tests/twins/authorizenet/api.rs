//! Requests to Authorize.Net's API: who asks, what is wrong with it, and what is done.
//!
//! Source: developer.authorize.net/api/reference, with its tables of response codes and reasons.
//!
//! Every answer has status 200 and begins with a byte order mark, whatever it says.
//!
//! Invariant: a request is held against the published schema before anything is done. What Authorize.Net takes but the
//! hub should not send (a page that nothing can be found by, a card's whole number) is noted all the same.

use serde_json::{Map, Value, json};

use super::books::{self, Books, Record};
use super::published;
use super::{ACCOUNTS, API, AuthorizeNet, CURRENCY, objects};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};
use processor_sdk::Timestamp;

/// What stands before every answer's first brace.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';
/// The longest time between the two dates of a list of batches, in seconds.
const BATCHES_S_MAX: i64 = 31 * 24 * 3_600;
/// How far back a list of batches goes that names no dates, in milliseconds.
const BATCHES_MS: i64 = 24 * 3_600 * 1_000;
/// How long what was reserved can be taken, and how long what was taken can be given back, in milliseconds.
const CAPTURE_MS: i64 = 30 * 24 * 3_600 * 1_000;
const REFUND_MS: i64 = 180 * 24 * 3_600 * 1_000;
/// The largest page of a list, which is also that of one that asks for none.
const PAGE_ENTRIES: i64 = 1_000;

/// An answer that is no.
#[derive(Debug)]
struct Refusal {
    code: &'static str,
    text: String,
    /// The hub should not have asked like that; else it is how things are that is in the way.
    is_violation: bool,
    /// What stands beside the error where an order was refused.
    response: Option<Value>,
}

impl Refusal {
    fn wrong(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), is_violation: true, response: None }
    }

    fn of_state(code: &'static str, text: &str) -> Self {
        Self { is_violation: false, ..Self::wrong(code, text) }
    }

    fn order(about: Option<&str>, reason: i64) -> Self {
        let response = Some(objects::refused(about, reason));
        Self { response, ..Self::of_state("E00027", "The transaction was unsuccessful.") }
    }
}

fn reply(body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
    Reply { status: 200, headers, body: format!("{BYTE_ORDER_MARK}{body}") }
}

/// An answer that says no more than this.
pub(super) fn error(code: &str, text: &str) -> Reply {
    reply(&json!({"messages": objects::messages("Error", code, text)}))
}

/// What a request asks for, in a word that fault rules name.
pub(super) fn operation(body: &[u8]) -> &'static str {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = body.pointer("/createTransactionRequest/transactionRequest/transactionType");
    match kind.and_then(Value::as_str) {
        Some("priorAuthCaptureTransaction") => "capture",
        Some("voidTransaction") => "void",
        Some("refundTransaction") => "refund",
        _ if body.get("getHostedPaymentPageRequest").is_some() => "open",
        _ => "fetch",
    }
}

/// A request that may be done.
struct Ask<'a> {
    name: &'static str,
    elements: &'a Map<String, Value>,
    livemode: bool,
}

/// Answers a request to the API.
pub(super) fn answer(net: &mut AuthorizeNet, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    if (request.method.as_str(), request.path.as_str()) != ("POST", API) || !request.query.is_empty() {
        desk.violation(format!("{} {}?{}: no such address", request.method, request.path, request.query));
        let headers = vec![("content-type", "text/html".to_owned())];
        return Reply { status: 404, headers, body: "<html><h1>404</h1></html>".to_owned() };
    }
    let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    let body: Option<Value> = serde_json::from_slice(&request.body).ok().filter(|_| is_json);
    let broken = || Refusal::of_state("E00001", "An error occurred during processing. Please try again.");
    let body = body.unwrap_or_default();
    let answered = read(&body).and_then(|ask| {
        if run == Run::BreaksBefore {
            return Err(broken());
        }
        let done = perform(&mut net.books, desk, &ask);
        if run == Run::BreaksAfter { Err(broken()) } else { done }
    });
    let mut said = match answered {
        Ok(said) => said,
        Err(Refusal { code, text, is_violation, response }) => {
            if is_violation {
                desk.violation(format!("{code} {text}"));
            }
            let mut said = Map::new();
            said.extend(response.map(|response| ("transactionResponse".to_owned(), response)));
            said.insert("messages".to_owned(), objects::messages("Error", code, &text));
            Value::Object(said)
        }
    };
    let ref_id = body.as_object().and_then(|root| root.values().next()).map(|elements| &elements["refId"]);
    if let Some(ref_id) = ref_id.filter(|ref_id| ref_id.is_string()) {
        said["refId"] = ref_id.clone();
    }
    let mut reply = reply(&said);
    reply.headers.push(("date", objects::http_date(desk.now_s())));
    reply
}

fn read(body: &Value) -> Result<Ask<'_>, Refusal> {
    let (name, elements) = published::request(body).map_err(|text| Refusal::wrong("E00003", text))?;
    let who = &elements["merchantAuthentication"];
    let account =
        ACCOUNTS.iter().find(|account| who["name"] == account.login && who["transactionKey"] == account.key);
    let Some(account) = account else {
        let text = "User authentication failed due to invalid authentication values.";
        return Err(Refusal::wrong("E00007", text));
    };
    Ok(Ask { name, elements, livemode: account.livemode })
}

/// An answer that says yes, with its fields before the messages.
fn yes(fields: Value) -> Value {
    let mut said = fields;
    said["messages"] = objects::messages("Ok", "I00001", "Successful.");
    said
}

fn perform(books: &mut Books, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    match ask.name {
        "authenticateTestRequest" => Ok(yes(json!({}))),
        "getHostedPaymentPageRequest" => open(books, desk, ask),
        "createTransactionRequest" => order(books, desk, ask),
        "getTransactionDetailsRequest" => details(books, ask),
        "getUnsettledTransactionListRequest" => {
            let mut open: Vec<&Record> = of_mode(books, ask).filter(|known| known.batch.is_none()).collect();
            let held = |known: &&Record| known.status == "FDSPendingReview";
            if ask.elements.get("status").is_some_and(|status| status == "pendingApproval") {
                open.retain(held);
            }
            Ok(list(ask, open))
        }
        "getTransactionListRequest" => {
            let batch = ask.elements["batchId"].as_str();
            if !books.batches.iter().any(|known| Some(known.id.as_str()) == batch) {
                return Err(Refusal::of_state("E00040", "The record cannot be found."));
            }
            Ok(list(ask, of_mode(books, ask).filter(|known| known.batch.as_deref() == batch).collect()))
        }
        "getSettledBatchListRequest" => batches(books, desk, ask),
        name => unreachable!("{name} is published and nobody answers it"),
    }
}

fn of_mode<'b>(books: &'b Books, ask: &Ask<'_>) -> impl Iterator<Item = &'b Record> {
    let livemode = ask.livemode;
    books.transactions.iter().filter(move |known| known.livemode == livemode)
}

/// One page of a list. An empty one says so in a code of its own.
fn list(ask: &Ask<'_>, mut found: Vec<&Record>) -> Value {
    let whole = |pointer: &str, default: i64| {
        let value = ask.elements.get("paging").and_then(|paging| paging.get(pointer));
        let number = value.and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
        number.unwrap_or(default)
    };
    let sorting = ask.elements.get("sorting");
    // Ids grow as time does: both orders are the same.
    if sorting.is_some_and(|sorting| {
        matches!(&sorting["orderDescending"], Value::Bool(true)) || sorting["orderDescending"] == "true"
    }) {
        found.reverse();
    }
    let (limit, offset) = (whole("limit", PAGE_ENTRIES), whole("offset", 1));
    let skipped = usize::try_from((offset - 1) * limit).unwrap_or(usize::MAX);
    let shown: Vec<Value> = found
        .into_iter()
        .skip(skipped)
        .take(usize::try_from(limit).unwrap_or_default())
        .map(objects::summary)
        .collect();
    if shown.is_empty() {
        return json!({"messages": objects::messages("Ok", "I00004", "No records found.")});
    }
    yes(json!({"totalNumInResultSet": shown.len(), "transactions": shown}))
}

fn batches(books: &Books, desk: &Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let time = |name: &str| {
        let text = ask.elements.get(name).and_then(Value::as_str);
        text.map(|text| {
            Timestamp::parse_rfc3339(text).expect("a time, which the table demands").as_unix_seconds()
        })
    };
    let (first, last) = (time("firstSettlementDate"), time("lastSettlementDate"));
    let (since_ms, until_ms) = match (first, last) {
        (None, None) => (desk.now_s() * 1_000 - BATCHES_MS, i64::MAX),
        (Some(first), Some(last)) if (0..=BATCHES_S_MAX).contains(&(last - first)) => {
            (first * 1_000, last * 1_000)
        }
        _ => return Err(Refusal::wrong("E00013", "The settlement dates are invalid.")),
    };
    let within = |at_ms: i64| (since_ms..=until_ms).contains(&at_ms);
    let found =
        books.batches.iter().filter(|known| known.livemode == ask.livemode && within(known.settled_ms));
    let shown: Vec<Value> = found.map(objects::batch).collect();
    if shown.is_empty() {
        return Ok(json!({"messages": objects::messages("Ok", "I00004", "No records found.")}));
    }
    Ok(yes(json!({"batchList": shown})))
}

/// A transaction of this mode.
fn find<'b>(books: &'b Books, ask: &Ask<'_>, id: Option<&str>) -> Option<&'b Record> {
    books.transaction(id?).filter(|known| known.livemode == ask.livemode)
}

fn details(books: &Books, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let known = find(books, ask, ask.elements["transId"].as_str());
    let known = known.ok_or_else(|| Refusal::of_state("E00040", "The record cannot be found."))?;
    let batch = books.batches.iter().find(|batch| Some(&batch.id) == known.batch.as_ref());
    let mut said = json!({"transaction": objects::details(known, batch)});
    if let Some(ref_id) = &known.ref_id {
        said["transrefId"] = ref_id.as_str().into();
    }
    Ok(yes(said))
}

fn open(books: &mut Books, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let wish = &ask.elements["transactionRequest"];
    let invalid = |what: &str| Refusal::wrong("E00013", format!("{what} is invalid."));
    if !matches!(wish["transactionType"].as_str(), Some("authCaptureTransaction" | "authOnlyTransaction")) {
        return Err(invalid("Transaction Type"));
    }
    if books::amount(wish).is_none_or(|amount| amount <= 0) {
        return Err(invalid("Amount"));
    }
    if wish.get("currencyCode").is_some_and(|code| code != CURRENCY) {
        return Err(invalid("Currency Code"));
    }
    let settings = ask.elements.get("hostedPaymentSettings").unwrap_or(&Value::Null);
    let settings = published::page_settings(settings).map_err(|what| invalid(&what))?;
    // All that follows is taken, and leads to a payment that the hub cannot find or cannot give back.
    for missing in ["/order/invoiceNumber", "/currencyCode"] {
        if wish.pointer(missing).is_none() {
            desk.violation(format!("getHostedPaymentPageRequest: no {missing}"));
        }
    }
    for present in ["payment", "profile", "refTransId", "userFields"] {
        if wish.get(present).is_some() {
            desk.violation(format!("getHostedPaymentPageRequest: {present}"));
        }
    }
    let says = |name: &str, field: &str| settings.get(name).and_then(|fields| fields.get(field)).cloned();
    if says("hostedPaymentReturnOptions", "url").is_none() {
        desk.violation("getHostedPaymentPageRequest: the shopper has no way back");
    }
    if says("hostedPaymentPaymentOptions", "showBankAccount") != Some(Value::Bool(false)) {
        desk.violation("getHostedPaymentPageRequest: bank accounts, whose returns nobody is told of");
    }
    let page = books.open(desk, ask.livemode, wish, settings);
    Ok(yes(json!({"token": page.token})))
}

/// An order about a transaction that is there already. The hub never sees a card, so that there is no other.
fn order(books: &mut Books, desk: &mut Desk, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let wish = &ask.elements["transactionRequest"];
    let kind = wish["transactionType"].as_str().unwrap_or_default();
    let id = wish.get("refTransId").and_then(Value::as_str);
    if !matches!(kind, "priorAuthCaptureTransaction" | "voidTransaction" | "refundTransaction")
        || id.is_none()
    {
        desk.violation(format!("createTransactionRequest: {kind} of {id:?}"));
        return Err(Refusal::order(id, 33));
    }
    let known = find(books, ask, id).ok_or_else(|| Refusal::order(id, 16))?.clone();
    let said = |books: &Books, id: &str, code| {
        Ok(yes(json!({
            "transactionResponse": objects::approved(books.known(id), code),
        })))
    };
    match kind {
        "priorAuthCaptureTransaction" => match capturable(&known, wish, desk) {
            Capturable::Done(code) => said(books, &known.id, code),
            Capturable::No(reason) => Err(Refusal::order(id, reason)),
            Capturable::Yes(amount) => {
                books.capture(desk, &known.id, amount);
                said(books, &known.id, 1)
            }
        },
        "voidTransaction" => match known.status {
            "voided" => said(books, &known.id, 310),
            "authorizedPendingCapture"
            | "capturedPendingSettlement"
            | "refundPendingSettlement"
            | "FDSPendingReview" => {
                books.void(desk, &known.id);
                said(books, &known.id, 1)
            }
            // What has settled, or came to nothing, cannot be found for that any more.
            _ => Err(Refusal::order(id, 16)),
        },
        _ => {
            let amount =
                refundable(books, &known, wish, desk).map_err(|reason| Refusal::order(id, reason))?;
            let ref_id = ask.elements.get("refId").and_then(Value::as_str).map(str::to_owned);
            let made = books.refund(desk, &known.id, (amount, wish), ref_id);
            let made = made.map_err(|reason| Refusal::order(id, reason))?;
            said(books, &made, 1)
        }
    }
}

/// Whether what was reserved can be taken.
enum Capturable {
    Yes(i64),
    /// Nothing is done, and that is approved of.
    Done(i64),
    No(i64),
}

fn capturable(known: &Record, wish: &Value, desk: &Desk) -> Capturable {
    // Without an amount it is all of it.
    let amount = if wish.get("amount").is_some() { books::amount(wish) } else { Some(known.authorized) };
    let is_late = desk.now_s() * 1_000 - known.submitted_ms > CAPTURE_MS;
    match (known.status, amount) {
        (_, None | Some(..=0)) => Capturable::No(5),
        ("authorizedPendingCapture", _) if is_late => Capturable::No(16),
        ("authorizedPendingCapture", Some(amount)) if amount > known.authorized => Capturable::No(47),
        ("authorizedPendingCapture", Some(amount)) => Capturable::Yes(amount),
        ("capturedPendingSettlement" | "settledSuccessfully", _) => Capturable::Done(311),
        ("voided", _) => Capturable::No(310),
        _ => Capturable::No(16),
    }
}

/// The amount that can be given back, or the reason why it cannot.
fn refundable(books: &Books, known: &Record, wish: &Value, desk: &mut Desk) -> Result<i64, i64> {
    let card = &wish["payment"]["creditCard"];
    let digits = card["cardNumber"].as_str().ok_or(6)?;
    if digits.len() != 4 {
        desk.violation("refundTransaction: more of a card than its last four digits");
    }
    if wish["order"].get("invoiceNumber").is_none() {
        desk.violation("refundTransaction: no invoice number to find it by");
    }
    if wish.get("currencyCode").is_some_and(|code| code != CURRENCY) {
        return Err(39);
    }
    let amount = books::amount(wish).filter(|amount| *amount > 0).ok_or(5)?;
    let is_late = desk.now_s() * 1_000 - known.submitted_ms > REFUND_MS;
    if known.status != "settledSuccessfully" || digits != known.card || is_late {
        return Err(54);
    }
    if amount > known.settle - books.credited(&known.id) {
        return Err(55);
    }
    Ok(amount)
}
