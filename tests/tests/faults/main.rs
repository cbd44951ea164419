//! Faults with real causes, and what must hold after each of them: see `invariants`.
//!
//! The short form takes samples and is a part of `make test`. `make faults` sets `BATT_FAULTS=full`, which injects a fault
//! at every call, and cuts the power many times.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is how a test fails, and what is skipped is told loudly"
)]

mod calls;
mod clock;
mod extent;
mod invariants;
mod power;
mod private_mounts;
mod processes;
mod room;
mod state;
mod strace;
