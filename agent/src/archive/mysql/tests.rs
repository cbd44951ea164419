//! Properties: whatever rows a table has, a dump of it tells how many, wherever its pieces are cut.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::fixtures::fixture;
use super::super::{CheckFacts, Kind};

/// A value of a row.
#[derive(Debug, Clone)]
enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A table and its rows.
#[derive(Debug, Clone)]
struct Table {
    rows: Vec<Vec<Value>>,
    /// Rows per statement.
    extent: usize,
    verb: &'static str,
}

/// Pieces of text that look like something else.
const PIECES: [&str; 22] = [
    "),(",
    "'",
    "''",
    "\\",
    "\\'",
    "\"",
    "`",
    ";",
    ";\n",
    "\n",
    "\u{0}",
    "--",
    "-- Dump completed on 2024-01-01  1:00:00",
    "/*",
    "*/",
    "/*!50001 CREATE TABLE `x`",
    "INSERT INTO `a` VALUES (1);",
    "DELIMITER ;;\n",
    "CREATE TABLE `x` (",
    "größe 🙂",
    "a",
    " ",
];

fn text() -> impl Strategy<Value = String> {
    vec(prop::sample::select(&PIECES[..]), 0..6).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Number),
        text().prop_map(Value::Text),
        vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
    ]
}

fn table() -> impl Strategy<Value = Table> {
    let verb = prop::sample::select(
        &[
            "INSERT INTO",
            "INSERT IGNORE INTO",
            "REPLACE INTO",
            "INSERT  IGNORE INTO",
        ][..],
    );
    (vec(vec(value(), 1..4), 0..12), 1..5_usize, verb).prop_map(|(rows, extent, verb)| Table {
        rows,
        extent,
        verb,
    })
}

/// Escapes a text as `mysql_real_escape_string` does.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{1a}' => out.push_str("\\Z"),
            '\\' | '\'' | '"' => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out
}

/// Writes tables as `mysqldump` does.
fn dump(tables: &BTreeMap<String, Table>, raw_binary: bool) -> Vec<u8> {
    let mut out = b"-- MySQL dump 10.13  Distrib 8.0.36\n/*!40101 SET NAMES utf8mb4 */;\n".to_vec();
    for (name, table) in tables {
        let quoted = format!("`{}`", name.replace('`', "``"));
        let comment = "it''s `q`; CREATE TABLE `nobody` (";
        let mut text = format!(
            "DROP TABLE IF EXISTS {quoted};\nCREATE TABLE {quoted} (\n  `a``(` int DEFAULT 'x''\\\\' COMMENT '{comment}'\n) ENGINE=InnoDB;\n"
        );
        let _ = write!(
            text,
            "LOCK TABLES {quoted} WRITE;\n/*!40000 ALTER TABLE {quoted} DISABLE KEYS */;\n"
        );
        out.extend_from_slice(text.as_bytes());
        for rows in table.rows.chunks(table.extent) {
            out.extend_from_slice(format!("{} {quoted} VALUES ", table.verb).as_bytes());
            for (index, row) in rows.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"(" } else { b",\n(" });
                for (index, value) in row.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_value(&mut out, value, raw_binary);
                }
                out.push(b')');
            }
            out.extend_from_slice(b";\n");
        }
        out.extend_from_slice(b"UNLOCK TABLES;\n");
    }
    out.extend_from_slice(b"DELIMITER ;;\nCREATE PROCEDURE `p`() BEGIN INSERT INTO `a` VALUES (1),(2); -- it's\nEND ;;\nDELIMITER ;\n\n-- Dump completed on 2024-03-01  3:07:09\n");
    out
}

