//! What the server has from outside: the time, randomness, and a way to its accounts. A seam, so that a
//! simulation can have the server without a machine around it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::{clock, random};

const SEND_MS_MAX: u64 = 10_000;

/// Something that comes later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub trait Outside: Send + Sync {
    /// Seconds since 1970, before any offset asked for by the admin.
    fn unix_seconds(&self) -> i64;
    /// Fills with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
    fn sleep(&self, duration: Duration) -> Later<()>;
    /// Posts a webhook, JSON, with its signature; true when it was accepted.
    fn post(&self, url: &str, body: String, signature: Option<&str>) -> Later<bool>;
}

/// The machine and its network.
pub(crate) struct Machine(reqwest::Client);

impl Machine {
    pub(crate) fn new() -> reqwest::Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Losing a race means that somebody else installed one, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_millis(SEND_MS_MAX))
            .no_proxy()
            .build()?;
        Ok(Self(client))
    }
}

impl Outside for Machine {
    fn unix_seconds(&self) -> i64 {
        clock::unix_seconds()
    }

    fn fill(&self, bytes: &mut [u8]) {
        random::fill(bytes);
    }

    fn sleep(&self, duration: Duration) -> Later<()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn post(&self, url: &str, body: String, signature: Option<&str>) -> Later<bool> {
        let mut request = self.0.post(url).header("Content-Type", "application/json").body(body);
        if let Some(signature) = signature {
            request = request.header("Sandbox-Signature", signature);
        }
        Box::pin(async move {
            match request.send().await {
                Ok(answer) => answer.status().is_success(),
                Err(error) => {
                    tracing::debug!(error = %error.without_url(), "A webhook got no answer.");
                    false
                }
            }
        })
    }
}
