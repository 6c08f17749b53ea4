//! The page where the shopper pays: a form posts a token to it, and nothing else.
//!
//! Source: developer.authorize.net, "Accept Hosted": the token opens the page for 15 minutes, and only by POST. The way
//! back and the way out are the addresses that were sent; nothing is appended to either.
//!
//! Behind the token's door the open page has an address of its own here, which Authorize.Net's has not: the test's
//! browser has no scripts that would keep it in one place.

use super::AuthorizeNet;
use super::books::Page;
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

/// Where the token goes.
pub(super) const DOOR: &str = "/payment/payment";
/// Where open pages are.
pub(super) const OPEN: &str = "/payment/open/";
/// The card of a shopper who names no other, by its last four digits.
const CARD: &str = "1111";
/// Why a card is declined unless the shopper's form says: the bank's own no.
const DECLINED: i64 = 2;

/// Opens a page, shows it, or does what the shopper did on it.
pub(super) fn answer(net: &mut AuthorizeNet, desk: &mut Desk, request: &Request) -> Reply {
    let Some(id) = request.path.strip_prefix(OPEN) else { return open(net, desk, request) };
    let Some(page) = net.books.page(id).cloned() else { return html(404, "There is no such page.") };
    if !net.books.is_payable(&page, desk.now_s()) {
        return html(410, "This page has expired.");
    }
    match request.method.as_str() {
        "GET" => show(&page, ""),
        "POST" => act(net, desk, request, &page),
        _ => html(405, "Only GET and POST."),
    }
}

fn open(net: &AuthorizeNet, desk: &mut Desk, request: &Request) -> Reply {
    let is_form = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let fields: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
    let token = match fields.as_slice() {
        [(name, token)] if name == "token" && request.method == "POST" && is_form => token,
        _ => {
            let names: Vec<&String> = fields.iter().map(|(name, _)| name).collect();
            desk.violation(format!("{} {DOOR}: not a form with the token alone: {names:?}", request.method));
            return html(400, "Missing or invalid token.");
        }
    };
    if !request.query.is_empty() {
        desk.violation(format!("{DOOR}: a query"));
    }
    match net.books.page_by_token(token, desk.now_s()) {
        Some(page) => {
            let location = format!("{}{OPEN}{}", request.base_url, page.id);
            Reply { status: 303, headers: vec![("location", location)], body: String::new() }
        }
        None => html(200, "Missing or invalid token."),
    }
}

fn act(net: &mut AuthorizeNet, desk: &mut Desk, request: &Request, page: &Page) -> Reply {
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&request.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let card = field("card").unwrap_or_else(|| CARD.to_owned());
    match field("action").as_deref() {
        Some("pay") => match net.books.pay(desk, &page.id, &card) {
            Ok(()) => home(page),
            Err(reason) => show(page, super::objects::reason(reason)),
        },
        Some("pay_and_be_held") => {
            net.books.hold(desk, &page.id, &card);
            home(page)
        }
        Some("decline") => {
            let reason = field("reason").and_then(|reason| reason.parse().ok()).unwrap_or(DECLINED);
            net.books.decline(desk, &page.id, &card, reason);
            show(page, super::objects::reason(reason))
        }
        Some("cancel") => page.way("cancelUrl").map_or_else(|| show(page, ""), leave),
        _ => html(400, "What is to be done?"),
    }
}

/// With a receipt the shopper stays, and may follow its link.
fn home(page: &Page) -> Reply {
    let shows_receipt = page.settings["hostedPaymentReturnOptions"]["showReceipt"] != false;
    match page.way("url") {
        Some(url) if !shows_receipt => leave(url),
        Some(url) => html(200, &format!("<p>Thank you.</p><a href=\"{url}\">Continue</a>")),
        None => html(200, "<p>Thank you.</p>"),
    }
}

fn leave(to: &str) -> Reply {
    Reply { status: 303, headers: vec![("location", to.to_owned())], body: String::new() }
}

fn show(page: &Page, error: &str) -> Reply {
    let amount = page.amount();
    html(
        200,
        &format!(
            "<p>{error}</p><p>Pay {amount}</p>\
             <form method=\"post\"><button name=\"action\" value=\"pay\">Pay</button></form>"
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>Payment</title>{body}") }
}
