//! What may reach a server when a dump is restored: only statements that a dump program writes for one database, or for the accounts.
//!
//! A statement is held back until it is known. What is known is what mariadb-dump and mysqldump write; whatever else stands in an
//! archive is not theirs, and stops the restore before the server has it. Bodies of routines, triggers, events and views are
//! whatever people wrote: they pass, once it is sure that they are one statement, which only makes something in the one database.
//!
//! The client cuts a text into statements by rules of its own, and the server reads what the client has cut by others. So both are
//! kept here: [`client`] finds the ends, [`lexer`] reads what is between, and what the two see differently does not pass.

mod accounts;
mod blocks;
mod client;
mod database;
mod insert;
mod lexer;
mod literals;
mod needs;
mod place;
mod session;
mod stage;
mod wide;

use database::Database;
use insert::Header;
use lexer::{Statement, Token};
use literals::{Literals, Progress};
pub(crate) use needs::Needs;
use session::Session;
use stage::Choice;
pub(crate) use stage::Stage;

use self::client::Delimiter;
use super::bulk_load::is_bulk_load;

/// The line by which MariaDB's client forbids itself commands.
const SANDBOX: [&[u8]; 2] = [
    b"/*M!999999\\- enable the sandbox mode */ \n",
    b"/*!999999\\- enable the sandbox mode */ \n",
];

/// The longest statement that is held back: rows are not, and nothing else is as long.
const LIMIT: usize = 4 << 20;
const INSERT: [&[u8]; 2] = [b"INSERT ", b"REPLACE "];
/// As much of a statement as is shown.
const SHOWN: usize = 80;

/// What a dump is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// One database.
    Database,
    /// Accounts, roles and what they may do.
    Accounts,
}

/// Hands a dump on, statement by statement.
#[derive(Debug)]
pub(crate) struct Gate {
    content: Content,
    session: Session,
    database: Database,
    delimiter: Delimiter,
    choice: Choice,
    /// What has come and is not handed on.
    held: Vec<u8>,
    /// The rows of an `INSERT` that are passing.
    rows: Option<Literals>,
    /// Whether they belong to what is handed on.
    are_chosen: bool,
    /// The table whose name was printed last, while its rows pass.
    named: Option<Vec<u8>>,
    /// What prints a name, and is to come before what passes next.
    naming: Vec<u8>,
    /// Whether what comes next begins a line.
    at_line: bool,
    statements: u64,
}

/// What stands at the beginning of what is held.
enum Part {
    /// More has to come to know it.
    Unknown,
    /// So many bytes that may pass as they are.
    Passes(usize),
    /// So many bytes in whose place these may pass.
    Becomes(usize, Vec<u8>),
    /// The head of an `INSERT`, of so many bytes.
    Rows(usize),
}

impl Gate {
    /// Returns a gate for a dump of this content.
    pub(crate) fn new(content: Content) -> Self {
        Self {
            content,
            session: Session::default(),
            database: Database::default(),
            delimiter: Delimiter::Usual,
            choice: Choice::default(),
            held: Vec::new(),
            rows: None,
            are_chosen: false,
            named: None,
            naming: Vec::new(),
            at_line: true,
            statements: 0,
        }
    }

    /// Hands a part of the dump on, and nothing of the rest, which is looked at all the same.
    pub(crate) fn only(mut self, stage: Stage) -> Self {
        self.choice = Choice::of(stage);
        self
    }

    /// Takes the next bytes, and appends to `passed` what may be handed on of all that has come.
    ///
    /// # Errors
    /// A statement that no dump program writes: which, and why. Nothing of it, and nothing after it, has passed.
    pub(crate) fn take(&mut self, bytes: &[u8], passed: &mut Vec<u8>) -> Result<(), String> {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let mut at = 0;
        let result = loop {
            if at == held.len() {
                break Ok(());
            }
            let are_left_out = self.rows.is_some() && !self.are_chosen;
            let part = self.part(&held[at..]);
            passed.append(&mut self.naming);
            match part {
                Ok(Part::Unknown) => break Ok(()),
                Ok(Part::Passes(length)) => {
                    if !are_left_out {
                        passed.extend_from_slice(&held[at..at + length]);
                    }
                    self.at_line = held[at + length - 1] == b'\n';
                    at += length;
                }
                Ok(Part::Rows(length)) => {
                    if self.are_chosen {
                        passed.extend_from_slice(&held[at..at + length]);
                    }
                    at += length;
                    self.rows = Some(Literals::default());
                }
                Ok(Part::Becomes(length, instead)) => {
                    passed.extend_from_slice(&instead);
                    self.at_line = false;
                    at += length;
                }
                Err(reason) => {
                    break Err(format!(
                        "statement {} is none of a dump: {reason}: `{}`",
                        self.statements,
                        self.shown(&held[at..])
                    ));
                }
            }
        };
        held.drain(..at);
        self.held = held;
        result
    }

