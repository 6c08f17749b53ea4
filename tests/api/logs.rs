//! Everything the process logs, kept for tests that ask what must not be among it.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock};

use tracing_subscriber::fmt::MakeWriter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static STARTED: OnceLock<()> = OnceLock::new();

/// Begins to keep log lines, of every level, without the mask that the binary puts over them.
pub(crate) fn keep() {
    STARTED.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        subscriber.with_writer(Keeper).try_init().expect("nobody else takes the process's log");
    });
}

/// Everything that was logged so far.
pub(crate) fn text() -> String {
    String::from_utf8_lossy(&LINES.lock().expect("no panic while held")).into_owned()
}

#[derive(Clone, Copy)]
struct Keeper;

impl Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().expect("no panic while held").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Keeper {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}
