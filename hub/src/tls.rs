//! HTTPS for everything the hub calls: one TLS configuration, one starting point for every client.
//!
//! Trusted are Mozilla's root certificates, built in, so that the hub behaves the same in an empty container
//! and on a full machine; an operator with a certificate authority of their own adds it by PEM. Nothing is
//! taken from the environment: no proxy variables, no system certificates.
//!
//! Invariant: a client made here never follows a redirect and never repeats a request that may have been sent.
//! Both decide where money goes and how often, and that is for the caller to decide.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{ClientBuilder, redirect, retry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};
use rustls::{ClientConfig, RootCertStore};

const USER_AGENT: &str = concat!("payhub/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to come about, in seconds.
const CONNECT_S_MAX: u64 = 10;
/// How long a whole exchange may take, in seconds, unless the caller says less or more.
const EXCHANGE_S_MAX: u64 = 60;

/// Why HTTPS cannot be set up. All of these are found when the hub starts.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("extra root certificate file number {number} is not valid PEM")]
    NotPem { number: usize, source: pem::Error },
    #[error("extra root certificate file number {number} holds no certificate")]
    NoCertificate { number: usize },
    #[error("extra root certificate file number {number} holds a certificate that cannot be used as a root")]
    UnusableRoot { number: usize, source: rustls::Error },
    #[error("the TLS library offers no protocol version that the hub accepts")]
    NoProtocolVersion { source: rustls::Error },
}

/// A client builder with the hub's TLS, user agent and limits. Each of `extra_roots_pem` is the content of one
/// PEM file with at least one certificate, trusted beside the built-in ones.
pub fn client_builder(extra_roots_pem: &[Vec<u8>]) -> Result<ClientBuilder, TlsError> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(client_config(extra_roots_pem)?)
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(Duration::from_secs(CONNECT_S_MAX))
        .timeout(Duration::from_secs(EXCHANGE_S_MAX)))
}

/// The hub's TLS, for what is not HTTPS.
///
/// # Errors
/// [`TlsError`].
pub(crate) fn client_config(extra_roots_pem: &[Vec<u8>]) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (number, file) in (1..).zip(extra_roots_pem) {
        add_roots(&mut roots, number, file)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::NoProtocolVersion { source })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn add_roots(roots: &mut RootCertStore, number: usize, file: &[u8]) -> Result<(), TlsError> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(file) {
        let certificate = certificate.map_err(|source| TlsError::NotPem { number, source })?;
        roots.add(certificate).map_err(|source| TlsError::UnusableRoot { number, source })?;
    }
    if roots.len() == before {
        return Err(TlsError::NoCertificate { number });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::JoinHandle;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, Stream};

    use super::*;

    /// A certificate for `localhost`, signed by itself, with a key that protects nothing.
    const LOCALHOST_CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBZDCCAQqgAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCOd8kqwah7XQUAt
fY5VvDiDXvs6T1kWXvIQVS+XjLLM5BtyD7kdY/NZLkN9TnjhzD2YPuLOADrfPJfq
BdnVMC6jSzBJMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAMBgNVHRMBAf8E
AjAAMB0GA1UdDgQWBBQg375Fv6e3rEu/eLAstvRODw1sgTAKBggqhkjOPQQDAgNI
ADBFAiEAxdn7O8KHVl12tZ+BmqIvndfPX7hVnTyP4Szm0NOmtOQCIHdek8RCHjue
lz8e/QH/2jUSiPNcj8/TLcOvv+fIXE2H
-----END CERTIFICATE-----
";
    const LOCALHOST_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgC++FpSABkUzE4D+3
+EVZAtLUWiMsJ0snU3Te9BRIvxKhRANCAAQjnfJKsGoe10FALX2OVbw4g177Ok9Z
Fl7yEFUvl4yyzOQbcg+5HWPzWS5DfU544cw9mD7izgA63zyX6gXZ1TAu
-----END PRIVATE KEY-----
";

    /// Answers one connection with 302, and gives back the request head when the handshake succeeded.
    fn tls_server() -> (SocketAddr, JoinHandle<Option<String>>) {
        let certificate = CertificateDer::from_pem_slice(LOCALHOST_CERTIFICATE.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(LOCALHOST_KEY.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serving = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = Stream::new(&mut connection, &mut socket);
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).ok()?;
            let answer = b"HTTP/1.1 302 Found\r\nlocation: https://example.com/\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).ok()?;
            Some(String::from_utf8_lossy(&head[..length]).into_owned())
        });
        (address, serving)
    }

    #[tokio::test]
    async fn a_server_with_an_unknown_root_is_refused() {
        let (address, serving) = tls_server();
        let client = client_builder(&[]).unwrap().build().unwrap();
        let error = client.get(format!("https://localhost:{}/", address.port())).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert_eq!(serving.join().unwrap(), None, "the handshake must not come about");
    }

    #[tokio::test]
    async fn an_extra_root_is_trusted_and_a_redirect_is_only_reported() {
        let (address, serving) = tls_server();
        let roots = [LOCALHOST_CERTIFICATE.as_bytes().to_vec()];
        let client = client_builder(&roots).unwrap().build().unwrap();
        let response = client.get(format!("https://localhost:{}/", address.port())).send().await.unwrap();
        assert_eq!(response.status(), 302);
        let head = serving.join().unwrap().unwrap();
        assert!(head.contains(&format!("user-agent: {USER_AGENT}\r\n")), "{head}");
    }

    #[tokio::test]
    async fn a_certificate_for_another_name_is_refused() {
        let (address, serving) = tls_server();
        let roots = [LOCALHOST_CERTIFICATE.as_bytes().to_vec()];
        let client = client_builder(&roots).unwrap().resolve("shop.test", address).build().unwrap();
        let error = client.get(format!("https://shop.test:{}/", address.port())).send().await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        assert_eq!(serving.join().unwrap(), None);
    }

    #[test]
    fn bad_root_files_are_refused_by_number() {
        let good = LOCALHOST_CERTIFICATE.as_bytes().to_vec();
        let empty = TlsError::NoCertificate { number: 2 }.to_string();
        let rows: [(&[u8], &str); 4] = [
            (b"", &empty),
            (b"hello", &empty),
            (LOCALHOST_KEY.as_bytes(), &empty),
            (
                b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "extra root certificate file number 2 holds a certificate that cannot be used as a root",
            ),
        ];
        for (file, message) in rows {
            let error = client_builder(&[good.clone(), file.to_vec()]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        let cut = LOCALHOST_CERTIFICATE.as_bytes()[..200].to_vec();
        assert!(matches!(client_builder(&[cut]), Err(TlsError::NotPem { number: 1, .. })));
    }
}
