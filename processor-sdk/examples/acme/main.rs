//! Checks the example adapter against every law and prints the report:
//! `cargo run -p processor-sdk --features conformance --example acme`.

mod adapter;

use std::path::Path;
use std::process::ExitCode;

use processor_sdk::conformance::{FixtureError, Subject, check_all};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]
fn main() -> ExitCode {
    match report() {
        Ok(report) => {
            print!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn report() -> Result<processor_sdk::conformance::Report, FixtureError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme/fixtures");
    Ok(check_all(&Subject::of_folder(&adapter::Acme, &folder)?))
}
