//! What a server says is in a database, asked apart from its dump: the dump is held to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use crate::archive::{CheckFacts, Kind};
use crate::fact::FactKey;
use redis::Counts;

mod redis;

/// Kinds of things whose names stand in a dump as the server says them.
const SURE: [&str; 3] = ["table", "view", "sequence"];
/// Those of which a dump holds what people have typed: a name may stand there in other letters, or in another character set.
const TYPED: [&str; 6] = [
    "procedure",
    "function",
    "package",
    "package-body",
    "trigger",
    "event",
];
/// As many things as are named to people.
const NAMED: usize = 5;
/// The longest line: a name has at most 64 characters.
const LINE_LIMIT: usize = 4 << 10;

/// What has to be in a dump.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Kinds and names of things.
    things: Vec<(String, String)>,
    /// Tables and their rows.
    rows: Vec<(String, String)>,
    /// What a server of Redis counts.
    counts: Counts,
}

impl Inventory {
    /// Reads files with a line for each thing: `table.NAME`, a tab, and what else is said of it, as a client of MySQL prints it; of
    /// Redis what `INFO` says before and after.
    pub(super) fn read(of: Kind, paths: &[PathBuf]) -> Result<Self, String> {
        let mut inventory = Self::default();
        for path in paths {
            inventory
                .add(of, path)
                .map_err(|error| format!("the inventory `{}` cannot be read: {error}", path.display()))?;
        }
        Ok(inventory)
    }

    fn add(&mut self, of: Kind, path: &Path) -> Result<(), String> {
        self.counts.begin();
        let file = File::open(path).map_err(|error| error.to_string())?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| error.to_string())?;
            if line.len() > LINE_LIMIT {
                return Err("a line is too long".to_owned());
            }
            let line = String::from_utf8_lossy(&line);
            if of == Kind::Rdb {
                self.counts.take(&line);
            } else {
                self.take(&line);
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &str) {
        let (key, value) = line.split_once('\t').unwrap_or((line, ""));
        let Some((kind, name)) = key.split_once('.') else {
            return;
        };
        let name = unescaped(name);
        if kind == "rows" {
            self.rows.push((name, value.to_owned()));
        } else if SURE.contains(&kind) || TYPED.contains(&kind) {
            self.things.push((kind.to_owned(), name));
        }
    }

    /// Says what is wrong with a stream that should hold all of this, and nothing outside of one database. Keeps among its facts how it was
    /// held, where that depends on the hour.
    pub(super) fn hold(&self, of: Kind, facts: &mut CheckFacts) -> Result<(), String> {
        if of == Kind::Rdb {
            let held = self.counts.hold(facts.keys())?;
            facts.insert("keys-held-to-the-server", &held);
            return Ok(());
        }
        let definitions = facts.definitions();
        if let Some(statement) = definitions.elsewhere() {
            return Err(format!(
                "it is no dump of one database: `{}` stands in it",
                statement.escape_debug()
            ));
        }
        let mut missing = Vec::new();
        for kind in SURE.iter().chain(&TYPED) {
            let none = BTreeSet::new();
            let there = definitions.names(kind).unwrap_or(&none);
            let expected: BTreeSet<&String> = self
                .things
                .iter()
                .filter_map(|(of, name)| (of == kind).then_some(name))
                .collect();
            if TYPED.contains(kind) && there.len() >= expected.len() {
                continue;
            }
            let absent = absent(&expected, there).into_iter();
            missing.extend(absent.map(|name| format!("{kind} `{}`", name.escape_debug())));
        }
        if !missing.is_empty() {
            let more = missing.len().saturating_sub(NAMED);
            missing.truncate(NAMED);
            let more = if more == 0 {
                String::new()
            } else {
                format!(" and {more} more")
            };
            return Err(format!(
                "the server has what is not in it: {}{more}",
                missing.join(", ")
            ));
        }
        for (table, rows) in &self.rows {
            let key = FactKey::encoded(&format!("rows.{table}"));
            let counted = key.ok().and_then(|key| facts.content().get(&String::from(key)));
            if let Some(counted) = counted
                && counted != rows
            {
                return Err(format!(
                    "the server counts {} rows in `{}`, and it holds {counted}",
                    rows.escape_debug(),
                    table.escape_debug()
                ));
            }
        }
        Ok(())
    }
}

/// Returns the names that are not there. One may be there in other letters, which then stands for that one alone: where case counts,
/// `Orders` and `orders` are two.
fn absent<'a>(expected: &BTreeSet<&'a String>, there: &BTreeSet<String>) -> Vec<&'a String> {
    let mut in_other_letters: BTreeMap<String, usize> = BTreeMap::new();
    for name in there.iter().filter(|name| !expected.contains(name)) {
        *in_other_letters.entry(name.to_lowercase()).or_default() += 1;
    }
    let mut absent = Vec::new();
    for name in expected.iter().filter(|name| !there.contains(**name)) {
        match in_other_letters.get_mut(&name.to_lowercase()) {
            Some(left) if *left > 0 => *left -= 1,
            _ => absent.push(*name),
        }
    }
    absent
}

