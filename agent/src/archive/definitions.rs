//! What a stream defines, and whether all of that is in one database.

use std::collections::{BTreeMap, BTreeSet};

/// More things than anybody has in one dump; those beyond are not kept.
const LIMIT: usize = 400_000;

/// Tells whether things of a sort have the types of arguments behind their names, which a script and a dump write in different ways.
pub(crate) fn is_called(sort: &str) -> bool {
    matches!(sort, "aggregate" | "function" | "procedure")
}

/// The things that a stream defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Definitions {
    /// The names of each kind of things.
    things: BTreeMap<&'static str, BTreeSet<String>>,
    count: usize,
    elsewhere: Option<String>,
    counts_all_rows: bool,
}

impl Definitions {
    /// Keeps that a thing is defined.
    pub(crate) fn define(&mut self, kind: &'static str, name: &str) {
        if self.count < LIMIT && self.things.entry(kind).or_default().insert(name.to_owned()) {
            self.count += 1;
        }
    }

    /// Tells whether there may be things that were not kept.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= LIMIT
    }

    /// Keeps the first statement that is none of a dump of one database.
    pub(crate) fn reach_elsewhere(&mut self, statement: &str) {
        self.elsewhere.get_or_insert_with(|| statement.to_owned());
    }

    /// Returns the first statement that is none of a dump of one database.
    pub(crate) fn elsewhere(&self) -> Option<&str> {
        self.elsewhere.as_deref()
    }

    /// Keeps that the rows of each table that has data are counted.
    pub(crate) fn count_all_rows(&mut self) {
        self.counts_all_rows = true;
    }

    /// Tells whether the rows of each table that has data are counted.
    pub(crate) fn counts_all_rows(&self) -> bool {
        self.counts_all_rows
    }

    /// Returns the names of things of a kind.
    pub(crate) fn names(&self, kind: &str) -> Option<&BTreeSet<String>> {
        self.things.get(kind)
    }
}
