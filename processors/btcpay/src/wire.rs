//! BTCPay Server's JSON objects read as facts: invoices, what came to them, and refunds that are claimed.
//!
//! Invariants: a field that we need and cannot read is a fault; money counts as taken when BTCPay calls the
//! invoice settled, or when every coin that came to one that is over is confirmed.

use processor_sdk::{
    Call, Door, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, Money, ReferenceKind,
    RefundOrder, Settings, Word,
};
use serde_json::Value;

use crate::amounts::{self, Counted};
use crate::requests;
use crate::words::{self, Claim, Coins};

/// The code under which a list of errors goes that names no field.
const NO_FIELD: &str = "validation";

/// What an invoice says by itself.
pub(crate) fn invoice(invoice: &Json) -> Result<Facts, Fault> {
    let price = price(invoice)?;
    let additional = invoice.text("/additionalStatus")?;
    let word = words::of_invoice(invoice.text("/status")?, additional);
    let captured = match (&word, paid(invoice)?) {
        // By hand, and often for money that BTCPay never saw: the merchant says that the price is paid.
        (Word::Paid, counted) if additional == "Marked" => {
            Some(counted.map_or(price, |counted| larger(counted.whole, price)))
        }
        (Word::Paid, counted) => counted.map(|counted| counted.towards(price)),
        (_, _) => None,
    };
    let decline = (word == Word::Declined).then(words::unconfirmed);
    Ok(Facts { word: Some(word), decline, amount: Some(price), captured, ..Facts::default() }
        .reference(ReferenceKind::Session, invoice.text("/id")?))
}

fn price(invoice: &Json) -> Result<Money, Fault> {
    amounts::read(invoice, "/amount", invoice.currency("/currency")?)
}

/// All that came, confirmed or not, in the invoice's own currency. Old versions do not say.
fn paid(invoice: &Json) -> Result<Option<Counted>, Fault> {
    let currency = invoice.currency("/currency")?;
    invoice.at("/paidAmount").map(|_| Counted::read(invoice, "/paidAmount", currency)).transpose()
}

fn larger(left: Money, right: Money) -> Money {
    left.max(right).unwrap_or(right)
}

/// Whether money may have come to an invoice that is over without having been settled. What an invoice in words
/// that we do not know holds, nobody concludes from its payments either.
pub(crate) fn is_over_with_money(invoice: &Json) -> Result<bool, Fault> {
    let status = invoice.text("/status")?;
    let is_known = !matches!(words::of_invoice(status, invoice.text("/additionalStatus")?), Word::Unknown(_));
    let is_over = is_known && matches!(status, "Expired" | "Invalid");
    Ok(is_over && paid(invoice)?.is_none_or(|counted| counted.up().is_positive()))
}

/// Whether anything came, or is said to have.
pub(crate) fn has_money(invoice: &Json) -> Result<bool, Fault> {
    let came = paid(invoice)?.is_some_and(|counted| counted.up().is_positive());
    Ok(came || matches!(invoice.text("/status")?, "Processing" | "Settled"))
}

/// What an invoice that is over says, with the payments that came to it.
///
/// Coins that are confirmed are the merchant's, whatever the invoice is called: a part is shown to a person, and
/// all of it at an invoice that was called off is late success. Of one whose price had expired by then, the
/// merchant decides.
pub(crate) fn over(invoice: &Json, methods: &[Json], accept_late: bool) -> Result<Facts, Fault> {
    let said = self::invoice(invoice)?;
    let (price, counted) = (price(invoice)?, paid(invoice)?);
    let waiting = |said: Facts, word| Facts { word: Some(word), decline: None, ..said };
    let coins = coins(methods)?;
    if let Some(Coins::Unknown(word)) = coins.iter().find(|coins| matches!(coins, Coins::Unknown(_))) {
        return Ok(waiting(said, word.clone()));
    }
    let (under_way, arrived) = (coins.contains(&Coins::UnderWay), coins.contains(&Coins::Arrived));
    let additional = invoice.text("/additionalStatus")?;
    let is_late = |counted: Counted| {
        let is_whole = counted.towards(price).minor() >= price.minor();
        additional == "PaidLate" || (said.word == Some(Word::Expired) && additional == "None" && is_whole)
    };
    Ok(match (under_way, arrived, counted) {
        // BTCPay has given up on these coins. If one of them arrives after all, it says so by an event.
        (true, false, _) if said.word == Some(Word::Declined) => said,
        (true, _, _) => waiting(said, Word::Pending),
        (false, true, Some(counted)) if is_late(counted) => match accept_late {
            true => Facts { captured: Some(counted.towards(price)), ..waiting(said, Word::Paid) },
            false => waiting(said, Word::Pending),
        },
        (false, true, Some(counted)) => Facts { captured: Some(counted.whole), ..said },
        (false, true, None) => waiting(said, Word::Pending),
        // A part is said to have come and none is shown: the next look may tell.
        (false, false, _) if additional == "PaidPartial" => waiting(said, Word::Pending),
        (false, false, _) => said,
    })
}

/// Every payment of coins, whichever method it came by.
fn coins(methods: &[Json]) -> Result<Vec<Coins>, Fault> {
    if methods.is_empty() {
        return Err(Fault::unreadable("expected at least one payment method of the invoice"));
    }
    let mut coins = vec![];
    for method in methods {
        for payment in method.list("/payments")? {
            coins.push(words::of_payment(payment.text("/status")?));
        }
    }
    Ok(coins)
}