/// What the client prints as `\t`, `\n`, `\\` in a column is that sign.
pub(super) fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let next = if character == '\\' {
            characters.next()
        } else {
            None
        };
        plain.push(match next {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('0') => '\0',
            Some(other) => other,
            None => character,
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "-- MariaDB dump 10.19\n\
        CREATE DATABASE `d` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; USE `d`;\n\
        /*!40101 SET NAMES utf8mb4 */;\n\
        DROP TABLE IF EXISTS `t`;\nCREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB;\n\
        INSERT INTO `t` VALUES (1),(2);\n\
        /*!50001 CREATE VIEW `v` AS SELECT 1 AS `a`*/;\n\
        DELIMITER ;;\n/*!50003 SET sql_mode = '' */ ;;\n/*!50003 CREATE*/ /*!50003 TRIGGER g before insert on t for each row set @a=1 */;;\n\
        DELIMITER ;\n\
        ALTER DATABASE `d` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;\n\
        /*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 AS `a` */;\n\
        CREATE SEQUENCE `s\\t` start with 1;\n\
        -- Dump completed\n";

    fn held(dump: &str, inventory: &[&str]) -> Result<(), String> {
        let mut expected = Inventory::default();
        for line in inventory {
            expected.take(line);
        }
        let mut check = Kind::Mysql.stream_check();
        for piece in dump.as_bytes().chunks(7) {
            check.feed(piece);
        }
        expected.hold(Kind::Mysql, &mut check.finish().unwrap())
    }

    #[test]
    fn a_dump_that_holds_what_the_server_has_is_good() {
        let inventory = [
            "collation\tutf8mb4",
            "table.t\tInnoDB",
            "view.v\tyes",
            "sequence.s\\\\t\tyes",
            "trigger.G\tx",
            "rows.t\t2",
        ];
        assert_eq!(held(DUMP, &inventory), Ok(()));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (line, said) in [
            ("table.u\tInnoDB", "table `u`"),
            ("view.w\tyes", "view `w`"),
            ("procedure.p\tx", "procedure `p`"),
            ("rows.t\t3", "counts 3 rows in `t`, and it holds 2"),
        ] {
            let reason = held(DUMP, &[line]).unwrap_err();
            assert!(reason.contains(said), "{line}: {reason}");
        }
        // What stands for a view is none.
        let cut = DUMP.replace("ALGORITHM=UNDEFINED", "");
        assert!(held(&cut, &["view.v\tyes"]).unwrap_err().contains("view `v`"));
    }

    /// A server tells names in the letters that it keeps, which may be those of neither its statement nor its dump.
    #[test]
    fn a_name_in_other_letters_stands_for_one() {
        let dump = DUMP.replace("`t`", "`orders`");
        assert_eq!(held(&dump, &["table.Orders\tInnoDB", "view.V\tyes"]), Ok(()));
        let reason = held(&dump, &["table.Orders\tInnoDB", "table.orders\tInnoDB"]).unwrap_err();
        assert!(reason.ends_with(": table `Orders`"), "{reason}");
        let reason = held(&dump, &["table.ORDERS\tInnoDB", "table.Orders\tInnoDB"]).unwrap_err();
        assert!(reason.ends_with(": table `Orders`"), "{reason}");
        let reason = held(&dump, &["trigger.G\tx", "trigger.g\tx"]).unwrap_err();
        assert!(reason.ends_with(": trigger `G`"), "{reason}");
    }

    /// Percona's mysqldump prepares what speeds RocksDB up.
    #[test]
    fn what_is_prepared_for_rocksdb_is_in_a_dump() {
        let around = "/*!50717 SET @rocksdb_get_is_supported = IF (@rocksdb_has_p_s_session_variables, 'SELECT 1', 'SELECT 0') */;\n\
            /*!50717 PREPARE s FROM @rocksdb_get_is_supported */;\n/*!50717 EXECUTE s */;\n/*!50717 DEALLOCATE PREPARE s */;\n\
            /*!50112 PREPARE s FROM @disable_bulk_load */;\n/*!50112 EXECUTE s */;\n/*!50112 DEALLOCATE PREPARE s */;\n";
        let dump = DUMP.replace("DROP TABLE", &format!("{around}DROP TABLE"));
        assert_eq!(held(&dump, &["table.t\tInnoDB", "rows.t\t2"]), Ok(()));
    }

    #[test]
    fn what_reaches_out_of_the_database_is_refused() {
        let trailer = "-- Dump completed\n";
        for statement in [
            "USE `d`;",
            "USE other;",
            "CREATE DATABASE `e`;",
            "/*!40000 DROP DATABASE IF EXISTS `d`*/;",
            "DROP SCHEMA d;",
            "ALTER DATABASE `e` CHARACTER SET latin1 COLLATE latin1_bin;",
            "\\! id\n;",
            "source /etc/passwd\n;",
            "system id;",
            "INSERT INTO `e`.`t` VALUES (1);",
            "INSERT INTO `t` SELECT 1;",
            "CREATE TABLE `e`.`t` (a INT);",
            "GRANT ALL ON *.* TO x;",
            "DELETE FROM `t`;",
            "CREATE USER x;",
            "/*!50717 PREPARE s FROM @another */;",
            "/*!50717 PREPARE s FROM 'DROP DATABASE d' */;",
            "/*!50717 EXECUTE s USING @a */;",
            "/*!50717 DEALLOCATE PREPARE t */;",
            "EXECUTE s;",
        ] {
            let dump = DUMP.replace(trailer, &format!("{statement}\n{trailer}"));
            let reason = held(&dump, &[]).unwrap_err();
            assert!(
                reason.starts_with("it is no dump of one database"),
                "{statement}: {reason}"
            );
        }
    }
}
