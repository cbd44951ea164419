//! Accounts that something is run as: one of the host, the owner of a file, or one that nobody has.
//!
//! Root touches nothing that another account controls. What must touch it runs as that account, or as a stranger.

mod change;
mod identity;
mod owned;
mod processes;
mod stranger;
mod surroundings;

pub(crate) use change::{AsRequest, run_as};
pub(crate) use identity::Whom;
pub(crate) use stranger::{Ended, STRANGER, Stranger};
