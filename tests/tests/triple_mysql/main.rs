//! The triple of the mysql service on a real MariaDB server: what was backed up comes back by `batt restore`, is rehearsed by
//! `batt drill`, and whoever lies about it is found out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod account;
mod allowed;
mod astray;
mod backup;
mod broken;
mod changed;
mod content;
mod counters;
mod drill;
mod edits;
mod edits_accounts;
mod edits_rare;
mod engines;
mod foreseen;
mod forgery;
mod gate;
mod grants;
mod held;
mod inventory;
mod jobs;
mod kept;
mod lies;
mod loads;
mod locks;
mod options;
mod packets;
mod parts;
mod played;
mod refused;
mod replace;
mod replica;
mod restore;
mod scripts;
