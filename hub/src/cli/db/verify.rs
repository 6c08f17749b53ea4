//! `payhub db verify`: whether what is stored agrees with itself.

use std::process::ExitCode;

use payhub::database::look_at;
use payhub::history_roots::RootSigner;
use payhub::operator::Failure;
use payhub::seal::SealingKey;
use payhub::verification::{Report, SignedUpTo, verify};
use serde_json::json;

use crate::cli::{Target, failure, print, refused, unopened};

/// The exit code when the database could not be read, so that nothing is known of it.
const EXIT_UNREAD: u8 = 2;

pub(crate) async fn run(target: &Target) -> ExitCode {
    let report = match verified(target).await {
        Ok(report) => report,
        Err(failure) => {
            let _said = refused(&failure, target.json);
            return ExitCode::from(EXIT_UNREAD);
        }
    };
    let printed = print(&if target.json { format!("{:#}", json!(report)) } else { words(&report) });
    if report.is_clean() { printed } else { ExitCode::FAILURE }
}

async fn verified(target: &Target) -> Result<Report, Failure> {
    let place = target.place()?;
    let look = look_at(&place.database, &place.data_dir).await.map_err(|error| unopened(&error))?;
    // Whether roots were signed by this hub cannot be said without its key.
    let key = SealingKey::load(&place.sealing_key_file);
    let key = key.map_err(|error| failure("cannot_read", error.to_string()))?;
    let signer = RootSigner::of(&key).public_key();
    verify(look.as_ref(), Some(&signer)).await.map_err(|error| failure("cannot_read", error.to_string()))
}

/// What was read, and whether it agrees.
fn words(report: &Report) -> String {
    let Report { payments, events, journals, roots, signed, findings, findings_not_listed } = report;
    let read =
        format!("read {payments} payments, {events} events, {journals} journals, {roots} signed roots");
    let last = |last: &SignedUpTo| {
        let mode = if last.livemode { "live" } else { "test" };
        format!("last signed root of {}, {mode}: {}, {}\n", last.merchant, last.number, last.root)
    };
    let mut text: String = signed.iter().map(last).collect();
    if report.is_clean() {
        text.push_str(&format!("{read}: everything agrees"));
        return text;
    }
    text.extend(findings.iter().map(|finding| format!("{finding}\n")));
    if *findings_not_listed > 0 {
        text.push_str(&format!("and {findings_not_listed} more\n"));
    }
    text.push_str(&format!("{read}: not everything agrees"));
    text
}
