//! The statements of a dump of one database: they make what is in it, and nothing elsewhere.

use std::collections::BTreeSet;

use super::super::tables::ELSEWHERE;
use super::blocks::Body;
use super::is_word;
use super::lexer::{Kind, Statement, Token};
use super::needs::Needs;
use super::session::Session;

/// More tables than anybody has in one dump.
const TABLES: usize = 200_000;

/// What of the database has been made so far.
#[derive(Debug, Default)]
pub(super) struct Database {
    beginning: Beginning,
    /// Its name, where the dump has said it.
    name: Option<Vec<u8>>,
    /// The tables that rows can be put into, and nothing runs when they are.
    tables: BTreeSet<Vec<u8>>,
    needs: Needs,
}

/// How far a dump has come that may begin with what makes its database.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    #[default]
    Nothing,
    /// `CREATE DATABASE` has come, and `USE` has to follow.
    Made,
    Over,
}

impl Database {
    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Says why no rows can be put into a table.
    pub(super) fn fill(&self, table: &[u8]) -> Result<(), String> {
        if self.tables.contains(table) {
            Ok(())
        } else {
            Err("rows for a table that was not made just before, or that has a trigger".to_owned())
        }
    }

    /// Says why a statement is none of a dump of a database, or what shall pass in its place.
    pub(super) fn judge(
        &mut self,
        statement: &Statement<'_>,
        session: &Session,
    ) -> Result<Option<Vec<u8>>, String> {
        match std::mem::replace(&mut self.beginning, Beginning::Over) {
            Beginning::Nothing if statement.has(0, &["CREATE", "DATABASE"]) => {
                self.name = Some(named(statement)?);
                self.beginning = Beginning::Made;
                return Ok(None);
            }
            Beginning::Made => {
                let is_used =
                    statement.is(0, "USE") && statement.tokens.len() == 2 && statement.name(1) == self.name;
                return is_used
                    .then_some(None)
                    .ok_or_else(|| "it uses another database".to_owned());
            }
            Beginning::Nothing | Beginning::Over => {}
        }
        if statement.is(0, "CREATE") && !statement.is(1, "TABLE") && !statement.is(1, "SEQUENCE") {
            return self.create(statement, session).map(|()| None);
        }
        if statement.has_semicolon() {
            return Err("more than one statement".to_owned());
        }
        if statement.is(0, "CREATE") && statement.is(1, "TABLE") {
            session.is_usual()?;
            self.table(statement)?;
            return Ok(without_counter(statement));
        }
        if !statement.is_whole() {
            return Err("a statement in parts".to_owned());
        }
        if statement.has(0, &["ALTER", "DATABASE"]) {
            return alter_database(statement, self.name.as_deref()).map(Some);
        }
        if is_small(statement) {
            return Ok(None);
        }
        Err("it makes nothing in the database".to_owned())
    }

    /// `CREATE TABLE`.
    fn table(&mut self, statement: &Statement<'_>) -> Result<(), String> {
        let at = if statement.has(2, &["IF", "NOT", "EXISTS"]) {
            5
        } else {
            2
        };
        let head = statement.tokens.get(..at + 2).ok_or("a table without a name")?;
        let first = head[0].conditional;
        let name = statement.name(at).ok_or("a table without a name")?;
        if !statement.is_mark(at + 1, b'(') || head.iter().any(|token| token.conditional != first) {
            return Err("a table in another database, or from a query".to_owned());
        }
        let tokens = &statement.tokens[at + 2..];
        self.needs.look_at_table(tokens);
        let mut is_own = true;
        for (index, token) in tokens.iter().enumerate() {
            let next = tokens.get(index + 1);
            if token.is("SELECT") || token.is("TABLE") || index == 0 && token.is("LIKE") {
                return Err("a table from a query".to_owned());
            }
            if token.is("VALUES") && !is_word(next, "LESS") && !is_word(next, "IN") {
                return Err("a table from a query".to_owned());
            }
            is_own = is_own && !token.is("UNION");
            if token.is("ENGINE") {
                let is_equals = next.is_some_and(|next| next.is_mark(b'='));
                let engine = tokens.get(index + 1 + usize::from(is_equals));
                is_own = is_own
                    && engine.is_some_and(|engine| {
                        !ELSEWHERE
                            .iter()
                            .any(|known| engine.text.eq_ignore_ascii_case(known.as_bytes()))
                    });
            }
        }
        if is_own && self.tables.len() < TABLES {
            self.tables.insert(name);
        } else {
            self.tables.remove(&name);
        }
        Ok(())
    }

