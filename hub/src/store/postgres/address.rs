//! Where a PostgreSQL database is: a URL, and the rules for how it is reached.
//!
//! Invariant: neither the password nor the URL is ever shown. Over a network the connection is encrypted and the
//! server's certificate checked, unless the URL says otherwise in so many words.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long the network may be silent about something that was sent.
const SILENCE: Duration = Duration::from_secs(4);
/// How often a server that says nothing is asked whether it is there, before the connection counts as lost.
const KEEPALIVES_MAX: u32 = 2;
/// How the hub calls itself in the server's list of connections.
const APPLICATION: &str = "payhub";

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    config: tokio_postgres::Config,
    is_encrypted: bool,
    /// A file of certificate authorities that the server's certificate may be from, beside the public ones.
    authorities: Option<PathBuf>,
}

/// Why a URL is not an address. Repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error(
        "is not the URL of a PostgreSQL database; write it like postgres://USER:PASSWORD@HOST:5432/DATABASE"
    )]
    NotAUrl,
    #[error("names no {0}; write it like postgres://USER:PASSWORD@HOST:5432/DATABASE")]
    Missing(&'static str),
    #[error(
        "leads over a network without encryption; remove sslmode=prefer, or write sslmode=disable if the network \
         is yours alone"
    )]
    MaybeEncrypted,
    #[error(
        "names an sslrootcert that cannot be read as certificates in PEM; name a file that the hub may read"
    )]
    Authorities,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(AddressError::NotAUrl);
        }
        let (text, authorities) = without_authorities(text)?;
        // The parser's own message could quote the URL.
        let mut config: tokio_postgres::Config = text.parse().map_err(|_| AddressError::NotAUrl)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(AddressError::Missing("host"));
        }
        if config.get_user().is_none() {
            return Err(AddressError::Missing("user"));
        }
        if config.get_dbname().is_none() {
            return Err(AddressError::Missing("database"));
        }
        let is_near = config.get_hosts().iter().all(is_this_machine)
            && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        let says_mode = text.split_once('?').is_some_and(|(_, query)| query.contains("sslmode="));
        let is_encrypted = match config.get_ssl_mode() {
            SslMode::Disable => false,
            // What the driver takes when the URL says nothing.
            SslMode::Prefer if is_near => false,
            SslMode::Prefer if says_mode => return Err(AddressError::MaybeEncrypted),
            _ => true,
        };
        config.ssl_mode(if is_encrypted { SslMode::Require } else { SslMode::Disable });
        config
            .application_name(APPLICATION)
            .connect_timeout(SILENCE)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE)
            .keepalives_retries(KEEPALIVES_MAX)
            // After the server was lost, the one that takes its place and not one that only reads.
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, is_encrypted, authorities })
    }
}

impl Address {
    /// Whether the URL holds a secret.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    pub(super) fn config(&self) -> tokio_postgres::Config {
        self.config.clone()
    }

    /// What encrypts the connection, if it is encrypted.
    pub(super) fn tls(&self) -> Result<Option<MakeRustlsConnect>, AddressError> {
        if !self.is_encrypted {
            return Ok(None);
        }
        let read = self.authorities.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>();
        let extra = read.map_err(|_| AddressError::Authorities)?;
        let config = crate::tls::client_config(&extra).map_err(|_| AddressError::Authorities)?;
        Ok(Some(MakeRustlsConnect::new(config)))
    }
}

/// The places only, for messages.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        let ports = self.config.get_ports();
        let places: Vec<String> = hosts
            .enumerate()
            .map(|(number, host)| {
                let port = ports.get(number).or(ports.first()).copied().unwrap_or(5_432);
                format!("{host}:{port}")
            })
            .collect();
        formatter.write_str(&places.join(", "))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Address({self})")
    }
}

/// The URL without its `sslrootcert`, which the driver does not know, and what that says.
fn without_authorities(text: &str) -> Result<(String, Option<PathBuf>), AddressError> {
    let Some((place, query)) = text.split_once('?') else { return Ok((text.to_owned(), None)) };
    let (mut kept, mut authorities) = (Vec::new(), None);
    for pair in query.split('&') {
        match form_urlencoded::parse(pair.as_bytes()).next() {
            Some((name, path)) if name == "sslrootcert" => {
                let twice = authorities.replace(PathBuf::from(path.into_owned())).is_some();
                if twice {
                    return Err(AddressError::NotAUrl);
                }
            }
            _ => kept.push(pair),
        }
    }
    Ok((format!("{place}?{}", kept.join("&")), authorities))
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}
