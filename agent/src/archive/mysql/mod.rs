//! Completeness of SQL by `mysqldump` and `mariadb-dump`: a dump that was cut still loads without an error, up to the
//! cut. What tells a complete one is its last line. The trailer is also there when tables failed under `--force`, so
//! the exit code is needed beside it. The rows of each table are counted on the way.

mod bulk_load;
mod counter;
mod gate;
mod head;
mod routines;
mod rows;
mod statement;
mod table_name;
mod tables;
mod token;
mod values;
mod vetted;

#[cfg(test)]
#[path = "tests.rs"]
mod properties;

pub(crate) use gate::{Content, Gate, Needs, Stage};
use rows::Rows;
pub(super) use vetted::VettedDump;

use super::text_ends::TextEnds;
use super::{CheckFacts, StreamCheck};

/// The fact of a dump that tells the bytes of its largest statement: a server takes none that is longer than its packets.
pub(crate) const LARGEST_STATEMENT: &str = "largest-statement";

/// The check of one dump.
#[derive(Default)]
pub(super) struct MysqlCheck {
    ends: TextEnds,
    rows: Rows,
}

impl MysqlCheck {
    /// Returns the line with which the dump program names itself. MariaDB puts a line before it that switches the
    /// client to its sandbox mode; a warning may stand there, too.
    fn program(&self) -> Option<String> {
        self.ends
            .first_lines()
            .take(5)
            .find(|line| line.starts_with(b"-- MariaDB dump ") || line.starts_with(b"-- MySQL dump "))
            .map(|line| String::from_utf8_lossy(&line[3..]).trim().to_owned())
    }

    /// Returns the global transaction id from which a replica made of this dump goes on. `--master-data` puts it at the end.
    fn gtid_position(&self) -> Option<String> {
        let prefix = "-- SET GLOBAL gtid_slave_pos='";
        let at_the_end = || {
            let mut lines = self.ends.last_lines();
            lines.find_map(|line| line.strip_prefix(prefix.as_bytes()))
        };
        let line = self
            .ends
            .after(prefix)
            .or_else(|| at_the_end().map(|line| String::from_utf8_lossy(line).into_owned()))?;
        Some(line.trim_end_matches(['\'', ';']).to_owned())
    }
}

impl StreamCheck for MysqlCheck {
    fn feed(&mut self, bytes: &[u8]) {
        self.ends.feed(bytes);
        self.rows.feed(bytes);
    }

    fn finish(self: Box<Self>) -> Result<CheckFacts, String> {
        let program = self.program().ok_or_else(|| {
            if self.ends.is_empty() {
                "it is empty".to_owned()
            } else {
                "it does not begin with `-- MySQL dump` or `-- MariaDB dump`\n\
                 hint: dump without --compact and --skip-comments"
                    .to_owned()
            }
        })?;
        let completed = self
            .ends
            .last_lines()
            .next()
            .filter(|_| self.ends.ends_with_line_feed())
            .and_then(trailer)
            .ok_or("its last line is not `-- Dump completed`")?;

        let mut facts = CheckFacts::default();
        self.rows.tell(&mut facts)?;
        facts.insert("dump-version", &program);
        if let Some(version) = self.ends.after("-- Server version") {
            facts.insert("server-version", &version);
        }
        let database = self.ends.after("-- Host: ").and_then(|line| {
            line.split_once("Database: ")
                .map(|(_, database)| database.to_owned())
        });
        if let Some(database) = database.filter(|database| !database.is_empty()) {
            facts.insert("database", &database);
        }
        if !completed.is_empty() {
            facts.insert("completed", &completed);
        }
        if let Some(position) = self.ends.after("-- CHANGE MASTER TO MASTER_LOG_FILE=") {
            facts.insert("binlog-position", &position.replace(['\'', ';'], ""));
        }
        if let Some(position) = self.gtid_position() {
            facts.insert("gtid-position", &position);
        }
        Ok(facts)
    }
}

