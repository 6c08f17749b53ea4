//! Which URLs a host rule allows. Strict where URL readers differ, so that nothing is allowed by accident.

use crate::{HostRule, Settings};

#[derive(Debug, PartialEq, Eq)]
struct Origin<'u> {
    scheme: &'u str,
    host: &'u str,
    port: u16,
}

/// Whether a URL lies on one of the hosts, or why not.
pub(super) fn is_allowed(url: &str, rules: &[HostRule], settings: &Settings) -> Result<(), &'static str> {
    let Some(origin) = origin(url) else {
        return Err("is not an absolute URL in its plainest form");
    };
    let allowed = |rule: &HostRule| match rule {
        HostRule::Exactly(name) => origin.scheme == "https" && origin.host == name,
        HostRule::Below(name) => {
            let below = origin
                .host
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
            origin.scheme == "https" && below
        }
        HostRule::Setting(name) => {
            settings.optional_text(name).and_then(self::origin).is_some_and(|granted| granted == origin)
        }
    };
    if rules.iter().any(allowed) { Ok(()) } else { Err("does not lie on a declared host by https") }
}

/// Scheme, host and port. Refuses user names, backslashes, capitals and control characters.
fn origin(url: &str) -> Option<Origin<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    if url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, digits)) if !digits.ends_with(']') => (host, digits.parse().ok()?),
        Some(_) | None => (authority, port),
    };
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '[' | ']' | ':');
    (!host.is_empty() && host.chars().all(plain)).then_some(Origin { scheme, host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_declared_is_allowed() {
        let rules = [
            HostRule::Exactly("api.acme.example".to_owned()),
            HostRule::Below("acme-pay.example".to_owned()),
            HostRule::Setting("base_url".to_owned()),
        ];
        let settings = Settings::from([("base_url", serde_json::json!("http://127.0.0.1:8181/acme"))]);
        for (url, allowed) in [
            ("https://api.acme.example/v1", true),
            ("https://api.acme.example", true),
            ("https://api.acme.example?x", true),
            ("http://api.acme.example/v1", false),
            ("https://api.acme.example.evil.example/", false),
            ("https://x.api.acme.example/", false),
            ("https://evil.example@api.acme.example/", false),
            ("https://api.acme.example@evil.example/", false),
            ("https://evil.example\\@api.acme.example/", false),
            ("https://API.acme.example/", false),
            ("https://eu.acme-pay.example/", true),
            ("https://a.b.acme-pay.example/", true),
            ("https://acme-pay.example/", false),
            ("https://evilacme-pay.example/", false),
            ("https://.acme-pay.example/", false),
            ("http://127.0.0.1:8181/other", true),
            ("http://127.0.0.1:8182/", false),
            ("https://127.0.0.1:8181/", false),
            ("//api.acme.example/", false),
            ("ftp://api.acme.example/", false),
            ("https://", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(url, &rules, &settings).is_ok(), allowed, "{url}");
        }
    }
}
