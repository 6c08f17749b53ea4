//! A line between two programs that can be spoiled at a switch: it passes bytes on between a port of its own and
//! whatever is at its far end, on a thread of its own.
//!
//! Seen from the hub, `there` is towards its neighbor and `back` towards itself. Connections that a fault has
//! left dead break when the line is mended, as they do when a router comes back; the others go on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::processes::dice::Dice;
use crate::processes::world::free_ports;

/// What one reading takes at most, in bytes.
const PIECE_BYTES: usize = 16 * 1024;
/// How much later bytes arrive on a slow line, each way, in milliseconds.
const LATENCY_MS: (u64, u64) = (10, 60);
/// Bytes that trickle one at a time, from one pause to the next, and that pause.
const TRICKLE_BYTES: usize = 64;
const TRICKLE_MS: u64 = 1;
/// How long a close that takes its time takes, in milliseconds.
const CLOSE_MS: (u64, u64) = (200, 900);

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// Everything comes later, in both directions.
    Latency,
    /// Everything comes one byte at a time.
    Trickle,
    /// Nobody listens, and what was open breaks.
    Refuse,
    /// Connections come about and stay, and nothing passes.
    Blackhole,
    /// Connections break in the middle of what goes there.
    ResetThere,
    /// Connections break in the middle of what comes back.
    ResetBack,
    /// The neighbor's end is gone, and the hub never hears of it.
    HalfOpen,
    /// The hub's end is gone, and the neighbor never hears of it.
    Ghost,
    /// The neighbor goes away in the middle, and the hub hears of it only after a while.
    SlowClose,
}

impl Fault {
    /// Every fault.
    pub(super) const ALL: [Self; 9] = [
        Self::Latency,
        Self::Trickle,
        Self::Refuse,
        Self::Blackhole,
        Self::ResetThere,
        Self::ResetBack,
        Self::HalfOpen,
        Self::Ghost,
        Self::SlowClose,
    ];

    /// Whether nothing gets through while it lasts.
    pub(super) const fn leads_nowhere(self) -> bool {
        matches!(self, Self::Refuse | Self::Blackhole)
    }

    /// Its name among the figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Latency => "latency",
            Self::Trickle => "trickle",
            Self::Refuse => "refuse",
            Self::Blackhole => "blackhole",
            Self::ResetThere => "reset_there",
            Self::ResetBack => "reset_back",
            Self::HalfOpen => "half_open",
            Self::Ghost => "ghost",
            Self::SlowClose => "slow_close",
        }
    }
}

/// What is at the far end.
#[derive(Clone, Debug)]
pub(super) enum FarEnd {
    Port(SocketAddr),
    Socket(PathBuf),
}

/// How the faults strike on this line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strikes {
    /// Bytes of a connection that pass before it breaks, at most: there and back.
    pub(super) bytes_max: (u64, u64),
    /// Of a hundred connections that are made while a side can be lost unheard, how many lose it.
    pub(super) lost_percent: u64,
}

/// What happens to the line, told to everybody on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Switch {
    fault: Fault,
    is_over: bool,
}

/// A line.
pub(super) struct Line {
    /// Where the hub finds its neighbor.
    pub(super) address: SocketAddr,
    switch: watch::Sender<Switch>,
    struck: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// A line on which nothing is wrong yet.
    pub(super) fn start(far_end: FarEnd, strikes: Strikes, seed: u64) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports()));
        let (switch, switched) = watch::channel(Switch { fault: Fault::None, is_over: false });
        let struck = Arc::<AtomicU64>::default();
        let side = Side { far_end, strikes, struck: Arc::clone(&struck), switched };
        // Bound here, so that it can be used at once.
        let listener = std::net::TcpListener::bind(address).expect("a port of its own");
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(listen(address, listener, side, Dice::new(seed)));
        });
        Self { address, switch, struck, thread: Some(thread) }
    }

    /// From now on this is wrong with it.
    pub(super) fn set(&self, fault: Fault) {
        self.switch.send_modify(|switch| switch.fault = fault);
    }

    /// How many connections a fault has struck so far.
    pub(super) fn struck(&self) -> u64 {
        self.struck.load(Ordering::SeqCst)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.switch.send_modify(|switch| switch.is_over = true);
        if let Some(thread) = self.thread.take() {
            // Whatever happened on it has been told by then.
            let _ended = thread.join();
        }
    }
}

