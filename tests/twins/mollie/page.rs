//! The page where the shopper chooses a method and pays, and the way back from it.
//!
//! Source: docs.mollie.com: the shopper comes back to `redirectUrl` whatever happened, and nothing is appended to it;
//! whoever cancels on the page goes to `cancelUrl` if there is one, and the payment is `canceled`; a card that is
//! declined leaves the shopper on the page, and the payment `open`.

use super::Mollie;
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

/// Shows the page, or does what the shopper did on it.
pub(super) fn answer(mollie: &mut Mollie, desk: &mut Desk, request: &Request, token: &str) -> Reply {
    mollie.books.expire_what_is_due(desk);
    let id = format!("tr_{token}");
    let Some(payment) = mollie.books.payments.iter().find(|known| known.id == id) else {
        return html(404, "There is no such page.");
    };
    if payment.status != "open" {
        return html(410, "This payment can no longer be paid.");
    }
    match request.method.as_str() {
        "GET" => show(&payment.id, ""),
        "POST" => act(mollie, desk, request, &id),
        _ => html(405, "Only GET and POST."),
    }
}

fn act(mollie: &mut Mollie, desk: &mut Desk, request: &Request, id: &str) -> Reply {
    let mut fields = form_urlencoded::parse(&request.body);
    let action = fields.find(|(name, _)| name == "action").map(|(_, value)| value.into_owned());
    let payment = mollie.books.payment(id).clone();
    let home = payment.text("redirectUrl").expect("a URL to come back to").to_owned();
    match action.as_deref() {
        Some("pay") => mollie.books.pay(desk, id),
        Some("pay_later") => mollie.books.pend(desk, id),
        Some("fail") => mollie.books.fail(desk, id, "insufficient_funds"),
        Some("decline") => return show(id, "Your card was declined. Please try again."),
        Some("cancel") => {
            mollie.books.cancel(desk, id);
            return redirect(payment.text("cancelUrl").unwrap_or(&home));
        }
        _ => return html(400, "What is to be done?"),
    }
    redirect(&home)
}

fn show(id: &str, error: &str) -> Reply {
    html(
        200,
        &format!(
            "<p>{error}</p><p>{id}</p><form method=\"post\"><button name=\"action\" value=\"pay\">Pay</button></form>"
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>Mollie Checkout</title>{body}") }
}

fn redirect(to: &str) -> Reply {
    Reply { status: 303, headers: vec![("location", to.to_owned())], body: String::new() }
}
