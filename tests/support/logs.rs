//! What a hub logs, kept for a test that asks whether somebody was warned.
//!
//! Invariant: only what this thread logs is kept, so that the tests beside it do not answer for it. A hub under
//! such a test runs on a runtime of one thread.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// While there is only one listener, whether a line is of interest at all is settled by the thread that comes to
/// it first, which may be another test's. A second one that stays makes the library ask each time.
static ANOTHER: LazyLock<Dispatch> =
    LazyLock::new(|| Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish()));

/// The log of this thread, from `keep` on.
pub(crate) struct Logs {
    lines: Arc<Mutex<Vec<u8>>>,
    _kept: DefaultGuard,
}

impl Logs {
    pub(crate) fn keep() -> Self {
        LazyLock::force(&ANOTHER);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(Keeper(lines.clone()))
            .finish();
        Self { lines, _kept: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines with a word in them.
    pub(crate) fn with(&self, word: &str) -> Vec<String> {
        let bytes = self.lines.lock().expect("no panic while held").clone();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }
}

#[derive(Clone)]
struct Keeper(Arc<Mutex<Vec<u8>>>);

impl Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic while held").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Keeper {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
