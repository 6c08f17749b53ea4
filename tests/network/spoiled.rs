//! That each fault does to a connection what it says, seen from both ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::line::{FarEnd, Fault, Line, Strikes};
use crate::processes::{PATIENCE, eventually};

/// How long a connection is listened to that should stay silent.
const SILENCE: Duration = Duration::from_millis(150);
const STRIKES: Strikes = Strikes { bytes_max: (8, 8), lost_percent: 0 };
/// More than passes before a connection breaks.
const LONG: [u8; 64] = [7; 64];

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// All of it.
    Echo,
    /// Nothing, and the connection stays.
    Silence,
    /// It breaks.
    Reset,
    /// It ends, politely.
    End,
    /// There is no connection.
    Refused,
}

/// A server that says back what it hears; its address, and how many connections it has open.
fn echo() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let open = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&open);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, counted) = (connection.expect("a connection"), Arc::clone(&counted));
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                let mut piece = [0; 1024];
                while let Ok(length @ 1..) = connection.read(&mut piece) {
                    if connection.write_all(&piece[..length]).is_err() {
                        break;
                    }
                }
                counted.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (address, open)
}

fn connect(line: &Line) -> std::io::Result<TcpStream> {
    TcpStream::connect(line.address)
}

/// Says something and listens to what comes of it.
fn seen(connection: &mut TcpStream) -> Seen {
    let mut heard = [0; LONG.len()];
    connection.set_read_timeout(Some(PATIENCE)).expect("an option");
    if connection.write_all(&LONG).is_err() {
        return Seen::Reset;
    }
    listen(connection, &mut heard)
}

fn listen(connection: &mut TcpStream, heard: &mut [u8]) -> Seen {
    let mut length = 0;
    while length < heard.len() {
        match connection.read(&mut heard[length..]) {
            Ok(0) => return Seen::End,
            Ok(more) => length += more,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Seen::Silence;
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Seen::Reset,
            Err(error) => panic!("{error}"),
        }
    }
    Seen::Echo
}

/// The same for something that should stay silent: nothing is waited for long.
fn silent(connection: &mut TcpStream) -> Seen {
    connection.set_read_timeout(Some(SILENCE)).expect("an option");
    let _said = connection.write_all(&LONG);
    let seen = listen(connection, &mut [0; 1]);
    connection.set_read_timeout(Some(PATIENCE)).expect("an option");
    seen
}

#[test]
fn each_fault_is_what_it_says() {
    use Seen::{Echo, End, Refused, Reset, Silence};
    // (the fault; what a connection sees that was there before; what a new one sees; and the old one, mended)
    for (fault, old, new, mended) in [
        (Fault::None, Echo, Echo, Echo),
        (Fault::Latency, Echo, Echo, Echo),
        (Fault::Trickle, Echo, Echo, Echo),
        (Fault::Refuse, Reset, Refused, Reset),
        (Fault::Blackhole, Silence, Silence, Reset),
        (Fault::ResetThere, Reset, Reset, Reset),
        (Fault::ResetBack, Reset, Reset, Reset),
        (Fault::HalfOpen, Silence, Echo, Reset),
        (Fault::Ghost, Reset, Echo, Reset),
        (Fault::SlowClose, End, End, End),
    ] {
        check(fault, old, new, mended);
    }
}

fn check(fault: Fault, old: Seen, new: Seen, mended: Seen) {
    let (address, open) = echo();
    let line = Line::start(FarEnd::Port(address), STRIKES, 1);
    let mut connection = connect(&line).expect("a line that is good");
    assert_eq!(seen(&mut connection), Seen::Echo, "{fault:?}: before");
    line.set(fault);
    if fault != Fault::None {
        let ends_at_once = [Fault::Refuse, Fault::Blackhole, Fault::HalfOpen, Fault::Ghost].contains(&fault);
        if ends_at_once {
            eventually("the old connection is struck", || (line.struck() > 0).then_some(()));
        }
    }
    let expects = |expected: Seen, connection: &mut TcpStream| {
        let seen = if expected == Seen::Silence { silent(connection) } else { seen(connection) };
        assert_eq!(seen, expected, "{fault:?}");
    };
    expects(old, &mut connection);
    match (connect(&line), new) {
        (Ok(mut other), expected) if expected != Seen::Refused => expects(expected, &mut other),
        (Err(_), Seen::Refused) => {}
        (other, expected) => panic!("{fault:?}: {other:?} instead of {expected:?}"),
    }
    let far = || open.load(Ordering::SeqCst);
    if fault == Fault::Ghost {
        assert!(far() >= 1, "the far side has heard nothing of the end");
    }
    assert_eq!(line.struck() > 0, fault != Fault::None, "{fault:?}");
    line.set(Fault::None);
    if mended != Seen::Echo && old == Seen::Silence {
        assert_eq!(listen(&mut connection, &mut [0; 1]), mended, "{fault:?}: mended");
    }
    drop(connection);
    let mut fresh = eventually("the line is good again", || connect(&line).ok());
    assert_eq!(seen(&mut fresh), Seen::Echo, "{fault:?}: after");
    drop(fresh);
    eventually("the far side has heard of every end", || (far() == 0).then_some(()));
}