    /// A view, a routine, a trigger or an event.
    fn create(&mut self, statement: &Statement<'_>, session: &Session) -> Result<(), String> {
        if !statement.is_whole() && !statement.is_always_executed() {
            return Err("a statement in parts that not every server executes".to_owned());
        }
        let mut at = 1;
        if statement.has(at, &["OR", "REPLACE"]) {
            at += 2;
        }
        if statement.is(at, "ALGORITHM") && statement.is_mark(at + 1, b'=') {
            at += 3;
        }
        if statement.is(at, "DEFINER") && statement.is_mark(at + 1, b'=') {
            at = after_account(statement, at + 2)?;
        }
        if statement.has(at, &["SQL", "SECURITY"]) {
            at += 3;
        }
        if statement.is(at, "AGGREGATE") {
            at += 1;
        }
        let tokens = &statement.tokens;
        let what = tokens.get(at).ok_or("it makes nothing")?;
        at += 1;
        let is_one = if what.is("VIEW") {
            session.has_usual_mode()?;
            self.own_name(statement, &mut at)?;
            !statement.has_semicolon()
        } else if what.is("TRIGGER") {
            // From now on something runs when rows come.
            self.tables.clear();
            self.own_name(statement, &mut at)?;
            let each = (at..tokens.len().min(at + 30)).find(|at| statement.has(*at, &["FOR", "EACH", "ROW"]));
            at = each.ok_or("a trigger for no row")? + 3;
            if tokens[..at].iter().any(|token| token.is_mark(b';')) {
                return Err("more than one statement".to_owned());
            }
            if statement.is(at, "FOLLOWS") || statement.is(at, "PRECEDES") {
                at += 2;
            }
            Body::is_one(&tokens[at..], session.is_oracle())
        } else if what.is("EVENT") {
            self.own_name(statement, &mut at)?;
            at = after(tokens, at, "DO").ok_or("an event that does nothing")?;
            Body::is_one(&tokens[at..], session.is_oracle())
        } else if what.is("PROCEDURE") || what.is("FUNCTION") {
            self.own_name(statement, &mut at)?;
            if tokens.iter().any(|token| token.is("SONAME")) {
                return Err("a function from a library".to_owned());
            }
            if session.is_oracle() {
                Body::is_one_scope(&tokens[at..])
            } else {
                at = after_characteristics(tokens, at).ok_or("a routine without a list of parameters")?;
                Body::is_one(&tokens[at..], false)
            }
        } else if what.is("PACKAGE") {
            if statement.is(at, "BODY") {
                at += 1;
            }
            self.own_name(statement, &mut at)?;
            Body::is_one_scope(&tokens[at..])
        } else {
            return Err("it makes nothing in the database".to_owned());
        };
        if is_one {
            Ok(())
        } else {
            Err("more than one statement".to_owned())
        }
    }

    /// Goes behind a name, and says why it is one of another database.
    fn own_name(&self, statement: &Statement<'_>, at: &mut usize) -> Result<(), String> {
        let is_name = |at: usize| {
            let token = statement.tokens.get(at);
            token.is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Name))
        };
        if statement.has(*at, &["IF", "NOT", "EXISTS"]) {
            *at += 3;
        }
        if !is_name(*at) {
            return Err("what it makes has no name".to_owned());
        }
        if statement.is_mark(*at + 1, b'.') {
            let token = &statement.tokens[*at];
            let database = statement.name(*at).unwrap_or_else(|| token.text.to_vec());
            if self.name.as_ref() != Some(&database) || !is_name(*at + 2) {
                return Err("it makes something in another database".to_owned());
            }
            *at += 2;
        }
        *at += 1;
        Ok(())
    }
}

