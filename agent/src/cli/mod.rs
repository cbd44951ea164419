//! The command line: as written, and as meant.
//!
//! Options for items are not a fixed list: they come from the headers of the scripts that are there.

mod arguments;
mod grammar;
mod invocation;
mod keeping;
mod restore;
mod scripts;

pub(crate) use grammar::command;
pub(crate) use invocation::{Action, Format, Invocation, Listing, Output, parse};
pub(crate) use keeping::{PurgeRequest, Shown};
pub(crate) use restore::{DrillRequest, RestoreRequest};
