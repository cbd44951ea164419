//! A part of a dump alone. Databases that need each other, by views in a circle or by numbers of each other's sequences, are restored in turns: first
//! the sequences of all, then tables and what else is there, with what stands for views, at last the views.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::lexer::Statement;

/// What of a dump is handed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// All of it.
    #[default]
    Whole,
    /// Sequences.
    Sequences,
    /// All but views.
    Tables,
    /// Views.
    Views,
}

impl FromStr for Stage {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "sequences" => Ok(Self::Sequences),
            "tables" => Ok(Self::Tables),
            "views" => Ok(Self::Views),
            _ => Err(()),
        }
    }
}

/// Picks the statements of a stage. What makes the database, and settings, belong to each.
#[derive(Debug, Default)]
pub(super) struct Choice {
    stage: Stage,
    /// What stands for a view until that can be made.
    stand_ins: BTreeSet<Vec<u8>>,
}

impl Choice {
    pub(super) fn of(stage: Stage) -> Self {
        Self {
            stage,
            stand_ins: BTreeSet::new(),
        }
    }

    /// Returns whether rows belong to it.
    pub(super) fn has_rows(&self) -> bool {
        matches!(self.stage, Stage::Whole | Stage::Tables)
    }

    /// Returns whether a statement belongs to it.
    pub(super) fn has(&mut self, statement: &Statement<'_>) -> bool {
        if self.stage == Stage::Whole
            || statement.is(0, "SET")
            || statement.is(0, "USE")
            || statement.has(0, &["CREATE", "DATABASE"])
        {
            return true;
        }
        let is_of_view = self.is_of_view(statement);
        let is_of_sequence = statement.is(1, "SEQUENCE") || statement.is(1, "SETVAL");
        match self.stage {
            Stage::Whole => true,
            Stage::Sequences => is_of_sequence,
            Stage::Tables => !is_of_view,
            Stage::Views => is_of_view,
        }
    }

    /// Whether it makes a view, or drops what stood for it. A view is made with an `ALGORITHM`; what stands for one is a view without, or
    /// a table within a comment that servers execute.
    fn is_of_view(&mut self, statement: &Statement<'_>) -> bool {
        let is_conditional = statement
            .tokens
            .first()
            .is_some_and(|token| token.conditional.is_some());
        let is_stand_in =
            statement.has(0, &["CREATE", "VIEW"]) || is_conditional && statement.has(0, &["CREATE", "TABLE"]);
        if is_stand_in && let Some(name) = statement.name(2) {
            self.stand_ins.insert(name);
            return false;
        }
        let is_drop = statement.has(0, &["DROP", "VIEW"]) || statement.has(0, &["DROP", "TABLE"]);
        is_drop
            && statement
                .name(4)
                .is_some_and(|name| self.stand_ins.contains(&name))
            || statement.has(0, &["CREATE", "ALGORITHM"])
    }
}
