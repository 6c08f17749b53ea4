//! The page where the shopper agrees to pay, and the way back from it.
//!
//! Source: developer.paypal.com, "Orders" (`experience_context`): `return_url` gets `token` and `PayerID` once the
//! shopper agreed; `cancel_url` gets `token`. A way to pay that is refused there leaves the shopper on the page; one
//! that is refused later, when the merchant takes the money, brings them here again.

use super::PayPal;
use super::books::Order;
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

/// Issues that a way to pay may lead to.
const ISSUES: [&str; 3] = ["INSTRUMENT_DECLINED", "TRANSACTION_REFUSED", "PAYER_CANNOT_PAY"];

/// Shows the page, or does what the shopper did on it.
pub(super) fn answer(paypal: &mut PayPal, desk: &mut Desk, request: &Request) -> Reply {
    paypal.books.expire_what_is_due(desk);
    let token = form_urlencoded::parse(request.query.as_bytes()).find(|(name, _)| name == "token");
    let token = token.map(|(_, token)| token.into_owned()).unwrap_or_default();
    let Some(order) = paypal.books.find(|order| order.id == token && !order.is_gone) else {
        return html(404, "Things don't appear to be working at the moment.");
    };
    let order = order.clone();
    if order.status == "COMPLETED" {
        return html(410, "You've already paid.");
    }
    match request.method.as_str() {
        "GET" => show(&order, ""),
        "POST" => act(paypal, desk, request, &order),
        _ => html(405, "Only GET and POST."),
    }
}

fn act(paypal: &mut PayPal, desk: &mut Desk, request: &Request, order: &Order) -> Reply {
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&request.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    match field("action").as_deref() {
        Some("pay") => {
            let wanted = field("refused_with");
            let refuses = wanted.map(|issue| {
                *ISSUES.iter().find(|known| **known == issue).expect("an issue that a way to pay may lead to")
            });
            paypal.books.approve(desk, &order.id, refuses);
            redirect(&order.return_url, &[("token", &order.id), ("PayerID", "QYR5Z8XDVJNXQ")])
        }
        Some("decline") => show(order, "Your bank said no. Choose another way to pay."),
        Some("cancel") => redirect(&order.cancel_url, &[("token", &order.id)]),
        _ => html(400, "What is to be done?"),
    }
}

fn show(order: &Order, error: &str) -> Reply {
    html(
        200,
        &format!(
            "<p>{error}</p><p>Pay {}</p><form method=\"post\"><button name=\"action\" value=\"pay\">Pay</button></form>",
            order.amount.json()
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>PayPal Checkout</title>{body}") }
}

fn redirect(to: &str, parameters: &[(&str, &str)]) -> Reply {
    let mut url = url::Url::parse(to).expect("a URL to come back to");
    url.query_pairs_mut().extend_pairs(parameters);
    Reply { status: 303, headers: vec![("location", url.into())], body: String::new() }
}
