//! What a browser may do with a page: the Content-Security-Policy, and the headers around it.
//!
//! A page may show its own inline style, and the auto-posted form may run its own one-line script, each
//! allowed by its hash. Everything else is refused, so that text which slipped through escaping would still
//! be only text.
//!
//! `form-action` needs thought. Chromium checks it for the form's target and for **every redirect that
//! follows**, so a chooser that posts to the hub with `form-action 'self'` never arrives at the processor.
//! And a processor's page may itself redirect to a bank that nobody can list. [`FormTargets`] makes the
//! caller say which it is.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::{STYLE, SUBMIT_SCRIPT};

static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| hash_source(STYLE));
static SUBMIT_SCRIPT_SOURCE: LazyLock<String> = LazyLock::new(|| hash_source(SUBMIT_SCRIPT));

/// Where the journey that a form starts may lead, redirects included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormTargets<'a> {
    /// To the form's own target and these origins, such as `https://checkout.example` or
    /// `https://*.example`. Right only if no processor redirects any further. What is not an origin allows
    /// nothing.
    Listed(&'a [String]),
    /// Anywhere: for processors that pass the shopper on to banks and wallets.
    Anywhere,
}

/// What a page's policy depends on.
pub(super) struct PolicyNeeds<'a> {
    /// Where a form leads; `None` = the page has no form.
    pub(super) form: Option<(FormTarget<'a>, FormTargets<'a>)>,
    /// Whether the form is sent by script.
    pub(super) submits_itself: bool,
    /// Whether the page shows an image that is part of it.
    pub(super) shows_image: bool,
}

/// The target of the form itself.
pub(super) enum FormTarget<'a> {
    /// The hub.
    Hub,
    /// A processor.
    Elsewhere(&'a Url),
}

/// The policy of a page that has neither form, script nor image.
pub(super) const PLAIN: PolicyNeeds<'static> =
    PolicyNeeds { form: None, submits_itself: false, shows_image: false };

/// The Content-Security-Policy for a page with these needs.
pub(super) fn content_policy(needs: &PolicyNeeds<'_>) -> String {
    let mut directives = vec!["default-src 'none'".to_owned(), format!("style-src {}", *STYLE_SOURCE)];
    if needs.submits_itself {
        directives.push(format!("script-src {}", *SUBMIT_SCRIPT_SOURCE));
    }
    if needs.shows_image {
        directives.push("img-src data:".to_owned());
    }
    match &needs.form {
        None => directives.push("form-action 'none'".to_owned()),
        Some((target, FormTargets::Listed(origins))) => directives.push(form_action(target, origins)),
        // Leaving the directive out is the only way to allow any redirect in every browser.
        Some((_, FormTargets::Anywhere)) => {}
    }
    directives.push("frame-ancestors 'none'".to_owned());
    directives.push("base-uri 'none'".to_owned());
    directives.join("; ")
}

/// The headers of everything that the shopper's browser gets from the hub. Without a policy of its own, as
/// for a redirect, an answer may do nothing at all.
pub fn security_headers(content_policy: Option<&str>) -> Vec<(&'static str, String)> {
    const NOTHING: &str = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";
    vec![
        ("cache-control", "no-store".to_owned()),
        ("content-security-policy", content_policy.unwrap_or(NOTHING).to_owned()),
        ("referrer-policy", "no-referrer".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-frame-options", "DENY".to_owned()),
    ]
}

fn form_action(target: &FormTarget<'_>, origins: &[String]) -> String {
    let mut directive = "form-action".to_owned();
    let own = match target {
        FormTarget::Hub => "'self'".to_owned(),
        FormTarget::Elsewhere(url) => origin_of(url),
    };
    let listed = origins.iter().filter_map(|origin| origin_source(origin));
    for source in std::iter::once(own).chain(listed) {
        directive.push(' ');
        directive.push_str(&source);
    }
    directive
}

/// The source that stands for a URL's origin.
fn origin_of(url: &Url) -> String {
    match url.host() {
        // The grammar of policies has no IPv6 addresses; the scheme alone is the narrowest that works.
        Some(Host::Ipv6(_)) => format!("{}:", url.scheme()),
        Some(Host::Domain(_) | Host::Ipv4(_)) | None => url.origin().ascii_serialization(),
    }
}

/// Reads a listed origin. A text that could end the directive and begin another is not an origin.
fn origin_source(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (wildcard, host) = match rest.strip_prefix("*.") {
        Some(host) => ("*.", host),
        None => ("", rest),
    };
    let url = Url::parse(&format!("{scheme}://{host}")).ok()?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_origin {
        return None;
    }
    let origin = origin_of(&url);
    // URLs allow `;`, `,`, `'` and `*` in host names; a policy gives each of them a meaning.
    if !origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte)) {
        return None;
    }
    match origin.split_once("://") {
        Some((scheme, host)) => Some(format!("{scheme}://{wildcard}{host}")),
        None => Some(origin),
    }
}

