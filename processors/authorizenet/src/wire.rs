//! Authorize.Net's JSON read as facts.
//!
//! Every answer has HTTP status 200, errors too, and begins with a byte order mark. What it says stands in
//! `messages`; what became of an order of ours in `transactionResponse`; what is so about a payment or a
//! refund in its details.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed.

use processor_sdk::{
    Currency, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, Money, ReferenceKind, Timestamp,
    Word,
};
use serde_json::Value;

use crate::{amounts, words};

/// The id of what was only tried out, because the account is in test mode.
pub(crate) const NO_ID: &str = "0";
/// The error that says that there is no such record.
const NOT_FOUND: &str = "E00040";
/// The reason of whatever was approved.
const APPROVED: &str = "1";
/// The reasons that say that a transaction was voided (310) or captured (311) before.
const DONE_BEFORE: [&str; 2] = ["310", "311"];
/// Names of months in headers.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Longest echo of ours, in characters: also Authorize.Net's limit for an invoice number.
const ECHO_CHARS_MAX: usize = 20;
/// How long an authorization can be captured, in seconds. Authorize.Net lets it lapse after 30 days.
const AUTHORIZED_S: i64 = 30 * 24 * 60 * 60;

/// An answer that says "Ok", or the code of its error.
fn said(body: &Json) -> Result<Result<(), &str>, Fault> {
    match body.text("/messages/resultCode")? {
        "Ok" => Ok(Ok(())),
        "Error" => Ok(Err(body.text("/messages/message/0/code")?)),
        _ => Err(Fault::unreadable("expected Ok or Error at /messages/resultCode")),
    }
}

/// The answer to a question; `None` when Authorize.Net says that it has no such record.
pub(crate) fn answer(response: &HttpResponse) -> Result<Option<Json>, Fault> {
    let body = response.success_json()?;
    match said(&body)? {
        Ok(()) => Ok(Some(body)),
        Err(NOT_FOUND) => Ok(None),
        Err(error) => Err(words::fault(error)),
    }
}

/// A page's token, or the code of the error for which there is none.
pub(crate) fn token(response: &HttpResponse) -> Result<Result<String, String>, Fault> {
    let body = response.success_json()?;
    match said(&body)? {
        Ok(()) => Ok(Ok(body.text("/token")?.to_owned())),
        Err(error) if words::is_refusal(error) => Ok(Err(error.to_owned())),
        Err(error) => Err(words::fault(error)),
    }
}

/// What became of an order: it was taken and is called so, or it was refused for a reason and did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    As(String),
    Refused(String),
}

pub(crate) fn order(response: &HttpResponse) -> Result<Taken, Fault> {
    let body = response.success_json()?;
    let result = said(&body)?;
    match (optional_code(&body, "/transactionResponse/responseCode")?.as_deref(), result) {
        // Approved, or held for a review: its details say which.
        (Some("1" | "4"), Ok(())) => match body.text("/transactionResponse/transId")? {
            NO_ID => Err(Fault::unreadable("expected an id; the account seems to be in test mode")),
            id => Ok(match done_before(&body)? {
                Some(note) => Taken::Refused(note),
                None => Taken::As(id.to_owned()),
            }),
        },
        (Some("2" | "3"), _) => match optional_code(&body, "/transactionResponse/errors/0/errorCode")? {
            Some(reason) if words::is_doubtful(&reason) => Err(Fault::Processor { status: 503 }),
            Some(reason) => Ok(Taken::Refused(reason)),
            None => Err(Fault::unreadable("expected a code at /transactionResponse/errors/0/errorCode")),
        },
        (None, Err(error)) if words::is_refusal(error) => Ok(Taken::Refused(error.to_owned())),
        (None, Err(error)) => Err(words::fault(error)),
        (_, _) => Err(Fault::unreadable("expected 1, 2, 3 or 4 at /transactionResponse/responseCode")),
    }
}

/// The note of an approval that it did nothing, because it had been captured or voided before.
fn done_before(body: &Json) -> Result<Option<String>, Fault> {
    let note = optional_code(body, "/transactionResponse/messages/0/code")?;
    Ok(note.filter(|note| DONE_BEFORE.contains(&note.as_str())))
}

/// The entries of a list; an answer without one must say that there is nothing.
pub(crate) fn list(body: &Json, pointer: &str) -> Result<Vec<Json>, Fault> {
    let is_empty = body.optional_text("/messages/message/0/code")? == Some("I00004");
    if body.at(pointer).is_none() && is_empty { Ok(vec![]) } else { body.list(pointer) }
}

