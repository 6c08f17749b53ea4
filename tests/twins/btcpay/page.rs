//! The page where the shopper pays, and the way back from it.
//!
//! Source: docs.btcpayserver.org ("Checkout"): the page shows what is due and an address, goes back to the shop by
//! itself only if the invoice says so, has no link to cancel, and stays when the price has expired. Both placeholders
//! of `redirectURL` are filled in.

use super::BtcPay;
use super::amounts;
use super::books::{Invoice, LIGHTNING, ON_CHAIN};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

/// Shows the page, or does what the shopper did on it.
pub(super) fn answer(btcpay: &mut BtcPay, desk: &mut Desk, request: &Request, id: &str) -> Reply {
    btcpay.books.tick(desk);
    let Some(invoice) = btcpay.books.invoice(id) else { return html(404, "There is no such invoice.") };
    match (request.method.as_str(), invoice.status) {
        ("GET", _) => show(invoice),
        ("POST", "New") => act(btcpay, desk, request, id),
        ("POST", _) => html(410, "Nothing is due any more."),
        _ => html(405, "Only GET and POST."),
    }
}

fn act(btcpay: &mut BtcPay, desk: &mut Desk, request: &Request, id: &str) -> Reply {
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&request.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let invoice = btcpay.books.invoice(id).expect("an invoice that was just there");
    // What the shopper's wallet sends, if it is not what the page says.
    let minor = field("amount").and_then(|text| invoice.currency.read(&text));
    let satoshis = minor.map(|minor| invoice.currency.satoshis(minor));
    let method = match field("action").as_deref() {
        Some("pay") => LIGHTNING,
        Some("pay_later") => ON_CHAIN,
        _ => return html(400, "What is to be done?"),
    };
    btcpay.books.receive(desk, id, method, satoshis);
    let invoice = btcpay.books.invoice(id).expect("an invoice that was just there");
    let is_done = matches!(invoice.status, "Processing" | "Settled");
    match way_back(invoice) {
        Some(url) if is_done && invoice.checkout["redirectAutomatically"] == true => redirect(&url),
        Some(_) | None => show(invoice),
    }
}

/// Where the page leads back to.
fn way_back(invoice: &Invoice) -> Option<String> {
    let url = invoice.checkout["redirectURL"].as_str()?;
    let order = invoice.metadata["orderId"].as_str().unwrap_or_default();
    Some(url.replace("{InvoiceId}", &invoice.id).replace("{OrderId}", order))
}

fn show(invoice: &Invoice) -> Reply {
    let due = amounts::coins((invoice.due_satoshis - invoice.paid_satoshis()).max(0));
    let title = invoice.metadata["itemDesc"].as_str().map(escaped).unwrap_or_default();
    let back = way_back(invoice).map(|url| format!("<a href=\"{}\">Return to store</a>", escaped(&url)));
    let what = match invoice.status {
        "New" => format!("Pay {due} BTC"),
        "Expired" => "This invoice has expired.".to_owned(),
        status => status.to_owned(),
    };
    html(200, &format!("<h1>{title}</h1><p>{what}</p>{}", back.unwrap_or_default()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>BTCPay Server</title>{body}") }
}

fn redirect(to: &str) -> Reply {
    Reply { status: 303, headers: vec![("location", to.to_owned())], body: String::new() }
}
