//! The only way out to processors.
//!
//! Invariant: a request leaves at most once per [`Transport::send`], to the host in its URL and nowhere else,
//! and a failure says honestly whether a byte of it may have left.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use processor_sdk::{Bytes, Headers, HttpResponse, Method};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;
use zeroize::Zeroizing;

use crate::tls::{TlsError, client_builder};

/// The longest response body that is read, in bytes.
pub const RESPONSE_BODY_BYTES_MAX: usize = 512 * 1024;

/// How many header lines a response may have.
const RESPONSE_HEADERS_MAX: usize = 100;

/// How long all header lines of a response may be together, in bytes.
const RESPONSE_HEADER_BYTES_MAX: usize = 64 * 1024;

/// How long a connection may take to come about, in milliseconds. Shorter than [`EXCHANGE_MS_MAX`], so that a
/// host that cannot be reached is known to have heard nothing.
const CONNECT_MS_MAX: u64 = 10_000;

/// How long one request may take from connecting to the response's last byte, in milliseconds.
const EXCHANGE_MS_MAX: u64 = 30_000;

/// How long an unused connection is kept, in seconds: less than servers commonly keep theirs, because a
/// request that meets a connection just being closed ends as "may have been sent".
const IDLE_CONNECTION_S_MAX: u64 = 15;

/// A request ready to leave, credentials and all.
#[derive(Clone)]
pub struct PreparedRequest {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(String, Zeroizing<String>)>,
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PreparedRequest {
    // Headers and body hold credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(formatter, "PreparedRequest({} {host}, {} bytes)", self.method.as_str(), self.body.len())
    }
}

impl PreparedRequest {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Why there is no response, and what that means for the request. The detail is one line without the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Not one byte of the request has left.
    #[error("not sent: {detail}")]
    NotSent { detail: String },
    /// The processor may have it.
    #[error("sent perhaps: {detail}")]
    MaybeSent { detail: String },
}

impl SendError {
    fn not_sent(detail: impl Into<String>) -> Self {
        Self::NotSent { detail: detail.into() }
    }

    fn maybe_sent(detail: impl Into<String>) -> Self {
        Self::MaybeSent { detail: detail.into() }
    }
}

/// Sends one request and reads its response.
#[async_trait]
pub trait Transport: Send + Sync {
    /// # Errors
    /// [`SendError`], which never guesses in favor of "not sent".
    async fn send(&self, request: &PreparedRequest) -> Result<HttpResponse, SendError>;
}

/// Why the transport could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("the HTTP client cannot be set up")]
    Client { source: reqwest::Error },
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    connect: Duration,
    exchange: Duration,
}

/// HTTP/1.1 over TLS, by reqwest.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// `extra_roots_pem` are trusted beside the built-in certificate authorities.
    ///
    /// # Errors
    /// [`TransportError`] when TLS cannot be set up.
    pub fn new(extra_roots_pem: &[Vec<u8>]) -> Result<Self, TransportError> {
        let connect = Duration::from_millis(CONNECT_MS_MAX);
        let exchange = Duration::from_millis(EXCHANGE_MS_MAX);
        Self::with_patience(extra_roots_pem, Patience { connect, exchange })
    }

    fn with_patience(extra_roots_pem: &[Vec<u8>], patience: Patience) -> Result<Self, TransportError> {
        // Three things could send a request twice or elsewhere. `client_builder` turns off two: redirects, and
        // the retry policy of reqwest (`retry::never`). The third is in hyper-util, which repeats a request on
        // another connection when the pooled one was closed; reqwest has no switch for it. It repeats only
        // those requests that it gets back whole from hyper because not a byte was written, and reports every
        // other one as failed, which is "sent perhaps" here. So connections may be kept for speed; the test
        // `a_request_on_a_dying_connection_is_never_sent_twice` holds that promise to account.
        let client = client_builder(extra_roots_pem)?
            .connect_timeout(patience.connect)
            .timeout(patience.exchange)
            .pool_idle_timeout(Duration::from_secs(IDLE_CONNECTION_S_MAX))
            .http1_max_headers(RESPONSE_HEADERS_MAX)
            .build()
            .map_err(|source| TransportError::Client { source })?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: &PreparedRequest) -> Result<HttpResponse, SendError> {
        let outgoing = outgoing(&self.client, request)?;
        let mut response = self.client.execute(outgoing).await.map_err(|error| send_error(&error))?;
        let headers = read_headers(response.headers())?;
        let status = response.status().as_u16();
        let too_long =
            || SendError::maybe_sent(format!("the response is longer than {RESPONSE_BODY_BYTES_MAX} bytes"));
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > RESPONSE_BODY_BYTES_MAX) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        // From here on the processor has the request, so that every failure is "sent perhaps".
        while let Some(chunk) =
            response.chunk().await.map_err(|error| SendError::maybe_sent(reason(&error)))?
        {
            if body.len() + chunk.len() > RESPONSE_BODY_BYTES_MAX {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status, headers, body: Bytes::new(body) })
    }
}

