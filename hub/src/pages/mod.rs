//! The few pages that the shopper sees from the hub itself, between the shop and the processor.
//!
//! Pure functions from a view to a [`Page`]: text, status and headers. They need no script (the one script
//! only saves a click), load nothing from anywhere, and are readable in light and dark. Whatever stands in a
//! view was written by a cart or a processor and is treated as hostile.
//!
//! Invariant: no text of a view becomes markup, and no link or form leads anywhere but to an http or https
//! URL or a path on this host.

pub mod code;
pub mod docs;
pub mod href;
pub mod policy;

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use processor_sdk::Money;

use policy::{FormTarget, FormTargets, PLAIN, PolicyNeeds, content_policy, security_headers};

/// The inline style of every page. Its hash is in the policy, so it must reach the page byte for byte.
const STYLE: &str = include_str!("../../templates/pages/style.css");

/// Sends the page's form. Called through the prototype, because a hidden field named `submit`, as some
/// processors want one, hides the form's own method of that name.
const SUBMIT_SCRIPT: &str = "HTMLFormElement.prototype.submit.call(document.forms[0])";

/// The shortest time after which a waiting page asks again, in seconds.
const REFRESH_S_MIN: u32 = 1;

const OK: u16 = 200;

/// One page, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// HTTP status.
    pub status: u16,
    /// The document.
    pub html: String,
    /// Its Content-Security-Policy.
    pub content_policy: String,
}

impl Page {
    /// Every header it must be sent with, `content-type` included.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = security_headers(Some(&self.content_policy));
        headers.push(("content-type", "text/html; charset=utf-8".to_owned()));
        headers
    }
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The form would lead somewhere a browser must not be sent.
    #[error("a form must lead to an http or https URL, or to a path on this host")]
    FormTarget,
    /// The template could not be written out.
    #[error("the page could not be rendered")]
    Render(#[from] askama::Error),
}

/// The shopper chooses among several connectors.
pub struct ChooserView<'a> {
    /// What is to be paid.
    pub amount: Money,
    /// What for, in the cart's words.
    pub description: Option<&'a str>,
    /// What can be chosen; the choice is posted as `connector`.
    pub choices: Vec<Choice<'a>>,
    /// Where the choice is posted to: a path on this host.
    pub action: &'a str,
    /// Back to the shop.
    pub cancel_href: Option<&'a str>,
    /// Where the choice may lead: the hub answers the post with a redirect to the processor.
    pub form_targets: FormTargets<'a>,
}

/// One way to pay.
pub struct Choice<'a> {
    /// The connector's name in the configuration.
    pub connector: &'a str,
    /// What the shopper reads.
    pub title: &'a str,
}

/// A form that the shopper's browser takes to a processor.
pub struct FormPostView<'a> {
    /// Where to: an absolute http or https URL.
    pub url: &'a str,
    /// Hidden fields in order.
    pub fields: &'a [(String, String)],
    /// Where the form may lead from there; `Listed(&[])` allows the URL's own origin only.
    pub form_targets: FormTargets<'a>,
}

/// What the shopper must do elsewhere, such as a bank transfer.
pub struct InstructionsView<'a> {
    /// What is to be paid.
    pub amount: Money,
    /// Label and value, in order.
    pub instructions: &'a [(String, String)],
    /// What stands in a code to scan.
    pub scannable: Option<&'a str>,
    /// Back to the shop.
    pub return_href: Option<&'a str>,
}

/// The hub is still finding out.
pub struct WaitingView<'a> {
    /// After how many seconds the page asks again.
    pub refresh_s: u32,
    /// What is being waited for.
    pub text: &'a str,
}

/// The end of a road: closed, expired, paid already, not found.
pub struct MessageView<'a> {
    /// Heading.
    pub title: &'a str,
    /// What it means for the shopper.
    pub text: &'a str,
    /// Where to go from here.
    pub href: Option<&'a str>,
    /// What the link says.
    pub link_text: &'a str,
    /// HTTP status of the answer.
    pub status: u16,
}

#[derive(Template)]
#[template(path = "pages/chooser.html")]
struct ChooserTemplate<'a> {
    amount: String,
    description: Option<&'a str>,
    choices: &'a [Choice<'a>],
    action: String,
    cancel_href: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/form_post.html")]
struct FormPostTemplate<'a> {
    url: &'a str,
    fields: &'a [(String, String)],
}

