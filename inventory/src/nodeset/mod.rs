//! Sets of names in short: `db[01-12]` becomes twelve names, and twelve names become `db[01-12]` again.

mod expand;
mod fold;

pub use expand::{RangeError, expand};
pub use fold::fold;