/// A code, which Authorize.Net writes as a number or as a text.
fn optional_code(body: &Json, pointer: &str) -> Result<Option<String>, Fault> {
    match body.at(pointer) {
        Some(Value::Number(_)) => Ok(Some(body.integer(pointer)?.to_string())),
        Some(_) | None => Ok(body.optional_text(pointer)?.map(str::to_owned)),
    }
}

/// One of our echoes, as far as its form tells.
pub(crate) fn echo(body: &Json, pointer: &str) -> Result<Option<String>, Fault> {
    let is_echo = |text: &&str| {
        text.len() <= ECHO_CHARS_MAX
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    Ok(body.optional_text(pointer)?.filter(is_echo).map(str::to_owned))
}

/// The time in a response's `Date` (RFC 9110 §5.6.7): `Sun, 04 Jan 2026 09:00:01 GMT`.
pub(crate) fn date(response: &HttpResponse) -> Option<Timestamp> {
    let (_, date) = response.headers.get("date")?.split_once(", ")?;
    let [day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else { return None };
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    Timestamp::parse_rfc3339(&format!("{year}-{month:02}-{day}T{time}Z")).ok()
}

/// A payment or a refund, by its details.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// The other record that it acts upon: the payment of a refund.
    pub(crate) of: Option<String>,
    pub(crate) kind: String,
    pub(crate) status: String,
    /// Our echo, from the invoice number or else from the reference of the request that made it.
    pub(crate) echo: Option<String>,
    /// Whether it has an invoice number that is none of ours.
    pub(crate) is_foreign: bool,
    pub(crate) authorized: Money,
    pub(crate) settled: Money,
    /// Why it was declined.
    pub(crate) reason: Option<String>,
    /// The last four digits of the card.
    pub(crate) last_digits: Option<String>,
    pub(crate) submitted_at: Timestamp,
    /// When Authorize.Net said so, where it dates its answers.
    pub(crate) said_at: Option<Timestamp>,
}

/// The record that was asked for by this id.
pub(crate) fn record(body: &Json, asked: &str, currency: Currency) -> Result<Record, Fault> {
    let invoice = echo(body, "/transaction/order/invoiceNumber")?;
    let is_foreign = invoice.is_none() && body.optional_text("/transaction/order/invoiceNumber")?.is_some();
    let reference = echo(body, "/transrefId")?;
    let id = body.text("/transaction/transId")?;
    if id != asked {
        return Err(Fault::unreadable("expected the id that was asked for at /transaction/transId"));
    }
    let of = body.optional_text("/transaction/refTransId")?;
    Ok(Record {
        id: id.to_owned(),
        of: of.filter(|of| *of != id && *of != NO_ID).map(str::to_owned),
        kind: body.text("/transaction/transactionType")?.to_owned(),
        status: body.text("/transaction/transactionStatus")?.to_owned(),
        echo: invoice.or(reference),
        is_foreign,
        authorized: amounts::read(body, "/transaction/authAmount", currency)?,
        settled: amounts::read(body, "/transaction/settleAmount", currency)?,
        reason: optional_code(body, "/transaction/responseReasonCode")?,
        last_digits: last_digits(body)?,
        submitted_at: body.rfc3339("/transaction/submitTimeUTC")?,
        said_at: None,
    })
}

/// `1111` of `XXXX1111`. Anything longer would be more of a card's number than anybody needs.
fn last_digits(body: &Json) -> Result<Option<String>, Fault> {
    let masked = body.optional_text("/transaction/payment/creditCard/cardNumber")?;
    let digits = masked.and_then(|masked| masked.strip_prefix("XXXX"));
    let is_last = |digits: &&str| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    Ok(digits.filter(is_last).map(str::to_owned))
}

impl Record {
    pub(crate) fn is_refund(&self) -> bool {
        self.kind == words::REFUND
    }

    pub(crate) fn word(&self) -> Option<Word> {
        words::of_payment(&self.status, &self.kind)
    }

    /// What is said of a payment by itself.
    pub(crate) fn payment(&self) -> Result<Facts, Fault> {
        let word = self.word();
        let mut facts = Facts { word: word.clone(), ..Facts::default() };
        match word {
            Some(Word::Authorized) => {
                facts.amount = Some(self.authorized);
                facts.authorized = Some(self.authorized);
                facts.captured = Some(Money::zero(self.authorized.currency()));
                facts.capture_before = self.submitted_at.checked_add_seconds(AUTHORIZED_S).ok();
            }
            Some(Word::Paid) => {
                if !self.settled.is_positive() {
                    return Err(Fault::unreadable("expected an amount taken at /transaction/settleAmount"));
                }
                facts.amount = Some(self.authorized);
                facts.captured = Some(self.settled);
                facts.items.push(self.item(ItemKind::Capture, ItemState::Succeeded, Some(self.settled)));
                facts = facts.reference(ReferenceKind::Capture, &self.id);
            }
            // What is held may not have been authorized yet.
            Some(Word::Pending) => facts.amount = Some(self.authorized).filter(Money::is_positive),
            Some(Word::Declined) => {
                // Where it failed after it had been approved, only the status says why.
                let reason = self.reason.as_deref().filter(|reason| *reason != APPROVED);
                facts.decline = Some(words::decline(reason.unwrap_or(&self.status)));
                if self.status == words::NOT_SETTLED {
                    facts.items.push(self.item(ItemKind::Capture, ItemState::Failed, None));
                }
                // The next try has another id, and is to be looked for by our echo.
                return Ok(facts);
            }
            Some(Word::Open | Word::NeedsCompletion | Word::Voided | Word::Expired | Word::Unknown(_)) => {}
            None => facts.items.push(self.item(ItemKind::Void, ItemState::Failed, None)),
        }
        if let Some(state) = words::of_dispute(&self.status) {
            facts.items.push(self.item(ItemKind::Dispute, state, Some(self.settled)));
            facts = facts.reference(ReferenceKind::Dispute, &self.id);
        }
        // A capture may be a record of its own, beside that of its authorization.
        Ok(facts.reference(ReferenceKind::Payment, self.of.as_ref().unwrap_or(&self.id)))
    }

    /// What is said of a refund. `payment_echo` is our echo of its payment: a refund made by hand may have
    /// inherited it, and then has none of its own.
    pub(crate) fn refund(&self, payment_echo: Option<&str>) -> Facts {
        let echo = self.echo.clone().filter(|echo| Some(echo.as_str()) != payment_echo);
        let state = words::of_refund(&self.status);
        // What does not get so far as a settlement may have no amount in it.
        let amount = [self.settled, self.authorized].into_iter().find(Money::is_positive);
        let item = Item { echo, ..self.item(ItemKind::Refund, state, amount) };
        let facts =
            Facts { items: vec![item], ..Facts::default() }.reference(ReferenceKind::Refund, &self.id);
        match &self.of {
            Some(payment) => facts.reference(ReferenceKind::Payment, payment),
            None => facts,
        }
    }

    /// What was taken and voided before it was settled was given back, whole. `returned` is how much, where
    /// that is certain.
    pub(crate) fn given_back(&self, state: ItemState, returned: Option<Money>) -> Facts {
        let item = self.item(ItemKind::Refund, state, returned);
        Facts { items: vec![item], ..Facts::default() }
            .reference(ReferenceKind::Refund, &self.id)
            .reference(ReferenceKind::Payment, &self.id)
    }

    fn item(&self, kind: ItemKind, state: ItemState, amount: Option<Money>) -> Item {
        let is_bad = state == ItemState::Failed || kind == ItemKind::Dispute;
        let reason = is_bad.then(|| words::code(&self.status));
        Item { kind, id: Some(self.id.clone()), echo: None, state, amount, reason, at: None }
    }
}

/// Something that we asked for and Authorize.Net refused to do.
pub(crate) fn failed(kind: ItemKind, echo: &str, reason: &str) -> Item {
    let (echo, reason) = (Some(echo.to_owned()), Some(words::code(reason)));
    Item { kind, id: None, echo, state: ItemState::Failed, amount: None, reason, at: None }
}

/// Adds what one more record says. Money adds up, so that what was paid twice is seen; of two words the one
/// that is nearer to money counts.
pub(crate) fn add(facts: &mut Facts, more: Facts) -> Result<(), Fault> {
    let sum = |left: Option<Money>, right: Option<Money>| match (left, right) {
        (Some(left), Some(right)) => left
            .checked_add(right)
            .map(Some)
            .map_err(|_| Fault::unreadable("expected amounts that can be added")),
        (one, other) => Ok(one.or(other)),
    };
    facts.captured = sum(facts.captured, more.captured)?;
    facts.authorized = sum(facts.authorized, more.authorized)?;
    if more.word.as_ref().map(nearness) > facts.word.as_ref().map(nearness) {
        facts.word = more.word;
    }
    facts.amount = facts.amount.or(more.amount);
    facts.decline = facts.decline.take().or(more.decline);
    facts.capture_before = facts.capture_before.or(more.capture_before);
    facts.references.extend(more.references);
    facts.items.extend(more.items);
    Ok(())
}

const fn nearness(word: &Word) -> u8 {
    match word {
        Word::Open | Word::NeedsCompletion | Word::Declined | Word::Expired => 0,
        Word::Voided => 1,
        Word::Unknown(_) => 2,
        Word::Pending => 3,
        Word::Authorized => 4,
        Word::Paid => 5,
    }
}
