//! What a statement of a dump is about: as many of its tokens as tell that are looked at, the others pass by.

use super::table_name::Naming;
use super::tables::Tables;
use super::token::Token;

/// A statement, as far as it has been read.
#[derive(Debug, Default)]
pub(super) enum Statement {
    /// Nothing of it yet.
    #[default]
    Nothing,
    /// `CREATE`, before the word that tells what.
    Create,
    /// `CREATE TABLE` and `CREATE SEQUENCE`.
    Creation(Creation),
    /// `INSERT` or `REPLACE`.
    Insertion(Naming),
    /// `USE`.
    Use,
    /// What has no rows in it.
    Other,
}

/// A table or a sequence that is made.
#[derive(Debug)]
pub(super) struct Creation {
    is_sequence: bool,
    name: Naming,
    engine: Engine,
}

/// The engine of a table, as far as it has been read.
#[derive(Debug)]
enum Engine {
    Unknown,
    Announced,
    Known(Vec<u8>),
}

/// What follows a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More tokens.
    Tokens,
    /// The rows of an `INSERT`.
    Values,
    /// The rest of a line of `DELIMITER`.
    Delimiter,
}

impl Statement {
    /// Takes the next token.
    pub(super) fn take(&mut self, token: Token<'_>, tables: &mut Tables) -> Next {
        if matches!(token, Token::Mark(b';')) {
            if let Statement::Creation(creation) = std::mem::take(self) {
                creation.finish(tables);
            }
            return Next::Tokens;
        }
        match self {
            Statement::Nothing => return self.begin(token),
            Statement::Create => self.create(token),
            Statement::Creation(creation) => creation.take(token),
            Statement::Insertion(name) => match token {
                Token::Word(word) if !name.is_awaited() && is(word, &["VALUES", "VALUE"]) => {
                    return Next::Values;
                }
                Token::Word(word) if name.is_awaited() && is(word, &INSERT_WORDS) => {}
                token => name.take(token),
            },
            Statement::Use => {
                if let Token::Word(database) | Token::Name(database) = token {
                    tables.enter(database);
                    *self = Statement::Other;
                }
            }
            Statement::Other => {}
        }
        Next::Tokens
    }

    /// Ends an `INSERT` with so many rows.
    pub(super) fn end_values(&mut self, rows: u64, tables: &mut Tables) {
        if let Statement::Insertion(name) = std::mem::take(self)
            && let Some(name) = name.name()
        {
            tables.insert(&name, rows);
        }
    }

    /// Returns whether nothing of a statement has been read.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Statement::Nothing)
    }

    fn begin(&mut self, token: Token<'_>) -> Next {
        *self = match token {
            Token::Word(word) if is(word, &["DELIMITER"]) => return Next::Delimiter,
            Token::Word(word) if is(word, &["INSERT", "REPLACE"]) => Statement::Insertion(Naming::default()),
            Token::Word(word) if is(word, &["CREATE"]) => Statement::Create,
            Token::Word(word) if is(word, &["USE"]) => Statement::Use,
            // `/*!50001 CREATE TABLE` stands for a view until that can be made.
            _ => Statement::Other,
        };
        Next::Tokens
    }

    fn create(&mut self, token: Token<'_>) {
        *self = match token {
            Token::Word(word) if is(word, &["OR", "REPLACE", "TEMPORARY"]) => Statement::Create,
            Token::Word(word) if is(word, &["TABLE", "SEQUENCE"]) => Statement::Creation(Creation {
                is_sequence: is(word, &["SEQUENCE"]),
                name: Naming::default(),
                engine: Engine::Unknown,
            }),
            _ => Statement::Other,
        };
    }
}

/// What may stand before the name of the table.
const INSERT_WORDS: [&str; 5] = ["INTO", "IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY"];

impl Creation {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Word(word) if self.name.is_awaited() && is(word, &["IF", "NOT", "EXISTS"]) => {}
            Token::Word(word) if !self.name.is_awaited() && is(word, &["ENGINE"]) => {
                self.engine = Engine::Announced;
            }
            Token::Word(engine) if matches!(self.engine, Engine::Announced) => {
                self.engine = Engine::Known(engine.to_vec());
            }
            token => self.name.take(token),
        }
    }

    fn finish(self, tables: &mut Tables) {
        match (self.name.name(), self.engine) {
            (None, _) => {}
            (Some(name), _) if self.is_sequence => tables.create_sequence(&name),
            (Some(name), Engine::Known(engine)) => tables.create(&name, Some(&engine)),
            (Some(name), _) => tables.create(&name, None),
        }
    }
}

fn is(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}
