//! One delivery of a webhook to the merchant: sends it and says how it went.
//!
//! The receiver is a stranger. It is given little time and little room, its answer's body is thrown away, and
//! only the status counts. The URL and the addresses behind it pass the [`DestinationPolicy`] each time.
//!
//! Invariant: only a 2xx answer is a success. Whether and when to try again is decided elsewhere, from the
//! [`SendOutcome`].

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hub_core::planted::Bug;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::destination::{DestinationError, DestinationPolicy, GuardedResolver, Lookup, SystemLookup};
use crate::planted::planted;
use crate::tls;

/// How long the hub goes on reading once it has the status, in seconds.
const BODY_READ_S_MAX: u64 = 2;
/// How much of the answer's body is read, to leave the connection usable, and thrown away.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The longest wait a receiver may ask for, in seconds; as long as the standard's longest retry step.
const RETRY_AFTER_S_MAX: u64 = 24 * 60 * 60;
/// Endpoints are many and deliveries to each are few, so hardly any connection is worth keeping.
const IDLE_CONNECTIONS_PER_HOST_MAX: usize = 1;

/// How a delivery went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Any 2xx.
    Delivered { status: u16 },
    /// An answer that is no success. `retry_after` is what the receiver asked for, at most a day.
    Rejected { status: u16, retry_after: Option<Duration> },
    /// 410: the receiver wants no more deliveries; the endpoint should be disabled.
    Gone,
    /// Any 3xx. Redirects are not followed: the merchant must register the final URL.
    Redirected,
    /// No answer in time. The receiver may have seen the delivery.
    TimedOut,
    /// No answer. The receiver may have seen the delivery if the reason is `ConnectionLost`.
    Unreachable { reason: UnreachableReason },
    /// The policy does not let the hub connect there; nothing was sent.
    Forbidden { reason: DestinationError },
}

/// Why there was no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnreachableReason {
    NameNotResolved,
    ConnectionFailed,
    TlsFailed,
    ConnectionLost,
    /// A header of the delivery cannot be written; a mistake of the hub.
    RequestNotBuilt,
}

impl fmt::Display for UnreachableReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NameNotResolved => "the host name was not found",
            Self::ConnectionFailed => "no connection to the host could be made",
            Self::TlsFailed => "the host's certificate or TLS settings were not accepted",
            Self::ConnectionLost => "the connection broke before an answer came",
            Self::RequestNotBuilt => "the delivery could not be written as an HTTP request",
        })
    }
}

