//! The name of a table as a statement gives it: `table` or `database`.`table`.

use super::token::Token;

/// The name of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    /// The database, where the statement names one.
    pub(super) database: Option<String>,
    /// The table.
    pub(super) table: String,
}

/// The name of a table, as far as it has been read.
#[derive(Debug, Default)]
pub(super) enum Naming {
    /// Nothing of it yet.
    #[default]
    Awaited,
    /// A name: the table's, unless a dot follows.
    Named(TableName),
    /// A name and a dot: it was the database's.
    Dotted(TableName),
    /// All of it.
    Complete(TableName),
}

impl Naming {
    /// Takes the next token, which may belong to the name or be the first one after it.
    pub(super) fn take(&mut self, token: Token<'_>) {
        *self = match (std::mem::take(self), token) {
            (Naming::Awaited, Token::Word(name) | Token::Name(name)) => Naming::Named(TableName {
                database: None,
                table: text(name),
            }),
            (Naming::Awaited, _) => Naming::Awaited,
            (Naming::Named(name), Token::Mark(b'.')) => Naming::Dotted(name),
            (Naming::Dotted(database), Token::Word(name) | Token::Name(name)) => {
                Naming::Complete(TableName {
                    database: Some(database.table),
                    table: text(name),
                })
            }
            (Naming::Named(name) | Naming::Dotted(name) | Naming::Complete(name), _) => {
                Naming::Complete(name)
            }
        };
    }

    /// Returns whether nothing of it has been read.
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self, Naming::Awaited)
    }

    /// Returns the name.
    pub(super) fn name(self) -> Option<TableName> {
        match self {
            Naming::Awaited => None,
            Naming::Named(name) | Naming::Dotted(name) | Naming::Complete(name) => Some(name),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
