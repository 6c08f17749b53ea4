//! Where requests, secrets and shoppers may go: what the descriptor declares, cut to what the operator grants.
//!
//! Invariant: a URL that passes names a declared and granted host by https (or by http, when the operator
//! listed that host), holds no user or password, and uses the scheme's own port unless somebody named another.

use std::fmt;

use processor_sdk::{Descriptor, HostRule, Settings};
use url::Url;

/// The longest URL a request or a door may have, in bytes.
const URL_BYTES_MAX: usize = 8 * 1024;

/// The port of plain http that no URL has to name.
const HTTP_PORT: u16 = 80;

/// What the operator allows one connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Host patterns (`api.example.com`, `*.example.com`, either with `:port`); absent = what the descriptor
    /// declares.
    pub hosts: Option<Vec<String>>,
    /// The same for where shoppers are sent.
    pub checkout_hosts: Option<Vec<String>>,
    /// `host` or `host:port` that may be reached by plain http. Not even loopback is taken for granted.
    pub plain_http_hosts: Vec<String>,
}

/// Why a list of allowed hosts could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    #[error(
        "`{pattern}` in {key} is not a host; write `api.example.com`, `*.example.com` or either with `:port`"
    )]
    Pattern { key: &'static str, pattern: String },
    #[error("`{pattern}` in {key} is no host that the adapter goes to; it goes to: {declared}")]
    Undeclared { key: &'static str, pattern: String, declared: String },
    #[error("the plugin {} {missing}, which is not granted", wish(key))]
    NotGranted { key: &'static str, missing: String, granted: Vec<String> },
    #[error("settings.{setting} must be an http or https URL with a host and without user or password")]
    Setting { setting: String },
    #[error("settings.{setting} uses plain http, and plain_http_hosts does not list {host}")]
    PlainHttp { setting: String, host: String, listed: Vec<String> },
}

/// The hosts for one purpose: requests, doors, or one secret.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    declared: Vec<Declared>,
    granted: Option<Vec<HostPattern>>,
    plain_http: Vec<HostPattern>,
}

#[derive(Clone, Debug)]
enum Declared {
    Exactly(String),
    Below(String),
    Origin { scheme: String, host: String, port: u16 },
}

#[derive(Clone, Debug)]
struct HostPattern {
    host: String,
    below: bool,
    port: Option<u16>,
}

impl Grants {
    /// Those of a plugin's connector. What a plugin declares is its wish, so the operator has to list every
    /// host by name; one that stands in a setting was granted by whoever set it. A setting's default is the
    /// plugin's own. `own` are the operator's settings, `settings` those with the defaults.
    ///
    /// # Errors
    /// [`HostsError::NotGranted`], naming what is missing.
    pub fn of_plugin(
        &self,
        descriptor: &Descriptor,
        own: &Settings,
        settings: &Settings,
    ) -> Result<Self, HostsError> {
        let list = |key, rules: &[HostRule], granted: &Option<Vec<String>>| {
            listed(key, rules, (own, settings), granted.as_deref().unwrap_or_default())
        };
        let hosts = list("hosts", &descriptor.hosts, &self.hosts)?;
        let doors = list("checkout_hosts", &descriptor.checkout_hosts, &self.checkout_hosts)?;
        Ok(Self { hosts: Some(hosts), checkout_hosts: Some(doors), ..self.clone() })
    }
}

/// What a plugin wants of the hosts below a key.
fn wish(key: &str) -> &'static str {
    if key == "hosts" { "asks for" } else { "sends shoppers to" }
}

/// The granted patterns, and those that settings grant.
fn listed(
    key: &'static str,
    rules: &[HostRule],
    (own, settings): (&Settings, &Settings),
    granted: &[String],
) -> Result<Vec<String>, HostsError> {
    let given = patterns(key, granted)?;
    let (mut all, mut missing) = (granted.to_vec(), Vec::new());
    for rule in rules {
        let Some(declared) = declared(rule, settings).transpose()? else { continue };
        let is_set = matches!(rule, HostRule::Setting(name) if own.optional_text(name).is_some());
        if is_set {
            all.push(declared.to_string());
        } else if !given.iter().any(|pattern| pattern.meets(&declared)) {
            missing.push(declared.to_string());
        }
    }
    if missing.is_empty() {
        return Ok(all);
    }
    let granted = granted.iter().chain(&missing).cloned().collect();
    Err(HostsError::NotGranted { key, missing: missing.join(", "), granted })
}

/// Whether this is the name of a host, or of a domain.
pub fn is_host(text: &str) -> bool {
    HostPattern::parse(text).is_some_and(|pattern| !pattern.below && pattern.port.is_none())
}

