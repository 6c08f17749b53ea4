//! Power loss: whatever a power cut leaves of the database's files, all that was answered is in it, and it
//! agrees with itself.
//!
//! A whole hub lives its life on a database whose files are recorded: every write, cut, flush and deletion, in
//! one order with the answers that were given. From the log follow images of the disk as a cut of the power
//! could leave it (`recording-vfs/src/disk.rs` says what may happen to a disk here, and what is assumed away).
//! Each is opened by the real store and compared with what had been answered by then.
//!
//! The log comes from a real hub with its threads, so it is another one in each run; the cuts are chosen by the
//! seed. An image that does not hold is kept in a folder, with its recipe.
//!
//! The same harness is shown to find mistakes: with `synchronous = NORMAL` answers are lost, and on a disk that
//! only says that it flushes the database itself is damaged.

mod examination;
mod life;
mod promises;
mod proof;
