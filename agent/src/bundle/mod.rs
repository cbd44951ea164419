//! What was installed and what was pushed: shipped scripts and templates, and the files of a fleet.

mod acceptance;
mod install;
mod push;
mod record;
mod shipped;

pub(crate) use install::install;
pub(crate) use push::Push;
pub(crate) use record::BundleRecord;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use record::{digest_of, place};
pub(crate) use shipped::{shipped, shipped_scripts};