/// What a connection needs to know.
#[derive(Clone)]
struct Side {
    far_end: FarEnd,
    strikes: Strikes,
    struck: Arc<AtomicU64>,
    switched: watch::Receiver<Switch>,
}

async fn listen(address: SocketAddr, first: std::net::TcpListener, mut side: Side, mut dice: Dice) {
    first.set_nonblocking(true).expect("a listener");
    let mut listener = Some(TcpListener::from_std(first).expect("a listener"));
    loop {
        let Switch { fault, is_over } = *side.switched.borrow_and_update();
        if is_over {
            return;
        }
        if fault == Fault::Refuse {
            listener = None;
            let _told = side.switched.changed().await;
            continue;
        }
        if listener.is_none() {
            listener = Some(TcpListener::bind(address).await.expect("its port is still its own"));
        }
        let Some(listening) = &listener else { continue };
        tokio::select! {
            biased;
            _told = side.switched.changed() => {}
            accepted = listening.accept() => {
                if let Ok((near, _)) = accepted {
                    tokio::spawn(carry(near, side.clone(), Dice::new(dice.next())));
                }
            }
        }
    }
}

/// One connection, from its beginning to its end.
async fn carry(near: TcpStream, mut side: Side, mut dice: Dice) {
    let fault = side.switched.borrow_and_update().fault;
    if fault == Fault::Blackhole {
        side.strike();
        side.until_switched().await;
        return reset(near);
    }
    let Ok(far) = connect(&side.far_end).await else { return reset(near) };
    // What is sent at once is to arrive at once.
    near.set_nodelay(true).expect("an option");
    let is_lost = dice.chance(side.strikes.lost_percent);
    let mut connection = Connection { near, far, side, fault, dice, is_lost, left: (0, 0), is_struck: false };
    connection.draw();
    let end = connection.carry_on().await;
    connection.end(end).await;
}

struct Connection {
    near: TcpStream,
    far: Box<dyn Stream>,
    side: Side,
    fault: Fault,
    dice: Dice,
    /// Whether it loses a side unheard that it can lose.
    is_lost: bool,
    /// Bytes that pass before it breaks, there and back.
    left: (usize, usize),
    is_struck: bool,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// One side has closed.
    Closed,
    /// Both sides hear of it at once.
    Reset,
    /// Nobody hears of anything until the line is mended.
    Stuck,
    /// The far side is gone; the near side hears of it when the line is mended.
    FarGone,
    /// The near side is gone; the far side hears of it when the line is mended.
    NearGone,
    /// The far side is gone; the near side hears of it after a while.
    FarGoneSlowly,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

impl Connection {
    async fn carry_on(&mut self) -> End {
        let (mut there, mut back) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
        loop {
            let (way, read) = tokio::select! {
                biased;
                told = self.side.switched.changed() => {
                    if told.is_err() {
                        return End::Reset;
                    }
                    match self.switch() {
                        Some(end) => return end,
                        None => continue,
                    }
                }
                read = self.near.read(&mut there) => (Way::There, read),
                read = self.far.read(&mut back) => (Way::Back, read),
            };
            let Ok(length @ 1..) = read else { return End::Closed };
            let piece = if way == Way::There { &there[..length] } else { &back[..length] };
            if let Some(end) = self.pass(way, piece).await {
                return end;
            }
        }
    }

    /// What a fault that begins or ends does to a connection that is open.
    fn switch(&mut self) -> Option<End> {
        let Switch { fault, is_over } = *self.side.switched.borrow_and_update();
        self.fault = fault;
        self.is_struck = false;
        self.draw();
        let end = match fault {
            _ if is_over => return Some(End::Reset),
            Fault::Refuse => End::Reset,
            Fault::Blackhole => End::Stuck,
            Fault::HalfOpen => End::FarGone,
            Fault::Ghost => End::NearGone,
            Fault::None
            | Fault::Latency
            | Fault::Trickle
            | Fault::ResetThere
            | Fault::ResetBack
            | Fault::SlowClose => return None,
        };
        self.strike();
        Some(end)
    }