fn outgoing(client: &reqwest::Client, request: &PreparedRequest) -> Result<reqwest::Request, SendError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let bad = |_| SendError::not_sent(format!("the header {name} cannot be written"));
        let value = HeaderValue::from_str(value).map_err(|_| bad(()))?;
        headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?, value);
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    };
    let builder = client.request(method, request.url.clone()).headers(headers);
    let builder = if request.body.is_empty() && request.method == Method::Get {
        builder
    } else {
        builder.body(request.body.to_vec())
    };
    builder.build().map_err(|error| SendError::not_sent(reason(&error)))
}

fn read_headers(headers: &HeaderMap) -> Result<Headers, SendError> {
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>();
    if bytes > RESPONSE_HEADER_BYTES_MAX {
        return Err(SendError::maybe_sent(format!(
            "the response's headers are longer than {RESPONSE_HEADER_BYTES_MAX} bytes"
        )));
    }
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    Ok(Headers(headers.iter().map(line).collect()))
}

/// Only a failure to connect (name, socket, TLS) and a request that could not be built are sure not to have
/// sent anything. All else may have.
fn send_error(error: &reqwest::Error) -> SendError {
    let detail = reason(error);
    if error.is_connect() || error.is_builder() {
        SendError::not_sent(detail)
    } else {
        SendError::maybe_sent(detail)
    }
}

