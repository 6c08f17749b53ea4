//! The page where the shopper pays, and the way back from it.
//!
//! Source: docs.stripe.com/payments/checkout: `success_url` gets the session's id in place of
//! `{CHECKOUT_SESSION_ID}`; a declined card leaves the shopper on the page; the link back is `cancel_url`.

use super::Stripe;
use super::books::text;
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

const ID_HOLDER: &str = "{CHECKOUT_SESSION_ID}";

/// Shows the page, or does what the shopper did on it.
pub(super) fn answer(stripe: &mut Stripe, desk: &mut Desk, request: &Request, session: &str) -> Reply {
    stripe.books.expire_what_is_due(desk);
    let Some(page) =
        stripe.books.objects.get(session).filter(|object| object["object"] == "checkout.session")
    else {
        return html(404, "There is no such page.");
    };
    let page = page.clone();
    if page["status"] != "open" {
        return html(410, "You're all done here.");
    }
    match request.method.as_str() {
        "GET" => show(&page, ""),
        "POST" => act(stripe, desk, request, session),
        _ => html(405, "Only GET and POST."),
    }
}

fn act(stripe: &mut Stripe, desk: &mut Desk, request: &Request, session: &str) -> Reply {
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&request.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    match field("action").as_deref() {
        Some("pay") => stripe.books.pay(desk, session),
        Some("pay_later") => stripe.books.pay_later(desk, session),
        Some("decline") => {
            let code = field("decline_code").unwrap_or_else(|| "generic_decline".to_owned());
            stripe.books.decline(desk, session, &code);
            return show(stripe.books.get(session), "Your card was declined.");
        }
        // The link back: the page stays open.
        Some("cancel") => return redirect(text(stripe.books.get(session), "cancel_url")),
        _ => return html(400, "What is to be done?"),
    }
    redirect(&text(stripe.books.get(session), "success_url").replace(ID_HOLDER, session))
}

fn show(page: &serde_json::Value, error: &str) -> Reply {
    html(
        200,
        &format!(
            "<p>{error}</p><p>Pay {} {}</p><form method=\"post\"><button name=\"action\" value=\"pay\">Pay</button></form>",
            page["amount_total"],
            text(page, "currency")
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>Checkout</title>{body}") }
}

fn redirect(to: &str) -> Reply {
    Reply { status: 303, headers: vec![("location", to.to_owned())], body: String::new() }
}