/// Reads the statement with which an archive begins: what makes its database.
fn named(statement: &Statement<'_>) -> Result<Vec<u8>, String> {
    let name = statement.name(2);
    let is_it = statement.has(0, &["CREATE", "DATABASE"])
        && statement.has(3, &["CHARACTER", "SET"])
        && statement.is(6, "COLLATE")
        && statement.tokens[..8.min(statement.tokens.len())]
            .iter()
            .all(|token| token.conditional.is_none())
        && match &statement.tokens[8.min(statement.tokens.len())..] {
            [] => statement.tokens.len() == 8,
            [word, text] => {
                word.is("COMMENT") && text.kind == Kind::Text && word.conditional == text.conditional
            }
            _ => false,
        };
    name.filter(|_| is_it)
        .ok_or_else(|| "it makes a database in another way".to_owned())
}

/// Dump programs change the collation of the database for a routine, and name it; restored under another name it is another one, so
/// it passes without the name.
fn alter_database(statement: &Statement<'_>, own: Option<&[u8]>) -> Result<Vec<u8>, String> {
    let tokens = &statement.tokens;
    let is_known = own.is_some()
        && statement.name(2).as_deref() == own
        && statement.has(3, &["CHARACTER", "SET"])
        && statement.is(6, "COLLATE")
        && tokens.len() == 8
        && [5, 7].iter().all(|at| tokens[*at].kind == Kind::Word);
    if !is_known {
        return Err("it changes another database, or more than a collation".to_owned());
    }
    let (begin, end) = tokens[2].place;
    Ok([&statement.bytes[..begin], &statement.bytes[end..]].concat())
}

/// A table of the engine ARCHIVE takes no row whose number is not above its counter: it has to be made without the counter that it had.
fn without_counter(statement: &Statement<'_>) -> Option<Vec<u8>> {
    let tokens = &statement.tokens;
    let columns = tokens.iter().position(|token| token.is_mark(b'('))?;
    let options = tokens.get(after_parentheses(tokens, columns)?..)?;
    let begins = |word: &str| options.iter().position(|token| token.is(word));
    let engine = begins("ENGINE")?;
    let is_archive = options.get(engine + 1)?.is_mark(b'=') && options.get(engine + 2)?.is("ARCHIVE");
    let counter = begins("AUTO_INCREMENT").filter(|_| is_archive)?;
    let (begin, _) = options[counter].place;
    let (_, end) = options.get(counter + 2)?.place;
    Some([&statement.bytes[..begin], &statement.bytes[end..]].concat())
}

/// Statements of a few words around tables and their rows.
fn is_small(statement: &Statement<'_>) -> bool {
    let length = statement.tokens.len();
    let is_name = |at: usize| statement.name(at).is_some();
    const THINGS: [&str; 8] = [
        "TABLE",
        "VIEW",
        "SEQUENCE",
        "TRIGGER",
        "PROCEDURE",
        "FUNCTION",
        "EVENT",
        "PACKAGE",
    ];
    if statement.is(0, "DROP") && THINGS.iter().any(|thing| statement.is(1, thing)) {
        let at = 2 + usize::from(statement.is(1, "PACKAGE") && statement.is(2, "BODY"));
        return statement.has(at, &["IF", "EXISTS"]) && is_name(at + 2) && length == at + 3;
    }
    if statement.has(0, &["LOCK", "TABLES"]) {
        return is_name(2) && statement.is(3, "WRITE") && length == 4;
    }
    if statement.has(0, &["UNLOCK", "TABLES"]) {
        return length == 2;
    }
    // Behind the rows of each table, since MariaDB 11.8.
    if statement.is(0, "COMMIT") {
        return length == 1;
    }
    if statement.has(0, &["ALTER", "TABLE"]) {
        let switches = statement.is(3, "DISABLE") || statement.is(3, "ENABLE");
        return is_name(2) && switches && statement.is(4, "KEYS") && length == 5;
    }
    if statement.has(0, &["CREATE", "SEQUENCE"]) {
        // Of an engine's own setting the name stands between quotes.
        let is_setting = |token: &Token<'_>| {
            matches!(token.kind, Kind::Text | Kind::Name) || is_setting_of_sequence(token)
        };
        return is_name(2) && statement.tokens[3..].iter().all(is_setting);
    }
    if statement.has(0, &["DO", "SETVAL"]) || statement.has(0, &["SELECT", "SETVAL"]) {
        let values = statement.tokens.get(4..).unwrap_or_default();
        return statement.is_mark(2, b'(') && is_name(3) && values.iter().all(is_setting_of_sequence);
    }
    false
}

