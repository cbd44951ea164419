//! Everything that a server can hold, on a real server: backed up, drilled, restored into an empty one, and both compared by
//! other means than ours. On what is installed here; `make engines` runs the same on newer servers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod difference;
mod mysql;
mod postgresql;
mod redis;
mod regression;
mod sqlite;
