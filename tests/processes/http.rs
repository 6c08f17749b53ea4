//! A small HTTP client: one connection for each request, no redirects, no repeats of its own.
//!
//! Invariant: an answer is whole or it is none. Whoever asks decides about repeats, because that is what
//! these tests are about.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longest time to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest silence: the hub cuts its own requests off after 30 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(40);

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Where it leads.
    pub(crate) fn location(&self) -> Option<String> {
        self.header("location").map(str::to_owned)
    }
}

/// Sends a request and waits for the whole answer.
pub(crate) fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let rest = url.strip_prefix("http://").expect("a plain http URL");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address: SocketAddr = host.parse().expect("an IP address and a port");
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_TIME_MAX)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_nodelay(true)?;
    let mut request = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut bytes = request.into_bytes();
    bytes.extend_from_slice(body);
    stream.write_all(&bytes)?;
    read_answer(&mut stream)
}

fn read_answer(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let mut part = [0_u8; 16 * 1024];
    loop {
        let count = stream.read(&mut part)?;
        bytes.extend_from_slice(&part[..count]);
        if let Some(answer) = parse(&bytes) {
            return Ok(answer);
        }
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off"));
        }
    }
}

/// The answer, if it is whole.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.expect("an answer says its length").1.parse().expect("a length");
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Answer { status, headers, body })
}

/// The API of a hub, as a cart sees it.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) base_url: String,
    pub(crate) key: String,
}

impl Api {
    /// Reads.
    pub(crate) fn get(&self, path: &str) -> io::Result<Answer> {
        let authorization = format!("Bearer {}", self.key);
        send("GET", &format!("{}{path}", self.base_url), &[("authorization", &authorization)], b"")
    }

    /// Asks for something under a key.
    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> io::Result<Answer> {
        let authorization = format!("Bearer {}", self.key);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        ];
        send("POST", &format!("{}{path}", self.base_url), &headers, body.to_string().as_bytes())
    }

    /// What an address shows; the hub must be up.
    pub(crate) fn show(&self, path: &str) -> Value {
        let answer = self.get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        answer.json()
    }

    /// All pages of a list; the hub must be up.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        let mut next = format!("{path}{joint}limit=100");
        loop {
            let page = self.show(&next);
            all.extend(page["data"].as_array().expect("a list").iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else { return all };
            next = format!("{path}{joint}limit=100&cursor={cursor}");
        }
    }
}

/// Asks the sandbox's admin side, which must be up.
pub(crate) fn admin(sandbox_url: &str, method: &str, path: &str, body: &Value) -> Value {
    let headers = [("content-type", "application/json")];
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = send(method, &format!("{sandbox_url}{path}"), &headers, &bytes)
        .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
    answer.json()
}