/// Returns the date of a trailer, empty for one without a date.
fn trailer(line: &[u8]) -> Option<String> {
    let rest = str::from_utf8(line).ok()?.strip_prefix("-- Dump completed")?;
    if rest.is_empty() {
        return Some(String::new());
    }
    let date = rest.strip_prefix(" on ")?.trim_start();
    let is_date = date.len() >= 18
        && date
            .chars()
            .all(|character| character.is_ascii_digit() || matches!(character, '-' | ':' | ' '));
    is_date.then(|| date.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{check, every_cut_is_incomplete, fixture};
    use super::super::{CheckFacts, Kind};
    use super::LARGEST_STATEMENT;

    fn facts(name: &str) -> CheckFacts {
        check(Kind::Mysql, &fixture(name)).unwrap()
    }

    #[test]
    fn a_dump_of_a_database_is_complete() {
        let facts = facts("mariadb-app.sql");
        assert_eq!(facts.get("server-version"), Some("10.11.19-MariaDB-0+deb12u1"));
        assert_eq!(facts.get("database"), Some("app"));
        assert!(
            facts
                .get("dump-version")
                .unwrap()
                .starts_with("MariaDB dump 10.19")
        );
        assert_eq!(facts.get("completed").unwrap().len(), "2026-01-01 00:00:00".len());
    }

    #[test]
    fn a_dump_of_accounts_and_one_without_a_date_are_complete() {
        assert_eq!(facts("mariadb-accounts.sql").get("database"), None);
        assert_eq!(facts("mariadb-undated.sql").get("completed"), None);
    }

    #[test]
    fn the_header_and_trailer_of_mysql_are_known() {
        let dump = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: db1    Database: shop\n\
                    -- ------------------------------------------------------\n-- Server version\t8.0.36\n\n\
                    -- Dump completed on 2024-03-01  3:07:09\n";
        let facts = check(Kind::Mysql, dump.as_bytes()).unwrap();
        assert_eq!(facts.get("server-version"), Some("8.0.36"));
        assert_eq!(facts.get("completed"), Some("2024-03-01  3:07:09"));
    }

    #[test]
    fn the_position_in_the_binary_log_is_told() {
        let dump = "-- MariaDB dump 10.19\n--\n-- CHANGE MASTER TO MASTER_LOG_FILE='bin.000001', MASTER_LOG_POS=811;\n\
                    CREATE TABLE `t` (a int);\n-- SET GLOBAL gtid_slave_pos='0-1-29';\n-- Dump completed\n";
        let facts = check(Kind::Mysql, dump.as_bytes()).unwrap();
        assert_eq!(
            facts.get("binlog-position"),
            Some("bin.000001, MASTER_LOG_POS=811")
        );
        assert_eq!(facts.get("gtid-position"), Some("0-1-29"));
    }

    /// What comes next of each table and sequence, where the dump tells it.
    #[test]
    fn the_next_numbers_are_told() {
        let dump = "-- MariaDB dump 10.19\n\
            CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT COMMENT 'AUTO_INCREMENT=5',\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB AUTO_INCREMENT=5001 DEFAULT CHARSET=utf8mb4 COMMENT='AUTO_INCREMENT=6';\n\
            CREATE TABLE `none` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\n\
            CREATE TABLE `shown` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`)\n) ENGINE=FEDERATED AUTO_INCREMENT=7;\n\
            CREATE TABLE `old` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`)\n) ENGINE=ARCHIVE AUTO_INCREMENT=7;\n\
            CREATE SEQUENCE `s` start with 100 minvalue 1 maxvalue 9223372036854775806 increment by 1 cache 1000 nocycle ENGINE=InnoDB;\n\
            DO SETVAL(`s`, 1100, 0);\n\
            CREATE SEQUENCE `down` start with -1 minvalue -9 maxvalue -1 increment by -1 nocache ENGINE=InnoDB;\n\
            SELECT SETVAL(`down`, -5, 0);\n\
            DO SETVAL(`unknown`, 1, 0);\nDO SLEEP(7, 0);\n-- Dump completed\n";
        let facts = check(Kind::Mysql, dump.as_bytes()).unwrap();
        let told: Vec<String> = facts
            .content()
            .iter()
            .filter(|(key, _)| !key.starts_with("rows."))
            .map(|(key, value)| format!("{key} {value}"))
            .collect();
        assert_eq!(
            told,
            [
                "auto-increment.t 5001",
                "next-value.down -5 and down",
                "next-value.s 1100"
            ]
        );
    }

    /// With all that a client may send along: what stands before it, and its end.
    #[test]
    fn the_largest_statement_is_measured() {
        let largest = |statements: &str| {
            let dump = format!("-- MySQL dump 10.13\n--\n;{statements}\n-- Dump completed\n");
            let facts = check(Kind::Mysql, dump.as_bytes()).unwrap();
            facts.get(LARGEST_STATEMENT).unwrap().parse::<usize>().unwrap()
        };
        let row = format!("\nINSERT INTO `t` VALUES (1,'{}');", ";'';".repeat(50_000));
        assert_eq!(
            largest(&format!("{row}\nINSERT INTO `t` VALUES (2,'');")),
            row.len()
        );
        let table = format!("\nCREATE TABLE `t` (a INT COMMENT '{}');", "x".repeat(1000));
        assert_eq!(
            largest(&format!("{table}\nINSERT INTO `t` VALUES (1);")),
            table.len()
        );
        let body = format!(
            "CREATE PROCEDURE p() SELECT '{}' ;;\nDELIMITER ;\n",
            "x".repeat(1000)
        );
        assert_eq!(largest(&format!("\nDELIMITER ;;\n{body}SET a = 1;")), body.len());
    }

    #[test]
    fn a_dump_without_comments_cannot_be_told_from_a_cut_one() {
        let error = check(Kind::Mysql, &fixture("mariadb-compact.sql")).unwrap_err();
        assert!(error.contains("hint: dump without --compact"), "{error}");
    }

    #[test]
    fn every_cut_is_noticed() {
        for name in ["mariadb-app.sql", "mariadb-accounts.sql", "mariadb-undated.sql"] {
            every_cut_is_incomplete(Kind::Mysql, &fixture(name));
        }
    }

    #[test]
    fn what_follows_the_trailer_is_noticed() {
        let mut dump = fixture("mariadb-app.sql");
        dump.extend_from_slice(b"mariadb-dump: Got error: 2013\n");
        assert!(check(Kind::Mysql, &dump).is_err());
    }

    #[test]
    fn a_trailer_inside_a_value_is_none() {
        let dump = fixture("mariadb-app.sql");
        let text = String::from_utf8_lossy(&dump);
        let value = text
            .find("2D2D2044756D7020636F6D706C65746564")
            .or_else(|| text.find("-- Dump completed"));
        assert!(
            value.unwrap() < dump.len() - 100,
            "the fixture holds the trailer as a value, too"
        );
        let cut = value.unwrap() + "-- Dump completed on 2020-01-01 00:00:00".len();
        assert!(check(Kind::Mysql, &dump[..cut]).is_err());
    }
}