impl AllowedHosts {
    /// Hosts that requests may go to, or secrets with them.
    pub fn for_requests(
        rules: &[HostRule],
        settings: &Settings,
        grants: &Grants,
    ) -> Result<Self, HostsError> {
        Self::new(rules, settings, ("hosts", grants.hosts.as_deref()), grants)
    }

    /// Hosts that a shopper may be sent to.
    pub fn for_doors(rules: &[HostRule], settings: &Settings, grants: &Grants) -> Result<Self, HostsError> {
        Self::new(rules, settings, ("checkout_hosts", grants.checkout_hosts.as_deref()), grants)
    }

    fn new(
        rules: &[HostRule],
        settings: &Settings,
        (key, granted): (&'static str, Option<&[String]>),
        grants: &Grants,
    ) -> Result<Self, HostsError> {
        let declared = rules.iter().filter_map(|rule| declared(rule, settings)).collect::<Result<_, _>>()?;
        let granted = granted.map(|granted| patterns(key, granted)).transpose()?;
        let plain_http = patterns("plain_http_hosts", &grants.plain_http_hosts)?;
        Ok(Self { declared, granted, plain_http })
    }

    /// Refuses a host that the operator lists and no rule covers: the line would be without effect, and the
    /// operator believes that it has one.
    ///
    /// # Errors
    /// [`HostsError::Undeclared`], for the first such host.
    pub fn refuse_without_effect(&self, grants: &Grants, shoppers: &Self) -> Result<(), HostsError> {
        let requests = self.declared.iter();
        let hosts = grants.hosts.as_deref().unwrap_or_default();
        covered("hosts", hosts, &requests.clone().collect::<Vec<_>>())?;
        let doors = grants.checkout_hosts.as_deref().unwrap_or_default();
        covered("checkout_hosts", doors, &shoppers.declared.iter().collect::<Vec<_>>())?;
        let all: Vec<_> = requests.chain(&shoppers.declared).collect();
        covered("plain_http_hosts", &grants.plain_http_hosts, &all)
    }

    /// Refuses a setting that is reached by plain http where the operator lists no such host: every request there
    /// would be refused, the first when a shopper waits.
    ///
    /// # Errors
    /// [`HostsError::PlainHttp`], for the first such setting; [`HostsError::Pattern`].
    pub fn refuse_plain_http(
        descriptor: &Descriptor,
        settings: &Settings,
        grants: &Grants,
    ) -> Result<(), HostsError> {
        let listed = patterns("plain_http_hosts", &grants.plain_http_hosts)?;
        for rule in descriptor.hosts.iter().chain(&descriptor.checkout_hosts) {
            let HostRule::Setting(setting) = rule else { continue };
            let Some(Declared::Origin { scheme, host, port }) = declared(rule, settings).transpose()? else {
                continue;
            };
            if scheme == "http" && !listed.iter().any(|pattern| pattern.matches(&host, port)) {
                let host = if port == HTTP_PORT { host } else { format!("{host}:{port}") };
                let (setting, listed) = (setting.clone(), grants.plain_http_hosts.clone());
                return Err(HostsError::PlainHttp { setting, host, listed });
            }
        }
        Ok(())
    }

    /// The parsed URL, when it may be used.
    ///
    /// # Errors
    /// The reason in one line. It names the host at most: the rest of a URL may be private.
    pub fn check(&self, text: &str) -> Result<Url, String> {
        if text.len() > URL_BYTES_MAX {
            return Err(format!("is longer than {URL_BYTES_MAX} bytes"));
        }
        let url = Url::parse(text).map_err(|_| "is not an absolute URL".to_owned())?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err("is not an absolute http or https URL".to_owned());
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user or password".to_owned());
        }
        match url.scheme() {
            "https" => {}
            "http" if self.plain_http.iter().any(|pattern| pattern.matches(host, port)) => {}
            "http" => return Err(format!("uses plain http; {host} is not listed in plain_http_hosts")),
            _ => return Err("is not an https URL".to_owned()),
        }
        if !self.declared.iter().any(|declared| self.is_declared(declared, &url, host, port)) {
            return Err(format!("leads to {host}:{port}, which the adapter does not declare for this"));
        }
        match &self.granted {
            Some(granted) if !granted.iter().any(|pattern| pattern.matches(host, port)) => {
                Err(format!("leads to {host}:{port}, which the operator does not grant"))
            }
            Some(_) | None => Ok(url),
        }
    }

    fn is_declared(&self, declared: &Declared, url: &Url, host: &str, port: u16) -> bool {
        match declared {
            Declared::Exactly(name) => host == name && self.is_port_allowed(url, host, port),
            Declared::Below(domain) => is_below(host, domain) && self.is_port_allowed(url, host, port),
            Declared::Origin { scheme, host: name, port: number } => {
                url.scheme() == scheme && host == name && port == *number
            }
        }
    }

