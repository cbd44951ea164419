//! Why a file is no good archive. Every kind of damage has words of its own, because a person reads them at night.

use std::fmt;

use super::{Compression, Kind};

/// What is wrong with a file that was examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The file holds no bytes.
    Empty,
    /// The file is a whole compressed file, and nothing is in it.
    EmptyInside(Compression),
    /// The file's name says that it is compressed, and its first bytes say otherwise.
    NotCompressed {
        /// What the name says.
        named: Compression,
        /// What the first bytes say.
        found: Option<Compression>,
    },
    /// The compressed stream is cut, has wrong bytes, or something else follows it.
    Broken {
        /// How the file is compressed.
        compression: Compression,
        /// What the decoder said.
        reason: String,
    },
    /// Decompressing would take more memory than is allowed. The file may be whole, but that cannot be told.
    TooWide(Compression),
    /// The content does not end as a complete one of its kind must.
    Incomplete {
        /// What it should be.
        kind: Kind,
        /// What is missing.
        reason: String,
    },
    /// The file could not be read to its end.
    Unreadable(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Empty => write!(formatter, "the file is empty"),
            Damage::EmptyInside(compression) => write!(formatter, "empty inside: {compression} of nothing"),
            Damage::NotCompressed { named, found: None } => {
                write!(formatter, "named as {named}, but its content is not")
            }
            Damage::NotCompressed {
                named,
                found: Some(found),
            } => {
                write!(formatter, "named as {named}, but its content is {found}")
            }
            Damage::Broken { compression, reason } => {
                write!(formatter, "the {compression} stream is not whole: {reason}")
            }
            Damage::TooWide(compression) => write!(
                formatter,
                "decompressing the {compression} stream takes more than 128 MiB of memory, so it was not verified"
            ),
            Damage::Incomplete { kind, reason } => write!(formatter, "not a complete `{kind}`: {reason}"),
            Damage::Unreadable(reason) => write!(formatter, "cannot be read to its end: {reason}"),
        }
    }
}

impl std::error::Error for Damage {}
