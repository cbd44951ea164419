//! What a statement of a dump is about: as many of its tokens as tell that are looked at, the others pass by.

use super::bulk_load::Prepared;
use super::counter::{AutoIncrement, Call, Direction};
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
    /// `CREATE DATABASE`.
    Making,
    /// `DROP` or `ALTER`, before the word that tells what.
    Change { is_drop: bool },
    /// `ALTER DATABASE`.
    Altering,
    /// A comment that servers execute, before its first word.
    Conditional,
    /// Such a comment that makes something.
    View(View),
    /// Such a comment that prepares or executes a statement.
    Prepared(Prepared),
    /// `DO` or `SELECT`.
    Call(Call),
    /// What has no rows in it.
    Other,
}

/// A table or a sequence that is made.
#[derive(Debug)]
pub(super) struct Creation {
    is_sequence: bool,
    name: Naming,
    engine: Engine,
    counter: AutoIncrement,
    direction: Direction,
}

/// What a comment that servers execute makes. One without `ALGORITHM` stands for a view until that can be made.
#[derive(Debug, Default)]
pub(super) struct View {
    has_algorithm: bool,
    is_view: bool,
    name: Naming,
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
            match std::mem::take(self) {
                Statement::Creation(creation) => creation.finish(tables),
                Statement::View(view) => view.finish(tables),
                Statement::Call(call) => call.finish(tables),
                Statement::Prepared(prepared) if !prepared.is_bulk_load() => {
                    tables.reach_elsewhere("PREPARE");
                }
                Statement::Insertion(_) => tables.reach_elsewhere("INSERT without rows"),
                _ => {}
            }
            return Next::Tokens;
        }
        match self {
            Statement::Nothing => {
                tables.begin();
                return self.begin(token, tables);
            }
            Statement::Create => self.create(token, tables),
            Statement::Creation(creation) => creation.take(token),
            Statement::Conditional => self.begin_conditional(token, tables),
            Statement::View(view) => view.take(token),
            Statement::Prepared(prepared) => prepared.take(token),
            Statement::Call(call) => call.take(token),
            Statement::Change { is_drop } => {
                let is_drop = *is_drop;
                self.change(is_drop, token, tables);
            }
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
            Statement::Making => match token {
                Token::Word(word) if is(word, &["IF", "NOT", "EXISTS"]) => {}
                Token::Word(database) | Token::Name(database) => {
                    tables.make(database);
                    *self = Statement::Other;
                }
                _ => {}
            },
            Statement::Altering => {
                if let Token::Word(database) | Token::Name(database) = token {
                    tables.alter(database);
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

    fn begin(&mut self, token: Token<'_>, tables: &mut Tables) -> Next {
        *self = match token {
            Token::Word(word) if is(word, &["DELIMITER"]) => return Next::Delimiter,
            Token::Word(word) if is(word, &["INSERT", "REPLACE"]) => Statement::Insertion(Naming::default()),
            Token::Word(word) if is(word, &["CREATE"]) => Statement::Create,
            Token::Word(word) if is(word, &["USE"]) => Statement::Use,
            Token::Word(word) if is(word, &["DROP"]) => Statement::Change { is_drop: true },
            Token::Word(word) if is(word, &["ALTER"]) => Statement::Change { is_drop: false },
            Token::Word(word) if is(word, &["DO", "SELECT"]) => Statement::Call(Call::default()),
            Token::Word(word) if is(word, &OTHERS) => Statement::Other,
            Token::Conditional => Statement::Conditional,
            Token::Word(word) => {
                tables.reach_elsewhere(&String::from_utf8_lossy(&word[..word.len().min(64)]));
                Statement::Other
            }
            Token::Mark(mark) => {
                tables.reach_elsewhere(&char::from(mark).to_string());
                Statement::Other
            }
            Token::Name(_) | Token::Text => {
                tables.reach_elsewhere("a text");
                Statement::Other
            }
        };
        Next::Tokens
    }

    /// The first word within a comment that servers execute. `/*!50001 CREATE TABLE` stands for a view until that can be made.
    fn begin_conditional(&mut self, token: Token<'_>, tables: &mut Tables) {
        *self = match token {
            Token::Word(word) if is(word, &["CREATE"]) => Statement::View(View::default()),
            Token::Word(word) if is(word, &["USE"]) => Statement::Use,
            Token::Word(word) if is(word, &["DROP"]) => Statement::Change { is_drop: true },
            Token::Word(word) if is(word, &["ALTER"]) => Statement::Change { is_drop: false },
            Token::Word(word) if is(word, &OTHERS) => Statement::Other,
            Token::Word(word) if is(word, &["PREPARE", "EXECUTE", "DEALLOCATE"]) => {
                let mut prepared = Prepared::default();
                prepared.take(token);
                Statement::Prepared(prepared)
            }
            _ => {
                tables.reach_elsewhere("a comment that servers execute");
                Statement::Other
            }
        };
    }

    fn change(&mut self, is_drop: bool, token: Token<'_>, tables: &mut Tables) {
        *self = Statement::Other;
        let Token::Word(word) = token else { return };
        if !is(word, &["DATABASE", "SCHEMA"]) {
            return;
        }
        if is_drop {
            tables.reach_elsewhere("DROP DATABASE");
        } else {
            *self = Statement::Altering;
        }
    }

    fn create(&mut self, token: Token<'_>, tables: &mut Tables) {
        *self = match token {
            Token::Word(word) if is(word, &["DATABASE", "SCHEMA"]) => Statement::Making,
            Token::Word(word) if is(word, &["USER", "ROLE", "SERVER", "TABLESPACE"]) => {
                tables.reach_elsewhere("CREATE of what is in no database");
                Statement::Other
            }
            Token::Word(word) if is(word, &["OR", "REPLACE", "TEMPORARY"]) => Statement::Create,
            Token::Word(word) if is(word, &["TABLE", "SEQUENCE"]) => Statement::Creation(Creation {
                is_sequence: is(word, &["SEQUENCE"]),
                name: Naming::default(),
                engine: Engine::Unknown,
                counter: AutoIncrement::default(),
                direction: Direction::default(),
            }),
            _ => Statement::Other,
        };
    }
}

/// How other statements of dumps begin.
const OTHERS: [&str; 6] = ["SET", "LOCK", "UNLOCK", "COMMIT", "DO", "SELECT"];

/// What may stand before the name of the table.
const INSERT_WORDS: [&str; 5] = ["INTO", "IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY"];

impl View {
    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Word(word) if !self.is_view && is(word, &["ALGORITHM"]) => self.has_algorithm = true,
            Token::Word(word) if !self.is_view && is(word, &["VIEW"]) => self.is_view = true,
            token if self.is_view => self.name.take(token),
            _ => {}
        }
    }

    fn finish(self, tables: &mut Tables) {
        if self.has_algorithm
            && let Some(name) = self.name.name()
        {
            tables.create_view(&name);
        }
    }
}

impl Creation {
    fn take(&mut self, token: Token<'_>) {
        self.counter.take(token);
        if self.is_sequence {
            self.direction.take(token);
        }
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
        let Some(name) = self.name.name() else { return };
        if self.is_sequence {
            tables.create_sequence(&name, self.direction);
            return;
        }
        let engine = match &self.engine {
            Engine::Known(engine) => Some(engine.as_slice()),
            _ => None,
        };
        tables.create(&name, engine);
        // A table of ARCHIVE is restored without its counter, or it takes no rows.
        let is_archive = engine.is_some_and(|engine| engine.eq_ignore_ascii_case(b"ARCHIVE"));
        if let Some(next) = self.counter.next().filter(|_| !is_archive) {
            tables.count_from(&name, next);
        }
    }
}

fn is(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}