fn write_value(out: &mut Vec<u8>, value: &Value, raw_binary: bool) {
    match value {
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Text(text) => out.extend_from_slice(format!("'{}'", escaped(text)).as_bytes()),
        Value::Bytes(bytes) if raw_binary => {
            out.extend_from_slice(b"_binary '");
            for byte in bytes {
                match byte {
                    0 => out.extend_from_slice(b"\\0"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'\\' | b'\'' | b'"' => out.extend_from_slice(&[b'\\', *byte]),
                    byte => out.push(*byte),
                }
            }
            out.push(b'\'');
        }
        Value::Bytes(bytes) => {
            out.extend_from_slice(if bytes.is_empty() { b"''" } else { b"0x" });
            bytes
                .iter()
                .for_each(|byte| out.extend_from_slice(format!("{byte:02X}").as_bytes()));
        }
    }
}

/// Returns the rows of each table.
fn content(facts: &CheckFacts) -> BTreeMap<String, String> {
    let rows = facts.content().iter().filter(|(key, _)| key.starts_with("rows."));
    rows.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn counted(dump: &[u8], pieces: &[usize]) -> Result<BTreeMap<String, String>, String> {
    let mut check = Kind::Mysql.stream_check();
    let mut rest = dump;
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at((*piece).min(rest.len()));
        check.feed(now);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    check.finish().map(|facts| content(&facts))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn rows_are_counted_whatever_they_hold(
        tables in prop::collection::btree_map("[a-z`\"' );ß]{1,8}", table(), 0..4),
        pieces in vec(1..40_usize, 1..6),
        raw_binary in any::<bool>(),
    ) {
        let expected: BTreeMap<_, _> = tables.iter().map(|(name, table)| {
            let mut facts = CheckFacts::default();
            facts.insert_content("rows", name, table.rows.len() as u64);
            content(&facts).pop_first().unwrap()
        }).collect();
        prop_assert_eq!(counted(&dump(&tables, raw_binary), &pieces), Ok(expected));
    }

    #[test]
    fn no_bytes_make_it_stumble(bytes in vec(any::<u8>(), 0..300), pieces in vec(1..20_usize, 1..4)) {
        counted(&bytes, &pieces).unwrap_err();
    }
}

fn rows_of(statements: &str) -> Vec<(String, String)> {
    let dump = format!("-- MariaDB dump 10.19\n{statements}\n-- Dump completed\n");
    counted(dump.as_bytes(), &[7]).unwrap().into_iter().collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn the_rows_of_real_dumps_are_counted() {
    let whole = |name: &str| counted(&fixture(name), &[4096]).unwrap();
    assert_eq!(
        whole("mariadb-app.sql").into_iter().collect::<Vec<_>>(),
        [pair("rows.t", "101")]
    );
    assert_eq!(
        whole("mariadb-undated.sql").into_iter().collect::<Vec<_>>(),
        [pair("rows.t", "101")]
    );
    assert!(
        whole("mariadb-accounts.sql")
            .keys()
            .all(|key| !key.starts_with("rows.t"))
    );
}

#[test]
fn what_has_no_rows_is_not_counted() {
    assert_eq!(
        rows_of(
            "/*!50001 CREATE TABLE `view` (\n `a` tinyint NOT NULL\n) ENGINE=MyISAM */;
             CREATE SEQUENCE `numbers` start with 1; INSERT INTO `numbers` VALUES (1,2,3);
             CREATE TABLE `all` (a int) ENGINE=MRG_MyISAM UNION=(`t`);
             CREATE TABLE IF NOT EXISTS `t` (`engine` int, a decimal(2,1) DEFAULT 1.5) ENGINE=InnoDB;
             CREATE VIEW v AS SELECT 1; SELECT 'INSERT INTO `t` VALUES (1)';"
        ),
        [pair("rows.t", "0")]
    );
}

#[test]
fn every_form_of_insert_is_counted() {
    assert_eq!(
        rows_of(
            "INSERT INTO `t` (`a`, `values`) VALUES (1,2),(3,4);\nREPLACE  INTO t VALUES (5,6);
             insert ignore into `d`.`t` values (1,2);INSERT INTO `t` VALUES (7,8);"
        ),
        [pair("rows..t", "4"), pair("rows.d.t", "1")]
    );
}

#[test]
fn tables_of_several_databases_are_told_apart() {
    assert_eq!(
        rows_of(
            "USE `a`; CREATE TABLE `t` (i int); INSERT INTO `t` VALUES (1); USE `b`; CREATE TABLE `t` (i int);"
        ),
        [pair("rows.a.t", "1"), pair("rows.b.t", "0")]
    );
}

#[test]
fn a_dump_that_ends_within_a_statement_is_not_complete() {
    for cut in [
        "CREATE TABLE `t` (a int)",
        "INSERT INTO `t` VALUES (1,'",
        "DELIMITER ;;\nCREATE PROCEDURE p()\n",
        "/* ",
    ] {
        let dump = format!("-- MariaDB dump 10.19\n{cut}\n-- Dump completed on 2024-03-01  3:07:09\n");
        let error = counted(dump.as_bytes(), &[100]).unwrap_err();
        assert_eq!(error, "it ends within a statement", "{cut}");
    }
}
