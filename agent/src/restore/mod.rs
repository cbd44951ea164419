//! From a backup back to what it is of: which backup, which of its archives, whether they are whole, the script that
//! restores them, and whether what is there then is what was recorded. A restore and a drill do the same.

mod attempt;
mod comparison;
mod confinement;
mod from;
mod items;
mod lack;
mod missing;
mod script;
mod source;
mod words;

pub(crate) use attempt::{Attempt, Attempted, Undone};
pub(crate) use comparison::{Compared, Comparison, differences};
pub(crate) use confinement::Confinement;
pub(crate) use from::From;
pub(crate) use items::choose;
pub(crate) use script::{Companion, Verb};
pub(crate) use source::{Source, Wanted};