#[derive(Template)]
#[template(path = "pages/instructions.html")]
struct InstructionsTemplate<'a> {
    amount: String,
    instructions: Vec<(&'a str, Vec<&'a str>)>,
    qr_image: Option<String>,
    return_href: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/waiting.html")]
struct WaitingTemplate<'a> {
    refresh_s: u32,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "pages/message.html")]
struct MessageTemplate<'a> {
    title: &'a str,
    text: &'a str,
    href: Option<String>,
    link_text: &'a str,
}

/// The page on which the shopper chooses how to pay.
///
/// # Errors
/// [`PageError`].
pub fn chooser(view: &ChooserView<'_>) -> Result<Page, PageError> {
    if !view.action.starts_with('/') {
        return Err(PageError::FormTarget);
    }
    let template = ChooserTemplate {
        amount: view.amount.to_string(),
        description: view.description,
        choices: &view.choices,
        action: href::link_target(view.action).ok_or(PageError::FormTarget)?,
        cancel_href: view.cancel_href.and_then(href::link_target),
    };
    page(OK, &template, &PolicyNeeds { form: Some((FormTarget::Hub, view.form_targets)), ..PLAIN })
}

/// The page that takes a form to the processor: by itself, or by its button where scripts do not run.
///
/// # Errors
/// [`PageError`].
pub fn form_post(view: &FormPostView<'_>) -> Result<Page, PageError> {
    let url = href::web_url(view.url).ok_or(PageError::FormTarget)?;
    let template = FormPostTemplate { url: url.as_str(), fields: view.fields };
    let form = Some((FormTarget::Elsewhere(&url), view.form_targets));
    page(OK, &template, &PolicyNeeds { form, submits_itself: true, ..PLAIN })
}

/// The page that says how to pay elsewhere.
///
/// # Errors
/// [`PageError::Render`].
pub fn instructions(view: &InstructionsView<'_>) -> Result<Page, PageError> {
    // As an image, in which a browser runs no script.
    let image = |svg: String| format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg));
    let qr_image = view.scannable.and_then(code::svg).map(image);
    let needs = PolicyNeeds { shows_image: qr_image.is_some(), ..PLAIN };
    let template = InstructionsTemplate {
        amount: view.amount.to_string(),
        instructions: view
            .instructions
            .iter()
            .map(|(label, value)| (label.as_str(), groups(value)))
            .collect(),
        qr_image,
        return_href: view.return_href.and_then(href::link_target),
    };
    page(OK, &template, &needs)
}

/// The shortest value that is shown in groups, in characters, and how long a group is: as IBANs are printed.
const GROUPED_CHARS_MIN: usize = 12;
const GROUP_CHARS: usize = 4;

/// The parts of a value that stand a little apart. A long number of capitals and digits is typed wrong without
/// them; what is copied has no spaces either way.
fn groups(value: &str) -> Vec<&str> {
    let is_number = value.len() >= GROUPED_CHARS_MIN
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_number {
        return vec![value];
    }
    let starts = (0..value.len()).step_by(GROUP_CHARS);
    starts.filter_map(|start| value.get(start..value.len().min(start + GROUP_CHARS))).collect()
}

/// The page that waits for truth. It asks again with GET, also when it answered a POST.
///
/// # Errors
/// [`PageError::Render`].
pub fn waiting(view: &WaitingView<'_>) -> Result<Page, PageError> {
    let refresh_s = view.refresh_s.max(REFRESH_S_MIN);
    page(OK, &WaitingTemplate { refresh_s, text: view.text }, &PLAIN)
}

/// A page with one message and at most one link.
///
/// # Errors
/// [`PageError::Render`].
pub fn message(view: &MessageView<'_>) -> Result<Page, PageError> {
    let template = MessageTemplate {
        title: view.title,
        text: view.text,
        href: view.href.and_then(href::link_target),
        link_text: view.link_text,
    };
    page(view.status, &template, &PLAIN)
}

fn page(status: u16, template: &impl Template, needs: &PolicyNeeds<'_>) -> Result<Page, PageError> {
    Ok(Page { status, html: template.render()?, content_policy: content_policy(needs) })
}

#[cfg(test)]
mod tests {
    use processor_sdk::Currency;
    use sha2::{Digest, Sha256};

    use super::*;

