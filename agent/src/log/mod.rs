//! What a script printed: kept within a limit, secrets masked, readable from any position while it grows.

mod file;
mod mask;

pub(crate) use file::{LogReader, LogWriter};
pub(crate) use mask::Mask;