    fn is_port_allowed(&self, url: &Url, host: &str, port: u16) -> bool {
        let named = |pattern: &HostPattern| pattern.port == Some(port) && pattern.matches(host, port);
        // `Url::port` is `None` for the scheme's own port.
        url.port().is_none() || self.granted.iter().flatten().chain(&self.plain_http).any(named)
    }
}

fn covered(key: &'static str, texts: &[String], declared: &[&Declared]) -> Result<(), HostsError> {
    for (text, pattern) in texts.iter().zip(patterns(key, texts)?) {
        if !declared.iter().any(|declared| pattern.meets(declared)) {
            let mut names: Vec<String> = declared.iter().map(ToString::to_string).collect();
            names.dedup();
            return Err(HostsError::Undeclared { key, pattern: text.clone(), declared: names.join(", ") });
        }
    }
    Ok(())
}

impl fmt::Display for Declared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(host) => formatter.write_str(host),
            Self::Below(domain) => write!(formatter, "*.{domain}"),
            Self::Origin { host, port, .. } => write!(formatter, "{host}:{port}"),
        }
    }
}

impl HostPattern {
    /// Whether any host is both of the pattern and declared.
    fn meets(&self, declared: &Declared) -> bool {
        let names = |host: &str| if self.below { is_below(host, &self.host) } else { host == self.host };
        match declared {
            Declared::Exactly(host) => names(host),
            Declared::Below(domain) if self.below => {
                self.host == *domain || is_below(&self.host, domain) || is_below(domain, &self.host)
            }
            Declared::Below(domain) => is_below(&self.host, domain),
            Declared::Origin { host, port, .. } => self.matches(host, *port),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let (below, rest) = match lower.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, lower.as_str()),
        };
        // Reading it as part of a URL normalizes it exactly as the URLs it is compared with.
        let url = Url::parse(&format!("https://{rest}/")).ok()?;
        let host = url.host_str()?.to_owned();
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let is_named = !rest.contains(['@', '*', '/', '?', '#']);
        // A URL drops its scheme's own port, but "only port 443" is a statement here.
        let port = rest.ends_with(":443").then_some(443).or(url.port());
        (is_bare && is_named).then_some(Self { host, below, port })
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        let name_matches = if self.below { is_below(host, &self.host) } else { host == self.host };
        name_matches && self.port.is_none_or(|wanted| wanted == port)
    }
}

fn patterns(key: &'static str, texts: &[String]) -> Result<Vec<HostPattern>, HostsError> {
    let parse = |text: &String| {
        HostPattern::parse(text).ok_or_else(|| HostsError::Pattern { key, pattern: text.clone() })
    };
    texts.iter().map(parse).collect()
}

/// `None` for a setting that the operator left out: there is no host then.
fn declared(rule: &HostRule, settings: &Settings) -> Option<Result<Declared, HostsError>> {
    match rule {
        HostRule::Exactly(name) => Some(Ok(Declared::Exactly(name.to_ascii_lowercase()))),
        HostRule::Below(domain) => Some(Ok(Declared::Below(domain.to_ascii_lowercase()))),
        HostRule::Setting(setting) => {
            let text = settings.optional_text(setting)?;
            Some(origin(text).ok_or_else(|| HostsError::Setting { setting: setting.clone() }))
        }
    }
}