    /// Passes a piece on, or what of it passes.
    async fn pass(&mut self, way: Way, piece: &[u8]) -> Option<End> {
        let end = match (self.fault, way) {
            (Fault::ResetThere, Way::There) | (Fault::ResetBack, Way::Back) => End::Reset,
            (Fault::SlowClose, Way::Back) => End::FarGoneSlowly,
            // The neighbor has taken it, and what it answers goes nowhere.
            (Fault::HalfOpen, Way::Back) if self.is_lost => {
                self.strike();
                return Some(End::FarGone);
            }
            (Fault::Ghost, Way::There) if self.is_lost => {
                self.strike();
                return self.write(way, piece).await.err().map(|_| End::Closed).or(Some(End::NearGone));
            }
            _ => return self.write(way, piece).await.err().map(|_| End::Closed),
        };
        let left = if way == Way::There { &mut self.left.0 } else { &mut self.left.1 };
        let passes = piece.len().min(*left);
        *left -= passes;
        let breaks = passes < piece.len();
        if self.write(way, &piece[..passes]).await.is_err() {
            return Some(End::Closed);
        }
        if !breaks {
            return None;
        }
        self.strike();
        Some(end)
    }

    async fn write(&mut self, way: Way, piece: &[u8]) -> io::Result<()> {
        if self.fault == Fault::Latency {
            self.strike();
            sleep(Duration::from_millis(self.dice.between(LATENCY_MS.0, LATENCY_MS.1))).await;
        }
        let to: &mut dyn Stream = if way == Way::There { &mut *self.far } else { &mut self.near };
        if self.fault != Fault::Trickle {
            return to.write_all(piece).await;
        }
        for part in piece.chunks(TRICKLE_BYTES) {
            for byte in part {
                to.write_all(&[*byte]).await?;
                tokio::task::yield_now().await;
            }
            sleep(Duration::from_millis(TRICKLE_MS)).await;
        }
        self.strike();
        Ok(())
    }

    /// Ends as it has to, each side when it is to hear of it.
    async fn end(mut self, end: End) {
        match end {
            End::Closed => {
                let _gone = self.near.shutdown().await;
            }
            End::Reset => {
                self.far.end_by_reset();
                reset(self.near);
            }
            End::Stuck => {
                self.side.until_switched().await;
                self.far.end_by_reset();
                reset(self.near);
            }
            End::FarGone => {
                drop(self.far);
                self.side.until_switched().await;
                reset(self.near);
            }
            End::NearGone => {
                reset(self.near);
                self.side.until_switched().await;
                self.far.end_by_reset();
            }
            End::FarGoneSlowly => {
                drop(self.far);
                sleep(Duration::from_millis(self.dice.between(CLOSE_MS.0, CLOSE_MS.1))).await;
                let _gone = self.near.shutdown().await;
            }
        }
    }

    /// How much passes before it breaks.
    fn draw(&mut self) {
        let mut bytes = |most| usize::try_from(self.dice.between(1, most)).expect("a length");
        let (there, back) = self.side.strikes.bytes_max;
        self.left = (bytes(there), bytes(back));
    }

    fn strike(&mut self) {
        if !std::mem::replace(&mut self.is_struck, true) {
            self.side.strike();
        }
    }
}

impl Side {
    fn strike(&self) {
        self.struck.fetch_add(1, Ordering::SeqCst);
    }

    /// Until something else is wrong with the line, or nothing.
    async fn until_switched(&mut self) {
        let _told = self.switched.changed().await;
    }
}

/// A connection, of whatever kind.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// Its other end is to be told by a reset that it ends, if there is such a thing.
    fn end_by_reset(&self);
}

impl Stream for TcpStream {
    fn end_by_reset(&self) {
        // Already gone, if this fails.
        let _gone = self.set_zero_linger();
    }
}

impl Stream for UnixStream {
    // Its close is as sudden.
    fn end_by_reset(&self) {}
}

async fn connect(far_end: &FarEnd) -> io::Result<Box<dyn Stream>> {
    match far_end {
        FarEnd::Port(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        FarEnd::Socket(path) => Ok(Box::new(UnixStream::connect(path).await?)),
    }
}

/// Breaks a connection off.
fn reset(stream: impl Stream) {
    stream.end_by_reset();
    drop(stream);
}
