//! Attacks: what an account of the host, a database, a backup, a server or a host of a fleet may try, and must not get.
//!
//! `make attacks` runs them, with many more turns of an account that races and all that is mutated when `BATT_ATTACKS` is `full`; `make attacks AGAINST=COMMIT` runs them against the programs of an earlier commit, where those
//! that were mended since succeed: there these tests fail.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is reported loudly"
)]

mod clients;
mod destinations;
mod drills;
mod engines;
mod environment;
mod files;
mod fleet;
mod floods;
mod foreign;
mod held;
mod line;
mod lures;
mod mysql;
mod ours;
mod postgresql;
mod redis;
mod rehearsals;
mod restores;
mod secrets;
mod sqlite;
mod traces;
mod trusted;
mod words;
