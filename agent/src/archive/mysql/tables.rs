//! The tables of a dump and their rows.

use std::collections::BTreeMap;

use super::super::CheckFacts;
use super::super::definitions::Definitions;
use super::counter::Direction;
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
    /// The next number of each, as it is told.
    counters: BTreeMap<(String, String), Counter>,
    definitions: Definitions,
    /// How many statements have begun.
    statements: u64,
    /// The database that the first statement makes.
    made: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Table {
    /// A table with so many rows.
    Rows(u64),
    /// Rows that are no matter of the dump: a sequence, or a table whose rows lie elsewhere.
    #[default]
    Elsewhere,
}

/// What counts.
#[derive(Debug)]
enum Counter {
    /// The AUTO_INCREMENT of a table.
    Table(String),
    /// A sequence, the direction in which it goes, and the number, where the dump tells it.
    Sequence(Direction, Option<String>),
}

impl Tables {
    /// A statement begins.
    pub(super) fn begin(&mut self) {
        self.statements += 1;
    }

    /// A `CREATE DATABASE` statement: only an archive that begins with its own may hold one.
    pub(super) fn make(&mut self, database: &[u8]) {
        if self.statements == 1 {
            self.made = Some(text(database));
        } else {
            self.definitions.reach_elsewhere("CREATE DATABASE");
        }
    }

    /// A `USE` statement: only that of what was just made may be there.
    pub(super) fn enter(&mut self, database: &[u8]) {
        self.database = text(database);
        if self.statements != 2 || self.made.as_ref() != Some(&self.database) {
            self.definitions.reach_elsewhere("USE");
        }
    }

    /// An `ALTER DATABASE` statement, which dump programs put around routines.
    pub(super) fn alter(&mut self, database: &[u8]) {
        if self.made.as_deref() != Some(text(database).as_str()) {
            self.definitions.reach_elsewhere("ALTER DATABASE");
        }
    }

    /// What no dump of one database holds.
    pub(super) fn reach_elsewhere(&mut self, statement: &str) {
        self.definitions.reach_elsewhere(statement);
    }

    /// A thing that is no table.
    pub(super) fn define(&mut self, kind: &'static str, name: &str) {
        self.definitions.define(kind, name);
    }

    /// A `CREATE VIEW` statement with all that a view is.
    pub(super) fn create_view(&mut self, name: &TableName) {
        self.define_in_place("view", name);
    }

    /// A `CREATE TABLE` statement.
    pub(super) fn create(&mut self, name: &TableName, engine: Option<&[u8]>) {
        self.define_in_place("table", name);
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
    pub(super) fn create_sequence(&mut self, name: &TableName, direction: Direction) {
        self.define_in_place("sequence", name);
        self.put(name, Table::Elsewhere);
        self.count(name, Counter::Sequence(direction, None));
    }

    /// The number that a table gives next.
    pub(super) fn count_from(&mut self, name: &TableName, next: String) {
        // What lies elsewhere counts there.
        if self.tables.get(&self.key(name)) != Some(&Table::Elsewhere) {
            self.count(name, Counter::Table(next));
        }
    }

    /// The number that a sequence gives next.
    pub(super) fn go_on_from(&mut self, name: &TableName, next: String) {
        let key = self.key(name);
        if let Some(Counter::Sequence(_, told)) = self.counters.get_mut(&key) {
            *told = Some(next);
        }
    }

    /// An `INSERT` or `REPLACE` statement.
    pub(super) fn insert(&mut self, name: &TableName, rows: u64) {
        let key = self.key(name);
        if key.0 != self.database {
            self.definitions.reach_elsewhere("INSERT into another database");
        }
        match self.tables.get_mut(&key) {
            Some(Table::Rows(known)) => *known += rows,
            Some(Table::Elsewhere) => {}
            None => self.put(name, Table::Rows(rows)),
        }
    }

    /// Tells the rows of each table. The name of a database is told only where there are several.
    pub(super) fn tell(&self, facts: &mut CheckFacts) {
        facts.define(self.definitions.clone());
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
        for ((database, name), counter) in &self.counters {
            let name = if is_one {
                name.clone()
            } else {
                format!("{database}.{name}")
            };
            match counter {
                Counter::Table(next) => facts.insert_content("auto-increment", &name, next),
                Counter::Sequence(Direction::Down, Some(next)) => {
                    facts.insert_content("next-value", &name, format!("{next} and down"));
                }
                Counter::Sequence(_, Some(next)) => facts.insert_content("next-value", &name, next),
                Counter::Sequence(_, None) => {}
            }
        }
    }

    fn define_in_place(&mut self, kind: &'static str, name: &TableName) {
        if name
            .database
            .as_ref()
            .is_some_and(|database| *database != self.database)
        {
            self.definitions.reach_elsewhere("CREATE in another database");
        }
        self.definitions.define(kind, &name.table);
    }

    fn put(&mut self, name: &TableName, table: Table) {
        if self.tables.len() < LIMIT {
            let key = self.key(name);
            self.tables.insert(key, table);
        }
    }

    fn count(&mut self, name: &TableName, counter: Counter) {
        if self.counters.len() < LIMIT {
            let key = self.key(name);
            self.counters.insert(key, counter);
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
