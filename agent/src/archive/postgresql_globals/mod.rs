//! What may be restored of an archive of roles: nothing but the statements that `pg_dumpall --globals-only` writes, each in
//! the form that it has there (<https://git.postgresql.org/cgit/postgresql.git/tree/src/bin/pg_dump/pg_dumpall.c>).
//!
//! psql takes such an archive with the rights of a superuser of the server, and runs programs for a backslash outside of
//! quotes. A stream that two readers can cut into statements differently is how a check is led past what it checks, so the
//! form is held to as well: one statement a line, and no quote is escaped but by being doubled.

mod reader;
mod statement;

use super::postgresql_plain::{PlainDump, PostgresqlPlainCheck};
use super::{CheckFacts, StreamCheck};
use reader::Reader;

/// Returns the check of an archive of roles that is about to be restored.
pub(super) fn globals_vetting() -> Box<dyn StreamCheck> {
    Box::new(GlobalsVetting {
        plain: PostgresqlPlainCheck::new(PlainDump::Cluster),
        reader: Reader::default(),
        objection: None,
    })
}

/// The check of one archive.
struct GlobalsVetting {
    plain: PostgresqlPlainCheck,
    reader: Reader,
    objection: Option<String>,
}

impl StreamCheck for GlobalsVetting {
    fn feed(&mut self, bytes: &[u8]) {
        self.plain.feed(bytes);
        for byte in bytes {
            if self.objection.is_some() {
                return;
            }
            self.objection = self.reader.take(*byte).err();
        }
    }

    fn objection(&self) -> Option<&str> {
        self.objection.as_deref()
    }

    fn finish(self: Box<Self>) -> Result<CheckFacts, String> {
        match self.objection {
            Some(objection) => Err(objection),
            None if !self.reader.is_between_statements() => Err("it ends within a statement".to_owned()),
            None => Box::new(self.plain).finish(),
        }
    }
}

#[cfg(test)]
mod tests;
