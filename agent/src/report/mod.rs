//! How a run is shown: while it goes on, and when it has ended.

mod live;
mod progress_file;
mod summary;

pub(crate) use live::{Bars, JsonEvents, Lines};
pub(crate) use progress_file::ProgressFile;
pub(crate) use summary::{summary, table};
