//! The hub's own addresses, as they stand in answers and go to processors.

/// The hub's own addresses, below its public URL.
#[derive(Clone, Debug)]
pub struct PublicUrls {
    base: String,
}

impl PublicUrls {
    /// Addresses below `base`, such as `https://pay.example.com`.
    pub fn new(base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned() }
    }

    /// The public URL itself, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Where the shopper pays.
    pub fn checkout(&self, token: &str) -> String {
        format!("{}/pay/{token}", self.base)
    }

    /// Where the processor sends the shopper back to.
    pub fn shopper_return(&self, token: &str) -> String {
        format!("{}/return/{token}", self.base)
    }

    /// Where the processor sends the shopper who gave up.
    pub fn shopper_cancel(&self, token: &str) -> String {
        format!("{}/return/{token}?canceled=1", self.base)
    }

    /// Where the processor delivers its webhooks.
    pub fn webhooks(&self, connector: &str, path_secret: Option<&str>) -> String {
        match path_secret {
            Some(secret) => format!("{}/webhooks/{connector}/{secret}", self.base),
            None => format!("{}/webhooks/{connector}", self.base),
        }
    }
}
