//! The shopper: a browser that follows 303s, posts forms that post themselves, waits on waiting pages, and can be at
//! several places at once. It runs no other scripts.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use reqwest::Method;
use serde_json::Value;

use super::cart::{Answer, plain_client};
use super::wait::wait_s_max;

/// Redirects that a browser follows before it gives up.
const HOPS_MAX: usize = 20;
/// Wait before a page that refreshes itself is loaded again, in milliseconds.
const REFRESH_MS: u64 = 50;

/// A browser. It goes only to the hub and the processor; what leads elsewhere, it notes.
#[derive(Clone)]
pub(crate) struct Shopper {
    client: reqwest::Client,
    hub: Arc<str>,
    processors: Arc<[String]>,
}

/// A tab: where the shopper is now.
#[derive(Clone)]
pub(crate) struct Page {
    browser: Shopper,
    url: String,
    answer: Option<Answer>,
}

impl Shopper {
    pub(crate) fn new(hub: &str, processors: &[&str]) -> Self {
        let processors = processors.iter().map(|base_url| format!("{base_url}/")).collect();
        Self { client: plain_client(), hub: format!("{hub}/").into(), processors }
    }

    fn is_at_a_processor(&self, url: &str) -> bool {
        self.processors.iter().any(|base_url| url.starts_with(base_url))
    }

    /// Opens an intent's `checkout_url` and goes where it leads: the processor's page, a chooser, the shop.
    /// A page that only says "wait" is waited on.
    pub(crate) async fn open(&self, intent: &Value) -> Page {
        self.visit(intent["checkout_url"].as_str().expect("an intent with a checkout_url")).await
    }

    /// Opens an address and goes where it leads.
    pub(crate) async fn visit(&self, url: &str) -> Page {
        let settled = async {
            loop {
                let page = self.go(Method::GET, url, &[]).await;
                if !page.is_waiting() {
                    return page;
                }
                tokio::time::sleep(Duration::from_millis(REFRESH_MS)).await;
            }
        };
        let wait_s = wait_s_max();
        let within = tokio::time::timeout(Duration::from_secs(wait_s), settled).await;
        within.unwrap_or_else(|_| panic!("after {wait_s} s still a waiting page"))
    }

    /// One request, redirects followed, waiting pages not waited on.
    pub(crate) async fn go(&self, method: Method, url: &str, form: &[(&str, &str)]) -> Page {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let (mut method, mut url) = (method, url.to_owned());
        let mut form: Vec<(String, String)> = form.iter().map(owned).collect();
        for _ in 0..HOPS_MAX {
            if !url.starts_with(&*self.hub) && !self.is_at_a_processor(&url) {
                return Page { browser: self.clone(), url, answer: None };
            }
            let fields: Vec<(&str, &str)> =
                form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let answer = self.request(method, &url, HeaderMap::new(), &fields).await;
            let Some(location) = answer.header("location").map(str::to_owned) else {
                if let Some(post) = SelfPosting::on(&answer.text) {
                    (method, url, form) = (Method::POST, post.url, post.fields);
                    continue;
                }
                return Page { browser: self.clone(), url, answer: Some(answer) };
            };
            assert_eq!(answer.status, 303, "only 303 is safe after a form");
            let base = reqwest::Url::parse(&url).expect("a URL");
            url = base.join(&location).expect("a location").into();
            (method, form) = (Method::GET, vec![]);
        }
        panic!("more than {HOPS_MAX} redirects, the last to {url}")
    }

    /// One request with headers of its own, nothing followed.
    pub(crate) async fn request(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        form: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.client.request(method.clone(), url).headers(headers);
        if method == Method::POST {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        Answer::of(request.send().await.expect("an answer")).await
    }
}

/// The form of a page that posts itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SelfPosting {
    pub(crate) url: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl SelfPosting {
    /// The form of this page, if its script posts it.
    pub(crate) fn on(html: &str) -> Option<Self> {
        html.find("submit.call(document.forms[0])")?;
        let form = html.split_once("<form ")?.1.split_once("</form>")?.0;
        let url = attribute(form, "action")?;
        let fields = form.split("<input ").skip(1).map(|input| {
            let tag = input.split_once('>').expect("the end of a tag").0;
            (attribute(tag, "name").expect("a name"), attribute(tag, "value").expect("a value"))
        });
        Some(Self { url, fields: fields.collect() })
    }
}

/// An attribute's value as a browser reads it.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
    let references = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    Some(references.iter().fold(value.to_owned(), |text, (reference, sign)| text.replace(reference, sign)))
}

impl Page {
    /// Where the tab is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// That the tab left the hub and the processor: it is at the shop.
    pub(crate) fn is_at_the_shop(&self) -> bool {
        self.answer.is_none()
    }

    pub(crate) fn status(&self) -> u16 {
        self.answer.as_ref().unwrap_or_else(|| panic!("the shop's page {} is not loaded", self.url)).status
    }

    pub(crate) fn text(&self) -> &str {
        self.answer.as_ref().map_or("", |answer| &answer.text)
    }

    fn is_waiting(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.text.contains("http-equiv=\"refresh\""))
    }

    /// That the tab shows a page of a processor.
    pub(crate) fn is_hosted(&self) -> bool {
        self.browser.is_at_a_processor(&self.url)
    }

    /// The processor's session whose hosted page this is.
    pub(crate) fn session(&self) -> &str {
        assert!(self.is_hosted(), "not a hosted page: {} {}", self.url, self.text());
        let address = self.url.split(['?', '#']).next().unwrap_or_default();
        address.rsplit('/').next().unwrap_or_default()
    }

    /// Posts a form to this page's address.
    pub(crate) async fn submit(&self, form: &[(&str, &str)]) -> Self {
        self.browser.go(Method::POST, &self.url, form).await
    }

    pub(crate) async fn pay(&self) -> Self {
        self.act("pay").await
    }

    pub(crate) async fn decline(&self) -> Self {
        self.act("decline").await
    }

    pub(crate) async fn cancel(&self) -> Self {
        self.act("cancel").await
    }

    pub(crate) async fn pay_later(&self) -> Self {
        self.act("pay_later").await
    }

    async fn act(&self, action: &str) -> Self {
        let _is_hosted_page = self.session();
        self.submit(&[("action", action)]).await
    }

    /// Chooses a connector on the hub's chooser.
    pub(crate) async fn choose(&self, connector: &str) -> Self {
        assert!(self.text().contains(connector), "no {connector} to choose at {}: {}", self.url, self.text());
        let page = self.submit(&[("connector", connector)]).await;
        if page.is_waiting() { self.browser.visit(&self.url).await } else { page }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_with_the_script_posts_itself() {
        let form = r#"<form method="post" action="https://a.test/?x=1&#38;y=2">
            <input type="hidden" name="t" value="p+/&#38;amp;=">
            <button type="submit">Continue</button></form>"#;
        assert_eq!(SelfPosting::on(form), None);
        let page = format!("{form}<script>HTMLFormElement.prototype.submit.call(document.forms[0])</script>");
        let expected = SelfPosting {
            url: "https://a.test/?x=1&y=2".to_owned(),
            fields: vec![("t".to_owned(), "p+/&amp;=".to_owned())],
        };
        assert_eq!(SelfPosting::on(&page), Some(expected));
    }
}
