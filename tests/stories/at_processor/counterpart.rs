//! What differs between processors, as far as a world and the shared stories go.
//!
//! Everything else about a processor is its twin's business, or that of the stories which only this processor has.

use std::path::PathBuf;

use serde_json::Value;

use super::world::Mode;
use crate::twins::Processor;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// A processor at which a world can be set up.
///
/// Twins name what they are asked for in the same words, so that the shared stories can let faults strike: `open`,
/// `refund`, and `fetch` for every question.
pub(crate) trait Counterpart: Processor + Sized {
    /// The adapter's name, which the plugin and the connector of these stories have as well.
    const NAME: &'static str;

    /// The connector's settings and secrets as lines of the config, with `{url}` where the twin's address stands.
    const CONNECTOR: &'static str;

    /// What an operator grants the plugin beside that, as lines of the config.
    const GRANTS: &'static str;

    /// The event that tells of a payment, by the processor's own name.
    const PAID: &'static str;

    /// The kind of reference under which the twin's books have a payment.
    const BOOKED_BY: &'static str;

    /// Declines, each as the fields that the shopper's form sends to the page. The page stays open after each.
    const DECLINES: &'static [&'static [(&'static str, &'static str)]];

    /// Ways to lose the answer that opens a page, of those that the hub clears up within seconds. Where the processor
    /// takes no key, one that keeps the request away is not among them: the hub then waits until it cannot arrive any
    /// more.
    const LOST_AT_OPEN: &'static [Fault];

    /// The same for a refund.
    const LOST_AT_REFUND: &'static [Fault];

    /// Whether a page that was made and not answered is found again; else another one is made in its place.
    const FINDS_LOST_PAGES: bool;

    /// The environment of the hub's process: each variable that [`Self::CONNECTOR`] names, and others that a story
    /// needs. None of the values may be found in the hub's database.
    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)>;

    /// Where the processor is told to send webhooks, below the hub's address.
    fn webhook_path() -> String {
        format!("/webhooks/{}", Self::NAME)
    }

    /// The adapter as a plugin, built from source.
    fn plugin() -> PathBuf;

    /// Starts the twin, with an account for each mode.
    fn twin() -> impl Future<Output = Twin<Self>> + Send;

    /// What every intent of these stories says beside its amount, such as a currency that the processor takes.
    fn wish() -> Value;

    /// How many pages were made.
    fn pages(twin: &Twin<Self>) -> usize;

    /// The page, as the twin calls it, that stands at an address.
    fn page_at(twin: &Twin<Self>, url: &str) -> String;

    /// The shopper pays at a page, and their browser never comes back.
    fn pay(twin: &Twin<Self>, page: &str);

    /// The payment that was made at a page, as the twin's books call it.
    fn payment_of(twin: &Twin<Self>, page: &str) -> String;

    /// What has to happen at the processor before anything that was taken can be given back, such as the day's end.
    fn settle(_twin: &Twin<Self>) {}

    /// Every refund that is under way comes to its good end.
    fn end_refunds(twin: &Twin<Self>);
}
