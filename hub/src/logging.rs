//! Log lines: ids and outcomes, no bodies, no secrets; what looks like a card number is masked last.

use std::io::{self, Write};

use hub_core::card_number::mask_card_numbers;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// Starts logging to standard error.
pub fn start(format: LogFormat, level: Level) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(MaskingWriter)
        .with_ansi(false)
        // A line that cannot be written is lost, as on a full disk; to complain of it on standard error, which is
        // where it could not be written, would be a panic in the middle of a request.
        .log_internal_errors(false);
    // A second start in one process (tests) keeps the first one's choice.
    let _started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

#[derive(Clone, Copy, Debug)]
struct MaskingWriter;

/// One line at a time: the subscriber writes each event whole.
#[derive(Debug)]
struct MaskedLine(io::Stderr);

impl<'a> MakeWriter<'a> for MaskingWriter {
    type Writer = MaskedLine;

    fn make_writer(&'a self) -> MaskedLine {
        MaskedLine(io::stderr())
    }
}

impl Write for MaskedLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(mask_card_numbers(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