fn origin(text: &str) -> Option<Declared> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let is_web = matches!(url.scheme(), "https" | "http");
    let (host, port) = (url.host_str()?.to_owned(), url.port_or_known_default()?);
    (is_plain && is_web).then(|| Declared::Origin { scheme: url.scheme().to_owned(), host, port })
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.')).is_some_and(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use processor_sdk::SignedDeliveries;
    use serde_json::json;

    use super::super::lab;
    use super::*;

    fn rules() -> Vec<HostRule> {
        vec![
            HostRule::Exactly("api.example.com".to_owned()),
            HostRule::Below("pay.example".to_owned()),
            HostRule::Setting("base_url".to_owned()),
        ]
    }

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_is_declared_may_be_reached_and_nothing_else() {
        let settings = Settings::from([("base_url", json!("http://127.0.0.1:9000/api"))]);
        let grants =
            Grants { plain_http_hosts: texts(&["127.0.0.1:9000", "lan.pay.example"]), ..Grants::default() };
        let allowed = AllowedHosts::for_requests(&rules(), &settings, &grants).unwrap();
        for (url, passes) in [
            ("https://api.example.com/v1", true),
            ("https://API.example.com/v1", true),
            ("https://api.example.com:443/v1", true),
            ("https://a.pay.example/", true),
            ("https://a.b.pay.example/", true),
            ("http://127.0.0.1:9000/x", true),
            ("http://lan.pay.example/", true),
            ("https://pay.example/", false),
            ("https://evilpay.example/", false),
            ("https://.pay.example/", false),
            ("https://api.example.com.evil.test/", false),
            ("https://api.example.com./", false),
            ("https://api.example.com:8443/", false),
            ("http://api.example.com/", false),
            ("https://user@api.example.com/", false),
            ("https://:password@api.example.com/", false),
            ("https://api.example.com@evil.test/", false),
            ("https://127.0.0.1:9000/x", false),
            ("http://127.0.0.1:9001/x", false),
            ("http://localhost:9000/x", false),
            ("http://lan.pay.example:8080/", false),
            ("javascript:alert(1)", false),
            ("file:///etc/passwd", false),
            ("//api.example.com/", false),
            ("", false),
        ] {
            assert_eq!(allowed.check(url).is_ok(), passes, "{url}: {:?}", allowed.check(url));
        }
        let long = format!("https://api.example.com/{}", "a".repeat(URL_BYTES_MAX));
        assert!(allowed.check(&long).is_err());
    }

    #[test]
    fn plain_http_is_listed_or_refused() {
        let mut descriptor = lab::descriptor(SignedDeliveries::WholeBody);
        descriptor.hosts = rules();
        descriptor.checkout_hosts = vec![HostRule::Setting("checkout_url".to_owned())];
        /// The addresses in two settings, the hosts that are listed, and what is refused: which setting, which host.
        type Row =
            (&'static str, &'static str, &'static [&'static str], Option<(&'static str, &'static str)>);
        let rows: [Row; 8] = [
            ("https://a.example", "https://b.example", &[], None),
            ("http://a.example", "https://b.example", &["a.example"], None),
            ("http://a.example:8080", "https://b.example", &["a.example:8080"], None),
            ("http://a.example", "https://b.example", &["*.example"], None),
            ("http://a.example/path", "https://b.example", &[], Some(("base_url", "a.example"))),
            ("http://127.0.0.1:4010", "https://b.example", &[], Some(("base_url", "127.0.0.1:4010"))),
            (
                "http://127.0.0.1:4010",
                "https://b.example",
                &["127.0.0.1:4011"],
                Some(("base_url", "127.0.0.1:4010")),
            ),
            ("https://a.example", "http://b.example", &["a.example"], Some(("checkout_url", "b.example"))),
        ];
        for (base, checkout, listed, wrong) in rows {
            let settings = Settings::from([("base_url", json!(base)), ("checkout_url", json!(checkout))]);
            let grants = Grants { plain_http_hosts: texts(listed), ..Grants::default() };
            let refused = AllowedHosts::refuse_plain_http(&descriptor, &settings, &grants).err();
            let expected = wrong.map(|(setting, host)| HostsError::PlainHttp {
                setting: setting.to_owned(),
                host: host.to_owned(),
                listed: texts(listed),
            });
            assert_eq!(refused, expected, "{base} {checkout} {listed:?}");
        }
    }

    #[test]
    fn a_grant_only_takes_away() {
        let grants = |hosts: &[&str]| Grants { hosts: Some(texts(hosts)), ..Grants::default() };
        let rows: [(&[&str], &str, bool); 8] = [
            (&["api.example.com"], "https://api.example.com/", true),
            (&["*.example.com"], "https://api.example.com/", true),
            (&["api.example.com:443"], "https://api.example.com/", true),
            (&["api.example.com:8443"], "https://api.example.com:8443/", true),
            (&["api.example.com:8443"], "https://api.example.com/", false),
            (&["*.pay.example"], "https://api.example.com/", false),
            (&[], "https://api.example.com/", false),
            (&["evil.test"], "https://evil.test/", false),
        ];
        for (hosts, url, passes) in rows {
            let allowed = AllowedHosts::for_requests(&rules(), &Settings::default(), &grants(hosts)).unwrap();
            assert_eq!(allowed.check(url).is_ok(), passes, "{hosts:?} {url}");
        }
    }

    #[test]
    fn mistakes_of_the_operator_are_named() {
        for pattern in
            ["", "*", "https://api.example.com", "api.example.com/x", "a b", "u@host", "*.*.example"]
        {
            let grants = Grants { hosts: Some(texts(&[pattern])), ..Grants::default() };
            let error = AllowedHosts::for_requests(&[], &Settings::default(), &grants).unwrap_err();
            assert_eq!(error, HostsError::Pattern { key: "hosts", pattern: pattern.to_owned() });
        }
        for url in ["https://user:secret@api.test", "ftp://api.test", "nonsense"] {
            let settings = Settings::from([("base_url", json!(url))]);
            let error = AllowedHosts::for_requests(&rules(), &settings, &Grants::default()).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
