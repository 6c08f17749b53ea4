//! Clients that ask as fast as they are answered, each over one connection that stays open.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use crate::processes::now;

/// Longest silence of a subject before the bench gives up.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What came of one run.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) done: usize,
    pub(crate) elapsed: Duration,
    /// Each answer's time in microseconds, sorted; empty where nothing was waited for.
    pub(crate) waits_us: Vec<u32>,
}

impl Tally {
    pub(crate) fn per_second(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let done = self.done as f64;
        done / self.elapsed.as_secs_f64()
    }

    /// The time in milliseconds within which this share of the answers came.
    pub(crate) fn wait_ms(&self, percent: usize) -> Option<f64> {
        let last = self.waits_us.len().checked_sub(1)?;
        Some(f64::from(self.waits_us[last * percent / 100]) / 1_000.0)
    }
}

/// Asks with this many clients at once for as long as it says. `request` writes one whole HTTP request; every
/// answer must have this status.
pub(crate) fn run(
    address: SocketAddr,
    concurrency: usize,
    time: Duration,
    status: u16,
    request: &(dyn Fn(&mut Vec<u8>) + Sync),
) -> Tally {
    let waits = Mutex::new(Vec::new());
    let begun = now();
    std::thread::scope(|scope| {
        for _ in 0..concurrency {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                let mut own_waits = Vec::new();
                while begun.elapsed() < time {
                    let asked = now();
                    client.ask(request, status);
                    own_waits.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                waits.lock().expect("no panic while held").extend(own_waits);
            });
        }
    });
    let elapsed = begun.elapsed();
    let mut waits_us = waits.into_inner().expect("no panic while held");
    waits_us.sort_unstable();
    Tally { done: waits_us.len(), elapsed, waits_us }
}

struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the subject listens");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(SILENCE_MAX)).expect("a socket option");
        Self { stream, request: Vec::new(), answer: vec![0; ANSWER_BYTES_MAX] }
    }

    fn ask(&mut self, request: &(dyn Fn(&mut Vec<u8>) + Sync), status: u16) {
        self.request.clear();
        request(&mut self.request);
        self.stream.write_all(&self.request).expect("the subject reads");
        let mut filled = 0;
        loop {
            let count = self.stream.read(&mut self.answer[filled..]).expect("the subject answers");
            assert!(count > 0, "the subject closed the connection");
            filled += count;
            let answer = &self.answer[..filled];
            if let Some(length) = whole(answer)
                && filled >= length
            {
                let line = format!("HTTP/1.1 {status} ");
                let text = String::from_utf8_lossy(answer);
                assert!(text.starts_with(&line), "wanted {status}, the subject answered {text}");
                return;
            }
        }
    }
}

/// How long the answer will be, once its head is there.
fn whole(answer: &[u8]) -> Option<usize> {
    let head_end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..head_end]).expect("a head is text");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().expect("a length"))
    });
    Some(head_end + length.unwrap_or(0))
}

/// Writes one POST.
pub(crate) fn post(into: &mut Vec<u8>, path: &str, headers: &[(&str, &str)], body: &[u8]) {
    write!(into, "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n")
        .expect("memory takes it");
    for (name, value) in headers {
        write!(into, "{name}: {value}\r\n").expect("memory takes it");
    }
    write!(into, "content-length: {}\r\n\r\n", body.len()).expect("memory takes it");
    into.extend_from_slice(body);
}
