//! The tables of a dump and their rows.

use std::collections::BTreeMap;

use super::super::CheckFacts;
use super::table_name::TableName;

/// More tables than anybody has in one dump; those beyond are not counted.
const LIMIT: usize = 200_000;

/// Engines of tables that only show what lies elsewhere. `--no-data-med`: dump programs leave their rows out.
pub(super) const ELSEWHERE: [&str; 8] = [
    "MRG_MyISAM",
    "MRG_ISAM",
    "MERGE",
    "FEDERATED",
    "CONNECT",
    "OQGRAPH",
    "SPIDER",
    "VP",
];

/// The tables that a dump has told of.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The database of the last `USE`; empty before one.
    database: String,
    tables: BTreeMap<(String, String), Table>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Table {
    /// A table with so many rows.
    Rows(u64),
    /// Rows that are no matter of the dump: a sequence, or a table whose rows lie elsewhere.
    #[default]
    Elsewhere,
}

impl Tables {
    /// A `USE` statement.
    pub(super) fn enter(&mut self, database: &[u8]) {
        self.database = text(database);
    }

    /// A `CREATE TABLE` statement.
    pub(super) fn create(&mut self, name: &TableName, engine: Option<&[u8]>) {
        let elsewhere = engine.is_some_and(|engine| {
            ELSEWHERE
                .iter()
                .any(|one| engine.eq_ignore_ascii_case(one.as_bytes()))
        });
        self.put(
            name,
            if elsewhere {
                Table::Elsewhere
            } else {
                Table::Rows(0)
            },
        );
    }

    /// A `CREATE SEQUENCE` statement. Earlier versions of MariaDB dump its state as a row.
    pub(super) fn create_sequence(&mut self, name: &TableName) {
        self.put(name, Table::Elsewhere);
    }

    /// An `INSERT` or `REPLACE` statement.
    pub(super) fn insert(&mut self, name: &TableName, rows: u64) {
        let key = self.key(name);
        match self.tables.get_mut(&key) {
            Some(Table::Rows(known)) => *known += rows,
            Some(Table::Elsewhere) => {}
            None => self.put(name, Table::Rows(rows)),
        }
    }

    /// Tells the rows of each table. The name of a database is told only where there are several.
    pub(super) fn tell(&self, facts: &mut CheckFacts) {
        let first = self.tables.keys().next().map(|(database, _)| database);
        let is_one = self.tables.keys().all(|(database, _)| Some(database) == first);
        for ((database, table), rows) in &self.tables {
            let Table::Rows(rows) = rows else { continue };
            if is_one {
                facts.insert_content("rows", table, *rows);
            } else {
                facts.insert_content("rows", &format!("{database}.{table}"), *rows);
            }
        }
    }

    fn put(&mut self, name: &TableName, table: Table) {
        if self.tables.len() < LIMIT {
            let key = self.key(name);
            self.tables.insert(key, table);
        }
    }

    fn key(&self, name: &TableName) -> (String, String) {
        let database = name.database.as_ref().unwrap_or(&self.database);
        (database.clone(), name.table.clone())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
