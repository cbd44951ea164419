//! From inventory text to hosts, groups and selections. Reads no network and knows no other crate of this workspace.
//!
//! A file becomes a [`source`], a reader of its format fills the draft with what it says and where, the draft is
//! checked and resolved to hosts, and patterns select among them.

mod error;
mod name;
mod nodeset;
mod source;
mod suggest;
mod text;

pub use error::InventoryError;
pub use name::{GroupName, HostName, NameError};
pub use nodeset::{RangeError, expand, fold};
pub use text::is_secret_name;
