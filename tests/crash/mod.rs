//! Kill -9 at any moment, restart on the same folder: no acknowledged payment is lost, no charge is doubled,
//! everything in doubt settles by itself.

mod durability;
mod kill_loop;
mod replicas;
mod roles;
mod torn;
mod victims;
