//! The page where the shopper pays, and the way back from it.
//!
//! Source: paystack.com/docs: `callback_url` gets `trxref` and `reference`, and only after a payment; a card that is
//! declined leaves the shopper on the page; the link back is `metadata.cancel_action`, if the merchant gave one.

use serde_json::Value;

use super::Paystack;
use super::books::Payment;
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

/// Shows the page, or does what the shopper did on it.
pub(super) fn answer(paystack: &mut Paystack, desk: &mut Desk, request: &Request, code: &str) -> Reply {
    let Some(found) = paystack.books.transactions.iter().find(|known| known.access_code == code) else {
        return html(404, "There is no such page.");
    };
    let transaction = found.clone();
    if transaction.paid_at_s.is_some() {
        return html(410, "This has been paid.");
    }
    match request.method.as_str() {
        "GET" => show(&transaction, ""),
        "POST" => act(paystack, desk, request, &transaction),
        _ => html(405, "Only GET and POST."),
    }
}

fn act(paystack: &mut Paystack, desk: &mut Desk, request: &Request, transaction: &Payment) -> Reply {
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&request.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    match field("action").as_deref() {
        Some("pay") => {
            paystack.books.pay(desk, &transaction.reference);
            let Some(callback_url) = &transaction.callback_url else { return show(transaction, "Paid.") };
            let mut url = url::Url::parse(callback_url).expect("a URL to come back to");
            for name in ["trxref", "reference"] {
                url.query_pairs_mut().append_pair(name, &transaction.reference);
            }
            redirect(url.as_str())
        }
        Some("decline") => {
            let said = field("gateway_response").unwrap_or_else(|| "Declined".to_owned());
            paystack.books.decline(&transaction.reference, &said);
            show(transaction, &said)
        }
        Some("cancel") => match &transaction.metadata["cancel_action"] {
            Value::String(url) => redirect(url),
            _ => show(transaction, ""),
        },
        _ => html(400, "What is to be done?"),
    }
}

fn show(transaction: &Payment, error: &str) -> Reply {
    let Payment { amount, currency, .. } = transaction;
    html(
        200,
        &format!(
            "<p>{error}</p><p>Pay {currency} {amount}</p><form method=\"post\"><button name=\"action\" value=\"pay\">Pay</button></form>"
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>Paystack Checkout</title>{body}") }
}

fn redirect(to: &str) -> Reply {
    Reply { status: 303, headers: vec![("location", to.to_owned())], body: String::new() }
}
