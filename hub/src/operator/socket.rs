//! The private way to a running hub: a Unix socket in its data folder that only its owner may open.
//!
//! One connection is one request and one answer: JSON, ended by closing the sending side.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};

use super::{Failure, Request, UNKNOWN_OUTCOME, perform};
use crate::service::Hub;

/// Largest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;
/// Largest answer, in bytes: a list of payments, or one long story.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How long a request may take to arrive, in seconds.
const ARRIVAL_S_MAX: u64 = 5;
/// How long an answer may take, in seconds.
const ANSWER_S_MAX: u64 = 60;
/// How long a reload may take, in seconds: large plugins are compiled in it.
const RELOAD_S_MAX: u64 = 600;
/// Requests that are worked on at once.
const CONNECTIONS_MAX: usize = 8;

/// What a hub answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Done(Value),
    Refused(Failure),
}

/// Why a running hub gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No hub runs on this data folder.
    #[error("no hub runs on this data folder")]
    NotRunning,
    /// It said no.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// The socket belongs to somebody else. Nothing was asked.
    #[error("you may not open {path}; give the command as the user that the hub runs as")]
    Forbidden {
        /// The socket.
        path: PathBuf,
    },
    /// The hub was not reached. Nothing was asked.
    #[error("the hub cannot be reached on {path}: {source}")]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection failed. Whether anything was done is not known.
    #[error("the hub does not answer on {path}: {source}; look before you ask again")]
    Broken {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AskError {
    /// The same for a program.
    pub fn failure(&self) -> Failure {
        let code = match self {
            Self::Refused(failure) => return failure.clone(),
            Self::NotRunning | Self::Unreachable { .. } => "hub_unreachable",
            Self::Forbidden { .. } => "not_allowed",
            Self::Broken { .. } => UNKNOWN_OUTCOME,
        };
        Failure { code: code.to_owned(), message: self.to_string(), field: None }
    }
}

/// Where a hub with this data folder listens.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("operator.sock")
}

/// A socket that listens, and whose it is.
pub struct OperatorSocket {
    listener: UnixListener,
    owner: u32,
}

/// Listens in a data folder. The caller holds the database's lock, so that a socket that is there is an
/// earlier process's.
///
/// # Errors
/// The system's, such as a path that is too long for a socket.
pub fn listen(data_dir: &Path) -> io::Result<OperatorSocket> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let path = path(data_dir);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(OperatorSocket { listener, owner: std::fs::metadata(&path)?.uid() })
}

/// Answers until it is told to stop.
pub async fn serve(socket: OperatorSocket, hub: Arc<Hub>, mut stopped: watch::Receiver<bool>) {
    let OperatorSocket { listener, owner } = socket;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match accepted {
            // The mode of the file keeps others out; between its making and that mode, this does.
            Ok((stream, _)) if !is_operator(&stream, owner) => {
                tracing::warn!("an operator's connection of another user was refused");
            }
            Ok((stream, _)) => {
                let hub = hub.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &hub).await {
                        tracing::warn!(%error, "an operator's request was cut off");
                    }
                    drop(place);
                });
            }
            Err(error) => tracing::warn!(%error, "an operator's connection failed"),
        }
    }
}

/// Whether the other side is the hub's own user, or the machine's.
fn is_operator(stream: &UnixStream, owner: u32) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == owner || peer.uid() == 0)
}

async fn answer(mut stream: UnixStream, hub: &Hub) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut bounded = (&mut stream).take(REQUEST_BYTES_MAX);
    let arrival = tokio::time::timeout(Duration::from_secs(ARRIVAL_S_MAX), bounded.read_to_end(&mut bytes));
    arrival.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let answer = match serde_json::from_slice::<Request>(&bytes) {
        Ok(request) => match perform(hub, request).await {
            Ok(value) => Answer::Done(value),
            Err(error) => Answer::Refused(error.failure()),
        },
        Err(_) => Answer::Refused(Failure {
            code: "other_version".to_owned(),
            message: "the running hub and this command are of different versions; use the hub's own"
                .to_owned(),
            field: None,
        }),
    };
    stream.write_all(&serde_json::to_vec(&answer)?).await?;
    stream.shutdown().await
}

/// Asks the hub that runs on a data folder.
///
/// # Errors
/// [`AskError`].
pub async fn ask(data_dir: &Path, request: &Request) -> Result<Value, AskError> {
    let path = path(data_dir);
    let broken = |source| AskError::Broken { path: path.clone(), source };
    let mut stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) => {
            return Err(match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning,
                io::ErrorKind::PermissionDenied => AskError::Forbidden { path },
                // A folder whose path is too long for a socket has none.
                io::ErrorKind::InvalidInput => AskError::NotRunning,
                _ => AskError::Unreachable { path, source: error },
            });
        }
    };
    let bytes = serde_json::to_vec(request).map_err(|error| broken(error.into()))?;
    stream.write_all(&bytes).await.map_err(broken)?;
    stream.shutdown().await.map_err(broken)?;
    let mut answer = Vec::new();
    let mut bounded = stream.take(ANSWER_BYTES_MAX);
    let seconds_max = if matches!(request, Request::Reload) { RELOAD_S_MAX } else { ANSWER_S_MAX };
    let arrival = tokio::time::timeout(Duration::from_secs(seconds_max), bounded.read_to_end(&mut answer));
    arrival.await.map_err(|_| broken(io::ErrorKind::TimedOut.into()))?.map_err(broken)?;
    match serde_json::from_slice(&answer).map_err(|error| broken(error.into()))? {
        Answer::Done(value) => Ok(value),
        Answer::Refused(why) => Err(AskError::Refused(why)),
    }
}
