//! What a script printed: kept within a limit, secrets masked, values of rows hidden, readable from any position while it grows.

mod file;
mod mask;
mod values;

pub(crate) use file::{LogReader, LogWriter};
pub(crate) use mask::Mask;
