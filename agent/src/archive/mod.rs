//! Judging archives: is a stream complete, is a file whole. `store` checks the stream while it passes, judging and
//! `verify` read files again. Nothing here writes, and nothing here knows where a backup lies.

mod check;
mod compression;
mod crc64;
mod damage;
mod definitions;
mod digest;
mod examine;
mod kind;
mod lacks;
mod mysql;
mod postgresql;
mod postgresql_globals;
mod postgresql_plain;
mod rdb;
mod redis_acl;
mod sqlite;
mod tar;
mod text_ends;
mod unpack;
mod walk;

#[cfg(test)]
pub(crate) mod fixtures;

pub(crate) use check::{CheckFacts, StreamCheck};
pub(crate) use compression::Compression;
pub(crate) use damage::Damage;
pub(crate) use digest::Digest;
#[cfg(test)]
pub(crate) use examine::examine;
pub(crate) use examine::{Examined, examine_while};
pub(crate) use kind::{Kind, UnknownKind};
pub(crate) use lacks::{lacks, lacks_in_words};
pub(crate) use mysql::{Gate, LARGEST_STATEMENT, Needs, Stage};
pub(crate) use postgresql::{Places, check_places};
pub(crate) use unpack::{UnpackError, Unpacked, unpack};