/// Why the sender cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    #[error("HTTPS for webhook deliveries cannot be set up")]
    Tls(#[from] tls::TlsError),
    #[error("the HTTP client for webhook deliveries cannot be built")]
    Client(#[source] reqwest::Error),
}

/// Makes one delivery.
#[async_trait]
pub trait Sender: Send + Sync {
    /// Posts `body`, which is JSON, with the given headers beside the content type.
    async fn send(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> SendOutcome;
}

/// Sends deliveries over HTTP; cheap to clone.
#[derive(Debug, Clone)]
pub struct WebhookSender {
    client: Client,
    policy: Arc<DestinationPolicy>,
}

impl WebhookSender {
    /// A sender whose deliveries take `delivery_time_max` at most.
    ///
    /// # Errors
    /// [`SenderError`] when no client can be built.
    pub fn new(policy: DestinationPolicy, delivery_time_max: Duration) -> Result<Self, SenderError> {
        Self::build(policy, Arc::new(SystemLookup), delivery_time_max)
    }

    fn build(
        policy: DestinationPolicy,
        lookup: Arc<dyn Lookup>,
        delivery_time_max: Duration,
    ) -> Result<Self, SenderError> {
        let policy = Arc::new(policy);
        let client = tls::client_builder(&[])?
            // Said again here: a proxy or a redirect would lead around the resolver.
            .no_proxy()
            .redirect(redirects())
            .dns_resolver(GuardedResolver::new(Arc::clone(&policy), lookup))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST_MAX)
            .timeout(delivery_time_max)
            .build()
            .map_err(SenderError::Client)?;
        Ok(Self { client, policy })
    }
}

#[async_trait]
impl Sender for WebhookSender {
    async fn send(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> SendOutcome {
        let url = match self.policy.check_url(url) {
            Ok(url) => url,
            Err(reason) => return SendOutcome::Forbidden { reason },
        };
        let mut request = self.client.post(url).header(CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match request.body(body.to_vec()).send().await {
            Ok(response) => {
                let outcome = outcome_of(&response);
                discard_body(response).await;
                outcome
            }
            Err(error) => outcome_without_answer(&error),
        }
    }
}

fn redirects() -> Policy {
    if planted(Bug::FollowRedirects) { Policy::default() } else { Policy::none() }
}

fn outcome_of(response: &Response) -> SendOutcome {
    let status = response.status().as_u16();
    match status {
        200..=299 => SendOutcome::Delivered { status },
        _ if planted(Bug::DeliveredWithoutSuccess) => SendOutcome::Delivered { status },
        300..=399 => SendOutcome::Redirected,
        410 => SendOutcome::Gone,
        _ => SendOutcome::Rejected { status, retry_after: retry_after(response.headers()) },
    }
}

/// `Retry-After` in seconds, or as a date. A date is read against the receiver's own `Date`, so neither clock
/// has to be right.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    let wait = if asked.bytes().all(|byte| byte.is_ascii_digit()) && !asked.is_empty() {
        // Only a number too large to hold fails here.
        Duration::from_secs(asked.parse().unwrap_or(RETRY_AFTER_S_MAX))
    } else {
        let until = httpdate::parse_http_date(asked).ok()?;
        let now = httpdate::parse_http_date(text(DATE)?).ok()?;
        until.duration_since(now).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(Duration::from_secs(RETRY_AFTER_S_MAX)))
}

/// Reads a short body to its end so that the connection can be used again; a long or slow one costs the
/// receiver its connection. The status has been given by then, so nothing here changes the outcome.
async fn discard_body(mut response: Response) {
    let read = async {
        let mut bytes_read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes_read += chunk.len();
            if bytes_read > BODY_BYTES_MAX {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(BODY_READ_S_MAX), read).await;
}

fn outcome_without_answer(error: &reqwest::Error) -> SendOutcome {
    if let Some(reason) = find_cause::<DestinationError>(error) {
        return SendOutcome::Forbidden { reason: *reason };
    }
    if error.is_timeout() {
        return SendOutcome::TimedOut;
    }
    let reason = if error.is_builder() {
        UnreachableReason::RequestNotBuilt
    } else if error.is_dns() {
        UnreachableReason::NameNotResolved
    } else if find_cause::<rustls::Error>(error).is_some() {
        UnreachableReason::TlsFailed
    } else if error.is_connect() {
        UnreachableReason::ConnectionFailed
    } else {
        UnreachableReason::ConnectionLost
    };
    SendOutcome::Unreachable { reason }
}

/// The first error of type `E` in the chain of causes.
fn find_cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An I/O error that wraps another names that one's cause as its own cause and so skips it.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::{Read, Write};
    use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
    use std::sync::Mutex;
    use std::thread::JoinHandle;

    use super::*;

    const METADATA: DestinationError = DestinationError::ForbiddenAddress {
        range: "a link-local address, where clouds keep their metadata",
    };

    /// A receiver on this machine that takes one connection, reads one request and answers with `answer`. Then
    /// it waits for the hub to hang up, and gives back the request and how many bytes of `then` it got rid of.
    struct Receiver {
        address: SocketAddr,
        serving: JoinHandle<(String, usize)>,
    }

    impl Receiver {
        fn answering(answer: impl Into<String>) -> Self {
            Self::answering_then(answer, 0)
        }

        fn answering_then(answer: impl Into<String>, more_bytes: usize) -> Self {
            let answer = answer.into();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let serving = std::thread::spawn(move || {
                let (mut socket, _) = listener.accept().unwrap();
                let request = read_request(&mut socket);
                let _ = socket.write_all(answer.as_bytes());
                let mut written = 0;
                while written < more_bytes {
                    match socket.write(&[b'x'; 4096]) {
                        Ok(length @ 1..) => written += length,
                        Ok(0) | Err(_) => break,
                    }
                }
                // Whoever sends nothing more is held until the hub hangs up.
                let _ = socket.read(&mut [0; 1]);
                (request, written)
            });
            Self { address, serving }
        }

        fn url(&self) -> String {
            format!("http://{}/hook", self.address)
        }

        /// Waits without blocking the runtime, whose connection tasks still have to hang up.
        async fn finished(self) -> (String, usize) {
            tokio::task::spawn_blocking(|| self.serving.join().unwrap()).await.unwrap()
        }
    }

    fn read_request(socket: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let mut chunk = [0; 1024];
        loop {
            let length = socket.read(&mut chunk).unwrap();
            bytes.extend_from_slice(&chunk[..length]);
            let text = String::from_utf8_lossy(&bytes);
            if length == 0 || text.ends_with("\r\n\r\n{}") {
                return text.into_owned();
            }
        }
    }

    fn demo_sender() -> WebhookSender {
        WebhookSender::new(DestinationPolicy::demo(), Duration::from_secs(20)).unwrap()
    }

    async fn send(sender: &WebhookSender, url: &str) -> SendOutcome {
        sender.send(url, &[("webhook-id", "evt_1"), ("webhook-signature", "v1,abc")], b"{}").await
    }

    #[tokio::test]
    async fn answers_become_outcomes() {
        let rejected = |status, retry_after_s: Option<u64>| SendOutcome::Rejected {
            status,
            retry_after: retry_after_s.map(Duration::from_secs),
        };
        let dated = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:51:07 GMT\r\n";
        let past = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:07 GMT\r\n";
        let rows = [
            ("200 OK", "", SendOutcome::Delivered { status: 200 }),
            ("204 No Content", "", SendOutcome::Delivered { status: 204 }),
            ("302 Found", "Location: http://169.254.169.254/latest/meta-data/\r\n", SendOutcome::Redirected),
            ("307 Temporary Redirect", "Location: /elsewhere\r\n", SendOutcome::Redirected),
            ("304 Not Modified", "", SendOutcome::Redirected),
            ("410 Gone", "", SendOutcome::Gone),
            ("404 Not Found", "", rejected(404, None)),
            ("429 Too Many Requests", "Retry-After: 120\r\n", rejected(429, Some(120))),
            ("429 Too Many Requests", "Retry-After: 0\r\n", rejected(429, Some(0))),
            ("503 Service Unavailable", dated, rejected(503, Some(90))),
            ("503 Service Unavailable", past, rejected(503, Some(0))),
            (
                "503 Service Unavailable",
                "Retry-After: Sun, 06 Nov 1994 08:51:07 GMT\r\n",
                rejected(503, None),
            ),
            ("502 Bad Gateway", "Retry-After: soon\r\n", rejected(502, None)),
            ("502 Bad Gateway", "Retry-After: -1\r\n", rejected(502, None)),
            (
                "502 Bad Gateway",
                "Retry-After: 99999999999999999999\r\n",
                rejected(502, Some(RETRY_AFTER_S_MAX)),
            ),
        ];
        for (status, headers, expected) in rows {
            let receiver =
                Receiver::answering(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n"));
            let sender = demo_sender();
            assert_eq!(send(&sender, &receiver.url()).await, expected, "{status} {headers}");
            drop(sender);
            let (request, _) = receiver.finished().await;
            assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        }
    }

    #[tokio::test]
    async fn the_request_is_what_the_standard_asks_for() {
        let receiver =
            Receiver::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let sender = demo_sender();
        send(&sender, &receiver.url()).await;
        drop(sender);
        let (request, _) = receiver.finished().await;
        for line in [
            "content-type: application/json",
            "webhook-id: evt_1",
            "webhook-signature: v1,abc",
            concat!("user-agent: payhub/", env!("CARGO_PKG_VERSION")),
            "content-length: 2",
        ] {
            assert!(request.contains(&format!("\r\n{line}\r\n")), "{line}\n{request}");
        }
    }

    #[tokio::test]
    async fn a_slow_body_is_cut_and_the_status_stands() {
        let receiver = Receiver::answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nslow");
        let sender = sender_with(DestinationPolicy::demo(), Arc::new(SystemLookup), 200);
        assert_eq!(send(&sender, &receiver.url()).await, SendOutcome::Delivered { status: 200 });
        // Returns only because the hub hung up although the body had not ended.
        receiver.finished().await;
    }

    #[tokio::test]
    async fn a_big_body_is_cut_and_the_status_stands() {
        const ENDLESS_BYTES: usize = 256 * 1024 * 1024;
        let head = format!("HTTP/1.1 500 Internal Server Error\r\nContent-Length: {ENDLESS_BYTES}\r\n\r\n");
        let receiver = Receiver::answering_then(head, ENDLESS_BYTES);
        let outcome = send(&demo_sender(), &receiver.url()).await;
        assert_eq!(outcome, SendOutcome::Rejected { status: 500, retry_after: None });
        let (_, written) = receiver.finished().await;
        assert!(written < ENDLESS_BYTES / 2, "{written} bytes were taken off the receiver");
    }

    #[tokio::test]
    async fn no_answer_in_time() {
        for answer in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
            let receiver = Receiver::answering(answer);
            let sender = sender_with(DestinationPolicy::demo(), Arc::new(SystemLookup), 200);
            assert_eq!(send(&sender, &receiver.url()).await, SendOutcome::TimedOut, "{answer}");
            receiver.finished().await;
        }
    }

    #[tokio::test]
    async fn no_answer_at_all() {
        let unreachable = |reason| SendOutcome::Unreachable { reason };
        let sender = demo_sender();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = send(&sender, &format!("http://{address}/")).await;
        assert_eq!(refused, unreachable(UnreachableReason::ConnectionFailed));

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let hanging_up = std::thread::spawn(move || read_request(&mut listener.accept().unwrap().0));
        let lost = send(&sender, &format!("http://{address}/")).await;
        assert_eq!(lost, unreachable(UnreachableReason::ConnectionLost));
        hanging_up.join().unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let not_tls = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let _ = socket.read(&mut [0; 1024]);
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        });
        let no_tls = send(&sender, &format!("https://{address}/")).await;
        assert_eq!(no_tls, unreachable(UnreachableReason::TlsFailed));
        not_tls.join().unwrap().unwrap();

        let newline = sender.send("http://127.0.0.1:1/", &[("webhook-id", "evt\r\nx: y")], b"{}").await;
        assert_eq!(newline, unreachable(UnreachableReason::RequestNotBuilt));
    }

    #[tokio::test]
    async fn what_the_policy_forbids_is_not_even_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let sender = WebhookSender::new(DestinationPolicy::strict(), Duration::from_secs(20)).unwrap();
        assert_eq!(send(&sender, &url).await, SendOutcome::Forbidden { reason: DestinationError::PlainHttp });
        let metadata = send(&demo_sender(), "https://169.254.169.254/").await;
        assert_eq!(metadata, SendOutcome::Forbidden { reason: METADATA });
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "nobody connected");
    }

    /// A name system that answers differently each time it is asked.
    struct Rebinding(Mutex<VecDeque<IpAddr>>);

    #[async_trait]
    impl Lookup for Rebinding {
        async fn lookup(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
            let next = self.0.lock().unwrap().pop_front();
            next.map(|address| vec![address]).ok_or_else(|| io::Error::other("no such name"))
        }
    }

    fn sender_with(policy: DestinationPolicy, lookup: Arc<dyn Lookup>, time_max_ms: u64) -> WebhookSender {
        WebhookSender::build(policy, lookup, Duration::from_millis(time_max_ms)).unwrap()
    }

    #[tokio::test]
    async fn a_name_that_turns_private_after_the_first_delivery_is_refused() {
        // 127.0.0.1 plays the public address: the policy lists the network, not the name.
        let allow = |text: &str| vec![text.parse().unwrap()];
        let receiver =
            Receiver::answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let url = format!("http://shop.example:{}/hook", receiver.address.port());
        let ports = vec![receiver.address.port()];
        let policy = DestinationPolicy::new(allow("shop.example"), allow("127.0.0.1"), ports);
        let answers = ["127.0.0.1", "169.254.169.254", "::ffff:169.254.169.254"];
        let lookup = Rebinding(Mutex::new(answers.iter().map(|text| text.parse().unwrap()).collect()));
        let sender = sender_with(policy, Arc::new(lookup), 20_000);

        assert_eq!(send(&sender, &url).await, SendOutcome::Delivered { status: 200 });
        receiver.finished().await;
        assert_eq!(send(&sender, &url).await, SendOutcome::Forbidden { reason: METADATA });
        assert_eq!(send(&sender, &url).await, SendOutcome::Forbidden { reason: METADATA });
        let reason = UnreachableReason::NameNotResolved;
        assert_eq!(send(&sender, &url).await, SendOutcome::Unreachable { reason });
    }
}
