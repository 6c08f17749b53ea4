//! Which texts may become links.
//!
//! A link's target comes from a cart or from a processor. Escaping keeps it inside its attribute, but a
//! `javascript:` URL needs no quote to do harm when the shopper follows it.
//!
//! Invariant: what comes out is an http or https URL, or a path on this host, as a browser would read it.

use url::Url;

/// Never asked: it only stands in for this host, to see whether a path stays on it.
const THIS_HOST: &str = "http://this-host.invalid";

/// An absolute http or https URL, normalized.
pub(super) fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// What may stand in `href`: an http or https URL, or a path on this host. `None` for everything else.
pub fn link_target(text: &str) -> Option<String> {
    if !text.starts_with('/') {
        return web_url(text).map(String::from);
    }
    // Read as a browser reads it: `//host`, `/\host` and `/<tab>/host` lead away although they begin like
    // a path.
    let this_host = Url::parse(THIS_HOST).ok()?;
    let url = this_host.join(text).ok()?;
    let path = &url[url::Position::BeforePath..];
    // Where dots were resolved two slashes may have come to the front, as in `/..//host`.
    let stays = url.origin() == this_host.origin() && !path.starts_with("//");
    stays.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_web_pages_or_stay_here() {
        let rows = [
            ("https://shop.example/thanks?a=1&b=2#end", Some("https://shop.example/thanks?a=1&b=2#end")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080/")),
            ("HTTPS://SHOP.example/", Some("https://shop.example/")),
            ("https://shop.example/\"><b>", Some("https://shop.example/%22%3E%3Cb%3E")),
            ("/pay/abc?x=1", Some("/pay/abc?x=1")),
            ("/", Some("/")),
            ("//evil.example/", None),
            ("/\\evil.example/", None),
            ("/\t/evil.example/", None),
            ("/..//evil.example/", None),
            ("/./\\evil.example/", None),
            ("/a/..//evil.example/", None),
            ("javascript:alert(1)", None),
            ("JaVaScRiPt:alert(1)", None),
            (" javascript:alert(1)", None),
            ("java\nscript:alert(1)", None),
            ("\u{1}javascript:alert(1)", None),
            ("data:text/html,<script>alert(1)</script>", None),
            ("vbscript:x", None),
            ("file:///etc/passwd", None),
            ("https:", None),
            ("pay/abc", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(link_target(text).as_deref(), expected, "{text:?}");
        }
    }
}
