//! The page where the shopper pays, and the way back from it.
//!
//! Source: developer.squareup.com, "Checkout API"; forum threads 20871 (in production Square appends `orderId` and
//! `transactionId`, both the order's, to `redirect_url`; in the sandbox nothing), 19087 and 21874 (a deleted link).
//! There is no link back for who gives up.

use super::Square;
use super::books::Link;
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

/// Shows the page, or does what the shopper did on it.
pub(super) fn answer(square: &mut Square, desk: &mut Desk, request: &Request, code: &str) -> Reply {
    let Some(link) = square.books.link_by_code(code).cloned() else {
        return html(404, "There is no such page.");
    };
    if !square.books.is_payable(&link) {
        return html(410, "This link cannot be paid any more.");
    }
    match request.method.as_str() {
        "GET" => show(square, &link, ""),
        "POST" => act(square, desk, request, &link),
        _ => html(405, "Only GET and POST."),
    }
}

fn act(square: &mut Square, desk: &mut Desk, request: &Request, link: &Link) -> Reply {
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&request.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    match field("action").as_deref() {
        Some("pay") => {
            square.books.pay(desk, &link.id);
            match link.wish["checkout_options"]["redirect_url"].as_str() {
                // Who pays at a link that was deleted is not sent back.
                Some(url) if !link.is_deleted => redirect(link, url),
                _ => html(200, "Paid."),
            }
        }
        Some("decline") => {
            let code = field("code").unwrap_or_else(|| "GENERIC_DECLINE".to_owned());
            square.books.decline(desk, &link.id, &code);
            show(square, link, &code)
        }
        _ => html(400, "What is to be done?"),
    }
}

fn redirect(link: &Link, to: &str) -> Reply {
    let mut url = url::Url::parse(to).expect("a URL to come back to");
    if link.livemode {
        for name in ["orderId", "transactionId"] {
            url.query_pairs_mut().append_pair(name, &link.order);
        }
    }
    Reply { status: 303, headers: vec![("location", url.to_string())], body: String::new() }
}

fn show(square: &Square, link: &Link, error: &str) -> Reply {
    let total = square.books.order(&link.order).total;
    html(
        200,
        &format!(
            "<p>{error}</p><p>Pay {total}</p>\
             <form method=\"post\"><button name=\"action\" value=\"pay\">Pay</button></form>"
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>Checkout</title>{body}") }
}