fn hash_source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(target: FormTarget<'_>, targets: FormTargets<'_>) -> String {
        content_policy(&PolicyNeeds { form: Some((target, targets)), ..PLAIN })
    }

    #[test]
    fn hashes_are_written_as_policies_want_them() {
        // The example of the Content Security Policy specification, level 3.
        assert_eq!(
            hash_source("alert('Hello, world.');"),
            "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
        );
    }

    #[test]
    fn a_page_without_forms_sends_nothing() {
        let expected = format!(
            "default-src 'none'; style-src {}; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
            hash_source(STYLE)
        );
        assert_eq!(content_policy(&PLAIN), expected);
    }

    #[test]
    fn listed_origins_are_allowed_beside_the_target() {
        let rows = [
            ("https://checkout.example", "form-action 'self' https://checkout.example;"),
            ("https://CHECKOUT.example/", "form-action 'self' https://checkout.example;"),
            ("https://*.example.com", "form-action 'self' https://*.example.com;"),
            ("http://127.0.0.1:9001", "form-action 'self' http://127.0.0.1:9001;"),
            ("http://[::1]:9001", "form-action 'self' http:;"),
            ("https://checkout.example/path", "form-action 'self';"),
            ("https://user@checkout.example", "form-action 'self';"),
            ("https://a.example; script-src *", "form-action 'self';"),
            ("https://a.example,https://b.example", "form-action 'self';"),
            ("https://a.example;x", "form-action 'self';"),
            ("https://*", "form-action 'self';"),
            ("*", "form-action 'self';"),
            ("javascript://x", "form-action 'self';"),
            ("", "form-action 'self';"),
        ];
        for (origin, expected) in rows {
            let policy = policy(FormTarget::Hub, FormTargets::Listed(&[origin.to_owned()]));
            assert!(policy.contains(expected), "{origin:?}: {policy}");
        }
    }

    #[test]
    fn a_form_for_a_processor_leads_to_its_origin_only() {
        let rows = [
            ("https://secure.example/start?x=1", "form-action https://secure.example;"),
            ("https://secure.example:8443/", "form-action https://secure.example:8443;"),
            ("https://[2001:db8::1]/", "form-action https:;"),
        ];
        for (url, expected) in rows {
            let url = Url::parse(url).unwrap();
            let policy = policy(FormTarget::Elsewhere(&url), FormTargets::Listed(&[]));
            assert!(policy.contains(expected), "{policy}");
        }
    }

    #[test]
    fn anywhere_leaves_the_limit_out() {
        assert!(!policy(FormTarget::Hub, FormTargets::Anywhere).contains("form-action"));
    }

    #[test]
    fn a_redirect_may_do_nothing() {
        let headers = security_headers(None);
        let value = |name| headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str());
        assert_eq!(value("cache-control"), Some("no-store"));
        assert_eq!(value("referrer-policy"), Some("no-referrer"));
        assert_eq!(value("x-content-type-options"), Some("nosniff"));
        assert_eq!(value("x-frame-options"), Some("DENY"));
        assert!(value("content-security-policy").is_some_and(|policy| !policy.contains("style-src")));
        assert_eq!(headers.len(), 5);
    }
}