/// The causes in one line, without the URL, which may hold what is nobody's business.
fn reason(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the exchange failed"
    };
    let mut reason = what.to_owned();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason.push_str(": ");
        reason.push_str(&cause.to_string());
        source = cause.source();
    }
    reason
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn transport() -> HttpTransport {
        let patience = Patience { connect: Duration::from_secs(5), exchange: Duration::from_secs(10) };
        HttpTransport::with_patience(&[], patience).unwrap()
    }

    fn request(method: Method, address: SocketAddr) -> PreparedRequest {
        let headers = vec![("X-Key".to_owned(), Zeroizing::new("hush".to_owned()))];
        let url = Url::parse(&format!("http://{address}/pay?private=1")).unwrap();
        let body = if method == Method::Get { vec![] } else { b"{}".to_vec() };
        PreparedRequest { method, url, headers, body: Zeroizing::new(body) }
    }

    /// Reads one request to the end of its head and body; `None` when the peer has gone.
    async fn read_request(socket: &mut TcpStream) -> Option<String> {
        let mut text = Vec::new();
        loop {
            let mut chunk = [0; 1024];
            match socket.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(length) => text.extend_from_slice(&chunk[..length]),
            }
            let text = String::from_utf8_lossy(&text);
            if text.ends_with("\r\n\r\n{}") || (text.starts_with("GET") && text.ends_with("\r\n\r\n")) {
                return Some(text.into_owned());
            }
        }
    }

    /// A server that answers the first request of every connection with these bytes and closes, and counts the
    /// requests.
    async fn server(answer: Vec<u8>) -> (SocketAddr, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                if read_request(&mut socket).await.is_some() {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                let _ = socket.write_all(&answer).await;
            }
        });
        (address, count)
    }

    fn with_body(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn chunked(body: &str) -> Vec<u8> {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
        .into_bytes()
    }

    #[tokio::test]
    async fn what_comes_back_is_read_whole_or_may_have_been_sent() {
        let at_limit = "a".repeat(RESPONSE_BODY_BYTES_MAX);
        let too_long = "a".repeat(RESPONSE_BODY_BYTES_MAX + 1);
        let wide = format!(
            "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
            "a".repeat(RESPONSE_HEADER_BYTES_MAX)
        );
        let many = format!(
            "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
            "x: a\r\n".repeat(RESPONSE_HEADERS_MAX)
        );
        let redirect =
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_vec();
        /// What the server says, and the status and body length that come of it.
        type Row = (&'static str, Vec<u8>, Option<(u16, usize)>);
        let rows: Vec<Row> = vec![
            ("a body", with_body("{}"), Some((200, 2))),
            ("the longest body", with_body(&at_limit), Some((200, RESPONSE_BODY_BYTES_MAX))),
            ("the longest chunked body", chunked(&at_limit), Some((200, RESPONSE_BODY_BYTES_MAX))),
            ("a redirect, not followed", redirect, Some((307, 0))),
            ("too long", with_body(&too_long), None),
            ("too long in chunks", chunked(&too_long), None),
            ("headers too long", wide.into_bytes(), None),
            ("too many headers", many.into_bytes(), None),
            ("closed without a word", vec![], None),
            ("closed in the head", b"HTTP/1.1 200 OK\r\ncont".to_vec(), None),
            ("closed in the body", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".to_vec(), None),
            ("not HTTP", b"hello\r\n\r\n".to_vec(), None),
        ];
        for (name, answer, expected) in rows {
            let (address, count) = server(answer).await;
            for method in [Method::Post, Method::Get] {
                match (transport().send(&request(method, address)).await, expected) {
                    (Ok(response), Some(expected)) => {
                        assert_eq!((response.status, response.body.len()), expected, "{name}");
                    }
                    (Err(SendError::MaybeSent { detail }), None) => {
                        assert!(!detail.contains("private") && !detail.contains("hush"), "{name}: {detail}");
                    }
                    (result, _) => panic!("{name}: {result:?}"),
                }
            }
            assert_eq!(count.load(Ordering::SeqCst), 2, "{name}: each was sent once");
        }
    }

    #[tokio::test]
    async fn no_connection_means_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = transport().send(&request(Method::Post, address)).await.unwrap_err();
        assert!(matches!(error, SendError::NotSent { .. }), "{error}");

        // A server that hangs up before the TLS handshake is done has heard nothing either.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut request = request(Method::Post, listener.local_addr().unwrap());
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
        let secure = PreparedRequest {
            url: Url::parse(&request.url.as_str().replacen("http", "https", 1)).unwrap(),
            ..request.clone()
        };
        let error = transport().send(&secure).await.unwrap_err();
        assert!(matches!(error, SendError::NotSent { .. }), "{error}");

        request.headers[0].1 = Zeroizing::new("a\nb".to_owned());
        let error = transport().send(&request).await.unwrap_err();
        assert!(matches!(&error, SendError::NotSent { detail } if !detail.contains("a\nb")), "{error}");
    }

    #[tokio::test]
    async fn a_slow_server_may_have_acted() {
        // Silent from the beginning, or a byte at a time without an end, of the head or of the body.
        let body = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
        for (name, at_once, for_ever) in
            [("silent", "", ""), ("head", "HTTP/1.1 200 OK\r\nx: ", "a"), ("body", body, "a")]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                let (mut socket, _) = listener.accept().await.unwrap();
                read_request(&mut socket).await.unwrap();
                let mut sent = socket.write_all(at_once.as_bytes()).await;
                while sent.is_ok() {
                    sent = socket.write_all(for_ever.as_bytes()).await;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
            let patience = Patience { connect: Duration::from_secs(5), exchange: Duration::from_millis(100) };
            let transport = HttpTransport::with_patience(&[], patience).unwrap();
            let error = transport.send(&request(Method::Post, address)).await.unwrap_err();
            let timed_out = matches!(&error, SendError::MaybeSent { detail } if detail.contains("timed out"));
            assert!(timed_out, "{name}: {error}");
        }
    }

    /// The server answers the first request of each connection, keeps the connection, and breaks it off when
    /// the second one has arrived: it may have acted on that one, so it must never come again.
    #[tokio::test]
    async fn a_request_on_a_dying_connection_is_never_sent_twice() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    for number in 0..2 {
                        if read_request(&mut socket).await.is_none() {
                            return;
                        }
                        counted.fetch_add(1, Ordering::SeqCst);
                        if number == 0 {
                            let _ = socket.write_all(&with_body("{}")).await;
                        }
                    }
                });
            }
        });
        let transport = transport();
        let mut deaths = 0;
        for round in 0..20 {
            let (first, second) = (
                transport.send(&request(Method::Post, address)).await,
                transport.send(&request(Method::Post, address)).await,
            );
            assert!(first.is_ok(), "{round}: {first:?}");
            // Whether the connection was reused or not, what was sent is what was asked.
            assert!(
                matches!(second, Err(SendError::MaybeSent { .. })) || second.is_ok(),
                "{round}: {second:?}"
            );
            let sent = count.swap(0, Ordering::SeqCst);
            assert_eq!(sent, 2, "{round}");
            deaths += usize::from(second.is_err());
            if second.is_ok() {
                // That left an open connection whose next request fails; spend it.
                let _ = transport.send(&request(Method::Post, address)).await;
                count.store(0, Ordering::SeqCst);
            }
        }
        assert!(deaths > 0, "no connection was ever used twice, so that nothing was tested");
    }

    #[test]
    fn a_request_prints_without_its_contents() {
        let text = format!("{:?}", request(Method::Post, "127.0.0.1:1".parse().unwrap()));
        assert_eq!(text, "PreparedRequest(POST 127.0.0.1, 2 bytes)");
    }
}
