//! Prints which hard cases are tested, by what, and what of them is not there yet.

use std::io::{self, Write};
use std::process::ExitCode;

use hub_tests::catalog::{read, report};

fn main() -> io::Result<ExitCode> {
    let (entries, mistakes) = read()?;
    let mut output = io::stdout();
    output.write_all(report(&entries).as_bytes())?;
    for mistake in &mistakes {
        writeln!(output, "not listed: {mistake}")?;
    }
    Ok(if mistakes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