fn is_setting_of_sequence(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !token.text.starts_with(b"@"),
        Kind::Mark => matches!(token.text[0], b'-' | b'=' | b',' | b')'),
        Kind::Name | Kind::Text => false,
    }
}

/// Returns the place behind `name@host`, `role` or `CURRENT_USER`.
fn after_account(statement: &Statement<'_>, at: usize) -> Result<usize, String> {
    let is_part = |at: usize| {
        let token = statement.tokens.get(at);
        token.is_some_and(|token| token.kind != Kind::Mark)
    };
    if !is_part(at) {
        return Err("a definer without a name".to_owned());
    }
    let next = statement.tokens.get(at + 1);
    match next {
        Some(token) if token.is("@") && is_part(at + 2) => Ok(at + 3),
        // `name`@host
        Some(token) if token.kind == Kind::Word && token.text.starts_with(b"@") => Ok(at + 2),
        _ => Ok(at + 1),
    }
}

/// Returns the place behind this word, outside of parentheses.
fn after(tokens: &[Token<'_>], begin: usize, word: &str) -> Option<usize> {
    let mut parentheses = 0_usize;
    for (offset, token) in tokens[begin..].iter().enumerate() {
        if token.is_mark(b';') {
            return None;
        } else if token.is_mark(b'(') {
            parentheses += 1;
        } else if token.is_mark(b')') {
            parentheses = parentheses.checked_sub(1)?;
        } else if parentheses == 0 && token.is(word) {
            return Some(begin + offset + 1);
        }
    }
    None
}

/// Returns the place of the body of a routine: behind its parameters, its type and what is said of it.
fn after_characteristics(tokens: &[Token<'_>], begin: usize) -> Option<usize> {
    let mut at = after_parentheses(tokens, begin)?;
    if is_word(tokens.get(at), "RETURNS") {
        at = after_type(tokens, at + 1)?;
    }
    loop {
        let is = |offset: usize, word: &str| is_word(tokens.get(at + offset), word);
        at += if is(0, "COMMENT") || is(0, "LANGUAGE") || is(0, "NOT") && is(1, "DETERMINISTIC") {
            2
        } else if is(0, "DETERMINISTIC") {
            1
        } else if (is(0, "CONTAINS") || is(0, "NO")) && is(1, "SQL") {
            2
        } else if (is(0, "READS") || is(0, "MODIFIES")) && is(1, "SQL") || is(0, "SQL") && is(1, "SECURITY") {
            3
        } else {
            return (at <= tokens.len()).then_some(at);
        };
    }
}

/// Returns the place behind a type.
fn after_type(tokens: &[Token<'_>], begin: usize) -> Option<usize> {
    const MORE: [&str; 12] = [
        "UNSIGNED",
        "SIGNED",
        "ZEROFILL",
        "BINARY",
        "ASCII",
        "UNICODE",
        "BYTE",
        "PRECISION",
        "VARYING",
        "VARCHAR",
        "CHAR",
        "VARBINARY",
    ];
    // `TYPE OF table.column`
    let mut at = begin + 1;
    if is_word(tokens.get(begin), "TYPE") && is_word(tokens.get(at), "OF") {
        at += 2;
        while tokens.get(at)?.is_mark(b'.') {
            at += 2;
        }
        return Some(at);
    }
    loop {
        let token = tokens.get(at)?;
        if token.is_mark(b'(') {
            at = after_parentheses(tokens, at)?;
        } else if token.is("CHARACTER") && is_word(tokens.get(at + 1), "SET") {
            at += 3;
        } else if token.is("CHARSET") || token.is("COLLATE") {
            at += 2;
        } else if MORE.iter().any(|word| token.is(word)) {
            at += 1;
        } else {
            return Some(at);
        }
    }
}

/// Returns the place behind the parentheses that open at a place.
fn after_parentheses(tokens: &[Token<'_>], begin: usize) -> Option<usize> {
    if !tokens.get(begin)?.is_mark(b'(') {
        return None;
    }
    let mut depth = 0_usize;
    for (offset, token) in tokens[begin..].iter().enumerate() {
        if token.is_mark(b';') {
            return None;
        } else if token.is_mark(b'(') {
            depth += 1;
        } else if token.is_mark(b')') {
            depth -= 1;
            if depth == 0 {
                return Some(begin + offset + 1);
            }
        }
    }
    None
}
