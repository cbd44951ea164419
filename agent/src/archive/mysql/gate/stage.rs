//! Parts of a dump alone. Databases that need each other, by views in a circle or by numbers of each other's sequences, are restored in turns: first
//! the sequences of all, then tables and what else is there, with what stands for views, at last the views. And what runs with the rights of
//! somebody else is made in another session than tables and rows are.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::lexer::Statement;

/// A part of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Sequences.
    Sequences,
    /// Tables and their rows.
    Tables,
    /// Routines, triggers and events, and what stands for views until they can be made.
    Programs,
    /// Views.
    Views,
    /// Before the rows of each table a statement that prints its name, and before whatever makes something one that prints its number.
    Names,
}

/// Which parts of a dump are handed on, and behind which of its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stage {
    parts: u8,
    /// The statements that a server has refused.
    refused: Vec<u64>,
    /// How what is printed begins; as usual when it is empty.
    mark: String,
}

impl Part {
    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Stage {
    /// All of it, as it is.
    pub(crate) const WHOLE: Self = Self {
        parts: 0b1111,
        refused: Vec::new(),
        mark: String::new(),
    };

    /// Nothing but settings, for one who only looks.
    pub(crate) const NOTHING: Self = Self {
        parts: 0,
        refused: Vec::new(),
        mark: String::new(),
    };

    /// Returns what comes behind the last of the statements of these numbers, which a server has refused: those before it were handed on already, and
    /// when one was about a table, nothing more can be done with that.
    pub(crate) fn behind(self, refused: Vec<u64>) -> Self {
        Self { refused, ..self }
    }

    /// Returns the same with a word before whatever is printed, which no value can know.
    pub(crate) fn marked(self, mark: String) -> Self {
        Self { mark, ..self }
    }

    fn has(&self, part: Part) -> bool {
        self.parts & part.bit() != 0
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl FromStr for Stage {
    type Err = ();

    /// Reads names of parts with commas between them.
    fn from_str(words: &str) -> Result<Self, Self::Err> {
        words.split(',').try_fold(Self::NOTHING, |stage, word| {
            let part = match word {
                "sequences" => Part::Sequences,
                "tables" => Part::Tables,
                "programs" => Part::Programs,
                "views" => Part::Views,
                "names" => Part::Names,
                _ => return Err(()),
            };
            Ok(Self {
                parts: stage.parts | part.bit(),
                ..stage
            })
        })
    }
}

/// Picks the statements of a stage. What makes the database, and settings, belong to each.
#[derive(Debug, Default)]
pub(super) struct Choice {
    stage: Stage,
    /// What stands for a view until that can be made.
    stand_ins: BTreeSet<Vec<u8>>,
    /// Whether there was anything besides tables, rows and sequences.
    has_seen_programs: bool,
    /// The tables that were refused, or whose rows were.
    refused: BTreeSet<Vec<u8>>,
}

impl Choice {
    pub(super) fn of(stage: Stage) -> Self {
        Self {
            stage,
            ..Self::default()
        }
    }

    /// Returns whether rows for a table belong to it, whose statement has this number.
    pub(super) fn has_rows_of(&mut self, table: &[u8], number: u64) -> bool {
        let is_past = self.is_past(number, Some(table));
        self.stage.has(Part::Tables) && !is_past
    }

    /// How what is printed begins.
    pub(super) fn mark(&self) -> &str {
        if self.stage.mark.is_empty() {
            "batt"
        } else {
            &self.stage.mark
        }
    }

    /// Returns whether the names of tables are printed.
    pub(super) fn has_names(&self) -> bool {
        self.stage.has(Part::Names)
    }

    /// Returns whether there was anything besides tables, rows and sequences.
    pub(super) fn has_seen_programs(&self) -> bool {
        self.has_seen_programs
    }

    /// Returns whether a statement belongs to it, which has this number.
    pub(super) fn has(&mut self, statement: &Statement<'_>, number: u64) -> bool {
        if is_everywhere(statement) {
            return true;
        }
        let part = self.part_of(statement);
        self.has_seen_programs |= matches!(part, Part::Programs | Part::Views);
        let is_past = self.is_past(number, table_of(statement).as_deref());
        self.stage.has(part) && !is_past
    }

    fn is_past(&mut self, number: u64, table: Option<&[u8]>) -> bool {
        if self.stage.refused.contains(&number) {
            self.refused.extend(table.map(<[u8]>::to_vec));
        }
        let is_behind = self.stage.refused.iter().all(|refused| number > *refused);
        !is_behind || table.is_some_and(|table| self.refused.contains(table))
    }

    fn part_of(&mut self, statement: &Statement<'_>) -> Part {
        if let Some(part) = self.of_view(statement) {
            return part;
        }
        let is_of_sequence = statement.is(1, "SEQUENCE") || statement.is(1, "SETVAL");
        let is_of_table = statement.is(1, "TABLE")
            || statement.is(1, "TABLES")
            || statement.is(0, "INSERT")
            || statement.is(0, "REPLACE")
            || statement.is(0, "COMMIT");
        if is_of_sequence {
            Part::Sequences
        } else if is_of_table {
            Part::Tables
        } else {
            Part::Programs
        }
    }

    /// What makes a view, or what stands for it, or drops one of them. A view is made with an `ALGORITHM`; what stands for one is a view without, or
    /// a table within a comment that servers execute.
    fn of_view(&mut self, statement: &Statement<'_>) -> Option<Part> {
        let is_conditional = statement
            .tokens
            .first()
            .is_some_and(|token| token.conditional.is_some());
        let is_stand_in =
            statement.has(0, &["CREATE", "VIEW"]) || is_conditional && statement.has(0, &["CREATE", "TABLE"]);
        if is_stand_in && let Some(name) = statement.name(2) {
            self.stand_ins.insert(name);
            return Some(Part::Programs);
        }
        let is_drop = statement.has(0, &["DROP", "VIEW"]) || statement.has(0, &["DROP", "TABLE"]);
        let ends_stand_in = is_drop
            && statement
                .name(4)
                .is_some_and(|name| self.stand_ins.contains(&name));
        if ends_stand_in || statement.has(0, &["CREATE", "ALGORITHM"]) {
            return Some(Part::Views);
        }
        statement.has(0, &["DROP", "VIEW"]).then_some(Part::Programs)
    }
}

/// Returns whether a statement belongs to each part: a setting, or what makes the database.
pub(super) fn is_everywhere(statement: &Statement<'_>) -> bool {
    statement.is(0, "SET") || statement.is(0, "USE") || statement.has(0, &["CREATE", "DATABASE"])
}

/// Returns the table that a statement makes, or does something with.
fn table_of(statement: &Statement<'_>) -> Option<Vec<u8>> {
    let is_of_table = statement.is(1, "TABLE") || statement.is(1, "TABLES");
    let at = match () {
        () if !is_of_table => return None,
        () if statement.has(2, &["IF", "NOT", "EXISTS"]) => 5,
        () if statement.has(2, &["IF", "EXISTS"]) => 4,
        () => 2,
    };
    statement.name(at)
}
