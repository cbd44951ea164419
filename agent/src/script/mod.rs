//! Scripts: what stands in their headers, and which of them are there and enabled.

mod header;
mod shelf;

pub(crate) use header::{Header, ItemOption};
pub(crate) use shelf::{OptionOwner, Script, Shelf, enabled_services, require_startable};