    const HOSTILE: [&str; 5] = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' autofocus onfocus='alert(1)",
        "</title></style></main><script>alert(1)</script>",
        "{{ 7 * 7 }}{% raw %}&lt;",
    ];

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, Currency::parse(currency).unwrap()).unwrap()
    }

    fn chooser_with(text: &str, href: &str) -> Page {
        let view = ChooserView {
            amount: money(1999, "EUR"),
            description: Some(text),
            choices: vec![Choice { connector: text, title: text }, Choice { connector: "b", title: "Bank" }],
            action: "/pay/token",
            cancel_href: Some(href),
            form_targets: FormTargets::Anywhere,
        };
        chooser(&view).unwrap()
    }

    fn form_post_with(name: &str, value: &str) -> Page {
        let fields = [(name.to_owned(), value.to_owned())];
        let form_targets = FormTargets::Listed(&[]);
        form_post(&FormPostView { url: "https://secure.example/start", fields: &fields, form_targets })
            .unwrap()
    }

    fn instructions_with(text: &str, href: &str) -> Page {
        let view = InstructionsView {
            amount: money(1999, "EUR"),
            instructions: &[(text.to_owned(), text.to_owned())],
            scannable: Some(text),
            return_href: Some(href),
        };
        instructions(&view).unwrap()
    }

    fn message_with(text: &str, href: &str) -> Page {
        let href = Some(href);
        message(&MessageView { title: text, text, href, link_text: text, status: 404 }).unwrap()
    }

    /// Tags of a document, opening and closing, in order; what escaping failed to contain shows up here.
    fn tags(html: &str) -> Vec<&str> {
        let name_end = |tag: &str| tag.find(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '!');
        html.split('<').skip(1).map(|tag| &tag[..name_end(tag).unwrap_or(tag.len())]).collect()
    }

    #[test]
    fn no_text_becomes_markup() {
        type PageOf = fn(&str) -> Page;
        let pages: [(&str, PageOf); 5] = [
            ("chooser", |text| chooser_with(text, "/shop")),
            ("form_post", |text| form_post_with(text, text)),
            ("instructions", |text| instructions_with(text, "/shop")),
            ("waiting", |text| waiting(&WaitingView { refresh_s: 2, text }).unwrap()),
            ("message", |text| message_with(text, "/shop")),
        ];
        for (name, page) in pages {
            let harmless = page("harmless");
            assert!(harmless.html.contains("harmless"), "{name} shows its text");
            for text in HOSTILE {
                let hostile = page(text);
                assert_eq!(tags(&hostile.html), tags(&harmless.html), "{name}: {text}");
                assert!(!hostile.html.contains(text), "{name}: {text}");
                assert_eq!(hostile.content_policy, harmless.content_policy, "{name}: {text}");
            }
        }
    }

    #[test]
    fn links_that_could_run_something_are_left_out() {
        let pages: [fn(&str) -> Page; 3] = [
            |href| chooser_with("x", href),
            |href| instructions_with("x", href),
            |href| message_with("x", href),
        ];
        for page in pages {
            let good = page("https://shop.example/thanks?a=1&b=2").html;
            assert!(good.contains("href=\"https://shop.example/thanks?a=1&#38;b=2\""), "{good}");
            for href in ["javascript:alert(1)", "//evil.example", "data:text/html,x"] {
                let html = page(href).html;
                assert!(!html.contains("href=") && !html.contains("evil"), "{html}");
            }
        }
    }

    #[test]
    fn forms_that_lead_nowhere_good_are_no_pages() {
        for url in ["javascript:alert(1)", "/local", "ftp://x.example/", "https:", ""] {
            let view = FormPostView { url, fields: &[], form_targets: FormTargets::Anywhere };
            assert!(matches!(form_post(&view), Err(PageError::FormTarget)), "{url}");
        }
        for action in ["javascript:alert(1)", "//evil.example", "https://evil.example/", ""] {
            let view = ChooserView {
                amount: money(1, "EUR"),
                description: None,
                choices: vec![],
                action,
                cancel_href: None,
                form_targets: FormTargets::Anywhere,
            };
            assert!(matches!(chooser(&view), Err(PageError::FormTarget)), "{action}");
        }
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        for (minor, currency, shown) in [
            (1999, "EUR", "19.99 EUR"),
            (500, "JPY", "500 JPY"),
            (1500, "BHD", "1.500 BHD"),
            (5, "USD", "0.05 USD"),
        ] {
            let view = InstructionsView {
                amount: money(minor, currency),
                instructions: &[],
                scannable: None,
                return_href: None,
            };
            let html = instructions(&view).unwrap().html;
            assert!(html.contains(&format!(">{shown}<")), "{html}");
        }
    }

    #[test]
    fn every_choice_is_a_button_of_one_form() {
        let html = chooser_with("card", "/shop").html;
        assert_eq!(html.matches("<form method=\"post\" action=\"/pay/token\"").count(), 1);
        assert!(html.contains("<button type=\"submit\" name=\"connector\" value=\"card\">card</button>"));
        assert!(html.contains("<button type=\"submit\" name=\"connector\" value=\"b\">Bank</button>"));
    }

    #[test]
    fn the_inline_style_and_script_have_the_hashes_of_the_policy() {
        let inline = |html: &str, tag: &str| {
            let (_, rest) = html.split_once(&format!("<{tag}>"))?;
            let (text, _) = rest.split_once(&format!("</{tag}>"))?;
            Some(format!("{tag}-src 'sha256-{}'", STANDARD.encode(Sha256::digest(text))))
        };
        let page = form_post_with("a", "b");
        for tag in ["style", "script"] {
            let source = inline(&page.html, tag).unwrap();
            assert!(page.content_policy.contains(&source), "{source} in {}", page.content_policy);
        }
        for page in [chooser_with("x", "/"), instructions_with("x", "/"), message_with("x", "/")] {
            assert!(page.content_policy.contains(&inline(&page.html, "style").unwrap()));
            assert!(!page.html.contains("<script") && !page.content_policy.contains("script-src"));
        }
    }

    #[test]
    fn only_a_page_with_a_code_may_show_an_image() {
        assert!(instructions_with("x", "/").content_policy.contains("img-src data:"));
        assert!(!message_with("x", "/").content_policy.contains("img-src"));
        let view = InstructionsView {
            amount: money(1, "EUR"),
            instructions: &[],
            scannable: None,
            return_href: None,
        };
        assert!(!instructions(&view).unwrap().content_policy.contains("img-src"));
    }

    #[test]
    fn long_numbers_are_shown_in_groups_and_copied_without_spaces() {
        for (value, shown) in [
            (
                "DE02120300000000202051",
                "<span>DE02</span><wbr><span>1203</span><wbr><span>0000</span><wbr><span>0000</span><wbr><span>2020</span>\
                 <wbr><span>51</span>",
            ),
            (
                "RF18539007547034",
                "<span>RF18</span><wbr><span>5390</span><wbr><span>0754</span><wbr><span>7034</span>",
            ),
            ("BHBLDEHHXXX", "BHBLDEHHXXX"),
            ("BHBLDEHHXXXX", "BHBLDEHHXXXX"),
            ("19.99", "19.99"),
            ("Ann 1234567890", "Ann 1234567890"),
            ("", ""),
        ] {
            let view = InstructionsView {
                amount: money(1999, "EUR"),
                instructions: &[("Label".to_owned(), value.to_owned())],
                scannable: None,
                return_href: None,
            };
            let html = instructions(&view).unwrap().html;
            assert!(html.contains(&format!("<dt>Label</dt>\n<dd>{shown}</dd>")), "{html}");
            let text: String =
                shown.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
            assert_eq!(text, value, "nothing but the value is there to copy");
        }
    }

    #[test]
    fn a_waiting_page_never_asks_without_pause() {
        for (refresh_s, shown) in [(0, "1"), (3, "3")] {
            let html = waiting(&WaitingView { refresh_s, text: "x" }).unwrap().html;
            assert!(html.contains(&format!("<meta http-equiv=\"refresh\" content=\"{shown}\">")), "{html}");
        }
    }

    #[test]
    fn pages_load_nothing_and_say_their_language() {
        for page in [chooser_with("x", "/"), form_post_with("a", "b"), message_with("x", "/")] {
            assert!(page.html.starts_with("<!doctype html>\n<html lang=\"en\">"));
            assert!(page.html.contains("<meta name=\"viewport\""));
            for loading in ["<link", " src=", "@import", "url("] {
                assert!(!page.html.contains(loading), "{loading}");
            }
        }
    }

    #[test]
    fn a_page_carries_its_status_and_headers() {
        let page = message_with("x", "/");
        assert_eq!(page.status, 404);
        let headers = page.headers();
        assert!(headers.contains(&("content-security-policy", page.content_policy.clone())));
        assert!(headers.contains(&("content-type", "text/html; charset=utf-8".to_owned())));
    }
}