/// Whether the page still waits, and BTCPay lets us close it.
pub(crate) fn can_be_closed(invoice: &Json) -> Result<bool, Fault> {
    let allowed = invoice.list("/availableStatusesForManualMarking")?;
    Ok(invoice.text("/status")? == "New" && allowed.iter().any(|status| status.0.as_str() == Some("Invalid")))
}

/// The page to send the shopper to, while it waits for money.
pub(crate) fn door(call: &Call, invoice: &Json) -> Result<Option<Door>, Fault> {
    if words::of_invoice(invoice.text("/status")?, invoice.text("/additionalStatus")?) != Word::Open {
        return Ok(None);
    }
    let open_s = invoice.unix_seconds("/expirationTime")?.seconds_since(call.created_at).max(0);
    let door = Door::redirect(public_url(&call.settings, invoice.text("/checkoutLink")?)?);
    Ok(Some(Door { expires_in_s: Some(u32::try_from(open_s).unwrap_or(u32::MAX)), ..door }))
}

/// A page of BTCPay's at the address that shoppers know. The server makes its links of whatever host it was
/// asked by, so that only the path is its own.
fn public_url(settings: &Settings, link: &str) -> Result<String, Fault> {
    let is_apart = settings.optional_text("checkout_url").is_some();
    let base = settings.base_url(if is_apart { "checkout_url" } else { "base_url" })?;
    let (_, path) = origin_and_path(link)
        .filter(|(_, path)| !path.is_empty())
        .ok_or_else(|| Fault::unreadable("expected an absolute URL with a path at /checkoutLink"))?;
    let (origin, prefix) = origin_and_path(base)
        .ok_or_else(|| Fault::cannot_ask("settings.base_url", "must be an absolute URL"))?;
    let has_prefix = path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    Ok(if has_prefix { format!("{origin}{path}") } else { format!("{base}{path}") })
}

fn origin_and_path(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + "://".len();
    let path = url.get(authority..)?.find('/').map_or(url.len(), |slash| authority + slash);
    Some(url.split_at(path))
}

/// A refund: a promise that the customer has to claim. Until payouts were asked for, nothing can have ended it.
pub(crate) fn refund(
    order: &RefundOrder,
    pull_payment: &Json,
    payouts: Option<&[Json]>,
) -> Result<Item, Fault> {
    let amount = amounts::read(pull_payment, "/amount", pull_payment.currency("/currency")?)?;
    let state = match payouts {
        Some(payouts) => refund_state(pull_payment, amount, payouts)?,
        None => ItemState::Pending,
    };
    Ok(Item {
        kind: ItemKind::Refund,
        id: Some(pull_payment.text("/id")?.to_owned()),
        echo: is_named(pull_payment, order)?.then(|| order.echo.clone()),
        state,
        amount: Some(amount),
        reason: (state == ItemState::Failed).then(|| "archived".to_owned()),
        at: None,
    })
}

/// Whether a pull payment is the one that we made for this refund.
pub(crate) fn is_named(pull_payment: &Json, order: &RefundOrder) -> Result<bool, Fault> {
    Ok(pull_payment.optional_text("/name")? == Some(requests::refund_name(&order.echo).as_str()))
}

/// Done when all of it is paid out, in however many claims. One that the merchant archived before anything was
/// paid out cannot be claimed any more; one that was paid out in part stays for a person to decide.
fn refund_state(pull_payment: &Json, amount: Money, payouts: &[Json]) -> Result<ItemState, Fault> {
    let mut done = Money::zero(amount.currency());
    let mut is_ended = pull_payment.flag("/archived")?;
    for payout in payouts {
        match words::of_payout(payout.text("/state")?) {
            Claim::Done => {
                let currency = payout.currency("/originalCurrency")?;
                let counted = Counted::read(payout, "/originalAmount", currency)?;
                done = done
                    .checked_add(counted.up())
                    .map_err(|_| Fault::unreadable("expected payouts in the refund's currency"))?;
            }
            Claim::UnderWay => is_ended = false,
            Claim::Canceled => {}
        }
    }
    Ok(match done.minor() >= amount.minor() {
        true => ItemState::Succeeded,
        false if is_ended && done.is_zero() => ItemState::Failed,
        false => ItemState::Pending,
    })
}

/// A refund that we asked for and BTCPay refused to make.
pub(crate) fn failed_refund(order: &RefundOrder, reason: &str) -> Item {
    Item {
        kind: ItemKind::Refund,
        id: None,
        echo: Some(order.echo.clone()),
        state: ItemState::Failed,
        amount: None,
        reason: Some(words::code(reason)),
        at: None,
    }
}

/// What BTCPay refused: the first field or else the code that it names. It read the request and did nothing. Not
/// one: whatever else comes with such a status, from a proxy for instance.
pub(crate) fn refusal(response: &HttpResponse) -> Option<String> {
    if !matches!(response.status, 400 | 404 | 422) {
        return None;
    }
    let body = response.json().ok()?;
    match &body.0 {
        Value::Array(errors) => {
            let path = |error: &Value| {
                error.get("message")?.as_str()?;
                error.get("path")?.as_str().map(str::to_owned)
            };
            let first = errors.iter().map(path).collect::<Option<Vec<_>>>()?.into_iter().next()?;
            Some(if first.is_empty() { NO_FIELD.to_owned() } else { first })
        }
        _ => {
            body.text("/message").ok()?;
            body.text("/code").ok().map(str::to_owned)
        }
    }
}