    /// Returns what is wrong at the end of the dump.
    pub(crate) fn finish(&self) -> Result<(), String> {
        if self.rows.is_some() || self.held.iter().any(|byte| !byte.is_ascii_whitespace()) {
            return Err(format!(
                "it ends within a statement: `{}`",
                self.shown(&self.held)
            ));
        }
        Ok(())
    }

    /// What is shown of a statement. Values of rows, and what accounts get in with, are not for a message.
    fn shown(&self, statement: &[u8]) -> String {
        match self.content {
            _ if self.rows.is_some() => "rows".to_owned(),
            Content::Accounts => before_secrets(shown(statement)),
            Content::Database => shown(statement),
        }
    }

    /// Returns what all that has come needs besides rights on its database.
    pub(crate) fn needs(&self) -> Needs {
        let mut needs = self.database.needs().clone();
        needs.programs = self.choice.has_seen_programs();
        needs
    }

    fn part(&mut self, held: &[u8]) -> Result<Part, String> {
        if let Some(rows) = &mut self.rows {
            return match rows.take(held)? {
                Progress::More(taken) => Ok(Part::Passes(taken)),
                Progress::Ended(taken) => {
                    self.rows = None;
                    Ok(Part::Passes(taken))
                }
            };
        }
        if held[0] == b'\n' {
            return Ok(Part::Passes(1));
        }
        if self.at_line
            && let Some(part) = self.line(held)?
        {
            return Ok(part);
        }
        let Some(end) = client::end_of_statement(held, self.delimiter, self.session.lexing()) else {
            if held.len() > LIMIT {
                self.statements += 1;
                return Err("it has no end".to_owned());
            }
            return Ok(Part::Unknown);
        };
        self.statements += 1;
        if self.content == Content::Database && is_bulk_load(&held[..end.statement]) {
            return Ok(Part::Becomes(end.delimiter, Vec::new()));
        }
        self.session.reads_in_one_way(&held[..end.statement])?;
        let statement = Statement::read(&held[..end.statement], self.session.lexing())?;
        let instead = self.judge(&statement)?;
        if !self.choice.has(&statement, self.statements) {
            return Ok(Part::Becomes(end.delimiter, Vec::new()));
        }
        self.name(None);
        if let Some(what) = place::of(&statement) {
            self.tell_place(&what);
        }
        Ok(match instead {
            None => Part::Passes(end.delimiter),
            Some(mut instead) => {
                instead.extend_from_slice(&held[end.statement..end.delimiter]);
                Part::Becomes(end.delimiter, instead)
            }
        })
    }

    /// What is a line, or begins with one: a comment, a delimiter, the head of an `INSERT`.
    fn line(&mut self, held: &[u8]) -> Result<Option<Part>, String> {
        for word in [
            &b"-- "[..],
            b"--\n",
            b"DELIMITER ",
            INSERT[0],
            INSERT[1],
            SANDBOX[0],
            SANDBOX[1],
        ] {
            if held.len() < word.len() && word.starts_with(held) {
                return Ok(Some(Part::Unknown));
            }
        }
        if let Some(line) = SANDBOX.iter().find(|line| held.starts_with(line)) {
            return Ok(Some(Part::Passes(line.len())));
        }
        if INSERT.iter().any(|word| held.starts_with(word)) {
            return self.insert(held).map(Some);
        }
        let is_comment = held.starts_with(b"-- ") || held.starts_with(b"--\n");
        if !is_comment && !held.starts_with(b"DELIMITER ") {
            return Ok(None);
        }
        let Some(end) = memchr::memchr(b'\n', held) else {
            return if held.len() > LIMIT {
                Err("a comment has no end".to_owned())
            } else {
                Ok(Some(Part::Unknown))
            };
        };
        if !is_comment {
            self.delimiter = match &held[..end] {
                b"DELIMITER ;" => Delimiter::Usual,
                b"DELIMITER ;;" => Delimiter::Double,
                _ => return Err("a delimiter of its own".to_owned()),
            };
        }
        Ok(Some(Part::Passes(end + 1)))
    }

