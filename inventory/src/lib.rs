//! From inventory text to hosts, groups and selections. Reads no network and knows no other crate of this workspace.
//!
//! A file becomes a source, a reader of its format fills the draft with what it says and where, the draft is
//! checked and resolved to hosts, and patterns select among them.

mod ansible;
mod draft;
mod error;
mod explain;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod group_source;
mod host;
mod inventory;
mod line;
mod load;
mod name;
mod native;
mod nodeset;
mod pattern;
mod plain;
mod select;
mod selection_error;
mod settings;
mod source;
mod suggest;
mod text;
mod tree;
mod value;

pub use error::InventoryError;
pub use explain::{Explanation, Origin};
pub use group_source::{GroupSource, NoGroups};
pub use host::Host;
pub use inventory::{Format, Group, Inventory};
pub use name::{GroupName, HostName, NameError};
pub use nodeset::{RangeError, expand, fold};
pub use select::Selection;
pub use selection_error::{SelectionError, SelectionErrorKind};
pub use settings::Become;
pub use text::is_secret_name;
pub use value::Value;
