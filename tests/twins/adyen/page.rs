//! The pages where the shopper pays, and the ways back from them.
//!
//! Source: docs.adyen.com, "Pay by Link" and "Hosted Checkout". A link's page stays where it is: once it is paid it
//! shows a *Continue* button that leads to `returnUrl`, and it has no button to cancel. A session's page sends the
//! shopper back by itself, with `sessionId` and `sessionResult` in the address.

use url::Url;

use super::Adyen;
use super::records::Page;
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request};

/// Shows a page, or does what the shopper did on it.
pub(super) fn answer(adyen: &mut Adyen, desk: &mut Desk, request: &Request, id: &str) -> Reply {
    let Some(page) = adyen.books.page(id, desk.now_s()) else {
        return html(404, "There is no such page.");
    };
    match (request.method.as_str(), page.status) {
        ("GET", "active") => show(&page, ""),
        ("GET" | "POST", "completed") if !page.is_session => paid(&page),
        ("POST", "active") => act(adyen, desk, request, &page),
        ("GET" | "POST", _) => html(410, "This page is closed."),
        _ => html(405, "Only GET and POST."),
    }
}

fn act(adyen: &mut Adyen, desk: &mut Desk, request: &Request, page: &Page) -> Reply {
    let field = |name: &str| {
        let mut fields = form_urlencoded::parse(&request.body);
        fields.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    match field("action").as_deref() {
        // Pays and, at a link, presses *Continue*.
        Some("pay") => {
            adyen.books.pay(desk, &page.id);
            home(adyen, page)
        }
        Some("pay_and_stay") if !page.is_session => {
            adyen.books.pay(desk, &page.id);
            paid(page)
        }
        Some("pay_later") => {
            adyen.books.pay_later(desk, &page.id);
            home(adyen, page)
        }
        Some("decline") => {
            let reason = field("reason").unwrap_or_else(|| "Refused".to_owned());
            adyen.books.decline(desk, &page.id, &reason);
            let is_over =
                adyen.books.page(&page.id, desk.now_s()).is_some_and(|page| page.status == "refused");
            if is_over { home(adyen, page) } else { show(page, &reason) }
        }
        Some("cancel") if page.is_session => {
            adyen.books.change(&page.id, desk.now_s(), "canceled");
            home(adyen, page)
        }
        _ => html(400, "There is no such button."),
    }
}

/// The way back.
fn home(adyen: &mut Adyen, page: &Page) -> Reply {
    let Some(url) = page.text("returnUrl") else { return paid(page) };
    let mut url = Url::parse(url).expect("a URL to come back to");
    if page.is_session {
        let result = adyen.books.result_of(&page.id);
        url.query_pairs_mut().append_pair("sessionId", &page.id).append_pair("sessionResult", &result);
    }
    Reply { status: 303, headers: vec![("location", url.into())], body: String::new() }
}

fn paid(page: &Page) -> Reply {
    let way =
        page.text("returnUrl").map(|url| format!("<a href=\"{}\">Continue</a>", url.replace('&', "&amp;")));
    html(200, &format!("<p>Thank you.</p>{}", way.unwrap_or_default()))
}

fn show(page: &Page, error: &str) -> Reply {
    html(
        200,
        &format!(
            "<p>{error}</p><p>Pay {} {}</p><form method=\"post\"><button name=\"action\" value=\"pay\">Pay</button></form>",
            page.currency(),
            page.amount()
        ),
    )
}

fn html(status: u16, body: &str) -> Reply {
    let headers = vec![("content-type", "text/html; charset=utf-8".to_owned())];
    Reply { status, headers, body: format!("<!doctype html><title>Checkout</title>{body}") }
}
