//! Completeness of SQL by `pg_dump` and `pg_dumpall`. A cut inside COPY restores without an error, so the trailer
//! decides. Since August 2025 it may be followed by `\unrestrict KEY`, so it is looked for within the last 512 bytes.

use super::text_ends::TextEnds;
use super::{CheckFacts, StreamCheck};

/// Which program wrote the SQL.
#[derive(Debug, Clone, Copy)]
pub(super) enum PlainDump {
    /// `pg_dump`: one database.
    Database,
    /// `pg_dumpall`: a cluster, or what is global to it.
    Cluster,
}

impl PlainDump {
    fn title(self) -> &'static str {
        match self {
            PlainDump::Database => "-- PostgreSQL database dump",
            PlainDump::Cluster => "-- PostgreSQL database cluster dump",
        }
    }
}

/// The check of one dump.
pub(super) struct PostgresqlPlainCheck {
    dump: PlainDump,
    ends: TextEnds,
}

impl PostgresqlPlainCheck {
    /// Begins the check of what `dump` names.
    pub(super) fn new(dump: PlainDump) -> Self {
        PostgresqlPlainCheck {
            dump,
            ends: TextEnds::default(),
        }
    }
}

impl StreamCheck for PostgresqlPlainCheck {
    fn feed(&mut self, bytes: &[u8]) {
        self.ends.feed(bytes);
    }

    fn finish(self: Box<Self>) -> Result<CheckFacts, String> {
        let title = self.dump.title();
        if self.ends.is_empty() {
            return Err("it is empty".to_owned());
        }
        if !self
            .ends
            .first_lines()
            .take(3)
            .any(|line| line == title.as_bytes())
        {
            return Err(format!("it does not begin with `{title}`"));
        }
        let trailer = format!("{title} complete");
        let last = self
            .ends
            .last_lines()
            .find(|line| *line != b"--" && !line.starts_with(b"\\unrestrict "));
        if last != Some(trailer.as_bytes()) || !self.ends.ends_with_line_feed() {
            return Err(format!("it does not end with `{trailer}`"));
        }

        let mut facts = CheckFacts::default();
        if let Some(version) = self.ends.after("-- Dumped from database version ") {
            facts.insert("server-version", &version);
        }
        if let Some(version) = self.ends.after("-- Dumped by pg_dump version ") {
            facts.insert("dump-version", &version);
        }
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::fixtures::{check, fixture};

    #[test]
    fn a_dump_of_a_database_is_complete() {
        let facts = check(Kind::PostgresqlPlain, &fixture("postgresql-plain.sql")).unwrap();
        assert_eq!(
            facts.get("server-version"),
            Some("15.18 (Debian 15.18-0+deb12u1)")
        );
        assert_eq!(facts.get("dump-version"), Some("15.18 (Debian 15.18-0+deb12u1)"));
    }

    #[test]
    fn a_dump_of_globals_is_complete() {
        check(Kind::PostgresqlGlobals, &fixture("postgresql-globals.sql")).unwrap();
    }

    #[test]
    fn one_is_not_taken_for_the_other() {
        check(Kind::PostgresqlGlobals, &fixture("postgresql-plain.sql")).unwrap_err();
        check(Kind::PostgresqlPlain, &fixture("postgresql-globals.sql")).unwrap_err();
    }

    #[test]
    fn every_cut_before_the_end_of_the_trailer_is_noticed() {
        let kinds = [
            (Kind::PostgresqlPlain, "postgresql-plain.sql"),
            (Kind::PostgresqlGlobals, "postgresql-globals.sql"),
        ];
        for (kind, name) in kinds {
            let dump = fixture(name);
            let end = dump
                .windows(9)
                .rposition(|window| window == b"complete\n")
                .unwrap()
                + 9;
            for cut in 0..end {
                assert!(check(kind, &dump[..cut]).is_err(), "{name} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_follows_the_trailer_is_noticed() {
        let mut dump = fixture("postgresql-plain.sql");
        dump.extend_from_slice(b"pg_dump: error: connection lost\n");
        check(Kind::PostgresqlPlain, &dump).unwrap_err();
    }
}