    fn insert(&mut self, held: &[u8]) -> Result<Part, String> {
        if self.content != Content::Database || self.delimiter != Delimiter::Usual {
            return Err("rows have no place here".to_owned());
        }
        match insert::header(held)? {
            None if held.len() > LIMIT => Err("it has no end".to_owned()),
            None => Ok(Part::Unknown),
            Some(Header { table, length }) => {
                self.statements += 1;
                self.session.is_usual()?;
                self.database.fill(&table)?;
                self.are_chosen = self.choice.has_rows_of(&table, self.statements);
                if self.are_chosen && self.named.as_ref() != Some(&table) {
                    self.tell_place(&place::of_rows(&table));
                }
                if self.are_chosen {
                    self.name(Some(&table));
                }
                Ok(Part::Rows(length))
            }
        }
    }

    /// Prints the name of the table whose rows come next, or that none do. What a server warns of belongs to what was named last.
    fn name(&mut self, table: Option<&[u8]>) {
        if !self.choice.has_names() || self.named.as_deref() == table {
            return;
        }
        self.named = table.map(<[u8]>::to_vec);
        let before = format!("SELECT '{}-rows ", self.choice.mark());
        self.naming.extend_from_slice(before.as_bytes());
        for byte in table.unwrap_or_default() {
            if matches!(byte, b'\'' | b'\\') {
                self.naming.push(*byte);
            }
            self.naming.push(*byte);
        }
        self.naming.push(b'\'');
        self.naming.extend_from_slice(self.delimiter.line());
    }

    /// Prints the number of the statement that comes next, and what it makes: the last one that is printed is the one that a server has refused.
    fn tell_place(&mut self, what: &str) {
        if !self.choice.has_names() {
            return;
        }
        let place = format!("SELECT '{}-at {} {what}'", self.choice.mark(), self.statements);
        self.naming.extend_from_slice(place.as_bytes());
        self.naming.extend_from_slice(self.delimiter.line());
    }

    /// Lets a statement pass, as it is or as another one, or says why not.
    fn judge(&mut self, statement: &Statement<'_>) -> Result<Option<Vec<u8>>, String> {
        if statement.tokens.is_empty() {
            return Err("there is nothing in it".to_owned());
        }
        if statement.is(0, "SET") && !statement.is(1, "DEFAULT") && !statement.is(1, "ROLE") {
            self.session.set(statement)?;
            return Ok(None);
        }
        match self.content {
            Content::Database => self.database.judge(statement, &self.session),
            Content::Accounts => accounts::judge(statement, &self.session).map(|()| None),
        }
    }
}

/// What is shown of a statement: its first line, and nothing of rows.
fn shown(statement: &[u8]) -> String {
    let part = &statement[..statement.len().min(4 * SHOWN)];
    let text = String::from_utf8_lossy(part);
    let end = if INSERT.iter().any(|word| part.starts_with(word)) {
        text.find('(').unwrap_or(text.len())
    } else {
        text.len()
    };
    text[..end]
        .trim_start()
        .chars()
        .take_while(|character| *character != '\n')
        .filter(|character| !character.is_control())
        .take(SHOWN)
        .collect()
}

/// What is shown of a statement about an account: nothing from where it tells how somebody gets in.
fn before_secrets(shown: String) -> String {
    let end = shown
        .to_ascii_uppercase()
        .find(" IDENTIFIED")
        .unwrap_or(shown.len());
    shown[..end].to_owned()
}

/// Returns whether a token is this word.
fn is_word(token: Option<&Token<'_>>, word: &str) -> bool {
    token.is_some_and(|token| token.is(word))
}

#[cfg(test)]
mod tests;
